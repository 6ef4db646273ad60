package stat_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/hypernas/hypernas/results/stat"
)

// tests is testdata/tests.json, which testdata/tests.py wrote (scipy 1.10.1).
type tests struct {
	Paired []struct {
		A, B               []float64
		Mean, Low, High, P float64
	}
	Holm     []struct{ P, Want []float64 }
	Friedman []struct {
		X            [][]float64
		Statistic, P float64
		Ranks        []float64
	}
	Wilcoxon []struct {
		D            []float64
		Statistic, P float64
		Exact        bool
	}
	Studentized []struct {
		K    int
		Q, P float64
	}
	Quantiles []struct {
		K int
		Q float64
	}
	Power []struct {
		Paired                bool
		N                     int
		Difference, SD, Power float64
	}
	Components []struct {
		Groups      [][]float64
		Seed, Split float64
	}
	Area struct {
		Labels []int
		Tau    [][]float64
		Want   []float64
	}
}

func readTests(t *testing.T) tests {
	t.Helper()
	data, err := os.ReadFile("testdata/tests.json")
	if err != nil {
		t.Fatal(err)
	}
	var r tests
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// trials returns one trial a split with the given values.
func trials(values ...float64) []stat.Trial {
	var ts []stat.Trial
	for split, v := range values {
		ts = append(ts, stat.Trial{Split: split, Value: v})
	}
	return ts
}

func TestPairedEqualsScipy(t *testing.T) {
	for _, tc := range readTests(t).Paired {
		got := stat.Paired(trials(tc.A...), trials(tc.B...))
		if !near(got.Mean, tc.Mean, 1e-14) || !near(got.Low, tc.Low, 1e-10) || !near(got.High, tc.High, 1e-10) || !near(got.P, tc.P, 1e-10) {
			t.Errorf("n = %d: got %+v, want %v [%v, %v], p %v", len(tc.A), got, tc.Mean, tc.Low, tc.High, tc.P)
		}
	}
}

func TestPairedTakesTheSplitsThatBothHave(t *testing.T) {
	a := []stat.Trial{{Split: 0, Value: .5}, {Split: 2, Value: .7}, {Split: 3, Value: .8}, {Split: 3, Value: .6}}
	b := []stat.Trial{{Split: 3, Value: .5}, {Split: 2, Value: .6}, {Split: 9, Value: .1}}
	got, want := stat.Paired(a, b), stat.Mean([]float64{.7 - .6, .7 - .5})
	if got.N != 2 || !near(got.Mean, want.Mean, 1e-15) || !near(got.Low, want.Low, 1e-12) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	b[0].Failed = true
	if got := stat.Paired(a, b); !math.IsNaN(got.Mean) || !math.IsNaN(got.P) || got.N != 0 {
		t.Errorf("a failed trial: got %+v, want nothing known", got)
	}
	if got := stat.Paired(trials(.5), trials(.3)); got.Mean != .2 || !math.IsNaN(got.P) {
		t.Errorf("one split: got %+v, want a difference without p-value", got)
	}
	if got := stat.Paired(trials(.5, .7), trials(.5, .7)); got.P != 1 {
		t.Errorf("no difference: got p %v, want 1", got.P)
	}
	if got := stat.Paired(trials(.75, .5), trials(.5, .25)); got.P != 0 || got.Low != .25 {
		t.Errorf("the same difference everywhere: got %+v, want p 0", got)
	}
}

func TestHolmEqualsDefinition(t *testing.T) {
	for _, tc := range readTests(t).Holm {
		got := stat.Holm(tc.P)
		for i := range got {
			if !near(got[i], tc.Want[i], 1e-15) {
				t.Errorf("%v: got %v, want %v", tc.P, got, tc.Want)
				break
			}
		}
	}
	got := stat.Holm([]float64{math.NaN(), .03, .02})
	if !math.IsNaN(got[0]) || got[1] != .04 || got[2] != .04 {
		t.Errorf("got %v, want NaN, .04 and .04: what is unknown does not count", got)
	}
}

func TestBootstrap(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	var a, b []float64
	for range 60 {
		v := .7 + .05*r.NormFloat64()
		a, b = append(a, v+.01+.02*r.NormFloat64()), append(b, v)
	}
	got, want := stat.Bootstrap(trials(a...), trials(b...), generator()), stat.Paired(trials(a...), trials(b...))
	// For 60 normal differences both intervals are nearly the same.
	if got.Mean != want.Mean || math.Abs(got.Low-want.Low) > .1*want.HalfWidth() || math.Abs(got.High-want.High) > .1*want.HalfWidth() {
		t.Errorf("got %+v, want about %+v", got, want.Interval)
	}
	if again := stat.Bootstrap(trials(a...), trials(b...), generator()); again != got {
		t.Errorf("the same generator gave %v, then %v", got, again)
	}
	if got := stat.Bootstrap(trials(.5), trials(.3), generator()); !math.IsNaN(got.Low) {
		t.Errorf("one split: got %+v, want no interval", got)
	}
}

func TestCompareTiesWhatCannotBeSeparated(t *testing.T) {
	base := []float64{.60, .65, .70, .62, .68, .66}
	shift := func(by, wobble float64) []stat.Trial {
		var values []float64
		for i, v := range base {
			values = append(values, v+by+wobble*float64(i%3-1))
		}
		return trials(values...)
	}
	failed := shift(.3, 0)
	failed[2] = stat.Trial{Split: 2, Failed: true}
	c := stat.Compare([][]stat.Trial{shift(-.2, .001), shift(0, 0), shift(-.003, .01), failed})
	if c.Best != 1 {
		t.Fatalf("got best %d, want 1", c.Best)
	}
	for i, want := range []bool{false, true, true, false} {
		if got := c.Versus[i].Tied; got != want {
			t.Errorf("predictor %d: tied: got %v, want %v (%+v)", i, got, want, c.Versus[i])
		}
	}
	if v := c.Versus[0]; !near(v.Mean, .2, 1e-12) || v.Adjusted != 2*v.P {
		t.Errorf("got %+v, want a difference of .2 and p doubled for two comparisons", v)
	}
	if got := stat.Compare([][]stat.Trial{failed, nil}); got.Best != -1 || got.Versus[1].Tied {
		t.Errorf("nothing known: got %+v", got)
	}
	// Of one split, nothing can be told from the best.
	if got := stat.Compare([][]stat.Trial{trials(.9), trials(.1)}); got.Best != 0 || !got.Versus[1].Tied {
		t.Errorf("one split: got %+v, want a tie", got)
	}
}

func TestImputeCounts(t *testing.T) {
	from := []stat.Trial{{Split: 0, Value: .5}, {Split: 1, Failed: true}, {Split: 2, Value: math.NaN()}}
	got, count := stat.Impute(from, 0)
	if s := stat.Summarize(got); count != 2 || !near(s.Mean, .5/3, 1e-15) || !from[1].Failed {
		t.Errorf("got %+v and %d, want two zeros, and the argument left alone", got, count)
	}
}

func TestComponentsEqualScipyAnova(t *testing.T) {
	for _, tc := range readTests(t).Components {
		var ts []stat.Trial
		for split, group := range tc.Groups {
			for _, v := range group {
				ts = append(ts, stat.Trial{Split: split, Value: v})
			}
		}
		got := stat.Vary(ts)
		if !near(got.Seed*1e4, tc.Seed*1e4, 1e-11) || !near(got.Split*1e4, tc.Split*1e4, 1e-11) || got.Splits != len(tc.Groups) {
			t.Errorf("got %+v, want %v and %v", got, tc.Split, tc.Seed)
		}
	}
	for name, ts := range map[string][]stat.Trial{
		"one seed a split": trials(.5, .6, .7),
		"one split":        {{Value: .5}, {Value: .6}},
		"failed":           {{Value: .5}, {Value: .6}, {Split: 1, Value: .5}, {Split: 1, Failed: true}},
		"nothing":          nil,
	} {
		if got := stat.Vary(ts); !math.IsNaN(got.Split) || !math.IsNaN(got.Seed) {
			t.Errorf("%s: got %+v, want nothing known", name, got)
		}
	}
}

func TestFriedmanEqualsScipy(t *testing.T) {
	for _, tc := range readTests(t).Friedman {
		got := stat.FriedmanTest(tc.X)
		if !near(got.Statistic, tc.Statistic, 1e-12) || !near(got.P, tc.P, 1e-12) {
			t.Errorf("%d blocks: got %v, p %v, want %v, p %v", len(tc.X), got.Statistic, got.P, tc.Statistic, tc.P)
		}
		for i, want := range tc.Ranks {
			if !near(got.Ranks[i], want, 1e-14) {
				t.Errorf("%d blocks: got ranks %v, want %v", len(tc.X), got.Ranks, tc.Ranks)
				break
			}
		}
	}
	for name, blocks := range map[string][][]float64{
		"all ties": {{1, 1, 1}, {2, 2, 2}}, "two predictors": {{1, 2}, {2, 1}}, "one block": {{1, 2, 3}}, "nothing": nil,
	} {
		if got := stat.FriedmanTest(blocks); !math.IsNaN(got.Statistic) || !math.IsNaN(got.P) {
			t.Errorf("%s: got %+v, want undefined", name, got)
		}
	}
}

func TestWilcoxonEqualsScipy(t *testing.T) {
	exact, normal := 0, 0
	for _, tc := range readTests(t).Wilcoxon {
		got := stat.Wilcoxon(tc.D)
		if !near(got.Statistic, tc.Statistic, 1e-14) || !near(got.P, tc.P, 1e-12) || got.Exact != tc.Exact {
			t.Errorf("n = %d: got %+v, want %v, p %v", len(tc.D), got, tc.Statistic, tc.P)
		}
		if got.Exact {
			exact++
		} else {
			normal++
		}
	}
	if exact < 8 || normal < 2 {
		t.Errorf("got %d exact and %d normal cases, want both", exact, normal)
	}
	if got := stat.Wilcoxon([]float64{0, 0}); got.P != 1 || got.Zeros != 2 || got.Pairs != 2 {
		t.Errorf("no pair differs: got %+v, want p 1", got)
	}
	if got := stat.Wilcoxon(nil); !math.IsNaN(got.P) {
		t.Errorf("no pairs: got %+v, want undefined", got)
	}
	// All of one sign: both tails hold one of 2^n signs each.
	if got := stat.Wilcoxon([]float64{1, 2, 3, 4, 5}); got.P != 2./32 {
		t.Errorf("five of one sign: got p %v, want .0625", got.P)
	}
}

func TestStudentizedRangeEqualsScipy(t *testing.T) {
	for _, tc := range readTests(t).Studentized {
		// scipy integrates to some 1e-10.
		if got := stat.StudentizedRange(tc.Q, tc.K); math.Abs(got-tc.P) > 1e-9 {
			t.Errorf("k %d, q %v: got %v, want %v", tc.K, tc.Q, got, tc.P)
		}
	}
	for _, tc := range readTests(t).Quantiles {
		if got := stat.StudentizedRangeQuantile(.95, tc.K); !near(got, tc.Q, 1e-7) {
			t.Errorf("k %d: got %v, want %v", tc.K, got, tc.Q)
		}
	}
	// Two values: the range is sqrt 2 times a half-normal.
	if got, want := stat.StudentizedRange(2, 2), math.Erf(1); !near(got, want, 1e-14) {
		t.Errorf("k 2: got %v, want %v", got, want)
	}
}

// Demšar (JMLR 2006), table 5(a), q for two to ten classifiers at .05.
func TestCriticalDifferenceOfDemsar(t *testing.T) {
	for i, want := range []float64{1.960, 2.343, 2.569, 2.728, 2.850, 2.949, 3.031, 3.102, 3.164} {
		k := i + 2
		got := stat.CriticalDifference(k, 14) / math.Sqrt(float64(k*(k+1))/(6*14))
		if math.Abs(got-want) > 1.5e-3 { // the table's last digit is not always rounded
			t.Errorf("%d predictors: got q %v, want %v", k, got, want)
		}
	}
}

func TestOverCells(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	var blocks [][]float64
	for range 14 {
		base := r.Float64()
		// The third and the second can't be told apart, the first lies below.
		blocks = append(blocks, []float64{base, base + .1 + .01*r.Float64(), base + .1 + .01*r.Float64()})
	}
	blocks = append(blocks, []float64{.5, math.NaN(), .6})
	o := stat.OverCells(blocks)
	if o.Blocks != 14 || len(o.Warnings) != 1 || !strings.Contains(o.Warnings[0], "1 of 15 cells") {
		t.Errorf("got %d blocks and %q, want one left out and said so", o.Blocks, o.Warnings)
	}
	if o.P > .001 || o.Ranks[0] != 3 {
		t.Errorf("got %+v, want the first last", o.Friedman)
	}
	for _, p := range o.Pairs {
		if want := p.A == 0; p.Separable != want {
			t.Errorf("pair %d, %d: separable: got %v (p %v), want %v", p.A, p.B, p.Separable, p.Adjusted, want)
		}
	}
	want := [][]int{{1, 2}}
	if o.Ranks[2] < o.Ranks[1] {
		want = [][]int{{2, 1}}
	}
	if got := o.Tied(); !reflect.DeepEqual(got, want) {
		t.Errorf("got groups %v, want %v", got, want)
	}
	if got := o.Nemenyi(); !reflect.DeepEqual(got, want) {
		t.Errorf("got Nemenyi's groups %v, want %v", got, want)
	}

	few := stat.OverCells(blocks[:4])
	if len(few.Warnings) != 1 || !strings.Contains(few.Warnings[0], "4 cells, fewer than 10") {
		t.Errorf("got warnings %q, want the one of few cells", few.Warnings)
	}
	if got := few.Tied(); len(got) != 1 || len(got[0]) != 3 {
		t.Errorf("four cells: got groups %v, want all as one", got)
	}
	if got := stat.OverCells(nil); got.Blocks != 0 || len(got.Pairs) != 0 {
		t.Errorf("nothing: got %+v", got)
	}
}

func TestGroupsAreTheLargest(t *testing.T) {
	ranks := []float64{4, 1, 2, 3, 5}
	within := func(d float64) func(a, b int) bool {
		return func(a, b int) bool { return math.Abs(ranks[a]-ranks[b]) > d }
	}
	for d, want := range map[float64][][]int{
		.5: nil,
		1:  {{1, 2}, {2, 3}, {3, 0}, {0, 4}},
		2:  {{1, 2, 3}, {2, 3, 0}, {3, 0, 4}},
		9:  {{1, 2, 3, 0, 4}},
	} {
		if got := stat.Groups(ranks, within(d)); !reflect.DeepEqual(got, want) {
			t.Errorf("difference %v: got %v, want %v", d, got, want)
		}
	}
}

func TestPowerEqualsScipyNoncentralT(t *testing.T) {
	for _, tc := range readTests(t).Power {
		d := stat.SeparateSplits
		if tc.Paired {
			d = stat.PairedSplits
		}
		if got := stat.Power(d, tc.N, tc.Difference, tc.SD); math.Abs(got-tc.Power) > 1e-8 {
			t.Errorf("%+v: got %v", tc, got)
		}
	}
}

func TestNeededIsTheLeast(t *testing.T) {
	for _, d := range []stat.Design{stat.PairedSplits, stat.SeparateSplits} {
		for _, difference := range []float64{.2, .02, .005} {
			n := stat.Needed(d, difference, .0376, .8)
			if stat.Power(d, n, difference, .0376) < .8 || n > 2 && stat.Power(d, n-1, difference, .0376) >= .8 {
				t.Errorf("design %d, difference %v: %d is not the least", d, difference, n)
			}
		}
	}
	// The spread between nine runs that TA-GATES's authors logged on
	// NAS-Bench-101 with 72 labels.
	if got := stat.Needed(stat.SeparateSplits, .02, .0388, .8); got != 61 {
		t.Errorf("got %d runs, want 61", got)
	}
	if got := stat.Needed(stat.PairedSplits, 0, .03, .8); got != 0 {
		t.Errorf("no difference: got %d, want none enough", got)
	}
}

func TestAreaEqualsNumpy(t *testing.T) {
	tc := readTests(t).Area
	got := stat.Area(budgets(tc.Labels, tc.Tau))
	if len(got) != len(tc.Want) {
		t.Fatalf("got %d areas, want %d", len(got), len(tc.Want))
	}
	for i, want := range tc.Want {
		if got[i].Split != i || !near(got[i].Value, want, 1e-14) {
			t.Errorf("split %d: got %v, want %v", i, got[i].Value, want)
		}
	}
	damaged := budgets(tc.Labels, tc.Tau)
	damaged[1].Trials[0].Failed = true
	if s := stat.Summarize(stat.Area(damaged)); s.Known() {
		t.Errorf("a failed trial: got %+v, want nothing known", s)
	}
}

func TestFewer(t *testing.T) {
	// Both gain .1 a doubling; the baseline is .1 lower, so it needs twice as
	// many labels on every split and in every resample.
	labels := []int{20, 40, 80, 160}
	curve := func(start float64, splits ...float64) [][]float64 {
		var tau [][]float64
		for b := range labels {
			var values []float64
			for _, s := range splits {
				values = append(values, start+s+.1*float64(b))
			}
			tau = append(tau, values)
		}
		return tau
	}
	base, other := budgets(labels, curve(.3, 0, .02, -.02)), budgets(labels, curve(.4, 0, .02, -.02))
	got := stat.Fewer(base, other, .55, generator())
	if !near(got.Value, 2, 1e-12) || !near(got.Low, 2, 1e-9) || !near(got.High, 2, 1e-9) || got.AtLeast || got.AtMost || got.Splits != 3 {
		t.Errorf("got %+v, want 2 exactly", got)
	}
	// The interval contains the value and is that of the same generator.
	wide := stat.Fewer(budgets(labels, curve(.3, .03, -.04, 0, .02)), budgets(labels, curve(.4, -.01, .04, .02, -.03)), .55, generator())
	if !(wide.Low < wide.Value && wide.Value < wide.High) || wide.Low <= 1 || wide.High >= 4 {
		t.Errorf("got %+v, want an interval around the value", wide)
	}
	// Beyond the budgets there are bounds: .65 is reached by the other at
	// 20 * 2^2.5 = 113 labels, by the baseline at none; .35 at 28 labels by the
	// baseline, by the other at 20 already.
	if got := stat.Fewer(base, other, .65, generator()); !got.AtLeast || !near(got.Value, 160/(20*math.Pow(2, 2.5)), 1e-9) || !math.IsInf(got.High, 1) {
		t.Errorf("out of the baseline's reach: got %+v, want a lower bound", got)
	}
	if got := stat.Fewer(base, other, .35, generator()); !got.AtLeast || !near(got.Value, math.Sqrt2, 1e-9) {
		t.Errorf("reached at once: got %+v, want a lower bound of sqrt 2", got)
	}
	if got := stat.Fewer(other, base, .65, generator()); !got.AtMost || !near(got.Value, 20*math.Pow(2, 2.5)/160, 1e-9) || got.Low != 0 {
		t.Errorf("out of the other's reach: got %+v, want an upper bound", got)
	}
	for _, level := range []float64{.1, .9} {
		if got := stat.Fewer(base, other, level, generator()); got.Known() || got.Low != 0 || !math.IsInf(got.High, 1) {
			t.Errorf("level %v, which neither crosses: got %+v, want nothing known", level, got)
		}
	}
	// Splits are paired: those that one lacks don't count.
	other[2].Trials = slices.DeleteFunc(other[2].Trials, func(t stat.Trial) bool { return t.Split == 1 })
	if got := stat.Fewer(base, other, .55, generator()); got.Splits != 2 {
		t.Errorf("got %d splits, want the 2 that both have", got.Splits)
	}
	other[2].Trials[0].Failed = true
	if got := stat.Fewer(base, other, .55, generator()); got.Known() || !math.IsNaN(got.Low) {
		t.Errorf("a failed trial: got %+v, want nothing known", got)
	}
}
