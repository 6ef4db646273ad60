package kern

import (
	"fmt"
	"slices"
)

// What a node of a [Cell] computes from the sum of its predecessors' values.
// CellHead plus i is an operation with weights, of the i-th head.
const (
	CellNone    = iota // nothing: its value is zero; also fills up short cells
	CellInput          // the cell's input
	CellEarlier        // the cell's second input, where it has one
	CellPass           // the sum itself: skips, outputs, and whatever has no weights here
	CellAverage        // 3x3 average pooling
	CellMax            // 3x3 maximum pooling
	CellHead           // first of the operations with weights
)

// Cell evaluates one cell, a directed acyclic graph with an operation at each
// node, for A architectures at once, each with its own graph and its own
// weights. Images keep their size; a node's value may have more or fewer
// channels than the images have, at most Wide. Where values of several widths
// meet, the channels that one lacks count as zero, and those that a node has no
// room for are left out: every width is a slice of the widest, as in a supernet.
//
// Inputs: X [A or 1, G, C, H, W, 16]; with Earlier, another such input; the
// nodes [A, N, 3], each its code as above, the channels of its value and a size,
// which [Form] explains; the edges [A, N, N], element (i, j) not zero where the
// value of i reaches j > i; the output node [A]; and for each head the weights
// [A, N, Weights(C, Wide)], of which the rows of its own nodes are used. Output
// [A, G, C, H, W, 16], the output node's value.
type Cell[T Float] struct {
	Heads   []Head
	Wide    int
	Earlier bool
	// Weighted is how many nodes of an architecture have weights at most; 0 is
	// all. Scratch counts with it.
	Weighted int
	// Forget keeps nothing of an architecture after it is evaluated. There is no
	// Backward.
	Forget bool
	// Visit, unless nil, is told the weights, as copies, that each operation of a
	// forward pass used: of node j of architecture a, by its head.
	Visit func(a, j, head int, weights []Array[T])

	a, ax, n int
	earlier  int // architectures of the second input
	m        maps
	nodes    []cellNode[T] // [A, N], or [N] of one architecture after the other
	grads    [][]T         // [N], of one architecture
	work     cellWork[T]
}

// cellNode is a node of the last forward pass.
type cellNode[T Float] struct {
	code, channels, size int
	in                   int  // channels of what the operation reads
	live                 bool // on a way from the input to the output
	value                []T  // [G, channels, H, W, 16]
	scale                []T  // of a batch normalization
	padded               padding[T]
	keep                 [4][]T // what an operation keeps for its backward pass
}

// Shape implements [Kernel].
func (k *Cell[T]) Shape(in ...[]int) ([]int, error) {
	first := k.first()
	if len(in) != first+3+len(k.Heads) {
		return nil, fmt.Errorf("cell: %d inputs, want %d", len(in), first+3+len(k.Heads))
	}
	var err error
	if k.ax, k.m, err = asMaps("cell", in[0]); err != nil {
		return nil, err
	}
	if len(in[first]) != 3 {
		return nil, fmt.Errorf("cell: nodes of shape %v, want [A, N, 3]", in[first])
	}
	k.a, k.n = in[first][0], in[first][1]
	if k.Earlier {
		k.earlier = in[1][0]
		err = mismatch("cell", "second input", in[1], k.m.shape(k.earlier)...)
	} else {
		k.earlier = k.ax
	}
	for _, a := range []int{k.ax, k.earlier} {
		if a != 1 && a != k.a {
			return nil, fmt.Errorf("cell: images of %d architectures, nodes of %d", a, k.a)
		}
	}
	err = firstError(err, mismatch("cell", "nodes", in[first], k.a, k.n, 3), mismatch("cell", "edges", in[first+1], k.a, k.n, k.n), mismatch("cell", "output node", in[first+2], k.a))
	if err != nil {
		return nil, err
	}
	if k.Wide < k.m.c {
		return nil, fmt.Errorf("cell: at most %d channels a node, images have %d", k.Wide, k.m.c)
	}
	for i, h := range k.Heads {
		if err := firstError(h.check(), mismatch("cell", "weights", in[first+3+i], k.a, k.n, h.Weights(k.m.c, k.Wide))); err != nil {
			return nil, err
		}
	}
	k.nodes, k.grads, k.work = make([]cellNode[T], k.kept()*k.n), make([][]T, k.n), cellWork[T]{}
	return k.m.shape(k.a), nil
}

// kept is how many architectures have nodes of their own.
func (k *Cell[T]) kept() int {
	if k.Forget {
		return 1
	}
	return k.a
}

