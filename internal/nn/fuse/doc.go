// Package fuse runs kernels of package kern inside Gorgonia: it is the one
// place that knows both.
//
// A network is built as a [Graph]: inputs, shared [Parameter] weights, and
// kernels applied to nodes. Gorgonia differentiates the graph and runs it on its
// tape machine; a whole layer is one operation there, forward and backward. A
// [Trainer] then takes steps: the caller writes the next batch into the inputs'
// memory, which was bound once, and calls Step. A [Machine] only evaluates.
// Graphs that share parameters share weights, so a network can be trained on
// one shape of batch and evaluated on another.
//
// Shapes are fixed when a graph is built: a short batch is padded, and masks and
// weights of zero keep the padding from changing any result.
package fuse
