package nasbench201

import (
	"archive/zip"
	"bytes"
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
)

// miniature returns the invented files of testdata (fixture.py) as a source.
// With pickle it has the optional file too.
func miniature(t testing.TB, pickle bool) registry.Memory {
	t.Helper()
	source := registry.Memory{
		"nasbench201/" + csvName: read(t, filepath.Join("testdata", csvName)),
		"nasbench201/" + zipName: zipFolder(t, filepath.Join("testdata", "zen")),
	}
	if pickle {
		source["nasbench201/"+pickleName] = read(t, filepath.Join("testdata", pickleName))
	}
	return source
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Clean(path))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// zipFolder packs a folder as upstream packed its own, with an entry of the
// folder itself.
func zipFolder(t testing.TB, folder string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	add := func(name string, body []byte) {
		entry, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := entry.Write(body); err != nil {
			t.Fatal(err)
		}
	}
	base := filepath.Base(folder) + "/"
	add(base, nil)
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		add(base+e.Name(), read(t, filepath.Join(folder, e.Name())))
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
	source := miniature(t, true)
	plugintest.Space(t, func() plugins.Space { return New(source) })
	plugintest.Space(t, func() plugins.Space { return New(source) }, plugintest.With(map[string]string{"dataset": "imagenet16-120", "seeds": "true"}))
}

func TestColumnsAreThoseOfTheFiles(t *testing.T) {
	// fixture.py: the seventh cell is row 6; validation falls by 4.5 a row, test
	// by 3.5, 5 and 4.
	for _, tc := range []struct {
		dataset          string
		validation, test float64
	}{{"", 61, 70.25}, {"cifar10", 61, 70.25}, {"cifar100", 42, 40.125}, {"imagenet16-120", 12, 16.0625}} {
		options := map[string]string{}
		if tc.dataset != "" {
			options["dataset"] = tc.dataset
		}
		s, info := open(t, miniature(t, false), options)
		if got := column(t, s, info.Label)[6]; got != tc.validation {
			t.Errorf("dataset %q: label %v, want %v", tc.dataset, got, tc.validation)
		}
		if got := column(t, s, info.Target)[6]; got != tc.test {
			t.Errorf("dataset %q: target %v, want %v", tc.dataset, got, tc.test)
		}
		if info.Rows != 7 || len(info.Columns) != 6 {
			t.Errorf("dataset %q: %d rows and %d columns, want 7 and all 6", tc.dataset, info.Rows, len(info.Columns))
		}
		if label := info.ColumnNamed(info.Label); label.Runs != 1 || label.Epochs != 200 || label.Split != "validation" {
			t.Errorf("label is %+v", label)
		}
	}
}

func TestRowsAreThoseOfTheFiles(t *testing.T) {
	s, info := open(t, miniature(t, false), map[string]string{"dataset": "cifar100"})
	batch, ids, err := s.Read(t.Context(), 0, info.Rows)
	if err != nil {
		t.Fatal(err)
	}
	if err := batch.Validate(&info.Vocabulary); err != nil {
		t.Fatal(err)
	}
	// Cells 3 and 4 of fixture.py compute the same; no others do.
	distinct := map[plugins.Identity]bool{}
	for _, id := range ids {
		distinct[id] = true
	}
	if ids[3] != ids[4] || len(distinct) != 6 {
		t.Errorf("%d identities, those of rows 3 and 4 equal: %t; want 6, equal", len(distinct), ids[3] == ids[4])
	}
	if got := batch.Row(6)[2]; got != 81.5 {
		t.Errorf("Zen score of row 6 is %v, want 81.5", got)
	}
	if got := batch.Row(1)[2]; !math.IsNaN(got) {
		t.Errorf("Zen score of row 1 is %v, want NaN for NASLib's -1e8", got)
	}
}

