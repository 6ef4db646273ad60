// Package split draws which architectures a predictor trains on and which it
// is tested on. A draw depends on the preset, the plan's seed, the split's
// number and the identities of the space's architectures, and on nothing
// else: not on the order of spaces, predictors or workers, not on budgets
// (the training rows of a smaller budget are the first of a larger one's).
//
// # The permutation
//
// Every split of a space starts with one permutation, of identities or of
// rows as the preset says. It is a Fisher-Yates shuffle from the last place
// down; the place is drawn from ChaCha8 by Lemire's method (the high word of
// a 64x64-bit product, with rejection); the generator's key is the SHA-256 of
// the text
//
//	hypernas split v1
//	preset NAME
//	seed N
//	number N
//	identities HEX
//	PURPOSE
//
// of five lines and the purpose ("draw" or "pool", without a newline), where
// HEX is the SHA-256 of the concatenated identities: the distinct ones in
// ascending order where identities are drawn, those of all rows in the
// space's order where rows are drawn.
//
// Rows are handed out in the order of the permutation, so their order says
// nothing about where they stand in the space. The same order breaks ties of
// metrics; see package metric.
package split
