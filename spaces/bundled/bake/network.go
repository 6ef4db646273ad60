package bake

import (
	"math"

	"github.com/hypernas/hypernas/internal/images"
	"github.com/hypernas/hypernas/internal/nb201"
	"github.com/hypernas/hypernas/internal/nn/lanes"
)

// The skeleton around the cells: 4 channels of 8x8 (each 2x2 square of the 16x16 picture becomes four channels), a 3x3
// convolution to width1 channels with batch normalization and ReLU, a cell, 2x2 average pooling, a 1x1 convolution to
// width2 channels, a second cell, batch normalization, ReLU, the mean over pixels, and a linear layer. The ReLU after
// the stem matters: without it, cells that begin with pooling fall to chance.
const (
	inputs  = 4
	side1   = images.Side / 2
	width1  = 8
	side2   = side1 / 2
	width2  = 2 * width1
	classes = images.Classes

	// epsilon keeps batch normalization away from division by zero (PyTorch's default).
	epsilon = 1e-5
)

// filter is a convolution with its packed forms.
type filter struct {
	cout, cin, k int
	w, g         []float32 // weights and gradient, [cout][cin][k*k]; views of the network's
	packed       []float32
	turned       []float32 // for the gradient by the input; nil where nothing asks for it
}

func (f *filter) pack() {
	lanes.PackConv(f.packed, f.w, f.cout, f.cin, f.k)
	if f.turned != nil {
		lanes.PackConvT(f.turned, f.w, f.cout, f.cin, f.k)
	}
}

// norm is a batch normalization over the channels of one tensor.
type norm struct {
	gamma, beta, dgamma, dbeta []float32 // views of the network's
	mean, variance             []float32 // of the current batch, or the recalibrated ones
	sumMean, sumVariance       []float32 // sums over recalibration batches
	inverse                    []float32 // 1/sqrt(variance+epsilon)
	p, q, r                    []float32 // scratch: coefficients of the affine maps
}

// mode says which statistics batch normalization uses.
type mode int

const (
	batchStatistics mode = iota // the batch's own: training
	collect                     // the batch's own, and they are summed
	fixedStatistics             // the recalibrated ones: evaluation
)

// apply writes the normalized y into dst.
func (b *norm) apply(k lanes.Kernels, dst, y []float32, s lanes.Shape, m mode, add bool) {
	if m != fixedStatistics {
		k.Moments(b.mean, b.variance, y, s)
	}
	for c := range b.mean {
		if m == collect {
			b.sumMean[c] += b.mean[c]
			b.sumVariance[c] += b.variance[c]
		}
		inv := float32(1 / math.Sqrt(float64(b.variance[c])+epsilon))
		b.inverse[c] = inv
		b.p[c] = b.gamma[c] * inv
		b.q[c] = b.beta[c] - float32(b.mean[c]*b.p[c])
	}
	k.Affine(dst, y, b.p, b.q, s, add)
}

// backward writes the gradient by y, given that by the output, and the parameters' gradients.
func (b *norm) backward(k lanes.Kernels, dy, dz, y []float32, s lanes.Shape) {
	sum, prod := b.q, b.r
	k.GradMoments(sum, prod, dz, y, b.mean, s)
	count := float32(s.Pixels())
	for c := range b.mean {
		inv := b.inverse[c]
		dgamma := prod[c] * inv
		b.dbeta[c], b.dgamma[c] = sum[c], dgamma
		p := b.gamma[c] * inv
		// dy = p*(dz - sum/count - (y-mean)*inv*dgamma/count)
		q := -p * inv * dgamma / count
		b.r[c] = -float32(p*sum[c]/count) - float32(q*b.mean[c])
		b.p[c], b.q[c] = p, q
	}
	k.AffineGrad(dy, dz, y, b.p, b.q, b.r, s)
}

// layer is a convolution of ReLU(source) with batch normalization on one edge.
type layer struct {
	filter
	norm
	y []float32 // the convolution's output
}

