package nasbench201

import (
	"github.com/hypernas/hypernas/internal/nb201"
	"github.com/hypernas/hypernas/plugins"
)

// Operations of the vocabulary. Those of the cell follow NATS-Bench's order
// from opNone on.
const (
	opInput = iota
	opOutput
	opNone
	opStem       = opNone + nb201.NumOps
	opHalve      = opStem + 1
	opReduce     = opHalve + 1
	opConv       = opReduce + 1
	opProjection = opConv + 1
)

func vocabulary() plugins.Vocabulary {
	v := plugins.Vocabulary{
		Ops: []plugins.Op{
			{Name: "input", Kind: plugins.KindInput},
			{Name: "output", Kind: plugins.KindOutput},
		},
		CellAttrs: []string{"channels", "side"},
		Numbers:   []string{plugins.NumberParams, plugins.NumberFLOPs, "zen"},
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
		plugins.Op{Name: "reduce_conv_3x3", Kind: plugins.KindConv, Kernel: 3},
		plugins.Op{Name: "block_conv_3x3", Kind: plugins.KindConv, Kernel: 3},
		plugins.Op{Name: "project_conv_1x1", Kind: plugins.KindConv, Kernel: 1},
	)
	return v
}

// The macro structure, from class TinyNetwork of NAS-Bench-201's code with
// C=16 and N=5: a 3x3 convolution to 16 channels, then three stages of five
// cells, with a residual block between stages that halves the side and
// doubles the channels.
const (
	stages        = 3
	cellsPerStage = 5
	stemChannels  = 16
)

// images is a data set as the networks see it.
type images struct {
	name    string // as columns and the option have it
	classes int
	side    int // pixels
}

// datasets returns the data sets, the default first.
func datasets() []images {
	return []images{{"cifar10", 10, 32}, {"cifar100", 100, 32}, {"imagenet16-120", 120, 16}}
}

// skeleton is what all networks of a data set share.
type skeleton struct {
	stem, reduction plugins.Cell
	edges           []plugins.Edge // of the searched cell
	sequence        []plugins.Step
}

func newSkeleton(d images) *skeleton {
	s := &skeleton{
		stem: plugins.Cell{
			Role: plugins.RoleStem, Fixed: true,
			Nodes: []plugins.Node{{Op: opInput}, {Op: opStem}, {Op: opOutput}},
			Edges: []plugins.Edge{{From: 0, To: 1}, {From: 1, To: 2}},
		},
		// Class ResNetBasicblock with stride 2: two 3x3 convolutions, and
		// pooling with a 1x1 convolution beside them.
		reduction: plugins.Cell{
			Role: plugins.RoleReduction, Fixed: true,
			Nodes: []plugins.Node{{Op: opInput}, {Op: opReduce}, {Op: opConv}, {Op: opHalve}, {Op: opProjection}, {Op: opOutput}},
			Edges: []plugins.Edge{{From: 0, To: 1}, {From: 1, To: 2}, {From: 0, To: 3}, {From: 3, To: 4}, {From: 2, To: 5}, {From: 4, To: 5}},
		},
	}
	for _, e := range nb201.OpEdges() {
		s.edges = append(s.edges, plugins.Edge{From: e.From, To: e.To})
	}
	channels, side := stemChannels, d.side
	place := func(cell, repeat int) {
		s.sequence = append(s.sequence, plugins.Step{Cell: cell, Repeat: repeat, Attrs: []float64{float64(channels), float64(side)}})
	}
	place(0, 1)
	for stage := range stages {
		if stage > 0 {
			channels, side = 2*channels, side/2
			place(2, 1)
		}
		place(1, cellsPerStage)
	}
	return s
}

// network returns the network of a cell. The cell's nodes are the input, the
// six operations in NATS-Bench's order (none and dead ones too), the output.
func (s *skeleton) network(cell nb201.Cell) plugins.Network {
	nodes := make([]plugins.Node, nb201.NumEdges+2)
	nodes[0].Op = opInput
	for i, op := range cell {
		nodes[1+i].Op = opNone + int(op)
	}
	nodes[nb201.NumEdges+1].Op = opOutput
	searched := plugins.Cell{Role: plugins.RoleNormal, Nodes: nodes, Edges: s.edges}
	return plugins.Network{Cells: []plugins.Cell{s.stem, searched, s.reduction}, Sequence: s.sequence}
}

// cost returns a network's trainable parameters and its multiply-adds for one
// image. A convolution has no bias and a batch normalization behind it with
// two parameters a channel, save the residual block's projection, which has
// none; only convolutions and the classifier, its bias included, multiply
// (NAS-Bench-201 counts so: TestCost has its figures). Dead operations are
// built and count.
func cost(cell nb201.Cell, d images) (params, flops int) {
	conv := func(kernel, in, out, side int) {
		params += kernel*kernel*in*out + 2*out
		flops += kernel * kernel * in * out * side * side
	}
	channels, side := stemChannels, d.side
	conv(3, 3, channels, side)
	for stage := range stages {
		if stage > 0 {
			in := channels
			channels, side = 2*channels, side/2
			conv(3, in, channels, side)
			conv(3, channels, channels, side)
			conv(1, in, channels, side)
			params -= 2 * channels
		}
		for _, op := range cell {
			switch op {
			case nb201.Conv1x1:
				conv(1, channels, channels*cellsPerStage, side)
			case nb201.Conv3x3:
				conv(3, channels, channels*cellsPerStage, side)
			}
		}
	}
	params += 2 * channels // the last batch normalization
	classifier := (channels + 1) * d.classes
	return params + classifier, flops + classifier
}
