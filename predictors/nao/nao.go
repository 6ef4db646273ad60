// Package nao is the predictor of neural architecture optimization (Luo et al.,
// NeurIPS 2018, arXiv 1808.07233): an LSTM encodes an architecture's sequence, a
// perceptron predicts the label from the code, and a decoder that must restore
// the sequence from it keeps the code honest.
//
// Network and settings are those of the same authors' code for SemiNAS
// (NeurIPS 2020, arXiv 2002.10389; github.com/renqianluo/SemiNAS, nasbench/),
// which predicts labels of NAS-Bench-101 with it: width 64, perceptron 16,
// dropout .1, 1,000 epochs of Adam 1e-3 in batches of 100.
package nao

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

// Version rises whenever predictions with equal options change. Since 1 was
// first run, steps that would take too much memory take fewer architectures (see
// mostNumbers); it stays 1, since no run of the defaults on a space of this
// project is one of them.
const Version = 1

// options are what a user may choose.
type options struct {
	Label    string  `option:"label" doc:"transform of the labels before the fit" choices:"rank-gauss,z-score"`
	Width    int     `option:"width" doc:"width of the embedding and of the LSTM layers"`
	Hidden   int     `option:"hidden" doc:"width of the predictor's hidden layer"`
	Dropout  float64 `option:"dropout" doc:"probability of dropout of embedded tokens and in the predictor"`
	Tradeoff float64 `option:"tradeoff" doc:"share of the prediction in the loss; the rest is the decoder's"`
	Epochs   int     `option:"epochs" doc:"passes over the training set"`
	Batch    int     `option:"batch" doc:"most architectures in a training step; the steps of an epoch are of equal size"`
	Rate     float64 `option:"rate" doc:"learning rate of Adam"`
	Decay    float64 `option:"decay" doc:"weight decay, as part of Adam's gradient"`
	Prune    bool    `option:"prune" doc:"remove dead operations first"`
}

// defaults returns the published recipe (train_seminas.py).
func defaults() options {
	return options{Label: "z-score", Width: 64, Hidden: 16, Dropout: .1, Tradeoff: .8, Epochs: 1000, Batch: 100, Rate: 1e-3, Decay: 1e-4}
}

// check returns an error wrapping plugins.ErrOption if a value makes no sense.
func (o *options) check() error {
	if err := cmp.Or(
		feature.CheckRange("width", o.Width, 1, 1024),
		feature.CheckRange("hidden", o.Hidden, 1, 4096),
		feature.CheckRange("epochs", o.Epochs, 1, 1e6),
		feature.CheckRange("batch", o.Batch, 1, 4096),
	); err != nil {
		return err
	}
	switch {
	case o.Dropout < 0 || o.Dropout > .9:
		return fmt.Errorf("%w: dropout=%v; it takes 0 to 0.9", plugins.ErrOption, o.Dropout)
	case o.Tradeoff <= 0 || o.Tradeoff > 1:
		return fmt.Errorf("%w: tradeoff=%v; it takes a number above 0 up to 1", plugins.ErrOption, o.Tradeoff)
	case o.Rate <= 0:
		return fmt.Errorf("%w: rate=%v; it takes a number above 0", plugins.ErrOption, o.Rate)
	case o.Decay < 0:
		return fmt.Errorf("%w: decay=%v; it takes a number from 0", plugins.ErrOption, o.Decay)
	}
	return nil
}

// Predictor is the encoder with its predictor.
type Predictor struct {
	options    options
	vocabulary plugins.Vocabulary
	language   *language
	evaluator  *fit.Evaluator[[]int] // nil before Fit
}

var _ plugins.Predictor = (*Predictor)(nil)

// New returns the predictor.
func New() *Predictor { return &Predictor{} }

// Describe implements [plugins.Predictor].
func (*Predictor) Describe(context.Context) (plugins.Description, error) {
	return plugins.Description{
		Name:    "nao",
		Version: Version,
		Summary: "LSTM on an architecture's sequence, with a decoder that must restore it",
		Source:  "Luo et al., Neural Architecture Optimization, NeurIPS 2018, arXiv 1808.07233",
		Notes: []string{
			"network and settings of github.com/renqianluo/SemiNAS (nasbench), by the same authors",
			"a sequence names for each node the edges that lead to it by their length, the attributes that vary, and its operation; the published one has a token for every pair of nodes",
			"the published labels are shifted and scaled by constants of NAS-Bench-101, here by the training set's",
			"the LSTM has one bias where PyTorch's has two that are added",
			"architectures without labels (SemiNAS) and the search along the gradient are not part of it",
			"several searched cells are joined to one graph; dead operations are not removed, as published (prune=true removes them)",
		},
		Options: plugins.DescribeOptions(defaults()),
	}, nil
}

