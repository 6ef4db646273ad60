package darts

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hypernas/hypernas/internal/dag"
	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/plugins/plugintest"
	"github.com/hypernas/hypernas/spaces/registry"
)

// fixture returns the invented files of testdata, which make.py wrote.
func fixture(t testing.TB) registry.Memory {
	t.Helper()
	m := registry.Memory{}
	for _, name := range []string{"surrogate.onnx", "encoding.json", "xgb_725.json", "xgb_500.json"} {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		m["darts/"+name] = data
	}
	return m
}

func open(t testing.TB, source registry.Source, options map[string]string) (*Space, plugins.SpaceInfo) {
	t.Helper()
	s := New(source)
	info, err := s.Open(t.Context(), options)
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
	create := func() plugins.Space { return New(fixture(t)) }
	t.Run("random", func(t *testing.T) {
		plugintest.Space(t, create, plugintest.With(map[string]string{"n": "300"}))
	})
	t.Run("xgb", func(t *testing.T) {
		plugintest.Space(t, create, plugintest.With(map[string]string{"pool": "xgb"}))
	})
}

// TestSurrogateIsPyTorch compares the values of the fixture's genotypes with
// PyTorch's (testdata/make.py). Its codes are not in order of name, so they
// must come from the file.
func TestSurrogateIsPyTorch(t *testing.T) {
	data, err := os.ReadFile(filepath.Join("testdata", "values.json"))
	if err != nil {
		t.Fatal(err)
	}
	var want map[string]map[string]float64
	if err := json.Unmarshal(data, &want); err != nil {
		t.Fatal(err)
	}
	files := fixture(t)
	s, err := newSurrogate(files["darts/surrogate.onnx"], files["darts/encoding.json"])
	if err != nil {
		t.Fatal(err)
	}
	for _, epoch := range []int{98, 12} {
		values := want[fmt.Sprint(epoch)]
		if len(values) != 7 {
			t.Fatalf("values.json holds %d values at epoch %d, want 7", len(values), epoch)
		}
		for key, w := range values {
			g, err := ParseGenotype(key)
			if err != nil {
				t.Fatal(err)
			}
			got, err := s.values(t.Context(), []Genotype{g}, epoch)
			if err != nil {
				t.Fatal(err)
			}
			if math.Abs(got[0]-w) > 1e-4 { // per cent; float32
				t.Errorf("%s at epoch %d: got %v, want %v", key, epoch, got[0], w)
			}
		}
	}
}

func TestXGBPoolMergesFiles(t *testing.T) {
	s, info := open(t, fixture(t), map[string]string{"pool": "xgb"})
	if info.Rows != 7 {
		t.Fatalf("got %d rows, want 5 of the first file and 2 of the second alone", info.Rows)
	}
	if info.Label != "xgb" || info.Target != "xgb" {
		t.Errorf("label is %s, target %s, want xgb", info.Label, info.Target)
	}
	// The fifth genotype of the fixture is in both files, .25 points apart.
	files := fixture(t)
	a, err := readXGB(files["darts/xgb_725.json"], "cifar10")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := column(t, s, "xgb")[4], a[4].accuracy+.125; math.Abs(got-want) > 1e-9 {
		t.Errorf("value of the genotype in both files: got %v, want the mean %v", got, want)
	}
	if !slices.ContainsFunc(info.Notes, func(n string) bool {
		return strings.Contains(n, "1 genotypes are in both files") && strings.Contains(n, "0.25 points")
	}) {
		t.Errorf("notes don't say how far values differ: %q", info.Notes)
	}
	batch, _, err := s.Read(t.Context(), 0, info.Rows)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := batch.Row(0)[info.Vocabulary.NumberIndex("synflow")], 1.032; got != want {
		t.Errorf("synflow of the first row: got %v, want %v", got, want)
	}
}

