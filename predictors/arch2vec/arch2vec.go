// Package arch2vec is the predictor of Yan et al., "Does Unsupervised
// Architecture Representation Learning Help Neural Architecture Search?"
// (NeurIPS 2020, arXiv 2006.06936): a variational graph isomorphism autoencoder
// learns, from architectures without labels, to encode a graph so that it can
// be decoded again, and a Gaussian process regresses labels on the encoding.
//
// Settings are those of the authors' code (github.com/MSU-MLSys-Lab/arch2vec,
// models/pretraining_nasbench201.py): five layers 128 wide, 16 latent numbers,
// dropout .3, Adam 1e-3, 10 epochs in batches of 32. The paper measures how well
// its encoding predicts by Gaussian process regression (section 4.1); in search
// it uses DNGO and reinforcement learning, which are not part of this.
package arch2vec

import (
	"cmp"
	"context"
	"fmt"
	"math"

	"github.com/hypernas/hypernas/internal/gp"
	"github.com/hypernas/hypernas/internal/nn/fit"
	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/predictors/feature"
)

// Version rises whenever predictions with equal options change.
const Version = 2

// options are what a user may choose.
type options struct {
	Label       string  `option:"label" doc:"transform of the labels before the fit" choices:"rank-gauss,z-score"`
	Width       int     `option:"width" doc:"width of the graph layers"`
	Layers      int     `option:"layers" doc:"layers of the encoder, the one to the latent numbers included"`
	Latent      int     `option:"latent" doc:"numbers that encode a node, and in their mean an architecture"`
	Dropout     float64 `option:"dropout" doc:"probability of dropout of the latent numbers before they are decoded"`
	KL          float64 `option:"kl" doc:"weight of the divergence from a standard normal distribution in the loss"`
	Pretraining int     `option:"pretraining" doc:"passes over the architectures without labels"`
	PoolRows    int     `option:"pool_rows" doc:"most architectures without labels to learn from; fewer where graphs are large"`
	Batch       int     `option:"batch" doc:"architectures in a step of pretraining"`
	Rate        float64 `option:"rate" doc:"learning rate of Adam"`
	Prune       bool    `option:"prune" doc:"remove dead operations first"`
}

// defaults returns the published recipe, but for pool_rows, which is 90 % of
// the space there, kl: the paper's loss divides the divergence by the number of
// nodes in a batch, which for 32 cells of 8 nodes comes to .004, and label: the
// paper regresses accuracies, of which a few that are very low govern the fit.
func defaults() options {
	return options{
		Label: "rank-gauss", Width: 128, Layers: 5, Latent: 16, Dropout: .3, KL: .005,
		Pretraining: 10, PoolRows: 10000, Batch: 32, Rate: 1e-3,
	}
}

// readOptions returns the options that text chooses, or an error wrapping
// plugins.ErrOption.
func readOptions(text map[string]string) (options, error) {
	o := defaults()
	if err := plugins.SetOptions(&o, text); err != nil {
		return o, err
	}
	return o, o.check()
}

func (o *options) check() error {
	if err := cmp.Or(
		feature.CheckRange("width", o.Width, 1, 1024),
		feature.CheckRange("layers", o.Layers, 2, 64),
		feature.CheckRange("latent", o.Latent, 1, 256),
		feature.CheckRange("pretraining", o.Pretraining, 1, 1e5),
		feature.CheckRange("pool_rows", o.PoolRows, 1, 1e6),
		feature.CheckRange("batch", o.Batch, 1, 4096),
	); err != nil {
		return err
	}
	switch {
	case o.Dropout < 0 || o.Dropout > .9:
		return fmt.Errorf("%w: dropout=%v; it takes 0 to 0.9", plugins.ErrOption, o.Dropout)
	case o.KL < 0:
		return fmt.Errorf("%w: kl=%v; it takes a number from 0", plugins.ErrOption, o.KL)
	case o.Rate <= 0:
		return fmt.Errorf("%w: rate=%v; it takes a number above 0", plugins.ErrOption, o.Rate)
	}
	return nil
}

// Predictor is a Gaussian process on the encoding of an autoencoder.
type Predictor struct {
	options    options
	vocabulary plugins.Vocabulary
	evaluator  *fit.Evaluator[feature.Graph]
	center, sd []float64 // of the latent numbers over the training set
	model      *gp.Isotropic
}

var _ plugins.Pretrainer = (*Predictor)(nil)

// New returns the predictor.
func New() *Predictor { return &Predictor{} }

