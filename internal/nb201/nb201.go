// Package nb201 is the topology of NAS-Bench-201 (Dong and Yang, ICLR 2020),
// which several search spaces share: cells of four vertices with one of five
// operations on each of the six edges between them, in the order in which
// NATS-Bench (Dong et al., TPAMI 2021) numbers the 15,625 of them.
package nb201

import (
	"fmt"
	"strings"

	"github.com/hypernas/hypernas/internal/dag"
)

// Op is an operation on an edge.
type Op uint8

// The operations, in the order in which NATS-Bench lists them.
const (
	None Op = iota
	Skip
	Conv1x1
	Conv3x3
	AvgPool3x3
)

// NumOps is the number of operations.
const NumOps = 5

// String returns NATS-Bench's name of the operation.
func (op Op) String() string {
	switch op {
	case None:
		return "none"
	case Skip:
		return "skip_connect"
	case Conv1x1:
		return "nor_conv_1x1"
	case Conv3x3:
		return "nor_conv_3x3"
	case AvgPool3x3:
		return "avg_pool_3x3"
	}
	return fmt.Sprintf("Op(%d)", uint8(op))
}

// Kind returns the part that the operation plays in a cell's function.
func (op Op) Kind() dag.Kind {
	switch op {
	case None:
		return dag.None
	case Skip:
		return dag.Skip
	case AvgPool3x3:
		return dag.Weightless
	}
	return dag.Weighted
}

// Edge is a position in a cell: an edge between two of the vertices 0 (the
// cell's input) to 3 (its output).
type Edge struct{ From, To int }

// NumEdges is the number of edges of a cell.
const NumEdges = 6

// Edges returns the edges in the order of a Cell.
func Edges() [NumEdges]Edge {
	return [NumEdges]Edge{{0, 1}, {0, 2}, {1, 2}, {0, 3}, {1, 3}, {2, 3}}
}

// Cell is the operation on each edge.
type Cell [NumEdges]Op

// String returns the architecture string of NATS-Bench,
// |op~0|+|op~0|op~1|+|op~0|op~1|op~2|, where ~i names the vertex that an
// operation reads.
func (c Cell) String() string {
	return fmt.Sprintf("|%v~0|+|%v~0|%v~1|+|%v~0|%v~1|%v~2|", c[0], c[1], c[2], c[3], c[4], c[5])
}

// Parse returns the cell that an architecture string describes.
func Parse(s string) (Cell, error) {
	var c Cell
	rest := s
	for i, edge := range Edges() {
		if edge.From == 0 && edge.To > 1 {
			tail, ok := strings.CutPrefix(rest, "|+")
			if !ok {
				return Cell{}, fmt.Errorf("parse cell %q: want |+ before vertex %d", s, edge.To)
			}
			rest = tail
		}
		found := false
		for op := range Op(NumOps) {
			tail, ok1 := strings.CutPrefix(rest, "|")
			tail, ok2 := strings.CutPrefix(tail, op.String())
			tail, ok3 := strings.CutPrefix(tail, [...]string{"~0", "~1", "~2"}[edge.From])
			if ok1 && ok2 && ok3 {
				c[i], rest, found = op, tail, true
				break
			}
		}
		if !found {
			return Cell{}, fmt.Errorf("parse cell %q: want an operation that reads vertex %d, before vertex %d", s, edge.From, edge.To)
		}
	}
	if rest != "|" {
		return Cell{}, fmt.Errorf("parse cell %q: want it to end after six operations", s)
	}
	return c, nil
}

// Graph returns the cell with its operations as nodes: the input, the
// operations in the order of the cell (none and dead ones too), the output.
func (c Cell) Graph() dag.Graph {
	edges := Edges()
	// Each vertex but the input sums the operations on the edges into it; the
	// node of the operation on edge i is 1+i.
	into := [4][]int{{0}, {1}, {2, 3}, {4, 5, 6}}
	g := make(dag.Graph, 0, NumEdges+2)
	g = append(g, dag.Node{Kind: dag.Input})
	for i, op := range c {
		g = append(g, dag.Node{Kind: op.Kind(), Label: op.String(), In: into[edges[i].From]})
	}
	return append(g, dag.Node{Kind: dag.Output, In: into[3]})
}

// OpEdges returns the edges between the nodes of a cell's Graph. They are the
// same in every cell.
func OpEdges() []Edge {
	var edges []Edge
	for to, node := range (Cell{}).Graph() {
		for _, from := range node.In {
			edges = append(edges, Edge{From: from, To: to})
		}
	}
	return edges
}

// Prune returns the cell with none in place of every operation that no path
// from the input to the output passes through.
func (c Cell) Prune() Cell {
	live := dag.Live(c.Graph())
	for i := range c {
		if !live[1+i] {
			c[i] = None
		}
	}
	return c
}
