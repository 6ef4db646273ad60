package gp_test

import (
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strconv"
	"testing"

	kernel "github.com/hypernas/hypernas/internal/gp"
	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/predictors/feature"
	"github.com/hypernas/hypernas/predictors/gp"
)

// cells returns some cells of six operations on the edges of a graph of four
// vertices, with none and skip among the operations.
func cells() (plugins.Vocabulary, plugins.Batch, []float64) {
	v := plugins.Vocabulary{Ops: []plugins.Op{
		{Name: "in", Kind: plugins.KindInput},
		{Name: "out", Kind: plugins.KindOutput},
		{Name: "none", Kind: plugins.KindNone},
		{Name: "skip", Kind: plugins.KindSkip},
		{Name: "conv", Kind: plugins.KindConv, Kernel: 3},
		{Name: "pool", Kind: plugins.KindAvgPool, Kernel: 3},
	}}
	// Operations stand on edges 0-1, 0-2, 1-2, 0-3, 1-3, 2-3.
	edges := []plugins.Edge{{From: 0, To: 1}, {From: 0, To: 2}, {From: 0, To: 4}, {From: 1, To: 3}, {From: 1, To: 5}, {From: 2, To: 6}, {From: 3, To: 6}, {From: 4, To: 7}, {From: 5, To: 7}, {From: 6, To: 7}}
	var b plugins.Batch
	var labels []float64
	for k := range 40 {
		c := plugins.Cell{Role: plugins.RoleNormal, Nodes: []plugins.Node{{}}, Edges: edges}
		convolutions := 0.0
		for i := range 6 {
			op := 2 + (k*k+i*i*k+3*i)%7%4
			if op == 4 {
				convolutions++
			}
			c.Nodes = append(c.Nodes, plugins.Node{Op: op})
		}
		c.Nodes = append(c.Nodes, plugins.Node{Op: 1})
		b.Networks = append(b.Networks, plugins.Network{Cells: []plugins.Cell{c}, Sequence: []plugins.Step{{Repeat: 1}}})
		labels = append(labels, convolutions+math.Sin(float64(k)))
	}
	return v, b, labels
}

// histogram counts the subtrees of a network's graph, as text: the definition,
// without hashes.
func histogram(v *plugins.Vocabulary, n *plugins.Network, rounds int) map[string]float64 {
	g := feature.Join(v, n, true)
	labels := make([]string, len(g.Nodes))
	for i, node := range g.Nodes {
		labels[i] = strconv.Itoa(node.Op)
	}
	counts := make(map[string]float64)
	for h := 0; ; h++ {
		for _, l := range labels {
			counts[fmt.Sprint(h, " ", l)]++
		}
		if h == rounds {
			return counts
		}
		next := make([]string, len(labels))
		for i := range labels {
			var in, out []string
			for _, e := range g.Edges {
				if e.To == i {
					in = append(in, labels[e.From])
				}
				if e.From == i {
					out = append(out, labels[e.To])
				}
			}
			slices.Sort(in)
			slices.Sort(out)
			next[i] = fmt.Sprint("(", labels[i], in, out, ")")
		}
		labels = next
	}
}

// TestLehmanKernelEqualsItsDefinition computes the kernels from histograms of
// subtrees that are written out.
func TestLehmanKernelEqualsItsDefinition(t *testing.T) {
	v, b, labels := cells()
	const train = 30
	inner := func(x, y map[string]float64) float64 {
		sum := 0.0
		for l, c := range x {
			sum += c * y[l]
		}
		return sum
	}
	var kernels [][]float64
	var all [][]map[string]float64 // by rounds and network: histograms less their means
	for h := range 4 {
		histograms := make([]map[string]float64, b.Len())
		means := make(map[string]float64)
		for i := range histograms {
			histograms[i] = histogram(&v, &b.Networks[i], h)
			for l, c := range histograms[i] {
				if i < train {
					means[l] += c / train
				}
			}
		}
		diagonal := 0.0
		for i, x := range histograms {
			for l, mean := range means {
				x[l] -= mean
			}
			if i < train {
				diagonal += inner(x, x) / train
			}
		}
		for _, x := range histograms {
			for l := range x {
				x[l] /= math.Sqrt(diagonal)
			}
		}
		var k []float64
		for i := range train {
			for j := range i + 1 {
				k = append(k, inner(histograms[i], histograms[j]))
			}
		}
		kernels, all = append(kernels, k), append(all, histograms)
	}
	y := make([]float64, train)
	feature.RankGaussTo(y, labels[:train])
	rounds, weights, err := kernel.FitKernels(t.Context(), kernels, y)
	if err != nil {
		t.Fatal(err)
	}
	if rounds == 0 {
		t.Error("no round of relabeling was chosen: nothing is tested")
	}
	training := &plugins.Training{Vocabulary: v, Batch: b.Slice(0, train), Labels: labels[:train], Log: slog.New(slog.DiscardHandler)}
	got := fit(t, gp.NewLehman(), training, &b)
	for i := range got {
		want := 0.0
		for j := range train {
			want += weights[j] * inner(all[rounds][i], all[rounds][j])
		}
		if math.Abs(got[i]-want) > 1e-9 {
			t.Errorf("row %d: got %v, want %v", i, got[i], want)
		}
	}
}
