package lanes

// Lanes is the number of images that lie side by side, one in each lane of a vector.
const Lanes = 16

// Shape is the shape of a tensor of feature maps: [Blocks][Channels][Side+2][Side+2][Lanes], images in blocks of
// Lanes, one zero pixel of padding on every side. Side is a multiple of four.
type Shape struct{ Blocks, Channels, Side int }

// Row is the number of floats of a padded row.
func (s Shape) Row() int { return (s.Side + 2) * Lanes }

// Plane is the number of floats of one padded channel of one block.
func (s Shape) Plane() int { return (s.Side + 2) * s.Row() }

// Len is the number of floats of the whole tensor.
func (s Shape) Len() int { return s.Blocks * s.Channels * s.Plane() }

// At is the offset of the first lane of a pixel, which is counted without the padding.
func (s Shape) At(block, channel, y, x int) int {
	return (block*s.Channels+channel)*s.Plane() + (y+1)*s.Row() + (x+1)*Lanes
}

// Pixels is the number of values of one channel over all images.
func (s Shape) Pixels() int { return s.Blocks * Lanes * s.Side * s.Side }

// Kernels are the operations on tensors of feature maps. Every one of them reads the zero padding of its sources where
// it needs it and writes the inner pixels of its destination only, so padding that was zero stays zero. With add, the
// result is added to the destination; without, it replaces it. Destinations don't overlap sources unless said.
type Kernels interface {
	// Path names the implementation: "avx512", "avx2" or "portable".
	Path() string

	// Conv writes the convolution of src (cin channels) by weights that PackConv packed into dst, with stride one and
	// zero padding; k is 1 or 3. The gradient by the input is the same with weights of PackConvT.
	Conv(dst, src, packed []float32, out Shape, cin, k int, add bool)
	// ConvGrad writes the gradient by the weights, [cout][cin][k*k], given the output's gradient dy (of shape out) and
	// the input. scratch holds at least ConvScratch floats.
	ConvGrad(dw, dy, src, scratch []float32, out Shape, cin, k int)

	// Moments writes each channel's mean and (biased) variance over all images and pixels.
	Moments(mean, variance, src []float32, s Shape)
	// GradMoments writes, for each channel, the sum of dz and the sum of dz*(y-mean).
	GradMoments(sum, prod, dz, y, mean []float32, s Shape)
	// Affine writes a[c]*src + b[c].
	Affine(dst, src, a, b []float32, s Shape, add bool)
	// AffineGrad writes p[c]*dz + q[c]*y + r[c].
	AffineGrad(dst, dz, y, p, q, r []float32, s Shape)

	// ReLU writes max(src, 0). dst may be src.
	ReLU(dst, src []float32, s Shape)
	// ReLUGrad writes dy where r > 0 and zero elsewhere. dst may be dy.
	ReLUGrad(dst, dy, r []float32, s Shape, add bool)
	// Copy writes src, or adds it.
	Copy(dst, src []float32, s Shape, add bool)

	// Pool3 writes the 3x3 average with stride one over the pixels that exist (PyTorch's count_include_pad=False).
	Pool3(dst, src []float32, s Shape, add bool)
	// Pool3Grad writes the gradient of Pool3 by its input.
	Pool3Grad(dst, dy []float32, s Shape, add bool)
	// Halve writes 2x2 averages; in is the shape of src.
	Halve(dst, src []float32, in Shape)
	// HalveGrad writes the gradient of Halve by its input; in is the shape of dst.
	HalveGrad(dst, dy []float32, in Shape)
	// Mean writes each image's mean over the pixels of each channel, [Blocks][Channels][Lanes].
	Mean(dst, src []float32, s Shape)
	// MeanGrad writes the gradient of Mean by its input.
	MeanGrad(dst, dy []float32, s Shape)

	// Step takes one step of stochastic gradient descent with Nesterov momentum and weight decay, as
	// torch.optim.SGD does: g += decay*w; v = momentum*v + g; w -= rate*(g + momentum*v).
	Step(w, v, g []float32, rate, momentum, decay float32)
}

// Portable returns the kernels in plain Go.
func Portable() Kernels { return portable{} }

// Available returns the kernels that this build and this processor have, slowest first.
func Available() []Kernels { return available() }

// Best returns the fastest of them.
func Best() Kernels {
	ks := available()
	return ks[len(ks)-1]
}

// packSlack is how many floats a packed filter is longer than its weights: kernels load four at a time.
const packSlack = 3

// PackedLen is the length of packed weights.
func PackedLen(cout, cin, k int) int { return cout*cin*k*k + packSlack }

// PackConv packs weights [cout][cin][k*k] for Conv as [cout/2][cin][k*k][2].
func PackConv(dst, w []float32, cout, cin, k int) {
	kk := k * k
	n := cin * kk
	for co := 0; co < cout; co += 2 {
		a, b := w[co*n:(co+1)*n], w[(co+1)*n:(co+2)*n]
		d := dst[co*n : (co+2)*n]
		for i := range a {
			d[2*i], d[2*i+1] = a[i], b[i]
		}
	}
}

// PackConvT packs weights [cout][cin][k*k] for the convolution that takes the output's gradient back to the input:
// channels change places and the taps are turned by half a turn.
func PackConvT(dst, w []float32, cout, cin, k int) {
	kk := k * k
	for ci := 0; ci < cin; ci += 2 {
		d := dst[ci*cout*kk : (ci+2)*cout*kk]
		i := 0
		for co := range cout {
			a := w[(co*cin+ci)*kk : (co*cin+ci+1)*kk]
			b := w[(co*cin+ci+1)*kk : (co*cin+ci+2)*kk]
			for t := kk - 1; t >= 0; t-- {
				d[i], d[i+1] = a[t], b[t]
				i += 2
			}
		}
	}
}

// ConvScratch is the number of floats of scratch that ConvGrad needs.
func ConvScratch(cout, cin, k int) int { return cout * cin * k * k * Lanes }

// fold sums sixteen lanes in the one order that all paths keep: halves onto each other, down to one.
func fold(v *[Lanes]float32) float32 {
	var u [4]float32
	for i := range u {
		u[i] = (v[i] + v[i+8]) + (v[i+4] + v[i+12])
	}
	return (u[0] + u[2]) + (u[1] + u[3])
}
