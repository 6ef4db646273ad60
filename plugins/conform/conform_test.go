package conform_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/plugins/conform"
)

// sloppy is a predictor that breaks the rule that flaw names.
type sloppy struct {
	flaw    string
	process int // serial number of the process
	calls   int
	fitted  bool

	cancelled time.Time // when Fit was
}

// CPUNow is that of a fit that goes on for 2 or for half a second after it was
// cancelled.
func (s *sloppy) CPUNow() (time.Duration, bool) {
	took := 500 * time.Millisecond
	if s.flaw == "slow and busy" {
		took = 2 * time.Second
	}
	return min(time.Since(s.cancelled), took), strings.HasSuffix(s.flaw, "busy")
}

func (s *sloppy) Unchecked(*plugins.Vocabulary) plugins.Predictor { return s }

func (s *sloppy) Describe(context.Context) (plugins.Description, error) {
	s.calls++
	d := plugins.Description{Name: "sloppy", Version: 1, Summary: "the number of parameters", Pretrains: strings.HasPrefix(s.flaw, "pretrain")}
	if s.flaw == "describe" {
		d.Version = s.calls
	}
	return d, nil
}

func (s *sloppy) Fit(ctx context.Context, t *plugins.Training) (plugins.Fitted, error) {
	if s.flaw != "options" {
		if err := plugins.SetOptions(&struct{}{}, t.Options); err != nil {
			return plugins.Fitted{}, err
		}
	}
	for _, y := range t.Labels {
		if math.IsNaN(y-y) && s.flaw != "non-finite" {
			return plugins.Fitted{}, fmt.Errorf("%w: label %v", plugins.ErrInput, y)
		}
	}
	if s.flaw == "pretrain in vain" && t.Artifact != nil {
		return plugins.Fitted{}, errors.New("what is this?")
	}
	if t.Batch.Len() > 1000 && strings.HasSuffix(s.flaw, "then short") {
		return plugins.Fitted{}, nil
	}
	if t.Batch.Len() > 30 && strings.HasPrefix(s.flaw, "slow") {
		<-ctx.Done()
		s.cancelled = time.Now()
		return plugins.Fitted{}, ctx.Err()
	}
	s.fitted = true
	return plugins.Fitted{}, nil
}

func (s *sloppy) Pretrain(context.Context, *plugins.Pretraining) ([]byte, error) {
	if s.flaw == "pretrain and draw" {
		return []byte{byte(s.process)}, nil
	}
	return []byte("learned"), nil
}

func (s *sloppy) Predict(_ context.Context, b *plugins.Batch) ([]float64, error) {
	if s.flaw == "slow and deaf" && !s.cancelled.IsZero() {
		s.fitted = time.Since(s.cancelled) > 2*time.Second
	}
	if strings.HasPrefix(s.flaw, "slow and late") && !s.cancelled.IsZero() {
		s.fitted = true
	}
	if !s.fitted && s.flaw != "unfitted" {
		return nil, plugins.ErrNotFitted
	}
	values := make([]float64, b.Len())
	for i := range values {
		values[i] = b.Row(i)[0]
		if s.flaw == "blocks" {
			values[i] += float64(b.Len())
		}
		if s.flaw == "seed" {
			values[i] += float64(s.process)
		}
	}
	switch {
	case s.flaw == "order":
		slices.Sort(values)
	case s.flaw == "predict":
		values[3] = math.NaN()
	case s.flaw == "empty" && len(values) == 0:
		return nil, errors.New("there must be rows")
	}
	return values, nil
}

