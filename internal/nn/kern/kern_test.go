package kern

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
)

// kernels returns a new kernel for every case of testdata/torch.json.
func kernels[T Float]() map[string]Kernel[T] {
	return map[string]Kernel[T]{
		"graph":                  &Graph[T]{},
		"graph without bias":     &Graph[T]{},
		"linear":                 &Linear[T]{},
		"linear relu":            &Linear[T]{ReLU: true},
		"layer norm":             &LayerNorm[T]{},
		"pool sum":               &Pool[T]{Scale: .25},
		"pool mean":              &Pool[T]{},
		"mse":                    &MSE[T]{},
		"pairwise":               &PairwiseSoftplus[T]{Slope: 2},
		"cross entropy":          &CrossEntropy[T]{},
		"adaptive detached":      &AdaptiveLoss[T]{Q: 1.5},
		"adaptive attached":      &AdaptiveLoss[T]{Q: 1.5, Attached: true},
		"conv 3x3":               &Conv[T]{K: 3},
		"conv 1x1 shared images": &Conv[T]{K: 1},
		"conv 5x5":               &Conv[T]{K: 5},
		"batch norm":             &BatchNorm[T]{},
		"average pool":           &AveragePool[T]{},
		"halve":                  &Halve[T]{},
		"global pool":            &GlobalPool[T]{},
		"cell":                   &Cell[T]{Heads: convolutions(), Wide: 2},
	}
}

type array struct {
	Shape []int     `json:"shape"`
	Data  []float64 `json:"data"`
}

type torchCase struct {
	Name string   `json:"name"`
	In   []array  `json:"in"`
	Out  array    `json:"out"`
	Gout array    `json:"gout"`
	Gin  []*array `json:"gin"`
}

// torchCases reads the cases of a file of testdata. Each stands beside the
// script of its name that wrote it, with PyTorch 1.13 in double precision
// (torch.json: reference.py).
func torchCases(t *testing.T, file string) []torchCase {
	t.Helper()
	text, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	var cases []torchCase
	if err := json.Unmarshal(text, &cases); err != nil {
		t.Fatal(err)
	}
	return cases
}

func convert[T Float](s []float64) []T {
	out := make([]T, len(s))
	for i, v := range s {
		out[i] = T(v)
	}
	return out
}

func close64(got, want, tolerance float64) bool {
	return math.Abs(got-want) <= tolerance*(1+math.Abs(want))
}

func compare[T Float](t *testing.T, what string, got []T, want []float64, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: got %d elements, want %d", what, len(got), len(want))
	}
	for i := range want {
		if !close64(float64(got[i]), want[i], tolerance) {
			t.Fatalf("%s: element %d: got %v, want %v", what, i, got[i], want[i])
		}
	}
}

// TestTorch compares every kernel, forward and backward, with PyTorch.
func TestTorch(t *testing.T) {
	t.Run("float64", func(t *testing.T) { testTorch(t, "torch.json", kernels[float64](), 1e-9) })
	t.Run("float32", func(t *testing.T) { testTorch(t, "torch.json", kernels[float32](), 2e-5) })
}

