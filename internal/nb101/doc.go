// Package nb101 is the topology of NAS-Bench-101 (Ying et al., ICML 2019):
// modules of at most seven vertices and nine edges with one of three
// operations on each inner vertex, the hash that names them, their network's
// parameters and multiply-adds, and the enumeration of all 423,624.
//
// A module's network is a 3x3 convolution to 128 channels, three stacks of
// three modules with a 2x2 max pooling and twice the channels between stacks,
// global average pooling and a linear layer (model_builder.py of
// google-research/nasbench). In a module every edge from the input is a
// projection, a 1x1 convolution with normalization and weights of its own;
// the values that reach an inner vertex are summed; those that reach the
// output from inner vertices are concatenated, and the input's projection, if
// there is that edge, is added to the concatenation.
package nb101
