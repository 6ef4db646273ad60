//go:build goexperiment.simd && amd64

package lanes

import "simd/archsimd"

// avx2 is the path that holds one pixel of eight images in one vector, so that each step of avx512 is two here. It does
// the same operations in the same order on every lane and folds the lanes in the same order, so its results have the
// same bits.
type avx2 struct{}

func (avx2) Path() string { return "avx2" }

// half is the number of lanes of a vector here.
const half = Lanes / 2

type (
	f8   = archsimd.Float32x8
	oct  = [half]float32
	octp = *[3*Lanes + half]float32 // half of the lanes of four neighboring pixels of a row
)

func load8(p *oct) f8 { return archsimd.LoadFloat32x8(p) }

func load8At(s []float32, i int) f8 { return archsimd.LoadFloat32x8((*oct)(s[i:])) }

func spread8(p *[4]float32) f8 { return archsimd.LoadFloat32x4(p).Broadcast1To8() }

func fill8(v float32) f8 { return archsimd.BroadcastFloat32x8(v) }

func (avx2) Conv(dst, src, packed []float32, out Shape, cin, k int, add bool) {
	in := Shape{out.Blocks, cin, out.Side}
	plane, row := out.Plane(), out.Row()
	for n := range out.Blocks {
		for y := range out.Side {
			for q := range 2 * quads(out) {
				from, to := in.At(n, 0, y, q/2*4)+q%2*half, out.At(n, 0, y, q/2*4)+q%2*half
				if k == 3 {
					from -= row + Lanes
				}
				for co := 0; co < out.Channels; co += 2 {
					a, b := octp(dst[to:]), octp(dst[to+plane:])
					w := packed[co*cin*k*k:]
					if k == 3 {
						tile3Half(a, b, src[from:], w, cin, plane, row, add)
					} else {
						tile1Half(a, b, src[from:], w, cin, plane, add)
					}
					to += 2 * plane
				}
			}
		}
	}
	archsimd.ClearAVXUpperBits()
}

// tile3Half computes four pixels of two channels of a 3x3 convolution; src begins at the upper left tap.
func tile3Half(d0, d1 octp, src, w []float32, cin, plane, row int, add bool) {
	var a0, a1, a2, a3, b0, b1, b2, b3 f8
	if add {
		a0, a1, a2, a3 = load8((*oct)(d0[0:])), load8((*oct)(d0[16:])), load8((*oct)(d0[32:])), load8((*oct)(d0[48:]))
		b0, b1, b2, b3 = load8((*oct)(d1[0:])), load8((*oct)(d1[16:])), load8((*oct)(d1[32:])), load8((*oct)(d1[48:]))
	}
	for range cin {
		at := 0
		for range 3 {
			s := (*[5*Lanes + half]float32)(src[at:])
			t := (*[6 + packSlack]float32)(w)
			w = w[6:]
			at += row

			p0, p1, p2, p3 := load8((*oct)(s[0:])), load8((*oct)(s[16:])), load8((*oct)(s[32:])), load8((*oct)(s[48:]))
			x := spread8((*[4]float32)(t[0:]))
			a0, a1, a2, a3 = p0.MulAdd(x, a0), p1.MulAdd(x, a1), p2.MulAdd(x, a2), p3.MulAdd(x, a3)
			x = spread8((*[4]float32)(t[1:]))
			b0, b1, b2, b3 = p0.MulAdd(x, b0), p1.MulAdd(x, b1), p2.MulAdd(x, b2), p3.MulAdd(x, b3)

			p0, p1, p2, p3 = load8((*oct)(s[16:])), load8((*oct)(s[32:])), load8((*oct)(s[48:])), load8((*oct)(s[64:]))
			x = spread8((*[4]float32)(t[2:]))
			a0, a1, a2, a3 = p0.MulAdd(x, a0), p1.MulAdd(x, a1), p2.MulAdd(x, a2), p3.MulAdd(x, a3)
			x = spread8((*[4]float32)(t[3:]))
			b0, b1, b2, b3 = p0.MulAdd(x, b0), p1.MulAdd(x, b1), p2.MulAdd(x, b2), p3.MulAdd(x, b3)

			p0, p1, p2, p3 = load8((*oct)(s[32:])), load8((*oct)(s[48:])), load8((*oct)(s[64:])), load8((*oct)(s[80:]))
			x = spread8((*[4]float32)(t[4:]))
			a0, a1, a2, a3 = p0.MulAdd(x, a0), p1.MulAdd(x, a1), p2.MulAdd(x, a2), p3.MulAdd(x, a3)
			x = spread8((*[4]float32)(t[5:]))
			b0, b1, b2, b3 = p0.MulAdd(x, b0), p1.MulAdd(x, b1), p2.MulAdd(x, b2), p3.MulAdd(x, b3)
		}
		src = src[min(plane, len(src)):]
	}
	a0.Store((*oct)(d0[0:]))
	a1.Store((*oct)(d0[16:]))
	a2.Store((*oct)(d0[32:]))
	a3.Store((*oct)(d0[48:]))
	b0.Store((*oct)(d1[0:]))
	b1.Store((*oct)(d1[16:]))
	b2.Store((*oct)(d1[32:]))
	b3.Store((*oct)(d1[48:]))
}