// testTorch compares kernels with the cases of a file; each has a case there.
func testTorch[T Float](t *testing.T, file string, kernels map[string]Kernel[T], tolerance float64) {
	for _, c := range torchCases(t, file) {
		t.Run(c.Name, func(t *testing.T) {
			k := kernels[c.Name]
			if k == nil {
				t.Fatal("no kernel for this case")
			}
			delete(kernels, c.Name)
			shapes, in, gin := make([][]int, len(c.In)), make([][]T, len(c.In)), make([][]T, len(c.In))
			for i, x := range c.In {
				shapes[i], in[i] = x.Shape, convert[T](x.Data)
				if want, got := c.Gin[i] != nil, k.Differentiable(i); want != got {
					t.Errorf("differentiable in input %d: got %t, want %t", i, got, want)
				}
			}
			shape, err := k.Shape(shapes...)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(shape, c.Out.Shape) {
				t.Fatalf("shape: got %v, want %v", shape, c.Out.Shape)
			}
			for range 2 { // The second pass must not see anything of the first.
				out := filled[T](len(c.Out.Data))
				k.Forward(out, in)
				compare(t, "output", out, c.Out.Data, tolerance)
				for i, g := range c.Gin {
					if g != nil {
						gin[i] = filled[T](len(g.Data))
					}
				}
				k.Backward(gin, in, out, convert[T](c.Gout.Data))
				for i, g := range c.Gin {
					if g != nil {
						compare(t, fmt.Sprintf("gradient %d", i), gin[i], g.Data, tolerance)
					}
				}
			}
			// Unwanted gradients are left alone.
			k.Backward(make([][]T, len(in)), in, make([]T, len(c.Out.Data)), convert[T](c.Gout.Data))
		})
	}
	for name := range kernels {
		t.Errorf("no case for kernel %q", name)
	}
}

// filled returns a buffer that holds the rubbish of an earlier use.
func filled[T Float](n int) []T {
	s := make([]T, n)
	for i := range s {
		s[i] = T(math.NaN())
	}
	return s
}

// fill says how an input of a gradient check is drawn.
type fill func(rng *rand.Rand, shape []int) []float64

func normal(rng *rand.Rand, shape []int) []float64 { return random[float64](rng, Size(shape)) }

func positive(rng *rand.Rand, shape []int) []float64 {
	s := make([]float64, Size(shape))
	for i := range s {
		s[i] = .5 + rng.Float64()
	}
	return s
}

func bits(rng *rand.Rand, shape []int) []float64 {
	s := make([]float64, Size(shape))
	for i := range s {
		s[i] = float64(rng.IntN(2))
	}
	return s
}

func below(n int) fill {
	return func(rng *rand.Rand, shape []int) []float64 {
		s := make([]float64, Size(shape))
		for i := range s {
			s[i] = float64(rng.IntN(n))
		}
		return s
	}
}

// rows draws matrices whose rows sum to 1 or are 0.
func rows(rng *rand.Rand, shape []int) []float64 {
	s, n := bits(rng, shape), shape[len(shape)-1]
	for i := 0; i < len(s); i += n {
		var sum float64
		for _, v := range s[i : i+n] {
			sum += v
		}
		for j := range n {
			s[i+j] /= max(sum, 1)
		}
	}
	return s
}

func values(v ...float64) fill { return func(*rand.Rand, []int) []float64 { return v } }

type gradientCase[T Float] struct {
	name   string
	kernel func() Kernel[T]
	shapes [][]int
	fills  []fill
}

