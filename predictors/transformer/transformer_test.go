package transformer_test

import (
	"context"
	"errors"
	"maps"
	"math"
	"testing"

	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/plugins/plugintest"
	"github.com/hypernas/hypernas/predictors/transformer"
)

// both calls test for tnasp and for pinat.
func both(t *testing.T, test func(t *testing.T, create func() plugins.Predictor)) {
	t.Helper()
	t.Run("tnasp", func(t *testing.T) { test(t, func() plugins.Predictor { return transformer.NewTNASP() }) })
	t.Run("pinat", func(t *testing.T) { test(t, func() plugins.Predictor { return transformer.NewPINAT() }) })
}

// small is a network that trains in a moment.
func small() map[string]string {
	return map[string]string{"width": "16", "layers": "1", "head": "8", "inner": "16", "epochs": "5"}
}

func TestConformance(t *testing.T) {
	both(t, func(t *testing.T, create func() plugins.Predictor) {
		t.Helper()
		plugintest.Predictor(t, create, plugintest.With(small()))
	})
}

// concordance is the share of pairs that x and y order alike.
func concordance(x, y []float64) float64 {
	good, all := 0., 0.
	for i := range x {
		for j := range i {
			if y[i] != y[j] {
				all++
				if (x[i] < x[j]) == (y[i] < y[j]) {
					good++
				}
			}
		}
	}
	return good / all
}

func TestLearns(t *testing.T) { both(t, learns) }

func learns(t *testing.T, create func() plugins.Predictor) {
	t.Helper()
	for name, c := range map[string]map[string]string{
		"as published":      {},
		"pruned":            {"prune": "true"},
		"eigenvectors":      {"position": "eigenvectors"},
		"without positions": {"position": "none"},
		"rank-Gauss":        {"label": "rank-gauss"},
	} {
		t.Run(name, func(t *testing.T) {
			training, test, target := plugintest.Deal(t, 60)
			training.Options = map[string]string{"width": "32", "layers": "2", "head": "16", "inner": "64", "epochs": "40", "rate": "2e-3"}
			maps.Copy(training.Options, c)
			p := create()
			if _, err := p.Fit(t.Context(), training); err != nil {
				t.Fatal(err)
			}
			got, err := p.Predict(t.Context(), &test)
			if err != nil {
				t.Fatal(err)
			}
			if c := concordance(got, target); c < .75 {
				t.Errorf("orders %.2f of the pairs right, want .75", c)
			}
			// Values are on the labels' scale, 10 to 80. Of quantiles one
			// between the many and the few may be anywhere between.
			for i, v := range got {
				if training.Options["label"] != "rank-gauss" && math.Abs(v-target[i]) > 40 {
					t.Errorf("row %d: got %.1f, want about %.1f", i, v, target[i])
				}
			}
		})
	}
}

func TestMistakes(t *testing.T) { both(t, mistakes) }

func mistakes(t *testing.T, create func() plugins.Predictor) {
	t.Helper()
	training, test, _ := plugintest.Deal(t, 5)
	if _, err := create().Predict(t.Context(), &test); !errors.Is(err, plugins.ErrNotFitted) {
		t.Errorf("before Fit: got %v, want ErrNotFitted", err)
	}
	for name, value := range map[string]string{
		"width": "0", "layers": "-1", "heads": "0", "head": "0", "inner": "0", "hidden": "0", "set_heads": "0", "set_width": "0", "position": "sinus",
		"dropout": "NaN", "label": "warp", "epochs": "0", "batch": "0", "rate": "0", "decay": "-1", "depth": "2",
	} {
		training.Options = map[string]string{name: value}
		if _, err := create().Fit(t.Context(), training); !errors.Is(err, plugins.ErrOption) {
			t.Errorf("%s=%s: got %v, want ErrOption", name, value, err)
		}
	}
	training.Options, training.Labels = nil, training.Labels[:4]
	if _, err := create().Fit(t.Context(), training); !errors.Is(err, plugins.ErrInput) {
		t.Errorf("a label missing: got %v, want ErrInput", err)
	}
	training.Labels = append(training.Labels, math.NaN())
	if _, err := create().Fit(t.Context(), training); !errors.Is(err, plugins.ErrInput) {
		t.Errorf("a label that is no number: got %v, want ErrInput", err)
	}
}

// TestFewAndEqual: a row or two, rows of one label, and one architecture many
// times over still give finite predictions.
func TestFewAndEqual(t *testing.T) { both(t, fewAndEqual) }

func fewAndEqual(t *testing.T, create func() plugins.Predictor) {
	t.Helper()
	for name, change := range map[string]func(*plugins.Training){
		"one row":  func(p *plugins.Training) { p.Batch, p.Labels = p.Batch.Slice(0, 1), p.Labels[:1] },
		"two rows": func(p *plugins.Training) { p.Batch, p.Labels = p.Batch.Slice(0, 2), p.Labels[:2] },
		"one label": func(p *plugins.Training) {
			for i := range p.Labels {
				p.Labels[i] = .1
			}
		},
		"one architecture": func(p *plugins.Training) { p.Batch = p.Batch.Select(make([]int, 12)) },
	} {
		t.Run(name, func(t *testing.T) {
			training, test, _ := plugintest.Deal(t, 12)
			training.Options = small()
			change(training)
			p := create()
			if _, err := p.Fit(t.Context(), training); err != nil {
				t.Fatal(err)
			}
			got, err := p.Predict(t.Context(), &test)
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range got {
				if math.IsNaN(v) || math.IsInf(v, 0) {
					t.Fatalf("got %v", v)
				}
			}
		})
	}
}

