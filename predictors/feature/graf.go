package feature

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"
	"sync"

	"github.com/hypernas/hypernas/plugins"
)

// Bounds of the graph features.
const (
	// allSubsets is up to how many operations of a space every subset of them
	// is looked at. Of more operations it is the single ones, the pairs, all,
	// all but one, and none: of DARTS's seven 37 subsets in place of 128, with
	// which a forest of 50 or 100 labels is .04 better.
	allSubsets = 5
	// mostOps is how many operations of a space are looked at, the first ones
	// of its vocabulary.
	mostOps = 32
	// memoized is how many features of cells seen before are kept: 32 MiB.
	memoized = 1 << 22
)

// graf is features of cells as graphs, in the manner of GRAF (Kadlecova et
// al., "Surprisingly Strong Performance Prediction with Neural Graph Features",
// ICML 2024, section 3.1; code: github.com/gabikadlecova/zc_combine), and the
// place of each that varies in a row. The set graph consists of it and of
// numbers; see [Set].
type graf struct {
	v       *plugins.Vocabulary
	ops     []int    // by vocabulary index, the operation's bit in subsets, or -1
	count   int      // of operations that are looked at
	subsets []uint64 // none where only counts are wanted
	sources []int    // 0 for all inputs of a cell together, then each alone
	width   int      // number of features of a cell

	columns [][]grafColumn // by step
	totals  []grafColumn   // of counts, summed over the steps
	groups  []Group

	mu    sync.Mutex
	known map[string][]float64 // features by cell
}

// grafColumn says that the feature numbered from of a cell goes to column to.
type grafColumn struct{ from, to int }

// newGraf returns the features that vary over networks, which must follow v.
func newGraf(v *plugins.Vocabulary, networks []plugins.Network) *graf {
	g := &graf{v: v, known: make(map[string][]float64), sources: []int{0}}
	steps := g.look(networks)
	counts, paths, degrees := g.layout()
	g.width = counts + paths + degrees

	spans := make([]struct{ low, high float64 }, (steps+1)*g.width) // by step; then the sums over steps
	total := make([]float64, g.width)
	for i := range networks {
		searched := networks[i].Searched()
		clear(total)
		for s := range steps + 1 {
			x := total
			if s < len(searched) {
				x = g.features(&networks[i].Cells[searched[s].Cell])
				for k := range counts {
					total[k] += x[k]
				}
			} else if s < steps {
				x = make([]float64, g.width)
			}
			for k, y := range x {
				p := &spans[s*g.width+k]
				if i == 0 {
					p.low, p.high = y, y
				}
				p.low, p.high = min(p.low, y), max(p.high, y)
			}
		}
	}
	g.columns = make([][]grafColumn, steps)
	at := 0
	for _, group := range []struct {
		name     string
		from, to int
	}{{"counts", 0, counts}, {"paths", counts, counts + paths}, {"degrees", counts + paths, g.width}} {
		start := at
		for s := range steps + 1 {
			for k := group.from; k < group.to; k++ {
				if p := spans[s*g.width+k]; p.low == p.high {
					continue
				}
				switch {
				case s < steps:
					g.columns[s] = append(g.columns[s], grafColumn{k, at})
				case steps == 1 || k >= counts:
					continue // the one step's counts again
				default:
					g.totals = append(g.totals, grafColumn{k, at})
				}
				at++
			}
		}
		if at > start {
			g.groups = append(g.groups, Group{Name: group.name, From: start, To: at})
		}
	}
	return g
}

// look finds the operations, subsets and sources, and returns the number of
// steps of the longest network.
func (g *graf) look(networks []plugins.Network) (steps int) {
	occurs := make([]bool, len(g.v.Ops))
	motifs, inputs := false, 1
	for i := range networks {
		searched := networks[i].Searched()
		steps = max(steps, len(searched))
		for _, step := range searched {
			c := &networks[i].Cells[step.Cell]
			motifs = motifs || c.Role != plugins.RoleBlock
			in := 0
			for _, n := range c.Nodes {
				switch g.v.Ops[n.Op].Kind {
				case plugins.KindInput:
					in++
				case plugins.KindOutput, plugins.KindNone:
				default:
					occurs[n.Op] = true
				}
			}
			inputs = max(inputs, in)
		}
	}
	g.ops = slices.Repeat([]int{-1}, len(g.v.Ops))
	for op := range g.ops {
		if occurs[op] && g.count < mostOps {
			g.ops[op] = g.count
			g.count++
		}
	}
	if !motifs && steps > 1 {
		return steps // a chain of blocks
	}
	if inputs > 1 {
		for i := range inputs {
			g.sources = append(g.sources, i+1)
		}
	}
	all := uint64(1)<<g.count - 1
	if g.count <= allSubsets {
		for s := range all + 1 {
			g.subsets = append(g.subsets, s)
		}
		return steps
	}
	g.subsets = append(g.subsets, 0, all)
	for a := range g.count {
		g.subsets = append(g.subsets, 1<<a, all&^(1<<a))
		for b := range a {
			g.subsets = append(g.subsets, 1<<a|1<<b)
		}
	}
	return steps
}

// pathStatistics is the number of features of the paths through a subset.
const pathStatistics = 5

