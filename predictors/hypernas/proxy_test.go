package hypernas

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"gorgonia.org/gorgonia"

	"github.com/hypernas/hypernas/internal/nn/fuse"
	"github.com/hypernas/hypernas/internal/nn/kern"
	"github.com/hypernas/hypernas/plugins"
)

// kindOfSpace is a space with its networks, all of which a batch holds.
type kindOfSpace struct {
	vocabulary plugins.Vocabulary
	networks   []plugins.Network
	cells      int // of the longest network
	nodes      int // of a cell, padded
}

// op is an operation without a name, which Validate alone wants.
func op(kind plugins.Kind, kernel int) plugins.Op { return plugins.Op{Kind: kind, Kernel: kernel} }

// cellOf returns a cell whose nodes have the given operations and, where there
// are attributes, those.
func cellOf(role plugins.Role, edges []plugins.Edge, ops ...int) plugins.Cell {
	c := plugins.Cell{Role: role, Edges: edges}
	for _, o := range ops {
		c.Nodes = append(c.Nodes, plugins.Node{Op: o})
	}
	return c
}

func edges(pairs ...[2]int) []plugins.Edge {
	var out []plugins.Edge
	for _, p := range pairs {
		out = append(out, plugins.Edge{From: p[0], To: p[1]})
	}
	return out
}

// chained returns the edges of n nodes in a row.
func chained(n int) []plugins.Edge {
	var out []plugins.Edge
	for i := range n - 1 {
		out = append(out, plugins.Edge{From: i, To: i + 1})
	}
	return out
}

