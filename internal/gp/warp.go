package gp

import (
	"math"
	"slices"
)

// robustTo writes labels, less their median and divided by their interquartile
// range over 1.349 (a normal variable's, whose deviation is 1), to dst. The
// divisor is at least a thousandth of the standard deviation.
func robustTo(dst, labels []float64) {
	sorted := slices.Clone(labels)
	slices.Sort(sorted)
	median := quantile(sorted, .5)
	mean, squares := 0.0, 0.0
	for _, y := range labels {
		mean += y / float64(len(labels))
	}
	for _, y := range labels {
		squares += (y - mean) * (y - mean) / float64(len(labels))
	}
	scale := max((quantile(sorted, .75)-quantile(sorted, .25))/1.349, 1e-3*math.Sqrt(squares)+1e-12)
	for i, y := range labels {
		dst[i] = (y - median) / scale
	}
}

// quantile interpolates linearly between the sorted values (numpy's default).
func quantile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	k := int(at)
	if k+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[k] + (at-float64(k))*(sorted[k+1]-sorted[k])
}

// warped is a label u under the warp with logarithms of its two parameters, a
// below the median and b above: t = sign(u) log(1 + c|u|) / c, c being a or b
// (warped Gaussian processes: Snelson et al., NeurIPS 2004; this warp is the
// project's own). rate is dt/dlog c, gain is log dt/du, which the likelihood
// gains, and gainRate its derivative by log c.
type warped struct{ t, rate, gain, gainRate float64 }

func warp(u, logA, logB float64) warped {
	c, sign := math.Exp(logB), 1.0
	if u < 0 {
		c, sign = math.Exp(logA), -1
	}
	x := c * math.Abs(u)
	l := math.Log1p(x)
	return warped{
		t:        sign * l / c,
		rate:     sign * (math.Abs(u)/(1+x) - l/c),
		gain:     -l,
		gainRate: -x / (1 + x),
	}
}
