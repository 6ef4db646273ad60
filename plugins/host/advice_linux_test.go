package host

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A plugin that lacks something is told what to do; what is no such thing gets
// no advice.
func TestAdviceNamesWhatWasRefused(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	for _, name := range []string{"data.csv", "own", "labels.csv"} {
		if err := os.WriteFile(path(name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := &Process{
		plugin:      Plugin{Kind: KindPredictor, Name: "p", Path: path("own")},
		options:     Options{Sandbox: Sandbox{Protected: []string{path("labels.csv")}}},
		confinement: confinement{Landlock: 5, Read: []string{path("own")}},
	}
	for said, want := range map[string]string{
		"FileNotFoundError: [Errno 2] No such file or directory: '" + path("data.csv") + "' (p.py, line 2)": "--allow " + path("data.csv") + " (",
		"open " + path("data.csv") + ": permission denied":                                                  "--allow " + path("data.csv") + " (",
		"Error: EACCES: permission denied, open '" + path("data.csv") + "'":                                 "--allow " + path("data.csv") + " (",
		"OSError: [Errno 30] Read-only file system: '" + path("new") + "'":                                  "--allow " + dir + " (",
		"open " + path("own") + ": read-only file system":                                                   "may read there and not write",
		"PermissionError: [Errno 13] Permission denied: '" + path("labels.csv") + "'":                       "labels or records lie there",
		"FileNotFoundError: [Errno 2] No such file or directory: '" + path("nowhere") + "'":                 "",
		"cat: data.csv: Permission denied":                                                                  "what --allow PATH adds",
		"ValueError: bad value in " + path("data.csv"):                                                      "",
		"ModuleNotFoundError: No module named 'hypernas'":                                                   "pip install CHECKOUT/plugins/python",
		"ModuleNotFoundError: No module named 'grpc'":                                                       "pip install CHECKOUT/plugins/python",
		"ModuleNotFoundError: No module named 'torch.nn'":                                                   "Python's module torch is missing",
		"Error: Cannot find module '@grpc/grpc-js'":                                                         "package @grpc/grpc-js is not installed",
		"fatal: file has no such thing":                                                                     "",
	} {
		got := p.advice(said)
		if want == "" && got != "" || !strings.Contains(got, want) || strings.Contains(got, "\n") {
			t.Errorf("%s: got %q, want %q", said, got, want)
		}
	}
	p.confinement.Landlock = 0
	if got := p.advice("open " + path("data.csv") + ": permission denied"); got != "" {
		t.Errorf("without a sandbox: got %q", got)
	}
}
