// Package scaffold writes small, complete plugin projects: code, test, README
// and what the language needs to build them.
package scaffold

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"unicode"
)

// Module is the module that plugins in Go build against.
const Module = "github.com/hypernas/hypernas"

//go:embed all:templates
var templates embed.FS

// Project says what to write.
type Project struct {
	Kind     string // predictor or space
	Language string // go or python
	Name     string // of the plugin; see CheckName
	Dir      string // where it is written; it must not exist
	Checkout string // the root of the module hypernas that it builds against; see FindCheckout
}

// Kinds lists the kinds of plugin that Write can write.
func Kinds() []string { return []string{"predictor", "space"} }

// Languages lists the languages that Write can write in.
func Languages() []string { return []string{"go", "python"} }

var nameRule = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)

// CheckName returns an error unless name can name a plugin, a Go module and a
// Python project: lower-case words of letters and digits with single hyphens
// between them, up to 40 characters.
func CheckName(name string) error {
	if len(name) > 40 || !nameRule.MatchString(name) {
		return fmt.Errorf("name is %q, want up to 40 lower-case letters and digits, words parted by single hyphens, such as my-grove", name)
	}
	return nil
}

// FindCheckout returns the root of the checkout of hypernas that holds one of
// the given files or folders, the first that does.
func FindCheckout(from ...string) (string, error) {
	for _, path := range from {
		path, err := filepath.Abs(path)
		if err != nil {
			return "", err
		}
		if followed, err := filepath.EvalSymlinks(path); err == nil {
			path = followed
		}
		for {
			if isCheckout(path) {
				return path, nil
			}
			parent := filepath.Dir(path)
			if parent == path {
				break
			}
			path = parent
		}
	}
	return "", fmt.Errorf("no checkout of hypernas holds %s", strings.Join(from, " or "))
}

// isCheckout reports whether dir is the root of the module hypernas.
func isCheckout(dir string) bool {
	data, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	return err == nil && bytes.HasPrefix(data, []byte("module "+Module+"\n"))
}

// Write writes the project and returns the names of its files. Nothing is left
// of one that fails, and nothing that exists is overwritten.
func (p Project) Write() (files []string, err error) {
	if !slices.Contains(Kinds(), p.Kind) {
		return nil, fmt.Errorf("kind is %q, want one of %s", p.Kind, strings.Join(Kinds(), ", "))
	}
	if !slices.Contains(Languages(), p.Language) {
		return nil, fmt.Errorf("language is %q, want one of %s", p.Language, strings.Join(Languages(), ", "))
	}
	if err := CheckName(p.Name); err != nil {
		return nil, err
	}
	if !isCheckout(p.Checkout) {
		return nil, fmt.Errorf("%s is no checkout of hypernas", p.Checkout)
	}
	if _, err := os.Lstat(p.Dir); !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s exists already", p.Dir)
	}
	contents, err := p.contents()
	if err != nil {
		return nil, err
	}
	// Under another name first, so that the folder is found whole or not at all.
	if err := os.MkdirAll(filepath.Dir(p.Dir), 0o777); err != nil {
		return nil, err
	}
	temporary, err := os.MkdirTemp(filepath.Dir(p.Dir), ".hypernas-new-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temporary)) }()
	project := filepath.Join(temporary, "project")
	if err := os.Mkdir(project, 0o777); err != nil {
		return nil, err
	}
	for name, data := range contents {
		mode := fs.FileMode(0o666)
		if bytes.HasPrefix(data, []byte("#!")) {
			mode = 0o777
		}
		if err := os.WriteFile(filepath.Join(project, name), data, mode); err != nil {
			return nil, err
		}
		files = append(files, name)
	}
	slices.Sort(files)
	return files, os.Rename(project, p.Dir)
}

// values is what templates are filled with.
type values struct {
	Project
	Class    string   // a name for a class in Python
	Go       string   // the version of the language
	Requires []string // lines of go.mod
	Replace  string   // the checkout as go.mod has it
}

// contents returns the files of the project by name.
func (p Project) contents() (map[string][]byte, error) {
	v := values{Project: p}
	for word := range strings.SplitSeq(p.Name, "-") {
		v.Class += strings.ToUpper(word[:1]) + word[1:]
	}
	all := make(map[string][]byte)
	if p.Language == "go" {
		mod, err := os.ReadFile(filepath.Join(p.Checkout, "go.mod"))
		if err != nil {
			return nil, err
		}
		v.Go, v.Requires = requirements(string(mod))
		v.Replace = p.Checkout
		if strings.ContainsFunc(v.Replace, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune("\"'`()[]{},", r) }) {
			v.Replace = strconv.Quote(v.Replace)
		}
		if all["go.sum"], err = os.ReadFile(filepath.Join(p.Checkout, "go.sum")); err != nil {
			return nil, err
		}
	}
	dir := "templates/" + p.Kind + "-" + p.Language
	entries, err := templates.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		t, err := template.ParseFS(templates, dir+"/"+entry.Name())
		if err != nil {
			return nil, err
		}
		var b bytes.Buffer
		if err := t.Execute(&b, v); err != nil {
			return nil, err
		}
		all[strings.TrimSuffix(entry.Name(), ".tmpl")] = b.Bytes()
	}
	return all, nil
}

// needed lists the modules that packages serve, plugintest and their tests
// are built from. The test of the generated projects fails where one is
// missing.
func needed() []string {
	return []string{
		"github.com/fatih/color", "github.com/golang/protobuf", "github.com/hashicorp/go-hclog", "github.com/hashicorp/go-plugin",
		"github.com/hashicorp/yamux", "github.com/mattn/go-colorable", "github.com/mattn/go-isatty", "github.com/oklog/run",
		"golang.org/x/net", "golang.org/x/sys", "golang.org/x/text", "google.golang.org/genproto/googleapis/rpc",
		"google.golang.org/grpc", "google.golang.org/protobuf",
	}
}

// requirements returns the version of Go that a go.mod asks for, and its
// requirements of the needed modules, as "path version".
func requirements(mod string) (version string, lines []string) {
	for line := range strings.Lines(mod) {
		fields := strings.Fields(strings.TrimPrefix(strings.TrimSpace(line), "require "))
		switch {
		case len(fields) == 2 && fields[0] == "go":
			version = fields[1]
		case len(fields) >= 2 && slices.Contains(needed(), fields[0]):
			lines = append(lines, fields[0]+" "+fields[1])
		}
	}
	return version, lines
}
