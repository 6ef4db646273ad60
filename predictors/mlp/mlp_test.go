package mlp_test

import (
	"context"
	"errors"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/plugins/plugintest"
	"github.com/hypernas/hypernas/predictors/feature"
	"github.com/hypernas/hypernas/predictors/mlp"
)

func kinds() map[string]func() plugins.Predictor {
	return map[string]func() plugins.Predictor{
		"mlp":     func() plugins.Predictor { return mlp.New() },
		"bananas": func() plugins.Predictor { return mlp.NewBananas() },
	}
}

func TestContract(t *testing.T) {
	for name, create := range kinds() {
		t.Run(name, func(t *testing.T) {
			plugintest.Predictor(t, create, plugintest.With(map[string]string{"epochs": "5", "members": "2"}))
		})
	}
}

// TestDoesNotClaimToPredictLabels: normal scores, times the labels' deviation,
// are not labels.
func TestDoesNotClaimToPredictLabels(t *testing.T) {
	for name, create := range kinds() {
		d, err := create().Describe(t.Context())
		if err != nil || d.PredictsLabels {
			t.Errorf("%s: got %v, %v, want false", name, d.PredictsLabels, err)
		}
	}
}

func predict(t *testing.T, p plugins.Predictor, training *plugins.Training, b *plugins.Batch) []float64 {
	t.Helper()
	if _, err := p.Fit(t.Context(), training); err != nil {
		t.Fatal(err)
	}
	got, err := p.Predict(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range got {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			t.Fatalf("row %d: got %v", i, v)
		}
	}
	return got
}

// concordance returns the share of pairs that got orders as want does.
func concordance(got, want []float64) float64 {
	good, all := 0.0, 0.0
	for i := range got {
		for j := range i {
			all++
			if (got[i]-got[j])*(want[i]-want[j]) > 0 {
				good++
			}
		}
	}
	return good / all
}

// deal returns architectures of three branches of two operations each, in an
// invented order, and their labels, 10 to 80, by the operations on each path.
func deal(t *testing.T, rows int) (training *plugins.Training, test plugins.Batch, target []float64) {
	t.Helper()
	training, _, _ = plugintest.Deal(t, 1) // its vocabulary: input 0, output 1, none 2, then four operations
	worth := []float64{0, 1, 4, 2}
	rng := rand.New(rand.NewPCG(7, 7))
	var all plugins.Batch
	var labels []float64
	for range rows + 200 {
		c := plugins.Cell{Role: plugins.RoleNormal, Nodes: []plugins.Node{{Op: 0}}}
		var y float64
		for range 3 {
			first, second := rng.IntN(4), rng.IntN(4)
			k := len(c.Nodes)
			c.Nodes = append(c.Nodes, plugins.Node{Op: 3 + first}, plugins.Node{Op: 3 + second})
			c.Edges = append(c.Edges, plugins.Edge{From: 0, To: k}, plugins.Edge{From: k, To: k + 1}, plugins.Edge{From: k + 1, To: 7})
			y += worth[first] * worth[second]
		}
		c.Nodes = append(c.Nodes, plugins.Node{Op: 1})
		all.Networks = append(all.Networks, plugins.Network{Cells: []plugins.Cell{c}, Sequence: []plugins.Step{{Repeat: 1, Attrs: []float64{8, 8, 1}}}})
		all.Numbers = append(all.Numbers, 1, 1)
		labels = append(labels, 10+70*y/48)
	}
	if err := all.Validate(&training.Vocabulary); err != nil {
		t.Fatal(err)
	}
	training.Batch, training.Labels = all.Slice(0, rows), labels[:rows]
	return training, all.Slice(rows, all.Len()), labels[rows:]
}

func TestLearns(t *testing.T) {
	for name, create := range kinds() {
		for _, options := range []map[string]string{nil, {"features": "onehot", "label": "z-score"}, {"features": "graph"}, {"features": "groups", "loss": "mse", "schedule": "constant"}} {
			training, test, target := deal(t, 80)
			training.Options = map[string]string{"members": "1"} // the others take their time
			maps.Copy(training.Options, options)
			got := predict(t, create(), training, &test)
			if c := concordance(got, target); c < .75 {
				t.Errorf("%s %v: orders %.2f of the pairs right, want .75", name, options, c)
			}
			// Values are on the labels' scale.
			for i, v := range got {
				if math.Abs(v-target[i]) > 50 {
					t.Errorf("%s %v: row %d: got %.1f, want about %.1f", name, options, i, v, target[i])
					break
				}
			}
		}
	}
}

