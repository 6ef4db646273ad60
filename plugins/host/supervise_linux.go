package host

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// What this system offers.
const (
	canSupervise   = true
	canWatchMemory = true
)

// superviseKey marks the environment of a supervisor.
const superviseKey = "HYPERNAS_SUPERVISE"

// reportFile is the supervisor's file descriptor for its report.
const reportFile = 3

// self returns a path that leads to this very executable, even after the file
// has been replaced.
func self() (string, error) { return "/proc/self/exe", nil }

// newSupervised returns a tree under a supervisor. The supervisor's standard
// input is a pipe that carries the order and then stays open for as long as
// the plugin may run; it closes with the host, whatever ends the host.
func newSupervised(o order) (*tree, error) {
	if os.Getenv(superviseKey) != "" {
		// Without this a program that forgot the call would start itself without end.
		return nil, errors.New("this process is a supervisor: its main has to begin with host.SuperviseMain")
	}
	message, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	controlRead, controlWrite, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	reportRead, reportWrite, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, controlRead.Close(), controlWrite.Close())
	}
	path, err := self()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(path)
	cmd.Args = append([]string{os.Args[0], "supervise"}, o.Args...) // for people who list processes
	cmd.Env = []string{superviseKey + "=1", "GOMAXPROCS=1"}
	cmd.Stdin = controlRead
	cmd.ExtraFiles = []*os.File{reportWrite} // becomes reportFile
	// A session of its own: no signal from the terminal reaches it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	kill := sync.OnceFunc(func() { _ = controlWrite.Close() })
	return &tree{
		cmd:  cmd,
		kill: kill,
		started: func() error {
			err := errors.Join(controlRead.Close(), reportWrite.Close())
			if cmd.Process == nil {
				kill()
				return errors.Join(err, reportRead.Close())
			}
			// The error of a write to a supervisor that is gone, or was told
			// to be, says less than its report.
			_, _ = controlWrite.Write(append(message, '\n'))
			return err
		},
		wait: func() report {
			defer kill()
			var r report
			decodeErr := json.NewDecoder(reportRead).Decode(&r)
			waitErr := cmd.Wait()
			_ = reportRead.Close()
			if decodeErr != nil {
				return report{Lost: fmt.Sprintf("the supervisor ended without a report: %v", waitErr)}
			}
			return r
		},
	}, nil
}

// SuperviseMain turns the process into the supervisor of a plugin, if a host
// started it as one, and does not return then; otherwise it does nothing. A
// main function that launches plugins calls it before anything else, as does
// TestMain.
func SuperviseMain() {
	if os.Getenv(superviseKey) == "" {
		return
	}
	// The plugin's Pdeathsig is bound to the thread that starts it.
	runtime.LockOSThread()
	syscall.CloseOnExec(reportFile)
	out := os.NewFile(reportFile, "report")
	control := bufio.NewReader(os.Stdin)
	message, err := control.ReadBytes('\n')
	if err != nil {
		os.Exit(1) // The host is gone, or has changed its mind.
	}
	var o order
	if err := json.Unmarshal(message, &o); err != nil {
		fmt.Fprintf(os.Stderr, "supervisor: read order: %v\n", err)
		os.Exit(1)
	}
	r := supervise(o, control)
	if err := json.NewEncoder(out).Encode(r); err != nil {
		os.Exit(1) // The host is gone.
	}
	os.Exit(0)
}

// supervise runs the plugin, ends all that descends from it, and removes its
// folder. It returns when no descendant is left.
func supervise(o order, control io.Reader) report {
	s := supervisor{}
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return report{StartError: fmt.Sprintf("become the reaper of orphans: %v", err)}
	}
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, unix.SIGCHLD, unix.SIGTERM, unix.SIGINT, unix.SIGHUP)
	if err := s.start(o); err != nil {
		return report{StartError: err.Error()}
	}
	hostGone := make(chan struct{})
	go func() {
		defer close(hostGone)
		_, _ = io.Copy(io.Discard, control)
	}()
	ticker := time.NewTicker(memoryInterval)
	defer ticker.Stop()
	for stop := false; !stop && !s.ended; {
		select {
		case sig := <-signals:
			s.reap()
			stop = sig != unix.SIGCHLD
		case <-hostGone:
			stop = true
		case <-ticker.C:
			held := residentBytes(descendants(os.Getpid()))
			s.peakBytes = max(s.peakBytes, held)
			if o.MemoryBytes > 0 && held > o.MemoryBytes {
				s.heldBytes = held
				stop = true
			}
		}
	}
	s.reap()
	r := report{Killed: !s.ended, HeldBytes: s.heldBytes}
	for !s.alone {
		for _, pid := range descendants(os.Getpid()) {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
		time.Sleep(time.Millisecond)
		s.reap()
	}
	_ = os.RemoveAll(o.Dir)
	r.CPUSeconds, r.PeakBytes = s.cpu.Seconds(), s.peakBytes
	switch {
	case s.status.Exited():
		r.Exited, r.Killed, r.Status = true, false, s.status.ExitStatus()
	case !r.Killed:
		r.Signal = unix.SignalName(s.status.Signal())
	}
	return r
}

