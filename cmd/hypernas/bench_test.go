package main

import (
	"testing"

	"github.com/hashicorp/go-hclog"

	"github.com/hypernas/hypernas/harness"
	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/plugins/host"
	"github.com/hypernas/hypernas/spaces/bundled"
)

// BenchmarkTrialOverhead measures what a trial costs beside the predictor's
// own work: a fresh process of params, its handshake and description, a fit to
// 20 labels, 15,625 architectures there and their values back, and the end of
// the process. Networks are those of the bundled space, repeated.
func BenchmarkTrialOverhead(b *testing.B) {
	ctx := b.Context()
	space := bundled.New()
	info, err := space.Open(ctx, nil)
	if err != nil {
		b.Fatal(err)
	}
	all, _, err := space.Read(ctx, 0, info.Rows)
	if err != nil {
		b.Fatal(err)
	}
	rows := make([]int, 15625)
	for i := range rows {
		rows[i] = i % info.Rows
	}
	test := all.Select(rows)
	ref, err := harness.ParseRef("params")
	if err != nil {
		b.Fatal(err)
	}
	predictor, err := openPredictor(ctx, ref, host.Options{Limits: host.DefaultLimits(), Log: hclog.NewNullLogger()})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		process, err := predictor.Launcher.Launch(ctx)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := process.Describe(ctx); err != nil {
			b.Fatal(err)
		}
		if _, err := process.Fit(ctx, &plugins.Training{Vocabulary: info.Vocabulary, Batch: test.Slice(0, 20), Labels: make([]float64, 20)}); err != nil {
			b.Fatal(err)
		}
		if _, err := process.Predict(ctx, &test); err != nil {
			b.Fatal(err)
		}
		process.Close()
	}
}
