package feature

import (
	"context"
	"fmt"
	"math"
	"strings"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/stat"

	"github.com/hypernas/hypernas/plugins"
)

// SetNames lists the names that [NewSet] takes, in the form of an option's
// choices.
const SetNames = "onehot,path,graph,groups"

// Set is a set of features by which a predictor sees architectures: one row of
// numbers each. Predictors choose one by name (option features):
//
//   - onehot: [OneHot] as it is and the two groups of [Work], which has columns
//     where a space's choices are numbers. Each group of Work has columns of
//     equal variance, and in sum the variance of the one-hot columns, so that
//     one penalty or one length scale fits all three.
//   - path: the path encoding of White et al., "BANANAS: Bayesian Optimization
//     with Neural Architectures for Neural Architecture Search" (AAAI 2021,
//     arXiv 1910.11858, section 4): a column for each sequence of operations by
//     which a cell leads from an input to its output, 1 where the network has
//     that path at that step of [plugins.Network.Searched] and 0 elsewhere. The
//     paths of a cell with two inputs begin with the one that they come from.
//     Dead operations are removed first. At most 512 columns are kept, the most
//     frequent ones and of equally frequent ones the shorter, which is how the
//     paper truncates. Numbers of nodes and steps lie on no path: where they
//     vary, the columns that OneHot has for them are a second group.
//   - graph: graph features in the manner of GRAF (Kadlecova et al.,
//     "Surprisingly Strong Performance Prediction with Neural Graph Features",
//     ICML 2024, section 3.1) of each searched step's cell without its dead
//     operations. Counts: of each operation, by step and in all. Paths, for
//     every subset of the space's operations (of more than five operations:
//     single ones, pairs, all but one, all and none): of the paths from an input
//     to the output through the subset alone the shortest (1 / edges), the
//     longest (edges) and the logarithm of 1 + their number, and the most and
//     the fewest operations of the subset on any path; where cells have several
//     inputs also from each alone, for single operations and all. Degrees:
//     edges from the inputs into each subset and from it to the output, and
//     edges of each operation from and to others. In a chain of blocks
//     ([plugins.RoleBlock]), whose cells are alike, only the counts are taken,
//     and numbers tell the rest: Work, and the numbers of nodes and steps by
//     place. Cost: the logarithms of the whole network's parameters and
//     multiply-adds, where the space has them. Number and longest of the paths,
//     fewest operations, edges between operations and cost are not GRAF's;
//     on NAS-Bench-201 they add .01 in tau to a Gaussian process and .01 to .04
//     to a forest.
//   - groups: [Groups], not scaled.
//
// Columns that are equal in all rows are left out, but for groups. A set is
// safe for use by several goroutines.
type Set struct {
	parts  []part
	groups []Group
	scales []float64 // of the columns, nil where all are 1
}

// part encodes some columns of a set, From to To without To.
type part struct {
	from, to int
	encode   func(dst []float64, n *plugins.Network, numbers []float64)
}

// NewSet returns the set of features called name, with the columns that vary
// over rows, which must follow v. It returns an error wrapping plugins.ErrOption
// if there is no such set.
func NewSet(ctx context.Context, name string, v *plugins.Vocabulary, rows *plugins.Batch) (*Set, error) {
	s := &Set{}
	vocabulary := *v // not the caller's
	switch name {
	case "onehot":
		s.oneHot(&vocabulary, rows.Networks)
	case "path":
		paths := newPathEncoding(&vocabulary, rows.Networks)
		s.add(func(dst []float64, n *plugins.Network, _ []float64) { paths.encodeTo(dst, n) },
			Group{Name: "paths", To: len(paths.columns), CenterOnly: true})
		s.attributes(&vocabulary, rows.Networks, func(p *place) bool { return p.what >= nodeValue })
	case "graph":
		graph := newGraf(&vocabulary, rows.Networks)
		s.add(func(dst []float64, n *plugins.Network, _ []float64) { graph.encodeTo(dst, n) }, graph.groups...)
		s.cost(&vocabulary, rows)
		work := NewWork(&vocabulary, rows.Networks)
		s.add(func(dst []float64, n *plugins.Network, _ []float64) { work.EncodeTo(dst, &vocabulary, n) },
			Group{Name: "work", To: work.Dim()})
		s.attributes(&vocabulary, rows.Networks, (*place).number)
	case "groups":
		groups, err := NewGroups(ctx, &vocabulary, rows)
		if err != nil {
			return nil, err
		}
		s.add(groups.EncodeTo, groups.List()...)
	default:
		return nil, fmt.Errorf("%w: features=%s; it takes %s", plugins.ErrOption, name, strings.ReplaceAll(SetNames, ",", ", "))
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return s, nil
}

// add appends columns of these groups, which count from 0 and are encoded
// together.
func (s *Set) add(encode func(dst []float64, n *plugins.Network, numbers []float64), groups ...Group) {
	from := s.Dim()
	for _, g := range groups {
		if g.To > g.From {
			s.groups = append(s.groups, Group{g.Name, from + g.From, from + g.To, g.CenterOnly})
		}
	}
	if s.Dim() > from {
		s.parts = append(s.parts, part{from, s.Dim(), encode})
	}
}

// attributes adds those columns of OneHot that take accepts.
func (s *Set) attributes(v *plugins.Vocabulary, networks []plugins.Network, take func(*place) bool) {
	attributes := newOneHot(v, networks, take)
	s.add(func(dst []float64, n *plugins.Network, _ []float64) { attributes.EncodeTo(dst, v, n) },
		Group{Name: "attributes", To: attributes.Dim()})
}

// cost adds the logarithms of parameters and multiply-adds that are known for
// all rows and vary. A network that they are not known of has the mean.
func (s *Set) cost(v *plugins.Vocabulary, rows *plugins.Batch) {
	costs := newLogCost(v, rows)
	varies := &logCost{}
	for k, column := range costs.columns {
		for i := range rows.Len() {
			if rows.Row(i)[column] != rows.Row(0)[column] {
				varies.columns, varies.means = append(varies.columns, column), append(varies.means, costs.means[k])
				break
			}
		}
	}
	s.add(func(dst []float64, _ *plugins.Network, numbers []float64) { varies.put(&writer{row: dst[:0]}, numbers) },
		Group{Name: "cost", To: len(varies.columns)})
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
func (s *Set) Groups() []Group { return s.groups }

// EncodeTo writes the features of n, whose training-free numbers are numbers,
// to dst, whose length is Dim.
func (s *Set) EncodeTo(dst []float64, n *plugins.Network, numbers []float64) {
	if len(dst) != s.Dim() {
		panic("feature: length of destination is not the set's dimension")
	}
	for _, p := range s.parts {
		p.encode(dst[p.from:p.to], n, numbers)
	}
	if s.scales != nil {
		floats.Mul(dst, s.scales)
	}
}

// oneHot makes s the set onehot.
func (s *Set) oneHot(v *plugins.Vocabulary, networks []plugins.Network) {
	oneHot, work := NewOneHot(v, networks), NewWork(v, networks)
	s.add(func(dst []float64, n *plugins.Network, _ []float64) { oneHot.EncodeTo(dst, v, n) },
		Group{Name: "onehot", To: oneHot.Dim(), CenterOnly: true})
	first := s.Dim()
	if work.Dim() == 0 {
		return
	}
	s.add(func(dst []float64, n *plugins.Network, _ []float64) { work.EncodeTo(dst, v, n) },
		Group{Name: "work", To: work.Dim(), CenterOnly: true})
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
