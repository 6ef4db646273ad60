package results_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/hypernas/hypernas/results"
)

// record returns a successful record whose key and metrics say n.
func record(n int) *results.Record {
	return &results.Record{
		Schema: results.SchemaVersion, Key: key(n),
		Space:     results.SpaceRef{Alias: "s", Name: "bundled", Options: map[string]string{"k": "v"}, Digest: "d", Label: "l", Target: "t"},
		Predictor: results.PredictorRef{Alias: "p", Name: "np", Identity: "builtin:np@1"},
		Preset:    "clean", Pool: "all", Budget: 20, Split: n, TrainRows: 20, TestRows: 5,
		Metrics:     map[string]float64{"kendall_tau": float64(n) / 3},
		Environment: results.Environment{Limits: []string{"memory 4 GiB"}},
	}
}

func key(n int) string { return fmt.Sprintf("%064x", n) }

func open(t *testing.T, dir string) (*results.Writer, *results.Run) {
	t.Helper()
	w, run, err := results.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return w, run
}

// write makes a run of the given records in a new folder.
func write(t *testing.T, records ...*results.Record) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "run")
	w, run := open(t, dir)
	if len(run.Records)+len(run.Damage) != 0 {
		t.Fatalf("a new run holds %v, %v", run.Records, run.Damage)
	}
	for _, r := range records {
		if err := w.Append(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestRecordsComeBack(t *testing.T) {
	failed := record(2)
	failed.Metrics, failed.Failure = nil, &results.Failure{Stage: "fit", Reason: "no", Log: "a\nb\u2028\x00"}
	want := []results.Record{*record(1), *failed}
	run, err := results.Read(write(t, &want[0], &want[1]))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(run.Records, want) {
		t.Errorf("got %+v, want %+v", run.Records, want)
	}
	if len(run.Damage) != 1 || !strings.Contains(run.Damage[0].String(), "manifest.json: missing") {
		t.Errorf("got damage %v, want a missing manifest", run.Damage)
	}
}

func TestDamageIsNamedAndTheRestIsRead(t *testing.T) {
	dir := write(t, record(1), record(2), record(3))
	path := filepath.Join(dir, "records.jsonl")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(data, []byte("\n"))
	newer := bytes.Replace(lines[1], []byte(`"schema":1`), []byte(`"schema":9,"budget":"twenty"`), 1)
	keyless := bytes.Replace(lines[1], []byte(key(2)), []byte("../../x"), 1)
	damaged := bytes.Join([][]byte{lines[0], []byte("{\"schema\":1,\n"), newer, keyless, lines[1], []byte("[]\n"), lines[2][:50]}, nil)
	if err := os.WriteFile(path, damaged, 0o644); err != nil {
		t.Fatal(err)
	}
	run, err := results.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(run.Records) != 2 || run.Records[0].Split != 1 || run.Records[1].Split != 2 {
		t.Errorf("got %d records, want the two whole ones", len(run.Records))
	}
	want := []string{
		"records.jsonl:2: damaged", "records.jsonl:3: record form 9 is newer", "records.jsonl:4: damaged record: key",
		"records.jsonl:6: damaged", "records.jsonl:7: the line has no end",
	}
	for i, w := range want {
		if i >= len(run.Damage) || !strings.Contains(run.Damage[i].String(), w) {
			t.Errorf("got damage %v, want number %d to say %q", run.Damage, i, w)
		}
	}
}

func TestALineCutShortIsRemovedByTheNextRun(t *testing.T) {
	dir := write(t, record(1), record(2))
	path := filepath.Join(dir, "records.jsonl")
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	// Without its newline alone, too: it may be the first part of a longer one.
	for _, cut := range []int64{1, 100} {
		if err := os.Truncate(path, info.Size()-cut); err != nil {
			t.Fatal(err)
		}
		w, run := open(t, dir)
		if len(run.Records) != 1 || len(run.Damage) == 0 || !strings.Contains(run.Damage[0].String(), ":2: the line has no end") {
			t.Errorf("cut by %d: got %d records, damage %v", cut, len(run.Records), run.Damage)
		}
		if err := w.Append(record(2)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		again, err := results.Read(dir)
		if err != nil || len(again.Records) != 2 {
			t.Errorf("cut by %d: got %v, %v, want both records", cut, again, err)
		}
	}
}

func TestLatestRecordOfAKeyCounts(t *testing.T) {
	second := record(1)
	second.Seed = 5
	got := results.Latest([]results.Record{*record(1), *record(2), *second})
	if len(got) != 2 || got[0].Seed != 5 || got[1].Split != 2 {
		t.Errorf("got %+v", got)
	}
}

func TestAFolderIsHeldByOneRun(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	w, _ := open(t, dir)
	if _, _, err := results.Open(dir); !errors.Is(err, results.ErrHeld) || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %v, want one line that wraps ErrHeld", err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	w, _ = open(t, dir)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestForeignFoldersAreRefused(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "thesis.tex"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "thesis.tex")
	for _, d := range []string{dir, file, filepath.Join(file, "run")} {
		if _, _, err := results.Open(d); !errors.Is(err, results.ErrFolder) {
			t.Errorf("%s: got %v, want ErrFolder", d, err)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("got %v, %v: something was written", entries, err)
	}
	if _, err := results.Read(dir); err == nil || !strings.Contains(err.Error(), "holds no run") {
		t.Errorf("got %v, want that there is no run", err)
	}
	if runtime.GOOS == "linux" && os.Getuid() != 0 {
		locked := filepath.Join(dir, "locked")
		if err := os.Mkdir(locked, 0o500); err != nil {
			t.Fatal(err)
		}
		if _, _, err := results.Open(locked); !errors.Is(err, results.ErrFolder) {
			t.Errorf("got %v, want ErrFolder", err)
		}
	}
}

// Source: testdata/npy.py (numpy 1.24).
func TestPredictionsAreWhatNumpySaves(t *testing.T) {
	want, err := os.ReadFile("testdata/predictions.npy")
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "run")
	w, _ := open(t, dir)
	defer w.Close()
	p := &results.Predictions{Rows: []int{7, 0, 4294967295}, Values: []float64{.1, -2.5e300, 93.75}}
	ref, err := w.WritePredictions(key(1), p)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(dir, ref.Path))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	back, err := results.ReadPredictions(dir, *ref)
	if err != nil || !reflect.DeepEqual(back, p) {
		t.Errorf("got %v, %v, want %v", back, err, p)
	}
	for _, n := range []int{0, 1, 99, 100_000} {
		p := &results.Predictions{Rows: make([]int, n), Values: make([]float64, n)}
		ref, err := w.WritePredictions(key(2), p)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := results.ReadPredictions(dir, *ref); err != nil || !reflect.DeepEqual(back, p) {
			t.Errorf("%d rows: %v", n, err)
		}
	}
	bad := *ref
	bad.SHA256 = key(0)
	if _, err := results.ReadPredictions(dir, bad); err == nil || !strings.Contains(err.Error(), "SHA-256") {
		t.Errorf("got %v, want that the hash differs", err)
	}
	bad.Path = "../x.npy"
	if _, err := results.ReadPredictions(dir, bad); err == nil || !strings.Contains(err.Error(), "outside") {
		t.Errorf("got %v, want that the path leads outside", err)
	}
}

func TestWhatAKilledRunWasWritingIsRemoved(t *testing.T) {
	dir := write(t, record(1))
	for _, name := range []string{"predictions/" + key(1) + ".npy.tmp", "manifest.json.tmp"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("half"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	w, _ := open(t, dir)
	defer w.Close()
	left, err := filepath.Glob(filepath.Join(dir, "*", "*.tmp"))
	if err != nil || len(left) != 0 {
		t.Errorf("got %v, %v, want nothing", left, err)
	}
}

func TestManifestKeepsWhatEarlierRunsSaid(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	w, _ := open(t, dir)
	defer w.Close()
	space := func(alias string, rows int) results.SpaceSummary {
		return results.SpaceSummary{SpaceRef: results.SpaceRef{Alias: alias}, Rows: rows}
	}
	predictor := func(alias, epochs string) results.PredictorSummary {
		return results.PredictorSummary{PredictorRef: results.PredictorRef{Alias: alias, Options: map[string]string{"epochs": epochs}}}
	}
	for _, m := range []*results.Manifest{
		{Created: "first", Plan: []byte("{}"), Spaces: []results.SpaceSummary{space("a", 1), space("b", 1)}, Predictors: []results.PredictorSummary{predictor("p", "1")}},
		{Created: "second", Plan: []byte("[]"), Spaces: []results.SpaceSummary{space("b", 2)}, Predictors: []results.PredictorSummary{predictor("p", "2")}},
	} {
		if err := w.WriteManifest(m); err != nil {
			t.Fatal(err)
		}
	}
	m, err := results.ReadManifest(dir)
	if err != nil {
		t.Fatal(err)
	}
	if m.Created != "first" || string(m.Plan) != "[]" {
		t.Errorf("got created %s, plan %s", m.Created, m.Plan)
	}
	if want := []results.SpaceSummary{space("b", 2), space("a", 1)}; !reflect.DeepEqual(m.Spaces, want) {
		t.Errorf("got spaces %+v, want %+v", m.Spaces, want)
	}
	if len(m.Predictors) != 2 {
		t.Errorf("got predictors %+v, want both variants", m.Predictors)
	}
}

// Whatever a file holds, every line of it is a record, damage or empty.
func FuzzReadRecords(f *testing.F) {
	f.Add([]byte("{\"schema\":1,\"key\":\"" + key(1) + "\"}\n"))
	f.Add([]byte("{\"schema\":2}\n{\"schema\":1,\"key\":\"\"}\nnull\n{\"sche"))
	f.Fuzz(func(t *testing.T, data []byte) {
		records, damage, err := results.ReadRecords(bytes.NewReader(data), "f")
		if err != nil {
			t.Fatal(err)
		}
		lines := bytes.Count(data, []byte("\n"))
		if len(data) > 0 && data[len(data)-1] != '\n' {
			lines++
		}
		if got := len(records) + len(damage); got != lines {
			t.Errorf("got %d records and pieces of damage, want %d", got, lines)
		}
	})
}
