// Package harness runs plans. A [Plan] names spaces, predictors, budgets,
// splits and seeds; each combination is a trial: one fit and its predictions
// in one fresh process, whose outcome is one results.Record.
//
// The harness knows processes by its own interfaces ([Launcher], [Process])
// and spaces by plugins.Space; what stands behind them is the caller's.
//
// # What a run promises
//
// Trials are taken in the order spaces, splits, budgets, predictors, repeats,
// by as many workers as there are. A trial depends on the plan, the space's
// data and the predictor alone, so predictions and metrics are the same to
// the bit for any number of workers.
//
// A trial that goes wrong (a start, fit or prediction that fails or takes too
// long, predictions that are not finite or too few) is a record with its
// reason, and the others run on. A run that is cancelled leaves no record of
// the trials that were running.
//
// A run skips trials whose key (see [Trial.Key]) has a successful record in
// its folder; it runs those that are missing, and once more those that
// failed: the newest record of a key counts.
package harness
