// Package metric scores predictions against targets. Its functions are pure:
// equal arguments give equal bits.
//
// Values are oriented so that larger is better. NaN among them is the
// caller's error and makes the result meaningless; slices of different
// lengths panic. A metric that is not defined on its arguments (a correlation
// with a constant, a top 10 of 7 rows) is reported so, never as 0.
//
// # Ties
//
// Where rows with equal values compete for a place (top K, N@K, regret), the
// row that stands first is placed first. Callers hand rows in an order that
// was drawn for the split, the same for all predictors; that order is the
// permutation that breaks ties, so a file of predictions in that order is all
// that is needed to score them again.
package metric
