package gp_test

import (
	"cmp"
	"encoding/json"
	"log/slog"
	"math"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/hypernas/hypernas/harness/metric"
	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/predictors/gp"
	"github.com/hypernas/hypernas/spaces/autoformer"
	"github.com/hypernas/hypernas/spaces/mnasnet"
	"github.com/hypernas/hypernas/spaces/nasbench201"
	"github.com/hypernas/hypernas/spaces/registry"
	"github.com/hypernas/hypernas/spaces/registry/registrytest"
)

// TestWarpEqualsThePrototype fits gp-warp on 50 labels of real spaces and
// compares its tau on all other rows with that of the prototype that the recipe
// was found with (numpy). Training rows are the first of numpy's permutation,
// which testdata/permutations.py wrote.
func TestWarpEqualsThePrototype(t *testing.T) {
	data, err := os.ReadFile("testdata/permutations.json")
	if err != nil {
		t.Fatal(err)
	}
	var permutations map[string]map[string][]int
	if err := json.Unmarshal(data, &permutations); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, set string
		open      func(registry.Source) plugins.Space
		want      [2]float64 // by seed
	}{
		{"mnasnet", "", func(r registry.Source) plugins.Space { return mnasnet.New(r) }, [2]float64{.8445, .8356}},
		{"autoformer-tiny", "autoformer", func(r registry.Source) plugins.Space { return autoformer.New(r, autoformer.Tiny) }, [2]float64{.7532, .7935}},
		{"autoformer-small", "autoformer", func(r registry.Source) plugins.Space { return autoformer.New(r, autoformer.Small) }, [2]float64{.8237, .8520}},
		{"nasbench201", "", func(r registry.Source) plugins.Space { return nasbench201.New(r) }, [2]float64{.8067, .8155}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			space := tc.open(registrytest.Mirror(t, cmp.Or(tc.set, tc.name)))
			info, err := space.Open(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			all, _, err := space.Read(t.Context(), 0, info.Rows)
			if err != nil {
				t.Fatal(err)
			}
			label, err := space.Column(t.Context(), info.Label)
			if err != nil {
				t.Fatal(err)
			}
			target, err := space.Column(t.Context(), info.Target)
			if err != nil {
				t.Fatal(err)
			}
			for seed, want := range tc.want {
				rows := permutations[strconv.Itoa(info.Rows)][strconv.Itoa(seed)]
				if len(rows) == 0 {
					t.Fatalf("no permutation of %d rows", info.Rows)
				}
				training := &plugins.Training{Vocabulary: info.Vocabulary, Batch: all.Select(rows), Pool: all, Log: slog.New(slog.DiscardHandler)}
				for _, i := range rows {
					training.Labels = append(training.Labels, label[i])
				}
				p := gp.NewWarp()
				if _, err := p.Fit(t.Context(), training); err != nil {
					t.Fatal(err)
				}
				values, err := p.Predict(t.Context(), &all)
				if err != nil {
					t.Fatal(err)
				}
				var x, y []float64
				for i := range values {
					if !slices.Contains(rows, i) && !math.IsNaN(target[i]) {
						x, y = append(x, values[i]), append(y, target[i])
					}
				}
				got, _ := metric.KendallTauB(x, y)
				t.Logf("seed %d: tau %.5f", seed, got)
				if math.Abs(got-want) > 2e-4 {
					t.Errorf("seed %d: tau is %.5f, want %.4f", seed, got, want)
				}
			}
		})
	}
}
