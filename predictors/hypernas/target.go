package hypernas

import (
	"gorgonia.org/gorgonia"

	"github.com/hypernas/hypernas/internal/nn/fuse"
	"github.com/hypernas/hypernas/internal/nn/kern"
	"github.com/hypernas/hypernas/plugins"
)

// largestKernel is the largest convolution of a target network: its images are
// 8 pixels wide.
const largestKernel = 7

// kernel returns the size of the convolution that stands for op in a target
// network: odd and at most largestKernel; 0 if none does. An operation with
// weights but no window is one of size 1, but for squeeze-excite, a gate, which
// passes its input through.
func kernel(op *plugins.Op) int {
	if !op.Kind.HasWeights() || op.Kind == plugins.KindSqueezeExcite {
		return 0
	}
	return min(max(op.Kernel, 1)|1, largestKernel)
}

// target returns the code of an operation in a target network.
func (r *reader) target(op *plugins.Op) int {
	switch op.Kind {
	case plugins.KindInput:
		return kern.CellInput
	case plugins.KindNone:
		return kern.CellNone
	case plugins.KindAvgPool:
		return kern.CellAverage
	case plugins.KindMaxPool:
		return kern.CellMax
	}
	for i, k := range r.kernels {
		// An operation that no training network has takes the next size.
		if own := kernel(op); own > 0 && (own <= k || i == len(r.kernels)-1) {
			return kern.CellConv + i
		}
	}
	return kern.CellPass
}

// classify adds the hypernetwork and the target networks of the batch's first
// in.targets networks. It returns their cross-entropies [targets] and how much
// each counts [targets].
func (m *model[T]) classify(g *fuse.Graph[T], in *inputs[T], cells []*gorgonia.Node) (each, weights *gorgonia.Node) {
	o := m.options
	a, n, blocks := in.targets, in.nodes, o.TargetImages/kern.Lanes
	x, pixels := g.Input("images", 1, blocks, m.auxiliary.channels, auxiliarySide, auxiliarySide, kern.Lanes)
	labels, classes := g.Input("classes", o.TargetImages)
	in.images, in.classes = pixels, classes
	x = g.Apply(&kern.Conv[T]{K: 3}, x, g.Param(m.stem))
	x = g.Apply(&kern.BatchNorm[T]{ReLU: true}, x)

	in.positions = thin(in.cells, o.TargetCells)
	for i, position := range in.positions {
		ops, codes := g.Input("operations", a, n)
		edges, matrix := g.Input("edges", a, n, n)
		output, last := g.Input("output", a)
		in.codes, in.edges, in.outputs = append(in.codes, codes), append(in.edges, matrix), append(in.outputs, last)

		nodes := g.Apply(&kern.Take[T]{N: a}, cells[position])
		args := []*gorgonia.Node{x, ops, edges, output}
		for _, w := range m.heads {
			y := g.Apply(&kern.Linear[T]{ReLU: true}, nodes, g.Param(w[0]), g.Param(w[1]))
			args = append(args, g.Apply(&kern.Linear[T]{}, y, g.Param(w[2]), g.Param(w[3])))
		}
		x = g.Apply(&kern.Cell[T]{Sizes: m.kernels}, args...)
		if i < len(in.positions)-1 && i < halvings {
			x = g.Apply(&kern.Halve[T]{}, x)
		}
	}
	x = g.Apply(&kern.BatchNorm[T]{ReLU: true}, x)
	x = g.Apply(&kern.GlobalPool[T]{}, x)
	x = g.Apply(&kern.Linear[T]{}, x, g.Param(m.classifier[0]), g.Param(m.classifier[1]))
	each = g.Apply(&kern.CrossEntropy[T]{}, x, labels)
	weights, in.targetWeights = g.Input("target weights", a)
	return each, weights
}

// halvings is how often images are halved: from 8 to 4 pixels.
const halvings = 1

// thin returns at most most of the positions below n, evenly spread.
func thin(n, most int) []int {
	most = min(n, most)
	positions := make([]int, most)
	for i := range positions {
		positions[i] = i * n / most
	}
	return positions
}

// setTarget writes the target network of number b.
func (in *inputs[T]) setTarget(b int, net *network) {
	n := in.nodes
	in.targetWeights[b] = 0
	if net != nil {
		in.targetWeights[b] = 1
	}
	for i, position := range in.positions {
		codes, edges := in.codes[i][b*n:(b+1)*n], in.edges[i][b*n*n:(b+1)*n*n]
		clear(codes)
		clear(edges)
		in.outputs[i][b] = 0
		if net == nil || position >= len(net.cells) {
			// A sequence that has ended passes on what it has.
			codes[0] = kern.CellInput
			continue
		}
		c := net.cells[position]
		for k, code := range c.target {
			codes[k] = T(code)
		}
		for _, e := range c.edges {
			edges[e.From*n+e.To] = 1
		}
		in.outputs[i][b] = T(len(c.nodes) - 1)
	}
}
