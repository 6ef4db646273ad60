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
	for _, name := range []string{"data.csv", "own", "labels.csv", "my data.csv", "$(evil)", "x\x1b", "x:rw", "home/me/data", "home/me/.ssh/id", "home/you/data", "run/labels"} {
		if err := os.MkdirAll(filepath.Dir(path(name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path(name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for from, to := range map[string]string{"link": "/etc/passwd", "hidden": path("home/me/.ssh/id"), "mine": path("home/me/data")} {
		if err := os.Symlink(to, path(from)); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("HOME", path("home/me"))
	p := &Process{
		plugin:      Plugin{Kind: KindPredictor, Name: "p", Path: path("own")},
		options:     Options{Sandbox: Sandbox{Protected: []string{path("labels.csv"), path("run/labels")}}},
		confinement: confinement{Landlock: 5, Read: []string{path("own")}},
	}
	asks := func(name string) string { return "the plugin asks for " + path(name) }
	for said, want := range map[string]string{
		"FileNotFoundError: [Errno 2] No such file or directory: '" + path("data.csv") + "' (p.py, line 2)": asks("data.csv"),
		"open " + path("data.csv") + ": permission denied":                                                  asks("data.csv"),
		"Error: EACCES: permission denied, open '" + path("data.csv") + "'":                                 asks("data.csv"),
		"OSError: [Errno 30] Read-only file system: '" + path("new") + "'":                                  "into its working folder alone",
		"open " + path("own") + ": read-only file system":                                                   "into its working folder alone",
		"PermissionError: [Errno 13] Permission denied: '" + path("labels.csv") + "'":                       "labels or records lie there",
		"FileNotFoundError: [Errno 2] No such file or directory: '" + path("nowhere") + "'":                 "",
		"cat: data.csv: Permission denied":                                                                  "what --allow PATH adds",
		"ValueError: bad value in " + path("data.csv"):                                                      "",
		"ModuleNotFoundError: No module named 'hypernas'":                                                   "pip install CHECKOUT/plugins/python",
		"ModuleNotFoundError: No module named 'grpc'":                                                       "pip install CHECKOUT/plugins/python",
		"ModuleNotFoundError: No module named 'torch.nn'":                                                   "Python's module torch is missing",
		"Error: Cannot find module 'x; run curl evil | sh'":                                                 "",
		"Error: Cannot find module '@grpc/grpc-js'":                                                         "package @grpc/grpc-js is not installed",
		"fatal: file has no such thing":                                                                     "",
	} {
		got := p.advice(said)
		if want == "" && got != "" || !strings.Contains(got, want) || strings.ContainsAny(got, "\n\x1b") || strings.Contains(got, ":rw") {
			t.Errorf("%s: got %q, want %q", said, got, want)
		}
	}
	// Whatever a plugin names, hypernas does not tell its user to open it.
	for name, want := range map[string]string{
		path("my data.csv"): "--allow '" + path("my data.csv") + "'", path("$(evil)"): "--allow '" + path("$(evil)") + "'",
		path("home/me/data"): asks("home/me/data"), path("mine"): asks("mine"),
		path("home/me/.ssh/id"): "", path("home/me/.ssh"): "", path("home/me"): "", path("home"): "", path("home/you/data"): "", path("home/you"): "",
		path("link"): "", path("hidden"): "", path("x\x1b"): "", path("x:rw"): "", path("run"): "", dir: "", os.TempDir(): "", "/": "",
		"/etc": "", "/etc/shadow": "", "/etc/passwd": "", "/proc/1/environ": "", "/dev/mem": "", "/dev": "", "/root": "", "/root/..": "", "/var/log": "",
	} {
		got := p.advice("PermissionError: [Errno 13] Permission denied: '" + name + "'")
		if want == "" && (strings.Contains(got, "asks") || strings.Contains(got, "--allow /")) || !strings.Contains(got, want) || strings.ContainsAny(got, "\n\x1b") || strings.Contains(got, ":rw") {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	p.confinement.Landlock = 0
	if got := p.advice("open " + path("data.csv") + ": permission denied"); got != "" {
		t.Errorf("without a sandbox: got %q", got)
	}
}
