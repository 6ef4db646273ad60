// Package fit trains and evaluates the neural predictors: it knows batches,
// losses, epochs, dropout and cancellation, and nothing of what a network looks
// like. A predictor gives a [Model], which builds its network on a [Builder]
// for batches of one shape; [Train] trains the model's parameters, and an
// [Evaluator] computes predictions with them.
//
// All randomness comes from the generator that the caller gives, in one fixed
// order: an epoch's permutation, then for each step the dropout masks in the
// order in which the network was built.
package fit

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"gorgonia.org/gorgonia"

	"github.com/hypernas/hypernas/internal/nn/fuse"
	"github.com/hypernas/hypernas/internal/nn/kern"
	"github.com/hypernas/hypernas/plugins"
)

// Model is a network on examples of type E. An [Evaluator] builds one for each
// processor, at the same time; a function that writes examples is called by one
// goroutine at a time.
type Model[E any] interface {
	// Size returns the size of an example. The examples of a batch are padded
	// to one size, so there should be few; see [Pad].
	Size(e *E) int
	// Build adds the network for batches of a shape and returns its
	// predictions, [rows] or [rows, 1], in training whatever the loss takes, and
	// for [Evaluator.PredictTo] also [rows, numbers], and a function that writes
	// an example as one row of the batch. A nil example stands for a row that
	// does not count; what it computes must stay finite.
	Build(b *Builder, rows, size int) (prediction *gorgonia.Node, set func(row int, e *E))
}

// Bounded is a model of whose rows few are evaluated at once, since they take
// more memory than their size lets suppose.
type Bounded interface {
	// Rows returns how many rows of a size are evaluated at once, at most.
	Rows(size int) int
}

// built returns err, of a network that could not be built, wrapping
// [plugins.ErrOption] where the network is too large.
func built(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fuse.ErrTooLarge):
		return fmt.Errorf("%w: %w", plugins.ErrOption, err)
	default:
		return fmt.Errorf("build network: %w", err)
	}
}

// Pad rounds a number of nodes up to a multiple of step, so that few sizes of
// network are needed.
func Pad(nodes, step int) int { return (nodes + step - 1) / step * step }

// Builder is a graph under construction.
type Builder struct {
	*fuse.Graph[float32]
	Training bool // dropout and auxiliary losses count in training only
	losses   []*gorgonia.Node
	draws    []func(*rand.Rand)
}

// Dropout returns x with elements dropped with probability p in training.
func (b *Builder) Dropout(x *gorgonia.Node, p float64) *gorgonia.Node {
	if !b.Training || p == 0 || x == nil {
		return x
	}
	n, data := b.Input("dropout", x.Shape()...)
	b.Draw(func(rng *rand.Rand) { fuse.DropoutTo(data, rng, p) })
	return b.Apply(&kern.Mul[float32]{}, x, n)
}

// Draw has f called before each training step; it fills inputs that are random.
func (b *Builder) Draw(f func(*rand.Rand)) { b.draws = append(b.draws, f) }

// AddLoss adds a scalar to what training minimizes.
func (b *Builder) AddLoss(loss *gorgonia.Node) {
	if b.Training {
		b.losses = append(b.losses, loss)
	}
}

// Linear is the parameters of an affine map.
type Linear struct{ Weights, Bias *fuse.Parameter[float32] }

// NewLinear draws an affine map of in to out numbers as PyTorch's nn.Linear
// does, uniform in 1/sqrt(in).
func NewLinear(rng *rand.Rand, name string, in, out int) Linear {
	return Linear{
		fuse.NewParameter[float32](name+" weights", in, out).Kaiming(rng, in),
		fuse.NewParameter[float32](name+" bias", out).Kaiming(rng, in),
	}
}

// Linear returns l of x, whose last dimension it maps, and ReLU of that where
// relu is set.
func (b *Builder) Linear(x *gorgonia.Node, l Linear, relu bool) *gorgonia.Node {
	return b.Apply(&kern.Linear[float32]{ReLU: relu}, x, b.Param(l.Weights), b.Param(l.Bias))
}

// Norm is the parameters of a layer normalization.
type Norm struct{ Gain, Bias *fuse.Parameter[float32] }

// NewNorm returns the identity's gain and bias for width numbers.
func NewNorm(name string, width int) Norm {
	return Norm{fuse.NewParameter[float32](name+" gain", width).Fill(1), fuse.NewParameter[float32](name+" bias", width)}
}

// Norm returns x normalized over its last dimension.
func (b *Builder) Norm(x *gorgonia.Node, n Norm) *gorgonia.Node {
	return b.Apply(&kern.LayerNorm[float32]{}, x, b.Param(n.Gain), b.Param(n.Bias))
}

// Loss adds what training minimizes, a scalar, for predictions of shape [rows]
// or [rows, 1], labels [rows] and weights [rows], 0 in rows that do not count.
type Loss func(b *Builder, prediction, labels, weights *gorgonia.Node) *gorgonia.Node

