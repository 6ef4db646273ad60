package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/hashicorp/go-hclog"

	"github.com/hypernas/hypernas/harness"
	"github.com/hypernas/hypernas/harness/metric"
	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/plugins/host"
	"github.com/hypernas/hypernas/results"
	"github.com/hypernas/hypernas/results/report"
	"github.com/hypernas/hypernas/results/table"
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

// BenchmarkPaper measures what stands between 2,000 finished trials of 15,625
// predictions and the paper: read the records and each trial's predictions,
// score them, and write the tables and the page. It reports the most memory
// that the process had from the system. All records name one file of
// predictions, which is read anew for each.
func BenchmarkPaper(b *testing.B) {
	const predictors, budgets, splits, rows = 20, 10, 10, 15625
	dir := b.TempDir()
	w, _, err := results.Open(dir)
	if err != nil {
		b.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	target, p := make([]float64, rows), &results.Predictions{}
	for i := range target {
		target[i] = random.NormFloat64()
		p.Rows = append(p.Rows, i)
		p.Values = append(p.Values, target[i]+random.NormFloat64())
	}
	file, err := w.WritePredictions(strings.Repeat("0", 64), p)
	if err != nil {
		b.Fatal(err)
	}
	var lines bytes.Buffer
	for i := range predictors * budgets * splits {
		name := fmt.Sprint("predictor", i/(budgets*splits))
		r := results.Record{
			Schema: results.SchemaVersion, Key: fmt.Sprintf("%064x", i+1), Predictions: file,
			Space:     results.SpaceRef{Alias: "space", Name: "space", Digest: "5e", Label: "label", Target: "target"},
			Predictor: results.PredictorRef{Alias: name, Name: name, Identity: "builtin:" + name + "@1"},
			Preset:    "clean", Pool: "all", Budget: 10 << (i / splits % budgets), Split: i % splits, TestRows: rows,
			Metrics: map[string]float64{"kendall_tau": .5 + .1*random.NormFloat64(), "top_5pct_accuracy": .4},
			Cost:    results.Cost{FitSeconds: 1 + random.Float64()},
		}
		line, err := json.Marshal(r)
		if err != nil {
			b.Fatal(err)
		}
		lines.Write(append(line, '\n'))
	}
	if err := errors.Join(w.Close(), os.WriteFile(filepath.Join(dir, "records.jsonl"), lines.Bytes(), 0o644)); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		run, err := results.Read(dir)
		if err != nil {
			b.Fatal(err)
		}
		var group sync.WaitGroup
		for worker := range runtime.GOMAXPROCS(0) {
			group.Go(func() {
				for i := worker; i < len(run.Records); i += runtime.GOMAXPROCS(0) {
					p, err := results.ReadPredictions(dir, *run.Records[i].Predictions)
					if err != nil {
						b.Error(err)
						return
					}
					metric.Score(p.Values, target, false)
				}
			})
		}
		group.Wait()
		c, err := compare(b.Context(), dir, table.Options{})
		if err != nil {
			b.Fatal(err)
		}
		for _, f := range table.Formats() {
			if err := table.Write(io.Discard, c.comparison, f); err != nil {
				b.Fatal(err)
			}
		}
		page, err := newReport(b.Context(), dir, table.Options{}, trusted{})
		if err != nil {
			b.Fatal(err)
		}
		if err := report.Write(io.Discard, page); err != nil {
			b.Fatal(err)
		}
	}
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	b.ReportMetric(float64(memory.Sys)/(1<<20), "MiB")
}
