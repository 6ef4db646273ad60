package gp

import (
	"context"
	"fmt"
	"slices"

	"gonum.org/v1/gonum/floats"

	"github.com/hypernas/hypernas/internal/gp"
	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/predictors/feature"
)

// LehmanVersion rises whenever predictions of gp-wl with equal options change.
const LehmanVersion = 1

// lehmanOptions are what a user of gp-wl may choose.
type lehmanOptions struct {
	Label string `option:"label" doc:"transform of the labels before the fit" choices:"rank-gauss,z-score"`
	Depth int    `option:"depth" doc:"most rounds of relabeling, among which the likelihood chooses"`
}

// maxDepth bounds the rounds: a round more reads a neighborhood one edge wider.
const maxDepth = 10

func lehmanDefaults() lehmanOptions { return lehmanOptions{Label: "rank-gauss", Depth: 3} }

// Lehman is the process on the Weisfeiler-Lehman kernel.
type Lehman struct {
	vocabulary plugins.Vocabulary
	labels     *nodeLabels // nil before Fit
	rounds     int
	index      subtrees
	weights    []float64
	offset     float64
}

var _ plugins.Predictor = (*Lehman)(nil)

// NewLehman returns gp-wl.
func NewLehman() *Lehman { return &Lehman{} }

// Describe implements [plugins.Predictor].
func (*Lehman) Describe(context.Context) (plugins.Description, error) {
	return plugins.Description{
		Name:    "gp-wl",
		Version: LehmanVersion,
		Summary: "Gaussian process on the Weisfeiler-Lehman subtree kernel of graphs",
		Source:  "Ru et al., Interpretable Neural Architecture Search via Bayesian Optimisation with Weisfeiler-Lehman Kernels, ICLR 2021 (NASBOWL); the kernel: Shervashidze et al., JMLR 12, 2011",
		Notes: []string{
			"graphs are the searched cells joined to one, dead operations removed",
			"a node's neighborhood is its predecessors and its successors, apart; the paper's code reads one direction",
			"where attributes of nodes or steps vary, they are part of a node's label, those with more than 16 values in eight bins of equal counts; at first a node also counts once for each attribute and each of its values up to its own, so that near values are alike; the paper's spaces have no attributes",
			"counts are centered over the training graphs and kernels divided by their mean diagonal; the paper divides them by the graphs' norms, by which the number of layers is lost (AutoFormer tiny, 50 labels: tau .65 against .22)",
			"rounds of relabeling, amplitude and noise by marginal likelihood; no search, of which the paper's process is a part",
			gp.OnlyFirstNote(),
		},
		Options: plugins.DescribeOptions(lehmanDefaults()),
	}, nil
}

// Fit implements [plugins.Predictor].
func (p *Lehman) Fit(ctx context.Context, t *plugins.Training) (plugins.Fitted, error) {
	fitted, err := p.fit(ctx, t)
	if err != nil {
		return plugins.Fitted{}, fmt.Errorf("fit gp-wl: %w", err)
	}
	return fitted, nil
}

func (p *Lehman) fit(ctx context.Context, t *plugins.Training) (plugins.Fitted, error) {
	o := lehmanDefaults()
	if err := plugins.SetOptions(&o, t.Options); err != nil {
		return plugins.Fitted{}, err
	}
	if o.Depth < 0 || o.Depth > maxDepth {
		return plugins.Fitted{}, fmt.Errorf("%w: depth=%d; it takes 0 to %d", plugins.ErrOption, o.Depth, maxDepth)
	}
	if err := feature.CheckLabels(t.Labels, t.Batch.Len()); err != nil {
		return plugins.Fitted{}, err
	}
	n := min(t.Batch.Len(), gp.MaxRows)
	networks := t.Batch.Networks[:n]
	vocabulary := t.Vocabulary
	labels := newNodeLabels(&vocabulary, networks)
	// counts[i][h] holds what round h adds to graph i.
	counts := make([][][]count, n)
	for i := range counts {
		if ctx.Err() != nil {
			return plugins.Fitted{}, ctx.Err()
		}
		counts[i] = labels.counts(&networks[i], o.Depth)
	}
	// One kernel for each number of rounds: the one before and the inner
	// products of the round's counts.
	sums := make([]float64, n*(n+1)/2)
	kernels := make([][]float64, o.Depth+1)
	centers := make([]centering, o.Depth+1)
	for h := range kernels {
		index := make(subtrees)
		row := make([]float64, n)
		for i := range counts {
			if ctx.Err() != nil {
				return plugins.Fitted{}, ctx.Err()
			}
			index.add(i, counts[i][h])
			clear(row)
			index.innerTo(row, counts[i][h])
			for j := range i + 1 {
				sums[i*(i+1)/2+j] += row[j]
			}
		}
		kernels[h], centers[h] = center(sums, n)
	}
	y := make([]float64, len(t.Labels))
	feature.LabelsTo(y, t.Labels, o.Label)
	rounds, weights, err := gp.FitKernels(ctx, kernels, y[:n])
	if err != nil {
		return plugins.Fitted{}, err
	}
	p.vocabulary, p.labels, p.rounds = vocabulary, labels, rounds
	p.weights, p.offset = centers[rounds].weights(weights)
	p.index = make(subtrees)
	for i := range counts {
		for h := range rounds + 1 {
			p.index.add(i, counts[i][h])
		}
	}
	return plugins.Fitted{Warnings: gp.OnlyFirst(len(t.Labels))}, nil
}

