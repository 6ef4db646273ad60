//go:build !linux

package host

import "time"

// CPUNow would return the time that the processes of the tree have taken; it
// can't be told here.
func (p *Process) CPUNow() (time.Duration, bool) { return 0, false }
