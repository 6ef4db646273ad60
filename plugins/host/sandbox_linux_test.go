package host_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
	"golang.org/x/sys/unix"

	"github.com/hypernas/hypernas/plugins/host"
)

// spyMode is the rogue that tries what its arguments say, in Fit, and returns
// what came of it as warnings.
const spyMode = "spy"

// spy does what each line says, and returns a line of it and its outcome: "ok"
// or the error's name.
func spy(lines []string) []string {
	var found []string
	for _, line := range lines {
		outcome := "ok"
		if err := attempt(line); err != nil {
			outcome = err.Error()
			if number, ok := errors.AsType[syscall.Errno](err); ok {
				outcome = unix.ErrnoName(number)
			}
		}
		found = append(found, line+": "+outcome)
	}
	return found
}

// attempt does what a line says: a verb, and what it is done to.
func attempt(line string) error {
	verb, object, _ := strings.Cut(line, " ")
	switch verb {
	case "read":
		f, err := os.Open(object)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }()
		_, err = f.Read(make([]byte, 16))
		if errors.Is(err, io.EOF) {
			return nil
		}
		return err
	case "list":
		_, err := os.ReadDir(object)
		return err
	case "write":
		f, err := os.OpenFile(object, os.O_WRONLY|os.O_CREATE, 0o600)
		if err != nil {
			return err
		}
		return f.Close()
	case "remove":
		return os.Remove(object)
	case "chmod":
		return os.Chmod(object, 0o777)
	case "chown":
		return os.Chown(object, os.Getuid(), os.Getgid())
	case "mark":
		return unix.Setxattr(object, "user.hypernas", []byte("label"), 0)
	case "touch":
		return os.Chtimes(object, time.Unix(1, 0), time.Unix(1, 0))
	case "descriptor":
		fd, err := strconv.Atoi(object)
		if err != nil {
			return err
		}
		var stat unix.Stat_t
		return unix.Fstat(fd, &stat)
	case "run":
		return exec.Command(object, "plugin", "none", "none").Run()
	case "child-read":
		out, err := exec.Command("/bin/cat", object).CombinedOutput()
		if err != nil {
			return errors.New(strings.TrimSpace(string(out[strings.LastIndexByte(string(out), ':')+1:])))
		}
		return nil
	case "signal":
		pid, err := strconv.Atoi(object)
		if err != nil {
			return err
		}
		if pid == 0 {
			pid = os.Getppid()
		}
		return syscall.Kill(pid, 0)
	case "trace":
		pid, err := strconv.Atoi(object)
		if err != nil {
			return err
		}
		runtime.LockOSThread()
		return syscall.PtraceAttach(pid)
	case "mount":
		return unix.Mount("tmpfs", object, "tmpfs", 0, "")
	case "listen":
		l, err := net.Listen("tcp4", object)
		if err != nil {
			return err
		}
		return l.Close()
	case "dial":
		network, address, _ := strings.Cut(object, " ")
		c, err := net.Dial(network, address)
		if err != nil {
			return err
		}
		if _, err := c.Write([]byte("labels")); err != nil {
			return err
		}
		return c.Close()
	case "cpus":
		var set unix.CPUSet
		if err := unix.SchedGetaffinity(0, &set); err != nil {
			return err
		}
		return errors.New(strconv.Itoa(set.Count()))
	}
	return fmt.Errorf("unknown verb %q", verb)
}

// spyOrder is what spyHost is to do.
type spyOrder struct {
	Path    string // of the plugin
	Script  string // that is the plugin and becomes the program at Path; or ""
	Dir     string // for scratch folders
	Lines   []string
	Sandbox host.Sandbox
}

// spyReport is what came of it.
type spyReport struct {
	Found  []string
	Limits []string
	Error  string
}

// spyHost is a host in a process of its own, maybe another user's: it reads an
// order from standard input, starts a spy, and prints the report.
func spyHost() {
	var o spyOrder
	if err := json.NewDecoder(os.Stdin).Decode(&o); err != nil {
		panic(err)
	}
	r, err := o.run(context.Background())
	if err != nil {
		r.Error = err.Error()
	}
	if err := json.NewEncoder(os.Stdout).Encode(r); err != nil {
		panic(err)
	}
}

