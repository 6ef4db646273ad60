// Package autoformer is the search spaces of AutoFormer (Chen et al., ICCV
// 2021): vision transformers of three sizes whose ImageNet accuracy is
// inherited from a supernet, as Ho et al. (NeurIPS 2024) measured them.
// docs/autoformer.md tells what they hold.
package autoformer
