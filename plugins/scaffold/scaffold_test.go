package scaffold_test

import (
	"go/format"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hypernas/hypernas/plugins/scaffold"
)

// root is this checkout.
func root(t *testing.T) string {
	t.Helper()
	dir, err := scaffold.FindCheckout(".")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestProjectsAreWhole checks what is written; that it builds, passes its
// tests and keeps the contract is checked with the tutorials, in cmd/hypernas.
func TestProjectsAreWhole(t *testing.T) {
	for _, kind := range scaffold.Kinds() {
		for _, language := range scaffold.Languages() {
			dir := filepath.Join(t.TempDir(), "below", "it")
			p := scaffold.Project{Kind: kind, Language: language, Name: "two-words", Dir: dir, Checkout: root(t)}
			files, err := p.Write()
			if err != nil {
				t.Fatal(err)
			}
			if len(files) < 5 {
				t.Errorf("%s in %s has the files %q", kind, language, files)
			}
			for _, name := range files {
				data, err := os.ReadFile(filepath.Join(dir, name))
				if err != nil {
					t.Fatal(err)
				}
				text := string(data)
				if strings.Contains(text, "{{") && language == "python" || strings.Contains(text, "<no value>") {
					t.Errorf("%s of a %s in %s is not filled in", name, kind, language)
				}
				if strings.HasSuffix(name, ".go") {
					if formatted, err := format.Source(data); err != nil || string(formatted) != text {
						t.Errorf("%s of a %s is not formatted: %v", name, kind, err)
					}
				}
				info, err := os.Stat(filepath.Join(dir, name))
				if err != nil {
					t.Fatal(err)
				}
				if script := strings.HasPrefix(text, "#!"); script != (info.Mode()&0o100 != 0) {
					t.Errorf("%s has mode %v", name, info.Mode())
				}
			}
			if _, err := p.Write(); err == nil {
				t.Error("a project is written over another")
			}
			if left, err := filepath.Glob(filepath.Join(filepath.Dir(dir), ".*")); err != nil || left != nil {
				t.Errorf("%q is left", left)
			}
		}
	}
}

func TestNamesAreStrict(t *testing.T) {
	for _, name := range []string{"a", "forest", "k-nearest-5", strings.Repeat("a", 40)} {
		if err := scaffold.CheckName(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{"", "A", "5a", "a_b", "a--b", "-a", "a-", "a/b", "..", "a b", "ä", strings.Repeat("a", 41)} {
		if scaffold.CheckName(name) == nil {
			t.Errorf("%q is accepted", name)
		}
	}
}

func TestACheckoutWithASpaceInItsPathIsQuoted(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "my checkout")
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"go.mod": "module " + scaffold.Module + "\n\ngo 1.26.0\n\nrequire google.golang.org/grpc v1.85.0\n", "go.sum": "",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	out := filepath.Join(t.TempDir(), "out")
	p := scaffold.Project{Kind: "space", Language: "go", Name: "mine", Dir: out, Checkout: dir}
	if _, err := p.Write(); err != nil {
		t.Fatal(err)
	}
	mod, err := os.ReadFile(filepath.Join(out, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"module mine\n", "\ngo 1.26.0\n", "=> \"" + dir + "\"\n", "\tgoogle.golang.org/grpc v1.85.0 // indirect\n"} {
		if !strings.Contains(string(mod), want) {
			t.Errorf("go.mod lacks %q:\n%s", want, mod)
		}
	}
}
