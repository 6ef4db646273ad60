package diff_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/hypernas/hypernas/results"
	"github.com/hypernas/hypernas/results/diff"
	"github.com/hypernas/hypernas/results/table"
)

// made returns a run of predictor p in a version, a tau a split from 0 on; NaN
// stands for a failed trial.
func made(version int, taus ...float64) *results.Run {
	run := new(results.Run)
	for split, tau := range taus {
		r := results.Record{
			Key: fmt.Sprintf("%064x", version*100+split), Space: results.SpaceRef{Alias: "s", Digest: "d"},
			Predictor: results.PredictorRef{Alias: "p", Identity: fmt.Sprintf("builtin:p@%d", version)},
			Preset:    "clean", Pool: "all", Budget: 20, Split: split,
			Metrics: map[string]float64{"kendall_tau": tau},
		}
		if math.IsNaN(tau) {
			r.Metrics, r.Failure = nil, &results.Failure{Stage: "fit"}
		}
		run.Records = append(run.Records, r)
	}
	return run
}

func TestDifferencesArePairedOverCommonSplits(t *testing.T) {
	d := diff.Compare(made(1, .5, .6, .7), made(2, .6, .8))
	if len(d.Rows) != 1 {
		t.Fatalf("got %+v, want one row", d)
	}
	// Differences .1 and .2; t(1) at 97.5 % is 12.706204736, from SciPy's
	// stats.t.ppf, and half the distance of the two is .05.
	r := d.Rows[0].Difference
	if math.Abs(r.Mean-.15) > 1e-12 || math.Abs(r.High-(.15+12.706204736*.05)) > 1e-9 || r.N != 2 {
		t.Errorf("got %+v, want .15 with its t interval", r)
	}
	if want := []string{"predictor p: builtin:p@1 became builtin:p@2"}; !slices.Equal(d.Changes, want) {
		t.Errorf("got %q, want %q", d.Changes, want)
	}
}

func TestOnlyTheLastVersionOfACellCounts(t *testing.T) {
	a, b := made(1, .1, .1), made(2, .5, .7)
	a.Records = append(a.Records, b.Records...)
	if got := diff.Compare(a, b).Rows[0]; got.A.Trials != 2 || got.Difference.Mean != 0 {
		t.Errorf("got %+v, want version 2 against itself", got)
	}
}

func TestAFailedTrialLeavesNoDifference(t *testing.T) {
	var b strings.Builder
	if err := diff.Write(&b, diff.Compare(made(1, .5, math.NaN()), made(1, .5, .6)), table.CSV); err != nil {
		t.Fatal(err)
	}
	if want := "s,clean,0,all,0,,p,20,,0.55,,,,0,\n"; !strings.HasSuffix(b.String(), want) {
		t.Errorf("got %q, want it to end in %q", b.String(), want)
	}
}
