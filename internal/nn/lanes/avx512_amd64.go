//go:build goexperiment.simd && amd64

package lanes

import "simd/archsimd"

// avx512 is the path that holds one pixel of sixteen images in one vector. Loop-carried vectors get fifteen registers,
// which is why tiles have eight accumulators; each method ends by clearing the upper halves, without which scalar code
// after it runs at a third of its speed.
type avx512 struct{}

func available() []Kernels {
	ks := []Kernels{portable{}}
	if archsimd.X86.AVX2() && archsimd.X86.FMA() {
		ks = append(ks, avx2{})
	}
	if archsimd.X86.AVX512() {
		ks = append(ks, avx512{})
	}
	return ks
}

func (avx512) Path() string { return "avx512" }

type (
	f16   = archsimd.Float32x16
	quad  = [4 * Lanes]float32 // four neighboring pixels of a row
	quadp = *quad
)

func load(p *vec) f16 { return archsimd.LoadFloat32x16(p) }

func loadAt(s []float32, i int) f16 { return archsimd.LoadFloat32x16((*vec)(s[i:])) }

// spread fills a vector with p[0]. Loading four and broadcasting is faster than a scalar's way through a register.
func spread(p *[4]float32) f16 { return archsimd.LoadFloat32x4(p).Broadcast1To16() }

func fill(v float32) f16 { return archsimd.BroadcastFloat32x16(v) }

// quads is the number of groups of four pixels in a row.
func quads(s Shape) int { return s.Side / 4 }

func (avx512) Conv(dst, src, packed []float32, out Shape, cin, k int, add bool) {
	in := Shape{out.Blocks, cin, out.Side}
	plane, row := out.Plane(), out.Row()
	for n := range out.Blocks {
		for y := range out.Side {
			for q := range quads(out) {
				from := in.At(n, 0, y, 4*q)
				if k == 3 {
					from -= row + Lanes
				}
				for co := 0; co < out.Channels; co += 2 {
					to := out.At(n, co, y, 4*q)
					a, b := quadp(dst[to:]), quadp(dst[to+plane:])
					w := packed[co*cin*k*k:]
					if k == 3 {
						tile3(a, b, src[from:], w, cin, plane, row, add)
					} else {
						tile1(a, b, src[from:], w, cin, plane, add)
					}
				}
			}
		}
	}
	archsimd.ClearAVXUpperBits()
}

