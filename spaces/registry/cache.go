package registry

import (
	"crypto/sha256"
	"encoding/hex"
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
		return nil, c.missing(s)
	case err != nil:
		return nil, err
	}
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != f.SHA256 {
		return nil, fmt.Errorf("%s: its SHA-256 is %x, want %s; remove it and fetch it again with hypernas data get %s", path, sum, f.SHA256, set)
	}
	return data, nil
}

// missing says which files of a set are not in the cache, and how to fetch
// them.
func (c Cache) missing(s Set) error {
	count, bytes := 0, int64(0)
	for i := range s.Files {
		if _, err := os.Stat(c.Path(&s.Files[i])); err != nil && !s.Files[i].Optional {
			count++
			bytes += s.Files[i].Bytes
		}
	}
	return fmt.Errorf("%w: %d files of %s (%.1f MB) are not in %s; fetch them with: hypernas data get %s",
		plugins.ErrDataMissing, count, s.Name, float64(bytes)/1e6, c.Dir, s.Name)
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
