package host

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/hypernas/hypernas/internal/printable"
)

// What a plugin says when it lacks something, in the words of Python, Node and
// the C library. This is text for people: what is made of it is a hint beside
// the plugin's own words, and decides nothing. A plugin may lie, to be let in
// by a user who trusts what hypernas prints; see pathAdvice.
var (
	missingModule = regexp.MustCompile(`ModuleNotFoundError: No module named '([A-Za-z0-9_]{1,100})`)
	missingNode   = regexp.MustCompile(`Cannot find (?:module|package) '([@A-Za-z0-9_-][@A-Za-z0-9._/-]{0,100})'`)
	refusal       = regexp.MustCompile(`(?i)permission denied|read-only file system|no such file or directory|PermissionError|FileNotFoundError`)
	denied        = regexp.MustCompile(`(?i)permission denied|read-only file system`)
	// Of Python's errors, one that names no file: a socket's.
	noNetwork = regexp.MustCompile(`(?im)network is unreachable|ENETUNREACH|name resolution|name or service not known|no such host|could not resolve|` +
		`unable to resolve host|EAI_AGAIN|failed to establish a new connection|\[Errno 13\] Permission denied(?:$|[^:])|` +
		`\b(?:dial|listen) (?:tcp|udp)[46]?\b|\b(?:connect|listen|bind) (?:EACCES|EPERM)\b|\b(?:failed to|couldn't) connect to\b`)
	namedPath = regexp.MustCompile(`'(/[^'\n]+)'|"(/[^"\n]+)"|(?:^|[\s(])(/[^\s:'",;)]+)`)
)

// sdkModules are what a plugin in Python needs of this project's own package.
func sdkModules() []string { return []string{"hypernas", "grpc", "google"} }

// advice says what to do where what a plugin said, an error or the end of its
// log, is that it lacks a module or was refused the network or a file; "" where
// it is not.
// Of a file, only one that is there can have been refused.
func (p *Process) advice(said string) string {
	if m := missingModule.FindStringSubmatch(said); m != nil {
		return p.moduleAdvice(m[1])
	}
	if m := missingNode.FindStringSubmatch(said); m != nil {
		return fmt.Sprintf("; package %s is not installed beside the plugin", m[1])
	}
	if p.plugin.supervised() && noNetwork.MatchString(said) {
		return "; plugins have no network; download what is needed beforehand and --allow its path; see docs/isolation.md"
	}
	if !p.confined() || !refusal.MatchString(said) {
		return ""
	}
	for _, m := range namedPath.FindAllStringSubmatch(said, mostPaths) {
		if hint := p.pathAdvice(filepath.Clean(m[1]+m[2]+m[3]), denied.MatchString(said)); hint != "" {
			return hint
		}
	}
	if denied.MatchString(said) && !namedPath.MatchString(said) {
		return "; what it may read is its own folder and the system's, and what --allow PATH adds"
	}
	return ""
}

// mostPaths bounds how many of the paths that a plugin names are looked at.
const mostPaths = 20

// pathAdvice says what to do where path was refused; denied: rather than not
// found. That the plugin asks for it is all that is known, so the advice says
// just this, is never to let it write, and names nothing that is not plausible.
func (p *Process) pathAdvice(path string, denied bool) string {
	target := realPath(path)
	under := func(roots []string) bool {
		return slices.ContainsFunc(roots, func(root string) bool { return within(target, realPath(root)) })
	}
	_, err := os.Lstat(path)
	missing := errors.Is(err, fs.ErrNotExist)
	if err != nil && !missing || under(p.confinement.Write) || under(p.confinement.Devices) {
		return ""
	}
	protected, err := p.options.Sandbox.protected()
	k := keeper{protected: protected}
	shown := printable.Argument(path)
	switch {
	case err != nil:
		return ""
	case k.keeps(target):
		return fmt.Sprintf("; the sandbox keeps %s from plugins, since labels or records lie there; it can't be allowed", shown)
	case denied && (missing || under(p.confinement.Read)):
		return "; a plugin may write into its working folder alone"
	case missing || under(p.confinement.Read) || !plausible(path) || !plausible(target):
		return ""
	case k.inTheWay(target) != "":
		return fmt.Sprintf("; the plugin asks for %s, which holds labels, records or hypernas; it can't be allowed", shown)
	}
	return fmt.Sprintf("; the plugin asks for %s, which the sandbox keeps from it; if you trust it with that, --allow %s", shown, shown)
}

// plausible reports whether a predictor or a space may well need what is at
// path, and a user may be pointed to it: nothing of the system or of another
// user's home folder, nothing hidden, no folder that holds a home folder or the
// temporary files of all, and no name that is not what it looks like.
func plausible(path string) bool {
	home := homeFolder()
	switch {
	case strings.Contains(path, "/."), home != "" && within(home, path), path == "/", path == realPath(os.TempDir()):
		return false
	case printable.Line(path) != path, strings.HasSuffix(path, ":rw"):
		return false
	case home != "" && within(path, home):
		return true
	}
	closed := []string{"/boot", "/dev", "/etc", "/home", "/proc", "/root", "/run", "/sys", "/var"}
	if homes := filepath.Dir(home); homes != "/" && homes != "." {
		closed = append(closed, homes)
	}
	return !slices.ContainsFunc(closed, func(root string) bool { return within(path, root) })
}

// moduleAdvice says how a module of Python gets to the plugin.
func (p *Process) moduleAdvice(module string) string {
	python, err := interpreter(p.plugin.Path)
	if err != nil || python == "" {
		python = "its interpreter"
	}
	if slices.Contains(sdkModules(), module) {
		return fmt.Sprintf("; Python's module %s is missing for %s, which the script's first line takes: activate the virtual environment "+
			"that has it, or %s -m pip install CHECKOUT/plugins/python, of a checkout of hypernas (without a network: --no-build-isolation)", module, python, python)
	}
	hint := ""
	if p.confined() {
		hint = "; if it is installed in a folder that the sandbox hides, --allow that"
	}
	return fmt.Sprintf("; Python's module %s is missing for %s, which the script's first line takes: "+
		"activate the virtual environment that has it, or install it there%s", module, python, hint)
}

// confined reports whether the process had its files kept from it.
func (p *Process) confined() bool { return p.plugin.supervised() && p.confinement.Landlock > 0 }

// lastSaid returns the end of the log in which a plugin says why it ends.
func lastSaid(log string) string {
	const lines = 3
	all := strings.Split(log, "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