// inventedSpaces returns a space of each kind; testdata/target.py has the target networks
// of the same names.
func inventedSpaces() map[string]kindOfSpace {
	step := func(cell, repeat int, attrs ...float64) plugins.Step {
		return plugins.Step{Cell: cell, Repeat: repeat, Attrs: attrs}
	}
	const (
		in = iota
		out
		none
		skip
		conv1
		conv3
		average
		maximum
	)
	cells := kindOfSpace{
		vocabulary: plugins.Vocabulary{CellAttrs: []string{"channels", "side"}, Ops: []plugins.Op{
			op(plugins.KindInput, 0), op(plugins.KindOutput, 0), op(plugins.KindNone, 0), op(plugins.KindSkip, 0),
			op(plugins.KindConv, 1), op(plugins.KindConv, 3), op(plugins.KindAvgPool, 3), op(plugins.KindMaxPool, 3),
		}},
		networks: []plugins.Network{{
			Cells: []plugins.Cell{cellOf(plugins.RoleNormal, edges([2]int{0, 1}, [2]int{0, 2}, [2]int{1, 3}, [2]int{2, 3}, [2]int{2, 4}, [2]int{0, 5}, [2]int{0, 6},
				[2]int{3, 7}, [2]int{4, 7}, [2]int{5, 7}, [2]int{6, 7}), in, conv3, conv1, average, maximum, skip, none, out)},
			Sequence: []plugins.Step{step(0, 5, 16, 32), step(0, 5, 32, 16)},
		}},
		cells: 2, nodes: 8,
	}
	const (
		sep3 = 2 + iota
		dil5
		max3
		identity
	)
	two := kindOfSpace{
		vocabulary: plugins.Vocabulary{CellAttrs: []string{"channels", "side"}, Ops: []plugins.Op{
			op(plugins.KindInput, 0), op(plugins.KindOutput, 0), op(plugins.KindSeparableConv, 3), op(plugins.KindDilatedConv, 5),
			op(plugins.KindMaxPool, 3), op(plugins.KindSkip, 0),
		}},
		networks: []plugins.Network{{
			Cells: []plugins.Cell{
				cellOf(plugins.RoleNormal, edges([2]int{0, 2}, [2]int{1, 3}, [2]int{2, 4}, [2]int{3, 4}, [2]int{0, 5}, [2]int{2, 6}, [2]int{3, 6}, [2]int{4, 6}, [2]int{5, 6}),
					in, in, sep3, dil5, max3, identity, out),
				cellOf(plugins.RoleReduction, edges([2]int{0, 2}, [2]int{1, 3}, [2]int{2, 4}, [2]int{3, 4}), in, in, dil5, sep3, out),
			},
			Sequence: []plugins.Step{step(0, 6, 16, 32), step(1, 1, 32, 16), step(0, 6, 32, 16)},
		}},
		cells: 3, nodes: 8,
	}
	const (
		pass = 2 + iota
		expand
		depth3
		depth5
		squeeze
		project
	)
	residual := edges([2]int{0, 1}, [2]int{1, 2}, [2]int{2, 3}, [2]int{3, 4}, [2]int{4, 6}, [2]int{0, 5}, [2]int{5, 6})
	chain := kindOfSpace{
		vocabulary: plugins.Vocabulary{CellAttrs: []string{"channels", "stride", "expansion"}, Ops: []plugins.Op{
			op(plugins.KindInput, 0), op(plugins.KindOutput, 0), op(plugins.KindSkip, 0), op(plugins.KindConv, 1), op(plugins.KindDepthwiseConv, 3),
			op(plugins.KindDepthwiseConv, 5), op(plugins.KindSqueezeExcite, 0), op(plugins.KindConv, 1),
		}},
		networks: []plugins.Network{{
			Cells: []plugins.Cell{
				cellOf(plugins.RoleBlock, chained(6), in, pass, depth3, pass, project, out),
				cellOf(plugins.RoleBlock, chained(6), in, expand, depth5, squeeze, project, out),
			},
			Sequence: []plugins.Step{step(0, 1, 16, 1, 1), step(1, 3, 24, 2, 6)},
		}, {
			Cells: []plugins.Cell{
				cellOf(plugins.RoleBlock, chained(6), in, expand, depth5, pass, project, out),
				cellOf(plugins.RoleBlock, residual, in, expand, depth3, squeeze, project, pass, out),
			},
			Sequence: []plugins.Step{step(0, 2, 16, 1, 4), step(1, 1, 24, 2, 4)},
		}},
		cells: 2, nodes: 8,
	}
	layer := func(heads, ratio float64) plugins.Cell {
		none := []float64{0, 0}
		return plugins.Cell{
			Nodes: []plugins.Node{{Op: in, Attrs: none}, {Op: 2, Attrs: []float64{heads, 0}}, {Op: 3, Attrs: []float64{0, ratio}}, {Op: out, Attrs: none}},
			Edges: edges([2]int{0, 1}, [2]int{0, 2}, [2]int{1, 2}, [2]int{0, 3}, [2]int{1, 3}, [2]int{2, 3}),
		}
	}
	transformer := kindOfSpace{
		vocabulary: plugins.Vocabulary{NodeAttrs: []string{"heads", "ratio"}, CellAttrs: []string{"embed_dim"}, Ops: []plugins.Op{
			op(plugins.KindInput, 0), op(plugins.KindOutput, 0), op(plugins.KindAttention, 0), op(plugins.KindMLP, 0),
		}},
		networks: []plugins.Network{
			{Cells: []plugins.Cell{layer(3, 3.5), layer(4, 4)}, Sequence: []plugins.Step{step(0, 1, 192), step(1, 1, 192)}},
			{Cells: []plugins.Cell{layer(4, 3.5)}, Sequence: []plugins.Step{step(0, 1, 240)}},
		},
		cells: 2, nodes: 4,
	}
	return map[string]kindOfSpace{"cell": cells, "two cells": two, "chain": chain, "transformer": transformer}
}

// number is what testdata/target.py fills tensors with.
func number(seed, i int) float64 {
	return float64((i*i*31+i*7919+seed*104729)%2003)/1001.5 - 1
}

func fillTo[T kern.Float](dst []T, seed int) {
	for i := range dst {
		dst[i] = T(number(seed, i))
	}
}

