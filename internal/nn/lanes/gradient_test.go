package lanes

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// The reference: plain loops in float64 on [image][channel][y][x], written from the definitions.
type maps struct {
	n, c, side int
	v          []float64
}

func newMaps(n, c, side int) maps { return maps{n, c, side, make([]float64, n*c*side*side)} }

// at returns a value, zero outside.
func (m maps) at(n, c, y, x int) float64 {
	if y < 0 || x < 0 || y >= m.side || x >= m.side {
		return 0
	}
	return m.v[((n*m.c+c)*m.side+y)*m.side+x]
}

// each builds maps of the same shape from a function of the position.
func (m maps) each(f func(n, c, y, x int) float64) maps {
	out := newMaps(m.n, m.c, m.side)
	i := 0
	for n := range m.n {
		for c := range m.c {
			for y := range m.side {
				for x := range m.side {
					out.v[i] = f(n, c, y, x)
					i++
				}
			}
		}
	}
	return out
}

func (m maps) conv(w []float64, cout, k int) maps {
	return newMaps(m.n, cout, m.side).each(func(n, co, y, x int) float64 {
		sum := 0.0
		for ci := range m.c {
			for ky := range k {
				for kx := range k {
					sum += w[((co*m.c+ci)*k+ky)*k+kx] * m.at(n, ci, y+ky-k/2, x+kx-k/2)
				}
			}
		}
		return sum
	})
}

func (m maps) pool3() maps {
	return m.each(func(n, c, y, x int) float64 {
		sum, count := 0.0, 0.0
		for i := y - 1; i <= y+1; i++ {
			for j := x - 1; j <= x+1; j++ {
				if i >= 0 && j >= 0 && i < m.side && j < m.side {
					sum += m.at(n, c, i, j)
					count++
				}
			}
		}
		return sum / count
	})
}

func (m maps) halve() maps {
	return newMaps(m.n, m.c, m.side/2).each(func(n, c, y, x int) float64 {
		return (m.at(n, c, 2*y, 2*x) + m.at(n, c, 2*y, 2*x+1) + m.at(n, c, 2*y+1, 2*x) + m.at(n, c, 2*y+1, 2*x+1)) / 4
	})
}

func (m maps) mean() maps {
	return newMaps(m.n, m.c, 1).each(func(n, c, _, _ int) float64 {
		sum := 0.0
		for y := range m.side {
			for x := range m.side {
				sum += m.at(n, c, y, x)
			}
		}
		return sum / float64(m.side*m.side)
	})
}

func (m maps) relu() maps {
	return m.each(func(n, c, y, x int) float64 { return max(m.at(n, c, y, x), 0) })
}

// norm normalizes each channel and applies a scale and a shift.
func (m maps) norm(gamma, beta []float64) maps {
	mean, variance := make([]float64, m.c), make([]float64, m.c)
	count := float64(m.n * m.side * m.side)
	m.each(func(n, c, y, x int) float64 { mean[c] += m.at(n, c, y, x) / count; return 0 })
	m.each(func(n, c, y, x int) float64 { variance[c] += math.Pow(m.at(n, c, y, x)-mean[c], 2) / count; return 0 })
	return m.each(func(n, c, y, x int) float64 {
		return gamma[c]*(m.at(n, c, y, x)-mean[c])/math.Sqrt(variance[c]+1e-5) + beta[c]
	})
}

func dot(a, b maps) float64 {
	sum := 0.0
	for i := range a.v {
		sum += a.v[i] * b.v[i]
	}
	return sum
}

// lay writes maps in the kernels' layout; unlay reads them.
func lay(m maps) ([]float32, Shape) {
	s := Shape{m.n / Lanes, m.c, m.side}
	x := make([]float32, s.Len())
	m.each(func(n, c, y, col int) float64 {
		x[s.At(n/Lanes, c, y, col)+n%Lanes] = float32(m.at(n, c, y, col))
		return 0
	})
	return x, s
}

func unlay(x []float32, s Shape) maps {
	return newMaps(s.Blocks*Lanes, s.Channels, s.Side).each(func(n, c, y, col int) float64 {
		return float64(x[s.At(n/Lanes, c, y, col)+n%Lanes])
	})
}

func randomMaps(n, c, side int, r *rand.Rand) maps {
	return newMaps(n, c, side).each(func(_, _, _, _ int) float64 { return float64(float32(r.NormFloat64())) })
}

// slope is the derivative of f by its variable x, by central differences.
func slope(x *float64, f func() float64) float64 {
	const h = 1e-5
	was := *x
	*x = was + h
	up := f()
	*x = was - h
	down := f()
	*x = was
	return (up - down) / (2 * h)
}

