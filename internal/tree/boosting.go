package tree

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
)

// BoostingOptions say how boosted trees grow.
type BoostingOptions struct {
	Rounds  int     // how many trees, at least 1
	Rate    float64 // what each tree's values are multiplied by, above 0
	Leaves  int     // the most leaves that a tree has, at least 2
	MinLeaf int     // the least number of rows in a leaf, at least 1
	L2      float64 // penalty on the squared values of leaves, at least 0
	// Features is the share of the columns that vary which is looked at for a
	// leaf's split, above 0 and up to 1; at least one column is.
	Features float64
	Seed     uint64 // of the draw of columns, where that share is below 1
}

// Boosting returns scikit-learn's options but for the number of trees.
func Boosting(rounds int) BoostingOptions {
	return BoostingOptions{Rounds: rounds, Rate: .1, Leaves: 31, MinLeaf: 20, Features: 1}
}

// check returns an error if an option is out of range.
func (o *BoostingOptions) check() error {
	switch {
	case o.Rounds < 1:
		return fmt.Errorf("%d rounds", o.Rounds)
	case !(o.Rate > 0) || math.IsInf(o.Rate, 0):
		return fmt.Errorf("rate %v", o.Rate)
	case o.Leaves < 2:
		return fmt.Errorf("%d leaves", o.Leaves)
	case o.MinLeaf < 1:
		return fmt.Errorf("%d rows in a leaf", o.MinLeaf)
	case !(o.L2 >= 0) || math.IsInf(o.L2, 0):
		return fmt.Errorf("l2 %v", o.L2)
	case !(o.Features > 0 && o.Features <= 1):
		return fmt.Errorf("a share of %v of the columns", o.Features)
	}
	return nil
}

// maxBins is the number of bins of a column. With the one that others keep for
// missing values it fills a byte.
const maxBins = 255

// BoostedTrees are regression trees each of which is fitted to what those
// before it leave of the labels (Friedman, Annals of Statistics 29(5), 2001).
type BoostedTrees struct{ ensemble }

// FitBoosting fits boosted trees to labels y, one a row of x, by squared error:
// trees grow leaf by leaf, the best split first (Ke et al., LightGBM, NIPS
// 2017), on at most 255 bins a column. The error is the context's, or says what
// is wrong with x, y or o.
func FitBoosting(ctx context.Context, x *mat.Dense, y []float64, o BoostingOptions) (*BoostedTrees, error) {
	if err := o.check(); err != nil {
		return nil, fmt.Errorf("fit boosting: %w", err)
	}
	if len(y) == 0 {
		return nil, errors.New("fit boosting: no rows")
	}
	data, err := newCodes(x, y, thresholds)
	if err != nil {
		return nil, fmt.Errorf("fit boosting: %w", err)
	}
	b := newBooster(data, &o)
	mean := floats.Sum(y) / float64(len(y))
	trees := &BoostedTrees{ensemble{base: mean, scale: 1, cols: len(data.cuts)}}
	fitted := make([]float64, len(y))
	for i := range fitted {
		fitted[i] = mean
	}
	for range o.Rounds {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		for i := range y {
			b.gradients[i] = float64(float32(fitted[i] - y[i]))
		}
		t, err := b.grow(ctx, fitted)
		if err != nil {
			return nil, err
		}
		trees.trees = append(trees.trees, t)
	}
	return trees, nil
}

// thresholds returns the upper ends of a column's bins but the last: the
// middles between distinct values, or where those are too many the quantiles
// of the column.
func thresholds(column, distinct []float64) []float64 {
	if len(distinct) <= maxBins {
		middles := make([]float64, len(distinct)-1)
		for k := range middles {
			middles[k] = between(distinct[k], distinct[k+1])
		}
		return middles
	}
	sorted := slices.Clone(column)
	slices.Sort(sorted)
	cuts := make([]float64, maxBins-1)
	for k := range cuts {
		// The middle of the two values around the quantile, or the value that
		// stands exactly there.
		at := (k + 1) * (len(sorted) - 1)
		below, above := sorted[at/maxBins], sorted[(at+maxBins-1)/maxBins]
		if cuts[k] = above; below < above {
			cuts[k] = between(below, above)
		}
	}
	return slices.Compact(cuts)
}

