package registry

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Identify returns which file of a set a local file is, and its SHA-256: the
// one that has this SHA-256 or its MD5, or, where none of these is published,
// its name. It is read and checked; the error wraps ErrWrong.
func (c Cache) Identify(s *Set, path string) (f *File, sum string, err error) {
	r, err := os.Open(path)
	if err != nil {
		return nil, "", err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if info, err := r.Stat(); err != nil {
		return nil, "", err
	} else if !info.Mode().IsRegular() {
		return nil, "", fmt.Errorf("%w: %s is no regular file", ErrWrong, path)
	}
	strong, weak := sha256.New(), md5.New()
	if _, err := io.Copy(io.MultiWriter(strong, weak), r); err != nil {
		return nil, "", err
	}
	sum = hex.EncodeToString(strong.Sum(nil))
	var names []string
	for i := range s.Files {
		f := &s.Files[i]
		base := filepath.Base(path)
		if f.SHA256 == sum || f.MD5 != "" && f.MD5 == hex.EncodeToString(weak.Sum(nil)) ||
			!f.exact() && base == f.Name {
			if _, err := c.checkFile(f, path); err != nil {
				return nil, "", fmt.Errorf("%s: %w", path, err)
			}
			return f, sum, nil
		}
		names = append(names, f.Name)
	}
	return nil, "", fmt.Errorf("%w: %s, with SHA-256 %s, is none of the files of %s (%s)", ErrWrong, path, sum, s.Name, strings.Join(names, ", "))
}

// Import copies a local file into the fetcher's cache as f, if it is right.
func (x *Fetcher) Import(ctx context.Context, f *File, path string) (err error) {
	from, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	if info, statErr := os.Stat(x.cache.Path(f)); statErr == nil {
		// Copying a file onto itself would begin by emptying it.
		if own, err := from.Stat(); err == nil && os.SameFile(info, own) {
			return x.cache.Check(f)
		}
	}
	lock, err := x.lock(ctx, f)
	if err != nil {
		return full(err)
	}
	defer func() { err = errors.Join(err, lock.Release()) }()
	if err := os.MkdirAll(filepath.Dir(x.cache.Path(f)), 0o777); err != nil {
		return full(err)
	}
	return full(x.cache.take(ctx, f, from, x.Progress))
}
