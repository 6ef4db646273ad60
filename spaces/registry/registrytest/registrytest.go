// Package registrytest gives tests of search spaces the real files.
package registrytest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/hypernas/hypernas/spaces/registry"
)

// Mirror returns the real files of a set, for the test of a package two
// folders below the project's root. They are no part of the project: where no
// mirror of them stands beside it, the test is skipped. A mirror is laid out
// as a cache is.
func Mirror(t testing.TB, set string) registry.Cache {
	t.Helper()
	cache := registry.Cache{Dir: filepath.Join("..", "..", "..", "shared", "mirror")}
	s, ok := registry.Lookup(set)
	if !ok {
		t.Fatalf("no set %q", set)
	}
	for _, f := range s.Wanted() {
		if _, err := os.Stat(cache.Path(f)); err != nil {
			t.Skipf("no mirror beside the project: %v", err)
		}
	}
	return cache
}
