//go:build unix

package host

import (
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// ownGroup makes the process of cmd the leader of a process group.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

func killGroup(p *os.Process) { _ = syscall.Kill(-p.Pid, syscall.SIGKILL) }

// peakBytes returns the peak resident set of a process that has ended, or 0
// where it is not known. On Linux the kernel carries what the parent held at
// the fork over to the child, so there only a figure above this process's own
// is the child's.
func peakBytes(s *os.ProcessState) int64 {
	usage, ok := s.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	if runtime.GOOS == "darwin" || runtime.GOOS == "ios" {
		return int64(usage.Maxrss) // bytes there, KiB elsewhere
	}
	peak := int64(usage.Maxrss) << 10
	if peak <= ownPeak() {
		return 0
	}
	return peak
}

// signalName returns the name of the signal that ended a process.
func signalName(s *os.ProcessState) string {
	status, ok := s.Sys().(syscall.WaitStatus)
	if !ok || !status.Signaled() {
		return s.String()
	}
	return unix.SignalName(status.Signal())
}
