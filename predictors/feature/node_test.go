package feature_test

import (
	"bytes"
	"math"
	"slices"
	"testing"

	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/predictors/feature"
)

func TestNodes(t *testing.T) {
	v := &plugins.Vocabulary{
		Ops:       []plugins.Op{{Name: "in", Kind: plugins.KindInput}, {Name: "conv", Kind: plugins.KindConv}, {Name: "out", Kind: plugins.KindOutput}},
		NodeAttrs: []string{"heads"},
		CellAttrs: []string{"channels", "stride"},
	}
	network := func(heads, channels float64, repeat int) plugins.Network {
		return plugins.Network{
			Cells: []plugins.Cell{{
				Nodes: []plugins.Node{{Op: 0, Attrs: []float64{heads}}, {Op: 2, Attrs: []float64{heads}}},
				Edges: []plugins.Edge{{From: 0, To: 1}},
			}},
			Sequence: []plugins.Step{{Cell: 0, Repeat: repeat, Attrs: []float64{channels, .1}}},
		}
	}
	e := feature.NewNodes(v, []plugins.Network{network(2, 8, 1), network(4, 8, 3)}, (*plugins.Network).Searched)
	// Operations, heads (mean 3, deviation 1) and repeat (mean log(3)/2, the
	// same deviation); channels and stride don't vary.
	if e.Dim() != 5 {
		t.Fatalf("got %d numbers, want 5", e.Dim())
	}
	got := make([]float32, 5)
	e.EncodeTo(got, &plugins.Node{Op: 1, Attrs: []float64{6}}, &plugins.Step{Repeat: 3, Attrs: []float64{9, 9}})
	for i, want := range []float64{0, 1, 0, 3, 1} {
		if math.Abs(float64(got[i])-want) > 1e-6 {
			t.Errorf("number %d: got %v, want %v", i, got[i], want)
		}
	}
}

func TestAdjacencyTo(t *testing.T) {
	edges := []plugins.Edge{{From: 0, To: 1}, {From: 0, To: 2}, {From: 1, To: 2}, {From: 0, To: 1}}
	const none = float32(9) // rubbish of an earlier use
	forward, backward := slices.Repeat([]float32{none}, 16), slices.Repeat([]float32{none}, 16)
	for _, c := range []struct {
		loops        bool
		wantF, wantB []float32
	}{
		{false, []float32{0, .5, .5, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0}, []float32{0, 0, 0, 0, 1, 0, 0, 0, .5, .5, 0, 0, 0, 0, 0, 0}},
		{true, []float32{1. / 3, 1. / 3, 1. / 3, 0, 0, .5, .5, 0, 0, 0, 1, 0, 0, 0, 0, 0}, []float32{1, 0, 0, 0, .5, .5, 0, 0, 1. / 3, 1. / 3, 1. / 3, 0, 0, 0, 0, 0}},
	} {
		feature.AdjacencyTo(forward, backward, 4, 3, edges, c.loops)
		if !slices.Equal(forward, c.wantF) {
			t.Errorf("loops %t, along edges: got %v, want %v", c.loops, forward, c.wantF)
		}
		if !slices.Equal(backward, c.wantB) {
			t.Errorf("loops %t, against edges: got %v, want %v", c.loops, backward, c.wantB)
		}
	}
}

// TestNodesOutlive: an encoding that was written and read encodes alike, and
// what is not one for these networks is refused.
func TestNodesOutlive(t *testing.T) {
	v := plugins.Vocabulary{Ops: []plugins.Op{{Name: "in", Kind: plugins.KindInput}, {Name: "out", Kind: plugins.KindOutput}}, CellAttrs: []string{"width"}}
	cell := plugins.Cell{Nodes: []plugins.Node{{Op: 0}, {Op: 1}}, Edges: []plugins.Edge{{From: 0, To: 1}}}
	n := plugins.Network{Cells: []plugins.Cell{cell}, Sequence: []plugins.Step{{Repeat: 2, Attrs: []float64{3}}, {Repeat: 1, Attrs: []float64{5}}}}
	e := feature.NewNodes(&v, []plugins.Network{n}, feature.Joined)
	data, err := e.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	read, err := feature.ReadNodes(bytes.NewReader(data), &v)
	if err != nil {
		t.Fatal(err)
	}
	want, got := make([]float32, e.Dim()), make([]float32, read.Dim())
	e.EncodeTo(want, &cell.Nodes[1], &n.Sequence[1])
	read.EncodeTo(got, &cell.Nodes[1], &n.Sequence[1])
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if _, err := feature.ReadNodes(bytes.NewReader(data[:20]), &v); err == nil {
		t.Error("a cut encoding is accepted")
	}
	v.Ops = v.Ops[:1]
	if _, err := feature.ReadNodes(bytes.NewReader(data), &v); err == nil {
		t.Error("an encoding of other operations is accepted")
	}
}