// stage is one cell at one resolution with its buffers. Vertex 0 is the caller's.
type stage struct {
	cell  nb201.Cell
	shape lanes.Shape
	// positive says that vertex 0 has no negative values, so that it is its own ReLU.
	positive bool
	x        [4][]float32 // vertices
	relu     [4][]float32 // their ReLU
	dx, dr   [4][]float32 // gradients by the vertices and by their ReLU
	op       [nb201.NumEdges]layer
	dy       []float32 // scratch
}

// forward computes vertices 1 to 3 from vertex 0.
func (s *stage) forward(k lanes.Kernels, m mode) {
	ends := nb201.Edges()
	for v := range 4 {
		add := false
		for _, e := range into(v) {
			from := ends[e].From
			switch s.cell[e] {
			case nb201.None:
				continue
			case nb201.Skip:
				k.Copy(s.x[v], s.x[from], s.shape, add)
			case nb201.AvgPool3x3:
				k.Pool3(s.x[v], s.x[from], s.shape, add)
			case nb201.Conv1x1, nb201.Conv3x3:
				l := &s.op[e]
				k.Conv(l.y, s.relu[from], l.packed, s.shape, l.cin, l.k, false)
				l.apply(k, s.x[v], l.y, s.shape, m, add)
			}
			add = true
		}
		if s.convolved(v) && (v > 0 || !s.positive) {
			k.ReLU(s.relu[v], s.x[v], s.shape)
		}
	}
}

// convolved says whether a convolution reads vertex v.
func (s *stage) convolved(v int) bool {
	ends := nb201.Edges()
	for e, o := range s.cell {
		if ends[e].From == v && width(o) > 0 {
			return true
		}
	}
	return false
}

// backward computes the gradients by the weights and by vertex 0 from that by vertex 3, in dx[3].
func (s *stage) backward(k lanes.Kernels, scratch []float32) {
	ends := nb201.Edges()
	var some, someReLU [4]bool // a gradient has been written
	for v := 3; v >= 0; v-- {
		if someReLU[v] {
			k.ReLUGrad(s.dx[v], s.dr[v], s.relu[v], s.shape, some[v])
		}
		for _, e := range into(v) {
			from := ends[e].From
			switch s.cell[e] {
			case nb201.None:
			case nb201.Skip:
				k.Copy(s.dx[from], s.dx[v], s.shape, some[from])
				some[from] = true
			case nb201.AvgPool3x3:
				k.Pool3Grad(s.dx[from], s.dx[v], s.shape, some[from])
				some[from] = true
			case nb201.Conv1x1, nb201.Conv3x3:
				l := &s.op[e]
				l.backward(k, s.dy, s.dx[v], l.y, s.shape)
				k.ConvGrad(l.g, s.dy, s.relu[from], scratch, s.shape, l.cin, l.k)
				k.Conv(s.dr[from], s.dy, l.turned, s.shape, l.cout, l.k, someReLU[from])
				someReLU[from] = true
			}
		}
	}
}

// network is one architecture with its weights and the buffers for batches of a fixed number of images.
type network struct {
	k       lanes.Kernels
	blocks  int
	weights []float32 // all parameters: the skeleton's start, then the head, then the cells'
	grads   []float32
	speed   []float32 // momentum

	stem     filter
	stemNorm norm
	reduce   filter
	last     norm
	head     []float32 // [classes][width2], then the biases [classes]
	dhead    []float32
	stages   [2]stage
	filters  []*filter
	norms    []*norm

	stemY, stemDy []float32
	half, dhalf   []float32 // pooled output of the first stage
	out, dout     []float32 // ReLU of the normalized output of the second stage
	mean, dmean   []float32 // [blocks][width2][lanes]
	logits        []float32 // [blocks][classes][lanes]
	scratch       []float32
}

// skeletonLen is the number of parameters that a skeleton start gives: stem, reduction and both normalizations.
const skeletonLen = width1*inputs*9 + 2*width1 + width2*width1 + 2*width2

// headLen is the number of parameters of the linear layer.
const headLen = classes*width2 + classes

