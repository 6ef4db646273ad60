package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/hypernas/hypernas/"

// mayImport is the dependency rule: what the files of a folder (without the
// tests) may import of this module. The first entry whose folder holds the
// file decides. "std" alone means the standard library and nothing else.
var mayImport = []struct {
	folder  string
	imports []string
}{
	{"plugins/internal", []string{"plugins/internal", "plugins"}},
	{"plugins/proto", []string{"plugins/internal"}},
	{"plugins/serve", []string{"plugins", "plugins/internal", "plugins/proto"}},
	{"plugins/host", []string{"plugins", "plugins/internal", "plugins/proto", "internal/printable"}},
	{"plugins/conform", []string{"plugins"}},
	{"plugins/plugintest", []string{"plugins", "plugins/conform", "plugins/internal", "plugins/proto"}},
	{"plugins/scaffold", []string{"std"}},
	{"plugins", nil},
	{"internal/nn/fit", []string{"internal", "plugins"}},
	{"internal", []string{"internal"}},
	{"spaces", []string{"plugins", "internal", "spaces/registry", "spaces/rows"}},
	{"predictors", []string{"plugins", "internal", "predictors/feature"}},
	{"results", []string{"results", "internal/durable", "internal/npy"}},
	{"harness", []string{"harness", "results", "plugins", "internal/printable"}},
	{"cmd", []string{"cmd", "harness", "results", "plugins", "spaces", "predictors", "internal"}},
}

// transport is what only the two ends of the process boundary know.
var transport = []string{"plugins/host", "plugins/serve", "plugins/internal", "plugins/proto", "plugins/conform", "plugins/plugintest", "plugins/scaffold"}

func TestDependenciesPointDown(t *testing.T) {
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || d.Name() == ".git") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		folder := filepath.ToSlash(filepath.Dir(rel))
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if ours, ok := strings.CutPrefix(imported, module); ok && !allowed(folder, ours) {
				t.Errorf("%s imports %s, which lies above it or beside it; see CONTRIBUTING.md", rel, ours)
			}
			if folder == "plugins" && strings.Contains(imported, ".") {
				t.Errorf("%s imports %s; the contract uses the standard library alone", rel, imported)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func allowed(folder, imported string) bool {
	if within(folder, imported) || within(imported, folder) && folder != "plugins" {
		return true
	}
	for _, rule := range mayImport {
		if !within(folder, rule.folder) {
			continue
		}
		if rule.folder != "cmd" && !within(folder, "plugins") {
			for _, hidden := range transport {
				if within(imported, hidden) {
					return false
				}
			}
		}
		for _, ok := range rule.imports {
			if imported == ok || (ok != "plugins" || rule.folder == "cmd") && within(imported, ok) {
				return true
			}
		}
		return false
	}
	return false
}

// within reports whether a folder is parent or lies below it.
func within(folder, parent string) bool {
	return folder == parent || strings.HasPrefix(folder, parent+"/")
}
