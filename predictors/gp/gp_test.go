package gp_test

import (
	"context"
	"errors"
	"maps"
	"math"
	"slices"
	"testing"

	"github.com/hypernas/hypernas/harness/metric"
	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/plugins/plugintest"
	"github.com/hypernas/hypernas/predictors/gp"
)

// predictors returns every predictor of the package by name.
func predictors() map[string]func() plugins.Predictor {
	return map[string]func() plugins.Predictor{
		"gp":      func() plugins.Predictor { return gp.NewIsotropic() },
		"gp-wl":   func() plugins.Predictor { return gp.NewLehman() },
		"gp-ard":  func() plugins.Predictor { return gp.NewARD() },
		"gp-warp": func() plugins.Predictor { return gp.NewWarp() },
	}
}

// each runs a test for each predictor.
func each(t *testing.T, f func(t *testing.T, create func() plugins.Predictor)) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(predictors())) {
		t.Run(name, func(t *testing.T) { f(t, predictors()[name]) })
	}
}

func TestContract(t *testing.T) {
	each(t, func(t *testing.T, create func() plugins.Predictor) { plugintest.Predictor(t, create) })
}

// fit returns the predictions for b after a fit on training.
func fit(t *testing.T, p plugins.Predictor, training *plugins.Training, b *plugins.Batch) []float64 {
	t.Helper()
	if _, err := p.Fit(t.Context(), training); err != nil {
		t.Fatal(err)
	}
	values, err := p.Predict(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	return values
}

// TestPredictorsRank checks that each ranks the kit's space well from thirty
// labels, under every transform of labels, with the pool and without.
func TestPredictorsRank(t *testing.T) {
	each(t, func(t *testing.T, create func() plugins.Predictor) {
		d, err := create().Describe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, label := range choices(d, "label") {
			for _, pool := range []bool{false, true} {
				training, test, targets := plugintest.Deal(t, 30)
				training.Options = map[string]string{"label": label}
				if pool {
					training.Pool = test
				}
				got, ok := metric.KendallTauB(fit(t, create(), training, &test), targets)
				if !ok || got < .4 {
					t.Errorf("label %s, pool %v: tau is %v", label, pool, got)
				}
			}
		}
	})
}

// choices returns what an option takes.
func choices(d plugins.Description, option string) []string {
	for _, o := range d.Options {
		if o.Name == option {
			return o.Choices
		}
	}
	return nil
}

// TestLabelsWithoutOrder checks that labels that say nothing give finite
// predictions.
func TestLabelsWithoutOrder(t *testing.T) {
	each(t, func(t *testing.T, create func() plugins.Predictor) {
		training, test, _ := plugintest.Deal(t, 8)
		one, two := training.Batch.Slice(0, 1), training.Batch.Select([]int{0, 0, 1, 1})
		for name, tc := range map[string]struct {
			b      plugins.Batch
			labels []float64
		}{
			"constant":          {training.Batch, slices.Repeat([]float64{90}, 8)},
			"one label":         {one, []float64{90}},
			"duplicates":        {two, []float64{1, 2, 3, 4}},
			"one far below":     {training.Batch, []float64{90, 90, 90, 90, 90, 90, 90, 1}},
			"huge":              {training.Batch, []float64{1e300, 2e300, 3e299, 1, 2, 3, 4, 5}},
			"nothing but equal": {training.Batch.Select([]int{0, 0, 0}), []float64{1, 2, 3}},
		} {
			again := *training
			again.Batch, again.Labels = tc.b, tc.labels
			for i, x := range fit(t, create(), &again, &test) {
				if math.IsNaN(x) || math.IsInf(x, 0) {
					t.Errorf("%s: row %d is %v", name, i, x)
					break
				}
			}
		}
	})
}

func TestMistakes(t *testing.T) {
	each(t, func(t *testing.T, create func() plugins.Predictor) {
		training, test, _ := plugintest.Deal(t, 8)
		for name, options := range map[string]map[string]string{
			"unknown option": {"length": "1"},
			"unknown label":  {"label": "log"},
		} {
			again := *training
			again.Options = options
			if _, err := create().Fit(t.Context(), &again); !errors.Is(err, plugins.ErrOption) {
				t.Errorf("%s: got %v, want ErrOption", name, err)
			}
		}
		d, err := create().Describe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range d.Options {
			if o.Choices == nil {
				for _, value := range []string{"-1", "1000000"} {
					again := plugins.Training{Options: map[string]string{o.Name: value}}
					if _, err := create().Fit(t.Context(), &again); !errors.Is(err, plugins.ErrOption) {
						t.Errorf("%s=%s: got %v, want ErrOption", o.Name, value, err)
					}
				}
			}
		}
		for name, labels := range map[string][]float64{"a label short": training.Labels[1:], "NaN": append([]float64{math.NaN()}, training.Labels[1:]...)} {
			again := *training
			again.Labels = labels
			if _, err := create().Fit(t.Context(), &again); !errors.Is(err, plugins.ErrInput) {
				t.Errorf("%s: got %v, want ErrInput", name, err)
			}
		}
		if _, err := create().Predict(t.Context(), &test); !errors.Is(err, plugins.ErrNotFitted) {
			t.Errorf("before Fit: got %v, want ErrNotFitted", err)
		}
		p := create()
		fit(t, p, training, &test)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := p.Predict(ctx, &test); !errors.Is(err, context.Canceled) {
			t.Errorf("canceled Predict: got %v", err)
		}
		if _, err := create().Fit(ctx, training); !errors.Is(err, context.Canceled) {
			t.Errorf("canceled Fit: got %v", err)
		}
	})
}

// TestPinnedValues fails when predictions change: then the predictor's version
// must rise. The values are this package's own; their last digits depend on the
// processor.
func TestPinnedValues(t *testing.T) {
	want := map[string][]float64{
		"gp":      {-.799475, -.799475, .311408},
		"gp-ard":  {-.808788, -.808788, .128877},
		"gp-warp": {-1.129698, -1.129698, .059329},
		"gp-wl":   {-.821453, -.821453, .309992},
	}
	each(t, func(t *testing.T, create func() plugins.Predictor) {
		d, err := create().Describe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		training, test, _ := plugintest.Deal(t, 30)
		test = test.Slice(0, 3)
		got := fit(t, create(), training, &test)
		for i, want := range want[d.Name] {
			if !(math.Abs(got[i]-want) <= 1e-4) {
				t.Errorf("row %d: got %.6f, want %v: has version %d risen?", i, got[i], want, d.Version)
			}
		}
	})
}
