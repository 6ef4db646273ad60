package feature

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/stat"

	"github.com/hypernas/hypernas/plugins"
)

// SetNames lists the names that [NewSet] takes, in the form of an option's
// choices.
const SetNames = "onehot"

// poolRows is how many of a pool's rows a set looks for columns in: the
// columns of every space here are all seen in fewer, and a pool of 423,624
// networks would take seconds to read.
const poolRows = 20000

// Set is a set of features by which a predictor sees architectures: one row of
// numbers each. Predictors choose one by name (option features):
//
//   - onehot: [OneHot] as it is and the two groups of [Work], which has columns
//     where a space's choices are numbers. Each group of Work has columns of
//     equal variance, and in sum the variance of the one-hot columns, so that
//     one penalty or one length scale fits all three.
//
// A set is safe for use by several goroutines.
type Set struct {
	groups []Span
	encode []func(dst []float64, n *plugins.Network, numbers []float64)
	scales []float64 // of the columns, nil where all are 1
}

// Span is a group of neighboring columns of a set: From to To without To.
type Span struct {
	Name     string
	From, To int
}

// NewSet returns the set of features called name, with the columns that vary
// over the rows of train and those of pool, which may be nil. Both must follow
// v. It returns an error wrapping plugins.ErrOption if there is no such set.
func NewSet(ctx context.Context, name string, v *plugins.Vocabulary, train, pool *plugins.Batch) (*Set, error) {
	rows := *train
	if pool != nil && pool.Len() > 0 {
		some := pool.Slice(0, min(pool.Len(), poolRows))
		rows = plugins.Batch{
			Networks: slices.Concat(train.Networks, some.Networks),
			Numbers:  slices.Concat(train.Numbers, some.Numbers),
		}
	}
	s := &Set{}
	vocabulary := *v // not the caller's
	switch name {
	case "onehot":
		s.oneHot(&vocabulary, rows.Networks)
	default:
		return nil, fmt.Errorf("%w: features=%s; it takes %s", plugins.ErrOption, name, strings.ReplaceAll(SetNames, ",", ", "))
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return s, nil
}

// add appends a group of columns, if it has any.
func (s *Set) add(name string, columns int, encode func(dst []float64, n *plugins.Network, numbers []float64)) {
	if columns == 0 {
		return
	}
	from := s.Dim()
	s.groups = append(s.groups, Span{name, from, from + columns})
	s.encode = append(s.encode, encode)
}

// Dim returns the number of columns. It is 0 where all architectures look
// alike.
func (s *Set) Dim() int {
	if len(s.groups) == 0 {
		return 0
	}
	return s.groups[len(s.groups)-1].To
}

// Groups returns the groups of columns, which together are all of them. It
// belongs to the set.
func (s *Set) Groups() []Span { return s.groups }

// EncodeTo writes the features of n, whose training-free numbers are numbers,
// to dst, whose length is Dim.
func (s *Set) EncodeTo(dst []float64, n *plugins.Network, numbers []float64) {
	if len(dst) != s.Dim() {
		panic("feature: length of destination is not the set's dimension")
	}
	for i, g := range s.groups {
		s.encode[i](dst[g.From:g.To], n, numbers)
	}
	if s.scales != nil {
		floats.Mul(dst, s.scales)
	}
}

// Matrix returns the features of all rows of b, a row of Dim numbers after the
// other. Its error is the context's.
func (s *Set) Matrix(ctx context.Context, b *plugins.Batch) ([]float64, error) {
	d := s.Dim()
	x := make([]float64, b.Len()*d)
	for i := range b.Len() {
		if i%256 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		s.EncodeTo(x[i*d:(i+1)*d], &b.Networks[i], b.Row(i))
	}
	return x, nil
}

// oneHot makes s the set onehot.
func (s *Set) oneHot(v *plugins.Vocabulary, networks []plugins.Network) {
	oneHot, work := NewOneHot(v, networks), NewWork(v, networks)
	s.add("onehot", oneHot.Dim(), func(dst []float64, n *plugins.Network, _ []float64) { oneHot.EncodeTo(dst, v, n) })
	first := s.Dim()
	if work.Dim() == 0 {
		return
	}
	s.add("work", work.Dim(), func(dst []float64, n *plugins.Network, _ []float64) { work.EncodeTo(dst, v, n) })
	rows := make([][]float64, len(networks))
	for i := range networks {
		rows[i] = make([]float64, s.Dim())
		s.EncodeTo(rows[i], &networks[i], nil)
	}
	column := make([]float64, len(rows))
	variance := func(j int) float64 {
		for i := range rows {
			column[i] = rows[i][j]
		}
		return stat.PopVariance(column, nil)
	}
	total := 0.0
	for j := range first {
		total += variance(j)
	}
	scales := make([]float64, s.Dim())
	floats.AddConst(1, scales)
	for j := range work.Dim() {
		group := work.Places()
		if j >= group {
			group = work.Dim() - group
		}
		scales[first+j] = math.Sqrt(total / float64(group) / variance(first+j))
	}
	s.scales = scales
}
