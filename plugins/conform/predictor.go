package conform

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/hypernas/hypernas/plugins"
)

// Predictor is a predictor at the other end of a connection.
type Predictor interface {
	plugins.Predictor
	// Unchecked returns the same predictor without the checks that its client
	// makes of what it is asked and of what comes back. Its Predict sends one
	// block in v's words, an empty one included.
	Unchecked(v *plugins.Vocabulary) plugins.Predictor
}

// Watched is a Predictor that tells of the first Fit at the other end when it
// begins, and when it ends with which error.
type Watched interface {
	Began() <-chan struct{}
	Left() <-chan error
}

// Busy is a Predictor that tells how much processor time it has taken, where
// that can be told.
type Busy interface {
	CPUNow() (time.Duration, bool)
}

// CheckPredictor checks the predictor that create starts, a fresh one each
// time, and reports each check as soon as it is done. It ends early where a
// predictor does not get as far as predictions. The error is ctx's, or of
// processes that could not be ended.
func CheckPredictor(ctx context.Context, create func(context.Context) (Predictor, func() error, error), s Settings, report func(Result)) (err error) {
	space, err := openChains(ctx)
	if err != nil {
		return err
	}
	c := &predictorChecks{checks: checks{Settings: s, report: report}, create: create, space: space}
	defer func() { err = errors.Join(err, c.left) }()
	var p Predictor
	stop := func() {}
	defer func() { stop() }()
	if !c.run(ctx, "describe", "says what it is, and the same twice", func(r *Result) {
		started, end, ok := start(ctx, &c.checks, r, create)
		stop = end
		if ok {
			p = started
			c.description = describe(ctx, r, p)
		}
	}) {
		return ctx.Err()
	}
	if !c.predictions(ctx, p) {
		return ctx.Err()
	}
	if c.description.Pretrains {
		c.run(ctx, "pretrain", "the same pretraining gives the same artifact, which Fit takes", func(r *Result) { c.pretrain(ctx, r) })
	}
	c.refusals(ctx)
	c.run(ctx, "cancel", "a cancelled Fit ends within a second", func(r *Result) { c.cancel(ctx, r) })
	return ctx.Err()
}

type predictorChecks struct {
	checks
	create      func(context.Context) (Predictor, func() error, error)
	space       *opened
	description plugins.Description
}

// predictions checks what a fitted predictor returns, beginning with first,
// which has described itself. It returns whether there was anything to check.
func (c *predictorChecks) predictions(ctx context.Context, first Predictor) bool {
	var want []float64
	if !c.run(ctx, "predict", "fits 30 labels and returns a finite value a row", func(r *Result) {
		want = c.fitAndPredict(ctx, r, first)
	}) {
		return false
	}

	var p Predictor
	stop := func() {}
	defer func() { stop() }()
	var all []float64 // what this process predicts: one that is not deterministic is told so once
	c.run(ctx, "seed", "the same training with the same seed predicts the same bytes in another process", func(r *Result) {
		started, end, ok := start(ctx, &c.checks, r, c.create)
		stop = end
		if !ok {
			return
		}
		p = started
		if all = c.fitAndPredict(ctx, r, p); all != nil && !sameBits(all, want) {
			r.problem("predictions differ the second time; take all randomness from the training's seed, and sum and iterate in a fixed order")
		}
	})
	if all == nil {
		return false
	}
	c.run(ctx, "blocks", "a row's value does not depend on the rows that come with it", func(r *Result) {
		for _, size := range []int{1, 7} {
			var got []float64
			for lo := 0; lo < c.space.test.Len(); lo += size {
				block := c.space.test.Slice(lo, min(lo+size, c.space.test.Len()))
				values, err := p.Predict(ctx, &block)
				if err != nil {
					r.problem("Predict in blocks of %d: %v", size, err)
					return
				}
				got = append(got, values...)
			}
			if !sameBits(got, all) {
				r.problem("predictions in blocks of %d differ from those in one block; value each row by itself, and mind that sums and matrix products of another size may round differently", size)
			}
		}
	})
	c.run(ctx, "order", "values follow their rows", func(r *Result) {
		order := rand.New(rand.NewPCG(2, 0)).Perm(c.space.test.Len())
		shuffled := c.space.test.Select(order)
		got, err := p.Predict(ctx, &shuffled)
		if err != nil {
			r.problem("Predict in another order: %v", err)
			return
		}
		for k, row := range order {
			if math.Float64bits(got[k]) != math.Float64bits(all[row]) {
				r.problem("row %d is valued %v in one order of rows and %v in another; return values in the order of the rows given", row, all[row], got[k])
				return
			}
		}
	})
	c.run(ctx, "empty", "a block without rows gets an answer without values", func(r *Result) {
		got, err := p.Unchecked(&c.space.vocabulary).Predict(ctx, &plugins.Batch{})
		if err != nil {
			r.problem("Predict of no rows: %v", err)
		} else if len(got) > 0 {
			r.problem("Predict of no rows returns %d values", len(got))
		}
	})
	return true
}

