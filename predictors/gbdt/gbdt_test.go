package gbdt_test

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/plugins/plugintest"
	"github.com/hypernas/hypernas/predictors/gbdt"
)

// kinds are the predictors of this package.
var kinds = map[string]func() plugins.Predictor{
	"gbdt": func() plugins.Predictor { return gbdt.New() },
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
		for _, options := range []map[string]string{nil, {"features": "onehot", "label": "rank-gauss"}, {"leaves": "4", "l2": "0.5", "rate": "0.2"}} {
			training.Options = options
			if c := concordance(predict(t, create(), training, &test), target); c < .75 {
				t.Errorf("%s %v: orders %.2f of the pairs right, want .75", name, options, c)
			}
		}
	}
}

func TestOptionsOutOfRange(t *testing.T) {
	for name, create := range kinds {
		for option, value := range map[string]string{"rounds": "0", "rate": "0", "leaves": "1", "min_leaf": "0", "share": "0", "l2": "-1", "features": "none", "label": "log", "trees": "1"} {
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
	for name, want := range map[string][]float64{"gbdt": {-0.8438, -0.8438, 0.3854}} {
		got := predict(t, kinds[name](), training, &test)
		for i := range want {
			if math.Abs(got[i]-want[i]) > 1e-3 {
				t.Errorf("%s version %d: got %.4f, want %.4f", name, gbdt.Version, got, want)
				break
			}
		}
	}
}

// TestOptionsReachTheTrees: fewer choices make coarser trees.
func TestOptionsReachTheTrees(t *testing.T) {
	training, test, _ := plugintest.Deal(t, 60)
	values := func(options map[string]string) []float64 {
		training.Options = options
		values := predict(t, gbdt.New(), training, &test)
		slices.Sort(values)
		return slices.Compact(values)
	}
	if got := values(map[string]string{"rounds": "1", "leaves": "2"}); len(got) != 2 {
		t.Errorf("one tree of two leaves gives %d values, want 2", len(got))
	}
	if got := values(map[string]string{"min_leaf": "31"}); len(got) != 1 {
		t.Errorf("leaves of 31 out of 60 give %d values, want 1", len(got))
	}
	span := func(options map[string]string) float64 {
		v := values(options)
		return v[len(v)-1] - v[0]
	}
	free := span(map[string]string{"rounds": "1"})
	for _, slow := range []map[string]string{{"rounds": "1", "rate": "0.01"}, {"rounds": "1", "l2": "100"}} {
		if got := span(slow); got >= free/2 {
			t.Errorf("%v: values span %v, of %v without", slow, got, free)
		}
	}
}
