// Package diff says what changed between two runs, from their records and
// manifests alone.
package diff

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/hypernas/hypernas/results"
	"github.com/hypernas/hypernas/results/stat"
	"github.com/hypernas/hypernas/results/table"
)

// kendallTau is the metric that is compared, as records call it.
const kendallTau = "kendall_tau"

// Cell is what is compared: the trials of one predictor with one budget on
// one space under one protocol, by the names that the runs gave them.
type Cell struct {
	Space     string
	Protocol  table.Protocol
	Predictor string
	Budget    int
}

// String names the cell.
func (c Cell) String() string {
	return fmt.Sprintf("%s on %s, budget %d, %s", c.Predictor, c.Space, c.Budget, c.Protocol)
}

// Row is one cell of both runs.
type Row struct {
	Cell
	A, B stat.Summary // of Kendall tau
	// Difference is B - A over the splits that both have, with its t interval;
	// unknown where a trial of either failed or tau is undefined in it.
	Difference stat.Difference
}

// Diff is what changed from run A to run B.
type Diff struct {
	Rows         []Row
	OnlyA, OnlyB []Cell
	// Changes are facts other than figures: identities, options, digests,
	// builds.
	Changes []string
}

// trials are those of one cell, all of the version that ran last.
type trials struct {
	space     results.SpaceRef
	predictor results.PredictorRef
	records   []results.Record
}

// Compare returns what changed from a to b. Of several versions of a space or
// predictor that one cell of a run has, the last record's counts.
func Compare(a, b *results.Run) *Diff {
	left, right := cells(a), cells(b)
	d := new(Diff)
	for _, c := range sorted(left) {
		if right[c] == nil {
			d.OnlyA = append(d.OnlyA, c)
			continue
		}
		x, y := taus(left[c].records), taus(right[c].records)
		d.Rows = append(d.Rows, Row{Cell: c, A: stat.Summarize(x), B: stat.Summarize(y), Difference: stat.Paired(y, x)})
		d.changes(c, left[c], right[c])
	}
	for _, c := range sorted(right) {
		if left[c] == nil {
			d.OnlyB = append(d.OnlyB, c)
		}
	}
	d.environments(a, b)
	return d
}

// cells returns the trials of a run by cell.
func cells(run *results.Run) map[Cell]*trials {
	of := make(map[Cell]*trials)
	for _, r := range run.Records {
		of[cellOf(&r)] = &trials{space: r.Space, predictor: r.Predictor}
	}
	for _, r := range results.Latest(run.Records) {
		t := of[cellOf(&r)]
		if t.space.Digest == r.Space.Digest && t.space.Label == r.Space.Label && t.space.Target == r.Space.Target &&
			t.predictor.Identity == r.Predictor.Identity && maps.Equal(t.predictor.Options, r.Predictor.Options) {
			t.records = append(t.records, r)
		}
	}
	return of
}

func cellOf(r *results.Record) Cell {
	return Cell{
		Space: r.Space.Alias, Protocol: table.ProtocolOf(r),
		Predictor: r.Predictor.Alias, Budget: r.Budget,
	}
}

func sorted(of map[Cell]*trials) []Cell {
	return slices.SortedFunc(maps.Keys(of), func(a, b Cell) int {
		return cmp.Or(
			strings.Compare(a.Space, b.Space), strings.Compare(a.Protocol.String(), b.Protocol.String()),
			cmp.Compare(a.Budget, b.Budget), strings.Compare(a.Predictor, b.Predictor),
		)
	})
}

func taus(records []results.Record) []stat.Trial {
	var values []stat.Trial
	for _, r := range records {
		tau, ok := r.Metrics[kendallTau]
		if !ok {
			tau = math.NaN()
		}
		values = append(values, stat.Trial{Split: r.Split, Value: tau, Failed: r.Failure != nil})
	}
	return values
}

// changes notes how the space and the predictor of a cell differ, each fact
// once.
func (d *Diff) changes(c Cell, a, b *trials) {
	note := func(what, from, to string) {
		text := fmt.Sprintf("%s: %s became %s", what, from, to)
		if from != to && !slices.Contains(d.Changes, text) {
			d.Changes = append(d.Changes, text)
		}
	}
	space, predictor := "space "+c.Space, "predictor "+c.Predictor
	note(space+", digest", a.space.Digest, b.space.Digest)
	note(space+", label", a.space.Label, b.space.Label)
	note(space+", target", a.space.Target, b.space.Target)
	note(predictor, a.predictor.Identity, b.predictor.Identity)
	note(predictor+", options", options(a.predictor.Options), options(b.predictor.Options))
}

// options returns options as the command line has them, or "none".
func options(o map[string]string) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(o)) {
		parts = append(parts, name+"="+o[name])
	}
	return cmp.Or(strings.Join(parts, ":"), "none")
}

// environments notes where the two ran differently.
func (d *Diff) environments(a, b *results.Run) {
	for _, fact := range []struct {
		name string
		of   func(*results.Environment) string
	}{
		{"system", func(e *results.Environment) string { return e.GOOS + "/" + e.GOARCH }},
		{"kernels", func(e *results.Environment) string { return e.Kernels }},
		{"hypernas executable", func(e *results.Environment) string { return e.Binary }},
		{"limits", func(e *results.Environment) string { return strings.Join(e.Limits, "; ") }},
	} {
		of := func(run *results.Run) string {
			values := make(map[string]bool)
			for i := range run.Records {
				values[fact.of(&run.Records[i].Environment)] = true
			}
			return strings.Join(slices.Sorted(maps.Keys(values)), " and ")
		}
		if from, to := of(a), of(b); from != to {
			d.Changes = append(d.Changes, fmt.Sprintf("%s: %s became %s", fact.name, from, to))
		}
	}
	if a.Manifest != nil && b.Manifest != nil && a.Manifest.Version != b.Manifest.Version {
		d.Changes = append(d.Changes, fmt.Sprintf("version: %s became %s", a.Manifest.Version, b.Manifest.Version))
	}
}
