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
	c := curvesOf(budgets)
	if !c.known() {
		return Samples{Labels: math.NaN(), Low: math.NaN(), High: math.NaN()}
	}
	picked := every(len(c.splits))
	s := Samples{
		Labels: c.crossing(picked, level),
		Low:    math.NaN(), High: math.NaN(), Splits: len(c.splits),
		Least: c.labels[0], Most: c.labels[len(c.labels)-1],
	}
	if len(picked) < 2 {
		return s
	}
	drawn := make([]float64, Resamples)
	for r := range drawn {
		resampleTo(picked, random)
		drawn[r] = c.crossing(picked, level)
	}
	s.Low, s.High = percentiles(drawn)
	return s
}

// every returns 0 to n-1.
func every(n int) []int {
	picked := make([]int, n)
	for i := range picked {
		picked[i] = i
	}
	return picked
}

// resampleTo fills dst with numbers below its length, drawn with replacement.
func resampleTo(dst []int, random *rand.Rand) {
	for i := range dst {
		dst[i] = random.IntN(len(dst))
	}
}

// curves holds a metric over budgets, a curve a split.
type curves struct {
	labels []int       // ascending
	splits []int       // those with every budget, ascending; none where a value is missing
	values [][]float64 // by split, by budget
	mean   []float64   // of crossing; one value a budget
}

func (c *curves) known() bool { return len(c.splits) > 0 }

// curvesOf returns the curves of budgets. It panics where a budget is not
// positive or stands twice.
func curvesOf(budgets []Budget) *curves {
	budgets = slices.Clone(budgets)
	slices.SortFunc(budgets, func(a, b Budget) int { return a.Labels - b.Labels })
	c := &curves{mean: make([]float64, len(budgets))}
	bySplit := make(map[int][]float64) // a value a budget
	missing := false
	for b, budget := range budgets {
		if budget.Labels < 1 || (b > 0 && budget.Labels == c.labels[b-1]) {
			panic(fmt.Sprintf("stat: budget %d is not positive or stands twice", budget.Labels))
		}
		c.labels = append(c.labels, budget.Labels)
		for _, t := range BySplit(budget.Trials) {
			missing = missing || t.Failed || math.IsNaN(t.Value)
			if len(bySplit[t.Split]) == b {
				bySplit[t.Split] = append(bySplit[t.Split], t.Value)
			}
		}
	}
	if missing {
		return c
	}
	for _, split := range slices.Sorted(maps.Keys(bySplit)) {
		if len(bySplit[split]) == len(budgets) {
			c.splits = append(c.splits, split)
			c.values = append(c.values, bySplit[split])
		}
	}
	return c
}

// only returns c with those of its splits that are among splits.
func (c *curves) only(splits []int) *curves {
	kept := &curves{labels: c.labels, mean: c.mean}
	for i, split := range c.splits {
		if slices.Contains(splits, split) {
			kept.splits = append(kept.splits, split)
			kept.values = append(kept.values, c.values[i])
		}
	}
	return kept
}

// crossing returns where the mean over the picked curves, which may stand
// several times, first reaches level; see crossing.
func (c *curves) crossing(picked []int, level float64) float64 {
	clear(c.mean)
	for _, i := range picked {
		for b, v := range c.values[i] {
			c.mean[b] += v
		}
	}
	for b := range c.mean {
		c.mean[b] /= float64(len(picked))
	}
	return crossing(c.labels, c.mean, level)
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
