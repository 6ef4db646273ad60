package hypernas

import (
	"encoding/binary"
	"math"
	"sync"

	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/predictors/feature"
)

// joiner reads whole networks for encoders that are pretrained without labels. A
// pool's networks are read in the ways that follow from the wire form:
//
//   - chains of blocks in two: as a row of blocks, whose nodes carry how often the
//     block holds each operation, the attributes of its step, the sums of its
//     nodes' attributes and the logarithm of its repeat; and as blocks apart, each
//     searched block a graph of its own, what they are pooled to added up;
//   - everything else in one: the searched cells are joined to one graph
//     ([plugins.Network.Join]).
//
// Where blocks aren't nodes, a node is an operation, as [feature.Nodes] has it;
// dead ones are removed.
type joiner struct {
	vocabulary plugins.Vocabulary
	apart      bool
	nodes      *feature.Nodes  // nil where nodes are blocks
	blocks     feature.Scaling // of what describes a block
	longest    int             // how many parts a network of the pool has, at most

	mutex sync.Mutex       // of parts
	parts map[string]*part // that were read, by their contents
}

// graph is an architecture as the pretrained encoder reads it: parts, which it
// has in common with others.
type graph []*part

// part is one of the graphs of an architecture.
type part struct {
	nodes []float32 // [count, dim]
	count int
	edges []plugins.Edge
	// said is what the encoders that read it make of it, side by side; nil before
	// they were asked.
	said []float32
}

// newJoiners returns the joiners for networks like those given, which must follow
// v.
func newJoiners(v *plugins.Vocabulary, networks []plugins.Network) []*joiner {
	nodes := &joiner{vocabulary: *v, nodes: feature.NewNodes(v, networks, feature.Joined), longest: 1, parts: make(map[string]*part)}
	for i := range networks {
		steps := networks[i].Searched()
		nodes.apart = nodes.apart || len(steps) > 1 && networks[i].Cells[steps[0].Cell].Role == plugins.RoleBlock
	}
	if !nodes.apart {
		return []*joiner{nodes}
	}
	row := &joiner{vocabulary: *v, longest: 1, parts: make(map[string]*part)}
	var rows []float64
	width := row.blockWidth()
	for i := range networks {
		steps := feature.Joined(&networks[i])
		nodes.longest = max(nodes.longest, len(steps))
		for k := range steps {
			rows = append(rows, make([]float64, width)...)
			row.blockTo(rows[len(rows)-width:], &networks[i], &steps[k])
		}
	}
	row.blocks = feature.NewScaling(rows, width, false)
	return []*joiner{nodes, row}
}

// blockWidth returns how many numbers describe a block before scaling.
func (j *joiner) blockWidth() int {
	return len(j.vocabulary.Ops) + len(j.vocabulary.NodeAttrs) + len(j.vocabulary.CellAttrs) + 1
}

// blockTo writes what describes the block of step s to dst, which is zero.
func (j *joiner) blockTo(dst []float64, n *plugins.Network, s *plugins.Step) {
	ops := len(j.vocabulary.Ops)
	for _, node := range n.Cells[s.Cell].Nodes {
		dst[node.Op]++
		for k, x := range node.Attrs {
			dst[ops+k] += x
		}
	}
	k := ops + len(j.vocabulary.NodeAttrs)
	k += copy(dst[k:], s.Attrs)
	dst[k] = math.Log(float64(s.Repeat))
}

// dim returns the number of features of a node.
func (j *joiner) dim() int {
	if j.nodes != nil {
		return j.nodes.Dim()
	}
	return max(j.blocks.Dim(), 1) // a graph needs a column, though nothing varies
}

// read returns n as graphs. It may be called by several goroutines at once.
func (j *joiner) read(n *plugins.Network) graph {
	switch {
	case j.nodes == nil:
		return graph{j.row(n)}
	case !j.apart:
		one := feature.Join(&j.vocabulary, n, true)
		return graph{j.encode(&one)}
	}
	steps := feature.Joined(n)
	g := make(graph, len(steps))
	for i := range steps {
		block := plugins.Network{Cells: n.Cells, Sequence: steps[i : i+1]}
		one := feature.Join(&j.vocabulary, &block, true)
		g[i] = j.encode(&one)
	}
	return g
}

// row returns n as a row of blocks.
func (j *joiner) row(n *plugins.Network) *part {
	steps, width := feature.Joined(n), j.dim()
	p := &part{nodes: make([]float32, len(steps)*width), count: len(steps)}
	scaled := make([]float64, j.blocks.Dim())
	for i := range steps {
		numbers := make([]float64, j.blockWidth())
		j.blockTo(numbers, n, &steps[i])
		j.blocks.To(scaled, numbers)
		copy(p.nodes[i*width:], unit(scaled))
		if i > 0 {
			p.edges = append(p.edges, plugins.Edge{From: i - 1, To: i})
		}
	}
	return j.same(p)
}

// encode returns g with encoded nodes.
func (j *joiner) encode(g *feature.Graph) *part {
	width := j.dim()
	p := &part{nodes: make([]float32, len(g.Nodes)*width), count: len(g.Nodes), edges: g.Edges}
	for i := range g.Nodes {
		j.nodes.EncodeTo(p.nodes[i*width:(i+1)*width], &g.Nodes[i], &g.Steps[i])
	}
	return j.same(p)
}

// same returns the part with the contents of p that was read first. It may be
// called by several goroutines at once.
func (j *joiner) same(p *part) *part {
	key := make([]byte, 0, 4*len(p.nodes)+8*len(p.edges)+8)
	key = binary.LittleEndian.AppendUint64(key, uint64(p.count))
	for _, x := range p.nodes {
		key = binary.LittleEndian.AppendUint32(key, math.Float32bits(x))
	}
	for _, e := range p.edges {
		key = binary.LittleEndian.AppendUint32(key, uint32(e.From))
		key = binary.LittleEndian.AppendUint32(key, uint32(e.To))
	}
	j.mutex.Lock()
	defer j.mutex.Unlock()
	if known := j.parts[string(key)]; known != nil {
		return known
	}
	j.parts[string(key)] = p
	return p
}
