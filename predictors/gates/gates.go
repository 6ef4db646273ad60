// Package gates is GATES, the encoder of Ning et al., "A Generic Graph-based
// Neural Architecture Encoding Scheme for Predictor-based NAS" (ECCV 2020, arXiv
// 2004.01899): what a network is given flows along the edges of its graph, and
// operations are gates on its way; a perceptron on the sum of what all nodes
// received gives the score, and a pairwise hinge loss trains it.
//
// Settings are those of the authors' code, github.com/walkerning/aw_nas.
package gates

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

// Version rises whenever predictions with equal options change.
const Version = 1

// options are what a user may choose.
type options struct {
	Width     int     `option:"width" doc:"width of the flow"`
	Layers    int     `option:"layers" doc:"steps of the flow"`
	Embedding int     `option:"embedding" doc:"width of the operations' embeddings"`
	Hidden    int     `option:"hidden" doc:"width of the fully connected layer"`
	Margin    float64 `option:"margin" doc:"margin of the pairwise hinge loss"`
	Dropout   float64 `option:"dropout" doc:"probability of dropout in the head"`
	Epochs    int     `option:"epochs" doc:"passes over the training set"`
	Batch     int     `option:"batch" doc:"architectures in a training step"`
	Rate      float64 `option:"rate" doc:"learning rate of Adam"`
	Decay     float64 `option:"decay" doc:"weight decay, as part of Adam's gradient"`
	Members   int     `option:"members" doc:"networks whose predictions are averaged"`
	Prune     bool    `option:"prune" doc:"remove dead operations first"`
	Contract  bool    `option:"contract" doc:"replace skips, and the seams of joined cells, by edges"`
}

// defaults returns the published recipe: width 128, 4 layers, embeddings of 48,
// fully connected 200, dropout .1, Adam with learning rate 1e-3 throughout, margin
// .1: examples/research/gates/nbc_flow_gcn128x4.yaml; 200 epochs: the paper,
// section 4.1. Its batches of 512 would be the whole of a small training set.
func defaults() options {
	return options{
		Width: 128, Layers: 4, Embedding: 48, Hidden: 200, Margin: .1, Dropout: .1,
		Epochs: 200, Batch: 16, Rate: 1e-3, Members: 1,
	}
}

// check returns an error wrapping plugins.ErrOption if a value makes no sense.
func (o *options) check() error {
	if err := cmp.Or(
		feature.CheckRange("width", o.Width, 1, 4096),
		feature.CheckRange("layers", o.Layers, 1, 64),
		feature.CheckRange("embedding", o.Embedding, 1, 4096),
		feature.CheckRange("hidden", o.Hidden, 1, 4096),
		feature.CheckRange("epochs", o.Epochs, 1, 1e6),
		feature.CheckRange("batch", o.Batch, 1, 4096),
		feature.CheckRange("members", o.Members, 1, 100),
	); err != nil {
		return err
	}
	switch {
	case o.Margin <= 0:
		return fmt.Errorf("%w: margin=%v; it takes a number above 0", plugins.ErrOption, o.Margin)
	case o.Dropout < 0 || o.Dropout > .9:
		return fmt.Errorf("%w: dropout=%v; it takes 0 to 0.9", plugins.ErrOption, o.Dropout)
	case o.Rate <= 0:
		return fmt.Errorf("%w: rate=%v; it takes a number above 0", plugins.ErrOption, o.Rate)
	case o.Decay < 0:
		return fmt.Errorf("%w: decay=%v; it takes a number from 0", plugins.ErrOption, o.Decay)
	}
	return nil
}

// Predictor is GATES.
type Predictor struct {
	options    options
	vocabulary plugins.Vocabulary
	members    []member // empty before Fit
}

// member is a trained network and the spread of its predictions for the
// training set, which puts members on one scale.
type member struct {
	evaluator *fit.Evaluator[feature.Graph]
	mean, sd  float64
}

var _ plugins.Predictor = (*Predictor)(nil)

// New returns the predictor.
func New() *Predictor { return &Predictor{} }

