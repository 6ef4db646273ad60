// Package mnasnet is the search space of Accel-NASBench (Ahmad et al., DAC
// 2024): mobile networks of seven groups of inverted bottlenecks, trained on
// ImageNet, with throughput and latency on six devices. docs/mnasnet.md tells
// what it holds.
package mnasnet
