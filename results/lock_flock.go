//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package results

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
)

// lock holds a run's folder until it is released or the process ends, however
// it ends.
type lock struct{ file *os.File }

// acquire takes the lock that lies at path; the error wraps ErrHeld if a
// process, this one included, has it.
func acquire(path string) (*lock, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		if errors.Is(err, syscall.EWOULDBLOCK) {
			holder, _ := io.ReadAll(io.LimitReader(f, 32))
			err = fmt.Errorf("%w, of process %s", ErrHeld, strings.TrimSpace(string(holder)))
		}
		return nil, errors.Join(err, f.Close())
	}
	// The number is for the message above alone; the lock is the kernel's.
	if err := f.Truncate(0); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if _, err := fmt.Fprintln(f, os.Getpid()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &lock{f}, nil
}

// release gives the lock back; its file stays, since removing it would race
// with a run that just opened it.
func (l *lock) release() error { return l.file.Close() }

// syncFolder makes a rename in dir last.
func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