// refusals checks what a predictor has to refuse. None of its fits is to
// succeed, so one process does.
func (c *predictorChecks) refusals(ctx context.Context) {
	var p plugins.Predictor
	stop := func() {}
	defer func() { stop() }()
	c.run(ctx, "unfitted", "Predict before Fit is refused", func(r *Result) {
		started, end, ok := start(ctx, &c.checks, r, c.create)
		stop = end
		if !ok {
			return
		}
		p = started.Unchecked(&c.space.vocabulary)
		_, err := p.Predict(ctx, &c.space.test)
		r.wantError("Predict before Fit", err, plugins.ErrNotFitted, "answer with ERROR_KIND_NOT_FITTED until a Fit has succeeded")
	})
	if p == nil {
		return
	}
	c.run(ctx, "options", "an option that it does not know is refused", func(r *Result) {
		training := c.training()
		training.Options = withUnknown(c.Options)
		_, err := p.Fit(ctx, training)
		r.wantError("Fit with the option "+unknownOption, err, plugins.ErrOption, "in Go plugins.SetOptions does it, in other languages compare with the names in the description and answer with ERROR_KIND_OPTION")
	})
	c.run(ctx, "non-finite", "a label that is not a finite number is refused", func(r *Result) {
		for _, x := range []float64{math.NaN(), math.Inf(1)} {
			training := c.training()
			training.Labels = slices.Clone(training.Labels)
			training.Labels[1] = x
			_, err := p.Fit(ctx, training)
			r.wantError("Fit with a label that is "+formatFloat(x), err, plugins.ErrInput, "look through the labels and answer with ERROR_KIND_INPUT")
		}
	})
}

// pretrain checks a predictor that says that it pretrains. That it fits without
// an artifact, too, has been checked before.
func (c *predictorChecks) pretrain(ctx context.Context, r *Result) {
	var artifacts [2][]byte
	for i := range artifacts {
		p, stop, ok := start(ctx, &c.checks, r, c.create)
		defer stop()
		if !ok {
			return
		}
		pretrainer, ok := p.(plugins.Pretrainer)
		if !ok {
			r.problem("it says that it pretrains, and has no Pretrain")
			return
		}
		var err error
		artifacts[i], err = pretrainer.Pretrain(ctx, &plugins.Pretraining{
			Vocabulary: c.space.vocabulary, Pool: c.space.all, Options: maps.Clone(c.Options), Seed: 4,
		})
		if err != nil {
			r.problem("Pretrain: %v", err)
			return
		}
	}
	if !bytes.Equal(artifacts[0], artifacts[1]) {
		r.problem("artifacts differ the second time; take all randomness from the seed, and sum and iterate in a fixed order")
	}
	p, stop, ok := start(ctx, &c.checks, r, c.create)
	defer stop()
	if !ok {
		return
	}
	training := c.training()
	training.Artifact = artifacts[0]
	if _, err := p.Fit(ctx, training); err != nil {
		r.problem("Fit with the artifact: %v", err)
	} else if _, err := p.Predict(ctx, &c.space.test); err != nil {
		r.problem("Predict after a Fit with the artifact: %v", err)
	}
}

// training returns the standard training, with the pool if the predictor asks
// for it.
func (c *predictorChecks) training() *plugins.Training {
	t := &plugins.Training{
		Vocabulary: c.space.vocabulary, Batch: c.space.train, Labels: c.space.labels, Options: maps.Clone(c.Options), Seed: 3,
	}
	if c.description.UsesPool {
		t.Pool = c.space.all
	}
	return t
}

