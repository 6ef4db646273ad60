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
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
	"unsafe"

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
// the plugin may run and its folder is to stay; it closes with the host,
// whatever ends the host.
func newSupervised(o order) (*tree, error) {
	if os.Getenv(superviseKey) != "" || os.Getenv(confineKey) != "" {
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
		wait: func() (r report) {
			defer func() { _ = reportRead.Close() }()
			if err := json.NewDecoder(reportRead).Decode(&r); err != nil {
				return report{Lost: fmt.Sprintf("the supervisor ended without a report: %v", cmd.Wait())}
			}
			return r
		},
		release: func() {
			if cmd.ProcessState == nil { // Its report says all.
				_ = cmd.Wait()
			}
			kill()
		},
	}, nil
}

// SuperviseMain turns the process into the supervisor of a plugin, if a host
// started it as one, and does not return then; otherwise it does nothing. A
// main function that launches plugins calls it before anything else, as does
// TestMain.
func SuperviseMain() {
	if os.Getenv(confineKey) != "" {
		confineMain()
	}
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
	hostGone := make(chan struct{})
	go func() {
		defer close(hostGone)
		_, _ = io.Copy(io.Discard, control)
	}()
	// First the report, which the host waits for no longer than killPatience: a
	// folder of many files takes long to remove. The ends of these pipes tell
	// the host that it is there.
	_ = json.NewEncoder(out).Encode(supervise(o, hostGone)) // An error means that the host is gone.
	_, _ = os.Stdout.Close(), os.Stderr.Close()
	<-hostGone
	_ = removeScratch(o.Dir)
	os.Exit(0)
}

// supervise runs the plugin until it ends or hostGone is closed, and ends all
// that descends from it. It returns when no descendant is left.
func supervise(o order, hostGone <-chan struct{}) report {
	s := supervisor{}
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return report{StartError: fmt.Sprintf("become the reaper of orphans: %v", err)}
	}
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, unix.SIGCHLD, unix.SIGTERM, unix.SIGINT, unix.SIGHUP)
	if err := s.start(o); err != nil {
		return report{StartError: err.Error()}
	}
	ticker := time.NewTicker(memoryInterval)
	defer ticker.Stop()
	for stop := false; !stop && !s.ended; {
		select {
		case sig := <-signals:
			s.reap()
			stop = sig != unix.SIGCHLD
		case <-hostGone:
			stop = true
		case s.began = <-s.beginning:
			s.beginning = nil
		case <-ticker.C:
			held := s.look()
			if o.MemoryBytes > 0 && held > o.MemoryBytes {
				s.heldBytes = held
				stop = true
			}
		}
	}
	if !s.ended {
		s.look()
	}
	s.reap()
	r := report{Killed: !s.ended, HeldBytes: s.heldBytes}
	for !s.alone {
		killDescendants()
		time.Sleep(time.Millisecond)
		s.reap()
	}
	if s.beginning != nil {
		s.began = <-s.beginning // Its other end is closed: nobody is left to hold it.
	}
	r.Held, r.CPUSeconds, r.PeakBytes = s.began.held, s.cpu.Seconds(), s.peakBytes
	// What a process held before it became the plugin counts for it in the
	// kernel's books, so these tell something from there on.
	if floor := max(ownPeak(), s.began.held.PeakBytes); s.largestBytes > floor+floorSlack {
		r.PeakBytes = max(r.PeakBytes, s.largestBytes)
	}
	if s.began.err != nil {
		r.StartError = s.began.err.Error()
		return r
	}
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
	pid          int              // of the plugin
	beginning    <-chan beginning // nil once it has begun
	began        beginning
	ended        bool
	status       unix.WaitStatus // of the plugin, once it has ended
	alone        bool            // no child is left, and so no descendant
	cpu          time.Duration   // of all that was reaped
	peakBytes    int64           // as it was seen
	largestBytes int64           // peak of the largest process that was reaped, or of what it was before
	heldBytes    int64
}

// beginning is how the plugin began.
type beginning struct {
	held confined
	err  error
}

// floorSlack is what a process may take between its last look at itself and
// its becoming the plugin.
const floorSlack = 1 << 20

// look looks at the memory of the process tree and returns what it holds.
func (s *supervisor) look() int64 {
	pids := descendants(os.Getpid())
	held := residentBytes(pids)
	if s.beginning != nil {
		return held // of what is not yet the plugin
	}
	s.peakBytes = max(s.peakBytes, held)
	for _, pid := range pids {
		s.peakBytes = max(s.peakBytes, highWater(pid))
	}
	return held
}

