package harness

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/hypernas/hypernas/harness/split"
	"github.com/hypernas/hypernas/results"
)

// Options says how to run a plan; none of it changes a result.
type Options struct {
	Dir     string // the run's folder
	Workers int    // trials at once, at least 1
	Force   bool   // run trials that have a successful record, too, and pretraining whose artifact is kept
	Version string // of hypernas, for the manifest
	// Environment goes into every record; the limits are added to it.
	Environment results.Environment
	// Progress is called when a trial begins or ends, never twice at once.
	// It may be nil.
	Progress func(Event)
	// Log is what predictors get as Training.Log; nil discards.
	Log *slog.Logger
}

// Event says how far a run is.
type Event struct {
	Total   int // trials of this run, without those that were skipped
	Skipped int // trials that had a successful record
	Done    int // trials that have ended, failed ones included
	Failed  int
	Running []string // names of the trials that run, in the order in which they began
	Elapsed time.Duration
	// Remaining is an estimate, from what trials of the same predictor took;
	// it is negative while nothing is known.
	Remaining time.Duration
	Finished  *results.Record // of the trial that just ended; nil where one begins
}

// Outcome says what a run did.
type Outcome struct {
	Ran     int // trials that ended with a record, failed ones included
	Skipped int // trials that had a successful record
	Failed  int // trials among Ran that failed
	// Unsupported counts trials among Ran, none that failed, whose predictor said
	// that it can't serve the space.
	Unsupported int
	// Damage is what could not be read of the folder; trials whose records
	// were lost ran again.
	Damage []results.Damage
}

