package feature

import (
	"context"
	"encoding/binary"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/hypernas/hypernas/plugins"
)

// chain encodes networks that are chains of blocks.
//
// A block's numbers are what tells blocks at one position apart: the attributes
// of its step (widths, which multiply everything in the block), the sizes of
// its operations' windows, its repeat, whether an operation is there at all
// (gates), and the attributes of its nodes. One that is the same in all blocks
// of a network, such as the width of a transformer's tokens, is the network's.
// Positions are the steps of Searched, places the nodes of a block.
type chain struct {
	v       *plugins.Vocabulary
	cost    *logCost
	depth   int // the most blocks
	depths  []float64
	global  []int // attributes of steps that are the network's
	numbers []blockNumber
	repeats bool
	// choices holds the values that have a column of onehot: of the global
	// attributes, then of each number at each position.
	choices [][]float64
	// cells holds by position the columns of cells that numbers don't tell
	// apart.
	cells []map[string]int
}

// blockNumber is a number of a block.
type blockNumber struct {
	kind        numberKind
	place, attr int
}

// numberKind is what a number of a block counts. The order is that of columns.
type numberKind int

const (
	width  numberKind = iota // attribute attr of the step
	window                   // kernel of the operation at a place
	repeat                   // of the step
	gate                     // 1 where the operation at a place does something
	inner                    // attribute attr of the node at a place
)

// absent stands for the number of a block that a network does not have.
const absent = -math.MaxFloat64

// maxCells bounds the columns of onehot for cells at one position.
const maxCells = 64

// value returns the number q of the block at step s of n. A node that the
// block does not have counts as one that does nothing.
func (c *chain) value(q blockNumber, n *plugins.Network, s *plugins.Step) float64 {
	switch q.kind {
	case width:
		return s.Attrs[q.attr]
	case repeat:
		return float64(s.Repeat)
	}
	nodes := n.Cells[s.Cell].Nodes
	if q.place >= len(nodes)-1 {
		return 0
	}
	node := &nodes[q.place]
	if q.kind == inner {
		return node.Attrs[q.attr]
	}
	op := c.v.Ops[node.Op]
	if op.Kind == plugins.KindInput || op.Kind == plugins.KindNone || op.Kind == plugins.KindSkip {
		return 0
	}
	if q.kind == window {
		return float64(op.Kernel)
	}
	return 1
}

// newChain returns the encoding for networks like those of b. Its error is the
// context's.
func newChain(ctx context.Context, v *plugins.Vocabulary, b *plugins.Batch) (*chain, error) {
	c := &chain{v: v, cost: newLogCost(v, b)}
	places := 0
	depths := make(map[float64]bool)
	for i := range b.Networks {
		if i%256 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		n := &b.Networks[i]
		steps := n.Searched()
		depths[float64(len(steps))] = true
		c.depth = max(c.depth, len(steps))
		for _, s := range steps {
			places = max(places, len(n.Cells[s.Cell].Nodes)-1)
		}
	}
	c.depths = slices.Sorted(maps.Keys(depths))
	candidates := []blockNumber{{kind: repeat}}
	for k := range v.CellAttrs {
		candidates = append(candidates, blockNumber{kind: width, attr: k})
	}
	for p := range places {
		candidates = append(candidates, blockNumber{kind: window, place: p}, blockNumber{kind: gate, place: p})
		for k := range v.NodeAttrs {
			candidates = append(candidates, blockNumber{kind: inner, place: p, attr: k})
		}
	}
	if err := c.sort(ctx, b, candidates); err != nil {
		return nil, err
	}
	return c, c.choose(ctx, b)
}

