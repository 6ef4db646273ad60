package feature

import (
	"cmp"
	"encoding/binary"
	"slices"
	"strings"

	"github.com/hypernas/hypernas/plugins"
)

// Bounds of the path encoding. White et al. (2021, section 5) keep 40 paths of
// NAS-Bench-101's 364: a random cell has few long paths, so that what is cut
// off is rarely there. The bound here is far above the 84 paths of a pruned
// cell of NAS-Bench-201 and takes the commonest paths of two DARTS cells.
const (
	maxPaths    = 512 // columns
	maxNodePath = 256 // paths from the inputs to one node, the shortest first
)

// pathEncoding is the path encoding of White et al., "BANANAS: Bayesian Optimization
// with Neural Architectures for Neural Architecture Search" (AAAI 2021, arXiv
// 1910.11858, section 4): a column for each sequence of operations by which a
// cell can lead from an input to its output, 1 where the network has that path
// at that place and 0 elsewhere. Dead operations are removed first (see
// [Prune]). A place is a step of [plugins.Network.Searched]; the paths of a
// cell with two inputs begin with the one that they come from.
//
// Columns are the paths of the networks that the encoding was made from, but
// those that all of them have. The most frequent 512 are kept, of equally
// frequent ones the shorter, which is how the paper truncates; within a cell no
// more than the shortest 256 paths to a node are followed.
type pathEncoding struct {
	v       *plugins.Vocabulary
	columns map[string]int
}

// newPathEncoding returns the encoding for what varies over networks, which must
// follow v.
func newPathEncoding(v *plugins.Vocabulary, networks []plugins.Network) *pathEncoding {
	e := &pathEncoding{v: v, columns: make(map[string]int)}
	counts := make(map[string]int)
	for i := range networks {
		e.visit(&networks[i], func(path string) { counts[path]++ })
	}
	var kept []string
	for path, count := range counts {
		if count < len(networks) {
			kept = append(kept, path)
		}
	}
	// The order of frequency, then that of the columns: by place, length and
	// operations.
	order := func(p, q string) int {
		return cmp.Or(strings.Compare(p[:stepBytes], q[:stepBytes]), cmp.Compare(len(p), len(q)), strings.Compare(p, q))
	}
	slices.SortFunc(kept, func(p, q string) int {
		return cmp.Or(cmp.Compare(counts[q], counts[p]), cmp.Compare(len(p), len(q)), order(p, q))
	})
	kept = kept[:min(len(kept), maxPaths)]
	slices.SortFunc(kept, order)
	for i, path := range kept {
		e.columns[path] = i
	}
	return e
}

// encodeTo writes the encoding of n to dst, whose length is the number of
// columns. A path that is no column leaves no trace in it.
func (e *pathEncoding) encodeTo(dst []float64, n *plugins.Network) {
	clear(dst)
	e.visit(n, func(path string) {
		if i, ok := e.columns[path]; ok {
			dst[i] = 1
		}
	})
}

// A path is written as a string: the step, then the number of the input it
// starts from, then each operation, two bytes each. Operations beyond 65,535
// would be mistaken for others; no vocabulary comes near.
const stepBytes = 2

// visit calls f with each path of n, once.
func (e *pathEncoding) visit(n *plugins.Network, f func(path string)) {
	for s, step := range n.Searched() {
		for _, path := range e.paths(&n.Cells[step.Cell]) {
			f(string(binary.BigEndian.AppendUint16(nil, uint16(s))) + path)
		}
	}
}

// paths returns the distinct paths from an input of c to its output, shortest
// first, in one order whatever that of its nodes.
func (e *pathEncoding) paths(c *plugins.Cell) []string {
	live := Live(e.v, c)
	to := make([][]string, len(c.Nodes)) // paths to each node, itself included
	input := 0
	for i, node := range c.Nodes {
		kind := e.v.Ops[node.Op].Kind
		if kind == plugins.KindInput {
			to[i] = []string{string(binary.BigEndian.AppendUint16(nil, uint16(input)))}
			input++
			continue
		}
		if !live[i] {
			continue
		}
		for _, edge := range c.Edges {
			if edge.To == i && live[edge.From] {
				to[i] = append(to[i], to[edge.From]...)
			}
		}
		slices.SortFunc(to[i], func(p, q string) int { return cmp.Or(cmp.Compare(len(p), len(q)), strings.Compare(p, q)) })
		to[i] = slices.Compact(to[i])
		to[i] = to[i][:min(len(to[i]), maxNodePath)]
		if kind == plugins.KindOutput {
			continue
		}
		for k, path := range to[i] {
			to[i][k] = string(binary.BigEndian.AppendUint16([]byte(path), uint16(node.Op)))
		}
	}
	return to[len(c.Nodes)-1]
}
