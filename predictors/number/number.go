// Package number predicts by one number of an architecture that is known
// without training. Larger networks tend to be better ones, so parameters and
// FLOPs are baselines that cost no label, and on several spaces strong ones.
package number

import (
	"context"
	"fmt"

	"github.com/hypernas/hypernas/plugins"
)

// Version rises whenever the predictors' values change.
const Version = 1

// Predictor values an architecture by one of the numbers that its space
// gives, larger being better.
type Predictor struct {
	number, summary string
	column, columns int // of the number, of how many; column is -1 before Fit
}

var _ plugins.Predictor = (*Predictor)(nil)

// Params returns the predictor that counts parameters.
func Params() *Predictor {
	return &Predictor{number: plugins.NumberParams, summary: "the number of trainable parameters", column: -1}
}

// FLOPs returns the predictor that counts multiply-adds.
func FLOPs() *Predictor {
	return &Predictor{number: plugins.NumberFLOPs, summary: "the multiply-adds of a forward pass", column: -1}
}

// Describe implements [plugins.Predictor].
func (p *Predictor) Describe(context.Context) (plugins.Description, error) {
	return plugins.Description{
		Name:    p.number,
		Version: Version,
		Summary: p.summary + ", larger first",
		Source:  "none: the baseline of zero-cost proxies",
		Notes:   []string{"uses no labels"},
		Options: plugins.DescribeOptions(struct{}{}),
	}, nil
}

// Fit implements [plugins.Predictor]. It returns an error wrapping
// [plugins.ErrUnsupported] where the space does not give the number.
func (p *Predictor) Fit(_ context.Context, t *plugins.Training) (plugins.Fitted, error) {
	if err := plugins.SetOptions(&struct{}{}, t.Options); err != nil {
		return plugins.Fitted{}, fmt.Errorf("fit %s: %w", p.number, err)
	}
	column := t.Vocabulary.NumberIndex(p.number)
	if column < 0 {
		return plugins.Fitted{}, fmt.Errorf("fit %s: %w: the space does not give this number of its architectures; %s",
			p.number, plugins.ErrUnsupported, given(t.Vocabulary.Numbers))
	}
	p.column, p.columns = column, len(t.Vocabulary.Numbers)
	return plugins.Fitted{}, nil
}

// Predict implements [plugins.Predictor]. It returns an error wrapping
// [plugins.ErrUnsupported] for an architecture whose number is not known.
func (p *Predictor) Predict(_ context.Context, b *plugins.Batch) ([]float64, error) {
	if p.column < 0 {
		return nil, fmt.Errorf("predict with %s: %w", p.number, plugins.ErrNotFitted)
	}
	if len(b.Numbers) != b.Len()*p.columns {
		return nil, fmt.Errorf("predict with %s: %w: %d numbers for %d architectures", p.number, plugins.ErrInput, len(b.Numbers), b.Len())
	}
	values := make([]float64, b.Len())
	for i := range values {
		values[i] = b.Row(i)[p.column]
		if !known(values[i]) {
			return nil, fmt.Errorf("predict with %s: %w: row %d of the block has no such number", p.number, plugins.ErrUnsupported, i)
		}
	}
	return values, nil
}
