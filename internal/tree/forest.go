package tree

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"github.com/hypernas/hypernas/internal/parallel"
)

// ForestOptions say how the trees of a forest grow.
type ForestOptions struct {
	Trees int // how many, at least 1
	// Features is the share of columns that are looked at for a node's split,
	// above 0 and up to 1; at least one column is. More are drawn where all of
	// those are constant in the node.
	Features float64
	MinLeaf  int // the least number of (distinct) rows in a leaf, at least 1
	MaxDepth int // the longest path from root to leaf; 0 sets no limit
	// Bootstrap draws as many rows as there are for each tree, with
	// replacement; else every tree sees all rows.
	Bootstrap bool
	// RandomCuts tries one threshold a column, drawn uniformly between the
	// node's least and largest value, instead of all of them.
	RandomCuts bool
	Seed       uint64
}

// RandomForest returns the options of Breiman's random forest (Machine
// Learning 45, 2001) with the given number of trees.
func RandomForest(trees int, seed uint64) ForestOptions {
	return ForestOptions{Trees: trees, Features: 1. / 3, MinLeaf: 1, Bootstrap: true, Seed: seed}
}

// ExtraTrees returns the options of extremely randomized trees (Geurts et al.,
// Machine Learning 63, 2006) with the given number of trees.
func ExtraTrees(trees int, seed uint64) ForestOptions {
	return ForestOptions{Trees: trees, Features: 1, MinLeaf: 1, RandomCuts: true, Seed: seed}
}

// check returns an error if an option is out of range.
func (o *ForestOptions) check() error {
	switch {
	case o.Trees < 1:
		return fmt.Errorf("%d trees", o.Trees)
	case !(o.Features > 0 && o.Features <= 1):
		return fmt.Errorf("a share of %v of the columns", o.Features)
	case o.MinLeaf < 1:
		return fmt.Errorf("%d rows in a leaf", o.MinLeaf)
	case o.MaxDepth < 0:
		return fmt.Errorf("depth %d", o.MaxDepth)
	}
	return nil
}

// Forest is regression trees that are fitted independently of each other; its
// prediction is their mean.
type Forest struct{ ensemble }

// FitForest fits a forest to labels y, one a row of x. Trees are grown on all
// processors, each with a generator of its own. The error is the context's,
// or says what is wrong with x, y or o.
func FitForest(ctx context.Context, x *mat.Dense, y []float64, o ForestOptions) (*Forest, error) {
	if err := o.check(); err != nil {
		return nil, fmt.Errorf("fit forest: %w", err)
	}
	if len(y) == 0 {
		return nil, errors.New("fit forest: no rows")
	}
	data, err := newCodes(x, y, func(_, distinct []float64) []float64 { return distinct })
	if err != nil {
		return nil, fmt.Errorf("fit forest: %w", err)
	}
	// Labels less one of them keep sums of squares exact enough whatever the
	// labels' offset.
	centered := slices.Clone(y)
	floats.AddConst(-y[0], centered)

	f := &Forest{ensemble{trees: make([]nodes, o.Trees), base: y[0], scale: 1 / float64(o.Trees), cols: len(data.cuts)}}
	growers := make([]*grower, parallel.Workers(o.Trees))
	for i := range growers {
		growers[i] = newGrower(data, centered, &o)
	}
	err = parallel.Each(o.Trees, func(worker, t int) error {
		f.trees[t] = growers[worker].grow(ctx, rand.New(rand.NewPCG(o.Seed, uint64(t))))
		return ctx.Err()
	})
	if err != nil {
		return nil, err
	}
	return f, nil
}

// grower grows one tree after another on the same data.
type grower struct {
	*codes
	y        []float64
	options  *ForestOptions
	features int // that a node looks at

	rng     *rand.Rand
	tree    nodes
	weights []float64 // how often each row was drawn
	order   []int32   // the tree's rows; those of a node stand together
	columns []int32   // a permutation of all columns
	bins    []bin     // of one column
	sorted  []uint64  // codes of a node's rows, above their places in order
}

// bin is what rows with one code sum to.
type bin struct {
	weight, sum float64
	rows        int
}

// add adds o to b.
func (b *bin) add(o *bin) {
	b.weight += o.weight
	b.sum += o.sum
	b.rows += o.rows
}

func newGrower(data *codes, y []float64, o *ForestOptions) *grower {
	g := &grower{
		codes: data, y: y, options: o,
		features: max(1, int(o.Features*float64(len(data.cuts)))),
		weights:  make([]float64, data.rows),
		order:    make([]int32, 0, data.rows),
		columns:  make([]int32, len(data.cuts)),
		bins:     make([]bin, data.rows),
		sorted:   make([]uint64, data.rows),
	}
	return g
}

// span is a node that is yet to be looked at: its index, and its rows in
// order.
type span struct{ node, lo, hi, depth int }

// split sends a node's rows with codes up to code of the column to the left.
type split struct {
	column    int32 // or leaf
	code      uint16
	threshold float64
	// quality is the sum over both sides of the squared sum of labels divided
	// by the weight: the larger, the smaller the squared error (Breiman et
	// al., Classification and Regression Trees, section 8.4).
	quality float64
}

