package np_test

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/plugins/plugintest"
	"github.com/hypernas/hypernas/predictors/np"
)

func create() plugins.Predictor { return np.New() }

func TestConformance(t *testing.T) {
	plugintest.Predictor(t, create, plugintest.With(map[string]string{"width": "20", "epochs": "10"}))
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

func TestLearns(t *testing.T) {
	training, test, target := plugintest.Deal(t, 60)
	training.Options = map[string]string{"epochs": "60", "rate": "3e-3", "width": "40", "hidden": "40"}
	for name, o := range map[string][2]string{"as published": {"false", "z-score"}, "pruned": {"true", "z-score"}, "rank-Gauss": {"false", "rank-gauss"}} {
		training.Options["prune"], training.Options["label"] = o[0], o[1]
		p := np.New()
		if _, err := p.Fit(t.Context(), training); err != nil {
			t.Fatal(err)
		}
		got, err := p.Predict(t.Context(), &test)
		if err != nil {
			t.Fatal(err)
		}
		if c := concordance(got, target); c < .75 {
			t.Errorf("%s: orders %.2f of the pairs right, want .75", name, c)
		}
		// Values are on the labels' scale, 10 to 80.
		for i, v := range got {
			if o[1] == "z-score" && math.Abs(v-target[i]) > 40 {
				t.Errorf("%s: row %d: got %.1f, want about %.1f", name, i, v, target[i])
			}
		}
	}
}

func TestMistakes(t *testing.T) {
	training, test, _ := plugintest.Deal(t, 5)
	if _, err := np.New().Predict(t.Context(), &test); !errors.Is(err, plugins.ErrNotFitted) {
		t.Errorf("before Fit: got %v, want ErrNotFitted", err)
	}
	for name, value := range map[string]string{"width": "0", "layers": "-1", "hidden": "0", "dropout": "1", "epochs": "0", "batch": "0", "rate": "0", "decay": "-1", "label": "warp", "depth": "2"} {
		training.Options = map[string]string{name: value}
		if _, err := np.New().Fit(t.Context(), training); !errors.Is(err, plugins.ErrOption) {
			t.Errorf("%s=%s: got %v, want ErrOption", name, value, err)
		}
	}
	training.Options, training.Labels = nil, training.Labels[:4]
	if _, err := np.New().Fit(t.Context(), training); !errors.Is(err, plugins.ErrInput) {
		t.Errorf("a label missing: got %v, want ErrInput", err)
	}
	training.Labels = append(training.Labels, math.NaN())
	if _, err := np.New().Fit(t.Context(), training); !errors.Is(err, plugins.ErrInput) {
		t.Errorf("a label that is no number: got %v, want ErrInput", err)
	}
}

// TestFewAndEqualLabels: two rows, and rows of one label, still give finite
// predictions.
func TestFewAndEqualLabels(t *testing.T) {
	for _, rows := range []int{1, 2, 12} {
		training, test, _ := plugintest.Deal(t, rows)
		training.Options = map[string]string{"epochs": "5", "width": "16"}
		if rows == 12 {
			for i := range training.Labels {
				training.Labels[i] = .1
			}
		}
		p := np.New()
		if _, err := p.Fit(t.Context(), training); err != nil {
			t.Fatal(err)
		}
		got, err := p.Predict(t.Context(), &test)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range got {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				t.Fatalf("%d rows: got %v", rows, v)
			}
		}
	}
}

// TestLargerGraphs: an architecture may be larger than any seen in training.
func TestLargerGraphs(t *testing.T) {
	training, _, _ := plugintest.Deal(t, 10)
	training.Options = map[string]string{"epochs": "2", "width": "16"}
	p := np.New()
	if _, err := p.Fit(t.Context(), training); err != nil {
		t.Fatal(err)
	}
	var b plugins.Batch
	for _, size := range []int{3, 40, 9, 300} {
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
	if len(got) != 4 || got[0] == got[3] {
		t.Errorf("got %v, want four different values", got)
	}
}

func TestCancelled(t *testing.T) {
	training, _, _ := plugintest.Deal(t, 10)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := np.New().Fit(ctx, training); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

// TestVersion guards the promise that predictions with equal options change only
// together with Version: bring both up to date.
func TestVersion(t *testing.T) {
	training, test, _ := plugintest.Deal(t, 30)
	training.Options = map[string]string{"epochs": "5", "rate": "1e-3"}
	p := np.New()
	if _, err := p.Fit(t.Context(), training); err != nil {
		t.Fatal(err)
	}
	test = test.Slice(0, 3)
	got, err := p.Predict(t.Context(), &test)
	if err != nil {
		t.Fatal(err)
	}
	// Written by this test. Between kernel paths sums differ in the last bits.
	want := []float64{42.9765, 43.0926, 43.5943}
	for i := range want {
		if math.Abs(got[i]-want[i]) > 1e-2 {
			t.Errorf("version %d: got %.4f, want %.4f", np.Version, got, want)
			break
		}
	}
}

// TestPredictsLabelsOfAnyTransform: normal scores of labels that a few outliers
// spread are taken back to the labels, most of which lie close together.
func TestPredictsLabelsOfAnyTransform(t *testing.T) {
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
