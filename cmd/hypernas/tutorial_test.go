package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestTutorials does what the tutorials say, in a shell, in a folder beside a
// checkout, with nothing fetched from the network.
func TestTutorials(t *testing.T) {
	if testing.Short() {
		t.Skip("builds and runs projects")
	}
	for _, tutorial := range []struct {
		page, row string // the last table has a line that begins with row
		python    []string
	}{
		{page: "plugin-predictor-go.md", row: " my-ranker "},
		{page: "plugin-space-go.md", row: "my-chains"},
		{page: "plugin-predictor-python.md", row: " gbdt-sklearn ", python: []string{"sklearn"}},
		{page: "plugin-space-python.md", row: "my-chains", python: []string{}},
	} {
		t.Run(strings.TrimSuffix(tutorial.page, ".md"), func(t *testing.T) {
			t.Parallel()
			root, err := filepath.Abs(filepath.Join("..", ".."))
			if err != nil {
				t.Fatal(err)
			}
			page, err := os.ReadFile(filepath.Join(root, "docs", tutorial.page))
			if err != nil {
				t.Fatal(err)
			}
			work := t.TempDir()
			cmd := exec.CommandContext(t.Context(), "sh", "-e")
			cmd.Dir = work
			cmd.Stdin = strings.NewReader(script(t, string(page)))
			cmd.Env = append(os.Environ(), "HYPERNAS_CONFIG="+filepath.Join(work, "config"), "GOPROXY=off", "GOFLAGS=")
			if tutorial.python == nil {
				err = os.Symlink(root, filepath.Join(work, "hypernas"))
			} else {
				// Of a copy: building a package writes beside its source. Its needs are
				// those of the interpreter.
				python := interpreter(t, append(tutorial.python, "grpc", "google.protobuf", "numpy", "venv", "setuptools", "pip", "wheel")...)
				cmd.Env = append(cmd.Env, "PATH="+filepath.Dir(python)+string(os.PathListSeparator)+os.Getenv("PATH"),
					"PIP_NO_INDEX=1", "PIP_NO_BUILD_ISOLATION=0", "PIP_DISABLE_PIP_VERSION_CHECK=1", "PIP_NO_DEPS=1")
				err = copyPackage(root, filepath.Join(work, "hypernas"))
			}
			if err != nil {
				t.Fatal(err)
			}
			var stdout, stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			if err := cmd.Run(); err != nil {
				t.Fatalf("%v\n%s\n%s", err, stdout.String(), stderr.String())
			}
			out := stdout.String()
			if n := strings.Count(out, " checks passed"); n != 2 {
				t.Errorf("%d runs of plugin check passed, want 2", n)
			}
			last := out[strings.LastIndex(out, "use it: hypernas run"):]
			if !strings.Contains(last, "\n"+tutorial.row) || !strings.Contains(last, " 0 failed.") {
				t.Errorf("the last table lacks %q:\n%s", tutorial.row, last)
			}
		})
	}
}

// TestTutorialsPredictorIsTheExample checks that the tutorial's predictor is
// the one whose predictions are compared with scikit-learn's, in
// plugins/python.
func TestTutorialsPredictorIsTheExample(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "plugin-predictor-python.md"))
	if err != nil {
		t.Fatal(err)
	}
	example, err := os.ReadFile(filepath.Join("..", "..", "plugins", "python", "examples", "gbdt.py"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), "```python\n"+string(example)+"```\n") {
		t.Error("docs/plugin-predictor-python.md does not show plugins/python/examples/gbdt.py")
	}
}

// script returns what a page says as a script: its commands, and its files
// where they are shown. A block without a language is output.
func script(t *testing.T, page string) string {
	t.Helper()
	var s strings.Builder
	note := ""
	for rest := page; ; {
		before, block, found := strings.Cut(rest, "\n```")
		if !found {
			break
		}
		body, after, closed := strings.Cut(block, "\n```\n")
		if !closed {
			t.Fatalf("a block is not closed: %.40q", block)
		}
		language, text, _ := strings.Cut(body, "\n")
		note = before[strings.LastIndexByte(before, '\n')+1:]
		file, isFile := strings.CutPrefix(note, "<!-- file: ")
		switch {
		case isFile:
			s.WriteString("cat > " + strings.TrimSuffix(file, " -->") + " <<'END OF FILE'\n" + text + "\nEND OF FILE\n")
		case note == "<!-- not run -->" || language == "":
		case language == "sh":
			s.WriteString(text + "\n")
		default:
			t.Fatalf("a block of %s is neither a file nor commands", language)
		}
		rest = "\n" + after
	}
	return s.String()
}

// interpreter returns a python3 that has modules, and skips the test where
// there is none; in CI, which installs them, it fails the test.
func interpreter(t *testing.T, modules ...string) string {
	t.Helper()
	for _, name := range []string{"python3", "/usr/bin/python3"} {
		if path, err := exec.LookPath(name); err == nil && exec.Command(path, "-c", "import "+strings.Join(modules, ", ")).Run() == nil {
			return path
		}
	}
	missing := fmt.Sprintf("no python3 has %s (Debian: python3-grpcio python3-protobuf python3-numpy python3-sklearn python3-venv)", strings.Join(modules, ", "))
	if os.Getenv("CI") != "" {
		t.Fatal(missing + "; .ci/run installs them")
	}
	t.Skip(missing)
	return ""
}

// copyPackage copies what a plugin in Python needs of a checkout.
func copyPackage(root, to string) error {
	if err := os.CopyFS(filepath.Join(to, "plugins", "python"), os.DirFS(filepath.Join(root, "plugins", "python"))); err != nil {
		return err
	}
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(to, "go.mod"), mod, 0o666)
}