// run starts a spy and returns what it found.
func (o *spyOrder) run(ctx context.Context) (r spyReport, err error) {
	args := append([]string{"rogue", spyMode}, o.Lines...)
	if o.Script != "" {
		args = append([]string{o.Path}, args...)
	}
	plugin, err := host.External(host.KindPredictor, "spy", cmp.Or(o.Script, o.Path), args...)
	if err != nil {
		return r, err
	}
	l := limits()
	l.MemoryBytes = 1 << 30
	p, err := host.LaunchPredictor(ctx, plugin, host.Options{Limits: l, TempDir: o.Dir, Sandbox: o.Sandbox, Processors: host.NewProcessors()})
	if err != nil {
		return r, err
	}
	fitted, fitErr := p.Fit(ctx, training(ctx, 4))
	err = errors.Join(fitErr, p.Close())
	return spyReport{Found: fitted.Warnings, Limits: p.Limits()}, err
}

// asUser runs the order as the given user, 0 for this one.
func (o *spyOrder) asUser(t *testing.T, uid int) spyReport {
	t.Helper()
	if uid == 0 {
		r, err := o.run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	return o.by(t, "/proc/self/exe", uid)
}

// by runs the order with a host that is the given executable, as the given
// user.
func (o *spyOrder) by(t *testing.T, executable string, uid int) spyReport {
	t.Helper()
	message, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(executable, "host", spyMode, "")
	cmd.Stdin, cmd.Stderr = strings.NewReader(string(message)), os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
	cmd.Env, cmd.Dir = []string{"PATH=/usr/bin:/bin", "HOME=/nonexistent"}, "/"
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var r spyReport
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatalf("%v in %q", err, out)
	}
	if r.Error != "" {
		t.Fatal(r.Error)
	}
	return r
}

// nobody is the user of tests that root runs for an ordinary user.
const nobody = 65534

// users returns this user and, where this one is root, an ordinary one.
func users() map[string]int {
	if os.Geteuid() == 0 {
		return map[string]int{"root": 0, "ordinary user": nobody}
	}
	return map[string]int{"ordinary user": 0}
}

// probeMode is this executable as a process that tries, without package host,
// whether a user's processes can have namespaces of their own and mount there.
const probeMode = "probe"

// probe tries it; there is "" outside the namespaces.
func probe(where string) error {
	if where == "" {
		sys := &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWIPC | syscall.CLONE_NEWNS}
		if os.Geteuid() != 0 {
			sys.Cloneflags |= syscall.CLONE_NEWUSER
			sys.UidMappings = []syscall.SysProcIDMap{{ContainerID: os.Geteuid(), HostID: os.Geteuid(), Size: 1}}
			sys.GidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getegid(), HostID: os.Getegid(), Size: 1}}
			sys.AmbientCaps = []uintptr{unix.CAP_SYS_ADMIN}
		}
		cmd := exec.Command("/proc/self/exe", probeMode, "inside")
		cmd.SysProcAttr = sys
		return cmd.Run()
	}
	return errors.Join(
		unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""),
		unix.Mount("tmpfs", "/tmp", "tmpfs", 0, ""),
		unix.MountSetattr(unix.AT_FDCWD, "/", unix.AT_RECURSIVE, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}),
	)
}

// hasNamespaces reports whether a user's processes can have namespaces of their
// own here, so that a test does not take a sandbox without them for the kernel's
// fault.
func hasNamespaces(t *testing.T, uid int) bool {
	t.Helper()
	cmd := exec.Command("/proc/self/exe", probeMode, "")
	if uid != 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
	}
	cmd.Dir = "/"
	err := cmd.Run()
	if err != nil {
		t.Logf("no namespaces here: %v", err)
	}
	return err == nil
}