// targets builds the target networks of a space on invented encodings, weights
// and images. Evaluate returns their cross-entropies.
func targets[T kern.Float](t *testing.T, s *kindOfSpace) (tr *fuse.Trainer[T], params []*fuse.Parameter[T]) {
	t.Helper()
	o := defaults()
	o.Width, o.Hidden, o.TargetImages = 5, 4, 16
	r := newReader(&s.vocabulary, false, s.networks)
	m := newModel[T](&o, 3, r.proxy, generated(16, 0), rand.New(rand.NewPCG(1, 2)))
	params = m.hypernetworkParameters()
	for i, p := range params {
		fillTo(p.Data, i+1)
	}
	g := fuse.NewGraph[T]()
	in := &inputs[T]{shape: shape{networks: len(s.networks), cells: s.cells, nodes: s.nodes}, targets: len(s.networks)}
	var encoded []*gorgonia.Node
	for i := range s.cells {
		x, data := g.Input("encoded", in.networks, s.nodes, o.Width)
		fillTo(data, 100+i)
		encoded = append(encoded, x)
	}
	each, weights := m.classify(g, in, encoded)
	fillTo(in.images, 50)
	for i := range in.classes {
		in.classes[i] = T(i % 10)
	}
	for b := range s.networks {
		net := r.read(&s.networks[b])
		in.setTarget(b, &net)
	}
	tr, err := fuse.NewTrainer(g, fuse.NewAdam[T](fuse.AdamOptions{Rate: fuse.Constant(0)}), g.Apply(&kern.Mean[T]{}, each, weights), each)
	if err != nil {
		t.Fatal(err)
	}
	return tr, params
}

// TestTargetsTorch compares a forward pass of the target networks of each kind of
// space with PyTorch's: to 1e-9 in float64, to 2e-4 in float32.
func TestTargetsTorch(t *testing.T) {
	text, err := os.ReadFile("testdata/target.json")
	if err != nil {
		t.Fatal(err)
	}
	var want map[string][]float64
	if err := json.Unmarshal(text, &want); err != nil {
		t.Fatal(err)
	}
	for name, s := range inventedSpaces() {
		t.Run(name, func(t *testing.T) {
			t.Run("float64", func(t *testing.T) { testTargetsTorch[float64](t, &s, want[name], 1e-9) })
			t.Run("float32", func(t *testing.T) { testTargetsTorch[float32](t, &s, want[name], 2e-4) })
		})
	}
}

func testTargetsTorch[T kern.Float](t *testing.T, s *kindOfSpace, want []float64, tolerance float64) {
	tr, _ := targets[T](t, s)
	if _, err := tr.Evaluate(); err != nil {
		t.Fatal(err)
	}
	got := tr.Output(0)
	if len(got) != len(want) {
		t.Fatalf("got %d cross-entropies, want %d", len(got), len(want))
	}
	for i := range want {
		if math.Abs(float64(got[i])-want[i]) > tolerance {
			t.Errorf("network %d: got %v, want %v", i, got[i], want[i])
		}
	}
}

// TestTargetsGradient compares the gradients of the target networks of each kind
// of space with central differences.
func TestTargetsGradient(t *testing.T) {
	slow(t)
	for name, s := range inventedSpaces() {
		t.Run(name, func(t *testing.T) {
			tr, params := targets[float64](t, &s)
			evaluate := func() float64 {
				loss, err := tr.Evaluate()
				if err != nil {
					t.Fatal(err)
				}
				return loss
			}
			for _, p := range params {
				evaluate()
				grad := slices.Clone(tr.Gradient(p))
				if !slices.ContainsFunc(grad, func(g float64) bool { return g != 0 }) {
					t.Errorf("%s has no gradient", p.Name)
				}
				differences(t, p, grad, max(len(grad)/8, 1), evaluate)
			}
		})
	}
}

