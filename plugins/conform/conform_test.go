package conform_test

import (
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
	if s.flaw == "slow and late" && !s.cancelled.IsZero() {
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
