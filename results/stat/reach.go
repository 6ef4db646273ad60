package stat

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
)

// Resamples is the number of bootstrap resamples behind the interval of
// [Reach]. With 2,000 the 2.5 % points are the 50th smallest and largest
// values, which vary by about a seventh of their distance from the tail's end.
const Resamples = 2000

// Budget holds the metric's values at one number of labels.
type Budget struct {
	Labels int
	Trials []Trial
}

// Samples says how many labels a predictor needs to reach a level. A value of
// -Inf means at most Least, which reaches the level already; +Inf means more
// than Most, which doesn't.
type Samples struct {
	Labels float64
	// Low and High are the percentile bootstrap interval over splits; NaN
	// where there are fewer than two splits.
	Low, High float64
	Splits    int // the splits that every budget has, on which all this rests
	// Least and Most are the smallest and the largest budget; 0 if Labels is
	// NaN.
	Least, Most int
}

// Known reports whether anything can be said at all.
func (s *Samples) Known() bool { return !math.IsNaN(s.Labels) }

// Reach returns the number of labels at which the mean over splits first
// reaches level, going up the budgets and interpolating on the logarithm of
// the number of labels.
//
// Only splits that every budget has count, since budgets of one split are
// paired: they nest, and share their test rows. The interval is the bootstrap
// over those splits with the given generator, each resample taking a split
// with all its budgets. All numbers are NaN where a trial failed, a value is
// undefined, or no split has every budget.
func Reach(budgets []Budget, level float64, random *rand.Rand) Samples {
	unknown := Samples{Labels: math.NaN(), Low: math.NaN(), High: math.NaN()}
	if len(budgets) == 0 {
		return unknown
	}
	budgets = slices.Clone(budgets)
	slices.SortFunc(budgets, func(a, b Budget) int { return a.Labels - b.Labels })
	labels := make([]int, len(budgets))
	bySplit := make(map[int][]float64) // a value a budget
	for b, budget := range budgets {
		if budget.Labels < 1 || (b > 0 && budget.Labels == labels[b-1]) {
			panic(fmt.Sprintf("stat: budget %d is not positive or stands twice", budget.Labels))
		}
		labels[b] = budget.Labels
		for _, t := range BySplit(budget.Trials) {
			if t.Failed || math.IsNaN(t.Value) {
				return unknown
			}
			if len(bySplit[t.Split]) == b {
				bySplit[t.Split] = append(bySplit[t.Split], t.Value)
			}
		}
	}
	var curves [][]float64 // those with every budget, by ascending split
	for _, split := range slices.Sorted(maps.Keys(bySplit)) {
		if len(bySplit[split]) == len(budgets) {
			curves = append(curves, bySplit[split])
		}
	}
	if len(curves) == 0 {
		return unknown
	}

	mean := make([]float64, len(budgets))
	crossingOf := func(pick func(i int) int) float64 {
		clear(mean)
		for i := range curves {
			for b, v := range curves[pick(i)] {
				mean[b] += v
			}
		}
		for b := range mean {
			mean[b] /= float64(len(curves))
		}
		return crossing(labels, mean, level)
	}
	s := Samples{
		Labels: crossingOf(func(i int) int { return i }),
		Low:    math.NaN(), High: math.NaN(), Splits: len(curves),
		Least: labels[0], Most: labels[len(labels)-1],
	}
	if len(curves) < 2 {
		return s
	}
	drawn := make([]float64, Resamples)
	for r := range drawn {
		drawn[r] = crossingOf(func(int) int { return random.IntN(len(curves)) })
	}
	slices.Sort(drawn)
	// Order statistics, not interpolated: neighbors may be infinite.
	tail := int(math.Round(Resamples * (1 - Confidence) / 2))
	s.Low, s.High = drawn[tail-1], drawn[Resamples-tail]
	return s
}

// crossing returns where the curve first reaches level: -Inf if it begins
// there, +Inf if it never does. labels ascend.
func crossing(labels []int, curve []float64, level float64) float64 {
	if curve[0] >= level {
		return math.Inf(-1)
	}
	for b := 1; b < len(curve); b++ {
		if curve[b] < level {
			continue
		}
		from, to := math.Log(float64(labels[b-1])), math.Log(float64(labels[b]))
		return math.Exp(from + (to-from)*(level-curve[b-1])/(curve[b]-curve[b-1]))
	}
	return math.Inf(1)
}