// nodesOf returns the nodes of a network's cell in its target network.
func nodesOf(r *reader, n *plugins.Network, position int) []targetNode {
	net := r.read(n)
	s := &net.steps[position]
	return r.proxy.targetNodes(net.cells[position], s, 4, r.proxy.base(position, s, 4))
}

// TestChoicesTell: expansions, windows, gates, heads, ratios and widths give
// target networks that differ.
func TestChoicesTell(t *testing.T) {
	spaces := inventedSpaces()
	const first = kern.CellHead
	chain, transformer := spaces["chain"], spaces["transformer"]
	r := newReader(&chain.vocabulary, false, chain.networks)
	wantHeads := []head{{kern.FormConv, 1, 0}, {kern.FormDepthwise, 3, 0}, {kern.FormDepthwise, 5, 0}, {kern.FormGate, 1, 0}}
	if !slices.Equal(r.proxy.heads, wantHeads) {
		t.Errorf("heads: got %v, want %v", r.proxy.heads, wantHeads)
	}
	for _, c := range []struct {
		network, position int
		want              []targetNode
	}{
		{0, 0, []targetNode{{kern.CellInput, 4, 1}, {kern.CellPass, 4, 1}, {first + 1, 4, 1}, {kern.CellPass, 4, 1}, {first, 4, 1}, {kern.CellPass, 4, 1}}},
		{0, 1, []targetNode{{kern.CellInput, 4, 1}, {first, 12, 1}, {first + 2, 12, 1}, {first + 3, 12, 2}, {first, 4, 1}, {kern.CellPass, 4, 1}}},
		{1, 0, []targetNode{{kern.CellInput, 4, 1}, {first, 8, 1}, {first + 2, 8, 1}, {kern.CellPass, 8, 1}, {first, 4, 1}, {kern.CellPass, 4, 1}}},
	} {
		if got := nodesOf(r, &chain.networks[c.network], c.position); !slices.Equal(got, c.want) {
			t.Errorf("chain %d, cell %d: got %v, want %v", c.network, c.position, got, c.want)
		}
	}
	r = newReader(&transformer.vocabulary, false, transformer.networks)
	for position, want := range [][]targetNode{
		{{kern.CellInput, 2, 1}, {first, 2, 3}, {first + 1, 2, 7}, {kern.CellPass, 2, 1}},
		{{kern.CellInput, 2, 1}, {first, 2, 4}, {first + 1, 2, 8}, {kern.CellPass, 2, 1}},
	} {
		if got := nodesOf(r, &transformer.networks[0], position); !slices.Equal(got, want) {
			t.Errorf("transformer, cell %d: got %v, want %v", position, got, want)
		}
	}
}

// TestForms: which operation of a target network stands for which kind.
func TestForms(t *testing.T) {
	v := &plugins.Vocabulary{Ops: []plugins.Op{
		op(plugins.KindInput, 0), op(plugins.KindNone, 0), op(plugins.KindSkip, 0), op(plugins.KindAvgPool, 3), op(plugins.KindMaxPool, 2),
		op(plugins.KindSqueezeExcite, 0), op(plugins.KindAttention, 0), op(plugins.KindMLP, 0), op(plugins.KindSeparableConv, 5), op(plugins.KindDilatedConv, 5),
		op(plugins.KindConv, 2), op(plugins.KindConv, 11), op(plugins.KindOther, 0), op(99, 3), op(plugins.KindDepthwiseConv, 3), op(plugins.KindOutput, 0),
		op(plugins.KindConv, 5), op(plugins.KindDepthwiseConv, 7), // not in the sample
	}}
	c := plugins.Cell{}
	for i := range 16 {
		c.Nodes = append(c.Nodes, plugins.Node{Op: i})
	}
	n := plugins.Network{Cells: []plugins.Cell{c}, Sequence: []plugins.Step{{Repeat: 1}}}
	r := newReader(v, false, []plugins.Network{n})
	want := []head{
		{kern.FormConv, 1, 0},
		{kern.FormConv, 3, 0},
		{kern.FormConv, 7, 0},
		{kern.FormDepthwise, 3, 0},
		{kern.FormSeparable, 5, 0},
		{kern.FormGate, 1, 0},
		{kern.FormAttention, 1, usualHeads},
		{kern.FormMLP, 1, usualRatio},
	}
	if !slices.Equal(r.proxy.heads, want) {
		t.Fatalf("heads: got %v, want %v", r.proxy.heads, want)
	}
	const h = kern.CellHead
	var codes []int
	for _, node := range nodesOf(r, &n, 0) {
		codes = append(codes, node.code)
	}
	if want := []int{kern.CellInput, kern.CellNone, kern.CellPass, kern.CellAverage, kern.CellMax, h + 5, h + 6, h + 7, h + 4, h + 4, h + 1, h + 2, h, h + 1, h + 3, kern.CellPass}; !slices.Equal(codes, want) {
		t.Errorf("got %v, want %v", codes, want)
	}
	// A window that the sample has not takes the next larger one, or the largest.
	for i, want := range map[int]int{16: 2, 17: 3} {
		if got := r.proxy.head(&v.Ops[i]); got != want {
			t.Errorf("operation %d: got head %d, want %d", i, got, want)
		}
	}
	if got := newReader(v, false, nil).proxy.head(&v.Ops[10]); got != -1 {
		t.Errorf("without a sample: got head %d, want none", got)
	}
}

