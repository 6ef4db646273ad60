package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/hypernas/hypernas/internal/durable"
	"github.com/hypernas/hypernas/internal/printable"
	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/plugins/host"
)

// configVariable names another folder for the user's configuration.
const configVariable = "HYPERNAS_CONFIG"

// pin is a plugin that the user has added: a name for a program, which is
// refused once it is another program than it was then.
type pin struct {
	Kind   host.Kind `json:"kind"`
	Name   string    `json:"name"`
	Path   string    `json:"path"`   // absolute
	SHA256 string    `json:"sha256"` // of the file, or of its folder for a script; see host.External
}

// pins is what the user has added.
type pins struct {
	dir  string // the configuration's folder
	list []pin
}

// pinFile is the form of the file that pins are kept in.
type pinFile struct {
	Plugins []pin `json:"plugins"`
}

// configDir returns the folder of the user's configuration, which need not
// exist: $HYPERNAS_CONFIG, or hypernas in the system's place for such.
func configDir() (string, error) {
	if dir := os.Getenv(configVariable); dir != "" {
		return filepath.Abs(dir)
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("find the folder of your configuration: %w; set %s to one", err, configVariable)
	}
	return filepath.Join(dir, "hypernas"), nil
}

func (p *pins) file() string { return filepath.Join(p.dir, "plugins.json") }

// folder is where plugins may be put to be added by name.
func (p *pins) folder() string { return filepath.Join(p.dir, "plugins") }

// readPins reads what the user has added; nothing where there is no file, nor
// a place for one.
func readPins() (*pins, error) {
	dir, err := configDir()
	if err != nil {
		return &pins{}, nil //nolint:nilerr // Who has no home folder has added nothing.
	}
	p := &pins{dir: dir}
	data, err := os.ReadFile(p.file())
	if errors.Is(err, os.ErrNotExist) {
		return p, nil
	}
	if err != nil {
		return nil, err
	}
	if p.list, err = parsePins(data); err != nil {
		return nil, usage(fmt.Errorf("%s: %w; mend it, or delete it and add your plugins again", p.file(), err))
	}
	return p, nil
}

// parsePins reads the contents of a file of pins.
func parsePins(data []byte) ([]pin, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	var file pinFile
	if err := d.Decode(&file); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is more after its end")
	}
	for i, one := range file.Plugins {
		switch {
		case one.Kind != host.KindPredictor && one.Kind != host.KindSpace:
			return nil, fmt.Errorf("plugin %d is a %q, want predictor or space", i+1, one.Kind)
		case checkName(one.Name) != nil:
			return nil, fmt.Errorf("plugin %d: %w", i+1, checkName(one.Name))
		case !filepath.IsAbs(one.Path):
			return nil, fmt.Errorf("path %q of %s is not absolute", one.Path, one.Name)
		case len(one.SHA256) != 64 || strings.Trim(one.SHA256, "0123456789abcdef") != "":
			return nil, fmt.Errorf("sha256 of %s is %q", one.Name, one.SHA256)
		case slices.ContainsFunc(file.Plugins[:i], func(other pin) bool { return other.Kind == one.Kind && other.Name == one.Name }):
			return nil, fmt.Errorf("%s %s appears twice", one.Kind, one.Name)
		}
	}
	return file.Plugins, nil
}

// checkName returns an error unless name can stand for a plugin.
func checkName(name string) error {
	d := plugins.Description{Name: name}
	return d.Validate()
}

// changePins reads the pins, has change change them, and writes them. Nobody
// else changes them meanwhile.
func changePins(change func(*pins) error) (err error) {
	dir, err := configDir()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	lock, err := durable.TryLock(filepath.Join(dir, "plugins.lock"))
	if err != nil {
		return fmt.Errorf("change the plugins of %s: %w", dir, err)
	}
	defer func() { err = errors.Join(err, lock.Release()) }()
	p, err := readPins()
	if err != nil {
		return err
	}
	if err := change(p); err != nil {
		return err
	}
	slices.SortFunc(p.list, func(a, b pin) int {
		return strings.Compare(string(a.Kind)+" "+a.Name, string(b.Kind)+" "+b.Name)
	})
	data, err := json.MarshalIndent(pinFile{p.list}, "", "  ")
	if err != nil {
		return err
	}
	return durable.Write(p.file(), append(data, '\n'))
}

// find returns the pin of a plugin.
func (p *pins) find(kind host.Kind, name string) (pin, bool) {
	i := slices.IndexFunc(p.list, func(one pin) bool { return one.Kind == kind && one.Name == name })
	if i < 0 {
		return pin{}, false
	}
	return p.list[i], true
}

