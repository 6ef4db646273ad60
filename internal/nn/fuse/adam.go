package fuse

import (
	"fmt"
	"math"

	"gorgonia.org/gorgonia"

	"github.com/hypernas/hypernas/internal/nn/kern"
)

// Schedule is the learning rate at a step, counted from 0.
type Schedule func(step int) float64

// Constant returns a schedule of one rate.
func Constant(rate float64) Schedule { return func(int) float64 { return rate } }

// Cosine falls from rate to 0 in the given number of steps (Loshchilov and
// Hutter 2017, equation 5, without restarts).
func Cosine(rate float64, steps int) Schedule {
	return func(step int) float64 { return anneal(rate, 0, float64(step)/float64(max(steps, 1))) }
}

// OneCycle rises from rate/25 to rate in the first share warmup of the steps and
// falls to rate/250000 in the rest, along cosines, as PyTorch's OneCycleLR does
// (Smith and Topin 2018).
func OneCycle(rate float64, steps int, warmup float64) Schedule {
	const start, end = 25, 25 * 1e4 // PyTorch's defaults
	peak, last := warmup*float64(steps)-1, float64(steps)-1
	return func(step int) float64 {
		s := float64(step)
		switch {
		case s < peak:
			return anneal(rate/start, rate, s/peak)
		case s < last:
			return anneal(rate, rate/end, (s-peak)/(last-peak))
		case peak < last:
			return rate / end
		default: // nothing but the rise
			return rate
		}
	}
}

// anneal goes from a to b along half a cosine as x goes from 0 to 1.
func anneal(a, b, x float64) float64 {
	return b + (a-b)/2*(1+math.Cos(math.Pi*min(max(x, 0), 1)))
}

// AdamOptions are the settings of [Adam]. Rate is needed; the others may be 0.
type AdamOptions struct {
	Rate         Schedule
	Beta1, Beta2 float64 // 0 stands for PyTorch's .9 and .999
	Eps          float64 // 0 stands for PyTorch's 1e-8
	Decay        float64 // weight decay
	Coupled      bool    // decay as part of the gradient (Adam), not apart from it (AdamW)
	Clip         float64 // largest norm of the whole gradient; 0 for any
}

// Adam is Adam or AdamW, as PyTorch computes them, as a Gorgonia solver: one
// pass over each parameter's memory. It serves one [Trainer].
type Adam[T kern.Float] struct {
	options AdamOptions
	step    int
	m, v    [][]T
}

var _ gorgonia.Solver = (*Adam[float32])(nil)

// NewAdam returns a solver that has taken no step.
func NewAdam[T kern.Float](o AdamOptions) *Adam[T] {
	if o.Beta1 == 0 {
		o.Beta1 = .9
	}
	if o.Beta2 == 0 {
		o.Beta2 = .999
	}
	if o.Eps == 0 {
		o.Eps = 1e-8
	}
	return &Adam[T]{options: o}
}

// Step updates the parameters of model, which must be a Trainer's, always the
// same.
func (a *Adam[T]) Step(model []gorgonia.ValueGrad) error {
	if a.m == nil {
		a.m, a.v = make([][]T, len(model)), make([][]T, len(model))
	}
	var squares float64
	for i, p := range model {
		t, ok := p.(*trained[T])
		if !ok {
			return fmt.Errorf("parameter %d is a %T, not a trainer's", i, p)
		}
		w, g, err := t.slices()
		if err != nil {
			return err
		}
		if a.m[i] == nil {
			a.m[i], a.v[i] = make([]T, len(w)), make([]T, len(w))
		}
		if a.options.Clip > 0 {
			squares += kern.SumSquares(g)
		}
	}
	rate := a.options.Rate(a.step)
	a.step++
	o, n := a.options, float64(a.step)
	s := kern.AdamStep{
		Beta1: o.Beta1, Beta2: o.Beta2,
		Step: rate / (1 - math.Pow(o.Beta1, n)), Eps: o.Eps,
		RootCorrection: math.Sqrt(1 - math.Pow(o.Beta2, n)),
		Shrink:         1 - rate*o.Decay, Scale: 1,
	}
	if o.Coupled {
		s.Shrink, s.L2 = 1, o.Decay
	}
	if o.Clip > 0 {
		// PyTorch's clip_grad_norm_ adds this to the norm.
		const clipEps = 1e-6
		s.Scale = min(o.Clip/(math.Sqrt(squares)+clipEps), 1)
	}
	for i, p := range model {
		w, g, err := p.(*trained[T]).slices()
		if err != nil {
			return err
		}
		kern.AdamTo(w, a.m[i], a.v[i], g, s)
	}
	return nil
}
