// Package results holds what a run leaves behind: one [Record] a trial, the
// files they are kept in, and (in its subpackages) the statistics, tables and
// plots that are made from records alone.
package results
