// Package transnas is the micro space of TransNAS-Bench-101 (Duan et al.,
// CVPR 2021): 4,096 cells, trained on seven tasks of computer vision.
// docs/transnas.md says what its columns are and where they come from.
package transnas
