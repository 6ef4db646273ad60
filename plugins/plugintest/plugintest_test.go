package plugintest_test

import (
	"context"
	"fmt"
	"math"
	"testing"

	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/plugins/plugintest"
)

func TestChainsKeepTheContract(t *testing.T) {
	plugintest.Space(t, func() plugins.Space { return plugintest.NewChains() })
	plugintest.Space(t, func() plugins.Space { return plugintest.NewChains() }, plugintest.With(map[string]string{"noise": "0"}))
}

func TestAGoodPredictorPasses(t *testing.T) {
	plugintest.Predictor(t, func() plugins.Predictor { return &slope{} }, plugintest.With(map[string]string{"power": "0.5"}))
}

// slope is the line through the origin that fits labels to a power of the
// parameters.
type slope struct {
	options slopeOptions
	factor  float64
	fitted  bool
}

type slopeOptions struct {
	Power float64 `option:"power" doc:"of the parameters"`
}

func (s *slope) Describe(context.Context) (plugins.Description, error) {
	return plugins.Description{
		Name: "slope", Version: 1, Summary: "a line through the origin", PredictsLabels: true,
		Options: plugins.DescribeOptions(slopeOptions{Power: 1}),
	}, nil
}

func (s *slope) Fit(ctx context.Context, t *plugins.Training) (plugins.Fitted, error) {
	s.options = slopeOptions{Power: 1}
	if err := plugins.SetOptions(&s.options, t.Options); err != nil {
		return plugins.Fitted{}, err
	}
	xy, xx := 0.0, 0.0
	for i, y := range t.Labels {
		x := s.feature(&t.Batch, i)
		xy, xx = xy+x*y, xx+x*x
	}
	s.factor, s.fitted = xy/xx, true
	t.Log.Info("fitted", "factor", s.factor)
	return plugins.Fitted{}, ctx.Err()
}

func (s *slope) feature(b *plugins.Batch, i int) float64 {
	return math.Pow(b.Row(i)[0], s.options.Power)
}

func (s *slope) Predict(_ context.Context, b *plugins.Batch) ([]float64, error) {
	if !s.fitted {
		return nil, fmt.Errorf("slope: %w", plugins.ErrNotFitted)
	}
	values := make([]float64, b.Len())
	for i := range values {
		values[i] = s.factor * s.feature(b, i)
	}
	return values, nil
}

func TestChainsShareIdentitiesWhereTheyShouldAndNowhereElse(t *testing.T) {
	space := plugintest.NewChains()
	info, err := space.Open(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, ids, err := space.Read(t.Context(), 0, info.Rows)
	if err != nil {
		t.Fatal(err)
	}
	distinct := make(map[plugins.Identity]int)
	for _, id := range ids {
		distinct[id]++
	}
	// Words over three letters of length 0 to 3, and the zero function:
	// 1 + 3 + 9 + 27 + 1. The zero function has 125 - 64 rows.
	if len(distinct) != 41 {
		t.Errorf("got %d identities, want 41", len(distinct))
	}
	if got := distinct[ids[0]]; got != 61 {
		t.Errorf("got %d rows with a none, want 61", got)
	}
}
