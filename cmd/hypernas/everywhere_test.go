//go:build !race

package main

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"testing"

	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/plugins/plugintest"
)

// short makes fits of an effort small enough for a test, where a predictor has
// the option.
func short() map[string]string {
	return map[string]string{
		"epochs": "2", "pretraining": "2", "steps": "5", "members": "1", "trees": "10", "rounds": "10", "iterations": "20",
	}
}

// unsupported lists by space the predictors that can't work there: those of a
// number that the space does not give.
func unsupported() map[string][]string {
	return map[string][]string{
		"bundled":          {"zerocost"},
		"nasbench101":      {"zerocost"},
		"darts":            {"zerocost"},
		"macro":            {"zerocost"},
		"mnasnet":          {"zerocost"},
		"autoformer-tiny":  {"zerocost"},
		"autoformer-small": {"zerocost"},
		"autoformer-base":  {"zerocost"},
	}
}

// TestEveryPredictorOnEverySpace: on 200 architectures of each space, 20 of them
// with labels, every built-in predictor fits and values the others, but for
// those that unsupported lists. Real spaces are those whose files stand
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
					if slices.Contains(unsupported()[s.name], p.name) {
						if !errors.Is(err, plugins.ErrUnsupported) {
							t.Errorf("got %v, want ErrUnsupported", err)
						}
						return
					}
					if err != nil {
						t.Fatal(err)
					}
					distinct := slices.Compact(slices.Sorted(slices.Values(values)))
					if len(distinct) < 2 {
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
				_, err := everywhere(t, p, v, c.batch, c.labels, c.budget)
				if slices.Contains(unsupported()[space.name], p.name) {
					if !errors.Is(err, plugins.ErrUnsupported) {
						t.Errorf("%s: got %v, want ErrUnsupported", name, err)
					}
				} else if err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	}
}

// unlabeled are the predictors that don't look at labels.
func unlabeled() []string { return []string{"random", "params", "flops", "zerocost"} }

// TestPredictorsRefuse: what no predictor can use is a clear error of its kind,
// whatever the predictor: options out of range, labels that are missing or no
// numbers, a context that is done, a space that tells nothing.
func TestPredictorsRefuse(t *testing.T) {
	spelling := regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)
	for _, p := range builtinPredictors() {
		t.Run(p.name, func(t *testing.T) {
			training, test, _ := plugintest.Deal(t, 8)
			labels := training.Labels
			d, err := p.create().Describe(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			refused := func(what string, options map[string]string, want error) {
				t.Helper()
				training.Options = options
				if _, err := p.create().Fit(t.Context(), training); !errors.Is(err, want) {
					t.Errorf("%s: got %v, want %v", what, err, want)
				}
			}
			refused("unknown option", map[string]string{"no_such_option": "1"}, plugins.ErrOption)
			for _, o := range d.Options {
				if !spelling.MatchString(o.Name) {
					t.Errorf("option %q is not spelled like_this", o.Name)
				}
				bad := []string{"none of its choices"}
				if _, err := strconv.ParseFloat(o.Default, 64); err == nil {
					bad = []string{"-1", "NaN", "+Inf", "1e400", "many"}
				} else if _, err := strconv.ParseBool(o.Default); err != nil && o.Choices == nil {
					continue // a name or a path, which the predictor's own tests know
				}
				for _, value := range bad {
					refused(o.Name+"="+value, map[string]string{o.Name: value}, plugins.ErrOption)
				}
			}
			if _, err := p.create().Predict(t.Context(), &test); !errors.Is(err, plugins.ErrNotFitted) {
				t.Errorf("before Fit: got %v, want ErrNotFitted", err)
			}
			if slices.Contains(unlabeled(), p.name) {
				return
			}
			for what, bad := range map[string][]float64{
				"a label short": labels[1:],
				"no labels":     nil,
				"NaN":           append([]float64{math.NaN()}, labels[1:]...),
				"infinity":      append([]float64{math.Inf(-1)}, labels[1:]...),
			} {
				training.Labels = bad
				refused(what, nil, plugins.ErrInput)
			}
			training.Labels = labels
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if _, err := p.create().Fit(ctx, training); !errors.Is(err, context.Canceled) {
				t.Errorf("canceled: got %v, want context.Canceled", err)
			}
		})
	}
}

// TestPredictorsOnASpaceThatTellsNothing: where a space gives no numbers, its
// networks have no searched step, and all look alike, values are finite, or the
// predictor says that it needs a number.
func TestPredictorsOnASpaceThatTellsNothing(t *testing.T) {
	v := &plugins.Vocabulary{Ops: []plugins.Op{{Name: "in", Kind: plugins.KindInput}, {Name: "out", Kind: plugins.KindOutput}}}
	var b plugins.Batch
	var labels []float64
	for i := range 8 {
		b.Networks = append(b.Networks, plugins.Network{
			Cells:    []plugins.Cell{{Nodes: []plugins.Node{{Op: 0}, {Op: 1}}, Edges: []plugins.Edge{{From: 0, To: 1}}}},
			Sequence: []plugins.Step{{Repeat: 1}},
		})
		labels = append(labels, float64(i))
	}
	for _, p := range builtinPredictors() {
		t.Run(p.name, func(t *testing.T) {
			_, err := everywhere(t, p, v, &b, labels, 5)
			if slices.Contains([]string{"params", "flops", "zerocost"}, p.name) {
				if !errors.Is(err, plugins.ErrUnsupported) {
					t.Errorf("got %v, want ErrUnsupported", err)
				}
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

// TestPlainPredictorsOnNothing: the predictors whose values are means of labels
// give their mean where labels are equal, or there is one, or all are of one
// architecture, and then warn; random forests about it, for they see samples.
func TestPlainPredictorsOnNothing(t *testing.T) {
	for name, tolerance := range map[string]float64{"knn": 1e-6, "gbdt": 1e-6, "forest": .01, "extratrees": 1e-6} {
		p, _ := find(builtinPredictors(), name)
		deal, test, _ := plugintest.Deal(t, 12)
		for what, c := range map[string]struct {
			rows      []int
			labels    []float64
			mean      float64
			tolerance float64
			warnings  int
		}{
			"one label":        {[]int{0}, []float64{.1}, .1, 1e-6, 1},
			"equal labels":     {[]int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, slices.Repeat([]float64{.1}, 12), .1, 1e-6, 0},
			"one architecture": {[]int{0, 0}, []float64{.1, .3}, .2, tolerance, 1},
		} {
			for label, scale := range map[string]float64{"raw": 1, "rank-gauss": 10, "z-score": 10} {
				want := 0.0
				if label == "raw" {
					want = c.mean
				}
				training := *deal
				training.Batch, training.Labels, training.Options = deal.Batch.Select(c.rows), c.labels, map[string]string{"label": label}
				predictor := p.create()
				fitted, err := predictor.Fit(t.Context(), &training)
				if err != nil || len(fitted.Warnings) != c.warnings {
					t.Errorf("%s, %s: got %v, %v, want %d warnings", name, what, fitted.Warnings, err, c.warnings)
				}
				values, err := predictor.Predict(t.Context(), &test)
				if err != nil {
					t.Fatal(err)
				}
				for _, x := range values {
					if !(math.Abs(x-want) <= scale*c.tolerance) {
						t.Errorf("%s, %s, label=%s: got %v, want %v", name, what, label, x, want)
						break
					}
				}
			}
		}
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
