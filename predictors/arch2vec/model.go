package arch2vec

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"gorgonia.org/gorgonia"

	"github.com/hypernas/hypernas/internal/nn/fit"
	"github.com/hypernas/hypernas/internal/nn/fuse"
	"github.com/hypernas/hypernas/internal/nn/kern"
	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/predictors/feature"
)

// autoencoder is a variational graph isomorphism autoencoder: it encodes each
// node of a graph as a normal distribution and decodes edges from the inner
// products of nodes, operations and numbers from each node.
type autoencoder struct {
	options     *options
	nodes       *feature.Nodes
	ops         int // operations; what an encoded node has beyond them are numbers
	layers      []layer
	mean, logSD fit.Linear
	op, number  fit.Linear
}

// layer is a graph isomorphism layer: ReLU(norm(W2 ReLU(norm(W1 s)))) of
// s = (1 + e) x + the sum over neighbors (gin/models/mlp.py, models/model.py).
type layer struct {
	self         *fuse.Parameter[float32] // e
	in, out      fit.Linear
	inner, outer norm
}

// norm is the parameters of a batch normalization and what it keeps for
// evaluation.
type norm struct {
	fit.Norm
	mean, variance *fuse.Parameter[float32]
}

func newNorm(name string, width int) norm {
	return norm{
		fit.NewNorm(name, width),
		fuse.NewParameter[float32](name+" mean", width),
		fuse.NewParameter[float32](name+" variance", width).Fill(1),
	}
}

var _ fit.Model[feature.Graph] = (*autoencoder)(nil)

// newAutoencoder draws the weights as PyTorch's nn.Linear does.
func newAutoencoder(o *options, v *plugins.Vocabulary, nodes *feature.Nodes, rng *rand.Rand) *autoencoder {
	m := &autoencoder{options: o, nodes: nodes, ops: len(v.Ops)}
	in := nodes.Dim()
	for l := range o.Layers - 1 {
		name := fmt.Sprintf("layer %d", l)
		m.layers = append(m.layers, layer{
			fuse.NewParameter[float32](name+" self", 1),
			fit.NewLinear(rng, name+" in", in, o.Width), fit.NewLinear(rng, name+" out", o.Width, o.Width),
			newNorm(name+" inner norm", o.Width), newNorm(name+" outer norm", o.Width),
		})
		in = o.Width
	}
	m.mean, m.logSD = fit.NewLinear(rng, "mean", in, o.Latent), fit.NewLinear(rng, "log deviation", in, o.Latent)
	m.op = fit.NewLinear(rng, "operations", o.Latent, m.ops)
	if numbers := nodes.Dim() - m.ops; numbers > 0 {
		m.number = fit.NewLinear(rng, "numbers", o.Latent, numbers)
	}
	return m
}

// state returns all that evaluation needs, in a fixed order.
func (m *autoencoder) state() []*fuse.Parameter[float32] {
	var all []*fuse.Parameter[float32]
	for _, l := range m.layers {
		all = append(all, l.self, l.in.Weights, l.in.Bias, l.out.Weights, l.out.Bias)
		for _, n := range []norm{l.inner, l.outer} {
			all = append(all, n.Gain, n.Bias, n.mean, n.variance)
		}
	}
	return append(all, m.mean.Weights, m.mean.Bias)
}

// Size implements [fit.Model].
func (m *autoencoder) Size(g *feature.Graph) int { return size(g) }

func size(g *feature.Graph) int {
	if n := len(g.Nodes); n > 12 {
		return fit.Pad(n, 8)
	}
	return fit.Pad(len(g.Nodes), 4)
}

// Build implements [fit.Model]. In training there is no prediction but the
// loss; in evaluation it is the mean over nodes of their distributions' means,
// [graphs, latent].
func (m *autoencoder) Build(b *fit.Builder, graphs, nodes int) (prediction *gorgonia.Node, set func(int, *feature.Graph)) {
	width, square := m.nodes.Dim(), nodes*nodes
	input, rows := b.Input("nodes", graphs, nodes, width)
	a, adjacency := b.Input("both ways", graphs, nodes, nodes)
	live, mask := b.Input("mask", graphs, nodes)
	x := input
	normed := func(x *gorgonia.Node, n norm) *gorgonia.Node {
		k := &kern.NodeNorm[float32]{Training: b.Training, Moments: &kern.Moments[float32]{Mean: n.mean.Data, Variance: n.variance.Data}}
		return b.Apply(&kern.Activation[float32]{Function: kern.ReLU}, b.Apply(k, x, b.Param(n.Gain), b.Param(n.Bias), live))
	}
	for _, l := range m.layers {
		x = b.Apply(&kern.Neighbors[float32]{}, x, a, b.Param(l.self))
		x = normed(b.Linear(x, l.in, false), l.inner)
		x = normed(b.Linear(x, l.out, false), l.outer)
	}
	mean := b.Linear(x, m.mean, false)
	var edges, ops, numbers, counts []float32
	if b.Training {
		edges, ops, numbers, counts = m.decode(b, mean, b.Linear(x, m.logSD, false), live, graphs, nodes)
	} else {
		prediction = b.Apply(&kern.Pool[float32]{}, mean, live)
	}
	return prediction, func(k int, g *feature.Graph) {
		if g == nil {
			g = &feature.Graph{}
		}
		own := rows[k*nodes*width : (k+1)*nodes*width]
		m.nodes.GraphTo(own, mask[k*nodes:(k+1)*nodes], g)
		both := adjacency[k*square : (k+1)*square]
		clear(both)
		for _, e := range g.Edges {
			both[e.From*nodes+e.To], both[e.To*nodes+e.From] = 1, 1
		}
		if !b.Training {
			return
		}
		copy(edges[k*square:(k+1)*square], both)
		for i := range nodes {
			ops[k*nodes+i] = 0
			if i < len(g.Nodes) {
				ops[k*nodes+i] = float32(g.Nodes[i].Op)
			}
			if beyond := width - m.ops; beyond > 0 {
				at := (k*nodes + i) * beyond
				copy(numbers[at:at+beyond], own[i*width+m.ops:(i+1)*width])
				for j := range beyond {
					counts[at+j] = mask[k*nodes+i]
				}
			}
		}
	}
}

