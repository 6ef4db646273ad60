// Package transformer is the transformers over the nodes of an architecture:
// tnasp and pinat, of the same authors. Positions are a linear map of the graph's
// Laplacian, and the labels are learned by regression. They differ in pinat's
// permutation-invariant heads.
//
// Network and settings are those of the authors' code,
// github.com/ShunLu91/PINAT; file names in comments are its own.
package transformer

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

// options are what a user of either may choose.
type options struct {
	Width    int     `option:"width" doc:"width of a node between layers"`
	Layers   int     `option:"layers" doc:"number of transformer layers"`
	Heads    int     `option:"heads" doc:"self-attention heads of a layer"`
	Head     int     `option:"head" doc:"width of a head"`
	Inner    int     `option:"inner" doc:"width inside the position-wise networks"`
	Hidden   int     `option:"hidden" doc:"width of the regressor's hidden layer"`
	Position string  `option:"position" doc:"where a node stands: its row of the Laplacian, its entries in the first eigenvectors of the normalized one, or nothing" choices:"laplacian,eigenvectors,none"`
	Dropout  float64 `option:"dropout" doc:"probability of dropout: embeddings, attention weights, each part of a layer, the hidden layer"`
	Label    string  `option:"label" doc:"transform of the labels before the fit; predictions are on the scale of the labels" choices:"z-score,rank-gauss"`
	Epochs   int     `option:"epochs" doc:"passes over the training set"`
	Batch    int     `option:"batch" doc:"architectures in a training step; what is left over at the end of an epoch is dropped"`
	Rate     float64 `option:"rate" doc:"learning rate of Adam at the start; it falls to 0 along a cosine"`
	Decay    float64 `option:"decay" doc:"weight decay, as part of Adam's gradient"`
	Prune    bool    `option:"prune" doc:"remove dead operations first"`
}

// setOptions are those and pinat's own. tnasp has no heads of sets.
type setOptions struct {
	options
	SetHeads int `option:"set_heads" doc:"permutation-invariant heads of a layer"`
	SetWidth int `option:"set_width" doc:"width of a permutation-invariant head inside"`
}

// published returns the published recipe but for the number of heads:
// nasbench/models/model_factory.py and nasbench/train_nasbench.py. Nothing is
// pruned there.
func published() options {
	return options{
		Width: 80, Layers: 3, Head: 64, Inner: 512, Hidden: 96, Position: "laplacian", Dropout: .1,
		Label: "z-score", Epochs: 300, Batch: 10, Rate: 1e-4, Decay: 1e-3,
	}
}

// notes are what both differ in from the published recipes.
func notes() []string {
	return []string{
		"padding is masked; the authors' code attends to it",
		"a position has as many numbers as the largest training graph has nodes; of a larger graph it is cut off",
		"labels are standardized by the training set's moments; the authors take the whole space's",
		"dead operations are not removed, as published (prune=true removes them)",
	}
}

// check returns an error wrapping plugins.ErrOption if a value makes no sense.
func (o *options) check() error {
	if err := cmp.Or(
		feature.CheckRange("width", o.Width, 1, 1024),
		feature.CheckRange("layers", o.Layers, 1, 64),
		feature.CheckRange("heads", o.Heads, 1, 64),
		feature.CheckRange("head", o.Head, 1, 1024),
		feature.CheckRange("inner", o.Inner, 1, 4096),
		feature.CheckRange("hidden", o.Hidden, 1, 4096),
		feature.CheckRange("epochs", o.Epochs, 1, 1e6),
		feature.CheckRange("batch", o.Batch, 1, 4096),
	); err != nil {
		return err
	}
	switch {
	case !(o.Dropout >= 0 && o.Dropout <= .9):
		return fmt.Errorf("%w: dropout=%v; it takes 0 to 0.9", plugins.ErrOption, o.Dropout)
	case !(o.Rate > 0 && o.Rate <= 1):
		return fmt.Errorf("%w: rate=%v; it takes a number above 0, at most 1", plugins.ErrOption, o.Rate)
	case !(o.Decay >= 0 && o.Decay <= 1e6):
		return fmt.Errorf("%w: decay=%v; it takes a number from 0", plugins.ErrOption, o.Decay)
	}
	return nil
}

// eigenvectors is how many of them give a node's position.
const eigenvectors = 8

// Predictor is a transformer.
type Predictor struct {
	description plugins.Description
	defaults    setOptions
	// stream keeps the predictor's random numbers apart from those of others
	// with the same seed.
	stream uint64

	options    setOptions
	vocabulary plugins.Vocabulary
	positions  *feature.Positions      // nil where none are used
	evaluator  *fit.Evaluator[example] // nil before Fit
	scale      *feature.LabelScale
}

