package lanes

// portable is the path in plain Go. Products are converted before they are added, so that no compiler fuses the two and
// every platform gives the same bits.
type portable struct{}

func (portable) Path() string { return "portable" }

type vec = [Lanes]float32

func at(s []float32, i int) *vec { return (*vec)(s[i:]) }

func (portable) Conv(dst, src, packed []float32, out Shape, cin, k int, add bool) {
	in := Shape{out.Blocks, cin, out.Side}
	reach := k / 2
	for n := range out.Blocks {
		for co := range out.Channels {
			w := packed[co/2*cin*k*k*2+co%2:]
			for y := range out.Side {
				for x := range out.Side {
					var acc vec
					d := at(dst, out.At(n, co, y, x))
					if add {
						acc = *d
					}
					for ci := range cin {
						for ky := range k {
							for kx := range k {
								f := w[((ci*k+ky)*k+kx)*2]
								p := at(src, in.At(n, ci, y+ky-reach, x+kx-reach))
								for i := range acc {
									acc[i] += float32(f * p[i])
								}
							}
						}
					}
					*d = acc
				}
			}
		}
	}
}

func (portable) ConvGrad(dw, dy, src, _ []float32, out Shape, cin, k int) {
	in := Shape{out.Blocks, cin, out.Side}
	reach := k / 2
	for co := range out.Channels {
		for ci := range cin {
			for ky := range k {
				for kx := range k {
					var acc vec
					for n := range out.Blocks {
						for y := range out.Side {
							for x := range out.Side {
								g := at(dy, out.At(n, co, y, x))
								p := at(src, in.At(n, ci, y+ky-reach, x+kx-reach))
								for i := range acc {
									acc[i] += float32(g[i] * p[i])
								}
							}
						}
					}
					dw[((co*cin+ci)*k+ky)*k+kx] = fold(&acc)
				}
			}
		}
	}
}

// sum4 adds four partial sums and folds the lanes.
func sum4(a *[4]vec) float32 {
	var t vec
	for i := range t {
		t[i] = (a[0][i] + a[1][i]) + (a[2][i] + a[3][i])
	}
	return fold(&t)
}

func (portable) Moments(mean, variance, src []float32, s Shape) {
	count := float32(s.Pixels())
	for c := range s.Channels {
		var acc [4]vec
		each(s, c, func(i, part int) {
			for l, v := range at(src, i) {
				acc[part][l] += v
			}
		})
		m := sum4(&acc) / count
		acc = [4]vec{}
		each(s, c, func(i, part int) {
			for l, v := range at(src, i) {
				acc[part][l] += float32((v - m) * (v - m))
			}
		})
		mean[c], variance[c] = m, sum4(&acc)/count
	}
}

// each calls f for every inner pixel of a channel with its offset and which of the four partial sums it belongs to.
func each(s Shape, c int, f func(i, part int)) {
	for n := range s.Blocks {
		for y := range s.Side {
			for x := range s.Side {
				f(s.At(n, c, y, x), x%4)
			}
		}
	}
}

func (portable) GradMoments(sum, prod, dz, y, mean []float32, s Shape) {
	for c := range s.Channels {
		var a, b [4]vec
		m := mean[c]
		each(s, c, func(i, part int) {
			g, v := at(dz, i), at(y, i)
			for l := range g {
				a[part][l] += g[l]
				b[part][l] += float32(g[l] * (v[l] - m))
			}
		})
		sum[c], prod[c] = sum4(&a), sum4(&b)
	}
}

func (portable) Affine(dst, src, a, b []float32, s Shape, add bool) {
	for c := range s.Channels {
		f, t := a[c], b[c]
		each(s, c, func(i, _ int) {
			d, v := at(dst, i), at(src, i)
			for l := range d {
				z := float32(f*v[l]) + t
				if add {
					z += d[l]
				}
				d[l] = z
			}
		})
	}
}

func (portable) AffineGrad(dst, dz, y, p, q, r []float32, s Shape) {
	for c := range s.Channels {
		f, g, t := p[c], q[c], r[c]
		each(s, c, func(i, _ int) {
			d, u, v := at(dst, i), at(dz, i), at(y, i)
			for l := range d {
				d[l] = float32(f*u[l]) + (float32(g*v[l]) + t)
			}
		})
	}
}

func (portable) ReLU(dst, src []float32, s Shape) {
	for c := range s.Channels {
		each(s, c, func(i, _ int) {
			d, v := at(dst, i), at(src, i)
			for l := range d {
				d[l] = max(v[l], 0)
			}
		})
	}
}

func (portable) ReLUGrad(dst, dy, r []float32, s Shape, add bool) {
	for c := range s.Channels {
		each(s, c, func(i, _ int) {
			d, g, v := at(dst, i), at(dy, i), at(r, i)
			for l := range d {
				var z float32
				if v[l] > 0 {
					z = g[l]
				}
				if add {
					z += d[l]
				}
				d[l] = z
			}
		})
	}
}

