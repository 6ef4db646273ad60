package fit

import (
	"context"
	"fmt"
	"slices"

	"github.com/hypernas/hypernas/internal/nn/fuse"
	"github.com/hypernas/hypernas/internal/parallel"
)

const (
	// evaluationRows is the number of examples that are evaluated at once; fewer
	// where their sizes add up to more than evaluationSize, or matrices of size x
	// size for each would hold more than evaluationCells numbers, or the model is
	// [Bounded].
	evaluationRows  = 64
	evaluationSize  = 1 << 10
	evaluationCells = 1 << 20
	// machines is how many sizes keep a network on a processor; with more sizes
	// than that, the oldest one is built again.
	machines = 8
)

// Evaluator predicts with a trained model, on as many processors as the process
// has. It is not for use by several goroutines at once.
type Evaluator[E any] struct {
	model   Model[E]
	workers []*worker[E]
}

// worker is the networks of one processor.
type worker[E any] struct {
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
func NewEvaluator[E any](m Model[E]) *Evaluator[E] { return &Evaluator[E]{model: m} }

// block is examples of one size that are evaluated at once.
type block struct {
	size int
	rows []int
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
	blocks := v.blocks(examples)
	for len(v.workers) < parallel.Workers(len(blocks)) {
		v.workers = append(v.workers, &worker[E]{model: v.model, networks: make(map[int]*network[E])})
	}
	return parallel.Each(len(blocks), func(worker, i int) error {
		return v.workers[worker].predictTo(ctx, dst, width, examples, blocks[i])
	})
}

// blocks returns the examples, in blocks by size.
func (v *Evaluator[E]) blocks(examples []E) (blocks []block) {
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
		for rows := range slices.Chunk(waiting[size], rowsOf(v.model, size)) {
			blocks = append(blocks, block{size, rows})
		}
	}
	return blocks
}

// rowsOf returns how many examples of a size are evaluated at once.
func rowsOf[E any](m Model[E], size int) int {
	rows := min(evaluationRows, evaluationSize/max(size, 1), evaluationCells/max(size*size, 1))
	if bounded, ok := m.(Bounded); ok {
		rows = min(rows, bounded.Rows(size))
	}
	return max(rows, 1)
}

// predictTo writes the predictions of a block.
func (w *worker[E]) predictTo(ctx context.Context, dst []float64, width int, examples []E, b block) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	n, err := w.network(b.size)
	if err != nil {
		return err
	}
	for k, row := range b.rows {
		n.set(k, &examples[row])
	}
	n.Interrupt(ctx.Err)
	err = n.machine.Run()
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
	for k, row := range b.rows {
		for i, x := range out[k*width : (k+1)*width] {
			dst[row*width+i] = float64(x)
		}
	}
	return nil
}

// network returns the network for examples of a size.
func (w *worker[E]) network(size int) (*network[E], error) {
	if n := w.networks[size]; n != nil {
		return n, nil
	}
	b := &Builder{Graph: fuse.NewGraph[float32]()}
	n := &network[E]{Builder: b, rows: rowsOf(w.model, size)}
	prediction, set := w.model.Build(b, n.rows, size)
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
	if len(w.order) == machines {
		delete(w.networks, w.order[0])
		w.order = w.order[1:]
	}
	w.networks[size], w.order = n, append(w.order, size)
	return n, nil
}
