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
	var k [2]float32
	keep(&k, scale, 0)
	s := spread(pointer(k[:]), 0)
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

func vectorStandardizeTo(dst, x []float32, eps float32) uint32 {
	d, p, n := pointer(dst), pointer(x), len(dst)
	var k [2]float32
	keep(&k, float32(n), eps)
	m, end := tail(n), whole(n)*float32Bytes
	count, small, one := spread(pointer(k[:]), 0), spread(pointer(k[:]), float32Bytes), broadcast(1)
	var s vector
	for o := 0; o < end; o += vectorBytes {
		s = s.Add(load(p, o))
	}
	if n&15 != 0 {
		s = s.Add(loadMasked(p, end, m))
	}
	mean := sum(s).Div(count)
	var v vector
	for o := 0; o < end; o += vectorBytes {
		c := load(p, o).Sub(mean)
		v = c.MulAdd(c, v)
	}
	if n&15 != 0 {
		c := loadMasked(p, end, m).Sub(mean).Masked(m)
		v = c.MulAdd(c, v)
	}
	f := one.Div(sum(v).Div(count).Add(small).Sqrt())
	for o := 0; o < end; o += vectorBytes {
		store(load(p, o).Sub(mean).Mul(f), d, o)
	}
	if n&15 != 0 {
		storeMasked(loadMasked(p, end, m).Sub(mean).Mul(f), d, end, m)
	}
	scale := first(f)
	clearUpper()
	return scale
}

func vectorStandardizeGradTo(dst, g, hat []float32, scale float32) {
	d, p, q, n := pointer(dst), pointer(g), pointer(hat), len(dst)
	var k [2]float32
	keep(&k, float32(n), scale)
	m, end := tail(n), whole(n)*float32Bytes
	count, f := spread(pointer(k[:]), 0), spread(pointer(k[:]), float32Bytes)
	var s, t vector
	for o := 0; o < end; o += vectorBytes {
		x := load(p, o)
		s, t = s.Add(x), x.MulAdd(load(q, o), t)
	}
	if n&15 != 0 {
		x := loadMasked(p, end, m)
		s, t = s.Add(x), x.MulAdd(loadMasked(q, end, m), t)
	}
	mean, dot := sum(s).Div(count), sum(t).Div(count)
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
	var k [5][2]float32
	keep(&k[0], float32(s.Beta1), float32(1-s.Beta1))
	keep(&k[1], float32(s.Beta2), float32(1-s.Beta2))
	keep(&k[2], float32(s.Step), float32(s.Eps))
	keep(&k[3], float32(1/s.RootCorrection), float32(s.Shrink))
	keep(&k[4], float32(s.L2), float32(s.Scale))
	b1, c1 := spread(pointer(k[0][:]), 0), spread(pointer(k[0][:]), float32Bytes)
	b2, c2 := spread(pointer(k[1][:]), 0), spread(pointer(k[1][:]), float32Bytes)
	step, eps := spread(pointer(k[2][:]), 0), spread(pointer(k[2][:]), float32Bytes)
	root, shrink := spread(pointer(k[3][:]), 0), spread(pointer(k[3][:]), float32Bytes)
	l2, scale := spread(pointer(k[4][:]), 0), spread(pointer(k[4][:]), float32Bytes)
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
		t := tail(n)
		x := loadMasked(pw, o, t)
		d := loadMasked(pg, o, t).Mul(scale)
		d = l2.MulAdd(x, d)
		y := loadMasked(pm, o, t).Mul(b1)
		y = c1.MulAdd(d, y)
		storeMasked(y, pm, o, t)
		z := loadMasked(pv, o, t).Mul(b2)
		z = c2.MulAdd(d.Mul(d), z)
		storeMasked(z, pv, o, t)
		q := z.Sqrt()
		q = y.Mul(step).Div(q.MulAdd(root, eps))
		storeMasked(x.Mul(shrink).Sub(q), pw, o, t)
	}
	clearUpper()
}
