package kern

import (
	"fmt"
	"slices"
)

// What a node of a [Cell] computes from the sum of its predecessors' values.
// CellConv plus i is a rectifier, a convolution with the i-th kernel size and
// batch normalization.
const (
	CellNone    = iota // nothing: its value is zero; also fills up short cells
	CellInput          // the cell's input
	CellPass           // the sum itself: skips, outputs, and whatever has no weights here
	CellAverage        // 3x3 average pooling
	CellMax            // 3x3 maximum pooling
	CellConv           // first of the convolutions
)

// Cell evaluates one cell, a directed acyclic graph with an operation at each
// node, for A architectures at once, each with its own graph and its own
// weights. Channels and image size stay as they are. Sizes lists the kernel
// sizes of its convolutions.
//
// Inputs: X [A or 1, G, C, H, W, 16]; the operations [A, N], codes as above; the
// edges [A, N, N], element (i, j) not zero where the value of i reaches j > i;
// the output node [A]; and for each kernel size k the weights [A, N, C*C*k*k],
// of which a convolution's row is used, as [C, C, k, k]. Output
// [A, G, C, H, W, 16], the output node's value.
type Cell[T Float] struct {
	Sizes []int

	a, ax, n int
	m        maps
	filters  []filter
	values   []T     // [A, N, maps]
	live     []bool  // [A, N], on a way from the input to the output
	padded   [][][]T // [A][N], a convolution's rectified, padded input
	scales   []T     // [A, N, C], of the batch normalizations
	sum      []T     // maps
	grads    []T     // [N, maps], of one architecture
	gpadded  [][]T   // by kernel size
	reverse  []T
}

// Shape implements [Kernel].
func (k *Cell[T]) Shape(in ...[]int) ([]int, error) {
	if len(in) != 4+len(k.Sizes) {
		return nil, fmt.Errorf("cell: %d inputs, want %d", len(in), 4+len(k.Sizes))
	}
	var err error
	if k.ax, k.m, err = asMaps("cell", in[0]); err != nil {
		return nil, err
	}
	if len(in[1]) != 2 {
		return nil, fmt.Errorf("cell: operations of shape %v, want [A, N]", in[1])
	}
	k.a, k.n = in[1][0], in[1][1]
	if k.ax != 1 && k.ax != k.a {
		return nil, fmt.Errorf("cell: images of %d architectures, operations of %d", k.ax, k.a)
	}
	if err := firstError(mismatch("cell", "edges", in[2], k.a, k.n, k.n), mismatch("cell", "output node", in[3], k.a)); err != nil {
		return nil, err
	}
	k.filters, k.gpadded = nil, nil
	largest := 0
	for i, size := range k.Sizes {
		if size < 1 || size%2 == 0 {
			return nil, fmt.Errorf("cell: kernel size %d is not odd", size)
		}
		f := filter{in: k.m, out: k.m.c, k: size}
		if err := mismatch("cell", "weights", in[4+i], k.a, k.n, f.weights()); err != nil {
			return nil, err
		}
		k.filters = append(k.filters, f)
		k.gpadded = append(k.gpadded, make([]T, f.padded().size()))
		largest = max(largest, f.weights())
	}
	k.reverse = make([]T, largest)
	k.values, k.live = make([]T, k.a*k.n*k.m.size()), make([]bool, k.a*k.n)
	k.scales, k.sum, k.grads = make([]T, k.a*k.n*k.m.c), make([]T, k.m.size()), make([]T, k.n*k.m.size())
	k.padded = make([][][]T, len(k.Sizes))
	for i := range k.padded {
		k.padded[i] = make([][]T, k.a*k.n)
	}
	return k.m.shape(k.a), nil
}

// Differentiable implements [Kernel].
func (k *Cell[T]) Differentiable(i int) bool { return i == 0 || i > 3 }

// value returns the maps of node n of architecture a.
func (k *Cell[T]) value(a, n int) []T { return k.values[(a*k.n+n)*k.m.size():][:k.m.size()] }

// convolution returns which kernel size an operation's code stands for.
func convolution(code int) (size int, ok bool) { return code - CellConv, code >= CellConv }

// mark finds the nodes of architecture a that lie on a way from the input to
// the output. The others change nothing: without biases an operation maps zero
// to zero.
func (k *Cell[T]) mark(a int, ops, edges []T, output int) {
	live := k.live[a*k.n : (a+1)*k.n]
	for j := range k.n {
		live[j] = ops[j] == CellInput
		for i := 0; i < j && !live[j] && ops[j] != CellNone; i++ {
			live[j] = live[i] && edges[i*k.n+j] != 0
		}
	}
	for i := k.n - 1; i >= 0; i-- {
		reaches := i == output
		for j := i + 1; j < k.n && !reaches; j++ {
			reaches = live[j] && edges[i*k.n+j] != 0
		}
		live[i] = live[i] && reaches
	}
}

