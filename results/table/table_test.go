package table_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/hypernas/hypernas/results"
	"github.com/hypernas/hypernas/results/stat"
	"github.com/hypernas/hypernas/results/table"
)

var update = flag.Bool("update", false, "write the golden files of testdata anew")

// record is one invented trial of a predictor with the given skill.
func record(predictor string, skill float64, budget, split int) results.Record {
	random := rand.New(rand.NewPCG(uint64(budget), uint64(split)))
	tau := skill + .12*math.Log10(float64(budget)/20) + .02*random.NormFloat64()
	return results.Record{
		Schema: results.SchemaVersion,
		Key:    fmt.Sprint(predictor, "/", budget, "/", split),
		Space:  results.SpaceRef{Alias: "bundled", Name: "bundled", Digest: "5e1f00d5e1f00d5e1f00d", Label: "val_1", Target: "test_mean"},
		Predictor: results.PredictorRef{
			Alias: predictor, Name: predictor, Identity: "builtin:" + predictor + "@1", PredictsLabels: predictor == "ridge",
		},
		Preset: "clean", Pool: "all", Budget: budget, Split: split,
		TrainRows: budget, TestRows: 5260 - budget,
		Metrics:     map[string]float64{"kendall_tau": tau, "top_5pct_accuracy": max(.05, tau/2)},
		Environment: results.Environment{GOOS: "linux", GOARCH: "amd64", Kernels: "avx512"},
		Cost: results.Cost{
			FitSeconds: float64(budget) * max(.0002, skill*skill/5) * (1 + .01*float64(split)), PredictSeconds: .25,
			CPUSeconds: float64(budget) / 3, MemoryBytes: 1<<24 + int64(split)*4096,
		},
	}
}

// invented returns the records of a plan with five predictors, three budgets
// and five splits, in which some things went wrong.
func invented() []results.Record {
	var rs []results.Record
	for _, p := range []struct {
		name  string
		skill float64
	}{{"random", -.06}, {"params", .56}, {"ridge", .5}, {"a|b *c*", .52}, {"hypernas", .64}} {
		for _, budget := range []int{20, 50, 100} {
			for split := range 5 {
				r := record(p.name, p.skill, budget, split)
				switch {
				case p.name == "a|b *c*" && budget == 50 && split%2 == 1:
					r.Metrics = nil
					r.Failure = &results.Failure{Stage: "fit", Reason: "time-out after 30m0s\n| see <log>", Log: "…"}
				case p.name == "random" && budget == 20 && split == 2:
					delete(r.Metrics, "kendall_tau")
				case p.name == "ridge":
					r.Metrics["rmse"] = .8
				case p.name == "params" && split < 2:
					r.Warnings = []string{"3 rows have no parameters."}
				}
				rs = append(rs, r)
			}
		}
	}
	return rs
}

func options() table.Options {
	return table.Options{
		Predictors: []string{"hypernas", "a|b *c*", "ridge", "params", "random"},
		Facts: func(results.SpaceRef) table.Facts {
			return table.Facts{Rows: 5260, LabelQuality: .912, Noise: .851, Ceiling: .953}
		},
	}
}

