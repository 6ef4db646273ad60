package harness

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/hypernas/hypernas/harness/metric"
	"github.com/hypernas/hypernas/harness/split"
	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/results"
)

// Space is an open space.
type Space struct {
	Ref         Ref
	Description plugins.Description
	Info        plugins.SpaceInfo
	Source      plugins.Space
}

// readBlock is how many architectures are read from a space at a time: few
// enough for one message of a plugin, enough that the calls' own cost, some
// 0.1 ms, does not show.
const readBlock = 4096

// table is a space's data, read once and shared by all trials. Its rows are
// those of the space that have a label and a target.
type table struct {
	space      *Space // its label and target are those that the preset takes
	rows       []int  // of the space
	batch      plugins.Batch
	identities []plugins.Identity
	distinct   int                // identities of all rows of the space
	structures []plugins.Identity // nil unless the preset merges them
	label      []float64
	target     []float64
	summary    results.SpaceSummary
	warnings   []string // of labels and targets that stand in for others
}

// load reads the data of s as a preset wants it. Rows without a label or
// target are left out and counted; whatever else is not as plugins.Space
// promises is an error.
func load(ctx context.Context, s *Space, p *split.Preset) (*table, error) {
	t, err := read(ctx, s, p)
	if err != nil {
		return nil, fmt.Errorf("read space %s: %w", s.Ref.Alias, err)
	}
	return t, nil
}

func read(ctx context.Context, asked *Space, p *split.Preset) (*table, error) {
	if err := asked.Info.Validate(); err != nil {
		return nil, err
	}
	chosen := *asked
	t, s := &table{space: &chosen}, &chosen
	s.Info.Label, s.Info.Target, t.warnings = p.Columns(&asked.Info)
	label, err := readColumn(ctx, s, s.Info.Label)
	if err != nil {
		return nil, err
	}
	target, err := readColumn(ctx, s, s.Info.Target)
	if err != nil {
		return nil, err
	}
	for row := range label {
		if !math.IsNaN(label[row]) && !math.IsNaN(target[row]) {
			t.rows = append(t.rows, row)
			t.label = append(t.label, label[row])
			t.target = append(t.target, target[row])
		}
	}
	if len(t.rows) == 0 {
		return nil, errors.New("no row has a label and a target")
	}
	var all plugins.Batch
	var identities []plugins.Identity
	for lo := 0; lo < s.Info.Rows; lo += readBlock {
		hi := min(lo+readBlock, s.Info.Rows)
		b, ids, err := s.Source.Read(ctx, lo, hi)
		if err != nil {
			return nil, fmt.Errorf("rows %d to %d: %w", lo, hi, err)
		}
		if b.Len() != hi-lo || len(ids) != hi-lo {
			return nil, fmt.Errorf("rows %d to %d: %d networks and %d identities", lo, hi, b.Len(), len(ids))
		}
		if err := b.Validate(&s.Info.Vocabulary); err != nil {
			return nil, fmt.Errorf("rows from %d: %w", lo, err)
		}
		all.Networks = append(all.Networks, b.Networks...)
		all.Numbers = append(all.Numbers, b.Numbers...)
		identities = append(identities, ids...)
	}
	t.distinct = distinct(identities)
	t.batch, t.identities = all, identities
	if len(t.rows) < s.Info.Rows {
		t.batch, t.identities = all.Select(t.rows), nil
		for _, row := range t.rows {
			t.identities = append(t.identities, identities[row])
		}
	}
	if p.Merges() {
		t.structures = split.Structures(&t.batch, &s.Info.Vocabulary)
	}
	t.summary, err = t.describe(ctx)
	return t, err
}

