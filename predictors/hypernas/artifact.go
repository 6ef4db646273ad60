package hypernas

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/hypernas/hypernas/internal/nn/fit"
	"github.com/hypernas/hypernas/internal/nn/fuse"
	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/predictors/feature"
)

// embedder turns architectures into the embedding of pretrained encoders: their
// pooled nodes side by side, scaled over the pool.
type embedder struct {
	joiner  *joiner
	members []*structural
	scaling feature.Scaling

	evaluators []*fit.Evaluator[example]
}

// dims returns the number of columns before and after scaling.
func (e *embedder) dims(o *plusOptions) (raw, kept int) {
	return len(e.members) * o.Width, e.scaling.Dim()
}

// pretrain trains the encoders on a pool, which must follow v. Encoders of even
// number learn all targets, the others the costs alone.
func pretrain(ctx context.Context, o *plusOptions, v *plugins.Vocabulary, pool *plugins.Batch, seed uint64, log func(member int)) (*embedder, error) {
	e := &embedder{joiner: newJoiner(v, seen(pool).Networks)}
	from, err := newSample(ctx, v, e.joiner, pool)
	if err != nil {
		return nil, err
	}
	for k := range o.Members {
		rng := rand.New(rand.NewPCG(seed, structuralStream+uint64(k)<<32))
		targets := from.targets()
		if k%2 == 1 && from.costs > 0 {
			targets = from.costs
		}
		m := newStructural(o, e.joiner.dim(), targets, rng)
		if err := m.pretrain(ctx, o, from, rng); err != nil {
			return nil, err
		}
		e.members = append(e.members, m)
		log(k + 1)
	}
	raw, err := e.embed(ctx, o, from.examples)
	if err != nil {
		return nil, err
	}
	width, _ := e.dims(o)
	e.scaling = feature.NewScaling(raw, width, false)
	return e, nil
}

// structuralStream keeps the random numbers of this pretraining apart.
const structuralStream = 0x68797003

// seen returns what of a pool encoders are made from.
func seen(pool *plugins.Batch) plugins.Batch { return pool.Slice(0, min(pool.Len(), structuralRows)) }

// embed returns the embeddings of examples before scaling, row by row.
func (e *embedder) embed(ctx context.Context, o *plusOptions, examples []example) ([]float64, error) {
	for len(e.evaluators) < len(e.members) {
		e.evaluators = append(e.evaluators, fit.NewEvaluator(e.members[len(e.evaluators)]))
	}
	width, _ := e.dims(o)
	rows, own := make([]float64, len(examples)*width), make([]float64, len(examples)*o.Width)
	for k, v := range e.evaluators {
		if err := v.PredictTo(ctx, own, examples); err != nil {
			return nil, err
		}
		for i := range examples {
			copy(rows[i*width+k*o.Width:], own[i*o.Width:(i+1)*o.Width])
		}
	}
	return rows, nil
}

// rows returns the scaled embeddings of the rows of b.
func (e *embedder) rows(ctx context.Context, o *plusOptions, b *plugins.Batch) ([]float64, error) {
	examples := make([]example, b.Len())
	for i := range examples {
		examples[i].graph = e.joiner.read(&b.Networks[i])
	}
	raw, err := e.embed(ctx, o, examples)
	if err != nil {
		return nil, err
	}
	width, kept := e.dims(o)
	rows := make([]float64, len(examples)*kept)
	for i := range examples {
		e.scaling.To(rows[i*kept:(i+1)*kept], raw[i*width:(i+1)*width])
	}
	return rows, nil
}

// magic begins an artifact; its number rises with the form.
const magic = "hypernas-plus artifact 1\n"

// encode returns the embedder as an artifact: the magic; for each encoder its
// parameters (see [fuse.AppendState]); the count of the scaling's columns, and
// their indices, means and factors. All numbers are little-endian.
func (e *embedder) encode() []byte {
	data := []byte(magic)
	for _, m := range e.members {
		data = fuse.AppendState(data, m.parameters())
	}
	data = binary.LittleEndian.AppendUint64(data, uint64(e.scaling.Dim()))
	for _, column := range e.scaling.Columns {
		data = binary.LittleEndian.AppendUint64(data, uint64(column))
	}
	// Slices of numbers of a fixed size can't fail.
	data, _ = binary.Append(data, binary.LittleEndian, e.scaling.Mean)
	data, _ = binary.Append(data, binary.LittleEndian, e.scaling.Scale)
	return data
}

// decode reads the artifact that was made of the same pool with the same
// options.
func decode(o *plusOptions, v *plugins.Vocabulary, pool *plugins.Batch, artifact []byte) (*embedder, error) {
	e := &embedder{joiner: newJoiner(v, seen(pool).Networks)}
	if err := e.decode(o, artifact); err != nil {
		return nil, fmt.Errorf("%w: artifact: %w", plugins.ErrInput, err)
	}
	return e, nil
}

func (e *embedder) decode(o *plusOptions, artifact []byte) error {
	data, ok := bytes.CutPrefix(artifact, []byte(magic))
	if !ok {
		return errors.New("it is of another predictor or version")
	}
	r := bytes.NewReader(data)
	for range o.Members {
		m := newStructural(o, e.joiner.dim(), 1, rand.New(rand.NewPCG(0, 0)))
		if err := fuse.ReadState(r, m.parameters()); err != nil {
			return err
		}
		e.members = append(e.members, m)
	}
	var kept uint64
	if err := binary.Read(r, binary.LittleEndian, &kept); err != nil {
		return err
	}
	width, _ := e.dims(o)
	if kept > uint64(width) {
		return fmt.Errorf("%d columns of %d", kept, width)
	}
	columns := make([]uint64, kept)
	e.scaling = feature.Scaling{Columns: make([]int, kept), Mean: make([]float64, kept), Scale: make([]float64, kept)}
	for _, part := range []any{columns, e.scaling.Mean, e.scaling.Scale} {
		if err := binary.Read(r, binary.LittleEndian, part); err != nil {
			return err
		}
	}
	for i, column := range columns {
		if column >= uint64(width) {
			return fmt.Errorf("column %d of %d", column, width)
		}
		e.scaling.Columns[i] = int(column)
	}
	if r.Len() > 0 {
		return errors.New("it has a rest that means nothing")
	}
	return nil
}
