package feature_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/predictors/feature"
)

func newSet(t *testing.T, name string, v *plugins.Vocabulary, networks []plugins.Network) *feature.Set {
	t.Helper()
	s, err := feature.NewSet(t.Context(), name, v, &plugins.Batch{Networks: networks})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSetsHaveTheColumnsThatVary(t *testing.T) {
	v := vocabulary()
	train := []plugins.Network{chain([]float64{8, 8}, 1, []int{conv}, []int{pool}), chain([]float64{8, 8}, 1, []int{skip}, []int{pool})}
	rest := []plugins.Network{chain([]float64{8, 16}, 1, []int{skip}, []int{conv})}
	for name := range strings.SplitSeq(feature.SetNames, ",") {
		alone, both := newSet(t, name, &v, train), newSet(t, name, &v, slices.Concat(train, rest))
		if alone.Dim() == 0 || both.Dim() <= alone.Dim() {
			t.Errorf("%s: got %d columns, and %d of rows that vary more", name, alone.Dim(), both.Dim())
		}
		at := 0
		for _, g := range both.Groups() {
			if g.Name == "" || g.From != at || g.To <= at {
				t.Errorf("%s: got group %+v, want one from column %d", name, g, at)
			}
			at = g.To
		}
		if at != both.Dim() {
			t.Errorf("%s: groups end at %d of %d columns", name, at, both.Dim())
		}
		b := plugins.Batch{Networks: slices.Concat(train, rest)}
		x, err := both.Dense(t.Context(), &b)
		if err != nil {
			t.Fatal(err)
		}
		var want []float64
		row := make([]float64, both.Dim())
		for i := range b.Networks {
			both.EncodeTo(row, &b.Networks[i], nil)
			want = append(want, row...)
		}
		if got := x.RawMatrix().Data; !slices.Equal(got, want) {
			t.Errorf("%s: the matrix is not its rows", name)
		}
		if equal := newSet(t, name, &v, slices.Repeat(train[:1], 2)); equal.Dim() != 0 && name != "groups" {
			t.Errorf("%s: got %d columns where all is equal", name, equal.Dim())
		}
	}
}

func TestOneHotSetScalesWork(t *testing.T) {
	v := vocabulary()
	networks := []plugins.Network{
		chain([]float64{8, 8}, 1, []int{conv}, []int{pool}),
		chain([]float64{16, 8}, 1, []int{conv}, []int{pool}),
		chain([]float64{64, 8}, 2, []int{conv}, []int{skip}),
	}
	s := newSet(t, "onehot", &v, networks)
	x, err := s.Dense(t.Context(), &plugins.Batch{Networks: networks})
	if err != nil {
		t.Fatal(err)
	}
	variance := func(from, to int) float64 {
		sum := 0.0
		for j := from; j < to; j++ {
			var mean, square float64
			for i := range networks {
				y := x.At(i, j)
				mean += y / 3
				square += y * y / 3
			}
			sum += square - mean*mean
		}
		return sum
	}
	groups := s.Groups()
	if len(groups) != 2 {
		t.Fatalf("got %d groups, want 2", len(groups))
	}
	places := feature.NewWork(&v, networks).Places()
	want := variance(groups[0].From, groups[0].To)
	for _, g := range [][2]int{{groups[1].From, groups[1].From + places}, {groups[1].From + places, groups[1].To}} {
		if got := variance(g[0], g[1]); math.Abs(got-want) > 1e-9 {
			t.Errorf("columns %v: got variance %v, want %v", g, got, want)
		}
	}
}

func names(groups []feature.Group) []string {
	var list []string
	for _, g := range groups {
		list = append(list, g.Name)
	}
	return list
}

// TestGraphSetOfBlocks: blocks are counted and their numbers taken; of cells
// that are searched as graphs there are paths and degrees.
func TestGraphSetOfBlocks(t *testing.T) {
	v := vocabulary()
	networks := []plugins.Network{
		chain([]float64{8, 8}, 1, []int{conv}, []int{pool}),
		chain([]float64{16, 8}, 1, []int{conv}, []int{conv}),
		chain([]float64{16, 8}, 1, []int{skip}, []int{pool}),
	}
	s := newSet(t, "graph", &v, networks)
	if got, want := names(s.Groups()), []string{"counts", "work", "attributes"}; !slices.Equal(got, want) {
		t.Errorf("got groups %v, want %v", got, want)
	}
	// By step: skip and conv of the first, conv and pool of the second; in all:
	// skip, conv, pool.
	row := make([]float64, s.Dim())
	s.EncodeTo(row, &networks[1], nil)
	if got, want := row[:s.Groups()[0].To], []float64{0, 1, 1, 0, 0, 2, 0}; !slices.Equal(got, want) {
		t.Errorf("got counts %v, want %v", got, want)
	}
	for i := range networks {
		for k := range networks[i].Cells {
			networks[i].Cells[k].Role = plugins.RoleNormal
		}
	}
	got := names(newSet(t, "graph", &v, networks).Groups())
	if want := []string{"counts", "paths", "degrees", "work", "attributes"}; !slices.Equal(got, want) {
		t.Errorf("got groups %v of searched cells, want %v", got, want)
	}
}

// TestGraphSetHasCosts: parameters and multiply-adds count where all rows have
// them and they vary, and one that is not known later has the mean.
func TestGraphSetHasCosts(t *testing.T) {
	v := vocabulary()
	v.Numbers = []string{"zen", "flops", "params"}
	network := chain([]float64{8}, 1, []int{conv})
	b := plugins.Batch{Networks: []plugins.Network{network, network}, Numbers: []float64{1, 7, 1e6, 2, 7, 4e6}}
	s, err := feature.NewSet(t.Context(), "graph", &v, &b)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := names(s.Groups()), []string{"cost"}; !slices.Equal(got, want) || s.Dim() != 1 {
		t.Fatalf("got groups %v of %d columns, want %v of 1", got, s.Dim(), want)
	}
	row := make([]float64, 1)
	for params, want := range map[float64]float64{1e6: 0, 2e6: math.Log(2)} {
		s.EncodeTo(row, &network, []float64{1, 7, params})
		if math.Abs(row[0]-want) > 1e-12 {
			t.Errorf("%v parameters: got %v, want %v", params, row[0], want)
		}
	}
	if s.EncodeTo(row, &network, []float64{1, 7, math.NaN()}); math.Abs(row[0]-math.Log(2)) > 1e-12 {
		t.Errorf("parameters not known: got %v, want the mean, %v", row[0], math.Log(2))
	}
}

func TestNewSetMistakes(t *testing.T) {
	v := vocabulary()
	b := plugins.Batch{Networks: []plugins.Network{chain([]float64{8}, 1, []int{conv})}}
	if _, err := feature.NewSet(t.Context(), "paths", &v, &b); !errors.Is(err, plugins.ErrOption) {
		t.Errorf("got %v, want ErrOption", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := feature.NewSet(ctx, "onehot", &v, &b); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want Canceled", err)
	}
}
