package feature_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/predictors/feature"
)

// groupOf returns the columns of one group of a network.
func groupOf(t *testing.T, g *feature.Groups, name string, n *plugins.Network, numbers ...float64) []float64 {
	t.Helper()
	row := make([]float64, g.Dim())
	g.EncodeTo(row, n, numbers)
	for _, group := range g.List() {
		if group.Name == name {
			return row[group.From:group.To]
		}
	}
	t.Fatalf("no group %q in %v", name, g.List())
	return nil
}

func expectRow(t *testing.T, what string, got []float64, want ...float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
		return
	}
	for i := range got {
		if !(math.Abs(got[i]-want[i]) <= 1e-12) {
			t.Errorf("%s: got %v, want %v", what, got, want)
			return
		}
	}
}

// chains are networks of one or two blocks, each a convolution of some window,
// a gate that may be missing, a repeat and a width.
func chains() (*plugins.Vocabulary, plugins.Batch) {
	v := &plugins.Vocabulary{
		Ops: []plugins.Op{
			{Name: "in", Kind: plugins.KindInput},
			{Name: "out", Kind: plugins.KindOutput},
			{Name: "skip", Kind: plugins.KindSkip},
			{Name: "conv3", Kind: plugins.KindConv, Kernel: 3},
			{Name: "conv5", Kind: plugins.KindConv, Kernel: 5},
			{Name: "se", Kind: plugins.KindSqueezeExcite},
		},
		CellAttrs: []string{"expansion"},
		Numbers:   []string{plugins.NumberFLOPs, plugins.NumberParams},
	}
	type block struct{ conv, gate, repeat, width int }
	var b plugins.Batch
	for i, blocks := range [][]block{
		{{3, 2, 1, 4}, {4, 5, 2, 6}},
		{{4, 2, 3, 4}},
		{{3, 5, 1, 6}, {3, 2, 2, 4}},
		{{3, 5, 1, 4}},
	} {
		var n plugins.Network
		for k, x := range blocks {
			n.Cells = append(n.Cells, plugins.Cell{
				Nodes: []plugins.Node{{Op: 0}, {Op: x.conv}, {Op: x.gate}, {Op: 1}},
				Edges: []plugins.Edge{{From: 0, To: 1}, {From: 1, To: 2}, {From: 2, To: 3}},
			})
			n.Sequence = append(n.Sequence, plugins.Step{Cell: k, Repeat: x.repeat, Attrs: []float64{float64(x.width)}})
		}
		b.Networks = append(b.Networks, n)
		b.Numbers = append(b.Numbers, 1e6, 1e6*float64(i+1))
	}
	return v, b
}

// TestChainsHaveTheGroupsOfTheirNumbers compares with values computed by hand.
func TestChainsHaveTheGroupsOfTheirNumbers(t *testing.T) {
	v, b := chains()
	g := newGroups(t, v, &b)
	first, second := &b.Networks[0], &b.Networks[1]
	expectRow(t, "cost", groupOf(t, g, "cost", first, b.Row(1)...), math.Log(2), 0)
	// Numbers are width, window, repeat, gate; a block that is missing is 0.
	expectRow(t, "num", groupOf(t, g, "num", first, b.Row(0)...), 4, 6, 3, 5, 1, 2, 0, 1)
	expectRow(t, "num of one block", groupOf(t, g, "num", second, b.Row(0)...), 4, 0, 5, 0, 3, 0, 0, 0)
	expectRow(t, "totals", groupOf(t, g, "totals", first, b.Row(0)...),
		3, 16, 10, math.Log(4)+math.Log(6), 13, 8, 2, 1, 1*4*3+2*6*5)
	half := math.Cos(math.Pi/4) / 2
	expectRow(t, "moments", groupOf(t, g, "moments", first, b.Row(0)...),
		half*(4-6), half*(4-12), half*(3-5), half*(3-10), half*(1-2), -half, -2*half)
	expectRow(t, "blkcost", groupOf(t, g, "blkcost", second, b.Row(0)...),
		math.Log(12), 0, math.Log(60), 0, 0, 0)
	// A column for one block or two, then for widths 4, 6 and, at the second
	// position, no block, and so on.
	expectRow(t, "onehot", groupOf(t, g, "onehot", second, b.Row(0)...),
		1, 0, 1, 0, 1, 0, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 1, 0, 1, 0, 0)
}

