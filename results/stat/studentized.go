package stat

import "math"

// CriticalDifference returns how far the mean ranks of two of k predictors
// over n blocks must lie apart at level [Alpha] by Nemenyi's test
// (Distribution-free multiple comparisons, 1963; Demšar, JMLR 2006, section
// 3.2.2):
//
//	q sqrt(k (k+1) / (6 n))
//
// q being the quantile of the studentized range of k, with infinite degrees
// of freedom, divided by sqrt 2. It panics for k < 2 or n < 1.
func CriticalDifference(k, n int) float64 {
	if k < 2 || n < 1 {
		panic("stat: a critical difference needs two predictors and a block")
	}
	return StudentizedRangeQuantile(Confidence, k) / math.Sqrt2 * math.Sqrt(float64(k*(k+1))/float64(6*n))
}

// StudentizedRange returns the probability that the range of k independent
// standard normal values is at most q:
//
//	k integral phi(z) (Phi(z) - Phi(z-q))^(k-1) dz
//
// (Lund and Lund, Algorithm AS 190, Applied Statistics 1983). It is the
// studentized range's with infinite degrees of freedom.
func StudentizedRange(q float64, k int) float64 {
	if q <= 0 {
		return 0
	}
	// The trapezoidal rule, since the integrand is analytic and vanishes at
	// both ends: at this step its error is below rounding. Beyond 9 phi is
	// below 1e-18.
	const step, end = .05, 9.
	sum := 0.0
	for i := -int(end / step); i <= int(end/step); i++ {
		z := float64(i) * step
		within := math.Erfc(-z/math.Sqrt2) - math.Erfc((q-z)/math.Sqrt2)
		if z > q {
			// The same by the other tails, where the first form cancels.
			within = math.Erfc((z-q)/math.Sqrt2) - math.Erfc(z/math.Sqrt2)
		}
		sum += math.Exp(-z*z/2) * math.Pow(within/2, float64(k-1))
	}
	return min(1, float64(k)*sum*step/math.Sqrt(2*math.Pi))
}

// StudentizedRangeQuantile returns the q for which StudentizedRange is p, for
// p between 0 and 1, to some 1e-10.
func StudentizedRangeQuantile(p float64, k int) float64 {
	low, high := 0., 1.
	for StudentizedRange(high, k) < p {
		high *= 2
	}
	for high-low > 1e-12*high {
		middle := (low + high) / 2
		if middle <= low || middle >= high {
			break
		}
		if StudentizedRange(middle, k) < p {
			low = middle
		} else {
			high = middle
		}
	}
	return (low + high) / 2
}
