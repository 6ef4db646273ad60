package feature_test

import (
	"slices"
	"testing"

	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/predictors/feature"
)

func TestContract(t *testing.T) {
	const input, output, skip, conv = 0, 1, 2, 3
	v := &plugins.Vocabulary{Ops: []plugins.Op{
		{Name: "input", Kind: plugins.KindInput},
		{Name: "output", Kind: plugins.KindOutput},
		{Name: "skip", Kind: plugins.KindSkip},
		{Name: "conv", Kind: plugins.KindConv, Kernel: 3},
	}}
	for name, c := range map[string]struct {
		ops       []int
		edges     []plugins.Edge
		want      []int
		wantEdges []plugins.Edge
	}{
		"a chain of skips": {
			[]int{input, skip, skip, conv, output},
			[]plugins.Edge{{From: 0, To: 1}, {From: 1, To: 2}, {From: 2, To: 3}, {From: 3, To: 4}},
			[]int{input, conv, output},
			[]plugins.Edge{{From: 0, To: 1}, {From: 1, To: 2}},
		},
		"a skip beside an edge": {
			[]int{input, skip, conv, output},
			[]plugins.Edge{{From: 0, To: 1}, {From: 0, To: 2}, {From: 0, To: 3}, {From: 1, To: 3}, {From: 2, To: 3}},
			[]int{input, conv, output},
			[]plugins.Edge{{From: 0, To: 1}, {From: 0, To: 2}, {From: 1, To: 2}},
		},
		"nothing but skips": {
			[]int{input, skip, output},
			[]plugins.Edge{{From: 0, To: 1}, {From: 1, To: 2}},
			[]int{input, output},
			[]plugins.Edge{{From: 0, To: 1}},
		},
		"a skip that nothing feeds": {
			[]int{input, skip, conv, output},
			[]plugins.Edge{{From: 1, To: 2}, {From: 2, To: 3}},
			[]int{input, conv, output},
			[]plugins.Edge{{From: 1, To: 2}},
		},
		"the seam of two cells": {
			[]int{input, conv, output, input, conv, conv, output, input, output},
			[]plugins.Edge{{From: 0, To: 1}, {From: 1, To: 2}, {From: 2, To: 3}, {From: 3, To: 4}, {From: 3, To: 5}, {From: 4, To: 6}, {From: 5, To: 6}, {From: 6, To: 7}, {From: 7, To: 8}},
			[]int{input, conv, conv, conv, output, output},
			[]plugins.Edge{{From: 0, To: 1}, {From: 1, To: 2}, {From: 1, To: 3}, {From: 2, To: 4}, {From: 3, To: 4}, {From: 4, To: 5}},
		},
		"no way through": {
			[]int{input, output}, nil, []int{input, output}, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := feature.Graph{Edges: c.edges}
			for i, op := range c.ops {
				g.Nodes = append(g.Nodes, plugins.Node{Op: op})
				g.Steps = append(g.Steps, plugins.Step{Cell: i, Repeat: 1})
			}
			got := g.Contract(v)
			var ops []int
			for i, n := range got.Nodes {
				ops = append(ops, n.Op)
				if step := got.Steps[i].Cell; c.ops[step] != n.Op {
					t.Errorf("node %d has the step of node %d", i, step)
				}
			}
			if !slices.Equal(ops, c.want) || !slices.Equal(got.Edges, c.wantEdges) {
				t.Errorf("got %v %v, want %v %v", ops, got.Edges, c.want, c.wantEdges)
			}
		})
	}
}
