package mnasnet

import "github.com/hypernas/hypernas/plugins"

// Operations of the vocabulary.
const (
	opInput = iota
	opOutput
	opIdentity // stands where a group has no expansion or no squeeze-excite
	opExpand
	opDepthwise3
	opDepthwise5
	opSqueezeExcite
	opProject
	opStem
	opHead
)

func vocabulary() plugins.Vocabulary {
	return plugins.Vocabulary{
		Ops: []plugins.Op{
			opInput:         {Name: "input", Kind: plugins.KindInput},
			opOutput:        {Name: "output", Kind: plugins.KindOutput},
			opIdentity:      {Name: "identity", Kind: plugins.KindSkip},
			opExpand:        {Name: "expand_conv_1x1", Kind: plugins.KindConv, Kernel: 1},
			opDepthwise3:    {Name: "depthwise_conv_3x3", Kind: plugins.KindDepthwiseConv, Kernel: 3},
			opDepthwise5:    {Name: "depthwise_conv_5x5", Kind: plugins.KindDepthwiseConv, Kernel: 5},
			opSqueezeExcite: {Name: "squeeze_excite", Kind: plugins.KindSqueezeExcite},
			opProject:       {Name: "project_conv_1x1", Kind: plugins.KindConv, Kernel: 1},
			opStem:          {Name: "stem_conv_3x3", Kind: plugins.KindConv, Kernel: 3},
			opHead:          {Name: "head_conv_1x1", Kind: plugins.KindConv, Kernel: 1},
		},
		CellAttrs: []string{"channels", "stride", "side", "expansion"},
		Numbers:   []string{plugins.NumberParams, plugins.NumberFLOPs},
	}
}

// network returns an architecture's wire form: stem, a block a group, head. A
// block's nodes stand in a row at places that are the same in every network:
// input, expansion, depthwise convolution, squeeze-excite, projection, output.
// A step repeats its block as often as the group has layers. Its attributes
// are the group's output channels, the stride of its first layer, the side of
// its output and its expansion. The residual connections around all layers of
// a group but its first are the same in every network with as many layers, and
// left out.
func (a *architecture) network() plugins.Network {
	pixels := side / 2
	n := plugins.Network{
		Cells:    []plugins.Cell{chain(plugins.RoleStem, true, opStem)},
		Sequence: []plugins.Step{{Cell: 0, Repeat: 1, Attrs: []float64{stemChannels, 2, float64(pixels), 1}}},
	}
	type choice struct {
		expand        bool
		kernel        int
		squeezeExcite bool
	}
	cells := make(map[choice]int, groups)
	for g, x := range a {
		channels, stride := place(g)
		pixels /= stride
		c := choice{x.expansion > 1, x.kernel, x.squeezeExcite}
		at, ok := cells[c]
		if !ok {
			at = len(n.Cells)
			cells[c] = at
			n.Cells = append(n.Cells, x.cell())
		}
		n.Sequence = append(n.Sequence, plugins.Step{
			Cell: at, Repeat: x.layers,
			Attrs: []float64{float64(channels), float64(stride), float64(pixels), float64(x.expansion)},
		})
	}
	n.Cells = append(n.Cells, chain(plugins.RoleBlock, true, opHead))
	n.Sequence = append(n.Sequence, plugins.Step{
		Cell: len(n.Cells) - 1, Repeat: 1, Attrs: []float64{headChannels, 1, float64(pixels), 1},
	})
	return n
}

// cell returns the block of a group.
func (x *group) cell() plugins.Cell {
	expand, depthwise, gate := opIdentity, opDepthwise3, opIdentity
	if x.expansion > 1 {
		expand = opExpand
	}
	if x.kernel == 5 {
		depthwise = opDepthwise5
	}
	if x.squeezeExcite {
		gate = opSqueezeExcite
	}
	return chain(plugins.RoleBlock, false, expand, depthwise, gate, opProject)
}

// chain returns a cell of operations in a row.
func chain(role plugins.Role, fixed bool, ops ...int) plugins.Cell {
	c := plugins.Cell{Role: role, Fixed: fixed, Nodes: []plugins.Node{{Op: opInput}}}
	for i, op := range append(ops, opOutput) {
		c.Nodes = append(c.Nodes, plugins.Node{Op: op})
		c.Edges = append(c.Edges, plugins.Edge{From: i, To: i + 1})
	}
	return c
}