// tile1Half is tile3Half for a 1x1 convolution.
func tile1Half(d0, d1 octp, src, w []float32, cin, plane int, add bool) {
	var a0, a1, a2, a3, b0, b1, b2, b3 f8
	if add {
		a0, a1, a2, a3 = load8((*oct)(d0[0:])), load8((*oct)(d0[16:])), load8((*oct)(d0[32:])), load8((*oct)(d0[48:]))
		b0, b1, b2, b3 = load8((*oct)(d1[0:])), load8((*oct)(d1[16:])), load8((*oct)(d1[32:])), load8((*oct)(d1[48:]))
	}
	for range cin {
		s := octp(src)
		t := (*[2 + packSlack]float32)(w)
		w = w[2:]
		p0, p1, p2, p3 := load8((*oct)(s[0:])), load8((*oct)(s[16:])), load8((*oct)(s[32:])), load8((*oct)(s[48:]))
		x := spread8((*[4]float32)(t[0:]))
		a0, a1, a2, a3 = p0.MulAdd(x, a0), p1.MulAdd(x, a1), p2.MulAdd(x, a2), p3.MulAdd(x, a3)
		x = spread8((*[4]float32)(t[1:]))
		b0, b1, b2, b3 = p0.MulAdd(x, b0), p1.MulAdd(x, b1), p2.MulAdd(x, b2), p3.MulAdd(x, b3)
		src = src[min(plane, len(src)):]
	}
	a0.Store((*oct)(d0[0:]))
	a1.Store((*oct)(d0[16:]))
	a2.Store((*oct)(d0[32:]))
	a3.Store((*oct)(d0[48:]))
	b0.Store((*oct)(d1[0:]))
	b1.Store((*oct)(d1[16:]))
	b2.Store((*oct)(d1[32:]))
	b3.Store((*oct)(d1[48:]))
}

