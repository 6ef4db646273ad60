package registry

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/hypernas/hypernas/internal/durable"
)

// Derive implements Source. A file that was damaged or cut short is built
// again; where the cache can't be written, what was built is returned all the
// same.
func (c Cache) Derive(name string, build func() ([]byte, error)) ([]byte, error) {
	if kept, err := os.ReadFile(c.derivedPath(name)); err == nil && len(kept) >= sha256.Size {
		body, sum := kept[:len(kept)-sha256.Size], kept[len(kept)-sha256.Size:]
		if want := sha256.Sum256(body); bytes.Equal(sum, want[:]) {
			return body, nil
		}
	}
	body, err := build()
	if err != nil {
		return nil, fmt.Errorf("derive %s: %w", name, err)
	}
	_ = c.Keep(name, body) // the next process builds it again
	return body, nil
}

// Keep makes data what Derive returns under name.
func (c Cache) Keep(name string, data []byte) error {
	path := c.derivedPath(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	sum := sha256.Sum256(data)
	return durable.Write(path, append(slices.Clip(data), sum[:]...))
}

func (c Cache) derivedPath(name string) string {
	return filepath.Join(c.Dir, "derived", filepath.FromSlash(name))
}
