//go:build goexperiment.simd && amd64

package kern

// Every function below handles 16 numbers a step and the last few with a mask.

// tail returns the mask of the n numbers that don't fill a register.
func tail(n int) laneMask { return lanes(n & 15) }

func vectorAddTo(dst, x []float32) {
	d, p, n := pointer(dst), pointer(x), len(dst)
	o := 0
	for ; o < whole(n)*float32Bytes; o += vectorBytes {
		store(load(d, o).Add(load(p, o)), d, o)
	}
	if n&15 != 0 {
		m := tail(n)
		storeMasked(loadMasked(d, o, m).Add(loadMasked(p, o, m)), d, o, m)
	}
	clearUpper()
}

func vectorMulElementsTo(dst, x, y []float32) {
	d, p, q, n := pointer(dst), pointer(x), pointer(y), len(dst)
	o := 0
	for ; o < whole(n)*float32Bytes; o += vectorBytes {
		store(load(p, o).Mul(load(q, o)), d, o)
	}
	if n&15 != 0 {
		m := tail(n)
		storeMasked(loadMasked(p, o, m).Mul(loadMasked(q, o, m)), d, o, m)
	}
	clearUpper()
}

// relu returns max(x, 0). The processor's maximum returns its second operand
// when either is NaN, and Go's x.Max(y) passes x as the first.
func relu(x vector) vector {
	var zero vector
	return zero.Max(x)
}

func vectorReLUTo(dst, x []float32) {
	d, p, n := pointer(dst), pointer(x), len(dst)
	o := 0
	for ; o < whole(n)*float32Bytes; o += vectorBytes {
		store(relu(load(p, o)), d, o)
	}
	if n&15 != 0 {
		m := tail(n)
		storeMasked(relu(loadMasked(p, o, m)), d, o, m)
	}
	clearUpper()
}

func vectorHalfReLUsTo(dst, x, y []float32) {
	d, p, q, n := pointer(dst), pointer(x), pointer(y), len(dst)
	half := broadcast(.5)
	o := 0
	for ; o < whole(n)*float32Bytes; o += vectorBytes {
		store(relu(load(p, o)).Add(relu(load(q, o))).Mul(half), d, o)
	}
	if n&15 != 0 {
		m := tail(n)
		storeMasked(relu(loadMasked(p, o, m)).Add(relu(loadMasked(q, o, m))).Mul(half), d, o, m)
	}
	clearUpper()
}

func vectorGateTo(dst, g, x []float32, scale float32) {
	d, p, q, n := pointer(dst), pointer(g), pointer(x), len(dst)
	var zero vector
	s := broadcast(scale)
	o := 0
	for ; o < whole(n)*float32Bytes; o += vectorBytes {
		store(load(p, o).Mul(s).Masked(load(q, o).Greater(zero)), d, o)
	}
	if n&15 != 0 {
		m := tail(n)
		storeMasked(loadMasked(p, o, m).Mul(s).Masked(loadMasked(q, o, m).Greater(zero)), d, o, m)
	}
	clearUpper()
}

func vectorStandardizeTo(dst, x []float32, eps float32) float32 {
	d, p, n := pointer(dst), pointer(x), len(dst)
	m, end := tail(n), whole(n)*float32Bytes
	var s vector
	for o := 0; o < end; o += vectorBytes {
		s = s.Add(load(p, o))
	}
	if n&15 != 0 {
		s = s.Add(loadMasked(p, end, m))
	}
	mean := broadcast(sum(s) / float32(n))
	var v vector
	for o := 0; o < end; o += vectorBytes {
		c := load(p, o).Sub(mean)
		v = c.MulAdd(c, v)
	}
	if n&15 != 0 {
		c := loadMasked(p, end, m).Sub(mean).Masked(m)
		v = c.MulAdd(c, v)
	}
	scale := 1 / sqrt(sum(v)/float32(n)+eps)
	f := broadcast(scale)
	for o := 0; o < end; o += vectorBytes {
		store(load(p, o).Sub(mean).Mul(f), d, o)
	}
	if n&15 != 0 {
		storeMasked(loadMasked(p, end, m).Sub(mean).Mul(f), d, end, m)
	}
	clearUpper()
	return scale
}

func vectorStandardizeGradTo(dst, g, hat []float32, scale float32) {
	d, p, q, n := pointer(dst), pointer(g), pointer(hat), len(dst)
	m, end := tail(n), whole(n)*float32Bytes
	var s, t vector
	for o := 0; o < end; o += vectorBytes {
		x := load(p, o)
		s, t = s.Add(x), x.MulAdd(load(q, o), t)
	}
	if n&15 != 0 {
		x := loadMasked(p, end, m)
		s, t = s.Add(x), x.MulAdd(loadMasked(q, end, m), t)
	}
	mean := broadcast(sum(s) / float32(n))
	dot := broadcast(sum(t) / float32(n))
	f := broadcast(scale)
	for o := 0; o < end; o += vectorBytes {
		store(load(p, o).Sub(mean).Sub(load(q, o).Mul(dot)).Mul(f), d, o)
	}
	if n&15 != 0 {
		storeMasked(loadMasked(p, end, m).Sub(mean).Sub(loadMasked(q, end, m).Mul(dot)).Mul(f), d, end, m)
	}
	clearUpper()
}

func vectorAdamTo(w, m, v, g []float32, s AdamStep) {
	pw, pm, pv, pg, n := pointer(w), pointer(m), pointer(v), pointer(g), len(w)
	b1, c1 := broadcast(float32(s.Beta1)), broadcast(float32(1-s.Beta1))
	b2, c2 := broadcast(float32(s.Beta2)), broadcast(float32(1-s.Beta2))
	step, eps := broadcast(float32(s.Step)), broadcast(float32(s.Eps))
	root, shrink := broadcast(float32(1/s.RootCorrection)), broadcast(float32(s.Shrink))
	l2, scale := broadcast(float32(s.L2)), broadcast(float32(s.Scale))
	o := 0
	for ; o < whole(n)*float32Bytes; o += vectorBytes {
		x := load(pw, o)
		d := load(pg, o).Mul(scale)
		d = l2.MulAdd(x, d)
		y := load(pm, o).Mul(b1)
		y = c1.MulAdd(d, y)
		store(y, pm, o)
		z := load(pv, o).Mul(b2)
		z = c2.MulAdd(d.Mul(d), z)
		store(z, pv, o)
		q := z.Sqrt()
		q = y.Mul(step).Div(q.MulAdd(root, eps))
		store(x.Mul(shrink).Sub(q), pw, o)
	}
	if n&15 != 0 {
		k := tail(n)
		x := loadMasked(pw, o, k)
		d := loadMasked(pg, o, k).Mul(scale)
		d = l2.MulAdd(x, d)
		y := loadMasked(pm, o, k).Mul(b1)
		y = c1.MulAdd(d, y)
		storeMasked(y, pm, o, k)
		z := loadMasked(pv, o, k).Mul(b2)
		z = c2.MulAdd(d.Mul(d), z)
		storeMasked(z, pv, o, k)
		q := z.Sqrt()
		q = y.Mul(step).Div(q.MulAdd(root, eps))
		storeMasked(x.Mul(shrink).Sub(q), pw, o, k)
	}
	clearUpper()
}
