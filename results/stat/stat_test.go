package stat_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/hypernas/hypernas/results/stat"
)

// reference is testdata/reference.json, which testdata/reference.py wrote.
type reference struct {
	Intervals []struct {
		X               []float64
		Mean, Low, High float64
	}
	Crossings []struct {
		Labels      []int
		Tau         [][]float64 // by budget, by split
		Level, Want float64
	}
}

func readReference(t *testing.T) reference {
	t.Helper()
	data, err := os.ReadFile("testdata/reference.json")
	if err != nil {
		t.Fatal(err)
	}
	var r reference
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

func near(got, want, tolerance float64) bool {
	return math.Abs(got-want) <= tolerance*max(1, math.Abs(want))
}

func TestMeanEqualsScipyTInterval(t *testing.T) {
	for _, tc := range readReference(t).Intervals {
		got := stat.Mean(tc.X)
		// gonum's quantile of t is good to some 1e-11.
		if !near(got.Mean, tc.Mean, 1e-14) || !near(got.Low, tc.Low, 1e-10) || !near(got.High, tc.High, 1e-10) {
			t.Errorf("n = %d: got %v, want %v [%v, %v]", len(tc.X), got, tc.Mean, tc.Low, tc.High)
		}
		if got.N != len(tc.X) {
			t.Errorf("got N %d, want %d", got.N, len(tc.X))
		}
	}
}

func TestMeanOfFewValues(t *testing.T) {
	if got := stat.Mean(nil); !math.IsNaN(got.Mean) || got.N != 0 {
		t.Errorf("no values: got %v", got)
	}
	if got := stat.Mean([]float64{.5}); got.Mean != .5 || !math.IsNaN(got.Low) || !math.IsNaN(got.High) {
		t.Errorf("one value: got %v, want a mean without interval", got)
	}
	if got := stat.Mean([]float64{.1, .1, .1}); got.Mean != .1 || got.Low != .1 || got.High != .1 {
		t.Errorf("equal values: got %v, want .1 exactly", got)
	}
}

func TestSummarizeAveragesSeedsWithinTheSplitFirst(t *testing.T) {
	got := stat.Summarize([]stat.Trial{
		{Split: 1, Value: .9}, {Split: 0, Value: .4}, {Split: 1, Value: .7}, {Split: 0, Value: .6}, {Split: 0, Value: .5},
	})
	want := stat.Mean([]float64{.5, .8})
	if !near(got.Mean, want.Mean, 1e-15) || !near(got.Low, want.Low, 1e-15) || !near(got.High, want.High, 1e-15) || got.N != 2 {
		t.Errorf("got %+v, want %+v", got.Interval, want)
	}
	if got.Trials != 5 || got.Failed != 0 || got.Undefined != 0 {
		t.Errorf("got counts %d, %d, %d", got.Trials, got.Failed, got.Undefined)
	}
}

func TestSummarizeGivesCountsAndNoMeanWhereSomethingIsMissing(t *testing.T) {
	trials := make([]stat.Trial, 10)
	for i := range trials {
		trials[i] = stat.Trial{Split: i, Value: .5}
	}
	if got := stat.Summarize(trials); !got.Known() {
		t.Fatalf("ten whole splits: got %+v", got)
	}
	trials[3] = stat.Trial{Split: 3, Failed: true}
	trials[4].Value = math.NaN()
	got := stat.Summarize(trials)
	if got.Known() || got.Trials != 10 || got.Failed != 1 || got.Undefined != 1 {
		t.Errorf("got %+v, want counts and no mean", got)
	}
}

func budgets(labels []int, tau [][]float64) []stat.Budget {
	var bs []stat.Budget
	for b, n := range labels {
		budget := stat.Budget{Labels: n}
		for split, v := range tau[b] {
			budget.Trials = append(budget.Trials, stat.Trial{Split: split, Value: v})
		}
		bs = append(bs, budget)
	}
	return bs
}

func generator() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }

