package flow

import (
	"cmp"
	"math/rand/v2"

	"github.com/hypernas/hypernas/internal/nn/fit"
	"github.com/hypernas/hypernas/internal/nn/fuse"
	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/predictors/feature"
)

// GATESVersion rises whenever predictions of gates with equal options change.
const GATESVersion = 1

// gatesOptions are what a user of gates may choose.
type gatesOptions struct {
	Width     int     `option:"width" doc:"width of the flow"`
	Layers    int     `option:"layers" doc:"steps of the flow"`
	Embedding int     `option:"embedding" doc:"width of the operations' embeddings"`
	Hidden    int     `option:"hidden" doc:"width of the fully connected layer"`
	Margin    float64 `option:"margin" doc:"margin of the pairwise hinge loss"`
	Dropout   float64 `option:"dropout" doc:"probability of dropout in the head"`
	Epochs    int     `option:"epochs" doc:"passes over the training set"`
	Batch     int     `option:"batch" doc:"architectures in a training step"`
	Rate      float64 `option:"rate" doc:"learning rate of Adam"`
	Decay     float64 `option:"decay" doc:"weight decay, as part of Adam's gradient"`
	Members   int     `option:"members" doc:"networks whose predictions are averaged"`
	Prune     bool    `option:"prune" doc:"remove dead operations first"`
	Contract  bool    `option:"contract" doc:"replace skips, and the seams of joined cells, by edges"`
}

// gatesDefaults returns the published recipe: width 128, 4 layers, embeddings of 48,
// fully connected 200, dropout .1, Adam with learning rate 1e-3 throughout, margin
// .1: examples/research/gates/nbc_flow_gcn128x4.yaml. That file has 80 epochs,
// where the paper (section 4.1) has 200, as here; its batches of 512 would be the
// whole of a small training set.
func gatesDefaults() gatesOptions {
	return gatesOptions{
		Width: 128, Layers: 4, Embedding: 48, Hidden: 200, Margin: .1, Dropout: .1,
		Epochs: 200, Batch: 16, Rate: 1e-3, Members: 1,
	}
}

// check returns an error wrapping plugins.ErrOption if a value makes no sense.
func (o *gatesOptions) check() error {
	return cmp.Or(
		feature.CheckRange("width", o.Width, 1, 4096),
		feature.CheckRange("layers", o.Layers, 1, 64),
		feature.CheckRange("embedding", o.Embedding, 1, 4096),
		feature.CheckRange("hidden", o.Hidden, 1, 4096),
		feature.CheckRange("epochs", o.Epochs, 1, 1e6),
		feature.CheckRange("batch", o.Batch, 1, 4096),
		feature.CheckRange("members", o.Members, 1, 100),
		checkTraining(o.Margin, o.Dropout, o.Rate, o.Decay),
	)
}

// NewGATES returns gates, the encoder of Ning et al., "A Generic Graph-based
// Neural Architecture Encoding Scheme for Predictor-based NAS" (ECCV 2020, arXiv
// 2004.01899): what a network is given flows along the edges of its graph, and
// operations are gates on its way; a perceptron on the sum of what all nodes
// received gives the score, and a pairwise hinge loss trains it.
//
// Settings are those of the authors' code, github.com/walkerning/aw_nas.
func NewGATES() *Predictor {
	return &Predictor{
		stream: 0x676174650000,
		choose: func(given map[string]string) (recipe, error) {
			o := gatesDefaults()
			err := plugins.SetOptions(&o, given)
			return o.recipe(), cmp.Or(err, o.check())
		},
		description: plugins.Description{
			Name:    "gates",
			Version: GATESVersion,
			Summary: "information flows along a graph through operations that are gates, trained by pairwise hinge loss",
			Source:  "Ning et al., A Generic Graph-based Neural Architecture Encoding Scheme for Predictor-based NAS, ECCV 2020, arXiv 2004.01899",
			Notes: []string{
				"settings of github.com/walkerning/aw_nas (nbc_flow_gcn128x4.yaml), but for two: 200 epochs as in the paper, where that file has 80, and batches of 16, since its batches of 512 would be the whole of a small training set",
				"operations are nodes on every space, on NAS-Bench-201 too, where the authors' code has them on edges; an operation that yields zeros lets nothing through, as there",
				"every pair of a batch counts in the loss, not a random choice of four times as many pairs as architectures",
				"several searched cells are joined to one graph; attributes of nodes and cells that vary over the training set stand beside the one-hot operation",
				"dead operations are not removed and skips not taken for edges, as published (prune=true and contract=true do: on NAS-Bench-201 with 78 labels tau .76 against .67)",
				"predictions are scores: they order architectures and mean nothing else",
			},
			Options: plugins.DescribeOptions(gatesDefaults()),
		},
	}
}

func (o *gatesOptions) recipe() recipe {
	return recipe{
		members: o.Members, prune: o.Prune, contract: o.Contract,
		model: func(v *plugins.Vocabulary, nodes *feature.Nodes, largest int, rng *rand.Rand) fit.Model[feature.Graph] {
			return newGATES(o, v, nodes, largest, rng)
		},
		train: func(_ int) fit.Options {
			return fit.Options{
				Epochs: o.Epochs, Batch: o.Batch, Loss: fit.PairwiseHinge(o.Margin),
				Adam: fuse.AdamOptions{Decay: o.Decay, Coupled: true}, Rate: fit.Constant(o.Rate),
			}
		},
	}
}
