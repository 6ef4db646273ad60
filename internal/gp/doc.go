// Package gp holds Gaussian processes for a few hundred labels.
//
// [Fit] is the multi-kernel process of this project's leading recipe: groups
// of features with a length scale each in one product kernel, a linear kernel
// beside each, the labels' warp learned together with them, and log-normal
// priors that make all of it a matter of one maximum a posteriori.
// [FitIsotropic] is the plain process with one length scale, by marginal
// likelihood. [FitKernels] chooses among kernels that are given as matrices.
//
// All fits are deterministic: they start from one point and use no random
// numbers. Rows are flat slices of float64, one row after the other.
package gp