func TestEachFlawOfAPredictorIsFoundByName(t *testing.T) {
	for flaw, want := range map[string][]string{
		"": nil, "describe": {"describe"}, "options": {"options"}, "non-finite": {"non-finite"}, "unfitted": {"unfitted"},
		"blocks": {"blocks"}, "seed": {"seed"}, "order": {"blocks", "order"}, "predict": {"predict"}, "empty": {"empty"},
		"slow": nil, "slow and late": nil, "slow and deaf": {"cancel"}, "slow, not busy": nil, "slow and busy": {"cancel"},
		"pretrain": nil, "pretrain and draw": {"pretrain"}, "pretrain in vain": {"pretrain"},
	} {
		synctest.Test(t, func(t *testing.T) { // a clock that does not wait
			processes := 0
			create := func(context.Context) (conform.Predictor, func() error, error) {
				processes++
				return &sloppy{flaw: flaw, process: processes}, func() error { return nil }, nil
			}
			var got []string
			report := func(r conform.Result) {
				if len(r.Problems) > 0 {
					got = append(got, r.Name)
				}
			}
			if err := conform.CheckPredictor(t.Context(), create, conform.Settings{Patience: 1e9}, report); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, want) {
				t.Errorf("a predictor with the flaw %q fails in %q, want %q", flaw, got, want)
			}
		})
	}
}

// TestACancellationThatTellsNothingIsNoted: who was not seen to honour a
// cancellation does not pass for one who did.
func TestACancellationThatTellsNothingIsNoted(t *testing.T) {
	const short, unknown = "not tried: fits are too short", "not known: a Fit went on"
	for _, tc := range []struct {
		flaw     string
		watched  bool
		note     string // its beginning
		problems int
		patience time.Duration // a second if 0
	}{
		{"", false, short, 0, 0},
		{"slow", false, "", 0, 0},
		{"slow, not busy", false, "", 0, 0},
		{"slow and late", false, unknown, 0, 0},
		{"slow and late, not busy", false, unknown, 0, 0},
		{"slow and deaf", false, "", 1, 0},
		{"slow and busy", false, "", 1, 0},
		{"", true, short, 0, 0},
		{"slow", true, "", 0, 0},
		{"slow and late", true, unknown, 0, 0},
		{"slow and late, then short", false, unknown, 0, 0},
		{"slow and tardy", true, "", 1, 0},
		{"slow and tardy", true, "Fit ended 3s after it was cancelled", 0, 5 * time.Second}, // with the race detector
		{"slow and late and tardy", true, "", 1, 0},
		{"slow and deaf", true, "", 1, 0},
		{"slow and odd", true, "", 1, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			create := func(context.Context) (conform.Predictor, func() error, error) {
				s := &sloppy{flaw: tc.flaw}
				if tc.watched {
					return &watchedSloppy{s, make(chan struct{}, 99), make(chan error, 99)}, func() error { return nil }, nil
				}
				return s, func() error { return nil }, nil
			}
			var got conform.Result
			report := func(r conform.Result) {
				if r.Name == "cancel" {
					got = r
				}
			}
			if err := conform.CheckPredictor(t.Context(), create, conform.Settings{Patience: cmp.Or(tc.patience, time.Second)}, report); err != nil {
				t.Fatal(err)
			}
			if got.Untried != (tc.note == short || tc.note == unknown) {
				t.Errorf("%q, watched %v: untried is %v with note %q", tc.flaw, tc.watched, got.Untried, got.Note)
			}
			if !strings.HasPrefix(got.Note, tc.note) || (got.Note == "") != (tc.note == "") || len(got.Problems) != tc.problems {
				t.Errorf("%q, watched %v: got note %q and problems %q, want %q and %d", tc.flaw, tc.watched, got.Note, got.Problems, tc.note, tc.problems)
			}
			time.Sleep(time.Minute) // until fits that went on have ended
		})
	}
}

// TestAnInterruptIsNoFlaw: a check that was broken off by who asked for it is not
// reported, and none begins after it.
func TestAnInterruptIsNoFlaw(t *testing.T) {
	for _, name := range []string{"describe", "predict", "seed", "blocks", "unfitted", "options", "cancel"} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			last := ""
			s := conform.Settings{Patience: time.Second, Begin: func(n string) {
				if last = n; n == name {
					cancel()
				}
			}}
			create := func(ctx context.Context) (conform.Predictor, func() error, error) {
				return &sloppy{flaw: "slow"}, func() error { return nil }, ctx.Err()
			}
			err := conform.CheckPredictor(ctx, create, s, func(r conform.Result) {
				if len(r.Problems) > 0 || r.Name == name {
					t.Errorf("interrupted in %s: %s is reported, with problems %q", name, r.Name, r.Problems)
				}
			})
			if !errors.Is(err, context.Canceled) || last != name {
				t.Errorf("interrupted in %s: the error is %v, and the last check that begins is %s", name, err, last)
			}
		})
	}
}