// requireNamespaces skips the test where the kernel has no namespaces for a
// user's processes, and fails it unless the limits say that what they give was
// held.
func requireNamespaces(t *testing.T, uid int, limits []string) {
	t.Helper()
	for _, limit := range []string{
		"all but what it may write mounted read-only", "network namespace of its own",
		"Unix sockets out of reach, but for those in the system's folders and in what it may reach", "/dev/shm of its own",
	} {
		if slices.Contains(limits, limit) || strings.HasPrefix(limit, "Unix") && slices.Contains(limits, "Unix sockets refused by Landlock") {
			continue
		}
		if !hasNamespaces(t, uid) {
			t.Skipf("no namespaces of its own here: %q", limits)
		}
		t.Errorf("limits %q lack %q", limits, limit)
	}
}

// requireLandlock skips the test where the kernel has no Landlock of so high a
// version.
func requireLandlock(t *testing.T, version int) {
	t.Helper()
	if got, err := ll.LandlockGetABIVersion(); err != nil || got < version {
		t.Skipf("the kernel has Landlock ABI %d (%v), want %d", got, err, version)
	}
}

// stage is a folder with what a dishonest plugin would like to see.
type stage struct {
	dir     string // holds all of it
	plugin  string // a copy of this executable, in a folder of its own
	data    string // folder of data
	records string
	secrets []string // files
}

// newStage sets a stage that belongs to a user.
func newStage(t *testing.T, uid int) *stage {
	t.Helper()
	dir := shortDirTree(t)
	s := &stage{dir: dir, plugin: filepath.Join(dir, "plugin", "rogue"), data: filepath.Join(dir, "data"), records: filepath.Join(dir, "runs", "one")}
	own, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	s.secrets = []string{filepath.Join(s.data, "labels.csv"), filepath.Join(s.records, "records.jsonl")}
	for path, content := range map[string][]byte{
		s.plugin: own, s.secrets[0]: []byte("cell,accuracy\n"), s.secrets[1]: []byte("{}\n"),
		filepath.Join(dir, "plugin", "weights"): []byte("1 2 3\n"),
		filepath.Join(dir, "scratch", "other"):  []byte("another trial's\n"),
		filepath.Join(dir, "more", "table"):     []byte("allowed\n"),
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if uid != 0 {
		for _, name := range []string{"scratch", "more", "more/table", "plugin", "runs/one", "data"} {
			if err := os.Chown(filepath.Join(dir, name), uid, uid); err != nil {
				t.Fatal(err)
			}
		}
	}
	return s
}

// shortDirTree returns a folder with a short path that others may enter; it is
// removed at the end, and no process may be left then that worked in it.
func shortDirTree(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "t-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
		if left := processesWith(t, dir); len(left) > 0 {
			t.Errorf("processes are left: %q", left)
		}
	})
	return dir
}

// kept is the outcome of what is refused by Landlock, or not there in a mount
// namespace, or mounted read-only.
const kept = "EACCES|ENOENT|EROFS"

// expect compares what a spy found with what it should have; an outcome "!"
// stands for any but ok, and one such as "A|B" for A or B.
func expect(t *testing.T, found []string, want map[string]string) {
	t.Helper()
	got := make(map[string]string)
	for _, line := range found {
		i := strings.LastIndex(line, ": ")
		got[line[:i]] = line[i+2:]
	}
	for line, outcome := range want {
		if !slices.Contains(strings.Split(outcome, "|"), got[line]) && (outcome != "!" || got[line] == "ok" || got[line] == "") {
			t.Errorf("%s: got %q, want %q", line, got[line], outcome)
		}
	}
}

func lines(want map[string]string) []string {
	var all []string
	for line := range want {
		all = append(all, line)
	}
	slices.Sort(all)
	return all
}