// sort keeps the candidates that vary, as numbers of blocks or of networks.
func (c *chain) sort(ctx context.Context, b *plugins.Batch, candidates []blockNumber) error {
	first := make([][]float64, len(candidates)) // by position
	varies, within := make([]bool, len(candidates)), make([]bool, len(candidates))
	sizes := make([]map[float64]bool, len(candidates)) // of windows
	for q := range candidates {
		first[q] = slices.Repeat([]float64{absent}, c.depth)
		sizes[q] = make(map[float64]bool)
	}
	for i := range b.Networks {
		if i%256 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		n := &b.Networks[i]
		steps := n.Searched()
		for q := range candidates {
			one := 0.0 // the number in the network's first block
			for p := range steps {
				x := c.value(candidates[q], n, &steps[p])
				if p == 0 {
					one = x
				}
				within[q] = within[q] || x != one
				if first[q][p] == absent {
					first[q][p] = x
				}
				varies[q] = varies[q] || x != first[q][p]
				if candidates[q].kind == window && x > 0 {
					sizes[q][x] = true
				}
			}
		}
	}
	var gates []blockNumber
	for q, candidate := range candidates {
		switch {
		case !varies[q]:
		case candidate.kind == width && !within[q]:
			c.global = append(c.global, candidate.attr)
		case candidate.kind == window && len(sizes[q]) < 2: // the same as its gate
		case candidate.kind == gate:
			gates = append(gates, candidate)
		default:
			c.numbers = append(c.numbers, candidate)
			c.repeats = c.repeats || candidate.kind == repeat
		}
	}
	// A gate that follows from one other number, as an expanding convolution
	// does from an expansion above 1, is that number once more.
	for _, g := range gates {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		follows := func(q blockNumber) bool { return c.follows(b, g, q) }
		if !slices.ContainsFunc(c.numbers, follows) {
			c.numbers = append(c.numbers, g)
		}
	}
	slices.SortStableFunc(c.numbers, func(p, q blockNumber) int { return int(p.kind) - int(q.kind) })
	return nil
}

// follows reports whether number q tells number g at every position.
func (c *chain) follows(b *plugins.Batch, g, q blockNumber) bool {
	type at struct {
		position int
		q        float64
	}
	seen := make(map[at]float64)
	for i := range b.Networks {
		n := &b.Networks[i]
		steps := n.Searched()
		for p := range steps {
			key, x := at{p, c.value(q, n, &steps[p])}, c.value(g, n, &steps[p])
			if y, ok := seen[key]; ok && x != y {
				return false
			}
			seen[key] = x
		}
	}
	return true
}

// choose collects the values and cells that have columns of onehot.
func (c *chain) choose(ctx context.Context, b *plugins.Batch) error {
	values := make([]map[float64]bool, len(c.global)+len(c.numbers)*c.depth)
	for k := range values {
		values[k] = make(map[float64]bool)
	}
	told := make(map[string]string) // by position and numbers: the cell
	cells := make([]map[string]int, c.depth)
	for p := range cells {
		cells[p] = make(map[string]int)
	}
	more := make([]bool, c.depth)
	for i := range b.Networks {
		if i%256 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		n := &b.Networks[i]
		steps := n.Searched()
		for k, a := range c.global {
			values[k][globalAttr(steps, a)] = true
		}
		for p := range c.depth {
			if p >= len(steps) {
				for q := range c.numbers {
					values[c.choice(q, p)][absent] = true
				}
				continue
			}
			key := binary.AppendUvarint(nil, uint64(p))
			for q, number := range c.numbers {
				x := c.value(number, n, &steps[p])
				values[c.choice(q, p)][x] = true
				key = binary.BigEndian.AppendUint64(key, math.Float64bits(x))
			}
			cell := signature(&n.Cells[steps[p].Cell])
			if other, ok := told[string(key)]; ok && other != cell {
				more[p] = true
			}
			told[string(key)] = cell
			cells[p][cell]++
		}
	}
	for _, v := range values {
		c.choices = append(c.choices, slices.Sorted(maps.Keys(v)))
	}
	c.cells = make([]map[string]int, c.depth)
	for p := range c.depth {
		if !more[p] {
			continue
		}
		c.cells[p] = make(map[string]int)
		kept := slices.SortedFunc(maps.Keys(cells[p]), func(x, y string) int {
			if d := cells[p][y] - cells[p][x]; d != 0 {
				return d
			}
			return strings.Compare(x, y)
		})
		for k, cell := range kept[:min(len(kept), maxCells)] {
			c.cells[p][cell] = k
		}
	}
	return nil
}

// choice returns where the choices of a number at a position stand.
func (c *chain) choice(number, position int) int {
	return len(c.global) + number*c.depth + position
}

// globalAttr returns an attribute that is the same in all steps.
func globalAttr(steps []plugins.Step, attr int) float64 {
	if len(steps) == 0 {
		return 0
	}
	return steps[0].Attrs[attr]
}

// signature names the operations of a cell and their edges.
func signature(c *plugins.Cell) string {
	var s []byte
	for _, n := range c.Nodes {
		s = binary.AppendUvarint(s, uint64(n.Op))
	}
	s = append(s, 0xff)
	for _, e := range c.Edges {
		s = binary.AppendUvarint(s, uint64(e.From))
		s = binary.AppendUvarint(s, uint64(e.To))
	}
	return string(s)
}

