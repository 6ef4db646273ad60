package stat

import "math"

// Components says where the spread of a cell's trials comes from.
type Components struct {
	// Split and Seed are the variances of the split's effect and of a
	// predictor's seed on one split; NaN where they can't be told apart,
	// which takes two splits and two seeds on one of them.
	Split, Seed float64
	Splits      int
	Trials      int
}

// Vary returns the components of variance of trials of several seeds a split:
// those of the one-way analysis of variance with random effects (Searle,
// Casella and McCulloch, Variance Components, 1992, section 3.6), where Seed
// is the mean square within splits W and Split is (B - W) / n0, B the mean
// square between splits and n0 the number of seeds a split, or what stands
// for it where splits have different numbers. A negative estimate of Split is
// reported as 0. Both are NaN where a trial failed or is undefined.
func Vary(trials []Trial) Components {
	means := BySplit(trials)
	c := Components{Split: math.NaN(), Seed: math.NaN(), Splits: len(means), Trials: len(trials)}
	if len(means) < 2 || len(trials) <= len(means) {
		return c
	}
	grand := 0.0
	for _, t := range trials {
		grand += t.Value / float64(len(trials))
	}
	bySplit := make(map[int]float64, len(means))
	for _, m := range means {
		if math.IsNaN(m.Value) {
			return c
		}
		bySplit[m.Split] = m.Value
	}
	number := make(map[int]float64, len(means)) // seeds, by split
	var within, between, squares float64
	for _, t := range trials {
		m := bySplit[t.Split]
		within += (t.Value - m) * (t.Value - m)
		between += (m - grand) * (m - grand)
		number[t.Split]++
	}
	for _, n := range number {
		squares += n * n // whole numbers: their order doesn't matter
	}
	total, splits := float64(len(trials)), float64(len(means))
	within /= total - splits
	between /= splits - 1
	n0 := (total - squares/total) / (splits - 1)
	c.Seed = within
	c.Split = max(0, (between-within)/n0)
	return c
}
