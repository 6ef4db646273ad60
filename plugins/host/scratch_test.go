//go:build linux

package host

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// TestAClosedFolderIsRemoved: a plugin that takes its owner's rights to a
// folder leaves nothing behind, and a link in it is not followed.
func TestAClosedFolderIsRemoved(t *testing.T) {
	// Nothing is closed to root, so this thread gives that up for files; it
	// ends with the test.
	runtime.LockOSThread()
	if err := unix.Setfsuid(65534); err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "hn-")
	if err != nil {
		t.Fatal(err)
	}
	outside, err := os.MkdirTemp("", "t-")
	if err != nil {
		t.Fatal(err)
	}
	a := filepath.Join(dir, "a", "b", "c")
	if err := errors.Join(
		os.MkdirAll(a, 0o700), os.WriteFile(filepath.Join(a, "file"), nil, 0o600), os.Symlink(outside, filepath.Join(dir, "a", "link")),
		os.Chmod(outside, 0o500),
		os.Chmod(a, 0o500), os.Chmod(filepath.Dir(a), 0), os.Chmod(dir, 0o300),
	); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(dir); !errors.Is(err, fs.ErrPermission) {
		t.Fatalf("got %v, want a folder that is not easily removed", err)
	}
	if err := removeScratch(dir); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want the folder gone", err)
	}
	info, err := os.Stat(outside)
	if err != nil || info.Mode().Perm() != 0o500 {
		t.Errorf("got %v, %v, want the folder outside as it was", info, err)
	}
	if err := os.Remove(outside); err != nil {
		t.Error(err)
	}
}