// grow returns a tree; where the context ends it is only part of one.
func (g *grower) grow(ctx context.Context, rng *rand.Rand) nodes {
	g.rng = rng
	for j := range g.columns {
		g.columns[j] = int32(j)
	}
	g.order = g.order[:0]
	if g.options.Bootstrap {
		clear(g.weights)
		for range g.rows {
			g.weights[rng.IntN(g.rows)]++
		}
	} else {
		for i := range g.weights {
			g.weights[i] = 1
		}
	}
	for i, w := range g.weights {
		if w > 0 {
			g.order = append(g.order, int32(i))
		}
	}
	g.tree = append(g.tree[:0], node{feature: leaf})
	waiting := []span{{0, 0, len(g.order), 0}}
	for len(waiting) > 0 && ctx.Err() == nil {
		s := waiting[len(waiting)-1]
		waiting = waiting[:len(waiting)-1]
		best := g.divide(&s)
		if best.column == leaf {
			continue
		}
		column := g.column(int(best.column))
		middle := s.lo
		for k := s.lo; k < s.hi; k++ {
			if column[g.order[k]] <= best.code {
				g.order[k], g.order[middle] = g.order[middle], g.order[k]
				middle++
			}
		}
		left := len(g.tree)
		g.tree[s.node] = node{threshold: best.threshold, feature: best.column, left: int32(left)}
		g.tree = append(g.tree, node{feature: leaf}, node{feature: leaf})
		waiting = append(waiting, span{left + 1, middle, s.hi, s.depth + 1}, span{left, s.lo, middle, s.depth + 1})
	}
	return slices.Clone(g.tree)
}

// divide writes the node's value to the tree and returns its best split. The
// first column drawn wins among equally good ones, and the lowest threshold
// within a column.
func (g *grower) divide(s *span) split {
	rows := g.order[s.lo:s.hi]
	var total bin
	low, high := g.y[rows[0]], g.y[rows[0]]
	for _, i := range rows {
		total.weight += g.weights[i]
		total.sum += g.weights[i] * g.y[i]
		low, high = min(low, g.y[i]), max(high, g.y[i])
	}
	total.rows = len(rows)
	g.tree[s.node].threshold = total.sum / total.weight
	best := split{column: leaf}
	if total.rows < 2*g.options.MinLeaf || low == high || g.options.MaxDepth > 0 && s.depth == g.options.MaxDepth {
		return best
	}
	look := g.look
	if g.options.RandomCuts {
		look = g.lookOnce
	}
	vary := false
	for drawn := range g.columns {
		if drawn >= g.features && vary {
			break
		}
		k := drawn + g.rng.IntN(len(g.columns)-drawn)
		g.columns[drawn], g.columns[k] = g.columns[k], g.columns[drawn]
		if look(&best, g.columns[drawn], rows, &total) {
			vary = true
		}
	}
	return best
}

// consider makes the split between left and the rest of total the best one if
// it is allowed and better than best.
func (g *grower) consider(best *split, left, total *bin, column int32, code uint16, threshold float64) {
	if left.rows < g.options.MinLeaf || total.rows-left.rows < g.options.MinLeaf {
		return
	}
	right := total.sum - left.sum
	quality := left.sum*left.sum/left.weight + right*right/(total.weight-left.weight)
	if best.column != leaf && quality <= best.quality {
		return
	}
	*best = split{column, code, threshold, quality}
}

// look considers all splits of rows by a column. It reports whether the column
// varies over them.
func (g *grower) look(best *split, column int32, rows []int32, total *bin) bool {
	codes, values := g.column(int(column)), g.cuts[column]
	if len(values) == 1 {
		return false
	}
	var left bin
	last := -1
	// next considers the split before the rows of b, whose code is given, and
	// puts them to the left.
	next := func(code uint16, b *bin) {
		if last >= 0 {
			g.consider(best, &left, total, column, uint16(last), between(values[last], values[code]))
		}
		left.add(b)
		last = int(code)
	}
	varies := false
	if len(values) <= sparse*len(rows) {
		bins := g.bins[:len(values)]
		clear(bins)
		for _, i := range rows {
			b := &bins[codes[i]]
			b.weight += g.weights[i]
			b.sum += g.weights[i] * g.y[i]
			b.rows++
		}
		for code := range bins {
			if b := &bins[code]; b.rows > 0 {
				varies = varies || last >= 0
				next(uint16(code), b)
			}
		}
		return varies
	}
	sorted := g.sorted[:len(rows)]
	for k, i := range rows {
		sorted[k] = uint64(codes[i])<<32 | uint64(k)
	}
	slices.Sort(sorted)
	for k := 0; k < len(sorted); {
		code := uint16(sorted[k] >> 32)
		var b bin
		for ; k < len(sorted) && uint16(sorted[k]>>32) == code; k++ {
			i := rows[uint32(sorted[k])]
			b.weight += g.weights[i]
			b.sum += g.weights[i] * g.y[i]
			b.rows++
		}
		varies = varies || last >= 0
		next(code, &b)
	}
	return varies
}

// sparse is how many codes a row a column may have for its bins to be summed
// rather than its rows sorted: about where both take equally long.
const sparse = 6

// lookOnce considers one random split of rows by a column. It reports whether
// the column varies over them.
func (g *grower) lookOnce(best *split, column int32, rows []int32, total *bin) bool {
	codes, values := g.column(int(column)), g.cuts[column]
	low, high := codes[rows[0]], codes[rows[0]]
	for _, i := range rows {
		low, high = min(low, codes[i]), max(high, codes[i])
	}
	if low == high {
		return false
	}
	from, to := values[low], values[high]
	u := g.rng.Float64()
	threshold := (1-u)*from + u*to
	if threshold >= to {
		threshold = from
	}
	above, exact := slices.BinarySearch(values, threshold)
	if !exact {
		above--
	}
	code := uint16(above)
	var left bin
	for _, i := range rows {
		if codes[i] <= code {
			left.weight += g.weights[i]
			left.sum += g.weights[i] * g.y[i]
			left.rows++
		}
	}
	g.consider(best, &left, total, column, code, threshold)
	return true
}

// between returns the middle of two numbers a < b, or a where rounding would
// make it b.
func between(a, b float64) float64 {
	if m := a/2 + b/2; m < b {
		return m
	}
	return a
}