func TestASpyReachesNoFileButItsOwn(t *testing.T) {
	t.Parallel()
	requireLandlock(t, 3)
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for name, uid := range users() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, uid)
			want := map[string]string{
				"read " + s.secrets[0]:                          kept, // the data
				"read " + s.secrets[1]:                          kept, // the records
				"write " + s.secrets[1]:                         kept,
				"write " + filepath.Join(s.records, "x"):        kept,
				"remove " + s.secrets[1]:                        kept,
				"list " + s.data:                                kept,
				"read " + own:                                   kept, // the host's executable
				"run " + own:                                    kept,
				"child-read " + s.secrets[0]:                    "Permission denied|No such file or directory",
				"child-read " + s.secrets[1]:                    "Permission denied|No such file or directory",
				"read " + filepath.Join(s.dir, "scratch/other"): kept, // another trial's
				"write " + filepath.Join(s.dir, "plugin/x"):     kept,
				"list /":           "EACCES",
				"list /root":       "EACCES",
				"read /etc/shadow": "EACCES",
				fmt.Sprintf("read /proc/%d/environ", os.Getpid()):              "EACCES",
				fmt.Sprintf("read /proc/%d/mem", os.Getpid()):                  "EACCES",
				fmt.Sprintf("read /proc/%d/fd/0", os.Getpid()):                 "EACCES",
				fmt.Sprintf("read /proc/%d/root%s", os.Getpid(), s.secrets[0]): "EACCES",
				fmt.Sprintf("trace %d", os.Getpid()):                           "EPERM",
				"mount " + s.data:                                              "EPERM|ENOENT",
				"read " + s.plugin:                                             "ok",
				"read " + filepath.Join(s.dir, "plugin/weights"):               "ok",
				"write scratch-file":                                           "ok",
				"read /proc/self/environ":                                      "ok",
				"read /proc/cpuinfo":                                           "ok",
				"read /dev/urandom":                                            "ok",
				"write /dev/null":                                              "ok",
				"child-read /proc/self/status":                                 "ok",
				"read " + filepath.Join(s.dir, "more/table"):                   "ok",
				"write " + filepath.Join(s.dir, "more/table"):                  kept,
			}
			if uid == 0 && os.Geteuid() != 0 {
				delete(want, "list /root") // an ordinary user may not anyway
			}
			o := spyOrder{Path: s.plugin, Dir: filepath.Join(s.dir, "scratch"), Lines: lines(want), Sandbox: host.Sandbox{
				Protected: []string{s.data, s.records},
				Allowed:   []host.Grant{{Path: filepath.Join(s.dir, "more")}},
			}}
			r := o.asUser(t, uid)
			expect(t, r.Found, want)
			t.Logf("held: %q", r.Limits)
			for _, limit := range []string{"files by Landlock ABI", "allowed " + filepath.Join(s.dir, "more")} {
				if !slices.ContainsFunc(r.Limits, func(s string) bool { return strings.HasPrefix(s, limit) }) {
					t.Errorf("limits %q lack %q", r.Limits, limit)
				}
			}
			if left, err := os.ReadDir(filepath.Join(s.dir, "scratch")); err != nil || len(left) != 1 {
				t.Errorf("got %v, %v in the folder of scratch folders", left, err)
			}
		})
	}
}

// TestASpyOfAnInstalledHostIsRefusedByLandlock has the host, and data, in the
// system's own folder of programs: no mount covers that, so that it is Landlock
// that keeps them from a plugin, which reads all else there.
func TestASpyOfAnInstalledHostIsRefusedByLandlock(t *testing.T) {
	t.Parallel()
	requireLandlock(t, 3)
	if os.Geteuid() != 0 {
		t.Skip("only root installs programs")
	}
	for name, uid := range users() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, uid)
			installed, err := os.MkdirTemp("/usr/local", "hypernas-test-")
			if err != nil {
				t.Skipf("the system is closed to root: %v", err)
			}
			defer func() {
				if err := os.RemoveAll(installed); err != nil {
					t.Error(err)
				}
			}()
			own, err := os.ReadFile("/proc/self/exe")
			if err != nil {
				t.Fatal(err)
			}
			binary, labels, other := filepath.Join(installed, "hypernas"), filepath.Join(installed, "labels.csv"), filepath.Join(installed, "other")
			if err := errors.Join(
				os.Chmod(installed, 0o755), os.WriteFile(binary, own, 0o755),
				os.WriteFile(labels, []byte("cell,accuracy\n"), 0o644), os.WriteFile(other, []byte("x"), 0o644),
			); err != nil {
				t.Fatal(err)
			}
			want := map[string]string{
				"read " + binary: "EACCES", "run " + binary: "EACCES", "child-read " + binary: "Permission denied",
				"read " + labels: "EACCES", "child-read " + labels: "Permission denied",
				"read " + other: "ok", "child-read " + other: "ok",
			}
			o := spyOrder{Path: s.plugin, Dir: filepath.Join(s.dir, "scratch"), Lines: lines(want), Sandbox: host.Sandbox{Protected: []string{labels}}}
			expect(t, o.by(t, binary, uid).Found, want)
		})
	}
}

