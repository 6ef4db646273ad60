package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/spaces/registry"
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

// TestCIFAR10 checks that hypernas gets the files of CIFAR-10's archive, and is
// told how to fetch it where it is missing.
func TestCIFAR10(t *testing.T) {
	var packed bytes.Buffer
	stream := gzip.NewWriter(&packed)
	w := tar.NewWriter(stream)
	for _, h := range []*tar.Header{
		{Name: "cifar-10-batches-bin/", Typeflag: tar.TypeDir, Mode: 0o755},
		{Name: "cifar-10-batches-bin/data_batch_1.bin", Typeflag: tar.TypeReg, Mode: 0o644, Size: 5},
	} {
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte("bytes")[:h.Size]); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), stream.Close()); err != nil {
		t.Fatal(err)
	}
	var got []string
	each := func(name string, body []byte) error {
		got = append(got, name+" "+string(body))
		return nil
	}
	if err := cifar10(registry.Memory{"cifar10/cifar-10-binary.tar.gz": packed.Bytes()})(each); err != nil || len(got) != 1 || got[0] != "cifar-10-batches-bin/data_batch_1.bin bytes" {
		t.Errorf("got %q, %v", got, err)
	}
	err := cifar10(registry.Cache{Dir: t.TempDir()})(each)
	if want := "fetch it (1 file, 170.1 MB) with: hypernas data get cifar10"; !errors.Is(err, plugins.ErrDataMissing) || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}
