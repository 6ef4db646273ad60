package host

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hypernas/hypernas/plugins/internal/wire"
)

// Kind is what a plugin implements.
type Kind string

// The kinds of plugin.
const (
	KindPredictor Kind = wire.PredictorName
	KindSpace     Kind = wire.SpaceName
)

// Plugin is a program that can be launched.
type Plugin struct {
	Kind Kind
	Name string // for messages
	Path string // of the executable, absolute
	Args []string
	// Identity is "builtin:NAME@VERSION" or "sha256:HEX" of the executable.
	Identity string

	// contents are the hashes of the files of an external plugin by their
	// names.
	contents map[string]string

	builtin string // what this process is called, as which it is called again; "" if external
}

// supervised reports whether the plugin runs under a supervisor. Built-in
// ones do not: they are this repository's code, start nothing, and end with
// the host (package serve); and a second process takes half of what a launch
// does.
func (p *Plugin) supervised() bool { return canSupervise && p.builtin == "" }

// External reports whether the plugin is a program of its own.
func (p *Plugin) External() bool { return p.builtin == "" }

// Builtin returns the plugin that this executable is when it is started with
// the arguments "plugin", kind and name.
func Builtin(kind Kind, name string, version int) (Plugin, error) {
	path, err := self()
	if err != nil {
		return Plugin{}, fmt.Errorf("find the executable: %w", err)
	}
	return Plugin{
		Kind: kind, Name: name, Path: path, Args: []string{"plugin", string(kind), name},
		Identity: fmt.Sprintf("builtin:%s@%d", name, version),
		builtin:  os.Args[0],
	}, nil
}

// External returns the plugin in the executable file at path, and hashes it:
// a script (a file that begins with #!) with everything in its folder, since
// what it imports stands there, any other file alone. Hashing a folder of
// 1 GiB, the most that is taken, needs about a second, and is done again
// before every start.
//
// A script that is reached through a link is the one that the link leads to,
// in that one's folder.
func External(kind Kind, name, path string, args ...string) (Plugin, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return Plugin{}, err
	}
	fail := func(err error) (Plugin, error) { return Plugin{}, fmt.Errorf("%s %s: %w", kind, name, err) }
	dir, err := Folder(path)
	if err != nil {
		return fail(err)
	}
	if dir != "" {
		if path, err = filepath.EvalSymlinks(path); err != nil {
			return fail(err)
		}
	}
	sum, contents, err := identify(nil, path)
	if err != nil {
		return fail(err)
	}
	return Plugin{Kind: kind, Name: name, Path: path, Args: args, Identity: "sha256:" + sum, contents: contents}, nil
}

// Folder returns the folder that makes up the external plugin at path, without
// links, where that is a script, and "" where it is a program in one file.
func Folder(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if script, err := isScript(path); err != nil || !script {
		return "", err
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return "", err
	}
	return filepath.Dir(path), nil
}

// verify returns a Failure if an external plugin is no longer what it was
// when External was called, and ctx's error if that is done first. What happens
// between this look and the start goes unseen.
//
// It hashes everything anew, whatever sizes, times and inodes say: whoever owns
// a file may set its time back, and a file system over a network or a write
// through a mapping may not even change it. A plugin that can write to its own
// files (--allow PATH:rw) could so replace itself from one trial to the next.
// Most plugins are hashed in milliseconds.
func (p *Plugin) verify(ctx context.Context) error {
	if p.builtin != "" {
		return nil
	}
	sum, contents, err := identify(ctx.Done(), p.Path)
	switch {
	case errors.Is(err, errInterrupted):
		return fmt.Errorf("start %s: %w", p.Name, ctx.Err())
	case err != nil:
		return &Failure{Reason: fmt.Sprintf("it can't be read any more: %v", err)}
	case "sha256:"+sum == p.Identity:
		return nil
	}
	changed := ""
	for _, name := range slices.Sorted(maps.Keys(contents)) {
		if contents[name] != p.contents[name] {
			changed = name
			break
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.contents)) {
		if _, there := contents[name]; !there && changed == "" {
			changed = name
		}
	}
	return &Failure{Reason: fmt.Sprintf("it was changed since the run began (%s); start the run again", changed)}
}

// errInterrupted is of a hash that was not finished.
var errInterrupted = errors.New("interrupted")

// identify returns the SHA-256 that tells one version of a plugin from
// another, in hexadecimal, and those of the files that it is made of by their
// names. If stop closes first, the error is errInterrupted; a nil stop never
// does.
func identify(stop <-chan struct{}, path string) (sum string, contents map[string]string, err error) {
	dir, err := Folder(path)
	if err != nil {
		return "", nil, err
	}
	if dir != "" {
		if sum, contents, err = hashFolder(stop, dir); err != nil {
			return "", nil, err
		}
		if _, hashed := contents[filepath.Base(path)]; !hashed {
			return "", nil, fmt.Errorf("script %s would not be part of its own SHA-256: hidden files, and what is in __pycache__, are none; move it", path)
		}
		return sum, contents, nil
	}
	if sum, err = hashFile(stop, path); err != nil {
		return "", nil, err
	}
	return sum, map[string]string{filepath.Base(path): sum}, nil
}

