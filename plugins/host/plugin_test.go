package host

import (
	"os"
	"path/filepath"
	"testing"
)

func TestAScriptIsIdentifiedWithItsFolder(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	identity := func(name string) string {
		t.Helper()
		p, err := External(KindPredictor, "mine", filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return p.Identity
	}
	write("mine.py", "#!/usr/bin/env python3\nimport model\n")
	write("model.py", "depth = 1\n")
	write("binary", "\x7fELF")
	script, binary := identity("mine.py"), identity("binary")

	write("__pycache__/model.pyc", "compiled")
	write(".git/index", "changes often")
	if got := identity("mine.py"); got != script {
		t.Errorf("caches and hidden files change the identity")
	}
	write("model.py", "depth = 2\n")
	if got := identity("mine.py"); got == script {
		t.Errorf("an edited module beside the script does not change the identity")
	}
	if got := identity("binary"); got != binary {
		t.Errorf("what lies beside a binary changes its identity")
	}
}
