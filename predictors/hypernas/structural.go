package hypernas

import (
	"context"
	"log/slog"
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
	graphs []graph // one for each joiner
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

// newSample returns the first rows of a pool, which must follow v, as examples with
// targets; [embedder.read] sets what encoders read of them. The targets are costs
// (the logarithms of the numbers that are known without training and the group of
// features of that name) and totals, or the statistics of paths where there are
// none; see [feature.Groups].
func newSample(ctx context.Context, v *plugins.Vocabulary, pool *plugins.Batch) (*sample, error) {
	some := seen(pool)
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

// readBy sets the graphs of n.
func (e *example) readBy(joiners []*joiner, n *plugins.Network) {
	e.graphs = make([]graph, len(joiners))
	for k, j := range joiners {
		e.graphs[k] = j.read(n)
	}
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

// structural is an encoder of whole architectures, trained without labels to
// predict what follows from them.
type structural struct {
	*encoder[float32]
	features int
	joiner   int // that reads for it
	distinct int // parts of the pool
	longest  int // parts of an architecture, at most
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

// pretrainOn trains an encoder on so many batches of a sample. Batches are smaller
// than o.Batch where adjacency matrices of an example's so many graphs would hold
// more than sixteen million numbers. It logs ten times.
func pretrainOn(ctx context.Context, m fit.Model[example], o *plusOptions, steps, graphs int, from *sample, rng *rand.Rand, log *slog.Logger) error {
	nodes := 1
	for i := range from.examples {
		nodes = max(nodes, m.Size(&from.examples[i]))
	}
	batch := min(o.Batch, max((1<<24)/(graphs*nodes*nodes), 2))
	return fit.Train(ctx, m, from.draw(steps*batch, rng), nil, fit.Options{
		Epochs: 1, Batch: batch, Rate: fit.OneCycle(o.Rate, warmup), Adam: fuse.AdamOptions{Decay: o.Decay, Clip: clip},
		LogStep: func(step, steps int, loss float64) {
			if step%max(steps/10, 1) == 0 {
				log.Info("hypernas-plus: pretraining", "step", step, "steps", steps, "loss", float32(loss))
			}
		},
	}, rng)
}

// newStructural draws member k, an encoder of what one of the joiners reads: the
// first half of the members share the first.
func newStructural(o *plusOptions, k int, joiners []*joiner, targets int, rng *rand.Rand) *structural {
	at := k * len(joiners) / o.Members
	j := joiners[at]
	return &structural{
		encoder: newEncoder[float32](j.dim(), o.Width, o.Layers, true, rng), features: j.dim(), joiner: at,
		distinct: len(j.parts), longest: j.longest, task: newTask(rng, o.Width, targets),
	}
}

var _ fit.Model[example] = (*structural)(nil)

// Size implements [fit.Model].
func (s *structural) Size(e *example) int {
	nodes := 0
	for _, p := range e.graphs[s.joiner] {
		nodes = max(nodes, p.size())
	}
	return nodes
}

// size returns the number of nodes, rounded up.
func (p *part) size() int { return fit.Pad(p.count, 4) }

// Build implements [fit.Model], for training. Parts that architectures of a step
// have in common are computed once.
func (s *structural) Build(b *fit.Builder, rows, nodes int) (prediction *gorgonia.Node, set func(int, *example)) {
	slots := min(s.distinct, rows*s.longest)
	z, setPart := s.parts(b, slots, nodes)
	counts, count := b.Input("counts", rows, slots)
	h := b.Apply(&kern.Share[float32]{}, z, counts)
	setTargets := s.task.addLoss(b, h, rows)
	slotOf := make(map[*part]int)
	return h, func(k int, e *example) {
		if k == 0 {
			clear(slotOf)
			clear(count)
		}
		setTargets(k, e)
		if e == nil {
			return
		}
		for _, p := range e.graphs[s.joiner] {
			slot, there := slotOf[p]
			if !there {
				slot = len(slotOf)
				slotOf[p] = slot
				setPart(slot, p)
			}
			count[k*slots+slot]++
		}
	}
}

// parts adds the encoder of so many parts with at most so many nodes each, and
// returns what they are pooled to, [count, width], and a function that writes a
// part's graph.
func (s *structural) parts(b *fit.Builder, count, nodes int) (z *gorgonia.Node, set func(int, *part)) {
	square := nodes * nodes
	x, features := b.Input("features", count, nodes, s.features)
	e, forward := b.Input("forward", count, nodes, nodes)
	r, backward := b.Input("backward", count, nodes, nodes)
	mask, live := b.Input("mask", count, nodes)
	z = pool(b.Graph, s.layersOf(b.Graph, s.input(b.Graph, x), e, r), mask, true)
	return z, func(k int, p *part) {
		row := features[k*nodes*s.features : (k+1)*nodes*s.features]
		clear(row[copy(row, p.nodes):])
		own := live[k*nodes : (k+1)*nodes]
		clear(own)
		for i := range p.count {
			own[i] = 1
		}
		feature.AdjacencyTo(forward[k*square:(k+1)*square], backward[k*square:(k+1)*square], nodes, p.count, p.edges, true)
	}
}

// reading is a trained structural encoder, for parts alone.
type reading struct{ *structural }

var _ fit.Model[*part] = reading{}

// Size implements [fit.Model].
func (r reading) Size(p **part) int { return (*p).size() }

// Build implements [fit.Model]. The prediction is [rows, width].
func (r reading) Build(b *fit.Builder, rows, nodes int) (prediction *gorgonia.Node, set func(int, **part)) {
	z, setPart := r.parts(b, rows, nodes)
	return z, func(k int, p **part) {
		if p == nil {
			setPart(k, &part{}) // of no nodes: all zeros
			return
		}
		setPart(k, *p)
	}
}

// pretrain trains the encoder on batches of a sample.
func (s *structural) pretrain(ctx context.Context, o *plusOptions, from *sample, rng *rand.Rand, log *slog.Logger) error {
	if s.task.targets == 0 {
		return nil // nothing varies
	}
	return pretrainOn(ctx, s, o, o.Steps, s.longest, from, rng, log)
}