func TestOpenRefuses(t *testing.T) {
	edit := func(name, old, with string) registry.Memory {
		t.Helper()
		m := fixture(t)
		text := string(m["darts/"+name])
		if !strings.Contains(text, old) {
			t.Fatalf("%s has no %q", name, old)
		}
		m["darts/"+name] = []byte(strings.Replace(text, old, with, 1))
		return m
	}
	missing := fixture(t)
	delete(missing, "darts/xgb_500.json")
	xgb := map[string]string{"pool": "xgb"}
	for _, c := range []struct {
		name    string
		source  registry.Memory
		options map[string]string
		want    []string
		is      error
	}{
		{"n too large", fixture(t), map[string]string{"n": "100001"}, []string{"1 to 100000"}, plugins.ErrOption},
		{"no rows", fixture(t), map[string]string{"n": "0"}, []string{"n=0"}, plugins.ErrOption},
		{"epoch", fixture(t), map[string]string{"epoch": "99"}, []string{"1 to 98"}, plugins.ErrOption},
		{"n of xgb", fixture(t), map[string]string{"pool": "xgb", "n": "10"}, []string{"size of its own"}, plugins.ErrOption},
		{"pool", fixture(t), map[string]string{"pool": "all"}, []string{"random, xgb"}, plugins.ErrOption},
		{"missing file", missing, xgb, []string{"xgb_500.json"}, plugins.ErrDataMissing},
		{"column", edit("encoding.json", "edge_normal_10", "edge_normal_14"), nil, []string{"encoding.json", "edge_normal_10"}, nil},
		{"code", edit("encoding.json", `"skip_connect": 5`, `"skip_connect": -1`), nil, []string{"encoding.json", "skip_connect", "-1"}, nil},
		{"code without a weight", edit("encoding.json", `"skip_connect": 5`, `"skip_connect": 99`), map[string]string{"n": "300"}, []string{"surrogate.onnx", "index 99"}, nil},
		{"encoding", edit("encoding.json", "{", "["), nil, []string{"encoding.json"}, nil},
		{"model", edit("surrogate.onnx", "\x22\x04Selu", "\x22\x04Relu"), nil, []string{"surrogate.onnx", "Relu"}, nil},
		{"genotype", edit("xgb_725.json", `"[[(1, 4), (0, 3)`, `"[[(1, 4), (1, 3)`), xgb, []string{"xgb_725.json", "entry 0", "two different inputs of node 0"}, nil},
		{"operation", edit("xgb_725.json", `"[[(1, 4), (0, 3)`, `"[[(1, 4), (0, 7)`), xgb, []string{"xgb_725.json", "entry 0", "an operation below 7"}, nil},
		{"accuracy", edit("xgb_725.json", `"val_accuracy": 92.216`, `"val_accuracy": 922.16`), xgb, []string{"xgb_725.json", "entry 0", "922.16"}, nil},
		{"no accuracy", edit("xgb_500.json", `"val_accuracy"`, `"vel_accuracy"`), xgb, []string{"xgb_500.json", "entry 0", "val_accuracy"}, nil},
		{"no proxy", edit("xgb_500.json", `"snip"`, `"snap"`), xgb, []string{"xgb_500.json", "entry 0", "snip"}, nil},
		{"no score", edit("xgb_725.json", "\"synflow\": {\n    \"score\"", "\"synflow\": {\n    \"scare\""), xgb, []string{"xgb_725.json", "entry 0", "synflow"}, nil},
		{"another space", edit("xgb_500.json", "nasbench301", "nasbench201"), xgb, []string{"xgb_500.json", "nasbench301"}, nil},
		{"cut short", registry.Memory{
			"darts/surrogate.onnx": fixture(t)["darts/surrogate.onnx"], "darts/encoding.json": fixture(t)["darts/encoding.json"],
			"darts/xgb_725.json": fixture(t)["darts/xgb_725.json"][:3000], "darts/xgb_500.json": fixture(t)["darts/xgb_500.json"],
		}, xgb, []string{"xgb_725.json", "unexpected end"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := New(c.source).Open(t.Context(), c.options)
			if err == nil || c.is != nil && !errors.Is(err, c.is) {
				t.Fatalf("got %v, want an error that wraps %v", err, c.is)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got %v, want it to mention %q", err, want)
				}
			}
		})
	}
}

