// Package lanes holds the kernels for training many small convolutional networks on one core each: convolutions,
// batch normalization, pooling and an optimizer step, forward and backward, on float32.
//
// Sixteen images lie side by side in the innermost dimension, so one vector is one pixel of sixteen images: there is no
// im2col, there are no tails, and every operation is the same few instructions. Weight gradients and batch statistics
// are summed lane by lane over a batch, and the lanes are then added in one fixed order.
//
// Builds with GOEXPERIMENT=simd on amd64 have vector kernels, chosen by a check of the processor when the program runs:
// AVX-512, and AVX2 with the same bits. Everywhere else plain Go computes the same sums in the same order, but rounds
// products before it adds them, so results differ in the last bits.
package lanes
