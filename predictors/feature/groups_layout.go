package feature

import (
	"context"
	"math"

	"github.com/hypernas/hypernas/plugins"
)

// layouts encodes networks of several searched cells, each of which has in all
// networks the same places for its operations, such as DARTS's normal and
// reduction cell: two operations for each of four vertices. Operations belong
// to one vertex, which is their sum, where the same nodes read them in every
// network; a vertex's operations read an input or another vertex each.
type layouts struct {
	v          *plugins.Vocabulary
	ops        []int // those that occur, as indices into the vocabulary
	column     []int // of each operation of the vocabulary among ops, or -1
	cells      []layout
	attributes *OneHot
	columns    int // of a row, once known
}

// layout is one cell's.
type layout struct {
	nodes    int
	input    []int // of each node: which input it is, or -1
	inputs   int
	vertex   []int // of each node: which vertex it is summed in, or -1
	vertices int
	// values are the choices of each edge: by vertex and source, -1 (no
	// operation) and the columns of operations, those that occur.
	values [][]int
}

// maxNodes is the number of nodes up to which a set of them fits a word.
const maxNodes = 64

// newLayouts returns the encoding for networks like those of b, or false if
// these are of another kind. Its error is the context's.
func newLayouts(ctx context.Context, v *plugins.Vocabulary, b *plugins.Batch) (*layouts, bool, error) {
	l := &layouts{v: v}
	for i, s := range b.Networks[0].Searched() {
		l.cells = append(l.cells, layout{})
		if !l.cells[i].begin(v, &b.Networks[0].Cells[s.Cell]) {
			return nil, false, nil
		}
	}
	if len(l.cells) < 2 {
		return nil, false, nil
	}
	// A hash of a node's readers in all networks: equal ones are taken for the
	// same. (FNV-1a over words.)
	readers := make([][]uint64, len(l.cells))
	for k := range l.cells {
		readers[k] = make([]uint64, l.cells[k].nodes)
		for i := range readers[k] {
			readers[k][i] = 14695981039346656037
		}
	}
	seen := make([]bool, len(v.Ops))
	for i := range b.Networks {
		if i%256 == 0 && ctx.Err() != nil {
			return nil, false, ctx.Err()
		}
		n := &b.Networks[i]
		steps := n.Searched()
		if len(steps) != len(l.cells) {
			return nil, false, nil
		}
		for k, s := range steps {
			c := &n.Cells[s.Cell]
			if !l.cells[k].fits(v, c) {
				return nil, false, nil
			}
			for node, set := range readersOf(c) {
				readers[k][node] = (readers[k][node] ^ set) * 1099511628211
			}
			for node := range c.Nodes {
				if l.cells[k].operation(node) {
					seen[c.Nodes[node].Op] = true
				}
			}
		}
	}
	l.column = make([]int, len(v.Ops))
	for op := range seen {
		l.column[op] = -1
		if seen[op] {
			l.column[op] = len(l.ops)
			l.ops = append(l.ops, op)
		}
	}
	for k := range l.cells {
		l.cells[k].group(readers[k])
	}
	if err := l.choose(ctx, b); err != nil {
		return nil, false, err
	}
	l.attributes = newOneHot(v, b.Networks, func(p *place) bool { return p.what >= nodeValue })
	var w writer
	l.encode(&w, &b.Networks[0], nil)
	l.columns = len(w.row)
	return l, true, nil
}

// readersOf returns for each node of c the set of nodes that read it.
func readersOf(c *plugins.Cell) []uint64 {
	sets := make([]uint64, len(c.Nodes))
	for _, e := range c.Edges {
		sets[e.From] |= 1 << e.To
	}
	return sets
}

// begin makes l the layout of c's inputs and operations.
func (l *layout) begin(v *plugins.Vocabulary, c *plugins.Cell) bool {
	l.nodes = len(c.Nodes)
	if l.nodes > maxNodes {
		return false
	}
	l.input = make([]int, l.nodes)
	for i, node := range c.Nodes {
		l.input[i] = -1
		if v.Ops[node.Op].Kind == plugins.KindInput {
			l.input[i] = l.inputs
			l.inputs++
		}
	}
	return true
}

// operation reports whether a node is neither input nor output.
func (l *layout) operation(node int) bool { return l.input[node] < 0 && node < l.nodes-1 }

// fits reports whether c has operations where l has them, each of which reads
// something.
func (l *layout) fits(v *plugins.Vocabulary, c *plugins.Cell) bool {
	if len(c.Nodes) != l.nodes {
		return false
	}
	var fed uint64
	for _, e := range c.Edges {
		fed |= 1 << e.To
	}
	for i, node := range c.Nodes {
		if (v.Ops[node.Op].Kind == plugins.KindInput) != (l.input[i] >= 0) || (l.operation(i) && fed&(1<<i) == 0) {
			return false
		}
	}
	return true
}

