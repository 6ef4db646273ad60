// Package dag holds what search spaces and predictors both need to know about
// the graph of a cell: which of its operations are dead, and which other
// graphs compute the same.
//
// A Graph lists its nodes in topological order. Operations are nodes: the
// value of a node is its operation applied to the sum (or concatenation) of
// the multiset of values that reach it, so an edge may occur more than once.
// A space with operations on its edges makes each such operation a node.
//
// Three notions of "the same" build on each other:
//
//   - Prune drops what no path from an input to the output passes through.
//   - Canonical is equal for two graphs exactly if they are isomorphic.
//   - Identify is equal for two graphs exactly if they belong to one function
//     family, up to the collisions of a 128-bit hash: both are pruned, skips
//     are contracted, operations without weights are merged where they have
//     the same inputs, and the rest is compared up to isomorphism.
//
// Isomorphism is decided exactly, by color refinement and individualization
// with pruning by automorphisms (McKay and Piperno, "Practical graph
// isomorphism, II", 2014). Cells are labeled so richly that refinement alone
// nearly always decides; the search is for symmetrical ones. Many copies of
// one branch are no difficulty. A graph whose symmetry defeats the search (the
// kind that is constructed to do so) is refused with ErrTooSymmetric rather
// than given a form that might depend on the order of its nodes.
package dag
