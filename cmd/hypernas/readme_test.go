package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
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

// TestTableOfREADME checks that the README's table is the one that its records
// give.
func TestTableOfREADME(t *testing.T) {
	root := filepath.Join("..", "..")
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(readme), "<!-- table: written by `make tables` from the records in docs/quick -->\n")
	got, _, closed := strings.Cut(rest, "<!-- end of table -->")
	if !found || !closed {
		t.Fatal("README.md has no place for its table")
	}
	var stdout, stderr bytes.Buffer
	args := []string{"table", filepath.Join(root, "docs", "quick"), "--format", "markdown"}
	if code := run(t.Context(), args, strings.NewReader(""), &stdout, &stderr); code != exitOK {
		t.Fatalf("exit code %d: %s", code, stderr.String())
	}
	if want := stdout.String(); got != want {
		t.Errorf("the README's table is not that of docs/quick; `make tables` writes it. Got\n%s\nwant\n%s", got, want)
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
