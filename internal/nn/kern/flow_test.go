package kern

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// flowKernels returns a new kernel for every case of testdata/flow.json.
func flowKernels[T Float]() map[string]Kernel[T] {
	return map[string]Kernel[T]{
		"flow":            &Flow[T]{},
		"graph attention": &GraphAttention[T]{},
		"midpoint":        &Midpoint[T]{},
		"midpoint relu":   &Midpoint[T]{ReLU: true},
		"place":           &Place[T]{},
		"hinge":           &PairwiseHinge[T]{Margin: .6},
	}
}

func flowCases[T Float]() []gradientCase[T] {
	return []gradientCase[T]{
		{"flow", func() Kernel[T] { return &Flow[T]{} }, [][]int{{3, 5, 18}, {3, 5, 18}, {3, 5, 5}, {18}}, []fill{normal, normal, bits, normal}},
		{
			"graph attention", func() Kernel[T] { return &GraphAttention[T]{} },
			[][]int{{3, 5, 18}, {3, 5, 18}, {3, 5, 18}, {18}, {3, 5, 5}, {3, 5}, {3, 5, 18}},
			[]fill{normal, normal, normal, normal, bits, bits, normal},
		},
		{
			"graph attention of many", func() Kernel[T] { return &GraphAttention[T]{} },
			[][]int{{1, 21, 4}, {1, 21, 4}, {1, 21, 4}, {4}, {1, 21, 21}, {1, 21}, {1, 21, 4}},
			[]fill{normal, normal, normal, normal, bits, bits, normal},
		},
		{"midpoint", func() Kernel[T] { return &Midpoint[T]{} }, [][]int{{3, 7}, {3, 7}}, []fill{normal, normal}},
		{"midpoint relu", func() Kernel[T] { return &Midpoint[T]{ReLU: true} }, [][]int{{5, 7}, {5, 7}}, []fill{normal, normal}},
		{"place", func() Kernel[T] { return &Place[T]{} }, [][]int{{3, 7}, {3, 5}}, []fill{normal, bits}},
		{"detachment", func() Kernel[T] { return &Detach[T]{} }, [][]int{{3, 7}}, []fill{normal}},
		{"hinge", func() Kernel[T] { return &PairwiseHinge[T]{Margin: .6} }, [][]int{{9, 1}, {9}, {9}}, []fill{normal, below(4), bits}},
	}
}

func TestFlowTorch(t *testing.T) {
	t.Run("float64", func(t *testing.T) { testTorch(t, "flow.json", flowKernels[float64](), 1e-9) })
	t.Run("float32", func(t *testing.T) { testTorch(t, "flow.json", flowKernels[float32](), 2e-5) })
}

func TestFlowGradients(t *testing.T) { testGradients(t, flowCases[float64]()) }

func TestFlowFloat32(t *testing.T) {
	testFloat32(t, flowCases[float64](), flowCases[float32](), "e0fa62846d98b887")
}

func TestFlowShapeErrors(t *testing.T) { testShapeErrors(t, flowCases[float32]()) }

// TestGraphAttentionOfNodes: what stands in nodes that the mask leaves out
// changes nothing, not even where it is huge.
func TestGraphAttentionOfNodes(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	const n, h = 5, 8
	q, g, a := random[float32](rng, n*h), random[float32](rng, n*h), random[float32](rng, h)
	adjacency := make([]float32, n*n)
	for i := range n {
		for j := range i {
			adjacency[i*n+j] = 1
		}
	}
	run := func(q []float32) []float32 {
		k := &GraphAttention[float32]{}
		if _, err := k.Shape([]int{1, n, h}, []int{1, n, h}, []int{1, n, h}, []int{h}, []int{1, n, n}, []int{1, n}, []int{1, n, h}); err != nil {
			t.Fatal(err)
		}
		out := filled[float32](n * h)
		k.Forward(out, [][]float32{q, q, q, a, adjacency, {1, 0, 1, 1, 0}, g})
		return out
	}
	want := run(q)
	other := slices.Clone(q)
	for i := range h {
		other[h+i], other[4*h+i] = -1e6, 1e6
	}
	got := run(other)
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for i := range h {
		if want[h+i] != 0 || want[4*h+i] != 0 {
			t.Fatalf("nodes left out: got %v, want zeros", want)
		}
	}
}

// TestExponential compares e^x and the logistic function, on every path, with the
// standard library, the ends of the range included.
func TestExponential(t *testing.T) {
	bits := map[string][]float32{}
	onEveryPath(t, func(t *testing.T) { testExponential(t, bits) })
}

func testExponential(t *testing.T, bits map[string][]float32) {
	var x []float32
	for v := float32(-110); v <= 95; v += .37 {
		x = append(x, v)
	}
	x = append(x, 0, 1e-30, -1e-30, float32(math.NaN()))
	for _, v := range []float32{199, 201, 1e4, 1e10, 1e14, math.MaxFloat32, float32(math.Inf(1))} {
		x = append(x, v, -v)
	}
	e, s := make([]float32, len(x)), make([]float32, len(x))
	expTo(e, x)
	sigmoidTo(s, x)
	checkBits(t, bits, "exp", e)
	checkBits(t, bits, "sigmoid", s)
	for i, v := range x {
		for _, c := range []struct {
			name string
			got  float32
			want float64
		}{{"exp", e[i], math.Exp(float64(v))}, {"sigmoid", s[i], 1 / (1 + math.Exp(-float64(v)))}} {
			// The standard library's number, as a float32: infinite, 0 or
			// without its full precision at the ends.
			want := float64(float32(c.want))
			same := float64(c.got) == want || math.IsNaN(want) && math.IsNaN(float64(c.got))
			if !same && math.Abs(float64(c.got)-want) > 3e-7*want+3e-39 {
				t.Errorf("%s(%v): got %v, want %v", c.name, v, c.got, want)
			}
		}
	}
}
