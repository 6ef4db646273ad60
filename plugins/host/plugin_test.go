package host

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
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

// TestAScriptBehindALinkIsIdentifiedByWhatItLeadsTo reaches a script through a
// linked file and a linked folder: what is run is what is hashed.
func TestAScriptBehindALinkIsIdentifiedByWhatItLeadsTo(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	folded := filepath.Join(dir, "real")
	file, folder := filepath.Join(dir, "link.py"), filepath.Join(dir, "linked")
	if err := errors.Join(
		os.Mkdir(folded, 0o755), os.WriteFile(filepath.Join(folded, "mine.py"), []byte("#!/usr/bin/env python3\n"), 0o755),
		os.Symlink(filepath.Join(folded, "mine.py"), file), os.Symlink(folded, folder),
	); err != nil {
		t.Fatal(err)
	}
	paths := []string{filepath.Join(folded, "mine.py"), file, filepath.Join(folder, "mine.py")}
	identities := make(map[string]bool)
	for _, text := range []string{"depth = 1\n", "depth = 2\n"} {
		if err := os.WriteFile(filepath.Join(folded, "model.py"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			p, err := External(KindPredictor, "mine", path)
			if err != nil {
				t.Fatal(err)
			}
			if p.Path != paths[0] {
				t.Errorf("%s: got path %s, want %s", path, p.Path, paths[0])
			}
			identities[p.Identity] = true
		}
	}
	if len(identities) != 2 {
		t.Errorf("got %d identities of two versions by three paths, want 2", len(identities))
	}
	// Nothing but a link's end changes.
	p, err := External(KindPredictor, "mine", file)
	if err == nil {
		err = errors.Join(os.Remove(filepath.Join(folded, "mine.py")), os.WriteFile(filepath.Join(folded, "mine.py"), []byte("#!/bin/sh\n"), 0o755))
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := p.verify(t.Context()); err == nil || !strings.Contains(err.Error(), "(mine.py)") {
		t.Errorf("after a change of the script behind a link: got %v", err)
	}
}

// TestALookAtAPluginCanBeInterrupted: neither one large file nor many small ones
// are hashed to the end for a trial that is not wanted any more.
func TestALookAtAPluginCanBeInterrupted(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "mine.py"), []byte("#!/usr/bin/env python3\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	p, err := External(KindPredictor, "mine", filepath.Join(dir, "mine.py"))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.verify(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
	stop := make(chan struct{})
	close(stop)
	if _, err := hashFile(stop, filepath.Join(dir, "mine.py")); !errors.Is(err, errInterrupted) {
		t.Errorf("of a file: got %v", err)
	}
	if _, _, err := hashFolder(stop, dir); !errors.Is(err, errInterrupted) {
		t.Errorf("of a folder: got %v", err)
	}
}

func TestLinksInAScriptsFolderAreHashedOrRefused(t *testing.T) {
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	dir, outside := filepath.Join(root, "plugin"), filepath.Join(root, "outside")
	write := func(path, text string) {
		t.Helper()
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	link := func(to, name string) {
		t.Helper()
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	seen := make(map[string]string)
	fresh := func(what string) {
		t.Helper()
		p, err := External(KindPredictor, "mine", filepath.Join(dir, "mine.py"))
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if before := seen[p.Identity]; before != "" {
			t.Errorf("%s: the identity is that of: %s", what, before)
		}
		seen[p.Identity] = what
	}
	write(filepath.Join(dir, "mine.py"), "#!/usr/bin/env python3\n")
	write(filepath.Join(dir, "lib", "a.py"), "")
	write(filepath.Join(dir, "lib2", "a.py"), "")
	write(filepath.Join(outside, "model.py"), "depth = 1\n")
	fresh("no links")
	link(filepath.Join(outside, "model.py"), "model.py")
	fresh("a link to a file")
	write(filepath.Join(outside, "model.py"), "depth = 2\n")
	fresh("another text of the file")
	link("lib", "lib64")
	fresh("a link to a folder inside")
	link("lib2", "lib64")
	fresh("a link to another folder inside")
	link("nowhere", "lib64")
	fresh("a link to nowhere")
	link(".", "lib64")
	fresh("a link to the folder itself")

	write(filepath.Join(dir, ".hidden", "b.py"), "")
	for _, to := range []string{outside, "../outside", ".hidden", "lib64/.hidden"} {
		link(to, "more")
		_, err := External(KindPredictor, "mine", filepath.Join(dir, "mine.py"))
		if err == nil || !strings.Contains(err.Error(), "link "+filepath.Join(dir, "more")+" leads to a folder that is no part of the plugin") {
			t.Errorf("a link to %s: got %v", to, err)
		}
	}
	// A link to a run is no more part of it than the run.
	write(filepath.Join(outside, "records.jsonl"), "")
	link(outside, "more")
	if _, err := External(KindPredictor, "mine", filepath.Join(dir, "mine.py")); err != nil {
		t.Errorf("a link to a run: %v", err)
	}

	for _, name := range []string{".mine.py", "__pycache__/mine.py/.x.py"} {
		write(filepath.Join(dir, name), "#!/bin/sh\n")
		if _, err := External(KindPredictor, "mine", filepath.Join(dir, name)); err == nil || !strings.Contains(err.Error(), "not be part of its own SHA-256") {
			t.Errorf("script %s, which is not hashed: got %v", name, err)
		}
	}
}
