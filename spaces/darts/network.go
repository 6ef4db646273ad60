package darts

import "github.com/hypernas/hypernas/plugins"

// Operations of the vocabulary. Those of cells follow Op from opFirst on.
const (
	opInput = iota
	opOutput
	opFirst
	opStem = opFirst + NumOps
)

func vocabulary(numbers []string) plugins.Vocabulary {
	v := plugins.Vocabulary{
		Ops: []plugins.Op{
			{Name: "input", Kind: plugins.KindInput},
			{Name: "output", Kind: plugins.KindOutput},
		},
		CellAttrs: []string{"channels", "side"},
		Numbers:   numbers,
	}
	kinds := [NumOps]plugins.Kind{
		plugins.KindMaxPool, plugins.KindAvgPool, plugins.KindSkip, plugins.KindSeparableConv,
		plugins.KindSeparableConv, plugins.KindDilatedConv, plugins.KindDilatedConv,
	}
	for op := range Op(NumOps) {
		v.Ops = append(v.Ops, plugins.Op{Name: op.String(), Kind: kinds[op], Kernel: op.kernel()})
	}
	v.Ops = append(v.Ops, plugins.Op{Name: "stem_conv_3x3", Kind: plugins.KindConv, Kernel: 3})
	return v
}

// network returns the network of a genotype: the stem, then normal and
// reduction cells as m places them.
func (m macro) network(g *Genotype) plugins.Network {
	n := plugins.Network{Cells: []plugins.Cell{
		{
			Role: plugins.RoleStem, Fixed: true,
			Nodes: []plugins.Node{{Op: opInput}, {Op: opStem}, {Op: opOutput}},
			Edges: []plugins.Edge{{From: 0, To: 1}, {From: 1, To: 2}},
		},
		g.Normal.wire(plugins.RoleNormal),
		g.Reduction.wire(plugins.RoleReduction),
	}}
	const normal, reduction = 1, 2
	c, side := m.channels, imageSide
	n.Sequence = append(n.Sequence, plugins.Step{Cell: 0, Repeat: 1, Attrs: []float64{float64(3 * c), float64(side)}})
	for k := range m.cells {
		cell := normal
		if m.reduces(k) {
			cell = reduction
			c, side = 2*c, side/2
		}
		if last := &n.Sequence[len(n.Sequence)-1]; last.Cell == cell && cell == normal {
			last.Repeat++
			continue
		}
		n.Sequence = append(n.Sequence, plugins.Step{Cell: cell, Repeat: 1, Attrs: []float64{float64(c), float64(side)}})
	}
	return n
}

// wire returns a cell with its operations as nodes: the two inputs, the two
// operations of each intermediate node in turn, the output. What reads an
// intermediate node has an edge from both of its operations, for their sum.
func (c *Cell) wire(role plugins.Role) plugins.Cell {
	w := plugins.Cell{Role: role, Nodes: []plugins.Node{{Op: opInput}, {Op: opInput}}}
	read := func(from, to int) {
		if from < 2 {
			w.Edges = append(w.Edges, plugins.Edge{From: from, To: to})
			return
		}
		first := 2 + 2*(from-2)
		w.Edges = append(w.Edges, plugins.Edge{From: first, To: to}, plugins.Edge{From: first + 1, To: to})
	}
	for _, n := range c {
		for _, e := range n {
			read(e.From, len(w.Nodes))
			w.Nodes = append(w.Nodes, plugins.Node{Op: opFirst + int(e.Op)})
		}
	}
	for i := range c {
		read(2+i, len(w.Nodes))
	}
	w.Nodes = append(w.Nodes, plugins.Node{Op: opOutput})
	return w
}
