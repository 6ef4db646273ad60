// Package plot draws figures for papers: Kendall tau over the number of
// labels, predictions against true values, critical-difference diagrams, and
// cost against tau.
//
// Every figure is as wide as a column of a two-column paper. Predictors differ
// by line style and marker as well as by color, so that figures can be read in
// grey; the colors are those of Okabe and Ito, which color-blind readers can
// tell apart (https://jfly.uni-koeln.de/color/, 2008).
//
// Figures show what packages stat and table computed, and compute nothing.
// Equal figures give equal bytes.
package plot
