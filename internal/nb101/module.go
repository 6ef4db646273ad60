package nb101

import (
	"fmt"
	"math/bits"
	"strings"

	"github.com/hypernas/hypernas/internal/dag"
)

// Bounds of the search space.
const (
	MaxVertices = 7
	MaxEdges    = 9
	// NumModules is the number of modules with distinct hashes.
	NumModules = 423624
)

// Op is the operation of an inner vertex.
type Op uint8

// The operations, by the labels with which modules are hashed.
const (
	Conv3x3 Op = iota
	Conv1x1
	MaxPool3x3
	// NumOps is the number of operations.
	NumOps
)

// String returns NAS-Bench-101's name of the operation.
func (op Op) String() string {
	switch op {
	case Conv3x3:
		return "conv3x3-bn-relu"
	case Conv1x1:
		return "conv1x1-bn-relu"
	case MaxPool3x3:
		return "maxpool3x3"
	}
	return fmt.Sprintf("Op(%d)", uint8(op))
}

// Kernel returns the side of the operation's window.
func (op Op) Kernel() int {
	if op == Conv1x1 {
		return 1
	}
	return 3
}

// Module is a module with its vertices in order: vertex 0 is the input, the
// last the output, and edges lead upwards. The edge from x to y is bit
// x + y(y-1)/2, as generate_graphs.py numbers them, so the highest edge tells
// the number of vertices; above the 21 edges stand the operations, two bits
// for each inner vertex. The zero Module is none.
type Module uint32

// numEdges is the number of positions for an edge.
const numEdges = MaxVertices * (MaxVertices - 1) / 2

func edgeBit(from, to int) Module { return 1 << (from + to*(to-1)/2) }

func opShift(v int) int { return numEdges + 2*(v-1) }

// edges returns the edges without the operations.
func (m Module) edges() Module { return m & (1<<numEdges - 1) }

// Vertices returns the number of vertices, input and output among them.
func (m Module) Vertices() int {
	high := bits.Len32(uint32(m.edges()))
	n := 2
	for n*(n-1)/2 < high {
		n++
	}
	return n
}

// NumEdges returns the number of edges.
func (m Module) NumEdges() int { return bits.OnesCount32(uint32(m.edges())) }

// Edge reports whether an edge leads from one vertex to a later one.
func (m Module) Edge(from, to int) bool { return m&edgeBit(from, to) != 0 }

// Op returns the operation of an inner vertex, 1 to Vertices()-2.
func (m Module) Op(v int) Op { return Op(m >> opShift(v) & 3) }

// Validate returns an error unless m is a module of the search space: at most
// nine edges, one or more into every vertex but the input and out of every
// vertex but the output, and an operation on each inner vertex.
func (m Module) Validate() error {
	if m.edges() == 0 {
		return fmt.Errorf("module %#x has no edges", uint32(m))
	}
	n := m.Vertices()
	if edges := m.NumEdges(); edges > MaxEdges {
		return fmt.Errorf("module has %d edges, want at most %d", edges, MaxEdges)
	}
	if !full(m.edges(), n) {
		return fmt.Errorf("module has a vertex that is not between input and output")
	}
	for v := 1; v < n-1; v++ {
		if m.Op(v) >= NumOps {
			return fmt.Errorf("vertex %d has the unknown operation %d", v, m.Op(v))
		}
	}
	if m>>opShift(n-1) != 0 {
		return fmt.Errorf("module %#x has operations beyond its %d vertices", uint32(m), n)
	}
	return nil
}

// full reports whether each of n vertices but the last has an edge out of it,
// and each but the first an edge into it.
func full(edges Module, n int) bool {
	var into, out uint
	for y := 1; y < n; y++ {
		sources := uint(edges>>(y*(y-1)/2)) & (1<<y - 1)
		if sources != 0 {
			into |= 1 << y
		}
		out |= sources
	}
	return into == 1<<n-2 && out == 1<<(n-1)-1
}

