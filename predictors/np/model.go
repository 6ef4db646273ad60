package np

import (
	"fmt"
	"math/rand/v2"

	"gorgonia.org/gorgonia"

	"github.com/hypernas/hypernas/internal/nn/fuse"
	"github.com/hypernas/hypernas/internal/nn/kern"
	"github.com/hypernas/hypernas/predictors/feature"
)

// model is the network's weights: none of its layers has a bias (model.py).
type model struct {
	features  int
	layers    [][2]*fuse.Parameter[float32] // W+ and W- of each graph layer
	fc1, fc2  *fuse.Parameter[float32]
	dropout   bool
	machines  map[int]*network // by padded number of nodes
	evaluated []int            // keys of machines, oldest first
}

// newModel draws the weights: Xavier-uniform in the graph layers, PyTorch's
// default for a linear layer, uniform in 1/sqrt(inputs), in the others.
func newModel(o *options, features int, rng *rand.Rand) *model {
	m := &model{features: features, dropout: o.Dropout > 0, machines: make(map[int]*network)}
	in := features
	for l := range o.Layers {
		m.layers = append(m.layers, [2]*fuse.Parameter[float32]{
			fuse.NewParameter[float32](fmt.Sprintf("layer %d forward", l), in, o.Width).Xavier(rng),
			fuse.NewParameter[float32](fmt.Sprintf("layer %d backward", l), in, o.Width).Xavier(rng),
		})
		in = o.Width
	}
	m.fc1 = fuse.NewParameter[float32]("fc1", o.Width, o.Hidden).Kaiming(rng, o.Width)
	m.fc2 = fuse.NewParameter[float32]("fc2", o.Hidden, 1).Kaiming(rng, o.Hidden)
	return m
}

// network is the model for batches of one shape, and the memory of its inputs.
type network struct {
	batch, nodes, features                int
	rows, forward, backward, mask, labels []float32
	dropout                               [][]float32
	trainer                               *fuse.Trainer[float32]
	machine                               *fuse.Machine[float32]
}

// build adds the network to g and returns its prediction [batch, 1].
func (m *model) build(g *fuse.Graph[float32], n *network, training bool) *gorgonia.Node {
	drop := func(x *gorgonia.Node, shape ...int) *gorgonia.Node {
		if !training || !m.dropout {
			return x
		}
		mask, data := g.Input("dropout", shape...)
		n.dropout = append(n.dropout, data)
		return g.Apply(&kern.Mul[float32]{}, x, mask)
	}
	var x, e, r, mask *gorgonia.Node
	x, n.rows = g.Input("nodes", n.batch, n.nodes, m.features)
	e, n.forward = g.Input("forward", n.batch, n.nodes, n.nodes)
	r, n.backward = g.Input("backward", n.batch, n.nodes, n.nodes)
	mask, n.mask = g.Input("mask", n.batch, n.nodes)
	for _, w := range m.layers {
		x = g.Apply(&kern.Graph[float32]{}, x, e, r, g.Param(w[0]), g.Param(w[1]))
		x = drop(x, n.batch, n.nodes, w[0].Shape[1])
	}
	z := g.Apply(&kern.Pool[float32]{}, x, mask)
	z = drop(g.Apply(&kern.Linear[float32]{}, z, g.Param(m.fc1)), n.batch, m.fc1.Shape[1])
	return g.Apply(&kern.Linear[float32]{}, z, g.Param(m.fc2))
}

// trainer returns the network for training on full batches.
func (m *model) trainer(batch, nodes int, solver gorgonia.Solver) (*network, error) {
	g := fuse.NewGraph[float32]()
	n := &network{batch: batch, nodes: nodes, features: m.features}
	prediction := m.build(g, n, true)
	labels, data := g.Input("labels", batch)
	weights, ones := g.Input("weights", batch)
	n.labels = data
	for i := range ones {
		ones[i] = 1
	}
	var err error
	n.trainer, err = fuse.NewTrainer(g, solver, g.Apply(&kern.MSE[float32]{}, prediction, labels, weights))
	return n, err
}

const (
	// evaluationBatch is the number of graphs that are evaluated at once; fewer
	// where their adjacency matrices would hold more than evaluationCells.
	evaluationBatch = 64
	evaluationCells = 1 << 20
	// machines is how many padded sizes keep a network for evaluation; with
	// more sizes than that, the oldest one is built again.
	machines = 8
)

// evaluator returns the network for evaluating graphs of a padded size.
func (m *model) evaluator(nodes int) (*network, error) {
	if n := m.machines[nodes]; n != nil {
		return n, nil
	}
	g := fuse.NewGraph[float32]()
	n := &network{batch: min(max(evaluationCells/(nodes*nodes), 1), evaluationBatch), nodes: nodes, features: m.features}
	var err error
	if n.machine, err = fuse.NewMachine(g, m.build(g, n, false)); err != nil {
		return nil, err
	}
	if len(m.evaluated) == machines {
		delete(m.machines, m.evaluated[0])
		m.evaluated = m.evaluated[1:]
	}
	m.machines[nodes] = n
	m.evaluated = append(m.evaluated, nodes)
	return n, nil
}

// padded rounds a number of nodes up, so that few sizes of network are needed.
func padded(nodes int) int {
	const step = 8
	return (nodes + step - 1) / step * step
}

// set writes a graph as element b of the batch.
func (n *network) set(b int, encoding *feature.Nodes, g *graph) {
	width := n.features
	rows := n.rows[b*n.nodes*width : (b+1)*n.nodes*width]
	mask := n.mask[b*n.nodes : (b+1)*n.nodes]
	clear(rows)
	clear(mask)
	for i := range g.nodes {
		encoding.EncodeTo(rows[i*width:(i+1)*width], &g.nodes[i], &g.steps[i])
		mask[i] = 1
	}
	square := n.nodes * n.nodes
	feature.AdjacencyTo(n.forward[b*square:(b+1)*square], n.backward[b*square:(b+1)*square], n.nodes, len(g.nodes), g.edges, true)
}

// step trains on the batch that was set.
func (n *network) step(rng *rand.Rand, dropout float64) error {
	for _, mask := range n.dropout {
		fuse.DropoutTo(mask, rng, dropout)
	}
	_, err := n.trainer.Step()
	return err
}

// evaluate returns the predictions for the batch that was set.
func (n *network) evaluate() ([]float32, error) {
	if err := n.machine.Run(); err != nil {
		return nil, err
	}
	return n.machine.Output(0), nil
}