// group makes vertices of the operations with the same readers.
func (l *layout) group(readers []uint64) {
	l.vertex = make([]int, l.nodes)
	of := make(map[uint64]int)
	for i := range l.vertex {
		l.vertex[i] = -1
		if !l.operation(i) {
			continue
		}
		k, ok := of[readers[i]]
		if !ok {
			k = l.vertices
			of[readers[i]] = k
			l.vertices++
		}
		l.vertex[i] = k
	}
}

// sources returns how many things an operation can read: inputs and vertices.
func (l *layout) sources() int { return l.inputs + l.vertices }

// edges calls f for each operation of c and each of what it reads, an input or
// inputs plus a vertex, once each.
func (l *layout) edges(c *plugins.Cell, f func(node, source int)) {
	var read [maxNodes]uint64
	for _, e := range c.Edges {
		if !l.operation(e.To) {
			continue
		}
		source := l.input[e.From]
		if source < 0 {
			source = l.inputs + l.vertex[e.From]
		}
		if read[e.To]&(1<<source) == 0 {
			read[e.To] |= 1 << source
			f(e.To, source)
		}
	}
}

// choose collects what occurs on each edge.
func (l *layouts) choose(ctx context.Context, b *plugins.Batch) error {
	seen := make([][]bool, len(l.cells)) // by vertex, source and choice
	stride := len(l.ops) + 1
	for k := range l.cells {
		seen[k] = make([]bool, l.cells[k].vertices*l.cells[k].sources()*stride)
	}
	for i := range b.Networks {
		if i%256 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		n := &b.Networks[i]
		for k, s := range n.Searched() {
			for edge, counts := range l.counts(k, &n.Cells[s.Cell]) {
				for column, count := range counts {
					if count > 0 {
						seen[k][edge*stride+column] = true
					}
				}
			}
		}
	}
	for k := range l.cells {
		c := &l.cells[k]
		c.values = make([][]int, c.vertices*c.sources())
		for edge := range c.values {
			for column, s := range seen[k][edge*stride : (edge+1)*stride] {
				if s {
					c.values[edge] = append(c.values[edge], column)
				}
			}
			if len(c.values[edge]) == 1 {
				c.values[edge] = nil // nothing varies
			}
		}
	}
	return nil
}

// counts returns for each edge of cell k, by vertex and source, how often each
// operation stands there, and 1 behind them where none does.
func (l *layouts) counts(k int, c *plugins.Cell) [][]float64 {
	cell := &l.cells[k]
	counts := make([][]float64, cell.vertices*cell.sources())
	all := make([]float64, len(counts)*(len(l.ops)+1))
	for edge := range counts {
		counts[edge], all = all[:len(l.ops)+1], all[len(l.ops)+1:]
		counts[edge][len(l.ops)] = 1
	}
	cell.edges(c, func(node, source int) {
		if op := l.column[c.Nodes[node].Op]; op >= 0 {
			edge := counts[cell.vertex[node]*cell.sources()+source]
			edge[op]++
			edge[len(l.ops)] = 0
		}
	})
	return counts
}

func (l *layouts) groups() []Group {
	return []Group{
		{Name: "cost"},
		{Name: "totals"},
		{Name: "stage"},
		{Name: "src", CenterOnly: true},
		{Name: "dst", CenterOnly: true},
		{Name: "onehot", CenterOnly: true},
		{Name: "attributes"},
	}
}

// Constants of cost. An operation costs weights for each channel that it puts
// out, at baseChannels channels: of the order that networks begin with, and
// enough that a separable convolution's 1x1 part outweighs its window. What a
// cell and a network have besides, about an operation and one a cell, keeps the
// logarithm of an empty one finite.
const (
	baseChannels = 32
	cellBase     = 20
	networkBase  = 50
)

// weights returns an operation's weights for each channel, at baseChannels.
func weights(op plugins.Op) float64 {
	k := float64(op.Kernel * op.Kernel)
	switch op.Kind {
	case plugins.KindSeparableConv: // twice over, as in DARTS
		return 2 * (k + baseChannels)
	case plugins.KindDilatedConv:
		return k + baseChannels
	case plugins.KindDepthwiseConv:
		return k
	case plugins.KindConv:
		return k * baseChannels
	}
	if op.Kind.HasWeights() {
		return baseChannels
	}
	return 0
}

