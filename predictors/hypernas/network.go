package hypernas

import (
	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/predictors/feature"
)

// network is an architecture as the encoder reads it: its cells in order.
type network struct {
	cells []*cell
	steps []plugins.Step
}

// cell is a distinct cell of a network.
type cell struct {
	nodes []plugins.Node
	edges []plugins.Edge
}

// nodeCount returns the size of the largest cell.
func (n *network) nodeCount() int {
	most := 0
	for _, c := range n.cells {
		most = max(most, len(c.nodes))
	}
	return most
}

// reader turns networks of one space into the encoder's form.
type reader struct {
	vocabulary *plugins.Vocabulary
	prune      bool
	proxy      *proxy // what target networks are made of
}

// newReader returns a reader whose target networks have what occurs in the given
// networks.
func newReader(v *plugins.Vocabulary, prune bool, networks []plugins.Network) *reader {
	return &reader{vocabulary: v, prune: prune, proxy: newProxy(v, networks)}
}

// sequence returns the steps that the encoder sees: all whose cell is not the
// same in every architecture, or the whole sequence where there are no others. A
// step that repeats is seen once; its repeat is a feature.
func sequence(n *plugins.Network) []plugins.Step {
	var steps []plugins.Step
	for _, s := range n.Sequence {
		if !n.Cells[s.Cell].Fixed {
			steps = append(steps, s)
		}
	}
	if len(steps) == 0 {
		return n.Sequence
	}
	return steps
}

// read returns n in the encoder's form.
func (r *reader) read(n *plugins.Network) network {
	cells := make([]*cell, len(n.Cells))
	var out network
	out.steps = sequence(n)
	for _, s := range out.steps {
		if cells[s.Cell] == nil {
			cells[s.Cell] = r.readCell(&n.Cells[s.Cell])
		}
		out.cells = append(out.cells, cells[s.Cell])
	}
	return out
}

func (r *reader) readCell(c *plugins.Cell) *cell {
	if r.prune {
		pruned := feature.Prune(r.vocabulary, c)
		c = &pruned
	}
	return &cell{nodes: c.Nodes, edges: c.Edges}
}