// tile3 computes four pixels of two channels of a 3x3 convolution; src begins at the upper left tap.
func tile3(d0, d1 quadp, src, w []float32, cin, plane, row int, add bool) {
	var a0, a1, a2, a3, b0, b1, b2, b3 f16
	if add {
		a0, a1, a2, a3 = load((*vec)(d0[0:])), load((*vec)(d0[16:])), load((*vec)(d0[32:])), load((*vec)(d0[48:]))
		b0, b1, b2, b3 = load((*vec)(d1[0:])), load((*vec)(d1[16:])), load((*vec)(d1[32:])), load((*vec)(d1[48:]))
	}
	for range cin {
		at := 0
		for range 3 {
			s := (*[6 * Lanes]float32)(src[at:])
			t := (*[6 + packSlack]float32)(w)
			w = w[6:]
			at += row

			p0, p1, p2, p3 := load((*vec)(s[0:])), load((*vec)(s[16:])), load((*vec)(s[32:])), load((*vec)(s[48:]))
			x := spread((*[4]float32)(t[0:]))
			a0, a1, a2, a3 = p0.MulAdd(x, a0), p1.MulAdd(x, a1), p2.MulAdd(x, a2), p3.MulAdd(x, a3)
			x = spread((*[4]float32)(t[1:]))
			b0, b1, b2, b3 = p0.MulAdd(x, b0), p1.MulAdd(x, b1), p2.MulAdd(x, b2), p3.MulAdd(x, b3)

			p0, p1, p2, p3 = load((*vec)(s[16:])), load((*vec)(s[32:])), load((*vec)(s[48:])), load((*vec)(s[64:]))
			x = spread((*[4]float32)(t[2:]))
			a0, a1, a2, a3 = p0.MulAdd(x, a0), p1.MulAdd(x, a1), p2.MulAdd(x, a2), p3.MulAdd(x, a3)
			x = spread((*[4]float32)(t[3:]))
			b0, b1, b2, b3 = p0.MulAdd(x, b0), p1.MulAdd(x, b1), p2.MulAdd(x, b2), p3.MulAdd(x, b3)

			p0, p1, p2, p3 = load((*vec)(s[32:])), load((*vec)(s[48:])), load((*vec)(s[64:])), load((*vec)(s[80:]))
			x = spread((*[4]float32)(t[4:]))
			a0, a1, a2, a3 = p0.MulAdd(x, a0), p1.MulAdd(x, a1), p2.MulAdd(x, a2), p3.MulAdd(x, a3)
			x = spread((*[4]float32)(t[5:]))
			b0, b1, b2, b3 = p0.MulAdd(x, b0), p1.MulAdd(x, b1), p2.MulAdd(x, b2), p3.MulAdd(x, b3)
		}
		src = src[min(plane, len(src)):]
	}
	a0.Store((*vec)(d0[0:]))
	a1.Store((*vec)(d0[16:]))
	a2.Store((*vec)(d0[32:]))
	a3.Store((*vec)(d0[48:]))
	b0.Store((*vec)(d1[0:]))
	b1.Store((*vec)(d1[16:]))
	b2.Store((*vec)(d1[32:]))
	b3.Store((*vec)(d1[48:]))
}

// tile1 is tile3 for a 1x1 convolution.
func tile1(d0, d1 quadp, src, w []float32, cin, plane int, add bool) {
	var a0, a1, a2, a3, b0, b1, b2, b3 f16
	if add {
		a0, a1, a2, a3 = load((*vec)(d0[0:])), load((*vec)(d0[16:])), load((*vec)(d0[32:])), load((*vec)(d0[48:]))
		b0, b1, b2, b3 = load((*vec)(d1[0:])), load((*vec)(d1[16:])), load((*vec)(d1[32:])), load((*vec)(d1[48:]))
	}
	for range cin {
		s := quadp(src)
		t := (*[2 + packSlack]float32)(w)
		w = w[2:]
		p0, p1, p2, p3 := load((*vec)(s[0:])), load((*vec)(s[16:])), load((*vec)(s[32:])), load((*vec)(s[48:]))
		x := spread((*[4]float32)(t[0:]))
		a0, a1, a2, a3 = p0.MulAdd(x, a0), p1.MulAdd(x, a1), p2.MulAdd(x, a2), p3.MulAdd(x, a3)
		x = spread((*[4]float32)(t[1:]))
		b0, b1, b2, b3 = p0.MulAdd(x, b0), p1.MulAdd(x, b1), p2.MulAdd(x, b2), p3.MulAdd(x, b3)
		src = src[min(plane, len(src)):]
	}
	a0.Store((*vec)(d0[0:]))
	a1.Store((*vec)(d0[16:]))
	a2.Store((*vec)(d0[32:]))
	a3.Store((*vec)(d0[48:]))
	b0.Store((*vec)(d1[0:]))
	b1.Store((*vec)(d1[16:]))
	b2.Store((*vec)(d1[32:]))
	b3.Store((*vec)(d1[48:]))
}

