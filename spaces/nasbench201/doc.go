// Package nasbench201 is the search space of NAS-Bench-201 (Dong and Yang,
// ICLR 2020), the topology space of NATS-Bench (Dong et al., TPAMI 2021): all
// 15,625 cells, trained on CIFAR-10, CIFAR-100 and ImageNet16-120.
// docs/nasbench201.md says what its columns are and where they come from.
package nasbench201