// TestHalvings: images are halved where most networks say so.
func TestHalvings(t *testing.T) {
	for name, c := range map[string]struct {
		attrs     []string
		values    [][]float64 // of the steps
		positions []int
		want      []bool
	}{
		"nothing said":     {nil, [][]float64{nil, nil, nil}, []int{0, 1, 2}, []bool{false, true, false}},
		"stride":           {[]string{"stride"}, [][]float64{{2}, {1}, {2}, {2}}, []int{0, 1, 2, 3}, []bool{false, false, true, false}},
		"side":             {[]string{"side"}, [][]float64{{32}, {32}, {16}, {16}}, []int{0, 1, 3}, []bool{false, false, true}},
		"of the same side": {[]string{"side"}, [][]float64{{32}, {32}}, []int{0, 1}, []bool{false, false}},
	} {
		v := &plugins.Vocabulary{Ops: []plugins.Op{op(plugins.KindInput, 0), op(plugins.KindOutput, 0)}, CellAttrs: c.attrs}
		n := plugins.Network{Cells: []plugins.Cell{cellOf(plugins.RoleBlock, chained(2), 0, 1)}}
		for _, attrs := range c.values {
			n.Sequence = append(n.Sequence, plugins.Step{Repeat: 1, Attrs: attrs})
		}
		if got := newProxy(v, []plugins.Network{n}).halves(c.positions); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}

// longCell is an architecture of one cell, a chain of a thousand convolutions.
func longCell() (*plugins.Vocabulary, plugins.Network) {
	v := &plugins.Vocabulary{Ops: []plugins.Op{op(plugins.KindInput, 0), op(plugins.KindOutput, 0), op(plugins.KindConv, 3)}}
	c := cellOf(plugins.RoleNormal, chained(1002), append(append([]int{0}, slices.Repeat([]int{2}, 1000)...), 1)...)
	return v, plugins.Network{Cells: []plugins.Cell{c}, Sequence: []plugins.Step{{Repeat: 1}}}
}

// TestLongCell: of a thousand operations with weights as many have weights as a
// target network may have, evenly spread.
func TestLongCell(t *testing.T) {
	v, n := longCell()
	kept, last := 0, 0
	for i, node := range nodesOf(newReader(v, false, []plugins.Network{n}), &n, 0) {
		if node.code == kern.CellHead {
			if kept > 0 && i-last > 1000/mostOperations+1 {
				t.Errorf("no weights between nodes %d and %d", last, i)
			}
			kept, last = kept+1, i
		}
	}
	if kept != mostOperations {
		t.Errorf("%d operations have weights, want %d", kept, mostOperations)
	}
}
