package hypernas_test

import (
	"errors"
	"log/slog"
	"math"
	"slices"
	"testing"

	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/plugins/plugintest"
	"github.com/hypernas/hypernas/predictors/gp"
	"github.com/hypernas/hypernas/predictors/hypernas"
)

func createPlus() plugins.Predictor { return hypernas.NewPlus() }

// little are options that make a fit a matter of a moment.
func little(more ...string) map[string]string {
	o := map[string]string{"steps": "20", "members": "2", "trees": "20", "judge_steps": "20", "judge_images": "16"}
	for i := 0; i < len(more); i += 2 {
		o[more[i]] = more[i+1]
	}
	return o
}

func TestPlusConformance(t *testing.T) {
	plugintest.Predictor(t, createPlus, plugintest.With(little()))
}

// predictions fits p and returns its values.
func predictions(t *testing.T, p plugins.Predictor, training *plugins.Training, test *plugins.Batch) []float64 {
	t.Helper()
	if _, err := p.Fit(t.Context(), training); err != nil {
		t.Fatal(err)
	}
	values, err := p.Predict(t.Context(), test)
	if err != nil {
		t.Fatal(err)
	}
	return values
}

// TestPlusWithoutItsPartsIsGPWarp: to the bit.
func TestPlusWithoutItsPartsIsGPWarp(t *testing.T) {
	training, test, _ := plugintest.Deal(t, 30)
	training.Pool = test
	want := predictions(t, gp.NewWarp(), training, &test)
	training.Options = map[string]string{"embedding": "false", "forest": "false"}
	if got := predictions(t, hypernas.NewPlus(), training, &test); !slices.Equal(got, want) {
		t.Errorf("got %v, want gp-warp's %v", got[:3], want[:3])
	}
}

