package feature_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/hypernas/hypernas/internal/dag"
	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/predictors/feature"
)

// Operations of the invented vocabulary.
const (
	in = iota
	out
	none
	skip
	conv
	pool
)

func vocabulary() plugins.Vocabulary {
	return plugins.Vocabulary{
		Ops: []plugins.Op{
			in:   {Name: "in", Kind: plugins.KindInput},
			out:  {Name: "out", Kind: plugins.KindOutput},
			none: {Name: "none", Kind: plugins.KindNone},
			skip: {Name: "skip", Kind: plugins.KindSkip},
			conv: {Name: "conv", Kind: plugins.KindConv, Kernel: 3},
			pool: {Name: "pool", Kind: plugins.KindMaxPool, Kernel: 3},
		},
		NodeAttrs: []string{"heads"},
		CellAttrs: []string{"width"},
	}
}

// node returns a node with one attribute.
func node(op int, heads float64) plugins.Node { return plugins.Node{Op: op, Attrs: []float64{heads}} }

// chain returns a network of blocks, each a chain of its operations, heads
// being the attribute of all of a block's nodes.
func chain(widths []float64, heads float64, blocks ...[]int) plugins.Network {
	var n plugins.Network
	for i, ops := range blocks {
		c := plugins.Cell{Nodes: []plugins.Node{node(in, heads)}}
		for k, op := range append(slices.Clone(ops), out) {
			c.Nodes = append(c.Nodes, node(op, heads))
			c.Edges = append(c.Edges, plugins.Edge{From: k, To: k + 1})
		}
		n.Cells = append(n.Cells, c)
		n.Sequence = append(n.Sequence, plugins.Step{Cell: i, Repeat: 1, Attrs: []float64{widths[i]}})
	}
	return n
}

// edges returns edges from pairs of nodes.
func edges(ends ...int) []plugins.Edge {
	var list []plugins.Edge
	for i := 0; i < len(ends); i += 2 {
		list = append(list, plugins.Edge{From: ends[i], To: ends[i+1]})
	}
	return list
}

func encode(e *feature.OneHot, n plugins.Network) []float64 {
	v := vocabulary()
	x := make([]float64, e.Dim())
	e.EncodeTo(x, &v, &n)
	return x
}

func TestOneHotHasAColumnForEachChoiceThatVaries(t *testing.T) {
	v := vocabulary()
	networks := []plugins.Network{
		chain([]float64{8, 8}, 1, []int{conv}, []int{pool}),
		chain([]float64{8, 8}, 1, []int{skip}, []int{pool}),
		chain([]float64{8, 8}, 1, []int{conv}, []int{pool}),
	}
	e := feature.NewOneHot(&v, networks)
	// The first block's operation, skip and conv; all else is equal.
	if got, want := e.Dim(), 2; got != want {
		t.Fatalf("got %d columns, want %d", got, want)
	}
	for i, want := range [][]float64{{0, 1}, {1, 0}, {0, 1}} {
		if got := encode(e, networks[i]); !slices.Equal(got, want) {
			t.Errorf("network %d: got %v, want %v", i, got, want)
		}
	}
	// An operation that no network had, and a block too many, leave no trace.
	unseen := chain([]float64{8, 8, 9}, 1, []int{none}, []int{pool}, []int{conv})
	if got, want := encode(e, unseen), []float64{0, 0}; !slices.Equal(got, want) {
		t.Errorf("unseen choices: got %v, want %v", got, want)
	}
}

func TestOneHotPadsWhatANetworkLacks(t *testing.T) {
	v := vocabulary()
	networks := []plugins.Network{chain([]float64{8}, 1, []int{conv}), chain([]float64{8, 8}, 1, []int{conv}, []int{conv})}
	e := feature.NewOneHot(&v, networks)
	if got := encode(e, networks[0]); e.Dim() == 0 || slices.Max(got) != 0 {
		t.Errorf("got %v, want zeros for the block that is not there", got)
	}
	if got := encode(e, networks[1]); slices.Min(got) != 1 || slices.Max(got) != 1 {
		t.Errorf("got %v, want ones for the block that is there", got)
	}
}

