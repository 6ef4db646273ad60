package lanes

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func random(n int, r *rand.Rand) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

// tensor returns random feature maps with zero padding.
func tensor(s Shape, r *rand.Rand) []float32 {
	x := make([]float32, s.Len())
	for n := range s.Blocks {
		for c := range s.Channels {
			for y := range s.Side {
				copy(x[s.At(n, c, y, 0):s.At(n, c, y, s.Side)], random(s.Side*Lanes, r))
			}
		}
	}
	return x
}

// far returns the largest difference between two slices relative to the largest value.
func far(a, b []float32) float64 {
	var d, m float64
	for i := range a {
		d = max(d, math.Abs(float64(a[i]-b[i])))
		m = max(m, math.Abs(float64(b[i])))
	}
	if len(a) != len(b) || math.IsNaN(d) {
		return math.Inf(1)
	}
	return d / (m + 1e-30)
}

// results runs every kernel once on fixed random inputs and returns what it wrote, by name.
func results(k Kernels, out Shape, cin int) map[string][]float32 {
	r := rand.New(rand.NewPCG(uint64(out.Side), uint64(cin)))
	got := map[string][]float32{}
	in := Shape{out.Blocks, cin, out.Side}
	x, dy, y := tensor(in, r), tensor(out, r), tensor(out, r)
	for _, size := range []int{1, 3} {
		w := random(out.Channels*cin*size*size, r)
		pw, pt := make([]float32, PackedLen(out.Channels, cin, size)), make([]float32, PackedLen(out.Channels, cin, size))
		PackConv(pw, w, out.Channels, cin, size)
		PackConvT(pt, w, out.Channels, cin, size)
		for _, add := range []bool{false, true} {
			d := tensor(out, r)
			k.Conv(d, x, pw, out, cin, size, add)
			got[fmt.Sprint("Conv", size, add)] = d
			dx := tensor(in, r)
			k.Conv(dx, dy, pt, in, out.Channels, size, add)
			got[fmt.Sprint("ConvT", size, add)] = dx
		}
		dw := make([]float32, len(w))
		k.ConvGrad(dw, dy, x, make([]float32, ConvScratch(out.Channels, cin, size)), out, cin, size)
		got[fmt.Sprint("ConvGrad", size)] = dw
	}
	c := out.Channels
	mean, variance := make([]float32, c), make([]float32, c)
	k.Moments(mean, variance, y, out)
	got["mean"], got["variance"] = mean, variance
	sum, prod := make([]float32, c), make([]float32, c)
	k.GradMoments(sum, prod, dy, y, mean, out)
	got["sum"], got["prod"] = sum, prod
	a, b, e := random(c, r), random(c, r), random(c, r)
	put := func(name string, s Shape, f func(d []float32)) {
		d := tensor(s, r)
		f(d)
		got[name] = d
	}
	put("AffineGrad", out, func(d []float32) { k.AffineGrad(d, dy, y, a, b, e, out) })
	put("ReLU", out, func(d []float32) { k.ReLU(d, y, out) })
	for _, add := range []bool{false, true} {
		put(fmt.Sprint("Affine", add), out, func(d []float32) { k.Affine(d, y, a, b, out, add) })
		put(fmt.Sprint("ReLUGrad", add), out, func(d []float32) { k.ReLUGrad(d, dy, y, out, add) })
		put(fmt.Sprint("Copy", add), out, func(d []float32) { k.Copy(d, y, out, add) })
		put(fmt.Sprint("Pool3", add), out, func(d []float32) { k.Pool3(d, y, out, add) })
		put(fmt.Sprint("Pool3Grad", add), out, func(d []float32) { k.Pool3Grad(d, y, out, add) })
	}
	if out.Side >= 8 {
		half := Shape{out.Blocks, c, out.Side / 2}
		z := tensor(half, r)
		put("Halve", half, func(d []float32) { k.Halve(d, y, out) })
		put("HalveGrad", out, func(d []float32) { k.HalveGrad(d, z, out) })
	}
	m := make([]float32, out.Blocks*c*Lanes)
	k.Mean(m, y, out)
	got["Mean"] = m
	put("MeanGrad", out, func(d []float32) { k.MeanGrad(d, m, out) })
	w, v, g := random(37, r), random(37, r), random(37, r)
	k.Step(w, v, g, 0.1, 0.9, 0.01)
	got["Step w"], got["Step v"] = w, v
	return got
}

// TestPathsAgree compares every kernel of every path with plain Go's, and vector paths bit by bit.
func TestPathsAgree(t *testing.T) {
	for _, tc := range []struct {
		out Shape
		cin int
	}{{Shape{2, 8, 8}, 4}, {Shape{1, 8, 8}, 8}, {Shape{3, 16, 4}, 16}, {Shape{2, 16, 4}, 8}} {
		var vector map[string][]float32
		want := results(Portable(), tc.out, tc.cin)
		for _, k := range Available() {
			all := results(k, tc.out, tc.cin)
			for name, got := range all {
				if vector != nil && !slices.Equal(got, vector[name]) {
					t.Errorf("%s %v cin %d: %s has other bits than another vector path", k.Path(), tc.out, tc.cin, name)
				}
				if d := far(got, want[name]); d > 5e-6 {
					t.Errorf("%s %v cin %d: %s differs from plain Go by %g", k.Path(), tc.out, tc.cin, name, d)
				}
			}
			if k.Path() != "portable" {
				vector = all
			}
		}
	}
}
