// Package tree fits ensembles of regression trees to few rows: random forests,
// extra trees and gradient boosting on histograms.
//
// A design matrix has a row an observation and a column a feature; all its
// values are finite. A tree sends a row to the left where its feature is at
// most a node's threshold. Fits are deterministic: they depend on the data,
// the options and the seed, not on the number of goroutines.
//
// The rules (candidates, ties, thresholds, least sizes of leaves) are those of
// scikit-learn 1.2, whose outputs the tests compare with.
package tree
