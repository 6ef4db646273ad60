// Package gp predicts by Gaussian processes, which are hard to beat where
// labels are few: gp on a set of features with one length scale, gp-ard and
// gp-warp on groups of features with a length scale each, gp-wl on the
// Weisfeiler-Lehman kernel of graphs.
package gp
