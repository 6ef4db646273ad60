package split

import (
	"crypto/sha256"
	"encoding/binary"
	"math"

	"github.com/hypernas/hypernas/plugins"
)

// Structures returns one value a network of a batch of vocabulary v: two are
// equal where the networks are equal once dead operations are pruned, that
// is, nodes that yield zeros and nodes that no path from an input to the
// output reaches. Nothing else is merged, not even graphs that differ in the
// order of their nodes.
func Structures(b *plugins.Batch, v *plugins.Vocabulary) []plugins.Identity {
	structures := make([]plugins.Identity, b.Len())
	var form []byte
	for i := range b.Networks {
		n := &b.Networks[i]
		form = form[:0]
		for _, s := range n.Sequence {
			form = appendInts(form, s.Cell, s.Repeat)
			form = appendFloats(form, s.Attrs)
		}
		for c := range n.Cells {
			form = appendCell(form, &n.Cells[c], v)
		}
		sum := sha256.Sum256(form)
		copy(structures[i][:], sum[:])
	}
	return structures
}

// appendCell appends what pruning leaves of a cell: each live node by its
// index, and the edges between live nodes.
func appendCell(form []byte, c *plugins.Cell, v *plugins.Vocabulary) []byte {
	reached, needed := make([]bool, len(c.Nodes)), make([]bool, len(c.Nodes))
	kind := func(node int) plugins.Kind { return v.Ops[c.Nodes[node].Op].Kind }
	for i := range c.Nodes {
		reached[i] = kind(i) == plugins.KindInput
		needed[i] = kind(i) == plugins.KindOutput
	}
	// Edges may stand in any order; a pass a node is enough for any path.
	for range c.Nodes {
		for _, e := range c.Edges {
			if reached[e.From] && kind(e.To) != plugins.KindNone {
				reached[e.To] = true
			}
			if needed[e.To] && kind(e.From) != plugins.KindNone {
				needed[e.From] = true
			}
		}
	}
	live := func(node int) bool { return reached[node] && needed[node] }
	form = appendInts(form, int(c.Role), len(c.Nodes))
	for i := range c.Nodes {
		if live(i) {
			form = appendInts(form, i, c.Nodes[i].Op)
			form = appendFloats(form, c.Nodes[i].Attrs)
		}
	}
	// As a matrix, so that the order of edges doesn't matter.
	matrix := make([]byte, len(c.Nodes)*len(c.Nodes))
	for _, e := range c.Edges {
		if live(e.From) && live(e.To) {
			matrix[e.From*len(c.Nodes)+e.To]++
		}
	}
	return append(form, matrix...)
}

func appendInts(form []byte, values ...int) []byte {
	for _, v := range values {
		form = binary.LittleEndian.AppendUint64(form, uint64(v))
	}
	return form
}

func appendFloats(form []byte, values []float64) []byte {
	form = appendInts(form, len(values))
	for _, v := range values {
		form = binary.LittleEndian.AppendUint64(form, math.Float64bits(v))
	}
	return form
}
