package ridge

import (
	"math"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/stat"

	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/predictors/feature"
)

// encoding is one-hot columns as they are, then the two groups of work, whose
// columns have equal variance over the training networks, and in sum that of
// the one-hot columns: one penalty then fits all three groups.
type encoding struct {
	oneHot *feature.OneHot
	work   *feature.Work
	scales []float64 // of work's columns
}

// newEncoding returns the encoding for what varies over networks.
func newEncoding(v *plugins.Vocabulary, networks []plugins.Network) *encoding {
	e := &encoding{oneHot: feature.NewOneHot(v, networks), work: feature.NewWork(v, networks)}
	e.scales = make([]float64, e.work.Dim())
	if len(e.scales) == 0 {
		return e
	}
	floats.AddConst(1, e.scales)
	rows := make([][]float64, len(networks))
	for i := range networks {
		rows[i] = make([]float64, e.dim())
		e.encodeTo(rows[i], v, &networks[i])
	}
	column := make([]float64, len(rows))
	variance := func(j int) float64 {
		for i := range rows {
			column[i] = rows[i][j]
		}
		return stat.PopVariance(column, nil)
	}
	total, first := 0.0, e.oneHot.Dim()
	for j := range first {
		total += variance(j)
	}
	places := e.work.Places()
	for j := range e.scales {
		group := places
		if j >= places {
			group = len(e.scales) - places
		}
		e.scales[j] = math.Sqrt(total / float64(group) / variance(first+j))
	}
	return e
}

// dim returns the number of columns.
func (e *encoding) dim() int { return e.oneHot.Dim() + e.work.Dim() }

// encodeTo writes the encoding of n to dst, whose length is dim.
func (e *encoding) encodeTo(dst []float64, v *plugins.Vocabulary, n *plugins.Network) {
	d := e.oneHot.Dim()
	e.oneHot.EncodeTo(dst[:d], v, n)
	e.work.EncodeTo(dst[d:], v, n)
	floats.Mul(dst[d:], e.scales)
}