// Forward implements [Kernel].
func (k *Cell[T]) Forward(out []T, in [][]T) {
	size := k.m.size()
	for a := range k.a {
		ops, edges, output := in[1][a*k.n:(a+1)*k.n], in[2][a*k.n*k.n:(a+1)*k.n*k.n], int(in[3][a])
		k.mark(a, ops, edges, output)
		for j := range k.n {
			if !k.live[a*k.n+j] {
				continue
			}
			v, code := k.value(a, j), int(ops[j])
			if code == CellInput {
				copy(v, in[0][a%k.ax*size:])
				continue
			}
			s := k.sum
			if code == CellPass {
				s = v
			}
			clear(s)
			for i := range j {
				if edges[i*k.n+j] != 0 && k.live[a*k.n+i] {
					addTo(s, k.value(a, i))
				}
			}
			switch code {
			case CellAverage:
				clear(v)
				averageTo(v, s, k.m, false)
			case CellMax:
				clear(v)
				maximumTo(v, s, k.m)
			}
			if c, ok := convolution(code); ok {
				f := k.filters[c]
				p := &k.padded[c][a*k.n+j]
				if *p == nil {
					*p = make([]T, f.padded().size())
				}
				padTo(*p, s, k.m, f.k/2, true)
				convTo(v, *p, in[4+c][(a*k.n+j)*f.weights():], f)
				standardizeMapsTo(v, k.scales[(a*k.n+j)*k.m.c:], v, k.m, normEps)
			}
		}
		if k.live[a*k.n+output] {
			copy(out[a*size:], k.value(a, output))
		} else {
			clear(out[a*size : (a+1)*size])
		}
	}
}

// Backward implements [Kernel].
func (k *Cell[T]) Backward(gin, in [][]T, _, gout []T) {
	size := k.m.size()
	for _, g := range gin {
		clear(g)
	}
	for a := range k.a {
		ops, edges, output := in[1][a*k.n:(a+1)*k.n], in[2][a*k.n*k.n:(a+1)*k.n*k.n], int(in[3][a])
		if !k.live[a*k.n+output] {
			continue
		}
		clear(k.grads)
		copy(k.grads[output*size:], gout[a*size:(a+1)*size])
		for j := k.n - 1; j >= 0; j-- {
			if !k.live[a*k.n+j] {
				continue
			}
			g := k.grads[j*size : (j+1)*size]
			switch code := int(ops[j]); code {
			case CellInput:
				if gin[0] != nil {
					addTo(gin[0][a%k.ax*size:][:size], g)
				}
				continue
			case CellPass:
			case CellAverage:
				clear(k.sum)
				averageTo(k.sum, g, k.m, true)
				g = k.sum
			case CellMax:
				g = k.maximumGrad(a, j, edges, g)
			default:
				c, _ := convolution(code)
				f := k.filters[c]
				standardizeMapsGradTo(g, g, k.value(a, j), k.scales[(a*k.n+j)*k.m.c:], k.m)
				p := k.padded[c][a*k.n+j]
				if gin[4+c] != nil {
					filterGradTo(gin[4+c][(a*k.n+j)*f.weights():], p, g, f)
				}
				padTo(k.gpadded[c], g, k.m, f.k/2, false)
				reverseTo(k.reverse, in[4+c][(a*k.n+j)*f.weights():], f)
				convTo(k.sum, k.gpadded[c], k.reverse, f.reversed())
				gatePadded(k.sum, p, k.m, f.k/2)
				g = k.sum
			}
			for i := range j {
				if edges[i*k.n+j] != 0 && k.live[a*k.n+i] {
					addTo(k.grads[i*size:(i+1)*size], g)
				}
			}
		}
	}
}

// maximumGrad returns the gradient of a maximum pooling with respect to the sum
// of its predecessors, which it computes again.
func (k *Cell[T]) maximumGrad(a, j int, edges, g []T) []T {
	input := slices.Repeat([]T{0}, k.m.size())
	for i := range j {
		if edges[i*k.n+j] != 0 && k.live[a*k.n+i] {
			addTo(input, k.value(a, i))
		}
	}
	clear(k.sum)
	maximumGradTo(k.sum, g, input, k.m)
	return k.sum
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
