package metric

import (
	"fmt"
	"math"
	"slices"
)

// Pearson returns the product-moment correlation of x and y; it is undefined
// where one is constant or has fewer than two values.
func Pearson(x, y []float64) (r float64, ok bool) {
	mustMatch(x, y)
	if constant(x) || constant(y) {
		return 0, false
	}
	mx, my := mean(x), mean(y)
	var xx, yy, xy float64
	for i := range x {
		dx, dy := x[i]-mx, y[i]-my
		xx += dx * dx
		yy += dy * dy
		xy += dx * dy
	}
	r = xy / (math.Sqrt(xx) * math.Sqrt(yy))
	if math.IsNaN(r) || math.IsInf(r, 0) {
		return 0, false // the sums left the range of float64
	}
	return max(-1, min(1, r)), true
}

// Spearman returns the rank correlation of x and y: Pearson's of the average
// ranks. It is undefined where Pearson's is.
func Spearman(x, y []float64) (rho float64, ok bool) {
	mustMatch(x, y)
	return Pearson(averageRanks(x), averageRanks(y))
}

// MAE returns the mean absolute error of pred; 0 rows have none.
func MAE(pred, target []float64) (mae float64, ok bool) {
	mustMatch(pred, target)
	var sum float64
	for i := range pred {
		sum += math.Abs(pred[i] - target[i])
	}
	mae = sum / float64(len(pred))
	return mae, finite(mae)
}

// RMSE returns the root of the mean squared error of pred; 0 rows have none.
func RMSE(pred, target []float64) (rmse float64, ok bool) {
	mustMatch(pred, target)
	var sum float64
	for i := range pred {
		d := pred[i] - target[i]
		sum += d * d
	}
	rmse = math.Sqrt(sum / float64(len(pred)))
	return rmse, finite(rmse)
}

// TopK returns how many rows the top of the given share of n rows holds:
// max(1, int(n*ratio)), as the papers' code has it.
func TopK(n int, ratio float64) int {
	return max(1, int(float64(n)*ratio))
}

// PrecisionAtTop returns P@topK ("top-k accuracy"): the share of the k truly
// best rows among the k that pred ranks best. k is at least 1 and at most the
// number of rows.
func PrecisionAtTop(pred, target Ranking, k int) float64 {
	top := make(map[uint32]bool, k)
	for _, row := range target[:k] {
		top[row] = true
	}
	hits := 0
	for _, row := range pred[:k] {
		if top[row] {
			hits++
		}
	}
	return float64(hits) / float64(k)
}

// BestRank returns N@K: the best true rank, from 1, among the k rows that
// pred ranks best (Ning et al., A Generic Graph-based Neural Architecture
// Encoding Scheme for Predictor-based NAS, ECCV 2020).
func BestRank(pred, target Ranking, k int) int {
	top := make(map[uint32]bool, k)
	for _, row := range pred[:k] {
		top[row] = true
	}
	for i, row := range target {
		if top[row] {
			return i + 1
		}
	}
	panic("metric: rankings of different rows")
}

// Regret returns the best target minus the best target among the k rows that
// pred ranks best.
func Regret(pred Ranking, target []float64, k int) float64 {
	best := math.Inf(-1)
	for _, row := range pred[:k] {
		best = max(best, target[row])
	}
	return slices.Max(target) - best
}

// NASLibPrecision returns NASLib's precision_k: rows that are, in pred and in
// target, strictly above the (k+1)-th largest value, divided by k
// (naslib/defaults/predictor_evaluator.py). It differs from PrecisionAtTop
// where values are tied around that place. There must be more than k rows.
func NASLibPrecision(pred, target []float64, k int) float64 {
	mustMatch(pred, target)
	above := func(values []float64) float64 { return values[Rank(values)[k]] }
	p, t := above(pred), above(target)
	hits := 0
	for i := range pred {
		if pred[i] > p && target[i] > t {
			hits++
		}
	}
	return float64(hits) / float64(k)
}

// Names of metrics, as records and the CSV have them.
const (
	NameKendall  = "kendall_tau"
	NameSpearman = "spearman"
	NamePearson  = "pearson"
	NameMAE      = "mae"
	NameRMSE     = "rmse"
)

