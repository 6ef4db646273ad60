package number_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/plugins/plugintest"
	"github.com/hypernas/hypernas/predictors/number"
)

// training returns a training set without rows for a space with the given
// numbers.
func training(numbers ...string) *plugins.Training {
	return &plugins.Training{Vocabulary: plugins.Vocabulary{Numbers: numbers}}
}

func TestValuesAreTheNumber(t *testing.T) {
	b := plugins.Batch{Networks: make([]plugins.Network, 3), Numbers: []float64{5, 10, 6, 30, 7, 20}}
	for want, p := range map[string]*number.Predictor{"params": number.Params(), "flops": number.FLOPs()} {
		d, err := p.Describe(t.Context())
		if err != nil || d.Name != want {
			t.Fatalf("got name %q, %v, want %q", d.Name, err, want)
		}
		if _, err := p.Fit(t.Context(), training("flops", "params")); err != nil {
			t.Fatal(err)
		}
		got, err := p.Predict(t.Context(), &b)
		if want := map[string][]float64{"params": {10, 30, 20}, "flops": {5, 6, 7}}[want]; err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: got %v, %v, want %v", d.Name, got, err, want)
		}
	}
}

func TestASpaceWithoutTheNumberIsNotSupported(t *testing.T) {
	for _, numbers := range [][]string{nil, {"flops"}} {
		_, err := number.Params().Fit(t.Context(), training(numbers...))
		if !errors.Is(err, plugins.ErrUnsupported) || !strings.Contains(err.Error(), strings.Join(numbers, ", ")) {
			t.Errorf("%v: got %v, want ErrUnsupported and what there is", numbers, err)
		}
	}
}

func TestMistakes(t *testing.T) {
	p := number.Params()
	b := plugins.Batch{Networks: make([]plugins.Network, 2), Numbers: []float64{5, math.NaN()}}
	if _, err := p.Predict(t.Context(), &b); !errors.Is(err, plugins.ErrNotFitted) {
		t.Errorf("before Fit: got %v, want ErrNotFitted", err)
	}
	bad := training("params")
	bad.Options = map[string]string{"log": "true"}
	if _, err := p.Fit(t.Context(), bad); !errors.Is(err, plugins.ErrOption) {
		t.Errorf("unknown option: got %v, want ErrOption", err)
	}
	if _, err := p.Fit(t.Context(), training("params")); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Predict(t.Context(), &b); !errors.Is(err, plugins.ErrUnsupported) || !strings.Contains(err.Error(), "row 1") {
		t.Errorf("unknown number: got %v, want ErrUnsupported naming row 1", err)
	}
	b.Numbers = b.Numbers[:1]
	if _, err := p.Predict(t.Context(), &b); !errors.Is(err, plugins.ErrInput) {
		t.Errorf("too few numbers: got %v, want ErrInput", err)
	}
}

func TestContract(t *testing.T) {
	t.Run("params", func(t *testing.T) {
		plugintest.Predictor(t, func() plugins.Predictor { return number.Params() })
	})
	t.Run("flops", func(t *testing.T) {
		plugintest.Predictor(t, func() plugins.Predictor { return number.FLOPs() })
	})
}