// TestLargerGraphs: an architecture may be larger than any seen in training,
// and a prediction doesn't depend on what it stands in a batch with.
func TestLargerGraphs(t *testing.T) { both(t, largerGraphs) }

func largerGraphs(t *testing.T, create func() plugins.Predictor) {
	t.Helper()
	for _, position := range []string{"laplacian", "eigenvectors"} {
		training, _, _ := plugintest.Deal(t, 10)
		training.Options = small()
		training.Options["position"] = position
		p := create()
		if _, err := p.Fit(t.Context(), training); err != nil {
			t.Fatal(err)
		}
		var b plugins.Batch
		for _, size := range []int{3, 40, 9, 150} {
			c := plugins.Cell{Nodes: []plugins.Node{{Op: 0}}}
			for i := 1; i < size; i++ {
				op := 5
				if i == size-1 {
					op = 1
				}
				c.Nodes = append(c.Nodes, plugins.Node{Op: op})
				c.Edges = append(c.Edges, plugins.Edge{From: i - 1, To: i})
			}
			b.Networks = append(b.Networks, plugins.Network{Cells: []plugins.Cell{c}, Sequence: []plugins.Step{{Repeat: 1, Attrs: []float64{8, 8, 1}}}})
			b.Numbers = append(b.Numbers, 0, 0)
		}
		if err := b.Validate(&training.Vocabulary); err != nil {
			t.Fatal(err)
		}
		got, err := p.Predict(t.Context(), &b)
		if err != nil {
			t.Fatal(err)
		}
		for i := range got {
			one := b.Slice(i, i+1)
			alone, err := p.Predict(t.Context(), &one)
			if err != nil {
				t.Fatal(err)
			}
			if alone[0] != got[i] {
				t.Errorf("%s: row %d: got %v among others, %v alone", position, i, got[i], alone[0])
			}
		}
		if got[0] == got[3] {
			t.Errorf("%s: got %v, want different values", position, got)
		}
	}
}

func TestCancelled(t *testing.T) { both(t, cancelled) }

func cancelled(t *testing.T, create func() plugins.Predictor) {
	t.Helper()
	training, _, _ := plugintest.Deal(t, 10)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := create().Fit(ctx, training); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

// TestVersion guards the promise that predictions with equal options change only
// together with Version: bring both up to date.
func TestVersion(t *testing.T) {
	for _, c := range []struct {
		create  func() *transformer.Predictor
		version int
		want    []float64 // written by this test; between kernel paths sums differ in the last bits
	}{
		{transformer.NewTNASP, transformer.TNASPVersion, []float64{14.7058, 17.1525, 61.0458}},
		{transformer.NewPINAT, transformer.PINATVersion, []float64{18.0093, 20.3785, 67.8138}},
	} {
		training, test, _ := plugintest.Deal(t, 30)
		training.Options = map[string]string{"epochs": "5", "rate": "1e-3"}
		p := c.create()
		if _, err := p.Fit(t.Context(), training); err != nil {
			t.Fatal(err)
		}
		test = test.Slice(0, 3)
		got, err := p.Predict(t.Context(), &test)
		if err != nil {
			t.Fatal(err)
		}
		for i := range c.want {
			if math.Abs(got[i]-c.want[i]) > 1e-2 {
				t.Errorf("version %d: got %.4f, want %.4f", c.version, got, c.want)
				break
			}
		}
	}
}

// TestPredictsLabelsOfAnyTransform: normal scores of labels that a few outliers
// spread are taken back to the labels, most of which lie close together.
func TestPredictsLabelsOfAnyTransform(t *testing.T) { both(t, predictsLabelsOfAnyTransform) }

func predictsLabelsOfAnyTransform(t *testing.T, create func() plugins.Predictor) {
	t.Helper()
	training, test, _ := plugintest.Deal(t, 40)
	for i := range training.Labels {
		training.Labels[i] = 90 + training.Labels[i]/100
	}
	training.Labels[7], training.Labels[21] = 10, 10
	training.Options = map[string]string{"epochs": "5", "label": "rank-gauss"}
	p := create()
	if _, err := p.Fit(t.Context(), training); err != nil {
		t.Fatal(err)
	}
	got, err := p.Predict(t.Context(), &test)
	if err != nil {
		t.Fatal(err)
	}
	within := 0
	for _, v := range got {
		if v > 90 && v < 91 {
			within++
		}
	}
	// Their mean is 86.5, and their deviation 17.
	if within < len(got)*4/5 {
		t.Errorf("%d of %d values are labels of the middle: %.2f", within, len(got), got)
	}
}
