package macro

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hypernas/hypernas/internal/dag"
	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/plugins/plugintest"
	"github.com/hypernas/hypernas/spaces/registry"
	"github.com/hypernas/hypernas/spaces/registry/registrytest"
)

// fixture returns the invented file of testdata, which make.py wrote.
func fixture(t testing.TB) registry.Memory {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "macro.json"))
	if err != nil {
		t.Fatal(err)
	}
	return registry.Memory{"macro/macro.json": data}
}

func open(t testing.TB, source registry.Source) (*Space, plugins.SpaceInfo) {
	t.Helper()
	s := New(source)
	info, err := s.Open(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return s, info
}

func column(t testing.TB, s *Space, name string) []float64 {
	t.Helper()
	values, err := s.Column(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return values
}

func TestConformance(t *testing.T) {
	plugintest.Space(t, func() plugins.Space { return New(fixture(t)) })
}

// TestFixture reads the invented file. That its parameters and multiply-adds
// are those of networks built in PyTorch is checked by opening it.
func TestFixture(t *testing.T) {
	s, info := open(t, fixture(t))
	if info.Rows != 9 {
		t.Fatalf("got %d rows, want 9", info.Rows)
	}
	// 00000000 01002000 01020000 02012100 11111111 12102011 12120011 20120102 22212220
	mean := column(t, s, "test_mean")
	if got, want := mean[8], 82.09; math.Abs(got-want) > 1e-9 {
		t.Errorf("mean of 22212220: got %v, want %v", got, want)
	}
	if got, want := column(t, s, info.Label)[8], 85.96; got != want {
		t.Errorf("label of 22212220: got %v, want its first run %v", got, want)
	}
	batch, ids, err := s.Read(t.Context(), 0, info.Rows)
	if err != nil {
		t.Fatal(err)
	}
	if got := batch.Row(8); got[0] != 1985514 || got[1] != 85164544 {
		t.Errorf("params and flops of 22212220: got %v, want 1985514 and 85164544", got)
	}
	for row := 1; row < len(ids); row++ {
		want := row == 2 || row == 6
		if got := ids[row] == ids[row-1]; got != want {
			t.Errorf("rows %d and %d have one identity: %v, want %v", row-1, row, got, want)
		}
	}
	if note := info.Notes[0]; !strings.HasPrefix(note, "7 identities; 2 of them") {
		t.Errorf("note on identities: %s", note)
	}
}

// TestIdentityIsTheAuthors compares with the rule by which NAS-Bench-Macro
// itself found which architectures to train (get_real_arch of
// train/train_benchmark.py): the zeros of a stage, but for one in its first
// place, move to its end.
func TestIdentityIsTheAuthors(t *testing.T) {
	trainedAs := func(a Arch) Arch {
		at := 0
		for _, layers := range []int{2, 3, 3} {
			rest := a[at+1 : at+layers]
			slices.SortStableFunc(rest, func(x, y Op) int {
				switch {
				case x != Identity && y == Identity:
					return -1
				case x == Identity && y != Identity:
					return 1
				}
				return 0
			})
			at += layers
		}
		return a
	}
	byRule := map[Arch]plugins.Identity{}
	byIdentity := map[plugins.Identity]Arch{}
	members := map[plugins.Identity]int{}
	var identifier dag.Identifier
	for code := range 6561 {
		var a Arch
		for i := NumLayers - 1; i >= 0; i-- {
			a[i] = Op(code % numOps)
			code /= numOps
		}
		id, err := a.identity(&identifier)
		if err != nil {
			t.Fatal(err)
		}
		members[id]++
		rule := trainedAs(a)
		if old, ok := byRule[rule]; ok && old != id {
			t.Fatalf("%v: two identities of what was trained as %v", a, rule)
		}
		if old, ok := byIdentity[id]; ok && old != rule {
			t.Fatalf("%v: one identity of what was trained as %v and %v", a, old, rule)
		}
		byRule[rule], byIdentity[id] = id, rule
	}
	several := 0
	for _, n := range members {
		if n > 1 {
			several++
		}
	}
	if len(byIdentity) != 3969 || several != 1944 {
		t.Errorf("got %d identities, %d with several members; want 3,969 and 1,944", len(byIdentity), several)
	}
}

func TestNetworkHasABlockForEachLayer(t *testing.T) {
	a, err := Parse("02112001")
	if err != nil {
		t.Fatal(err)
	}
	v := vocabulary()
	n := network(a)
	if err := n.Validate(&v); err != nil {
		t.Fatal(err)
	}
	steps := n.Searched()
	want := []struct {
		ops   string
		attrs []float64 // channels, stride, expansion, side
	}{
		{"input downsample_conv_1x1 output", []float64{64, 2, 0, 16}},
		{"input expand_conv_1x1 depthwise_conv_5x5 project_conv_1x1 skip_connect output", []float64{64, 1, 6, 16}},
		{"input expand_conv_1x1 depthwise_conv_3x3 project_conv_1x1 output", []float64{128, 2, 3, 8}},
		{"input expand_conv_1x1 depthwise_conv_3x3 project_conv_1x1 skip_connect output", []float64{128, 1, 3, 8}},
		{"input expand_conv_1x1 depthwise_conv_5x5 project_conv_1x1 skip_connect output", []float64{128, 1, 6, 8}},
		{"input downsample_conv_1x1 output", []float64{256, 2, 0, 4}},
		{"input skip_connect output", []float64{256, 1, 0, 4}},
		{"input expand_conv_1x1 depthwise_conv_3x3 project_conv_1x1 skip_connect output", []float64{256, 1, 3, 4}},
	}
	if len(steps) != len(want) {
		t.Fatalf("got %d searched blocks, want %d", len(steps), len(want))
	}
	for i, s := range steps {
		var ops []string
		for _, node := range n.Cells[s.Cell].Nodes {
			ops = append(ops, v.Ops[node.Op].Name)
		}
		if got := strings.Join(ops, " "); got != want[i].ops || !slices.Equal(s.Attrs, want[i].attrs) {
			t.Errorf("layer %d: got %s %v, want %s %v", i, got, s.Attrs, want[i].ops, want[i].attrs)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	edit := func(old, with string) registry.Memory {
		t.Helper()
		text := string(fixture(t)["macro/macro.json"])
		if !strings.Contains(text, old) {
			t.Fatalf("the fixture has no %q", old)
		}
		return registry.Memory{"macro/macro.json": []byte(strings.Replace(text, old, with, 1))}
	}
	for _, c := range []struct {
		name   string
		source registry.Memory
		want   []string
	}{
		{"missing", registry.Memory{}, []string{"macro/macro.json"}},
		{"empty", registry.Memory{"macro/macro.json": []byte("{}")}, []string{"macro.json", "no architectures"}},
		{"no object", registry.Memory{"macro/macro.json": []byte("[]")}, []string{"macro.json", "want an object"}},
		{"cut short", registry.Memory{"macro/macro.json": fixture(t)["macro/macro.json"][:500]}, []string{"macro.json", "entry 2", "EOF"}},
		{"digit", edit("12102011", "12102013"), []string{"macro.json", "entry 1", "byte 7"}},
		{"length", edit("12102011", "1210201"), []string{"macro.json", "entry 1", "8 digits"}},
		{"twice", edit("12120011", "12102011"), []string{"macro.json", "entry 2", "twice"}},
		{"runs", edit("85.96,", ""), []string{"macro.json", "entry 0", "2 accuracies"}},
		{"accuracy", edit("85.96", "185.96"), []string{"entry 0", "test_acc[0]", "185.96"}},
		{"mean", edit(`"mean_acc": 82.09`, `"mean_acc": 82.1`), []string{"entry 0", "mean_acc"}},
		{"params", edit("1985514", "1985515"), []string{"entry 0", "1985515", "1985514"}},
		{"flops", edit("85164544", "8516454"), []string{"entry 0", "85164544"}},
		{"text for a number", edit("1985514", `"many"`), []string{"entry 0", "params"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := New(c.source).Open(t.Context(), nil)
			if err == nil {
				t.Fatal("got no error")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got %v, want it to mention %q", err, want)
				}
			}
		})
	}
}

// TestMirror checks the public file, whose parameters and FLOPs are compared
// with the recomputed ones in all entries when it is opened.
func TestMirror(t *testing.T) {
	s, info := open(t, registrytest.Mirror(t, "macro"))
	if info.Rows != 6561 {
		t.Errorf("got %d architectures, want 6,561", info.Rows)
	}
	if note := info.Notes[0]; !strings.HasPrefix(note, "3969 identities; 1944 of them") {
		t.Errorf("want 3,969 identities, 1,944 with copied accuracies; the note says: %s", note)
	}
	target := column(t, s, info.Target)
	// Rows are in order of the strings read as numbers of base 3.
	row := func(code string) int {
		n := 0
		for _, digit := range code {
			n = 3*n + int(digit-'0')
		}
		return n
	}
	for _, extreme := range []struct {
		arch string
		at   func([]float64) float64
		want float64
	}{{"22212220", slices.Max[[]float64], 93.127}, {"00000000", slices.Min[[]float64], 45.363}} {
		got := target[row(extreme.arch)]
		if got != extreme.at(target) || math.Abs(got-extreme.want) > 5e-4 {
			t.Errorf("%s: got %v, want the extreme %v", extreme.arch, got, extreme.want)
		}
	}
	// Run against run; the three pairs are said to be about .980.
	mean := 0.0
	for _, pair := range [][2]string{{"test_0", "test_1"}, {"test_0", "test_2"}, {"test_1", "test_2"}} {
		mean += spearman(column(t, s, pair[0]), column(t, s, pair[1])) / 3
	}
	if math.Abs(mean-.980) > .001 {
		t.Errorf("Spearman of single runs: got %.4f, want .980", mean)
	}
}

// spearman returns the correlation of ranks, ties ranked by their mean.
func spearman(x, y []float64) float64 {
	rank := func(values []float64) []float64 {
		sorted := slices.Sorted(slices.Values(values))
		r := make([]float64, len(values))
		for i, v := range values {
			lo, _ := slices.BinarySearch(sorted, v)
			hi := lo
			for hi < len(sorted) && sorted[hi] == v {
				hi++
			}
			r[i] = float64(lo+hi-1)/2 - float64(len(values)-1)/2 // centered
		}
		return r
	}
	rx, ry := rank(x), rank(y)
	var xy, xx, yy float64
	for i := range rx {
		xy += rx[i] * ry[i]
		xx += rx[i] * rx[i]
		yy += ry[i] * ry[i]
	}
	return xy / math.Sqrt(xx*yy)
}

func BenchmarkOpen(b *testing.B) {
	files := registrytest.Mirror(b, "macro")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := New(files).Open(b.Context(), nil); err != nil {
			b.Fatal(err)
		}
	}
}

func FuzzReadFile(f *testing.F) {
	f.Add(fixture(f)["macro/macro.json"])
	f.Add([]byte(`{"00000000": {"test_acc": [1, 1, 1], "mean_acc": 1, "params": 382186, "flops": 0}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := readFile(data)
		if err == nil && len(list) == 0 {
			t.Error("no architectures and no error")
		}
		for _, entry := range list {
			if a, err := Parse(entry.arch.String()); err != nil || a != entry.arch {
				t.Errorf("%v reads as %v, %v", entry.arch, a, err)
			}
		}
	})
}