// decode adds the losses of a sample of the encoded nodes, and returns the
// memory of what it is compared with: edges, operations, numbers and the
// weights of those.
func (m *autoencoder) decode(b *fit.Builder, mean, logSD, live *gorgonia.Node, graphs, nodes int) (edges, ops, numbers, counts []float32) {
	noise, normal := b.Input("noise", graphs, nodes, m.options.Latent)
	b.Draw(func(rng *rand.Rand) {
		for i := range normal {
			normal[i] = float32(rng.NormFloat64())
		}
	})
	z := b.Dropout(b.Apply(&kern.Sample[float32]{}, mean, logSD, noise), m.options.Dropout)
	edgeNode, edges := b.Input("edges", graphs, nodes, nodes)
	b.AddLoss(b.Apply(&kern.InnerProduct[float32]{}, z, edgeNode, live))
	opNode, ops := b.Input("operations", graphs, nodes)
	b.AddLoss(b.Apply(&kern.Choice[float32]{}, b.Linear(z, m.op, false), opNode, live))
	if beyond := m.nodes.Dim() - m.ops; beyond > 0 {
		var target, weight *gorgonia.Node
		target, numbers = b.Input("numbers", graphs, nodes, beyond)
		weight, counts = b.Input("weights of numbers", graphs, nodes, beyond)
		b.AddLoss(b.Apply(&kern.MSE[float32]{}, b.Linear(z, m.number, false), target, weight))
	}
	share, factor := b.Input("weight of the divergence", 1)
	factor[0] = float32(m.options.KL)
	b.AddLoss(b.Apply(&kern.Scale[float32]{}, b.Apply(&kern.GaussianKL[float32]{}, mean, logSD, live), share))
	return edges, ops, numbers, counts
}

// mostNodes bounds the nodes, padding included, that an epoch of pretraining
// passes, so that it takes as long where graphs are large as on 10,000 cells of
// 8 nodes: some 10 CPU seconds for 10 epochs.
const mostNodes = 80000

// pretrain trains an autoencoder on a pool, which must follow v: on as many of
// its rows, chosen at random, as the options and mostNodes allow.
func pretrain(ctx context.Context, o *options, v *plugins.Vocabulary, pool *plugins.Batch, seed uint64) (*autoencoder, error) {
	rng := rand.New(rand.NewPCG(seed, stream))
	order := rng.Perm(pool.Len())
	order = order[:min(len(order), o.PoolRows)]
	some := pool.Select(order)
	graphs, err := read(ctx, o, v, &some)
	if err != nil {
		return nil, err
	}
	largest := 1
	for i := range graphs {
		largest = max(largest, size(&graphs[i]))
	}
	keep := min(len(graphs), max(mostNodes/largest, 1))
	m := newAutoencoder(o, v, feature.NewNodes(v, some.Networks, feature.Joined), rng)
	return m, fit.Train(ctx, m, graphs[:keep], nil, fit.Options{
		Epochs: o.Pretraining, Batch: o.Batch,
		Adam: fuse.AdamOptions{Clip: 5}, Rate: fit.Constant(o.Rate),
	}, rng)
}

// stream keeps arch2vec's random numbers apart from those of other predictors
// with the same seed.
const stream = 0x6132765f

// read returns each network as one graph.
func read(ctx context.Context, o *options, v *plugins.Vocabulary, b *plugins.Batch) ([]feature.Graph, error) {
	graphs := make([]feature.Graph, b.Len())
	for i := range graphs {
		if i%1024 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		graphs[i] = feature.Join(v, &b.Networks[i], o.Prune)
	}
	return graphs, nil
}

// magic begins an artifact; its number rises with the form.
const magic = "arch2vec artifact 1\n"

// encode returns the encoder as an artifact: the magic, the encoding of nodes
// (see [feature.Nodes.AppendBinary]), and the encoder's state (see
// [fuse.AppendState]). All numbers are little-endian.
func (m *autoencoder) encode() []byte {
	data, _ := m.nodes.AppendBinary([]byte(magic)) // never fails
	return fuse.AppendState(data, m.state())
}

// decodeArtifact reads an artifact that was made with the same options for
// networks that follow v.
func decodeArtifact(o *options, v *plugins.Vocabulary, artifact []byte) (*autoencoder, error) {
	m, err := readArtifact(o, v, artifact)
	if err != nil {
		return nil, fmt.Errorf("%w: artifact: %w", plugins.ErrInput, err)
	}
	return m, nil
}

func readArtifact(o *options, v *plugins.Vocabulary, artifact []byte) (*autoencoder, error) {
	data, ok := bytes.CutPrefix(artifact, []byte(magic))
	if !ok {
		return nil, errors.New("it is of another predictor or version")
	}
	r := bytes.NewReader(data)
	nodes, err := feature.ReadNodes(r, v)
	if err != nil {
		return nil, err
	}
	m := newAutoencoder(o, v, nodes, rand.New(rand.NewPCG(0, 0)))
	if err := fuse.ReadState(r, m.state()); err != nil {
		return nil, err
	}
	if r.Len() > 0 {
		return nil, errors.New("it has a rest that means nothing")
	}
	return m, nil
}
