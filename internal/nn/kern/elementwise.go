package kern

import "math"

// The functions of this file walk once over their operands, which all have the
// length of dst. float32 operands go to the vector path where there is one.

// vector32 returns s as float32 numbers if it holds such and the vector path
// is in use.
func vector32[T Float](s []T) ([]float32, bool) {
	v, ok := any(s).([]float32)
	return v, ok && vec != nil
}

func as32[T Float](s []T) []float32 { return any(s).([]float32) }

// addTo adds x to dst.
func addTo[T Float](dst, x []T) {
	x = x[:len(dst)]
	if d, ok := vector32(dst); ok {
		vec.addTo(d, as32(x))
		return
	}
	for i, v := range x {
		dst[i] += v
	}
}

// mulTo sets dst to the products of x and y.
func mulTo[T Float](dst, x, y []T) {
	x, y = x[:len(dst)], y[:len(dst)]
	if d, ok := vector32(dst); ok {
		vec.mulElementsTo(d, as32(x), as32(y))
		return
	}
	for i, v := range x {
		dst[i] = v * y[i]
	}
}

// reluTo sets dst to max(x, 0). A NaN stays one, so that a diverged network
// doesn't go unnoticed.
func reluTo[T Float](dst, x []T) {
	x = x[:len(dst)]
	if d, ok := vector32(dst); ok {
		vec.reluTo(d, as32(x))
		return
	}
	for i, v := range x {
		if v <= 0 {
			v = 0
		}
		dst[i] = v
	}
}

// halfReLUsTo sets dst to (max(x, 0) + max(y, 0)) / 2; a NaN stays one.
func halfReLUsTo[T Float](dst, x, y []T) {
	x, y = x[:len(dst)], y[:len(dst)]
	if d, ok := vector32(dst); ok {
		vec.halfReLUsTo(d, as32(x), as32(y))
		return
	}
	for i, v := range x {
		if v <= 0 {
			v = 0
		}
		w := y[i]
		if w <= 0 {
			w = 0
		}
		dst[i] = (v + w) * .5
	}
}

// gateTo sets dst to scale * g where x is positive and to 0 elsewhere: the
// gradient of a rectifier.
func gateTo[T Float](dst, g, x []T, scale T) {
	g, x = g[:len(dst)], x[:len(dst)]
	if d, ok := vector32(dst); ok {
		vec.gateTo(d, as32(g), as32(x), float32(scale))
		return
	}
	for i, v := range g {
		if x[i] > 0 {
			dst[i] = v * scale
		} else {
			dst[i] = 0
		}
	}
}

// standardizeTo sets dst to (x - mean) / sqrt(variance + eps) over the elements
// of x and returns the factor 1 / sqrt(variance + eps).
func standardizeTo[T Float](dst, x []T, eps T) T {
	x = x[:len(dst)]
	if d, ok := vector32(dst); ok {
		return T(math.Float32frombits(vec.standardizeTo(d, as32(x), float32(eps))))
	}
	n := T(len(x))
	var mean, variance T
	for _, v := range x {
		mean += v
	}
	mean /= n
	for _, v := range x {
		variance += (v - mean) * (v - mean)
	}
	scale := 1 / sqrt(variance/n+eps)
	for i, v := range x {
		dst[i] = (v - mean) * scale
	}
	return scale
}

// standardizeGradTo sets dst to the gradient with respect to x, given g, the
// gradient with respect to standardizeTo's result hat, and its factor.
func standardizeGradTo[T Float](dst, g, hat []T, scale T) {
	g, hat = g[:len(dst)], hat[:len(dst)]
	if d, ok := vector32(dst); ok {
		vec.standardizeGradTo(d, as32(g), as32(hat), float32(scale))
		return
	}
	n := T(len(g))
	var sum, dot T
	for i, v := range g {
		sum += v
		dot += v * hat[i]
	}
	sum, dot = sum/n, dot/n
	for i, v := range g {
		dst[i] = scale * (v - sum - hat[i]*dot)
	}
}

// AdamStep holds the coefficients of one step of Adam (Kingma and Ba 2015,
// algorithm 1) or of AdamW (Loshchilov and Hutter 2019, algorithm 2).
type AdamStep struct {
	Beta1, Beta2 float64
	// Step is learning rate / (1 - Beta1^t), Eps the number that is added to
	// sqrt(v) / sqrt(1 - Beta2^t), and RootCorrection sqrt(1 - Beta2^t).
	Step, Eps, RootCorrection float64
	// Shrink multiplies the weights first (1 - learning rate * weight decay in
	// AdamW, 1 otherwise); L2 times the weight is added to the gradient (the
	// weight decay of Adam, 0 in AdamW).
	Shrink, L2 float64
	// Scale multiplies the gradient first: clipping.
	Scale float64
}

// AdamTo updates the weights w and their running moments m and v, given the
// gradient g, in one pass.
func AdamTo[T Float](w, m, v, g []T, s AdamStep) {
	m, v, g = m[:len(w)], v[:len(w)], g[:len(w)]
	if d, ok := vector32(w); ok {
		vec.adamTo(d, as32(m), as32(v), as32(g), s)
		return
	}
	b1, b2, step, eps := T(s.Beta1), T(s.Beta2), T(s.Step), T(s.Eps)
	root, shrink, l2, scale := T(1/s.RootCorrection), T(s.Shrink), T(s.L2), T(s.Scale)
	for i, x := range g {
		x = x*scale + l2*w[i]
		m[i] = b1*m[i] + (1-b1)*x
		v[i] = b2*v[i] + (1-b2)*x*x
		w[i] = w[i]*shrink - step*m[i]/(sqrt(v[i])*root+eps)
	}
}

// SumSquares returns the sum of the squares of x, summed in float64.
func SumSquares[T Float](x []T) float64 {
	// Four sums in a fixed order keep the adder busy.
	var s [4]float64
	for len(x) >= 4 {
		for i := range s {
			v := float64(x[i])
			s[i] += v * v
		}
		x = x[4:]
	}
	for _, v := range x {
		s[0] += float64(v) * float64(v)
	}
	return s[0] + s[1] + (s[2] + s[3])
}
