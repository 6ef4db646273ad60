package harness

import (
	"context"
	"fmt"

	"github.com/hypernas/hypernas/harness/split"
	"github.com/hypernas/hypernas/results"
)

// Summarize reads all data of a space and returns what manifests say of it:
// its size, and the quality, noise and ceiling of its labels.
func Summarize(ctx context.Context, s *Space) (results.SpaceSummary, error) {
	t, err := load(ctx, s, new(split.Preset)) // label and target are the space's own
	if err != nil {
		return results.SpaceSummary{}, err
	}
	return t.summary, nil
}

// ExportSplits returns the splits of a plan on a space, for every budget; of
// its predictors it reads nothing. The error wraps ErrPlan where plan and
// space don't fit.
func ExportSplits(ctx context.Context, p *Plan, s *Space) (*split.File, error) {
	if err := p.validateSplits(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPlan, err)
	}
	preset, err := split.Lookup(p.Preset)
	if err != nil {
		return nil, err
	}
	t, err := load(ctx, s, &preset)
	if err != nil {
		return nil, err
	}
	if err := t.check(p); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPlan, err)
	}
	f := &split.File{Version: split.FileVersion, Space: s.Info.Digest, Preset: p.Preset, Seed: p.Seed, Test: p.Test}
	for number := range p.Splits {
		drawn, err := t.draw(p, number)
		if err != nil {
			return nil, err
		}
		of := split.FileSplit{Number: number}
		for _, budget := range p.Budgets {
			of.Sets = append(of.Sets, drawn.Set(budget, t.rows))
		}
		f.Splits = append(f.Splits, of)
	}
	f.SHA256 = f.Sum()
	return f, nil
}
