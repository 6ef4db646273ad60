package autoformer

import (
	"errors"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/gonum/stat"

	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/plugins/plugintest"
	"github.com/hypernas/hypernas/spaces/registry"
	"github.com/hypernas/hypernas/spaces/registry/registrytest"
)

// fixture returns six invented transformers.
func fixture(t testing.TB) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/tiny.json")
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestContract(t *testing.T) {
	data := fixture(t)
	for _, size := range []Size{Tiny, Small, Base} {
		source := registry.Memory{"autoformer/" + string(size) + ".json": data}
		plugintest.Space(t, func() plugins.Space { return New(source, size) })
	}
}

func TestParamsAreDeiTsAndRelativePositions(t *testing.T) {
	a := architecture{embedding: 192, layers: slices.Repeat([]layer{{heads: 3, ratio: 4}}, 12)}
	// timm's deit_tiny_patch16_224, which has the same layers, has 5,717,416.
	if got, want := a.params(), 5717416+12*4*30*64; got != want {
		t.Errorf("got %d parameters, want %d", got, want)
	}
}

func TestNetworkHasTheChoices(t *testing.T) {
	v := vocabulary()
	a := architecture{embedding: 216, layers: []layer{{3, 4}, {4, 3.5}, {3, 4}}}
	n := a.network()
	if err := n.Validate(&v); err != nil {
		t.Fatal(err)
	}
	steps := n.Searched()
	if len(steps) != len(a.layers) {
		t.Fatalf("got %d searched steps, want a block for each of %d layers", len(steps), len(a.layers))
	}
	for i, s := range steps {
		c := &n.Cells[s.Cell]
		attention, mlp := c.Nodes[1], c.Nodes[2]
		if v.Ops[attention.Op].Kind != plugins.KindAttention || attention.Attrs[0] != float64(a.layers[i].heads) ||
			v.Ops[mlp.Op].Kind != plugins.KindMLP || mlp.Attrs[1] != a.layers[i].ratio || s.Attrs[0] != 216 {
			t.Errorf("layer %d: got %v with %v, want %v", i, c.Nodes, s.Attrs, a.layers[i])
		}
	}
	if steps[0].Cell != steps[2].Cell || steps[0].Cell == steps[1].Cell {
		t.Error("want layers that are alike, and no others, to share a cell")
	}
}

func TestRows(t *testing.T) {
	s := New(registry.Memory{"autoformer/tiny.json": fixture(t)}, Tiny)
	info, err := s.Open(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Column(t.Context(), info.Label)
	if err != nil {
		t.Fatal(err)
	}
	if want := []float64{74.5, 74.625, 74.75, 74.875, 75, 75.125}; !slices.Equal(got, want) {
		t.Errorf("got %v, want the file's %v in its order", got, want)
	}
	b, _, err := s.Read(t.Context(), 1, 2)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := b.Row(0)[1], 1300501000.0; got != want {
		t.Errorf("got %v multiply-adds, want %v", got, want)
	}
}

func TestMistakesAreNamed(t *testing.T) {
	good := string(fixture(t))
	for name, tc := range map[string]struct{ from, to, want string }{
		"cut short":             {`"flops": 1300.505}}`, `"flops": 1300.5`, "architecture 5"},
		"no end":                {`"flops": 1300.505}}`, `"flops": 1300.505}`, "end of the object"},
		"more after the end":    {`"flops": 1300.505}}`, `"flops": 1300.505}} {}`, "something follows"},
		"a list":                {`{"0"`, `["0"`, "want an object"},
		"another key":           {`"2": {`, `"3": {`, `its key is "3", want "2"`},
		"text for a number":     {`"flops": 1300.502`, `"flops": "1300.502"`, "architecture 2"},
		"no flops":              {`, "flops": 1300.502`, ``, "architecture 2"},
		"negative flops":        {`"flops": 1300.502`, `"flops": -1300.502`, "architecture 2"},
		"no accuracy":           {`"clean": 74.75`, `"clean": 174.75`, "which is no accuracy"},
		"other parameters":      {`"flops": 1300.502`, `"flops": 1300.502, "params": 6`, "params is 6 million"},
		"a layer too many":      {`"1": {"net_setting": {"layer_num": 1`, `"1": {"net_setting": {"layer_num": 10`, "architecture 1"},
		"a fraction of a head":  {`"num_heads": [3`, `"num_heads": [3.5`, "architecture"},
		"no heads":              {`"num_heads": [3`, `"num_heads": [0`, "num_heads 0 is 0"},
		"an absurd ratio":       {`"mlp_ratio": [`, `"mlp_ratio": [1e30, `, "architecture 0"},
		"widths that differ":    {`"embed_dim": [`, `"embed_dim": [1`, "the same in all layers"},
		"an absurd layer count": {`"layer_num": `, `"layer_num": -`, "layer_num is -"},
	} {
		bad := strings.Replace(good, tc.from, tc.to, 1)
		if bad == good {
			t.Fatalf("%s: nothing replaced", name)
		}
		_, err := New(registry.Memory{"autoformer/tiny.json": []byte(bad)}, Tiny).Open(t.Context(), nil)
		if err == nil || !strings.Contains(err.Error(), "tiny.json") || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got %v, want an error naming tiny.json and %q", name, err, tc.want)
		}
	}
	if _, err := New(registry.Memory{"autoformer/tiny.json": []byte("{}")}, Tiny).Open(t.Context(), nil); err == nil {
		t.Error("a file without architectures was accepted")
	}
	if _, err := New(registry.Memory{}, Base).Open(t.Context(), nil); !errors.Is(err, plugins.ErrDataMissing) {
		t.Errorf("no data: got %v, want ErrDataMissing", err)
	}
}

