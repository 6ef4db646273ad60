//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package results

import (
	"errors"
	"fmt"
	"os"
)

// lock holds a run's folder by the existence of a file: where the kernel has
// no flock, a run that was killed leaves it, and the user must delete it.
type lock struct{ path string }

// acquire takes the lock that lies at path; the error wraps ErrHeld if the
// file exists.
func acquire(path string) (*lock, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, os.ErrExist) {
		return nil, fmt.Errorf("%w; if no run is alive, delete %s", ErrHeld, path)
	}
	if err != nil {
		return nil, err
	}
	return &lock{path}, f.Close()
}

func (l *lock) release() error { return os.Remove(l.path) }

// syncFolder does nothing: folders can't be synced here.
func syncFolder(string) error { return nil }
