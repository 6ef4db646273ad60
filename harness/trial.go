package harness

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/hypernas/hypernas/harness/metric"
	"github.com/hypernas/hypernas/internal/printable"
	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/results"
)

// Predictor is a predictor that can be started.
type Predictor struct {
	Ref         Ref
	Identity    string // see results.PredictorRef
	Description plugins.Description
	Launcher    Launcher
}

// Launcher starts fresh processes of one predictor.
type Launcher interface {
	// Launch returns a process that is ready for Describe. ctx bounds the
	// launch alone, not the life of the process. Where there was a process
	// that failed to start, the error wraps a *LaunchError.
	Launch(ctx context.Context) (Process, error)
}

// Process is a predictor's process, for one trial.
type Process interface {
	plugins.Predictor
	// Close ends the process and all that it started, and waits for that.
	Close() Ended
}

// Ended is what is known of a process once it has ended.
type Ended struct {
	// Reason says why the process ended before Close, such as "killed: it
	// took more than 4GiB of memory"; it is empty where Close ended it.
	Reason      string
	Log         string // the end of what it logged
	CPUSeconds  float64
	MemoryBytes int64
	Limits      []string // limits and protections that really held
	// Left says what of the process could not be ended or removed, such as its
	// scratch folder; it is empty where nothing is left.
	Left string
}

// LaunchError is the error of a process that failed to start.
type LaunchError struct {
	Ended Ended
	Err   error
}

// Error returns the text of the error behind e.
func (e *LaunchError) Error() string { return e.Err.Error() }

// Unwrap returns the error behind e.
func (e *LaunchError) Unwrap() error { return e.Err }

// What of a plugin's own words a record holds at most.
const (
	maxReason   = 500  // bytes of a reason or a warning
	maxLog      = 4096 // bytes of a log's end
	maxWarnings = 20
)

// Trial is what determines a trial's result, beside the build.
type Trial struct {
	Form      int               `json:"form"` // 1
	Space     string            `json:"space"`
	Label     string            `json:"label"`
	Target    string            `json:"target"`
	Predictor string            `json:"predictor"`
	Options   map[string]string `json:"options"` // the predictor's; the space's are in its digest
	Preset    string            `json:"preset"`
	Test      int               `json:"test"`
	Pool      string            `json:"pool"`
	Splits    string            `json:"splits,omitempty"` // SHA-256 of a file's, where the preset didn't draw them
	Split     int               `json:"split"`
	Budget    int               `json:"budget"`
	Seed      uint64            `json:"seed"`
	Repeat    int               `json:"repeat"`
}

// Key returns the SHA-256 (hexadecimal) of t as JSON, by which a run finds
// its records again. Neither aliases nor limits are part of it.
func (t *Trial) Key() string {
	data, err := json.Marshal(t)
	if err != nil {
		panic("harness: a trial has no JSON form")
	}
	sum := sha256.Sum256(append([]byte("hypernas trial\n"), data...))
	return hex.EncodeToString(sum[:])
}

// predictorSeed returns the seed of a predictor's randomness in one repeat on
// one split. It is the same for all predictors and budgets, so that their
// results are paired.
func predictorSeed(plan uint64, split, repeat int) uint64 {
	sum := sha256.Sum256(fmt.Appendf(nil, "hypernas predictor seed v1\nseed %d\nsplit %d\nrepeat %d", plan, split, repeat))
	return binary.LittleEndian.Uint64(sum[:])
}

// trial is one trial of a run.
type trial struct {
	group     *group
	predictor *Predictor
	repeat    int
	key       string
}

// name says which trial it is, for people.
func (t *trial) name() string {
	s := fmt.Sprintf("%s on %s, budget %d, split %d", t.predictor.Ref.Alias, t.group.table.space.Ref.Alias, t.group.budget, t.group.number)
	if t.group.plan.Seeds > 1 {
		s += fmt.Sprintf(", seed %d", t.repeat)
	}
	return s
}