func (avx512) ConvGrad(dw, dy, src, scratch []float32, out Shape, cin, k int) {
	in := Shape{out.Blocks, cin, out.Side}
	cout, kk := out.Channels, k*k
	scratch = scratch[:ConvScratch(cout, cin, k)]
	clear(scratch)
	// Accumulators are [cout/4][cin/2][tap][4][2][Lanes], so a tile's eight lie together. Large maps go block by block
	// to stay in the first cache; small ones take all blocks in one call. The sums are the same.
	tile, group := tileGrad, 1
	if out.Side == 4 {
		tile, group = tileGrad4, out.Blocks
	}
	for n := 0; n < out.Blocks; n += group {
		acc := scratch
		for co := 0; co < cout; co += 4 {
			g := dy[out.At(n, co, 0, 0):]
			for ci := 0; ci < cin; ci += 2 {
				for tap := range kk {
					s := src[in.At(n, ci, tap/k-k/2, tap%k-k/2):]
					tile((*[8 * Lanes]float32)(acc), g, s, out, cin, min(group, out.Blocks-n))
					acc = acc[8*Lanes:]
				}
			}
		}
	}
	// Fold sixteen lanes to four in place, then add the four in plain Go after the vector code.
	for i := 0; i < len(scratch); i += Lanes {
		v := loadAt(scratch, i)
		h := v.GetLo().Add(v.GetHi())
		h.GetLo().Add(h.GetHi()).Store((*[4]float32)(scratch[i:]))
	}
	archsimd.ClearAVXUpperBits()
	i := 0
	for co := 0; co < cout; co += 4 {
		for ci := 0; ci < cin; ci += 2 {
			for tap := range kk {
				for a := range 4 {
					for b := range 2 {
						u := (*[4]float32)(scratch[i:])
						dw[((co+a)*cin+ci+b)*kk+tap] = (u[0] + u[2]) + (u[1] + u[3])
						i += Lanes
					}
				}
			}
		}
	}
}

// tileGrad adds the products of four channels of dy with two of src over all pixels of some blocks.
func tileGrad(acc *[8 * Lanes]float32, dy, src []float32, out Shape, cin, blocks int) {
	plane, row := out.Plane(), out.Row()
	a0, a1 := load((*vec)(acc[0:])), load((*vec)(acc[16:]))
	b0, b1 := load((*vec)(acc[32:])), load((*vec)(acc[48:]))
	c0, c1 := load((*vec)(acc[64:])), load((*vec)(acc[80:]))
	d0, d1 := load((*vec)(acc[96:])), load((*vec)(acc[112:]))
	for n := range blocks {
		g, s := n*out.Channels*plane, n*cin*plane
		for range out.Side {
			for x := 0; x < out.Side*Lanes; x += 4 * Lanes {
				p, q := quadp(src[s+x:]), quadp(src[s+x+plane:])
				ga, gb := quadp(dy[g+x:]), quadp(dy[g+x+plane:])
				gc, gd := quadp(dy[g+x+2*plane:]), quadp(dy[g+x+3*plane:])
				{
					u, v := load((*vec)(p[0:])), load((*vec)(q[0:]))
					z := load((*vec)(ga[0:]))
					a0, a1 = z.MulAdd(u, a0), z.MulAdd(v, a1)
					z = load((*vec)(gb[0:]))
					b0, b1 = z.MulAdd(u, b0), z.MulAdd(v, b1)
					z = load((*vec)(gc[0:]))
					c0, c1 = z.MulAdd(u, c0), z.MulAdd(v, c1)
					z = load((*vec)(gd[0:]))
					d0, d1 = z.MulAdd(u, d0), z.MulAdd(v, d1)
				}
				{
					u, v := load((*vec)(p[16:])), load((*vec)(q[16:]))
					z := load((*vec)(ga[16:]))
					a0, a1 = z.MulAdd(u, a0), z.MulAdd(v, a1)
					z = load((*vec)(gb[16:]))
					b0, b1 = z.MulAdd(u, b0), z.MulAdd(v, b1)
					z = load((*vec)(gc[16:]))
					c0, c1 = z.MulAdd(u, c0), z.MulAdd(v, c1)
					z = load((*vec)(gd[16:]))
					d0, d1 = z.MulAdd(u, d0), z.MulAdd(v, d1)
				}
				{
					u, v := load((*vec)(p[32:])), load((*vec)(q[32:]))
					z := load((*vec)(ga[32:]))
					a0, a1 = z.MulAdd(u, a0), z.MulAdd(v, a1)
					z = load((*vec)(gb[32:]))
					b0, b1 = z.MulAdd(u, b0), z.MulAdd(v, b1)
					z = load((*vec)(gc[32:]))
					c0, c1 = z.MulAdd(u, c0), z.MulAdd(v, c1)
					z = load((*vec)(gd[32:]))
					d0, d1 = z.MulAdd(u, d0), z.MulAdd(v, d1)
				}
				{
					u, v := load((*vec)(p[48:])), load((*vec)(q[48:]))
					z := load((*vec)(ga[48:]))
					a0, a1 = z.MulAdd(u, a0), z.MulAdd(v, a1)
					z = load((*vec)(gb[48:]))
					b0, b1 = z.MulAdd(u, b0), z.MulAdd(v, b1)
					z = load((*vec)(gc[48:]))
					c0, c1 = z.MulAdd(u, c0), z.MulAdd(v, c1)
					z = load((*vec)(gd[48:]))
					d0, d1 = z.MulAdd(u, d0), z.MulAdd(v, d1)
				}
			}
			g += row
			s += row
		}
	}
	a0.Store((*vec)(acc[0:]))
	a1.Store((*vec)(acc[16:]))
	b0.Store((*vec)(acc[32:]))
	b1.Store((*vec)(acc[48:]))
	c0.Store((*vec)(acc[64:]))
	c1.Store((*vec)(acc[80:]))
	d0.Store((*vec)(acc[96:]))
	d1.Store((*vec)(acc[112:]))
}

