package stat

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// Friedman is Friedman's test that predictors rank equally over blocks.
type Friedman struct {
	Statistic float64 // chi-squared with one degree of freedom less than predictors; NaN where undefined
	P         float64
	// Ranks are the mean ranks of the predictors, from 1 for the largest
	// value; equal values share the mean of their ranks.
	Ranks []float64
}

// FriedmanTest tests blocks of one value a predictor, with the correction for
// ties, as scipy.stats.friedmanchisquare (Conover, Practical Nonparametric
// Statistics, 1999, section 5.8). The statistic is undefined for fewer than
// three predictors or two blocks, or where every block is all ties. It panics
// where a value is NaN or blocks have different lengths.
func FriedmanTest(blocks [][]float64) Friedman {
	f := Friedman{Statistic: math.NaN(), P: math.NaN()}
	if len(blocks) == 0 {
		return f
	}
	predictors := len(blocks[0])
	sums := make([]float64, predictors)
	ties := 0.0
	for _, block := range blocks {
		if len(block) != predictors || slices.ContainsFunc(block, math.IsNaN) {
			panic("stat: a block lacks a value")
		}
		ranks, tied := ranksOf(block)
		ties += tied
		for i, r := range ranks {
			sums[i] += float64(predictors) + 1 - r // from the largest
		}
	}
	n, k := float64(len(blocks)), float64(predictors)
	squares := 0.0
	for _, s := range sums {
		f.Ranks = append(f.Ranks, s/n)
		squares += s * s
	}
	correction := 1 - ties/(k*(k*k-1)*n)
	if predictors < 3 || len(blocks) < 2 || correction <= 0 {
		return f
	}
	f.Statistic = (12/(k*n*(k+1))*squares - 3*n*(k+1)) / correction
	f.P = distuv.ChiSquared{K: k - 1}.Survival(f.Statistic)
	return f
}

// ranksOf returns ascending ranks from 1, equal values sharing the mean of
// theirs, and the sum of t^3 - t over the groups of t equal values.
func ranksOf(values []float64) (ranks []float64, ties float64) {
	order := make([]int, len(values))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case values[a] < values[b]:
			return -1
		case values[a] > values[b]:
			return 1
		}
		return 0
	})
	ranks = make([]float64, len(values))
	for from := 0; from < len(order); {
		to := from + 1
		for to < len(order) && values[order[to]] == values[order[from]] {
			to++
		}
		for _, i := range order[from:to] {
			ranks[i] = float64(from+1+to) / 2
		}
		t := float64(to - from)
		ties += t*t*t - t
		from = to
	}
	return ranks, ties
}

// exactWilcoxon is the largest number of differences whose distribution is
// counted: 2^50 signs still count exactly in float64, and the normal
// approximation is good to some 1e-3 from 20 on.
const exactWilcoxon = 50

// SignedRank is Wilcoxon's signed-rank test of pairs.
type SignedRank struct {
	Statistic float64 // the smaller sum of ranks, of the positive or of the negative differences
	P         float64 // two-sided; 1 where no pair differs, NaN where there is no pair
	Pairs     int
	Zeros     int // pairs that don't differ; they are left out, as Wilcoxon has it
	Exact     bool
}

// Wilcoxon tests whether the differences d are symmetric about 0. Equal
// magnitudes share the mean of their ranks. For up to 50 differences the
// p-value is exact, ties included: the share of all signs of these very ranks
// that give a sum as far out. (scipy takes the distribution without ties, or
// where a difference is 0 the normal one.) For more it is of the normal
// approximation with the correction for ties and none for continuity, as
// scipy's.
func Wilcoxon(d []float64) SignedRank {
	s := SignedRank{P: math.NaN(), Statistic: math.NaN(), Pairs: len(d)}
	var magnitudes []float64
	var positive []bool
	for _, v := range d {
		if math.IsNaN(v) {
			panic("stat: a difference is NaN")
		}
		if v == 0 {
			s.Zeros++
			continue
		}
		magnitudes = append(magnitudes, math.Abs(v))
		positive = append(positive, v > 0)
	}
	n := len(magnitudes)
	s.Exact = n <= exactWilcoxon
	if len(d) == 0 {
		return s
	}
	ranks, ties := ranksOf(magnitudes)
	var plus, total float64
	for i, r := range ranks {
		total += r
		if positive[i] {
			plus += r
		}
	}
	s.Statistic = min(plus, total-plus)
	if s.Exact {
		s.P = exactSignedRank(ranks, s.Statistic)
		return s
	}
	k := float64(n)
	deviation := math.Sqrt((k*(k+1)*(2*k+1) - ties/2) / 24)
	s.P = 2 * distuv.UnitNormal.CDF((s.Statistic-k*(k+1)/4)/deviation)
	return s
}

