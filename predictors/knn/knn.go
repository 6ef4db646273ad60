// Package knn predicts by the labels of the nearest architectures: the
// baseline that shows what a set of features tells without any model.
package knn

import (
	"context"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"

	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/predictors/feature"
)

// Version rises whenever predictions with equal options change.
const Version = 1

// options are what a user may choose.
type options struct {
	Features string `option:"features" doc:"set of features" choices:"onehot,path,graph,groups"`
	Label    string `option:"label" doc:"transform of the labels before the fit" choices:"rank-gauss,z-score,raw"`
	K        int    `option:"k" doc:"number of neighbors, or all labels where there are fewer"`
	Weights  string `option:"weights" doc:"weights of the neighbors: equal, or the inverse of the distance" choices:"uniform,distance"`
}

// defaults: among 3, 5 and 10 neighbors, the sets onehot and graph and both weights the best
// on NAS-Bench-201 and -101 at 50 and 100 labels (five splits apart from those
// that are reported; 10 for 5 neighbors gain .03).
func defaults() options {
	return options{Features: "graph", Label: "rank-gauss", K: 10, Weights: "distance"}
}

// check returns an error wrapping plugins.ErrOption if a value makes no sense.
func (o *options) check() error {
	if o.K < 1 {
		return fmt.Errorf("%w: k=%d; it takes 1 or more", plugins.ErrOption, o.K)
	}
	return nil
}

// Predictor is the mean of the labels of the k nearest training architectures.
type Predictor struct {
	options options
	set     *feature.Set
	columns []int // those that vary over the training set
	means   []float64
	scales  []float64 // of columns
	rows    []float64 // of the training set: columns, standardized
	labels  []float64 // nil before Fit
}

var _ plugins.Predictor = (*Predictor)(nil)

// New returns the predictor.
func New() *Predictor { return &Predictor{} }

// Describe implements [plugins.Predictor].
func (*Predictor) Describe(context.Context) (plugins.Description, error) {
	return plugins.Description{
		Name:    "knn",
		Version: Version,
		Summary: "mean label of the nearest architectures",
		Source:  "Cover and Hart, Nearest Neighbor Pattern Classification, IEEE Transactions on Information Theory 13(1), 1967",
		Notes: []string{
			"Euclidean distance on features that have mean 0 and variance 1 over the training set; the earlier of equally near architectures is taken",
		},
		Options: plugins.DescribeOptions(defaults()),
	}, nil
}

// Fit implements [plugins.Predictor].
func (p *Predictor) Fit(ctx context.Context, t *plugins.Training) (plugins.Fitted, error) {
	fitted, err := p.fit(ctx, t)
	if err != nil {
		return plugins.Fitted{}, fmt.Errorf("fit knn: %w", err)
	}
	return fitted, nil
}

func (p *Predictor) fit(ctx context.Context, t *plugins.Training) (plugins.Fitted, error) {
	o := defaults()
	if err := plugins.SetOptions(&o, t.Options); err != nil {
		return plugins.Fitted{}, err
	}
	if err := o.check(); err != nil {
		return plugins.Fitted{}, err
	}
	n := t.Batch.Len()
	if err := feature.CheckLabels(t.Labels, n); err != nil {
		return plugins.Fitted{}, err
	}
	set, err := feature.NewSet(ctx, o.Features, &t.Vocabulary, &t.Batch)
	if err != nil {
		return plugins.Fitted{}, err
	}
	x, err := set.Dense(ctx, &t.Batch)
	if err != nil {
		return plugins.Fitted{}, err
	}
	o.K = min(o.K, n)
	*p = Predictor{options: o, set: set, labels: make([]float64, n)}
	feature.LabelsTo(p.labels, t.Labels, o.Label)
	column := make([]float64, n)
	for j := range set.Dim() {
		mat.Col(column, j, x)
		mean, sd := stat.PopMeanStdDev(column, nil)
		if sd > 1e-12*math.Abs(mean) {
			p.columns, p.means, p.scales = append(p.columns, j), append(p.means, mean), append(p.scales, 1/sd)
		}
	}
	p.rows = make([]float64, n*len(p.columns))
	for i := range n {
		p.standardizeTo(p.row(i), x.RawRowView(i))
	}
	return plugins.Fitted{Warnings: feature.Alike(x)}, nil
}

// row returns training row i.
func (p *Predictor) row(i int) []float64 {
	return p.rows[i*len(p.columns) : (i+1)*len(p.columns)]
}

// standardizeTo writes the standardized columns of features to dst.
func (p *Predictor) standardizeTo(dst, features []float64) {
	for k, j := range p.columns {
		dst[k] = (features[j] - p.means[k]) * p.scales[k]
	}
}

// Predict implements [plugins.Predictor]. Values are on the scale of the
// transformed labels.
func (p *Predictor) Predict(ctx context.Context, b *plugins.Batch) ([]float64, error) {
	if p.labels == nil {
		return nil, fmt.Errorf("predict with knn: %w", plugins.ErrNotFitted)
	}
	values := make([]float64, b.Len())
	err := p.set.Blocks(ctx, b, func(lo int, x *mat.Dense) {
		row, near := make([]float64, len(p.columns)), make([]neighbor, p.options.K)
		for i := range x.RawMatrix().Rows {
			p.standardizeTo(row, x.RawRowView(i))
			p.nearestTo(near, row)
			values[lo+i] = p.mean(near)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("predict with knn: %w", err)
	}
	return values, nil
}

// neighbor is a training row and its squared distance.
type neighbor struct {
	row      int
	distance float64
}

// nearestTo writes the training rows nearest to x to near, the nearest first.
func (p *Predictor) nearestTo(near []neighbor, x []float64) {
	for k := range near {
		near[k].distance = math.Inf(1)
	}
	last := len(near) - 1
	for i := range p.labels {
		d := distance(x, p.row(i), near[last].distance)
		if d >= near[last].distance {
			continue
		}
		k := last
		for ; k > 0 && near[k-1].distance > d; k-- {
			near[k] = near[k-1]
		}
		near[k] = neighbor{i, d}
	}
}

// distance returns the squared distance of x and y, or part of it once that
// reaches enough.
func distance(x, y []float64, enough float64) float64 {
	const stride = 16 // between two looks at the sum
	sum := 0.0
	for len(x) > 0 && sum < enough {
		n := min(stride, len(x))
		for k, v := range x[:n] {
			d := v - y[k]
			sum += d * d
		}
		x, y = x[n:], y[n:]
	}
	return sum
}

// mean returns the weighted mean of the labels of near. Where some are at
// distance 0 they alone count.
func (p *Predictor) mean(near []neighbor) float64 {
	sum, total := 0.0, 0.0
	for _, n := range near {
		weight := 1.0
		if p.options.Weights == "distance" {
			if near[0].distance == 0 {
				if n.distance > 0 {
					break
				}
			} else {
				weight = 1 / math.Sqrt(n.distance)
			}
		}
		sum += weight * p.labels[n.row]
		total += weight
	}
	return sum / total
}