// Describe implements [plugins.Predictor].
func (*Predictor) Describe(context.Context) (plugins.Description, error) {
	return plugins.Description{
		Name:    "arch2vec",
		Version: Version,
		Summary: "Gaussian process on the latent mean of a variational graph autoencoder",
		Source:  "Yan et al., Does Unsupervised Architecture Representation Learning Help Neural Architecture Search?, NeurIPS 2020, arXiv 2006.06936",
		Notes: []string{
			"settings of github.com/MSU-MLSys-Lab/arch2vec (pretraining_nasbench201.py)",
			"labels are regressed by a Gaussian process (Matern-5/2, marginal likelihood) on standardized latent numbers; the paper's sparse process on 250 labels, DNGO and reinforcement learning are not part of it",
			"the autoencoder learns from a random 10,000 architectures of the pool at most, fewer where graphs are large; from the training set where there is no pool",
			"operations are decoded by a softmax, as the paper has it (its code uses a sigmoid for each), and edges and operations count as means over pairs and over nodes",
			"several searched cells are joined to one graph; numbers that vary over the pool stand beside the one-hot operation and are decoded, too, with a squared error",
			"dead operations are not removed, as published (prune=true removes them)",
			"labels are rank-Gauss scores; the paper regresses accuracies (label=z-score is the nearest)",
			gp.OnlyFirstNote(),
		},
		Options:   plugins.DescribeOptions(defaults()),
		Pretrains: true,
	}, nil
}

// Pretrain implements [plugins.Pretrainer].
func (*Predictor) Pretrain(ctx context.Context, p *plugins.Pretraining) ([]byte, error) {
	o, err := readOptions(p.Options)
	if err != nil {
		return nil, fmt.Errorf("pretrain arch2vec: %w", err)
	}
	if p.Pool.Len() == 0 {
		return nil, fmt.Errorf("pretrain arch2vec: %w: no architectures", plugins.ErrInput)
	}
	m, err := pretrain(ctx, &o, &p.Vocabulary, &p.Pool, p.Seed)
	if err != nil {
		return nil, fmt.Errorf("pretrain arch2vec: %w", err)
	}
	return m.encode(), nil
}

// Fit implements [plugins.Predictor]. Without an artifact, which the host makes
// where there is a pool, it pretrains on the training set.
func (p *Predictor) Fit(ctx context.Context, t *plugins.Training) (plugins.Fitted, error) {
	if err := p.fit(ctx, t); err != nil {
		return plugins.Fitted{}, fmt.Errorf("fit arch2vec: %w", err)
	}
	return plugins.Fitted{Warnings: gp.OnlyFirst(len(t.Labels))}, nil
}

func (p *Predictor) fit(ctx context.Context, t *plugins.Training) error {
	o, err := readOptions(t.Options)
	if err != nil {
		return err
	}
	if err := feature.CheckLabels(t.Labels, t.Batch.Len()); err != nil {
		return err
	}
	*p = Predictor{options: o, vocabulary: t.Vocabulary}
	var m *autoencoder
	if len(t.Artifact) > 0 {
		m, err = decodeArtifact(&p.options, &p.vocabulary, t.Artifact)
	} else {
		m, err = pretrain(ctx, &p.options, &p.vocabulary, &t.Batch, t.Seed)
	}
	if err != nil {
		return err
	}
	p.evaluator = fit.NewEvaluator(m)
	rows, err := p.embed(ctx, &t.Batch)
	if err != nil {
		return err
	}
	d := o.Latent
	p.center, p.sd = make([]float64, d), make([]float64, d)
	column := make([]float64, t.Batch.Len())
	for j := range d {
		for i := range column {
			column[i] = rows[i*d+j]
		}
		p.center[j], p.sd[j] = feature.Moments(column)
	}
	p.standardize(rows)
	labels := make([]float64, len(t.Labels))
	feature.LabelsTo(labels, t.Labels, o.Label)
	p.model, err = gp.FitIsotropic(ctx, gp.Matern52, rows, d, math.Sqrt(float64(d)), labels)
	return err
}

// embed returns the latent numbers of the rows of b.
func (p *Predictor) embed(ctx context.Context, b *plugins.Batch) ([]float64, error) {
	graphs, err := read(ctx, &p.options, &p.vocabulary, b)
	if err != nil {
		return nil, err
	}
	rows := make([]float64, b.Len()*p.options.Latent)
	return rows, p.evaluator.PredictTo(ctx, rows, graphs)
}

// standardize replaces rows by what the process sees.
func (p *Predictor) standardize(rows []float64) {
	for i := range rows {
		j := i % len(p.center)
		rows[i] = (rows[i] - p.center[j]) / p.sd[j]
	}
}

// Predict implements [plugins.Predictor]. Values are on the scale of the
// transformed labels.
func (p *Predictor) Predict(ctx context.Context, b *plugins.Batch) ([]float64, error) {
	if p.model == nil {
		return nil, fmt.Errorf("predict with arch2vec: %w", plugins.ErrNotFitted)
	}
	rows, err := p.embed(ctx, b)
	if err != nil {
		return nil, fmt.Errorf("predict with arch2vec: %w", err)
	}
	p.standardize(rows)
	values, err := p.model.Predict(ctx, rows)
	if err != nil {
		return nil, fmt.Errorf("predict with arch2vec: %w", err)
	}
	return values, nil
}
