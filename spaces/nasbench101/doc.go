// Package nasbench101 is NAS-Bench-101 (Ying et al., ICML 2019) as a search
// space: the 30,001 modules that a visualization published by hash with one
// training run each, or all 423,624 with three runs each from the official
// file, once Import has read it.
//
// Files carry hashes where graphs are wanted, so every module is enumerated
// and hashed once (package nb101) and the result kept in the cache.
// docs/nasbench101.md tells what columns and identities mean.
package nasbench101
