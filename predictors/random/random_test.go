package random_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/plugins/plugintest"
	"github.com/hypernas/hypernas/predictors/random"
)

// networks returns n different chains of two operations.
func networks(n int) plugins.Batch {
	var b plugins.Batch
	for i := range n {
		b.Networks = append(b.Networks, plugins.Network{
			Cells: []plugins.Cell{{
				Nodes: []plugins.Node{{Op: 0}, {Op: 2 + i%40}, {Op: 2 + i/40}, {Op: 1}},
				Edges: []plugins.Edge{{From: 0, To: 1}, {From: 1, To: 2}, {From: 2, To: 3}},
			}},
			Sequence: []plugins.Step{{Repeat: 1}},
		})
	}
	return b
}

func predict(t *testing.T, seed uint64, b plugins.Batch) []float64 {
	t.Helper()
	p := random.New()
	if _, err := p.Fit(t.Context(), &plugins.Training{Seed: seed}); err != nil {
		t.Fatal(err)
	}
	values, err := p.Predict(t.Context(), &b)
	if err != nil {
		t.Fatal(err)
	}
	return values
}

func TestAValueFollowsFromSeedAndArchitectureAlone(t *testing.T) {
	b := networks(400)
	all := predict(t, 1, b)
	reversed := make([]int, b.Len())
	for i := range reversed {
		reversed[i] = b.Len() - 1 - i
	}
	backwards := predict(t, 1, b.Select(reversed))
	slices.Reverse(backwards)
	if !slices.Equal(backwards, all) {
		t.Error("values depend on the order of rows")
	}
	if alone := predict(t, 1, b.Slice(7, 8)); alone[0] != all[7] {
		t.Error("a value depends on the other rows")
	}
	if other := predict(t, 2, b); slices.Equal(other, all) {
		t.Error("values do not depend on the seed")
	}
	distinct := slices.Compact(slices.Sorted(slices.Values(all)))
	if len(distinct) != len(all) || distinct[0] < 0 || distinct[len(distinct)-1] >= 1 {
		t.Errorf("got %d different values in [%v, %v], want %d in [0, 1)", len(distinct), distinct[0], distinct[len(distinct)-1], len(all))
	}
	mean := 0.0
	for _, v := range all {
		mean += v / float64(len(all))
	}
	if mean < .45 || mean > .55 {
		t.Errorf("got mean %v, want about .5", mean)
	}
}

func TestTheListOfCellsDoesNotMatter(t *testing.T) {
	one := networks(2)
	c := one.Networks[0].Cells[0]
	one.Networks[0] = plugins.Network{Cells: []plugins.Cell{c}, Sequence: []plugins.Step{{Repeat: 1}, {Repeat: 2}}}
	one.Networks[1] = plugins.Network{Cells: []plugins.Cell{c, c}, Sequence: []plugins.Step{{Cell: 1, Repeat: 1}, {Cell: 0, Repeat: 2}}}
	if got := predict(t, 1, one); got[0] != got[1] {
		t.Errorf("got %v for one network in two forms", got)
	}
}

// TestPinnedValues fails when the values of a seed change: then Version must
// rise.
func TestPinnedValues(t *testing.T) {
	if got, want := predict(t, 1, networks(3)), []float64{0.9488599407815215, 0.3695277618984, 0.3445492871066631}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v of version %d", got, want, random.Version)
	}
}

func TestMistakes(t *testing.T) {
	b := networks(1)
	p := random.New()
	if _, err := p.Predict(t.Context(), &b); !errors.Is(err, plugins.ErrNotFitted) {
		t.Errorf("before Fit: got %v, want ErrNotFitted", err)
	}
	if _, err := p.Fit(t.Context(), &plugins.Training{Options: map[string]string{"seed": "1"}}); !errors.Is(err, plugins.ErrOption) {
		t.Errorf("unknown option: got %v, want ErrOption", err)
	}
	if _, err := p.Fit(t.Context(), &plugins.Training{}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Predict(ctx, &b); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: got %v", err)
	}
}

func TestContract(t *testing.T) {
	plugintest.Predictor(t, func() plugins.Predictor { return random.New() })
}