// booster grows the trees of one fit.
type booster struct {
	*codes
	options   *BoostingOptions
	columns   []int // those with more than one bin
	starts    []int // of each of columns in a histogram, and its length at the end
	gradients []float64
	order     []int32
	spare     []int32
	free      []histogram // that no leaf uses
	rng       *rand.Rand
	drawn     []int // a permutation of the indices of columns
	share     int   // how many of them a leaf's split is looked for in
}

// histogram holds the bins of all columns, one after the other.
type histogram []cell

// cell is what the rows of a bin sum to. Squared error has a second derivative
// of 1, so rows are their sum.
type cell struct {
	gradient float64
	rows     float64
}

func newBooster(data *codes, o *BoostingOptions) *booster {
	b := &booster{
		codes: data, options: o, starts: []int{0}, rng: rand.New(rand.NewPCG(o.Seed, 0)),
		gradients: make([]float64, data.rows),
		order:     make([]int32, data.rows),
		spare:     make([]int32, data.rows),
	}
	length := 0
	for j, cuts := range data.cuts {
		if len(cuts) > 0 {
			length += len(cuts) + 1
			b.drawn = append(b.drawn, len(b.columns))
			b.columns, b.starts = append(b.columns, j), append(b.starts, length)
		}
	}
	b.share = min(max(1, int(o.Features*float64(len(b.columns)))), len(b.columns))
	return b
}

// candidate is a leaf that may be split.
type candidate struct {
	node, lo, hi int // in the tree and in order
	sums         cell
	value        float64
	histogram    histogram
	age          int // the older of two equally good ones is split first
	gain         float64
	column, bin  int // rows up to bin go left
	left         cell
}

// queue is a heap of candidates, the largest gain first.
type queue []*candidate

func (q queue) Len() int      { return len(q) }
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q queue) Less(i, j int) bool {
	if q[i].gain != q[j].gain {
		return q[i].gain > q[j].gain
	}
	return q[i].age < q[j].age
}
func (q *queue) Push(x any) { *q = append(*q, x.(*candidate)) }
func (q *queue) Pop() any {
	last := len(*q) - 1
	x := (*q)[last]
	*q = (*q)[:last]
	return x
}

// grow grows a tree on the gradients and adds its values to fitted, one a row.
func (b *booster) grow(ctx context.Context, fitted []float64) (nodes, error) {
	for i := range b.order {
		b.order[i] = int32(i)
	}
	root := &candidate{hi: b.rows, sums: cell{rows: float64(b.rows)}}
	for _, g := range b.gradients {
		root.sums.gradient += g
	}
	root.value = b.value(&root.sums)
	tree := nodes{{feature: leaf}}
	var waiting queue
	leaves := []*candidate{}
	// settle puts c among those that wait to be split, if it can be.
	settle := func(c *candidate) {
		c.age = len(tree)
		if c.histogram != nil {
			b.find(c)
		}
		if c.gain > 0 {
			heap.Push(&waiting, c)
			return
		}
		leaves = append(leaves, c)
		b.release(c)
	}
	if b.divisible(root) {
		root.histogram = b.fill(root)
	}
	settle(root)
	for len(waiting) > 0 && len(waiting)+len(leaves) < b.options.Leaves {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		c := heap.Pop(&waiting).(*candidate)
		left, right := b.split(c)
		left.node, right.node = len(tree), len(tree)+1
		tree[c.node] = node{threshold: b.cuts[c.column][c.bin], feature: int32(c.column), left: int32(left.node)}
		tree = append(tree, node{feature: leaf}, node{feature: leaf})
		if len(waiting)+len(leaves)+2 < b.options.Leaves {
			b.fillBoth(c, left, right)
		}
		b.release(c)
		settle(left)
		settle(right)
	}
	for _, c := range waiting {
		b.release(c)
	}
	for _, c := range append(leaves, waiting...) {
		value := c.value * b.options.Rate
		tree[c.node].threshold = value
		for _, i := range b.order[c.lo:c.hi] {
			fitted[i] += value
		}
	}
	return tree, nil
}