// tileGrad4 is tileGrad for maps of four rows of four pixels. Arrays of known size need no bounds checks in the loop,
// which is worth half of its speed again here, and nothing on larger maps.
func tileGrad4(acc *[8 * Lanes]float32, dy, src []float32, out Shape, cin, blocks int) {
	const row = 6 * Lanes
	type rows = [3*row + 4*Lanes]float32 // from the first pixel to the last
	plane := out.Plane()
	a0, a1 := load((*vec)(acc[0:])), load((*vec)(acc[16:]))
	b0, b1 := load((*vec)(acc[32:])), load((*vec)(acc[48:]))
	c0, c1 := load((*vec)(acc[64:])), load((*vec)(acc[80:]))
	d0, d1 := load((*vec)(acc[96:])), load((*vec)(acc[112:]))
	for n := range blocks {
		g, s := dy[n*out.Channels*plane:], src[n*cin*plane:]
		sp, sq := (*rows)(s), (*rows)(s[plane:])
		da, db, dc, dd := (*rows)(g), (*rows)(g[plane:]), (*rows)(g[2*plane:]), (*rows)(g[3*plane:])
		for i := 0; i <= 3*row; i += row {
			p, q := quadp(sp[i:i+4*Lanes]), quadp(sq[i:i+4*Lanes])
			ga, gb := quadp(da[i:i+4*Lanes]), quadp(db[i:i+4*Lanes])
			gc, gd := quadp(dc[i:i+4*Lanes]), quadp(dd[i:i+4*Lanes])
			{
				u, v := load((*vec)(p[0:])), load((*vec)(q[0:]))
				z := load((*vec)(ga[0:]))
				a0, a1 = z.MulAdd(u, a0), z.MulAdd(v, a1)
				z = load((*vec)(gb[0:]))
				b0, b1 = z.MulAdd(u, b0), z.MulAdd(v, b1)
				z = load((*vec)(gc[0:]))
				c0, c1 = z.MulAdd(u, c0), z.MulAdd(v, c1)
				z = load((*vec)(gd[0:]))
				d0, d1 = z.MulAdd(u, d0), z.MulAdd(v, d1)
			}
			{
				u, v := load((*vec)(p[16:])), load((*vec)(q[16:]))
				z := load((*vec)(ga[16:]))
				a0, a1 = z.MulAdd(u, a0), z.MulAdd(v, a1)
				z = load((*vec)(gb[16:]))
				b0, b1 = z.MulAdd(u, b0), z.MulAdd(v, b1)
				z = load((*vec)(gc[16:]))
				c0, c1 = z.MulAdd(u, c0), z.MulAdd(v, c1)
				z = load((*vec)(gd[16:]))
				d0, d1 = z.MulAdd(u, d0), z.MulAdd(v, d1)
			}
			{
				u, v := load((*vec)(p[32:])), load((*vec)(q[32:]))
				z := load((*vec)(ga[32:]))
				a0, a1 = z.MulAdd(u, a0), z.MulAdd(v, a1)
				z = load((*vec)(gb[32:]))
				b0, b1 = z.MulAdd(u, b0), z.MulAdd(v, b1)
				z = load((*vec)(gc[32:]))
				c0, c1 = z.MulAdd(u, c0), z.MulAdd(v, c1)
				z = load((*vec)(gd[32:]))
				d0, d1 = z.MulAdd(u, d0), z.MulAdd(v, d1)
			}
			{
				u, v := load((*vec)(p[48:])), load((*vec)(q[48:]))
				z := load((*vec)(ga[48:]))
				a0, a1 = z.MulAdd(u, a0), z.MulAdd(v, a1)
				z = load((*vec)(gb[48:]))
				b0, b1 = z.MulAdd(u, b0), z.MulAdd(v, b1)
				z = load((*vec)(gc[48:]))
				c0, c1 = z.MulAdd(u, c0), z.MulAdd(v, c1)
				z = load((*vec)(gd[48:]))
				d0, d1 = z.MulAdd(u, d0), z.MulAdd(v, d1)
			}
		}
	}
	a0.Store((*vec)(acc[0:]))
	a1.Store((*vec)(acc[16:]))
	b0.Store((*vec)(acc[32:]))
	b1.Store((*vec)(acc[48:]))
	c0.Store((*vec)(acc[64:]))
	c1.Store((*vec)(acc[80:]))
	d0.Store((*vec)(acc[96:]))
	d1.Store((*vec)(acc[112:]))
}