// readColumn returns the column called name: finite values, or NaN where
// there is none.
func readColumn(ctx context.Context, s *Space, name string) ([]float64, error) {
	values, err := s.Source.Column(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("column %s: %w", name, err)
	}
	if len(values) != s.Info.Rows {
		return nil, fmt.Errorf("column %s: %d values for %d rows", name, len(values), s.Info.Rows)
	}
	for row, v := range values {
		if math.IsInf(v, 0) {
			return nil, fmt.Errorf("column %s: row %d is infinite", name, row)
		}
	}
	return values, nil
}

// distinct counts the different identities.
func distinct(identities []plugins.Identity) int {
	seen := make(map[plugins.Identity]bool, len(identities))
	for _, id := range identities {
		seen[id] = true
	}
	return len(seen)
}

// describe returns what tables say of the space.
func (t *table) describe(ctx context.Context) (results.SpaceSummary, error) {
	d, info := &t.space.Description, &t.space.Info
	s := results.SpaceSummary{
		SpaceRef: t.ref(), Version: d.Version, Summary: d.Summary, Source: d.Source,
		License: info.License, Citation: info.Citation,
		Rows: info.Rows, Identities: t.distinct, Excluded: info.Rows - len(t.rows),
		Notes:      append(append([]string(nil), d.Notes...), info.Notes...),
		TargetRuns: info.ColumnNamed(info.Target).Runs,
	}
	if s.Excluded > 0 {
		s.Notes = append(s.Notes, fmt.Sprintf("%d of %d architectures have no label or no target and are never drawn", s.Excluded, s.Rows))
	}
	if tau, ok := metric.KendallTauB(t.label, t.target); ok {
		s.LabelQuality = &tau
	}
	runs, err := t.runs(ctx)
	if err != nil {
		return s, err
	}
	if noise, ok := metric.Noise(runs); ok {
		s.Noise, s.NoiseRuns = &noise, len(runs)
		if rows := len(runs[0]); rows < len(t.rows) {
			s.Notes = append(s.Notes, fmt.Sprintf("Noise is that of the %d of %d architectures that have all %d runs.", rows, len(t.rows), len(runs)))
		}
		if ceiling, ok := metric.Ceiling(noise, s.TargetRuns); ok {
			s.Ceiling = &ceiling
		}
	}
	return s, nil
}

// runs returns the columns of single training runs that were measured as the
// target was (same data set, images and epochs): those that every row has, if
// they are two or more, else all of them for the rows that have them all, which
// may be a part that differs from the rest; the number of rows tells.
func (t *table) runs(ctx context.Context) ([][]float64, error) {
	info := &t.space.Info
	target := info.ColumnNamed(info.Target)
	var columns [][]float64
	for _, c := range info.Columns {
		if c.Runs != 1 || c.Dataset != target.Dataset || c.Split != target.Split || c.Epochs != target.Epochs || c.Unit != target.Unit {
			continue
		}
		values, err := readColumn(ctx, t.space, c.Name)
		if err != nil {
			return nil, err
		}
		columns = append(columns, values)
	}
	whole := slices.DeleteFunc(slices.Clone(columns), func(c []float64) bool {
		return slices.ContainsFunc(t.rows, func(row int) bool { return math.IsNaN(c[row]) })
	})
	if len(whole) >= 2 {
		columns = whole
	}
	runs := make([][]float64, len(columns))
	for _, row := range t.rows {
		whole := true
		for _, c := range columns {
			whole = whole && !math.IsNaN(c[row])
		}
		for i, c := range columns {
			if whole {
				runs[i] = append(runs[i], c[row])
			}
		}
	}
	return runs, nil
}

func (t *table) ref() results.SpaceRef {
	s := t.space
	return results.SpaceRef{
		Alias: s.Ref.Alias, Name: s.Ref.Name, Options: s.Ref.Options,
		Digest: s.Info.Digest, Label: s.Info.Label, Target: s.Info.Target,
	}
}

// choose returns values at the given rows.
func choose[T any](values []T, rows []int) []T {
	chosen := make([]T, len(rows))
	for k, row := range rows {
		chosen[k] = values[row]
	}
	return chosen
}
