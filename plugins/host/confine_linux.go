package host

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"strconv"
	"syscall"

	"github.com/landlock-lsm/go-landlock/landlock"
	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"
)

// confineKey marks the environment of a process that confines itself and then
// becomes the plugin.
const confineKey = "HYPERNAS_CONFINE"

// File descriptors of a process that confines itself.
const (
	stepFile   = 3 // its step, to read
	statusFile = 4 // what came of it, to write; it closes as the plugin begins
)

// step is what a process that confines itself is told.
type step struct {
	Path        string
	Args        []string
	Env         []string
	Confinement confinement
	Namespaces  bool // it is in namespaces of its own
}

// account is what a process that confines itself reports: Held as the plugin
// is about to begin, and Error where it can't.
type account struct {
	Held  *confined
	Error string
}

// landlockVersion returns the version of the kernel's Landlock ABI, 0 where it
// has none.
func landlockVersion() int {
	version, err := ll.LandlockGetABIVersion()
	if err != nil {
		return 0
	}
	return version
}

// namespaces returns the ways in which a process can be put into namespaces of
// its own, best first: of itself, as root may, or in a user namespace, which
// many systems leave to everyone.
func namespaces() []*syscall.SysProcAttr {
	const flags = syscall.CLONE_NEWNET | syscall.CLONE_NEWIPC | syscall.CLONE_NEWNS
	user := &syscall.SysProcAttr{
		Cloneflags:  flags | syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: os.Geteuid(), HostID: os.Geteuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: os.Getegid(), HostID: os.Getegid(), Size: 1}},
		// For mounts; taken away before the plugin begins.
		AmbientCaps: []uintptr{unix.CAP_SYS_ADMIN, unix.CAP_SETPCAP},
	}
	if os.Geteuid() == 0 {
		return []*syscall.SysProcAttr{{Cloneflags: flags}, user}
	}
	return []*syscall.SysProcAttr{user}
}

// confineMain confines this process and becomes the plugin. It does not
// return.
func confineMain() {
	// What follows holds for one thread, which becomes the plugin.
	runtime.LockOSThread()
	syscall.CloseOnExec(stepFile)
	syscall.CloseOnExec(statusFile)
	out := json.NewEncoder(os.NewFile(statusFile, "status"))
	if err := becomePlugin(out); err != nil {
		_ = out.Encode(account{Error: err.Error()}) // An end without a report says it, too.
	}
	os.Exit(1)
}

// becomePlugin returns only if it fails.
func becomePlugin(out *json.Encoder) error {
	var s step
	if err := json.NewDecoder(os.NewFile(stepFile, "step")).Decode(&s); err != nil {
		return fmt.Errorf("read step: %w", err)
	}
	// The parent's death is signalled to the thread that asked for it.
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(syscall.SIGKILL), 0, 0, 0); err != nil {
		return fmt.Errorf("be bound to the supervisor: %w", err)
	}
	scratch, err := os.Getwd()
	if err != nil {
		return err
	}
	held, err := s.Confinement.apply(s.Namespaces)
	if err != nil {
		return fmt.Errorf("confine it: %w", err)
	}
	// The folder may have been mounted anew.
	if err := os.Chdir(scratch); err != nil {
		return err
	}
	if err := closeOnExec(); err != nil {
		return fmt.Errorf("keep open files from it: %w", err)
	}
	held.PeakBytes = highWater(os.Getpid())
	if err := out.Encode(account{Held: &held}); err != nil {
		return err
	}
	return syscall.Exec(s.Path, s.Args, s.Env)
}

// closeOnExec marks all files but the standard ones to be closed as the plugin
// begins: who started the host may have left some open.
func closeOnExec() error {
	if unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC) == nil {
		return nil
	}
	// Linux has it from 5.11 on.
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return err
	}
	for _, e := range entries {
		if fd, err := strconv.Atoi(e.Name()); err == nil && fd > 2 {
			syscall.CloseOnExec(fd)
		}
	}
	return nil
}