// fitAndPredict fits p and returns its values of the test rows, or nil where
// something is to be mended.
func (c *predictorChecks) fitAndPredict(ctx context.Context, r *Result, p plugins.Predictor) []float64 {
	if _, err := p.Fit(ctx, c.training()); err != nil {
		r.problem("Fit: %v", err)
		return nil
	}
	values, err := p.Predict(ctx, &c.space.test)
	if err != nil {
		r.problem("Predict: %v", err)
		return nil
	}
	if i := slices.IndexFunc(values, notFinite); i >= 0 {
		r.problem("the prediction of row %d is %v; every prediction has to be finite", i, values[i])
		return nil
	}
	return values
}

const (
	// longFit is how long a fit runs before it is cancelled. One that ends
	// sooner tells nothing.
	longFit = 1500 * time.Millisecond
	// watchedFit is longFit where the beginning and the end of the fit itself are
	// seen.
	watchedFit = 50 * time.Millisecond
	// nap is how long the watcher of a watched fit sleeps at a time. What it wakes
	// late the machine has held it up, and with it the fit.
	nap = 10 * time.Millisecond
	// idleWatch is how long a look at a predictor takes that should rest, and
	// idleCPU what it may compute meanwhile: gRPC takes a few milliseconds, a fit
	// even on a machine with ten others at work 200.
	idleWatch = 2 * time.Second
	idleCPU   = 100 * time.Millisecond
	// watches is how often a predictor is looked at that still computes.
	watches = 15
)

// longRows are the sizes of training that a fit is tried on until one takes
// longFit. At 8,000 a matrix of all pairs holds 512 MB.
func longRows() []int { return []int{1000, 8000} }

// watchedRows is the size of the training of a watched fit: watchedFit is little,
// and the fit shares its process with the author's other tests. longRows asks
// for more.
const watchedRows = 300

const adviceOnCancel = "look at least once a second whether the call is cancelled, and end it then (Go: the context; Python: training.check())"

// noteUnknown is the note on a predictor whose fits went on, and were too short
// to tell whether it would have ended longer ones.
const noteUnknown = "not known: a Fit went on although it was cancelled, and was finished soon enough"

// cancel checks that a cancelled Fit ends. Where no fit could be seen to honour
// it, because all were finished too soon, the note says so.
func (c *predictorChecks) cancel(ctx context.Context, r *Result) {
	p, stop, ok := start(ctx, &c.checks, r, c.create)
	defer func() { stop() }()
	if !ok {
		return
	}
	if watched, ok := p.(Watched); ok {
		c.cancelWatched(ctx, r, p, watched)
		return
	}
	for i, rows := range longRows() {
		if i > 0 {
			stop() // each fit has a process of its own
			if p, stop, ok = start(ctx, &c.checks, r, c.create); !ok {
				return
			}
		}
		fitCtx, cancel := context.WithCancel(ctx)
		timer := time.AfterFunc(longFit, cancel)
		_, err := p.Fit(fitCtx, c.enlarged(rows))
		interrupted := fitCtx.Err() != nil && ctx.Err() == nil && err != nil
		timer.Stop()
		cancel()
		switch {
		case interrupted:
			if c.watchEnd(ctx, r, p) {
				r.Note, r.Untried = "", false
				return
			}
			r.untried(noteUnknown)
		case r.Note == noteUnknown: // It says more than that another fit could not be tried.
		case err != nil:
			r.untried("not tried: Fit of many rows returns " + err.Error())
			return
		default:
			r.untried("not tried: fits are too short to be cancelled")
		}
	}
}

// cancelWatched is cancel where the fit itself is watched, in this process. Its
// processor time is the fit's and everybody else's, so the clock decides, less
// what the machine evidently held this process up.
func (c *predictorChecks) cancelWatched(ctx context.Context, r *Result, p Predictor, watched Watched) {
	fitCtx, cancel := context.WithCancel(ctx)
	cancelled := make(chan time.Time, 1) // holds when it was; closed if it was not
	go func() {
		defer close(cancelled)
		select {
		case <-watched.Began():
			if sleep(fitCtx, watchedFit) {
				cancelled <- time.Now()
				cancel()
			}
		case <-fitCtx.Done():
		}
	}()
	_, err := p.Fit(fitCtx, c.enlarged(watchedRows))
	interrupted := fitCtx.Err() != nil
	cancel()
	since := <-cancelled
	switch {
	case ctx.Err() != nil:
		return
	case !interrupted && err != nil:
		r.untried("not tried: Fit of many rows returns " + err.Error())
		return
	case err == nil:
		r.untried("not tried: fits are too short to be cancelled")
		return
	case !errors.Is(err, context.Canceled):
		r.problem("a cancelled Fit returns %v, want the context's error", err)
	}
	for held, ended := time.Duration(0), false; !ended; {
		asleep := time.Now()
		select {
		case err = <-watched.Left():
			ended = true
		case <-time.After(nap):
		case <-ctx.Done():
			return
		}
		now := time.Now()
		held += max(0, now.Sub(asleep)-nap)
		took := now.Sub(since).Round(10 * time.Millisecond)
		switch {
		case took-held > c.Patience && !ended:
			r.problem("Fit still runs %v after it was cancelled; %s", took, adviceOnCancel)
			return
		case took-held > c.Patience:
			r.problem("Fit ended %v after it was cancelled; %s", took, adviceOnCancel)
		case ended && err == nil:
			r.untried(noteUnknown)
		case ended && took > time.Second:
			r.Note = fmt.Sprintf("Fit ended %v after it was cancelled, where a second is the rule; here it may take %v, and the machine held it up %v", took, c.Patience, held.Round(10*time.Millisecond))
		}
	}
}

