//go:build !linux

package host

import "os"

// What this system offers.
const (
	canSupervise   = false
	canWatchMemory = false
)

func self() (string, error) { return os.Executable() }

func newSupervised(o order) (*tree, error) { return newDirect(o) }

// watchMemory returns at once: memory is not watched.
func watchMemory(int, int64, <-chan struct{}) (held, peak int64) { return 0, 0 }

// highWater is not known here.
func highWater(int) int64 { return 0 }

// SuperviseMain does nothing: there is no supervisor on this system. See
// the package comment.
func SuperviseMain() {}
