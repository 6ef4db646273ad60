package ridge

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"gonum.org/v1/gonum/mat"
)

// TestCancelDecomposition: a fit that is called off in the middle of its
// decomposition, which would take some seconds, returns within one.
func TestCancelDecomposition(t *testing.T) {
	const rows, columns = 1000, 400
	rng := rand.New(rand.NewPCG(1, 2))
	x, y := mat.NewDense(rows, columns, nil), make([]float64, rows)
	for i := range rows {
		y[i] = rng.NormFloat64()
		for j := range columns {
			x.Set(i, j, rng.NormFloat64())
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	start := time.Now()
	_, _, err := solve(ctx, x, y, 1)
	if took := time.Since(start); !errors.Is(err, context.Canceled) || took > time.Second {
		t.Errorf("got %v after %v", err, took)
	}
}
