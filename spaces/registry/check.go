package registry

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/hypernas/hypernas/internal/durable"
)

// ErrWrong is wrapped by errors of a file that is not the one it should be.
var ErrWrong = errors.New("wrong contents")

// sum reads r to its end, of size bytes, and returns its SHA-256 if it is the
// file that f should be: by f's SHA-256, or the one that was recorded, or else
// by f's MD5 or Check. The error wraps ErrWrong.
func (c Cache) sum(f *File, r io.Reader, size int64) (string, error) {
	if f.exact() && size != f.Bytes {
		return "", fmt.Errorf("%w: it has %d bytes, want %d", ErrWrong, size, f.Bytes)
	}
	want, source := f.SHA256, ""
	if want == "" {
		recorded, err := c.recorded(f)
		if err != nil {
			return "", err
		}
		want, source = recorded, ", as recorded in "+c.recordPath(f)
	}
	strong, weak := sha256.New(), md5.New()
	tee := io.TeeReader(r, strong)
	if f.MD5 != "" {
		tee = io.TeeReader(tee, weak)
	}
	if f.Check != nil && want == "" {
		if err := f.Check(tee); err != nil {
			return "", fmt.Errorf("%w: %w", ErrWrong, err)
		}
	}
	if _, err := io.Copy(io.Discard, tee); err != nil {
		return "", err
	}
	got := hex.EncodeToString(strong.Sum(nil))
	if want != "" && got != want {
		return got, fmt.Errorf("%w: its SHA-256 is %s, want %s%s", ErrWrong, got, want, source)
	}
	if gotMD5 := hex.EncodeToString(weak.Sum(nil)); f.MD5 != "" && gotMD5 != f.MD5 {
		return got, fmt.Errorf("%w: its MD5 is %s, want %s", ErrWrong, gotMD5, f.MD5)
	}
	return got, nil
}

// recordPath is where the SHA-256 of a file without a published one is kept.
func (c Cache) recordPath(f *File) string { return c.Path(f) + ".sha256" }

// recorded returns the SHA-256 that f had when it first entered the cache, or
// "" if it never did.
func (c Cache) recorded(f *File) (string, error) {
	line, err := os.ReadFile(c.recordPath(f))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	sum, _, _ := strings.Cut(string(line), " ")
	if raw, err := hex.DecodeString(sum); err != nil || len(raw) != sha256.Size {
		return "", fmt.Errorf("%s holds no SHA-256; remove it to record it anew", c.recordPath(f))
	}
	return sum, nil
}

// Record keeps the SHA-256 that f has, if there is no published one and none
// is kept yet; from then on f must have it. It is kept in the form that
// sha256sum checks, beside f's place in the cache, whether f lies there or not.
func (c Cache) Record(f *File, sum string) error {
	if f.SHA256 != "" {
		return nil
	}
	if old, err := c.recorded(f); err != nil || old != "" {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(c.recordPath(f)), 0o777); err != nil {
		return err
	}
	return durable.Write(c.recordPath(f), fmt.Appendf(nil, "%s  %s\n", sum, f.Name))
}
