package metric_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/hypernas/hypernas/harness/metric"
)

// tauByDefinition is tau-b by its definition, in O(n^2).
func tauByDefinition(x, y []float64) (float64, bool) {
	var difference, n0, n1, n2 int64
	for i := range x {
		for j := range i {
			n0++
			if x[i] == x[j] {
				n1++
			}
			if y[i] == y[j] {
				n2++
			}
			switch d := (x[i] - x[j]) * (y[i] - y[j]); {
			case d > 0:
				difference++
			case d < 0:
				difference--
			}
		}
	}
	if n0 == n1 || n0 == n2 {
		return 0, false
	}
	return float64(difference) / math.Sqrt(float64(n0-n1)*float64(n0-n2)), true
}

// tied returns n numbers of either sign, of which about levels are different.
func tied(r *rand.Rand, n, levels int) []float64 {
	x := make([]float64, n)
	for i := range x {
		x[i] = float64(r.IntN(levels)-levels/2) / 3
	}
	return x
}

func TestKendallTauBEqualsItsDefinition(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 0))
	for n := 0; n < 120; n += 1 + n/12 {
		for _, levels := range []int{1, 2, 3, 10, 1000} {
			x, y := tied(r, n, levels), tied(r, n, 1+r.IntN(levels))
			got, gotOK := metric.KendallTauB(x, y)
			want, wantOK := tauByDefinition(x, y)
			if got != want || gotOK != wantOK {
				t.Fatalf("n %d, %d levels: got %v %v, want %v %v", n, levels, got, gotOK, want, wantOK)
			}
		}
	}
}

func TestKendallTauBLaws(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 0))
	x, y := tied(r, 500, 40), tied(r, 500, 60)
	tau, _ := metric.KendallTauB(x, y)
	if got, _ := metric.KendallTauB(y, x); got != tau {
		t.Errorf("swapped: got %v, want %v", got, tau)
	}
	negative := make([]float64, len(y))
	for i, v := range y {
		negative[i] = -v
	}
	if got, _ := metric.KendallTauB(x, negative); got != -tau {
		t.Errorf("negated: got %v, want %v", got, -tau)
	}
	monotone := make([]float64, len(x))
	for i, v := range x {
		monotone[i] = math.Exp(v)
	}
	if got, _ := metric.KendallTauB(monotone, y); got != tau {
		t.Errorf("monotone: got %v, want %v", got, tau)
	}
	px, py := make([]float64, len(x)), make([]float64, len(x))
	for i, j := range r.Perm(len(x)) {
		px[i], py[i] = x[j], y[j]
	}
	if got, _ := metric.KendallTauB(px, py); got != tau {
		t.Errorf("permuted: got %v, want %v", got, tau)
	}
	if got, _ := metric.KendallTauB(x, x); got != 1 {
		t.Errorf("itself: got %v, want 1", got)
	}
	if got, ok := metric.KendallTauB([]float64{0, math.Copysign(0, -1), 1}, []float64{2, 1, 3}); !ok || got != 2/math.Sqrt(2*3) {
		t.Errorf("both zeros: got %v, want a tie", got)
	}
}

func TestCorrelationsWithAConstantAreUndefined(t *testing.T) {
	constant, varied := []float64{.1, .1, .1}, []float64{1, 2, 3}
	for name, f := range map[string]func(x, y []float64) (float64, bool){
		"kendall": metric.KendallTauB, "spearman": metric.Spearman, "pearson": metric.Pearson,
	} {
		for _, pair := range [][2][]float64{{constant, varied}, {varied, constant}, {{1}, {2}}, {nil, nil}} {
			if v, ok := f(pair[0], pair[1]); ok {
				t.Errorf("%s of %v: got %v, want undefined", name, pair, v)
			}
		}
	}
	scores := metric.Score(constant, varied, true)
	if _, ok := scores[metric.NameKendall]; ok || len(scores) == 0 {
		t.Errorf("got %v, want the metrics that are defined", scores)
	}
}