func isScript(path string) (script bool, err error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	mark := make([]byte, 2)
	n, err := io.ReadFull(f, mark)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return false, err
	}
	return string(mark[:n]) == "#!", nil
}

// What the folder of a script may hold. A folder of more than that is somebody's
// home rather than a plugin's.
const (
	maxScriptFiles = 10_000
	maxScriptBytes = 1 << 30
)

// runFiles are names of files of which one stands in every folder of a run:
// what hypernas writes beside a script is no part of it.
func runFiles() []string { return []string{"run.lock", "records.jsonl"} }

// isRun reports whether the folder at path is that of a run.
func isRun(path string) bool {
	return slices.ContainsFunc(runFiles(), func(name string) bool {
		_, err := os.Lstat(filepath.Join(path, name))
		return err == nil
	})
}

// ignored reports whether what is called name in the folder of a script is no
// part of the plugin: hidden files and what Python compiles.
func ignored(name string) bool { return strings.HasPrefix(name, ".") || name == "__pycache__" }

// hashFolder returns the SHA-256 of the names and contents of the files below
// dir, which is no link, and those of each, without hidden ones, what Python
// compiles, and folders of runs. A link to a file counts as the file, one to a
// folder below dir as its name there; one to another folder is an error.
func hashFolder(stop <-chan struct{}, dir string) (sum string, contents map[string]string, err error) {
	h := sha256.New()
	contents = make(map[string]string)
	size := int64(0)
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if path == dir {
			return nil
		}
		if interrupted(stop) {
			return errInterrupted
		}
		if ignored(d.Name()) || d.IsDir() && isRun(path) {
			if d.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		info, err := os.Stat(path)
		dangling := errors.Is(err, fs.ErrNotExist)
		switch {
		case dangling: // to be hashed as a link; it may lead somewhere one day
		case err != nil:
			return err
		case d.IsDir():
			return nil
		case info.Mode().IsRegular():
			size += info.Size()
		case !info.IsDir(), isRun(path): // a socket or the like, or a link to a run
			return nil
		}
		if len(contents) == maxScriptFiles || size > maxScriptBytes {
			return fmt.Errorf("folder %s holds more than a plugin should; move the script into a folder of its own", dir)
		}
		var sum string
		if dangling || info.IsDir() {
			sum, err = hashLink(dir, path, dangling)
		} else {
			sum, err = hashFile(stop, path)
		}
		if err != nil {
			return err
		}
		contents[filepath.ToSlash(name)] = sum
		fmt.Fprintf(h, "%s  %q\n", sum, filepath.ToSlash(name))
		return nil
	})
	if err != nil {
		return "", nil, err
	}
	return hex.EncodeToString(h.Sum(nil)), contents, nil
}

// hashLink returns the SHA-256 of where a link below dir leads to: to a folder
// there, of which all else is hashed under the folder's own name, or, if it is
// dangling, nowhere.
func hashLink(dir, path string, dangling bool) (sum string, err error) {
	var to string
	if dangling {
		to, err = os.Readlink(path)
	} else {
		to, err = filepath.EvalSymlinks(path)
	}
	if err != nil {
		return "", err
	}
	if !dangling {
		rel, err := filepath.Rel(dir, to)
		if err != nil {
			return "", err
		}
		parts := strings.Split(rel, string(filepath.Separator))
		if rel != "." && slices.ContainsFunc(parts, ignored) { // .. is among them
			return "", fmt.Errorf("link %s leads to a folder that is no part of the plugin, so that a change there would not be seen; put the folder in its place", path)
		}
		to = filepath.ToSlash(rel)
	}
	h := sha256.Sum256([]byte("link " + to))
	return hex.EncodeToString(h[:]), nil
}

// hashFile returns the SHA-256 of a regular file in hexadecimal.
func hashFile(stop <-chan struct{}, path string) (sum string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s is not a file", path)
	}
	h := sha256.New()
	for {
		if interrupted(stop) {
			return "", errInterrupted
		}
		switch _, err := io.CopyN(h, f, hashedBytes); {
		case errors.Is(err, io.EOF):
			return hex.EncodeToString(h.Sum(nil)), nil
		case err != nil:
			return "", err
		}
	}
}

// hashedBytes is how much of a file is hashed, in some 20 ms, between two looks
// at whether to go on.
const hashedBytes = 16 << 20

func interrupted(stop <-chan struct{}) bool {
	select {
	case <-stop:
		return true
	default:
		return false
	}
}
