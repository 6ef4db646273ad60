// Package brpnas is the binary relation predictor of Dudziak et al., "BRP-NAS:
// Prediction-based NAS using GCNs" (NeurIPS 2020, arXiv 2007.08668, section 4): a
// graph convolutional network that reads the graph at a global node and learns
// from pairs of architectures which of the two is better.
//
// Settings are those of the authors' code (github.com/SamsungLabs/eagle,
// configs/predictors/acc_gcn_nasbench201_bin.yaml, eagle/predictors). It sorts
// the architectures of a space with the relation as the comparison. Here an
// architecture's value must not depend on what else is valued. The relation's
// log-odds are a sum of two parts, one of each architecture, since one linear
// layer reads the two embeddings side by side; so the comparison, averaged over
// the two orders in which a pair can stand, is a difference of values, and to
// order by these values is to sort by it.
package brpnas

import (
	"cmp"
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

// options are what a user may choose.
type options struct {
	Label   string  `option:"label" doc:"transform of the labels, whose difference is the log-odds that the relation learns" choices:"rank-gauss,z-score,raw"`
	Width   int     `option:"width" doc:"width of the graph layers"`
	Layers  int     `option:"layers" doc:"number of graph layers"`
	Dropout float64 `option:"dropout" doc:"probability of dropout after each graph layer"`
	Epochs  int     `option:"epochs" doc:"passes over the training set"`
	Batch   int     `option:"batch" doc:"architectures in a training step, of which all ordered pairs count"`
	Rate    float64 `option:"rate" doc:"learning rate of AdamW at the start; it falls to 0 along a cosine"`
	Decay   float64 `option:"decay" doc:"weight decay of AdamW"`
	Prune   bool    `option:"prune" doc:"remove dead operations and what passes on its input unchanged, skip connections among them"`
}

// defaults returns the published recipe but for the batch, which is 64 pairs
// there.
func defaults() options {
	return options{
		Label: "raw", Width: 600, Layers: 4, Dropout: .2, Epochs: 250, Batch: 16,
		Rate: 3.5e-4, Decay: 5e-4, Prune: true,
	}
}

// check returns an error wrapping plugins.ErrOption if a value makes no sense.
func (o *options) check() error {
	if err := cmp.Or(
		feature.CheckRange("width", o.Width, 1, 4096),
		feature.CheckRange("layers", o.Layers, 1, 64),
		feature.CheckRange("epochs", o.Epochs, 1, 1e6),
		feature.CheckRange("batch", o.Batch, 2, 1024),
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

// Predictor is the binary relation predictor.
type Predictor struct {
	options    options
	vocabulary plugins.Vocabulary
	evaluator  *fit.Evaluator[feature.Graph] // nil before Fit
}

var _ plugins.Predictor = (*Predictor)(nil)

// New returns the predictor.
func New() *Predictor { return &Predictor{} }

// Describe implements [plugins.Predictor].
func (*Predictor) Describe(context.Context) (plugins.Description, error) {
	return plugins.Description{
		Name:    "brpnas",
		Version: Version,
		Summary: "graph convolutional network trained as a binary relation on pairs",
		Source:  "Dudziak et al., BRP-NAS: Prediction-based NAS using GCNs, NeurIPS 2020, arXiv 2007.08668",
		Notes: []string{
			"settings of github.com/SamsungLabs/eagle (acc_gcn_nasbench201_bin.yaml)",
			"the published predictor sorts architectures by comparison; here each has a value, half the relation's log-odds in either order, and sorting by the antisymmetric part of the comparison gives the same order",
			"a step embeds 16 architectures and learns from all their ordered pairs, where a published step embeds both architectures of 64 pairs; an epoch passes the architectures once, not all n(n-1) pairs, and neither checkpoints nor early stopping on the training loss are used",
			"the target of a pair is the softmax of the two labels, as published; the labels' unit sets how sharp it is, and label=z-score or rank-gauss make it the same everywhere",
			"several searched cells are joined to one graph; attributes that vary over the training set stand beside the one-hot operation; removed operations are not kept as nodes without edges, and inner inputs and outputs of cells that pass on one node's output are removed like skips",
			"the search that the paper builds on the predictor is not part of it",
		},
		Options: plugins.DescribeOptions(defaults()),
	}, nil
}

// Fit implements [plugins.Predictor].
func (p *Predictor) Fit(ctx context.Context, t *plugins.Training) (plugins.Fitted, error) {
	if err := p.fit(ctx, t); err != nil {
		return plugins.Fitted{}, fmt.Errorf("fit brpnas: %w", err)
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
	labels := make([]float64, len(t.Labels))
	feature.LabelsTo(labels, t.Labels, o.Label)
	if o.Label == "raw" {
		// Only differences count; near 0 they are exact in float32.
		mean, _ := feature.Moments(labels)
		for i := range labels {
			labels[i] -= mean
		}
	}
	rng := rand.New(rand.NewPCG(t.Seed, stream))
	m := newModel(&o, feature.NewNodes(&t.Vocabulary, t.Batch.Networks, feature.Joined), rng)
	err := fit.Train(ctx, m, p.read(&t.Batch), labels, fit.Options{
		Epochs: o.Epochs, Batch: o.Batch,
		Loss: func(b *fit.Builder, prediction, labels, weights *gorgonia.Node) *gorgonia.Node {
			return b.Apply(&kern.Relation[float32]{}, prediction, labels, weights)
		},
		Adam: fuse.AdamOptions{Decay: o.Decay}, Rate: fit.CosineByEpoch(o.Rate),
	}, rng)
	if err != nil {
		return err
	}
	p.evaluator = fit.NewEvaluator(m)
	return nil
}

// stream keeps brpnas's random numbers apart from those of other predictors
// with the same seed.
const stream = 0x627270

// read returns each network as one graph.
func (p *Predictor) read(b *plugins.Batch) []feature.Graph {
	graphs := make([]feature.Graph, b.Len())
	for i := range graphs {
		graphs[i] = feature.Join(&p.vocabulary, &b.Networks[i], p.options.Prune)
		if p.options.Prune {
			graphs[i] = graphs[i].Contract(&p.vocabulary)
		}
	}
	return graphs
}

// Predict implements [plugins.Predictor]. The difference of two values is the
// log-odds that the first architecture is the better one.
func (p *Predictor) Predict(ctx context.Context, b *plugins.Batch) ([]float64, error) {
	if p.evaluator == nil {
		return nil, fmt.Errorf("predict with brpnas: %w", plugins.ErrNotFitted)
	}
	values := make([]float64, b.Len())
	if err := p.evaluator.PredictTo(ctx, values, p.read(b)); err != nil {
		return nil, fmt.Errorf("predict with brpnas: %w", err)
	}
	return values, nil
}
