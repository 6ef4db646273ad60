package gp

import (
	"context"
	"errors"
	"math"
	"runtime"
	"slices"
	"testing"
)

// looks is a context that counts how often it is asked whether it is done, and
// is from the last time on that is allowed.
type looks struct {
	context.Context
	count, last int
}

func (l *looks) Err() error {
	if l.count++; l.count > l.last {
		return context.Canceled
	}
	return nil
}

// unfit returns processes of n rows with parameters that no fit has found.
func unfit(n int) (*Model, *posterior, *Isotropic) {
	c, rows, y := many(n)
	c.Dims = append(c.Dims, 1)
	c.Embeddings, rows = 1, append(rows, slices.Clone(rows[1]))
	p := newPosterior(&c, rows, y)
	m := &Model{config: c, theta: p.mean, rows: rows}
	for g, d := range c.Dims {
		m.norms = append(m.norms, norms(rows[g], n, d))
	}
	return m, p, &Isotropic{kernel: Matern52, d: 2, theta: []float64{.1, -1, .3}, rows: rows[0], norms: m.norms[0]}
}

// TestKernelOfSomeRowsAtATime: the kernel that more rows are conditioned on
// than parameters are fitted on is that which they are fitted with.
func TestKernelOfSomeRowsAtATime(t *testing.T) {
	const n = 2*predictRows + 5
	m, p, plain := unfit(n)
	l := newLikelihood(make([]float64, n))
	l.shape, l.distances = Matern52, newTriangle(n)
	l.distances.distances(plain.rows, n, plain.d)
	p.kernelAt(m.theta)
	l.kernelAt(plain.theta)
	f, g := newFactorization(n), newFactorization(n)
	if err := m.kernelOf(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	if err := plain.kernelOf(t.Context(), g); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		for j := range i + 1 {
			if got, want := f.full[j*n+i], p.kernel.row(i)[j]; math.Abs(got-want) > 1e-12 {
				t.Fatalf("element %d, %d: got %v, want %v", i, j, got, want)
			}
			if got, want := g.full[j*n+i], l.kernel.row(i)[j]; math.Abs(got-want) > 1e-12 {
				t.Fatalf("one length scale, element %d, %d: got %v, want %v", i, j, got, want)
			}
		}
	}
}

// TestManyRowsTakeOneMatrix: more rows than parameters are fitted on take the
// memory of the matrix that is factorized and of some rows, however many groups
// there are, and the context is looked at all the while.
func TestManyRowsTakeOneMatrix(t *testing.T) {
	const n = fitRows + 400
	m, _, plain := unfit(n)
	for name, kernelOf := range map[string]func(context.Context, *factorization) error{"groups": m.kernelOf, "one length scale": plain.kernelOf} {
		ctx := &looks{t.Context(), 0, math.MaxInt}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if err := kernelOf(ctx, newFactorization(n)); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		if got, most := after.TotalAlloc-before.TotalAlloc, uint64(3*n*n*8/2); got > most {
			t.Errorf("%s: %d bytes, want at most %d", name, got, most)
		}
		if want := n / predictRows; ctx.count < want {
			t.Errorf("%s: the context was looked at %d times, want %d", name, ctx.count, want)
		}
		if err := kernelOf(&looks{t.Context(), 0, 3}, newFactorization(n)); !errors.Is(err, context.Canceled) {
			t.Errorf("%s, canceled: got %v, want context.Canceled", name, err)
		}
	}
}

// TestWholeFitsOfManyRows bounds what fits of more labels take beyond those
// that parameters are fitted on.
func TestWholeFitsOfManyRows(t *testing.T) {
	allocated := func(n int) uint64 {
		c, rows, y := many(n)
		c.Iterations = 1
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if _, err := Fit(t.Context(), c, rows, y); err != nil {
			t.Fatal(err)
		}
		if _, err := FitIsotropic(t.Context(), RBF, rows[0], 2, 1, y); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	const n = fitRows + 400
	// Each fit has a matrix and a few blocks of rows.
	if got, most := allocated(n)-allocated(fitRows), uint64(2*3*n*n*8/2); got > most {
		t.Errorf("%d labels take %d bytes more than %d do, want at most %d", n, got, fitRows, most)
	}
}

func TestOnlyFirst(t *testing.T) {
	if got := OnlyFirst(MaxRows); got != nil {
		t.Errorf("%d labels: got %q, want no warning", MaxRows, got)
	}
	want := "only the first 5000 of 5001 labels were used"
	if got := OnlyFirst(MaxRows + 1); len(got) != 1 || got[0] != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