// Run runs p and keeps its records in the folder that o names. spaces and
// predictors are those of the plan, in its order.
//
// The error wraps ErrPlan where plan and spaces don't fit (nothing was
// written), results.ErrFolder or results.ErrHeld where the folder can't be
// used, and ctx's error where that ended the run; records of trials that had
// ended are then kept. Failed trials are no error.
func Run(ctx context.Context, p *Plan, spaces []Space, predictors []Predictor, o Options) (Outcome, error) {
	if err := p.Validate(); err != nil {
		return Outcome{}, err
	}
	if err := checkNamed(spaces, predictors); err != nil {
		return Outcome{}, fmt.Errorf("%w: %w", ErrPlan, err)
	}
	if o.Workers < 1 {
		return Outcome{}, fmt.Errorf("%w: %d workers: there must be at least 1", ErrPlan, o.Workers)
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	preset, err := split.Lookup(p.Preset)
	if err != nil {
		return Outcome{}, err
	}
	var tables []*table
	for i := range spaces {
		t, err := load(ctx, &spaces[i], &preset)
		if err != nil {
			return Outcome{}, err
		}
		tables = append(tables, t)
	}
	trials, err := list(p, tables, predictors)
	if err != nil {
		return Outcome{}, fmt.Errorf("%w: %w", ErrPlan, err)
	}
	w, held, err := results.Open(o.Dir)
	if err != nil {
		return Outcome{}, err
	}
	r := &runner{options: &o, writer: w, outcome: Outcome{Damage: held.Damage}, spent: make(map[string]*spent)}
	err = r.run(ctx, trials, held, manifest(p, tables, predictors, &o))
	return r.outcome, errors.Join(err, w.Close())
}

// checkNamed returns an error unless everything has the alias that records and
// tables call it by: see NameRefs.
func checkNamed(spaces []Space, predictors []Predictor) error {
	for i := range spaces {
		if r := &spaces[i].Ref; r.Alias == "" {
			return fmt.Errorf("space %s has no alias", r.Name)
		}
	}
	for i := range predictors {
		if r := &predictors[i].Ref; r.Alias == "" {
			return fmt.Errorf("predictor %s has no alias", r.Name)
		}
	}
	return nil
}

// list returns the trials of a plan in their order. The error names a budget
// that a space is too small for, or two trials that are the same.
func list(p *Plan, tables []*table, predictors []Predictor) ([]*trial, error) {
	var trials []*trial
	seen := make(map[string]*trial)
	for _, table := range tables {
		if err := table.check(p); err != nil {
			return nil, err
		}
		for number := range p.Splits {
			for _, budget := range p.Budgets {
				g := &group{plan: p, table: table, number: number, budget: budget}
				for i := range predictors {
					for repeat := range p.Seeds {
						t := &trial{group: g, predictor: &predictors[i], repeat: repeat}
						t.key = t.identity().Key()
						if other := seen[t.key]; other != nil {
							return nil, fmt.Errorf("%s and %s are the same trial under two names", other.name(), t.name())
						}
						seen[t.key] = t
						trials = append(trials, t)
					}
				}
			}
		}
	}
	return trials, nil
}

// identity returns what determines the trial's result.
func (t *trial) identity() *Trial {
	info, p := &t.group.table.space.Info, t.group.plan
	return &Trial{
		Form: 1, Space: info.Digest, Label: info.Label, Target: info.Target,
		Predictor: t.predictor.Identity, Options: t.predictor.Ref.Options,
		Preset: p.Preset, Test: p.Test, Pool: p.Pool, Splits: p.SplitSHA256,
		Split: t.group.number, Budget: t.group.budget, Seed: p.Seed, Repeat: t.repeat,
	}
}

func manifest(p *Plan, tables []*table, predictors []Predictor, o *Options) *results.Manifest {
	plan, err := json.Marshal(p)
	if err != nil {
		panic("harness: a plan has no JSON form")
	}
	m := &results.Manifest{
		Version: o.Version, Created: time.Now().UTC().Format(time.RFC3339),
		PlanDigest: p.Digest(), Plan: plan, Environment: o.Environment,
	}
	for _, t := range tables {
		m.Spaces = append(m.Spaces, t.summary)
	}
	for i := range predictors {
		d := &predictors[i].Description
		m.Predictors = append(m.Predictors, results.PredictorSummary{
			PredictorRef: predictors[i].ref(), Version: d.Version, Summary: d.Summary, Source: d.Source, Notes: d.Notes,
		})
	}
	return m
}

// runner runs the trials of a plan.
type runner struct {
	options   *Options
	writer    *results.Writer
	artifacts artifacts
	begin     time.Time

	mu      sync.Mutex
	pending []*trial
	running []*trial
	total   int
	outcome Outcome
	spent   map[string]*spent // by predictor
}

// spent is what trials of one predictor took.
type spent struct {
	trials int
	time   time.Duration
}

func (r *runner) run(ctx context.Context, trials []*trial, held *results.Run, m *results.Manifest) error {
	if err := r.skip(trials, held); err != nil {
		return err
	}
	if err := r.writer.WriteManifest(m); err != nil {
		return err
	}
	for _, t := range r.pending {
		t.group.left++
	}
	r.total = len(r.pending)
	r.begin = time.Now()
	working, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var workers sync.WaitGroup
	for range min(r.options.Workers, r.total) {
		workers.Go(func() {
			for t := r.next(working); t != nil; t = r.next(working) {
				if err := r.one(working, t); err != nil {
					cancel(err) // what can't be kept must not go on; a no-op where ctx is done
				}
			}
		})
	}
	workers.Wait()
	if r.outcome.Ran == r.total {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return context.Cause(working)
}

// skip leaves out trials that have a successful record; one that was not
// supported runs again, too, since another build may support it and little is
// lost. Where the record calls its space or predictor otherwise, it is written
// once more as the plan does.
func (r *runner) skip(trials []*trial, held *results.Run) error {
	have := make(map[string]*results.Record)
	if !r.options.Force {
		latest := results.Latest(held.Records)
		for i := range latest {
			if latest[i].Failure == nil {
				have[latest[i].Key] = &latest[i]
			}
		}
	}
	for _, t := range trials {
		record := have[t.key]
		if record == nil {
			r.pending = append(r.pending, t)
			continue
		}
		r.outcome.Skipped++
		space, predictor := t.group.table.ref(), t.predictor.ref()
		if record.Space.Alias != space.Alias || record.Space.Name != space.Name ||
			record.Predictor.Alias != predictor.Alias || record.Predictor.Name != predictor.Name || record.Predictor.AliasDerived != predictor.AliasDerived {
			record.Space, record.Predictor = space, predictor
			if err := r.writer.Append(record); err != nil {
				return err
			}
		}
	}
	return nil
}

// next takes the next trial, or returns nil where there is none.
func (r *runner) next(ctx context.Context) *trial {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.pending) == 0 || ctx.Err() != nil {
		return nil
	}
	t := r.pending[0]
	r.pending = r.pending[1:]
	r.running = append(r.running, t)
	r.report(nil)
	return t
}

// one runs one trial and writes its record. It returns an error where that
// can't be written or ctx is done.
func (r *runner) one(ctx context.Context, t *trial) error {
	defer t.group.end()
	begin := time.Now()
	record, predictions, err := t.run(ctx, r.options, r.writer, &r.artifacts)
	if err == nil && predictions != nil {
		record.Predictions, err = r.writer.WritePredictions(t.key, predictions)
	}
	if err == nil {
		err = r.writer.Append(record)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.running = slices.DeleteFunc(r.running, func(other *trial) bool { return other == t })
	if err != nil {
		return err
	}
	r.outcome.Ran++
	switch {
	case record.Failure == nil:
	case record.Failure.Unsupported:
		r.outcome.Unsupported++
	default:
		r.outcome.Failed++
	}
	s := r.spent[t.predictor.Ref.Alias]
	if s == nil {
		s = new(spent)
		r.spent[t.predictor.Ref.Alias] = s
	}
	s.trials++
	s.time += time.Since(begin)
	r.report(record)
	return nil
}

// report tells the caller how far the run is; mu is held.
func (r *runner) report(finished *results.Record) {
	if r.options.Progress == nil {
		return
	}
	e := Event{
		Total: r.total, Skipped: r.outcome.Skipped, Done: r.outcome.Ran, Failed: r.outcome.Failed,
		Elapsed: time.Since(r.begin), Remaining: r.remaining(), Finished: finished,
	}
	for _, t := range r.running {
		e.Running = append(e.Running, t.name())
	}
	r.options.Progress(e)
}

// remaining estimates how long the trials that have not ended will take, from
// the mean of those of the same predictor that have, or of all where there is
// none. Trials that run count half.
func (r *runner) remaining() time.Duration {
	var all spent
	for _, s := range r.spent {
		all.trials += s.trials
		all.time += s.time
	}
	if all.trials == 0 {
		return -1
	}
	mean := func(t *trial) time.Duration {
		s := r.spent[t.predictor.Ref.Alias]
		if s == nil {
			s = &all
		}
		return s.time / time.Duration(s.trials)
	}
	var sum time.Duration
	for _, t := range r.pending {
		sum += mean(t)
	}
	for _, t := range r.running {
		sum += mean(t) / 2
	}
	return sum / time.Duration(r.options.Workers)
}
