//go:build !linux

package host

import (
	"os"
	"os/exec"
)

// What this system offers.
const (
	canSupervise   = false
	canWatchMemory = false
)

func self() (string, error) { return os.Executable() }

func newSupervised(o order) (*tree, error) { return newDirect(o) }

// watchMemory returns at once: memory is not watched.
func watchMemory(int, int64, <-chan struct{}) (held, peak int64) { return 0, 0 }

// landlockVersion returns 0: there is no Landlock here.
func landlockVersion() int { return 0 }

// waitAndKillGroup waits for a process and calls letGo, which kills what it
// leaves behind in its group.
func waitAndKillGroup(cmd *exec.Cmd, letGo func()) error {
	err := cmd.Wait()
	letGo()
	return err
}

// ownPeak is not needed here.
func ownPeak() int64 { return 0 }

// highWater is not known here.
func highWater(int) int64 { return 0 }

// SuperviseMain does nothing: there is no supervisor on this system. See
// the package comment.
func SuperviseMain() {}

// usableProcessors returns none: a process can't be bound here.
func usableProcessors() []int { return nil }