// Parse returns the module of NAS-Bench-101's files: the rows of the adjacency
// matrix one after the other, 0 or 1 a vertex, and the names of the vertices'
// operations with commas between them.
func Parse(adjacency, operations string) (Module, error) {
	names := strings.Split(operations, ",")
	n := len(names)
	if n < 2 || n > MaxVertices {
		return 0, fmt.Errorf("module has %d vertices, want 2 to %d", n, MaxVertices)
	}
	if len(adjacency) != n*n {
		return 0, fmt.Errorf("adjacency has %d entries, want %d for %d vertices", len(adjacency), n*n, n)
	}
	if names[0] != "input" || names[n-1] != "output" {
		return 0, fmt.Errorf("operations are from %q to %q, want input to output", names[0], names[n-1])
	}
	var m Module
	for x := range n {
		for y := range n {
			switch c := adjacency[x*n+y]; {
			case c == '1' && x < y:
				m |= edgeBit(x, y)
			case c == '1':
				return 0, fmt.Errorf("adjacency has an edge from vertex %d to vertex %d, want edges to lead upwards", x, y)
			case c != '0':
				return 0, fmt.Errorf("adjacency has %q in it, want 0 and 1", c)
			}
		}
	}
	if !full(m, n) {
		return 0, fmt.Errorf("module has a vertex that is not between input and output")
	}
	for v := 1; v < n-1; v++ {
		op := Op(0)
		for op < NumOps && op.String() != names[v] {
			op++
		}
		if op == NumOps {
			return 0, fmt.Errorf("vertex %d has the unknown operation %q", v, names[v])
		}
		m |= Module(op) << opShift(v)
	}
	return m, m.Validate()
}

// Format returns what Parse reads.
func (m Module) Format() (adjacency, operations string) {
	n := m.Vertices()
	var a, o strings.Builder
	for x := range n {
		for y := range n {
			if x < y && m.Edge(x, y) {
				a.WriteByte('1')
			} else {
				a.WriteByte('0')
			}
		}
	}
	o.WriteString("input,")
	for v := 1; v < n-1; v++ {
		o.WriteString(m.Op(v).String() + ",")
	}
	o.WriteString("output")
	return a.String(), o.String()
}

// Graph returns the module as what it computes, for its identity: a node with
// weights of its own for the projection on each edge from the input, then the
// vertex that it leads to. Because of the projections two poolings that read
// the input are two functions; two poolings of the same inner vertices are
// one. That widths within a module may differ by one channel, where the
// output's channels do not divide evenly, has no part in it, nor in the hash.
func (m Module) Graph() dag.Graph {
	n := m.Vertices()
	g := make(dag.Graph, 1, 2*n+1)
	g[0].Kind = dag.Input
	project := func() int {
		g = append(g, dag.Node{Kind: dag.Weighted, Label: "projection", In: []int{0}})
		return len(g) - 1
	}
	var node [MaxVertices]int
	inner := func(v int) []int {
		var in []int
		for u := 1; u < v; u++ {
			if m.Edge(u, v) {
				in = append(in, node[u])
			}
		}
		return in
	}
	for v := 1; v < n-1; v++ {
		in := inner(v)
		if m.Edge(0, v) {
			in = append(in, project())
		}
		kind := dag.Weighted
		if m.Op(v) == MaxPool3x3 {
			kind = dag.Weightless
		}
		node[v] = len(g)
		g = append(g, dag.Node{Kind: kind, Label: m.Op(v).String(), In: in})
	}
	in := inner(n - 1)
	if !m.Edge(0, n-1) {
		return append(g, dag.Node{Kind: dag.Output, Concat: true, In: in})
	}
	if len(in) > 0 {
		g = append(g, dag.Node{Kind: dag.Skip, Concat: true, In: in})
		in = []int{len(g) - 1}
	}
	in = append(in, project())
	return append(g, dag.Node{Kind: dag.Output, In: in})
}
