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

func TestZeroCostIsTheChosenNumber(t *testing.T) {
	unknown := math.NaN()
	train := func(options map[string]string, numbers ...string) *plugins.Training {
		tr := training(numbers...)
		tr.Options = options
		tr.Batch = plugins.Batch{Networks: make([]plugins.Network, 2), Numbers: []float64{5, 10, 6, 30}}
		return tr
	}
	b := plugins.Batch{Networks: make([]plugins.Network, 3), Numbers: []float64{1, 40, unknown, unknown, 3, 20}}
	for _, tc := range []struct {
		name    string
		numbers []string
		options map[string]string
		want    []float64
	}{
		{"by name", []string{"params", "jacov"}, map[string]string{"proxy": "params"}, []float64{1, 5, 3}},
		{"the one that is neither params nor flops", []string{"params", "jacov"}, nil, []float64{40, 10, 20}},
		{"the first of several", []string{"jacov", "snip"}, nil, []float64{1, 5, 3}},
		{"a better known one", []string{"jacov", "zen"}, nil, []float64{40, 10, 20}},
		{"smaller first", []string{"jacov", "zen"}, map[string]string{"invert": "true"}, []float64{-40, -30, -20}},
	} {
		p := number.Proxy()
		fitted, err := p.Fit(t.Context(), train(tc.options, tc.numbers...))
		if auto := tc.options["proxy"] == ""; err != nil || (len(fitted.Warnings) == 1) != auto {
			t.Fatalf("%s: got %v, %v, want a warning that names the number if and only if nobody else did", tc.name, fitted, err)
		}
		if got, err := p.Predict(t.Context(), &b); err != nil || !slices.Equal(got, tc.want) {
			t.Errorf("%s: got %v, %v, want %v", tc.name, got, err, tc.want)
		}
	}

	for proxy, want := range map[string]error{"auto": plugins.ErrUnsupported, "typo": plugins.ErrOption} {
		_, err := number.Proxy().Fit(t.Context(), train(map[string]string{"proxy": proxy}, "params", "flops"))
		if !errors.Is(err, want) || !strings.Contains(err.Error(), "params, flops") {
			t.Errorf("proxy=%s: got %v, want %v and what there is", proxy, err, want)
		}
	}
	p := number.Proxy()
	if _, err := p.Predict(t.Context(), &b); !errors.Is(err, plugins.ErrNotFitted) {
		t.Errorf("before Fit: got %v, want ErrNotFitted", err)
	}
	blind := train(nil, "params", "zen")
	blind.Batch.Numbers = []float64{5, unknown, 6, unknown}
	if _, err := p.Fit(t.Context(), blind); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Predict(t.Context(), &b); !errors.Is(err, plugins.ErrUnsupported) || !strings.Contains(err.Error(), "row 1") {
		t.Errorf("unknown everywhere: got %v, want ErrUnsupported naming row 1", err)
	}
	b.Numbers = b.Numbers[:2]
	if _, err := p.Predict(t.Context(), &b); !errors.Is(err, plugins.ErrInput) {
		t.Errorf("too few numbers: got %v, want ErrInput", err)
	}
	blind.Batch.Numbers = nil
	if _, err := p.Fit(t.Context(), blind); !errors.Is(err, plugins.ErrInput) {
		t.Errorf("a training set without numbers: got %v, want ErrInput", err)
	}
}

func TestContract(t *testing.T) {
	t.Run("zerocost", func(t *testing.T) {
		plugintest.Predictor(t, func() plugins.Predictor { return number.Proxy() }, plugintest.With(map[string]string{"proxy": "flops"}))
	})
	t.Run("params", func(t *testing.T) {
		plugintest.Predictor(t, func() plugins.Predictor { return number.Params() })
	})
	t.Run("flops", func(t *testing.T) {
		plugintest.Predictor(t, func() plugins.Predictor { return number.FLOPs() })
	})
}
