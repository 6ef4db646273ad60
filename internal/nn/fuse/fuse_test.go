package fuse

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"

	"gorgonia.org/gorgonia"

	"github.com/hypernas/hypernas/internal/nn/kern"
)

// wave is the formula that testdata/reference.py fills tensors with.
func wave[T kern.Float](dst []T, k, scale float64) []T {
	for i := range dst {
		x := float64(i)
		dst[i] = T(scale * math.Sin(k+1.7*x+.01*x*x))
	}
	return dst
}

// gcn is the model of testdata/reference.py.
type gcn[T kern.Float] struct {
	b, n, d, h, layers int
	params             []*Parameter[T]
}

func newGCN[T kern.Float](b, n, d, h, layers int) *gcn[T] {
	m := &gcn[T]{b: b, n: n, d: d, h: h, layers: layers}
	add := func(k, scale float64, shape ...int) {
		p := NewParameter[T](fmt.Sprintf("p%d", len(m.params)), shape...)
		wave(p.Data, k, scale)
		m.params = append(m.params, p)
	}
	for l := range layers {
		in, k := h, float64(l)
		if l == 0 {
			in = d
		}
		s := 1 / math.Sqrt(float64(in))
		add(10+k, s, in, h)
		add(20+k, s, h)
		add(30+k, s, in, h)
		add(40+k, s, h)
		m.params = append(m.params, NewParameter[T]("gain", h).Fill(1), NewParameter[T]("bias", h))
	}
	s := 1 / math.Sqrt(float64(h))
	add(50, s, h, h)
	add(51, .1, h)
	add(52, s, h, 1)
	add(53, .1, 1)
	return m
}

// batch is the memory of a model's inputs.
type batch[T kern.Float] struct{ v, e, r, mask, y, w []T }

// build adds the model to g, for batches of b graphs with n nodes, and returns
// its predictions, loss and inputs.
func (m *gcn[T]) build(g *Graph[T], b, n int) (pred, loss *gorgonia.Node, in batch[T]) {
	v, vd := g.Input("v", b, n, m.d)
	e, ed := g.Input("e", b, n, n)
	r, rd := g.Input("r", b, n, n)
	mask, maskd := g.Input("mask", b, n)
	y, yd := g.Input("y", b)
	w, wd := g.Input("w", b)
	p := make([]*gorgonia.Node, len(m.params))
	for i, q := range m.params {
		p[i] = g.Param(q)
	}
	for range m.layers {
		v = g.Apply(&kern.Graph[T]{}, v, e, r, p[0], p[1], p[2], p[3])
		v = g.Apply(&kern.LayerNorm[T]{}, v, p[4], p[5])
		p = p[6:]
	}
	z := g.Apply(&kern.Pool[T]{Scale: .25}, v, mask)
	z = g.Apply(&kern.Linear[T]{ReLU: true}, z, p[0], p[1])
	pred = g.Apply(&kern.Linear[T]{}, z, p[2], p[3])
	return pred, g.Apply(&kern.MSE[T]{}, pred, y, w), batch[T]{vd, ed, rd, maskd, yd, wd}
}

// fill writes the reference's batch: b graphs with n nodes, as the first of a
// batch made for wider ones.
func (in batch[T]) fill(b, n, d int) {
	wide := int(math.Round(math.Sqrt(float64(len(in.e) / len(in.y)))))
	v, a := make([]T, b*n*d), wave(make([]T, b*n*n), 2, 1)
	wave(v, 1, 1)
	wave(in.y[:b], 3, 1)
	for g := range b {
		in.w[g] = 1
		for i := range n {
			in.mask[g*wide+i] = 1
			copy(in.v[(g*wide+i)*d:], v[(g*n+i)*d:][:d])
			edge := func(i, j int) float64 {
				if i == j || i < j && a[(g*n+i)*n+j] > -.2 {
					return 1
				}
				return 0
			}
			var out, back float64
			for j := range n {
				out += edge(i, j)
				back += edge(j, i)
			}
			for j := range n {
				in.e[(g*wide+i)*wide+j] = T(edge(i, j) / out)
				in.r[(g*wide+i)*wide+j] = T(edge(j, i) / back)
			}
		}
	}
}