// MSE is the mean squared error.
func MSE(b *Builder, prediction, labels, weights *gorgonia.Node) *gorgonia.Node {
	return b.Apply(&kern.MSE[float32]{}, prediction, labels, weights)
}

// MAE is the mean absolute error.
func MAE(b *Builder, prediction, labels, weights *gorgonia.Node) *gorgonia.Node {
	return b.Apply(&kern.MAE[float32]{}, prediction, labels, weights)
}

// PairwiseHinge is the pairwise hinge loss with a margin: predictions then order
// architectures and mean nothing else.
func PairwiseHinge(margin float64) Loss {
	return func(b *Builder, prediction, labels, weights *gorgonia.Node) *gorgonia.Node {
		return b.Apply(&kern.PairwiseHinge[float32]{Margin: float32(margin)}, prediction, labels, weights)
	}
}

// Options say how to train.
type Options struct {
	Epochs int
	Batch  int // examples of a step; fewer where there are fewer
	// DropLast leaves out what is over at the end of an epoch.
	DropLast bool
	Loss     Loss             // nil where the losses that the model adds are all
	Adam     fuse.AdamOptions // but for its Rate
	Rate     Rate
	// Log is called after each epoch with the mean loss of its steps, LogStep
	// after each step with its loss; they may be nil.
	Log     func(epoch int, loss float64)
	LogStep func(step, steps int, loss float64)
}

// Rate makes the schedule of a training of so many steps in so many epochs.
type Rate func(steps, epochs int) fuse.Schedule

// Constant is one learning rate.
func Constant(rate float64) Rate {
	return func(int, int) fuse.Schedule { return fuse.Constant(rate) }
}

// Cosine falls from rate to 0 along a cosine, step by step.
func Cosine(rate float64) Rate {
	return func(steps, _ int) fuse.Schedule { return fuse.Cosine(rate, steps) }
}

// CosineByEpoch falls from rate to 0 along a cosine, staying the same within an
// epoch, as PyTorch's CosineAnnealingLR does where it is stepped once an epoch.
func CosineByEpoch(rate float64) Rate {
	return func(steps, epochs int) fuse.Schedule {
		cosine := fuse.Cosine(rate, epochs)
		return func(step int) float64 { return cosine(step / (steps / epochs)) }
	}
}

// OneCycle rises to rate in the first share warmup of the steps, then falls;
// see [fuse.OneCycle].
func OneCycle(rate, warmup float64) Rate {
	return func(steps, _ int) fuse.Schedule { return fuse.OneCycle(rate, steps, warmup) }
}

// Train trains the parameters of m on examples and their labels, which should
// be standardized, and are nil where there is no [Loss]. It returns ctx's error
// soon after ctx is done, and an error wrapping [plugins.ErrOption] where the
// network is too large.
func Train[E any](ctx context.Context, m Model[E], examples []E, labels []float64, o Options, rng *rand.Rand) error {
	if len(examples) == 0 || o.Loss != nil && len(labels) != len(examples) {
		panic("fit: there must be examples, and a label for each")
	}
	batch, size := min(o.Batch, len(examples)), 0
	for i := range examples {
		size = max(size, m.Size(&examples[i]))
	}
	perEpoch := len(examples) / batch
	if !o.DropLast && len(examples)%batch > 0 {
		perEpoch++
	}
	b := &Builder{Graph: fuse.NewGraph[float32](), Training: true}
	b.Interrupt(ctx.Err)
	prediction, set := m.Build(b, batch, size)
	if err := b.Err(); err != nil {
		return built(err)
	}
	labelNode, labelData := b.Input("labels", batch)
	weightNode, weights := b.Input("weights", batch)
	losses := b.losses
	if o.Loss != nil {
		losses = append([]*gorgonia.Node{o.Loss(b, prediction, labelNode, weightNode)}, losses...)
	}
	loss := losses[0]
	for _, l := range losses[1:] {
		loss = b.Apply(&kern.Add[float32]{}, loss, l)
	}
	adam := o.Adam
	adam.Rate = o.Rate(o.Epochs*perEpoch, o.Epochs)
	trainer, err := fuse.NewTrainer(b.Graph, fuse.NewAdam[float32](adam), loss)
	if err != nil {
		return built(err)
	}
	step := 0
	for epoch := range o.Epochs {
		order := rng.Perm(len(examples))
		mean := 0.0
		for range perEpoch {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			rows := order[:min(batch, len(order))]
			order = order[len(rows):]
			for k := range batch {
				if k >= len(rows) {
					set(k, nil)
					labelData[k], weights[k] = 0, 0
					continue
				}
				set(k, &examples[rows[k]])
				weights[k] = 1
				if labels != nil {
					labelData[k] = float32(labels[rows[k]])
				}
			}
			for _, draw := range b.draws {
				draw(rng)
			}
			value, err := trainer.Step()
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				return fmt.Errorf("training step: %w", err)
			}
			mean += float64(value) / float64(perEpoch)
			if step++; o.LogStep != nil {
				o.LogStep(step, o.Epochs*perEpoch, float64(value))
			}
		}
		if o.Log != nil {
			o.Log(epoch+1, mean)
		}
	}
	return nil
}
