// Package feature holds what predictors share in reading architectures and
// labels: encodings of a network as numbers, pruning of dead operations, and
// transforms of labels.
//
// Everything here follows from the wire form alone ([plugins.Network] and its
// vocabulary), so it works on every space, one that is not known yet
// included.
package feature
