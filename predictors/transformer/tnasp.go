package transformer

import "github.com/hypernas/hypernas/plugins"

// TNASPVersion rises whenever predictions of tnasp with equal options change.
const TNASPVersion = 2

// NewTNASP returns tnasp, the predictor of Lu et al., "TNASP: A Transformer-based
// NAS Predictor with a Self-evolution Framework" (NeurIPS 2021).
//
// The authors' code is unpublished. The form of the network and the settings are
// those of the same authors' PINAT, whose encoder is TNASP's with
// permutation-invariant parts added: those are left out here, and all four heads
// are self-attention's.
func NewTNASP() *Predictor {
	o := published()
	o.Heads = 4
	return &Predictor{
		defaults: setOptions{options: o},
		stream:   0x746e617370,
		description: plugins.Description{
			Name:    "tnasp",
			Version: TNASPVersion,
			Summary: "transformer with the Laplacian for positions, trained by regression",
			Source:  "Lu et al., TNASP: A Transformer-based NAS Predictor with a Self-evolution Framework, NeurIPS 2021",
			Notes: append([]string{
				"without the self-evolution framework, which trains on evaluations of the predictor's own results",
				"the authors' code is unpublished: network and settings are those of their PINAT (github.com/ShunLu91/PINAT) less its permutation-invariant parts, with all four heads attending",
				"several searched cells are joined to one graph; tokens are its nodes, input and output among them (the authors' are the six edges on NAS-Bench-201); attributes of nodes and cells that vary over the training set are embedded beside the operation",
			}, notes()...),
			Options:        plugins.DescribeOptions(o),
			PredictsLabels: true,
		},
	}
}