func (portable) Copy(dst, src []float32, s Shape, add bool) {
	for c := range s.Channels {
		each(s, c, func(i, _ int) {
			d, v := at(dst, i), at(src, i)
			if !add {
				*d = *v
				return
			}
			for l := range d {
				d[l] += v[l]
			}
		})
	}
}

// share is one over the number of pixels that a window of three around position i of n covers.
func share(i, n int) float32 {
	if i == 0 || i == n-1 {
		return 1.0 / 2
	}
	return 1.0 / 3
}

func (portable) Pool3(dst, src []float32, s Shape, add bool) {
	each4(s, func(n, c int) {
		for y := range s.Side {
			for x := range s.Side {
				var v vec
				for dy := -1; dy <= 1; dy++ {
					if y+dy < 0 || y+dy >= s.Side {
						continue
					}
					i := s.At(n, c, y+dy, x)
					a, b, e := at(src, i-Lanes), at(src, i), at(src, i+Lanes)
					w := share(x, s.Side)
					for l := range v {
						v[l] += float32(((a[l] + b[l]) + e[l]) * w)
					}
				}
				store(at(dst, s.At(n, c, y, x)), &v, share(y, s.Side), add)
			}
		}
	})
}

func (portable) Pool3Grad(dst, dy []float32, s Shape, add bool) {
	each4(s, func(n, c int) {
		for y := range s.Side {
			for x := range s.Side {
				var v vec
				for r := max(y-1, 0); r <= min(y+1, s.Side-1); r++ {
					var h vec
					for q := max(x-1, 0); q <= min(x+1, s.Side-1); q++ {
						w := share(q, s.Side)
						for l, g := range at(dy, s.At(n, c, r, q)) {
							h[l] += float32(g * w)
						}
					}
					w := share(r, s.Side)
					for l := range v {
						v[l] += float32(h[l] * w)
					}
				}
				store(at(dst, s.At(n, c, y, x)), &v, 1, add)
			}
		}
	})
}

func each4(s Shape, f func(n, c int)) {
	for n := range s.Blocks {
		for c := range s.Channels {
			f(n, c)
		}
	}
}

func store(d, v *vec, scale float32, add bool) {
	for l := range d {
		z := float32(v[l] * scale)
		if add {
			z += d[l]
		}
		d[l] = z
	}
}

func (portable) Halve(dst, src []float32, in Shape) {
	out := Shape{in.Blocks, in.Channels, in.Side / 2}
	each4(in, func(n, c int) {
		for y := range out.Side {
			for x := range out.Side {
				i := in.At(n, c, 2*y, 2*x)
				a, b := at(src, i), at(src, i+Lanes)
				e, f := at(src, i+in.Row()), at(src, i+in.Row()+Lanes)
				d := at(dst, out.At(n, c, y, x))
				for l := range d {
					d[l] = ((a[l] + b[l]) + (e[l] + f[l])) * 0.25
				}
			}
		}
	})
}

func (portable) HalveGrad(dst, dy []float32, in Shape) {
	out := Shape{in.Blocks, in.Channels, in.Side / 2}
	each4(in, func(n, c int) {
		for y := range in.Side {
			for x := range in.Side {
				g, d := at(dy, out.At(n, c, y/2, x/2)), at(dst, in.At(n, c, y, x))
				for l := range d {
					d[l] = g[l] * 0.25
				}
			}
		}
	})
}

func (portable) Mean(dst, src []float32, s Shape) {
	scale := 1 / float32(s.Side*s.Side)
	each4(s, func(n, c int) {
		var acc vec
		for y := range s.Side {
			for x := range s.Side {
				for l, v := range at(src, s.At(n, c, y, x)) {
					acc[l] += v
				}
			}
		}
		d := at(dst, (n*s.Channels+c)*Lanes)
		for l := range d {
			d[l] = acc[l] * scale
		}
	})
}

func (portable) MeanGrad(dst, dy []float32, s Shape) {
	scale := 1 / float32(s.Side*s.Side)
	each4(s, func(n, c int) {
		g := at(dy, (n*s.Channels+c)*Lanes)
		var v vec
		for l := range v {
			v[l] = g[l] * scale
		}
		for y := range s.Side {
			for x := range s.Side {
				*at(dst, s.At(n, c, y, x)) = v
			}
		}
	})
}

func (portable) Step(w, v, g []float32, rate, momentum, decay float32) {
	for i := range w {
		d := g[i] + float32(decay*w[i])
		v[i] = float32(momentum*v[i]) + d
		w[i] -= float32(rate * (d + float32(momentum*v[i])))
	}
}
