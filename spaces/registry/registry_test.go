package registry

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hypernas/hypernas/plugins"
)

// TestSets checks what every entry must have, and the real files where they
// are.
func TestSets(t *testing.T) {
	names, paths := make(map[string]bool), make(map[string]bool)
	for _, s := range Sets() {
		for _, name := range append([]string{s.Name}, s.Spaces...) {
			if names[name] {
				t.Errorf("two sets are found by the name %s", name)
			}
			names[name] = true
			if got, ok := Lookup(name); !ok || got.Name != s.Name {
				t.Errorf("Lookup(%s) = %s, %v", name, got.Name, ok)
			}
		}
		if s.Summary == "" || s.Citation == "" {
			t.Errorf("%s lacks a summary or a citation", s.Name)
		}
		for i := range s.Files {
			f := &s.Files[i]
			if paths[f.Path] {
				t.Errorf("%s is there twice", f.Path)
			}
			paths[f.Path] = true
			if !filepath.IsLocal(f.Path) || f.Bytes <= 0 || f.License == "" || f.Summary == "" || s.File(f.Name) != f {
				t.Errorf("%s/%s: %+v", s.Name, f.Name, f)
			}
			if (f.SHA256 == "") == (f.MD5 == "" && f.Check == nil) || f.SHA256 != "" && len(f.SHA256) != 64 {
				t.Errorf("%s/%s: nothing, or too much, says what it must be", s.Name, f.Name)
			}
			if f.SHA256 == "" && !f.Explicit {
				t.Errorf("%s/%s is fetched by itself, and no SHA-256 is published", s.Name, f.Name)
			}
		}
	}
	if _, ok := Lookup("nasbench999"); ok {
		t.Error("nasbench999 is found")
	}
	s, _ := Lookup("nasbench101")
	if got := len(s.Wanted()); got != len(s.Files)-1 {
		t.Errorf("%d files of nasbench101 are wanted, want all but the official one", got)
	}
	if s, _ = Lookup("cifar10"); len(s.Wanted()) != 1 {
		t.Errorf("%d files of cifar10 are wanted, want 1", len(s.Wanted()))
	}
	f, _ := Lookup("macro")
	if got, want := f.Files[0].URL(), "https://raw.githubusercontent.com/xiusu/NAS-Bench-Macro/61a2bfc2ca0dce04d0997e6cf498047c27d6acf2/data/nas-bench-macro_cifar10.json"; got != want {
		t.Errorf("address %s, want %s", got, want)
	}
}

// TestMirrorIsAll checks that the registry has every file of the mirror, by its
// sum, and no other that get all would fetch.
func TestMirrorIsAll(t *testing.T) {
	dir := mirror(t)
	sums, err := os.ReadFile(filepath.Join(dir, "SHA256SUMS"))
	if err != nil {
		t.Fatal(err)
	}
	want := make(map[string]string)
	for line := range strings.Lines(string(sums)) {
		sum, path, _ := strings.Cut(strings.TrimSpace(line), "  ")
		want[strings.TrimPrefix(path, "./")] = sum
	}
	for _, s := range Sets() {
		for _, f := range s.Files {
			if f.Explicit {
				continue
			}
			if want[f.Path] != f.SHA256 {
				t.Errorf("%s: SHA-256 %s, want %s", f.Path, f.SHA256, want[f.Path])
			}
			delete(want, f.Path)
			if err := (Cache{dir}).Check(&f); err != nil {
				t.Error(err)
			}
		}
	}
	for path := range want {
		t.Errorf("%s is not in the registry", path)
	}
}

func TestMissing(t *testing.T) {
	c := Cache{t.TempDir()}
	for _, test := range []struct{ set, file, want string }{
		{"nasbench201", "zen.zip", "data not present: nasbench201/zen.zip is not in " + c.Dir + "; fetch it (3 files, 7.5 MB) with: hypernas data get nasbench201"},
		{"macro", "macro.json", "data not present: macro/macro.json is not in " + c.Dir + "; fetch it (1 file, 1.2 MB) with: hypernas data get macro"},
		{"nasbench101", "nasbench_only108.tfrecord", "data not present: nasbench101/nasbench_only108.tfrecord is not in " + c.Dir + "; fetch it (499.0 MB) with: hypernas data get nasbench101/nasbench_only108.tfrecord"},
		{"cifar10", "cifar-10-binary.tar.gz", "data not present: cifar10/cifar-10-binary.tar.gz is not in " + c.Dir + "; fetch it (1 file, 170.1 MB) with: hypernas data get cifar10"},
	} {
		if _, err := c.Read(test.set, test.file); !errors.Is(err, plugins.ErrDataMissing) || err.Error() != test.want {
			t.Errorf("got  %v\nwant %s", err, test.want)
		}
	}
	s, _ := Lookup("macro")
	path := c.Path(&s.Files[0])
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	if data, err := c.Read("macro", "macro.json"); !errors.Is(err, ErrWrong) || data != nil || !strings.Contains(err.Error(), "hypernas data get macro replaces it") {
		t.Errorf("a wrong file: got %q, %v", data, err)
	}
}

