//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package durable

import (
	"errors"
	"fmt"
	"os"
)

// Lock is the existence of a file: where the kernel has no flock, a process
// that was killed leaves it, and the user must delete it.
type Lock struct{ path string }

// TryLock takes the lock that lies at path; the error wraps ErrLocked if the
// file exists.
func TryLock(path string) (*Lock, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if errors.Is(err, os.ErrExist) {
		return nil, fmt.Errorf("%w; if no other process is alive, delete %s", ErrLocked, path)
	}
	if err != nil {
		return nil, err
	}
	return &Lock{path}, f.Close()
}

// Release gives the lock back.
func (l *Lock) Release() error { return os.Remove(l.path) }

// SyncFolder does nothing: folders can't be synced here.
func SyncFolder(string) error { return nil }
