// Package ridge is ridge regression on the one-hot encoding of an
// architecture and, where its choices are numbers, on the work that they come
// to: the simplest predictor that learns from labels, and the one that a more
// elaborate one should be compared with first.
package ridge

import (
	"context"
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/predictors/feature"
)

// Version rises whenever predictions with equal options change.
const Version = 1

// options are what a user may choose.
type options struct {
	Features string  `option:"features" doc:"set of features" choices:"onehot,path,graph,groups"`
	Label    string  `option:"label" doc:"transform of the labels before the fit" choices:"rank-gauss,z-score,raw"`
	Alpha    float64 `option:"alpha" doc:"penalty on the squared weights; 0 chooses it by leave-one-out error"`
}

// defaults: rank-Gauss labels, since a few diverged or tiny architectures lie
// so far below the others that they would drive the fit (NAS-Bench-201, 78
// labels: tau .56 against .36 with z-scores).
func defaults() options { return options{Features: "onehot", Label: "rank-gauss"} }

// alphas are the penalties that leave-one-out error chooses among: half
// decades from 1e-3 to 1e4, largest first, so that the larger of two equally
// good ones is taken.
func alphas() []float64 {
	list := make([]float64, 15)
	for i := range list {
		list[i] = math.Pow(10, 4-float64(i)/2)
	}
	return list
}

// Predictor is ridge regression with an intercept that is not penalized.
type Predictor struct {
	set       *feature.Set // nil before Fit
	weights   []float64
	intercept float64
}

var _ plugins.Predictor = (*Predictor)(nil)

// New returns the predictor.
func New() *Predictor { return &Predictor{} }

// Describe implements [plugins.Predictor].
func (*Predictor) Describe(context.Context) (plugins.Description, error) {
	return plugins.Description{
		Name:    "ridge",
		Version: Version,
		Summary: "ridge regression on one-hot operations and, in chains of blocks, on their work",
		Source:  "Hoerl and Kennard, Technometrics 12(1), 1970",
		Notes: []string{
			"edges and attributes that vary are encoded beside the operations",
			"where repeats or attributes vary, two groups of columns stand beside those: the logarithm of each operation's work (the product of its numbers), and totals of work over all operations of a kind; each group has the variance of the one-hot columns in sum",
			"dead operations are not removed from the set onehot; columns of every set are penalized as they come, centered and not scaled",
		},
		Options: plugins.DescribeOptions(defaults()),
	}, nil
}

// Fit implements [plugins.Predictor].
func (p *Predictor) Fit(ctx context.Context, t *plugins.Training) (plugins.Fitted, error) {
	fitted, err := p.fit(ctx, t)
	if err != nil {
		return plugins.Fitted{}, fmt.Errorf("fit ridge: %w", err)
	}
	return fitted, nil
}

func (p *Predictor) fit(ctx context.Context, t *plugins.Training) (plugins.Fitted, error) {
	o := defaults()
	if err := plugins.SetOptions(&o, t.Options); err != nil {
		return plugins.Fitted{}, err
	}
	if o.Alpha < 0 {
		return plugins.Fitted{}, fmt.Errorf("%w: alpha=%v; it takes a number from 0", plugins.ErrOption, o.Alpha)
	}
	n := t.Batch.Len()
	if err := feature.CheckLabels(t.Labels, n); err != nil {
		return plugins.Fitted{}, err
	}
	set, err := feature.NewSet(ctx, o.Features, &t.Vocabulary, &t.Batch)
	if err != nil {
		return plugins.Fitted{}, err
	}
	y := make([]float64, n)
	feature.LabelsTo(y, t.Labels, o.Label)
	var warnings []string
	weights, intercept := []float64{0}, floats.Sum(y)/float64(n)
	if set.Dim() > 0 {
		x, err := set.Dense(ctx, &t.Batch)
		if err != nil {
			return plugins.Fitted{}, err
		}
		if weights, intercept, err = solve(ctx, x, y, o.Alpha); err != nil {
			return plugins.Fitted{}, err
		}
	} else {
		warnings = append(warnings, feature.AllAlike)
	}
	p.set, p.weights, p.intercept = set, weights, intercept
	return plugins.Fitted{Warnings: warnings}, nil
}

