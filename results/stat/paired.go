package stat

import (
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// Alpha is the level of every test: what intervals leave out.
const Alpha = 1 - Confidence

// Difference is how far one predictor's mean lies above another's.
type Difference struct {
	// Interval is over the splits that both have. Its numbers are NaN where a
	// trial of either failed or is undefined, or no split has both.
	Interval
	// P is the two-sided p-value of the paired t test; NaN for fewer than two
	// splits.
	P float64
}

// Paired returns the difference a - b. Trials of one split are averaged
// first, and splits are paired: the two share training and test rows there.
func Paired(a, b []Trial) Difference {
	d, ok := differences(a, b)
	if !ok {
		d = nil
	}
	return Difference{Interval: Mean(d), P: tTest(d)}
}

// differences returns a - b on each split that both have, by ascending split;
// ok is false where a trial of either failed or is undefined.
func differences(a, b []Trial) (d []float64, ok bool) {
	left, right := BySplit(a), BySplit(b)
	for _, t := range slices.Concat(left, right) {
		if math.IsNaN(t.Value) {
			return nil, false
		}
	}
	for _, l := range left {
		i, found := slices.BinarySearchFunc(right, l.Split, func(t Trial, split int) int { return t.Split - split })
		if found {
			d = append(d, l.Value-right[i].Value)
		}
	}
	return d, true
}

// tTest returns the two-sided p-value of Student's test that the mean of d is
// 0. Equal values other than 0 have p-value 0.
func tTest(d []float64) float64 {
	i := Mean(d)
	switch {
	case i.N < 2:
		return math.NaN()
	case i.Mean == 0:
		return 1
	}
	squares := 0.0
	for _, v := range d {
		squares += (v - i.Mean) * (v - i.Mean)
	}
	n := float64(i.N)
	t := math.Abs(i.Mean) / math.Sqrt(squares/(n-1)/n)
	return 2 * distuv.StudentsT{Sigma: 1, Nu: n - 1}.CDF(-t)
}

// Bootstrap returns the difference a - b with the percentile bootstrap
// interval over the splits that both have, from [Resamples] resamples, each
// taking a split with both. It makes no use of normality, and is too narrow
// for few splits. The numbers are NaN where Paired's are.
func Bootstrap(a, b []Trial, random *rand.Rand) Interval {
	d, ok := differences(a, b)
	if !ok {
		d = nil
	}
	i := Mean(d)
	if i.N < 2 {
		return i
	}
	drawn := make([]float64, Resamples)
	for r := range drawn {
		sum := 0.0
		for range d {
			sum += d[random.IntN(len(d))]
		}
		drawn[r] = sum / float64(len(d))
	}
	i.Low, i.High = percentiles(drawn)
	return i
}

// percentiles sorts drawn, of [Resamples] values, and returns those at both
// ends of the interval. They are order statistics, not interpolated, since
// neighbors may be infinite.
func percentiles(drawn []float64) (low, high float64) {
	slices.Sort(drawn)
	tail := int(math.Round(Resamples * Alpha / 2))
	return drawn[tail-1], drawn[Resamples-tail]
}

// Holm returns the p-values adjusted for their number by Holm's step-down
// rule (A simple sequentially rejective multiple test procedure, 1979): what
// is then below a level holds together at that level. NaN stays, and does not
// count.
func Holm(p []float64) []float64 {
	adjusted := slices.Clone(p)
	var order []int
	for i, v := range p {
		if !math.IsNaN(v) {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case p[a] < p[b]:
			return -1
		case p[a] > p[b]:
			return 1
		}
		return 0
	})
	least := 0.0
	for k, i := range order {
		least = max(least, min(1, p[i]*float64(len(order)-k)))
		adjusted[i] = least
	}
	return adjusted
}

// Cell says which predictors of one cell of a table (space, budget) can be
// told from the best. It takes the best by its mean, which flatters it: the
// p-values don't count that it was chosen.
type Cell struct {
	Best   int // index of the largest mean; -1 where none is known
	Versus []Versus
}

// Versus is a predictor against the best of its cell.
type Versus struct {
	Difference // best minus this one
	// Adjusted is P by Holm over the predictors of the cell.
	Adjusted float64
	// Tied says that the two are not separable at level [Alpha]; the best is
	// tied with itself, and one without a mean with nobody.
	Tied bool
}

// Compare compares predictors with the best of them. Values are oriented so
// that larger is better.
func Compare(predictors [][]Trial) Cell {
	c := Cell{Best: -1, Versus: make([]Versus, len(predictors))}
	known := make([]bool, len(predictors))
	top := math.NaN()
	for i, trials := range predictors {
		s := Summarize(trials)
		known[i] = s.Known()
		if known[i] && !(s.Mean <= top) {
			c.Best, top = i, s.Mean
		}
	}
	p := make([]float64, len(predictors))
	for i := range predictors {
		v := &c.Versus[i]
		v.Difference = Paired(nil, nil)
		if known[i] {
			v.Difference = Paired(predictors[c.Best], predictors[i])
		}
		p[i] = v.P
		if i == c.Best {
			p[i] = math.NaN() // no comparison
		}
	}
	for i, adjusted := range Holm(p) {
		v := &c.Versus[i]
		v.Adjusted = adjusted
		// Over splits that not both have, the best by its mean may be the
		// worse of the two on those that both have: no reason to part them.
		v.Tied = known[i] && !(adjusted < Alpha && v.Mean > 0)
	}
	return c
}

// Impute returns trials with value in place of each failed or undefined one,
// and how many those are, which whatever shows a figure of them must say.
// Nothing of this package imputes by itself.
func Impute(trials []Trial, value float64) (imputed []Trial, count int) {
	imputed = slices.Clone(trials)
	for i := range imputed {
		if t := &imputed[i]; t.Failed || math.IsNaN(t.Value) {
			*t = Trial{Split: t.Split, Value: value}
			count++
		}
	}
	return imputed, count
}