// dartsV2 is the genotype that DARTS publishes for CIFAR-10 (DARTS_V2 in
// cnn/genotypes.py of github.com/quark0/darts).
func dartsV2() Genotype {
	return Genotype{
		Normal: Cell{
			{{0, SepConv3x3}, {1, SepConv3x3}},
			{{0, SepConv3x3}, {1, SepConv3x3}},
			{{0, Skip}, {1, SepConv3x3}},
			{{0, Skip}, {2, DilConv3x3}},
		},
		Reduction: Cell{
			{{0, MaxPool3x3}, {1, MaxPool3x3}},
			{{1, MaxPool3x3}, {2, Skip}},
			{{0, MaxPool3x3}, {2, Skip}},
			{{1, MaxPool3x3}, {2, Skip}},
		},
	}
}

// TestCostIsThePublished compares with what others counted.
func TestCostIsThePublished(t *testing.T) {
	// DARTS: 3.3 M parameters in 20 cells of 36 channels (Table 1), and
	// 528 M multiply-adds, as later papers list it (P-DARTS, PC-DARTS).
	v2 := dartsV2()
	params, flops := macro{channels: 36, cells: 20}.cost(&v2)
	if params != 3349342 || flops/1e6 != 528 {
		t.Errorf("DARTS_V2: got %d parameters, %d multiply-adds; want 3,349,342 (published: 3.3 M) and 528 M", params, flops)
	}
	// NAS-Bench-301: model_parameters of 20 cells of 50 channels, auxiliary head
	// included (nasbench301/surrogate_models/test/results_fidelity_0/results_0.json).
	g := Genotype{
		Normal: Cell{
			{{0, Skip}, {1, SepConv3x3}},
			{{0, SepConv3x3}, {1, Skip}},
			{{0, DilConv3x3}, {2, DilConv5x5}},
			{{1, SepConv3x3}, {2, Skip}},
		},
		Reduction: Cell{
			{{0, MaxPool3x3}, {1, AvgPool3x3}},
			{{0, Skip}, {1, DilConv5x5}},
			{{1, SepConv3x3}, {2, SepConv5x5}},
			{{2, SepConv3x3}, {3, DilConv3x3}},
		},
	}
	const head = 800*128 + 2*128 + 128*768*2*2 + 2*768 + 768*10 + 10
	params, _ = macro{channels: 50, cells: 20}.cost(&g)
	if params+head != 6369358 {
		t.Errorf("NAS-Bench-301's example: got %d parameters, want 6,369,358", params+head)
	}
}

func TestNetworkIsDARTS(t *testing.T) {
	v := vocabulary(nil)
	g := dartsV2()
	n := nasBench301().network(&g)
	if err := n.Validate(&v); err != nil {
		t.Fatal(err)
	}
	want := []plugins.Step{
		{Cell: 0, Repeat: 1, Attrs: []float64{96, 32}},
		{Cell: 1, Repeat: 2, Attrs: []float64{32, 32}},
		{Cell: 2, Repeat: 1, Attrs: []float64{64, 16}},
		{Cell: 1, Repeat: 2, Attrs: []float64{64, 16}},
		{Cell: 2, Repeat: 1, Attrs: []float64{128, 8}},
		{Cell: 1, Repeat: 2, Attrs: []float64{128, 8}},
	}
	if len(n.Sequence) != len(want) {
		t.Fatalf("got %d steps, want %d: %v", len(n.Sequence), len(want), n.Sequence)
	}
	for i, s := range n.Sequence {
		if s.Cell != want[i].Cell || s.Repeat != want[i].Repeat || !slices.Equal(s.Attrs, want[i].Attrs) {
			t.Errorf("step %d: got %v, want %v", i, s, want[i])
		}
	}
	if got := len(n.Searched()); got != 2 {
		t.Errorf("got %d searched cells, want 2", got)
	}
	// The reduction cell: node 3 reads input 1 and the sum of the operations 2
	// and 3, nodes 2 and 3 of the graph; the output reads all eight.
	got := n.Cells[2]
	for _, e := range []plugins.Edge{{From: 1, To: 4}, {From: 2, To: 5}, {From: 3, To: 5}, {From: 9, To: 10}} {
		if !slices.Contains(got.Edges, e) {
			t.Errorf("no edge %v in %v", e, got.Edges)
		}
	}
	if got := len(got.Edges); got != 5+2*3+8 {
		t.Errorf("got %d edges, want 5 from inputs, 6 from intermediate nodes, 8 into the output", got)
	}
}

