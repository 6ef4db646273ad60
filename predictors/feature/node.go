package feature

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"

	"github.com/hypernas/hypernas/plugins"
)

// Nodes encodes single nodes for graph networks: one-hot the operation, then,
// as numbers, the attributes of the node, those of the step that it stands in
// and the logarithm of the step's repeat. A number is given less its mean and
// divided by its standard deviation over the nodes of the networks that the
// encoding was made from; one that doesn't vary there is left out.
type Nodes struct {
	ops     int
	numbers []number
}

// number is an attribute that varies: its index in the row of attributes, and
// what standardizes it.
type number struct {
	index          int
	mean, deviance float64
}

// NewNodes returns the encoding for the nodes of those steps of each network
// that steps returns. The networks must follow v.
func NewNodes(v *plugins.Vocabulary, networks []plugins.Network, steps func(*plugins.Network) []plugins.Step) *Nodes {
	width := len(v.NodeAttrs) + len(v.CellAttrs) + 1
	sums, squares := make([]float64, width), make([]float64, width)
	row, first := make([]float64, width), make([]float64, width)
	varies := make([]bool, width)
	count := 0.0
	for i := range networks {
		for _, s := range steps(&networks[i]) {
			for _, n := range networks[i].Cells[s.Cell].Nodes {
				attributesTo(row, &n, &s)
				if count == 0 {
					copy(first, row)
				}
				count++
				for k, x := range row {
					// Differences from the first keep the sums exact where
					// nothing varies.
					d := x - first[k]
					sums[k] += d
					squares[k] += d * d
					varies[k] = varies[k] || d != 0
				}
			}
		}
	}
	e := &Nodes{ops: len(v.Ops)}
	for k := range row {
		if varies[k] {
			mean := sums[k] / count
			e.numbers = append(e.numbers, number{k, first[k] + mean, math.Sqrt(squares[k]/count - mean*mean)})
		}
	}
	return e
}

// attributesTo writes all numbers of a node to dst.
func attributesTo(dst []float64, n *plugins.Node, s *plugins.Step) {
	k := copy(dst, n.Attrs)
	k += copy(dst[k:], s.Attrs)
	dst[k] = math.Log(float64(s.Repeat))
}

// AppendBinary appends the encoding to b, little-endian, for artifacts that
// outlive the process: the number of operations, the count of numbers, and of
// each its index, mean and standard deviation. It never fails.
func (e *Nodes) AppendBinary(b []byte) ([]byte, error) {
	order := binary.LittleEndian
	b = order.AppendUint32(order.AppendUint32(b, uint32(e.ops)), uint32(len(e.numbers)))
	for _, n := range e.numbers {
		b = order.AppendUint32(b, uint32(n.index))
		b = order.AppendUint64(order.AppendUint64(b, math.Float64bits(n.mean)), math.Float64bits(n.deviance))
	}
	return b, nil
}

// ReadNodes reads what AppendBinary appended for networks that follow v.
func ReadNodes(r io.Reader, v *plugins.Vocabulary) (*Nodes, error) {
	var head struct{ Ops, Numbers uint32 }
	if err := binary.Read(r, binary.LittleEndian, &head); err != nil {
		return nil, fmt.Errorf("read the encoding of nodes: %w", err)
	}
	width := len(v.NodeAttrs) + len(v.CellAttrs) + 1
	if int(head.Ops) != len(v.Ops) || int(head.Numbers) > width {
		return nil, fmt.Errorf("an encoding of nodes with %d operations and %d numbers, where there are %d and %d", head.Ops, head.Numbers, len(v.Ops), width)
	}
	e := &Nodes{ops: int(head.Ops)}
	for range head.Numbers {
		var n struct {
			Index          uint32
			Mean, Deviance float64
		}
		if err := binary.Read(r, binary.LittleEndian, &n); err != nil {
			return nil, fmt.Errorf("read the encoding of nodes: %w", err)
		}
		if int(n.Index) >= width {
			return nil, fmt.Errorf("an encoding of nodes with number %d of %d", n.Index, width)
		}
		e.numbers = append(e.numbers, number{int(n.Index), n.Mean, n.Deviance})
	}
	return e, nil
}

// Dim returns the length of an encoded node.
func (e *Nodes) Dim() int { return e.ops + len(e.numbers) }

// EncodeTo writes the encoding of node n of step s to dst, whose length is Dim.
func (e *Nodes) EncodeTo(dst []float32, n *plugins.Node, s *plugins.Step) {
	clear(dst)
	dst[n.Op] = 1
	for i, c := range e.numbers {
		var x float64
		switch nodes, k := len(n.Attrs), c.index; {
		case k < nodes:
			x = n.Attrs[k]
		case k < nodes+len(s.Attrs):
			x = s.Attrs[k-nodes]
		default:
			x = math.Log(float64(s.Repeat))
		}
		dst[e.ops+i] = float32((x - c.mean) / c.deviance)
	}
}

// GraphTo writes the encoded nodes of g to rows, whose width is Dim, and marks
// them with 1 in mask; what rows and mask have beyond the nodes of g becomes 0.
func (e *Nodes) GraphTo(rows, mask []float32, g *Graph) {
	clear(rows)
	clear(mask)
	width := e.Dim()
	for i := range g.Nodes {
		e.EncodeTo(rows[i*width:(i+1)*width], &g.Nodes[i], &g.Steps[i])
		mask[i] = 1
	}
}

// AdjacencyTo writes the adjacency matrices of a graph with the given number of
// nodes to forward and backward, both stride x stride with a border of zeros
// where stride exceeds nodes: element (i, j) of forward is not zero where an
// edge leads from i to j, of backward where one leads from j to i. An edge that
// is given twice counts once; with loops every node has an edge to itself. Rows
// are divided by their sums.
func AdjacencyTo[T float32 | float64](forward, backward []T, stride, nodes int, edges []plugins.Edge, loops bool) {
	forward, backward = forward[:stride*stride], backward[:stride*stride]
	clear(forward)
	clear(backward)
	for _, e := range edges {
		forward[e.From*stride+e.To], backward[e.To*stride+e.From] = 1, 1
	}
	for i := range nodes {
		for _, m := range [][]T{forward, backward} {
			row := m[i*stride : i*stride+nodes]
			if loops {
				row[i] = 1
			}
			var sum T
			for _, x := range row {
				sum += x
			}
			for j := range row {
				row[j] /= max(sum, 1)
			}
		}
	}
}
