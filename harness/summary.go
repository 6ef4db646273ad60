package harness

import (
	"context"

	"github.com/hypernas/hypernas/results"
)

// Summarize reads all data of a space and returns what manifests say of it:
// its size, and the quality, noise and ceiling of its labels.
func Summarize(ctx context.Context, s *Space) (results.SpaceSummary, error) {
	t, err := load(ctx, s)
	if err != nil {
		return results.SpaceSummary{}, err
	}
	return t.summary, nil
}