// foldQuad adds four partial sums and folds the lanes, as the portable sum4 does.
func foldQuad(a, b, c, d f16) float32 {
	v := a.Add(b).Add(c.Add(d))
	h := v.GetLo().Add(v.GetHi())
	var u [4]float32
	h.GetLo().Add(h.GetHi()).Store(&u)
	archsimd.ClearAVXUpperBits()
	return (u[0] + u[2]) + (u[1] + u[3])
}

func (avx512) Moments(mean, variance, src []float32, s Shape) {
	count := float32(s.Pixels())
	for c := range s.Channels {
		m := channelSum(src, c, s) / count
		mean[c] = m
		variance[c] = channelSquares(src, c, m, s) / count
	}
}

func channelSum(src []float32, c int, s Shape) float32 {
	var a0, a1, a2, a3 f16
	row := s.Row()
	for n := range s.Blocks {
		i := s.At(n, c, 0, 0)
		for range s.Side {
			for x := i; x < i+s.Side*Lanes; x += 4 * Lanes {
				p := quadp(src[x:])
				a0, a1 = a0.Add(load((*vec)(p[0:]))), a1.Add(load((*vec)(p[16:])))
				a2, a3 = a2.Add(load((*vec)(p[32:]))), a3.Add(load((*vec)(p[48:])))
			}
			i += row
		}
	}
	return foldQuad(a0, a1, a2, a3)
}

