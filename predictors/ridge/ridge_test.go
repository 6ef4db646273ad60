package ridge_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"math"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/plugins/plugintest"
	"github.com/hypernas/hypernas/predictors/ridge"
)

// reference is a case of testdata/reference.json, which testdata/reference.py
// wrote: six choices among five operations for each architecture.
type reference struct {
	Train, Test [][]int
	Labels      []float64
	Fixed       map[string][]float64 // predictions by alpha
	Alpha       float64              // chosen by leave-one-out error
	Chosen, Raw []float64            // predictions with it; with raw labels and alpha = 1
}

func references(t *testing.T) []reference {
	t.Helper()
	data, err := os.ReadFile("testdata/reference.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []reference
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	return cases
}

// batch returns chains of the given operations as networks.
func batch(rows [][]int) plugins.Batch {
	var b plugins.Batch
	for _, ops := range rows {
		c := plugins.Cell{Nodes: []plugins.Node{{Op: 5}}}
		for k, op := range append(append([]int(nil), ops...), 6) {
			c.Nodes = append(c.Nodes, plugins.Node{Op: op})
			c.Edges = append(c.Edges, plugins.Edge{From: k, To: k + 1})
		}
		b.Networks = append(b.Networks, plugins.Network{Cells: []plugins.Cell{c}, Sequence: []plugins.Step{{Repeat: 1}}})
	}
	return b
}

func training(rows [][]int, labels []float64, options map[string]string) *plugins.Training {
	t := &plugins.Training{
		Batch: batch(rows), Labels: labels, Options: options, Log: slog.New(slog.DiscardHandler),
	}
	for i := range 5 {
		t.Vocabulary.Ops = append(t.Vocabulary.Ops, plugins.Op{Name: strconv.Itoa(i), Kind: plugins.KindConv, Kernel: 1})
	}
	t.Vocabulary.Ops = append(t.Vocabulary.Ops, plugins.Op{Name: "in", Kind: plugins.KindInput}, plugins.Op{Name: "out", Kind: plugins.KindOutput})
	return t
}

func predict(t *testing.T, tr *plugins.Training, rows [][]int) []float64 {
	t.Helper()
	p := ridge.New()
	if _, err := p.Fit(t.Context(), tr); err != nil {
		t.Fatal(err)
	}
	b := batch(rows)
	got, err := p.Predict(t.Context(), &b)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestPredictionsEqualScikitLearn(t *testing.T) {
	for _, tc := range references(t) {
		want := map[string][]float64{"": tc.Chosen}
		maps.Copy(want, tc.Fixed)
		want[strconv.FormatFloat(tc.Alpha, 'g', -1, 64)] = tc.Chosen
		for alpha, want := range want {
			options := map[string]string{}
			if alpha != "" {
				options["alpha"] = alpha
			}
			expect(t, "alpha "+alpha, predict(t, training(tc.Train, tc.Labels, options), tc.Test), want)
		}
		raw := map[string]string{"label": "raw", "alpha": "1"}
		expect(t, "raw labels", predict(t, training(tc.Train, tc.Labels, raw), tc.Test), tc.Raw)
	}
}

func expect(t *testing.T, what string, got, want []float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: got %d values, want %d", what, len(got), len(want))
	}
	for i := range got {
		if !(math.Abs(got[i]-want[i]) <= 1e-9*max(1, math.Abs(want[i]))) {
			t.Errorf("%s: row %d: got %v, want %v", what, i, got[i], want[i])
		}
	}
}

// TestChosenPenaltyLeavesOneOutBest computes leave-one-out errors by leaving
// rows out.
func TestChosenPenaltyLeavesOneOutBest(t *testing.T) {
	tc := references(t)[2]
	n := len(tc.Labels)
	loss := func(alpha float64) float64 {
		sum := 0.0
		for i := range n {
			var rows [][]int
			var labels []float64
			for j := range n {
				if j != i {
					rows, labels = append(rows, tc.Train[j]), append(labels, tc.Labels[j])
				}
			}
			options := map[string]string{"label": "raw", "alpha": strconv.FormatFloat(alpha, 'g', -1, 64)}
			e := predict(t, training(rows, labels, options), tc.Train[i:i+1])[0] - tc.Labels[i]
			sum += e * e
		}
		return sum
	}
	best, least := 0.0, math.Inf(1)
	for half := -6; half <= 8; half++ {
		alpha := math.Pow(10, float64(half)/2)
		if l := loss(alpha); l < least {
			best, least = alpha, l
		}
	}
	chosen := predict(t, training(tc.Train, tc.Labels, map[string]string{"label": "raw"}), tc.Test)
	options := map[string]string{"label": "raw", "alpha": strconv.FormatFloat(best, 'g', -1, 64)}
	expect(t, "chosen alpha", chosen, predict(t, training(tc.Train, tc.Labels, options), tc.Test))
}

func TestEqualArchitecturesGiveAWarning(t *testing.T) {
	p := ridge.New()
	row := []int{0, 1, 2, 3, 4, 0}
	fitted, err := p.Fit(t.Context(), training([][]int{row, row}, []float64{1, 3}, map[string]string{"label": "raw"}))
	if err != nil || len(fitted.Warnings) != 1 {
		t.Fatalf("got %v, %v, want one warning", fitted.Warnings, err)
	}
	b := batch([][]int{row, {1, 1, 1, 1, 1, 1}})
	got, err := p.Predict(t.Context(), &b)
	if err != nil {
		t.Fatal(err)
	}
	expect(t, "constant", got, []float64{2, 2})
}

func TestMistakes(t *testing.T) {
	tc := references(t)[0]
	for name, options := range map[string]map[string]string{
		"unknown option":   {"lambda": "1"},
		"negative penalty": {"alpha": "-1"},
		"unknown label":    {"label": "log"},
	} {
		if _, err := ridge.New().Fit(t.Context(), training(tc.Train, tc.Labels, options)); !errors.Is(err, plugins.ErrOption) {
			t.Errorf("%s: got %v, want ErrOption", name, err)
		}
	}
	if _, err := ridge.New().Fit(t.Context(), training(tc.Train, tc.Labels[1:], nil)); !errors.Is(err, plugins.ErrInput) {
		t.Errorf("a label short: got %v, want ErrInput", err)
	}
	b := batch(tc.Test)
	if _, err := ridge.New().Predict(t.Context(), &b); !errors.Is(err, plugins.ErrNotFitted) {
		t.Errorf("before Fit: got %v, want ErrNotFitted", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	p := ridge.New()
	if _, err := p.Fit(ctx, training(tc.Train, tc.Labels, nil)); err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := p.Predict(ctx, &b); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled Predict: got %v", err)
	}
	if _, err := p.Fit(ctx, training(tc.Train, tc.Labels, nil)); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled Fit: got %v", err)
	}
}

func TestContract(t *testing.T) {
	plugintest.Predictor(t, func() plugins.Predictor { return ridge.New() })
}

// blocks returns a chain of blocks of one convolution each that differ in how
// often they repeat and in their width.
func blocks(rows [][]int) plugins.Batch {
	cell := plugins.Cell{
		Nodes: []plugins.Node{{Op: 0}, {Op: 1}, {Op: 2}},
		Edges: []plugins.Edge{{From: 0, To: 1}, {From: 1, To: 2}},
	}
	var b plugins.Batch
	for _, row := range rows {
		n := plugins.Network{Cells: []plugins.Cell{cell}}
		for i := 0; i < len(row); i += 2 {
			n.Sequence = append(n.Sequence, plugins.Step{Repeat: row[i], Attrs: []float64{float64(row[i+1])}})
		}
		b.Networks = append(b.Networks, n)
	}
	return b
}

// TestWorkExtrapolates fits labels that are linear in the logarithms of the
// blocks' work: one-hot columns can't say that 3 x 6 is more than anything
// seen, work can.
func TestWorkExtrapolates(t *testing.T) {
	train := [][]int{{1, 1, 1, 4}, {2, 1, 1, 1}, {1, 4, 2, 1}, {2, 4, 1, 4}, {3, 1, 2, 1}, {1, 6, 1, 1}, {1, 1, 3, 1}, {2, 1, 2, 4}, {3, 1, 1, 4}, {1, 4, 1, 6}}
	tr := &plugins.Training{
		Vocabulary: plugins.Vocabulary{
			Ops:       []plugins.Op{{Name: "in", Kind: plugins.KindInput}, {Name: "conv", Kind: plugins.KindConv, Kernel: 3}, {Name: "out", Kind: plugins.KindOutput}},
			CellAttrs: []string{"width"},
		},
		Batch: blocks(train), Options: map[string]string{"label": "raw"}, Log: slog.New(slog.DiscardHandler),
	}
	value := func(row []int) float64 { return math.Log(float64(row[0]*row[1])) + 2*math.Log(float64(row[2]*row[3])) }
	for _, row := range train {
		tr.Labels = append(tr.Labels, value(row))
	}
	p := ridge.New()
	if _, err := p.Fit(t.Context(), tr); err != nil {
		t.Fatal(err)
	}
	test := blocks([][]int{{3, 6, 3, 6}, {1, 1, 1, 1}})
	got, err := p.Predict(t.Context(), &test)
	if err != nil {
		t.Fatal(err)
	}
	low, high := slices.Min(tr.Labels), slices.Max(tr.Labels)
	if got[0] <= high || got[1] >= low {
		t.Errorf("got %v for more and less work than was ever seen, want above %v and below %v", got, high, low)
	}
}
