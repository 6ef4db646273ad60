// Package mlp is feedforward networks on features of an architecture: mlp, a
// single one, and bananas, the ensemble of five on the path encoding that White
// et al. search with.
package mlp

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"

	"gonum.org/v1/gonum/mat"

	"github.com/hypernas/hypernas/internal/nn/fit"
	"github.com/hypernas/hypernas/internal/nn/fuse"
	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/predictors/feature"
)

// Version and BananasVersion rise whenever predictions of mlp and of bananas
// with equal options change.
const (
	Version        = 1
	BananasVersion = 2
)

// options are what a user may choose.
type options struct {
	Features string  `option:"features" doc:"set of features; graph and groups are standardized over the training set" choices:"onehot,path,graph,groups"`
	Label    string  `option:"label" doc:"transform of the labels before the fit" choices:"rank-gauss,z-score"`
	Members  int     `option:"members" doc:"networks, whose predictions are averaged"`
	Layers   int     `option:"layers" doc:"hidden layers"`
	Width    int     `option:"width" doc:"width of a hidden layer"`
	Loss     string  `option:"loss" doc:"mean absolute or mean squared error" choices:"mae,mse"`
	Dropout  float64 `option:"dropout" doc:"probability of dropout after each hidden layer"`
	Epochs   int     `option:"epochs" doc:"passes over the training set"`
	Batch    int     `option:"batch" doc:"architectures in a training step"`
	Rate     float64 `option:"rate" doc:"learning rate of Adam"`
	Schedule string  `option:"schedule" doc:"the learning rate stays as it is, or falls to 0 along a cosine" choices:"constant,cosine"`
	Decay    float64 `option:"decay" doc:"weight decay, apart from Adam's gradient (AdamW)"`
}

// bananas returns the recipe of the authors of BANANAS, metann_runner.py,
// params.py and meta_neural_net.py of github.com/naszilla/naszilla, but for the
// labels: they take accuracies in percent. Measured on NAS-Bench-201, splits
// that no reported figure rests on, tau at 39, 78 and 156 labels is .538, .650
// and .723 with rank-Gauss labels and .531, .632 and .721 with z-scores.
func bananas() options {
	return options{
		Features: "path", Label: "rank-gauss", Members: 5, Layers: 10, Width: 20, Loss: "mae",
		Epochs: 150, Batch: 32, Rate: .01, Schedule: "constant",
	}
}

// single returns the recipe of the one network, found on the same splits: a
// wide and shallow one with dropout and weight decay, .536, .642 and .725; one
// of the five of bananas has .505, .608 and .687.
func single() options {
	return options{
		Features: "path", Label: "rank-gauss", Members: 1, Layers: 2, Width: 200, Loss: "mse", Dropout: .2,
		Epochs: 150, Batch: 32, Rate: .01, Schedule: "cosine", Decay: 1,
	}
}