func channelSquares(src []float32, c int, mean float32, s Shape) float32 {
	var a0, a1, a2, a3 f16
	m := fill(mean)
	row := s.Row()
	for n := range s.Blocks {
		i := s.At(n, c, 0, 0)
		for range s.Side {
			for x := i; x < i+s.Side*Lanes; x += 4 * Lanes {
				p := quadp(src[x:])
				z := load((*vec)(p[0:])).Sub(m)
				a0 = z.MulAdd(z, a0)
				z = load((*vec)(p[16:])).Sub(m)
				a1 = z.MulAdd(z, a1)
				z = load((*vec)(p[32:])).Sub(m)
				a2 = z.MulAdd(z, a2)
				z = load((*vec)(p[48:])).Sub(m)
				a3 = z.MulAdd(z, a3)
			}
			i += row
		}
	}
	return foldQuad(a0, a1, a2, a3)
}

func (avx512) GradMoments(sum, prod, dz, y, mean []float32, s Shape) {
	for c := range s.Channels {
		sum[c], prod[c] = channelGrads(dz, y, c, mean[c], s)
	}
}

func channelGrads(dz, y []float32, c int, mean float32, s Shape) (sum, prod float32) {
	var a0, a1, a2, a3, b0, b1, b2, b3 f16
	m := fill(mean)
	row := s.Row()
	for n := range s.Blocks {
		i := s.At(n, c, 0, 0)
		for range s.Side {
			for x := i; x < i+s.Side*Lanes; x += 4 * Lanes {
				p, q := quadp(dz[x:]), quadp(y[x:])
				g := load((*vec)(p[0:]))
				a0, b0 = a0.Add(g), load((*vec)(q[0:])).Sub(m).MulAdd(g, b0)
				g = load((*vec)(p[16:]))
				a1, b1 = a1.Add(g), load((*vec)(q[16:])).Sub(m).MulAdd(g, b1)
				g = load((*vec)(p[32:]))
				a2, b2 = a2.Add(g), load((*vec)(q[32:])).Sub(m).MulAdd(g, b2)
				g = load((*vec)(p[48:]))
				a3, b3 = a3.Add(g), load((*vec)(q[48:])).Sub(m).MulAdd(g, b3)
			}
			i += row
		}
	}
	return foldQuad(a0, a1, a2, a3), foldQuad(b0, b1, b2, b3)
}

func (avx512) Affine(dst, src, a, b []float32, s Shape, add bool) {
	row := s.Row()
	for n := range s.Blocks {
		for c := range s.Channels {
			f, t := fill(a[c]), fill(b[c])
			i := s.At(n, c, 0, 0)
			for range s.Side {
				for x := i; x < i+s.Side*Lanes; x += Lanes {
					z := loadAt(src, x).MulAdd(f, t)
					if add {
						z = z.Add(loadAt(dst, x))
					}
					z.Store((*vec)(dst[x:]))
				}
				i += row
			}
		}
	}
	archsimd.ClearAVXUpperBits()
}

func (avx512) AffineGrad(dst, dz, y, p, q, r []float32, s Shape) {
	row := s.Row()
	for n := range s.Blocks {
		for c := range s.Channels {
			f, g, t := fill(p[c]), fill(q[c]), fill(r[c])
			i := s.At(n, c, 0, 0)
			for range s.Side {
				for x := i; x < i+s.Side*Lanes; x += Lanes {
					z := loadAt(y, x).MulAdd(g, t)
					loadAt(dz, x).MulAdd(f, z).Store((*vec)(dst[x:]))
				}
				i += row
			}
		}
	}
	archsimd.ClearAVXUpperBits()
}

func (avx512) ReLU(dst, src []float32, s Shape) {
	row := s.Row()
	var zero f16
	for n := range s.Blocks {
		for c := range s.Channels {
			i := s.At(n, c, 0, 0)
			for range s.Side {
				for x := i; x < i+s.Side*Lanes; x += Lanes {
					loadAt(src, x).Max(zero).Store((*vec)(dst[x:]))
				}
				i += row
			}
		}
	}
	archsimd.ClearAVXUpperBits()
}

