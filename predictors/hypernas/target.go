package hypernas

import (
	"gorgonia.org/gorgonia"

	"github.com/hypernas/hypernas/internal/nn/fuse"
	"github.com/hypernas/hypernas/internal/nn/kern"
)

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

	if m.position != nil {
		// Tokens know where they are: attention and perceptrons treat all alike.
		x = g.Apply(&kern.Halve[T]{}, x)
		x = g.Apply(&kern.AddToPixels[T]{}, x, g.Param(m.position))
	}

	in.proxy, in.channels = m.proxy, o.TargetWidth
	heads, wide := m.proxy.kernels(o.TargetWidth)
	positions := thin(in.cells, o.TargetCells)
	halves := m.proxy.halves(positions)
	earlier := x
	for i, position := range positions {
		if halves[i] {
			same := earlier == x
			x = g.Apply(&kern.Halve[T]{}, x)
			if same {
				earlier = x
			} else if m.proxy.earlier {
				earlier = g.Apply(&kern.Halve[T]{}, earlier)
			}
		}
		nodes := g.Apply(&kern.Take[T]{N: a}, cells[position])
		var weights []*gorgonia.Node
		for _, w := range m.heads {
			y := g.Apply(&kern.Linear[T]{ReLU: true}, nodes, g.Param(w[0]), g.Param(w[1]))
			weights = append(weights, g.Apply(&kern.Linear[T]{}, y, g.Param(w[2]), g.Param(w[3])))
		}
		before := x
		for repeat := range m.proxy.repeats(position) {
			t := targetCell[T]{position: position, repeat: repeat}
			args := []*gorgonia.Node{x}
			if m.proxy.earlier {
				args = append(args, earlier)
			}
			for _, input := range []struct {
				name  string
				data  *[]T
				shape []int
			}{{"nodes", &t.nodes, []int{a, n, 3}}, {"edges", &t.edges, []int{a, n, n}}, {"output", &t.output, []int{a}}} {
				node, data := g.Input(input.name, input.shape...)
				args, *input.data = append(args, node), data
			}
			cell := &kern.Cell[T]{Heads: heads, Wide: wide, Earlier: m.proxy.earlier, Weighted: mostOperations, Forget: in.forget}
			if in.visit != nil && repeat == 0 {
				cell.Visit = func(_, node, head int, weights []kern.Array[T]) { in.visit(position, node, heads[head], weights) }
			}
			x = g.Apply(cell, append(args, weights...)...)
			in.targetCells = append(in.targetCells, t)
		}
		earlier = before
	}
	x = g.Apply(&kern.BatchNorm[T]{ReLU: true}, x)
	x = g.Apply(&kern.GlobalPool[T]{}, x)
	x = g.Apply(&kern.Linear[T]{}, x, g.Param(m.classifier[0]), g.Param(m.classifier[1]))
	each = g.Apply(&kern.CrossEntropy[T]{}, x, labels)
	weights, in.targetWeights = g.Input("target weights", a)
	return each, weights
}

// thin returns at most most of the positions below n, evenly spread.
func thin(n, most int) []int {
	most = min(n, most)
	positions := make([]int, most)
	for i := range positions {
		positions[i] = i * n / most
	}
	return positions
}

// targetCell is the memory of one cell of the target networks. A block that
// repeats has several, one after another.
type targetCell[T kern.Float] struct {
	position, repeat     int
	nodes, edges, output []T
}

// setTarget writes the target network of number b.
func (in *inputs[T]) setTarget(b int, net *network) {
	n := in.nodes
	in.targetWeights[b] = 0
	if net != nil {
		in.targetWeights[b] = 1
	}
	var made []targetNode
	for i := range in.targetCells {
		t := &in.targetCells[i]
		nodes, edges := t.nodes[3*b*n:3*(b+1)*n], t.edges[b*n*n:(b+1)*n*n]
		clear(nodes)
		clear(edges)
		t.output[b] = 0
		if net == nil || t.position >= len(net.cells) || t.repeat >= max(net.steps[t.position].Repeat, 1) {
			// A sequence that has ended passes on what it has.
			nodes[0], nodes[1], nodes[2] = kern.CellInput, T(in.channels), 1
			continue
		}
		c, s := net.cells[t.position], &net.steps[t.position]
		if t.repeat == 0 {
			made = in.proxy.targetNodes(c, s, in.channels, in.proxy.base(t.position, s, in.channels))
		}
		for k, m := range made {
			nodes[3*k], nodes[3*k+1], nodes[3*k+2] = T(m.code), T(m.channels), T(m.size)
		}
		for _, e := range c.edges {
			edges[e.From*n+e.To] = 1
		}
		last := len(made) - 1
		if t.repeat > 0 && residual(made, c.edges) {
			for k, m := range made {
				if m.code == kern.CellInput {
					edges[k*n+last] = 1
				}
			}
		}
		t.output[b] = T(last)
	}
}