func (c *chain) groups() []Group {
	return []Group{{Name: "cost"}, {Name: "totals"}, {Name: "moments"}, {Name: "num"}, {Name: "blkcost"}, {Name: "onehot", CenterOnly: true}}
}

func (c *chain) encode(w *writer, n *plugins.Network, numbers []float64) {
	steps := n.Searched()
	steps = steps[:min(len(steps), c.depth)]
	x := make([][]float64, len(c.numbers)) // by number and position
	for q, number := range c.numbers {
		x[q] = make([]float64, len(steps))
		for p := range steps {
			x[q][p] = c.value(number, n, &steps[p])
		}
	}
	b := blocks{repeats: make([]float64, len(steps)), widths: make([]float64, len(steps)), windows: make([]float64, len(steps)), network: 1}
	for p := range steps {
		b.repeats[p], b.widths[p], b.windows[p] = float64(steps[p].Repeat), 1, 1
		for q, number := range c.numbers {
			switch number.kind {
			case width:
				b.widths[p] *= x[q][p]
			case window:
				b.windows[p] *= x[q][p]
			}
		}
	}
	for _, a := range c.global {
		b.network *= globalAttr(steps, a)
	}
	c.cost.put(w, numbers)
	w.end()
	c.totals(w, steps, x, &b)
	w.end()
	c.moments(w, x, &b)
	w.end()
	for _, a := range c.global {
		w.put(globalAttr(steps, a))
	}
	for q := range x {
		w.put(x[q]...)
		w.put(make([]float64, c.depth-len(steps))...)
	}
	w.end()
	c.blkcost(w, x, &b)
	w.end()
	c.onehot(w, n, steps, x)
	w.end()
}

// blocks holds what the numbers of a network's blocks multiply to.
type blocks struct {
	repeats, widths, windows []float64 // by position
	network                  float64   // the product of what is the network's
}

// count returns how often blocks follow each other, or how many there are.
func (b *blocks) count() float64 {
	sum := 0.0
	for _, r := range b.repeats {
		sum += r
	}
	return sum
}

// totals puts sums over blocks: how many there are; what is the network's; each
// number times the repeat; each by itself, as a sum where repeats vary (blocks
// are different things) and as a mean where the number of blocks does; the
// logarithms of widths; repeat times widths times windows; all of it times what
// is the network's.
func (c *chain) totals(w *writer, steps []plugins.Step, x [][]float64, b *blocks) {
	count := b.count()
	if c.repeats || len(c.depths) > 1 {
		w.put(count)
	}
	for _, a := range c.global {
		w.put(globalAttr(steps, a))
	}
	sums := make([]float64, len(x)) // repeated
	for q := range x {
		for p := range x[q] {
			sums[q] += x[q][p] * b.repeats[p]
		}
	}
	product, multiplies := 0.0, false
	for q, number := range c.numbers {
		if number.kind == repeat {
			continue
		}
		w.put(sums[q])
		plain := 0.0
		for _, v := range x[q] {
			plain += v
		}
		switch {
		case c.repeats:
			w.put(plain)
		case len(c.depths) > 1:
			w.put(plain / max(1, float64(len(steps))))
		}
		if number.kind == width {
			logs := 0.0
			for _, v := range x[q] {
				if v > 0 {
					logs += math.Log(v)
				}
			}
			w.put(logs)
		}
		multiplies = multiplies || number.kind == width || number.kind == window
	}
	if multiplies {
		for p := range steps {
			product += b.repeats[p] * b.widths[p] * b.windows[p]
		}
		w.put(product)
	}
	if len(c.global) == 0 {
		return
	}
	w.put(count * b.network)
	for q, number := range c.numbers {
		if number.kind != repeat {
			w.put(sums[q] * b.network)
		}
	}
	if multiplies {
		w.put(product * b.network)
	}
}

// moments puts for each number, by itself and times the repeat where that
// varies, the mean over blocks of its product with cos(pi x), where x in (0, 1)
// is a block's place in the network: positive where it is large early.
func (c *chain) moments(w *writer, x [][]float64, b *blocks) {
	mean := func(f func(p int) float64) float64 {
		sum := 0.0
		for p := range b.repeats {
			sum += math.Cos(math.Pi*(float64(p)+.5)/float64(len(b.repeats))) * f(p)
		}
		return sum / max(1, float64(len(b.repeats)))
	}
	for q, number := range c.numbers {
		w.put(mean(func(p int) float64 { return x[q][p] }))
		if c.repeats && number.kind != repeat {
			w.put(mean(func(p int) float64 { return x[q][p] * b.repeats[p] }))
		}
	}
}