func TestNetworkIsThatOfTheCell(t *testing.T) {
	s, info := open(t, miniature(t, false), map[string]string{"dataset": "imagenet16-120"})
	v := info.Vocabulary
	n := s.Network(4)
	steps := n.Searched()
	if len(steps) != 1 {
		t.Fatalf("%d searched steps, want the cell once", len(steps))
	}
	var names []string
	for _, op := range n.Join(&v, steps).Ops {
		names = append(names, v.Ops[op].Name)
	}
	want := []string{"input", "none", "nor_conv_3x3", "avg_pool_3x3", "skip_connect", "nor_conv_3x3", "nor_conv_1x1", "output"}
	if !slices.Equal(names, want) {
		t.Errorf("nodes are %v, want %v", names, want)
	}
	// ImageNet16-120 has images of 16x16 pixels; 15 cells, two reductions.
	cells := 0
	for _, step := range n.Sequence {
		if step.Cell == 1 {
			cells += step.Repeat
		}
	}
	first, last := n.Sequence[0].Attrs, n.Sequence[len(n.Sequence)-1].Attrs
	if cells != 15 || !slices.Equal(first, []float64{16, 16}) || !slices.Equal(last, []float64{64, 4}) {
		t.Errorf("%d cells from %v to %v (channels, side), want 15 from [16 16] to [64 4]", cells, first, last)
	}
}

// TestCost compares with figures that NAS-Bench-201 itself gives: its least
// and largest networks as HPOBench lists them from the official archive
// (parameters and FLOPs in millions), and cell 0 of NATS-Bench.
func TestCost(t *testing.T) {
	const conv3, pool, conv1, skip = nb201.Conv3x3, nb201.AvgPool3x3, nb201.Conv1x1, nb201.Skip
	none, all := nb201.Cell{}, nb201.Cell{conv3, conv3, conv3, conv3, conv3, conv3}
	for _, tc := range []struct {
		dataset       string
		cell          nb201.Cell
		params, flops int
	}{
		{"cifar10", none, 73306, 7783050},
		{"cifar10", all, 1531546, 220119690},
		{"cifar10", nb201.Cell{pool, conv1, skip, conv1, skip, skip}, 129306, 15647370},
		{"cifar100", none, 79156, 7788900},
		{"cifar100", all, 1537396, 220125540},
		{"imagenet16-120", none, 80456, 1953400},
		{"imagenet16-120", all, 1538696, 55037560},
	} {
		d := datasets()[slices.IndexFunc(datasets(), func(d images) bool { return d.name == tc.dataset })]
		params, flops := cost(tc.cell, d)
		// The source rounds to 10 multiply-adds.
		if params != tc.params || flops < tc.flops-10 || flops > tc.flops+10 {
			t.Errorf("%v on %s: %d parameters, %d multiply-adds, want %d, %d", tc.cell, tc.dataset, params, flops, tc.params, tc.flops)
		}
	}
}

func TestSeedsAddSingleRuns(t *testing.T) {
	s, info := open(t, miniature(t, true), map[string]string{"seeds": "true"})
	// fixture.py: losses from 10 in steps of 4 a cell and .5 a run on cifar10,
	// from 60 on ImageNet16-120; cells 1, 3 and 5 have two runs.
	for _, tc := range []struct {
		column string
		row    int
		want   float64
	}{
		{"cifar10_validation_run0", 0, 90},
		{"cifar10_validation_run2", 0, 89},
		{"cifar10_validation_run1", 5, 69.5},
		{"cifar10_validation_run2", 5, math.NaN()},
		{"cifar100_test_run0", 6, 46},
		{"imagenet16-120_test_run2", 6, 15},
	} {
		if got := column(t, s, tc.column)[tc.row]; got != tc.want && !(math.IsNaN(got) && math.IsNaN(tc.want)) {
			t.Errorf("%s of row %d is %v, want %v", tc.column, tc.row, got, tc.want)
		}
	}
	if got := len(info.Columns); got != 6+9 {
		t.Errorf("%d columns, want 15", got)
	}
}

// TestDigest: an optional file changes nothing until it is asked for.
func TestDigest(t *testing.T) {
	_, without := open(t, miniature(t, false), nil)
	_, with := open(t, miniature(t, true), nil)
	_, seeds := open(t, miniature(t, true), map[string]string{"seeds": "true"})
	_, other := open(t, miniature(t, false), map[string]string{"dataset": "cifar100"})
	if without.Digest != with.Digest {
		t.Error("the digest depends on a file that was not asked for")
	}
	if seeds.Digest == with.Digest || other.Digest == with.Digest {
		t.Error("the digest does not depend on the options")
	}
}

