package results_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hypernas/hypernas/results"
)

// whole is write for a run with a manifest that began on the given day, and
// names a space.
func whole(t *testing.T, created, space string, records ...*results.Record) (dir string) {
	t.Helper()
	dir = write(t, records...)
	w, _ := open(t, dir)
	defer w.Close()
	m := &results.Manifest{Created: created, Version: "of " + created, Spaces: []results.SpaceSummary{{SpaceRef: results.SpaceRef{Alias: space}}}}
	if err := w.WriteManifest(m); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestMergeKeepsEachTrialOnce(t *testing.T) {
	failed, costly, other := record(1), record(1), record(2)
	failed.Metrics, failed.Failure = nil, &results.Failure{Stage: "fit", Reason: "no"}
	costly.Cost.FitSeconds, costly.Environment.Binary, costly.Predictor.Alias = 7, "another", "q"
	a, b, c := whole(t, "2026-01-02", "late", record(1)), whole(t, "2026-01-01", "early", failed, other), whole(t, "2026-01-01", "early", costly)
	for _, dirs := range [][]string{{a, b, c}, {b, a, c}, {a, c, b}} {
		out := filepath.Join(t.TempDir(), "new", "merged")
		if err := results.Merge(t.Context(), out, dirs...); err != nil {
			t.Fatal(err)
		}
		run, err := results.Read(out)
		if err != nil || len(run.Damage) > 0 || len(run.Records) != 2 {
			t.Fatalf("got %+v, %v, want two trials", run, err)
		}
		for _, r := range run.Records {
			if r.Failure != nil || r.Predictor.Alias != "p" {
				t.Errorf("got %+v, want the first success", r)
			}
		}
		m := run.Manifest
		if m.Version != "of 2026-01-02" || m.Created != "2026-01-01" || len(m.Spaces) != 2 || m.Spaces[0].Alias != "late" {
			t.Errorf("got %+v, want the last run's, the first's date and the spaces of both", m)
		}
	}
}

// TestMergeKeepsWhatSaysMost: in any order of runs.
func TestMergeKeepsWhatSaysMost(t *testing.T) {
	failed, unsupported := record(1), record(1)
	failed.Metrics, failed.Predictions, failed.Failure = nil, nil, &results.Failure{Stage: "fit", Reason: "no"}
	unsupported.Metrics, unsupported.Predictions, unsupported.Failure = nil, nil, &results.Failure{Stage: "fit", Reason: "none", Unsupported: true}
	bad, none, good := whole(t, "1", "s", failed), whole(t, "1", "s", unsupported), whole(t, "1", "s", record(1))
	for _, tc := range []struct {
		want string
		dirs []string
	}{
		{"not supported", []string{bad, none}},
		{"not supported", []string{none, bad}},
		{"ok", []string{bad, none, good}},
		{"ok", []string{good, bad, none}},
		{"ok", []string{none, good, bad}},
	} {
		out := filepath.Join(t.TempDir(), "merged")
		if err := results.Merge(t.Context(), out, tc.dirs...); err != nil {
			t.Fatal(err)
		}
		run, err := results.Read(out)
		if err != nil || len(run.Records) != 1 || run.Records[0].Status() != tc.want {
			t.Errorf("got %+v, %v, want one that is %s", run, err, tc.want)
		}
	}
}

func TestMergeRefusesTwoResultsAndLeavesNothing(t *testing.T) {
	other := record(1)
	other.Metrics["kendall_tau"] += 1e-16
	parent := t.TempDir()
	err := results.Merge(t.Context(), filepath.Join(parent, "out"), whole(t, "1", "s", record(1)), whole(t, "2", "s", other))
	if err == nil || !strings.Contains(err.Error(), "trial "+key(1)+" (p on s, budget 20, split 1) has another result") {
		t.Errorf("got %v, want the trial's name", err)
	}
	entries, err := os.ReadDir(parent)
	if err != nil || slices.ContainsFunc(entries, os.DirEntry.IsDir) {
		t.Errorf("got %v, %v, want nothing", entries, err)
	}
}
