// Package np is the neural predictor of Wen et al., "Neural Predictor for Neural
// Architecture Search" (ECCV 2020, arXiv 1912.00848): a graph convolutional
// network on the graph of a whole architecture, trained by regression on its
// labels. It is the network that later predictors measure themselves against.
//
// The paper fixes the form of the network (section 3.2): three bidirectional
// graph layers on the adjacency matrix with self loops, the mean over nodes, two
// fully connected layers. Widths and training settings are those of the open
// reproduction that the field's tables rest on
// (github.com/ultmaster/neuralpredictor.pytorch), which follows the paper's
// supplement; each default names its own source below.
package np

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/hypernas/hypernas/internal/nn/fuse"
	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/predictors/feature"
)

// Version rises whenever predictions with equal options change.
const Version = 1

// options are what a user may choose.
type options struct {
	Width   int     `option:"width" doc:"width of the graph layers"`
	Layers  int     `option:"layers" doc:"number of graph layers"`
	Hidden  int     `option:"hidden" doc:"width of the fully connected layer"`
	Dropout float64 `option:"dropout" doc:"probability of dropout after each graph layer and the fully connected one"`
	Epochs  int     `option:"epochs" doc:"passes over the training set"`
	Batch   int     `option:"batch" doc:"architectures in a training step; what is left over at the end of an epoch is dropped"`
	Rate    float64 `option:"rate" doc:"learning rate of Adam at the start; it falls to 0 along a cosine"`
	Decay   float64 `option:"decay" doc:"weight decay, as part of Adam's gradient"`
	Prune   bool    `option:"prune" doc:"remove dead operations first"`
}

// defaults returns the published recipe. Three layers: the paper; width 144,
// fully connected 128, dropout .1, 300 epochs, batch 10, learning rate 1e-4 and
// weight decay 1e-3: the reproduction's train.py and model.py. Neither prunes.
func defaults() options {
	return options{Width: 144, Layers: 3, Hidden: 128, Dropout: .1, Epochs: 300, Batch: 10, Rate: 1e-4, Decay: 1e-3}
}

// check returns an error wrapping plugins.ErrOption if a value makes no sense.
func (o *options) check() error {
	for _, n := range []struct {
		name     string
		value    int
		low, top int
	}{
		{"width", o.Width, 1, 4096},
		{"layers", o.Layers, 1, 64},
		{"hidden", o.Hidden, 1, 4096},
		{"epochs", o.Epochs, 1, 1e6},
		{"batch", o.Batch, 1, 4096},
	} {
		if n.value < n.low || n.value > n.top {
			return fmt.Errorf("%w: %s=%d; it takes %d to %d", plugins.ErrOption, n.name, n.value, n.low, n.top)
		}
	}
	switch {
	case o.Dropout < 0 || o.Dropout > .9:
		return fmt.Errorf("%w: dropout=%v; it takes 0 to 0.9", plugins.ErrOption, o.Dropout)
	case o.Rate <= 0:
		return fmt.Errorf("%w: rate=%v; it takes a number above 0", plugins.ErrOption, o.Rate)
	case o.Decay < 0:
		return fmt.Errorf("%w: decay=%v; it takes a number from 0", plugins.ErrOption, o.Decay)
	}
	return nil
}

// Predictor is the neural predictor.
type Predictor struct {
	options    options
	vocabulary plugins.Vocabulary
	nodes      *feature.Nodes
	model      *model // nil before Fit
	mean, sd   float64
}

var _ plugins.Predictor = (*Predictor)(nil)

// New returns the predictor.
func New() *Predictor { return &Predictor{} }

// Describe implements [plugins.Predictor].
func (*Predictor) Describe(context.Context) (plugins.Description, error) {
	return plugins.Description{
		Name:    "np",
		Version: Version,
		Summary: "graph convolutional network on one graph, trained by regression",
		Source:  "Wen et al., Neural Predictor for Neural Architecture Search, ECCV 2020, arXiv 1912.00848",
		Notes: []string{
			"settings of github.com/ultmaster/neuralpredictor.pytorch",
			"several searched cells are joined to one graph; attributes of nodes and cells that vary over the training set stand beside the one-hot operation",
			"dead operations are not removed, as published (prune=true removes them)",
		},
		Options:        plugins.DescribeOptions(defaults()),
		PredictsLabels: true,
	}, nil
}

// Fit implements [plugins.Predictor].
func (p *Predictor) Fit(ctx context.Context, t *plugins.Training) (plugins.Fitted, error) {
	if err := p.fit(ctx, t); err != nil {
		return plugins.Fitted{}, fmt.Errorf("fit np: %w", err)
	}
	return plugins.Fitted{}, nil
}