func TestDerive(t *testing.T) {
	c := Cache{t.TempDir()}
	built := 0
	build := func() ([]byte, error) {
		built++
		return []byte("graphs"), nil
	}
	check := func(want string, times int) {
		t.Helper()
		if got, err := c.Derive("graphs-1", build); err != nil || string(got) != want || built != times {
			t.Errorf("got %q, %v after %d builds, want %q after %d", got, err, built, want, times)
		}
	}
	check("graphs", 1)
	check("graphs", 1)
	for _, damaged := range []string{"", "graphs", "graphs that were damaged, though they are long enough"} {
		if err := os.WriteFile(c.derivedPath("graphs-1"), []byte(damaged), 0o644); err != nil {
			t.Fatal(err)
		}
		built = 0
		check("graphs", 1)
	}
	if err := c.Keep("graphs-1", []byte("imported")); err != nil {
		t.Fatal(err)
	}
	check("imported", 1)
	failed := errors.New("no memory")
	if _, err := c.Derive("other", func() ([]byte, error) { return nil, failed }); !errors.Is(err, failed) {
		t.Errorf("got %v, want the error of build", err)
	}
	// A cache that can't be written is no reason to fail.
	c = Cache{filepath.Join(c.derivedPath("graphs-1"), "no folder")}
	built = 0
	check("graphs", 1)
}

// tfrecord returns a file of records, as TensorFlow writes it.
func tfrecord(records ...string) []byte {
	var file []byte
	masked := func(data []byte) uint32 {
		crc := crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli))
		return (crc>>15 | crc<<17) + 0xa282ead8
	}
	for _, r := range records {
		length := binary.LittleEndian.AppendUint64(nil, uint64(len(r)))
		file = append(file, length...)
		file = binary.LittleEndian.AppendUint32(file, masked(length))
		file = append(file, r...)
		file = binary.LittleEndian.AppendUint32(file, masked([]byte(r)))
	}
	return file
}

func TestTFRecord(t *testing.T) {
	file := tfrecord("first", "", "third")
	// CRC-32C of nothing is 0, which the mask turns into its constant.
	if !bytes.Contains(file, []byte{0xd8, 0xea, 0x82, 0xa2}) {
		t.Error("the empty record's checksum is not the mask's constant")
	}
	if err := checkTFRecord(bytes.NewReader(file)); err != nil {
		t.Error(err)
	}
	ends := map[int]bool{21: true, 37: true} // 16 bytes around 5 and 0
	for cut := range len(file) {
		if err := checkTFRecord(bytes.NewReader(file[:cut])); (err == nil) != ends[cut] {
			t.Errorf("cut at %d bytes: %v", cut, err)
		}
	}
	for i := range file {
		damaged := bytes.Clone(file)
		damaged[i] ^= 0x10
		err := checkTFRecord(bytes.NewReader(damaged))
		if want := map[bool]string{true: "record 0, at byte 0", false: "at byte"}[i < 21]; err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("byte %d damaged: %v", i, err)
		}
	}
}

// FuzzTFRecord checks that anything is either refused or a sequence of records
// that is written alike.
func FuzzTFRecord(f *testing.F) {
	f.Add(tfrecord("first", "", "third"))
	f.Add(tfrecord("a")[:10])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		if checkTFRecord(bytes.NewReader(data)) != nil {
			return
		}
		var records []string
		for rest := data; len(rest) > 0; {
			n := binary.LittleEndian.Uint64(rest)
			records = append(records, string(rest[12:12+n]))
			rest = rest[16+n:]
		}
		if !bytes.Equal(tfrecord(records...), data) {
			t.Error("accepted, but not what its records are written as")
		}
	})
}