func (avx2) ConvGrad(dw, dy, src, scratch []float32, out Shape, cin, k int) {
	in := Shape{out.Blocks, cin, out.Side}
	cout, kk := out.Channels, k*k
	scratch = scratch[:ConvScratch(cout, cin, k)]
	clear(scratch)
	// Accumulators are [cout/4][cin/2][tap][4][2][Lanes], so a tile's eight lie together. Large maps go block by block
	// to stay in the first cache; small ones take all blocks in one call. The sums are the same.
	tile, group := tileGradHalf, 1
	if out.Side == 4 {
		tile, group = tileGrad4Half, out.Blocks
	}
	for n := 0; n < out.Blocks; n += group {
		acc := scratch
		for co := 0; co < cout; co += 4 {
			g := dy[out.At(n, co, 0, 0):]
			for ci := 0; ci < cin; ci += 2 {
				for tap := range kk {
					s := src[in.At(n, ci, tap/k-k/2, tap%k-k/2):]
					for h := 0; h < Lanes; h += half {
						tile((*[7*Lanes + half]float32)(acc[h:]), g[h:], s[h:], out, cin, min(group, out.Blocks-n))
					}
					acc = acc[8*Lanes:]
				}
			}
		}
	}
	// Fold sixteen lanes to four in place, then add the four in plain Go after the vector code.
	for i := 0; i < len(scratch); i += Lanes {
		h := load8At(scratch, i).Add(load8At(scratch, i+half))
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

// tileGradHalf adds the products of four channels of dy with two of src over all pixels of some blocks.
func tileGradHalf(acc *[7*Lanes + half]float32, dy, src []float32, out Shape, cin, blocks int) {
	plane, row := out.Plane(), out.Row()
	a0, a1 := load8((*oct)(acc[0:])), load8((*oct)(acc[16:]))
	b0, b1 := load8((*oct)(acc[32:])), load8((*oct)(acc[48:]))
	c0, c1 := load8((*oct)(acc[64:])), load8((*oct)(acc[80:]))
	d0, d1 := load8((*oct)(acc[96:])), load8((*oct)(acc[112:]))
	for n := range blocks {
		g, s := n*out.Channels*plane, n*cin*plane
		for range out.Side {
			for x := 0; x < out.Side*Lanes; x += 4 * Lanes {
				p, q := octp(src[s+x:]), octp(src[s+x+plane:])
				ga, gb := octp(dy[g+x:]), octp(dy[g+x+plane:])
				gc, gd := octp(dy[g+x+2*plane:]), octp(dy[g+x+3*plane:])
				{
					u, v := load8((*oct)(p[0:])), load8((*oct)(q[0:]))
					z := load8((*oct)(ga[0:]))
					a0, a1 = z.MulAdd(u, a0), z.MulAdd(v, a1)
					z = load8((*oct)(gb[0:]))
					b0, b1 = z.MulAdd(u, b0), z.MulAdd(v, b1)
					z = load8((*oct)(gc[0:]))
					c0, c1 = z.MulAdd(u, c0), z.MulAdd(v, c1)
					z = load8((*oct)(gd[0:]))
					d0, d1 = z.MulAdd(u, d0), z.MulAdd(v, d1)
				}
				{
					u, v := load8((*oct)(p[16:])), load8((*oct)(q[16:]))
					z := load8((*oct)(ga[16:]))
					a0, a1 = z.MulAdd(u, a0), z.MulAdd(v, a1)
					z = load8((*oct)(gb[16:]))
					b0, b1 = z.MulAdd(u, b0), z.MulAdd(v, b1)
					z = load8((*oct)(gc[16:]))
					c0, c1 = z.MulAdd(u, c0), z.MulAdd(v, c1)
					z = load8((*oct)(gd[16:]))
					d0, d1 = z.MulAdd(u, d0), z.MulAdd(v, d1)
				}
				{
					u, v := load8((*oct)(p[32:])), load8((*oct)(q[32:]))
					z := load8((*oct)(ga[32:]))
					a0, a1 = z.MulAdd(u, a0), z.MulAdd(v, a1)
					z = load8((*oct)(gb[32:]))
					b0, b1 = z.MulAdd(u, b0), z.MulAdd(v, b1)
					z = load8((*oct)(gc[32:]))
					c0, c1 = z.MulAdd(u, c0), z.MulAdd(v, c1)
					z = load8((*oct)(gd[32:]))
					d0, d1 = z.MulAdd(u, d0), z.MulAdd(v, d1)
				}
				{
					u, v := load8((*oct)(p[48:])), load8((*oct)(q[48:]))
					z := load8((*oct)(ga[48:]))
					a0, a1 = z.MulAdd(u, a0), z.MulAdd(v, a1)
					z = load8((*oct)(gb[48:]))
					b0, b1 = z.MulAdd(u, b0), z.MulAdd(v, b1)
					z = load8((*oct)(gc[48:]))
					c0, c1 = z.MulAdd(u, c0), z.MulAdd(v, c1)
					z = load8((*oct)(gd[48:]))
					d0, d1 = z.MulAdd(u, d0), z.MulAdd(v, d1)
				}
			}
			g += row
			s += row
		}
	}
	a0.Store((*oct)(acc[0:]))
	a1.Store((*oct)(acc[16:]))
	b0.Store((*oct)(acc[32:]))
	b1.Store((*oct)(acc[48:]))
	c0.Store((*oct)(acc[64:]))
	c1.Store((*oct)(acc[80:]))
	d0.Store((*oct)(acc[96:]))
	d1.Store((*oct)(acc[112:]))
}

// tileGrad4Half is tileGradHalf for maps of four rows of four pixels. Arrays of known size need no bounds checks in the loop,
// which is worth half of its speed again here, and nothing on larger maps.
func tileGrad4Half(acc *[7*Lanes + half]float32, dy, src []float32, out Shape, cin, blocks int) {
	const row = 6 * Lanes
	type rows = [3*row + 3*Lanes + half]float32 // from the first pixel to the last
	plane := out.Plane()
	a0, a1 := load8((*oct)(acc[0:])), load8((*oct)(acc[16:]))
	b0, b1 := load8((*oct)(acc[32:])), load8((*oct)(acc[48:]))
	c0, c1 := load8((*oct)(acc[64:])), load8((*oct)(acc[80:]))
	d0, d1 := load8((*oct)(acc[96:])), load8((*oct)(acc[112:]))
	for n := range blocks {
		g, s := dy[n*out.Channels*plane:], src[n*cin*plane:]
		sp, sq := (*rows)(s), (*rows)(s[plane:])
		da, db, dc, dd := (*rows)(g), (*rows)(g[plane:]), (*rows)(g[2*plane:]), (*rows)(g[3*plane:])
		for i := 0; i <= 3*row; i += row {
			p, q := octp(sp[i:i+3*Lanes+half]), octp(sq[i:i+3*Lanes+half])
			ga, gb := octp(da[i:i+3*Lanes+half]), octp(db[i:i+3*Lanes+half])
			gc, gd := octp(dc[i:i+3*Lanes+half]), octp(dd[i:i+3*Lanes+half])
			{
				u, v := load8((*oct)(p[0:])), load8((*oct)(q[0:]))
				z := load8((*oct)(ga[0:]))
				a0, a1 = z.MulAdd(u, a0), z.MulAdd(v, a1)
				z = load8((*oct)(gb[0:]))
				b0, b1 = z.MulAdd(u, b0), z.MulAdd(v, b1)
				z = load8((*oct)(gc[0:]))
				c0, c1 = z.MulAdd(u, c0), z.MulAdd(v, c1)
				z = load8((*oct)(gd[0:]))
				d0, d1 = z.MulAdd(u, d0), z.MulAdd(v, d1)
			}
			{
				u, v := load8((*oct)(p[16:])), load8((*oct)(q[16:]))
				z := load8((*oct)(ga[16:]))
				a0, a1 = z.MulAdd(u, a0), z.MulAdd(v, a1)
				z = load8((*oct)(gb[16:]))
				b0, b1 = z.MulAdd(u, b0), z.MulAdd(v, b1)
				z = load8((*oct)(gc[16:]))
				c0, c1 = z.MulAdd(u, c0), z.MulAdd(v, c1)
				z = load8((*oct)(gd[16:]))
				d0, d1 = z.MulAdd(u, d0), z.MulAdd(v, d1)
			}
			{
				u, v := load8((*oct)(p[32:])), load8((*oct)(q[32:]))
				z := load8((*oct)(ga[32:]))
				a0, a1 = z.MulAdd(u, a0), z.MulAdd(v, a1)
				z = load8((*oct)(gb[32:]))
				b0, b1 = z.MulAdd(u, b0), z.MulAdd(v, b1)
				z = load8((*oct)(gc[32:]))
				c0, c1 = z.MulAdd(u, c0), z.MulAdd(v, c1)
				z = load8((*oct)(gd[32:]))
				d0, d1 = z.MulAdd(u, d0), z.MulAdd(v, d1)
			}
			{
				u, v := load8((*oct)(p[48:])), load8((*oct)(q[48:]))
				z := load8((*oct)(ga[48:]))
				a0, a1 = z.MulAdd(u, a0), z.MulAdd(v, a1)
				z = load8((*oct)(gb[48:]))
				b0, b1 = z.MulAdd(u, b0), z.MulAdd(v, b1)
				z = load8((*oct)(gc[48:]))
				c0, c1 = z.MulAdd(u, c0), z.MulAdd(v, c1)
				z = load8((*oct)(gd[48:]))
				d0, d1 = z.MulAdd(u, d0), z.MulAdd(v, d1)
			}
		}
	}
	a0.Store((*oct)(acc[0:]))
	a1.Store((*oct)(acc[16:]))
	b0.Store((*oct)(acc[32:]))
	b1.Store((*oct)(acc[48:]))
	c0.Store((*oct)(acc[64:]))
	c1.Store((*oct)(acc[80:]))
	d0.Store((*oct)(acc[96:]))
	d1.Store((*oct)(acc[112:]))
}

// quadHalf adds four partial sums of eight lanes.
func quadHalf(a, b, c, d f8) f8 { return a.Add(b).Add(c.Add(d)) }

// foldHalves folds the sums of the lower and the upper lanes.
func foldHalves(lower, upper f8) float32 {
	h := lower.Add(upper)
	var u [4]float32
	h.GetLo().Add(h.GetHi()).Store(&u)
	archsimd.ClearAVXUpperBits()
	return (u[0] + u[2]) + (u[1] + u[3])
}

func (avx2) Moments(mean, variance, src []float32, s Shape) {
	count := float32(s.Pixels())
	for c := range s.Channels {
		m := foldHalves(sumHalf(src, c, s), sumHalf(src[half:], c, s)) / count
		mean[c] = m
		variance[c] = foldHalves(squaresHalf(src, c, m, s), squaresHalf(src[half:], c, m, s)) / count
	}
}

func sumHalf(src []float32, c int, s Shape) f8 {
	var a0, a1, a2, a3 f8
	row := s.Row()
	for n := range s.Blocks {
		i := s.At(n, c, 0, 0)
		for range s.Side {
			for x := i; x < i+s.Side*Lanes; x += 4 * Lanes {
				p := octp(src[x:])
				a0, a1 = a0.Add(load8((*oct)(p[0:]))), a1.Add(load8((*oct)(p[16:])))
				a2, a3 = a2.Add(load8((*oct)(p[32:]))), a3.Add(load8((*oct)(p[48:])))
			}
			i += row
		}
	}
	return quadHalf(a0, a1, a2, a3)
}

func squaresHalf(src []float32, c int, mean float32, s Shape) f8 {
	var a0, a1, a2, a3 f8
	m := fill8(mean)
	row := s.Row()
	for n := range s.Blocks {
		i := s.At(n, c, 0, 0)
		for range s.Side {
			for x := i; x < i+s.Side*Lanes; x += 4 * Lanes {
				p := octp(src[x:])
				z := load8((*oct)(p[0:])).Sub(m)
				a0 = z.MulAdd(z, a0)
				z = load8((*oct)(p[16:])).Sub(m)
				a1 = z.MulAdd(z, a1)
				z = load8((*oct)(p[32:])).Sub(m)
				a2 = z.MulAdd(z, a2)
				z = load8((*oct)(p[48:])).Sub(m)
				a3 = z.MulAdd(z, a3)
			}
			i += row
		}
	}
	return quadHalf(a0, a1, a2, a3)
}

func (avx2) GradMoments(sum, prod, dz, y, mean []float32, s Shape) {
	for c := range s.Channels {
		a, b := gradsHalf(dz, y, c, mean[c], s)
		d, e := gradsHalf(dz[half:], y[half:], c, mean[c], s)
		sum[c], prod[c] = foldHalves(a, d), foldHalves(b, e)
	}
}

func gradsHalf(dz, y []float32, c int, mean float32, s Shape) (sum, prod f8) {
	var a0, a1, a2, a3, b0, b1, b2, b3 f8
	m := fill8(mean)
	row := s.Row()
	for n := range s.Blocks {
		i := s.At(n, c, 0, 0)
		for range s.Side {
			for x := i; x < i+s.Side*Lanes; x += 4 * Lanes {
				p, q := octp(dz[x:]), octp(y[x:])
				g := load8((*oct)(p[0:]))
				a0, b0 = a0.Add(g), load8((*oct)(q[0:])).Sub(m).MulAdd(g, b0)
				g = load8((*oct)(p[16:]))
				a1, b1 = a1.Add(g), load8((*oct)(q[16:])).Sub(m).MulAdd(g, b1)
				g = load8((*oct)(p[32:]))
				a2, b2 = a2.Add(g), load8((*oct)(q[32:])).Sub(m).MulAdd(g, b2)
				g = load8((*oct)(p[48:]))
				a3, b3 = a3.Add(g), load8((*oct)(q[48:])).Sub(m).MulAdd(g, b3)
			}
			i += row
		}
	}
	return quadHalf(a0, a1, a2, a3), quadHalf(b0, b1, b2, b3)
}

func (avx2) Affine(dst, src, a, b []float32, s Shape, add bool) {
	row := s.Row()
	for n := range s.Blocks {
		for c := range s.Channels {
			f, t := fill8(a[c]), fill8(b[c])
			i := s.At(n, c, 0, 0)
			for range s.Side {
				for x := i; x < i+s.Side*Lanes; x += half {
					z := load8At(src, x).MulAdd(f, t)
					if add {
						z = z.Add(load8At(dst, x))
					}
					z.Store((*oct)(dst[x:]))
				}
				i += row
			}
		}
	}
	archsimd.ClearAVXUpperBits()
}

func (avx2) AffineGrad(dst, dz, y, p, q, r []float32, s Shape) {
	row := s.Row()
	for n := range s.Blocks {
		for c := range s.Channels {
			f, g, t := fill8(p[c]), fill8(q[c]), fill8(r[c])
			i := s.At(n, c, 0, 0)
			for range s.Side {
				for x := i; x < i+s.Side*Lanes; x += half {
					z := load8At(y, x).MulAdd(g, t)
					load8At(dz, x).MulAdd(f, z).Store((*oct)(dst[x:]))
				}
				i += row
			}
		}
	}
	archsimd.ClearAVXUpperBits()
}

func (avx2) ReLU(dst, src []float32, s Shape) {
	row := s.Row()
	var zero f8
	for n := range s.Blocks {
		for c := range s.Channels {
			i := s.At(n, c, 0, 0)
			for range s.Side {
				for x := i; x < i+s.Side*Lanes; x += half {
					load8At(src, x).Max(zero).Store((*oct)(dst[x:]))
				}
				i += row
			}
		}
	}
	archsimd.ClearAVXUpperBits()
}

func (avx2) ReLUGrad(dst, dy, r []float32, s Shape, add bool) {
	row := s.Row()
	var zero f8
	for n := range s.Blocks {
		for c := range s.Channels {
			i := s.At(n, c, 0, 0)
			for range s.Side {
				for x := i; x < i+s.Side*Lanes; x += half {
					z := load8At(dy, x).Masked(load8At(r, x).Greater(zero))
					if add {
						z = z.Add(load8At(dst, x))
					}
					z.Store((*oct)(dst[x:]))
				}
				i += row
			}
		}
	}
	archsimd.ClearAVXUpperBits()
}

func (avx2) Copy(dst, src []float32, s Shape, add bool) {
	row := s.Row()
	for n := range s.Blocks {
		for c := range s.Channels {
			i := s.At(n, c, 0, 0)
			for range s.Side {
				for x := i; x < i+s.Side*Lanes; x += half {
					z := load8At(src, x)
					if add {
						z = z.Add(load8At(dst, x))
					}
					z.Store((*oct)(dst[x:]))
				}
				i += row
			}
		}
	}
	archsimd.ClearAVXUpperBits()
}

func (avx2) Pool3(dst, src []float32, s Shape, add bool) {
	third, second := fill8(1.0/3), fill8(1.0/2)
	row := s.Row()
	var sums [(poolSide + 2) * poolSide * Lanes]float32 // horizontal sums with a zero row above and below
	wide := s.Side * Lanes
	clear(sums[(s.Side+1)*wide : (s.Side+2)*wide])
	for n := range s.Blocks {
		for c := range s.Channels {
			i := s.At(n, c, 0, 0)
			for y := range s.Side {
				h := sums[(y+1)*wide:]
				for x := 0; x < wide; x += half {
					z := load8At(src, i+x-Lanes).Add(load8At(src, i+x)).Add(load8At(src, i+x+Lanes))
					w := third
					if x < Lanes || x >= wide-Lanes {
						w = second
					}
					z.Mul(w).Store((*oct)(h[x:]))
				}
				i += row
			}
			i = s.At(n, c, 0, 0)
			for y := range s.Side {
				h := sums[y*wide:]
				w := third
				if y == 0 || y == s.Side-1 {
					w = second
				}
				for x := 0; x < wide; x += half {
					z := load8At(h, x).Add(load8At(h, x+wide)).Add(load8At(h, x+2*wide)).Mul(w)
					if add {
						z = z.Add(load8At(dst, i+x))
					}
					z.Store((*oct)(dst[i+x:]))
				}
				i += row
			}
		}
	}
	archsimd.ClearAVXUpperBits()
}

func (avx2) Pool3Grad(dst, dy []float32, s Shape, add bool) {
	third, second := fill8(1.0/3), fill8(1.0/2)
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
					v = second
				}
				for x := 0; x < wide; x += half {
					// The padding of dy is zero, so the weights of pixels outside don't matter.
					l, m, r := third, third, third
					switch x / Lanes {
					case 0:
						m = second
					case 1:
						l = second
					}
					switch x / Lanes {
					case s.Side - 1:
						m = second
					case s.Side - 2:
						r = second
					}
					z := load8At(dy, i+x-Lanes).Mul(l)
					z = load8At(dy, i+x).MulAdd(m, z)
					z = load8At(dy, i+x+Lanes).MulAdd(r, z)
					z.Mul(v).Store((*oct)(h[x:]))
				}
				i += row
			}
			i = s.At(n, c, 0, 0)
			for y := range s.Side {
				h := sums[y*wide:]
				for x := 0; x < wide; x += half {
					z := load8At(h, x).Add(load8At(h, x+wide)).Add(load8At(h, x+2*wide))
					if add {
						z = z.Add(load8At(dst, i+x))
					}
					z.Store((*oct)(dst[i+x:]))
				}
				i += row
			}
		}
	}
	archsimd.ClearAVXUpperBits()
}

