package hypernas

import (
	"math"
	"testing"
)

// TestLeastSquaresWeight: the weight solves the normal equation of
// y = w a + (1-w) b, and stays between 0 and 1.
func TestLeastSquaresWeight(t *testing.T) {
	a, b := []float64{1, 2, 3, 5}, []float64{2, 2, 1, 0}
	mix := func(w float64) []float64 {
		y := make([]float64, len(a))
		for i := range y {
			y[i] = w*a[i] + (1-w)*b[i]
		}
		return y
	}
	for _, c := range []struct{ w, want float64 }{{.3, .3}, {1, 1}, {0, 0}, {1.5, 1}, {-2, 0}} {
		if got := leastSquaresWeight(mix(c.w), a, b); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("labels of weight %v: got %v, want %v", c.w, got, c.want)
		}
	}
	if got := leastSquaresWeight(a, b, b); got != 1 {
		t.Errorf("two that are the same: got %v, want 1", got)
	}
}
