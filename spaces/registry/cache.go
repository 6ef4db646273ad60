package registry

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/hypernas/hypernas/plugins"
)

// Source hands a search space the contents of its files.
type Source interface {
	// Read returns the verified contents of a file. The error wraps
	// plugins.ErrDataMissing where the file has to be fetched first, and says
	// by which command.
	Read(set, file string) ([]byte, error)
	// Derive returns what build returns, kept from one process to the next
	// under a name that must change whenever build would return something
	// else.
	Derive(name string, build func() ([]byte, error)) ([]byte, error)
}

// Cache is a folder that holds files by File.Path.
type Cache struct{ Dir string }

var _ Source = Cache{}

// Default returns the user's cache: hypernas in XDG_CACHE_HOME, or what
// stands for it on the system.
func Default() (Cache, error) {
	dir := os.Getenv("XDG_CACHE_HOME") // not every system's own rule knows it
	if filepath.IsAbs(dir) {
		return Cache{filepath.Join(dir, "hypernas")}, nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return Cache{}, fmt.Errorf("find the user's cache folder: %w", err)
	}
	return Cache{filepath.Join(dir, "hypernas")}, nil
}

// Path returns where the cache keeps f, whether it is there or not.
func (c Cache) Path(f *File) string { return filepath.Join(c.Dir, filepath.FromSlash(f.Path)) }

// Read implements Source.
func (c Cache) Read(set, file string) ([]byte, error) {
	s, f := find(set, file)
	path := c.Path(f)
	data, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, c.missing(&s, f)
	case err != nil:
		return nil, err
	}
	if _, err := c.sum(f, bytes.NewReader(data), int64(len(data))); err != nil {
		return nil, fmt.Errorf("%s: %w; %s replaces it", path, err, command(&s, f))
	}
	return data, nil
}

// Check reads f in the cache and returns nil if it is what it should be. The
// error wraps fs.ErrNotExist where it is missing, and ErrWrong where it is not
// the file that it should be.
func (c Cache) Check(f *File) error {
	if _, err := c.checkFile(f, c.Path(f)); err != nil {
		return fmt.Errorf("%s: %w", c.Path(f), err)
	}
	return nil
}

// Present reports whether something lies in f's place, of f's size if that is
// known. It reads nothing; Check does.
func (c Cache) Present(f *File) bool {
	info, err := os.Stat(c.Path(f))
	return err == nil && (!f.exact() || info.Size() == f.Bytes)
}

// command is the one that fetches f, with what else its set needs.
func command(s *Set, f *File) string {
	for _, wanted := range s.Wanted() {
		if wanted.Name == f.Name {
			return "hypernas data get " + s.Name
		}
	}
	return "hypernas data get " + s.Name + "/" + f.Name
}

// missing says that f is not in the cache, and how to fetch it: by which
// command, and how much that downloads.
func (c Cache) missing(s *Set, f *File) error {
	get := command(s, f)
	if get != "hypernas data get "+s.Name {
		return fmt.Errorf("%w: %s/%s is not in %s; fetch it (%s) with: %s", plugins.ErrDataMissing, s.Name, f.Name, c.Dir, Size(f.Bytes), get)
	}
	count, size := 0, int64(0)
	for _, wanted := range s.Wanted() {
		if !c.Present(wanted) {
			count++
			size += wanted.Bytes
		}
	}
	noun := "files"
	if count == 1 {
		noun = "file"
	}
	return fmt.Errorf("%w: %s/%s is not in %s; fetch it (%d %s, %s) with: %s", plugins.ErrDataMissing, s.Name, f.Name, c.Dir, count, noun, Size(size), get)
}

// Size writes a number of bytes for people: 7.5 MB is 7,500,000 bytes.
func Size(n int64) string {
	if n < 100e3 {
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	}
	return fmt.Sprintf("%.1f MB", float64(n)/1e6)
}

// Memory is a Source of given contents, by set and file name joined with a
// slash, for tests. Nothing is verified, and nothing derived is kept.
type Memory map[string][]byte

var _ Source = Memory(nil)

// Read implements Source.
func (m Memory) Read(set, file string) ([]byte, error) {
	find(set, file)
	if data, ok := m[set+"/"+file]; ok {
		return data, nil
	}
	return nil, fmt.Errorf("%w: %s/%s", plugins.ErrDataMissing, set, file)
}

// Derive implements Source.
func (m Memory) Derive(_ string, build func() ([]byte, error)) ([]byte, error) { return build() }

// find returns a file that must exist: names are the program's, not a user's.
func find(set, file string) (Set, *File) {
	s, ok := Lookup(set)
	f := s.File(file)
	if !ok || f == nil {
		panic("registry: no file " + set + "/" + file)
	}
	return s, f
}

// checkFile is Check for a file that lies at path, which the errors of its
// contents do not name; it returns the SHA-256.
func (c Cache) checkFile(f *File, path string) (sum string, err error) {
	r, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	info, err := r.Stat()
	switch {
	case err != nil:
		return "", err
	case !info.Mode().IsRegular():
		return "", fmt.Errorf("%w: it is no regular file", ErrWrong)
	}
	return c.sum(f, r, info.Size())
}