func gradientCases[T Float]() []gradientCase[T] {
	return []gradientCase[T]{
		{"graph", func() Kernel[T] { return &Graph[T]{} }, [][]int{{3, 9, 16}, {3, 9, 9}, {3, 9, 9}, {16, 33}, {33}, {16, 33}, {33}}, []fill{normal, rows, rows, normal, normal, normal, normal}},
		{"graph without bias", func() Kernel[T] { return &Graph[T]{} }, [][]int{{2, 5, 7}, {2, 5, 5}, {2, 5, 5}, {7, 64}, {7, 64}}, []fill{normal, rows, rows, normal, normal}},
		{"linear", func() Kernel[T] { return &Linear[T]{} }, [][]int{{2, 3, 17}, {17, 33}, {33}}, []fill{normal, normal, normal}},
		{"linear relu", func() Kernel[T] { return &Linear[T]{ReLU: true} }, [][]int{{7, 17}, {17, 1}, {1}}, []fill{normal, normal, normal}},
		{"layer norm", func() Kernel[T] { return &LayerNorm[T]{} }, [][]int{{2, 3, 37}, {37}, {37}}, []fill{normal, normal, normal}},
		{"pool sum", func() Kernel[T] { return &Pool[T]{Scale: .25} }, [][]int{{3, 5, 18}, {3, 5}}, []fill{normal, bits}},
		{"pool mean", func() Kernel[T] { return &Pool[T]{} }, [][]int{{3, 5, 18}, {3, 5}}, []fill{normal, bits}},
		{"product", func() Kernel[T] { return &Mul[T]{} }, [][]int{{3, 35}, {3, 35}}, []fill{normal, normal}},
		{"sum", func() Kernel[T] { return &Add[T]{} }, [][]int{{3, 7}, {3, 7}, {3, 7}}, []fill{normal, normal, normal}},
		{"addition to nodes", func() Kernel[T] { return &AddToNodes[T]{} }, [][]int{{3, 5, 7}, {3, 7}}, []fill{normal, normal}},
		{"share", func() Kernel[T] { return &Share[T]{} }, [][]int{{5, 7}, {3, 5}}, []fill{normal, positive}},
		{"combination", func() Kernel[T] { return &Combine[T]{} }, [][]int{{3, 7}, {3, 7}, {3, 2}}, []fill{normal, normal, bits}},
		{"concatenation", func() Kernel[T] { return &Concat[T]{} }, [][]int{{2, 3, 4}, {2, 3, 1}, {2, 3, 7}}, []fill{normal, normal, normal}},
		{"first entries", func() Kernel[T] { return &Take[T]{N: 2} }, [][]int{{3, 5, 7}}, []fill{normal}},
		{"scaling", func() Kernel[T] { return &Scale[T]{} }, [][]int{{3, 5}, {1}}, []fill{normal, normal}},
		{"mse", func() Kernel[T] { return &MSE[T]{} }, [][]int{{9, 1}, {9}, {9}}, []fill{normal, normal, bits}},
		{"pairwise", func() Kernel[T] { return &PairwiseSoftplus[T]{Slope: 2} }, [][]int{{9, 1}, {9}, {9}}, []fill{normal, below(4), bits}},
		{"mean", func() Kernel[T] { return &Mean[T]{} }, [][]int{{9}, {9}}, []fill{normal, bits}},
		{"column", func() Kernel[T] { return &Column[T]{} }, [][]int{{9}}, []fill{normal}},
		{"cross-entropy", func() Kernel[T] { return &CrossEntropy[T]{} }, [][]int{{3, 5, 4}, {5}}, []fill{normal, below(4)}},
		{"adaptive", func() Kernel[T] { return &AdaptiveLoss[T]{Q: 1.25, Attached: true} }, [][]int{{}, {}, {2}}, []fill{positive, positive, positive}},
		{"adaptive at the floor", func() Kernel[T] { return &AdaptiveLoss[T]{Q: 1.5, Attached: true} }, [][]int{{}, {}, {2}}, []fill{positive, positive, values(.005, -.8)}},
		{"conv 3x3", func() Kernel[T] { return &Conv[T]{K: 3} }, [][]int{{2, 2, 3, 4, 5, 16}, {2, 3, 3, 3, 3}}, []fill{normal, normal}},
		{"conv 3x3 shared filters", func() Kernel[T] { return &Conv[T]{K: 3} }, [][]int{{2, 1, 2, 4, 4, 16}, {1, 2, 2, 3, 3}}, []fill{normal, normal}},
		{"conv 1x1", func() Kernel[T] { return &Conv[T]{K: 1} }, [][]int{{1, 1, 3, 4, 5, 16}, {2, 4, 3, 1, 1}}, []fill{normal, normal}},
		{"conv 5x5", func() Kernel[T] { return &Conv[T]{K: 5} }, [][]int{{1, 1, 2, 2, 3, 16}, {1, 2, 2, 5, 5}}, []fill{normal, normal}},
		{"batch norm", func() Kernel[T] { return &BatchNorm[T]{ReLU: true} }, [][]int{{2, 2, 2, 2, 3, 16}}, []fill{normal}},
		{"average pool", func() Kernel[T] { return &AveragePool[T]{} }, [][]int{{2, 2, 2, 3, 4, 16}}, []fill{normal}},
		{"halve", func() Kernel[T] { return &Halve[T]{} }, [][]int{{2, 2, 2, 4, 2, 16}}, []fill{normal}},
		{"global pool", func() Kernel[T] { return &GlobalPool[T]{} }, [][]int{{2, 2, 3, 2, 2, 16}}, []fill{normal}},
	}
}

