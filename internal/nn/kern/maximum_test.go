package kern

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestMaximum: on every path, the 3x3 maximum of few different values, zeros of
// both signs among them, and its gradient, which goes to the first of equals, are
// what a search of each window finds, to the bit.
func TestMaximum(t *testing.T) {
	onEveryPath(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(1, 2))
		for _, m := range []maps{{1, 1, 1, 1}, {2, 1, 1, 3}, {1, 3, 2, 2}, {2, 3, 8, 8}, {1, 1, 5, 4}} {
			src, gout, negative := make([]float32, m.size()), make([]float32, m.size()), float32(math.Copysign(0, -1))
			for i := range src {
				src[i], gout[i] = []float32{0, negative, 1, -2, 3}[rng.IntN(5)], rng.Float32()-.5
			}
			got, gotGrad := filled[float32](m.size()), filled[float32](m.size())
			want, wantGrad := slices.Clone(got), slices.Clone(gotGrad)
			maximumTo(got, src, m)
			maximumGradTo(gotGrad, gout, src, m)
			for from := 0; from < m.size(); from += m.plane() {
				for i := range m.plane() {
					x, y, lane := i/Lanes%m.w, i/Lanes/m.w, i%Lanes
					best := -1
					for v := max(y-1, 0); v <= min(y+1, m.h-1); v++ {
						for u := max(x-1, 0); u <= min(x+1, m.w-1); u++ {
							if at := from + (v*m.w+u)*Lanes + lane; best < 0 || src[at] > src[best] {
								best = at
							}
						}
					}
					want[from+i] += src[best]
					wantGrad[best] += gout[from+i]
				}
			}
			for i := range want {
				if math.Float32bits(got[i]) != math.Float32bits(want[i]) || math.Float32bits(gotGrad[i]) != math.Float32bits(wantGrad[i]) {
					t.Fatalf("%+v, number %d: got %v and gradient %v, want %v and %v", m, i, got[i], gotGrad[i], want[i], wantGrad[i])
				}
			}
		}
	})
}