// TestAgainstReference compares what every kernel computes with the reference in float64, and every gradient with
// finite differences of the reference at random places.
func TestAgainstReference(t *testing.T) {
	for _, k := range Available() {
		for _, side := range []int{4, 8} {
			t.Run(fmt.Sprintf("%s/%d", k.Path(), side), func(t *testing.T) {
				const images, cin, cout = 2 * Lanes, 4, 8
				r := rand.New(rand.NewPCG(1, uint64(side)))
				x, dy := randomMaps(images, cin, side, r), randomMaps(images, cout, side, r)
				lx, in := lay(x)
				ldy, out := lay(dy)

				equal := func(name string, got []float32, s Shape, want maps) {
					t.Helper()
					for i, v := range unlay(got, s).v {
						if math.Abs(v-want.v[i]) > 2e-5 {
							t.Fatalf("%s: value %d is %v, want %v", name, i, v, want.v[i])
						}
					}
				}
				// gradient compares got with the derivative of f, which reads m.
				gradient := func(name string, got maps, m maps, f func() float64) {
					t.Helper()
					for range 20 {
						i := r.IntN(len(m.v))
						if want := slope(&m.v[i], f); math.Abs(got.v[i]-want) > 1e-3 {
							t.Fatalf("%s: gradient by value %d is %v, want %v", name, i, got.v[i], want)
						}
					}
				}

				for _, size := range []int{1, 3} {
					w := newMaps(1, cout*cin*size*size, 1)
					w32 := make([]float32, len(w.v))
					for i := range w32 {
						w32[i] = float32(r.NormFloat64())
						w.v[i] = float64(w32[i])
					}
					packed := make([]float32, PackedLen(cout, cin, size))
					y, dx := make([]float32, out.Len()), make([]float32, in.Len())
					PackConv(packed, w32, cout, cin, size)
					k.Conv(y, lx, packed, out, cin, size, false)
					equal("Conv", y, out, x.conv(w.v, cout, size))
					loss := func() float64 { return dot(x.conv(w.v, cout, size), dy) }
					PackConvT(packed, w32, cout, cin, size)
					k.Conv(dx, ldy, packed, in, cout, size, false)
					gradient("Conv by input", unlay(dx, in), x, loss)
					dw := make([]float32, len(w32))
					k.ConvGrad(dw, ldy, lx, make([]float32, ConvScratch(cout, cin, size)), out, cin, size)
					got := newMaps(1, len(dw), 1)
					for i, v := range dw {
						got.v[i] = float64(v)
					}
					gradient("Conv by weights", got, w, loss)
				}

				d := make([]float32, in.Len())
				g := randomMaps(images, cin, side, r)
				lg, _ := lay(g)
				k.Pool3(d, lx, in, false)
				equal("Pool3", d, in, x.pool3())
				k.Pool3Grad(d, lg, in, false)
				gradient("Pool3", unlay(d, in), x, func() float64 { return dot(x.pool3(), g) })
				k.ReLU(d, lx, in)
				equal("ReLU", d, in, x.relu())
				relu := append([]float32(nil), d...)
				k.ReLUGrad(d, lg, relu, in, false)
				gradient("ReLU", unlay(d, in), x, func() float64 { return dot(x.relu(), g) })
				if side == 8 {
					half := Shape{in.Blocks, cin, side / 2}
					h := make([]float32, half.Len())
					k.Halve(h, lx, in)
					equal("Halve", h, half, x.halve())
					gh := randomMaps(images, cin, side/2, r)
					lgh, _ := lay(gh)
					k.HalveGrad(d, lgh, in)
					gradient("Halve", unlay(d, in), x, func() float64 { return dot(x.halve(), gh) })
				}
				// Means have no padding; their layout is [block][channel][lane].
				mean, want := make([]float32, in.Blocks*cin*Lanes), x.mean()
				k.Mean(mean, lx, in)
				for i, v := range mean {
					b, c, l := i/(cin*Lanes), i/Lanes%cin, i%Lanes
					if w := want.at(b*Lanes+l, c, 0, 0); math.Abs(float64(v)-w) > 1e-5 {
						t.Fatalf("Mean: %v, want %v", v, w)
					}
				}
				k.MeanGrad(d, mean, in)
				gradient("Mean", unlay(d, in), x, func() float64 { return dot(x.mean(), want) })

				// Batch normalization is Moments, Affine, GradMoments and AffineGrad with these coefficients.
				gamma, beta := []float64{1, 0.5, -2, 3}, []float64{0, 1, 2, -1}
				m, v := make([]float32, cin), make([]float32, cin)
				k.Moments(m, v, lx, in)
				a, b := make([]float32, cin), make([]float32, cin)
				for c := range a {
					a[c] = float32(gamma[c] / math.Sqrt(float64(v[c])+1e-5))
					b[c] = float32(beta[c]) - m[c]*a[c]
				}
				k.Affine(d, lx, a, b, in, false)
				equal("normalization", d, in, x.norm(gamma, beta))
				sum, prod := make([]float32, cin), make([]float32, cin)
				k.GradMoments(sum, prod, lg, lx, m, in)
				p, q, e := make([]float32, cin), make([]float32, cin), make([]float32, cin)
				n := float32(in.Pixels())
				for c := range p {
					inv := float32(1 / math.Sqrt(float64(v[c])+1e-5))
					p[c] = a[c]
					q[c] = -a[c] * inv * inv * prod[c] / n
					e[c] = -a[c]*sum[c]/n - q[c]*m[c]
				}
				k.AffineGrad(d, lg, lx, p, q, e, in)
				gradient("normalization", unlay(d, in), x, func() float64 { return dot(x.norm(gamma, beta), g) })
			})
		}
	}
}

// TestStep compares an optimizer step with one computed by hand: g' = g + decay*w = 1.02, v = 0.9*0.5 + 1.02 = 1.47,
// w = 2 - 0.1*(1.02 + 0.9*1.47) = 1.7657.
func TestStep(t *testing.T) {
	for _, k := range Available() {
		w, v, g := make([]float32, 17), make([]float32, 17), make([]float32, 17)
		for i := range w {
			w[i], v[i], g[i] = 2, 0.5, 1
		}
		k.Step(w, v, g, 0.1, 0.9, 0.01)
		for i := range w {
			if math.Abs(float64(w[i])-1.7657) > 1e-6 || math.Abs(float64(v[i])-1.47) > 1e-6 {
				t.Errorf("%s: parameter %d steps to %v with speed %v, want 1.7657 and 1.47", k.Path(), i, w[i], v[i])
			}
		}
	}
}