func trainer[T kern.Float](t testing.TB, m *gcn[T], b, n int, solver gorgonia.Solver) (*Trainer[T], batch[T]) {
	t.Helper()
	g := NewGraph[T]()
	pred, loss, in := m.build(g, b, n)
	tr, err := NewTrainer(g, solver, loss, pred)
	if err != nil {
		t.Fatal(err)
	}
	return tr, in
}

func step[T kern.Float](t testing.TB, tr *Trainer[T]) T {
	t.Helper()
	loss, err := tr.Step()
	if err != nil {
		t.Fatal(err)
	}
	return loss
}

// TestTraining follows PyTorch's losses over 120 steps of AdamW with clipping
// and the one-cycle schedule.
func TestTraining(t *testing.T) {
	// Source: testdata/reference.py, PyTorch 1.13, double precision.
	want := map[int]float64{0: 0.536865174964, 1: 0.532331945037, 30: 0.0037961821658, 120: 4.30650611044e-07}
	t.Run("float64", func(t *testing.T) { testTraining[float64](t, want, 1e-6) })
	t.Run("float32", func(t *testing.T) { testTraining[float32](t, want, .02) })
}

func testTraining[T kern.Float](t *testing.T, want map[int]float64, tolerance float64) {
	solver := NewAdam[T](AdamOptions{Rate: OneCycle(1e-2, 120, .1), Decay: 1e-2, Clip: 1})
	tr, in := trainer(t, newGCN[T](4, 5, 6, 8, 3), 4, 5, solver)
	in.fill(4, 5, 6)
	for i := range 121 {
		got := float64(step(t, tr))
		if w, ok := want[i]; ok && math.Abs(got-w) > tolerance*w+1e-7*tolerance {
			t.Errorf("step %d: got loss %.12g, want %.12g", i, got, w)
		}
	}
}