// pretrained returns the artifact of pretraining with training's options.
func pretrained(t *testing.T, training *plugins.Training, seed uint64) []byte {
	t.Helper()
	artifact, err := hypernas.NewPlus().Pretrain(t.Context(), &plugins.Pretraining{
		Vocabulary: training.Vocabulary, Pool: training.Pool, Options: training.Options, Seed: seed, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return artifact
}

// ordered returns the share of pairs with different targets that values order
// as they do.
func ordered(values, target []float64) float64 {
	good, all := 0., 0.
	for i := range values {
		for j := range i {
			if target[i] != target[j] {
				all++
				if (values[i] < values[j]) == (target[i] < target[j]) {
					good++
				}
			}
		}
	}
	return good / all
}

// TestPlusTakesItsArtifact: a fit on what another process pretrained depends on
// that; an artifact of other options or cut short is refused.
func TestPlusTakesItsArtifact(t *testing.T) {
	training, test, target := plugintest.Deal(t, 40)
	training.Pool, training.Options = test, little()
	training.Artifact = pretrained(t, training, training.Seed+1)
	first := predictions(t, hypernas.NewPlus(), training, &test)
	if good := ordered(first, target); good < .75 {
		t.Errorf("orders %.0f %% of pairs right, want three in four", 100*good)
	}
	if again := predictions(t, hypernas.NewPlus(), training, &test); !slices.Equal(first, again) {
		t.Error("two fits on one artifact differ")
	}
	// Without an artifact, the same pretraining is done on the spot.
	seed, artifact := training.Seed, training.Artifact
	training.Artifact = nil
	alone := predictions(t, hypernas.NewPlus(), training, &test)
	training.Artifact = pretrained(t, training, seed)
	if with := predictions(t, hypernas.NewPlus(), training, &test); !slices.Equal(alone, with) || slices.Equal(alone, first) {
		t.Error("a fit that pretrains itself differs from one on an artifact of its seed, or equals that of another")
	}
	for name, spoiled := range map[string][]byte{
		"cut short":      artifact[:len(artifact)-1],
		"with a rest":    append(slices.Clone(artifact), 0),
		"of another one": []byte("arch2vec artifact 1"),
	} {
		training.Artifact = spoiled
		if _, err := hypernas.NewPlus().Fit(t.Context(), training); !errors.Is(err, plugins.ErrInput) {
			t.Errorf("artifact %s: got %v, want ErrInput", name, err)
		}
	}
	training.Artifact, training.Options = artifact, little("width", "32")
	if _, err := hypernas.NewPlus().Fit(t.Context(), training); !errors.Is(err, plugins.ErrInput) {
		t.Errorf("artifact of another width: got %v, want ErrInput", err)
	}
}

// TestPlusHeads: judges that are trained on rank by the labels, the loss alone
// takes nothing from them; both come from an artifact as from a pretraining on
// the spot, and a space without weights has neither.
func TestPlusHeads(t *testing.T) {
	training, test, target := plugintest.Deal(t, 40)
	training.Pool = test
	for _, head := range []string{"network", "loss"} {
		training.Options = map[string]string{"head": head, "judges": "2", "layers": "1", "width": "16", "judge_steps": "20", "judge_images": "16"}
		training.Artifact = nil
		values := predictions(t, hypernas.NewPlus(), training, &test)
		if good := ordered(values, target); head == "network" && good < .75 {
			t.Errorf("head=network orders %.0f %% of pairs right, want three in four", 100*good)
		}
		training.Artifact = pretrained(t, training, training.Seed)
		if again := predictions(t, hypernas.NewPlus(), training, &test); !slices.Equal(again, values) {
			t.Errorf("head=%s: an artifact gives other values than a pretraining on the spot", head)
		}
		labels := training.Labels
		training.Labels = slices.Clone(labels)
		slices.Reverse(training.Labels)
		other := predictions(t, hypernas.NewPlus(), training, &test)
		if same := slices.Equal(other, values); same != (head == "loss") {
			t.Errorf("head=%s: with other labels, values are the same: %t", head, same)
		}
		training.Labels = labels

		weightless := small(1)
		for i := 2; i < 4; i++ {
			weightless.Vocabulary.Ops[i].Kind = plugins.KindSkip
		}
		weightless.Options = training.Options
		p := hypernas.NewPlus()
		if _, err := p.Fit(t.Context(), weightless); !errors.Is(err, plugins.ErrUnsupported) {
			t.Errorf("head=%s without weights to generate: got %v, want ErrUnsupported", head, err)
		}
		if _, err := p.Predict(t.Context(), &weightless.Batch); !errors.Is(err, plugins.ErrNotFitted) {
			t.Errorf("head=%s after a fit that failed: got %v, want ErrNotFitted", head, err)
		}
		for _, without := range []string{"embedding", "judges"} {
			training.Options = map[string]string{"head": head, without: map[string]string{"embedding": "false", "judges": "0"}[without]}
			if _, err := hypernas.NewPlus().Fit(t.Context(), training); !errors.Is(err, plugins.ErrOption) {
				t.Errorf("head=%s without %s: got %v, want ErrOption", head, without, err)
			}
		}
		training.Options = map[string]string{"head": head, "trees": "10"}
		if _, err := hypernas.NewPlus().Fit(t.Context(), training); !errors.Is(err, plugins.ErrOption) {
			t.Errorf("head=%s with trees: got %v, want ErrOption", head, err)
		}
	}
}

func TestPlusMistakes(t *testing.T) {
	training, test, _ := plugintest.Deal(t, 5)
	if _, err := hypernas.NewPlus().Predict(t.Context(), &test); !errors.Is(err, plugins.ErrNotFitted) {
		t.Errorf("before Fit: got %v, want ErrNotFitted", err)
	}
	for name, value := range map[string]string{
		"label": "raw", "head": "tail", "members": "33", "width": "0", "layers": "0", "steps": "0", "batch": "0", "rate": "0",
		"decay": "-1", "judges": "9", "judge_steps": "0", "target_batch": "1", "use": "all", "global": "no", "aux": "here", "aux_pool": "8", "judge_images": "8", "trees": "0", "iterations": "0", "embedding": "maybe", "forest": "2", "depth": "2",
	} {
		training.Options = map[string]string{name: value}
		if _, err := hypernas.NewPlus().Fit(t.Context(), training); !errors.Is(err, plugins.ErrOption) {
			t.Errorf("%s=%s: got %v, want ErrOption", name, value, err)
		}
	}
	for _, silent := range []map[string]string{
		{"embedding": "false", "members": "3"},
		{"judges": "0", "shuffled": "true"},
		{"members": "0", "steps": "9"},
		{"use": "embedding", "judge_images": "32"},
		{"forest": "false", "trees": "9"},
		{"steps": "100000", "batch": "4096"},
	} {
		training.Options = silent
		if _, err := hypernas.NewPlus().Fit(t.Context(), training); !errors.Is(err, plugins.ErrOption) {
			t.Errorf("%v: got %v, want ErrOption", silent, err)
		}
	}
	training.Options = map[string]string{"members": "0", "judges": "0"}
	if _, err := hypernas.NewPlus().Fit(t.Context(), training); !errors.Is(err, plugins.ErrOption) {
		t.Errorf("no encoder: got %v, want ErrOption", err)
	}
	training.Options, training.Labels[2] = nil, math.NaN()
	if _, err := hypernas.NewPlus().Fit(t.Context(), training); !errors.Is(err, plugins.ErrInput) {
		t.Errorf("a label that is NaN: got %v, want ErrInput", err)
	}
}

// TestPlusTakesUnknownNumbers: numbers that are infinite or not known leave
// predictions finite.
func TestPlusTakesUnknownNumbers(t *testing.T) {
	training, test, _ := plugintest.Deal(t, 20)
	training.Options = little()
	if len(training.Batch.Numbers) == 0 {
		t.Fatal("the dealt space has no numbers")
	}
	training.Batch.Numbers = slices.Clone(training.Batch.Numbers)
	training.Batch.Numbers[0], training.Batch.Numbers[1] = math.Inf(1), math.NaN()
	for i, x := range predictions(t, hypernas.NewPlus(), training, &test) {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			t.Fatalf("row %d is worth %v", i, x)
		}
	}
}
