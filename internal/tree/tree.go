package tree

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"

	"github.com/hypernas/hypernas/internal/parallel"
)

// node is one node of a tree. The children of an inner node stand side by
// side.
type node struct {
	threshold float64 // of an inner node; a leaf's value
	feature   int32   // the column that an inner node looks at, or leaf
	left      int32   // index of the left child
}

// leaf stands for the feature of a node without children.
const leaf = -1

// nodes is a tree, its root first.
type nodes []node

// value returns the value of the leaf that x falls into.
func (t nodes) value(x []float64) float64 {
	n := &t[0]
	for n.feature != leaf {
		next := n.left
		if !(x[n.feature] <= n.threshold) {
			next++
		}
		n = &t[next]
	}
	return n.threshold
}

// ensemble is trees whose values are summed.
type ensemble struct {
	trees []nodes
	base  float64 // what a sum of values starts from
	scale float64 // what it is multiplied by before
	cols  int
}

// together is how many rows pass through a tree before the next one is taken:
// the tree then stays in the nearest cache.
const together = 128

// PredictTo writes the prediction for each row of x to dst, whose length is
// the number of rows. A row's prediction does not depend on the others. It
// panics if x has another number of columns than the matrix of the fit. It may
// be called by several goroutines at once.
func (e *ensemble) PredictTo(dst []float64, x *mat.Dense) {
	rows, cols := x.Dims()
	if len(dst) != rows || cols != e.cols {
		panic("tree: shapes of destination and matrix do not fit the ensemble")
	}
	_ = parallel.Each((rows+together-1)/together, func(_, block int) error {
		lo := block * together
		hi := min(lo+together, rows)
		clear(dst[lo:hi])
		for _, t := range e.trees {
			for i := lo; i < hi; i++ {
				dst[i] += t.value(x.RawRowView(i))
			}
		}
		for i := lo; i < hi; i++ {
			dst[i] = e.base + e.scale*dst[i]
		}
		return nil
	})
}

// codes is a design matrix by columns, each value given by its place among the
// column's sorted cuts.
type codes struct {
	rows  int
	cuts  [][]float64 // by column, ascending
	codes []uint16    // column-major: the index of the first cut that is not below the value
}

// MaxRows is the largest number of rows that a fit takes.
const MaxRows = math.MaxUint16

// newCodes returns x coded by the cuts that cuts makes of a column's sorted
// distinct values. It returns an error if a value isn't finite or if x and y
// don't fit together.
func newCodes(x *mat.Dense, y []float64, cuts func(column, distinct []float64) []float64) (*codes, error) {
	rows, cols := x.Dims()
	if rows != len(y) {
		return nil, fmt.Errorf("%d labels for %d rows", len(y), rows)
	}
	if rows > MaxRows {
		return nil, fmt.Errorf("%d rows; at most %d are possible", rows, MaxRows)
	}
	for i, v := range y {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("label %d is %v", i, v)
		}
	}
	c := &codes{rows: rows, cuts: make([][]float64, cols), codes: make([]uint16, rows*cols)}
	column := make([]float64, rows)
	for j := range cols {
		mat.Col(column, j, x)
		distinct := slices.Clone(column)
		slices.Sort(distinct)
		if first, last := distinct[0], distinct[rows-1]; math.IsNaN(first) || math.IsInf(first, -1) || math.IsInf(last, 1) {
			return nil, fmt.Errorf("column %d holds a number that is not finite", j)
		}
		c.cuts[j] = cuts(column, slices.Compact(distinct))
		for i, v := range column {
			k, _ := slices.BinarySearch(c.cuts[j], v)
			c.codes[j*rows+i] = uint16(k)
		}
	}
	return c, nil
}

// column returns the codes of column j.
func (c *codes) column(j int) []uint16 { return c.codes[j*c.rows : (j+1)*c.rows] }
