package feature

import (
	"context"
	"slices"

	"gonum.org/v1/gonum/mat"

	"github.com/hypernas/hypernas/internal/parallel"
	"github.com/hypernas/hypernas/plugins"
)

// blockRows is the number of rows between two looks at the context: some
// milliseconds of encoding.
const blockRows = 128

// Blocks calls f with the features of blocks of consecutive rows of b, lo being
// the first one's index in b. Calls come from several goroutines at once and in
// any order; x is f's until it returns. Where the set has no columns x has a
// single one of zeros. The error is the context's.
func (s *Set) Blocks(ctx context.Context, b *plugins.Batch, f func(lo int, x *mat.Dense)) error {
	d := s.Dim()
	blocks := (b.Len() + blockRows - 1) / blockRows
	memory := make([][]float64, parallel.Workers(blocks))
	for i := range memory {
		memory[i] = make([]float64, blockRows*max(d, 1))
	}
	return parallel.Each(blocks, func(worker, block int) error {
		lo := block * blockRows
		count := min(blockRows, b.Len()-lo)
		rows := mat.NewDense(count, max(d, 1), memory[worker][:count*max(d, 1)])
		for i := range count {
			s.EncodeTo(rows.RawRowView(i)[:d], &b.Networks[lo+i], b.Row(lo+i))
		}
		f(lo, rows)
		return ctx.Err()
	})
}

// Dense returns the features of all rows of b, of which there is one at least,
// or a column of zeros where the set has none. The error is the context's.
func (s *Set) Dense(ctx context.Context, b *plugins.Batch) (*mat.Dense, error) {
	x := mat.NewDense(b.Len(), max(s.Dim(), 1), nil)
	err := s.Blocks(ctx, b, func(lo int, block *mat.Dense) {
		for i := range block.RawMatrix().Rows {
			x.SetRow(lo+i, block.RawRowView(i))
		}
	})
	return x, err
}

// AllAlike is the warning of a fit that has nothing to tell architectures apart
// by.
const AllAlike = "all training architectures look alike, so every prediction is the same"

// Alike returns the warning [AllAlike] if all rows of x are equal, and none
// otherwise.
func Alike(x *mat.Dense) []string {
	first := x.RawRowView(0)
	for i := range x.RawMatrix().Rows {
		if !slices.Equal(x.RawRowView(i), first) {
			return nil
		}
	}
	return []string{AllAlike}
}
