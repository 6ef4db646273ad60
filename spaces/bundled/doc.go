// Package bundled is the search space that hypernas carries with it: the
// 5,260 distinct cells of NAS-Bench-201's topology, each really trained on
// generated pictures with several seeds. Nothing in its table is a formula;
// docs/bundled.md says how the table came about, and package bake holds the
// trainer that made it.
package bundled
