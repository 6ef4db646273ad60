package plugintest

import (
	"context"
	"errors"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/hypernas/hypernas/plugins"
)

// unknownOption is an option that no plugin has.
const unknownOption = "no_such_option"

// Predictor checks the predictor that create returns, a new one for each fit,
// on [Chains]: that Describe is stable, that the same seed twice gives the
// same predictions to the bit, that they are finite and follow their rows
// whatever the size of blocks, that an unknown option is refused, that Predict
// before Fit is, and that a cancelled Fit returns.
func Predictor(t *testing.T, create func() plugins.Predictor, options ...Option) {
	s := newSettings(options)
	space := openChains(t)

	t.Run("describe", func(t *testing.T) {
		p := ServePredictor(t, create())
		first, err := p.Describe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		second, err := p.Describe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		checkDescriptions(t, first, second)
	})

	t.Run("predictions", func(t *testing.T) {
		want := space.fitAndPredict(t, ServePredictor(t, create()), s, space.test)
		if i := slices.IndexFunc(want, func(x float64) bool { return math.IsNaN(x) || math.IsInf(x, 0) }); i >= 0 {
			t.Fatalf("the prediction of row %d is %v; every prediction has to be finite", i, want[i])
		}

		p := ServePredictor(t, create())
		if got := space.fitAndPredict(t, p, s, space.test); !sameBits(got, want) {
			t.Error("the same training with the same seed predicts something else the second time; take all randomness from Training.Seed, and sum and iterate in a fixed order")
		}
		for _, size := range []int{1, 7} {
			var got []float64
			for lo := 0; lo < space.test.Len(); lo += size {
				block := space.test.Slice(lo, min(lo+size, space.test.Len()))
				values, err := p.Predict(t.Context(), &block)
				if err != nil {
					t.Fatalf("Predict in blocks of %d: %v", size, err)
				}
				got = append(got, values...)
			}
			if !sameBits(got, want) {
				t.Errorf("predictions in blocks of %d differ from those in one block; a row's value may not depend on the other rows", size)
			}
		}
		order := rand.New(rand.NewPCG(2, 0)).Perm(space.test.Len())
		shuffled := space.test.Select(order)
		got, err := p.Predict(t.Context(), &shuffled)
		if err != nil {
			t.Fatalf("Predict in another order: %v", err)
		}
		for k, row := range order {
			if math.Float64bits(got[k]) != math.Float64bits(want[row]) {
				t.Fatalf("row %d is valued %v in one order of rows and %v in another", row, want[row], got[k])
			}
		}
	})

	t.Run("unknown option", func(t *testing.T) {
		training := space.training(s)
		training.Options = maps.Clone(s.options)
		if training.Options == nil {
			training.Options = make(map[string]string)
		}
		training.Options[unknownOption] = "1"
		if _, err := ServePredictor(t, create()).Fit(t.Context(), training); !errors.Is(err, plugins.ErrOption) {
			t.Errorf("Fit with an unknown option returns %v, want an error that wraps plugins.ErrOption; see plugins.SetOptions", err)
		}
	})

	t.Run("predict before fit", func(t *testing.T) {
		// Directly: the other end of a connection does not get that far.
		if _, err := create().Predict(t.Context(), &space.test); !errors.Is(err, plugins.ErrNotFitted) {
			t.Errorf("Predict before Fit returns %v, want an error that wraps plugins.ErrNotFitted", err)
		}
	})

	t.Run("cancelled fit", func(t *testing.T) {
		watched := &watchedPredictor{Predictor: create(), entered: make(chan struct{}), left: make(chan struct{})}
		p := ServePredictor(t, watched)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() {
			<-watched.entered
			cancel()
		}()
		// A fit that is faster than its cancellation is as good.
		if _, err := p.Fit(ctx, space.training(s)); err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("a cancelled Fit returns %v, want the context's error", err)
		}
		select {
		case <-watched.left:
		case <-time.After(s.patience):
			t.Errorf("Fit still runs %v after it was cancelled; it has to look at its context at least once a second", s.patience)
		}
	})
}

// watchedPredictor tells when Fit begins and ends.
type watchedPredictor struct {
	plugins.Predictor
	entered chan struct{}
	left    chan struct{}
}

func (w *watchedPredictor) Fit(ctx context.Context, t *plugins.Training) (plugins.Fitted, error) {
	close(w.entered)
	fitted, err := w.Predictor.Fit(ctx, t)
	close(w.left)
	return fitted, err
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

// trainRows is the budget of the kit's fits.
const trainRows = 30

func openChains(t *testing.T) *opened {
	t.Helper()
	space := NewChains()
	info, err := space.Open(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	all, _, err := space.Read(t.Context(), 0, info.Rows)
	if err != nil {
		t.Fatal(err)
	}
	labels, err := space.Column(t.Context(), info.Label)
	if err != nil {
		t.Fatal(err)
	}
	order := rand.New(rand.NewPCG(1, 0)).Perm(info.Rows)
	o := &opened{vocabulary: info.Vocabulary, train: all.Select(order[:trainRows]), test: all.Select(order[trainRows:]), all: all}
	for _, row := range order[:trainRows] {
		o.labels = append(o.labels, labels[row])
	}
	return o
}

func (o *opened) training(s *settings) *plugins.Training {
	return &plugins.Training{
		Vocabulary: o.vocabulary, Batch: o.train, Labels: o.labels, Pool: o.all,
		Options: s.options, Seed: 3,
	}
}

// fitAndPredict fits p, with the pool if it asks for it, and values b.
func (o *opened) fitAndPredict(t *testing.T, p plugins.Predictor, s *settings, b plugins.Batch) []float64 {
	t.Helper()
	training := o.training(s)
	d, err := p.Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !d.UsesPool {
		training.Pool = plugins.Batch{}
	}
	if _, err := p.Fit(t.Context(), training); err != nil {
		t.Fatalf("Fit: %v", err)
	}
	values, err := p.Predict(t.Context(), &b)
	if err != nil {
		t.Fatalf("Predict: %v", err)
	}
	return values
}

func sameBits(a, b []float64) bool {
	return slices.EqualFunc(a, b, func(x, y float64) bool { return math.Float64bits(x) == math.Float64bits(y) })
}