// value returns the value of a leaf, which minimizes its rows' squared error
// and the penalty.
func (b *booster) value(sums *cell) float64 {
	return -sums.gradient / (sums.rows + b.options.L2 + 1e-15)
}

// divisible reports whether c has the rows for two leaves.
func (b *booster) divisible(c *candidate) bool { return c.hi-c.lo >= 2*b.options.MinLeaf }

// release takes c's histogram back.
func (b *booster) release(c *candidate) {
	if c.histogram != nil {
		b.free = append(b.free, c.histogram)
		c.histogram = nil
	}
}

// blank returns a histogram to be overwritten.
func (b *booster) blank() histogram {
	if last := len(b.free) - 1; last >= 0 {
		h := b.free[last]
		b.free = b.free[:last]
		return h
	}
	return make(histogram, b.starts[len(b.columns)])
}

// fill returns the histogram of c's rows.
func (b *booster) fill(c *candidate) histogram {
	h := b.blank()
	clear(h)
	rows := b.order[c.lo:c.hi]
	for k, j := range b.columns {
		bins, codes := h[b.starts[k]:b.starts[k+1]], b.column(j)
		for _, i := range rows {
			bin := &bins[codes[i]]
			bin.gradient += b.gradients[i]
			bin.rows++
		}
	}
	return h
}

// fillBoth fills the histograms of the two parts of c that can be split
// further, the larger part's as the difference to the other's.
func (b *booster) fillBoth(c, left, right *candidate) {
	small, large := right, left
	if left.hi-left.lo < right.hi-right.lo {
		small, large = left, right
	}
	if !b.divisible(large) {
		return
	}
	part := b.fill(small)
	large.histogram = b.blank()
	for k := range part {
		large.histogram[k] = cell{c.histogram[k].gradient - part[k].gradient, c.histogram[k].rows - part[k].rows}
	}
	if b.divisible(small) {
		small.histogram = part
	} else {
		b.free = append(b.free, part)
	}
}

// find finds the split of c with the largest gain among the columns that are
// drawn: the first of them and the lowest threshold if several are equally good. The gain is how much less the
// squared error with the penalty is (Chen and Guestrin, XGBoost, KDD 2016,
// equation 7, times 2).
func (b *booster) find(c *candidate) {
	least := float64(b.options.MinLeaf)
	before := c.sums.gradient * c.value
	if b.share < len(b.columns) {
		for n := range b.share {
			k := n + b.rng.IntN(len(b.drawn)-n)
			b.drawn[n], b.drawn[k] = b.drawn[k], b.drawn[n]
		}
	}
	for _, k := range b.drawn[:b.share] {
		j := b.columns[k]
		bins := c.histogram[b.starts[k]:b.starts[k+1]]
		var left cell
		for bin := range bins[:len(bins)-1] {
			if bins[bin].rows == 0 {
				continue
			}
			left.gradient += bins[bin].gradient
			left.rows += bins[bin].rows
			if left.rows < least {
				continue
			}
			right := cell{c.sums.gradient - left.gradient, c.sums.rows - left.rows}
			if right.rows < least {
				break
			}
			gain := before - b.value(&left)*left.gradient - b.value(&right)*right.gradient
			if gain > c.gain {
				c.gain, c.column, c.bin, c.left = gain, j, bin, left
			}
		}
	}
}

// split divides c's rows, each side in the order that they had.
func (b *booster) split(c *candidate) (left, right *candidate) {
	codes, rows := b.column(c.column), b.order[c.lo:c.hi]
	lefts, rights := rows[:0], b.spare[:0]
	for _, i := range rows {
		if int(codes[i]) <= c.bin {
			lefts = append(lefts, i)
		} else {
			rights = append(rights, i)
		}
	}
	middle := c.lo + len(lefts)
	copy(b.order[middle:c.hi], rights)
	left = &candidate{lo: c.lo, hi: middle, sums: c.left}
	right = &candidate{lo: middle, hi: c.hi, sums: cell{c.sums.gradient - c.left.gradient, c.sums.rows - c.left.rows}}
	left.value, right.value = b.value(&left.sums), b.value(&right.sums)
	return left, right
}