// Describe implements [plugins.Predictor].
func (*Predictor) Describe(context.Context) (plugins.Description, error) {
	return plugins.Description{
		Name:    "gates",
		Version: Version,
		Summary: "information flows along a graph through operations that are gates, trained by pairwise hinge loss",
		Source:  "Ning et al., A Generic Graph-based Neural Architecture Encoding Scheme for Predictor-based NAS, ECCV 2020, arXiv 2004.01899",
		Notes: []string{
			"settings of github.com/walkerning/aw_nas, but batches of 16, since published batches of 512 would be the whole of a small training set",
			"operations are nodes on every space, on NAS-Bench-201 too, where the authors' code has them on edges; an operation that yields zeros lets nothing through, as there",
			"every pair of a batch counts in the loss, not a random choice of four times as many pairs as architectures",
			"several searched cells are joined to one graph; attributes of nodes and cells that vary over the training set stand beside the one-hot operation",
			"dead operations are not removed and skips not taken for edges, as published (prune=true and contract=true do: on NAS-Bench-201 with 78 labels tau .76 against .67)",
			"predictions are scores: they order architectures and mean nothing else",
		},
		Options: plugins.DescribeOptions(defaults()),
	}, nil
}

// Fit implements [plugins.Predictor].
func (p *Predictor) Fit(ctx context.Context, t *plugins.Training) (plugins.Fitted, error) {
	if err := p.fit(ctx, t); err != nil {
		return plugins.Fitted{}, fmt.Errorf("fit gates: %w", err)
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
	largest := 1
	for i := range graphs {
		largest = max(largest, len(graphs[i].Nodes))
	}
	// Only the order of labels counts; their scale would cost float32 digits.
	labels := make([]float64, len(graphs))
	feature.RankGaussTo(labels, t.Labels)
	nodes := feature.NewNodes(&t.Vocabulary, t.Batch.Networks, feature.Joined)
	scores := make([]float64, len(graphs))
	var members []member
	for k := range o.Members {
		rng := rand.New(rand.NewPCG(t.Seed, stream+uint64(k)))
		m := newModel(&o, &p.vocabulary, nodes, largest, rng)
		err := fit.Train(ctx, m, graphs, labels, fit.Options{
			Epochs: o.Epochs, Batch: o.Batch, Loss: fit.PairwiseHinge(o.Margin),
			Adam: fuse.AdamOptions{Decay: o.Decay, Coupled: true}, Rate: fit.Constant(o.Rate),
		}, rng)
		if err != nil {
			return err
		}
		one := member{fit.NewEvaluator(m), 0, 1}
		if o.Members > 1 {
			if err := one.evaluator.PredictTo(ctx, scores, graphs); err != nil {
				return err
			}
			one.mean, one.sd = feature.Moments(scores)
		}
		members = append(members, one)
	}
	p.members = members
	return nil
}

// stream keeps gates' random numbers apart from those of other predictors with
// the same seed; members count up from it.
const stream = 0x676174650000

// read returns each network as one graph.
func (p *Predictor) read(b *plugins.Batch) []feature.Graph {
	graphs := make([]feature.Graph, b.Len())
	for i := range graphs {
		graphs[i] = feature.Join(&p.vocabulary, &b.Networks[i], p.options.Prune)
		if p.options.Contract {
			graphs[i] = graphs[i].Contract(&p.vocabulary)
		}
	}
	return graphs
}

// Predict implements [plugins.Predictor]. Values are scores.
func (p *Predictor) Predict(ctx context.Context, b *plugins.Batch) ([]float64, error) {
	values, err := p.predict(ctx, b)
	if err != nil {
		return nil, fmt.Errorf("predict with gates: %w", err)
	}
	return values, nil
}

func (p *Predictor) predict(ctx context.Context, b *plugins.Batch) ([]float64, error) {
	if len(p.members) == 0 {
		return nil, plugins.ErrNotFitted
	}
	graphs := p.read(b)
	values, scores := make([]float64, b.Len()), make([]float64, b.Len())
	for _, m := range p.members {
		if err := m.evaluator.PredictTo(ctx, scores, graphs); err != nil {
			return nil, err
		}
		for i, s := range scores {
			values[i] += (s - m.mean) / m.sd / float64(len(p.members))
		}
	}
	return values, nil
}
