package brpnas_test

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/plugins/plugintest"
	"github.com/hypernas/hypernas/predictors/brpnas"
)

func create() plugins.Predictor { return brpnas.New() }

func TestConformance(t *testing.T) {
	plugintest.Predictor(t, create, plugintest.With(map[string]string{"width": "20", "epochs": "5"}))
}

func fitted(t *testing.T, training *plugins.Training) plugins.Predictor {
	t.Helper()
	p := brpnas.New()
	if _, err := p.Fit(t.Context(), training); err != nil {
		t.Fatal(err)
	}
	return p
}

func predict(t *testing.T, p plugins.Predictor, b *plugins.Batch) []float64 {
	t.Helper()
	values, err := p.Predict(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	return values
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
	for _, label := range []string{"raw", "z-score", "rank-gauss"} {
		training, test, target := plugintest.Deal(t, 60)
		training.Options = map[string]string{"epochs": "40", "rate": "2e-3", "width": "40", "label": label}
		got := predict(t, fitted(t, training), &test)
		if c := concordance(got, target); c < .75 {
			t.Errorf("%s: orders %.2f of the pairs right, want .75", label, c)
		}
	}
}

// TestLogOdds: the difference of two values is what the relation learned, here
// the difference of standardized labels.
func TestLogOdds(t *testing.T) {
	training, _, _ := plugintest.Deal(t, 30)
	training.Options = map[string]string{"epochs": "150", "rate": "2e-3", "width": "40", "label": "z-score", "dropout": "0"}
	got := predict(t, fitted(t, training), &training.Batch)
	mean, sd := 0.0, 0.0
	for _, y := range training.Labels {
		mean += y / 30
	}
	for _, y := range training.Labels {
		sd += (y - mean) * (y - mean) / 30
	}
	sd = math.Sqrt(sd)
	for i := range got {
		if want := (training.Labels[i] - training.Labels[0]) / sd; math.Abs(got[i]-got[0]-want) > .6 {
			t.Errorf("row %d against row 0: log-odds %.2f, want %.2f", i, got[i]-got[0], want)
		}
	}
}

func TestMistakes(t *testing.T) {
	training, test, _ := plugintest.Deal(t, 5)
	if _, err := brpnas.New().Predict(t.Context(), &test); !errors.Is(err, plugins.ErrNotFitted) {
		t.Errorf("before Fit: got %v, want ErrNotFitted", err)
	}
	for name, value := range map[string]string{"label": "warp", "width": "0", "layers": "-1", "dropout": "1", "epochs": "0", "batch": "1", "rate": "0", "decay": "-1", "depth": "2"} {
		training.Options = map[string]string{name: value}
		if _, err := brpnas.New().Fit(t.Context(), training); !errors.Is(err, plugins.ErrOption) {
			t.Errorf("%s=%s: got %v, want ErrOption", name, value, err)
		}
	}
	training.Options = nil
	training.Labels[2] = math.NaN()
	if _, err := brpnas.New().Fit(t.Context(), training); !errors.Is(err, plugins.ErrInput) {
		t.Errorf("a label that is not a number: got %v, want ErrInput", err)
	}
	training.Labels = training.Labels[:4]
	if _, err := brpnas.New().Fit(t.Context(), training); !errors.Is(err, plugins.ErrInput) {
		t.Errorf("a label missing: got %v, want ErrInput", err)
	}
}

// TestFewAndEqualLabels: one row, and rows of one label, still give finite
// predictions.
func TestFewAndEqualLabels(t *testing.T) {
	for _, rows := range []int{1, 2, 12} {
		training, test, _ := plugintest.Deal(t, rows)
		training.Options = map[string]string{"epochs": "3", "width": "16"}
		if rows == 12 {
			for i := range training.Labels {
				training.Labels[i] = .1
			}
		}
		for _, v := range predict(t, fitted(t, training), &test) {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				t.Fatalf("%d rows: got %v", rows, v)
			}
		}
	}
}

// skips is a vocabulary with skip connections.
func skips() plugins.Vocabulary {
	return plugins.Vocabulary{Ops: []plugins.Op{
		{Name: "in", Kind: plugins.KindInput},
		{Name: "out", Kind: plugins.KindOutput},
		{Name: "conv", Kind: plugins.KindConv, Kernel: 3},
		{Name: "skip", Kind: plugins.KindSkip},
	}}
}

func network(edges []plugins.Edge, ops ...int) plugins.Network {
	c := plugins.Cell{Role: plugins.RoleNormal, Edges: edges}
	for _, op := range ops {
		c.Nodes = append(c.Nodes, plugins.Node{Op: op})
	}
	return plugins.Network{Cells: []plugins.Cell{c}, Sequence: []plugins.Step{{Repeat: 1}}}
}

// TestSkips: pruned, a skip connection is the edge that it stands for.
func TestSkips(t *testing.T) {
	b := plugins.Batch{Networks: []plugins.Network{
		network([]plugins.Edge{{From: 0, To: 1}, {From: 1, To: 2}, {From: 2, To: 3}, {From: 0, To: 3}}, 0, 2, 3, 1),
		network([]plugins.Edge{{From: 0, To: 1}, {From: 1, To: 2}, {From: 0, To: 2}}, 0, 2, 1),
		network([]plugins.Edge{{From: 0, To: 1}, {From: 1, To: 2}}, 0, 2, 1),
	}}
	training, _, _ := plugintest.Deal(t, 1)
	training.Vocabulary, training.Batch, training.Labels = skips(), b, []float64{3, 2, 1}
	training.Options = map[string]string{"epochs": "5", "width": "16"}
	if got := predict(t, fitted(t, training), &b); got[0] != got[1] || got[1] == got[2] {
		t.Errorf("got %v, want the first two equal and the third not", got)
	}
}

func TestCancelled(t *testing.T) {
	training, _, _ := plugintest.Deal(t, 10)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := brpnas.New().Fit(ctx, training); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

// TestVersion guards the promise that predictions with equal options change only
// together with Version: bring both up to date.
func TestVersion(t *testing.T) {
	training, test, _ := plugintest.Deal(t, 30)
	training.Options = map[string]string{"epochs": "5", "width": "40"}
	test = test.Slice(0, 3)
	got := predict(t, fitted(t, training), &test)
	// Written by this test. Between kernel paths sums differ in the last bits.
	want := []float64{.1090, .1090, .1137}
	for i := range want {
		if math.Abs(got[i]-want[i]) > 1e-3 {
			t.Errorf("version %d: got %.4f, want %.4f", brpnas.Version, got, want)
			break
		}
	}
}