// Fit implements [plugins.Predictor].
func (p *Predictor) Fit(ctx context.Context, t *plugins.Training) (plugins.Fitted, error) {
	warnings, err := p.fit(ctx, t)
	if err != nil {
		return plugins.Fitted{}, fmt.Errorf("fit nao: %w", err)
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
	if err := feature.CheckLabels(t.Labels, t.Batch.Len()); err != nil {
		return nil, err
	}
	*p = Predictor{options: o, vocabulary: t.Vocabulary}
	graphs := make([]feature.Graph, t.Batch.Len())
	for i := range graphs {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		graphs[i] = feature.Join(&p.vocabulary, &t.Batch.Networks[i], o.Prune)
	}
	p.language = newLanguage(&p.vocabulary, graphs)
	sequences := make([][]int, len(graphs))
	longest := 1
	for i := range graphs {
		sequences[i] = p.language.write(&graphs[i], starts(&p.vocabulary, &graphs[i]))
		longest = max(longest, len(sequences[i]))
	}
	labels := make([]float64, len(t.Labels))
	feature.LabelsTo(labels, t.Labels, o.Label)
	rng := rand.New(rand.NewPCG(t.Seed, stream))
	m := newModel(&p.options, p.language.size, rng)
	batch, err := o.rows(longest)
	if err != nil {
		return nil, err
	}
	if batch < min(o.Batch, len(sequences)) {
		warnings = append(warnings, fmt.Sprintf("an architecture makes a sequence of %d tokens, of which a step of nao takes at most %d with width=%d, not batch=%d", longest, batch, o.Width, o.Batch))
	}
	// Steps of equal size: of 156 architectures 78, not 100 and 56, since a short
	// step costs as much as a full one.
	steps := (len(sequences) + batch - 1) / batch
	err = fit.Train(ctx, m, sequences, labels, fit.Options{
		Epochs: o.Epochs, Batch: (len(sequences) + steps - 1) / steps, Loss: m.loss,
		Adam: fuse.AdamOptions{Decay: o.Decay, Coupled: true, Clip: 5}, Rate: fit.Constant(o.Rate),
	}, rng)
	if err != nil {
		return nil, err
	}
	p.evaluator = fit.NewEvaluator(m)
	return warnings, nil
}

// mostNumbers and mostPairs bound the sequences of a training step: the tokens
// times their width, and the pairs of tokens that attention weighs. Of both,
// what training keeps comes to a gigabyte or two. 100 of AutoFormer's sequences of
// 320 tokens, the longest of this project's spaces, lie below them up to width 131,
// and 100 of 40 tokens at any width.
const (
	mostNumbers = 1 << 22
	mostPairs   = 1 << 24
)

// rows returns how many sequences a step takes where the longest has so many
// tokens: at least one, whatever the width. It returns an error wrapping
// plugins.ErrUnsupported where a sequence is too long.
func (o *options) rows(longest int) (int, error) {
	const most = 1 << 12 // its square is mostPairs, and 1024 of it are mostNumbers
	if longest > most {
		return 0, fmt.Errorf("%w: an architecture makes a sequence of %d tokens; nao takes at most %d", plugins.ErrUnsupported, longest, most)
	}
	return min(o.Batch, mostNumbers/o.Width/longest, mostPairs/(longest*longest)), nil
}

// stream keeps nao's random numbers apart from those of other predictors with
// the same seed.
const stream = 0x6e616f

// Predict implements [plugins.Predictor]. Values are on the scale of the
// transformed labels.
func (p *Predictor) Predict(ctx context.Context, b *plugins.Batch) ([]float64, error) {
	if p.evaluator == nil {
		return nil, fmt.Errorf("predict with nao: %w", plugins.ErrNotFitted)
	}
	sequences := make([][]int, b.Len())
	for i := range sequences {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("predict with nao: %w", ctx.Err())
		}
		g := feature.Join(&p.vocabulary, &b.Networks[i], p.options.Prune)
		sequences[i] = p.language.write(&g, starts(&p.vocabulary, &g))
		if _, err := p.options.rows(len(sequences[i])); err != nil {
			return nil, fmt.Errorf("predict with nao: row %d: %w", i, err)
		}
	}
	values := make([]float64, b.Len())
	if err := p.evaluator.PredictTo(ctx, values, sequences); err != nil {
		return nil, fmt.Errorf("predict with nao: %w", err)
	}
	return values, nil
}