var _ plugins.Predictor = (*Predictor)(nil)

// Describe implements [plugins.Predictor].
func (p *Predictor) Describe(context.Context) (plugins.Description, error) { return p.description, nil }

// choose returns the options with what a user gave.
func (p *Predictor) choose(given map[string]string) (setOptions, error) {
	o := p.defaults
	if o.SetHeads == 0 {
		err := plugins.SetOptions(&o.options, given)
		return o, cmp.Or(err, o.check())
	}
	err := plugins.SetOptions(&o, given)
	return o, cmp.Or(err, o.check(), feature.CheckRange("set_heads", o.SetHeads, 1, 64), feature.CheckRange("set_width", o.SetWidth, 1, 256))
}

// Fit implements [plugins.Predictor].
func (p *Predictor) Fit(ctx context.Context, t *plugins.Training) (plugins.Fitted, error) {
	if err := p.fit(ctx, t); err != nil {
		return plugins.Fitted{}, fmt.Errorf("fit %s: %w", p.description.Name, err)
	}
	return plugins.Fitted{}, nil
}

func (p *Predictor) fit(ctx context.Context, t *plugins.Training) error {
	o, err := p.choose(t.Options)
	if err != nil {
		return err
	}
	if err := feature.CheckLabels(t.Labels, t.Batch.Len()); err != nil {
		return err
	}
	p.options, p.vocabulary, p.positions, p.evaluator = o, t.Vocabulary, nil, nil
	examples, err := p.read(ctx, &t.Batch)
	if err != nil {
		return err
	}
	width := 0
	switch o.Position {
	case "laplacian":
		for i := range examples {
			width = max(width, len(examples[i].Nodes))
		}
		p.positions = feature.NewPositions(feature.Laplacian, width)
	case "eigenvectors":
		width = eigenvectors
		p.positions = feature.NewPositions(feature.Eigenvectors, width)
	}
	if err := p.place(ctx, examples); err != nil {
		return err
	}
	labels := make([]float64, len(t.Labels))
	feature.LabelsTo(labels, t.Labels, o.Label)
	p.scale = feature.NewLabelScale(t.Labels, o.Label)
	rng := rand.New(rand.NewPCG(t.Seed, p.stream))
	m := newModel(&o, feature.NewNodes(&t.Vocabulary, t.Batch.Networks, feature.Joined), width, rng)
	err = fit.Train(ctx, m, examples, labels, fit.Options{
		Epochs: o.Epochs, Batch: o.Batch, DropLast: true, Loss: fit.MSE,
		Adam: fuse.AdamOptions{Decay: o.Decay, Coupled: true}, Rate: fit.CosineByEpoch(o.Rate),
	}, rng)
	if err != nil {
		return err
	}
	p.evaluator = fit.NewEvaluator(m)
	return nil
}

// read returns each network as one graph, without positions.
func (p *Predictor) read(ctx context.Context, b *plugins.Batch) ([]example, error) {
	examples := make([]example, b.Len())
	for i := range examples {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		examples[i].Graph = feature.Join(&p.vocabulary, &b.Networks[i], p.options.Prune)
	}
	return examples, nil
}

// place gives the examples the positions of their nodes, where they are used.
func (p *Predictor) place(ctx context.Context, examples []example) error {
	if p.positions == nil {
		return nil
	}
	for i := range examples {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		examples[i].positions = p.positions.Of(&examples[i].Graph)
	}
	return nil
}

// Predict implements [plugins.Predictor]. Values are on the scale of the labels.
func (p *Predictor) Predict(ctx context.Context, b *plugins.Batch) ([]float64, error) {
	values, err := p.predict(ctx, b)
	if err != nil {
		return nil, fmt.Errorf("predict with %s: %w", p.description.Name, err)
	}
	return values, nil
}

func (p *Predictor) predict(ctx context.Context, b *plugins.Batch) ([]float64, error) {
	if p.evaluator == nil {
		return nil, plugins.ErrNotFitted
	}
	examples, err := p.read(ctx, b)
	if err != nil {
		return nil, err
	}
	if err := p.place(ctx, examples); err != nil {
		return nil, err
	}
	values := make([]float64, len(examples))
	if err := p.evaluator.PredictTo(ctx, values, examples); err != nil {
		return nil, err
	}
	p.scale.To(values, values)
	return values, nil
}
