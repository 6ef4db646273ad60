// Package random is the predictor that knows nothing: the floor that every
// other one has to clear.
package random

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"math"

	"github.com/hypernas/hypernas/plugins"
)

// Version rises whenever the values for a seed change.
const Version = 1

// block is the number of rows between two looks at the context.
const block = 1024

// Predictor gives each architecture a value that follows from the seed and
// the architecture alone, uniform in [0, 1).
type Predictor struct {
	fitted bool
	seed   uint64
}

var _ plugins.Predictor = (*Predictor)(nil)

// New returns the predictor.
func New() *Predictor { return &Predictor{} }

// Describe implements [plugins.Predictor].
func (*Predictor) Describe(context.Context) (plugins.Description, error) {
	return plugins.Description{
		Name:    "random",
		Version: Version,
		Summary: "values drawn at random",
		Source:  "none: the floor for every other predictor",
		Notes:   []string{"equal architectures get equal values"},
		Options: plugins.DescribeOptions(struct{}{}),
	}, nil
}

// Fit implements [plugins.Predictor]. It takes nothing but the seed.
func (p *Predictor) Fit(_ context.Context, t *plugins.Training) (plugins.Fitted, error) {
	if err := plugins.SetOptions(&struct{}{}, t.Options); err != nil {
		return plugins.Fitted{}, fmt.Errorf("fit random: %w", err)
	}
	p.fitted, p.seed = true, t.Seed
	return plugins.Fitted{}, nil
}

// Predict implements [plugins.Predictor].
func (p *Predictor) Predict(ctx context.Context, b *plugins.Batch) ([]float64, error) {
	if !p.fitted {
		return nil, fmt.Errorf("predict with random: %w", plugins.ErrNotFitted)
	}
	values := make([]float64, b.Len())
	w := writer{hash: sha256.New()}
	for i := range values {
		if i%block == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		w.hash.Reset()
		w.number(p.seed)
		w.network(&b.Networks[i])
		// 53 bits of the digest are a float64 in [0, 1).
		values[i] = float64(binary.BigEndian.Uint64(w.hash.Sum(w.sum[:0]))>>11) / (1 << 53)
	}
	return values, nil
}

// writer feeds networks to a hash, each number with eight bytes and each list
// with its length, so that different networks are different bytes.
type writer struct {
	hash   hash.Hash
	buffer []byte
	sum    [sha256.Size]byte
}

func (w *writer) number(x uint64) {
	w.buffer = binary.LittleEndian.AppendUint64(w.buffer[:0], x)
	w.hash.Write(w.buffer)
}

func (w *writer) floats(xs []float64) {
	w.number(uint64(len(xs)))
	for _, x := range xs {
		w.number(math.Float64bits(x))
	}
}

// network writes each step with its cell in full, so that it does not matter
// how the network's list of cells is arranged.
func (w *writer) network(n *plugins.Network) {
	w.number(uint64(len(n.Sequence)))
	for _, s := range n.Sequence {
		w.number(uint64(s.Repeat))
		w.floats(s.Attrs)
		c := &n.Cells[s.Cell]
		w.number(uint64(c.Role))
		w.number(uint64(len(c.Nodes)))
		for _, node := range c.Nodes {
			w.number(uint64(node.Op))
			w.floats(node.Attrs)
		}
		w.number(uint64(len(c.Edges)))
		for _, e := range c.Edges {
			w.number(uint64(e.From))
			w.number(uint64(e.To))
		}
	}
}
