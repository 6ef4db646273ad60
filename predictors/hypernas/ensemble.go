package hypernas

import (
	"context"
	"log/slog"
	"math/rand/v2"

	"gorgonia.org/gorgonia"

	"github.com/hypernas/hypernas/internal/nn/fit"
	"github.com/hypernas/hypernas/internal/nn/fuse"
	"github.com/hypernas/hypernas/internal/nn/kern"
	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/predictors/feature"
)

// ensemble is networks that are trained on the same labels, whose predictions
// are averaged.
type ensemble struct {
	nodes      *feature.Nodes
	read       func(*plugins.Network) network
	networks   []network // that have labels
	labels     []float64 // of mean 0 and variance 1
	mean, sd   float64   // that they had
	cells      int       // of the longest of the networks
	members    []*model[float32]
	evaluators map[int][]*fit.Evaluator[network] // of members, by the number of cells
}

// newEnsemble returns an ensemble without members for architectures and their
// labels.
func newEnsemble(nodes *feature.Nodes, read func(*plugins.Network) network, b *plugins.Batch, labels []float64) *ensemble {
	e := &ensemble{nodes: nodes, read: read}
	e.mean, e.sd = feature.Moments(labels)
	for i := range labels {
		n := read(&b.Networks[i])
		e.networks = append(e.networks, n)
		e.labels = append(e.labels, (labels[i]-e.mean)/e.sd)
		e.cells = max(e.cells, len(n.cells))
	}
	return e
}

// train trains m, number k of so many, as its options say, and adds it.
func (e *ensemble) train(ctx context.Context, m *model[float32], k, of int, seed uint64, log *slog.Logger) error {
	o := m.options
	b := &member{model: m, nodes: e.nodes, cells: e.cells}
	err := fit.Train(ctx, b, e.networks, e.labels, fit.Options{
		Epochs: o.Epochs, Batch: o.Batch, Loss: b.loss,
		Adam: fuse.AdamOptions{Decay: o.Decay, Clip: clip}, Rate: fit.OneCycle(o.Rate, warmup),
		Log: func(epoch int, loss float64) {
			if epoch%max(o.Epochs/10, 1) == 0 {
				log.Info("hypernas: training", "member", k+1, "of", of, "epoch", epoch, "epochs", o.Epochs, "loss", float32(loss))
			}
		},
	}, rand.New(rand.NewPCG(seed, orderStream+uint64(k)<<32)))
	if err == nil {
		e.members = append(e.members, m)
	}
	return err
}

// Streams of random numbers: initial weights, and everything else.
const (
	weightStream = 0x68797001
	orderStream  = 0x68797002
)

const (
	warmup = .1 // share of the steps in which the learning rate rises
	clip   = 5  // largest norm of the gradient
)

// member is one of the networks that are averaged, for sequences of at most so
// many cells.
type member struct {
	*model[float32]
	nodes *feature.Nodes
	cells int

	auxiliaryLoss *gorgonia.Node // of the graph in which it was built last
}

var (
	_ fit.Model[network] = (*member)(nil)
	_ fit.Bounded        = (*member)(nil)
)

// Size implements [fit.Model].
func (m *member) Size(n *network) int { return padded(n.nodeCount()) }

// padded rounds a number of nodes up, so that few shapes of network are needed.
func padded(nodes int) int { return fit.Pad(nodes, 4) }

// Rows implements [fit.Bounded].
func (m *member) Rows(nodes int) int { return evaluationRows(m.cells, nodes) }

// evaluationRows is how many networks are evaluated at once, so that their
// adjacency matrices hold no more than a million numbers.
func evaluationRows(cells, nodes int) int { return (1 << 20) / max(cells*nodes*nodes, 1) }

// Build implements [fit.Model].
func (m *member) Build(b *fit.Builder, rows, nodes int) (prediction *gorgonia.Node, set func(int, *network)) {
	o := m.options
	in := &inputs[float32]{shape: shape{networks: rows, cells: m.cells, nodes: nodes}}
	cells, h := m.encode(b.Graph, in)
	prediction = m.regress(b.Graph, in, h, b.Training)
	if b.Training {
		b.Draw(func(rng *rand.Rand) { fuse.DropoutTo(in.dropout, rng, o.Dropout) })
	}
	if b.Training && m.hypernetwork() {
		in.targets = min(o.TargetBatch, rows)
		each, counts := m.classify(b.Graph, in, cells)
		m.auxiliaryLoss = b.Apply(&kern.Mean[float32]{}, each, counts)
		b.Draw(func(rng *rand.Rand) {
			in.setImages(m.auxiliary, rng.IntN(o.AuxiliaryPool/o.TargetImages)*o.TargetImages)
		})
	}
	return prediction, func(k int, n *network) { in.set(k, m.nodes, o.Loops, n) }
}

// loss is the loss of both tasks.
func (m *member) loss(b *fit.Builder, prediction, labels, weights *gorgonia.Node) *gorgonia.Node {
	return m.join(b.Graph, m.regressionLoss(b.Graph, prediction, labels, weights), m.auxiliaryLoss)
}

// predict returns values of b on the labels' scale.
func (e *ensemble) predict(ctx context.Context, b *plugins.Batch) ([]float64, error) {
	networks := make(map[int][]network) // by their numbers of cells
	rows := make(map[int][]int)
	var lengths []int
	for i := range b.Networks {
		n := e.read(&b.Networks[i])
		cells := len(n.cells)
		if rows[cells] == nil {
			lengths = append(lengths, cells)
		}
		networks[cells], rows[cells] = append(networks[cells], n), append(rows[cells], i)
	}
	values := make([]float64, b.Len())
	for _, cells := range lengths {
		own := make([]float64, len(rows[cells]))
		for _, v := range e.evaluatorsOf(cells) {
			if err := v.PredictTo(ctx, own, networks[cells]); err != nil {
				return nil, err
			}
			for k, row := range rows[cells] {
				values[row] += own[k]
			}
		}
	}
	for i := range values {
		values[i] = e.mean + e.sd*values[i]/float64(len(e.members))
	}
	return values, nil
}

// evaluatorsOf returns evaluators of all members for sequences of so many cells.
// With more lengths than a few, they are made again.
func (e *ensemble) evaluatorsOf(cells int) []*fit.Evaluator[network] {
	const lengths = 4
	if known := e.evaluators[cells]; known != nil {
		return known
	}
	if e.evaluators == nil || len(e.evaluators) == lengths {
		e.evaluators = make(map[int][]*fit.Evaluator[network])
	}
	for _, m := range e.members {
		e.evaluators[cells] = append(e.evaluators[cells], fit.NewEvaluator(&member{model: m, nodes: e.nodes, cells: cells}))
	}
	return e.evaluators[cells]
}
