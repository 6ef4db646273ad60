package hypernas

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"slices"

	"gorgonia.org/gorgonia"

	"github.com/hypernas/hypernas/internal/nn/fit"
	"github.com/hypernas/hypernas/internal/nn/fuse"
	"github.com/hypernas/hypernas/internal/nn/kern"
	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/predictors/feature"
)

// judge is HyperNAS's encoder and hypernetwork, pretrained without labels: it
// generates the weights of architectures, and says what loss they have on
// auxiliary images. Its losses are
//
//   - the cross-entropy of the first architectures of a batch with the weights
//     that it generates for them;
//   - the squared error of a regressor that predicts these cross-entropies,
//     standardized within the batch, from the embedding;
//   - the squared error of the structural targets; see [newSample].
type judge struct {
	*model[float32]
	o      *plusOptions
	reader *reader
	nodes  *feature.Nodes
	cells  int // that are read of an architecture; longer ones are thinned out
	task   structuralTask
}

// longest is the longest sequence of cells that a judge reads whole.
const longest = 64

// lossWeight is the weight of the loss that a judge predicts beside the loss
// itself.
const lossWeight = .3

// newJudge draws a judge of architectures like those given, which must follow
// v; nil where there are no weights to generate. It returns an error wrapping
// [plugins.ErrOption] if judges like it are too large.
func newJudge(o *plusOptions, v *plugins.Vocabulary, networks []plugins.Network, targets int, set *auxiliary, rng *rand.Rand) (*judge, error) {
	own := defaults()
	own.Global, own.Width, own.Layers, own.Hidden = o.Global, o.Width, o.Layers, o.Width
	own.TargetBatch, own.AuxiliaryPool = o.TargetBatch, o.AuxiliaryPool
	j := &judge{o: o, reader: newReader(v, true, networks), nodes: feature.NewNodes(v, networks, sequence)}
	if len(j.reader.proxy.heads) == 0 {
		return nil, nil
	}
	if err := checkSize(o.Judges * (parameterCount(&own, j.nodes.Dim(), j.reader.proxy, set) + headCount(o.Width, targets))); err != nil {
		return nil, err
	}
	for i := range networks {
		j.cells = max(j.cells, len(sequence(&networks[i])))
	}
	j.cells = min(j.cells, longest)
	j.model = newModel[float32](&own, j.nodes.Dim(), j.reader.proxy, set, rng)
	j.task = newTask(rng, o.Width, targets)
	return j, nil
}

// headCount is how many numbers the head of an encoder has that predicts targets.
func headCount(width, targets int) int { return (width + 1) * (width + max(targets, 1)) }

// read returns n as the judge reads it.
func (j *judge) read(n *plugins.Network) network {
	whole := j.reader.read(n)
	if len(whole.cells) <= j.cells {
		return whole
	}
	var some network
	for _, i := range thin(len(whole.cells), j.cells) {
		some.cells, some.steps = append(some.cells, whole.cells[i]), append(some.steps, whole.steps[i])
	}
	return some
}

// judged sets what j reads of n.
func (e *example) judged(j *judge, n *plugins.Network) {
	e.network = j.read(n)
	e.fingerprint = e.network.fingerprint()
}

var (
	_ fit.Model[example] = (*judge)(nil)
	_ fit.Bounded        = (*judge)(nil)
)

// Rows implements [fit.Bounded].
func (j *judge) Rows(nodes int) int { return evaluationRows(j.cells, nodes) }

// Size implements [fit.Model].
func (j *judge) Size(e *example) int { return padded(e.network.nodeCount()) }

// Build implements [fit.Model]. The prediction is, for each architecture, its
// embedding and the loss that is predicted from it, [rows, width + 1].
func (j *judge) Build(b *fit.Builder, rows, nodes int) (prediction *gorgonia.Node, set func(int, *example)) {
	o := j.options
	in := &inputs[float32]{shape: shape{networks: rows, cells: j.cells, nodes: nodes}}
	cells, h := j.encode(b.Graph, in)
	predicted := j.regress(b.Graph, in, h, false)
	setTargets := func(int, *example) {}
	if b.Training {
		in.targets = min(o.TargetBatch, rows)
		each, counts := j.classify(b.Graph, in, cells)
		b.AddLoss(b.Apply(&kern.Mean[float32]{}, each, counts))
		ordered, order := b.Input("order", in.targets)
		b.Draw(func(rng *rand.Rand) {
			shift := 0
			if j.o.Shuffled { // nobody keeps their own
				shift = 1 + rng.IntN(max(len(order)-1, 1))
			}
			for i := range order {
				order[i] = float32((i + shift) % len(order))
			}
			in.setImages(j.auxiliary, rng.IntN(o.AuxiliaryPool/o.TargetImages)*o.TargetImages)
		})
		weight, data := b.Input("loss weight", 1)
		data[0] = lossWeight
		some := b.Apply(&kern.Take[float32]{N: in.targets}, predicted)
		miss := b.Apply(&kern.MSE[float32]{}, some, b.Apply(&kern.Standardize[float32]{}, each, ordered), counts)
		b.AddLoss(b.Apply(&kern.Scale[float32]{}, miss, weight))
		if j.task.targets > 0 {
			setTargets = j.task.addLoss(b, h, rows)
		}
	}
	return b.Apply(&kern.Concat[float32]{}, h, predicted), func(k int, e *example) {
		setTargets(k, e)
		if e == nil {
			in.set(k, j.nodes, true, nil)
			return
		}
		in.set(k, j.nodes, true, &e.network)
	}
}

// verdict is what a judge says of architectures after it is trained: their
// losses with the weights that it generates, on the first of the auxiliary
// images.
type verdict struct{ *judge }

var _ fit.Bounded = verdict{}

// Rows implements [fit.Bounded]: of an architecture the target network's images
// behind each cell, before and after normalization.
func (j verdict) Rows(nodes int) int {
	positions := thin(j.cells, j.options.TargetCells)
	maps := 4
	for _, at := range positions {
		maps += j.reader.proxy.repeats(at)
	}
	numbers := maps * j.o.JudgeImages * j.options.TargetWidth * auxiliarySide * auxiliarySide
	return max(min(j.judge.Rows(nodes), (1<<23)/numbers), 1)
}

// Build implements [fit.Model]. The prediction is the loss, [rows].
func (j verdict) Build(b *fit.Builder, rows, nodes int) (prediction *gorgonia.Node, set func(int, *example)) {
	m, o := *j.model, *j.options
	o.TargetImages = j.o.JudgeImages
	m.options = &o
	in := &inputs[float32]{shape: shape{networks: rows, cells: j.cells, nodes: nodes}, targets: rows, forget: true}
	cells, _ := m.encode(b.Graph, in)
	losses, _ := m.classify(b.Graph, in, cells)
	if b.Err() == nil {
		in.setImages(j.auxiliary, 0)
	}
	return losses, func(k int, e *example) {
		if e == nil {
			in.set(k, j.nodes, true, nil)
			return
		}
		in.set(k, j.nodes, true, &e.network)
	}
}

// parameters returns all weights that predictions come from.
func (j *judge) parameters() []*fuse.Parameter[float32] {
	return slices.Concat(j.encoder.parameters(), j.regressor, j.hypernetworkParameters())
}

// pretrain trains the judge on batches of a sample.
func (j *judge) pretrain(ctx context.Context, from *sample, rng *rand.Rand, log *slog.Logger) error {
	return pretrainOn(ctx, j, j.o, j.o.JudgeSteps, j.cells, from, rng, log)
}
