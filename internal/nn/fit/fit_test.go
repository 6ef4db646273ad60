package fit_test

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"gorgonia.org/gorgonia"

	"github.com/hypernas/hypernas/internal/nn/fit"
	"github.com/hypernas/hypernas/internal/nn/fuse"
	"github.com/hypernas/hypernas/plugins"
)

// line maps points of two coordinates affinely; points of size 16 are read from
// a longer input.
type line struct {
	layer   fit.Linear
	dropout float64
}

type point struct {
	x    [2]float32
	size int
}

func (*line) Size(p *point) int { return p.size }

func (m *line) Build(b *fit.Builder, rows, size int) (*gorgonia.Node, func(int, *point)) {
	x, data := b.Input("x", rows, 2)
	return b.Linear(b.Dropout(x, m.dropout), m.layer, false), func(k int, p *point) {
		if p == nil {
			p = &point{}
		}
		copy(data[2*k:], p.x[:])
	}
}

func newLine(dropout float64) *line {
	return &line{fit.NewLinear(rand.New(rand.NewPCG(1, 2)), "line", 2, 1), dropout}
}

func points(n int) (examples []point, labels []float64) {
	rng := rand.New(rand.NewPCG(3, 4))
	for i := range n {
		p := point{[2]float32{float32(rng.NormFloat64()), float32(rng.NormFloat64())}, 8 + 8*(i%2)}
		examples = append(examples, p)
		labels = append(labels, 2*float64(p.x[0])-float64(p.x[1])+.5)
	}
	return examples, labels
}

var options = fit.Options{Epochs: 300, Batch: 8, Loss: fit.MSE, Rate: fit.OneCycle(.1, .1)}

// TestTrainLearnsALine: 21 rows leave a short batch, whose empty places must
// not count.
func TestTrainLearnsALine(t *testing.T) {
	examples, labels := points(21)
	m := newLine(0)
	var last float64
	o := options
	o.Log = func(_ int, loss float64) { last = loss }
	if err := fit.Train(t.Context(), m, examples, labels, o, rand.New(rand.NewPCG(5, 6))); err != nil {
		t.Fatal(err)
	}
	want := []float64{2, -1, .5}
	for i, got := range []float32{m.layer.Weights.Data[0], m.layer.Weights.Data[1], m.layer.Bias.Data[0]} {
		if math.Abs(float64(got)-want[i]) > 1e-3 {
			t.Errorf("coefficient %d: got %v, want %v", i, got, want[i])
		}
	}
	if last > 1e-5 {
		t.Errorf("last epoch's loss is %v, want about 0", last)
	}
	// A prediction depends neither on the other rows nor on their order.
	got := make([]float64, len(examples))
	if err := fit.NewEvaluator(m).PredictTo(t.Context(), got, examples); err != nil {
		t.Fatal(err)
	}
	for i := range examples {
		alone := make([]float64, 1)
		if err := fit.NewEvaluator(m).PredictTo(t.Context(), alone, examples[i:i+1]); err != nil {
			t.Fatal(err)
		}
		if alone[0] != got[i] || math.Abs(got[i]-labels[i]) > 1e-2 {
			t.Errorf("row %d: got %v among others, %v alone, want %v", i, got[i], alone[0], labels[i])
		}
	}
}

// TestTrainIsDeterministic: everything random comes from the generator.
func TestTrainIsDeterministic(t *testing.T) {
	examples, labels := points(21)
	train := func(seed uint64) []float32 {
		m := newLine(.3)
		o := options
		o.Epochs = 5
		if err := fit.Train(t.Context(), m, examples, labels, o, rand.New(rand.NewPCG(seed, 0))); err != nil {
			t.Fatal(err)
		}
		return slices.Concat(m.layer.Weights.Data, m.layer.Bias.Data)
	}
	if first := train(1); !slices.Equal(first, train(1)) || slices.Equal(first, train(2)) {
		t.Error("parameters are not a function of the seed")
	}
}

// TestDropLast: what is left over at the end of an epoch is not trained on.
func TestDropLast(t *testing.T) {
	examples, labels := points(3)
	steps := 0
	o := options
	o.Epochs, o.Batch, o.DropLast = 4, 2, true
	o.Rate = func(n, _ int) fuse.Schedule { steps = n; return fuse.Constant(.1) }
	if err := fit.Train(t.Context(), newLine(0), examples, labels, o, rand.New(rand.NewPCG(5, 6))); err != nil {
		t.Fatal(err)
	}
	if steps != 4 {
		t.Errorf("3 examples in batches of 2 took %d steps in 4 epochs, want 4", steps)
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	examples, labels := points(20)
	o := options
	o.Log = func(int, float64) { cancel() }
	if err := fit.Train(ctx, newLine(0), examples, labels, o, rand.New(rand.NewPCG(5, 6))); !errors.Is(err, context.Canceled) {
		t.Errorf("train: got %v, want context.Canceled", err)
	}
	if err := fit.NewEvaluator(newLine(0)).PredictTo(ctx, make([]float64, 20), examples); !errors.Is(err, context.Canceled) {
		t.Errorf("predict: got %v, want context.Canceled", err)
	}
}

// wide is a model whose network is too large. Nothing may be written to it.
type wide struct{ line }

func (m *wide) Build(b *fit.Builder, rows, _ int) (*gorgonia.Node, func(int, *point)) {
	x, data := b.Input("x", rows, 1<<28)
	return x, func(int, *point) { data[0] = 1 }
}

// TestTooLarge: a network that is too large is the user's option.
func TestTooLarge(t *testing.T) {
	examples, labels := points(9)
	m := &wide{*newLine(0)}
	if err := fit.Train(t.Context(), m, examples, labels, options, rand.New(rand.NewPCG(5, 6))); !errors.Is(err, plugins.ErrOption) {
		t.Errorf("train: got %v, want ErrOption", err)
	}
	if err := fit.NewEvaluator(m).PredictTo(t.Context(), make([]float64, 9), examples); !errors.Is(err, plugins.ErrOption) {
		t.Errorf("predict: got %v, want ErrOption", err)
	}
}

// few is a model of which two rows are evaluated at once.
type few struct {
	*line
	mutex sync.Mutex
	built []int
}

func (m *few) Rows(int) int { return 2 }

func (m *few) Build(b *fit.Builder, rows, size int) (*gorgonia.Node, func(int, *point)) {
	m.mutex.Lock()
	m.built = append(m.built, rows)
	m.mutex.Unlock()
	return m.line.Build(b, rows, size)
}

// TestBounded: a model may have few rows evaluated at once; values stay.
func TestBounded(t *testing.T) {
	examples, _ := points(9)
	want, got := make([]float64, 9), make([]float64, 9)
	if err := fit.NewEvaluator(newLine(0)).PredictTo(t.Context(), want, examples); err != nil {
		t.Fatal(err)
	}
	m := &few{line: newLine(0)}
	if err := fit.NewEvaluator(m).PredictTo(t.Context(), got, examples); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, want) || len(m.built) < 2 || slices.ContainsFunc(m.built, func(rows int) bool { return rows != 2 }) {
		t.Errorf("got %v with networks of %v rows, want %v", got, m.built, want)
	}
}
