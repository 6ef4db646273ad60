package transformer

import "github.com/hypernas/hypernas/plugins"

// PINATVersion rises whenever predictions of pinat with equal options change.
const PINATVersion = 2

// NewPINAT returns pinat, the predictor of Lu et al., "PINAT: A Permutation
// INvariance Augmented Transformer for NAS Predictor" (AAAI 2023): TNASP's
// transformer, whose embedding and layers get heads that are
// permutation-invariant functions of the sets of nodes that send to a node.
//
// Network and settings are those of the authors' code; pinat.py takes 2
// self-attention heads whatever model_factory.py says.
func NewPINAT() *Predictor {
	o := setOptions{options: published(), SetHeads: 2, SetWidth: 16}
	o.Heads = 2
	return &Predictor{
		defaults: o,
		stream:   0x70696e6174,
		description: plugins.Description{
			Name:    "pinat",
			Version: PINATVersion,
			Summary: "transformer with permutation-invariant heads, trained by regression",
			Source:  "Lu et al., PINAT: A Permutation INvariance Augmented Transformer for NAS Predictor, AAAI 2023",
			Notes: append([]string{
				"settings of github.com/ShunLu91/PINAT",
				"several searched cells are joined to one graph; tokens are its nodes, input and output among them; attributes of nodes and cells that vary over the training set are embedded beside the operation",
				"the authors' tokens on NAS-Bench-201 are the six edges, and their permutation-invariant heads see the first four of them as the nodes of the cell; here they see the same graph as attention does",
			}, notes()...),
			Options:        plugins.DescribeOptions(o),
			PredictsLabels: true,
		},
	}
}
