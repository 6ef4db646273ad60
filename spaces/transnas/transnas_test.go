package transnas

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hypernas/hypernas/internal/nb201"
	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/plugins/plugintest"
	"github.com/hypernas/hypernas/spaces/registry"
	"github.com/hypernas/hypernas/spaces/registry/registrytest"
)

const key = "transnas/" + zipName

// miniature returns the invented file of testdata/zen (fixture.py).
func miniature(t testing.TB) registry.Memory {
	t.Helper()
	folder := filepath.Join("testdata", "zen")
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, e := range entries {
		files["zen/"+e.Name()] = string(read(t, filepath.Join(folder, e.Name())))
	}
	return registry.Memory{key: pack(t, files)}
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Clean(path))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// pack returns a zip archive of files by name.
func pack(t testing.TB, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	var names []string
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		entry, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := entry.Write([]byte(files[name])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func open(t testing.TB, source registry.Source, options map[string]string) (*Space, plugins.SpaceInfo) {
	t.Helper()
	s := New(source)
	info, err := s.Open(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	if err := info.Validate(); err != nil {
		t.Fatal(err)
	}
	return s, info
}

func column(t *testing.T, s *Space, name string) []float64 {
	t.Helper()
	values, err := s.Column(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return values
}

func TestContract(t *testing.T) {
	source := miniature(t)
	plugintest.Space(t, func() plugins.Space { return New(source) })
	plugintest.Space(t, func() plugins.Space { return New(source) }, plugintest.With(map[string]string{"task": "jigsaw"}))
}

func TestRowsAreThoseOfTheFile(t *testing.T) {
	s, info := open(t, miniature(t), map[string]string{"task": "room_layout"})
	if info.Rows != 6 || len(info.Columns) != 7 || info.Label != "room_layout" || info.Target != "room_layout" {
		t.Fatalf("%d rows, %d columns, label %s, target %s; want 6, 7, room_layout twice", info.Rows, len(info.Columns), info.Label, info.Target)
	}
	batch, ids, err := s.Read(t.Context(), 0, info.Rows)
	if err != nil {
		t.Fatal(err)
	}
	if err := batch.Validate(&info.Vocabulary); err != nil {
		t.Fatal(err)
	}
	// Rows are sorted: 000000, 010213, 010223, 123012, 231020, 333333, which
	// stand in fixture.py in the places 1, 3, 4, 2, 5, 0.
	for row, place := range []float64{1, 3, 4, 2, 5, 0} {
		if got, want := column(t, s, "room_layout")[row], -0.6-0.6*place/16; math.Abs(got-want) > 1e-12 {
			t.Errorf("room_layout of row %d is %v, want %v", row, got, want)
		}
		if got, want := column(t, s, "class_scene")[row], 54-54*place/16; got != want {
			t.Errorf("class_scene of row %d is %v, want %v", row, got, want)
		}
		if got, want := batch.Row(row)[2], 20.5+10*place; row > 0 && got != want {
			t.Errorf("Zen score of row %d is %v, want %v", row, got, want)
		}
	}
	if got := batch.Row(0)[2]; !math.IsNaN(got) {
		t.Errorf("Zen score of row 0 is %v, want NaN for NASLib's -1e8", got)
	}
	distinct := map[plugins.Identity]bool{}
	for _, id := range ids {
		distinct[id] = true
	}
	if ids[1] != ids[2] || len(distinct) != 5 {
		t.Errorf("%d identities, those of 010213 and 010223 equal: %t; want 5, equal", len(distinct), ids[1] == ids[2])
	}
	v := info.Vocabulary
	n := batch.Networks[3] // 123012
	steps := n.Searched()
	if len(steps) != 1 {
		t.Fatalf("%d searched steps, want the cell once", len(steps))
	}
	var names []string
	for _, op := range n.Join(&v, steps).Ops {
		names = append(names, v.Ops[op].Name)
	}
	if want := []string{"input", "skip", "conv_1x1", "conv_3x3", "none", "skip", "conv_1x1", "output"}; !slices.Equal(names, want) {
		t.Errorf("nodes are %v, want %v", names, want)
	}
	cells := 0
	for _, step := range n.Sequence[1:] {
		cells += step.Repeat
	}
	if last := n.Sequence[len(n.Sequence)-1].Attrs; cells != 10 || !slices.Equal(last, []float64{512, 8, 1}) {
		t.Errorf("%d cells, the last with %v (channels, side, stride), want 10, [512 8 1]", cells, last)
	}
}

// TestCost compares with PyTorch's counts (testdata/cost.py).
func TestCost(t *testing.T) {
	var rows []struct {
		Cell, Task    string
		Params, FLOPs int
	}
	if err := json.Unmarshal(read(t, filepath.Join("testdata", "cost.json")), &rows); err != nil {
		t.Fatal(err)
	}
	if len(rows) != 28 {
		t.Fatalf("%d counts, want 28", len(rows))
	}
	all := tasks()
	for _, row := range rows {
		var c cell
		for i := range c {
			c[i] = nb201.Op(row.Cell[i] - '0')
		}
		task := all[slices.IndexFunc(all, func(t task) bool { return t.name == row.Task })]
		if params, flops := cost(c, task); params != row.Params || flops != row.FLOPs {
			t.Errorf("%s on %s: %d parameters, %d multiply-adds, want %d, %d", row.Cell, row.Task, params, flops, row.Params, row.FLOPs)
		}
	}
}

func TestMissingFile(t *testing.T) {
	if _, err := New(registry.Memory{}).Open(t.Context(), nil); !errors.Is(err, plugins.ErrDataMissing) {
		t.Errorf("got %v, want an error that wraps plugins.ErrDataMissing", err)
	}
}

func TestMalformedFiles(t *testing.T) {
	const entry = "zen/benchmark--transbench101_micro--jigsaw--0.json"
	good := miniature(t)[key]
	row := `{"arch": "(0, 0, 0, 0, 0, 0)", "zen": {"score": 1}, "val_accuracy": 1}`
	for _, tc := range []struct {
		name, want string
		data       []byte
	}{
		{"no archive", "unsafe or malformed archive", []byte("PK")},
		{"half an archive", "unsafe or malformed archive", good[:len(good)/2]},
		{"no entries", "it holds no cells", pack(t, nil)},
		{"another name", "its name is", pack(t, map[string]string{"zen/readme.txt": ""})},
		{"another space", "it is about nasbench201 on cifar10", pack(t, map[string]string{"zen/benchmark--nasbench201--cifar10--0.json": "[]"})},
		{"half a list", entry + ": row 1", pack(t, map[string]string{entry: "[" + row + ","})},
		{"an operation too many", `operation "4"`, pack(t, map[string]string{entry: strings.Replace("["+row+"]", "(0", "(4", 1)})},
		{"a cell twice", entry + ": row 1: cell 000000 a second time", pack(t, map[string]string{entry: "[" + row + "," + row + "]"})},
		{"an impossible accuracy", entry + ": row 0: val_accuracy is 101", pack(t, map[string]string{entry: strings.Replace("["+row+"]", `: 1}]`, `: 101}]`, 1)})},
		{"one task", "no row of cell 000000 on class_scene", pack(t, map[string]string{entry: "[" + row + "]"})},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := New(registry.Memory{key: tc.data}).Open(t.Context(), nil)
			if !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want an error with %q that wraps ErrMalformed", err, tc.want)
			}
		})
	}
}

// TestMirrorHoldsTransNAS checks what is known of the whole space.
func TestMirrorHoldsTransNAS(t *testing.T) {
	s, info := open(t, registrytest.Mirror(t, "transnas"), nil)
	if info.Rows != 4096 {
		t.Fatalf("%d rows, want 4096", info.Rows)
	}
	if best := slices.Max(column(t, s, info.Target)); math.Abs(best-54.936) > 0.0006 {
		t.Errorf("best class_scene is %v, want 54.936", best)
	}
	distinct := map[[7]float64]plugins.Identity{}
	values := [7][]float64{}
	for i, c := range info.Columns {
		values[i] = column(t, s, c.Name)
	}
	batch, ids, err := s.Read(t.Context(), 0, info.Rows)
	if err != nil {
		t.Fatal(err)
	}
	identities := map[plugins.Identity]bool{}
	unknown := 0
	for row, id := range ids {
		identities[id] = true
		if math.IsNaN(batch.Row(row)[2]) {
			unknown++
		}
		var whole [7]float64
		for i := range values {
			whole[i] = values[i][row]
		}
		// Copied values stay within an identity: a draw by identity leaks none.
		if other, ok := distinct[whole]; ok && other != id {
			t.Errorf("row %d has the values of another identity", row)
		}
		distinct[whole] = id
	}
	if len(identities) != 1011 || len(distinct) != 2994 || unknown != 169 {
		t.Errorf("%d identities, %d distinct rows, %d cells without a Zen score; want 1011, 2994, 169", len(identities), len(distinct), unknown)
	}
}

func BenchmarkMirrorOpen(b *testing.B) {
	source := registrytest.Mirror(b, "transnas")
	b.ReportAllocs()
	for b.Loop() {
		open(b, source, nil)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("zen/benchmark--transbench101_micro--jigsaw--0.json", `[{"arch": "(2, 2, 2, 2, 2, 2)", "zen": {"score": 1.5}, "val_accuracy": 50}]`)
	f.Fuzz(func(t *testing.T, name, body string) {
		if _, err := parse(pack(t, map[string]string{name: body})); err == nil {
			t.Error("an archive of one file has the cells of seven tasks")
		}
	})
}