// newNetwork lays out a cell's network for batches of blocks*16 images. All weights are zero.
func newNetwork(k lanes.Kernels, c nb201.Cell, blocks int) *network {
	c = c.Prune() // Dead operations change neither the output nor any gradient of a live weight.
	n := &network{k: k, blocks: blocks}
	size := skeletonLen + headLen
	for _, o := range c {
		if kk := width(o) * width(o); kk > 0 {
			size += width1*width1*kk + 2*width1 + width2*width2*kk + 2*width2
		}
	}
	n.weights, n.grads, n.speed = make([]float32, size), make([]float32, size), make([]float32, size)
	used := 0
	take := func(m int) (w, g []float32) {
		w, g = n.weights[used:used+m:used+m], n.grads[used:used+m:used+m]
		used += m
		return w, g
	}
	newFilter := func(f *filter, cout, cin, k int, turned bool) {
		f.cout, f.cin, f.k = cout, cin, k
		f.w, f.g = take(cout * cin * k * k)
		f.packed = make([]float32, lanes.PackedLen(cout, cin, k))
		if turned {
			f.turned = make([]float32, lanes.PackedLen(cout, cin, k))
		}
		n.filters = append(n.filters, f)
	}
	newNorm := func(b *norm, c int) {
		b.gamma, b.dgamma = take(c)
		b.beta, b.dbeta = take(c)
		for _, p := range []*[]float32{&b.mean, &b.variance, &b.sumMean, &b.sumVariance, &b.inverse, &b.p, &b.q, &b.r} {
			*p = make([]float32, c)
		}
		n.norms = append(n.norms, b)
	}
	newFilter(&n.stem, width1, inputs, 3, false)
	newNorm(&n.stemNorm, width1)
	newFilter(&n.reduce, width2, width1, 1, true)
	newNorm(&n.last, width2)
	n.head, n.dhead = take(headLen)

	shapes := [2]lanes.Shape{{Blocks: blocks, Channels: width1, Side: side1}, {Blocks: blocks, Channels: width2, Side: side2}}
	for i := range n.stages {
		s := &n.stages[i]
		s.cell, s.shape = c, shapes[i]
		tensor := func() []float32 { return make([]float32, s.shape.Len()) }
		for v := range 4 {
			s.x[v], s.dx[v] = tensor(), tensor()
			if s.convolved(v) {
				s.relu[v], s.dr[v] = tensor(), tensor()
			}
			if v == 0 && i == 0 {
				s.positive, s.relu[v] = true, s.x[v]
			}
		}
		s.dy = tensor()
		for e, o := range c {
			if k := width(o); k > 0 {
				l := &s.op[e]
				newFilter(&l.filter, s.shape.Channels, s.shape.Channels, k, true)
				newNorm(&l.norm, s.shape.Channels)
				l.y = tensor()
			}
		}
	}
	halved := lanes.Shape{Blocks: blocks, Channels: width1, Side: side2}
	n.stemY, n.stemDy = make([]float32, shapes[0].Len()), make([]float32, shapes[0].Len())
	n.half, n.dhalf = make([]float32, halved.Len()), make([]float32, halved.Len())
	n.out, n.dout = make([]float32, shapes[1].Len()), make([]float32, shapes[1].Len())
	n.mean, n.dmean = make([]float32, blocks*width2*lanes.Lanes), make([]float32, blocks*width2*lanes.Lanes)
	n.logits = make([]float32, blocks*classes*lanes.Lanes)
	n.scratch = make([]float32, lanes.ConvScratch(width2, width2, 3))
	return n
}

// forward computes the logits of one batch, [blocks][inputs][side1+2][side1+2][lanes].
func (n *network) forward(batch []float32, m mode) {
	k, one, two := n.k, &n.stages[0], &n.stages[1]
	halved := lanes.Shape{Blocks: n.blocks, Channels: width1, Side: side2}
	k.Conv(n.stemY, batch, n.stem.packed, one.shape, inputs, 3, false)
	n.stemNorm.apply(k, one.x[0], n.stemY, one.shape, m, false)
	k.ReLU(one.x[0], one.x[0], one.shape)
	one.forward(k, m)
	k.Halve(n.half, one.x[3], one.shape)
	k.Conv(two.x[0], n.half, n.reduce.packed, two.shape, halved.Channels, 1, false)
	two.forward(k, m)
	n.last.apply(k, n.out, two.x[3], two.shape, m, false)
	k.ReLU(n.out, n.out, two.shape)
	k.Mean(n.mean, n.out, two.shape)
	n.linear()
}