// apply confines this thread. What the kernel does not offer is not held; the
// error is of what it offered and refused after all.
func (c *confinement) apply(namespaces bool) (held confined, err error) {
	held = confined{Namespaces: namespaces, Landlock: c.Landlock}
	if namespaces {
		v := c.mountView()
		held.Covered, held.ReadOnly = v.covered, v.readOnly
		held.Shm = mountShm(c.ShmBytes) == nil
	}
	if held.Shm {
		c.Write = append(c.Write, shm)
	}
	if len(c.CPUs) > 0 {
		set := unix.CPUSet{}
		for _, cpu := range c.CPUs {
			set.Set(cpu)
		}
		held.Affinity = unix.SchedSetaffinity(0, &set) == nil
	}
	// No core of the plugin's memory is left.
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return held, fmt.Errorf("forbid core files: %w", err)
	}
	held.Capabilities = dropCapabilities() == nil && os.Geteuid() == 0
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return held, fmt.Errorf("forbid new privileges: %w", err)
	}
	if c.Landlock > 0 {
		if err := c.landlock(); err != nil {
			return held, err
		}
	}
	return held, nil
}

// shm is where POSIX keeps shared memory and semaphores.
const shm = "/dev/shm"

// mountShm gives this mount namespace a /dev/shm of its own, which goes with
// it: what a plugin leaves there would stay, and another trial could read it.
func mountShm(bytes int64) error {
	data := "mode=1777"
	if bytes > 0 {
		data += fmt.Sprintf(",size=%d", bytes)
	}
	return unix.Mount("tmpfs", shm, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, data)
}

// dropCapabilities takes this thread's capabilities away, and those that it
// would get as root when it becomes another program, but for one: to pass over
// the permissions of files, since they are what root's own files may need.
// Landlock holds nevertheless.
func dropCapabilities() error {
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return err
	}
	for capability := uintptr(0); capability <= unix.CAP_LAST_CAP; capability++ {
		if capability == unix.CAP_DAC_OVERRIDE {
			continue
		}
		err := unix.Prctl(unix.PR_CAPBSET_DROP, capability, 0, 0, 0)
		if err != nil && !errors.Is(err, unix.EINVAL) { // one that this kernel does not have
			return err
		}
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return err
	}
	keep := data[0].Permitted & (1 << unix.CAP_DAC_OVERRIDE)
	data = [2]unix.CapUserData{{Effective: keep, Permitted: keep}}
	return unix.Capset(&header, &data[0])
}

// landlock restricts this process's files, TCP, signals and abstract sockets,
// as far as version c.Landlock of the ABI can.
func (c *confinement) landlock() error {
	var rules []landlock.Rule
	for _, list := range []struct {
		paths         []string
		files, folder func(...string) landlock.FSRule
	}{
		{c.Read, landlock.ROFiles, landlock.RODirs},
		{c.List, nil, func(paths ...string) landlock.FSRule {
			return landlock.PathAccess(ll.AccessFSReadDir, paths...)
		}},
		{c.Write, landlock.RWFiles, func(paths ...string) landlock.FSRule {
			rule := landlock.RWDirs(paths...)
			if c.Landlock >= 2 {
				rule = rule.WithRefer()
			}
			return rule
		}},
		{c.Devices, c.device(landlock.RWFiles), c.device(landlock.RWDirs)},
	} {
		for _, path := range list.paths {
			info, err := os.Stat(path)
			switch {
			case errors.Is(err, os.ErrNotExist):
				continue // It has gone since.
			case err != nil:
				return err
			case info.IsDir():
				rules = append(rules, list.folder(path))
			case list.files != nil:
				rules = append(rules, list.files(path))
			}
		}
	}
	return c.config().Restrict(rules...)
}

// device returns a rule that allows to control devices, too.
func (c *confinement) device(rule func(...string) landlock.FSRule) func(...string) landlock.FSRule {
	return func(paths ...string) landlock.FSRule {
		r := rule(paths...)
		if c.Landlock >= 5 {
			r = r.WithIoctlDev()
		}
		return r
	}
}

// config returns all that version c.Landlock of the ABI can restrict.
func (c *confinement) config() landlock.Config {
	versions := []landlock.Config{
		landlock.V1, landlock.V2, landlock.V3, landlock.V4, landlock.V5, landlock.V6,
		landlock.V7, landlock.V8, landlock.V9, landlock.V10, landlock.V11,
	}
	return versions[min(c.Landlock, len(versions))-1]
}

// readAccount reads what a process that confines itself has to say, until it
// becomes the plugin or ends.
func readAccount(in io.Reader) (held confined, err error) {
	decoder := json.NewDecoder(in)
	for {
		var s account
		if err := decoder.Decode(&s); err != nil {
			return held, nil //nolint:nilerr // It is the plugin now, or has ended, which its parent sees.
		}
		if s.Held != nil {
			held = *s.Held
		}
		if s.Error != "" {
			return held, errors.New(s.Error)
		}
	}
}
