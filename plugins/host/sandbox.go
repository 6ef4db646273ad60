package host

import (
	"bufio"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Sandbox says which files an external plugin may reach, beyond what it needs
// to run: its own folder, its interpreter, the system's libraries, and its
// scratch folder. It holds on Linux with Landlock; [Process.Limits] says
// whether it did.
type Sandbox struct {
	// Protected are files and folders that no plugin may read, such as the
	// benchmark's data and the records, whatever else it may; this executable
	// is one by itself. They need not exist.
	Protected []string
	// Allowed adds to what the plugin may reach.
	Allowed []Grant
}

// Grant lets a plugin reach a file, or a folder with all below it.
type Grant struct {
	Path  string
	Write bool // and not just read and execute
}

// ParseGrant reads PATH or PATH:rw. The path is made absolute and has to
// exist.
func ParseGrant(s string) (Grant, error) {
	path, write := strings.CutSuffix(s, ":rw")
	if path == "" {
		return Grant{}, fmt.Errorf("%q is no PATH or PATH:rw", s)
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return Grant{}, err
	}
	if _, err := os.Stat(path); err != nil {
		return Grant{}, err
	}
	return Grant{Path: path, Write: write}, nil
}

// String returns the form that ParseGrant reads.
func (g Grant) String() string {
	if g.Write {
		return g.Path + ":rw"
	}
	return g.Path
}

// protected returns the real paths of what no plugin may read, this executable
// first.
func (s *Sandbox) protected() ([]string, error) {
	own, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find the executable: %w", err)
	}
	var list []string
	for _, path := range append([]string{own}, s.Protected...) {
		path, err := filepath.Abs(path)
		if err != nil {
			return nil, err
		}
		list = append(list, realPath(path))
	}
	return list, nil
}

// HasLandlock reports whether this system can keep files from a plugin.
func HasLandlock() bool { return landlockVersion() > 0 }

// confinement is what a plugin's process may reach, as its supervisor sets it
// up before the plugin begins. Paths are real ones: no links lead through
// them.
type confinement struct {
	Landlock int      // version of its ABI; 0: files stay open
	Read     []string // files, and folders with all below them, to read and execute
	List     []string // folders to list, with all below them
	Write    []string // to read, execute and write
	Devices  []string // to read, write and control
	// Ways are paths that lead where they do now: links that they go through
	// stay.
	Ways     []string
	CPUs     []int // processors to run on; none: all
	ShmBytes int64 // of a /dev/shm of its own, where it can have one; 0: half the memory
}

// confined is what held of a confinement as the plugin began.
type confined struct {
	Landlock     int  // version of its ABI; 0: files are open
	Namespaces   bool // of its own: network, System V memory and message queues, mounts
	Covered      bool // folders that it may not reach are not there
	ReadOnly     bool // all but what it may write is mounted read-only
	Shm          bool // a /dev/shm of its own
	Capabilities bool // root's were taken from it
	Affinity     bool
	PeakBytes    int64 // of resident memory, before the plugin began
}

// describe lists what held, for the record.
func (h *confined) describe(s *Sandbox) []string {
	var list []string
	if h.Landlock > 0 {
		list = append(list, fmt.Sprintf("files by Landlock ABI %d", h.Landlock))
	} else {
		list = append(list, "files open: the kernel has no Landlock")
	}
	if h.ReadOnly {
		list = append(list, "all but what it may write mounted read-only")
	} else {
		list = append(list, "modes, times and attributes of its user's files open")
	}
	switch {
	case h.Namespaces:
		list = append(list, "network namespace of its own")
	case h.Landlock >= landlockTCP:
		list = append(list, "TCP refused by Landlock; UDP and Multipath TCP open")
	default:
		list = append(list, "network open")
	}
	switch {
	case h.Landlock >= landlockUnix:
		list = append(list, "Unix sockets refused by Landlock")
	case h.Covered:
		list = append(list, "Unix sockets out of reach, but for those in the system's folders and in what it may reach")
	default:
		list = append(list, "Unix sockets open")
	}
	if h.Landlock >= landlockScope {
		list = append(list, "no signals to other processes")
	}
	if h.Shm {
		list = append(list, "/dev/shm of its own")
	}
	if h.Capabilities {
		list = append(list, "root without capabilities")
	}
	for _, g := range s.Allowed {
		list = append(list, "allowed "+g.String())
	}
	return list
}

