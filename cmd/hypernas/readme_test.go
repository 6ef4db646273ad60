package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestPredictorOfREADME builds the predictor that the README shows and runs it
// as the README says.
func TestPredictorOfREADME(t *testing.T) {
	root := filepath.Join("..", "..")
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(readme), "```go\n")
	code, _, closed := strings.Cut(rest, "```\n")
	if !found || !closed {
		t.Fatal("README.md shows no Go program")
	}
	dir := t.TempDir()
	source, plugin := filepath.Join(dir, "windows.go"), filepath.Join(dir, "windows")
	if err := os.WriteFile(source, []byte(code), 0o644); err != nil {
		t.Fatal(err)
	}
	build := exec.Command("go", "build", "-o", plugin, source)
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the README's predictor: %v\n%s", err, out)
	}
	var stdout, stderr bytes.Buffer
	args := []string{"run", "--space", "bundled", "--predictor", "params,mine=" + plugin, "--budget", "20", "--splits", "2", "--out", filepath.Join(dir, "run")}
	if code := run(t.Context(), args, strings.NewReader(""), &stdout, &stderr); code != exitOK {
		t.Fatalf("exit code %d\n%s%s", code, stdout.String(), stderr.String())
	}
	if !strings.Contains(stdout.String(), "mine") {
		t.Errorf("the table lacks the README's predictor:\n%s", stdout.String())
	}
}

// TestTablesOfDocs checks that the tables of README and docs are those that the
// records beside them give, with the options that the Makefile names, and that each
// folder of records holds together.
func TestTablesOfDocs(t *testing.T) {
	root := filepath.Join("..", "..")
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	inserts := regexp.MustCompile(`\$\(call insert,([^,)]+),([^,)]+)(?:,([^)]*))?\)`).FindAllStringSubmatch(string(makefile), -1)
	if len(inserts) == 0 {
		t.Fatal("the Makefile inserts no tables")
	}
	for _, insert := range inserts {
		records, page, options := insert[1], insert[2], strings.Fields(insert[3])
		t.Run(records, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join(root, page))
			if err != nil {
				t.Fatal(err)
			}
			_, rest, found := strings.Cut(string(text), "<!-- table: written by `make tables` from the records in "+records+" -->\n")
			got, _, closed := strings.Cut(rest, "<!-- end of table -->")
			if !found || !closed {
				t.Fatalf("%s has no place for the table", page)
			}
			dir := filepath.Join(root, records)
			var stdout, stderr bytes.Buffer
			if code := run(t.Context(), append([]string{"table", dir, "--format", "markdown"}, options...), strings.NewReader(""), &stdout, &stderr); code != exitOK {
				t.Fatalf("exit code %d: %s", code, stderr.String())
			}
			if want := stdout.String(); got != want {
				t.Errorf("the table in %s is not that of the records; `make tables` writes it. Got\n%s\nwant\n%s", page, got, want)
			}
			stdout.Reset()
			if code := run(t.Context(), []string{"verify", "--allow-unchecked", dir}, strings.NewReader(""), &stdout, &stderr); code != exitOK {
				t.Errorf("exit code %d: %s%s", code, stdout.String(), stderr.String())
			}
		})
	}
}

// TestCurveOfREADME checks that the README's picture is the one that its
// records give.
func TestCurveOfREADME(t *testing.T) {
	dir := filepath.Join("..", "..", "docs", "quick")
	readme, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(readme), "](docs/quick/curve.svg)") {
		t.Error("README.md does not show docs/quick/curve.svg")
	}
	got, err := os.ReadFile(filepath.Join(dir, "curve.svg"))
	if err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), []string{"plot", dir, "--kind", "curves"}, strings.NewReader(""), &stdout, &stderr); code != exitOK {
		t.Fatalf("exit code %d: %s", code, stderr.String())
	}
	if !bytes.Equal(got, stdout.Bytes()) {
		t.Error("docs/quick/curve.svg is not the curve of docs/quick's records; `make tables` writes it")
	}
}
