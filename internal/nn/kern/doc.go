// Package kern holds the layers of the project's neural networks as plain
// functions over slices: forward and backward passes written out by hand,
// checked against finite differences and against PyTorch.
//
// A layer is a [Kernel]. It knows nothing of automatic differentiation; package
// fuse turns any kernel into an operation of a Gorgonia graph. Tensors are
// dense, row-major slices whose shape was agreed once, when the kernel was
// built. A kernel keeps the scratch memory of its last forward pass for the
// backward pass, so each node of a graph needs a kernel of its own, and a
// kernel is not safe for use by two goroutines.
//
// Kernels are generic over float32 and float64. float64 exists for gradient
// checks; float32 runs on AVX-512 or AVX2 when the program is built with
// GOEXPERIMENT=simd on amd64 and the processor has it, and on gonum's BLAS and
// plain loops everywhere else. Results are bit-identical from run to run, and
// between AVX-512 and AVX2: every sum has one fixed order, and nothing is computed
// in parallel except by gonum, which splits rows and columns but no sums. The
// kernels of the files named _amd64 are written for vectors of 16 numbers;
// kernels_avx2_amd64.go is made of them, and what AVX2 has of its own stands in
// avx2_amd64.go.
//
// Images of the target networks lie in lanes: a tensor of shape
// [A, G, C, H, W, 16] holds, for each of A architectures, G blocks of 16
// images, so that one vector register is one pixel of 16 images.
package kern
