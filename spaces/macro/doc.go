// Package macro is the search space of NAS-Bench-Macro (Su et al., CVPR 2021):
// chains of eight layers, each an identity or one of two inverted residual
// blocks, all 6,561 trained three times on CIFAR-10. docs/macro.md tells what
// its accuracies are.
package macro
