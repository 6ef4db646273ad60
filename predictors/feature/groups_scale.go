package feature

import (
	"context"
	"math"

	"github.com/hypernas/hypernas/plugins"
)

// Scaling brings a matrix of features to mean 0 and to a mean squared distance
// between rows of 1, so that one prior on length scales fits every group.
// Columns that don't vary are left out, and so are those with a value that is no
// finite number. Unless they are only centered, columns
// are divided by their standard deviations first.
type Scaling struct {
	Columns     []int // those that are kept
	Mean, Scale []float64
}

// least is the standard deviation up to which a column counts as constant.
const least = 1e-9

// Dim returns the number of columns that are kept.
func (s *Scaling) Dim() int { return len(s.Columns) }

// To writes the scaled row to dst, whose length is Dim.
func (s *Scaling) To(dst, row []float64) {
	for k, j := range s.Columns {
		dst[k] = (row[j] - s.Mean[k]) * s.Scale[k]
	}
}

// moments accumulates means and squared deviations of columns (Welford's
// update).
type moments struct {
	count         float64
	mean, squares []float64
}

func newMoments(columns int) *moments {
	return &moments{mean: make([]float64, columns), squares: make([]float64, columns)}
}

func (m *moments) add(row []float64) {
	m.count++
	for j, x := range row {
		d := x - m.mean[j]
		m.mean[j] += d / m.count
		m.squares[j] += d * (x - m.mean[j])
	}
}

// scaling returns the scaling of columns from to to without to.
func (m *moments) scaling(from, to int, centerOnly bool) Scaling {
	var s Scaling
	total := 0.0 // the mean squared length of a row
	for j := from; j < to; j++ {
		variance := m.squares[j] / m.count
		sd := math.Sqrt(variance)
		if !(sd > least) || math.IsInf(sd, 1) { // constant, or no numbers at some row
			continue
		}
		s.Columns = append(s.Columns, j-from)
		s.Mean = append(s.Mean, m.mean[j])
		if centerOnly {
			s.Scale = append(s.Scale, 1)
			total += variance
		} else {
			s.Scale = append(s.Scale, 1/sd)
			total++
		}
	}
	// Two independent rows are twice the mean squared length apart.
	for k := range s.Scale {
		s.Scale[k] /= math.Sqrt(2 * total)
	}
	return s
}

// NewScaling returns the scaling over the rows of x, which have the given
// number of columns.
func NewScaling(x []float64, columns int, centerOnly bool) Scaling {
	m := newMoments(columns)
	for i := 0; columns > 0 && i < len(x); i += columns {
		m.add(x[i : i+columns])
	}
	if m.count == 0 {
		return Scaling{}
	}
	return m.scaling(0, columns, centerOnly)
}

// ScaledGroups encodes architectures as [Groups], each scaled over the
// architectures that it was made from.
type ScaledGroups struct {
	groups   *Groups
	names    []string
	from     []int // where a group's columns begin in a row of groups
	to       []int
	scalings []Scaling
}

// scaledRows is how many rows, evenly spaced, a scaling is made from at most:
// enough for means and deviations, and a second's work at the most.
const scaledRows = 50000

// NewScaledGroups returns the groups of features of the rows of b, which must
// follow v, with their scalings. Groups in which nothing varies are left out.
// Of more than 50,000 rows it looks at that many, evenly spaced. Its error is
// the context's.
func NewScaledGroups(ctx context.Context, v *plugins.Vocabulary, b *plugins.Batch) (*ScaledGroups, error) {
	if n := b.Len(); n > scaledRows {
		spaced := make([]int, scaledRows)
		for k := range spaced {
			spaced[k] = k * n / scaledRows
		}
		some := b.Select(spaced)
		b = &some
	}
	groups, err := NewGroups(ctx, v, b)
	if err != nil {
		return nil, err
	}
	s := &ScaledGroups{groups: groups}
	m := newMoments(s.groups.Dim())
	row := make([]float64, s.groups.Dim())
	for i := range b.Len() {
		if i%256 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		s.groups.EncodeTo(row, &b.Networks[i], b.Row(i))
		m.add(row)
	}
	for _, g := range s.groups.List() {
		scaling := m.scaling(g.From, g.To, g.CenterOnly)
		if scaling.Dim() == 0 {
			continue
		}
		s.names = append(s.names, g.Name)
		s.from, s.to = append(s.from, g.From), append(s.to, g.To)
		s.scalings = append(s.scalings, scaling)
	}
	return s, nil
}

// Names returns the names of the groups. The list belongs to s.
func (s *ScaledGroups) Names() []string { return s.names }

// Groups returns the groups before scaling.
func (s *ScaledGroups) Groups() *Groups { return s.groups }

// Dims returns the number of columns of each group.
func (s *ScaledGroups) Dims() []int {
	dims := make([]int, len(s.scalings))
	for g := range dims {
		dims[g] = s.scalings[g].Dim()
	}
	return dims
}

// Rows returns for each group the scaled features of all rows of b, a row
// after the other. Its error is the context's.
func (s *ScaledGroups) Rows(ctx context.Context, b *plugins.Batch) ([][]float64, error) {
	x, err := s.groups.Matrix(ctx, b)
	if err != nil {
		return nil, err
	}
	return s.Scale(x), nil
}

// Scale returns what Rows does of the rows of x, which [Groups.Matrix] made.
func (s *ScaledGroups) Scale(x []float64) [][]float64 {
	rows := make([][]float64, len(s.scalings))
	for g := range rows {
		width := s.groups.Dim()
		count := len(x) / width
		d := s.scalings[g].Dim()
		rows[g] = make([]float64, count*d)
		for i := range count {
			s.scalings[g].To(rows[g][i*d:(i+1)*d], x[i*width+s.from[g]:i*width+s.to[g]])
		}
	}
	return rows
}