// run runs the trial in a fresh process and returns its record and, where it
// succeeded, its predictions. It returns an error where ctx is done (the trial
// then has no record) or the split can't be drawn.
func (t *trial) run(ctx context.Context, o *Options, w *results.Writer, made *artifacts) (*results.Record, *results.Predictions, error) {
	g := t.group
	s, err := g.samples()
	if err != nil {
		return nil, nil, err
	}
	r := t.record(s, o)
	r.Cost.Started = time.Now().UTC().Format(time.RFC3339)
	r.Environment.Limits = g.plan.Limits.describe()
	a := attempt{trial: t, samples: s, record: r, log: o.Log}
	ended := Ended{}
	artifact, failed := a.pretrain(ctx, w, made, o.Force)
	if failed == nil {
		var process Process
		if process, failed = a.start(ctx); failed == nil {
			failed = a.use(ctx, process, artifact)
			ended = a.close(process)
		}
	}
	if failed != nil && failed.ended != nil {
		ended = *failed.ended
	}
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	r.Cost.CPUSeconds, r.Cost.MemoryBytes = ended.CPUSeconds, ended.MemoryBytes
	r.Environment.Limits = withLimits(r.Environment.Limits, ended.Limits)
	if failed != nil {
		r.Failure = failed.failure(ended)
		return r, nil, nil
	}
	r.Metrics = metric.Score(a.values, s.target, t.predictor.Description.PredictsLabels)
	return r, &results.Predictions{Rows: s.testRows, Values: a.values}, nil
}

// record returns the trial's record as far as it is known before it runs.
func (t *trial) record(s *samples, o *Options) *results.Record {
	g := t.group
	p := g.plan
	return &results.Record{
		Schema: results.SchemaVersion, Key: t.key,
		Space: g.table.ref(), Predictor: t.predictor.ref(),
		Preset: p.Preset, SplitSHA256: p.SplitSHA256, Test: p.Test, Pool: p.Pool, Budget: g.budget, Split: g.number, Repeat: t.repeat, Seed: p.Seed,
		TrainRows: len(s.labels), TestRows: len(s.target), Overlap: s.overlap,
		Warnings:    slices.Clone(s.warnings),
		Environment: o.Environment,
	}
}

func (p *Predictor) ref() results.PredictorRef {
	return results.PredictorRef{
		Alias: p.Ref.Alias, AliasDerived: p.Ref.Derived, Name: p.Ref.Name, Options: p.Ref.Options,
		Identity: p.Identity, PredictsLabels: p.Description.PredictsLabels,
		UsesPool: p.Description.UsesPool, Pretrains: p.Description.Pretrains,
	}
}

// describe lists the limits that the harness itself holds.
func (l *Limits) describe() []string {
	list := []string{}
	for _, limit := range []struct {
		what string
		d    time.Duration
	}{{"start", l.Start}, {"fit", l.Fit}, {"predict", l.Predict}} {
		if limit.d > 0 {
			list = append(list, fmt.Sprintf("%s timeout %s", limit.what, limit.d))
		}
	}
	return list
}

// withLimits adds those of limits to list that it lacks.
func withLimits(list, limits []string) []string {
	for _, limit := range limits {
		if !slices.Contains(list, limit) {
			list = append(list, limit)
		}
	}
	return list
}

// attempt is a trial under way.
type attempt struct {
	trial   *trial
	samples *samples
	record  *results.Record
	log     *slog.Logger
	values  []float64 // predictions, once use has succeeded
}

// stageError is why and where a trial failed.
type stageError struct {
	stage string
	// reason is set where the harness knows it; else it is the process's, if
	// that ended by itself, or err's text.
	reason string
	err    error
	// unsupported says that the predictor declared that it can't serve the
	// space: when it fitted or pretrained, where the contract has it say so.
	unsupported bool
	ended       *Ended // of a process that did not start, or of the pretraining's; else nil
}

func (e *stageError) failure(ended Ended) *results.Failure {
	reason := e.reason
	if reason == "" {
		reason = ended.Reason
	}
	if reason == "" {
		reason = e.err.Error()
	}
	return &results.Failure{
		Stage: e.stage, Reason: oneLine(reason), Log: logEnd(ended.Log), Unsupported: e.unsupported,
	}
}

// stage runs f under a time limit and returns how long it took.
func (a *attempt) stage(ctx context.Context, name string, limit time.Duration, f func(ctx context.Context) error) (float64, *stageError) {
	bounded, cancel := ctx, context.CancelFunc(func() {})
	if limit > 0 {
		bounded, cancel = context.WithTimeout(ctx, limit)
	}
	defer cancel()
	begin := time.Now()
	err := f(bounded)
	seconds := time.Since(begin).Seconds()
	if err == nil {
		return seconds, nil
	}
	failed := &stageError{stage: name, err: err}
	failed.unsupported = (name == "fit" || name == "pretrain") && errors.Is(err, plugins.ErrUnsupported)
	if errors.Is(bounded.Err(), context.DeadlineExceeded) && ctx.Err() == nil {
		failed.reason = fmt.Sprintf("%s took longer than %s", name, limit)
	}
	return seconds, failed
}

