// Package stat turns the values of trials into the statistics that tables and
// plots show. It reads and writes nothing, rounds nothing, and decides by
// itself what may be said of incomplete data, so that no renderer has to.
//
// # The unit is the split
//
// Trials of one split share their training and test rows, so they are no
// independent observations. Several predictor seeds on one split are averaged
// first, and every interval is one over splits.
//
// # Gaps
//
// Where a trial failed or its metric is undefined there is no mean: the
// trials that are left are the ones that happened to work. Counts say
// what is missing.
package stat