func compare(t *testing.T, rs []results.Record, o table.Options) *table.Comparison {
	t.Helper()
	c, err := table.Compare(rs, o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func write(t *testing.T, c *table.Comparison, f table.Format) string {
	t.Helper()
	var b bytes.Buffer
	if err := table.Write(&b, c, f); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func writeTrials(t *testing.T, c *table.Comparison, f table.Format) string {
	t.Helper()
	var b bytes.Buffer
	if err := table.WriteTrials(&b, c, f); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestGolden(t *testing.T) {
	c := compare(t, invented(), options())
	for name, got := range map[string]string{
		"comparison.txt": write(t, c, table.Text), "comparison.md": write(t, c, table.Markdown), "comparison.csv": write(t, c, table.CSV),
		"trials.txt": writeTrials(t, c, table.Text), "trials.md": writeTrials(t, c, table.Markdown), "trials.csv": writeTrials(t, c, table.CSV),
	} {
		path := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s differs; run with -update and look at the difference; got\n%s", name, got)
		}
	}
}

func TestOrderOfRecordsDoesNotMatter(t *testing.T) {
	want := compare(t, invented(), options())
	rs := invented()
	random := rand.New(rand.NewPCG(3, 4))
	for range 5 {
		random.Shuffle(len(rs), func(i, j int) { rs[i], rs[j] = rs[j], rs[i] })
		got := compare(t, slices.Clone(rs), options())
		for _, f := range table.Formats() {
			if write(t, got, f) != write(t, want, f) || writeTrials(t, got, f) != writeTrials(t, want, f) {
				t.Errorf("%s: a table depends on the order of records", f)
			}
		}
	}
}

func TestTextStaysWithinAPage(t *testing.T) {
	grid := false
	for line := range strings.Lines(write(t, compare(t, invented(), options()), table.Text)) {
		grid = grid || strings.HasPrefix(line, "---")
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); grid && strings.HasPrefix(line, " ") && n > 100 {
			t.Errorf("%d columns, want at most 100: %s", n, line)
		}
	}
	if !grid {
		t.Error("no table found")
	}
}

// TestCSVHoldsEveryFigureExactly reads the CSV form back and compares it with
// the statistics of the records.
func TestCSVHoldsEveryFigureExactly(t *testing.T) {
	rs := invented()
	c := compare(t, rs, options())
	lines, err := csv.NewReader(strings.NewReader(write(t, c, table.CSV))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"space", "predictor", "budget", "metric", "mean", "low", "high", "trials", "failed"}; !slices.Equal(lines[0], want) {
		t.Fatalf("got columns %v, want %v", lines[0], want)
	}
	// Per cell: tau, top-5 % and four costs; ridge has RMSE too.
	if got, want := len(lines)-1, 5*3*6+3; got != want {
		t.Errorf("got %d rows, want %d", got, want)
	}
	at := func(predictor string, budget int, metric string) []string {
		for _, line := range lines[1:] {
			if line[0] == "bundled" && line[1] == predictor && line[2] == strconv.Itoa(budget) && line[3] == metric {
				return line[4:]
			}
		}
		t.Fatalf("no row for %s, %d, %s", predictor, budget, metric)
		return nil
	}
	for _, metric := range []string{"kendall_tau", "top_5pct_accuracy", "fit_seconds", "predict_seconds", "cpu_seconds", "memory_bytes"} {
		var values []float64
		for split := range 5 {
			r := record("hypernas", .64, 50, split)
			values = append(values, map[string]float64{
				"kendall_tau": r.Metrics["kendall_tau"], "top_5pct_accuracy": r.Metrics["top_5pct_accuracy"],
				"fit_seconds": r.Cost.FitSeconds, "predict_seconds": r.Cost.PredictSeconds,
				"cpu_seconds": r.Cost.CPUSeconds, "memory_bytes": float64(r.Cost.MemoryBytes),
			}[metric])
		}
		want := stat.Mean(values)
		got := at("hypernas", 50, metric)
		for i, v := range []float64{want.Mean, want.Low, want.High} {
			if g, err := strconv.ParseFloat(got[i], 64); err != nil || g != v {
				t.Errorf("%s: got %s, want %v", metric, got[i], v)
			}
		}
		if !slices.Equal(got[3:], []string{"5", "0"}) {
			t.Errorf("%s: got counts %v", metric, got[3:])
		}
	}
	if got, want := at("a|b *c*", 50, "fit_seconds"), []string{"", "", "", "5", "2"}; !slices.Equal(got, want) {
		t.Errorf("failed trials: got %q, want %q", got, want)
	}
	if got, want := at("random", 20, "kendall_tau"), []string{"", "", "", "5", "0"}; !slices.Equal(got, want) {
		t.Errorf("undefined metric: got %q, want %q", got, want)
	}
	if got := at("random", 20, "top_5pct_accuracy"); got[0] == "" {
		t.Error("an undefined tau hides another metric")
	}
}

func TestMarkdownRowsKeepTheirColumns(t *testing.T) {
	for _, text := range []string{
		write(t, compare(t, invented(), options()), table.Markdown),
		writeTrials(t, compare(t, invented(), options()), table.Markdown),
	} {
		columns := 0
		for line := range strings.Lines(text) {
			if !strings.HasPrefix(line, "|") {
				columns = 0
				continue
			}
			n := strings.Count(strings.ReplaceAll(line, `\|`, ""), "|") - 1
			if columns == 0 {
				columns = n
			}
			if n != columns {
				t.Errorf("%d columns, want %d: %s", n, columns, line)
			}
		}
	}
}

func TestTheLaterRecordOfATrialCounts(t *testing.T) {
	failed := record("np", .5, 20, 0)
	failed.Metrics, failed.Failure = nil, &results.Failure{Stage: "predict", Reason: "killed"}
	again := record("np", .5, 20, 0)
	cell := compare(t, []results.Record{failed, again}, table.Options{}).Groups[0].Rows[0].Cells[0]
	if cell.Trials != 1 || cell.Failed != 0 {
		t.Errorf("got %d trials, %d failed, want the second record alone", cell.Trials, cell.Failed)
	}
}

// protocols returns records of one trial under two presets.
func protocols() []results.Record {
	clean, uniform := record("np", .5, 20, 0), record("np", .6, 20, 0)
	uniform.Key, uniform.Preset, uniform.Overlap = "uniform", "uniform", 17
	return []results.Record{clean, uniform}
}

func TestPresetsNeverShareATable(t *testing.T) {
	c := compare(t, protocols(), table.Options{})
	if len(c.Groups) != 2 {
		t.Fatalf("got %d groups, want one a preset", len(c.Groups))
	}
	text := write(t, c, table.Text)
	for _, want := range []string{"preset clean", "preset uniform", "Up to 17 test rows"} {
		if strings.Count(text, want) != 1 {
			t.Errorf("want %q once in\n%s", want, text)
		}
	}
	err := table.Write(&bytes.Buffer{}, c, table.CSV)
	if !errors.Is(err, table.ErrMixed) || !strings.Contains(err.Error(), "clean") || !strings.Contains(err.Error(), "uniform") {
		t.Errorf("CSV: got %v, want ErrMixed naming both presets", err)
	}
}

func TestVariantsBehindOneAliasAreToldApart(t *testing.T) {
	one, two, other := record("np", .5, 20, 0), record("np", .5, 20, 0), record("np", .5, 20, 0)
	two.Key, two.Predictor.Options = "two", map[string]string{"width": "32", "depth": "2"}
	other.Key, other.Space.Digest = "other", "0123456789abcdef"
	c := compare(t, []results.Record{one, two, other}, table.Options{})
	if len(c.Groups) != 2 {
		t.Fatalf("got %d groups, want one for each space's digest", len(c.Groups))
	}
	if got, want := c.Groups[0].Name, "bundled (bundled, val_1, test_mean, 0123456789ab)"; got != want {
		t.Errorf("got space %q, want %q", got, want)
	}
	var names []string
	for _, row := range c.Groups[1].Rows {
		names = append(names, row.Name)
	}
	if want := []string{"np (np)", "np (np, depth=2:width=32)"}; !slices.Equal(names, want) {
		t.Errorf("got rows %q, want %q", names, want)
	}
}

func TestTheLastVersionOfAPredictorCounts(t *testing.T) {
	old, edited := record("mine", .5, 20, 0), record("mine", .6, 20, 0)
	old.Predictor.Identity, edited.Predictor.Identity = "sha256:aa", "sha256:bb"
	edited.Key = "edited"
	c := compare(t, []results.Record{old, edited}, table.Options{})
	g := c.Groups[0]
	if len(g.Rows) != 1 || g.Rows[0].Predictor.Identity != "sha256:bb" {
		t.Errorf("got rows %+v, want the edited version alone", g.Rows)
	}
	if want := "mine: 1 trial of other versions of it are not shown."; !slices.Contains(g.Notes, want) {
		t.Errorf("got notes %q, want %q among them", g.Notes, want)
	}
}

// TestTheVersionOfTheLastRunCounts checks a run that goes back to a version
// whose trials stand in the folder already, before those of another.
func TestTheVersionOfTheLastRunCounts(t *testing.T) {
	first, second := record("mine", .5, 20, 0), record("mine", .6, 20, 0)
	first.Predictor.Identity, second.Predictor.Identity = "sha256:aa", "sha256:bb"
	second.Key = "second"
	for current, want := range map[string]string{"sha256:aa": "sha256:aa", "sha256:bb": "sha256:bb", "sha256:new": "sha256:bb"} {
		ref := first.Predictor
		ref.Identity = current
		rows := compare(t, []results.Record{first, second}, table.Options{Current: []results.PredictorRef{ref}}).Groups[0].Rows
		if len(rows) != 1 || rows[0].Predictor.Identity != want {
			t.Errorf("current %s: got rows %+v, want %s alone", current, rows, want)
		}
	}
}

func TestAPluginIsTheSameByAnyPath(t *testing.T) {
	relative, absolute, wide := record("mine", .5, 20, 0), record("mine", .5, 50, 0), record("mine", .5, 50, 1)
	relative.Predictor.Name, absolute.Predictor.Name, wide.Predictor.Name = "./mine", "/abs/mine", "./mine"
	rs := []results.Record{relative, absolute, wide}
	for i := range rs {
		rs[i].Predictor.Identity = "sha256:aa"
	}
	rows := compare(t, rs[:2], table.Options{}).Groups[0].Rows
	if len(rows) != 1 || rows[0].Name != "mine" || rows[0].Cells[0].Trials != 1 || rows[0].Cells[1].Trials != 1 {
		t.Errorf("got rows %+v, want one with both cells", rows)
	}
	rs[2].Predictor.Options = map[string]string{"width": "32"}
	rows = compare(t, rs, table.Options{}).Groups[0].Rows
	if len(rows) != 2 || rows[0].Name != "mine" || rows[1].Name != "mine (width=32)" {
		t.Errorf("got rows %+v, want one without and one with options", rows)
	}
}

func TestOnlyKeepsOneProtocol(t *testing.T) {
	c := compare(t, protocols(), table.Options{})
	want := table.Protocol{Preset: "uniform", Pool: "all"}
	only := c.Only(want)
	if len(only.Groups) != 1 || only.Groups[0].Protocol != want || only.Reach != c.Reach {
		t.Errorf("got %+v, want the uniform group alone", only)
	}
	if got := write(t, only, table.CSV); !strings.Contains(got, "kendall_tau") {
		t.Errorf("got CSV without figures:\n%s", got)
	}
	want.Seed = 9
	if got := write(t, c.Only(want), table.CSV); strings.Count(got, "\n") != 1 {
		t.Errorf("no such protocol: got\n%s\nwant the header alone", got)
	}
}

func TestSplitsOfAFileAreAProtocolOfTheirOwn(t *testing.T) {
	drawn, shared := record("params", .5, 20, 0), record("ridge", .6, 20, 0)
	shared.SplitSHA256 = strings.Repeat("ab", 32)
	c := compare(t, []results.Record{drawn, shared}, table.Options{})
	if len(c.Groups) != 2 || !strings.Contains(write(t, c, table.Text), "splits of file abababababab") {
		t.Errorf("got %d groups, want two, one of them named by its file", len(c.Groups))
	}
	if err := table.Write(&strings.Builder{}, c, table.CSV); !errors.Is(err, table.ErrMixed) {
		t.Errorf("CSV: got %v, want ErrMixed", err)
	}
}

func TestFailedTrialsAreImputedOnlyWhenAskedAndCounted(t *testing.T) {
	failed, good := record("np", 0, 20, 0), record("np", .6, 20, 1)
	good.Metrics["kendall_tau"] = .6
	failed.Failure, failed.Metrics = &results.Failure{Stage: "fit", Reason: "no memory"}, nil
	rs := []results.Record{failed, good}
	tau := func(c *table.Comparison) stat.Summary { return c.Groups[0].Rows[0].Cells[0].Metrics["kendall_tau"] }
	if got := tau(compare(t, rs, table.Options{})); got.Known() {
		t.Errorf("not asked: got mean %v, want none", got.Mean)
	}
	zero := 0.0
	c := compare(t, rs, table.Options{Impute: &zero})
	if got := tau(c); got.Mean != .3 || got.N != 2 {
		t.Errorf("got mean %v of %d splits, want .3 of 2", got.Mean, got.N)
	}
	if got := write(t, c, table.Text); !strings.Contains(got, "Kendall tau counts as 0 in 1 of 2 trials") || !strings.Contains(got, ".300 ± ") {
		t.Errorf("got\n%s\nwant the mean and the count", got)
	}
	if got := write(t, c, table.CSV); !strings.Contains(got, "kendall_tau,0.3,") || !strings.Contains(got, ",2,1\n") {
		t.Errorf("got\n%s\nwant the mean, and one of two failed", got)
	}
	if c.Groups[0].Rows[0].Cells[0].Failed != 1 {
		t.Error("an imputed trial no longer counts as failed")
	}
}

func TestWhatIsNotSupportedIsNoFailure(t *testing.T) {
	one, other := record("zerocost", 0, 20, 0), record("np", .6, 20, 0)
	one.Failure, one.Metrics = &results.Failure{Stage: "fit", Reason: "no proxy", Unsupported: true}, nil
	c := compare(t, []results.Record{one, other}, table.Options{})
	if got := write(t, c, table.Text); !strings.Contains(got, "not supported") || strings.Contains(got, "failed") {
		t.Errorf("got\n%s\nwant the cell to be not supported, and nothing to fail", got)
	}

	// Cells of three trials, some of which have figures or failed.
	failed, fine := record("zerocost", 0, 20, 1), record("zerocost", .5, 20, 2)
	failed.Failure, failed.Metrics = &results.Failure{Stage: "fit", Reason: "no memory"}, nil
	second := one
	second.Key, second.Split = failed.Key, failed.Split
	for want, rs := range map[string][]results.Record{
		"2 of 3 not supported":              {one, second, fine},
		"1 of 3 failed, 1 not supported":    {one, failed, fine},
		"1 of 3 trials failed, 1 not suppo": {one, failed, fine},
		"2 of 3 trials not supported: fit":  {one, second, fine},
	} {
		c := compare(t, append(rs, other), table.Options{})
		if got := write(t, c, table.Text); !strings.Contains(got, want) {
			t.Errorf("got\n%s\nwant %q", got, want)
		}
	}
	var trials strings.Builder
	if err := table.WriteTrials(&trials, compare(t, []results.Record{one, failed, fine}, table.Options{}), table.JSON); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"status": "not supported"`, `"status": "failed"`, `"status": "ok"`} {
		if !strings.Contains(trials.String(), want) {
			t.Errorf("got\n%s\nwant %s", trials.String(), want)
		}
	}
}

// TestAnOlderVersionIsANote: records stay, while the predictor goes on.
func TestAnOlderVersionIsANote(t *testing.T) {
	old, other := record("np", .6, 20, 0), record("ridge", .5, 20, 0)
	old.Predictor.Identity, other.Predictor.Identity = "builtin:np@1", "builtin:ridge@2"
	text := write(t, compare(t, []results.Record{old, other}, table.Options{Newest: func(*results.PredictorRef) int { return 2 }}), table.Text)
	if !strings.Contains(text, "np: its trials are of version 1 of the predictor, which is now at version 2.") || strings.Contains(text, "ridge: its trials") {
		t.Errorf("got\n%s\nwant a note on np alone", text)
	}
}

// TestWhatIsLeftIsANote: one for all trials, whatever was left.
func TestWhatIsLeftIsANote(t *testing.T) {
	a, b := record("np", .6, 20, 0), record("np", .6, 20, 1)
	a.Cost.Left, b.Cost.Left = []string{"/tmp/1"}, []string{"/tmp/2"}
	if text := write(t, compare(t, []results.Record{a, b}, table.Options{}), table.Text); !strings.Contains(text, "left something behind, which the record names (2 of 2 trials)") {
		t.Errorf("got\n%s", text)
	}
}

func TestReach(t *testing.T) {
	c := compare(t, invented(), options())
	if c.Reach != table.DefaultReach {
		t.Errorf("got level %v, want %v", c.Reach, table.DefaultReach)
	}
	rows := c.Groups[0].Rows
	if got := rows[0].Reach.Labels; !math.IsInf(got, -1) {
		t.Errorf("hypernas: got %v labels, want at most the first budget", got)
	}
	if rows[1].Reach.Known() || rows[4].Reach.Known() {
		t.Error("labels to reach a level are given in spite of failed or undefined trials")
	}
	if got := rows[3].Reach.Labels; !(got > 20 && got < 100) {
		t.Errorf("params: got %v labels, want them between the budgets", got)
	}
	o := options()
	o.Reach = .99
	if text := write(t, compare(t, invented(), o), table.Text); !strings.Contains(text, "labels to .99") || !strings.Contains(text, "> 100") {
		t.Errorf("want labels to .99 and > 100 in\n%s", text)
	}
}

func TestLabelsToReachAreBoundedByTheRowsBudgets(t *testing.T) {
	rs := []results.Record{record("few", .3, 20, 0), record("few", .3, 200, 0), record("good", .8, 50, 0), record("good", .8, 100, 0)}
	text := write(t, compare(t, rs, table.Options{}), table.Text)
	if !strings.Contains(text, "≤ 50") || !strings.Contains(text, "> 200") {
		t.Errorf("want ≤ 50 and > 200 in\n%s", text)
	}
}

func TestOneSplitHasNoInterval(t *testing.T) {
	text := write(t, compare(t, []results.Record{record("np", .5, 20, 0), record("np", .5, 50, 0)}, table.Options{}), table.Text)
	if !strings.Contains(text, "One split: no intervals") || strings.Contains(text, "NaN") {
		t.Errorf("got\n%s", text)
	}
}

func TestFewSplitsAreAlwaysNoted(t *testing.T) {
	var rs []results.Record
	for split := range 5 {
		rs = append(rs, record("np", .5, 20, split))
		if split < 3 {
			rs = append(rs, record("np", .5, 50, split))
		}
	}
	notes := compare(t, rs, table.Options{}).Groups[0].Notes
	want := []string{"Cells rest on different numbers of splits, 3 to 5.", "3 splits, fewer than 10: intervals are wide."}
	if !slices.Equal(notes, want) {
		t.Errorf("got notes %q, want %q", notes, want)
	}
}

func TestAWarningOfEveryPredictorIsOneNote(t *testing.T) {
	rs := []results.Record{record("np", .5, 20, 0), record("ridge", .5, 20, 0)}
	rs[0].Warnings = []string{"test rows repeat.", "slow."}
	rs[1].Warnings = []string{"test rows repeat."}
	notes := compare(t, rs, table.Options{}).Groups[0].Notes
	want := []string{"One split: no intervals, and no conclusions.", "test rows repeat (2 of 2 trials).", "np: slow (1 of 1 trials)."}
	if !slices.Equal(notes, want) {
		t.Errorf("got notes %q, want %q", notes, want)
	}
}

func TestEveryTableSaysThatAllTrialsFailed(t *testing.T) {
	r := record("np", .5, 20, 0)
	r.Metrics, r.Failure = nil, &results.Failure{Stage: "fit", Reason: "killed"}
	text := write(t, compare(t, []results.Record{r}, table.Options{}), table.Text)
	// Tau, top-5 % and the seconds of a fit.
	if got := strings.Count(text, "1 of 1 failed"); got != 3 {
		t.Errorf("got %d cells with the failure, want 3, in\n%s", got, text)
	}
}

func TestNoRecords(t *testing.T) {
	if _, err := table.Compare(nil, table.Options{}); err == nil {
		t.Error("got no error for no records")
	}
}

func TestParseFormat(t *testing.T) {
	for _, f := range table.Formats() {
		if got, err := table.ParseFormat(string(f)); got != f || err != nil {
			t.Errorf("got %q, %v, want %q", got, err, f)
		}
	}
	if _, err := table.ParseFormat("docx"); err == nil || !strings.Contains(err.Error(), "html, latex and latex-siunitx") {
		t.Errorf("got %v, want an error with the choices", err)
	}
}

// limited fails to write once it is full.
type limited int

func (l *limited) Write(b []byte) (int, error) {
	if *l -= limited(len(b)); *l < 0 {
		return 0, os.ErrClosed
	}
	return len(b), nil
}

func TestErrorsOfTheWriterComeBack(t *testing.T) {
	c := compare(t, invented(), options())
	for _, f := range table.Formats() {
		l := limited(300)
		if err := table.Write(&l, c, f); !errors.Is(err, os.ErrClosed) {
			t.Errorf("%s: got %v, want the writer's error", f, err)
		}
		l = 300
		if err := table.WriteTrials(&l, c, f); !errors.Is(err, os.ErrClosed) {
			t.Errorf("%s, trials: got %v, want the writer's error", f, err)
		}
	}
}

// TestGain takes records in which predictors share the luck of a split: the
// paired gain is what they were made with, without a spread.
func TestGain(t *testing.T) {
	o := options()
	o.Over = "ridge"
	text := write(t, compare(t, invented(), o), table.Text)
	for _, line := range []string{
		"Gain in Kendall tau over ridge, paired over splits, ± half of the 95 % interval",
		"hypernas   +.140 ± .000  +.140 ± .000  +.140 ± .000",
		"a|b *c*    +.020 ± .000             -  +.020 ± .000",
		"params     +.060 ± .000  +.060 ± .000  +.060 ± .000",
		"random                -  -.560 ± .000  -.560 ± .000",
	} {
		if !strings.Contains(text, line) {
			t.Errorf("no %q in\n%s", line, text)
		}
	}

	// Three of four splits have both, with differences of .1, .2 and .3: their
	// mean is .2, their deviation .1, and 4.302653 is t at .975 with 2 degrees of
	// freedom (any table), so half of the interval is 4.302653 .1 / sqrt(3) = .248.
	var rs []results.Record
	for split, tau := range []float64{.3, .4, .5, .6} {
		base, other := record("ridge", 0, 20, split), record("np", 0, 20, split)
		base.Metrics["kendall_tau"], other.Metrics["kendall_tau"] = tau, tau+.1*float64(split+1)
		if split == 3 {
			other.Split = 4
		}
		rs = append(rs, base, other)
	}
	text = write(t, compare(t, rs, table.Options{Over: "ridge"}), table.Text)
	for _, line := range []string{"np         +.200 ± .248", "Gain of np, 20 labels: over the 3 splits that both have."} {
		if !strings.Contains(text, line) {
			t.Errorf("no %q in\n%s", line, text)
		}
	}
	var j struct {
		Groups []struct {
			Over       string `json:"gain_over"`
			Predictors []struct {
				Cells []struct {
					Gain struct{ Mean, Low, High, P float64 }
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(write(t, compare(t, rs, table.Options{Over: "ridge"}), table.JSON)), &j); err != nil {
		t.Fatal(err)
	}
	// t = .2 / (.1 / sqrt(3)) = 3.4641 with 2 degrees of freedom, scipy.stats.t.sf(3.4641, 2) * 2.
	g := j.Groups[0].Predictors[0].Cells[0].Gain
	if j.Groups[0].Over != "ridge" || math.Abs(g.Mean-.2) > 1e-9 || math.Abs(g.High-.448414) > 1e-6 || math.Abs(g.Low+.048414) > 1e-6 || math.Abs(g.P-.0741799) > 1e-6 {
		t.Errorf("got %+v over %q", g, j.Groups[0].Over)
	}
	latex := write(t, compare(t, rs, table.Options{Over: "ridge"}), table.LaTeXSIunitx)
	if want := `\num[retain-explicit-plus=true]{+0.200 +- 0.248}`; !strings.Contains(latex, want) {
		t.Errorf("no %s in\n%s", want, latex)
	}
}

// TestOneIsNotBest: a predictor that alone has trials of a budget is compared
// with nothing.
func TestOneIsNotBest(t *testing.T) {
	rs := []results.Record{record("np", .5, 20, 0), record("ridge", .4, 20, 0), record("np", .5, 50, 0)}
	c := compare(t, rs, table.Options{})
	row := c.Groups[0].Rows[0]
	if few, many := row.Cells[0].Standings["kendall_tau"], row.Cells[1].Standings["kendall_tau"]; row.Name != "np" || !few.Best || many.Best {
		t.Errorf("%s is best with 20 labels: %t, with 50, which no other has: %t", row.Name, few.Best, many.Best)
	}
}