func TestRealData(t *testing.T) {
	source := registrytest.Mirror(t, "autoformer")
	// The ranges and correlations are DATA.md's.
	for size, want := range map[Size]struct{ low, high, spearman float64 }{
		Tiny: {74.478, 75.542, .635}, Small: {79.408, 81.656, .941}, Base: {81.756, 82.314, .224},
	} {
		s := New(source, size)
		info, err := s.Open(t.Context(), nil) // which compares the parameters of every architecture
		if err != nil {
			t.Fatal(err)
		}
		b, ids, err := s.Read(t.Context(), 0, info.Rows)
		if err != nil {
			t.Fatal(err)
		}
		seen := make(map[plugins.Identity]bool)
		params := make([]float64, info.Rows)
		for i, id := range ids {
			seen[id] = true
			params[i] = b.Row(i)[0]
		}
		if info.Rows != 1001 || len(seen) != 1001 {
			t.Errorf("%s: got %d rows of %d identities, want 1001 of 1001", size, info.Rows, len(seen))
		}
		top1, err := s.Column(t.Context(), info.Label)
		if err != nil {
			t.Fatal(err)
		}
		if low, high := slices.Min(top1), slices.Max(top1); math.Abs(low-want.low) > 5e-4 || math.Abs(high-want.high) > 5e-4 {
			t.Errorf("%s: got accuracies from %v to %v, want %v to %v", size, low, high, want.low, want.high)
		}
		if got := stat.Correlation(ranks(params), ranks(top1), nil); math.Abs(got-want.spearman) > 5e-4 {
			t.Errorf("%s: got Spearman correlation %v of parameters with accuracy, want %v", size, got, want.spearman)
		}
	}
}

// ranks returns average ranks.
func ranks(x []float64) []float64 {
	sorted := slices.Sorted(slices.Values(x))
	r := make([]float64, len(x))
	for i, v := range x {
		low, _ := slices.BinarySearch(sorted, v)
		high := low
		for high < len(sorted) && sorted[high] == v {
			high++
		}
		r[i] = float64(low+high-1) / 2
	}
	return r
}

func FuzzReadRows(f *testing.F) {
	f.Add(fixture(f))
	f.Add([]byte(`{"0": {"net_setting": {"layer_num": 1, "mlp_ratio": [4], "num_heads": [3], "embed_dim": [192]}, "performance": {"Imagenet": {"clean": 70}}, "params": 0.825448, "flops": 1}}`))
	f.Add([]byte(`{"0": null}`))
	v := vocabulary()
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := readRows(data)
		if err != nil {
			return
		}
		for i := range list {
			n := list[i].network()
			if err := n.Validate(&v); err != nil {
				t.Errorf("accepted %s, whose network %d is invalid: %v", data, i, err)
			}
		}
	})
}
