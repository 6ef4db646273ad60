package hypernas

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"

	"gorgonia.org/gorgonia"

	"github.com/hypernas/hypernas/internal/nn/fit"
	"github.com/hypernas/hypernas/internal/nn/fuse"
	"github.com/hypernas/hypernas/internal/nn/kern"
	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/predictors/feature"
)

// example is an architecture that an encoder reads: a graph and, in
// pretraining, what follows from it.
type example struct {
	graph graph
	// network and fingerprint are what a judge reads of it, and is known by.
	network     network
	fingerprint fingerprint
	targets     []float32 // of variance 1 each, costs first
}

// structuralRows is how many architectures of a pool, the first (it comes in
// random order), encoders are pretrained on and columns are scaled over: as many
// as 300 steps of 64 see once.
const structuralRows = 20000

// sample is a part of a pool, ready for pretraining.
type sample struct {
	examples []example
	costs    int // how many of the targets are costs; they come first
}

// newSample reads a pool, which must follow v. The targets are costs (the
// logarithms of the numbers that are known without training and the group of
// features of that name) and totals, or the statistics of paths where there are
// none; see [feature.Groups].
func newSample(ctx context.Context, v *plugins.Vocabulary, j *joiner, pool *plugins.Batch) (*sample, error) {
	some := pool.Slice(0, min(pool.Len(), structuralRows))
	groups, err := feature.NewGroups(ctx, v, &some)
	if err != nil {
		return nil, err
	}
	features := make([]float64, groups.Dim())
	var rows []float64
	s := &sample{examples: make([]example, some.Len())}
	costs := 0
	for i := range some.Len() {
		if i%256 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		s.examples[i].graph = j.read(&some.Networks[i])
		groups.EncodeTo(features, &some.Networks[i], some.Row(i))
		from := len(rows)
		for _, x := range some.Row(i) {
			if x > 0 && !math.IsInf(x, 1) {
				rows = append(rows, math.Log(x))
			} else {
				rows = append(rows, 0) // nothing, or not known
			}
		}
		add := func(names ...string) {
			for _, g := range groups.List() {
				if slices.Contains(names, g.Name) {
					rows = append(rows, features[g.From:g.To]...)
				}
			}
		}
		add("cost")
		costs = len(rows) - from
		add("totals", "ps")
	}
	width := len(rows) / some.Len()
	scaling := feature.NewScaling(rows, width, false)
	scaled := make([]float64, scaling.Dim())
	for i := range s.examples {
		scaling.To(scaled, rows[i*width:(i+1)*width])
		s.examples[i].targets = unit(scaled)
	}
	for _, column := range scaling.Columns {
		if column < costs {
			s.costs++
		}
	}
	return s, nil
}

// unit returns a row that [feature.Scaling] has made with columns of variance 1.
func unit(scaled []float64) []float32 {
	factor := math.Sqrt(2 * float64(len(scaled)))
	row := make([]float32, len(scaled))
	for k, x := range scaled {
		row[k] = float32(x * factor)
	}
	return row
}

// targets returns how many targets there are.
func (s *sample) targets() int { return len(s.examples[0].targets) }

// draw returns so many examples, each once before any comes again.
func (s *sample) draw(count int, rng *rand.Rand) []example {
	drawn := make([]example, 0, count)
	for len(drawn) < count {
		for _, i := range rng.Perm(len(s.examples)) {
			if len(drawn) < count {
				drawn = append(drawn, s.examples[i])
			}
		}
	}
	return drawn
}

// structural is an encoder of whole architectures as one graph, trained without
// labels to predict what follows from the graph.
type structural struct {
	*encoder[float32]
	features int
	task     structuralTask
}

// structuralTask predicts targets of an example, the first so many, from an embedding.
type structuralTask struct {
	head    [2]fit.Linear
	targets int
}

func newTask(rng *rand.Rand, width, targets int) structuralTask {
	return structuralTask{[2]fit.Linear{fit.NewLinear(rng, "head", width, width), fit.NewLinear(rng, "head output", width, max(targets, 1))}, targets}
}

// addLoss adds the squared error of what is predicted from embeddings h
// [rows, width], and returns a function that writes an example's targets, of a
// nil example none, as a row.
func (t *structuralTask) addLoss(b *fit.Builder, h *gorgonia.Node, rows int) (set func(row int, e *example)) {
	want, targets := b.Input("targets", rows, t.targets)
	weight, weights := b.Input("target weights", rows, t.targets)
	b.AddLoss(b.Apply(&kern.MSE[float32]{}, b.Linear(b.Linear(h, t.head[0], true), t.head[1], false), want, weight))
	return func(row int, e *example) {
		from, to := row*t.targets, (row+1)*t.targets
		counts := float32(0)
		if e != nil {
			copy(targets[from:to], e.targets)
			counts = 1
		}
		for i := from; i < to; i++ {
			weights[i] = counts
		}
	}
}

// pretrainOn trains an encoder on so many batches of a sample.
func pretrainOn(ctx context.Context, m fit.Model[example], o *plusOptions, steps int, from *sample, rng *rand.Rand) error {
	return fit.Train(ctx, m, from.draw(steps*o.Batch, rng), nil, fit.Options{
		Epochs: 1, Batch: o.Batch, Rate: fit.OneCycle(o.Rate, warmup), Adam: fuse.AdamOptions{Decay: o.Decay, Clip: clip},
	}, rng)
}

// newStructural draws an encoder of nodes with the given number of features.
func newStructural(o *plusOptions, features, targets int, rng *rand.Rand) *structural {
	return &structural{
		encoder: newEncoder[float32](features, o.Width, o.Layers, true, rng), features: features, task: newTask(rng, o.Width, targets),
	}
}

var _ fit.Model[example] = (*structural)(nil)

// Size implements [fit.Model].
func (s *structural) Size(e *example) int { return fit.Pad(e.graph.count, 4) }

// Build implements [fit.Model]. In training the prediction is the targets', else
// it is the embedding, [rows, width].
func (s *structural) Build(b *fit.Builder, rows, nodes int) (prediction *gorgonia.Node, set func(int, *example)) {
	square := nodes * nodes
	x, features := b.Input("features", rows, nodes, s.features)
	e, forward := b.Input("forward", rows, nodes, nodes)
	r, backward := b.Input("backward", rows, nodes, nodes)
	mask, live := b.Input("mask", rows, nodes)
	h := pool(b.Graph, s.layersOf(b.Graph, s.input(b.Graph, x), e, r), mask, true)
	setTargets := func(int, *example) {}
	if b.Training {
		setTargets = s.task.addLoss(b, h, rows)
	}
	return h, func(k int, of *example) {
		setTargets(k, of)
		if of == nil {
			of = &example{} // of no nodes: all zeros
		}
		g := &of.graph
		row := features[k*nodes*s.features : (k+1)*nodes*s.features]
		clear(row[copy(row, g.nodes):])
		own := live[k*nodes : (k+1)*nodes]
		clear(own)
		for i := range g.count {
			own[i] = 1
		}
		feature.AdjacencyTo(forward[k*square:(k+1)*square], backward[k*square:(k+1)*square], nodes, g.count, g.edges, true)
	}
}

// pretrain trains the encoder on batches of a sample.
func (s *structural) pretrain(ctx context.Context, o *plusOptions, from *sample, rng *rand.Rand) error {
	if s.task.targets == 0 {
		return nil // nothing varies
	}
	return pretrainOn(ctx, s, o, o.Steps, from, rng)
}
