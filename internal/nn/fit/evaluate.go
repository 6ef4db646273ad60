package fit

import (
	"context"
	"fmt"

	"github.com/hypernas/hypernas/internal/nn/fuse"
)

const (
	// evaluationRows is the number of examples that are evaluated at once; fewer
	// where their sizes add up to more than evaluationSize, or matrices of size x
	// size for each would hold more than evaluationCells numbers, or the model is
	// [Bounded].
	evaluationRows  = 64
	evaluationSize  = 1 << 10
	evaluationCells = 1 << 20
	// machines is how many sizes keep a network; with more sizes than that, the
	// oldest one is built again.
	machines = 8
)

// Evaluator predicts with a trained model. It is not for use by several
// goroutines at once.
type Evaluator[E any] struct {
	model    Model[E]
	networks map[int]*network[E] // by size
	order    []int               // its keys, oldest first
}

// network is the model for batches of one shape.
type network[E any] struct {
	*Builder
	rows    int
	set     func(row int, e *E)
	machine *fuse.Machine[float32]
}

// NewEvaluator returns an evaluator of m with the parameters that it has when
// predictions are made.
func NewEvaluator[E any](m Model[E]) *Evaluator[E] {
	return &Evaluator[E]{model: m, networks: make(map[int]*network[E])}
}

// PredictTo writes the prediction for each example to dst, which holds one
// number for each, or, where the model's prediction is a row of numbers, so many
// for each. A prediction doesn't depend on the other examples. It returns ctx's
// error soon after ctx is done, and an error wrapping [plugins.ErrOption] where
// the network is too large.
func (v *Evaluator[E]) PredictTo(ctx context.Context, dst []float64, examples []E) error {
	if len(examples) == 0 {
		return nil
	}
	width := len(dst) / len(examples)
	if len(dst) != width*len(examples) {
		panic("fit: length of destination is not a multiple of the number of examples")
	}
	waiting := make(map[int][]int)
	var sizes []int
	for i := range examples {
		n := v.model.Size(&examples[i])
		if waiting[n] == nil {
			sizes = append(sizes, n)
		}
		waiting[n] = append(waiting[n], i)
	}
	for _, size := range sizes {
		n, err := v.network(size)
		if err != nil {
			return err
		}
		for rows := waiting[size]; len(rows) > 0; {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			block := rows[:min(len(rows), n.rows)]
			rows = rows[len(block):]
			for k, row := range block {
				n.set(k, &examples[row])
			}
			n.Interrupt(ctx.Err)
			err := n.machine.Run()
			n.Interrupt(nil)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				return fmt.Errorf("evaluate network: %w", err)
			}
			out := n.machine.Output(0)
			if len(out) != n.rows*width {
				panic("fit: the model's predictions don't fill the destination")
			}
			for k, row := range block {
				for i, x := range out[k*width : (k+1)*width] {
					dst[row*width+i] = float64(x)
				}
			}
		}
	}
	return nil
}

// network returns the network for examples of a size.
func (v *Evaluator[E]) network(size int) (*network[E], error) {
	if n := v.networks[size]; n != nil {
		return n, nil
	}
	b := &Builder{Graph: fuse.NewGraph[float32]()}
	n := &network[E]{Builder: b, rows: min(evaluationRows, evaluationSize/max(size, 1), evaluationCells/max(size*size, 1))}
	if bounded, ok := v.model.(Bounded); ok {
		n.rows = min(n.rows, bounded.Rows(size))
	}
	n.rows = max(n.rows, 1)
	prediction, set := v.model.Build(b, n.rows, size)
	if err := b.Err(); err != nil {
		return nil, built(err)
	}
	n.set = set
	for k := range n.rows {
		set(k, nil)
	}
	var err error
	if n.machine, err = fuse.NewMachine(b.Graph, prediction); err != nil {
		return nil, built(err)
	}
	if len(v.order) == machines {
		delete(v.networks, v.order[0])
		v.order = v.order[1:]
	}
	v.networks[size], v.order = n, append(v.order, size)
	return n, nil
}
