// Package table turns records into the tables that people and programs read.
//
// [Compare] makes every figure once, by package stat; [Write] and
// [WriteTrials] only arrange and round them. The CSV form is long, one row a
// figure, and not rounded.
//
// Equal records give equal bytes, whatever their order, except where a trial
// stands twice (it was run again), or a predictor has several versions of
// which none is of the last run: then the later record counts.
package table
