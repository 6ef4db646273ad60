package hypernas_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/plugins/plugintest"
	"github.com/hypernas/hypernas/predictors/hypernas"
)

func create() plugins.Predictor { return hypernas.New() }

func TestConformance(t *testing.T) {
	plugintest.Predictor(t, create, plugintest.With(map[string]string{"epochs": "3", "width": "20"}))
}

// small is a space of two networks of chains, one of which may be long.
func small(length int) *plugins.Training {
	v := plugins.Vocabulary{Ops: []plugins.Op{
		{Name: "input", Kind: plugins.KindInput},
		{Name: "output", Kind: plugins.KindOutput},
		{Name: "conv", Kind: plugins.KindConv, Kernel: 3},
		{Name: "mystery", Kind: plugins.Kind(77)},
	}}
	chain := func(op, length int) plugins.Network {
		c := plugins.Cell{Nodes: []plugins.Node{{Op: 0}}}
		for i := range length + 1 {
			next := op
			if i == length {
				next = 1
			}
			c.Nodes = append(c.Nodes, plugins.Node{Op: next})
			c.Edges = append(c.Edges, plugins.Edge{From: i, To: i + 1})
		}
		return plugins.Network{Cells: []plugins.Cell{c}, Sequence: []plugins.Step{{Repeat: 1}}}
	}
	return &plugins.Training{
		Vocabulary: v,
		Batch:      plugins.Batch{Networks: []plugins.Network{chain(2, 1), chain(3, length)}},
		Labels:     []float64{1, 2},
		Log:        slog.New(slog.DiscardHandler),
	}
}

// TestOddSpaces: two labels, equal labels, an unknown kind of operation, a space
// without weights, one cell alone, which may have a thousand nodes: each gives
// finite predictions.
func TestOddSpaces(t *testing.T) {
	cases := map[string]*plugins.Training{"two labels": small(1), "equal labels": small(1), "one label": small(1), "without weights": small(1), "a thousand nodes": small(1000), "kind other": small(2)}
	cases["equal labels"].Labels[0] = 2
	cases["one label"].Batch, cases["one label"].Labels = cases["one label"].Batch.Slice(0, 1), []float64{1}
	cases["kind other"].Vocabulary.Ops[2].Kind = plugins.KindOther
	for i := 2; i < 4; i++ {
		cases["without weights"].Vocabulary.Ops[i].Kind = plugins.KindSkip
	}
	for name, training := range cases {
		for _, c := range []struct {
			predictor plugins.Predictor
			options   map[string]string
			warns     bool
		}{
			{hypernas.New(), map[string]string{"epochs": "3", "width": "16", "target_images": "16", "aux_pool": "16"}, name == "without weights"},
			{hypernas.NewPlus(), map[string]string{"steps": "3", "judge_steps": "3", "width": "16", "judge_images": "16", "aux_pool": "32"}, name == "one label"},
		} {
			training.Options = c.options
			fitted, err := c.predictor.Fit(t.Context(), training)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if (len(fitted.Warnings) > 0) != c.warns {
				t.Errorf("%s: warnings %q", name, fitted.Warnings)
			}
			test := small(40).Batch
			got, err := c.predictor.Predict(t.Context(), &test)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			for _, v := range got {
				if math.IsNaN(v) || math.IsInf(v, 0) {
					t.Errorf("%s: got %v", name, got)
				}
			}
		}
	}
}