// First versions of Landlock's ABI that restrict TCP, signals and abstract Unix
// sockets, and Unix sockets with paths.
const (
	landlockTCP   = 4
	landlockScope = 6
	landlockUnix  = 9
)

// systemFiles are patterns of the libraries, programs and descriptions of the
// system that programs read as they start. Of /proc, the kernel refuses what
// another process has in its memory, its environment and its open files;
// everyone reads what processes there are and their command lines.
func systemFiles() []string {
	return []string{
		"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32",
		"/nix/store", "/gnu/store", "/run/current-system",
		"/proc", "/sys/devices", "/sys/fs/cgroup", "/sys/kernel/mm",
		"/dev/random", "/dev/urandom",
		// Of /etc what programs look up as they start, and nothing else: it
		// holds passwords.
		"/etc/R", "/etc/alternatives", "/etc/ca-certificates", "/etc/debian_version", "/etc/fonts", "/etc/group",
		"/etc/host.conf", "/etc/hosts", "/etc/java*", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d",
		"/etc/ld.so.preload", "/etc/locale.alias", "/etc/localtime", "/etc/magic", "/etc/matplotlibrc",
		"/etc/mime.types", "/etc/nsswitch.conf", "/etc/os-release", "/etc/passwd", "/etc/perl", "/etc/pki",
		"/etc/protocols", "/etc/python*", "/etc/services", "/etc/ssl/certs", "/etc/ssl/openssl.cnf", "/etc/timezone",
	}
}

// systemDevices are written to as well.
func systemDevices() []string { return []string{"/dev/null", "/dev/zero", "/dev/full"} }

// confine returns what the plugin may reach, given its scratch folder and the
// folder that scratch folders are in.
func (p *Plugin) confine(s Sandbox, scratch, temporary string) (confinement, error) {
	var c confinement
	protected, err := s.protected()
	if err != nil {
		return c, err
	}
	k := keeper{protected: protected, temporary: realPath(temporary)}
	for _, pattern := range systemFiles() {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			return c, err
		}
		for _, path := range paths {
			if err := c.read(path, &k); err != nil {
				return c, err
			}
		}
	}
	c.Devices = existing(systemDevices())
	if err := c.readOwn(p.Path, &k); err != nil {
		return c, err
	}
	for _, g := range s.Allowed {
		path := realPath(g.Path)
		c.Ways = append(c.Ways, g.Path)
		if secret := k.inTheWay(path); secret != "" {
			return c, fmt.Errorf("it can't be allowed %s: no plugin may read %s", g.Path, secret)
		}
		switch {
		case g.Write && within(path, "/dev"):
			c.Devices = append(c.Devices, path)
		case g.Write:
			c.Write = append(c.Write, path)
		default:
			c.Read = append(c.Read, path)
		}
	}
	c.Write = append(c.Write, realPath(scratch))
	c.Ways = append(c.Ways, scratch)
	return c, nil
}

// keeper knows what to keep from a plugin, by real paths.
type keeper struct {
	protected []string // this executable first
	// temporary is the folder that scratch folders are in. What lies in it is
	// not allowed along with a folder that holds it, but may be by itself.
	temporary string
}

// inTheWay returns something protected that lies in path or that path lies
// in, or "".
func (k *keeper) inTheWay(path string) string {
	for _, secret := range k.protected {
		if within(secret, path) || within(path, secret) {
			return secret
		}
	}
	return ""
}

// holds reports whether a folder holds something that is to be kept from the
// plugin.
func (k *keeper) holds(folder string) bool {
	return k.inTheWay(folder) != "" || folder != k.temporary && within(k.temporary, folder)
}

// keeps reports whether what is at path is to be kept from the plugin.
func (k *keeper) keeps(path string) bool {
	return slices.ContainsFunc(k.protected, func(secret string) bool { return within(path, secret) })
}