// Predict implements [plugins.Predictor]. Values are on the scale of the
// transformed labels.
func (p *Lehman) Predict(ctx context.Context, b *plugins.Batch) ([]float64, error) {
	if p.labels == nil {
		return nil, fmt.Errorf("predict with gp-wl: %w", plugins.ErrNotFitted)
	}
	values := make([]float64, b.Len())
	row := make([]float64, len(p.weights))
	for i := range values {
		if i%64 == 0 && ctx.Err() != nil {
			return nil, predictError("gp-wl", i, len(values)-i, ctx.Err())
		}
		clear(row)
		for _, round := range p.labels.counts(&b.Networks[i], p.rounds) {
			p.index.innerTo(row, round)
		}
		values[i] = p.offset + floats.Dot(p.weights, row)
	}
	return values, nil
}

// centering is what takes a kernel of n graphs to one of their features less
// the features' means, divided by its mean diagonal: k(x, y) becomes
// (k(x, y) - m(x) - m(y) + m) / scale, m(x) being the mean of k(x, .) over the
// graphs.
type centering struct {
	means       []float64 // m(x) of the graphs
	mean, scale float64
}

// center returns the centered kernel and what centered it.
func center(kernel []float64, n int) ([]float64, centering) {
	c := centering{means: make([]float64, n)}
	for i := range n {
		for j := range i + 1 {
			x := kernel[i*(i+1)/2+j] / float64(n)
			c.means[i] += x
			if i != j {
				c.means[j] += x
			}
		}
	}
	c.mean = floats.Sum(c.means) / float64(n)
	centered := make([]float64, len(kernel))
	for i := range n {
		for j := range i + 1 {
			centered[i*(i+1)/2+j] = kernel[i*(i+1)/2+j] - c.means[i] - c.means[j] + c.mean
		}
		c.scale += centered[i*(i+1)/2+i] / float64(n)
	}
	if !(c.scale > 1e-12*c.mean) {
		c.scale = 1 // all graphs look alike
	}
	floats.Scale(1/c.scale, centered)
	return centered, c
}

// weights returns the weights of kernel values, and an offset, that predict what
// the given ones do of centered values.
func (c *centering) weights(w []float64) ([]float64, float64) {
	mean := floats.Sum(w) / float64(len(w))
	plain, offset := make([]float64, len(w)), 0.0
	for i := range w {
		plain[i] = (w[i] - mean) / c.scale
		offset += w[i] * (c.mean - c.means[i]) / c.scale
	}
	return plain, offset
}

// count says how often a graph has a label.
type count struct {
	label uint64
	times float64
}

// subtrees lists for each label the graphs that have it, and how often. Labels
// of different rounds differ.
type subtrees map[uint64][]occurrence

type occurrence struct {
	graph int
	times float64
}

// add enters the labels of a graph.
func (s subtrees) add(graph int, counts []count) {
	for _, c := range counts {
		s[c.label] = append(s[c.label], occurrence{graph, c.times})
	}
}

// innerTo adds to dst, which has an element a graph, the inner products of the
// counts with those of the graphs that have been added.
func (s subtrees) innerTo(dst []float64, counts []count) {
	for _, c := range counts {
		for _, o := range s[c.label] {
			dst[o.graph] += c.times * o.times
		}
	}
}