// Source: testdata/scipy.py (scipy 1.10).
func TestCorrelationsEqualScipy(t *testing.T) {
	data, err := os.ReadFile("testdata/scipy.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		X, Y                       []float64
		Kendall, Spearman, Pearson float64
	}
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	for i, c := range cases {
		near(t, "kendall", i, c.Kendall)(metric.KendallTauB(c.X, c.Y))
		near(t, "spearman", i, c.Spearman)(metric.Spearman(c.X, c.Y))
		near(t, "pearson", i, c.Pearson)(metric.Pearson(c.X, c.Y))
	}
}

// near returns a check that a metric is defined and equal to want but for
// rounding.
func near(t *testing.T, name string, i int, want float64) func(got float64, ok bool) {
	return func(got float64, ok bool) {
		t.Helper()
		if !ok || math.Abs(got-want) > 1e-12 {
			t.Errorf("case %d: %s: got %v %v, want %v", i, name, got, ok, want)
		}
	}
}

// naslibScores are what NASLib computed of targets y and predictions pred.
type naslibScores []struct {
	Y, Pred                                  []float64
	MAE, RMSE, Pearson, Spearman, KendallTau float64
	Precision10                              float64 `json:"precision_10"`
	Precision20                              float64 `json:"precision_20"`
}

func (cases naslibScores) check(t *testing.T) {
	t.Helper()
	for i, c := range cases {
		scores := metric.Score(c.Pred, c.Y, true)
		for name, want := range map[string]float64{
			"mae": c.MAE, "rmse": c.RMSE, "pearson": c.Pearson, "spearman": c.Spearman, "kendall_tau": c.KendallTau,
			"naslib_precision_10": c.Precision10, "naslib_precision_20": c.Precision20,
		} {
			if got, ok := scores[name]; !ok || math.Abs(got-want) > 1e-12 {
				t.Errorf("case %d: %s: got %v %v, want %v", i, name, got, ok, want)
			}
		}
	}
}

// Source: testdata/naslib.py, NASLib's formulas on invented values.
func TestScoresEqualNASLibOnInventedValues(t *testing.T) {
	data, err := os.ReadFile("testdata/naslib.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases naslibScores
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	cases.check(t)
}

// The scores of NASLib on its own predictions lie outside the repository, in
// the folder that HYPERNAS_GOLDEN names.
func TestScoresEqualNASLibGolden(t *testing.T) {
	folder := os.Getenv("HYPERNAS_GOLDEN")
	if folder == "" {
		folder = "../../../shared/golden"
	}
	data, err := os.ReadFile(filepath.Join(folder, "naslib_scores.json"))
	if err != nil {
		t.Skipf("no NASLib scores in %s: set HYPERNAS_GOLDEN to the folder that has naslib_scores.json", folder)
	}
	var cases naslibScores
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases) != 36 {
		t.Fatalf("got %d cases, want the 36 files of scores", len(cases))
	}
	cases.check(t)
}

func TestTopOfARanking(t *testing.T) {
	// By hand: true order is 3 0 2 1 5 4, predicted order 2 1 3 0 4 5.
	target := []float64{90, 70, 80, 95, 10, 20}
	pred := []float64{3, 5, 6, 4, 2, 1}
	p, tr := metric.Rank(pred), metric.Rank(target)
	if want := (metric.Ranking{2, 1, 3, 0, 4, 5}); !slices.Equal(p, want) {
		t.Fatalf("got ranking %v, want %v", p, want)
	}
	for k, want := range map[int]float64{1: 0, 2: 0, 3: 2. / 3, 4: 1} {
		if got := metric.PrecisionAtTop(p, tr, k); got != want {
			t.Errorf("precision at top %d: got %v, want %v", k, got, want)
		}
	}
	for k, want := range map[int]int{1: 3, 2: 3, 3: 1} {
		if got := metric.BestRank(p, tr, k); got != want {
			t.Errorf("N@%d: got %d, want %d", k, got, want)
		}
	}
	for k, want := range map[int]float64{1: 15, 2: 15, 3: 0} {
		if got := metric.Regret(p, target, k); got != want {
			t.Errorf("regret@%d: got %v, want %v", k, got, want)
		}
	}
	if got := metric.NASLibPrecision(pred, target, 3); got != 2./3 {
		t.Errorf("NASLib's precision: got %v, want 2/3", got)
	}
	// Everything tied: nothing is strictly above the (k+1)-th value.
	if got := metric.NASLibPrecision(make([]float64, 6), target, 3); got != 0 {
		t.Errorf("NASLib's precision of ties: got %v, want 0", got)
	}
	if got := metric.Rank([]float64{1, 2, 1, 2}); !slices.Equal(got, metric.Ranking{1, 3, 0, 2}) {
		t.Errorf("ties: got %v, want the rows' own order", got)
	}
	for n, want := range map[int]int{10: 1, 39: 1, 40: 2, 5240: 262} {
		if got := metric.TopK(n, .05); got != want {
			t.Errorf("top 5 %% of %d: got %d, want %d", n, got, want)
		}
	}
}