// typical is a product of a network's width and a block's number, such as a
// transformer's tokens' width times heads, that lies within the range of small
// networks (3 x 192 to 7 x 448). It is what blkcost takes such products by, so
// that blocks that are there lie about 1 or above and those that aren't at 0.
const typical = 600

// blkcost puts logarithms of the products of each block: repeat times widths;
// that times windows; gates times repeat and widths, as it is, for it may be 0;
// and, for each node's attribute, what is the network's times repeat, widths
// and the attribute. Blocks that a network does not have are 0.
func (c *chain) blkcost(w *writer, x [][]float64, b *blocks) {
	kinds := make([]bool, inner+1)
	for _, number := range c.numbers {
		kinds[number.kind] = true
	}
	at := func(p int, f func() float64, offset float64) {
		if p < len(b.repeats) {
			w.log(f(), offset)
			return
		}
		w.put(0)
	}
	if kinds[width] || kinds[repeat] {
		for p := range c.depth {
			at(p, func() float64 { return b.repeats[p] * b.widths[p] }, 0)
		}
	}
	if kinds[window] {
		for p := range c.depth {
			at(p, func() float64 { return b.repeats[p] * b.widths[p] * b.windows[p] }, 0)
		}
	}
	offset := 0.0
	if len(c.global) > 0 {
		offset = 1 - math.Log(typical)
	}
	for q, number := range c.numbers {
		switch number.kind {
		case gate:
			for p := range c.depth {
				if p < len(b.repeats) {
					w.put(x[q][p] * b.repeats[p] * b.widths[p])
				} else {
					w.put(0)
				}
			}
		case inner:
			for p := range c.depth {
				at(p, func() float64 { return b.network * b.repeats[p] * b.widths[p] * x[q][p] }, offset)
			}
		}
	}
}

// onehot puts a column for each number of blocks, each value of what is the
// network's, each value of each number at each position, or that there is no
// such block, and each cell that these don't tell apart.
func (c *chain) onehot(w *writer, n *plugins.Network, steps []plugins.Step, x [][]float64) {
	put := func(values []float64, x float64) {
		if len(values) < 2 {
			return // nothing varies
		}
		for _, v := range values {
			if v == x {
				w.put(1)
			} else {
				w.put(0)
			}
		}
	}
	put(c.depths, float64(len(steps)))
	for k, a := range c.global {
		put(c.choices[k], globalAttr(steps, a))
	}
	for q := range c.numbers {
		for p := range c.depth {
			if p < len(steps) {
				put(c.choices[c.choice(q, p)], x[q][p])
			} else {
				put(c.choices[c.choice(q, p)], absent)
			}
		}
	}
	for p, cells := range c.cells {
		if len(cells) == 0 {
			continue
		}
		column := make([]float64, len(cells))
		if p < len(steps) {
			if k, ok := cells[signature(&n.Cells[steps[p].Cell])]; ok {
				column[k] = 1
			}
		}
		w.put(column...)
	}
}

// logCost gives the logarithms of the numbers that say what a network costs.
type logCost struct {
	columns []int
	means   []float64 // of the logarithms, for what is not known
}

// million is the unit of parameters and multiply-adds.
const million = 1e6

// newLogCost returns the logarithms of those of parameters and multiply-adds
// that are known for every row of b.
func newLogCost(v *plugins.Vocabulary, b *plugins.Batch) *logCost {
	c := &logCost{}
	for _, name := range []string{plugins.NumberParams, plugins.NumberFLOPs} {
		column := v.NumberIndex(name)
		if column < 0 {
			continue
		}
		mean, known := 0.0, true
		for i := range b.Len() {
			x := b.Row(i)[column]
			known = known && x > 0 && !math.IsInf(x, 1)
			if known {
				mean += math.Log(x/million) / float64(b.Len())
			}
		}
		if known {
			c.columns, c.means = append(c.columns, column), append(c.means, mean)
		}
	}
	return c
}

// put puts the logarithms of a network's numbers.
func (c *logCost) put(w *writer, numbers []float64) {
	for k, column := range c.columns {
		x := numbers[column]
		if !(x > 0) || math.IsInf(x, 1) {
			w.put(c.means[k])
			continue
		}
		w.put(math.Log(x / million))
	}
}