// Scratch implements [Scratcher]: a value for each node, and for the backward
// pass its gradient in one architecture; of nodes with weights also what the
// head with the most keeps.
func (k *Cell[T]) Scratch() int {
	weighted, most := k.n, 0
	if k.Weighted > 0 {
		weighted = min(k.Weighted, k.n)
	}
	for _, h := range k.Heads {
		most = max(most, h.keeps(k.m, k.Wide))
	}
	values := k.n * k.wide(k.Wide).size()
	total := k.kept() * (values + weighted*most)
	if !k.Forget {
		total += values
	}
	return total
}

// first is the number of inputs that are images.
func (k *Cell[T]) first() int {
	if k.Earlier {
		return 2
	}
	return 1
}

// Differentiable implements [Kernel].
func (k *Cell[T]) Differentiable(i int) bool { return i < k.first() || i >= k.first()+3 }

// graph returns the nodes, the edges and the output node of architecture a.
func (k *Cell[T]) graph(in [][]T, a int) (nodes []cellNode[T], edges []T, output int) {
	f := k.first()
	own := a % k.kept() * k.n
	return k.nodes[own : own+k.n], in[f+1][a*k.n*k.n : (a+1)*k.n*k.n], int(in[f+2][a])
}

// read takes over the nodes of architecture a and finds those that lie on a way
// from an input to the output. The others change nothing: without biases an
// operation maps zero to zero.
func (k *Cell[T]) read(in [][]T, a int) {
	nodes, edges, output := k.graph(in, a)
	data := in[k.first()][a*k.n*3:]
	for j := range nodes {
		n := &nodes[j]
		n.code, n.channels, n.size = int(data[3*j]), int(data[3*j+1]), int(data[3*j+2])
		n.live = n.code == CellInput || n.code == CellEarlier
		n.in = 0
		for i := 0; i < j && n.code > CellEarlier; i++ {
			if nodes[i].live && edges[i*k.n+j] != 0 {
				n.live = true
				n.in = max(n.in, nodes[i].channels)
			}
		}
		if h := n.code - CellHead; h >= 0 && k.Heads[h].Form.mixes() {
			n.in = min(n.in, k.Heads[h].widest(n.channels, k.m.c, k.Wide))
		} else {
			n.in = n.channels
		}
	}
	for i := k.n - 1; i >= 0; i-- {
		reaches := i == output
		for j := i + 1; j < k.n && !reaches; j++ {
			reaches = nodes[j].live && edges[i*k.n+j] != 0
		}
		nodes[i].live = nodes[i].live && reaches
	}
}

// sumTo sets dst, maps with n.in channels, to the sum of the values that reach
// node j.
func (k *Cell[T]) sumTo(dst []T, nodes []cellNode[T], edges []T, j int) {
	clear(dst)
	for i := range j {
		if edges[i*k.n+j] != 0 && nodes[i].live {
			k.addChannelsTo(dst, nodes[i].value, nodes[j].in, nodes[i].channels)
		}
	}
}

// addChannelsTo adds maps with from channels to maps with to channels, as far
// as both have them.
func (k *Cell[T]) addChannelsTo(dst, src []T, to, from int) {
	if to == from {
		addTo(dst, src[:len(dst)])
		return
	}
	plane := k.m.plane()
	for g := range k.m.g {
		n := min(to, from) * plane
		addTo(dst[g*to*plane:][:n], src[g*from*plane:][:n])
	}
}

// copyChannelsTo is addChannelsTo without what stood in dst.
func (k *Cell[T]) copyChannelsTo(dst, src []T, to, from int) {
	if to == from {
		copy(dst, src)
		return
	}
	clear(dst)
	k.addChannelsTo(dst, src, to, from)
}

// wide returns the maps of images with c channels.
func (k *Cell[T]) wide(c int) maps { return maps{k.m.g, c, k.m.h, k.m.w} }

