package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
)

// TestMissingData checks that a run without its data says in one line which
// command fetches it and how much that is, and that nothing was done.
func TestMissingData(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	for space, want := range map[string]string{
		"autoformer-tiny": "fetch it (3 files, 1.1 MB) with: hypernas data get autoformer",
		"nasbench201":     "fetch it (3 files, 7.5 MB) with: hypernas data get nasbench201",
		"mnasnet":         "fetch it (1 file, 1.2 MB) with: hypernas data get mnasnet",
	} {
		if _, ok := find(builtinSpaces(), space); !ok {
			t.Errorf("there is no space %s", space)
			continue
		}
		var stdout, stderr bytes.Buffer
		args := []string{"run", "--space", space, "--predictor", "params", "--budget", "20", "--out", filepath.Join(cache, "run")}
		code := run(t.Context(), args, strings.NewReader(""), &stdout, &stderr)
		if text := strings.TrimSpace(stderr.String()); code != exitUsage || stdout.Len() > 0 || strings.Count(text, "\n") > 0 || !strings.Contains(text, want) {
			t.Errorf("%s: exit code %d, want %d, and %q in one line; got\n%s%s", space, code, exitUsage, want, stdout.String(), text)
		}
	}
	for _, test := range []struct {
		args []string
		want int
	}{
		{[]string{"data", "get", "macro", "--mirror", cache}, exitWork},
		{[]string{"data", "get", "nothing"}, exitUsage},
		{[]string{"data", "get", "macro", "--mirror", filepath.Join(cache, "none")}, exitUsage},
		{[]string{"data", "import", "macro", filepath.Join(cache, "none")}, exitUsage},
		{[]string{"data", "import", "macro", "data_test.go"}, exitWork},
		{[]string{"data", "verify"}, exitOK},
	} {
		var stdout, stderr bytes.Buffer
		if got := run(t.Context(), test.args, strings.NewReader(""), &stdout, &stderr); got != test.want {
			t.Errorf("%v: exit code %d, want %d\n%s", test.args, got, test.want, stderr.String())
		}
	}
}
