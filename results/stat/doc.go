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
// what is missing. [Impute] fills gaps where a caller asks for it.
//
// # Which question, which function
//
//   - How good is a predictor in a cell (space, budget)? [Summarize].
//   - Which are as good as the best of a cell? [Compare]: paired t, Holm. A
//     rank test can't decide there: with five splits no exact p-value lies
//     below .0625.
//   - How far apart are two? [Paired], or [Bootstrap] without normality.
//   - Which is better over many cells? [OverCells]: Friedman, then Wilcoxon
//     with Holm; [Overall.Tied] and [Overall.Nemenyi] are the bars of a
//     critical-difference diagram.
//   - How many labels does it take? [Reach], [Fewer], [Area].
//   - Is it the split or the seed? [Vary]. How many splits are needed?
//     [Needed].
package stat
