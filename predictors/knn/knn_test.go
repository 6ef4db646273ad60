package knn_test

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/plugins/plugintest"
	"github.com/hypernas/hypernas/predictors/knn"
)

// kinds are the predictors of this package.
var kinds = map[string]func() plugins.Predictor{
	"knn": func() plugins.Predictor { return knn.New() },
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
		for _, options := range []map[string]string{nil, {"features": "onehot", "label": "raw"}, {"k": "2", "weights": "uniform"}} {
			training.Options = options
			if c := concordance(predict(t, create(), training, &test), target); c < .65 {
				t.Errorf("%s %v: orders %.2f of the pairs right, want .65", name, options, c)
			}
		}
	}
}

func TestOptionsOutOfRange(t *testing.T) {
	for name, create := range kinds {
		for option, value := range map[string]string{"k": "0", "weights": "rank", "features": "none", "label": "log", "trees": "1"} {
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
	for name, want := range map[string][]float64{"knn": {-0.6770, -0.6770, 0.5431}} {
		got := predict(t, kinds[name](), training, &test)
		for i := range want {
			if math.Abs(got[i]-want[i]) > 1e-3 {
				t.Errorf("%s version %d: got %.4f, want %.4f", name, knn.Version, got, want)
				break
			}
		}
	}
}

// TestNeighborsByHand: one operation out of three, where unequal ones are all
// equally far from each other.
func TestNeighborsByHand(t *testing.T) {
	training, _, _ := plugintest.Deal(t, 12)
	space := plugintest.NewChains()
	if _, err := space.Open(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	// The last operation counts in steps of 25 rows.
	b, _, err := space.Read(t.Context(), 0, 125)
	if err != nil {
		t.Fatal(err)
	}
	training.Batch, training.Labels = b.Select([]int{12, 37, 62, 12, 37, 62}), []float64{1, 2, 4, 9, 6, 8}
	test := b.Select([]int{12, 37, 62})
	for _, tc := range []struct {
		k, weights string
		want       []float64
	}{
		{"1", "uniform", []float64{1, 2, 4}},       // the earlier of two equal ones
		{"2", "uniform", []float64{5, 4, 6}},       // both
		{"3", "uniform", []float64{4, 3, 13. / 3}}, // and the first of the others
		{"9", "uniform", []float64{5, 5, 5}},       // all
		{"9", "distance", []float64{5, 4, 6}},      // what is equal counts alone
	} {
		training.Options = map[string]string{"features": "onehot", "label": "raw", "k": tc.k, "weights": tc.weights}
		if got := predict(t, knn.New(), training, &test); !slices.Equal(got, tc.want) {
			t.Errorf("k=%s, weights=%s: got %v, want %v", tc.k, tc.weights, got, tc.want)
		}
	}
}