func TestOneHotHasAttributesAsValuesAndAsNumbers(t *testing.T) {
	v := vocabulary()
	e := feature.NewOneHot(&v, []plugins.Network{
		chain([]float64{16}, 1, []int{conv}), chain([]float64{64}, 1, []int{conv}), chain([]float64{32}, 1, []int{conv}),
	})
	for width, want := range map[float64][]float64{
		16: {1, 0, 0, 0}, 32: {0, 1, 0, 1. / 3}, 64: {0, 0, 1, 1}, 40: {0, 0, 0, .5},
	} {
		if got := encode(e, chain([]float64{width}, 1, []int{conv})); !slices.Equal(got, want) {
			t.Errorf("width %v: got %v, want %v", width, got, want)
		}
	}
	// Of nodes too: in, conv and out have the attribute, two values and a number each.
	heads := feature.NewOneHot(&v, []plugins.Network{chain([]float64{8}, 1, []int{conv}), chain([]float64{8}, 2, []int{conv})})
	if got, want := heads.Dim(), 3*3; got != want {
		t.Errorf("got %d columns, want %d", got, want)
	}
	repeated := chain([]float64{8}, 1, []int{conv})
	repeated.Sequence[0].Repeat = 3
	if got, want := feature.NewOneHot(&v, []plugins.Network{chain([]float64{8}, 1, []int{conv}), repeated}).Dim(), 3; got != want {
		t.Errorf("repeats: got %d columns, want %d", got, want)
	}
}

func TestOneHotCountsEdgesAndAlignsOutputs(t *testing.T) {
	v := vocabulary()
	one := chain([]float64{8}, 1, []int{conv})
	two := chain([]float64{8}, 1, []int{conv, conv})
	direct := chain([]float64{8}, 1, []int{conv})
	direct.Cells[0].Edges = append(direct.Cells[0].Edges, plugins.Edge{From: 0, To: 2}, plugins.Edge{From: 0, To: 2})
	e := feature.NewOneHot(&v, []plugins.Network{one, two, direct})
	// Node 2 of two: its operation, and its attribute's value; edges in->out,
	// 1->2, 1->out, 2->out. The output is no new operation at node 3.
	if got, want := e.Dim(), 2+4; got != want {
		t.Fatalf("got %d columns, want %d", got, want)
	}
	if got := encode(e, direct); slices.Max(got) != 2 {
		t.Errorf("got %v, want 2 for the double edge", got)
	}
}

func TestOneHotIgnoresFixedCellsAndTheirOrder(t *testing.T) {
	v := vocabulary()
	network := func(op int) plugins.Network {
		n := chain([]float64{8, 8}, 1, []int{op}, []int{op})
		n.Cells[0].Fixed = true
		return n
	}
	e := feature.NewOneHot(&v, []plugins.Network{network(conv), network(pool)})
	if got, want := e.Dim(), 2; got != want {
		t.Errorf("got %d columns, want those of the searched cell alone, %d", got, want)
	}
}

func TestPruneRemovesWhatReachesNothing(t *testing.T) {
	v := vocabulary()
	// in -> conv -> none -> out and in -> pool -> out, and a skip nothing reads.
	c := plugins.Cell{
		Role:  plugins.RoleNormal,
		Nodes: []plugins.Node{node(in, 0), node(conv, 1), node(none, 2), node(pool, 3), node(skip, 4), node(out, 5)},
		Edges: edges(0, 1, 1, 2, 2, 5, 0, 3, 3, 5, 0, 4),
	}
	got := feature.Prune(&v, &c)
	if err := got.Validate(&v); err != nil {
		t.Fatal(err)
	}
	var ops []int
	for _, n := range got.Nodes {
		ops = append(ops, n.Op)
	}
	if want := []int{in, pool, out}; !slices.Equal(ops, want) || got.Role != c.Role || got.Nodes[1].Attrs[0] != 3 {
		t.Errorf("got %+v, want input, pooling and output", got)
	}
	if want := edges(0, 1, 1, 2); !slices.Equal(got.Edges, want) {
		t.Errorf("got edges %v, want %v", got.Edges, want)
	}

	c.Nodes[3].Op = none
	dead := feature.Prune(&v, &c)
	if err := dead.Validate(&v); err != nil || len(dead.Nodes) != 2 || len(dead.Edges) != 0 {
		t.Errorf("got %+v, %v, want input and output alone", dead, err)
	}
}

