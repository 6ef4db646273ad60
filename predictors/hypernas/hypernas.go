package hypernas

import (
	"context"
	"fmt"
	"math/rand/v2"

	"gorgonia.org/gorgonia"

	"github.com/hypernas/hypernas/internal/nn/fit"
	"github.com/hypernas/hypernas/internal/nn/fuse"
	"github.com/hypernas/hypernas/internal/nn/kern"
	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/predictors/feature"
)

// Version rises whenever predictions with equal options change.
const Version = 2

// Predictor is HyperNAS.
type Predictor struct {
	// CIFAR10 is what aux=cifar10 reads; nil where there is no cache of data.
	CIFAR10 Archive

	options    options
	reader     *reader
	nodes      *feature.Nodes
	members    []*model[float32]                 // nil before Fit
	evaluators map[int][]*fit.Evaluator[network] // of members, by the number of cells
	mean, sd   float64
	vocabulary plugins.Vocabulary
}

var _ plugins.Predictor = (*Predictor)(nil)

// New returns the predictor.
func New() *Predictor { return &Predictor{} }

// Describe implements [plugins.Predictor].
func (*Predictor) Describe(context.Context) (plugins.Description, error) {
	return plugins.Description{
		Name:    "hypernas",
		Version: Version,
		Summary: "graph encoder over the sequence of cells, trained with a hypernetwork on auxiliary images",
		Source:  "Lv et al., HyperNAS, arXiv 2509.18151",
		Notes: []string{
			"the paper's code is unreleased: encoder, global encoding, hypernetwork and adaptive loss as the paper gives them",
			"open in the paper and chosen by ablation: dead operations removed, layer normalization, self loops, sum pooling, AdamW with one cycle",
			"ours: three networks averaged (members=1 for one)",
			"auxiliary images are the project's generated training images, or those that aux names; target networks have 4 channels on 8 x 8 pixels",
		},
		Options:        plugins.DescribeOptions(defaults()),
		PredictsLabels: true,
	}, nil
}

// Fit implements [plugins.Predictor].
func (p *Predictor) Fit(ctx context.Context, t *plugins.Training) (plugins.Fitted, error) {
	warnings, err := p.fit(ctx, t)
	if err != nil {
		return plugins.Fitted{}, fmt.Errorf("fit hypernas: %w", err)
	}
	return plugins.Fitted{Warnings: warnings}, nil
}

func (p *Predictor) fit(ctx context.Context, t *plugins.Training) (warnings []string, err error) {
	o := defaults()
	if err := plugins.SetOptions(&o, t.Options); err != nil {
		return nil, err
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	rows := t.Batch.Len()
	if err := feature.CheckLabels(t.Labels, rows); err != nil {
		return nil, err
	}
	*p = Predictor{CIFAR10: p.CIFAR10, options: o, vocabulary: t.Vocabulary}
	p.reader = newReader(&p.vocabulary, o.Prune, t.Batch.Networks)
	p.nodes = feature.NewNodes(&p.vocabulary, t.Batch.Networks, sequence)
	var set *auxiliary
	switch {
	case o.Hypernetwork && len(p.reader.proxy.heads) == 0:
		warnings = append(warnings, "no architecture has an operation with weights to generate, so hypernas trained without its hypernetwork")
	case o.Hypernetwork:
		if set, err = newAuxiliary(ctx, o.Auxiliary, o.AuxiliaryPool, auxiliarySeed, p.CIFAR10); err != nil {
			return nil, err
		}
		if set.note != "" {
			warnings = append(warnings, set.note)
		}
	}
	if err := checkSize(o.Members * parameterCount(&o, p.nodes.Dim(), p.reader.proxy, set)); err != nil {
		return nil, err
	}
	p.mean, p.sd = feature.Moments(t.Labels)
	networks, labels := make([]network, rows), make([]float64, rows)
	cells := 0
	for i := range networks {
		networks[i] = p.reader.read(&t.Batch.Networks[i])
		labels[i] = (t.Labels[i] - p.mean) / p.sd
		cells = max(cells, len(networks[i].cells))
	}
	var members []*model[float32]
	for k := range o.Members {
		m := newModel[float32](&p.options, p.nodes.Dim(), p.reader.proxy, set, rand.New(rand.NewPCG(t.Seed, weightStream+uint64(k)<<32)))
		b := &member{model: m, nodes: p.nodes, cells: cells}
		err := fit.Train(ctx, b, networks, labels, fit.Options{
			Epochs: o.Epochs, Batch: o.Batch, Loss: b.loss,
			Adam: fuse.AdamOptions{Decay: o.Decay, Clip: clip}, Rate: fit.OneCycle(o.Rate, warmup),
			Log: func(epoch int, loss float64) {
				if epoch%max(o.Epochs/10, 1) == 0 {
					t.Log.Info("hypernas: training", "member", k+1, "of", o.Members, "epoch", epoch, "epochs", o.Epochs, "loss", loss)
				}
			},
		}, rand.New(rand.NewPCG(t.Seed, orderStream+uint64(k)<<32)))
		if err != nil {
			return nil, err
		}
		members = append(members, m)
	}
	p.members = members
	return warnings, nil
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

// Predict implements [plugins.Predictor]. Values are on the labels' scale.
func (p *Predictor) Predict(ctx context.Context, b *plugins.Batch) ([]float64, error) {
	values, err := p.predict(ctx, b)
	if err != nil {
		return nil, fmt.Errorf("predict with hypernas: %w", err)
	}
	return values, nil
}

func (p *Predictor) predict(ctx context.Context, b *plugins.Batch) ([]float64, error) {
	if p.members == nil {
		return nil, plugins.ErrNotFitted
	}
	networks := make(map[int][]network) // by their numbers of cells
	rows := make(map[int][]int)
	var lengths []int
	for i := range b.Networks {
		n := p.reader.read(&b.Networks[i])
		cells := len(n.cells)
		if rows[cells] == nil {
			lengths = append(lengths, cells)
		}
		networks[cells], rows[cells] = append(networks[cells], n), append(rows[cells], i)
	}
	values := make([]float64, b.Len())
	for _, cells := range lengths {
		own := make([]float64, len(rows[cells]))
		for _, e := range p.evaluatorsOf(cells) {
			if err := e.PredictTo(ctx, own, networks[cells]); err != nil {
				return nil, err
			}
			for k, row := range rows[cells] {
				values[row] += own[k]
			}
		}
	}
	for i := range values {
		values[i] = p.mean + p.sd*values[i]/float64(len(p.members))
	}
	return values, nil
}

// evaluatorsOf returns evaluators of all members for sequences of so many cells.
// With more lengths than a few, they are made again.
func (p *Predictor) evaluatorsOf(cells int) []*fit.Evaluator[network] {
	const lengths = 4
	if e := p.evaluators[cells]; e != nil {
		return e
	}
	if p.evaluators == nil || len(p.evaluators) == lengths {
		p.evaluators = make(map[int][]*fit.Evaluator[network])
	}
	for _, m := range p.members {
		p.evaluators[cells] = append(p.evaluators[cells], fit.NewEvaluator(&member{model: m, nodes: p.nodes, cells: cells}))
	}
	return p.evaluators[cells]
}
