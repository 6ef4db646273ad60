package kern

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// convolutions are heads of convolutions of sizes 1 and 3.
func convolutions() []Head { return []Head{{FormConv, 1, 0}, {FormConv, 3, 0}} }

// drawn is a cell of a gradient check: images, its heads, and its nodes and
// edges.
type drawn[T Float] struct {
	name    string
	images  []int // shape
	earlier bool
	heads   []Head
	wide    int
	nodes   [][3]int
	edges   [][2]int
}

func (d *drawn[T]) gradientCase() gradientCase[T] {
	a, n, c := 1, len(d.nodes), d.images[2]
	node := make([]float64, 0, 3*n)
	for _, x := range d.nodes {
		node = append(node, float64(x[0]), float64(x[1]), float64(x[2]))
	}
	edge := make([]float64, n*n)
	for _, e := range d.edges {
		edge[e[0]*n+e[1]] = 1
	}
	g := gradientCase[T]{d.name, func() Kernel[T] { return &Cell[T]{Heads: d.heads, Wide: d.wide, Earlier: d.earlier} }, [][]int{d.images}, []fill{normal}}
	if d.earlier {
		g.shapes, g.fills = append(g.shapes, d.images), append(g.fills, normal)
	}
	g.shapes = append(g.shapes, []int{a, n, 3}, []int{a, n, n}, []int{a})
	g.fills = append(g.fills, values(node...), values(edge...), values(float64(n-1)))
	for _, h := range d.heads {
		g.shapes, g.fills = append(g.shapes, []int{a, n, h.Weights(c, d.wide)}), append(g.fills, normal)
	}
	return g
}

func cellCases[T Float]() []gradientCase[T] {
	const head = CellHead
	var cases []gradientCase[T]
	for _, d := range []drawn[T]{
		{
			"cell",
			[]int{1, 1, 4, 4, 4, 16},
			false, convolutions(), 4,
			[][3]int{{CellInput, 4, 1}, {head, 4, 1}, {head + 1, 4, 1}, {CellPass, 4, 1}, {CellAverage, 4, 1}, {CellMax, 4, 1}, {head + 1, 4, 1}, {CellPass, 4, 1}},
			[][2]int{{0, 1}, {0, 2}, {1, 3}, {2, 3}, {2, 4}, {3, 5}, {4, 7}, {5, 7}, {0, 6}, {0, 7}},
		},
		{ // An inverted residual with a gate, of 3 of 4 channels that expand to 7.
			"inverted residual",
			[]int{1, 2, 4, 4, 5, 16},
			false,
			[]Head{{FormConv, 1, 0}, {FormConv, 3, 0}, {FormDepthwise, 3, 0}, {FormGate, 1, 3}},
			8,
			[][3]int{{CellInput, 3, 1}, {head, 7, 1}, {head + 2, 7, 1}, {head + 3, 7, 2}, {head, 3, 1}, {CellPass, 3, 1}, {CellPass, 3, 1}},
			[][2]int{{0, 1}, {1, 2}, {2, 3}, {3, 4}, {0, 5}, {4, 6}, {5, 6}},
		},
		{ // Values of several widths meet, and some are pooled.
			"widths",
			[]int{1, 1, 2, 4, 4, 16},
			false,
			[]Head{{FormConv, 3, 0}, {FormDepthwise, 5, 0}},
			5,
			[][3]int{{CellInput, 2, 1}, {head, 5, 1}, {CellAverage, 5, 1}, {CellMax, 2, 1}, {head + 1, 5, 1}, {head, 2, 1}, {head, 1, 1}, {CellPass, 2, 1}},
			[][2]int{{0, 1}, {1, 2}, {1, 3}, {2, 4}, {3, 4}, {0, 4}, {4, 5}, {3, 5}, {4, 6}, {5, 7}, {6, 7}, {4, 7}},
		},
		{
			"two inputs, separable and dilated",
			[]int{1, 2, 3, 5, 4, 16},
			true,
			[]Head{{FormSeparable, 3, 0}, {FormSeparable, 5, 0}},
			3,
			[][3]int{{CellEarlier, 3, 1}, {CellInput, 3, 1}, {head, 3, 1}, {head, 2, 2}, {head + 1, 3, 2}, {CellPass, 3, 1}},
			[][2]int{{0, 2}, {1, 3}, {2, 4}, {3, 4}, {1, 4}, {2, 5}, {3, 5}, {4, 5}},
		},
		{ // A transformer's block with 3 of 4 channels, 3 of 4 heads, 5 of 6 units.
			"transformer",
			[]int{1, 2, 4, 2, 3, 16},
			false,
			[]Head{{FormAttention, 1, 4}, {FormMLP, 1, 6}},
			4,
			[][3]int{{CellInput, 3, 1}, {head, 3, 3}, {head + 1, 3, 5}, {CellPass, 3, 1}},
			[][2]int{{0, 1}, {0, 2}, {1, 2}, {0, 3}, {1, 3}, {2, 3}},
		},
	} {
		cases = append(cases, d.gradientCase())
	}
	return append(cases,
		gradientCase[T]{"position of pixels", func() Kernel[T] { return &AddToPixels[T]{} }, [][]int{{2, 2, 3, 2, 2, 16}, {3, 2, 2}}, []fill{normal, normal}})
}

