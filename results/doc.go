// Package results holds what a run leaves behind: one [Record] a trial, the
// files they are kept in, and (in its subpackages) the statistics, tables and
// plots that are made from records alone.
//
// # A run's folder
//
//	records.jsonl          one record a line, only ever appended to
//	predictions/KEY.npy    raw predictions of the trial with that key
//	manifest.json          what tables must know of plan, spaces and predictors
//	run.lock               held while a run writes to the folder
//
// A trial that ran twice (it had failed, or was forced) has two records; the
// last one counts, see [Latest].
//
// Nothing that was finished is lost when a run or the machine is killed: a
// record is on disk before the next trial of its worker starts, files that
// are replaced are written beside and renamed, and a line that was cut short
// is reported by [Read] and removed by the next run, whose trial runs again.
package results