func TestMistakes(t *testing.T) {
	training := small(1)
	if _, err := hypernas.New().Predict(t.Context(), &training.Batch); !errors.Is(err, plugins.ErrNotFitted) {
		t.Errorf("before Fit: got %v, want ErrNotFitted", err)
	}
	for _, silent := range []map[string]string{{"loss": "sum", "q": "2"}, {"hypernetwork": "false", "aux_pool": "64"}, {"batch": "4", "target_batch": "5"}} {
		training.Options = silent
		if _, err := hypernas.New().Fit(t.Context(), training); !errors.Is(err, plugins.ErrOption) {
			t.Errorf("%v: got %v, want ErrOption", silent, err)
		}
	}
	for name, value := range map[string]string{
		"global": "yes", "q": "0.5", "width": "0", "layers": "0", "hidden": "0", "dropout": "1", "epochs": "0", "batch": "0", "rate": "0", "decay": "-1",
		"members": "0", "rank": "-1", "pool": "max", "target_batch": "0", "target_cells": "0", "target_width": "0", "target_images": "20", "aux_pool": "40", "depth": "3",
	} {
		training.Options = map[string]string{name: value}
		if _, err := hypernas.New().Fit(t.Context(), training); !errors.Is(err, plugins.ErrOption) {
			t.Errorf("%s=%s: got %v, want ErrOption", name, value, err)
		}
	}
	// 0 divides nothing; what must be a multiple of it is not looked at.
	training.Options = map[string]string{"target_images": "0"}
	if _, err := hypernas.New().Fit(t.Context(), training); !errors.Is(err, plugins.ErrOption) {
		t.Errorf("target_images=0: got %v, want ErrOption", err)
	}
	p := hypernas.New()
	training.Options = map[string]string{"epochs": "1", "target_images": "16", "aux_pool": "16"}
	if _, err := p.Fit(t.Context(), training); err != nil {
		t.Fatal(err)
	}
	training.Options["epochs"] = "0"
	if _, err := p.Fit(t.Context(), training); err == nil {
		t.Error("no epochs: no error")
	}
	if _, err := p.Predict(t.Context(), &training.Batch); !errors.Is(err, plugins.ErrNotFitted) {
		t.Errorf("after a fit that failed: got %v, want ErrNotFitted", err)
	}
	training.Options, training.Labels = nil, training.Labels[:1]
	if _, err := hypernas.New().Fit(t.Context(), training); !errors.Is(err, plugins.ErrInput) {
		t.Errorf("a label missing: got %v, want ErrInput", err)
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := hypernas.New().Fit(ctx, small(1)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

// TestVersion guards the promise that predictions with equal options change only
// together with Version: bring both up to date.
func TestVersion(t *testing.T) {
	training := small(2)
	training.Options = map[string]string{"epochs": "3"}
	p := hypernas.New()
	if _, err := p.Fit(t.Context(), training); err != nil {
		t.Fatal(err)
	}
	got, err := p.Predict(t.Context(), &training.Batch)
	if err != nil {
		t.Fatal(err)
	}
	// Written by this test. Between kernel paths sums differ in the last bits.
	want := []float64{1.38365, 1.48778}
	for i := range want {
		if math.Abs(got[i]-want[i]) > 1e-3 {
			t.Errorf("version %d: got %.5f, want %.5f", hypernas.Version, got, want)
			break
		}
	}
}

// only returns the only folder in folder.
func only(t *testing.T, folder string) string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil || len(entries) != 1 {
		t.Fatalf("%d folders in %s (%v), want one", len(entries), folder, err)
	}
	return filepath.Join(folder, entries[0].Name())
}

// TestExport: a folder of archives for numpy.load, one for each labelled
// architecture, in a folder for each trial, and the same predictions as without; what
// it can't do is refused before the fit.
func TestExport(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "weights")
	fit := func(options map[string]string) ([]float64, error) {
		training := small(2)
		training.Options = map[string]string{"epochs": "2", "members": "1"}
		maps.Copy(training.Options, options)
		p := create()
		if _, err := p.Fit(t.Context(), training); err != nil {
			return nil, err
		}
		return p.Predict(t.Context(), &training.Batch)
	}
	want, err := fit(nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := fit(map[string]string{"export": folder})
	if err != nil || !slices.Equal(got, want) {
		t.Fatalf("got %v (%v), want the predictions without an export, %v", got, err, want)
	}
	trial := only(t, folder)
	for i, shapes := range []map[string]string{
		{"cell0.node1.conv.weight": "(4, 4, 3, 3,)", "stem.weight": "(4, 4, 3, 3,)", "classifier.weights": "(4, 10,)", "classifier.bias": "(10,)"},
		{"cell0.node1.conv.weight": "(4, 4, 1, 1,)", "cell0.node2.conv.weight": "(4, 4, 1, 1,)"},
	} {
		z, err := zip.OpenReader(filepath.Join(trial, fmt.Sprintf("architecture-%04d.npz", i)))
		if err != nil {
			t.Fatal(err)
		}
		defer z.Close()
		for name, shape := range shapes {
			array, err := fs.ReadFile(z, name+".npy")
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.HasPrefix(array, []byte("\x93NUMPY\x01\x00")) || !bytes.Contains(array, []byte("'shape': "+shape+",")) {
				t.Errorf("architecture %d, %s is not a float32 array of shape %s: %q", i, name, shape, array[:min(len(array), 100)])
			}
		}
		text, err := fs.ReadFile(z, "architecture.json")
		if err != nil || !bytes.Contains(text, []byte(`"weights":["cell0.node1.conv.weight"]`)) {
			t.Errorf("architecture %d: architecture.json is %s (%v)", i, text, err)
		}
	}
	// The longest sequence decides which cells are evaluated: of twelve with four
	// evaluated 0, 3, 6 and 9, of which one of five has two.
	training := small(1)
	for i, cells := range []int{5, 12} {
		step := training.Batch.Networks[i].Sequence[0]
		training.Batch.Networks[i].Sequence = slices.Repeat([]plugins.Step{step}, cells)
	}
	longer := filepath.Join(t.TempDir(), "longer")
	training.Options = map[string]string{"epochs": "1", "members": "1", "export": longer}
	for range 2 { // the same trial again writes the same again
		if _, err := create().Fit(t.Context(), training); err != nil {
			t.Fatal(err)
		}
	}
	z, err := zip.OpenReader(filepath.Join(only(t, longer), "architecture-0000.npz"))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	var file struct {
		Cells []struct {
			Evaluated bool
			Nodes     []struct{ Weights []string }
		}
	}
	text, err := fs.ReadFile(z, "architecture.json")
	if err == nil {
		err = json.Unmarshal(text, &file)
	}
	if err != nil || len(file.Cells) != 5 {
		t.Fatalf("%d cells of 5 (%v)", len(file.Cells), err)
	}
	for i, c := range file.Cells {
		if want := i%3 == 0; c.Evaluated != want || (len(c.Nodes[1].Weights) > 0) != want {
			t.Errorf("cell %d: %+v, want it evaluated: %t", i, c, want)
		}
	}

	// Other seeds, labels and options are other trials.
	for range 2 {
		training.Seed++
		training.Labels[0]++
		if _, err := create().Fit(t.Context(), training); err != nil {
			t.Fatal(err)
		}
	}
	if folders, err := os.ReadDir(longer); err != nil || len(folders) != 3 {
		t.Errorf("three trials made %d folders (%v)", len(folders), err)
	}

	for name, options := range map[string]map[string]string{
		"no folder": {"export": filepath.Join(trial, "architecture-0000.npz")}, "relative": {"export": "weights"}, "nothing to export": {"export": folder + "2", "hypernetwork": "false"},
	} {
		if _, err := fit(options); !errors.Is(err, plugins.ErrOption) {
			t.Errorf("%s: got %v, want an option error", name, err)
		}
	}
}
