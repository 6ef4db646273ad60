// Package np is the neural predictor of Wen et al., "Neural Predictor for Neural
// Architecture Search" (ECCV 2020, arXiv 1912.00848): a graph convolutional
// network on the graph of a whole architecture, trained by regression on its
// labels. It is the network that later predictors measure themselves against.
//
// The paper fixes the form of the network (section 3.2): three bidirectional
// graph layers on the adjacency matrix with self loops, the mean over nodes, two
// fully connected layers. Widths and training settings are those of the open
// reproduction that the field's tables rest on
// (github.com/ultmaster/neuralpredictor.pytorch), which follows the paper's
// supplement; each default names its own source below.
package np

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/hypernas/hypernas/internal/nn/fit"
	"github.com/hypernas/hypernas/internal/nn/fuse"
	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/predictors/feature"
)

// Version rises whenever predictions with equal options change. Those of
// label=rank-gauss alone moved to the labels' scale, in the same order, under 1:
// no record had that option, and those of the default stand.
const Version = 1

// options are what a user may choose.
type options struct {
	Width   int     `option:"width" doc:"width of the graph layers"`
	Layers  int     `option:"layers" doc:"number of graph layers"`
	Hidden  int     `option:"hidden" doc:"width of the fully connected layer"`
	Dropout float64 `option:"dropout" doc:"probability of dropout after each graph layer and the fully connected one"`
	Label   string  `option:"label" doc:"transform of the labels before the fit; predictions are on the scale of the labels" choices:"z-score,rank-gauss"`
	Epochs  int     `option:"epochs" doc:"passes over the training set"`
	Batch   int     `option:"batch" doc:"architectures in a training step; what is left over at the end of an epoch is dropped"`
	Rate    float64 `option:"rate" doc:"learning rate of Adam at the start; it falls to 0 along a cosine"`
	Decay   float64 `option:"decay" doc:"weight decay, as part of Adam's gradient"`
	Prune   bool    `option:"prune" doc:"remove dead operations first"`
}

// defaults returns the published recipe. Three layers: the paper; width 144,
// fully connected 128, dropout .1, 300 epochs, batch 10, learning rate 1e-4 and
// weight decay 1e-3: the reproduction's train.py and model.py. Neither prunes.
func defaults() options {
	return options{Width: 144, Layers: 3, Hidden: 128, Dropout: .1, Label: "z-score", Epochs: 300, Batch: 10, Rate: 1e-4, Decay: 1e-3}
}

// check returns an error wrapping plugins.ErrOption if a value makes no sense.
func (o *options) check() error {
	if err := cmp.Or(
		feature.CheckRange("width", o.Width, 1, 4096),
		feature.CheckRange("layers", o.Layers, 1, 64),
		feature.CheckRange("hidden", o.Hidden, 1, 4096),
		feature.CheckRange("epochs", o.Epochs, 1, 1e6),
		feature.CheckRange("batch", o.Batch, 1, 4096),
	); err != nil {
		return err
	}
	switch {
	case o.Dropout < 0 || o.Dropout > .9:
		return fmt.Errorf("%w: dropout=%v; it takes 0 to 0.9", plugins.ErrOption, o.Dropout)
	case o.Rate <= 0:
		return fmt.Errorf("%w: rate=%v; it takes a number above 0", plugins.ErrOption, o.Rate)
	case o.Decay < 0:
		return fmt.Errorf("%w: decay=%v; it takes a number from 0", plugins.ErrOption, o.Decay)
	}
	return nil
}

// Predictor is the neural predictor.
type Predictor struct {
	options    options
	vocabulary plugins.Vocabulary
	evaluator  *fit.Evaluator[feature.Graph] // nil before Fit
	scale      *feature.LabelScale
}

var _ plugins.Predictor = (*Predictor)(nil)

// New returns the predictor.
func New() *Predictor { return &Predictor{} }

// Describe implements [plugins.Predictor].
func (*Predictor) Describe(context.Context) (plugins.Description, error) {
	return plugins.Description{
		Name:    "np",
		Version: Version,
		Summary: "graph convolutional network on one graph, trained by regression",
		Source:  "Wen et al., Neural Predictor for Neural Architecture Search, ECCV 2020, arXiv 1912.00848",
		Notes: []string{
			"settings of github.com/ultmaster/neuralpredictor.pytorch",
			"several searched cells are joined to one graph; attributes of nodes and cells that vary over the training set stand beside the one-hot operation",
			"dead operations are not removed, as published (prune=true removes them)",
		},
		Options:        plugins.DescribeOptions(defaults()),
		PredictsLabels: true,
	}, nil
}

// Fit implements [plugins.Predictor].
func (p *Predictor) Fit(ctx context.Context, t *plugins.Training) (plugins.Fitted, error) {
	if err := p.fit(ctx, t); err != nil {
		return plugins.Fitted{}, fmt.Errorf("fit np: %w", err)
	}
	return plugins.Fitted{}, nil
}

func (p *Predictor) fit(ctx context.Context, t *plugins.Training) error {
	o := defaults()
	if err := plugins.SetOptions(&o, t.Options); err != nil {
		return err
	}
	if err := o.check(); err != nil {
		return err
	}
	if err := feature.CheckLabels(t.Labels, t.Batch.Len()); err != nil {
		return err
	}
	*p = Predictor{options: o, vocabulary: t.Vocabulary}
	graphs := p.read(&t.Batch)
	// Not feature.LabelsTo, whose z-scores round otherwise than those that the
	// recorded results rest on.
	labels := make([]float64, len(t.Labels))
	mean, sd := feature.Moments(t.Labels)
	for i, y := range t.Labels {
		labels[i] = (y - mean) / sd
	}
	if o.Label == "rank-gauss" {
		feature.RankGaussTo(labels, t.Labels)
	}
	p.scale = feature.NewLabelScale(t.Labels, o.Label)
	rng := rand.New(rand.NewPCG(t.Seed, stream))
	m := newModel(&o, feature.NewNodes(&t.Vocabulary, t.Batch.Networks, feature.Joined), rng)
	err := fit.Train(ctx, m, graphs, labels, fit.Options{
		Epochs: o.Epochs, Batch: o.Batch, DropLast: true, Loss: fit.MSE,
		Adam: fuse.AdamOptions{Decay: o.Decay, Coupled: true}, Rate: fit.CosineByEpoch(o.Rate),
	}, rng)
	if err != nil {
		return err
	}
	p.evaluator = fit.NewEvaluator(m)
	return nil
}

// stream keeps np's random numbers apart from those of other predictors with
// the same seed.
const stream = 0x6e70

// read returns each network as one graph.
func (p *Predictor) read(b *plugins.Batch) []feature.Graph {
	graphs := make([]feature.Graph, b.Len())
	for i := range graphs {
		graphs[i] = feature.Join(&p.vocabulary, &b.Networks[i], p.options.Prune)
	}
	return graphs
}

// Predict implements [plugins.Predictor]. Values are on the scale of the labels.
func (p *Predictor) Predict(ctx context.Context, b *plugins.Batch) ([]float64, error) {
	values, err := p.predict(ctx, b)
	if err != nil {
		return nil, fmt.Errorf("predict with np: %w", err)
	}
	return values, nil
}

func (p *Predictor) predict(ctx context.Context, b *plugins.Batch) ([]float64, error) {
	if p.evaluator == nil {
		return nil, plugins.ErrNotFitted
	}
	values := make([]float64, b.Len())
	if err := p.evaluator.PredictTo(ctx, values, p.read(b)); err != nil {
		return nil, err
	}
	p.scale.To(values, values)
	return values, nil
}