// watchedSloppy is a sloppy predictor at the other end of a connection, whose
// fit goes on there when the call has been cancelled here.
type watchedSloppy struct {
	*sloppy
	began chan struct{}
	left  chan error
}

func (w *watchedSloppy) Began() <-chan struct{} { return w.began }

func (w *watchedSloppy) Left() <-chan error { return w.left }

func (w *watchedSloppy) Fit(ctx context.Context, t *plugins.Training) (plugins.Fitted, error) {
	w.began <- struct{}{}
	left := make(chan error, 1)
	go func() {
		_, err := w.sloppy.Fit(ctx, t)
		switch {
		case err == nil || ctx.Err() == nil:
		case w.flaw == "slow and tardy":
			time.Sleep(3 * time.Second)
		case w.flaw == "slow and late and tardy":
			time.Sleep(3 * time.Second)
			err = nil
		case w.flaw == "slow and late":
			time.Sleep(time.Second / 2)
			err = nil
		case w.flaw == "slow and deaf":
			time.Sleep(10 * time.Second)
		}
		left <- err
		w.left <- err
	}()
	select {
	case err := <-left:
		return plugins.Fitted{}, err
	case <-ctx.Done():
		if w.flaw == "slow and odd" {
			return plugins.Fitted{}, errors.New("odd")
		}
		return plugins.Fitted{}, ctx.Err()
	}
}

// sloppySpace is a space that breaks the rule that flaw names.
type sloppySpace struct {
	*conform.Chains
	flaw    string
	process int
	reads   int
	open    bool
}

func (s *sloppySpace) Unchecked() plugins.Space { return s }

func (s *sloppySpace) Open(ctx context.Context, options map[string]string) (plugins.SpaceInfo, error) {
	if s.flaw == "options" {
		options = nil
	}
	info, err := s.Chains.Open(ctx, options)
	s.open = err == nil
	if s.flaw == "open" {
		info.Notes = append(info.Notes, fmt.Sprint(s.process))
	}
	return info, err
}

func (s *sloppySpace) Read(ctx context.Context, lo, hi int) (plugins.Batch, []plugins.Identity, error) {
	if !s.open && s.flaw != "unopened" {
		return plugins.Batch{}, nil, plugins.ErrNotFitted
	}
	if s.flaw == "bounds" {
		lo, hi = max(lo, 0), min(hi, 125)
		lo = min(lo, hi)
	}
	b, ids, err := s.Chains.Read(ctx, lo, hi)
	ids = slices.Clone(ids)
	s.reads++
	switch s.flaw {
	case "rows":
		if len(ids) > 0 {
			ids[0][0] = byte(s.reads)
		}
	case "identities":
		for i := range ids {
			ids[i] = plugins.Identity{}
		}
	}
	return b, ids, err
}

func (s *sloppySpace) Column(ctx context.Context, name string) ([]float64, error) {
	if !s.open && s.flaw != "unopened" {
		return nil, plugins.ErrNotFitted
	}
	if s.flaw == "columns" {
		return make([]float64, 125), nil
	}
	return s.Chains.Column(ctx, name)
}

func TestEachFlawOfASpaceIsFoundByName(t *testing.T) {
	for flaw, want := range map[string][]string{
		"": nil, "options": {"options"}, "open": {"open"}, "unopened": {"unopened"}, "bounds": {"bounds"}, "rows": {"rows"},
		"identities": {"identities"}, "columns": {"columns"},
	} {
		processes := 0
		create := func(context.Context) (conform.Space, func() error, error) {
			processes++
			return &sloppySpace{Chains: conform.NewChains(), flaw: flaw, process: processes}, func() error { return nil }, nil
		}
		var got []string
		report := func(r conform.Result) {
			if len(r.Problems) > 0 {
				got = append(got, r.Name)
			}
		}
		if err := conform.CheckSpace(t.Context(), create, conform.Settings{}, report); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, want) {
			t.Errorf("a space with the flaw %q fails in %q, want %q", flaw, got, want)
		}
	}
}
