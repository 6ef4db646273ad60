package stat

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// Confidence is the level of every interval: the 95 % that this field's
// papers report.
const Confidence = .95

// FewSplits is the number of splits below which readers are to be warned:
// with the spread between runs that the field's predictors show (.037 in tau
// at 36 to 72 labels), fewer than ten splits leave an interval wider than the
// differences that papers claim.
const FewSplits = 10

// Interval is a mean with its two-sided interval at level [Confidence].
type Interval struct {
	Mean, Low, High float64 // Low and High are NaN if N < 2, all three if N is 0
	N               int     // independent observations
}

// HalfWidth returns the distance between the mean and either bound.
func (i Interval) HalfWidth() float64 { return (i.High - i.Low) / 2 }

// Mean returns the mean of x and its Student t interval, x being independent
// observations: mean -+ t(N-1) s / sqrt(N), s the sample's standard deviation.
func Mean(x []float64) Interval {
	n := float64(len(x))
	i := Interval{Mean: math.NaN(), Low: math.NaN(), High: math.NaN(), N: len(x)}
	if len(x) == 0 {
		return i
	}
	// Deviations from the first value keep the mean of equal values exact.
	sum := 0.0
	for _, v := range x {
		sum += v - x[0]
	}
	i.Mean = x[0] + sum/n
	if len(x) < 2 {
		return i
	}
	squares := 0.0
	for _, v := range x {
		squares += (v - i.Mean) * (v - i.Mean)
	}
	t := distuv.StudentsT{Sigma: 1, Nu: n - 1}.Quantile((1 + Confidence) / 2)
	half := t * math.Sqrt(squares/(n-1)/n)
	i.Low, i.High = i.Mean-half, i.Mean+half
	return i
}

// Trial is the value of one metric in one trial.
type Trial struct {
	Split  int
	Value  float64 // NaN where the metric is undefined
	Failed bool    // the trial has no value
}

// Summary is what the trials of one predictor, with one budget on one space,
// say about one metric.
type Summary struct {
	// Interval is over splits. Its numbers are NaN if a trial failed or the
	// metric is undefined in one.
	Interval
	Trials, Failed, Undefined int
}

// Known reports whether the summary has a mean.
func (s *Summary) Known() bool { return !math.IsNaN(s.Mean) }

// Summarize summarizes the trials of one cell of a table. Trials of one split
// are averaged first.
func Summarize(trials []Trial) Summary {
	s := Summary{Trials: len(trials)}
	for _, t := range trials {
		switch {
		case t.Failed:
			s.Failed++
		case math.IsNaN(t.Value):
			s.Undefined++
		}
	}
	means := BySplit(trials)
	if s.Failed > 0 || s.Undefined > 0 {
		s.Interval = Mean(nil)
		s.N = len(means)
	} else {
		values := make([]float64, len(means))
		for i, m := range means {
			values[i] = m.Value
		}
		s.Interval = Mean(values)
	}
	return s
}

// BySplit averages the trials of each split and returns one trial a split, by
// ascending split. A split with a failed trial is failed; one with an
// undefined value is undefined.
func BySplit(trials []Trial) []Trial {
	sorted := slices.Clone(trials)
	slices.SortStableFunc(sorted, func(a, b Trial) int { return a.Split - b.Split })
	var means []Trial
	for from := 0; from < len(sorted); {
		to, sum, failed := from, 0.0, false
		for ; to < len(sorted) && sorted[to].Split == sorted[from].Split; to++ {
			sum += sorted[to].Value
			failed = failed || sorted[to].Failed
		}
		mean := sum / float64(to-from)
		if failed {
			mean = math.NaN()
		}
		means = append(means, Trial{Split: sorted[from].Split, Value: mean, Failed: failed})
		from = to
	}
	return means
}
