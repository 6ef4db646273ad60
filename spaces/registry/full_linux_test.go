package registry

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestFullDisk downloads onto a small file system, whose space is not asked
// for first, so that writing fails in the middle.
func TestFullDisk(t *testing.T) {
	data, f := contents(2 << 20)
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("a small file system can't be mounted (needs root): %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	folder := t.TempDir()
	path := filepath.Join(folder, filepath.FromSlash(f.Path))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, mirror := range []string{serve(t, file(data, "")).URL, folder} {
		x := fetcherInto(t, dir, mirror)
		x.free = func(string) (int64, bool) { return 0, false }
		_, err := x.Fetch(t.Context(), f)
		if !errors.Is(err, ErrFull) || strings.Contains(err.Error(), "\n") {
			t.Errorf("got %v, want ErrFull in one line", err)
		}
		x.checkHasNot(t, f)
		x.checkNoPart(t, f)
	}
	// With the space that a download needs it is all right.
	small, g := contents(500_000)
	x := fetcherInto(t, dir, serve(t, file(small, "")).URL)
	if _, err := x.Fetch(t.Context(), g); err != nil {
		t.Fatal(err)
	}
	x.checkHas(t, g, small)
	// The real figure of the file system.
	if free, known := freeBytes(dir); !known || free > 600_000 || free < 400_000 {
		t.Errorf("%d bytes free, %v, want about 500,000", free, known)
	}
	if _, err := fetcherInto(t, dir, serve(t, file(data, "")).URL).Fetch(t.Context(), f); !errors.Is(err, ErrFull) {
		t.Errorf("got %v, want ErrFull", err)
	}
}
