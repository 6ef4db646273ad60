package forest_test

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/plugins/plugintest"
	"github.com/hypernas/hypernas/predictors/forest"
)

// kinds are the predictors of this package.
var kinds = map[string]func() plugins.Predictor{
	"forest":     func() plugins.Predictor { return forest.New() },
	"extratrees": func() plugins.Predictor { return forest.NewExtra() },
}

func TestConformance(t *testing.T) {
	for name, create := range kinds {
		t.Run(name, func(t *testing.T) { plugintest.Predictor(t, create) })
	}
}

// predict fits a predictor, which has to be possible, and values b.
func predict(t *testing.T, p plugins.Predictor, training *plugins.Training, b *plugins.Batch) []float64 {
	t.Helper()
	if _, err := p.Fit(t.Context(), training); err != nil {
		t.Fatal(err)
	}
	got, err := p.Predict(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// concordance returns the share of pairs that got orders as want does, half of
// those that one of them does not order.
func concordance(got, want []float64) float64 {
	good, all := 0.0, 0.0
	for i := range got {
		for j := range i {
			all++
			switch order := (got[i] - got[j]) * (want[i] - want[j]); {
			case order > 0:
				good++
			case order == 0:
				good += .5
			}
		}
	}
	return good / all
}

func TestLearns(t *testing.T) {
	training, test, target := plugintest.Deal(t, 60)
	for name, create := range kinds {
		for _, options := range []map[string]string{nil, {"features": "onehot", "label": "rank-gauss"}, {"min_leaf": "2", "depth": "6", "share": "0.5"}} {
			training.Options = options
			if c := concordance(predict(t, create(), training, &test), target); c < .75 {
				t.Errorf("%s %v: orders %.2f of the pairs right, want .75", name, options, c)
			}
		}
	}
}

func TestOptionsOutOfRange(t *testing.T) {
	for name, create := range kinds {
		for option, value := range map[string]string{"trees": "0", "share": "1.5", "min_leaf": "0", "depth": "-1", "features": "none", "label": "log", "rate": "1"} {
			// Options are looked at before anything else.
			empty := &plugins.Training{Options: map[string]string{option: value}}
			if _, err := create().Fit(t.Context(), empty); !errors.Is(err, plugins.ErrOption) {
				t.Errorf("%s %s=%s: got %v, want ErrOption", name, option, value, err)
			}
		}
	}
}

// TestVersion guards the promise that predictions with equal options change
// only together with Version: bring both up to date.
func TestVersion(t *testing.T) {
	training, test, _ := plugintest.Deal(t, 30)
	test = test.Slice(0, 3)
	// Written by this test.
	for name, want := range map[string][]float64{"forest": {9.8976, 9.8976, 67.3745}, "extratrees": {9.8690, 9.8690, 68.0909}} {
		got := predict(t, kinds[name](), training, &test)
		for i := range want {
			if math.Abs(got[i]-want[i]) > 1e-3 {
				t.Errorf("%s version %d: got %.4f, want %.4f", name, forest.Version, got, want)
				break
			}
		}
	}
}

// TestOptionsReachTheTrees: fewer choices make coarser trees.
func TestOptionsReachTheTrees(t *testing.T) {
	training, test, _ := plugintest.Deal(t, 60)
	for name, create := range kinds {
		distinct := func(options map[string]string) int {
			training.Options = options
			values := predict(t, create(), training, &test)
			slices.Sort(values)
			return len(slices.Compact(values))
		}
		if got := distinct(map[string]string{"trees": "1", "depth": "1"}); got != 2 {
			t.Errorf("%s: one tree of depth 1 gives %d values, want 2", name, got)
		}
		if got := distinct(map[string]string{"trees": "1", "min_leaf": "31"}); got != 1 {
			t.Errorf("%s: leaves of 31 out of 60 give %d values, want 1", name, got)
		}
		if one, many := distinct(map[string]string{"trees": "1"}), distinct(nil); one >= many {
			t.Errorf("%s: one tree gives %d values, many %d", name, one, many)
		}
	}
}