func TestScoreNamesWhatIsDefined(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 0))
	x, y := tied(r, 400, 1000), tied(r, 400, 1000)
	all := metric.Score(x, y, true)
	for _, name := range metric.Names() {
		if v, ok := all[name]; !ok || math.IsNaN(v) {
			t.Errorf("%s: got %v %v, want a value", name, v, ok)
		}
	}
	if got, want := len(all), len(metric.Names()); got != want {
		t.Errorf("got %d metrics, want %d", got, want)
	}
	if got := metric.Score(x, y, false); len(got) != len(all)-2 {
		t.Errorf("off the label's scale: got %d metrics, want %d", len(got), len(all)-2)
	}
	few := metric.Score(x[:7], y[:7], false)
	if _, ok := few["regret_at_10"]; ok {
		t.Error("regret at 10 of 7 rows is defined")
	}
	if _, ok := few["regret_at_5"]; !ok {
		t.Error("regret at 5 of 7 rows is undefined")
	}
	huge := metric.Score([]float64{1e308, -1e308, 0}, []float64{1, 2, 3}, true)
	for name, v := range huge {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			t.Errorf("huge predictions: %s is %v", name, v)
		}
	}
}

func TestNoiseAndCeiling(t *testing.T) {
	a, b, c := []float64{1, 2, 3, 4}, []float64{1, 2, 4, 3}, []float64{4, 3, 2, 1}
	// By hand: tau(a,b) = 4/6, tau(a,c) = -1, tau(b,c) = -4/6.
	if got, ok := metric.Noise([][]float64{a, b, c}); !ok || math.Abs(got+1./3) > 1e-15 {
		t.Errorf("noise: got %v %v, want -1/3", got, ok)
	}
	if _, ok := metric.Noise([][]float64{a}); ok {
		t.Error("noise of one run is defined")
	}
	// One run: 2/pi asin sqrt(sin(pi/4)); without noise 1; more runs, higher.
	if got, ok := metric.Ceiling(.5, 1); !ok || math.Abs(got-2/math.Pi*math.Asin(math.Sqrt(math.Sqrt2/2))) > 1e-15 {
		t.Errorf("ceiling: got %v %v", got, ok)
	}
	if got, _ := metric.Ceiling(1, 3); math.Abs(got-1) > 1e-7 {
		t.Errorf("ceiling without noise: got %v, want 1", got)
	}
	last := 0.
	for k := 1; k < 10; k++ {
		got, _ := metric.Ceiling(.8, k)
		if got <= last || got >= 1 {
			t.Errorf("ceiling at %d runs: got %v after %v", k, got, last)
		}
		last = got
	}
	if _, ok := metric.Ceiling(.5, 0); ok {
		t.Error("the ceiling is defined where the runs aren't known")
	}
}

// BenchmarkKendallTauB has the size of NAS-Bench-101.
func BenchmarkKendallTauB(b *testing.B) {
	const n = 423_624
	r := rand.New(rand.NewPCG(4, 0))
	x, y := make([]float64, n), make([]float64, n)
	for i := range x {
		x[i] = r.NormFloat64()
		y[i] = x[i] + .5*r.NormFloat64()
	}
	b.ReportAllocs()
	for b.Loop() {
		metric.KendallTauB(x, y)
	}
}

func BenchmarkScore(b *testing.B) {
	r := rand.New(rand.NewPCG(5, 0))
	x, y := tied(r, 15_625, 1<<20), tied(r, 15_625, 1<<20)
	for b.Loop() {
		metric.Score(x, y, true)
	}
}