// TestGradients compares every kernel's gradients with central differences, in
// float64 and along random directions of the output.
func TestGradients(t *testing.T) { testGradients(t, gradientCases[float64]()) }

func testGradients(t *testing.T, cases []gradientCase[float64]) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(3, 4))
			k := c.kernel()
			shape, err := k.Shape(c.shapes...)
			if err != nil {
				t.Fatal(err)
			}
			in, gin := make([][]float64, len(c.shapes)), make([][]float64, len(c.shapes))
			for i, s := range c.shapes {
				in[i] = c.fills[i](rng, s)
				if k.Differentiable(i) {
					gin[i] = filled[float64](len(in[i]))
				}
			}
			out, gout := make([]float64, Size(shape)), random[float64](rng, Size(shape))
			loss := func() float64 {
				k.Forward(out, in)
				var sum float64
				for i, g := range gout {
					sum += g * out[i]
				}
				return sum
			}
			loss()
			k.Backward(gin, in, out, gout)
			const h = 1e-5
			for i, g := range gin {
				step := max(len(g)/25, 1)
				for j := 0; j < len(g); j += step {
					x := in[i][j]
					in[i][j] = x + h
					up := loss()
					in[i][j] = x - h
					down := loss()
					in[i][j] = x
					if want := (up - down) / (2 * h); !close64(g[j], want, 2e-6) {
						t.Errorf("input %d, element %d: got %v, want %v", i, j, g[j], want)
					}
				}
			}
		})
	}
}

// TestFloat32 compares float32, on every path, with float64.
func TestFloat32(t *testing.T) {
	testFloat32(t, gradientCases[float64](), gradientCases[float32](), "2aae33e7768bd846")
}

// testFloat32 takes the same cases in both precisions, and the digest that
// checkDigest wants.
func testFloat32(t *testing.T, wide []gradientCase[float64], narrow []gradientCase[float32], digest string) {
	bits := map[string][]float32{} // of the vector paths, which share them
	onEveryPath(t, func(t *testing.T) {
		for i, c := range wide {
			t.Run(c.name, func(t *testing.T) {
				rng := rand.New(rand.NewPCG(5, 6))
				k64, k32 := c.kernel(), narrow[i].kernel()
				shape, err := k64.Shape(c.shapes...)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := k32.Shape(c.shapes...); err != nil {
					t.Fatal(err)
				}
				n := len(c.shapes)
				in64, gin64, in32, gin32 := make([][]float64, n), make([][]float64, n), make([][]float32, n), make([][]float32, n)
				for j, s := range c.shapes {
					in64[j] = c.fills[j](rng, s)
					in32[j] = convert[float32](in64[j])
					if k64.Differentiable(j) {
						gin64[j], gin32[j] = make([]float64, len(in64[j])), filled[float32](len(in64[j]))
					}
				}
				out64, out32 := make([]float64, Size(shape)), filled[float32](Size(shape))
				gout := random[float64](rng, Size(shape))
				k64.Forward(out64, in64)
				k32.Forward(out32, in32)
				compare(t, "output", out32, out64, 2e-4)
				k64.Backward(gin64, in64, out64, gout)
				k32.Backward(gin32, in32, out32, convert[float32](gout))
				for j, g := range gin64 {
					compare(t, fmt.Sprintf("gradient %d", j), gin32[j], g, 2e-4)
				}
				checkBits(t, bits, c.name, slices.Concat(append(gin32, out32)...))
			})
		}
	})
	checkDigest(t, bits, digest)
}