func TestMistakes(t *testing.T) {
	for name, create := range kinds() {
		training, test, _ := plugintest.Deal(t, 5)
		if _, err := create().Predict(t.Context(), &test); !errors.Is(err, plugins.ErrNotFitted) {
			t.Errorf("%s before Fit: got %v, want ErrNotFitted", name, err)
		}
		for option, value := range map[string]string{
			"members": "0", "layers": "33", "width": "0", "epochs": "0", "batch": "0", "dropout": "1", "rate": "NaN", "decay": "-1",
			"features": "none", "label": "log", "loss": "mape", "schedule": "step", "trees": "1",
		} {
			// Options are looked at before anything else.
			empty := &plugins.Training{Options: map[string]string{option: value}}
			if _, err := create().Fit(t.Context(), empty); !errors.Is(err, plugins.ErrOption) {
				t.Errorf("%s %s=%s: got %v, want ErrOption", name, option, value, err)
			}
		}
		labels := training.Labels
		for what, wrong := range map[string][]float64{"a label missing": labels[:4], "a label of NaN": append(slices.Clone(labels[:4]), math.NaN())} {
			training.Labels = wrong
			if _, err := create().Fit(t.Context(), training); !errors.Is(err, plugins.ErrInput) {
				t.Errorf("%s, %s: got %v, want ErrInput", name, what, err)
			}
		}
		training.Labels = labels
		training.Options = map[string]string{"epochs": "2"}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := create().Fit(ctx, training); !errors.Is(err, context.Canceled) {
			t.Errorf("%s, canceled Fit: got %v, want context.Canceled", name, err)
		}
		p := create()
		predict(t, p, training, &test)
		if _, err := p.Predict(ctx, &test); !errors.Is(err, context.Canceled) {
			t.Errorf("%s, canceled Predict: got %v, want context.Canceled", name, err)
		}
	}
}

// TestFewAndEqual: a row or two, rows of one label, and one architecture many
// times over give finite predictions; of one architecture they are all equal.
func TestFewAndEqual(t *testing.T) {
	for what, change := range map[string]func(*plugins.Training){
		"one row":  func(p *plugins.Training) { p.Batch, p.Labels = p.Batch.Slice(0, 1), p.Labels[:1] },
		"two rows": func(p *plugins.Training) { p.Batch, p.Labels = p.Batch.Slice(0, 2), p.Labels[:2] },
		"one label": func(p *plugins.Training) {
			for i := range p.Labels {
				p.Labels[i] = .1
			}
		},
		"one architecture": func(p *plugins.Training) { p.Batch = p.Batch.Select(make([]int, 12)) },
	} {
		for name, create := range kinds() {
			for _, features := range []string{"path", "graph"} {
				training, test, _ := plugintest.Deal(t, 12)
				training.Options = map[string]string{"epochs": "5", "features": features}
				change(training)
				got := predict(t, create(), training, &test)
				if alike := slices.Max(got) == slices.Min(got); what == "one architecture" && !alike {
					t.Errorf("%s, %s, %s: got different values", name, what, features)
				}
			}
		}
	}
	training, _, _ := plugintest.Deal(t, 12)
	training.Batch = training.Batch.Select(make([]int, 12))
	fitted, err := mlp.New().Fit(t.Context(), training)
	if err != nil || !slices.Equal(fitted.Warnings, []string{feature.AllAlike}) {
		t.Errorf("one architecture: got %q, %v, want a warning", fitted.Warnings, err)
	}
}

// TestMembersDiffer: each network of the ensemble is drawn and trained by itself.
func TestMembersDiffer(t *testing.T) {
	training, test, _ := deal(t, 30)
	values := func(members string) []float64 {
		training.Options = map[string]string{"members": members, "epochs": "10"}
		return predict(t, mlp.NewBananas(), training, &test)
	}
	one, two := values("1"), values("2")
	if slices.Equal(one, two) {
		t.Error("a second network changes nothing")
	}
	training.Seed++
	if slices.Equal(one, values("1")) {
		t.Error("another seed changes nothing")
	}
}

// TestVersion guards the promise that predictions with equal options change only
// together with Version: bring both up to date.
func TestVersion(t *testing.T) {
	for name, c := range map[string]struct {
		version int
		want    []float64
	}{
		"mlp":     {mlp.Version, []float64{23.0177, 20.2885, 23.4244}},
		"bananas": {mlp.BananasVersion, []float64{22.3653, 22.3531, 22.3456}},
	} {
		training, test, _ := deal(t, 30)
		training.Options = map[string]string{"epochs": "1"}
		test = test.Slice(0, 3)
		got := predict(t, kinds()[name](), training, &test)
		// Written by this test. Between kernel paths sums differ in the last bits.
		for i := range c.want {
			if math.Abs(got[i]-c.want[i]) > 1e-2 {
				t.Errorf("%s, version %d: got %.4f, want %.4f", name, c.version, got, c.want)
				break
			}
		}
	}
}
