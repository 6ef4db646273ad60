package harness_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hypernas/hypernas/harness"
	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/results"
)

// toy is an invented space: the number of row i is i, its target rises with
// it but for some noise. Rows 2i and 2i+1 share an identity where shared.
type toy struct {
	rows   int
	shared bool
	holes  bool // rows divisible by 10 have no label
}

var _ plugins.Space = (*toy)(nil)

func (s *toy) Describe(context.Context) (plugins.Description, error) {
	return plugins.Description{Name: "toy", Version: 1}, nil
}

func (s *toy) Open(context.Context, map[string]string) (plugins.SpaceInfo, error) {
	column := func(name, split string, runs int) plugins.Column {
		return plugins.Column{Name: name, Split: split, Runs: runs}
	}
	return plugins.SpaceInfo{
		Rows: s.rows, Digest: fmt.Sprintf("%064x", s.rows),
		Vocabulary: plugins.Vocabulary{
			Ops:     []plugins.Op{{Name: "in", Kind: plugins.KindInput}, {Name: "out", Kind: plugins.KindOutput}},
			Numbers: []string{"row"},
		},
		Columns: []plugins.Column{column("label", "validation", 1), column("target", "test", 2), column("run 1", "test", 1), column("run 2", "test", 1)},
		Label:   "label", Target: "target",
	}, nil
}

func (s *toy) Read(_ context.Context, lo, hi int) (plugins.Batch, []plugins.Identity, error) {
	var b plugins.Batch
	var ids []plugins.Identity
	for row := lo; row < hi; row++ {
		b.Networks = append(b.Networks, plugins.Network{
			Cells:    []plugins.Cell{{Nodes: []plugins.Node{{Op: 0}, {Op: 1}}, Edges: []plugins.Edge{{From: 0, To: 1}}}},
			Sequence: []plugins.Step{{Repeat: 1}},
		})
		b.Numbers = append(b.Numbers, float64(row))
		id := row
		if s.shared {
			id /= 2
		}
		var identity plugins.Identity
		binary.BigEndian.PutUint64(identity[:], uint64(id))
		ids = append(ids, identity)
	}
	return b, ids, nil
}

func (s *toy) Column(_ context.Context, name string) ([]float64, error) {
	r := rand.New(rand.NewPCG(uint64(len(name)), uint64(name[len(name)-1])))
	values := make([]float64, s.rows)
	for row := range values {
		values[row] = float64(row) + 20*r.NormFloat64()
		if s.holes && name == "label" && row%10 == 0 {
			values[row] = math.NaN()
		}
	}
	return values, nil
}