func TestASpyWritesWhatItIsAllowedTo(t *testing.T) {
	t.Parallel()
	requireLandlock(t, 3)
	s := newStage(t, 0)
	table := filepath.Join(s.dir, "more", "table")
	want := map[string]string{
		"write " + table: "ok",
		"read " + table:  "ok",
		"write " + filepath.Join(s.dir, "more", "new"): "ok",
		"read " + s.secrets[0]:                         kept,
	}
	grant := host.Grant{Path: filepath.Join(s.dir, "more"), Write: true}
	o := spyOrder{Path: s.plugin, Dir: filepath.Join(s.dir, "scratch"), Lines: lines(want), Sandbox: host.Sandbox{
		Protected: []string{s.data}, Allowed: []host.Grant{grant},
	}}
	r := o.asUser(t, 0)
	expect(t, r.Found, want)
	if !slices.Contains(r.Limits, "allowed "+grant.Path+":rw") {
		t.Errorf("limits %q do not tell of the grant", r.Limits)
	}
}

// TestASpyReachesNoMoreAsAScript has a spy that a script becomes, which
// names the shell in the root's own folder of programs, and one that names a
// link that came with it, which leads next to somebody else's secrets.
func TestASpyReachesNoMoreAsAScript(t *testing.T) {
	t.Parallel()
	requireLandlock(t, 3)
	for name, uid := range users() {
		for _, interpreter := range []string{"/bin/sh", "/usr/bin/env sh", "brought"} {
			t.Run(name+" "+interpreter, func(t *testing.T) {
				t.Parallel()
				s := newStage(t, uid)
				install := filepath.Join(s.dir, "more", "install")
				shell, err := os.ReadFile("/bin/sh")
				if err != nil {
					t.Fatal(err)
				}
				for path, content := range map[string][]byte{
					"bin/sh": shell, "bin/other": []byte("x"), "etc/password": []byte("x"), "share/keys": []byte("x"), "lib/library": []byte("x"),
				} {
					path = filepath.Join(install, path)
					if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, content, 0o755)); err != nil {
						t.Fatal(err)
					}
				}
				want := map[string]string{
					"read " + s.secrets[0]: kept,
					"read " + s.secrets[1]: kept,
					"list /etc":            "EACCES",
					"list /root":           "EACCES|ENOENT",
					"list /var":            "EACCES|ENOENT",
					"read " + s.plugin:     "ok",
					"read " + filepath.Join(s.dir, "plugin/weights"):                "ok",
					"read " + filepath.Join(s.dir, "plugin/runs/two/records.jsonl"): kept, // another run's
					"read " + filepath.Join(s.dir, "plugin/runs/two/x"):             kept,
					"write scratch-file": "ok",
				}
				for _, secret := range []string{"/etc/shadow", "/etc/fstab", "/etc/machine-id"} {
					if _, err := os.Stat(secret); err == nil {
						want["read "+secret] = "EACCES"
					}
				}
				for _, path := range []string{"bin/other", "etc/password", "share/keys"} {
					want["read "+filepath.Join(install, path)] = kept
				}
				if interpreter == "brought" {
					interpreter = filepath.Join(s.dir, "plugin", "venv", "bin", "sh")
					if err := errors.Join(os.MkdirAll(filepath.Dir(interpreter), 0o755), os.Symlink(filepath.Join(install, "bin", "sh"), interpreter)); err != nil {
						t.Fatal(err)
					}
					want["read "+filepath.Join(install, "lib", "library")] = "ok"
				}
				other := filepath.Join(s.dir, "plugin", "runs", "two")
				if err := os.MkdirAll(other, 0o755); err != nil {
					t.Fatal(err)
				}
				for _, file := range []string{"records.jsonl", "x"} {
					if err := os.WriteFile(filepath.Join(other, file), []byte("{}\n"), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				script := filepath.Join(s.dir, "plugin", "spy.sh")
				if err := os.WriteFile(script, []byte("#!"+interpreter+"\nexec \"$@\"\n"), 0o755); err != nil {
					t.Fatal(err)
				}
				o := spyOrder{Path: s.plugin, Script: script, Dir: filepath.Join(s.dir, "scratch"), Lines: lines(want), Sandbox: host.Sandbox{
					Protected: []string{s.data, s.records},
				}}
				expect(t, o.asUser(t, uid).Found, want)
			})
		}
	}
}

