//go:build !race

package main

import (
	"errors"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/hypernas/hypernas/plugins"
)

// short makes fits of an effort small enough for a test, where a predictor has
// the option.
func short() map[string]string {
	return map[string]string{
		"epochs": "2", "pretraining": "2", "steps": "5", "members": "1", "trees": "10", "rounds": "10", "iterations": "20",
	}
}

// TestEveryPredictorOnEverySpace: on 200 architectures of each space, 20 of them
// with labels, every built-in predictor fits and values the others, or says
// that such a space is not for it. Real spaces are those whose files stand
// beside the project.
func TestEveryPredictorOnEverySpace(t *testing.T) {
	useMirror(t)
	for _, s := range builtinSpaces() {
		if s.name == "table" {
			continue // a user's own, with no rows by itself
		}
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			v, b, labels := some(t, s.create(), 200)
			for _, p := range builtinPredictors() {
				t.Run(p.name, func(t *testing.T) {
					values, err := everywhere(t, p, v, b, labels, 20)
					if errors.Is(err, plugins.ErrUnsupported) {
						t.Skip(err)
					}
					if err != nil {
						t.Fatal(err)
					}
					distinct := slices.Compact(slices.Sorted(slices.Values(values)))
					if len(distinct) < 2 && p.name != "zerocost" {
						t.Errorf("all of %d architectures are worth %v", len(values), distinct)
					}
				})
			}
		})
	}
}

// TestPredictorsOnLittle: constant labels, a single label and copies of one
// architecture give finite values.
func TestPredictorsOnLittle(t *testing.T) {
	space, _ := find(builtinSpaces(), "bundled")
	v, b, labels := some(t, space.create(), 40)
	constant := slices.Repeat([]float64{.5}, len(labels))
	copies := slices.Repeat([]int{3}, 12)
	for _, p := range builtinPredictors() {
		t.Run(p.name, func(t *testing.T) {
			twins := b.Select(append(copies, 4, 5, 6))
			for name, c := range map[string]struct {
				batch  *plugins.Batch
				labels []float64
				budget int
			}{
				"constant labels":         {b, constant, 12},
				"one label":               {b, labels, 1},
				"copies, labeled unalike": {&twins, labels[:twins.Len()], len(copies)},
			} {
				if _, err := everywhere(t, p, v, c.batch, c.labels, c.budget); err != nil && !errors.Is(err, plugins.ErrUnsupported) {
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	}
}

// useMirror makes a user's cache of the mirror beside the project, if there is
// one. What spaces derive is written elsewhere.
func useMirror(t testing.TB) {
	t.Helper()
	mirror, err := filepath.Abs(filepath.Join("..", "..", "..", "shared", "mirror"))
	if err != nil {
		t.Fatal(err)
	}
	cache := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	entries, err := os.ReadDir(mirror)
	if err != nil {
		return // spaces that need files are skipped
	}
	if err := os.Mkdir(filepath.Join(cache, "hypernas"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if err := os.Symlink(filepath.Join(mirror, e.Name()), filepath.Join(cache, "hypernas", e.Name())); err != nil {
			t.Fatal(err)
		}
	}
}

// some returns n architectures of a space, evenly spread, with their labels.
func some(t testing.TB, s plugins.Space, n int) (*plugins.Vocabulary, *plugins.Batch, []float64) {
	t.Helper()
	info, err := s.Open(t.Context(), nil)
	if errors.Is(err, plugins.ErrDataMissing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	column, err := s.Column(t.Context(), info.Label)
	if err != nil {
		t.Fatal(err)
	}
	var b plugins.Batch
	var labels []float64
	for k := range n {
		row := k * info.Rows / n
		if math.IsNaN(column[row]) {
			continue
		}
		one, _, err := s.Read(t.Context(), row, row+1)
		if err != nil {
			t.Fatal(err)
		}
		b.Networks, b.Numbers = append(b.Networks, one.Networks...), append(b.Numbers, one.Numbers...)
		labels = append(labels, column[row])
	}
	return &info.Vocabulary, &b, labels
}

// everywhere fits a predictor to the first rows of b and returns its values of
// the others, which are finite.
func everywhere(t *testing.T, p builtin[plugins.Predictor], v *plugins.Vocabulary, b *plugins.Batch, labels []float64, budget int) ([]float64, error) {
	t.Helper()
	predictor := p.create()
	d, err := predictor.Describe(t.Context())
	if err != nil {
		return nil, err
	}
	options := make(map[string]string)
	for _, o := range d.Options {
		if value, ok := short()[o.Name]; ok {
			options[o.Name] = value
		}
	}
	training := &plugins.Training{
		Vocabulary: *v, Batch: b.Slice(0, budget), Labels: labels[:budget], Options: options, Seed: 1, Log: slog.New(slog.DiscardHandler),
	}
	if d.UsesPool {
		training.Pool = *b
	}
	if pretrainer, ok := predictor.(plugins.Pretrainer); ok {
		training.Artifact, err = pretrainer.Pretrain(t.Context(), &plugins.Pretraining{Vocabulary: *v, Pool: *b, Options: options, Seed: 2, Log: training.Log})
		if err != nil {
			return nil, err
		}
	}
	if _, err := predictor.Fit(t.Context(), training); err != nil {
		return nil, err
	}
	rest := b.Slice(budget, b.Len())
	values, err := predictor.Predict(t.Context(), &rest)
	if err != nil {
		return nil, err
	}
	if len(values) != rest.Len() {
		t.Errorf("%d values for %d architectures", len(values), rest.Len())
	}
	for i, x := range values {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			t.Errorf("row %d is worth %v", i, x)
			break
		}
	}
	return values, nil
}

// BenchmarkNASBench201 is a fit on 156 labels of NAS-Bench-201 and the values of
// all its 15,625 architectures, in this process, with each predictor's defaults.
func BenchmarkNASBench201(b *testing.B) {
	useMirror(b)
	space, _ := find(builtinSpaces(), "nasbench201")
	v, rows, labels := some(b, space.create(), 15625)
	const budget = 156
	train := make([]int, budget)
	own := make([]float64, budget)
	for k := range train {
		train[k] = k * rows.Len() / budget
		own[k] = labels[train[k]]
	}
	training := plugins.Training{Vocabulary: *v, Batch: rows.Select(train), Labels: own, Seed: 1, Log: slog.New(slog.DiscardHandler)}
	for _, p := range builtinPredictors() {
		b.Run(p.name, func(b *testing.B) {
			d, err := describe(b.Context(), p)
			if err != nil {
				b.Fatal(err)
			}
			t := training
			if d.UsesPool {
				t.Pool = *rows
			}
			if pretrainer, ok := p.create().(plugins.Pretrainer); ok {
				// A run pretrains once for all trials of a split.
				t.Artifact, err = pretrainer.Pretrain(b.Context(), &plugins.Pretraining{Vocabulary: *v, Pool: *rows, Seed: 2, Log: t.Log})
				if err != nil {
					b.Fatal(err)
				}
			}
			for b.Loop() {
				predictor := p.create()
				if _, err := predictor.Fit(b.Context(), &t); errors.Is(err, plugins.ErrUnsupported) {
					b.Skip(err)
				} else if err != nil {
					b.Fatal(err)
				}
				if _, err := predictor.Predict(b.Context(), rows); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
