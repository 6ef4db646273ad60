package nasbench101

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/hypernas/hypernas/internal/nb101"
	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/plugins/plugintest"
	"github.com/hypernas/hypernas/spaces/registry"
	"github.com/hypernas/hypernas/spaces/registry/registrytest"
)

// fixtureVertices bounds the modules of the invented files.
const fixtureVertices = 4

// fixture returns the invented files of testdata.
func fixture(t testing.TB) registry.Memory {
	t.Helper()
	m := registry.Memory{}
	for _, name := range []string{"data-20k.json", "data-10k.json"} {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		m[set+"/"+name] = data
	}
	return m
}

// small returns a space whose modules are bounded as the fixture's.
func small(source registry.Source) *Space { return &Space{source: source, vertices: fixtureVertices} }

func TestContract(t *testing.T) {
	source := fixture(t)
	source[set+"/"+OfficialFile] = officialFile(t, smallRuns())
	create := func() plugins.Space { return small(source) }
	t.Run("sample", func(t *testing.T) { plugintest.Space(t, create) })
	t.Run("official", func(t *testing.T) {
		plugintest.Space(t, create, plugintest.With(map[string]string{"data": "official"}))
	})
}

// column returns the values of a column.
func column(t *testing.T, s *Space, name string) []float64 {
	t.Helper()
	values, err := s.Column(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return values
}

func TestSample(t *testing.T) {
	s := small(fixture(t))
	info, err := s.Open(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if info.Rows != 7 || info.Label != "validation_108" || info.Target != info.Label {
		t.Errorf("%d rows, label %s, target %s; want the 7 rows of both files and validation_108 for both", info.Rows, info.Label, info.Target)
	}
	// Of the first module of either file, as testdata has them.
	for name, want := range map[string][2]float64{
		"validation_4": {29.41, 24.09}, "validation_108": {73.7, 42.87}, "neg_training_time": {-1322.5, -1047.75},
	} {
		got := column(t, s, name)
		for i, row := range []int{0, 4} {
			if d := got[row] - want[i]; d > 1e-9 || d < -1e-9 {
				t.Errorf("%s of row %d is %v, want %v", name, row, got[row], want[i])
			}
		}
	}
	batch, _, err := s.Read(t.Context(), 4, 5)
	if err != nil {
		t.Fatal(err)
	}
	// Input to output: TestCost of nb101 sums by hand.
	if got := batch.Row(0); got[0] != 882_570 || got[1] != 137_761_792 {
		t.Errorf("parameters and multiply-adds of the smallest module are %v", got)
	}
}

func TestNetwork(t *testing.T) {
	module, err := nb101.Parse("0110"+"0011"+"0001"+"0000", "input,conv1x1-bn-relu,maxpool3x3,output")
	if err != nil {
		t.Fatal(err)
	}
	v := vocabulary()
	n := newMacro().network(module)
	if err := n.Validate(&v); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, step := range n.Sequence {
		var ops []string
		for _, node := range n.Cells[step.Cell].Nodes {
			ops = append(ops, v.Ops[node.Op].Name)
		}
		got = append(got, fmt.Sprint(step.Repeat, ops, step.Attrs))
	}
	cell := "3 [input conv1x1-bn-relu maxpool3x3 output] "
	pool := "1 [input max_pool_2x2 output] "
	want := []string{
		"1 [input stem_conv_3x3 output] [128 32]", cell + "[128 32]", pool + "[128 16]",
		cell + "[256 16]", pool + "[256 8]", cell + "[512 8]",
	}
	if !slices.Equal(got, want) {
		t.Errorf("network is\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	searched := n.Searched()
	if len(searched) != 1 {
		t.Fatalf("%d searched cells, want the module once", len(searched))
	}
	wantEdges := []plugins.Edge{{From: 0, To: 1}, {From: 0, To: 2}, {From: 1, To: 2}, {From: 1, To: 3}, {From: 2, To: 3}}
	if got := n.Cells[searched[0].Cell].Edges; !slices.Equal(got, wantEdges) {
		t.Errorf("edges are %v, want %v", got, wantEdges)
	}
}

func TestSampleRefusesMalformedFiles(t *testing.T) {
	const name = set + "/data-10k.json"
	for _, test := range []struct{ name, old, new, want string }{
		{"cut short", "]}", "", "data-10k.json: byte "},
		{"not JSON", "{", "", "data-10k.json: byte "},
		{"no keys", `"key"`, `"keyz"`, "data-10k.json: there is no list of keys"},
		{"a list too short", "1911.25, ", "", "data-10k.json: 2 training times"},
		{"a list missing", "36_final", "35_final", "data-10k.json: 0 accuracies at 36 epochs for 3 keys"},
		{"null", "[0.", "[null, 0.", "data-10k.json"},
		{"accuracy in per cent", "[0.", "[10.", "data-10k.json: row 0"},
		{"negative time", `time": [`, `time": [-`, "data-10k.json: row 0"},
		{"a hash that is none", `"key": ["`, `"key": ["x`, "data-10k.json: row 0: key"},
		{"parameters of another module", "[882570", "[882571", "row 4: module"},
	} {
		t.Run(test.name, func(t *testing.T) {
			source := fixture(t)
			changed := bytes.Replace(source[name], []byte(test.old), []byte(test.new), 1)
			if bytes.Equal(changed, source[name]) {
				t.Fatalf("the fixture has no %s", test.old)
			}
			source[name] = changed
			_, err := small(source).Open(t.Context(), nil)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("Open: %v, want an error that has %q", err, test.want)
			}
		})
	}
	t.Run("a module of both files", func(t *testing.T) {
		source := fixture(t)
		source[name] = source[set+"/data-20k.json"]
		if _, err := small(source).Open(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "row 4") {
			t.Errorf("Open: %v, want an error that names row 4", err)
		}
	})
	t.Run("a hash that no module has", func(t *testing.T) {
		source := fixture(t)
		hash := nb101.Enumerate(2)[0].Hash().String()
		source[name] = bytes.Replace(source[name], []byte(hash), []byte(strings.Repeat("0", 32)), 1)
		if _, err := small(source).Open(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "row 4: no module") {
			t.Errorf("Open: %v, want an error that names row 4", err)
		}
	})
}

func TestMissingData(t *testing.T) {
	for _, data := range []string{"sample", "official"} {
		_, err := small(registry.Cache{Dir: t.TempDir()}).Open(t.Context(), map[string]string{"data": data})
		if !errors.Is(err, plugins.ErrDataMissing) || !strings.Contains(err.Error(), "hypernas data ") {
			t.Errorf("data=%s: Open: %v, want an error that wraps plugins.ErrDataMissing and names the command", data, err)
		}
	}
}

func FuzzParseSample(f *testing.F) {
	for _, data := range fixture(f) {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		rows, err := parseSample(data)
		if err != nil {
			return
		}
		for i, r := range rows {
			if !isSeconds(r.seconds) || slices.ContainsFunc(r.accuracy[:], func(x float64) bool { return !isAccuracy(x) }) {
				t.Errorf("row %d is %v", i, r)
			}
		}
	})
}

// mirror reads the real files beside the project, and keeps what is derived
// for the tests of this process.
type mirror struct {
	registry.Cache
	index func() []byte
}

func (m mirror) Derive(_ string, build func() ([]byte, error)) ([]byte, error) {
	if m.index != nil {
		return m.index(), nil
	}
	return build()
}

// wholeIndex is the index of all modules, made once.
var wholeIndex = sync.OnceValue(func() []byte { return buildIndex(nb101.MaxVertices) })

func openMirror(t *testing.T) mirror {
	t.Helper()
	m := mirror{registrytest.Mirror(t, set), wholeIndex}
	if raceEnabled || testing.Short() {
		t.Skip("the enumeration of all modules is for tests without the race detector; make test-kernels runs it")
	}
	return m
}

// TestMirror opens the real files: Open compares the parameters of every row
// with those of its graph.
func TestMirror(t *testing.T) {
	s := New(openMirror(t))
	info, err := s.Open(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if info.Rows != 30_001 {
		t.Errorf("%d rows, want 30,001", info.Rows)
	}
	seen := make(map[plugins.Identity]bool)
	for _, id := range s.Identities {
		seen[id] = true
	}
	if len(seen) != 29_973 {
		t.Errorf("%d identities, want %d", len(seen), 29_973)
	}
	diverged := 0
	for _, x := range column(t, s, info.Target) {
		if x < 50 {
			diverged++
		}
	}
	if diverged != 40 {
		t.Errorf("%d runs below 50 %%, want %d", diverged, 40)
	}
}

// TestMirrorGraphs compares the enumerated graphs with the 1,000 that are
// published, vertex by vertex.
func TestMirrorGraphs(t *testing.T) {
	m := openMirror(t)
	data, err := m.Read(set, "data-1k.json")
	if err != nil {
		t.Fatal(err)
	}
	var f struct {
		Keys       []string      `json:"key"`
		Adjacency  [][][]float64 `json:"adjacency"`
		Operations [][]int       `json:"operations"`
	}
	if err := json.Unmarshal(data, &f); err != nil {
		t.Fatal(err)
	}
	equal := 0
	for i, key := range f.Keys {
		h, ok := nb101.ParseHash(key)
		if !ok {
			t.Fatalf("key %q is no hash", key)
		}
		module, _, ok := index(wholeIndex()).find(h)
		if !ok {
			t.Fatalf("module %s is not found", h)
		}
		// Modules of fewer than seven vertices are padded.
		n := slices.Index(f.Operations[i], -2) + 1
		var adjacency strings.Builder
		for _, row := range f.Adjacency[i][:n] {
			for _, x := range row[:n] {
				fmt.Fprint(&adjacency, x)
			}
		}
		names := map[int]string{-1: "input", 0: "conv3x3-bn-relu", 1: "conv1x1-bn-relu", 2: "maxpool3x3", -2: "output"}
		var operations []string
		for _, label := range f.Operations[i][:n] {
			operations = append(operations, names[label])
		}
		published, err := nb101.Parse(adjacency.String(), strings.Join(operations, ","))
		if err != nil {
			t.Fatalf("module %s: %v", h, err)
		}
		if published == module {
			equal++
		} else if equal == i {
			t.Errorf("module %s is %#x, published as %#x", h, uint32(module), uint32(published))
		}
	}
	if equal != 1000 {
		t.Errorf("%d of %d graphs are equal, want 1,000", equal, len(f.Keys))
	}
}