// nodeLabels gives nodes their first labels: the operation, and the attributes
// of node and step where they vary over the networks seen.
type nodeLabels struct {
	v    *plugins.Vocabulary
	bins [][]float64 // by attribute, the bins' lower ends; nil where it does not vary
}

// Attributes with more than maxValues values are put into bins.
const (
	maxValues = 16
	manyBins  = 8
)

func newNodeLabels(v *plugins.Vocabulary, networks []plugins.Network) *nodeLabels {
	l := &nodeLabels{v: v, bins: make([][]float64, len(v.NodeAttrs)+len(v.CellAttrs)+1)}
	values := make([][]float64, len(l.bins))
	for i := range networks {
		for _, s := range feature.Joined(&networks[i]) {
			for _, node := range networks[i].Cells[s.Cell].Nodes {
				for k := range values {
					values[k] = append(values[k], attribute(&node, &s, k))
				}
			}
		}
	}
	for k, all := range values {
		slices.Sort(all)
		distinct := slices.Compact(slices.Clone(all))
		switch {
		case len(distinct) < 2:
		case len(distinct) <= maxValues:
			l.bins[k] = distinct
		default:
			for b := range manyBins {
				l.bins[k] = append(l.bins[k], all[b*len(all)/manyBins])
			}
			l.bins[k] = slices.Compact(l.bins[k])
		}
	}
	return l
}

// attribute returns number k of a node: its own attributes, then its step's,
// then the repeat.
func attribute(n *plugins.Node, s *plugins.Step, k int) float64 {
	switch {
	case k < len(n.Attrs):
		return n.Attrs[k]
	case k < len(n.Attrs)+len(s.Attrs):
		return s.Attrs[k-len(n.Attrs)]
	}
	return float64(s.Repeat)
}

// counts returns, for the first labels and each of the given rounds of
// relabeling, how often each label occurs in n, in the order of labels. The
// first are those of operations alone and, one by one, of attributes; rounds
// begin from all of a node's attributes together.
func (l *nodeLabels) counts(n *plugins.Network, rounds int) [][]count {
	g := feature.Join(l.v, n, true)
	labels := make([]uint64, len(g.Nodes))
	var initial []uint64
	for i := range g.Nodes {
		labels[i] = mix(first, uint64(g.Nodes[i].Op))
		initial = append(initial, labels[i])
		kind := l.v.Ops[g.Nodes[i].Op].Kind
		if kind == plugins.KindInput || kind == plugins.KindOutput {
			continue
		}
		for k, bins := range l.bins {
			if bins == nil {
				continue
			}
			bin, found := slices.BinarySearch(bins, attribute(&g.Nodes[i], &g.Steps[i], k))
			if !found {
				bin-- // below the first where there is none
			}
			labels[i] = mix(labels[i], uint64(bin+1))
			for at := range bin + 1 {
				initial = append(initial, mix(mix(mix(first, uint64(g.Nodes[i].Op)), uint64(k)), uint64(at)))
			}
		}
	}
	in, out := make([][]int, len(g.Nodes)), make([][]int, len(g.Nodes))
	for _, e := range g.Edges {
		in[e.To], out[e.From] = append(in[e.To], e.From), append(out[e.From], e.To)
	}
	all := [][]count{tally(initial)}
	next, near := make([]uint64, len(labels)), make([]uint64, 0, len(labels))
	for h := range rounds {
		for i := range labels {
			next[i] = mix(labels[i], uint64(h))
			for _, side := range [][]int{in[i], out[i]} {
				near = near[:0]
				for _, j := range side {
					near = append(near, labels[j])
				}
				slices.Sort(near)
				next[i] = mix(next[i], uint64(len(near)))
				for _, x := range near {
					next[i] = mix(next[i], x)
				}
			}
		}
		labels, next = next, labels
		all = append(all, tally(labels))
	}
	return all
}

// tally counts equal labels.
func tally(labels []uint64) []count {
	sorted := slices.Clone(labels)
	slices.Sort(sorted)
	var counts []count
	for _, x := range sorted {
		if k := len(counts) - 1; k >= 0 && counts[k].label == x {
			counts[k].times++
			continue
		}
		counts = append(counts, count{x, 1})
	}
	return counts
}

// A label is a hash of what it stands for: 64 bits, of which a million labels
// share one with a probability of 3 in 100 million. (The finalizer of
// SplitMix64, Steele et al., OOPSLA 2014.)
const first = 0x9e3779b97f4a7c15

func mix(h, x uint64) uint64 {
	h = (h ^ x) + first
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}
