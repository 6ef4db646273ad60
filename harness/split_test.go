package harness_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/hypernas/hypernas/harness"
	"github.com/hypernas/hypernas/results"
)

func TestLabelAndTargetAreThePresets(t *testing.T) {
	s := space(t, "toy", &toy{rows: 90})
	for preset, want := range map[string]struct {
		label, target      string
		testRows, overlaps int
	}{
		"clean":     {"label", "target", 85, 0},
		"pinat":     {"label", "target", 90, 5},
		"narformer": {"label", "target", 90, 5},
		"tagates":   {"label", "label", 45, 0},
	} {
		p := plan()
		p.Preset, p.Splits, p.Seeds, p.Budgets = preset, 1, 1, []int{5}
		dir := t.TempDir()
		run(t, p, dir, 1, []harness.Space{s}, predictor("a", new(fake)))
		r := records(t, dir)[0]
		if r.Space.Label != want.label || r.Space.Target != want.target || r.TestRows != want.testRows || r.Overlap != want.overlaps {
			t.Errorf("%s: got %s, %s, %d test rows, overlap %d, want %+v", preset, r.Space.Label, r.Space.Target, r.TestRows, r.Overlap, want)
		}
		standIn := slices.ContainsFunc(r.Warnings, func(w string) bool { return strings.Contains(w, "mean validation accuracy") })
		if standIn != (preset == "narformer") {
			t.Errorf("%s: got warnings %q", preset, r.Warnings)
		}
	}
}

func TestARunFollowsAFileOfSplits(t *testing.T) {
	s := space(t, "toy", &toy{rows: 90, shared: true, holes: true})
	spaces := []harness.Space{s}
	f, err := harness.ExportSplits(t.Context(), plan(), &s)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := f.Write(&b); err != nil {
		t.Fatal(err)
	}
	drawn, dir := t.TempDir(), t.TempDir()
	run(t, plan(), drawn, 1, spaces, predictor("a", new(fake)))
	given := plan()
	given.Splits = 0
	if err := given.UseSplits("splits.json", b.Bytes()); err != nil {
		t.Fatal(err)
	}
	if plan().Digest() == given.Digest() {
		t.Error("the file does not change the plan's digest")
	}
	if got := run(t, given, dir, 1, spaces, predictor("a", new(fake))); got.Ran != 6 || given.Splits != 3 {
		t.Errorf("got %+v of %d splits, want the file's 3 splits of 2 budgets", got, given.Splits)
	}
	byTrial := func(a, b results.Record) int { return (a.Split-b.Split)*100 + a.Budget - b.Budget }
	want, got := records(t, drawn), records(t, dir)
	slices.SortFunc(want, byTrial)
	slices.SortFunc(got, byTrial)
	for i := range want {
		if want[i].Predictions.SHA256 != got[i].Predictions.SHA256 {
			t.Errorf("split %d, budget %d: other predictions than on the same rows drawn", want[i].Split, want[i].Budget)
		}
		if want[i].Key == got[i].Key || want[i].SplitSHA256 != "" || got[i].SplitSHA256 != f.SHA256 {
			t.Errorf("got keys %s and %s, and hashes %q and %q", want[i].Key, got[i].Key, want[i].SplitSHA256, got[i].SplitSHA256)
		}
	}

	for wanted, spoil := range map[string]func(p *harness.Plan){
		"are of preset clean, not uniform":      func(p *harness.Plan) { p.Preset = "uniform" },
		"are of --test 0, not 10":               func(p *harness.Plan) { p.Test = 10 },
		"no more than 3":                        func(p *harness.Plan) { p.Splits = 4 },
		"no budget 6: there are 5, 10":          func(p *harness.Plan) { p.Budgets = []int{6} },
		"one space":                             func(p *harness.Plan) { p.Spaces = append(p.Spaces, harness.Ref{Alias: "more", Name: "more"}) },
		"splits.json: the splits are of anothe": func(*harness.Plan) { spaces[0].Info.Digest = strings.Repeat("0", 64) },
	} {
		p := plan()
		if err := p.UseSplits("splits.json", b.Bytes()); err != nil {
			t.Fatal(err)
		}
		spoil(p)
		_, err := harness.Run(t.Context(), p, spaces, []harness.Predictor{predictor("a", new(fake))}, harness.Options{Dir: t.TempDir(), Workers: 1})
		if !errors.Is(err, harness.ErrPlan) || !strings.Contains(err.Error(), wanted) {
			t.Errorf("got %v, want %q", err, wanted)
		}
		spaces[0].Info.Digest = s.Info.Digest
	}
	if err := plan().UseSplits("splits.json", []byte("{")); !errors.Is(err, harness.ErrPlan) || !strings.Contains(err.Error(), "splits.json: ") {
		t.Errorf("got %v, want the file's name", err)
	}
}
