package stat

import (
	"math"
	"math/rand/v2"
)

// Ratio says how many times as many labels one predictor needs as another to
// reach a level.
type Ratio struct {
	// Value is the quotient; NaN where nothing can be said. AtLeast and AtMost
	// say that it is a bound, since one of the two reaches the level below its
	// smallest budget or not by its largest.
	Value           float64
	AtLeast, AtMost bool
	// Low and High are the percentile bootstrap interval over splits: 0 and
	// +Inf where the budgets set no bound, NaN for fewer than two splits.
	Low, High float64
	Splits    int // the splits that both have at every budget, on which all this rests
}

// Known reports whether anything can be said at all.
func (r *Ratio) Known() bool { return !math.IsNaN(r.Value) }

// Fewer returns how many times as many labels the baseline needs as the other
// predictor for its mean over splits to reach level: a value of 3 says that
// the other needs three times fewer. See [Reach] for what reaching is. The
// interval is the bootstrap over splits, each resample taking a split with all
// budgets of both.
func Fewer(baseline, other []Budget, level float64, random *rand.Rand) Ratio {
	unknown := Ratio{Value: math.NaN(), Low: math.NaN(), High: math.NaN()}
	base, than := curvesOf(baseline), curvesOf(other)
	if !base.known() || !than.known() {
		return unknown
	}
	base, than = base.only(than.splits), than.only(base.splits)
	if !base.known() {
		return unknown
	}
	// bounds returns the least and the most that the quotient can be.
	bounds := func(picked []int) (low, high float64) {
		baseLow, baseHigh := base.bounds(picked, level)
		thanLow, thanHigh := than.bounds(picked, level)
		return baseLow / thanHigh, baseHigh / thanLow
	}
	r, picked := unknown, every(len(base.splits))
	r.Splits = len(picked)
	switch low, high := bounds(picked); {
	case low == high:
		r.Value = low
	case math.IsInf(high, 1) && low > 0:
		r.Value, r.AtLeast = low, true
	case low == 0 && !math.IsInf(high, 1):
		r.Value, r.AtMost = high, true
	}
	if r.Splits < 2 {
		return r
	}
	lows, highs := make([]float64, Resamples), make([]float64, Resamples)
	for i := range lows {
		resampleTo(picked, random)
		lows[i], highs[i] = bounds(picked)
	}
	r.Low, _ = percentiles(lows)
	_, r.High = percentiles(highs)
	return r
}

// bounds returns the least and the most labels at which the mean over the
// picked curves reaches level: equal where the budgets show it, from 0 where
// the smallest reaches it already, to +Inf where the largest does not.
func (c *curves) bounds(picked []int, level float64) (low, high float64) {
	at := c.crossing(picked, level)
	switch {
	case math.IsInf(at, -1):
		return 0, float64(c.labels[0])
	case math.IsInf(at, 1):
		return float64(c.labels[len(c.labels)-1]), at
	}
	return at, at
}

// Area returns, for each split that has every budget, the mean of the metric
// over the logarithm of the number of labels: the area under the curve, by the
// trapezoidal rule, divided by its width. [Summarize] gives it an interval,
// [Paired] compares two. One trial that failed stands for all where a trial
// failed, or a value is undefined. Areas of different budgets don't compare.
// It panics for fewer than two budgets.
func Area(budgets []Budget) []Trial {
	if len(budgets) < 2 {
		panic("stat: an area needs two budgets")
	}
	c := curvesOf(budgets)
	if !c.known() {
		return []Trial{{Failed: true, Value: math.NaN()}}
	}
	var areas []Trial
	for i, curve := range c.values {
		area := 0.0
		for b := 1; b < len(curve); b++ {
			area += math.Log(float64(c.labels[b])/float64(c.labels[b-1])) * (curve[b] + curve[b-1]) / 2
		}
		areas = append(areas, Trial{Split: c.splits[i], Value: area / math.Log(float64(c.labels[len(c.labels)-1])/float64(c.labels[0]))})
	}
	return areas
}