// names lists the pinned plugins of a kind.
func (p *pins) names(kind host.Kind) []string {
	var all []string
	for _, one := range p.list {
		if one.Kind == kind {
			all = append(all, one.Name)
		}
	}
	return all
}

// put adds a pin in the place of one of the same kind and name.
func (p *pins) put(one pin) {
	p.list = append(slices.DeleteFunc(p.list, func(other pin) bool { return other.Kind == one.Kind && other.Name == one.Name }), one)
}

// errChanged says that a program is not the one that was added.
var errChanged = errors.New("has changed since it was added")

// open returns the plugin that is pinned, and an error that wraps errChanged
// where it is another one now.
func (one pin) open(alias string) (host.Plugin, error) {
	if err := executable(one.Path); err != nil {
		return host.Plugin{}, fmt.Errorf("%s %s: %w", one.Kind, one.Name, err)
	}
	plugin, err := host.External(one.Kind, alias, one.Path)
	if err != nil {
		return host.Plugin{}, err
	}
	if now := strings.TrimPrefix(plugin.Identity, "sha256:"); now != one.SHA256 {
		return host.Plugin{}, fmt.Errorf("%s %s %w: its SHA-256 was %s…, it is %s… now; if that is your doing, confirm it with: hypernas plugin add %s",
			one.Kind, one.Name, errChanged, one.SHA256[:12], now[:12], printable.Argument(one.Path))
	}
	return plugin, nil
}

// found lists the programs in the plugins' folder by name: executable files,
// and folders that hold one.
func (p *pins) found() (map[string]string, error) {
	if p.dir == "" {
		return nil, nil
	}
	entries, err := os.ReadDir(p.folder())
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	all := make(map[string]string)
	for _, entry := range entries {
		path := filepath.Join(p.folder(), entry.Name())
		name := strings.TrimSuffix(entry.Name(), filepath.Ext(entry.Name()))
		if entry.IsDir() {
			name = entry.Name()
			if path, err = onlyProgram(path); err != nil {
				return nil, err
			}
		}
		if path != "" && checkName(name) == nil && executable(path) == nil {
			all[name] = path
		}
	}
	return all, nil
}

// crowded reports whether the program at path is a script that lies straight in
// the plugins' folder: it would be pinned along with its neighbors.
func (p *pins) crowded(path string) (bool, error) {
	dir, err := host.Folder(path)
	if err != nil || dir == "" || p.dir == "" {
		return false, err
	}
	own, err := os.Stat(dir)
	if err != nil {
		return false, err
	}
	folder, err := os.Stat(p.folder())
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	return err == nil && os.SameFile(own, folder), err
}

// onlyProgram returns the path of the executable file in a folder, or "" where
// there is none or more than one.
func onlyProgram(dir string) (string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	only := ""
	for _, entry := range entries {
		path := filepath.Join(dir, entry.Name())
		if executable(path) != nil {
			continue
		}
		if only != "" {
			return "", nil
		}
		only = path
	}
	return only, nil
}

// executable returns an error unless path is that of an executable file.
func executable(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return pathError(err)
	}
	switch {
	case info.IsDir():
		hint := ""
		if program, err := onlyProgram(path); err == nil && program != "" {
			hint = "; did you mean " + printable.Argument(program) + "?"
		}
		return fmt.Errorf("%s is a folder, want the path of a plugin's program%s", path, hint)
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is no executable file", path)
	case info.Mode()&0o111 != 0 || runtime.GOOS == "windows":
		return nil
	case runnable(path):
		return fmt.Errorf("%s is no executable file yet; make it one: chmod +x %s", path, printable.Argument(path))
	case filepath.Ext(path) == ".py":
		return fmt.Errorf("%s is no executable file: begin it with the line #!/usr/bin/env python3, and then: chmod +x %s", path, printable.Argument(path))
	}
	return fmt.Errorf("%s is no executable file: it is neither a script (which begins with #!) nor a program", path)
}

// runnable reports whether the file at path looks like what the system could
// run: a script or, on Linux, a program.
func runnable(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	mark := make([]byte, 4)
	n, err := io.ReadFull(f, mark)
	_ = f.Close() // it was read from alone
	return (err == nil || errors.Is(err, io.ErrUnexpectedEOF)) && (bytes.HasPrefix(mark[:n], []byte("#!")) || string(mark[:n]) == "\x7fELF")
}