// exactSignedRank returns the share of all signs of ranks for which the sum of
// the positive ones is at most w, or as much above the middle, at most 1.
func exactSignedRank(ranks []float64, w float64) float64 {
	// Twice a rank is a whole number; ways[i] counts the signs whose positive
	// ranks sum to i/2.
	ways := []float64{1}
	for _, r := range ranks {
		double := int(math.Round(2 * r))
		ways = append(ways, make([]float64, double)...)
		for i := len(ways) - 1; i >= double; i-- {
			ways[i] += ways[i-double]
		}
	}
	var below, all float64
	for i, n := range ways {
		all += n
		if float64(i) <= 2*w {
			below += n
		}
	}
	return min(1, 2*below/all) // the distribution is symmetric
}

// Overall says which predictors can be told apart over many cells.
type Overall struct {
	Friedman
	// Pairs holds every pair of predictors, the first with the lower index.
	Pairs []Pair
	// CriticalDifference is Nemenyi's: mean ranks that lie closer can't be
	// told apart.
	CriticalDifference float64
	Blocks             int // those with a value of every predictor
	// Warnings say what a reader must know, such as blocks that were left out.
	Warnings []string
}

// Pair is two predictors compared over blocks.
type Pair struct {
	A, B int // indices
	SignedRank
	Adjusted float64 // P by Holm over all pairs
	// Separable says that the two can be told apart at level [Alpha], which
	// Friedman's test must allow first where there are more than two.
	Separable bool
}

// FewBlocks is the number of blocks below which a reader is to be warned:
// Friedman's chi-squared holds for more than 10 (Demšar, Statistical
// Comparisons of Classifiers over Multiple Data Sets, JMLR 2006, section
// 3.2.2), and of five blocks no exact signed-rank test has p < .05.
const FewBlocks = 10

// OverCells compares predictors over blocks, each the means of all predictors
// in one cell (space, budget), oriented so that larger is better: Friedman's
// test, then Wilcoxon's of each pair with Holm's correction. A block where a
// value is NaN is left out, and a warning counts those.
func OverCells(blocks [][]float64) Overall {
	var whole [][]float64
	for _, b := range blocks {
		if !slices.ContainsFunc(b, math.IsNaN) {
			whole = append(whole, b)
		}
	}
	o := Overall{Friedman: FriedmanTest(whole), Blocks: len(whole), CriticalDifference: math.NaN()}
	if dropped := len(blocks) - len(whole); dropped > 0 {
		o.Warnings = append(o.Warnings, fmt.Sprintf("%d of %d cells lack a predictor's mean and are left out", dropped, len(blocks)))
	}
	if o.Blocks < FewBlocks {
		o.Warnings = append(o.Warnings, fmt.Sprintf("%d cells, fewer than %d: tests over them see little", o.Blocks, FewBlocks))
	}
	if o.Blocks == 0 {
		return o
	}
	k := len(o.Ranks)
	if k > 1 {
		o.CriticalDifference = CriticalDifference(k, o.Blocks)
	}
	var p []float64
	for a := range k {
		for b := a + 1; b < k; b++ {
			d := make([]float64, len(whole))
			for i, block := range whole {
				d[i] = block[a] - block[b]
			}
			pair := Pair{A: a, B: b, SignedRank: Wilcoxon(d)}
			p = append(p, pair.P)
			o.Pairs = append(o.Pairs, pair)
		}
	}
	for i, adjusted := range Holm(p) {
		pair := &o.Pairs[i]
		pair.Adjusted = adjusted
		pair.Separable = adjusted < Alpha && (k == 2 || o.P < Alpha)
	}
	return o
}

// Groups returns the largest sets of predictors, neighbors in mean rank, of
// which no two can be told apart: the bars of a critical-difference diagram.
// Indices stand by ascending rank; a set of one is no group.
func Groups(ranks []float64, separable func(a, b int) bool) [][]int {
	order := make([]int, len(ranks))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case ranks[a] < ranks[b]:
			return -1
		case ranks[a] > ranks[b]:
			return 1
		}
		return 0
	})
	var groups [][]int
	end := 0 // of the last group
	for from := range order {
		to := from + 1
		for to < len(order) && !slices.ContainsFunc(order[from:to], func(a int) bool { return separable(a, order[to]) }) {
			to++
		}
		if to-from > 1 && to > end {
			groups = append(groups, slices.Clone(order[from:to]))
			end = to
		}
	}
	return groups
}

// Tied returns Groups by the signed-rank tests.
func (o *Overall) Tied() [][]int {
	separable := make(map[[2]int]bool)
	for _, p := range o.Pairs {
		separable[[2]int{p.A, p.B}] = p.Separable
	}
	return Groups(o.Ranks, func(a, b int) bool { return separable[[2]int{min(a, b), max(a, b)}] })
}

// Nemenyi returns Groups by the critical difference of mean ranks.
func (o *Overall) Nemenyi() [][]int {
	return Groups(o.Ranks, func(a, b int) bool { return math.Abs(o.Ranks[a]-o.Ranks[b]) > o.CriticalDifference })
}
