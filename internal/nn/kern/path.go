package kern

// paths are the arithmetics that kernels of float32 can run on beside plain Go,
// the fastest first, as far as build and processor have them.
var paths = vectorPaths() //nolint:gochecknoglobals // what the processor has doesn't change

// vec is the one in use; nil is plain Go.
var vec = fastest() //nolint:gochecknoglobals // tests alone change it

func fastest() *vectorKernels {
	if len(paths) == 0 {
		return nil
	}
	return paths[0]
}

// vectorKernels are the functions that have a vector path. They take float32
// operands of the lengths that the functions have checked which call them.
type vectorKernels struct {
	name string

	mulTo func(dst, a, b []float32, m, n, k, rs, cs int, add bool)

	addTo             func(dst, x []float32)
	mulElementsTo     func(dst, x, y []float32)
	reluTo            func(dst, x []float32)
	halfReLUsTo       func(dst, x, y []float32)
	gateTo            func(dst, g, x []float32, scale float32)
	standardizeTo     func(dst, x []float32, eps float32) uint32 // the bits of the factor
	standardizeGradTo func(dst, g, hat []float32, scale float32)
	adamTo            func(w, m, v, g []float32, s AdamStep)

	expTo         func(dst, x []float32)
	sigmoidTo     func(dst, x []float32)
	sigmoidGradTo func(dst, through, x, gate []float32)

	convTo                func(dst, src, weights []float32, f filter)
	filterGradTo          func(dst, padded, gout []float32, f filter)
	standardizeMapsTo     func(dst, scale, src []float32, m maps, eps float32)
	standardizeMapsGradTo func(dst, gout, hat, scale []float32, m maps)
	averageTo             func(dst, src []float32, m maps, transposed bool)
	maximumTo             func(dst, src []float32, m maps)
	maximumGradTo         func(dst, gout, src []float32, m maps)

	depthTo           func(dst, padded, weights []float32, d depth)
	depthFilterGradTo func(dst, padded, gout []float32, d depth)
	dotPixelsTo       func(dst, x, y []float32)
	scalePixelsTo     func(dst, x, factor, shift []float32)

	attendTo     func(dst, soft, q, k, v []float32, n int)
	attendGradTo func(dst, gout, soft, q, k, v []float32, n int)
}

// Path names the arithmetic that kernels of float32 run on: "avx512", "avx2" or
// "portable". The first two give the same bits; portable ones round otherwise.
func Path() string {
	if vec != nil {
		return vec.name
	}
	return "portable"
}