func TestReachEqualsNumpyInterpolation(t *testing.T) {
	for _, tc := range readReference(t).Crossings {
		got := stat.Reach(budgets(tc.Labels, tc.Tau), tc.Level, generator())
		if !near(got.Labels, tc.Want, 1e-12) {
			t.Errorf("%v: got %v, want %v", tc.Labels, got.Labels, tc.Want)
		}
		if !(got.Low < got.Labels && got.Labels < got.High) || got.Splits != 6 {
			t.Errorf("%v: got %v in [%v, %v] over %d splits", tc.Labels, got.Labels, got.Low, got.High, got.Splits)
		}
		if again := stat.Reach(budgets(tc.Labels, tc.Tau), tc.Level, generator()); again != got {
			t.Errorf("the same generator gave %v, then %v", got, again)
		}
	}
}

func TestReachTakesTheFirstCrossing(t *testing.T) {
	// Up, down and up again: .6 lies halfway, on the logarithm, from 10 to 40.
	got := stat.Reach(budgets([]int{10, 40, 100, 400}, [][]float64{{.5}, {.7}, {.4}, {.9}}), .6, generator())
	if !near(got.Labels, 20, 1e-12) || !math.IsNaN(got.Low) {
		t.Errorf("got %+v, want 20 labels and, of one split, no interval", got)
	}
}

func TestReachBeyondTheBudgets(t *testing.T) {
	low := budgets([]int{20, 50}, [][]float64{{.1, .2}, {.3, .4}})
	if got := stat.Reach(low, .5, generator()); !math.IsInf(got.Labels, 1) || !math.IsInf(got.Low, 1) || !math.IsInf(got.High, 1) {
		t.Errorf("never reached: got %+v", got)
	}
	if got := stat.Reach(low, .5, generator()); got.Least != 20 || got.Most != 50 {
		t.Errorf("got bounds %d and %d, want the budgets 20 and 50", got.Least, got.Most)
	}
	if got := stat.Reach(low, .05, generator()); !math.IsInf(got.Labels, -1) || !math.IsInf(got.High, -1) {
		t.Errorf("reached at once: got %+v", got)
	}
	// One of two splits reaches .35 between the budgets, the other never does.
	if got := stat.Reach(low, .35, generator()); !near(got.Labels, 50, 1e-9) || !(got.Low < 50) || !math.IsInf(got.High, 1) {
		t.Errorf("sometimes reached: got %+v, want 50 in [fewer, +Inf]", got)
	}
}

func TestReachNeedsWholeCurves(t *testing.T) {
	whole := budgets([]int{20, 50}, [][]float64{{.1, .2, .3}, {.7, .8}})
	if got := stat.Reach(whole, .5, generator()); got.Splits != 2 || !got.Known() {
		t.Errorf("a split that lacks a budget: got %+v, want the other two splits", got)
	}
	for name, damage := range map[string]func(*stat.Trial){
		"failed":    func(t *stat.Trial) { t.Failed = true },
		"undefined": func(t *stat.Trial) { t.Value = math.NaN() },
	} {
		bs := budgets([]int{20, 50}, [][]float64{{.1, .2}, {.7, .8}})
		damage(&bs[1].Trials[0])
		if got := stat.Reach(bs, .5, generator()); got.Known() {
			t.Errorf("%s: got %+v, want nothing known", name, got)
		}
	}
	if got := stat.Reach(nil, .5, generator()); got.Known() {
		t.Errorf("no budgets: got %+v", got)
	}
}

// TestReachIsPairedOverBudgets checks that a resample takes a split with all
// its budgets: splits that are parallel curves, with the same crossing, leave
// no doubt about it.
func TestReachIsPairedOverBudgets(t *testing.T) {
	steep := budgets([]int{10, 1000}, [][]float64{{.4, .5, .3}, {.6, .5, .7}})
	got := stat.Reach(steep, .5, generator())
	if !near(got.Labels, 100, 1e-9) {
		t.Errorf("got %v, want 100", got.Labels)
	}
	// Each split crosses .5 at 100 labels, so every mixture of them does too,
	// or lies on .5 throughout.
	if !near(got.High, 100, 1e-9) {
		t.Errorf("got interval [%v, %v], want it to end at 100", got.Low, got.High)
	}
}
