//go:build !unix

package host

import (
	"os"
	"os/exec"
)

// ownGroup does nothing: there are no process groups here.
func ownGroup(*exec.Cmd) {}

func killGroup(p *os.Process) { _ = p.Kill() }

// peakBytes returns 0: the peak of a process that has ended is not known.
func peakBytes(*os.ProcessState) int64 { return 0 }

// signalName returns what is known of how a process ended.
func signalName(s *os.ProcessState) string { return s.String() }
