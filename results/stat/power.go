package stat

import (
	"math"

	"gonum.org/v1/gonum/integrate/quad"
	"gonum.org/v1/gonum/stat/distuv"
)

// Design says what a comparison of two predictors rests on.
type Design int

// The designs.
const (
	PairedSplits   Design = iota // both on the same splits
	SeparateSplits               // each on splits of its own, equally many
)

// Power returns the probability that the two-sided t test at level [Alpha]
// sees a true difference of means with n splits (of each predictor where they
// are separate). sd is the standard deviation of the differences where splits
// are paired, else of one predictor's values. It is NaN for n < 2 and for sd
// that is not positive.
func Power(d Design, n int, difference, sd float64) float64 {
	if n < 2 || !(sd > 0) {
		return math.NaN()
	}
	freedom, shift := float64(n-1), math.Sqrt(float64(n))
	if d == SeparateSplits {
		freedom, shift = float64(2*n-2), math.Sqrt(float64(n)/2)
	}
	shift *= math.Abs(difference) / sd
	critical := distuv.StudentsT{Sigma: 1, Nu: freedom}.Quantile(1 - Alpha/2)
	return noncentralT(-critical, freedom, shift) + 1 - noncentralT(critical, freedom, shift)
}

// mostSplits is where Needed gives up: a difference that takes more is one
// that nobody will measure.
const mostSplits = 1_000_000

// Needed returns the least number of splits (of each predictor where they are
// separate) for which Power is at least power, or 0 where a million do not
// suffice.
func Needed(d Design, difference, sd, power float64) int {
	enough := func(n int) bool { return Power(d, n, difference, sd) >= power }
	if !enough(mostSplits) {
		return 0
	}
	high := 2
	for !enough(high) {
		high *= 2
	}
	low := max(2, high/2)
	for low < high {
		if middle := (low + high) / 2; enough(middle) {
			high = middle
		} else {
			low = middle + 1
		}
	}
	return high
}

// noncentralT returns the probability that (Z + shift) / S is at most t, Z
// being standard normal and freedom S^2 chi-squared with so many degrees of
// freedom: the noncentral t distribution, as the integral of Phi(t s - shift)
// over the density of S.
func noncentralT(t, freedom, shift float64) float64 {
	logGamma, _ := math.Lgamma(freedom / 2)
	scale := math.Log(2) + freedom/2*math.Log(freedom/2) - logGamma
	density := func(s float64) float64 {
		return math.Exp(scale + (freedom-1)*math.Log(s) - freedom*s*s/2)
	}
	// S has mean about 1 and standard deviation below 1/sqrt(2 freedom); 12 of
	// these to either side leave less than 1e-16.
	spread := 12 / math.Sqrt(2*freedom)
	return quad.Fixed(func(s float64) float64 {
		return distuv.UnitNormal.CDF(t*s-shift) * density(s)
	}, max(0, 1-spread), 1+spread, 200, quad.Legendre{}, 0)
}
