package arch2vec_test

import (
	"bytes"
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/plugins/plugintest"
	"github.com/hypernas/hypernas/predictors/arch2vec"
)

func create() plugins.Predictor { return arch2vec.New() }

func TestConformance(t *testing.T) {
	plugintest.Predictor(t, create, plugintest.With(quick()))
}

func quick() map[string]string { return map[string]string{"width": "20", "pretraining": "3"} }

func fitted(t *testing.T, training *plugins.Training) plugins.Predictor {
	t.Helper()
	p := arch2vec.New()
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
	for _, label := range []string{"z-score", "rank-gauss"} {
		training, test, target := plugintest.Deal(t, 60)
		training.Options = map[string]string{"width": "40", "pretraining": "60", "label": label}
		var err error
		training.Artifact, err = arch2vec.New().Pretrain(t.Context(), &plugins.Pretraining{
			Vocabulary: training.Vocabulary, Pool: test, Options: training.Options, Seed: training.Seed, Log: training.Log,
		})
		if err != nil {
			t.Fatal(err)
		}
		got := predict(t, fitted(t, training), &test)
		if c := concordance(got, target); c < .75 {
			t.Errorf("%s: orders %.2f of the pairs right, want .75", label, c)
		}
	}
}

func TestMistakes(t *testing.T) {
	training, test, _ := plugintest.Deal(t, 5)
	if _, err := arch2vec.New().Predict(t.Context(), &test); !errors.Is(err, plugins.ErrNotFitted) {
		t.Errorf("before Fit: got %v, want ErrNotFitted", err)
	}
	for name, value := range map[string]string{"label": "warp", "width": "0", "layers": "-1", "dropout": "1", "pretraining": "0", "batch": "0", "rate": "0", "kl": "-1", "pool_rows": "0", "latent": "0", "depth": "2"} {
		training.Options = map[string]string{name: value}
		if _, err := arch2vec.New().Fit(t.Context(), training); !errors.Is(err, plugins.ErrOption) {
			t.Errorf("%s=%s: got %v, want ErrOption", name, value, err)
		}
	}
	training.Options = nil
	training.Labels[2] = math.NaN()
	if _, err := arch2vec.New().Fit(t.Context(), training); !errors.Is(err, plugins.ErrInput) {
		t.Errorf("a label that is not a number: got %v, want ErrInput", err)
	}
	training.Labels = training.Labels[:4]
	if _, err := arch2vec.New().Fit(t.Context(), training); !errors.Is(err, plugins.ErrInput) {
		t.Errorf("a label missing: got %v, want ErrInput", err)
	}
}

// TestFewAndEqualLabels: one row, and rows of one label, still give finite
// predictions.
func TestFewAndEqualLabels(t *testing.T) {
	for _, rows := range []int{1, 2, 12} {
		training, test, _ := plugintest.Deal(t, rows)
		training.Options = quick()
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

func TestCancelled(t *testing.T) {
	training, _, _ := plugintest.Deal(t, 10)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := arch2vec.New().Fit(ctx, training); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

// TestArtifact: a fit that loads what Pretrain made predicts to the bit as one
// that makes it itself, the same pretraining gives the same bytes, and what is no
// artifact is refused.
func TestArtifact(t *testing.T) {
	training, test, _ := plugintest.Deal(t, 20)
	training.Options = quick()
	want := predict(t, fitted(t, training), &test)
	pretraining := &plugins.Pretraining{Vocabulary: training.Vocabulary, Pool: training.Batch, Options: quick(), Seed: training.Seed, Log: training.Log}
	artifact, err := arch2vec.New().Pretrain(t.Context(), pretraining)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := arch2vec.New().Pretrain(t.Context(), pretraining); err != nil || !bytes.Equal(again, artifact) {
		t.Errorf("the same pretraining gives other bytes (error %v)", err)
	}
	training.Artifact = artifact
	if got := predict(t, fitted(t, training), &test); !slices.Equal(got, want) {
		t.Error("predictions with an artifact differ from those without")
	}
	for name, bad := range map[string][]byte{"no magic": []byte("pickled"), "cut": artifact[:len(artifact)-1], "longer": append(slices.Clone(artifact), 0)} {
		training.Artifact = bad
		if _, err := arch2vec.New().Fit(t.Context(), training); !errors.Is(err, plugins.ErrInput) {
			t.Errorf("%s: got %v, want ErrInput", name, err)
		}
	}
	pretraining.Pool = plugins.Batch{}
	if _, err := arch2vec.New().Pretrain(t.Context(), pretraining); !errors.Is(err, plugins.ErrInput) {
		t.Errorf("no pool: got %v, want ErrInput", err)
	}
}

// TestVersion guards the promise that predictions with equal options change only
// together with Version: bring both up to date.
func TestVersion(t *testing.T) {
	training, test, _ := plugintest.Deal(t, 30)
	training.Options = quick()
	training.Options["pretraining"] = "1" // more of it tells the kernel paths apart
	test = test.Slice(0, 3)
	got := predict(t, fitted(t, training), &test)
	// Written by this test. Between kernel paths sums differ in the last bits,
	// which the process on the code makes hundredths.
	want := []float64{.02, -.43, -1.22}
	for i := range want {
		if math.Abs(got[i]-want[i]) > .1 {
			t.Errorf("version %d: got %.4f, want %.4f", arch2vec.Version, got, want)
			break
		}
	}
}