// check returns an error wrapping plugins.ErrOption if a value makes no sense.
func (o *options) check() error {
	if err := cmp.Or(
		feature.CheckRange("members", o.Members, 1, 32),
		feature.CheckRange("layers", o.Layers, 1, 32),
		feature.CheckRange("width", o.Width, 1, 512),
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

// Predictor is one network, or several.
type Predictor struct {
	description plugins.Description
	defaults    options
	stream      uint64

	set        *feature.Set
	shift      []float64                 // of the set's columns, before
	scale      []float64                 // the networks see them
	evaluators []*fit.Evaluator[example] // none before Fit
	mean, sd   float64                   // of the labels
}

var _ plugins.Predictor = (*Predictor)(nil)

// New returns mlp, the single network.
func New() *Predictor {
	return &Predictor{defaults: single(), stream: stream, description: plugins.Description{
		Name:    "mlp",
		Version: Version,
		Summary: "feedforward network on path encoding",
		Source:  "encoding: White et al., BANANAS: Bayesian Optimization with Neural Architectures for Neural Architecture Search, AAAI 2021, arXiv 1910.11858",
		Notes: []string{
			"no published recipe: width, dropout and weight decay were chosen on splits of NAS-Bench-201 that no reported figure rests on",
			"dead operations are on no path",
			"features=graph is far better than the path encoding where operations are searched; in a cell that is one chain every path is another, and the path encoding says nothing of a path not seen",
		},
	}}
}

// NewBananas returns bananas, the ensemble.
func NewBananas() *Predictor {
	return &Predictor{defaults: bananas(), stream: bananasStream, description: plugins.Description{
		Name:    "bananas",
		Version: BananasVersion,
		Summary: "ensemble of five feedforward networks on path encoding",
		Source:  "White et al., BANANAS: Bayesian Optimization with Neural Architectures for Neural Architecture Search, AAAI 2021, arXiv 1910.11858",
		Notes: []string{
			"the predictor alone: the mean of the five networks, without the search and its Thompson sampling",
			"settings of github.com/naszilla/naszilla: 10 layers of 20, mean absolute error, Adam with learning rate .01 and beta2 .99, 150 epochs, batch 32; the paper's percentage error needs a bound of the error in percent and is not offered",
			"labels are rank-Gauss scores; the authors take accuracies in percent (label=z-score is the nearest and somewhat worse)",
			"paths are found on the training set and those with dead operations left out; the paper's are all paths of the space up to a length, operations that yield zeros among them",
			"where numbers of nodes or cells vary, they stand beside the paths, each value a column and each number one",
		},
	}}
}

// Describe implements [plugins.Predictor].
func (p *Predictor) Describe(context.Context) (plugins.Description, error) {
	d := p.description
	d.Options = plugins.DescribeOptions(p.defaults)
	return d, nil
}

// Fit implements [plugins.Predictor].
func (p *Predictor) Fit(ctx context.Context, t *plugins.Training) (plugins.Fitted, error) {
	fitted, err := p.fit(ctx, t)
	if err != nil {
		return plugins.Fitted{}, fmt.Errorf("fit %s: %w", p.description.Name, err)
	}
	return fitted, nil
}

func (p *Predictor) fit(ctx context.Context, t *plugins.Training) (plugins.Fitted, error) {
	o := p.defaults
	if err := plugins.SetOptions(&o, t.Options); err != nil {
		return plugins.Fitted{}, err
	}
	if err := o.check(); err != nil {
		return plugins.Fitted{}, err
	}
	if err := feature.CheckLabels(t.Labels, t.Batch.Len()); err != nil {
		return plugins.Fitted{}, err
	}
	set, err := feature.NewSet(ctx, o.Features, &t.Vocabulary, &t.Batch)
	if err != nil {
		return plugins.Fitted{}, err
	}
	p.set, p.evaluators = set, nil
	p.mean, p.sd = feature.Moments(t.Labels)
	x, err := set.Dense(ctx, &t.Batch)
	if err != nil {
		return plugins.Fitted{}, err
	}
	p.standardize(x, o.Features == "graph" || o.Features == "groups")
	examples := p.examples(x)
	labels := make([]float64, len(t.Labels))
	feature.LabelsTo(labels, t.Labels, o.Label)
	feature.ZScoreTo(labels, labels) // rank-Gauss scores have a deviation below 1
	train := fit.Options{
		Epochs: o.Epochs, Batch: o.Batch, Loss: fit.MAE,
		Adam: fuse.AdamOptions{Beta2: beta2, Decay: o.Decay}, Rate: fit.Constant(o.Rate),
	}
	if o.Loss == "mse" {
		train.Loss = fit.MSE
	}
	if o.Schedule == "cosine" {
		train.Rate = fit.Cosine(o.Rate)
	}
	var evaluators []*fit.Evaluator[example]
	for member := range o.Members {
		rng := rand.New(rand.NewPCG(t.Seed, p.stream+uint64(member)))
		m := newModel(&o, len(p.scale), rng)
		if err := fit.Train(ctx, m, examples, labels, train, rng); err != nil {
			return plugins.Fitted{}, err
		}
		evaluators = append(evaluators, fit.NewEvaluator(m))
	}
	p.evaluators = evaluators
	return plugins.Fitted{Warnings: feature.Alike(x)}, nil
}

// beta2 of Adam is what the authors take (meta_neural_net.py).
const beta2 = .99

// The streams keep the random numbers apart from those of other predictors with
// the same seed; each member has the next one.
const (
	stream        = 0x6d6c7000
	bananasStream = 0x62616e00
)

// standardize finds what takes the columns of the training set to mean 0 and
// deviation 1, or leaves them as they are.
func (p *Predictor) standardize(x *mat.Dense, standardize bool) {
	n, d := x.Dims()
	p.shift, p.scale = make([]float64, d), make([]float64, d)
	column := make([]float64, n)
	for j := range d {
		p.scale[j] = 1
		if standardize {
			mean, sd := feature.Moments(mat.Col(column, j, x))
			p.shift[j], p.scale[j] = mean, 1/sd
		}
	}
}

// examples returns rows of features as the networks see them.
func (p *Predictor) examples(x *mat.Dense) []example {
	n, d := x.Dims()
	all := make([]float32, n*d)
	list := make([]example, n)
	for i := range list {
		list[i] = all[i*d : (i+1)*d]
		for j, v := range x.RawRowView(i) {
			list[i][j] = float32((v - p.shift[j]) * p.scale[j])
		}
	}
	return list
}

// block is the number of rows whose features are held at once.
const block = 4096

// Predict implements [plugins.Predictor]. Values have the labels' mean and
// deviation; of rank-Gauss labels, the default, their order alone is meant.
func (p *Predictor) Predict(ctx context.Context, b *plugins.Batch) ([]float64, error) {
	values, err := p.predict(ctx, b)
	if err != nil {
		return nil, fmt.Errorf("predict with %s: %w", p.description.Name, err)
	}
	return values, nil
}

func (p *Predictor) predict(ctx context.Context, b *plugins.Batch) ([]float64, error) {
	if p.evaluators == nil {
		return nil, plugins.ErrNotFitted
	}
	values := make([]float64, b.Len())
	for lo := 0; lo < len(values); lo += block {
		part := b.Slice(lo, min(lo+block, len(values)))
		x, err := p.set.Dense(ctx, &part)
		if err != nil {
			return nil, err
		}
		examples := p.examples(x)
		z := make([]float64, len(examples))
		for _, e := range p.evaluators {
			if err := e.PredictTo(ctx, z, examples); err != nil {
				return nil, err
			}
			for i := range z {
				values[lo+i] += z[i] / float64(len(p.evaluators))
			}
		}
	}
	for i, z := range values {
		values[i] = p.mean + p.sd*z
	}
	return values, nil
}