// readOwn adds the file of a plugin, its folder and its interpreter.
//
// A program's folder is left out where it holds something to keep from the
// plugin, the folder of any run included: a program can do without. A script
// can't, so of such a folder it gets everything else.
func (c *confinement) readOwn(path string, k *keeper) error {
	file := realPath(path)
	for _, secret := range k.protected[1:] { // a plugin may be this executable
		if within(file, secret) {
			return fmt.Errorf("%s lies where no plugin may read, in %s; move it into a folder of its own", path, secret)
		}
	}
	c.Read = append(c.Read, file)
	c.Ways = append(c.Ways, path)
	script, err := isScript(path)
	if err != nil {
		return err
	}
	folders := []string{filepath.Dir(file)}
	if script {
		folders = append(folders, realPath(filepath.Dir(path)))
	}
	folders = slices.Compact(folders)
	for _, folder := range folders {
		shared := folder == "/" || folder == k.temporary || folder == homeFolder()
		if script && shared {
			return fmt.Errorf("the script's folder %s holds more than a plugin may read; move the script into a folder of its own", folder)
		}
		if shared {
			continue
		}
		runs, err := runsIn(folder)
		if err != nil && script {
			return err
		}
		if script && slices.Contains(runs, folder) {
			return fmt.Errorf("the script's folder %s is that of a run; move the script into a folder of its own", folder)
		}
		but := &keeper{protected: slices.Concat(k.protected, runs), temporary: k.temporary}
		if script || err == nil && !but.holds(folder) {
			if err := c.read(folder, but); err != nil {
				return err
			}
		}
	}
	if !script {
		return nil
	}
	roots, err := interpreterFolders(path, folders)
	if err != nil {
		return err
	}
	if home := homeFolder(); home != "" { // where pip install --user puts packages
		roots = append(roots, filepath.Join(home, ".local", "lib"))
	}
	for _, root := range roots {
		if err := c.read(root, k); err != nil {
			return err
		}
	}
	return nil
}

// runsIn returns the folders of runs in a folder, or the folder itself if it is
// one. As with what a script is identified by, it looks into no hidden folder.
func runsIn(folder string) (runs []string, err error) {
	seen := 0
	err = filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return nil //nolint:nilerr // What can't be read here can't be there either.
		case !d.IsDir():
		case path != folder && ignored(d.Name()):
			return filepath.SkipDir
		case isRun(path):
			runs = append(runs, path)
			return filepath.SkipDir
		}
		if seen++; seen > maxEntries {
			return fmt.Errorf("folder %s holds more than a plugin should; move the plugin into a folder of its own", folder)
		}
		return nil
	})
	return runs, err
}

// maxEntries bounds how many entries of folders are allowed one by one. A
// system's folder of programs has some thousands.
const maxEntries = 20_000

