package harness

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/hypernas/hypernas/harness/metric"
	"github.com/hypernas/hypernas/harness/split"
	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/results"
)

// VerifyOptions says where Verify finds what a run's folder does not hold.
type VerifyOptions struct {
	// Open opens the space that a record names; closing ends it. Its error
	// says why the space can't be had.
	Open func(ctx context.Context, ref *results.SpaceRef) (s *Space, closing func() error, err error)
	// Splits are the files of splits that there are.
	Splits []*split.File
}

// Verdict says what of a run holds.
type Verdict struct {
	Trials   int // the last record of each key; earlier ones don't count
	Failed   int // among Trials; they have no predictions
	Rescored int // among Trials: their metrics were computed again, whatever came out
	Findings []Finding
}

// Finding is something that does not hold, or that could not be checked.
type Finding struct {
	Unchecked bool
	Subject   string // a trial, a space or a file
	Text      string
}

// String returns the finding as one line.
func (f Finding) String() string {
	if f.Unchecked {
		return "not checked: " + f.Subject + ": " + f.Text
	}
	return f.Subject + ": " + f.Text
}

// Verify checks the run in dir against itself and against the spaces' data:
// records and manifest are read, keys computed from what they are of, splits
// drawn again, predictions compared with their hashes and rows, and metrics
// computed from predictions and targets, equal bit for bit or named.
//
// It does not run predictors, so that it can't tell whether they would
// predict the same. It returns an error only if dir holds no run or ctx ends.
func Verify(ctx context.Context, dir string, o VerifyOptions) (*Verdict, error) {
	run, err := results.Read(dir)
	if err != nil {
		return nil, err
	}
	latest := results.Latest(run.Records)
	v := &verifier{
		dir: dir, options: &o, manifest: run.Manifest,
		files: make(map[string]*split.File), lacking: make(map[string]int),
	}
	v.verdict.Trials = len(latest)
	for _, f := range o.Splits {
		v.files[f.SHA256] = f
	}
	for _, d := range run.Damage {
		v.verdict.Findings = append(v.verdict.Findings, Finding{Subject: d.Place(), Text: d.Reason})
	}
	if v.manifest != nil {
		v.checkManifest(latest)
	}
	for _, trials := range bySpace(latest) {
		if err := v.checkSpace(ctx, trials); err != nil {
			return nil, err
		}
	}
	v.sumUp()
	return &v.verdict, nil
}

// bySpace returns the records on each space as it was opened and found, those
// that share a split together, so that it is drawn once.
func bySpace(records []results.Record) [][]*results.Record {
	place := make(map[string]int)
	var spaces [][]*results.Record
	for i := range records {
		s := &records[i].Space
		id := Ref{Alias: s.Alias, Name: s.Name, Options: s.Options}.String() + "\x00" + s.Digest
		k, ok := place[id]
		if !ok {
			k = len(spaces)
			place[id] = k
			spaces = append(spaces, nil)
		}
		spaces[k] = append(spaces[k], &records[i])
	}
	for _, trials := range spaces {
		slices.SortStableFunc(trials, func(a, b *results.Record) int { return strings.Compare(splitName(a), splitName(b)) })
	}
	return spaces
}

// splitName returns a text that the records of one split and budget share,
// with the preset in front.
func splitName(r *results.Record) string {
	return fmt.Sprintf("%s %s %d %s %d %010d %010d", r.Preset, r.SplitSHA256, r.Test, r.Pool, r.Seed, r.Split, r.Budget)
}

// verifier gathers a verdict.
type verifier struct {
	dir      string
	options  *VerifyOptions
	manifest *results.Manifest      // nil where it can't be read
	files    map[string]*split.File // by SHA-256
	verdict  Verdict

	table   *table // of the records that are being checked; nil where it can't be had
	drawn   *drawn // of the last record
	named   int    // predictions that a record names
	absent  []string
	lacking map[string]int // trials whose file of splits isn't there, by its SHA-256
}

func (v *verifier) fails(subject, format string, args ...any) {
	v.verdict.Findings = append(v.verdict.Findings, Finding{Subject: subject, Text: fmt.Sprintf(format, args...)})
}

func (v *verifier) unchecked(subject, format string, args ...any) {
	v.verdict.Findings = append(v.verdict.Findings, Finding{Unchecked: true, Subject: subject, Text: fmt.Sprintf(format, args...)})
}