// TestPruneKeepsTheFunction checks on random cells that pruning keeps the
// identity of what is computed, and is done after one go.
func TestPruneKeepsTheFunction(t *testing.T) {
	v := vocabulary()
	random := rand.New(rand.NewPCG(1, 1))
	kinds := map[int]dag.Kind{in: dag.Input, out: dag.Output, none: dag.None, skip: dag.Skip, conv: dag.Weighted, pool: dag.Weightless}
	identity := func(c *plugins.Cell) dag.Identity {
		g := make(dag.Graph, len(c.Nodes))
		for i, n := range c.Nodes {
			g[i] = dag.Node{Kind: kinds[n.Op], Label: v.Ops[n.Op].Name}
		}
		for _, e := range c.Edges {
			g[e.To].In = append(g[e.To].In, e.From)
		}
		id, err := dag.Identify(g)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	for range 300 {
		c := plugins.Cell{Nodes: []plugins.Node{node(in, 0)}}
		for range random.IntN(6) {
			c.Nodes = append(c.Nodes, node(none+random.IntN(4), 0))
		}
		c.Nodes = append(c.Nodes, node(out, 0))
		for to := 1; to < len(c.Nodes); to++ {
			for from := range to {
				if random.IntN(2) == 0 {
					c.Edges = append(c.Edges, plugins.Edge{From: from, To: to})
				}
			}
		}
		pruned := feature.Prune(&v, &c)
		if identity(&pruned) != identity(&c) {
			t.Fatalf("%+v and its pruned form %+v are different functions", c, pruned)
		}
		if again := feature.Prune(&v, &pruned); len(again.Nodes) != len(pruned.Nodes) || len(again.Edges) != len(pruned.Edges) {
			t.Fatalf("pruning %+v again gives %+v", pruned, again)
		}
	}
}

func TestLabelsEqualScipyAndScikitLearn(t *testing.T) {
	data, err := os.ReadFile("testdata/labels.json") // by testdata/reference.py
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Labels    []float64
		RankGauss []float64 `json:"rank_gauss"`
		ZScore    []float64 `json:"z_score"`
	}
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	for _, tc := range cases {
		for _, form := range []struct {
			name string
			to   func(dst, labels []float64)
			want []float64
		}{{"rank-gauss", feature.RankGaussTo, tc.RankGauss}, {"z-score", feature.ZScoreTo, tc.ZScore}} {
			got := slices.Clone(tc.Labels)
			form.to(got, got)
			for i := range got {
				if math.Abs(got[i]-form.want[i]) > 1e-12 {
					t.Errorf("%s of %d labels: label %d: got %v, want %v", form.name, len(got), i, got[i], form.want[i])
				}
			}
		}
	}
}

func TestEqualLabelsBecomeZeros(t *testing.T) {
	for _, to := range []func(dst, labels []float64){feature.RankGaussTo, feature.ZScoreTo} {
		got := []float64{9, 9, 9}
		to(got, []float64{.1, .1, .1})
		if !slices.Equal(got, []float64{0, 0, 0}) {
			t.Errorf("got %v, want zeros", got)
		}
	}
}

// TestLabelScaleUndoesTheTransforms: the labels' own scores come back as the
// labels, others between them and beyond, always in the order of the scores.
func TestLabelScaleUndoesTheTransforms(t *testing.T) {
	for _, labels := range [][]float64{{3, -1, 12, 3, 90, .5}, {7}, {2, 2, 2}, {93.1, 10, 94.2, 93.9}} {
		for _, transform := range []string{"rank-gauss", "z-score"} {
			scale := feature.NewLabelScale(labels, transform)
			got := make([]float64, len(labels))
			feature.LabelsTo(got, labels, transform)
			scale.To(got, got)
			for i := range got {
				if !(math.Abs(got[i]-labels[i]) <= 1e-9) {
					t.Errorf("%s of %v: label %d comes back as %v", transform, labels, i, got[i])
				}
			}
			ladder := make([]float64, 801)
			for i := range ladder {
				ladder[i] = float64(i-400) / 100
			}
			scale.To(ladder, ladder)
			for i := range ladder[1:] {
				if !(ladder[i+1] > ladder[i]) || math.IsInf(ladder[i+1], 0) {
					t.Fatalf("%s of %v: score %d of a rising ladder becomes %v after %v", transform, labels, i+1, ladder[i+1], ladder[i])
				}
			}
		}
	}
	// Halfway between two scores lies what is halfway between their labels.
	got := []float64{0}
	feature.NewLabelScale([]float64{10, 30}, "rank-gauss").To(got, got)
	if math.Abs(got[0]-20) > 1e-9 {
		t.Errorf("the median of 10 and 30: got %v, want 20", got[0])
	}
}