// twoCells are networks of two cells of two vertices, each the sum of two
// operations: the first reads the inputs, the second the first input and what
// second says.
func twoCells() (*plugins.Vocabulary, plugins.Batch) {
	v := &plugins.Vocabulary{Ops: []plugins.Op{
		{Name: "in", Kind: plugins.KindInput},
		{Name: "out", Kind: plugins.KindOutput},
		{Name: "skip", Kind: plugins.KindSkip},
		{Name: "sep", Kind: plugins.KindSeparableConv, Kernel: 3},
		{Name: "pool", Kind: plugins.KindMaxPool, Kernel: 3},
	}}
	cell := func(role plugins.Role, ops [4]int, inner bool) plugins.Cell {
		c := plugins.Cell{Role: role, Nodes: []plugins.Node{{}, {}, {Op: ops[0]}, {Op: ops[1]}, {Op: ops[2]}, {Op: ops[3]}, {Op: 1}}}
		c.Edges = []plugins.Edge{{From: 0, To: 2}, {From: 1, To: 3}, {From: 0, To: 4}}
		if inner {
			c.Edges = append(c.Edges, plugins.Edge{From: 2, To: 5}, plugins.Edge{From: 3, To: 5})
		} else {
			c.Edges = append(c.Edges, plugins.Edge{From: 1, To: 5})
		}
		for i := 2; i < 6; i++ {
			c.Edges = append(c.Edges, plugins.Edge{From: i, To: 6})
		}
		return c
	}
	var b plugins.Batch
	for _, x := range [][2]plugins.Cell{
		{cell(plugins.RoleNormal, [4]int{3, 2, 4, 3}, true), cell(plugins.RoleReduction, [4]int{2, 2, 3, 4}, false)},
		{cell(plugins.RoleNormal, [4]int{4, 3, 2, 2}, false), cell(plugins.RoleReduction, [4]int{3, 4, 2, 3}, true)},
	} {
		b.Networks = append(b.Networks, plugins.Network{
			Cells:    x[:],
			Sequence: []plugins.Step{{Cell: 0, Repeat: 3}, {Cell: 1, Repeat: 1}, {Cell: 0, Repeat: 2}},
		})
	}
	return v, b
}

// TestCellsOfOneLayoutHaveTheGroupsOfTheirVertices compares with values
// computed by hand; operations are skip, sep and pool.
func TestCellsOfOneLayoutHaveTheGroupsOfTheirVertices(t *testing.T) {
	v, b := twoCells()
	g := newGroups(t, v, &b)
	n := &b.Networks[0]
	const sep = 2 * (9 + 32)
	expectRow(t, "cost", groupOf(t, g, "cost", n), math.Log(50+5*2*sep+sep), math.Log(20+2*sep), math.Log(20+sep), 2, 1)
	expectRow(t, "totals", groupOf(t, g, "totals", n), 1, 2, 1, 2, 1, 1)
	expectRow(t, "stage", groupOf(t, g, "stage", n),
		1.5, 2, 1.5, 2, 1, 1, 2, 1, 1,
		1, 1, .5, 1, 1, 2, 2, 2, 0)
	expectRow(t, "src", groupOf(t, g, "src", n),
		0, 1, 1, 1, 0, 0, 0, 1, 0,
		1, 1, 0, 1, 0, 1, 0, 0, 0)
	expectRow(t, "dst", groupOf(t, g, "dst", n),
		1, 1, 0, 0, 1, 1,
		2, 0, 0, 0, 1, 1)
	stranger := plugins.Network{Cells: n.Cells[:1], Sequence: n.Sequence[:1]}
	row := make([]float64, g.Dim())
	row[0] = 1
	g.EncodeTo(row, &stranger, nil)
	expectRow(t, "network of another kind", row, make([]float64, g.Dim())...)
}

