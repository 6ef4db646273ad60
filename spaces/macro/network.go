package macro

import "github.com/hypernas/hypernas/plugins"

// Operations of the vocabulary.
const (
	opInput = iota
	opOutput
	opSkip
	opExpand
	opDepthwise3
	opDepthwise5
	opProject
	opDownsample
	opStem
	opHead
)

func vocabulary() plugins.Vocabulary {
	return plugins.Vocabulary{
		Ops: []plugins.Op{
			opInput:      {Name: "input", Kind: plugins.KindInput},
			opOutput:     {Name: "output", Kind: plugins.KindOutput},
			opSkip:       {Name: "skip_connect", Kind: plugins.KindSkip},
			opExpand:     {Name: "expand_conv_1x1", Kind: plugins.KindConv, Kernel: 1},
			opDepthwise3: {Name: "depthwise_conv_3x3", Kind: plugins.KindDepthwiseConv, Kernel: 3},
			opDepthwise5: {Name: "depthwise_conv_5x5", Kind: plugins.KindDepthwiseConv, Kernel: 5},
			opProject:    {Name: "project_conv_1x1", Kind: plugins.KindConv, Kernel: 1},
			opDownsample: {Name: "downsample_conv_1x1", Kind: plugins.KindConv, Kernel: 1},
			opStem:       {Name: "stem_conv_3x3", Kind: plugins.KindConv, Kernel: 3},
			opHead:       {Name: "head_conv_1x1", Kind: plugins.KindConv, Kernel: 1},
		},
		CellAttrs: []string{"channels", "stride", "expansion", "side"},
		Numbers:   []string{plugins.NumberParams, plugins.NumberFLOPs},
	}
}

// network returns an architecture: the stem, one block for each of the eight
// layers, the last convolution. Channels and side are those of a block's
// output. An identity stays in its place, as a block that is a skip alone, so
// that an encoder that reads layer by layer sees the choice.
func network(a Arch) plugins.Network {
	stem, head := chain(plugins.RoleStem, opStem), chain(plugins.RoleBlock, opHead)
	stem.Fixed, head.Fixed = true, true
	var n plugins.Network
	add := func(c plugins.Cell, channels, stride, expansion, side int) {
		n.Sequence = append(n.Sequence, plugins.Step{
			Cell: len(n.Cells), Repeat: 1,
			Attrs: []float64{float64(channels), float64(stride), float64(expansion), float64(side)},
		})
		n.Cells = append(n.Cells, c)
	}
	add(stem, stemChannels, 1, 0, imageSide)
	at := places()
	for i, op := range a {
		add(block(op, at[i].first), at[i].out, at[i].stride, op.expansion(), at[i].after)
	}
	add(head, headChannels, 1, 0, at[NumLayers-1].after)
	return n
}

// block returns the cell of a layer: an inverted residual has its shortcut as
// a skip from input to output, unless it is the first layer of its stage.
func block(op Op, first bool) plugins.Cell {
	switch {
	case op == Identity && first:
		return chain(plugins.RoleBlock, opDownsample)
	case op == Identity:
		return chain(plugins.RoleBlock, opSkip)
	}
	depthwise := opDepthwise3
	if op == MB6K5 {
		depthwise = opDepthwise5
	}
	if first {
		return chain(plugins.RoleBlock, opExpand, depthwise, opProject)
	}
	return plugins.Cell{
		Role:  plugins.RoleBlock,
		Nodes: []plugins.Node{{Op: opInput}, {Op: opExpand}, {Op: depthwise}, {Op: opProject}, {Op: opSkip}, {Op: opOutput}},
		Edges: []plugins.Edge{{From: 0, To: 1}, {From: 1, To: 2}, {From: 2, To: 3}, {From: 3, To: 5}, {From: 0, To: 4}, {From: 4, To: 5}},
	}
}

// chain returns a cell of operations in a row.
func chain(role plugins.Role, ops ...int) plugins.Cell {
	c := plugins.Cell{Role: role, Nodes: []plugins.Node{{Op: opInput}}}
	for i, op := range append(ops, opOutput) {
		c.Nodes = append(c.Nodes, plugins.Node{Op: op})
		c.Edges = append(c.Edges, plugins.Edge{From: i, To: i + 1})
	}
	return c
}
