package hypernas

import (
	"testing"

	"github.com/hypernas/hypernas/plugins"
)

// TestJoiners: chains of blocks are read as blocks apart, of which equal ones are
// one, and as a row; cells are joined to one graph.
func TestJoiners(t *testing.T) {
	v := plugins.Vocabulary{
		Ops:       []plugins.Op{{Name: "input", Kind: plugins.KindInput}, {Name: "output", Kind: plugins.KindOutput}, {Name: "conv", Kind: plugins.KindConv, Kernel: 3}},
		NodeAttrs: []string{"expansion"},
	}
	of := func(role plugins.Role, expansions ...float64) plugins.Network {
		var n plugins.Network
		for i, x := range expansions {
			n.Cells = append(n.Cells, plugins.Cell{
				Role:  role,
				Nodes: []plugins.Node{{Op: 0, Attrs: []float64{0}}, {Op: 2, Attrs: []float64{x}}, {Op: 1, Attrs: []float64{0}}},
				Edges: []plugins.Edge{{From: 0, To: 1}, {From: 1, To: 2}},
			})
			n.Sequence = append(n.Sequence, plugins.Step{Cell: i, Repeat: 1})
		}
		return n
	}
	chains := []plugins.Network{of(plugins.RoleBlock, 3, 6, 3), of(plugins.RoleBlock, 6, 3, 3), of(plugins.RoleBlock, 6, 6)}
	joiners := newJoiners(&v, chains)
	if len(joiners) != 2 {
		t.Fatalf("%d joiners of chains, want 2", len(joiners))
	}
	examples := make([]example, len(chains))
	for i := range chains {
		examples[i].readBy(joiners, &chains[i])
	}
	first, second := examples[0].graphs, examples[1].graphs
	if len(first[0]) != 3 || first[0][0] != first[0][2] || first[0][0] == first[0][1] || first[0][0] != second[0][1] {
		t.Errorf("blocks apart: %v and %v, want equal blocks to be one", first[0], second[0])
	}
	if joiners[0].longest != 3 || len(joiners[0].parts) != 2 {
		t.Errorf("%d blocks at most, %d distinct, want 3 and 2", joiners[0].longest, len(joiners[0].parts))
	}
	if len(first[1]) != 1 || first[1][0] == second[1][0] || first[1][0].count != 3 || len(first[1][0].edges) != 2 {
		t.Errorf("rows of blocks: %v and %v, want one of 3 nodes each", first[1], second[1])
	}

	cells := []plugins.Network{of(plugins.RoleNormal, 3), of(plugins.RoleNormal, 6)}
	if joiners := newJoiners(&v, cells); len(joiners) != 1 || len(joiners[0].read(&cells[0])) != 1 {
		t.Errorf("cells: %d joiners, want one that reads one graph", len(joiners))
	}
}