// TestCellsHaveTheGroupsOfTheirPaths compares with values computed by hand.
func TestCellsHaveTheGroupsOfTheirPaths(t *testing.T) {
	v := &plugins.Vocabulary{Ops: []plugins.Op{
		{Name: "in", Kind: plugins.KindInput},
		{Name: "out", Kind: plugins.KindOutput},
		{Name: "none", Kind: plugins.KindNone},
		{Name: "conv", Kind: plugins.KindConv, Kernel: 3},
		{Name: "pool", Kind: plugins.KindAvgPool, Kernel: 3},
	}}
	network := func(ops ...int) plugins.Network {
		// in -> a -> b -> out, in -> c -> out, a -> d, which nobody reads
		// unless it is the last operation.
		return plugins.Network{Cells: []plugins.Cell{{
			Nodes: []plugins.Node{{Op: 0}, {Op: ops[0]}, {Op: ops[1]}, {Op: ops[2]}, {Op: ops[3]}, {Op: 1}},
			Edges: []plugins.Edge{{From: 0, To: 1}, {From: 1, To: 2}, {From: 2, To: 5}, {From: 0, To: 3}, {From: 3, To: 5}, {From: 1, To: 4}},
		}}, Sequence: []plugins.Step{{Repeat: 1}}}
	}
	b := plugins.Batch{Networks: []plugins.Network{network(3, 4, 3, 3), network(2, 4, 4, 3), network(2, 2, 2, 2)}}
	g := newGroups(t, v, &b)
	expectRow(t, "ps", groupOf(t, g, "ps", &b.Networks[0]), 2, 1, 1, 1, 2, 1, 1, 0, 1, 1, 1, .5, 1.5)
	// Subsets are conv, pool, both. Longest, shortest, number.
	expectRow(t, "reach", groupOf(t, g, "reach", &b.Networks[0]), 1, 1, 1, 0, 3, 0, 2, 1, 2)
	expectRow(t, "deg", groupOf(t, g, "deg", &b.Networks[0]), 2, 1, 0, 1, 2, 2)
	expectRow(t, "reach without the first path", groupOf(t, g, "reach", &b.Networks[1]), 0, 3, 0, 1, 1, 1, 1, 1, 1)
	expectRow(t, "ps of a dead cell", groupOf(t, g, "ps", &b.Networks[2]), make([]float64, 13)...)
	expectRow(t, "reach of a dead cell", groupOf(t, g, "reach", &b.Networks[2]), 0, 3, 0, 0, 3, 0, 0, 3, 0)
}

// TestScaledGroupsAreOneApart checks what scaling promises of the mean squared
// distance of two rows, and that what does not vary is left out.
func TestScaledGroupsAreOneApart(t *testing.T) {
	v, b := chains()
	s, err := feature.NewScaledGroups(t.Context(), v, &b)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := s.Rows(t.Context(), &b)
	if err != nil {
		t.Fatal(err)
	}
	for g, d := range s.Dims() {
		sum, count := 0.0, float64(b.Len()*b.Len())
		for i := range b.Len() {
			for j := range b.Len() {
				for k := range d {
					e := rows[g][i*d+k] - rows[g][j*d+k]
					sum += e * e / count
				}
			}
		}
		if math.Abs(sum-1) > 1e-12 {
			t.Errorf("%s: mean squared distance is %v, want 1", s.Names()[g], sum)
		}
	}
	// flops are equal in all of them.
	if d := s.Dims()[0]; s.Names()[0] != "cost" || d != 1 {
		t.Errorf("first group is %s with %d columns, want cost with 1", s.Names()[0], d)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Rows(ctx, &b); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: got %v", err)
	}
}

