package feature_test

import (
	"math"
	"slices"
	"testing"

	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/predictors/feature"
)

func work(w *feature.Work, n plugins.Network) []float64 {
	v := vocabulary()
	x := make([]float64, w.Dim())
	w.EncodeTo(x, &v, &n)
	return x
}

// near reports whether got is want but for rounding.
func near(got, want []float64) bool {
	return slices.EqualFunc(got, want, func(x, y float64) bool { return math.Abs(x-y) <= 1e-12 })
}

func TestWorkIsProductsByPlaceAndTheirTotals(t *testing.T) {
	v := vocabulary()
	a := chain([]float64{8, 8}, 2, []int{conv}, []int{conv})
	b := chain([]float64{8, 8}, 3, []int{conv}, []int{skip})
	b.Sequence[0].Repeat = 4
	w := feature.NewWork(&v, []plugins.Network{a, b})
	// The width is 8 everywhere, so heads and repeats alone count. By place: the
	// convolution of the first block and of the second. Totals of convolutions:
	// runs differ (2 and 4), runs x heads and the product of all (4 and 12)
	// agree with each other; runs x repeat is the runs' square (2 and 4).
	if got, want := w.Places(), 2; got != want {
		t.Fatalf("got %d columns by place, want %d", got, want)
	}
	if got, want := work(w, a), []float64{math.Log(2), math.Log(2), 2, 4, 4}; !near(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got, want := work(w, b), []float64{math.Log(12), 0, 4, 12, 12}; !near(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	// What no network had leaves no trace: a third block, a pooling.
	if got, want := work(w, chain([]float64{8, 8, 8}, 2, []int{skip}, []int{none}, []int{pool})), make([]float64, 5); !near(got, want) {
		t.Errorf("got %v, want zeros", got)
	}
}

func TestWorkLeavesOutNumbersThatAreNotPositive(t *testing.T) {
	v := vocabulary()
	a, b := chain([]float64{4}, 0, []int{conv}), chain([]float64{8}, 0, []int{conv})
	w := feature.NewWork(&v, []plugins.Network{a, b})
	if got, want := work(w, b), []float64{math.Log(8), 8, 8}; !near(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestWorkIsEmptyWhereNoNumberVaries(t *testing.T) {
	v := vocabulary()
	networks := []plugins.Network{
		chain([]float64{4, 8}, 1, []int{conv}, []int{pool}),
		chain([]float64{4, 8}, 1, []int{skip}, []int{conv}),
	}
	// Widths differ between places, not at any place.
	if got := feature.NewWork(&v, networks).Dim(); got != 0 {
		t.Errorf("got %d columns, want none", got)
	}
}

func TestWorkForgivesRounding(t *testing.T) {
	v := vocabulary()
	// .1 + .2 + .3 is not .3 + .2 + .1 in floating point.
	a := chain([]float64{.1, .2, .3}, 1, []int{conv}, []int{conv}, []int{conv})
	b := chain([]float64{.3, .2, .1}, 1, []int{conv}, []int{conv}, []int{conv})
	w := feature.NewWork(&v, []plugins.Network{a, b})
	if got, want := w.Dim(), 2; got != want { // the first and the last block's place
		t.Errorf("got %d columns, want %d: totals are equal", got, want)
	}
}
