package autoformer

import (
	"crypto/sha256"
	"fmt"

	"github.com/hypernas/hypernas/plugins"
)

// layer is what is searched of a transformer layer.
type layer struct {
	heads int
	ratio float64 // of the MLP's hidden width to the embedding
}

// architecture is a vision transformer.
type architecture struct {
	embedding int // channels of a token
	layers    []layer
}

// What is the same in all transformers (AutoFormer/supernet_train.py and
// model/supernet_transformer.py in microsoft/Cream).
const (
	classes  = 1000
	patch    = 16 // side of a patch in pixels
	patches  = 14 * 14
	headSize = 64 // channels of an attention head
	// positions is the rows of a table of relative positions: -14 to 14, and
	// one for the class token.
	positions = 2*14 + 2
)

// params returns the trained parameters, as AutoFormer's
// get_sampled_params_numel counts them.
func (a *architecture) params() int {
	linear := func(in, out int) int { return (in + 1) * out }
	d := a.embedding
	norm := 2 * d
	// Patches, the class token, absolute positions of all tokens.
	total := linear(3*patch*patch, d) + d + (patches+1)*d
	for _, l := range a.layers {
		inner, hidden := headSize*l.heads, l.hidden(d)
		total += norm + linear(d, 3*inner) + linear(inner, d)
		// Keys and values have a vertical and a horizontal table each.
		total += 2 * 2 * positions * headSize
		total += norm + linear(d, hidden) + linear(hidden, d)
	}
	return total + norm + linear(d, classes)
}

// hidden returns the hidden width of the MLP in a transformer of the given
// embedding.
func (l *layer) hidden(embedding int) int { return int(float64(embedding) * l.ratio) }

// identity names the architecture. Settings that differ compute different
// families of functions: each choice changes a trained weight's shape or their
// number, and layers stand in a row.
func (a *architecture) identity() plugins.Identity {
	sum := sha256.Sum256(fmt.Appendf(nil, "autoformer %d %v", a.embedding, a.layers))
	return plugins.Identity(sum[:16])
}

// Operations of the vocabulary.
const (
	opInput = iota
	opOutput
	opPatches
	opAttention
	opMLP
)

func vocabulary() plugins.Vocabulary {
	return plugins.Vocabulary{
		Ops: []plugins.Op{
			opInput:     {Name: "input", Kind: plugins.KindInput},
			opOutput:    {Name: "output", Kind: plugins.KindOutput},
			opPatches:   {Name: "patch_embedding", Kind: plugins.KindConv, Kernel: patch},
			opAttention: {Name: "attention", Kind: plugins.KindAttention},
			opMLP:       {Name: "mlp", Kind: plugins.KindMLP},
		},
		NodeAttrs: []string{"heads", "ratio"}, // 0 at nodes that have no heads or no MLP
		CellAttrs: []string{"embed_dim"},
		Numbers:   []string{plugins.NumberParams, plugins.NumberFLOPs},
	}
}

// network returns an architecture's wire form: patches, then a block a layer.
// A block's attention works on the input, its MLP on the sum of input and
// attention, and its output is the sum of all three: the layer with both of
// its residual connections. Layers that are alike share a cell.
func (a *architecture) network() plugins.Network {
	attrs := []float64{float64(a.embedding)}
	none := []float64{0, 0}
	n := plugins.Network{
		Cells: []plugins.Cell{{
			Role: plugins.RoleStem, Fixed: true,
			Nodes: []plugins.Node{{Op: opInput, Attrs: none}, {Op: opPatches, Attrs: none}, {Op: opOutput, Attrs: none}},
			Edges: []plugins.Edge{{From: 0, To: 1}, {From: 1, To: 2}},
		}},
		Sequence: []plugins.Step{{Cell: 0, Repeat: 1, Attrs: attrs}},
	}
	cells := make(map[layer]int)
	for _, l := range a.layers {
		at, ok := cells[l]
		if !ok {
			at = len(n.Cells)
			cells[l] = at
			n.Cells = append(n.Cells, plugins.Cell{
				Role: plugins.RoleBlock,
				Nodes: []plugins.Node{
					{Op: opInput, Attrs: none},
					{Op: opAttention, Attrs: []float64{float64(l.heads), 0}},
					{Op: opMLP, Attrs: []float64{0, l.ratio}},
					{Op: opOutput, Attrs: none},
				},
				Edges: []plugins.Edge{{From: 0, To: 1}, {From: 0, To: 2}, {From: 1, To: 2}, {From: 0, To: 3}, {From: 1, To: 3}, {From: 2, To: 3}},
			})
		}
		n.Sequence = append(n.Sequence, plugins.Step{Cell: at, Repeat: 1, Attrs: attrs})
	}
	return n
}
