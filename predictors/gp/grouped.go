package gp

import (
	"context"
	"fmt"

	"github.com/hypernas/hypernas/internal/gp"
	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/predictors/feature"
)

// GroupedVersion rises whenever predictions of gp-ard or gp-warp with equal
// options change.
const GroupedVersion = 1

// block is the number of rows that are encoded at once.
const block = 1024

// predictError says which rows the predictor called name could not value.
func predictError(name string, from, rows int, err error) error {
	return fmt.Errorf("predict with %s: rows %d to %d: %w", name, from, from+rows-1, err)
}

// groupedOptions are what a user of gp-ard or gp-warp may choose.
type groupedOptions struct {
	Label      string `option:"label" doc:"transform of the labels before the fit; warp learns it" choices:"warp,rank-gauss,z-score"`
	Iterations int    `option:"iterations" doc:"L-BFGS iterations, at most"`
}

// Grouped is the process with a length scale for each group of features.
type Grouped struct {
	name, summary string
	defaults      groupedOptions

	features *feature.ScaledGroups // nil before Fit
	model    *gp.Model             // nil where nothing varies
}

var _ plugins.Predictor = (*Grouped)(nil)

// NewARD returns gp-ard: labels are transformed before the fit.
func NewARD() *Grouped {
	return &Grouped{
		name:     "gp-ard",
		summary:  "Gaussian process with a length scale for each group of features",
		defaults: groupedOptions{Label: "rank-gauss", Iterations: 100},
	}
}

// NewWarp returns gp-warp: the labels' transform is learned with the kernel.
func NewWarp() *Grouped {
	return &Grouped{
		name:     "gp-warp",
		summary:  "Gaussian process with a length scale for each group of features and a learned warp of the labels",
		defaults: groupedOptions{Label: "warp", Iterations: 100},
	}
}

// Describe implements [plugins.Predictor].
func (p *Grouped) Describe(context.Context) (plugins.Description, error) {
	return plugins.Description{
		Name:    p.name,
		Version: GroupedVersion,
		Summary: p.summary,
		Source:  "Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006, chapter 5; the warp after Snelson et al., Warped Gaussian Processes, NeurIPS 2004",
		Notes: []string{
			"groups of features, kernel, priors and warp are this project's own recipe: a product of Matern-5/2 kernels and a linear kernel for each group, log-normal priors, one maximum a posteriori by L-BFGS",
			"features are scaled over the unlabelled pool, or over the training rows where there is none; of more than 50,000 rows, over that many",
			gp.OnlyFirstNote(),
		},
		Options:  plugins.DescribeOptions(p.defaults),
		UsesPool: true,
	}, nil
}

// Fit implements [plugins.Predictor].
func (p *Grouped) Fit(ctx context.Context, t *plugins.Training) (plugins.Fitted, error) {
	fitted, err := p.fit(ctx, t)
	if err != nil {
		return plugins.Fitted{}, fmt.Errorf("fit %s: %w", p.name, err)
	}
	return fitted, nil
}

func (p *Grouped) fit(ctx context.Context, t *plugins.Training) (plugins.Fitted, error) {
	o := p.defaults
	if err := plugins.SetOptions(&o, t.Options); err != nil {
		return plugins.Fitted{}, err
	}
	if o.Iterations < 1 || o.Iterations > 10000 {
		return plugins.Fitted{}, fmt.Errorf("%w: iterations=%d; it takes 1 to 10000", plugins.ErrOption, o.Iterations)
	}
	if err := feature.CheckLabels(t.Labels, t.Batch.Len()); err != nil {
		return plugins.Fitted{}, err
	}
	pool := &t.Pool
	if pool.Len() == 0 {
		pool = &t.Batch
	}
	features, err := feature.NewScaledGroups(ctx, &t.Vocabulary, pool)
	if err != nil {
		return plugins.Fitted{}, err
	}
	if len(features.Names()) == 0 {
		p.features, p.model = features, nil
		return plugins.Fitted{Warnings: []string{feature.AllAlike}}, nil
	}
	rows, err := features.Rows(ctx, &t.Batch)
	if err != nil {
		return plugins.Fitted{}, err
	}
	labels := t.Labels
	if o.Label != "warp" {
		labels = make([]float64, len(t.Labels))
		feature.LabelsTo(labels, t.Labels, o.Label)
	}
	model, err := gp.Fit(ctx, gp.Config{Dims: features.Dims(), Warp: o.Label == "warp", Iterations: o.Iterations}, rows, labels)
	if err != nil {
		return plugins.Fitted{}, err
	}
	p.features, p.model = features, model
	return plugins.Fitted{Warnings: gp.OnlyFirst(len(labels))}, nil
}

// Predict implements [plugins.Predictor]. Values are on the scale of the
// transformed labels.
func (p *Grouped) Predict(ctx context.Context, b *plugins.Batch) ([]float64, error) {
	if p.features == nil {
		return nil, fmt.Errorf("predict with %s: %w", p.name, plugins.ErrNotFitted)
	}
	values := make([]float64, 0, b.Len())
	for from := 0; from < b.Len(); from += block {
		part := b.Slice(from, min(from+block, b.Len()))
		rows, err := p.features.Rows(ctx, &part)
		if err != nil {
			return nil, predictError(p.name, from, part.Len(), err)
		}
		if p.model == nil {
			values = append(values, make([]float64, part.Len())...)
			continue
		}
		means, err := p.model.Predict(ctx, rows)
		if err != nil {
			return nil, predictError(p.name, from, part.Len(), err)
		}
		values = append(values, means...)
	}
	return values, nil
}
