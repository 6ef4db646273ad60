package host

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
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

	builtin string // what this process is called, as which it is called again; "" if external
}

// supervised reports whether the plugin runs under a supervisor. Built-in
// ones do not: they are this repository's code, start nothing, and end with
// the host (package serve); and a second process takes half of what a launch
// does.
func (p *Plugin) supervised() bool { return canSupervise && p.builtin == "" }

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
// what it imports stands there, any other file alone.
func External(kind Kind, name, path string, args ...string) (Plugin, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return Plugin{}, err
	}
	sum, err := identify(path)
	if err != nil {
		return Plugin{}, fmt.Errorf("%s %s: %w", kind, name, err)
	}
	return Plugin{Kind: kind, Name: name, Path: path, Args: args, Identity: "sha256:" + sum}, nil
}

// identify returns the SHA-256 that tells one version of a plugin from
// another, in hexadecimal.
func identify(path string) (string, error) {
	script, err := isScript(path)
	if err != nil {
		return "", err
	}
	if script {
		return hashFolder(filepath.Dir(path))
	}
	return hashFile(path)
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

// hashFolder returns the SHA-256 of the names and contents of the regular files
// below dir, without hidden ones and what Python compiles.
func hashFolder(dir string) (string, error) {
	h := sha256.New()
	files, size := 0, int64(0)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		switch {
		case path != dir && strings.HasPrefix(d.Name(), "."), d.Name() == "__pycache__":
			if d.IsDir() {
				return filepath.SkipDir
			}
			return nil
		case !d.Type().IsRegular():
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		files, size = files+1, size+info.Size()
		if files > maxScriptFiles || size > maxScriptBytes {
			return fmt.Errorf("folder %s holds more than a plugin should; move the script into a folder of its own", dir)
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		sum, err := hashFile(path)
		if err != nil {
			return err
		}
		fmt.Fprintf(h, "%s  %q\n", sum, filepath.ToSlash(name))
		return nil
	})
	if err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// hashFile returns the SHA-256 of a regular file in hexadecimal.
func hashFile(path string) (sum string, err error) {
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
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