func (avx512) ReLUGrad(dst, dy, r []float32, s Shape, add bool) {
	row := s.Row()
	var zero f16
	for n := range s.Blocks {
		for c := range s.Channels {
			i := s.At(n, c, 0, 0)
			for range s.Side {
				for x := i; x < i+s.Side*Lanes; x += Lanes {
					z := loadAt(dy, x).Masked(loadAt(r, x).Greater(zero))
					if add {
						z = z.Add(loadAt(dst, x))
					}
					z.Store((*vec)(dst[x:]))
				}
				i += row
			}
		}
	}
	archsimd.ClearAVXUpperBits()
}

func (avx512) Copy(dst, src []float32, s Shape, add bool) {
	row := s.Row()
	for n := range s.Blocks {
		for c := range s.Channels {
			i := s.At(n, c, 0, 0)
			for range s.Side {
				for x := i; x < i+s.Side*Lanes; x += Lanes {
					z := loadAt(src, x)
					if add {
						z = z.Add(loadAt(dst, x))
					}
					z.Store((*vec)(dst[x:]))
				}
				i += row
			}
		}
	}
	archsimd.ClearAVXUpperBits()
}

// poolSide is the largest side that pooling has room for.
const poolSide = 8

func (avx512) Pool3(dst, src []float32, s Shape, add bool) {
	third, half := fill(1.0/3), fill(1.0/2)
	row := s.Row()
	var sums [(poolSide + 2) * poolSide * Lanes]float32 // horizontal sums with a zero row above and below
	wide := s.Side * Lanes
	clear(sums[(s.Side+1)*wide : (s.Side+2)*wide])
	for n := range s.Blocks {
		for c := range s.Channels {
			i := s.At(n, c, 0, 0)
			for y := range s.Side {
				h := sums[(y+1)*wide:]
				for x := 0; x < wide; x += Lanes {
					z := loadAt(src, i+x-Lanes).Add(loadAt(src, i+x)).Add(loadAt(src, i+x+Lanes))
					w := third
					if x == 0 || x == wide-Lanes {
						w = half
					}
					z.Mul(w).Store((*vec)(h[x:]))
				}
				i += row
			}
			i = s.At(n, c, 0, 0)
			for y := range s.Side {
				h := sums[y*wide:]
				w := third
				if y == 0 || y == s.Side-1 {
					w = half
				}
				for x := 0; x < wide; x += Lanes {
					z := loadAt(h, x).Add(loadAt(h, x+wide)).Add(loadAt(h, x+2*wide)).Mul(w)
					if add {
						z = z.Add(loadAt(dst, i+x))
					}
					z.Store((*vec)(dst[i+x:]))
				}
				i += row
			}
		}
	}
	archsimd.ClearAVXUpperBits()
}

func (avx512) Pool3Grad(dst, dy []float32, s Shape, add bool) {
	third, half := fill(1.0/3), fill(1.0/2)
	row := s.Row()
	var sums [(poolSide + 2) * poolSide * Lanes]float32
	wide := s.Side * Lanes
	clear(sums[(s.Side+1)*wide : (s.Side+2)*wide])
	for n := range s.Blocks {
		for c := range s.Channels {
			i := s.At(n, c, 0, 0)
			for y := range s.Side {
				h := sums[(y+1)*wide:]
				v := third
				if y == 0 || y == s.Side-1 {
					v = half
				}
				for x := 0; x < wide; x += Lanes {
					// The padding of dy is zero, so the weights of pixels outside don't matter.
					l, m, r := third, third, third
					switch x {
					case 0:
						m = half
					case Lanes:
						l = half
					}
					switch x {
					case wide - Lanes:
						m = half
					case wide - 2*Lanes:
						r = half
					}
					z := loadAt(dy, i+x-Lanes).Mul(l)
					z = loadAt(dy, i+x).MulAdd(m, z)
					z = loadAt(dy, i+x+Lanes).MulAdd(r, z)
					z.Mul(v).Store((*vec)(h[x:]))
				}
				i += row
			}
			i = s.At(n, c, 0, 0)
			for y := range s.Side {
				h := sums[y*wide:]
				for x := 0; x < wide; x += Lanes {
					z := loadAt(h, x).Add(loadAt(h, x+wide)).Add(loadAt(h, x+2*wide))
					if add {
						z = z.Add(loadAt(dst, i+x))
					}
					z.Store((*vec)(dst[i+x:]))
				}
				i += row
			}
		}
	}
	archsimd.ClearAVXUpperBits()
}