// shares are the tops that PROTOCOLS asks for, with their names.
func shares() []struct {
	ratio float64
	name  string
} {
	return []struct {
		ratio float64
		name  string
	}{
		{.001, "top_0.1pct_accuracy"},
		{.005, "top_0.5pct_accuracy"},
		{.01, "top_1pct_accuracy"},
		{.05, "top_5pct_accuracy"},
		{.1, "top_10pct_accuracy"},
	}
}

// Names returns the names of all metrics that Score can return, in the order
// in which tables show them.
func Names() []string {
	names := []string{NameKendall, NameSpearman, NamePearson}
	for _, s := range shares() {
		names = append(names, s.name)
	}
	for _, form := range []string{"n_at_%d", "regret_at_%d"} {
		for _, k := range []int{5, 10} {
			names = append(names, fmt.Sprintf(form, k))
		}
	}
	return append(names, "naslib_precision_10", "naslib_precision_20", NameRMSE, NameMAE)
}

// Score returns every metric that is defined for pred and target, by name.
// Errors (RMSE, MAE) are among them where labelScale says that pred is on the
// label's scale.
func Score(pred, target []float64, labelScale bool) map[string]float64 {
	mustMatch(pred, target)
	n := len(pred)
	scores := make(map[string]float64)
	put := func(name string, value float64, ok bool) {
		if ok {
			scores[name] = value
		}
	}
	tau, ok := KendallTauB(pred, target)
	put(NameKendall, tau, ok)
	rho, ok := Spearman(pred, target)
	put(NameSpearman, rho, ok)
	r, ok := Pearson(pred, target)
	put(NamePearson, r, ok)
	if labelScale {
		e, ok := RMSE(pred, target)
		put(NameRMSE, e, ok)
		e, ok = MAE(pred, target)
		put(NameMAE, e, ok)
	}
	p, t := Rank(pred), Rank(target)
	if n > 0 {
		for _, s := range shares() {
			scores[s.name] = PrecisionAtTop(p, t, TopK(n, s.ratio))
		}
	}
	for _, k := range []int{5, 10} {
		if n >= k {
			scores[fmt.Sprintf("n_at_%d", k)] = float64(BestRank(p, t, k))
			scores[fmt.Sprintf("regret_at_%d", k)] = Regret(p, target, k)
		}
	}
	for _, k := range []int{10, 20} {
		if n > k {
			scores[fmt.Sprintf("naslib_precision_%d", k)] = NASLibPrecision(pred, target, k)
		}
	}
	return scores
}

// Noise returns how well single training runs agree on the ranking: the mean
// Kendall tau-b over all pairs of runs, each a column of one value a row. It
// is undefined for fewer than two runs or where a tau is.
func Noise(runs [][]float64) (noise float64, ok bool) {
	if len(runs) < 2 {
		return 0, false
	}
	var sum float64
	for i := range runs {
		for _, other := range runs[:i] {
			tau, ok := KendallTauB(runs[i], other)
			if !ok {
				return 0, false
			}
			sum += tau
		}
	}
	return sum / float64(len(runs)*(len(runs)-1)/2), true
}

// Ceiling returns the Kendall tau that a perfect predictor would reach
// against a target that is the mean of k training runs, where single runs
// agree with tau noise:
//
//	2/pi asin sqrt(k r / (1 + (k-1) r)), r = sin(pi noise / 2)
//
// r is the correlation of two runs by Greiner's relation for normal values,
// the root the correlation of the truth with the mean of k (Spearman-Brown).
// It is undefined for k < 1 and for noise that is not positive.
func Ceiling(noise float64, k int) (ceiling float64, ok bool) {
	if k < 1 || !(noise > 0 && noise <= 1) {
		return 0, false
	}
	r := math.Sin(math.Pi * noise / 2)
	return 2 / math.Pi * math.Asin(math.Sqrt(float64(k)*r/(1+float64(k-1)*r))), true
}

// constant reports whether x has no two different values.
func constant(x []float64) bool {
	for _, v := range x {
		if v != x[0] {
			return false
		}
	}
	return true
}

func mean(x []float64) float64 {
	var sum float64
	for _, v := range x {
		sum += v
	}
	return sum / float64(len(x))
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