func TestMissingFiles(t *testing.T) {
	for _, tc := range []struct {
		drop, seeds string
	}{{csvName, "false"}, {zipName, "false"}, {pickleName, "true"}} {
		source := miniature(t, true)
		delete(source, "nasbench201/"+tc.drop)
		_, err := New(source).Open(t.Context(), map[string]string{"seeds": tc.seeds})
		if !errors.Is(err, plugins.ErrDataMissing) || !strings.Contains(err.Error(), tc.drop) {
			t.Errorf("without %s: got %v, want an error that wraps plugins.ErrDataMissing", tc.drop, err)
		}
	}
}

func TestMalformedFiles(t *testing.T) {
	swap := func(from, to string) func([]byte) []byte {
		return func(data []byte) []byte {
			if !bytes.Contains(data, []byte(from)) {
				t.Fatalf("the fixture has no %q", from)
			}
			return bytes.Replace(data, []byte(from), []byte(to), 1)
		}
	}
	cut := func(n int) func([]byte) []byte {
		return func(data []byte) []byte { return data[:len(data)-n] }
	}
	const last = "70.25,40.125,16.0625,|nor_conv_1x1~0|+|avg_pool_3x3~0|nor_conv_3x3~1|+|skip_connect~0|none~1|skip_connect~2|,invented\n"
	for _, tc := range []struct {
		name, file, want string
		damage           func([]byte) []byte
	}{
		{"an empty table", csvName, csvName + ": line 1", func([]byte) []byte { return nil }},
		{"no cells", csvName, csvName + ": line 1: no cells", func(data []byte) []byte { return data[:bytes.IndexByte(data, '\n')+1] }},
		{"another column", csvName, csvName + ": line 1: no column CIFAR100TestAccuracy200Epochs", swap("CIFAR100Test", "CIFAR1000Test")},
		{"an unknown operation", csvName, csvName + ": line 4: parse cell", swap("avg_pool_3x3", "max_pool_3x3")},
		{"a word", csvName, csvName + `: line 3: CIFAR10TestAccuracy200Epochs is "high"`, swap("87.75", "high")},
		{"not a number", csvName, csvName + ": line 3: CIFAR10", swap("87.75", "NaN")},
		{"more than all", csvName, csvName + ": line 2: CIFAR100", swap("70.125", "100.5")},
		{"a short line", csvName, csvName + ": record on line 8", swap(last, "70.25,40.125,16.0625\n")},
		{"a cell twice", csvName, csvName + ": line 9: cell", func(data []byte) []byte { return append(slices.Clone(data), last...) }},
		{"no archive", zipName, zipName + ": unsafe or malformed archive", func([]byte) []byte { return []byte("PK") }},
		{"half an archive", zipName, zipName + ": unsafe or malformed archive", cut(100)},
		{"no pickle", pickleName, pickleName + ": malformed pickle: byte 0", func([]byte) []byte { return []byte("x") }},
		{"half a pickle", pickleName, pickleName + ": malformed pickle: byte", cut(1)},
		{"no losses", pickleName, pickleName + ": cifar10: 0 losses", swap("\x04loss", "\x04lost")},
	} {
		t.Run(tc.name, func(t *testing.T) {
			source := miniature(t, true)
			key := "nasbench201/" + tc.file
			source[key] = tc.damage(source[key])
			_, err := New(source).Open(t.Context(), map[string]string{"seeds": "true"})
			if !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want an error with %q that wraps ErrMalformed", err, tc.want)
			}
		})
	}
}