// sumUp reports what is missing, once for all trials.
func (v *verifier) sumUp() {
	switch n := len(v.absent); {
	case n > 0 && n == v.named:
		v.unchecked(v.dir, "predictions are not here, of all %d trials that have some; their metrics stand as recorded", n)
	case n > 0:
		v.unchecked(v.dir, "predictions are not here, of %d among %d trials that have some: %s", n, v.named, strings.Join(v.absent, ", "))
	}
	for _, sum := range slices.Sorted(maps.Keys(v.lacking)) {
		v.unchecked("splits "+sum, "the file with this SHA-256 is not given; the splits of %d trials are from it", v.lacking[sum])
	}
}

// checkManifest checks the manifest against itself and the records.
func (v *verifier) checkManifest(records []results.Record) {
	m, plan, subject := v.manifest, new(Plan), filepath.Join(v.dir, "manifest.json")
	if err := json.Unmarshal(m.Plan, plan); err != nil {
		v.fails(subject, "plan: %v", err)
	} else if got := plan.Digest(); got != m.PlanDigest {
		v.fails(subject, "the plan's digest is %s, and it says %s", got, m.PlanDigest)
	}
	told := make(map[string]bool)
	missing := func(what string) {
		if !told[what] {
			v.fails(subject, "it does not describe %s, which records name", what)
		}
		told[what] = true
	}
	for i := range records {
		r := &records[i]
		if v.summary(&r.Space) == nil {
			missing(fmt.Sprintf("space %s with digest %s, label %s and target %s", r.Space.Alias, r.Space.Digest, r.Space.Label, r.Space.Target))
		}
		if !slices.ContainsFunc(m.Predictors, func(p results.PredictorSummary) bool {
			return p.Identity == r.Predictor.Identity && maps.Equal(p.Options, r.Predictor.Options)
		}) {
			missing(fmt.Sprintf("predictor %s, %s", r.Predictor.Alias, r.Predictor.Identity))
		}
	}
}

// summary returns what the manifest says of a space, or nil.
func (v *verifier) summary(s *results.SpaceRef) *results.SpaceSummary {
	i := slices.IndexFunc(v.manifest.Spaces, func(o results.SpaceSummary) bool {
		return o.Digest == s.Digest && o.Label == s.Label && o.Target == s.Target
	})
	if i < 0 {
		return nil
	}
	return &v.manifest.Spaces[i]
}

// checkSpace checks the trials on one space. It returns an error only if ctx
// has ended.
func (v *verifier) checkSpace(ctx context.Context, trials []*results.Record) (err error) {
	ref := &trials[0].Space
	s, closing, err := v.options.Open(ctx, ref)
	if err == nil {
		defer func() { err = errors.Join(err, closing()) }()
	} else if ctx.Err() == nil {
		v.unchecked("space "+ref.Alias, "splits and metrics of its %d trials, since its data can't be had: %v", len(trials), err)
	}
	for i, r := range trials {
		if err := ctx.Err(); err != nil {
			return err
		}
		if i == 0 || r.Preset != trials[i-1].Preset {
			v.table = nil
			if s != nil {
				v.load(ctx, s, r)
			}
		}
		v.checkTrial(r)
	}
	return nil
}

// load reads the data of s as the preset of r wants it, and checks what the
// manifest says of it.
func (v *verifier) load(ctx context.Context, s *Space, r *results.Record) {
	preset, err := split.Lookup(r.Preset)
	if err != nil {
		return // which checkTrial reports
	}
	if v.table, err = load(ctx, s, &preset); err != nil {
		if ctx.Err() == nil {
			v.unchecked("space "+r.Space.Alias, "splits and metrics of its trials under preset %s: %v", r.Preset, err)
		}
		return
	}
	got := &v.table.summary
	if v.manifest == nil || got.Digest != r.Space.Digest {
		return
	}
	said := v.summary(&got.SpaceRef)
	if said == nil {
		return
	}
	for _, n := range []struct {
		name      string
		got, said float64
	}{
		{"rows", float64(got.Rows), float64(said.Rows)},
		{"identities", float64(got.Identities), float64(said.Identities)},
		{"excluded", float64(got.Excluded), float64(said.Excluded)},
		{"label_quality", orNaN(got.LabelQuality), orNaN(said.LabelQuality)},
		{"noise", orNaN(got.Noise), orNaN(said.Noise)},
		{"ceiling", orNaN(got.Ceiling), orNaN(said.Ceiling)},
	} {
		if n.got != n.said && !(math.IsNaN(n.got) && math.IsNaN(n.said)) {
			v.fails(filepath.Join(v.dir, "manifest.json"), "%s of space %s is %s there, %s from its data", n.name, said.Alias, exact(n.said), exact(n.got))
		}
	}
}