// watchEnd watches a predictor whose Fit was broken off. It returns whether that
// tells how it takes it: false where the fit went on and was finished in time.
// A fit that goes on without computing, and is not finished in the meantime,
// looks like one that has ended.
func (c *predictorChecks) watchEnd(ctx context.Context, r *Result, p Predictor) (told bool) {
	busy := false
	if b, ok := p.(Busy); ok {
		if before, known := b.CPUNow(); known {
			busy = true
			if !c.watchCPU(ctx, r, b, before) {
				return true
			}
		}
	}
	// Without a look at the processor, only a fit that went on and succeeded
	// shows.
	fitted := func() bool {
		_, err := p.Unchecked(&c.space.vocabulary).Predict(ctx, &c.space.test)
		return err == nil
	}
	if !busy && !sleep(ctx, c.Patience) {
		return true
	}
	if fitted() {
		return false
	}
	if sleep(ctx, idleWatch) && fitted() {
		r.problem("Fit went on although it was cancelled, and succeeded; %s", adviceOnCancel)
	}
	return true
}

// watchCPU watches how much processor time a predictor takes after its Fit was
// broken off, until it rests, which it returns, or has had enough. Processor time
// rather than the clock's, so that what else the machine does makes no
// difference.
func (c *predictorChecks) watchCPU(ctx context.Context, r *Result, p Busy, before time.Duration) (rests bool) {
	last := before
	for range watches {
		if !sleep(ctx, idleWatch) {
			return false
		}
		now, known := p.CPUNow()
		switch {
		case now-before > c.Patience+idleCPU:
			r.problem("Fit still computes %v after it was cancelled; %s", (now - before).Round(100*time.Millisecond), adviceOnCancel)
			return false
		case !known || now-last < idleCPU:
			return true
		}
		last = now
	}
	return false
}

// enlarged returns a training of the given number of rows, which repeats the
// space's.
func (c *predictorChecks) enlarged(rows int) *plugins.Training {
	t := c.training()
	order := make([]int, rows)
	t.Labels = make([]float64, rows)
	for i := range order {
		order[i] = i % len(c.space.labels)
		t.Labels[i] = c.space.labels[order[i]] + float64(i)/float64(rows)
	}
	t.Batch = c.space.train.Select(order)
	return t
}

// sleep waits, and returns whether ctx lets it.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// opened is a space read into memory, with its rows dealt to training and
// test.
type opened struct {
	vocabulary plugins.Vocabulary
	train      plugins.Batch
	labels     []float64
	test       plugins.Batch
	all        plugins.Batch
}

// trainRows is the budget of the checks' fits.
const trainRows = 30

func openChains(ctx context.Context) (*opened, error) {
	space := NewChains()
	info, err := space.Open(ctx, nil)
	if err != nil {
		return nil, err
	}
	all, _, err := space.Read(ctx, 0, info.Rows)
	if err != nil {
		return nil, err
	}
	labels, err := space.Column(ctx, info.Label)
	if err != nil {
		return nil, err
	}
	order := rand.New(rand.NewPCG(1, 0)).Perm(info.Rows)
	o := &opened{vocabulary: info.Vocabulary, train: all.Select(order[:trainRows]), test: all.Select(order[trainRows:]), all: all}
	for _, row := range order[:trainRows] {
		o.labels = append(o.labels, labels[row])
	}
	return o, nil
}