// checkDigest compares what vector paths gave with the digest of what they gave on
// another machine: all of them, on all processors, give the same bits.
func checkDigest(t *testing.T, bits map[string][]float32, want string) {
	t.Helper()
	if len(bits) == 0 {
		t.Log("no vector path in this build or on this processor: bits not compared")
		return
	}
	var names []string
	for name := range bits {
		names = append(names, name)
	}
	slices.Sort(names)
	h := sha256.New()
	for _, name := range names {
		fmt.Fprintln(h, name)
		if err := binary.Write(h, binary.LittleEndian, bits[name]); err != nil {
			t.Fatal(err)
		}
	}
	if got := hex.EncodeToString(h.Sum(nil)[:8]); got != want {
		t.Errorf("vector kernels gave bits of digest %s, want %s", got, want)
	}
}

// onEveryPath runs a test on each path that build and processor have.
func onEveryPath(t *testing.T, test func(t *testing.T)) {
	own := vec
	defer func() { vec = own }()
	for _, vec = range append(slices.Clone(paths), nil) {
		t.Run(Path(), test)
	}
}

// checkBits compares what a vector path gives with what another gave before,
// which is kept in bits under a name.
func checkBits(t *testing.T, bits map[string][]float32, name string, got []float32) {
	t.Helper()
	if vec == nil {
		return // plain Go rounds otherwise
	}
	got = slices.Clone(got)
	if other, ok := bits[name]; ok && !slices.EqualFunc(got, other, func(x, y float32) bool {
		return math.Float32bits(x) == math.Float32bits(y) || math.IsNaN(float64(x)) && math.IsNaN(float64(y))
	}) {
		t.Errorf("%s: other bits than on another vector path", name)
	}
	bits[name] = got
}

// TestGraphPadding: graphs with padding nodes, in a batch with graphs that have
// no weight, give the bits of the batch without either.
func TestGraphPadding(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	const d, h = 5, 40
	wp, bp, wm, bm := random[float32](rng, d*h), random[float32](rng, h), random[float32](rng, d*h), random[float32](rng, h)
	run := func(b, n int, v, e, r []float32, gout []float32) (out []float32, gin [][]float32) {
		k := &Graph[float32]{}
		if _, err := k.Shape([]int{b, n, d}, []int{b, n, n}, []int{b, n, n}, []int{d, h}, []int{h}, []int{d, h}, []int{h}); err != nil {
			t.Fatal(err)
		}
		in := [][]float32{v, e, r, wp, bp, wm, bm}
		out, gin = make([]float32, b*n*h), make([][]float32, 7)
		for i := range in {
			if k.Differentiable(i) {
				gin[i] = make([]float32, len(in[i]))
			}
		}
		k.Forward(out, in)
		k.Backward(gin, in, out, gout)
		return out, gin
	}
	const b, n, bigB, bigN = 3, 4, 5, 7
	v, gout := random[float32](rng, b*n*d), random[float32](rng, b*n*h)
	e, r := convert[float32](rows(rng, []int{b, n, n})), convert[float32](rows(rng, []int{b, n, n}))
	want, wantGrads := run(b, n, v, e, r, gout)

	pad := func(src []float32, width, padded, columns int) []float32 {
		dst := make([]float32, bigB*bigN*padded)
		for i := range b {
			for j := range n {
				copy(dst[(i*bigN+j)*padded:], src[(i*n+j)*width:][:columns])
			}
		}
		return dst
	}
	v2, e2, r2, g2 := pad(v, d, d, d), pad(e, n, bigN, n), pad(r, n, bigN, n), pad(gout, h, h, h)
	for i := b * bigN * d; i < len(v2); i++ {
		v2[i] = 1 // A graph without weight may hold anything.
	}
	for i := b * bigN * bigN; i < len(e2); i++ {
		e2[i], r2[i] = .5, .5
	}
	got, gotGrads := run(bigB, bigN, v2, e2, r2, g2)
	for i := range b {
		for j := range n {
			if w, g := want[(i*n+j)*h:][:h], got[(i*bigN+j)*h:][:h]; !slices.Equal(w, g) {
				t.Fatalf("graph %d, node %d: got %v, want %v", i, j, g, w)
			}
		}
	}
	for i := 3; i < 7; i++ {
		if !slices.Equal(gotGrads[i], wantGrads[i]) {
			t.Errorf("gradient %d: got %v, want %v", i, gotGrads[i], wantGrads[i])
		}
	}
}

