package parallel_test

import (
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/hypernas/hypernas/internal/parallel"
)

func TestEach(t *testing.T) {
	for _, n := range []int{0, 1, 2, 100} {
		done, busy := make([]int, n), make([]atomic.Bool, parallel.Workers(n))
		err := parallel.Each(n, func(worker, i int) error {
			if !busy[worker].CompareAndSwap(false, true) {
				t.Errorf("worker %d has two pieces at once", worker)
			}
			done[i]++
			busy[worker].Store(false)
			return nil
		})
		if err != nil {
			t.Errorf("%d pieces: %v", n, err)
		}
		for i, times := range done {
			if times != 1 {
				t.Errorf("piece %d of %d was done %d times", i, n, times)
			}
		}
	}
}

// TestEachError: the error of the first piece that has one, and no pieces long
// after it.
func TestEachError(t *testing.T) {
	var done atomic.Int64
	err := parallel.Each(10_000, func(_, i int) error {
		done.Add(1)
		if i >= 20 {
			return fmt.Errorf("piece %d", i)
		}
		return nil
	})
	if err == nil || err.Error() != "piece 20" {
		t.Errorf("got error %v, want that of piece 20", err)
	}
	if limit := int64(20 + runtime.GOMAXPROCS(0)); done.Load() > limit {
		t.Errorf("%d pieces were begun, want %d at most", done.Load(), limit)
	}
	if err := parallel.Each(1, func(int, int) error { return errors.ErrUnsupported }); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("got %v", err)
	}
}
