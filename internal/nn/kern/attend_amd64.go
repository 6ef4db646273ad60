//go:build goexperiment.simd && amd64

package kern

// vectorAttendTo is attendTo of one head and block.
func vectorAttendTo(dst, soft, q, k, v []float32, n int) {
	out, ps, pq, pk, pv := pointer(dst), pointer(soft), pointer(q), pointer(k), pointer(v)
	e, scale, one := newExponential(), broadcast(attendScale), broadcast(1)
	plane := n * vectorBytes
	for i := 0; i < plane; i += vectorBytes {
		q0, q1 := load(pq, i).Mul(scale), load(pq, i+plane).Mul(scale)
		row := i * n
		top := q0.Mul(load(pk, 0))
		top = q1.MulAdd(load(pk, plane), top)
		for j := 0; j < plane; j += vectorBytes {
			z := q1.MulAdd(load(pk, j+plane), q0.Mul(load(pk, j)))
			top = z.Max(top)
			store(z, ps, row+j)
		}
		var sum, o0, o1 vector
		for j := 0; j < plane; j += vectorBytes {
			z := e.of(load(ps, row+j).Sub(top))
			sum = sum.Add(z)
			store(z, ps, row+j)
		}
		f := one.Div(sum)
		for j := 0; j < plane; j += vectorBytes {
			z := load(ps, row+j).Mul(f)
			store(z, ps, row+j)
			o0, o1 = z.MulAdd(load(pv, j), o0), z.MulAdd(load(pv, j+plane), o1)
		}
		store(o0, out, i)
		store(o1, out, i+plane)
	}
	clearUpper()
}

// vectorAttendGradTo is attendGradTo of one head and block.
func vectorAttendGradTo(dst, gout, soft, q, k, v []float32, n int) {
	clear(dst)
	d, pg, ps, pq, pk, pv := pointer(dst), pointer(gout), pointer(soft), pointer(q), pointer(k), pointer(v)
	scale := broadcast(attendScale)
	plane := n * vectorBytes
	gk, gv := HeadWidth*plane, 2*HeadWidth*plane
	for i := 0; i < plane; i += vectorBytes {
		g0, g1, row := load(pg, i), load(pg, i+plane), i*n
		q0, q1 := load(pq, i), load(pq, i+plane)
		var dot, a0, a1 vector
		for j := 0; j < plane; j += vectorBytes {
			dot = load(ps, row+j).MulAdd(g1.MulAdd(load(pv, j+plane), g0.Mul(load(pv, j))), dot)
		}
		for j := 0; j < plane; j += vectorBytes {
			p := load(ps, row+j)
			store(p.MulAdd(g0, load(d, gv+j)), d, gv+j)
			store(p.MulAdd(g1, load(d, gv+j+plane)), d, gv+j+plane)
			z := g1.MulAdd(load(pv, j+plane), g0.Mul(load(pv, j))).Sub(dot).Mul(p).Mul(scale)
			a0, a1 = z.MulAdd(load(pk, j), a0), z.MulAdd(load(pk, j+plane), a1)
			store(z.MulAdd(q0, load(d, gk+j)), d, gk+j)
			store(z.MulAdd(q1, load(d, gk+j+plane)), d, gk+j+plane)
		}
		store(a0, d, i)
		store(a1, d, i+plane)
	}
	clearUpper()
}