func (avx2) Halve(dst, src []float32, in Shape) {
	out := Shape{in.Blocks, in.Channels, in.Side / 2}
	quarter := fill8(0.25)
	row := in.Row()
	for n := range out.Blocks {
		for c := range out.Channels {
			for y := range out.Side {
				i, o := in.At(n, c, 2*y, 0), out.At(n, c, y, 0)
				for x := range 2 * out.Side {
					a := load8At(src, i).Add(load8At(src, i+Lanes))
					b := load8At(src, i+row).Add(load8At(src, i+row+Lanes))
					a.Add(b).Mul(quarter).Store((*oct)(dst[o:]))
					i += half + x%2*Lanes
					o += half
				}
			}
		}
	}
	archsimd.ClearAVXUpperBits()
}

func (avx2) HalveGrad(dst, dy []float32, in Shape) {
	out := Shape{in.Blocks, in.Channels, in.Side / 2}
	quarter := fill8(0.25)
	row := in.Row()
	for n := range out.Blocks {
		for c := range out.Channels {
			for y := range out.Side {
				i, o := in.At(n, c, 2*y, 0), out.At(n, c, y, 0)
				for x := range 2 * out.Side {
					z := load8At(dy, o).Mul(quarter)
					z.Store((*oct)(dst[i:]))
					z.Store((*oct)(dst[i+Lanes:]))
					z.Store((*oct)(dst[i+row:]))
					z.Store((*oct)(dst[i+row+Lanes:]))
					i += half + x%2*Lanes
					o += half
				}
			}
		}
	}
	archsimd.ClearAVXUpperBits()
}

