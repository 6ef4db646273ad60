package transnas

import (
	"github.com/hypernas/hypernas/internal/nb201"
	"github.com/hypernas/hypernas/plugins"
)

// cell is the operation on each edge. Vertices, edges and their order are
// those of NAS-Bench-201; the operations are its first four, in its order:
// there is no pooling.
type cell = nb201.Cell

// numOps is the number of operations of a cell.
const numOps = 4

// Operations of the vocabulary. Those of the cell follow upstream's numbers
// from opNone on.
const (
	opInput = iota
	opOutput
	opNone
	opStem = opNone + numOps
)

func vocabulary() plugins.Vocabulary {
	return plugins.Vocabulary{
		Ops: []plugins.Op{
			opInput:                     {Name: "input", Kind: plugins.KindInput},
			opOutput:                    {Name: "output", Kind: plugins.KindOutput},
			opNone + int(nb201.None):    {Name: "none", Kind: plugins.KindNone},
			opNone + int(nb201.Skip):    {Name: "skip", Kind: plugins.KindSkip},
			opNone + int(nb201.Conv1x1): {Name: "conv_1x1", Kind: plugins.KindConv, Kernel: 1},
			opNone + int(nb201.Conv3x3): {Name: "conv_3x3", Kind: plugins.KindConv, Kernel: 3},
			opStem:                      {Name: "stem_conv_3x3", Kind: plugins.KindConv, Kernel: 3},
		},
		CellAttrs: []string{"channels", "side", "stride"},
		Numbers:   []string{plugins.NumberParams, plugins.NumberFLOPs, "zen"},
	}
}

// The macro structure, class MacroNet with code 64-41414 in the authors'
// repository (github.com/yawen-d/TransNASBench, lib/models/net_infer): a stem
// of two 3x3 convolutions with stride 2, to 32 and to 64 channels, and five
// modules of two cells. In modules 1, 3 and 5 the operations of the first cell
// that read its input have stride 2 and double the channels.
const stemChannels = 64

// stage is the cells between two changes of resolution.
type stage struct {
	in, channels int // channels of the first cell's input, and of everything after
	side         int // of the output, in pixels
	cells        int // the first one has stride 2
}

// macro returns the stages for an image of side x side pixels.
func macro(side int) [3]stage {
	var stages [3]stage
	channels := stemChannels
	side /= 4
	for i := range stages {
		side /= 2
		stages[i] = stage{in: channels, channels: 2 * channels, side: side, cells: 4}
		channels *= 2
	}
	stages[2].cells = 2
	return stages
}

// skeleton is what all networks of a task share.
type skeleton struct {
	stem     plugins.Cell
	edges    []plugins.Edge // of the searched cell
	sequence []plugins.Step
}

func newSkeleton(t task) *skeleton {
	s := &skeleton{stem: plugins.Cell{
		Role: plugins.RoleStem, Fixed: true,
		Nodes: []plugins.Node{{Op: opInput}, {Op: opStem}, {Op: opStem}, {Op: opOutput}},
		Edges: []plugins.Edge{{From: 0, To: 1}, {From: 1, To: 2}, {From: 2, To: 3}},
	}}
	for _, e := range nb201.OpEdges() {
		s.edges = append(s.edges, plugins.Edge{From: e.From, To: e.To})
	}
	place := func(cell, repeat, channels, side, stride int) {
		s.sequence = append(s.sequence, plugins.Step{Cell: cell, Repeat: repeat, Attrs: []float64{float64(channels), float64(side), float64(stride)}})
	}
	place(0, 1, stemChannels, t.side/4, 4)
	for _, st := range macro(t.side) {
		place(1, 1, st.channels, st.side, 2)
		place(1, st.cells-1, st.channels, st.side, 1)
	}
	return s
}

// network returns the network of a cell: the stem and the cell at its places.
// What follows them is the task's and the same for all. The cell's nodes are
// the input, the six operations in upstream's order (none and dead ones too),
// the output.
func (s *skeleton) network(c cell) plugins.Network {
	nodes := make([]plugins.Node, nb201.NumEdges+2)
	nodes[0].Op = opInput
	for i, op := range c {
		nodes[1+i].Op = opNone + int(op)
	}
	nodes[nb201.NumEdges+1].Op = opOutput
	return plugins.Network{
		Cells:    []plugins.Cell{s.stem, {Role: plugins.RoleNormal, Nodes: nodes, Edges: s.edges}},
		Sequence: s.sequence,
	}
}
