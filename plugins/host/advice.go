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
)

// What a plugin says when it lacks something, in the words of Python, Node and
// the C library. This is text for people: what is made of it is a hint beside
// the plugin's own words, and decides nothing.
var (
	missingModule = regexp.MustCompile(`ModuleNotFoundError: No module named '([A-Za-z0-9_]+)`)
	missingNode   = regexp.MustCompile(`Cannot find (?:module|package) '([^'./][^']*)'`)
	refusal       = regexp.MustCompile(`(?i)permission denied|read-only file system|no such file or directory|PermissionError|FileNotFoundError`)
	denied        = regexp.MustCompile(`(?i)permission denied|read-only file system`)
	namedPath     = regexp.MustCompile(`'(/[^'\n]+)'|"(/[^"\n]+)"|(?:^|[\s(])(/[^\s:'",;)]+)`)
)

// sdkModules are what a plugin in Python needs of this project's own package.
func sdkModules() []string { return []string{"hypernas", "grpc", "google"} }

// advice says what to do where what a plugin said, an error or the end of its
// log, is that it lacks a module or was refused a file; "" where it is not.
// Of a file, only one that is there can have been refused.
func (p *Process) advice(said string) string {
	if m := missingModule.FindStringSubmatch(said); m != nil {
		return p.moduleAdvice(m[1])
	}
	if m := missingNode.FindStringSubmatch(said); m != nil {
		return fmt.Sprintf("; package %s is not installed beside the plugin", m[1])
	}
	if !p.confined() || !refusal.MatchString(said) {
		return ""
	}
	for _, m := range namedPath.FindAllStringSubmatch(said, -1) {
		if hint := p.pathAdvice(filepath.Clean(m[1]+m[2]+m[3]), denied.MatchString(said)); hint != "" {
			return hint
		}
	}
	if denied.MatchString(said) && !namedPath.MatchString(said) {
		return "; what it may read is its own folder and the system's, and what --allow PATH adds"
	}
	return ""
}

// pathAdvice says what to do where path was refused; denied: rather than not
// found.
func (p *Process) pathAdvice(path string, denied bool) string {
	under := func(roots []string) bool {
		return slices.ContainsFunc(roots, func(root string) bool { return within(realPath(path), realPath(root)) })
	}
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) && denied {
		path = filepath.Dir(path) // where it was to be made
	}
	_, err := os.Lstat(path)
	switch {
	case err != nil || path == "/" || under(p.confinement.Write) || under(p.confinement.Devices):
		return ""
	case under(p.options.Sandbox.Protected):
		return fmt.Sprintf("; the sandbox keeps %s from plugins, since labels or records lie there", path)
	case !under(p.confinement.Read):
		return fmt.Sprintf("; the sandbox keeps the plugin from it: --allow %s (to write, too: %s:rw)", path, path)
	case denied:
		return fmt.Sprintf("; it may read there and not write: let it write into its working folder, or --allow %s:rw", path)
	}
	return ""
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