func (l *layouts) encode(w *writer, n *plugins.Network, _ []float64) {
	steps := n.Searched()
	cells := make([]*plugins.Cell, len(l.cells))
	for k := range cells {
		if len(steps) != len(cells) || !l.cells[k].fits(l.v, &n.Cells[steps[k].Cell]) {
			w.put(make([]float64, l.columns)...) // of another kind than those seen
			return
		}
		cells[k] = &n.Cells[steps[k].Cell]
	}
	l.costs(w, n, steps, cells)
	w.end()
	for k, c := range cells {
		counts := make([]float64, len(l.ops))
		for i := range c.Nodes {
			if op := l.column[c.Nodes[i].Op]; op >= 0 && l.cells[k].operation(i) {
				counts[op]++
			}
		}
		w.put(counts...)
	}
	w.end()
	for k, c := range cells {
		l.stage(w, &l.cells[k], c)
	}
	w.end()
	all := make([][][]float64, len(cells))
	for k, c := range cells {
		all[k] = l.counts(k, c)
		cell := &l.cells[k]
		// Inputs one by one, then all vertices as one source.
		sums := make([]float64, (cell.inputs+1)*len(l.ops))
		for edge, counts := range all[k] {
			from := min(edge%cell.sources(), cell.inputs)
			for op := range l.ops {
				sums[from*len(l.ops)+op] += counts[op]
			}
		}
		w.put(sums...)
	}
	w.end()
	for k, c := range cells {
		sums := make([]float64, l.cells[k].vertices*len(l.ops))
		for i := range c.Nodes {
			if op := l.column[c.Nodes[i].Op]; op >= 0 && l.cells[k].operation(i) {
				sums[l.cells[k].vertex[i]*len(l.ops)+op]++
			}
		}
		w.put(sums...)
	}
	w.end()
	for k := range cells {
		for edge, values := range l.cells[k].values {
			for _, column := range values {
				w.put(all[k][edge][column])
			}
		}
	}
	w.end()
	from := len(w.row)
	w.put(make([]float64, l.attributes.Dim())...)
	l.attributes.EncodeTo(w.row[from:], l.v, n)
	w.end()
}

// costs puts logarithms of the weights of the network and of each cell, and
// how many operations of each cell have weights.
func (l *layouts) costs(w *writer, n *plugins.Network, steps []plugins.Step, cells []*plugins.Cell) {
	network := float64(networkBase)
	sums, counts := make([]float64, len(cells)), make([]float64, len(cells))
	for k, c := range cells {
		for i, node := range c.Nodes {
			if op := l.v.Ops[node.Op]; l.cells[k].operation(i) && op.Kind.HasWeights() {
				sums[k] += weights(op)
				counts[k]++
			}
		}
		for _, s := range n.Sequence {
			if s.Cell == steps[k].Cell {
				network += float64(s.Repeat) * sums[k]
			}
		}
	}
	w.put(math.Log(network))
	for _, s := range sums {
		w.put(math.Log(cellBase + s))
	}
	w.put(counts...)
}

// stage puts for one cell the mean and the greatest depth of its vertices, as
// the number of operations on the longest path from an input; the same of
// operations with weights; the mean of the shortest paths; how many vertices no
// other reads; how many operations read each input, and how many a vertex.
func (l *layouts) stage(w *writer, cell *layout, c *plugins.Cell) {
	type depth struct{ long, weighted, short float64 }
	nodes := make([]depth, cell.nodes)
	vertices := make([]depth, cell.vertices)
	// Nodes stand in topological order; edges need not.
	in := make([][]int, cell.nodes)
	for _, e := range c.Edges {
		in[e.To] = append(in[e.To], e.From)
	}
	for i := range c.Nodes {
		if !cell.operation(i) {
			continue
		}
		d := depth{short: math.Inf(1)}
		for _, p := range in[i] {
			d = depth{max(d.long, nodes[p].long), max(d.weighted, nodes[p].weighted), min(d.short, nodes[p].short)}
		}
		d.long++
		d.short++
		if l.v.Ops[c.Nodes[i].Op].Kind.HasWeights() {
			d.weighted++
		}
		nodes[i] = d
		v := &vertices[cell.vertex[i]]
		if v.long == 0 {
			v.short = d.short
		}
		*v = depth{max(v.long, d.long), max(v.weighted, d.weighted), min(v.short, d.short)}
	}
	var sum, greatest depth
	for _, v := range vertices {
		sum.long += v.long
		sum.weighted += v.weighted
		sum.short += v.short
		greatest.long, greatest.weighted = max(greatest.long, v.long), max(greatest.weighted, v.weighted)
	}
	count := float64(cell.vertices)
	per := max(count, 1) // a cell may have no operations
	reads := make([]float64, cell.inputs+1)
	used := make([]bool, cell.vertices)
	cell.edges(c, func(_, source int) {
		reads[min(source, cell.inputs)]++
		if source >= cell.inputs {
			used[source-cell.inputs] = true
		}
	})
	loose := count
	for _, u := range used {
		if u {
			loose--
		}
	}
	w.put(sum.long/per, greatest.long, sum.weighted/per, greatest.weighted, sum.short/per, loose)
	w.put(reads...)
}
