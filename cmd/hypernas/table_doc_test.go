package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestTableDocument runs docs/table.md: its files are those of
// docs/examples/table (of data, the beginning), its commands succeed there,
// and their output has the lines that follow them.
func TestTableDocument(t *testing.T) {
	docs := filepath.Join("..", "..", "docs")
	page, err := os.ReadFile(filepath.Join(docs, "table.md"))
	if err != nil {
		t.Fatal(err)
	}
	examples := filepath.Join(docs, "examples", "table")
	var script strings.Builder
	blocks := regexp.MustCompile("(?ms)^```(\\S*) ?(\\S*)\n(.*?)^```$").FindAllStringSubmatch(string(page), -1)
	for _, b := range blocks {
		kind, file, text := b[1], b[2], b[3]
		switch {
		case kind == "sh":
			for line := range strings.Lines(text) {
				script.WriteString("exec " + line)
			}
		case kind == "text":
			for line := range strings.Lines(text) {
				script.WriteString("stdout '^" + regexp.QuoteMeta(strings.TrimSuffix(line, "\n")) + "$'\n")
			}
		case file == "":
			t.Errorf("a block is neither sh nor text, and has no file name, so nothing runs it:\n%s", text)
		default:
			whole, err := os.ReadFile(filepath.Join(examples, file))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.HasPrefix(whole, []byte(text)) || kind == "yaml" && string(whole) != text {
				t.Errorf("docs/table.md shows another %s than docs/examples/table has", file)
			}
		}
	}
	if len(blocks) < 10 {
		t.Fatalf("got %d blocks of docs/table.md", len(blocks))
	}
	path := filepath.Join(t.TempDir(), "table.txtar")
	if err := os.WriteFile(path, []byte(script.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Files:               []string{path},
		RequireExplicitExec: true,
		Setup:               func(e *testscript.Env) error { return os.CopyFS(e.WorkDir, os.DirFS(examples)) },
	})
}
