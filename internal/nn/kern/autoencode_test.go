package kern

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// encoders returns a new kernel for every case of testdata/autoencode.json.
func encoders[T Float]() map[string]Kernel[T] {
	return map[string]Kernel[T]{
		"neighbors":               &Neighbors[T]{},
		"node norm training":      &NodeNorm[T]{Training: true, Moments: newMoments[T](4)},
		"node norm evaluation":    &NodeNorm[T]{Moments: &Moments[T]{convert[T]([]float64{.5, -1, 0, 2}), convert[T]([]float64{1, .25, 4, 2})}},
		"relation":                &Relation[T]{},
		"choice":                  &Choice[T]{},
		"inner product":           &InnerProduct[T]{},
		"divergence":              &GaussianKL[T]{},
		"sample":                  &Sample[T]{},
		"embedding":               &Embed[T]{},
		"normalization":           &Normalize[T]{},
		"lstm":                    &LSTM[T]{},
		"lstm reverse":            &LSTM[T]{Reverse: true},
		"lstm with a first state": &LSTM[T]{},
	}
}

func encoderGradientCases[T Float]() []gradientCase[T] {
	gates := func(rng *rand.Rand, shape []int) []float64 {
		s := normal(rng, shape)
		for i := range s {
			s[i] *= .5
		}
		return s
	}
	return []gradientCase[T]{
		{"neighbors", func() Kernel[T] { return &Neighbors[T]{} }, [][]int{{3, 5, 18}, {3, 5, 5}, {1}}, []fill{normal, rows, normal}},
		{"node norm training", func() Kernel[T] { return &NodeNorm[T]{Training: true, Moments: newMoments[T](18)} }, [][]int{{3, 5, 18}, {18}, {18}, {3, 5}}, []fill{normal, normal, normal, mostly}},
		{"node norm evaluation", func() Kernel[T] { return &NodeNorm[T]{Moments: newMoments[T](18)} }, [][]int{{3, 5, 18}, {18}, {18}, {3, 5}}, []fill{normal, normal, normal, mostly}},
		{"relation", func() Kernel[T] { return &Relation[T]{} }, [][]int{{7, 2}, {7}, {7}}, []fill{normal, below(4), bits}},
		{"choice", func() Kernel[T] { return &Choice[T]{} }, [][]int{{3, 5, 4}, {3, 5}, {3, 5}}, []fill{normal, below(4), bits}},
		{"inner product", func() Kernel[T] { return &InnerProduct[T]{} }, [][]int{{3, 5, 7}, {3, 5, 5}, {3, 5}}, []fill{normal, bits, mostly}},
		{"divergence", func() Kernel[T] { return &GaussianKL[T]{} }, [][]int{{3, 5, 7}, {3, 5, 7}, {3, 5}}, []fill{normal, normal, bits}},
		{"sample", func() Kernel[T] { return &Sample[T]{} }, [][]int{{3, 5}, {3, 5}, {3, 5}}, []fill{normal, normal, normal}},
		{"embedding", func() Kernel[T] { return &Embed[T]{} }, [][]int{{3, 5}, {6, 18}}, []fill{below(6), normal}},
		{"normalization", func() Kernel[T] { return &Normalize[T]{} }, [][]int{{3, 5, 7}}, []fill{normal}},
		{"lstm", func() Kernel[T] { return &LSTM[T]{} }, [][]int{{3, 5, 4}, {4, 24}, {6, 24}, {24}, {3, 5}, {3, 6}}, []fill{normal, gates, gates, gates, mostly, normal}},
		{"lstm reverse", func() Kernel[T] { return &LSTM[T]{Reverse: true} }, [][]int{{2, 4, 17}, {17, 68}, {17, 68}, {68}, {2, 4}}, []fill{normal, gates, gates, gates, mostly}},
	}
}

// mostly draws three ones for each zero.
func mostly(rng *rand.Rand, shape []int) []float64 {
	s := make([]float64, Size(shape))
	for i := range s {
		s[i] = float64(min(rng.IntN(4), 1))
	}
	return s
}

func TestEncodersTorch(t *testing.T) {
	t.Run("float64", func(t *testing.T) { testTorch(t, "autoencode.json", encoders[float64](), 1e-9) })
	t.Run("float32", func(t *testing.T) { testTorch(t, "autoencode.json", encoders[float32](), 2e-5) })
}

func TestEncodersGradients(t *testing.T) { testGradients(t, encoderGradientCases[float64]()) }

func TestEncodersFloat32(t *testing.T) {
	testFloat32(t, encoderGradientCases[float64](), encoderGradientCases[float32](), "fd0e81ed2d0e0db2")
}

func TestEncodersShapeErrors(t *testing.T) { testShapeErrors(t, encoderGradientCases[float32]()) }

// TestMoments: training moves a batch norm's moments as PyTorch does, and a row
// without mask moves nothing.
func TestMoments(t *testing.T) {
	m := newMoments[float64](2)
	k := &NodeNorm[float64]{Training: true, Moments: m}
	if _, err := k.Shape([]int{3, 2}, []int{2}, []int{2}, []int{3}); err != nil {
		t.Fatal(err)
	}
	k.Forward(make([]float64, 6), [][]float64{{1, 2, 3, 8, 100, 100}, {1, 1}, {0, 0}, {1, 1, 0}})
	// torch 1.13: BatchNorm1d(2) after one call on [[1, 2], [3, 8]].
	compare(t, "mean", m.Mean, []float64{.2, .5}, 1e-12)
	compare(t, "variance", m.Variance, []float64{1.1, 2.7}, 1e-12)
}

// TestPaddedSequence: tokens beyond the mask change nothing, whichever way the
// sequence is read.
func TestPaddedSequence(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	const b, d, h = 2, 3, 5
	w, u, bias := random[float32](rng, d*4*h), random[float32](rng, h*4*h), random[float32](rng, 4*h)
	x := random[float32](rng, b*3*d)
	run := func(reverse bool, l int, x, mask []float32) []float32 {
		k := &LSTM[float32]{Reverse: reverse}
		if _, err := k.Shape([]int{b, l, d}, []int{d, 4 * h}, []int{h, 4 * h}, []int{4 * h}, []int{b, l}); err != nil {
			t.Fatal(err)
		}
		out := make([]float32, b*l*h)
		k.Forward(out, [][]float32{x, w, u, bias, mask})
		return out
	}
	long := random[float32](rng, b*5*d)
	for i := range b {
		copy(long[i*5*d:], x[i*3*d:(i+1)*3*d])
	}
	for _, reverse := range []bool{false, true} {
		want := run(reverse, 3, x, []float32{1, 1, 1, 1, 1, 1})
		got := run(reverse, 5, long, []float32{1, 1, 1, 0, 0, 1, 1, 1, 0, 0})
		for i := range b {
			if !slices.Equal(got[i*5*h:i*5*h+3*h], want[i*3*h:(i+1)*3*h]) {
				t.Errorf("reverse %t, row %d: padding changes the result", reverse, i)
			}
		}
	}
}

// newMoments returns the moments of width columns before any training: 0 and 1.
func newMoments[T Float](width int) *Moments[T] {
	return &Moments[T]{make([]T, width), ones[T](width)}
}