// TestWholeGradient compares the gradients of a whole loss, weights used twice
// among them, with central differences.
func TestWholeGradient(t *testing.T) {
	m := newGCN[float64](3, 5, 6, 6, 2)
	g := NewGraph[float64]()
	pred, loss, in := m.build(g, 3, 5)
	// A second use of the last layers, and a second loss.
	again := g.Apply(&kern.Linear[float64]{}, g.Apply(&kern.Linear[float64]{ReLU: true}, pred2(g, m), g.Param(m.params[12]), g.Param(m.params[13])), g.Param(m.params[14]), g.Param(m.params[15]))
	w, wd := g.Input("weights", 2, 1)
	wd[0], wd[1] = 1, 2
	second := g.Apply(&kern.MSE[float64]{}, again, w, w)
	u := NewParameter[float64]("u", 2).Fill(.9)
	total := g.Apply(&kern.AdaptiveLoss[float64]{Q: 1.5, Attached: true}, loss, second, g.Param(u))
	tr, err := NewTrainer(g, NewAdam[float64](AdamOptions{Rate: Constant(0)}), total, pred)
	if err != nil {
		t.Fatal(err)
	}
	in.fill(3, 5, 6)
	evaluate := func() float64 {
		l, err := tr.Evaluate()
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	for _, p := range append(slices.Clone(m.params), u) {
		evaluate()
		grad := slices.Clone(tr.Gradient(p))
		if len(grad) != len(p.Data) {
			t.Fatalf("%s: gradient has %d elements, want %d", p.Name, len(grad), len(p.Data))
		}
		for i := 0; i < len(grad); i += max(len(grad)/7, 1) {
			const h = 1e-6
			x := p.Data[i]
			p.Data[i] = x + h
			up := evaluate()
			p.Data[i] = x - h
			down := evaluate()
			p.Data[i] = x
			if want := (up - down) / (2 * h); math.Abs(grad[i]-want) > 1e-7*(1+math.Abs(want)) {
				t.Errorf("%s %v, element %d: got %v, want %v", p.Name, p.Shape, i, grad[i], want)
			}
		}
	}
}

// pred2 is an input for the head, two rows of a formula.
func pred2(g *Graph[float64], m *gcn[float64]) *gorgonia.Node {
	x, data := g.Input("x", 2, m.h)
	wave(data, 9, 1)
	return x
}

// TestPadding: a batch with padding nodes and a graph without weight trains to
// the bits of the batch without either.
func TestPadding(t *testing.T) {
	train := func(b, n int) ([]float32, []*Parameter[float32]) {
		m := newGCN[float32](4, 5, 6, 20, 3)
		tr, in := trainer(t, m, b, n, NewAdam[float32](AdamOptions{Rate: Cosine(1e-2, 20), Coupled: true, Decay: 1e-3, Clip: 1}))
		in.fill(4, 5, 6)
		for range 20 {
			step(t, tr)
		}
		return slices.Clone(tr.Output(0)[:4]), m.params
	}
	want, wantParams := train(4, 5)
	got, gotParams := train(7, 9)
	if !slices.Equal(got, want) {
		t.Errorf("predictions: got %v, want %v", got, want)
	}
	for i := range wantParams {
		if !slices.Equal(gotParams[i].Data, wantParams[i].Data) {
			t.Errorf("parameter %d differs", i)
		}
	}
}

// TestParallel: machines that are built and run in parallel give the bits that
// they give alone.
func TestParallel(t *testing.T) {
	train := func() []float32 {
		m := newGCN[float32](4, 5, 6, 20, 3)
		tr, in := trainer(t, m, 4, 5, NewAdam[float32](AdamOptions{Rate: Constant(1e-2)}))
		in.fill(4, 5, 6)
		var losses []float32
		for range 30 {
			loss, err := tr.Step()
			if err != nil {
				t.Error(err)
				return nil
			}
			losses = append(losses, loss)
		}
		return losses
	}
	want := train()
	got := make([][]float32, 4)
	var wait sync.WaitGroup
	for i := range got {
		wait.Go(func() { got[i] = train() })
	}
	wait.Wait()
	for i := range got {
		if !slices.Equal(got[i], want) {
			t.Errorf("machine %d: got losses %v, want %v", i, got[i], want)
		}
	}
}

// TestShared: a machine that evaluates another batch size sees what a trainer of
// the same parameters has learned.
func TestShared(t *testing.T) {
	m := newGCN[float32](4, 5, 6, 20, 3)
	tr, in := trainer(t, m, 4, 5, NewAdam[float32](AdamOptions{Rate: Constant(1e-2)}))
	in.fill(4, 5, 6)
	for range 5 {
		step(t, tr)
	}
	if _, err := tr.Evaluate(); err != nil {
		t.Fatal(err)
	}
	g := NewGraph[float32]()
	pred, _, in2 := m.build(g, 6, 5)
	machine, err := NewMachine(g, pred)
	if err != nil {
		t.Fatal(err)
	}
	in2.fill(4, 5, 6)
	if err := machine.Run(); err != nil {
		t.Fatal(err)
	}
	if got, want := machine.Output(0)[:4], tr.Output(0); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestSameKernelTwice: Gorgonia merges operations of equal hashes, so two equal
// kernels on equal inputs must still be two nodes.
func TestSameKernelTwice(t *testing.T) {
	g := NewGraph[float64]()
	p := NewParameter[float64]("p", 3).Fill(2)
	x := g.Param(p)
	a, b := g.Apply(&kern.Mul[float64]{}, x, x), g.Apply(&kern.Mul[float64]{}, x, x)
	if a == b {
		t.Fatal("one node")
	}
	w, wd := g.Input("w", 3)
	copy(wd, []float64{1, 1, 1})
	tr, err := NewTrainer(g, NewAdam[float64](AdamOptions{Rate: Constant(0)}), g.Apply(&kern.Mean[float64]{}, g.Apply(&kern.Add[float64]{}, a, b), w))
	if err != nil {
		t.Fatal(err)
	}
	got, err := tr.Evaluate()
	if err != nil {
		t.Fatal(err)
	}
	if got != 8 {
		t.Errorf("loss: got %v, want 8", got)
	}
	for _, d := range tr.Gradient(p) { // d/dp (2 p^2) / 3
		if want := 8. / 3; math.Abs(d-want) > 1e-12 {
			t.Errorf("gradient: got %v, want %v", d, want)
		}
	}
}

// TestErrors: a graph that makes no sense is an error, not a panic.
func TestErrors(t *testing.T) {
	adam := NewAdam[float64](AdamOptions{Rate: Constant(0)})
	g := NewGraph[float64]()
	x, _ := g.Input("x", 2, 3)
	y := g.Apply(&kern.Linear[float64]{}, x, g.Param(NewParameter[float64]("w", 4, 5)))
	z := g.Apply(&kern.Linear[float64]{}, y, y)
	if _, err := NewMachine(g, z); err == nil {
		t.Error("no error for weights that don't fit")
	}

	g = NewGraph[float64]()
	p := g.Param(NewParameter[float64]("w", 3))
	if _, err := NewTrainer(g, adam, p); err == nil {
		t.Error("no error for a loss that is no scalar")
	}

	g = NewGraph[float64]()
	p, w := g.Param(NewParameter[float64]("w", 3)), g.Param(NewParameter[float64]("unused", 3))
	x, _ = g.Input("x", 3)
	if _, err := NewTrainer(g, adam, g.Apply(&kern.Mean[float64]{}, p, x), w); err == nil {
		t.Error("no error for a parameter that the loss doesn't depend on")
	}

	g = NewGraph[float64]()
	q := NewParameter[float64]("w", 3).Fill(math.Inf(1))
	x, xd := g.Input("x", 3)
	xd[0] = 1
	tr, err := NewTrainer(g, adam, g.Apply(&kern.Mean[float64]{}, g.Param(q), x))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tr.Step(); err == nil {
		t.Error("no error for an infinite loss")
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return s.HeapAlloc
}

// TestMemory: neither steps nor discarded trainers leave memory behind.
func TestMemory(t *testing.T) {
	m := newGCN[float32](4, 5, 6, 20, 3)
	tr, in := trainer(t, m, 4, 5, NewAdam[float32](AdamOptions{Rate: Constant(1e-3)}))
	in.fill(4, 5, 6)
	for range 50 {
		step(t, tr)
	}
	before := heap()
	for range 2000 {
		step(t, tr)
	}
	if after := heap(); after > before+64<<10 {
		t.Errorf("2000 steps leave %d bytes", after-before)
	}
	runtime.KeepAlive(tr)

	discard := func() {
		tr, in := trainer(t, newGCN[float32](4, 5, 6, 64, 3), 32, 9, NewAdam[float32](AdamOptions{Rate: Constant(1e-3)}))
		in.fill(4, 5, 6)
		step(t, tr)
	}
	for range 3 {
		discard()
	}
	before = heap()
	for range 20 {
		discard()
	}
	if after := heap(); after > before+1<<20 {
		t.Errorf("20 trainers leave %d bytes", after-before)
	}
}

// TestShortCyclesAreFinite covers rises and falls of no or one step.
func TestShortCyclesAreFinite(t *testing.T) {
	for steps := range 21 {
		s := OneCycle(1e-3, steps, .1)
		for i := range steps {
			if rate := s(i); !(rate > 0 && rate <= 1e-3) {
				t.Errorf("%d steps: the rate of step %d is %v", steps, i, rate)
			}
		}
	}
}

// TestOneCycle compares the schedule with PyTorch's.
func TestOneCycle(t *testing.T) {
	// torch 1.13: OneCycleLR(max_lr=.003, total_steps=50, pct_start=.1), steps
	// 0, 2, 4, 5, 30, 49.
	s := OneCycle(3e-3, 50, .1)
	want := map[int]float64{0: 0.00012, 2: 0.00156, 4: 0.003, 5: 0.002996346090005435, 30: 0.001137124608131872, 49: 1.2e-08}
	for step, w := range want {
		if got := s(step); math.Abs(got-w) > 1e-12 {
			t.Errorf("step %d: got %v, want %v", step, got, w)
		}
	}
	c := Cosine(2, 10)
	for step, w := range map[int]float64{0: 2, 5: 1, 10: 0} {
		if got := c(step); math.Abs(got-w) > 1e-12 {
			t.Errorf("cosine, step %d: got %v, want %v", step, got, w)
		}
	}
}

// BenchmarkStep is np's training step: 32 graphs of 9 nodes, 64 wide, three
// layers.
func BenchmarkStep(b *testing.B) {
	tr, in := trainer(b, newGCN[float32](32, 9, 64, 64, 3), 32, 9, NewAdam[float32](AdamOptions{Rate: Constant(1e-3), Decay: 1e-2, Clip: 5}))
	in.fill(32, 9, 64)
	b.ReportAllocs()
	for b.Loop() {
		step(b, tr)
	}
}

func TestDropoutTo(t *testing.T) {
	const n, p = 100_003, .3
	mask := make([]float64, n)
	DropoutTo(mask, rand.New(rand.NewPCG(1, 2)), p)
	dropped := 0
	for _, x := range mask {
		if x == 0 {
			dropped++
		} else if x != 1/(1-p) {
			t.Fatalf("got %v, want 0 or %v", x, 1/(1-p))
		}
	}
	// The seed is fixed; five standard deviations.
	if got := float64(dropped) / n; math.Abs(got-p) > 5*math.Sqrt(p*(1-p)/n) {
		t.Errorf("dropped a share of %v, want %v", got, p)
	}
}

func TestStateComesBack(t *testing.T) {
	make2 := func() []*Parameter[float32] {
		return []*Parameter[float32]{NewParameter[float32]("a", 2, 3), NewParameter[float32]("b", 4)}
	}
	from, to := make2(), make2()
	rng := rand.New(rand.NewPCG(1, 2))
	for _, p := range from {
		p.Uniform(rng, 1)
	}
	state := AppendState(nil, from)
	if err := ReadState(bytes.NewReader(state), to); err != nil {
		t.Fatal(err)
	}
	for i := range from {
		if !slices.Equal(from[i].Data, to[i].Data) {
			t.Errorf("%s: got %v, want %v", from[i].Name, to[i].Data, from[i].Data)
		}
	}
	if err := ReadState(bytes.NewReader(state), to[:1]); err == nil {
		t.Error("parameters of other shapes: got no error")
	}
	if err := ReadState(bytes.NewReader(state[:len(state)-1]), to); err == nil {
		t.Error("cut short: got no error")
	}
}

// heavy passes its input on and says that it keeps much.
type heavy struct{ kern.Scale[float32] }

func (heavy) Scratch() int { return Largest }

// TestLargeLeaves: inputs, parameters and scratch of too many numbers are
// refused, the first without memory, whatever product their shape has.
func TestLargeLeaves(t *testing.T) {
	for name, add := range map[string]func(g *Graph[float32]){
		"input": func(g *Graph[float32]) {
			if _, data := g.Input("x", 1<<14, 1<<15); data != nil {
				t.Errorf("an input that is too large has %d numbers", len(data))
			}
		},
		"overflow": func(g *Graph[float32]) { g.Input("x", 1<<31, 1<<31, 1<<31) },
		"two inputs": func(g *Graph[float32]) {
			g.Input("x", 1<<12, 1<<10)
			g.Input("y", 1<<16, 1<<12)
		},
		"parameter": func(g *Graph[float32]) {
			p := NewParameter[float32]("w", 1<<14, 1<<15).Kaiming(rand.New(rand.NewPCG(1, 2)), 3)
			if p.Data != nil {
				t.Errorf("a parameter that is too large has %d numbers", len(p.Data))
			}
			g.Param(p)
		},
		"scratch": func(g *Graph[float32]) {
			x, _ := g.Input("x", 3)
			one, _ := g.Input("one", 1)
			g.Apply(&heavy{}, x, one)
		},
	} {
		g := NewGraph[float32]()
		add(g)
		if !errors.Is(g.Err(), ErrTooLarge) {
			t.Errorf("%s: got %v, want ErrTooLarge", name, g.Err())
		}
		// What is small is there all the same, to be written at once.
		if n, data := g.Input("factor", 2); n != nil || len(data) != 2 {
			t.Errorf("%s: a small input after it is node %v of %d numbers", name, n, len(data))
		}
	}
}

// TestTooLarge: a graph of too many numbers is refused before it is compiled.
func TestTooLarge(t *testing.T) {
	g := NewGraph[float32]()
	x, data := g.Input("x", 1<<14, 1<<8)
	if len(data) != 1<<22 {
		t.Fatalf("got %d numbers", len(data))
	}
	w := NewParameter[float32]("w", 1<<8, 1<<15)
	b := NewParameter[float32]("b", 1<<15)
	y := g.Apply(&kern.Linear[float32]{}, x, g.Param(w), g.Param(b)) // 2^29 numbers
	if _, err := NewMachine(g, y); !errors.Is(err, ErrTooLarge) {
		t.Errorf("got %v, want ErrTooLarge", err)
	}
}