// start launches the process and asks it who it is.
func (a *attempt) start(ctx context.Context) (process Process, failed *stageError) {
	t := a.trial
	a.record.Cost.StartSeconds, failed = a.stage(ctx, "start", t.group.plan.Limits.Start, func(ctx context.Context) (err error) {
		if process, err = t.predictor.Launcher.Launch(ctx); err != nil {
			return err
		}
		d, err := process.Describe(ctx)
		if err != nil {
			return err
		}
		if t.predictor.Description.Name == "" {
			return errors.New("it did not start when the run began, and does now: start the run again")
		}
		if want := &t.predictor.Description; d.Name != want.Name || d.Version != want.Version {
			return fmt.Errorf("it says that it is %s version %d, and said %s version %d when the run began", d.Name, d.Version, want.Name, want.Version)
		}
		return nil
	})
	if failed == nil {
		return process, nil
	}
	if process != nil {
		ended := a.close(process)
		failed.ended = &ended
	} else if launch, ok := errors.AsType[*LaunchError](failed.err); ok {
		a.keepLeft(&launch.Ended)
		failed.ended = &launch.Ended
		if launch.Ended.Reason != "" {
			failed.reason = "" // the process's own reason says more than the time-out
		}
	}
	return nil, failed
}

// close ends a process of the trial. What it leaves is no failure of the trial,
// but whoever reads its record should know.
func (a *attempt) close(process Process) Ended {
	ended := process.Close()
	a.keepLeft(&ended)
	return ended
}

// keepLeft puts what a process left into the measured part of the record: it
// is chance, and names a scratch folder or a process of this run.
func (a *attempt) keepLeft(ended *Ended) {
	if ended.Left != "" {
		a.record.Cost.Left = append(a.record.Cost.Left, oneLine(ended.Left))
	}
}

// use fits and predicts.
func (a *attempt) use(ctx context.Context, process Process, artifact []byte) (failed *stageError) {
	t, s := a.trial, a.samples
	limits := &t.group.plan.Limits
	training := &plugins.Training{
		Vocabulary: t.group.table.space.Info.Vocabulary,
		Batch:      s.train, Labels: s.labels,
		Artifact: artifact,
		Options:  t.predictor.Ref.Options,
		Seed:     predictorSeed(t.group.plan.Seed, t.group.number, t.repeat),
		Log:      a.log,
	}
	if t.predictor.Description.UsesPool {
		training.Pool = s.pool.batch()
	}
	a.record.Cost.FitSeconds, failed = a.stage(ctx, "fit", limits.Fit, func(ctx context.Context) error {
		fitted, err := process.Fit(ctx, training)
		if err == nil {
			a.warn(fitted.Warnings)
		}
		return err
	})
	if failed != nil {
		return failed
	}
	var values []float64
	a.record.Cost.PredictSeconds, failed = a.stage(ctx, "predict", limits.Predict, func(ctx context.Context) (err error) {
		// One call: whoever carries it to the process cuts it into messages.
		if values, err = process.Predict(ctx, &s.test); err != nil {
			return err
		}
		return check(values, s.test.Len())
	})
	if failed == nil {
		a.values = values
	} else if _, ok := errors.AsType[unusableError](failed.err); ok {
		// The process answered, so its own end is not the reason.
		failed.stage, failed.reason = "score", failed.err.Error()
	}
	return failed
}

// unusableError says why predictions can't be scored.
type unusableError string

// Error returns the reason.
func (e unusableError) Error() string { return string(e) }

// check returns an unusableError unless v holds a finite value for each of
// the want test rows.
func check(v []float64, want int) error {
	if len(v) != want {
		return unusableError(fmt.Sprintf("%d predictions for %d architectures", len(v), want))
	}
	for i, x := range v {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return unusableError(fmt.Sprintf("the prediction for test row %d is %v", i, x))
		}
	}
	return nil
}

// warn adds a predictor's warnings to the record.
func (a *attempt) warn(warnings []string) {
	for i, w := range warnings {
		if i == maxWarnings {
			a.record.Warnings = append(a.record.Warnings, fmt.Sprintf("%d more warnings", len(warnings)-i))
			return
		}
		a.record.Warnings = append(a.record.Warnings, oneLine(w))
	}
}

// oneLine returns s as one line of bounded length that a terminal can show.
func oneLine(s string) string {
	s = printable.Line(strings.Join(strings.Fields(s), " "))
	if len(s) > maxReason {
		s = strings.ToValidUTF8(s[:maxReason], "") + "…"
	}
	return s
}

// logEnd returns the end of a log, of bounded length, that a terminal can
// show.
func logEnd(s string) string {
	if len(s) > maxLog {
		s = "…" + strings.ToValidUTF8(s[len(s)-maxLog:], "")
	}
	return printable.Text(s)
}
