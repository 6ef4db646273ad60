// Package darts is the search space of DARTS (Liu et al., ICLR 2019) on
// CIFAR-10 with accuracies that surrogates of NAS-Bench-301 (Zela et al., ICLR
// 2022) predict: a neural network that values any genotype, and 1,218
// genotypes that were valued by gradient boosting. No label here was measured
// by training; docs/darts.md says what that means.
package darts