// TestIdentity says which genotypes are one function.
func TestIdentity(t *testing.T) {
	id := func(g Genotype) plugins.Identity {
		t.Helper()
		id, err := identity(new(dag.Identifier), &g)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	base := dartsV2()
	with := func(change func(g *Genotype)) Genotype {
		g := base
		change(&g)
		return g
	}
	for _, c := range []struct {
		name string
		a, b Genotype
		same bool
	}{
		{"nodes are concatenated in any order", with(func(g *Genotype) {
			g.Normal[2], g.Normal[1] = g.Normal[1], g.Normal[2]
			g.Normal[3][1].From = 2 // still reads the first node
		}), base, true},
		{"inputs are told apart", with(func(g *Genotype) { g.Normal[3][0].From = 1 }), base, false},
		{"cells are told apart", Genotype{base.Reduction, base.Normal}, base, false},
		{
			// Nodes 0 and 1 are the same two poolings.
			"equal poolings are one value, whichever node is read",
			with(func(g *Genotype) {
				pools := Node{{0, MaxPool3x3}, {1, AvgPool3x3}}
				g.Normal = Cell{pools, pools, {{2, SepConv3x3}, {3, DilConv3x3}}, {{0, Skip}, {2, MaxPool3x3}}}
			}),
			with(func(g *Genotype) {
				pools := Node{{0, MaxPool3x3}, {1, AvgPool3x3}}
				g.Normal = Cell{pools, pools, {{2, SepConv3x3}, {3, DilConv3x3}}, {{0, Skip}, {3, MaxPool3x3}}}
			}), true,
		},
		{
			"equal convolutions are two values",
			with(func(g *Genotype) {
				convs := Node{{0, SepConv3x3}, {1, AvgPool3x3}}
				g.Normal = Cell{convs, convs, {{2, SepConv3x3}, {3, DilConv3x3}}, {{0, Skip}, {2, MaxPool3x3}}}
			}),
			with(func(g *Genotype) {
				convs := Node{{0, SepConv3x3}, {1, AvgPool3x3}}
				g.Normal = Cell{convs, convs, {{2, SepConv3x3}, {3, DilConv3x3}}, {{0, Skip}, {3, MaxPool3x3}}}
			}), false,
		},
		{"a skip of stride two has weights", with(func(g *Genotype) {
			g.Reduction = Cell{{{0, Skip}, {1, MaxPool3x3}}, {{0, Skip}, {1, MaxPool3x3}}, {{0, Skip}, {2, Skip}}, {{1, Skip}, {2, Skip}}}
		}), with(func(g *Genotype) {
			g.Reduction = Cell{{{0, Skip}, {1, MaxPool3x3}}, {{0, Skip}, {1, MaxPool3x3}}, {{0, Skip}, {2, Skip}}, {{1, Skip}, {3, Skip}}}
		}), false},
	} {
		if got := id(c.a) == id(c.b); got != c.same {
			t.Errorf("%s: same identity is %v, want %v", c.name, got, c.same)
		}
	}
}

// TestDrawIsUniform counts what 70,000 draws choose. The bounds are five
// standard deviations.
func TestDrawIsUniform(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 1))
	const n = 70000
	var ops [2][NumNodes][2][NumOps]int
	pairs := map[[4]int]int{}
	for range n {
		g := Draw(rng)
		for cell, c := range []*Cell{&g.Normal, &g.Reduction} {
			for i, node := range c {
				for k, e := range node {
					ops[cell][i][k][e.Op]++
				}
				pairs[[4]int{cell, i, node[0].From, node[1].From}]++
			}
		}
	}
	near := func(what string, got int, p float64) {
		t.Helper()
		if d := math.Abs(float64(got) - n*p); d > 5*math.Sqrt(n*p*(1-p)) {
			t.Errorf("%s: got %d of %d, want about %.0f", what, got, n, n*p)
		}
	}
	for cell := range ops {
		for i := range ops[cell] {
			for k := range ops[cell][i] {
				for op, got := range ops[cell][i][k] {
					near(fmt.Sprintf("cell %d, node %d, edge %d, %v", cell, i, k, Op(op)), got, 1./NumOps)
				}
			}
		}
	}
	if got, want := len(pairs), 2*(1+3+6+10); got != want {
		t.Errorf("got %d pairs of inputs, want %d", got, want)
	}
	for pair, got := range pairs {
		near(fmt.Sprint("inputs ", pair), got, 2/float64((pair[1]+2)*(pair[1]+1)))
	}
}

