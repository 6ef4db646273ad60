package plugintest

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/plugins/conform"
	"github.com/hypernas/hypernas/plugins/internal/wire"
)

// Predictor checks the predictor that create returns, a new one for each fit,
// on [Chains]: all that [conform.CheckPredictor] does.
func Predictor(t *testing.T, create func() plugins.Predictor, options ...Option) {
	t.Helper()
	s := newSettings(options)
	start := func(context.Context) (conform.Predictor, func() error, error) {
		watched := &watchedPredictor{Predictor: create(), began: make(chan struct{}), left: make(chan error, 1)}
		var p plugins.Predictor = watched
		if pretrainer, ok := watched.Predictor.(plugins.Pretrainer); ok {
			p = watchedPretrainer{watched, pretrainer}
		}
		return served{servePredictor(t, p), watched}, func() error { return nil }, nil
	}
	if err := conform.CheckPredictor(t.Context(), start, s, report(t)); err != nil {
		t.Fatal(err)
	}
	t.Run("unfitted, directly", func(t *testing.T) {
		// The other end of a connection does not get that far.
		b, _, _ := Deal(t, 1)
		if _, err := create().Predict(t.Context(), &b.Batch); !errors.Is(err, plugins.ErrNotFitted) {
			t.Errorf("Predict before Fit returns %v, want an error that wraps plugins.ErrNotFitted", err)
		}
	})
}

// ServePredictor serves p over gRPC until the test ends, and returns the
// predictor at the other end.
func ServePredictor(t testing.TB, p plugins.Predictor) plugins.Predictor {
	t.Helper()
	return servePredictor(t, p)
}

func servePredictor(t testing.TB, p plugins.Predictor) *wire.PredictorClient {
	t.Helper()
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
	return wire.NewPredictorClient(connect(t, registerPredictor(wire.NewPredictorServer(p, log))))
}

// served is a predictor at the other end of a connection within this process.
type served struct {
	*wire.PredictorClient
	watched *watchedPredictor
}

var _ conform.Watched = served{}

// Began implements conform.Watched.
func (s served) Began() <-chan struct{} { return s.watched.began }

// Left implements conform.Watched.
func (s served) Left() <-chan error { return s.watched.left }

// watchedPredictor tells when the first Fit begins, and how it ends.
type watchedPredictor struct {
	plugins.Predictor
	began chan struct{}
	left  chan error // holds one
	fits  int        // calls never overlap
}

// Fit implements plugins.Predictor.
func (w *watchedPredictor) Fit(ctx context.Context, t *plugins.Training) (plugins.Fitted, error) {
	w.fits++
	if w.fits > 1 {
		return w.Predictor.Fit(ctx, t)
	}
	close(w.began)
	fitted, err := w.Predictor.Fit(ctx, t)
	w.left <- err
	return fitted, err
}

// watchedPretrainer is a watchedPredictor that pretrains.
type watchedPretrainer struct {
	*watchedPredictor
	pretrainer plugins.Pretrainer
}

// Pretrain implements plugins.Pretrainer.
func (w watchedPretrainer) Pretrain(ctx context.Context, p *plugins.Pretraining) ([]byte, error) {
	return w.pretrainer.Pretrain(ctx, p)
}