// linear computes the logits from the means.
func (n *network) linear() {
	for b := range n.blocks {
		for c := range classes {
			d := (*[lanes.Lanes]float32)(n.logits[(b*classes+c)*lanes.Lanes:])
			for l := range d {
				d[l] = n.head[classes*width2+c]
			}
			for i, w := range n.head[c*width2 : (c+1)*width2] {
				for l, v := range (*[lanes.Lanes]float32)(n.mean[(b*width2+i)*lanes.Lanes:]) {
					d[l] += float32(w * v)
				}
			}
		}
	}
}

// loss returns the mean cross-entropy of the last forward pass and replaces the logits by its gradient.
func (n *network) loss(labels []uint8) float64 {
	total, scale := 0.0, 1/float64(len(labels))
	var p [classes]float64
	for i, label := range labels {
		z := n.logits[i/lanes.Lanes*classes*lanes.Lanes+i%lanes.Lanes:]
		top := z[0]
		for c := 1; c < classes; c++ {
			top = max(top, z[c*lanes.Lanes])
		}
		sum := 0.0
		for c := range p {
			p[c] = math.Exp(float64(z[c*lanes.Lanes] - top))
			sum += p[c]
		}
		total -= math.Log(p[label] / sum)
		for c := range p {
			g := p[c] / sum
			if c == int(label) {
				g--
			}
			z[c*lanes.Lanes] = float32(g * scale)
		}
	}
	return total * scale
}

// correct counts the images whose largest logit is their label's; of equal logits the first counts.
func (n *network) correct(labels []uint8) int {
	count := 0
	for i, label := range labels {
		z := n.logits[i/lanes.Lanes*classes*lanes.Lanes+i%lanes.Lanes:]
		best := 0
		for c := 1; c < classes; c++ {
			if z[c*lanes.Lanes] > z[best*lanes.Lanes] {
				best = c
			}
		}
		if best == int(label) {
			count++
		}
	}
	return count
}

// linearGrad computes the linear layer's gradients from those by the logits.
func (n *network) linearGrad() {
	clear(n.dmean)
	clear(n.dhead)
	for b := range n.blocks {
		for c := range classes {
			g := (*[lanes.Lanes]float32)(n.logits[(b*classes+c)*lanes.Lanes:])
			sum := float32(0)
			for _, v := range g {
				sum += v
			}
			n.dhead[classes*width2+c] += sum
			for i := range width2 {
				at := (b*width2 + i) * lanes.Lanes
				x, d := (*[lanes.Lanes]float32)(n.mean[at:]), (*[lanes.Lanes]float32)(n.dmean[at:])
				w, sum := n.head[c*width2+i], float32(0)
				for l, v := range g {
					sum += float32(v * x[l])
					d[l] += float32(v * w)
				}
				n.dhead[c*width2+i] += sum
			}
		}
	}
}

// backward computes all gradients, given that by the logits.
func (n *network) backward(batch []float32) {
	k, one, two := n.k, &n.stages[0], &n.stages[1]
	halved := lanes.Shape{Blocks: n.blocks, Channels: width1, Side: side2}
	n.linearGrad()
	k.MeanGrad(n.dout, n.dmean, two.shape)
	k.ReLUGrad(n.dout, n.dout, n.out, two.shape, false)
	n.last.backward(k, two.dx[3], n.dout, two.x[3], two.shape)
	two.backward(k, n.scratch)
	k.ConvGrad(n.reduce.g, two.dx[0], n.half, n.scratch, two.shape, width1, 1)
	k.Conv(n.dhalf, two.dx[0], n.reduce.turned, halved, width2, 1, false)
	k.HalveGrad(one.dx[3], n.dhalf, one.shape)
	one.backward(k, n.scratch)
	k.ReLUGrad(one.dx[0], one.dx[0], one.x[0], one.shape, false)
	n.stemNorm.backward(k, n.stemDy, one.dx[0], n.stemY, one.shape)
	k.ConvGrad(n.stem.g, n.stemDy, batch, n.scratch, one.shape, inputs, 3)
}

// pack prepares the filters after their weights have changed.
func (n *network) pack() {
	for _, f := range n.filters {
		f.pack()
	}
}