func (avx2) Mean(dst, src []float32, s Shape) {
	scale := fill8(1 / float32(s.Side*s.Side))
	row := s.Row()
	for n := range s.Blocks {
		for c := range s.Channels {
			for h := 0; h < Lanes; h += half {
				var a f8
				i := s.At(n, c, 0, 0) + h
				for range s.Side {
					for x := i; x < i+s.Side*Lanes; x += Lanes {
						a = a.Add(load8At(src, x))
					}
					i += row
				}
				a.Mul(scale).Store((*oct)(dst[(n*s.Channels+c)*Lanes+h:]))
			}
		}
	}
	archsimd.ClearAVXUpperBits()
}

func (avx2) MeanGrad(dst, dy []float32, s Shape) {
	scale := fill8(1 / float32(s.Side*s.Side))
	row := s.Row()
	for n := range s.Blocks {
		for c := range s.Channels {
			for h := 0; h < Lanes; h += half {
				z := load8At(dy, (n*s.Channels+c)*Lanes+h).Mul(scale)
				i := s.At(n, c, 0, 0) + h
				for range s.Side {
					for x := i; x < i+s.Side*Lanes; x += Lanes {
						z.Store((*oct)(dst[x:]))
					}
					i += row
				}
			}
		}
	}
	archsimd.ClearAVXUpperBits()
}

func (avx2) Step(w, v, g []float32, rate, momentum, decay float32) {
	r, m, d := fill8(-rate), fill8(momentum), fill8(decay)
	i := 0
	for ; i < len(w)/Lanes*Lanes; i += half { // as avx512 does: the rest is rounded differently
		x := load8At(w, i)
		u := x.MulAdd(d, load8At(g, i))
		z := load8At(v, i).MulAdd(m, u)
		z.Store((*oct)(v[i:]))
		z.MulAdd(m, u).MulAdd(r, x).Store((*oct)(w[i:]))
	}
	archsimd.ClearAVXUpperBits()
	portable{}.Step(w[i:], v[i:], g[i:], rate, momentum, decay)
}