// TestLimitsTellWhatWasSeen looks at a process before and after its end.
func TestLimitsTellWhatWasSeen(t *testing.T) {
	t.Parallel()
	p, err := host.LaunchPredictor(t.Context(), rogueWith(t, "environment"), host.Options{Limits: limits(), TempDir: shortDir(t)})
	if err != nil {
		t.Fatal(err)
	}
	const killed, unseen = "process tree killed at the end", "end of the process tree not seen"
	if got := p.Limits(); slices.Contains(got, killed) || !slices.Contains(got, unseen) {
		t.Errorf("got %q of a process that still runs", got)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if got := p.Limits(); !slices.Contains(got, killed) || slices.Contains(got, unseen) {
		t.Errorf("got %q of a process that has ended", got)
	}
}

// TestASpyLeavesNoMarkOnFiles has a spy change what no right of Landlock
// covers: modes, times and attributes of files that belong to its user.
func TestASpyLeavesNoMarkOnFiles(t *testing.T) {
	t.Parallel()
	requireLandlock(t, 3)
	for name, uid := range users() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, uid)
			want := make(map[string]string)
			for _, file := range []string{
				s.plugin, s.secrets[0], s.data, filepath.Dir(s.plugin), s.dir, filepath.Join(s.dir, "more/table"),
				filepath.Join(s.dir, "scratch"), "/usr/lib", "/etc/passwd", "/", "/tmp", "/dev/null",
			} {
				for _, verb := range []string{"chmod ", "chown ", "mark ", "touch "} {
					want[verb+file] = "!"
				}
			}
			for _, verb := range []string{"chmod ", "chown ", "touch "} {
				want["write file"] = "ok"
				want[verb+"file"] = "ok"
				want[verb+filepath.Join(s.dir, "written")] = "ok"
			}
			order := append([]string{"write file"}, lines(want)...)
			if err := os.MkdirAll(filepath.Join(s.dir, "written"), 0o755); err != nil {
				t.Fatal(err)
			}
			if uid != 0 {
				if err := os.Chown(filepath.Join(s.dir, "written"), uid, uid); err != nil {
					t.Fatal(err)
				}
			}
			o := spyOrder{Path: s.plugin, Dir: filepath.Join(s.dir, "scratch"), Lines: order, Sandbox: host.Sandbox{
				Protected: []string{s.data},
				Allowed:   []host.Grant{{Path: filepath.Join(s.dir, "more")}, {Path: filepath.Join(s.dir, "written"), Write: true}},
			}}
			r := o.asUser(t, uid)
			const held, open = "all but what it may write mounted read-only", "modes, times and attributes of its user's files open"
			if slices.Contains(r.Limits, held) == slices.Contains(r.Limits, open) {
				t.Errorf("limits %q do not tell whether marks can be left", r.Limits)
			}
			requireNamespaces(t, uid, r.Limits)
			expect(t, r.Found, want)
		})
	}
}