// orNaN returns what p points to, or NaN.
func orNaN(p *float64) float64 {
	if p == nil {
		return math.NaN()
	}
	return *p
}

// checkTrial checks one record, as far as its space and predictions are there.
func (v *verifier) checkTrial(r *results.Record) {
	subject := trialName(r)
	key := Trial{
		Form: 1, Space: r.Space.Digest, Label: r.Space.Label, Target: r.Space.Target,
		Predictor: r.Predictor.Identity, Options: r.Predictor.Options,
		Preset: r.Preset, Test: r.Test, Pool: r.Pool, Splits: r.SplitSHA256,
		Split: r.Split, Budget: r.Budget, Seed: r.Seed, Repeat: r.Repeat,
	}
	if got := key.Key(); got != r.Key {
		v.fails(subject, "its key is %s, from what the record says of it", got)
	}
	plan, err := v.planOf(r)
	if err != nil {
		v.fails(subject, "there is no such trial: %v", err)
	}
	if r.Failure != nil {
		v.verdict.Failed++
		if len(r.Metrics) > 0 || r.Predictions != nil {
			v.fails(subject, "it failed, and has metrics or predictions")
		}
	}
	p := v.predictionsOf(r, subject)
	t := v.table
	if t == nil {
		return
	}
	scored := true
	if here := t.ref(); here.Digest != r.Space.Digest {
		v.fails(subject, "the data of its space has digest %s here, %s in the record", here.Digest, r.Space.Digest)
	} else if here.Label != r.Space.Label || here.Target != r.Space.Target {
		v.fails(subject, "label and target are %s and %s in the record, and preset %s takes %s and %s",
			r.Space.Label, r.Space.Target, r.Preset, here.Label, here.Target)
		scored = false
	} else if err == nil {
		v.checkSplit(r, subject, plan, p)
	}
	if p != nil && scored {
		v.checkMetrics(r, subject, p)
	}
}

// trialName says which trial it is as [trial.name] does, with its key.
func trialName(r *results.Record) string {
	s := fmt.Sprintf("trial %s (%s on %s, budget %d, split %d", r.Key, r.Predictor.Alias, r.Space.Alias, r.Budget, r.Split)
	if r.Repeat > 0 {
		s += fmt.Sprintf(", seed %d", r.Repeat)
	}
	return s + ")"
}

// planOf returns the part of a plan that the record's split is drawn by. The
// error says what of the record no plan can ask for.
func (v *verifier) planOf(r *results.Record) (*Plan, error) {
	if r.Split < 0 || r.Repeat < 0 {
		return nil, fmt.Errorf("split %d, seed %d", r.Split, r.Repeat)
	}
	p := &Plan{
		Preset: r.Preset, Test: r.Test, Pool: r.Pool, Seed: r.Seed,
		Budgets: []int{r.Budget}, Splits: r.Split + 1, Seeds: r.Repeat + 1,
	}
	if sum := r.SplitSHA256; sum != "" {
		if p.splits = v.files[sum]; p.splits == nil {
			p.Splits = 1 // how many there are isn't known
		}
		p.SplitSHA256 = sum
	}
	if p.splits != nil {
		p.SplitFile = "splits " + p.SplitSHA256
	}
	return p, p.validateSplits()
}

// predictionsOf reads the predictions of a trial and checks what can be
// checked without its space. It returns nil where there are none that can be
// scored.
func (v *verifier) predictionsOf(r *results.Record, subject string) *results.Predictions {
	if r.Failure != nil {
		return nil
	}
	if r.Predictions == nil {
		v.fails(subject, "it names no predictions")
		return nil
	}
	v.named++
	if want := "predictions/" + r.Key + ".npy"; r.Predictions.Path != want {
		v.fails(subject, "its predictions are said to be %s, not %s", r.Predictions.Path, want)
	}
	p, err := results.ReadPredictions(v.dir, *r.Predictions)
	if errors.Is(err, fs.ErrNotExist) {
		v.absent = append(v.absent, r.Key)
		return nil
	}
	if err != nil {
		v.fails(subject, "%v", err)
	}
	if p == nil {
		return nil
	}
	if len(p.Rows) != r.TestRows {
		v.fails(subject, "there are predictions for %d rows, and test_rows is %d", len(p.Rows), r.TestRows)
	}
	if err := check(p.Values, len(p.Rows)); err != nil {
		v.fails(subject, "%v", err)
		return nil
	}
	return p
}

