package kern

import (
	"fmt"
	"math"
)

// Function is a function of one number.
type Function uint8

// The functions of [Activation].
const (
	ReLU      Function = iota // max(x, 0)
	LeakyReLU                 // x above 0, Slope x below
	ELU                       // x above 0, e^x - 1 below
	Sigmoid                   // 1 / (1 + e^-x)
	Tanh                      //
	GELU                      // x times the normal distribution function of x (Hendrycks and Gimpel 2016)
)

// Activation applies a function to every element. Input: X of any shape but a
// scalar's. Output like X. Slope is LeakyReLU's; the others don't use it.
type Activation[T Float] struct {
	Function Function
	Slope    T
}

// Shape implements [Kernel].
func (k *Activation[T]) Shape(in ...[]int) ([]int, error) {
	if err := expect("activation", in, -1); err != nil {
		return nil, err
	}
	if k.Function > GELU {
		return nil, fmt.Errorf("activation: no function %d", k.Function)
	}
	return append([]int{}, in[0]...), nil
}

// Differentiable implements [Kernel].
func (*Activation[T]) Differentiable(int) bool { return true }

// Forward implements [Kernel].
func (k *Activation[T]) Forward(out []T, in [][]T) {
	switch k.Function {
	case ReLU:
		reluTo(out, in[0])
	case LeakyReLU:
		for i, x := range in[0] {
			out[i] = leaky(x, k.Slope)
		}
	case ELU:
		for i, x := range in[0] {
			if x > 0 {
				out[i] = x
			} else {
				out[i] = T(math.Expm1(float64(x)))
			}
		}
	case Sigmoid:
		for i, x := range in[0] {
			out[i] = 1 / (1 + exp(-x))
		}
	case Tanh:
		for i, x := range in[0] {
			out[i] = T(math.Tanh(float64(x)))
		}
	case GELU:
		for i, x := range in[0] {
			out[i] = x * normalBelow(x)
		}
	}
}

// leaky returns x, times slope where it is not positive.
func leaky[T Float](x, slope T) T {
	if x > 0 {
		return x
	}
	return slope * x
}

// normalBelow returns the standard normal distribution function at x.
func normalBelow[T Float](x T) T {
	return T(.5 * math.Erfc(-float64(x)/math.Sqrt2))
}

// Backward implements [Kernel].
func (k *Activation[T]) Backward(gin, in [][]T, out, gout []T) {
	g := gin[0]
	if g == nil {
		return
	}
	switch k.Function {
	case ReLU:
		gateTo(g, gout, in[0], 1)
	case LeakyReLU:
		for i, x := range in[0] {
			g[i] = gout[i]
			if x <= 0 {
				g[i] *= k.Slope
			}
		}
	case ELU:
		for i, x := range in[0] {
			g[i] = gout[i]
			if x <= 0 {
				g[i] *= out[i] + 1
			}
		}
	case Sigmoid:
		for i, y := range out {
			g[i] = gout[i] * y * (1 - y)
		}
	case Tanh:
		for i, y := range out {
			g[i] = gout[i] * (1 - y*y)
		}
	case GELU:
		for i, x := range in[0] {
			density := T(math.Exp(-.5*float64(x)*float64(x)) / math.Sqrt(2*math.Pi))
			g[i] = gout[i] * (normalBelow(x) + x*density)
		}
	}
}
