package harness_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/hypernas/hypernas/harness"
	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/results"
)

// verify returns the findings on the run in dir, of which s is the space; nil
// stands for a space that can't be had.
func verify(t *testing.T, dir string, s *harness.Space) []string {
	t.Helper()
	v, err := harness.Verify(t.Context(), dir, harness.VerifyOptions{
		Open: func(context.Context, *results.SpaceRef) (*harness.Space, func() error, error) {
			if s == nil {
				return nil, nil, errors.New("no data")
			}
			return s, func() error { return nil }, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, f := range v.Findings {
		texts = append(texts, f.String())
	}
	return texts
}

// altered is a space whose target has other bits, and whose digest doesn't
// tell.
type altered struct {
	plugins.Space
	row int
	bit uint
}

func (a altered) Column(ctx context.Context, name string) ([]float64, error) {
	values, err := a.Space.Column(ctx, name)
	if name == "target" {
		values[a.row] = math.Float64frombits(math.Float64bits(values[a.row]) ^ 1<<a.bit)
	}
	return values, err
}

func TestVerifyNamesTrialsOfATargetThatChanged(t *testing.T) {
	s := space(t, "toy", &toy{rows: 90, shared: true, holes: true})
	dir := t.TempDir()
	run(t, plan(), dir, 1, []harness.Space{s}, predictor("a", new(fake)))
	if got := verify(t, dir, &s); len(got) > 0 {
		t.Fatalf("an untouched run does not hold: %q", got)
	}
	// A high bit, which the rounding of no metric can hide.
	changed := s
	changed.Source = altered{Space: s.Source, row: 77, bit: 62}
	found := verify(t, dir, &changed)
	for _, r := range records(t, dir) {
		p, err := results.ReadPredictions(dir, *r.Predictions)
		if err != nil {
			t.Fatal(err)
		}
		named := slices.ContainsFunc(found, func(f string) bool {
			return strings.HasPrefix(f, "trial "+r.Key+" (a on toy, budget ") && strings.Contains(f, "rmse is ")
		})
		if want := slices.Contains(p.Rows, 77); named != want {
			t.Errorf("split %d, budget %d: named is %v, and its test rows hold the changed one: %v\n%q", r.Split, r.Budget, named, want, found)
		}
	}
}

func TestVerifyChecksTheRestWithoutASpace(t *testing.T) {
	s := space(t, "toy", &toy{rows: 90})
	dir := t.TempDir()
	run(t, plan(), dir, 1, []harness.Space{s}, predictor("a", new(fake)))
	got := verify(t, dir, nil)
	if len(got) != 1 || !strings.HasPrefix(got[0], "not checked: space toy: splits and metrics of its 6 trials") {
		t.Errorf("got %q, want one finding of the space", got)
	}
}

func TestVerifyNamesWhatARecordCannotBe(t *testing.T) {
	s := space(t, "toy", &toy{rows: 90, shared: true})
	for want, spoil := range map[string]func(r *results.Record){
		"there is no such trial: unknown preset":               func(r *results.Record) { r.Preset = "cleen" },
		"damaged record: budget 5, split -1":                   func(r *results.Record) { r.Split = -1 },
		"there is no such trial: pool nontest needs":           func(r *results.Record) { r.Pool = "nontest" },
		"overlap is 3 in the record, 0 in the split":           func(r *results.Record) { r.Overlap = 3 },
		"it failed, and has metrics":                           func(r *results.Record) { r.Failure = &results.Failure{Stage: "fit"} },
		"it names no predictions":                              func(r *results.Record) { r.Predictions = nil },
		"mae is not in the record, ":                           func(r *results.Record) { delete(r.Metrics, "mae") },
		"luck is 1 in the record, undefined from":              func(r *results.Record) { r.Metrics["luck"] = 1 },
		"label and target are target and target in the record": func(r *results.Record) { r.Space.Label = "target" },
		"its key is ": func(r *results.Record) { r.Seed++ },
		"it does not describe predictor a, builtin:fake@7":      func(r *results.Record) { r.Predictor.Identity = "builtin:fake@7" },
		"there are predictions for 40 rows, and test_rows is 1": func(r *results.Record) { r.TestRows = 1 },
		"its predictions are said to be ../secret.npy, not":     func(r *results.Record) { r.Predictions.Path = "../secret.npy" },
		"lie outside the run's folder":                          func(r *results.Record) { r.Predictions.Path = "../secret.npy" },
	} {
		dir := t.TempDir()
		p := plan()
		p.Budgets, p.Splits = []int{5}, 1
		run(t, p, dir, 1, []harness.Space{s}, predictor("a", new(fake)))
		w, held, err := results.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		r := held.Records[0]
		spoil(&r)
		if err := errors.Join(w.Append(&r), w.Close()); err != nil {
			t.Fatal(err)
		}
		got := verify(t, dir, &s)
		if !slices.ContainsFunc(got, func(f string) bool { return strings.Contains(f, want) }) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