// layout returns how many features of a cell there are of each group.
func (g *graf) layout() (counts, paths, degrees int) {
	for _, source := range g.sources {
		for _, s := range g.subsets {
			if !g.taken(source, s) {
				continue
			}
			paths += pathStatistics
			if s == 0 {
				continue
			}
			degrees++ // from the inputs
			if source == 0 {
				degrees++ // to the output
				if bits.OnesCount64(s) == 1 {
					degrees += 2
				}
			}
		}
	}
	return g.count, paths, degrees
}

// taken reports whether a subset is looked at on the paths from a source: for
// single inputs only none, single operations and all.
func (g *graf) taken(source int, subset uint64) bool {
	n := bits.OnesCount64(subset)
	return source == 0 || n <= 1 || n == g.count
}

// features returns the features of c, which must not be changed: counts,
// statistics of paths, degrees.
func (g *graf) features(c *plugins.Cell) []float64 {
	key := make([]byte, 0, len(c.Nodes)+2*len(c.Edges)+1)
	key = binary.AppendUvarint(key, uint64(len(c.Nodes)))
	for _, n := range c.Nodes {
		key = binary.AppendUvarint(key, uint64(n.Op))
	}
	for _, e := range c.Edges {
		key = binary.AppendUvarint(key, uint64(e.From))
		key = binary.AppendUvarint(key, uint64(e.To))
	}
	g.mu.Lock()
	x, ok := g.known[string(key)]
	g.mu.Unlock()
	if ok {
		return x
	}
	x = g.compute(c)
	g.mu.Lock()
	if (len(g.known)+1)*len(x) <= memoized {
		g.known[string(key)] = x
	}
	g.mu.Unlock()
	return x
}

// compute returns the features of a cell.
func (g *graf) compute(c *plugins.Cell) []float64 {
	x := make([]float64, g.count, g.width)
	cell := newCellGraph(g.v, c)
	ops := make([]uint64, len(c.Nodes)) // a node's operation as a subset; 0 for inputs and the output
	for i, node := range c.Nodes {
		if o := g.ops[node.Op]; o >= 0 && cell.live[i] {
			x[o]++
			ops[i] = 1 << o
		}
	}
	member := make([]bool, len(ops))
	for _, source := range g.sources {
		for _, s := range g.subsets {
			if g.taken(source, s) {
				for i, op := range ops {
					member[i] = op&s != 0
				}
				x = cell.appendPaths(x, source, member)
			}
		}
	}
	for _, source := range g.sources {
		for _, s := range g.subsets {
			if g.taken(source, s) && s != 0 {
				x = cell.appendDegrees(x, source, ops, s)
			}
		}
	}
	return x
}

// appendPaths appends to dst, for the paths from a source (0 for all inputs) to
// the output: 1 / edges of the shortest through member operations alone, edges of
// the longest, log(1 + number of those), and the most and fewest members on any
// path; 0 where there is no path.
func (g *cellGraph) appendPaths(dst []float64, source int, member []bool) []float64 {
	longest, shortest, _, paths := g.count(source, member, nil)
	most, fewest, _, _ := g.count(source, nil, member)
	shortness := 0.0
	if paths > 0 {
		longest++ // of n operations there are n + 1 edges
		shortness = 1 / (shortest + 1)
	}
	return append(dst, shortness, longest, math.Log1p(paths), most, fewest)
}

// appendDegrees appends to dst the number of edges from the inputs, or one
// source, to operations of the subset; and for all inputs together the number
// of edges from operations of the subset to the output and, for a single
// operation, those to and from other operations. ops holds each node's operation
// as a subset.
func (g *cellGraph) appendDegrees(dst []float64, source int, ops []uint64, subset uint64) []float64 {
	var fromInput, toOutput, leaving, entering float64
	last := len(g.in) - 1
	for to, from := range g.in {
		for _, f := range from {
			switch reads, read := ops[f]&subset != 0, ops[to]&subset != 0; {
			case g.input[f] > 0:
				if read && (source == 0 || source == g.input[f]) {
					fromInput++
				}
			case to == last:
				if reads {
					toOutput++
				}
			default:
				if reads {
					leaving++
				}
				if read {
					entering++
				}
			}
		}
	}
	dst = append(dst, fromInput)
	if source == 0 {
		dst = append(dst, toOutput)
		if bits.OnesCount64(subset) == 1 {
			dst = append(dst, leaving, entering)
		}
	}
	return dst
}

// dim returns the number of columns.
func (g *graf) dim() int {
	if len(g.groups) == 0 {
		return 0
	}
	return g.groups[len(g.groups)-1].To
}

// encodeTo writes the features of n to dst.
func (g *graf) encodeTo(dst []float64, n *plugins.Network) {
	clear(dst)
	for s, step := range n.Searched() {
		x := []float64(nil)
		if s < len(g.columns) || len(g.totals) > 0 {
			x = g.features(&n.Cells[step.Cell])
		}
		if s < len(g.columns) {
			for _, c := range g.columns[s] {
				dst[c.to] = x[c.from]
			}
		}
		for _, c := range g.totals {
			dst[c.to] += x[c.from]
		}
	}
}