func TestCellGradients(t *testing.T) { testGradients(t, cellCases[float64]()) }

func TestCellFloat32(t *testing.T) {
	testFloat32(t, cellCases[float64](), cellCases[float32](), "48ea1f7fccd2de41")
}

func TestCellShapeErrors(t *testing.T) {
	testShapeErrors(t, cellCases[float32]())
	for name, h := range map[string]Head{"form": {numForms, 1, 0}, "even window": {FormConv, 2, 0}, "no heads": {FormAttention, 1, 0}} {
		k := &Cell[float32]{Heads: []Head{h}, Wide: 2}
		if _, err := k.Shape([]int{1, 1, 2, 4, 4, 16}, []int{1, 3, 3}, []int{1, 3, 3}, []int{1}, []int{1, 3, h.Weights(2, 2)}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestCellReuse: a kernel that has seen cells of other shapes computes what a new
// one does, to the bit.
func TestCellReuse(t *testing.T) {
	const n, c, wide = 5, 4, 8
	heads := []Head{{FormConv, 3, 0}, {FormDepthwise, 3, 0}, {FormSeparable, 3, 0}, {FormGate, 1, 2}, {FormAttention, 1, 3}, {FormMLP, 1, 6}}
	shapes := [][]int{{1, 1, c, 4, 4, 16}, {1, n, 3}, {1, n, n}, {1}}
	for _, h := range heads {
		shapes = append(shapes, []int{1, n, h.Weights(c, wide)})
	}
	rng := rand.New(rand.NewPCG(11, 12))
	build := func() *Cell[float32] {
		k := &Cell[float32]{Heads: heads, Wide: wide}
		if _, err := k.Shape(shapes...); err != nil {
			t.Fatal(err)
		}
		return k
	}
	used := build()
	for round := range 40 {
		var in, want, got [][]float32
		for i, s := range shapes {
			in = append(in, random[float32](rng, Size(s)))
			want, got = append(want, nil), append(got, nil)
			if used.Differentiable(i) {
				want[i], got[i] = filled[float32](Size(s)), filled[float32](Size(s))
			}
		}
		clear(in[2])
		in[3][0] = n - 1
		for j := range n {
			node := in[1][3*j:]
			node[0], node[1], node[2] = float32(CellHead+rng.IntN(len(heads))), float32(1+rng.IntN(c)), float32(1+rng.IntN(2))
			if j == 0 {
				node[0] = CellInput
			} else {
				in[2][(j-1)*n+j], in[2][rng.IntN(j)*n+j] = 1, 1
			}
			if node[0] == CellHead && rng.IntN(2) == 0 || node[0] == CellHead+1 {
				node[1] = float32(1 + rng.IntN(wide))
			}
		}
		// So does one that forgets, though it keeps the nodes of one architecture.
		forgets := &Cell[float32]{Heads: heads, Wide: wide, Forget: true}
		two := slices.Clone(shapes)
		pair := make([][]float32, len(in))
		for i := range in {
			pair[i] = in[i]
			if i > 0 {
				two[i] = append([]int{2}, shapes[i][1:]...)
				pair[i] = slices.Concat(in[i], in[i])
			}
		}
		if _, err := forgets.Shape(two...); err != nil {
			t.Fatal(err)
		}
		both := filled[float32](2 * c * 256)
		forgets.Forward(both, pair)
		fresh := build()
		out, other := filled[float32](c*256), filled[float32](c*256)
		gout := random[float32](rng, c*256)
		fresh.Forward(out, in)
		used.Forward(other, in)
		fresh.Backward(want, in, out, gout)
		used.Backward(got, in, other, gout)
		if !slices.Equal(out, other) || !slices.Equal(both, slices.Concat(out, out)) {
			t.Fatalf("round %d: outputs differ", round)
		}
		for i := range want {
			if !slices.Equal(want[i], got[i]) {
				t.Fatalf("round %d: gradients of input %d differ", round, i)
			}
		}
	}
}

// TestCellScratch: what a cell says that it keeps is no less than what it does,
// and little more.
func TestCellScratch(t *testing.T) {
	for _, forget := range []bool{false, true} {
		for _, d := range []drawn[float32]{
			{name: "convolutions", images: []int{1, 2, 4, 8, 8, 16}, heads: convolutions(), wide: 4, nodes: [][3]int{{CellInput, 4, 1}, {CellHead + 1, 4, 1}, {CellHead + 1, 4, 1}, {CellPass, 4, 1}}, edges: [][2]int{{0, 1}, {1, 2}, {2, 3}}},
			{name: "separable, dilated", images: []int{1, 1, 4, 8, 8, 16}, heads: []Head{{FormSeparable, 5, 0}}, wide: 4, nodes: [][3]int{{CellInput, 4, 1}, {CellHead, 4, 2}, {CellPass, 4, 1}}, edges: [][2]int{{0, 1}, {1, 2}}},
			{name: "gate", images: []int{1, 1, 4, 8, 8, 16}, heads: []Head{{FormGate, 1, 2}}, wide: 4, nodes: [][3]int{{CellInput, 4, 1}, {CellHead, 4, 2}, {CellPass, 4, 1}}, edges: [][2]int{{0, 1}, {1, 2}}},
			{name: "transformer", images: []int{1, 2, 4, 4, 4, 16}, heads: []Head{{FormAttention, 1, 4}, {FormMLP, 1, 6}}, wide: 4, nodes: [][3]int{{CellInput, 4, 1}, {CellHead, 4, 4}, {CellHead + 1, 4, 6}, {CellPass, 4, 1}}, edges: [][2]int{{0, 1}, {1, 2}, {2, 3}}},
		} {
			g := d.gradientCase()
			k := &Cell[float32]{Heads: d.heads, Wide: d.wide, Forget: forget, Weighted: len(d.heads) + 1}
			shape, err := k.Shape(g.shapes...)
			if err != nil {
				t.Fatal(err)
			}
			rng := rand.New(rand.NewPCG(1, 2))
			in, gin := make([][]float32, len(g.shapes)), make([][]float32, len(g.shapes))
			for i, s := range g.shapes {
				in[i] = make([]float32, Size(s))
				for j := range in[i] {
					in[i][j] = float32(rng.NormFloat64())
				}
			}
			n := len(d.nodes)
			clear(in[2])
			for j, x := range d.nodes {
				in[1][3*j], in[1][3*j+1], in[1][3*j+2] = float32(x[0]), float32(x[1]), float32(x[2])
			}
			for _, e := range d.edges {
				in[2][e[0]*n+e[1]] = 1
			}
			in[3][0] = float32(n - 1)
			out := make([]float32, Size(shape))
			k.Forward(out, in)
			if !forget {
				gin[0] = make([]float32, len(in[0]))
				k.Backward(gin, in, out, out)
			}
			kept := 0
			for i := range k.nodes {
				x := &k.nodes[i]
				kept += len(x.value) + len(x.padded.data)
				for _, own := range x.keep {
					kept += len(own)
				}
			}
			for _, own := range k.grads {
				kept += len(own)
			}
			if got := k.Scratch(); got < kept || got > 3*kept {
				t.Errorf("%s, forget=%t: says %d numbers, keeps %d", d.name, forget, got, kept)
			}
		}
	}
}