// TestFilesMustAgree takes a cell out of one of the files.
func TestFilesMustAgree(t *testing.T) {
	const entry = "zen/benchmark--nasbench201--cifar10--0.json"
	for _, tc := range []struct {
		name, want string
		damage     func(registry.Memory)
	}{
		{"a cell fewer in the table", "zen.zip: entry zen/benchmark--nasbench201--ImageNet16-120--0.json: row 2: cell", func(m registry.Memory) {
			data := m["nasbench201/"+csvName]
			m["nasbench201/"+csvName] = data[:bytes.LastIndexByte(data[:len(data)-1], '\n')+1]
		}},
		{"a cell fewer in the archive", "zen.zip: no row of cell", func(m registry.Memory) {
			m["nasbench201/"+zipName] = pack(t, entry, `[]`)
		}},
		{"a cell twice in the archive", entry + ": row 1: cell", func(m registry.Memory) {
			row := `{"arch": "(2, 2, 2, 2, 2, 2)", "zen": {"score": 1}, "val_accuracy": 1}`
			m["nasbench201/"+zipName] = pack(t, entry, "["+row+","+row+"]")
		}},
		{"an impossible accuracy", entry + ": row 0: val_accuracy is 101", func(m registry.Memory) {
			m["nasbench201/"+zipName] = pack(t, entry, `[{"arch": "(2, 2, 2, 2, 2, 2)", "zen": {"score": 1}, "val_accuracy": 101}]`)
		}},
		{"another space", "it is about darts on cifar10", func(m registry.Memory) {
			m["nasbench201/"+zipName] = pack(t, "zen/benchmark--darts--cifar10--0.json", `[]`)
		}},
		{"another order in the pickle", "metric_vals.pkl: cifar10: entry 0 has a size of", func(m registry.Memory) {
			lines := bytes.SplitAfter(m["nasbench201/"+csvName], []byte("\n"))
			lines[1], lines[2] = lines[2], lines[1]
			m["nasbench201/"+csvName] = bytes.Join(lines, nil)
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			source := miniature(t, true)
			tc.damage(source)
			_, err := New(source).Open(t.Context(), map[string]string{"seeds": "true"})
			if !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want an error with %q that wraps ErrMalformed", err, tc.want)
			}
		})
	}
}

// pack returns a zip archive of one file.
func pack(t testing.TB, name, body string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	entry, err := w.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := entry.Write([]byte(body)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func FuzzParseCSV(f *testing.F) {
	f.Add(read(f, filepath.Join("testdata", csvName)))
	f.Fuzz(func(t *testing.T, data []byte) {
		table, err := parseCSV(data)
		if err != nil {
			return
		}
		for i := range table.test {
			if len(table.test[i]) != len(table.cells) || slices.ContainsFunc(table.test[i], func(x float64) bool { return !isAccuracy(x) }) {
				t.Errorf("test accuracies %v of %d cells", table.test[i], len(table.cells))
			}
		}
	})
}

func FuzzZip(f *testing.F) {
	f.Add("zen/benchmark--nasbench201--cifar10--0.json", `[{"arch": "(2, 2, 2, 2, 2, 2)", "zen": {"score": 1.5}, "val_accuracy": 50}]`)
	csv := read(f, filepath.Join("testdata", csvName))
	f.Fuzz(func(t *testing.T, name, body string) {
		table, err := parseCSV(csv)
		if err != nil {
			t.Fatal(err)
		}
		if err := table.addZip(pack(t, name, body)); err == nil {
			t.Error("an archive of one file has the cells of three data sets")
		}
		for _, values := range table.validation {
			if slices.ContainsFunc(values, func(x float64) bool { return !math.IsNaN(x) && !isAccuracy(x) }) {
				t.Errorf("validation accuracies %v", values)
			}
		}
	})
}

func FuzzPickle(f *testing.F) {
	f.Add(read(f, filepath.Join("testdata", pickleName)))
	small := files{csv: read(f, filepath.Join("testdata", csvName)), zip: zipFolder(f, filepath.Join("testdata", "zen"))}
	f.Fuzz(func(t *testing.T, data []byte) {
		small := small
		small.pickle = data
		table, err := parse(small)
		if err != nil {
			return
		}
		for _, runs := range table.runs {
			for _, values := range runs {
				if len(values) != len(table.cells) {
					t.Errorf("%d values of %d cells", len(values), len(table.cells))
				}
			}
		}
	})
}