// TestASpyInheritsNoFile has a host whose parent left a file open.
func TestASpyInheritsNoFile(t *testing.T) {
	t.Parallel()
	s := newStage(t, 0)
	f, err := os.Open(s.secrets[0])
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	const number = 700 // none that a plugin opens itself
	if err := unix.Dup3(int(f.Fd()), number, 0); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(number) }()
	want := map[string]string{"descriptor 700": "EBADF", "descriptor 1": "ok"}
	o := spyOrder{Path: s.plugin, Dir: filepath.Join(s.dir, "scratch"), Lines: lines(want)}
	expect(t, o.asUser(t, 0).Found, want)
}

// TestASpyReachesNoSocket has sockets with paths where daemons have them, in
// folders that anybody may enter.
func TestASpyReachesNoSocket(t *testing.T) {
	t.Parallel()
	requireLandlock(t, 3)
	for name, uid := range users() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, uid)
			want := make(map[string]string)
			dirs := []string{s.dir, s.data, filepath.Join(s.dir, "scratch")}
			if os.Geteuid() == 0 {
				run := fmt.Sprintf("/run/hypernas-test-%d-%d", os.Getpid(), uid)
				if err := os.Mkdir(run, 0o755); err != nil {
					t.Fatal(err)
				}
				defer func() { _ = os.Remove(run) }()
				dirs = append(dirs, run)
			}
			for _, dir := range dirs {
				path := filepath.Join(dir, "socket")
				l, err := net.Listen("unix", path)
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = l.Close() }()
				if err := os.Chmod(path, 0o777); err != nil {
					t.Fatal(err)
				}
				want["dial unix "+path] = "!"
			}
			o := spyOrder{Path: s.plugin, Dir: filepath.Join(s.dir, "scratch"), Lines: lines(want)}
			r := o.asUser(t, uid)
			requireNamespaces(t, uid, r.Limits)
			expect(t, r.Found, want)
		})
	}
}

func TestASpyReachesNoNetworkAndNoOtherProcess(t *testing.T) {
	t.Parallel()
	requireLandlock(t, 6)
	tcp, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tcp.Close() }()
	udp, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = udp.Close() }()
	abstract := fmt.Sprintf("@hypernas-test-%d", os.Getpid())
	unixSocket, err := net.Listen("unix", abstract)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unixSocket.Close() }()
	for name, uid := range users() {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, uid)
			shmName := fmt.Sprintf("/dev/shm/hypernas-test-%d-%d", os.Getpid(), uid)
			want := map[string]string{
				"dial tcp4 " + tcp.Addr().String():    "EACCES",
				"dial unix " + abstract:               "!",
				"signal 0":                            "EPERM", // the supervisor
				"signal " + strconv.Itoa(os.Getpid()): "EPERM",
				"cpus ":                               "1",
			}
			all := append(lines(want), "dial udp4 "+udp.LocalAddr().String(), "listen 127.0.0.1:0", "write "+shmName)
			o := spyOrder{Path: s.plugin, Dir: filepath.Join(s.dir, "scratch"), Lines: all}
			r := o.asUser(t, uid)
			if runtime.NumCPU() == 1 {
				delete(want, "cpus ")
			}
			own := slices.Contains(r.Limits, "network namespace of its own")
			if !own && hasNamespaces(t, uid) {
				t.Errorf("limits %q lack a network namespace of its own, which can be had here", r.Limits)
			}
			if own {
				want["dial udp4 "+udp.LocalAddr().String()] = "ENETUNREACH"
				want["write "+shmName] = "ok" // in a /dev/shm of its own
			} else {
				want["write "+shmName] = "EACCES"
				if !slices.ContainsFunc(r.Limits, func(l string) bool { return strings.Contains(l, "UDP") }) {
					t.Errorf("limits %q do not tell that UDP is open", r.Limits)
				}
				t.Logf("no network namespace here: %q", r.Limits)
			}
			expect(t, r.Found, want)
			if _, err := os.Stat(shmName); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("got %v: the plugin's shared memory is left", err)
			}
			if slices.Contains(r.Limits, "root without capabilities") != (os.Geteuid() == 0 && uid == 0) {
				t.Errorf("limits %q are wrong about root", r.Limits)
			}
		})
	}
}