// solve minimizes |y - x w - b|^2 + alpha |w|^2 over the weights w and the
// intercept b. x has a row an observation; it is overwritten. With alpha = 0
// it takes the one of alphas whose leave-one-out error is least.
//
// With the columns of x centered and x = U S V', the fit is H y,
// H = 1/n + U S^2/(S^2+alpha) U', and the error of a row left out is its
// residual divided by 1 - H_ii (Hastie et al., The Elements of Statistical
// Learning, equation 7.64).
func solve(ctx context.Context, x *mat.Dense, y []float64, alpha float64) (weights []float64, intercept float64, err error) {
	n, d := x.Dims()
	means := make([]float64, d)
	for i := range n {
		floats.AddScaled(means, 1/float64(n), x.RawRowView(i))
	}
	for i := range n {
		floats.Sub(x.RawRowView(i), means)
	}
	mean := floats.Sum(y) / float64(n)
	centered := make([]float64, n)
	for i := range y {
		centered[i] = y[i] - mean
	}
	svd, err := factorize(ctx, x)
	if err != nil {
		return nil, 0, err
	}
	var u, v mat.Dense
	svd.UTo(&u)
	svd.VTo(&v)
	s := svd.Values(nil)
	uy := make([]float64, len(s)) // U' y
	for i := range n {
		floats.AddScaled(uy, centered[i], u.RawRowView(i))
	}
	if alpha == 0 {
		alpha = leaveOneOut(&u, s, uy, centered)
	}
	weights = make([]float64, d)
	for k := range s {
		uy[k] *= s[k] / (s[k]*s[k] + alpha)
	}
	for j := range d {
		weights[j] = floats.Dot(v.RawRowView(j), uy)
	}
	return weights, mean - floats.Dot(means, weights), nil
}

// factorize returns the thin singular value decomposition of x. It returns as
// soon as the context is done; the decomposition, which can't be stopped and
// takes seconds for thousands of rows of hundreds of columns, then goes on
// unheard, on an x that nobody else may use.
func factorize(ctx context.Context, x *mat.Dense) (*mat.SVD, error) {
	svd := new(mat.SVD)
	converged := make(chan bool, 1)
	go func() { converged <- svd.Factorize(x, mat.SVDThin) }()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case ok := <-converged:
		if !ok {
			return nil, errors.New("singular value decomposition did not converge")
		}
		return svd, ctx.Err()
	}
}

// leaveOneOut returns the penalty whose summed squared leave-one-out error is
// least.
func leaveOneOut(u *mat.Dense, s, uy, centered []float64) float64 {
	list := alphas()
	best, least := list[0], math.Inf(1)
	for _, alpha := range list {
		sum := 0.0
		for i := range centered {
			fit, leverage := 0.0, 1/float64(len(centered))
			for k, u := range u.RawRowView(i) {
				shrink := s[k] * s[k] / (s[k]*s[k] + alpha)
				fit += u * shrink * uy[k]
				leverage += u * u * shrink
			}
			e := (centered[i] - fit) / (1 - leverage)
			sum += e * e
		}
		if sum < least {
			best, least = alpha, sum
		}
	}
	return best
}

// Predict implements [plugins.Predictor]. Values are on the scale of the
// transformed labels.
func (p *Predictor) Predict(ctx context.Context, b *plugins.Batch) ([]float64, error) {
	if p.set == nil {
		return nil, fmt.Errorf("predict with ridge: %w", plugins.ErrNotFitted)
	}
	values := make([]float64, b.Len())
	err := p.set.Blocks(ctx, b, func(lo int, x *mat.Dense) {
		for i := range x.RawMatrix().Rows {
			values[lo+i] = p.intercept + floats.Dot(x.RawRowView(i), p.weights)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("predict with ridge: %w", err)
	}
	return values, nil
}