// TestScaling compares with numbers computed by hand: columns 1, 3 and 2, 2 and
// 0, 4 have deviations 1, 0 and 2.
func TestScaling(t *testing.T) {
	x := []float64{1, 2, 0, 3, 2, 4}
	for _, tc := range []struct {
		center bool
		want   []float64
	}{
		{false, []float64{-.5, -.5}},
		{true, []float64{-1 / math.Sqrt(10), -2 / math.Sqrt(10)}},
	} {
		s := feature.NewScaling(x, 3, tc.center)
		got := make([]float64, s.Dim())
		s.To(got, x[:3])
		expectRow(t, "scaled", got, tc.want...)
	}
}

// TestGroupsOfNothing checks that what has no groups is no mistake.
func TestGroupsOfNothing(t *testing.T) {
	v, b := chains()
	fixed := b.Networks[0]
	fixed.Cells = append([]plugins.Cell(nil), fixed.Cells...)
	for k := range fixed.Cells {
		fixed.Cells[k].Fixed = true
	}
	for name, b := range map[string]plugins.Batch{
		"no networks": {}, "nothing searched": {Networks: []plugins.Network{fixed}, Numbers: b.Row(0)},
	} {
		s, err := feature.NewScaledGroups(t.Context(), v, &b)
		if err != nil || len(s.Names()) != 0 || s.Groups().Dim() != 0 {
			t.Errorf("%s: got %v, %v, want no groups", name, s.Names(), err)
		}
		s.Groups().EncodeTo(nil, &fixed, nil)
	}
	one := b.Slice(0, 1)
	s, err := feature.NewScaledGroups(t.Context(), v, &one)
	if err != nil || len(s.Names()) != 0 {
		t.Errorf("one network: got %v, %v, want no groups", s.Names(), err)
	}
}

// newGroups returns the groups of the rows of b.
func newGroups(t *testing.T, v *plugins.Vocabulary, b *plugins.Batch) *feature.Groups {
	t.Helper()
	g, err := feature.NewGroups(t.Context(), v, b)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// TestCellsWithoutOperations: a cell of one input and the output has no vertex,
// and still all of its columns are numbers.
func TestCellsWithoutOperations(t *testing.T) {
	v, b := twoCells()
	empty := plugins.Cell{Role: plugins.RoleReduction, Nodes: []plugins.Node{{}, {Op: 1}}, Edges: []plugins.Edge{{From: 0, To: 1}}}
	for i := range b.Networks {
		b.Networks[i].Cells = []plugins.Cell{b.Networks[i].Cells[0], empty}
	}
	g := newGroups(t, v, &b)
	expectRow(t, "stage", groupOf(t, g, "stage", &b.Networks[0])[9:], 0, 0, 0, 0, 0, 0, 0, 0)
	x, err := g.Matrix(t.Context(), &b)
	if err != nil {
		t.Fatal(err)
	}
	if slices.ContainsFunc(x, func(x float64) bool { return math.IsNaN(x) || math.IsInf(x, 0) }) {
		t.Errorf("got %v", x)
	}
}

// TestScalingLeavesOutWhatIsNoNumber: columns with NaN or infinity anywhere are
// not kept.
func TestScalingLeavesOutWhatIsNoNumber(t *testing.T) {
	s := feature.NewScaling([]float64{
		1, math.NaN(), math.Inf(1), 1e200,
		2, 1, 1, -1e200,
		3, 2, 2, 0,
	}, 4, false)
	if !slices.Equal(s.Columns, []int{0}) {
		t.Errorf("keeps columns %v, want the first alone", s.Columns)
	}
}

// TestGroupsAreCancelled: a done context ends the search for what varies.
func TestGroupsAreCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, f := range map[string]func() (*plugins.Vocabulary, plugins.Batch){"chains": chains, "layouts": twoCells} {
		v, b := f()
		if _, err := feature.NewGroups(ctx, v, &b); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v, want context.Canceled", name, err)
		}
	}
}