func TestWhatTheSandboxCantAllowIsRefused(t *testing.T) {
	t.Parallel()
	s := newStage(t, 0)
	plugin, err := host.External(host.KindPredictor, "mine", s.plugin)
	if err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(s.data, "mine.py")
	if err := os.WriteFile(script, []byte("#!/usr/bin/python3\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	inData, err := host.External(host.KindPredictor, "mine", script)
	if err != nil {
		t.Fatal(err)
	}
	script = filepath.Join(s.records, "mine.py")
	if err := os.WriteFile(script, []byte("#!/usr/bin/python3\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	inRun, err := host.External(host.KindPredictor, "mine", script)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		plugin  host.Plugin
		sandbox host.Sandbox
		want    string
	}{
		{plugin, host.Sandbox{Protected: []string{s.data}, Allowed: []host.Grant{{Path: s.dir}}}, "it can't be allowed " + s.dir + ": no plugin may read "},
		{plugin, host.Sandbox{Protected: []string{s.data}, Allowed: []host.Grant{{Path: s.secrets[0]}}}, "it can't be allowed " + s.secrets[0]},
		{plugin, host.Sandbox{Allowed: []host.Grant{{Path: "/"}}}, "it can't be allowed /: no plugin may read "},
		{inData, host.Sandbox{Protected: []string{s.data}}, inData.Path + " lies where no plugin may read"},
		{inRun, host.Sandbox{}, "the script's folder " + s.records + " is that of a run"},
	} {
		_, err := host.LaunchPredictor(t.Context(), tc.plugin, host.Options{Limits: limits(), TempDir: shortDir(t), Sandbox: tc.sandbox})
		if !errors.Is(err, host.ErrSandbox) || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("got %v, want %q", err, tc.want)
		}
	}
}

// TestAScriptReadsItsFolderButForTheRunInIt has a script in a folder in which
// a run's folder and data stand, as happens to who tries things out.
func TestAScriptReadsItsFolderButForTheRunInIt(t *testing.T) {
	t.Parallel()
	requireLandlock(t, 3)
	s := newStage(t, 0)
	script := filepath.Join(s.dir, "mine.sh")
	text := `#!/bin/sh
cd "$(dirname "$0")"
for f in more/table data/labels.csv runs/one/records.jsonl scratch/other; do
	cat $f > /dev/null 2>&1 && echo "$f is open" >&2
done
ls > /dev/null && echo "listed" >&2
cat "$PWD/scratch/other"
exit 5
`
	if err := os.WriteFile(script, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	plugin, err := host.External(host.KindPredictor, "mine", script)
	if err != nil {
		t.Fatal(err)
	}
	_, err = host.LaunchPredictor(t.Context(), plugin, host.Options{
		Limits: limits(), TempDir: filepath.Join(s.dir, "scratch"),
		Sandbox: host.Sandbox{Protected: []string{s.data, s.records}},
	})
	var failure *host.Failure
	if !errors.As(err, &failure) {
		t.Fatalf("got %v, want a failure", err)
	}
	if want := "more/table is open\nlisted\ncat: "; !strings.HasPrefix(failure.Log(), want) {
		t.Errorf("got log %q, want it to begin with %q", failure.Log(), want)
	}
	if want := "exited with status 5 before the handshake"; !strings.HasPrefix(failure.Reason, want) || !strings.Contains(failure.Reason, "--allow") {
		t.Errorf("got reason %q, want %q and a word on --allow", failure.Reason, want)
	}
	if !slices.ContainsFunc(failure.Limits(), func(l string) bool { return strings.HasPrefix(l, "files by Landlock") }) {
		t.Errorf("got limits %q of a failure", failure.Limits())
	}
}

func TestParseGrant(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for s, want := range map[string]host.Grant{dir: {Path: dir}, dir + ":rw": {Path: dir, Write: true}} {
		got, err := host.ParseGrant(s)
		if err != nil || got != want || got.String() != s {
			t.Errorf("%s: got %v, %v", s, got, err)
		}
	}
	for _, s := range []string{"", ":rw", dir + "/missing"} {
		if got, err := host.ParseGrant(s); err == nil {
			t.Errorf("%q: got %v, want an error", s, got)
		}
	}
}