// space opens s under an alias.
func space(t *testing.T, alias string, s *toy) harness.Space {
	t.Helper()
	info, err := s.Open(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	d, err := s.Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return harness.Space{Ref: harness.Ref{Alias: alias, Name: alias}, Description: d, Info: info, Source: s}
}

// fake is a predictor in this process. Its hooks take the place of what it
// does; without them it values a row by its number, off by a little that the
// seed and the labels determine.
type fake struct {
	launches atomic.Int64
	launch   func() error
	describe func() plugins.Description
	fit      func(ctx context.Context, t *plugins.Training) (plugins.Fitted, error)
	predict  func(ctx context.Context, b *plugins.Batch) ([]float64, error)
	ended    harness.Ended
	usesPool bool
	pretrain func(ctx context.Context, p *plugins.Pretraining) ([]byte, error)
}

func (f *fake) Launch(context.Context) (harness.Process, error) {
	f.launches.Add(1)
	if f.launch != nil {
		if err := f.launch(); err != nil {
			return nil, err
		}
	}
	return &process{fake: f}, nil
}

func (f *fake) description() plugins.Description {
	return plugins.Description{Name: "fake", Version: 1, PredictsLabels: true, UsesPool: f.usesPool, Pretrains: f.pretrain != nil}
}

type process struct {
	*fake
	offset float64
}

func (p *process) Describe(context.Context) (plugins.Description, error) {
	if p.describe != nil {
		return p.describe(), nil
	}
	return p.description(), nil
}

func (p *process) Fit(ctx context.Context, t *plugins.Training) (plugins.Fitted, error) {
	if p.fit != nil {
		return p.fit(ctx, t)
	}
	r := rand.New(rand.NewPCG(t.Seed, math.Float64bits(t.Labels[0])))
	p.offset = r.Float64()
	return plugins.Fitted{}, nil
}

func (p *process) Pretrain(ctx context.Context, t *plugins.Pretraining) ([]byte, error) {
	return p.pretrain(ctx, t)
}

func (p *process) Predict(ctx context.Context, b *plugins.Batch) ([]float64, error) {
	if p.predict != nil {
		return p.predict(ctx, b)
	}
	values := make([]float64, b.Len())
	for i := range values {
		x := b.Row(i)[0]
		values[i] = x + 5*math.Sin(x*p.offset)
	}
	return values, nil
}

func (p *process) Close() harness.Ended { return p.ended }

// predictor offers f under an alias.
func predictor(alias string, f *fake) harness.Predictor {
	return harness.Predictor{
		Ref: harness.Ref{Alias: alias, Name: alias}, Identity: "builtin:" + alias + "@1",
		Description: f.description(), Launcher: f,
	}
}

// run runs p with the spaces and predictors that are given, whatever p calls
// its own.
func run(t *testing.T, p *harness.Plan, dir string, workers int, spaces []harness.Space, predictors ...harness.Predictor) harness.Outcome {
	t.Helper()
	outcome, err := harness.Run(t.Context(), named(p, spaces, predictors), spaces, predictors, harness.Options{Dir: dir, Workers: workers})
	if err != nil {
		t.Fatal(err)
	}
	return outcome
}

func named(p *harness.Plan, spaces []harness.Space, predictors []harness.Predictor) *harness.Plan {
	p.Spaces, p.Predictors = nil, nil
	for _, s := range spaces {
		p.Spaces = append(p.Spaces, s.Ref)
	}
	for _, q := range predictors {
		p.Predictors = append(p.Predictors, q.Ref)
	}
	return p
}

func records(t *testing.T, dir string) []results.Record {
	t.Helper()
	held, err := results.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	return results.Latest(held.Records)
}

func folder(t *testing.T) string { return filepath.Join(t.TempDir(), "run") }

func TestARunRunsOnlyWhatIsMissing(t *testing.T) {
	dir, spaces := folder(t), []harness.Space{space(t, "toy", &toy{rows: 200})}
	a, b := new(fake), new(fake)
	got := run(t, plan(), dir, 2, spaces, predictor("a", a), predictor("b", b))
	if got.Ran != 12 || got.Skipped != 0 || got.Failed != 0 {
		t.Fatalf("first run: got %+v, want 12 trials (2 budgets x 3 splits x 2 predictors)", got)
	}
	got = run(t, plan(), dir, 2, spaces, predictor("a", a), predictor("b", b))
	if got.Ran != 0 || got.Skipped != 12 || a.launches.Load() != 6 {
		t.Errorf("second run: got %+v and %d launches of a, want nothing started", got, a.launches.Load())
	}

	// One record is lost, then one is damaged.
	path := filepath.Join(dir, "records.jsonl")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(data, []byte("\n"))
	for name, damaged := range map[string][]byte{
		"deleted": bytes.Join(slices.Delete(slices.Clone(lines), 4, 5), nil),
		"damaged": bytes.Replace(data, []byte(`"schema"`), []byte(`"sch`), 1),
		"cut":     data[:len(data)-20],
	} {
		if err := os.WriteFile(path, damaged, 0o644); err != nil {
			t.Fatal(err)
		}
		got = run(t, plan(), dir, 2, spaces, predictor("a", a), predictor("b", b))
		if got.Ran != 1 || got.Skipped != 11 || (name != "deleted") != (len(got.Damage) == 1) {
			t.Errorf("%s: got %+v, want exactly one trial", name, got)
		}
	}

	p := plan()
	p.Splits, p.Budgets = 4, []int{5, 10, 20}
	if got = run(t, p, dir, 1, spaces, predictor("a", a)); got.Ran != 6 || got.Skipped != 6 {
		t.Errorf("grown plan: got %+v, want 6 more", got)
	}
	changed := predictor("a", a)
	changed.Ref.Options = map[string]string{"epochs": "3"}
	if got = run(t, plan(), dir, 1, spaces, changed); got.Ran != 6 {
		t.Errorf("changed option: got %+v, want all anew", got)
	}
	edited := predictor("a", a)
	edited.Identity = "builtin:a@2"
	if got = run(t, plan(), dir, 1, spaces, edited); got.Ran != 6 {
		t.Errorf("changed plugin: got %+v, want all anew", got)
	}
	renamed := predictor("a", a)
	renamed.Ref.Alias = "z"
	if got = run(t, plan(), dir, 1, spaces, renamed); got.Ran != 0 {
		t.Errorf("renamed: got %+v, want nothing started", got)
	}
	if !slices.ContainsFunc(records(t, dir), func(r results.Record) bool { return r.Predictor.Alias == "z" }) {
		t.Error("renamed: no record has the new alias")
	}
	moved, place := predictor("a", a), slices.Clone(spaces)
	moved.Ref.Name, place[0].Ref.Name = "/elsewhere/a", "/elsewhere/toy"
	if got = run(t, plan(), dir, 1, place, moved); got.Ran != 0 {
		t.Errorf("moved: got %+v, want nothing started", got)
	}
	latest := results.Latest(records(t, dir))
	if n := len(slices.DeleteFunc(latest, func(r results.Record) bool {
		return r.Predictor.Name != "/elsewhere/a" || r.Space.Name != "/elsewhere/toy"
	})); n != 6 {
		t.Errorf("moved: got %d records with the new names, want 6", n)
	}
	outcome, err := harness.Run(t.Context(), named(plan(), spaces, []harness.Predictor{predictor("a", a)}), spaces,
		[]harness.Predictor{predictor("a", a)}, harness.Options{Dir: dir, Workers: 1, Force: true})
	if err != nil || outcome.Ran != 6 {
		t.Errorf("forced: got %+v, %v, want all anew", outcome, err)
	}
}

func TestResultsAreTheSameForAnyNumberOfWorkers(t *testing.T) {
	spaces := []harness.Space{space(t, "toy", &toy{rows: 1100}), space(t, "twin", &toy{rows: 300, shared: true})}
	p := plan()
	p.Seeds, p.Splits = 2, 2
	var want map[string]results.Record
	var wantFiles map[string][]byte
	for _, workers := range []int{1, 2} {
		dir := folder(t)
		if got := run(t, p, dir, workers, spaces, predictor("a", new(fake)), predictor("b", new(fake))); got.Ran != 32 || got.Failed != 0 {
			t.Fatalf("got %+v", got)
		}
		got, files := make(map[string]results.Record), make(map[string][]byte)
		for _, r := range records(t, dir) {
			got[r.Key] = r
			data, err := os.ReadFile(filepath.Join(dir, r.Predictions.Path))
			if err != nil {
				t.Fatal(err)
			}
			files[r.Key] = data
		}
		if want == nil {
			want, wantFiles = got, files
			continue
		}
		if !maps.EqualFunc(files, wantFiles, bytes.Equal) {
			t.Errorf("%d workers: predictions differ", workers)
		}
		for key, r := range got {
			if w := want[key]; !maps.Equal(r.Metrics, w.Metrics) || *r.Predictions != *w.Predictions {
				t.Errorf("%d workers: got %v, want %v", workers, r.Metrics, w.Metrics)
			}
		}
	}
}

func TestARecordSaysWhatRan(t *testing.T) {
	dir := folder(t)
	var mu sync.Mutex
	seeds := make(map[uint64]int)
	f := &fake{ended: harness.Ended{CPUSeconds: 2, MemoryBytes: 7, Limits: []string{"memory 4 GiB", "fit timeout 30m0s"}}}
	f.fit = func(_ context.Context, tr *plugins.Training) (plugins.Fitted, error) {
		mu.Lock()
		defer mu.Unlock()
		seeds[tr.Seed]++
		if tr.Log == nil || tr.Batch.Len() != len(tr.Labels) || tr.Pool.Len() != 0 || tr.Options["k"] != "v" {
			return plugins.Fitted{}, errors.New("training is not whole")
		}
		return plugins.Fitted{Warnings: []string{"few\nlabels\x1b[31m"}}, nil
	}
	q := predictor("p", f)
	q.Ref.Options = map[string]string{"k": "v"}
	p := plan()
	p.Preset, p.Seeds = "uniform", 2
	run(t, p, dir, 1, []harness.Space{space(t, "toy", &toy{rows: 100, shared: true, holes: true})}, q)
	got := records(t, dir)
	if len(got) != 12 || len(seeds) != 6 {
		t.Fatalf("got %d records and seeds %v, want 12 and one seed for each split and repeat", len(got), seeds)
	}
	r := got[0]
	if r.Failure != nil || r.Preset != "uniform" || r.Pool != "all" || r.TrainRows != 5 || r.TestRows != 85 || r.Overlap == 0 {
		t.Errorf("got %+v", r)
	}
	if want := []string{"preset uniform draws architectures that compute the same function into training and test", `few labels\x1b[31m`}; !slices.Equal(r.Warnings, want) {
		t.Errorf("got warnings %q, want %q", r.Warnings, want)
	}
	if want := []string{"start timeout 10s", "fit timeout 30m0s", "predict timeout 10m0s", "memory 4 GiB"}; !slices.Equal(r.Environment.Limits, want) {
		t.Errorf("got limits %q, want %q", r.Environment.Limits, want)
	}
	if r.Cost.CPUSeconds != 2 || r.Cost.MemoryBytes != 7 || r.Cost.Started == "" {
		t.Errorf("got cost %+v", r.Cost)
	}
	predictions, err := results.ReadPredictions(dir, *r.Predictions)
	if err != nil {
		t.Fatal(err)
	}
	for i, row := range predictions.Rows {
		// The fake predicts from the row's number; without a fit its offset is 0.
		if row%10 == 0 || predictions.Values[i] != float64(row) {
			t.Fatalf("row %d is predicted as %v", row, predictions.Values[i])
		}
	}
	if r.Metrics["kendall_tau"] < .5 || r.Metrics["rmse"] <= 0 {
		t.Errorf("got metrics %v", r.Metrics)
	}
	m, err := results.ReadManifest(dir)
	if err != nil {
		t.Fatal(err)
	}
	s := m.Spaces[0]
	if s.Rows != 100 || s.Excluded != 10 || s.Identities != 50 || s.NoiseRuns != 2 || s.TargetRuns != 2 || m.PlanDigest != p.Digest() {
		t.Errorf("got manifest %+v", m)
	}
	if s.LabelQuality == nil || s.Noise == nil || s.Ceiling == nil || *s.Ceiling <= *s.Noise || *s.Ceiling >= 1 {
		t.Errorf("got label quality, noise and ceiling %v, %v, %v", s.LabelQuality, s.Noise, s.Ceiling)
	}
	if len(m.Predictors) != 1 || m.Predictors[0].Alias != "p" {
		t.Errorf("got predictors %+v", m.Predictors)
	}
}

func TestPoolGoesToThoseWhoAsk(t *testing.T) {
	var lengths sync.Map
	f := &fake{usesPool: true}
	f.fit = func(_ context.Context, tr *plugins.Training) (plugins.Fitted, error) {
		lengths.Store(tr.Pool.Len(), true)
		return plugins.Fitted{}, nil
	}
	p := plan()
	for pool, want := range map[string]int{"all": 100, "nontest": 60, "none": 0} {
		p.Test, p.Pool = 20, pool
		run(t, p, folder(t), 2, []harness.Space{space(t, "toy", &toy{rows: 100, shared: true})}, predictor("p", f))
		if _, ok := lengths.Load(want); !ok {
			t.Errorf("%s: nobody got %d architectures", pool, want)
		}
	}
}

// TestPretrainingIsSharedByTheTrialsOfASplit: it runs once a split and seed,
// whatever the budgets and workers, and not again in a later run; it sees as
// many architectures as the pool allows; its cost is in every record.
func TestPretrainingIsSharedByTheTrialsOfASplit(t *testing.T) {
	var times atomic.Int64
	var got, seeds sync.Map
	f := &fake{ended: harness.Ended{CPUSeconds: 3, MemoryBytes: 5, Limits: []string{"memory 4 GiB"}}}
	f.pretrain = func(_ context.Context, p *plugins.Pretraining) ([]byte, error) {
		times.Add(1)
		seeds.Store(p.Seed, true)
		return fmt.Appendf(nil, "%d rows, seed %d", p.Pool.Len(), p.Seed), nil
	}
	f.fit = func(_ context.Context, tr *plugins.Training) (plugins.Fitted, error) {
		got.Store(string(tr.Artifact), true)
		return plugins.Fitted{}, nil
	}
	p, dir := plan(), folder(t)
	p.Budgets, p.Splits, p.Test = []int{5, 10, 20}, 2, 20
	spaces := []harness.Space{space(t, "toy", &toy{rows: 100, shared: true})}
	for _, step := range []struct {
		pool  string
		times int64 // so far
		rows  string
	}{{"all", 2, "100 rows"}, {"nontest", 4, "60 rows"}, {"none", 4, ""}} {
		got.Clear()
		p.Pool = step.pool
		run(t, p, dir, 3, spaces, predictor("p", f))
		if n := times.Load(); n != step.times {
			t.Errorf("%s: pretrained %d times, want %d", step.pool, n, step.times)
		}
		got.Range(func(artifact, _ any) bool {
			if !strings.HasPrefix(artifact.(string), step.rows) || (step.rows == "") != (artifact == "") {
				t.Errorf("%s: fit got the artifact %q, want one of %q", step.pool, artifact, step.rows)
			}
			return true
		})
		for _, r := range records(t, dir) {
			if r.Pool != step.pool {
				continue
			}
			if (r.Pretraining == nil) != (step.rows == "") || (r.Cost.Pretraining == nil) != (step.rows == "") {
				t.Errorf("%s: record has pretraining %+v, cost %+v", step.pool, r.Pretraining, r.Cost.Pretraining)
			} else if step.rows != "" && !slices.Contains(r.Pretraining.Limits, "memory 4 GiB") {
				t.Errorf("%s: record has pretraining limits %q", step.pool, r.Pretraining.Limits)
			} else if step.rows != "" && (fmt.Sprintf("%d rows", r.Pretraining.Rows) != step.rows || r.Cost.Pretraining.CPUSeconds != 3 || r.Cost.Pretraining.MemoryBytes != 5) {
				t.Errorf("%s: record has pretraining %+v, cost %+v", step.pool, r.Pretraining, r.Cost.Pretraining)
			}
		}
	}
	distinct := 0
	seeds.Range(func(any, any) bool { distinct++; return true })
	if distinct != 2 {
		t.Errorf("%d seeds for 2 splits", distinct)
	}
	// A damaged artifact is made again.
	files, err := filepath.Glob(filepath.Join(dir, "pretrained", "*.bin"))
	if err != nil || len(files) != 4 {
		t.Fatalf("artifacts: got %v (%v), want 4", files, err)
	}
	for _, name := range files {
		if err := os.WriteFile(name, []byte("other"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p.Pool, p.Budgets = "all", []int{30}
	run(t, p, dir, 1, spaces, predictor("p", f))
	if n := times.Load(); n != 6 {
		t.Errorf("with damaged artifacts: pretrained %d times in all, want 6", n)
	}
	// Forced, it runs again once a split, though three budgets share it.
	p.Budgets = []int{5, 10, 20}
	predictors := []harness.Predictor{predictor("p", f)}
	_, err = harness.Run(t.Context(), named(p, spaces, predictors), spaces, predictors, harness.Options{Dir: dir, Workers: 3, Force: true})
	if n := times.Load(); err != nil || n != 8 {
		t.Errorf("forced: pretrained %d times in all (%v), want 8", n, err)
	}
}

// TestWhatAProcessLeavesIsOnRecord: wherever in a trial a process leaves
// something, the measured part of its record says so, and it does not fail.
func TestWhatAProcessLeavesIsOnRecord(t *testing.T) {
	left := harness.Ended{Left: "end p: unlinkat /tmp/hn-1\x1b: device or resource busy"}
	const want = `end p: unlinkat /tmp/hn-1\x1b: device or resource busy`
	for name, tc := range map[string]struct {
		spoil func(f *fake)
		stage string // in which the trial fails, or ""
		times int    // that it stands in a record
	}{
		"trial": {func(*fake) {}, "", 1},
		"pretraining": {func(f *fake) {
			f.pretrain = func(context.Context, *plugins.Pretraining) ([]byte, error) { return nil, nil }
		}, "", 2},
		"start": {func(f *fake) {
			f.launch = func() error { return &harness.LaunchError{Ended: left, Err: errors.New("no handshake")} }
		}, "start", 1},
		"describe": {func(f *fake) {
			f.describe = func() plugins.Description { return plugins.Description{Name: "fake", Version: 2} }
		}, "start", 1},
	} {
		f := &fake{ended: left}
		tc.spoil(f)
		p := plan()
		p.Budgets, p.Splits = []int{5}, 1
		dir := folder(t)
		run(t, p, dir, 1, []harness.Space{space(t, "toy", &toy{rows: 100})}, predictor("p", f))
		for _, r := range records(t, dir) {
			times := 0
			for _, left := range r.Cost.Left {
				if left == want {
					times++
				}
			}
			stage := ""
			if r.Failure != nil {
				stage = r.Failure.Stage
			}
			if times != tc.times || stage != tc.stage || len(r.Warnings) > 0 {
				t.Errorf("%s: got %q, warnings %q, failed stage %q, want %d of %q, %q", name, r.Cost.Left, r.Warnings, stage, tc.times, want, tc.stage)
			}
		}
	}
}

// TestAFailedPretrainingFailsItsTrialsOnce: trials that share it fail with its
// reason, without trying again in this run.
func TestAFailedPretrainingFailsItsTrialsOnce(t *testing.T) {
	var times atomic.Int64
	f := &fake{ended: harness.Ended{Log: "the end"}}
	f.pretrain = func(context.Context, *plugins.Pretraining) ([]byte, error) {
		times.Add(1)
		return nil, errors.New("boom")
	}
	p := plan()
	p.Budgets, p.Splits = []int{5, 10, 20}, 1
	dir := folder(t)
	run(t, p, dir, 2, []harness.Space{space(t, "toy", &toy{rows: 100})}, predictor("p", f))
	held := records(t, dir)
	if times.Load() != 1 || len(held) != 3 {
		t.Errorf("pretrained %d times for %d records, want once for 3", times.Load(), len(held))
	}
	for _, r := range held {
		if r.Failure == nil || r.Failure.Stage != "pretrain" || r.Failure.Reason != "boom" || r.Failure.Log != "the end" {
			t.Errorf("got failure %+v", r.Failure)
		}
	}
}

// TestWhatIsNotSupportedIsNoFailure: it is on record; another build may support
// it, so it runs again. Only a fit and a pretraining can say so.
func TestWhatIsNotSupportedIsNoFailure(t *testing.T) {
	dir, spaces := folder(t), []harness.Space{space(t, "toy", &toy{rows: 100})}
	p := plan()
	p.Budgets = []int{5}
	without := &fake{fit: func(context.Context, *plugins.Training) (plugins.Fitted, error) {
		return plugins.Fitted{}, fmt.Errorf("no proxy: %w", plugins.ErrUnsupported)
	}}
	if got := run(t, p, dir, 1, spaces, predictor("without", without)); got.Ran != 3 || got.Failed != 0 || got.Unsupported != 3 {
		t.Errorf("got %+v, want 3 trials that are not supported", got)
	}
	for _, r := range records(t, dir) {
		if r.Failure == nil || !r.Failure.Unsupported || r.Status() != "not supported" {
			t.Errorf("got %+v, status %s", r.Failure, r.Status())
		}
	}
	var fits atomic.Int64
	without.fit = func(context.Context, *plugins.Training) (plugins.Fitted, error) {
		if fits.Add(1) == 1 {
			return plugins.Fitted{}, fmt.Errorf("no proxy: %w", plugins.ErrUnsupported)
		}
		return plugins.Fitted{}, nil
	}
	if got := run(t, p, dir, 1, spaces, predictor("without", without)); got.Ran != 3 || got.Unsupported != 1 || got.Failed != 0 {
		t.Errorf("again: got %+v, want 3 trials, 1 of them not supported", got)
	}

	no := fmt.Errorf("no: %w", plugins.ErrUnsupported)
	for stage, f := range map[string]*fake{
		"pretrain": {pretrain: func(context.Context, *plugins.Pretraining) ([]byte, error) { return nil, no }},
		"start":    {launch: func() error { return no }},
		"pretrain, which does not start": {
			launch:   func() error { return no },
			pretrain: func(context.Context, *plugins.Pretraining) ([]byte, error) { return nil, nil },
		},
		"predict": {predict: func(context.Context, *plugins.Batch) ([]float64, error) { return nil, no }},
	} {
		unsupported := 0
		if stage == "pretrain" {
			unsupported = 3
		}
		if got := run(t, p, folder(t), 1, spaces, predictor("p", f)); got.Ran != 3 || got.Unsupported != unsupported || got.Failed != 3-unsupported {
			t.Errorf("%s: got %+v, want %d of 3 trials not supported", stage, got, unsupported)
		}
	}
}

func TestAFailedTrialIsARecordAndTheOthersRunOn(t *testing.T) {
	long := strings.Repeat("log ", 5000)
	hang := func(ctx context.Context) error {
		<-ctx.Done()
		return fmt.Errorf("call: %w", ctx.Err())
	}
	for _, tc := range []struct {
		name, stage, reason string
		spoil               func(f *fake)
	}{
		{"launch", "start", "no such file", func(f *fake) { f.launch = func() error { return errors.New("no\nsuch file") } }},
		{"early exit", "start", "exit status 3", func(f *fake) {
			f.launch = func() error {
				return &harness.LaunchError{Ended: harness.Ended{Reason: "exit status 3", Log: long}, Err: errors.New("no handshake")}
			}
		}},
		{"other plugin", "start", "says that it is fake version 2", func(f *fake) {
			f.describe = func() plugins.Description { return plugins.Description{Name: "fake", Version: 2} }
		}},
		{"fit error", "fit", "rate: invalid option", func(f *fake) {
			f.fit = func(context.Context, *plugins.Training) (plugins.Fitted, error) {
				return plugins.Fitted{}, fmt.Errorf("rate: %w", plugins.ErrOption)
			}
		}},
		{"fit hang", "fit", "fit took longer than 1ms", func(f *fake) {
			f.fit = func(ctx context.Context, _ *plugins.Training) (plugins.Fitted, error) {
				return plugins.Fitted{}, hang(ctx)
			}
		}},
		{"killed", "fit", "more than 4GiB", func(f *fake) {
			f.ended.Reason = "killed: more than 4GiB of memory"
			f.fit = func(context.Context, *plugins.Training) (plugins.Fitted, error) {
				return plugins.Fitted{}, errors.New("unavailable")
			}
		}},
		{"predict error", "predict", "boom", func(f *fake) {
			f.predict = func(context.Context, *plugins.Batch) ([]float64, error) { return nil, errors.New("boom") }
		}},
		{"predict hang", "predict", "predict took longer than 1ms", func(f *fake) {
			f.predict = func(ctx context.Context, _ *plugins.Batch) ([]float64, error) { return nil, hang(ctx) }
		}},
		{"short", "score", "3 predictions for 95 architectures", func(f *fake) {
			f.predict = func(context.Context, *plugins.Batch) ([]float64, error) { return make([]float64, 3), nil }
		}},
		{"long", "score", "96 predictions for 95 architectures", func(f *fake) {
			f.predict = func(_ context.Context, b *plugins.Batch) ([]float64, error) { return make([]float64, b.Len()+1), nil }
		}},
		{"nan", "score", "test row 7 is NaN", func(f *fake) {
			f.predict = func(_ context.Context, b *plugins.Batch) ([]float64, error) {
				v := make([]float64, b.Len())
				v[7] = math.NaN()
				return v, nil
			}
		}},
		{"infinite", "score", "test row 0 is -Inf", func(f *fake) {
			f.predict = func(_ context.Context, b *plugins.Batch) ([]float64, error) {
				v := make([]float64, b.Len())
				v[0] = math.Inf(-1)
				return v, nil
			}
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir, spaces := folder(t), []harness.Space{space(t, "toy", &toy{rows: 100})}
			bad := &fake{ended: harness.Ended{Log: long + "the end\x07"}}
			tc.spoil(bad)
			p := plan()
			p.Budgets = []int{5}
			if strings.Contains(tc.name, "hang") {
				p.Limits.Fit, p.Limits.Predict = time.Millisecond, time.Millisecond
				if got := run(t, p, dir, 2, spaces, predictor("bad", bad)); got.Ran != 3 || got.Failed != 3 {
					t.Fatalf("got %+v, want 3 failed", got)
				}
			} else if got := run(t, p, dir, 2, spaces, predictor("bad", bad), predictor("good", new(fake))); got.Ran != 6 || got.Failed != 3 {
				t.Fatalf("got %+v, want 3 of 6 failed", got)
			}
			for _, r := range records(t, dir) {
				if r.Predictor.Alias == "good" {
					if r.Failure != nil {
						t.Errorf("good: %+v", r.Failure)
					}
					continue
				}
				if r.Failure == nil || r.Failure.Stage != tc.stage || !strings.Contains(r.Failure.Reason, tc.reason) || strings.Contains(r.Failure.Reason, "\n") {
					t.Errorf("got %+v, want stage %s, reason %q", r.Failure, tc.stage, tc.reason)
				}
				if r.Failure != nil && (len(r.Failure.Log) > 5000 || strings.ContainsRune(r.Failure.Log, 7)) {
					t.Errorf("got a log of %d bytes", len(r.Failure.Log))
				}
				if r.Metrics != nil || r.Predictions != nil {
					t.Errorf("a failed trial has metrics %v, predictions %v", r.Metrics, r.Predictions)
				}
			}
			// Once mended, the failed trials run again and no other.
			p.Limits = harness.DefaultPlan().Limits
			if got := run(t, p, dir, 2, spaces, predictor("bad", new(fake))); got.Ran != 3 || got.Failed != 0 {
				t.Errorf("mended: got %+v, want 3 trials", got)
			}
			for _, r := range records(t, dir) {
				if r.Failure != nil {
					t.Errorf("mended: the newest record is %+v", r.Failure)
				}
			}
		})
	}
}

func TestACancelledRunKeepsWhatIsDone(t *testing.T) {
	dir, spaces := folder(t), []harness.Space{space(t, "toy", &toy{rows: 100})}
	ctx, cancel := context.WithCancel(t.Context())
	var fits atomic.Int64
	f := new(fake)
	f.fit = func(ctx context.Context, _ *plugins.Training) (plugins.Fitted, error) {
		if fits.Add(1) == 3 {
			cancel()
			<-ctx.Done()
			return plugins.Fitted{}, ctx.Err()
		}
		return plugins.Fitted{}, nil
	}
	predictors := []harness.Predictor{predictor("p", f)}
	got, err := harness.Run(ctx, named(plan(), spaces, predictors), spaces, predictors, harness.Options{Dir: dir, Workers: 1})
	if !errors.Is(err, context.Canceled) || got.Ran != 2 {
		t.Errorf("got %+v, %v, want 2 trials and that it was cancelled", got, err)
	}
	if rs := records(t, dir); len(rs) != 2 || rs[0].Failure != nil || rs[1].Failure != nil {
		t.Errorf("got %d records, want the 2 that were done", len(rs))
	}
	if got := run(t, plan(), dir, 1, spaces, predictor("p", new(fake))); got.Ran != 4 || got.Skipped != 2 {
		t.Errorf("resumed: got %+v, want the other 4", got)
	}
}

func TestMistakesWriteNothing(t *testing.T) {
	spaces := []harness.Space{space(t, "toy", &toy{rows: 60})}
	for _, tc := range []struct {
		want  string
		spoil func(p *harness.Plan, predictors []harness.Predictor) []harness.Predictor
	}{
		{"space toy: budget 100 is larger than the space, which has 60 identities", func(p *harness.Plan, q []harness.Predictor) []harness.Predictor {
			p.Budgets = []int{5, 100}
			return q
		}},
		{"budget 10 and 55 test rows", func(p *harness.Plan, q []harness.Predictor) []harness.Predictor {
			p.Test = 55
			return q
		}},
		{"unknown preset", func(p *harness.Plan, q []harness.Predictor) []harness.Predictor {
			p.Preset = "fair"
			return q
		}},
		{"the same trial under two names", func(_ *harness.Plan, q []harness.Predictor) []harness.Predictor {
			twin := q[0] // the same file, at another path
			twin.Ref.Alias, twin.Ref.Name = "twin", "./p"
			return append(q, twin)
		}},
		{"p and twin are the same predictor twice", func(_ *harness.Plan, q []harness.Predictor) []harness.Predictor {
			twin := q[0]
			twin.Ref.Alias = "twin"
			return append(q, twin)
		}},
		{"predictor ./mine has no alias", func(_ *harness.Plan, q []harness.Predictor) []harness.Predictor {
			q[0].Ref = harness.Ref{Name: "./mine"}
			return q
		}},
	} {
		dir, p, f := folder(t), plan(), new(fake)
		predictors := tc.spoil(p, []harness.Predictor{predictor("p", f)})
		_, err := harness.Run(t.Context(), named(p, spaces, predictors), spaces, predictors, harness.Options{Dir: dir, Workers: 1})
		if !errors.Is(err, harness.ErrPlan) || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("got %v, want %q", err, tc.want)
		}
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) || f.launches.Load() != 0 {
			t.Errorf("%s: something was written or started", tc.want)
		}
	}
}

func TestAFolderThatARunHoldsIsRefused(t *testing.T) {
	dir, spaces := folder(t), []harness.Space{space(t, "toy", &toy{rows: 60})}
	f := new(fake)
	f.fit = func(ctx context.Context, _ *plugins.Training) (plugins.Fitted, error) {
		predictors := []harness.Predictor{predictor("p", new(fake))}
		_, err := harness.Run(ctx, named(plan(), spaces, predictors), spaces, predictors, harness.Options{Dir: dir, Workers: 1})
		if !errors.Is(err, results.ErrHeld) {
			t.Errorf("got %v, want ErrHeld", err)
		}
		return plugins.Fitted{}, nil
	}
	if got := run(t, plan(), dir, 1, spaces, predictor("p", f)); got.Failed != 0 || got.Ran != 6 {
		t.Errorf("got %+v, want that the first run is not disturbed", got)
	}
}

func TestProgressTellsHowFarARunIs(t *testing.T) {
	spaces := []harness.Space{space(t, "toy", &toy{rows: 60})}
	predictors := []harness.Predictor{predictor("p", new(fake))}
	var events []harness.Event
	_, err := harness.Run(t.Context(), named(plan(), spaces, predictors), spaces, predictors, harness.Options{
		Dir: folder(t), Workers: 1, Progress: func(e harness.Event) { events = append(events, e) },
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(events) != 12 {
		t.Fatalf("got %d events, want a begin and an end of 6 trials", len(events))
	}
	first, last := events[0], events[11]
	if first.Total != 6 || first.Done != 0 || !slices.Equal(first.Running, []string{"p on toy, budget 5, split 0"}) || first.Remaining >= 0 || first.Finished != nil {
		t.Errorf("first: got %+v", first)
	}
	if last.Done != 6 || len(last.Running) != 0 || last.Remaining != 0 || last.Finished == nil {
		t.Errorf("last: got %+v", last)
	}
}

func TestSpacesThatBreakTheirPromiseAreRefused(t *testing.T) {
	s := space(t, "toy", &toy{rows: 60})
	s.Info.Rows = 61 // its columns have 60
	predictors := []harness.Predictor{predictor("p", new(fake))}
	spaces := []harness.Space{s}
	dir := folder(t)
	_, err := harness.Run(t.Context(), named(plan(), spaces, predictors), spaces, predictors, harness.Options{Dir: dir, Workers: 1})
	if err == nil || !strings.Contains(err.Error(), "read space toy: column label: 60 values for 61 rows") {
		t.Errorf("got %v", err)
	}
}

// The host's own cost of a trial on 15,625 architectures, without a process.
func BenchmarkTrial(b *testing.B) {
	s := &toy{rows: 15_625}
	info, err := s.Open(b.Context(), nil)
	if err != nil {
		b.Fatal(err)
	}
	spaces := []harness.Space{{Ref: harness.Ref{Alias: "toy", Name: "toy"}, Info: info, Source: s}}
	predictors := []harness.Predictor{predictor("p", new(fake))}
	p := plan()
	p.Splits, p.Budgets = b.N, []int{100}
	named(p, spaces, predictors)
	b.ResetTimer()
	if _, err := harness.Run(b.Context(), p, spaces, predictors, harness.Options{Dir: filepath.Join(b.TempDir(), "run"), Workers: 1}); err != nil {
		b.Fatal(err)
	}
}