// TestPoolIsPinned guards the default pool, which records of runs refer to: a
// change must raise the space's version.
func TestPoolIsPinned(t *testing.T) {
	h := sha256.New()
	pool := draw(10000)
	for _, g := range pool {
		fmt.Fprintln(h, g)
	}
	const want = "047fcf7e987eb4ae6b042b0780fa870e3c8579b225e2803cf081cba2370b1df2"
	if got := hex.EncodeToString(h.Sum(nil)); got != want {
		t.Errorf("the pool's digest is %s, want %s", got, want)
	}
	if !slices.Equal(draw(100), pool[:100]) {
		t.Error("a smaller pool is not the beginning of a larger one")
	}
}

func FuzzParseGenotype(f *testing.F) {
	f.Add(dartsV2().String())
	f.Add("[[(1, 4), (0, 3), (2, 5), (0, 4), (2, 1), (0, 4), (1, 6), (0, 3)],[(1,5),(0,5),(2,2),(0,6),(2,1),(1,4),(3,6),(0,0)] ]")
	f.Fuzz(func(t *testing.T, s string) {
		g, err := ParseGenotype(s)
		if err != nil {
			return
		}
		again, err := ParseGenotype(g.String())
		if err != nil || again != g {
			t.Errorf("%q is %v, which reads as %v, %v", s, g, again, err)
		}
		n, v := nasBench301().network(&g), vocabulary(nil)
		if err := n.Validate(&v); err != nil {
			t.Errorf("network of %v: %v", g, err)
		}
	})
}

func FuzzReadEncoding(f *testing.F) {
	f.Add(fixture(f)["darts/encoding.json"])
	f.Fuzz(func(_ *testing.T, data []byte) { _ = new(surrogate).readEncoding(data) })
}

func FuzzReadXGB(f *testing.F) {
	f.Add(fixture(f)["darts/xgb_725.json"])
	f.Add(fixture(f)["darts/xgb_500.json"])
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, names := range [][]string{{"cifar10"}, {"nasbench301", "cifar10"}} {
			list, err := readXGB(data, names...)
			if err == nil && len(list) == 0 {
				t.Error("no genotypes and no error")
			}
			for _, v := range list {
				if len(v.proxies) != len(proxies()) || v.accuracy != v.accuracy {
					t.Errorf("%+v", v)
				}
			}
		}
	})
}