// read allows what is at path, if anything is, but for what is to be kept
// from the plugin. A Landlock rule for a folder holds for all below it and
// nothing takes it away again; so of a folder that holds something to keep,
// the other entries are allowed one by one, and the folder may be listed.
func (c *confinement) read(path string, k *keeper) error {
	way := path
	path = realPath(path)
	if way != path {
		c.Ways = append(c.Ways, way)
	}
	if _, err := os.Stat(path); err != nil || k.keeps(path) {
		return nil //nolint:nilerr // It isn't there for the plugin either.
	}
	if !k.holds(path) {
		c.Read = append(c.Read, path)
		return nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	c.List = append(c.List, path)
	if len(c.Read)+len(entries) > maxEntries {
		return fmt.Errorf("folder %s holds more entries than can be allowed one by one; move the plugin into a folder of its own", path)
	}
	for _, e := range entries {
		child := filepath.Join(path, e.Name())
		// What a link leads to is not in the folder.
		if e.Type()&fs.ModeSymlink != 0 || child == k.temporary {
			continue
		}
		if err := c.read(child, k); err != nil {
			return err
		}
	}
	return nil
}

// interpreterFolders returns where the interpreter that a script names keeps
// its files, the system's own folders aside. Links and scripts that stand for
// interpreters, as in a Python virtual environment, are followed. What lies in
// folders own the plugin may have brought along: a link from there is good for
// the program that it leads to and its libraries, as its virtual environment
// needs them, and for nothing else that lies near.
func interpreterFolders(script string, own []string) ([]string, error) {
	var folders []string
	for range 5 { // A chain of more is a circle.
		name, err := interpreter(script)
		if err != nil || name == "" {
			return folders, err
		}
		brought := false
		for path := name; path != ""; path = link(path) {
			folders = append(folders, installation(path, brought)...)
			brought = brought || slices.ContainsFunc(own, func(folder string) bool { return within(realFolder(path), folder) })
		}
		script = name
	}
	return folders, nil
}

// realFolder returns path with the links resolved that its folder's path goes
// through.
func realFolder(path string) string {
	return filepath.Join(realPath(filepath.Dir(path)), filepath.Base(path))
}

// interpreter returns the path of the program that the first line of a script
// names, or "" if it is no script or the program isn't there.
func interpreter(script string) (string, error) {
	if is, err := isScript(script); err != nil || !is {
		return "", err
	}
	f, err := os.Open(script)
	if err != nil {
		return "", err
	}
	line, _ := bufio.NewReaderSize(f, 256).ReadSlice('\n')
	if err := f.Close(); err != nil {
		return "", err
	}
	words := strings.Fields(strings.TrimPrefix(string(line), "#!"))
	if len(words) == 0 {
		return "", nil
	}
	name := words[0]
	if filepath.Base(name) == "env" {
		for _, word := range words[1:] {
			if !strings.HasPrefix(word, "-") && !strings.Contains(word, "=") {
				name = word
				break
			}
		}
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", nil //nolint:nilerr // The start of the plugin says so better.
	}
	return filepath.Abs(path)
}

// link returns where the link at path leads to, or "" if there is none.
func link(path string) string {
	target, err := os.Readlink(path)
	if err != nil {
		return ""
	}
	if !filepath.IsAbs(target) {
		target = filepath.Join(filepath.Dir(path), target)
	}
	return target
}

// installation returns the files and folders of the program at path: in
// PREFIX/bin what else an installation has in PREFIX, or only its libraries
// where the plugin brought the link to it; and in PREFIX/shims all of PREFIX,
// which a manager of versions keeps for itself. No more than the program is
// granted where PREFIX is the system's or holds the home folder.
func installation(path string, brought bool) []string {
	path = realFolder(path)
	dir := filepath.Dir(path)
	prefix := filepath.Dir(dir)
	home := homeFolder()
	list := []string{path}
	switch {
	case prefix == "/", within(prefix, "/usr"), home != "" && within(home, prefix):
	case filepath.Base(dir) == "shims" && !brought:
		list = append(list, prefix)
	case filepath.Base(dir) == "bin":
		names := []string{"bin", "etc", "include", "lib", "lib64", "libexec", "share", "ssl", "pyvenv.cfg"}
		if brought || prefix == filepath.Join(home, ".local") { // whose share holds other programs' data
			names = []string{"lib", "lib64"}
		}
		for _, name := range names {
			list = append(list, filepath.Join(prefix, name))
		}
	}
	return list
}

// existing returns those of paths at which there is something.
func existing(paths []string) []string {
	return slices.DeleteFunc(paths, func(path string) bool {
		_, err := os.Stat(path)
		return err != nil
	})
}

// homeFolder returns the real path of the user's home folder, or "".
func homeFolder() string {
	home, err := os.UserHomeDir()
	if err != nil || !filepath.IsAbs(home) {
		return ""
	}
	return realPath(home)
}

// realPath returns path without links, as far as it exists.
func realPath(path string) string {
	path = filepath.Clean(path)
	if resolved, err := filepath.EvalSymlinks(path); err == nil {
		return resolved
	}
	parent := filepath.Dir(path)
	if parent == path {
		return path
	}
	return filepath.Join(realPath(parent), filepath.Base(path))
}

// within reports whether path is dir or lies in it; both are real and
// absolute.
func within(path, dir string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}