// start starts a process that confines itself and becomes the plugin, in a
// process group and, where it can be, namespaces of its own, with nothing to
// read. How that went comes through s.beginning.
func (s *supervisor) start(o order) error {
	var files [5]*os.File // null, step to read and to write, status to read and to write
	defer func() {
		for _, f := range files {
			_ = f.Close()
		}
	}()
	var err error
	if files[0], err = os.Open(os.DevNull); err != nil {
		return err
	}
	if files[1], files[2], err = os.Pipe(); err != nil {
		return err
	}
	if files[3], files[4], err = os.Pipe(); err != nil {
		return err
	}
	path, err := self()
	if err != nil {
		return err
	}
	attempts := append(namespaces(), &syscall.SysProcAttr{}) // at last, without
	for _, sys := range attempts {
		sys.Setpgid, sys.Pdeathsig = true, syscall.SIGKILL
		s.pid, err = syscall.ForkExec(path, append([]string{os.Args[0], "supervise"}, o.Args...), &syscall.ProcAttr{
			Dir:   o.Dir,
			Env:   []string{confineKey + "=1", "GOMAXPROCS=1"},
			Files: []uintptr{files[0].Fd(), 1, 2, files[1].Fd(), files[4].Fd()},
			Sys:   sys,
		})
		if err == nil {
			message := step{Path: o.Path, Args: o.Args, Env: o.Env, Confinement: o.Confinement, Namespaces: sys.Cloneflags != 0}
			s.beginning = watchBeginning(message, files[2], files[3])
			files[2], files[3] = nil, nil
			return nil
		}
	}
	return err
}

// watchBeginning sends the step to the process that confines itself, and its
// status through the channel. It closes both files.
func watchBeginning(message step, to, from *os.File) <-chan beginning {
	c := make(chan beginning, 1)
	go func() {
		defer func() { _, _ = to.Close(), from.Close() }()
		if err := json.NewEncoder(to).Encode(message); err != nil {
			c <- beginning{} // It has ended, which the supervisor sees.
			return
		}
		held, err := readAccount(from)
		c <- beginning{held, err}
	}()
	return c
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
		s.largestBytes = max(s.largestBytes, usage.Maxrss<<10)
		if pid == s.pid {
			s.ended, s.status = true, status
		}
	}
}

// killDescendants kills what descends from this process, and nothing else,
// whatever numbers the kernel gives anew meanwhile.
//
// A child keeps its number until it is reaped, and nobody reaps while this
// looks (the caller does, in the same goroutine). A grandchild may be reaped by
// its parent at any moment. So that is killed by a descriptor, which stands for
// one process only, and after a second look: if the number had passed to a
// stranger before the descriptor was opened, the stranger does not descend from
// here; if it passes to another process later, the descriptor is of one that
// has ended. One second look serves all, as many as there may be descriptors
// for. What is left, and all where the kernel has no such descriptors (before
// Linux 5.3), has its turn in the next call, at the latest when its parent is
// gone and it is a child.
func killDescendants() {
	own := os.Getpid()
	killed := make(map[int]bool)
	for _, pid := range children(own) {
		_ = unix.Kill(pid, unix.SIGKILL)
		killed[pid] = true
	}
	further := slices.DeleteFunc(descendants(own), func(pid int) bool { return killed[pid] })
	if len(further) == 0 {
		return
	}
	held := make(map[int]int) // descriptors by numbers
	for _, pid := range further[:min(len(further), mostDescriptors())] {
		if fd, err := unix.PidfdOpen(pid, 0); err == nil {
			held[pid] = fd
		}
	}
	for _, pid := range descendants(own) {
		if fd, ok := held[pid]; ok {
			_ = unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
		}
	}
	for _, fd := range held {
		_ = unix.Close(fd)
	}
}

// mostDescriptors bounds how many processes are held at once: by how many files
// this process may have open, less those that it has and that a look takes.
func mostDescriptors() int {
	const others = 256
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err != nil {
		return 0
	}
	return int(min(max(files.Cur, others), 1<<20)) - others
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

// watchMemory watches what process pid holds, a built-in plugin that starts no
// others, until stop is closed or it holds more than limit, if that is not 0. It
// returns what it held then, or 0, and the most that it held. One look reads one
// small file; to look for descendants too took 2 ms on a machine with 150
// processes, 4 % of a processor for every trial.
func watchMemory(pid int, limit int64, stop <-chan struct{}) (held, peak int64) {
	ticker := time.NewTicker(memoryInterval)
	defer ticker.Stop()
	for {
		select {
		case <-stop:
			return 0, peak
		case <-ticker.C:
			now := residentBytes([]int{pid})
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

// waitAndKillGroup waits for a process and, before its number can be that of
// another process or group, calls letGo, which kills what it leaves behind in
// its group.
func waitAndKillGroup(cmd *exec.Cmd, letGo func()) error {
	for errors.Is(unix.Waitid(unix.P_PID, cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil), unix.EINTR) {
	}
	letGo()
	return cmd.Wait()
}

// ownPeak returns the peak resident set of this process.
func ownPeak() int64 {
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return usage.Maxrss << 10
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

// usableProcessors returns the numbers of the processors that this process
// may run on.
func usableProcessors() []int {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return nil
	}
	var numbers []int
	for number := range 8 * int(unsafe.Sizeof(set)) {
		if set.IsSet(number) {
			numbers = append(numbers, number)
		}
	}
	return numbers
}