// Forward implements [Kernel].
func (k *Cell[T]) Forward(out []T, in [][]T) {
	size := k.m.size()
	for a := range k.a {
		k.read(in, a)
		nodes, edges, output := k.graph(in, a)
		for j := range nodes {
			n := &nodes[j]
			if !n.live {
				continue
			}
			m := k.wide(n.channels)
			n.value = grow(n.value, m.size())
			sum := n.value
			switch n.code {
			case CellInput:
				k.copyChannelsTo(n.value, in[0][a%k.ax*size:][:size], n.channels, k.m.c)
				continue
			case CellEarlier:
				k.copyChannelsTo(n.value, in[k.first()-1][a%k.earlier*size:][:size], n.channels, k.m.c)
				continue
			case CellPass:
			default:
				k.work.sum = grow(k.work.sum, k.wide(n.in).size())
				sum = k.work.sum
			}
			k.sumTo(sum, nodes, edges, j)
			switch n.code {
			case CellPass:
			case CellAverage:
				clear(n.value)
				averageTo(n.value, sum, m, false)
			case CellMax:
				clear(n.value)
				maximumTo(n.value, sum, m)
			default:
				h := k.Heads[n.code-CellHead]
				o := k.operation(h, n)
				weights := in[k.first()+3+n.code-CellHead][(a*k.n+j)*h.Weights(k.m.c, k.Wide):]
				o.forward(n, sum, weights)
				if k.Visit != nil {
					k.Visit(a, j, n.code-CellHead, o.arrays(n, weights))
				}
			}
		}
		if n := &nodes[output]; n.live {
			k.copyChannelsTo(out[a*size:(a+1)*size], n.value, k.m.c, n.channels)
		} else {
			clear(out[a*size : (a+1)*size])
		}
	}
}

// Backward implements [Kernel].
func (k *Cell[T]) Backward(gin, in [][]T, _, gout []T) {
	if k.Forget {
		panic("kern: a cell that forgets has no backward pass")
	}
	size, f := k.m.size(), k.first()
	for _, g := range gin {
		clear(g)
	}
	for a := range k.a {
		nodes, edges, output := k.graph(in, a)
		if !nodes[output].live {
			continue
		}
		for j := range nodes {
			if nodes[j].live {
				k.grads[j] = grow(k.grads[j], k.wide(nodes[j].channels).size())
				clear(k.grads[j])
			}
		}
		k.copyChannelsTo(k.grads[output], gout[a*size:(a+1)*size], nodes[output].channels, k.m.c)
		for j := k.n - 1; j >= 0; j-- {
			n := &nodes[j]
			if !n.live {
				continue
			}
			m, g := k.wide(n.channels), k.grads[j]
			switch n.code {
			case CellInput, CellEarlier:
				x, architectures := gin[0], k.ax
				if n.code == CellEarlier {
					x, architectures = gin[f-1], k.earlier
				}
				if x != nil {
					k.addChannelsTo(x[a%architectures*size:][:size], g, k.m.c, n.channels)
				}
				continue
			case CellPass:
			case CellAverage:
				k.work.gsum = grow(k.work.gsum, m.size())
				clear(k.work.gsum)
				averageTo(k.work.gsum, g, m, true)
				g = k.work.gsum
			case CellMax:
				// The sum of the predecessors is computed again.
				k.work.sum, k.work.gsum = grow(k.work.sum, m.size()), grow(k.work.gsum, m.size())
				k.sumTo(k.work.sum, nodes, edges, j)
				clear(k.work.gsum)
				maximumGradTo(k.work.gsum, g, k.work.sum, m)
				g = k.work.gsum
			default:
				c := n.code - CellHead
				h := k.Heads[c]
				at := (a*k.n + j) * h.Weights(k.m.c, k.Wide)
				k.work.gsum = grow(k.work.gsum, k.wide(n.in).size())
				var gw []T
				if gin[f+3+c] != nil {
					gw = gin[f+3+c][at:]
				}
				k.operation(h, n).backward(n, k.work.gsum, gw, g, in[f+3+c][at:])
				g = k.work.gsum
			}
			for i := range j {
				if edges[i*k.n+j] != 0 && nodes[i].live {
					k.addChannelsTo(k.grads[i], g, nodes[i].channels, n.in)
				}
			}
		}
	}
}

// grow returns s with n elements of any value.
func grow[T any](s []T, n int) []T { return slices.Grow(s[:0], n)[:n] }

// padding is memory for maps with a border of zeros.
type padding[T Float] struct {
	m      maps
	border int
	data   []T
}

// pad returns maps of size m, or their rectified values, with a border.
func (p *padding[T]) pad(src []T, m maps, border int, rectify bool) []T {
	if p.m != m || p.border != border {
		p.m, p.border = m, border
		p.data = grow(p.data, m.g*m.c*(m.h+2*border)*(m.w+2*border)*Lanes)
		clear(p.data)
	}
	padTo(p.data, src, m, border, rectify)
	return p.data
}

// gatePadded sets g to 0 where the rectified input inside p's border is 0.
func gatePadded[T Float](g, p []T, m maps, border int) {
	row, wide := m.w*Lanes, (m.w+2*border)*Lanes
	for q := range m.g * m.c {
		for y := range m.h {
			d := g[(q*m.h+y)*row:][:row]
			gateTo(d, d, p[(q*(m.h+2*border)+y+border)*wide+border*Lanes:], 1)
		}
	}
}
