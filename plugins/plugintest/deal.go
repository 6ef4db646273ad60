package plugintest

import (
	"log/slog"
	"testing"

	"github.com/hypernas/hypernas/plugins"
)

// Deal deals the rows of [Chains] in a fixed order: the first of them as a
// training set with seed 1, the others as a test set with its targets.
func Deal(t testing.TB, rows int) (*plugins.Training, plugins.Batch, []float64) {
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
	label, err := space.Column(t.Context(), info.Label)
	if err != nil {
		t.Fatal(err)
	}
	target, err := space.Column(t.Context(), info.Target)
	if err != nil {
		t.Fatal(err)
	}
	// 37 and the number of rows have no common factor, so this deals the rows.
	order := make([]int, info.Rows)
	for i := range order {
		order[i] = i * 37 % info.Rows
	}
	training := &plugins.Training{Vocabulary: info.Vocabulary, Batch: all.Select(order[:rows]), Seed: 1, Log: slog.New(slog.DiscardHandler)}
	var targets []float64
	for _, i := range order[:rows] {
		training.Labels = append(training.Labels, label[i])
	}
	for _, i := range order[rows:] {
		targets = append(targets, target[i])
	}
	return training, all.Select(order[rows:]), targets
}
