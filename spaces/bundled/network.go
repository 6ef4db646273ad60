package bundled

import (
	"github.com/hypernas/hypernas/internal/nb201"
	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/spaces/bundled/bake"
)

// Operations of the vocabulary. Those of the cell follow NATS-Bench's order
// from opNone on.
const (
	opInput = iota
	opOutput
	opNone
	opStem   = opNone + nb201.NumOps
	opHalve  = opStem + 1
	opDouble = opHalve + 1
)

func vocabulary() plugins.Vocabulary {
	v := plugins.Vocabulary{
		Ops: []plugins.Op{
			{Name: "input", Kind: plugins.KindInput},
			{Name: "output", Kind: plugins.KindOutput},
		},
		CellAttrs: []string{"channels", "side"},
		Numbers:   []string{plugins.NumberParams, plugins.NumberFLOPs},
	}
	for op := range nb201.Op(nb201.NumOps) {
		o := plugins.Op{Name: op.String()}
		switch op {
		case nb201.None:
			o.Kind = plugins.KindNone
		case nb201.Skip:
			o.Kind = plugins.KindSkip
		case nb201.Conv1x1:
			o.Kind, o.Kernel = plugins.KindConv, 1
		case nb201.Conv3x3:
			o.Kind, o.Kernel = plugins.KindConv, 3
		case nb201.AvgPool3x3:
			o.Kind, o.Kernel = plugins.KindAvgPool, 3
		}
		v.Ops = append(v.Ops, o)
	}
	v.Ops = append(v.Ops,
		plugins.Op{Name: "stem_conv_3x3", Kind: plugins.KindConv, Kernel: 3},
		plugins.Op{Name: "avg_pool_2x2", Kind: plugins.KindAvgPool, Kernel: 2},
		plugins.Op{Name: "reduce_conv_1x1", Kind: plugins.KindConv, Kernel: 1},
	)
	return v
}

// network returns a cell as it is trained: stem, cell, reduction, cell. The
// cell's nodes are the input, the six operations in NATS-Bench's order (none
// and dead ones too), the output.
func network(cell nb201.Cell) plugins.Network {
	graph := cell.Graph()
	searched := plugins.Cell{Role: plugins.RoleNormal, Nodes: make([]plugins.Node, len(graph))}
	searched.Nodes[len(graph)-1].Op = opOutput
	for i, op := range cell {
		searched.Nodes[1+i].Op = opNone + int(op)
	}
	for to, node := range graph {
		for _, from := range node.In {
			searched.Edges = append(searched.Edges, plugins.Edge{From: from, To: to})
		}
	}
	return plugins.Network{
		Cells: []plugins.Cell{chain(plugins.RoleStem, opStem), searched, chain(plugins.RoleReduction, opHalve, opDouble)},
		Sequence: []plugins.Step{
			{Cell: 0, Repeat: 1, Attrs: place(1)},
			{Cell: 1, Repeat: 1, Attrs: place(1)},
			{Cell: 2, Repeat: 1, Attrs: place(2)},
			{Cell: 1, Repeat: 1, Attrs: place(2)},
		},
	}
}

// chain returns a fixed cell of operations in a row.
func chain(role plugins.Role, ops ...int) plugins.Cell {
	c := plugins.Cell{Role: role, Fixed: true, Nodes: []plugins.Node{{Op: opInput}}}
	for i, op := range append(ops, opOutput) {
		c.Nodes = append(c.Nodes, plugins.Node{Op: op})
		c.Edges = append(c.Edges, plugins.Edge{From: i, To: i + 1})
	}
	return c
}

// place returns the attributes of a cell of a stage, 1 or 2: its channels,
// and the side of its output in pixels.
func place(stage int) []float64 {
	channels, side := bake.Stage(stage)
	return []float64{float64(channels), float64(side)}
}
