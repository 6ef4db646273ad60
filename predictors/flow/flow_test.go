package flow_test

import (
	"context"
	"errors"
	"maps"
	"math"
	"testing"

	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/plugins/plugintest"
	"github.com/hypernas/hypernas/predictors/flow"
)

// subject is one of the predictors, with what its tests take.
type subject struct {
	create  func() *flow.Predictor
	variety map[string]map[string]string // options with which it learns
	pinned  []float64                    // predictions of its version
	version int
}

// both calls test for flan and for gates.
func both(t *testing.T, test func(t *testing.T, s *subject)) {
	t.Helper()
	for name, s := range map[string]*subject{
		"flan": {
			create: flow.NewFLAN, version: flow.FLANVersion, pinned: []float64{0.02481, 0.02481, 0.24084},
			variety: map[string]map[string]string{
				"as published": {},
				"whole graphs": {"prune": "false", "contract": "false"},
				"one pass":     {"timesteps": "1"},
				"three passes": {"timesteps": "3"},
				"two members":  {"members": "2"},
			},
		},
		"gates": {
			create: flow.NewGATES, version: flow.GATESVersion, pinned: []float64{0.08933, 0.16026, 0.22338},
			variety: map[string]map[string]string{
				"as published": {},
				"small graphs": {"prune": "true", "contract": "true"},
				"two members":  {"members": "2"},
			},
		},
	} {
		t.Run(name, func(t *testing.T) { test(t, s) })
	}
}

// small is a network that trains in a moment.
func small() map[string]string {
	return map[string]string{"width": "16", "layers": "2", "embedding": "8", "epochs": "5"}
}

func TestConformance(t *testing.T) {
	both(t, func(t *testing.T, s *subject) {
		t.Helper()
		plugintest.Predictor(t, func() plugins.Predictor { return s.create() }, plugintest.With(small()))
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

func learns(t *testing.T, s *subject) {
	t.Helper()
	for name, c := range s.variety {
		t.Run(name, func(t *testing.T) {
			training, test, target := plugintest.Deal(t, 60)
			training.Options = map[string]string{"epochs": "40", "width": "32", "layers": "3", "embedding": "16"}
			maps.Copy(training.Options, c)
			p := s.create()
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
		})
	}
}

func TestMistakes(t *testing.T) { both(t, mistakes) }

func mistakes(t *testing.T, s *subject) {
	t.Helper()
	training, test, _ := plugintest.Deal(t, 5)
	if _, err := s.create().Predict(t.Context(), &test); !errors.Is(err, plugins.ErrNotFitted) {
		t.Errorf("before Fit: got %v, want ErrNotFitted", err)
	}
	for name, value := range map[string]string{
		"width": "0", "layers": "-1", "embedding": "0", "timesteps": "0", "hidden": "0", "margin": "0", "dropout": "1",
		"epochs": "0", "batch": "0", "rate": "0", "decay": "-1", "members": "0", "depth": "2",
	} {
		training.Options = map[string]string{name: value}
		if _, err := s.create().Fit(t.Context(), training); !errors.Is(err, plugins.ErrOption) {
			t.Errorf("%s=%s: got %v, want ErrOption", name, value, err)
		}
	}
	training.Options, training.Labels = nil, training.Labels[:4]
	if _, err := s.create().Fit(t.Context(), training); !errors.Is(err, plugins.ErrInput) {
		t.Errorf("a label missing: got %v, want ErrInput", err)
	}
	training.Labels = append(training.Labels, math.NaN())
	if _, err := s.create().Fit(t.Context(), training); !errors.Is(err, plugins.ErrInput) {
		t.Errorf("a label that is no number: got %v, want ErrInput", err)
	}
}

// TestFewAndEqual: a row or two, rows of one label, and one architecture many
// times over still give finite predictions.
func TestFewAndEqual(t *testing.T) { both(t, fewAndEqual) }

func fewAndEqual(t *testing.T, s *subject) {
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
			training.Options["members"] = "2"
			change(training)
			p := s.create()
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

// TestLargerGraphs: an architecture may be larger than any seen in training.
func TestLargerGraphs(t *testing.T) { both(t, largerGraphs) }

func largerGraphs(t *testing.T, s *subject) {
	t.Helper()
	training, _, _ := plugintest.Deal(t, 10)
	training.Options = small()
	p := s.create()
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

func TestCancelled(t *testing.T) { both(t, cancelled) }

func cancelled(t *testing.T, s *subject) {
	t.Helper()
	training, _, _ := plugintest.Deal(t, 10)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.create().Fit(ctx, training); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

// TestVersion guards the promise that predictions with equal options change only
// together with Version: bring both up to date.
func TestVersion(t *testing.T) { both(t, version) }

func version(t *testing.T, s *subject) {
	t.Helper()
	training, test, _ := plugintest.Deal(t, 30)
	training.Options = map[string]string{"epochs": "3", "width": "32"}
	p := s.create()
	if _, err := p.Fit(t.Context(), training); err != nil {
		t.Fatal(err)
	}
	test = test.Slice(0, 3)
	got, err := p.Predict(t.Context(), &test)
	if err != nil {
		t.Fatal(err)
	}
	// Written by this test. Between kernel paths sums differ in the last bits.
	for i, want := range s.pinned {
		if math.Abs(got[i]-want) > 1e-3 {
			t.Errorf("version %d: got %.5f, want %.5f", s.version, got, s.pinned)
			break
		}
	}
}
