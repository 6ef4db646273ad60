// Package durable writes files that are found whole, new or old, whatever
// happens meanwhile, and takes locks that end with their process.
package durable

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Temporary ends the name of a file that is being written; a process that is
// killed leaves it.
const Temporary = ".tmp"

// Write is WriteFunc for contents that are there already.
func Write(path string, data []byte) error {
	return WriteFunc(path, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// WriteFunc writes a file by way of another name in the same folder, so that
// it is found whole, new or old, even if the machine stops, and whoever else
// writes it. If write or anything else fails, what was there before stays.
//
// A link is followed, and what is no regular file (a pipe, a device) is
// written to as it is.
func WriteFunc(path string, write func(io.Writer) error) error {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return through(path, write)
	}
	f, err := create(path)
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return fmt.Errorf("write %s: %w", path, p.Err) // whoever called knows no temporary file
	}
	if err != nil {
		return err
	}
	err = write(f)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", path, err), os.Remove(f.Name()))
	}
	return SyncFolder(filepath.Dir(path))
}

// through writes to what stands at path.
func through(path string, write func(io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	if err := errors.Join(write(f), f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// create makes a file of a name that nothing else has, with the permissions
// that the user gives new files.
func create(path string) (*os.File, error) {
	for i := 0; ; i++ {
		f, err := os.OpenFile(fmt.Sprintf("%s.%d-%d%s", path, os.Getpid(), i, Temporary), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if !errors.Is(err, os.ErrExist) {
			return f, err
		}
	}
}

// ErrLocked is wrapped by errors of a lock that a process has, this one
// included.
var ErrLocked = errors.New("locked")