// drawn is a split for one budget, drawn again, in rows of the space.
type drawn struct {
	name        string // splitName of its records
	table       *table
	train, test []int
	overlap     int // test rows whose identity is a training row's
	both        int // rows to train and to test on
	leaked      int // rows of a pool of PoolNonTest that compute what a test row computes
	err         error
}

// draw draws the split of a record again, unless the last record's is it.
func (v *verifier) draw(r *results.Record, plan *Plan) *drawn {
	name := splitName(r)
	if d := v.drawn; d != nil && d.name == name && d.table == v.table {
		return d
	}
	d := &drawn{name: name, table: v.table}
	v.drawn = d
	again, err := v.table.draw(plan, r.Split)
	if err == nil {
		err = again.Check(r.Budget)
	}
	if err != nil {
		d.err = err
		return d
	}
	// Counted here from the rows alone, not by the split's own rules.
	t, trained, known := v.table, make(map[int]bool), make(map[plugins.Identity]bool)
	for _, row := range again.Train(r.Budget) {
		trained[row], known[t.identities[row]] = true, true
	}
	tested := make(map[plugins.Identity]bool)
	for _, row := range again.Test(r.Budget) {
		tested[t.identities[row]] = true
		if trained[row] {
			d.both++
		}
		if known[t.identities[row]] {
			d.overlap++
		}
	}
	if r.Pool == PoolNonTest {
		for _, row := range again.Pool(true) {
			if tested[t.identities[row]] {
				d.leaked++
			}
		}
	}
	d.train, d.test = choose(t.rows, again.Train(r.Budget)), choose(t.rows, again.Test(r.Budget))
	return d
}

// checkSplit checks a trial's rows against its split, drawn again. p may be
// nil.
func (v *verifier) checkSplit(r *results.Record, subject string, plan *Plan, p *results.Predictions) {
	if r.SplitSHA256 != "" && plan.splits == nil {
		v.lacking[r.SplitSHA256]++
		return
	}
	d := v.draw(r, plan)
	if d.err != nil {
		v.fails(subject, "its split can't be drawn: %v", d.err)
		return
	}
	for _, n := range []struct {
		name      string
		said, got int
	}{
		{"train_rows", r.TrainRows, len(d.train)},
		{"test_rows", r.TestRows, len(d.test)},
		{"overlap", r.Overlap, d.overlap},
	} {
		if n.said != n.got {
			v.fails(subject, "%s is %d in the record, %d in the split drawn again", n.name, n.said, n.got)
		}
	}
	// planOf has looked the preset up.
	if preset, err := split.Lookup(r.Preset); err == nil && d.both > 0 && !preset.TestsTraining() {
		v.fails(subject, "%d of its test rows are training rows, too", d.both)
	}
	if d.leaked > 0 {
		v.fails(subject, "%d architectures of its pool compute what a test row computes", d.leaked)
	}
	if p == nil {
		return
	}
	for i, row := range p.Rows {
		if i < len(d.test) && row != d.test[i] {
			v.fails(subject, "prediction %d is for row %d, where the split drawn again tests row %d", i, row, d.test[i])
			return
		}
	}
}

// checkMetrics computes the metrics of a trial again and compares them bit
// for bit.
func (v *verifier) checkMetrics(r *results.Record, subject string, p *results.Predictions) {
	target := make([]float64, len(p.Rows))
	for i, row := range p.Rows {
		k, ok := slices.BinarySearch(v.table.rows, row)
		if !ok {
			v.fails(subject, "prediction %d is for row %d, and the space has no such row with a label and a target", i, row)
			return
		}
		target[i] = v.table.target[k]
	}
	v.verdict.Rescored++
	got := metric.Score(p.Values, target, r.Predictor.PredictsLabels)
	names := slices.Collect(maps.Keys(r.Metrics))
	for name := range got {
		if _, ok := r.Metrics[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		said, recorded := r.Metrics[name]
		value, defined := got[name]
		switch {
		case !recorded:
			v.fails(subject, "%s is not in the record, %s from its predictions", name, exact(value))
		case !defined:
			v.fails(subject, "%s is %s in the record, undefined from its predictions", name, exact(said))
		case math.Float64bits(said) != math.Float64bits(value):
			v.fails(subject, "%s is %s in the record, %s from its predictions", name, exact(said), exact(value))
		}
	}
}

// exact returns the fewest digits that tell v from every other value.
func exact(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
