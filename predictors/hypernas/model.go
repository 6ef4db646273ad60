package hypernas

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"gorgonia.org/gorgonia"

	"github.com/hypernas/hypernas/internal/nn/fuse"
	"github.com/hypernas/hypernas/internal/nn/kern"
	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/predictors/feature"
)

// model is the weights of all parts.
type model[T kern.Float] struct {
	options  *options
	features int
	proxy    *proxy // what target networks are made of
	// auxiliary is D_aux, nil where there is no hypernetwork.
	auxiliary *auxiliary

	encoder   *encoder[T]
	regressor []*fuse.Parameter[T]

	heads      [][]*fuse.Parameter[T] // of each of the proxy's
	stem       *fuse.Parameter[T]
	position   *fuse.Parameter[T] // of the pixels, nil without attention
	classifier []*fuse.Parameter[T]
	u          *fuse.Parameter[T] // nil where the loss is a sum
}

// newModel draws the weights. u starts at 1. There is a hypernetwork, which
// generates the weights that p has, if there are auxiliary images.
func newModel[T kern.Float](o *options, features int, p *proxy, set *auxiliary, rng *rand.Rand) *model[T] {
	m := &model[T]{options: o, features: features, proxy: p, auxiliary: set}
	m.encoder = newEncoder[T](features, o.Width, o.Layers, o.Norm, rng)
	m.regressor = append(linear[T](rng, "regressor", o.Width, o.Hidden), linear[T](rng, "regressor output", o.Hidden, 1)...)
	if !m.hypernetwork() {
		return m
	}
	heads, wide := p.kernels(o.TargetWidth)
	for i, h := range heads {
		name := fmt.Sprintf("head %d", i)
		m.heads = append(m.heads, append(linear[T](rng, name, o.Width, o.Hidden), linear[T](rng, name+" output", o.Hidden, h.Weights(o.TargetWidth, wide))...))
	}
	m.stem = fuse.NewParameter[T]("stem", 1, o.TargetWidth, set.channels, 3, 3).Kaiming(rng, set.channels*9)
	m.classifier = linear[T](rng, "classifier", o.TargetWidth, set.classes)
	if p.attends() {
		m.position = fuse.NewParameter[T]("position", o.TargetWidth, auxiliarySide/2, auxiliarySide/2)
	}
	if o.Loss == "adaptive" {
		m.u = fuse.NewParameter[T]("u", 2).Fill(1)
	}
	return m
}

// parameterCount is how many numbers newModel draws, at most.
func parameterCount(o *options, features int, p *proxy, set *auxiliary) int {
	n := encoderCount(features, o.Width, o.Layers) + (o.Width+1)*o.Hidden + o.Hidden + 1
	if set == nil {
		return n
	}
	heads, wide := p.kernels(o.TargetWidth)
	for _, h := range heads {
		n += (o.Width+1)*o.Hidden + (o.Hidden+1)*h.Weights(o.TargetWidth, wide)
	}
	if p.attends() {
		n += o.TargetWidth * auxiliarySide / 2 * auxiliarySide / 2
	}
	return n + o.TargetWidth*set.channels*9 + (o.TargetWidth+1)*set.classes + 2
}

// checkSize returns an error wrapping [plugins.ErrOption] if so many parameters
// are too many to be drawn.
func checkSize(parameters int) error {
	if err := fuse.CheckSize(parameters); err != nil {
		return fmt.Errorf("%w: the parameters of all encoders: %w", plugins.ErrOption, err)
	}
	return nil
}

// hypernetworkParameters returns the weights of the hypernetwork, and what all
// target networks share; none without a hypernetwork.
func (m *model[T]) hypernetworkParameters() []*fuse.Parameter[T] {
	if !m.hypernetwork() {
		return nil
	}
	params := append(slices.Concat(m.heads...), m.stem)
	if m.position != nil {
		params = append(params, m.position)
	}
	return append(params, m.classifier...)
}

// hypernetwork reports whether there is an auxiliary task.
func (m *model[T]) hypernetwork() bool { return m.auxiliary != nil }

// shape is the size of a batch: networks, cells of each, nodes of each cell.
type shape struct{ networks, cells, nodes int }

// inputs is the memory of a batch's inputs. Slices of slices are by position in
// the sequence of cells.
type inputs[T kern.Float] struct {
	shape
	features                      int
	rows, forward, backward, mask [][]T
	share                         []T // [networks, cells], the mean's weights
	dropout                       []T
	targets                       int  // networks whose target network is evaluated
	forget                        bool // without training
	// visit, unless nil, is told the weights of each operation of a target
	// network, by the cell's position in the sequence and the node in it.
	visit           func(position, node int, head kern.Head, weights []kern.Array[T])
	proxy           *proxy
	channels        int // of the target networks' images
	targetCells     []targetCell[T]
	images, classes []T
	targetWeights   []T // [targets]
	scratchFeatures []float32
}

