package kern

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// attentionKernels returns a new kernel for every case of
// testdata/attention.json.
func attentionKernels[T Float]() map[string]Kernel[T] {
	return map[string]Kernel[T]{
		"attention":              &Attention[T]{Heads: 2},
		"attention with dropout": &Attention[T]{Heads: 3},
		"batched product":        &BatchMatMul[T]{},
		"relu":                   &Activation[T]{},
		"leaky relu":             &Activation[T]{Function: LeakyReLU, Slope: .2},
		"elu":                    &Activation[T]{Function: ELU},
		"sigmoid":                &Activation[T]{Function: Sigmoid},
		"tanh":                   &Activation[T]{Function: Tanh},
		"gelu":                   &Activation[T]{Function: GELU},
		"message":                &SetMessage[T]{},
		"update":                 &SetUpdate[T]{},
		"update summed":          &SetUpdate[T]{Sum: true},
	}
}

func attentionCases[T Float]() []gradientCase[T] {
	all := []fill{normal, normal, normal, bits, positive}
	activation := func(name string, f Function) gradientCase[T] {
		return gradientCase[T]{name, func() Kernel[T] { return &Activation[T]{Function: f, Slope: .1} }, [][]int{{7, 19}}, []fill{normal}}
	}
	return []gradientCase[T]{
		{"attention", func() Kernel[T] { return &Attention[T]{Heads: 2} }, [][]int{{3, 5, 36}, {3, 5, 36}, {3, 5, 70}, {3, 5}, {3, 2, 5, 5}}, all},
		{"attention of many", func() Kernel[T] { return &Attention[T]{Heads: 4} }, [][]int{{1, 21, 4}, {1, 21, 4}, {1, 21, 8}, {1, 21}, {1, 4, 21, 21}}, all},
		{"batched product", func() Kernel[T] { return &BatchMatMul[T]{} }, [][]int{{3, 4, 5}, {3, 5, 18}}, []fill{normal, normal}},
		activation("relu", ReLU), activation("leaky relu", LeakyReLU), activation("elu", ELU),
		activation("sigmoid", Sigmoid), activation("tanh", Tanh), activation("gelu", GELU),
		{"message", func() Kernel[T] { return &SetMessage[T]{} }, [][]int{{2, 3, 20}, {5}, {5}}, []fill{normal, normal, normal}},
		{"update", func() Kernel[T] { return &SetUpdate[T]{} }, [][]int{{2, 3, 20}, {5, 4, 6}, {5, 6}, {5, 6}}, []fill{normal, normal, normal, normal}},
		{"update summed", func() Kernel[T] { return &SetUpdate[T]{Sum: true} }, [][]int{{6, 20}, {5, 4, 3}, {5, 3}, {5, 3}}, []fill{normal, normal, normal, normal}},
	}
}

func TestAttentionTorch(t *testing.T) {
	t.Run("float64", func(t *testing.T) { testTorch(t, "attention.json", attentionKernels[float64](), 1e-9) })
	t.Run("float32", func(t *testing.T) { testTorch(t, "attention.json", attentionKernels[float32](), 2e-5) })
}

func TestAttentionGradients(t *testing.T) { testGradients(t, attentionCases[float64]()) }

func TestAttentionFloat32(t *testing.T) {
	testFloat32(t, attentionCases[float64](), attentionCases[float32](), "e575e8ac9bf91bbb")
}

func TestAttentionShapeErrors(t *testing.T) {
	testShapeErrors(t, attentionCases[float32]())
	for name, k := range map[string]Kernel[float32]{
		"heads that don't divide the width": &Attention[float32]{Heads: 3},
		"no heads":                          &Attention[float32]{},
	} {
		if _, err := k.Shape([]int{1, 2, 4}, []int{1, 2, 4}, []int{1, 2, 4}, []int{1, 2}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestAttentionOfNodes: attention doesn't depend on the order of the nodes, nor
// on what stands in nodes that the mask leaves out.
func TestAttentionOfNodes(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	const n, d = 7, 8
	q, k, v := random[float64](rng, n*d), random[float64](rng, n*d), random[float64](rng, n*d)
	mask := []float64{1, 1, 0, 1, 1, 1, 0}
	run := func(q, k, v, mask []float64) []float64 {
		a := &Attention[float64]{Heads: 2}
		if _, err := a.Shape([]int{1, n, d}, []int{1, n, d}, []int{1, n, d}, []int{1, n}); err != nil {
			t.Fatal(err)
		}
		out := filled[float64](n * d)
		a.Forward(out, [][]float64{q, k, v, mask})
		return out
	}
	want := run(q, k, v, mask)
	order := rng.Perm(n)
	permute := func(x []float64, w int) []float64 {
		y := make([]float64, len(x))
		for i, from := range order {
			copy(y[i*w:(i+1)*w], x[from*w:])
		}
		return y
	}
	compare(t, "permuted", run(permute(q, d), permute(k, d), permute(v, d), permute(mask, 1)), permute(want, d), 1e-12)
	for i, m := range mask {
		if m == 0 {
			for j := range d {
				q[i*d+j], k[i*d+j], v[i*d+j] = 1e3, -1e3, 77
			}
		}
	}
	if got := run(q, k, v, mask); !slices.Equal(got, want) {
		t.Errorf("nodes left out: got %v, want %v", got, want)
	}
	for _, x := range run(q, k, v, make([]float64, n)) {
		if x != 0 || math.IsNaN(x) {
			t.Fatalf("no nodes: got %v, want 0", x)
		}
	}
}