// TestShapeErrors: a kernel refuses inputs that don't fit.
func TestShapeErrors(t *testing.T) { testShapeErrors(t, gradientCases[float32]()) }

func testShapeErrors(t *testing.T, cases []gradientCase[float32]) {
	for _, c := range cases {
		k := c.kernel()
		if _, err := k.Shape(); err == nil {
			t.Errorf("%s: no error without inputs", c.name)
		}
		if _, err := k.Shape(append(slices.Clone(c.shapes), []int{1, 2, 3})...); err == nil && c.name != "concatenation" {
			t.Errorf("%s: no error for an input too many", c.name)
		}
	}
}

// TestAdamTo compares steps of both forms with PyTorch's.
func TestAdamTo(t *testing.T) { onEveryPath(t, testAdamTo) }

func testAdamTo(t *testing.T) {
	// torch 1.13: w = [1, -2, .5], gradients g and then -2 g with g = [.1, -.3,
	// 2], lr .1, betas (.9, .999), eps 1e-8; AdamW with weight decay .2, Adam
	// with weight decay .2.
	for name, c := range map[string]struct {
		l2, decay float64
		want      []float64
	}{
		"AdamW": {0, .2, []float64{0.8990103601884888, -1.8594103551985526, 0.41881035307782954}},
		"Adam":  {.2, 0, []float64{0.8380951264183906, -1.858401102479064, 0.43397219808046195}},
	} {
		t.Run(name, func(t *testing.T) {
			w, m, v := []float64{1, -2, .5}, make([]float64, 3), make([]float64, 3)
			w32, m32, v32 := convert[float32](w), make([]float32, 3), make([]float32, 3)
			for i, f := range []float64{1, -2} {
				g := []float64{.1 * f, -.3 * f, 2 * f}
				n := float64(i + 1)
				s := AdamStep{
					Beta1: .9, Beta2: .999, Step: .1 / (1 - math.Pow(.9, n)), Eps: 1e-8,
					RootCorrection: math.Sqrt(1 - math.Pow(.999, n)), Shrink: 1 - .1*c.decay, L2: c.l2, Scale: 1,
				}
				AdamTo(w, m, v, g, s)
				AdamTo(w32, m32, v32, convert[float32](g), s)
			}
			compare(t, "weights", w, c.want, 1e-9)
			compare(t, "weights in float32", w32, c.want, 1e-5)
		})
	}
}

// TestAdamToLengths compares steps on as many numbers as vectors have, fewer and
// more, with float64.
func TestAdamToLengths(t *testing.T) {
	bits := map[string][]float32{}
	onEveryPath(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(7, 8))
		s := AdamStep{Beta1: .9, Beta2: .999, Step: .01, Eps: 1e-8, RootCorrection: .1, Shrink: .99, L2: .1, Scale: .5}
		for _, n := range []int{1, 15, 16, 17, 33, 64} {
			w, m, v := random[float64](rng, n), random[float64](rng, n), make([]float64, n)
			w32, m32, v32 := convert[float32](w), convert[float32](m), make([]float32, n)
			for range 3 {
				g := random[float64](rng, n)
				AdamTo(w, m, v, g, s)
				AdamTo(w32, m32, v32, convert[float32](g), s)
			}
			compare(t, fmt.Sprintf("%d weights", n), w32, w, 1e-5)
			compare(t, fmt.Sprintf("%d second moments", n), v32, v, 1e-5)
			checkBits(t, bits, fmt.Sprint(n), slices.Concat(w32, m32, v32))
		}
	})
}