func (p *Predictor) fit(ctx context.Context, t *plugins.Training) error {
	o := defaults()
	if err := plugins.SetOptions(&o, t.Options); err != nil {
		return err
	}
	if err := o.check(); err != nil {
		return err
	}
	rows := t.Batch.Len()
	if rows == 0 || len(t.Labels) != rows {
		return fmt.Errorf("%w: %d labels for %d architectures", plugins.ErrInput, len(t.Labels), rows)
	}
	*p = Predictor{options: o, vocabulary: t.Vocabulary, nodes: feature.NewNodes(&t.Vocabulary, t.Batch.Networks, joined)}
	graphs := make([]graph, rows)
	widest := 0
	for i := range graphs {
		graphs[i] = p.read(&t.Batch.Networks[i])
		widest = max(widest, len(graphs[i].nodes))
	}
	labels := make([]float64, rows)
	p.mean, p.sd = feature.Moments(t.Labels)
	for i, y := range t.Labels {
		labels[i] = (y - p.mean) / p.sd
	}
	rng := rand.New(rand.NewPCG(t.Seed, stream))
	m := newModel(&o, p.nodes.Dim(), rng)
	batch := min(o.Batch, rows)
	perEpoch := rows / batch
	cosine := fuse.Cosine(o.Rate, o.Epochs)
	net, err := m.trainer(batch, padded(widest), fuse.NewAdam[float32](fuse.AdamOptions{
		Rate:    func(step int) float64 { return cosine(step / perEpoch) },
		Decay:   o.Decay,
		Coupled: true,
	}))
	if err != nil {
		return err
	}
	for range o.Epochs {
		order := rng.Perm(rows)
		for k := range perEpoch {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			for b, row := range order[k*batch : (k+1)*batch] {
				net.set(b, p.nodes, &graphs[row])
				net.labels[b] = float32(labels[row])
			}
			if err := net.step(rng, o.Dropout); err != nil {
				return err
			}
		}
	}
	p.model = m
	return nil
}

// stream keeps np's random numbers apart from those of other predictors with
// the same seed.
const stream = 0x6e70

// graph is an architecture as one graph.
type graph struct {
	nodes []plugins.Node
	steps []plugins.Step // of each node
	edges []plugins.Edge
}

// read joins the searched cells of a network to one graph.
func (p *Predictor) read(n *plugins.Network) graph {
	if p.options.Prune {
		pruned := plugins.Network{Cells: make([]plugins.Cell, len(n.Cells)), Sequence: n.Sequence}
		for i := range n.Cells {
			pruned.Cells[i] = feature.Prune(&p.vocabulary, &n.Cells[i])
		}
		n = &pruned
	}
	steps := joined(n)
	one := n.Join(&p.vocabulary, steps)
	g := graph{edges: one.Edges}
	for i, op := range one.Ops {
		g.nodes = append(g.nodes, plugins.Node{Op: op, Attrs: one.Attrs[i]})
		g.steps = append(g.steps, steps[one.Steps[i]])
	}
	return g
}

// joined returns the steps that make up a network's one graph: those that are
// searched, or all where nothing is.
func joined(n *plugins.Network) []plugins.Step {
	if steps := n.Searched(); len(steps) > 0 {
		return steps
	}
	return n.Sequence
}

// Predict implements [plugins.Predictor]. Values are on the labels' scale.
func (p *Predictor) Predict(ctx context.Context, b *plugins.Batch) ([]float64, error) {
	values, err := p.predict(ctx, b)
	if err != nil {
		return nil, fmt.Errorf("predict with np: %w", err)
	}
	return values, nil
}

func (p *Predictor) predict(ctx context.Context, b *plugins.Batch) ([]float64, error) {
	if p.model == nil {
		return nil, plugins.ErrNotFitted
	}
	// Graphs of one padded size are evaluated together.
	values := make([]float64, b.Len())
	waiting := make(map[int][]int)
	graphs := make([]graph, b.Len())
	var sizes []int
	for i := range graphs {
		graphs[i] = p.read(&b.Networks[i])
		n := padded(len(graphs[i].nodes))
		if waiting[n] == nil {
			sizes = append(sizes, n)
		}
		waiting[n] = append(waiting[n], i)
	}
	for _, n := range sizes {
		net, err := p.model.evaluator(n)
		if err != nil {
			return nil, err
		}
		rows := waiting[n]
		for len(rows) > 0 {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			block := rows[:min(len(rows), net.batch)]
			rows = rows[len(block):]
			for k, row := range block {
				net.set(k, p.nodes, &graphs[row])
			}
			z, err := net.evaluate()
			if err != nil {
				return nil, err
			}
			for k, row := range block {
				values[row] = p.mean + p.sd*float64(z[k])
			}
		}
	}
	return values, nil
}