// supervisor is the state of supervise.
type supervisor struct {
	pid       int // of the plugin
	ended     bool
	status    unix.WaitStatus // of the plugin, once it has ended
	alone     bool            // no child is left, and so no descendant
	cpu       time.Duration   // of all that was reaped
	peakBytes int64
	heldBytes int64
}

// start starts the plugin, in a process group of its own, with nothing to
// read.
func (s *supervisor) start(o order) error {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return err
	}
	defer func() { _ = null.Close() }()
	s.pid, err = syscall.ForkExec(o.Path, o.Args, &syscall.ProcAttr{
		Dir:   o.Dir,
		Env:   o.Env,
		Files: []uintptr{null.Fd(), 1, 2},
		Sys:   &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL},
	})
	return err
}

// reap collects all children that have ended.
func (s *supervisor) reap() {
	for {
		var status unix.WaitStatus
		var usage unix.Rusage
		pid, err := unix.Wait4(-1, &status, unix.WNOHANG, &usage)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.ECHILD):
			s.alone = true
			return
		case err != nil || pid <= 0:
			return
		}
		s.cpu += time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
		s.peakBytes = max(s.peakBytes, usage.Maxrss<<10)
		if pid == s.pid {
			s.ended, s.status = true, status
		}
	}
}

// descendants returns the processes that descend from pid.
func descendants(pid int) []int {
	var all []int
	queue := []int{pid}
	for len(queue) > 0 {
		next := children(queue[0])
		queue = append(queue[1:], next...)
		all = append(all, next...)
	}
	return all
}

// children returns the children of all threads of pid: by the kernel's lists
// where it keeps them (CONFIG_PROC_CHILDREN), else by looking at every
// process. Either may miss one that is being born.
func children(pid int) []int {
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if len(lists) == 0 {
		return childrenByScan(pid)
	}
	var pids []int
	for _, list := range lists {
		text, err := os.ReadFile(list)
		if err != nil {
			continue // The thread has ended.
		}
		for field := range strings.FieldsSeq(string(text)) {
			if child, err := strconv.Atoi(field); err == nil {
				pids = append(pids, child)
			}
		}
	}
	return pids
}

func childrenByScan(pid int) []int {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	var pids []int
	for _, stat := range stats {
		text, err := os.ReadFile(stat)
		if err != nil {
			continue // The process has ended.
		}
		// "pid (name) state parent …", where the name may hold anything.
		_, rest, _ := strings.Cut(string(text), " (")
		if i := strings.LastIndex(rest, ") "); i >= 0 {
			fields := strings.Fields(rest[i+2:])
			if len(fields) > 1 && fields[1] == strconv.Itoa(pid) {
				if child, err := strconv.Atoi(filepath.Base(filepath.Dir(stat))); err == nil {
					pids = append(pids, child)
				}
			}
		}
	}
	return pids
}

// watchMemory watches what process pid and all that descends from it hold,
// until stop is closed or they hold more than limit, if that is not 0. It
// returns what they held then, or 0, and the most that they held.
func watchMemory(pid int, limit int64, stop <-chan struct{}) (held, peak int64) {
	ticker := time.NewTicker(memoryInterval)
	defer ticker.Stop()
	for {
		select {
		case <-stop:
			return 0, peak
		case <-ticker.C:
			now := residentBytes(append(descendants(pid), pid))
			peak = max(peak, now)
			if limit > 0 && now > limit {
				return now, peak
			}
		}
	}
}

// highWater returns the peak resident set of a process that runs, or 0.
func highWater(pid int) int64 {
	// VmHWM in KiB (proc_pid_status(5)).
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), "\nVmHWM:")
	var kib int64
	if _, err := fmt.Sscanf(rest, "%d kB", &kib); err != nil {
		return 0
	}
	return kib << 10
}

// residentBytes returns the sum of the resident sets of processes.
func residentBytes(pids []int) int64 {
	total := int64(0)
	for _, pid := range pids {
		// Second field of statm: resident pages (proc_pid_statm(5)).
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
		if err != nil {
			continue // The process has ended.
		}
		if fields := strings.Fields(string(text)); len(fields) > 1 {
			pages, _ := strconv.ParseInt(fields[1], 10, 64)
			total += pages * int64(os.Getpagesize())
		}
	}
	return total
}
