package registry

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// packers write archives of regular files, in both formats.
var packers = map[string]struct {
	pack   func(t testing.TB, files ...[2]string) []byte
	unpack func(data []byte, limit int64, each func(string, []byte) error) error
}{
	"zip":    {packZip, Zip},
	"tar.gz": {packTarGz, TarGz},
}

func packZip(t testing.TB, files ...[2]string) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	for _, f := range files {
		e, err := w.Create(f[0])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.Write([]byte(f[1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func packTarGz(t testing.TB, files ...[2]string) []byte {
	t.Helper()
	headers := make([]tar.Header, len(files))
	for i, f := range files {
		headers[i] = tar.Header{Name: f[0], Mode: 0o644, Size: int64(len(f[1])), Typeflag: tar.TypeReg}
		if strings.HasSuffix(f[0], "/") {
			headers[i].Typeflag = tar.TypeDir
		}
	}
	return packTar(t, headers, files)
}

func packTar(t testing.TB, headers []tar.Header, files [][2]string) []byte {
	t.Helper()
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	w := tar.NewWriter(z)
	for i := range headers {
		if err := w.WriteHeader(&headers[i]); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(files[i][1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// read returns an archive's files by name.
func read(unpack func([]byte, int64, func(string, []byte) error) error, data []byte, limit int64) (map[string]string, error) {
	got := make(map[string]string)
	err := unpack(data, limit, func(name string, body []byte) error {
		got[name] = string(body)
		return nil
	})
	return got, err
}

func TestArchives(t *testing.T) {
	for format, p := range packers {
		t.Run(format, func(t *testing.T) {
			data := p.pack(t, [2]string{"runs/", ""}, [2]string{"runs/0.json", "[]"}, [2]string{"./note", "made up"}, [2]string{"empty", ""})
			got, err := read(p.unpack, data, 1<<16)
			if err != nil {
				t.Fatal(err)
			}
			if want := map[string]string{"runs/0.json": "[]", "note": "made up", "empty": ""}; !maps.Equal(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
}

// TestUnsafeArchives checks that nothing is handed on under a name that leaves
// its folder, nor more than the limit.
func TestUnsafeArchives(t *testing.T) {
	for format, p := range packers {
		for _, name := range []string{"../x", "/etc/passwd", "a/../../x", `..\x`, `C:\x`, "C:x", "a/./b", "a//b"} {
			t.Run(format+" "+name, func(t *testing.T) {
				got, err := read(p.unpack, p.pack(t, [2]string{name, "x"}), 1<<16)
				if !errors.Is(err, ErrArchive) || len(got) > 0 {
					t.Errorf("got %v, %v, want an error and no entry", got, err)
				}
				if err != nil && !strings.Contains(err.Error(), fmt.Sprintf("%q", name)) {
					t.Errorf("the error does not name the entry: %v", err)
				}
			})
		}
		t.Run(format+" expands", func(t *testing.T) {
			// 10 MB of zeros take about 10 kB.
			bomb := p.pack(t, [2]string{"small", "x"}, [2]string{"bomb", strings.Repeat("\x00", 10e6)})
			got, err := read(p.unpack, bomb, 1e6)
			if !errors.Is(err, ErrArchive) || len(got["bomb"]) > 0 {
				t.Errorf("got %d bytes, %v, want none and an error", len(got["bomb"]), err)
			}
			if _, err := read(p.unpack, bomb, 11e6); err != nil {
				t.Errorf("within the limit: %v", err)
			}
		})
		t.Run(format+" total", func(t *testing.T) {
			files := make([][2]string, 10)
			for i := range files {
				files[i] = [2]string{fmt.Sprint(i), strings.Repeat("a", 200e3)}
			}
			if got, err := read(p.unpack, p.pack(t, files...), 1e6); !errors.Is(err, ErrArchive) || len(got) > 5 {
				t.Errorf("got %d entries, %v, want at most 5 and an error", len(got), err)
			}
		})
		t.Run(format+" twice", func(t *testing.T) {
			if _, err := read(p.unpack, p.pack(t, [2]string{"a", "1"}, [2]string{"./a", "2"}), 1<<16); !errors.Is(err, ErrArchive) {
				t.Errorf("got %v, want an error", err)
			}
		})
		t.Run(format+" damaged", func(t *testing.T) {
			data := p.pack(t, [2]string{"a", strings.Repeat("some text ", 100)})
			for cut := range len(data) {
				if _, err := read(p.unpack, data[:cut], 1<<16); err == nil {
					t.Fatalf("cut at %d of %d bytes it reads without an error", cut, len(data))
				}
			}
		})
		t.Run(format+" error", func(t *testing.T) {
			stop := errors.New("no use")
			err := p.unpack(p.pack(t, [2]string{"a", ""}), 1<<16, func(string, []byte) error { return stop })
			if !errors.Is(err, stop) || errors.Is(err, ErrArchive) {
				t.Errorf("got %v, want the error of each", err)
			}
		})
	}
	links := packTar(t, []tar.Header{{Name: "out", Linkname: "/etc", Typeflag: tar.TypeSymlink}}, make([][2]string, 1))
	if _, err := read(TarGz, links, 1<<16); !errors.Is(err, ErrArchive) {
		t.Errorf("a link: got %v, want an error", err)
	}
	// Headers of empty files count too.
	headers, empty := make([]tar.Header, 5000), make([][2]string, 5000)
	for i := range headers {
		headers[i] = tar.Header{Name: fmt.Sprint(i), Typeflag: tar.TypeReg}
	}
	if got, err := read(TarGz, packTar(t, headers, empty), 1e6); !errors.Is(err, ErrArchive) {
		t.Errorf("%d empty files: got %v, want an error", len(got), err)
	}
}

// mirror is where the real files lie beside the project, on machines that have
// them.
func mirror(t testing.TB) string {
	t.Helper()
	dir := filepath.Join("..", "..", "..", "shared", "mirror")
	if _, err := os.Stat(dir); err != nil {
		t.Skip("there is no ../shared/mirror beside the project: real files are not read")
	}
	return dir
}

func TestRealArchives(t *testing.T) {
	c := Cache{mirror(t)}
	for _, want := range []struct {
		set, file string
		unpack    func([]byte, int64, func(string, []byte) error) error
		entries   int
	}{
		{"nasbench201", "zen.zip", Zip, 189},
		{"transnas", "zen.zip", Zip, 0},
		{"mnasnet", "accel.tar.gz", TarGz, 0},
	} {
		data, err := c.Read(want.set, want.file)
		if err != nil {
			t.Fatal(err)
		}
		got, total := 0, 0
		err = want.unpack(data, 1<<28, func(name string, body []byte) error {
			got++
			total += len(body)
			return nil
		})
		if err != nil {
			t.Errorf("%s/%s: %v", want.set, want.file, err)
		}
		t.Logf("%s/%s: %d entries, %d bytes", want.set, want.file, got, total)
		if got == 0 || want.entries > 0 && got != want.entries {
			t.Errorf("%s/%s: %d entries, want %d", want.set, want.file, got, want.entries)
		}
	}
}

// FuzzZip checks Zip's promises on anything.
func FuzzZip(f *testing.F) { fuzzArchive(f, "zip") }

// FuzzTarGz checks TarGz's promises on anything.
func FuzzTarGz(f *testing.F) { fuzzArchive(f, "tar.gz") }

func fuzzArchive(f *testing.F, format string) {
	p := packers[format]
	f.Add(p.pack(f, [2]string{"runs/0.json", "[]"}, [2]string{"note", "made up"}))
	f.Add(p.pack(f, [2]string{"../x", ""}))
	f.Add(p.pack(f, [2]string{"big", strings.Repeat("\x00", 1<<17)}))
	f.Add([]byte{})
	const limit = 1 << 16
	f.Fuzz(func(t *testing.T, data []byte) {
		total := 0
		seen := make(map[string]bool)
		err := p.unpack(data, limit, func(name string, body []byte) error {
			if !filepath.IsLocal(name) || strings.ContainsAny(name, `\:`) || seen[name] {
				t.Errorf("name %q", name)
			}
			seen[name] = true
			total += len(body)
			return nil
		})
		if total > limit {
			t.Errorf("expanded to %d bytes, want at most %d", total, limit)
		}
		if err != nil && !errors.Is(err, ErrArchive) {
			t.Errorf("error %v does not wrap ErrArchive", err)
		}
	})
}
