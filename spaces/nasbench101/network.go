package nasbench101

import (
	"github.com/hypernas/hypernas/internal/nb101"
	"github.com/hypernas/hypernas/plugins"
)

// Operations of the vocabulary; those of the module follow nb101's order from
// opModule on.
const (
	opInput = iota
	opOutput
	opModule
	opStem = opModule + int(nb101.NumOps)
	opPool = opStem + 1
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
	for op := range nb101.NumOps {
		kind := plugins.KindConv
		if op == nb101.MaxPool3x3 {
			kind = plugins.KindMaxPool
		}
		v.Ops = append(v.Ops, plugins.Op{Name: op.String(), Kind: kind, Kernel: op.Kernel()})
	}
	v.Ops = append(v.Ops,
		plugins.Op{Name: "stem_conv_3x3", Kind: plugins.KindConv, Kernel: 3},
		plugins.Op{Name: "max_pool_2x2", Kind: plugins.KindMaxPool, Kernel: 2},
	)
	return v
}

// macro is what all networks of the space share: the fixed cells and the
// sequence of cells, in which the module is cell 1.
type macro struct {
	stem, pool plugins.Cell
	sequence   []plugins.Step
}

func newMacro() *macro {
	m := &macro{stem: fixed(plugins.RoleStem, opStem), pool: fixed(plugins.RoleReduction, opPool)}
	channels, side := nb101.Stage(0)
	step := func(cell, repeat int) {
		m.sequence = append(m.sequence, plugins.Step{Cell: cell, Repeat: repeat, Attrs: []float64{float64(channels), float64(side)}})
	}
	step(0, 1)
	for stage := range nb101.NumStages {
		if stage > 0 {
			// Pooling halves the side; the module after it doubles channels.
			side /= 2
			step(2, 1)
		}
		channels, side = nb101.Stage(stage)
		step(1, nb101.ModulesPerStage)
	}
	return m
}

// fixed returns a cell of one operation that all networks share.
func fixed(role plugins.Role, op int) plugins.Cell {
	return plugins.Cell{
		Role: role, Fixed: true,
		Nodes: []plugins.Node{{Op: opInput}, {Op: op}, {Op: opOutput}},
		Edges: []plugins.Edge{{From: 0, To: 1}, {From: 1, To: 2}},
	}
}

// network returns the network of a module. The searched cell's nodes are the
// module's vertices, its edges the module's; projections are not nodes.
func (m *macro) network(module nb101.Module) plugins.Network {
	n := module.Vertices()
	cell := plugins.Cell{
		Role: plugins.RoleNormal, Nodes: make([]plugins.Node, n),
		Edges: make([]plugins.Edge, 0, module.NumEdges()),
	}
	cell.Nodes[0].Op, cell.Nodes[n-1].Op = opInput, opOutput
	for v := 1; v < n-1; v++ {
		cell.Nodes[v].Op = opModule + int(module.Op(v))
	}
	for to := 1; to < n; to++ {
		for from := range to {
			if module.Edge(from, to) {
				cell.Edges = append(cell.Edges, plugins.Edge{From: from, To: to})
			}
		}
	}
	return plugins.Network{Cells: []plugins.Cell{m.stem, cell, m.pool}, Sequence: m.sequence}
}
