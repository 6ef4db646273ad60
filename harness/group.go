package harness

import (
	"fmt"
	"slices"
	"sync"

	"github.com/hypernas/hypernas/harness/split"
	"github.com/hypernas/hypernas/plugins"
)

// group is a set of trials with the same training and test rows: one space,
// split and budget. They share what they hand to predictors, which is made
// for the first of them and let go after the last.
type group struct {
	plan   *Plan
	table  *table
	number int // of the split
	budget int

	mu   sync.Mutex
	left int // trials that have not ended
	made *samples
}

// samples is what the trials of a group train and test on.
type samples struct {
	train    plugins.Batch
	labels   []float64
	test     plugins.Batch
	target   []float64
	testRows []int // of the space
	overlap  int
	warnings []string
	pool     pool
}

func (g *group) samples() (*samples, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.made != nil {
		return g.made, nil
	}
	drawn, err := g.table.draw(g.plan, g.number)
	if err != nil {
		return nil, err
	}
	t, train, test := g.table, drawn.Train(g.budget), drawn.Test(g.budget)
	g.made = &samples{
		train: t.batch.Select(train), labels: choose(t.label, train),
		test: t.batch.Select(test), target: choose(t.target, test), testRows: choose(t.rows, test),
		overlap: drawn.Overlap(g.budget), warnings: slices.Concat(t.warnings, drawn.Warnings()),
		pool: newPool(t, drawn, g.plan.Pool),
	}
	return g.made, nil
}

// draw draws the split with the given number, or takes it from the plan's
// file.
func (t *table) draw(p *Plan, number int) (drawn *split.Split, err error) {
	if p.splits != nil {
		if drawn, err = p.splits.Split(number, t.space.Info.Digest, t.rows, t.identities); err != nil {
			return nil, fmt.Errorf("space %s: %s: %w", t.space.Ref.Alias, p.SplitFile, err)
		}
		return drawn, nil
	}
	drawn, err = split.Draw(split.Request{
		Preset: p.Preset, Seed: p.Seed, Number: number, Test: p.Test, Structures: t.structures,
	}, t.identities)
	if err != nil {
		return nil, fmt.Errorf("space %s: %w", t.space.Ref.Alias, err)
	}
	return drawn, nil
}

// check returns an error unless the plan's budgets fit the space.
func (t *table) check(p *Plan) error {
	splits := 1 // those of a preset are of one size
	if p.splits != nil {
		splits = p.Splits
	}
	for number := range splits {
		drawn, err := t.draw(p, number)
		if err != nil {
			return err
		}
		for _, budget := range p.Budgets {
			if err := drawn.Check(budget); err != nil {
				return fmt.Errorf("space %s: %w", t.space.Ref.Alias, err)
			}
		}
	}
	return nil
}

// end counts one trial of the group as ended.
func (g *group) end() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.left--; g.left == 0 {
		g.made = nil
	}
}