func (avx512) Halve(dst, src []float32, in Shape) {
	out := Shape{in.Blocks, in.Channels, in.Side / 2}
	quarter := fill(0.25)
	row := in.Row()
	for n := range out.Blocks {
		for c := range out.Channels {
			for y := range out.Side {
				i, o := in.At(n, c, 2*y, 0), out.At(n, c, y, 0)
				for range out.Side {
					a := loadAt(src, i).Add(loadAt(src, i+Lanes))
					b := loadAt(src, i+row).Add(loadAt(src, i+row+Lanes))
					a.Add(b).Mul(quarter).Store((*vec)(dst[o:]))
					i += 2 * Lanes
					o += Lanes
				}
			}
		}
	}
	archsimd.ClearAVXUpperBits()
}

func (avx512) HalveGrad(dst, dy []float32, in Shape) {
	out := Shape{in.Blocks, in.Channels, in.Side / 2}
	quarter := fill(0.25)
	row := in.Row()
	for n := range out.Blocks {
		for c := range out.Channels {
			for y := range out.Side {
				i, o := in.At(n, c, 2*y, 0), out.At(n, c, y, 0)
				for range out.Side {
					z := loadAt(dy, o).Mul(quarter)
					z.Store((*vec)(dst[i:]))
					z.Store((*vec)(dst[i+Lanes:]))
					z.Store((*vec)(dst[i+row:]))
					z.Store((*vec)(dst[i+row+Lanes:]))
					i += 2 * Lanes
					o += Lanes
				}
			}
		}
	}
	archsimd.ClearAVXUpperBits()
}

func (avx512) Mean(dst, src []float32, s Shape) {
	scale := fill(1 / float32(s.Side*s.Side))
	row := s.Row()
	for n := range s.Blocks {
		for c := range s.Channels {
			var a f16
			i := s.At(n, c, 0, 0)
			for range s.Side {
				for x := i; x < i+s.Side*Lanes; x += Lanes {
					a = a.Add(loadAt(src, x))
				}
				i += row
			}
			a.Mul(scale).Store((*vec)(dst[(n*s.Channels+c)*Lanes:]))
		}
	}
	archsimd.ClearAVXUpperBits()
}

func (avx512) MeanGrad(dst, dy []float32, s Shape) {
	scale := fill(1 / float32(s.Side*s.Side))
	row := s.Row()
	for n := range s.Blocks {
		for c := range s.Channels {
			z := loadAt(dy, (n*s.Channels+c)*Lanes).Mul(scale)
			i := s.At(n, c, 0, 0)
			for range s.Side {
				for x := i; x < i+s.Side*Lanes; x += Lanes {
					z.Store((*vec)(dst[x:]))
				}
				i += row
			}
		}
	}
	archsimd.ClearAVXUpperBits()
}

func (avx512) Step(w, v, g []float32, rate, momentum, decay float32) {
	r, m, d := fill(-rate), fill(momentum), fill(decay)
	i := 0
	for ; i+Lanes <= len(w); i += Lanes {
		x := loadAt(w, i)
		u := x.MulAdd(d, loadAt(g, i))
		z := loadAt(v, i).MulAdd(m, u)
		z.Store((*vec)(v[i:]))
		z.MulAdd(m, u).MulAdd(r, x).Store((*vec)(w[i:]))
	}
	archsimd.ClearAVXUpperBits()
	portable{}.Step(w[i:], v[i:], g[i:], rate, momentum, decay)
}
