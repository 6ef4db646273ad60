package hypernas

import (
	"encoding/binary"
	"math"

	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/predictors/feature"
)

// joiner reads whole networks for the encoder that is pretrained without labels.
// How follows from the wire form:
//
//   - chains of blocks: each searched block is a graph of its own, and what they
//     are pooled to is added up, wherever a block stands;
//   - everything else: the searched cells are joined to one graph
//     ([plugins.Network.Join]).
//
// A node is an operation, as [feature.Nodes] has it; dead ones are removed.
type joiner struct {
	vocabulary plugins.Vocabulary
	nodes      *feature.Nodes
	chain      bool
	longest    int              // how many parts a network of the pool has, at most
	parts      map[string]*part // that were read, by their contents
}

// graph is an architecture as the pretrained encoder reads it: parts, which it
// has in common with others.
type graph []*part

// part is one of the graphs of an architecture.
type part struct {
	nodes []float32 // [count, dim]
	count int
	edges []plugins.Edge
	// said is what encoders make of it, side by side; nil before they were asked.
	said []float32
}

// newJoiner returns the joiner for networks like those given, which must follow
// v.
func newJoiner(v *plugins.Vocabulary, networks []plugins.Network) *joiner {
	j := &joiner{vocabulary: *v, nodes: feature.NewNodes(v, networks, feature.Joined), longest: 1, parts: make(map[string]*part)}
	for i := range networks {
		steps := networks[i].Searched()
		j.chain = j.chain || len(steps) > 1 && networks[i].Cells[steps[0].Cell].Role == plugins.RoleBlock
	}
	if j.chain {
		for i := range networks {
			j.longest = max(j.longest, len(feature.Joined(&networks[i])))
		}
	}
	return j
}

// dim returns the number of features of a node.
func (j *joiner) dim() int { return j.nodes.Dim() }

// read returns n as graphs.
func (j *joiner) read(n *plugins.Network) graph {
	if !j.chain {
		one := feature.Join(&j.vocabulary, n, true)
		return graph{j.part(&one)}
	}
	steps := feature.Joined(n)
	g := make(graph, len(steps))
	for i := range steps {
		block := plugins.Network{Cells: n.Cells, Sequence: steps[i : i+1]}
		one := feature.Join(&j.vocabulary, &block, true)
		g[i] = j.part(&one)
	}
	return g
}

// part returns the part with the contents of g.
func (j *joiner) part(g *feature.Graph) *part {
	width := j.dim()
	p := &part{nodes: make([]float32, len(g.Nodes)*width), count: len(g.Nodes), edges: g.Edges}
	for i := range g.Nodes {
		j.nodes.EncodeTo(p.nodes[i*width:(i+1)*width], &g.Nodes[i], &g.Steps[i])
	}
	key := make([]byte, 0, 4*len(p.nodes)+8*len(p.edges)+8)
	key = binary.LittleEndian.AppendUint64(key, uint64(p.count))
	for _, x := range p.nodes {
		key = binary.LittleEndian.AppendUint32(key, math.Float32bits(x))
	}
	for _, e := range p.edges {
		key = binary.LittleEndian.AppendUint32(key, uint32(e.From))
		key = binary.LittleEndian.AppendUint32(key, uint32(e.To))
	}
	if same := j.parts[string(key)]; same != nil {
		return same
	}
	j.parts[string(key)] = p
	return p
}