// encode adds the encoder to g. It returns the encoded nodes of each cell,
// [networks, nodes, width], and the networks' embedding [networks, width].
func (m *model[T]) encode(g *fuse.Graph[T], in *inputs[T]) (cells []*gorgonia.Node, h *gorgonia.Node) {
	in.features = m.features
	b, s, n := in.networks, in.cells, in.nodes
	in.scratchFeatures = make([]float32, m.features)
	var pooled []*gorgonia.Node
	for i := range s {
		x, rows := g.Input("features", b, n, m.features)
		e, forward := g.Input("forward", b, n, n)
		r, backward := g.Input("backward", b, n, n)
		mask, live := g.Input("mask", b, n)
		in.rows, in.mask = append(in.rows, rows), append(in.mask, live)
		in.forward, in.backward = append(in.forward, forward), append(in.backward, backward)

		x = m.encoder.input(g, x)
		switch {
		case m.options.Global == "on" && i > 0:
			x = g.Apply(&kern.AddToNodes[T]{}, x, pooled[i-1])
		case m.options.Global == "positional":
			p, code := g.Input("position", b, m.options.Width)
			for k := range b {
				positionTo(code[k*m.options.Width:(k+1)*m.options.Width], i)
			}
			x = g.Apply(&kern.AddToNodes[T]{}, x, p)
		}
		x = m.encoder.layersOf(g, x, e, r)
		cells = append(cells, x)
		pooled = append(pooled, pool(g, x, mask, m.options.Pool == "sum"))
	}
	var share *gorgonia.Node
	share, in.share = g.Input("share", b, s)
	return cells, g.Apply(&kern.Combine[T]{}, append(pooled, share)...)
}

// positionTo writes the sinusoidal code of a position (Vaswani et al. 2017,
// section 3.5).
func positionTo[T kern.Float](dst []T, position int) {
	for i := range dst {
		angle := float64(position) / math.Pow(10000, float64(i&^1)/float64(len(dst)))
		if i%2 == 0 {
			dst[i] = T(math.Sin(angle))
		} else {
			dst[i] = T(math.Cos(angle))
		}
	}
}

// regress adds the regressor on h and returns the predictions [networks, 1].
func (m *model[T]) regress(g *fuse.Graph[T], in *inputs[T], h *gorgonia.Node, training bool) *gorgonia.Node {
	x := g.Apply(&kern.Linear[T]{ReLU: true}, h, g.Param(m.regressor[0]), g.Param(m.regressor[1]))
	if training && m.options.Dropout > 0 {
		var mask *gorgonia.Node
		mask, in.dropout = g.Input("dropout", in.networks, m.options.Hidden)
		x = g.Apply(&kern.Mul[T]{}, x, mask)
	}
	return g.Apply(&kern.Linear[T]{}, x, g.Param(m.regressor[2]), g.Param(m.regressor[3]))
}

// regressionLoss returns the regressor's loss, a scalar, for predictions
// [networks, 1], labels and weights [networks].
func (m *model[T]) regressionLoss(g *fuse.Graph[T], prediction, labels, weights *gorgonia.Node) *gorgonia.Node {
	loss := g.Apply(&kern.MSE[T]{}, prediction, labels, weights)
	if m.options.Rank == 0 {
		return loss
	}
	factor, data := g.Input("rank weight", 1)
	data[0] = T(m.options.Rank)
	rank := g.Apply(&kern.PairwiseSoftplus[T]{Slope: 2}, prediction, labels, weights)
	return g.Apply(&kern.Add[T]{}, loss, g.Apply(&kern.Scale[T]{}, rank, factor))
}

// join returns the loss of both tasks; regression's alone where there is no
// hypernetwork.
func (m *model[T]) join(g *fuse.Graph[T], regression, auxiliary *gorgonia.Node) *gorgonia.Node {
	switch {
	case !m.hypernetwork():
		return regression
	case m.u == nil:
		return g.Apply(&kern.Add[T]{}, regression, auxiliary)
	}
	return g.Apply(&kern.AdaptiveLoss[T]{Q: m.options.Q, Attached: m.options.Attached}, regression, auxiliary, g.Param(m.u))
}

// set writes a network as number b of the batch; nil empties its place.
func (in *inputs[T]) set(b int, encoding *feature.Nodes, loops bool, net *network) {
	n, f := in.nodes, in.features
	for i := range in.cells {
		rows, mask := in.rows[i][b*n*f:(b+1)*n*f], in.mask[i][b*n:(b+1)*n]
		forward, backward := in.forward[i][b*n*n:(b+1)*n*n], in.backward[i][b*n*n:(b+1)*n*n]
		clear(rows)
		clear(mask)
		in.share[b*in.cells+i] = 0
		if net == nil || i >= len(net.cells) {
			clear(forward)
			clear(backward)
			continue
		}
		c := net.cells[i]
		in.share[b*in.cells+i] = 1 / T(len(net.cells))
		for k := range c.nodes {
			encoding.EncodeTo(in.scratchFeatures, &c.nodes[k], &net.steps[i])
			for j, v := range in.scratchFeatures {
				rows[k*f+j] = T(v)
			}
			mask[k] = 1
		}
		feature.AdjacencyTo(forward, backward, n, len(c.nodes), c.edges, loops)
	}
	if b < in.targets {
		in.setTarget(b, net)
	}
}
