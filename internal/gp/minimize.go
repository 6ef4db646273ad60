package gp

import (
	"context"
	"math"

	"gonum.org/v1/gonum/floats"
)

// objective returns a function's value at x and writes its gradient there to
// grad. It returns +Inf where it has none.
type objective func(x, grad []float64) float64

// box bounds each variable.
type box struct{ low, high []float64 }

// Constants of minimize, those of L-BFGS-B's callers in scipy: pairs that the
// Hessian is approximated by, and when to stop.
const (
	pairs        = 10
	gradientStop = 1e-6 // largest element of the projected gradient
	valueStop    = 1e-10
	searchSteps  = 20 // evaluations of one line search
)

// minimize descends from x, which it overwrites with the least point found, by
// L-BFGS within a box: a variable at its bound whose gradient leads out is held
// there, the quasi-Newton step is taken in the others (Nocedal and Wright,
// Numerical Optimization, algorithm 7.4) and cut off where the first of them
// meets its bound. Steps satisfy the strong Wolfe conditions (algorithm 3.5)
// unless they end at a bound. It stops after the given number of iterations, or
// where gradient or decrease are negligible. It returns the least value, or the
// context's error, which is looked for before each evaluation.
func minimize(ctx context.Context, f objective, x []float64, b box, iterations int) (float64, error) {
	n := len(x)
	project(x, b)
	g := make([]float64, n)
	value := f(x, g)
	var s, y [][]float64
	free := make([]float64, n) // the gradient in the variables that may move
	d := make([]float64, n)
	for range iterations {
		if ctx.Err() != nil {
			return value, ctx.Err()
		}
		largest := 0.0
		for i := range x {
			free[i] = g[i]
			if (x[i] <= b.low[i] && g[i] > 0) || (x[i] >= b.high[i] && g[i] < 0) {
				free[i] = 0
			}
			largest = max(largest, math.Abs(free[i]))
		}
		if largest <= gradientStop {
			break
		}
		direction(d, free, s, y)
		if slope := floats.Dot(d, free); !(slope < 0) {
			s, y = nil, nil
			direction(d, free, nil, nil)
		}
		most := math.Inf(1) // the step to the first bound
		for i := range x {
			switch {
			case d[i] > 0:
				most = min(most, (b.high[i]-x[i])/d[i])
			case d[i] < 0:
				most = min(most, (b.low[i]-x[i])/d[i])
			}
		}
		first := 1.0
		if len(s) == 0 {
			first = min(1, 1/floats.Norm(free, 1))
		}
		l := line{f: f, x: x, d: d, box: b, value: value, slope: floats.Dot(d, free), at: make([]float64, n), grad: make([]float64, n)}
		lower, err := l.search(ctx, min(first, most), most)
		if err != nil {
			return value, err
		}
		if !(l.found < value) {
			if len(s) == 0 {
				break // not even downhill
			}
			s, y = nil, nil // try again along the gradient
			continue
		}
		step, change := make([]float64, n), make([]float64, n)
		floats.SubTo(step, lower.x, x)
		floats.SubTo(change, lower.grad, g)
		decrease := value - lower.value
		copy(x, lower.x)
		copy(g, lower.grad)
		value = lower.value
		if floats.Dot(step, change) > 1e-10*floats.Dot(change, change) {
			s, y = append(s, step), append(y, change)
			if len(s) > pairs {
				s, y = s[1:], y[1:]
			}
		}
		if decrease <= valueStop*max(1, math.Abs(value)) {
			break
		}
	}
	return value, nil
}

// project moves x into the box.
func project(x []float64, b box) {
	for i := range x {
		x[i] = min(max(x[i], b.low[i]), b.high[i])
	}
}

// direction writes minus the inverse Hessian, as the pairs of steps s and
// changes of gradient y tell it, times g to d. Where g is 0 so is d: these
// variables are held.
func direction(d, g []float64, s, y [][]float64) {
	copy(d, g)
	a := make([]float64, len(s))
	for i := len(s) - 1; i >= 0; i-- {
		a[i] = floats.Dot(s[i], d) / floats.Dot(s[i], y[i])
		floats.AddScaled(d, -a[i], y[i])
	}
	if k := len(s) - 1; k >= 0 {
		floats.Scale(floats.Dot(s[k], y[k])/floats.Dot(y[k], y[k]), d)
	}
	for i := range s {
		b := floats.Dot(y[i], d) / floats.Dot(s[i], y[i])
		floats.AddScaled(d, a[i]-b, s[i])
	}
	for i := range d {
		d[i] = -d[i]
		if g[i] == 0 {
			d[i] = 0
		}
	}
}

// line is the objective along a direction.
type line struct {
	f            objective
	x, d         []float64
	box          box
	value, slope float64 // at x
	at, grad     []float64
	found        float64 // the value that search returned
}

// point is where a line was evaluated.
type point struct {
	step, value, slope float64
	x, grad            []float64
}

func (l *line) evaluate(step float64) point {
	p := point{step: step, x: make([]float64, len(l.x)), grad: make([]float64, len(l.x))}
	floats.AddScaledTo(p.x, l.x, step, l.d)
	project(p.x, l.box)
	p.value = l.f(p.x, p.grad)
	p.slope = floats.Dot(p.grad, l.d)
	if math.IsNaN(p.value) {
		p.value = math.Inf(1)
	}
	return p
}

// Constants of the strong Wolfe conditions (Nocedal and Wright, section 3.1).
const (
	sufficient = 1e-4
	curvature  = .9
)

// search returns a point of the line that satisfies the strong Wolfe
// conditions, or the best that it met. It begins with step and does not go
// beyond most.
func (l *line) search(ctx context.Context, step, most float64) (point, error) {
	start := point{value: l.value, slope: l.slope, x: l.x}
	best := start
	low, high := start, point{step: math.Inf(1), value: math.Inf(1)}
	for range searchSteps {
		if ctx.Err() != nil {
			return best, ctx.Err()
		}
		p := l.evaluate(step)
		if p.value < best.value {
			best = p
		}
		switch {
		case p.value > l.value+sufficient*step*l.slope || p.value >= low.value:
			high = p
		case math.Abs(p.slope) <= -curvature*l.slope || (step >= most && p.slope < 0):
			l.found = p.value
			return p, nil
		default:
			// The least lies where p's slope leads down to: keep as high the
			// end on that side.
			if (high.step-low.step)*p.slope >= 0 {
				high = low
			}
			low = p
		}
		if math.IsInf(high.step, 1) {
			step = min(4*step, most)
			continue
		}
		step = between(low, high)
		if math.Abs(high.step-low.step) <= 1e-12*max(1, low.step) {
			break
		}
	}
	l.found = best.value
	return best, nil
}

// between returns a step between two points: the least of the cubic through
// their values and slopes (equation 3.59), but no nearer to either than a tenth
// of their distance; the middle where high has no finite value.
func between(low, high point) float64 {
	distance := high.step - low.step
	middle := low.step + distance/2
	if math.IsInf(high.value, 1) {
		return middle
	}
	d1 := low.slope + high.slope - 3*(low.value-high.value)/(low.step-high.step)
	root := d1*d1 - low.slope*high.slope
	if !(root >= 0) {
		return middle
	}
	d2 := math.Copysign(math.Sqrt(root), distance)
	step := high.step - distance*(high.slope+d2-d1)/(high.slope-low.slope+2*d2)
	if math.IsNaN(step) {
		return middle
	}
	a, b := min(low.step, high.step), max(low.step, high.step)
	margin := .1 * (b - a)
	return min(max(step, a+margin), b-margin)
}
