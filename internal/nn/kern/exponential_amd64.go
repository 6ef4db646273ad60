//go:build goexperiment.simd && amd64

package kern

// exponential holds the constants of e^x = 2^n e^r with n the whole number next
// to x / ln 2 and r = x - n ln 2, |r| <= ln(2) / 2: ln 2 in two parts, the first
// so short that n times it is exact, and the Taylor series of e^r to r^7, whose
// remainder is 1e-8 there. Beyond most, e^x is infinite or 0.
type exponential struct {
	most, least, perLog2, high, low vector
	series                          [8]vector
}

func newExponential() exponential {
	return exponential{
		most:    broadcast(200),
		least:   broadcast(-200),
		perLog2: broadcast(1.442695041),
		high:    broadcast(-0.693359375),
		low:     broadcast(2.12194440e-4),
		series: [8]vector{
			broadcast(1), broadcast(1), broadcast(1. / 2), broadcast(1. / 6),
			broadcast(1. / 24), broadcast(1. / 120), broadcast(1. / 720), broadcast(1. / 5040),
		},
	}
}

// of returns e^x. Scale multiplies by a power of two, to infinity or 0 where
// that leaves the range. A NaN stays one; see relu.
func (e *exponential) of(x vector) vector {
	x = e.least.Max(e.most.Min(x))
	n := x.Mul(e.perLog2).RoundToEvenScaled(0)
	r := n.MulAdd(e.low, n.MulAdd(e.high, x))
	y := e.series[7]
	y = y.MulAdd(r, e.series[6])
	y = y.MulAdd(r, e.series[5])
	y = y.MulAdd(r, e.series[4])
	y = y.MulAdd(r, e.series[3])
	y = y.MulAdd(r, e.series[2])
	y = y.MulAdd(r, e.series[1])
	y = y.MulAdd(r, e.series[0])
	return y.Scale(n)
}

func vectorExpTo(dst, x []float32) {
	d, p, n := pointer(dst), pointer(x), len(dst)
	e := newExponential()
	o := 0
	for ; o < whole(n)*float32Bytes; o += vectorBytes {
		store(e.of(load(p, o)), d, o)
	}
	if n&15 != 0 {
		m := tail(n)
		storeMasked(e.of(loadMasked(p, o, m)), d, o, m)
	}
	clearUpper()
}

func vectorSigmoidTo(dst, x []float32) {
	d, p, n := pointer(dst), pointer(x), len(dst)
	e, one := newExponential(), broadcast(1)
	var zero vector
	o := 0
	for ; o < whole(n)*float32Bytes; o += vectorBytes {
		store(one.Div(one.Add(e.of(zero.Sub(load(p, o))))), d, o)
	}
	if n&15 != 0 {
		m := tail(n)
		storeMasked(one.Div(one.Add(e.of(zero.Sub(loadMasked(p, o, m))))), d, o, m)
	}
	clearUpper()
}

func vectorSigmoidGradTo(dst, through, x, gate []float32) {
	d, p, q, g, n := pointer(dst), pointer(through), pointer(x), pointer(gate), len(dst)
	one := broadcast(1)
	o := 0
	for ; o < whole(n)*float32Bytes; o += vectorBytes {
		store(load(p, o).Mul(load(q, o)).Mul(one.Sub(load(g, o))), d, o)
	}
	if n&15 != 0 {
		m := tail(n)
		storeMasked(loadMasked(p, o, m).Mul(loadMasked(q, o, m)).Mul(one.Sub(loadMasked(g, o, m))), d, o, m)
	}
	clearUpper()
}
