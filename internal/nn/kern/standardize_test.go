package kern

import (
	"math"
	"testing"

	"gonum.org/v1/gonum/stat"
)

// TestStandardize against gonum's moments, under an order; values that are all
// the same are 0.
func TestStandardize(t *testing.T) {
	x, order := []float64{2, -1, 4, 4.5, .25}, []float64{3, 0, 4, 1, 2}
	k := &Standardize[float64]{}
	if _, err := k.Shape([]int{5}, []int{5}); err != nil {
		t.Fatal(err)
	}
	out := make([]float64, 5)
	k.Forward(out, [][]float64{x, order})
	mean, sd := stat.PopMeanStdDev(x, nil)
	for i, at := range order {
		if want := (x[int(at)] - mean) / sd; math.Abs(out[i]-want) > 1e-14 {
			t.Errorf("at %d: got %v, want %v", i, out[i], want)
		}
	}
	k.Forward(out, [][]float64{{3, 3, 3, 3, 3}, order})
	for i, y := range out {
		if y != 0 {
			t.Errorf("at %d of equal values: got %v, want 0", i, y)
		}
	}
	if _, err := k.Shape([]int{5}, []int{4}); err == nil {
		t.Error("an order of another length was accepted")
	}
}
