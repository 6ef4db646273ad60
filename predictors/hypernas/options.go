package hypernas

import (
	"cmp"
	"fmt"

	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/predictors/feature"
)

// options are what a user may choose. Their texts end with where the default
// comes from: the paper; left open there, and if so settled by an ablation; or
// ours. The package's comment says more.
type options struct {
	Global        string  `option:"global" doc:"what the nodes of a cell learn of the cells before it (paper)" choices:"on,positional,off"`
	Hypernetwork  bool    `option:"hypernetwork" doc:"train on auxiliary images too; false is the paper's HyperNAS-P (paper)"`
	Loss          string  `option:"loss" doc:"how the losses of both tasks are joined: the adaptive loss, or their sum, which has no q (paper)" choices:"adaptive,sum"`
	Q             float64 `option:"q" doc:"power of the adaptive loss (paper)"`
	Attached      bool    `option:"attached" doc:"let the gradient pass through the power of the adaptive loss (open; by ablation)"`
	Rank          float64 `option:"rank" doc:"weight of a pairwise ranking loss beside the squared error (ours; off)"`
	Prune         bool    `option:"prune" doc:"remove dead operations first (ours)"`
	Norm          bool    `option:"norm" doc:"normalize after each graph layer (ours)"`
	Loops         bool    `option:"loops" doc:"give every node an edge to itself (ours)"`
	Pool          string  `option:"pool" doc:"how a cell's nodes are pooled (open; by ablation)" choices:"sum,mean"`
	Width         int     `option:"width" doc:"width of the encoder (open)"`
	Layers        int     `option:"layers" doc:"number of graph layers (paper)"`
	Hidden        int     `option:"hidden" doc:"width of the regressor's and the hypernetwork's hidden layers (open)"`
	Dropout       float64 `option:"dropout" doc:"probability of dropout in the regressor (open)"`
	Epochs        int     `option:"epochs" doc:"passes over the training set (open; on tuning splits)"`
	Batch         int     `option:"batch" doc:"architectures in a training step (open)"`
	Rate          float64 `option:"rate" doc:"highest learning rate of the one-cycle schedule (open)"`
	Decay         float64 `option:"decay" doc:"weight decay of AdamW (open)"`
	Members       int     `option:"members" doc:"independently trained networks whose predictions are averaged (ours)"`
	TargetBatch   int     `option:"target_batch" doc:"architectures of a step whose target network is evaluated (open)"`
	TargetCells   int     `option:"target_cells" doc:"most cells in a target network; a longer sequence is thinned out evenly (open)"`
	TargetWidth   int     `option:"target_width" doc:"channels of the target network (open)"`
	TargetImages  int     `option:"target_images" doc:"auxiliary images in a step, a multiple of 16 (open)"`
	Auxiliary     string  `option:"aux" doc:"auxiliary images: generated, cifar10 (fetched by hypernas data get cifar10), or a folder of data_batch_*.bin in CIFAR-10's binary form, by its absolute path (paper, which has CIFAR-10)"`
	AuxiliaryPool int     `option:"aux_pool" doc:"auxiliary images in all, a multiple of target_images (open)"`
	Export        string  `option:"export" doc:"folder, by its absolute path, in which each trial makes one (its log says which) for the weights that the first network generates for the labelled architectures; see docs/predictors.md; none if empty (paper)"`
}

// defaults returns the recipe.
func defaults() options {
	return options{
		Global: "on", Hypernetwork: true, Loss: "adaptive", Q: 1.5,
		Prune: true, Norm: true, Loops: true, Pool: "sum",
		Width: 64, Layers: 3, Hidden: 64, Dropout: .1,
		Epochs: 300, Batch: 16, Rate: 1e-3, Decay: 1e-3, Members: 3,
		TargetBatch: 4, TargetCells: 4, TargetWidth: 4, TargetImages: 32, Auxiliary: auxGenerated, AuxiliaryPool: 640,
	}
}

// check returns an error wrapping plugins.ErrOption if a value makes no sense, or
// one that was given.
func (o *options) check(given map[string]string) error {
	if err := cmp.Or(
		checkSilence(
			given,
			silence{"hypernetwork=false", !o.Hypernetwork, []string{
				"loss", "q", "attached", "target_batch", "target_cells", "target_width", "target_images", "aux", "aux_pool",
			}},
			silence{"loss=sum", o.Loss == "sum", []string{"q", "attached"}},
		),
		feature.CheckRange("width", o.Width, 1, 1024),
		feature.CheckRange("layers", o.Layers, 1, 32),
		feature.CheckRange("hidden", o.Hidden, 1, 1024),
		feature.CheckRange("epochs", o.Epochs, 1, 1e6),
		feature.CheckRange("batch", o.Batch, 1, 4096),
		feature.CheckRange("members", o.Members, 1, 100),
		feature.CheckRange("target_batch", o.TargetBatch, 1, mostTargets(given, o.Batch)),
		feature.CheckRange("target_cells", o.TargetCells, 1, 1024),
		feature.CheckRange("target_width", o.TargetWidth, 1, 64),
		checkMultiple("target_images", o.TargetImages, 16, 1024, 16),
		feature.CheckRange("q", o.Q, 1, 10),
		feature.CheckRange("rank", o.Rank, 0, 1e3),
		feature.CheckRange("dropout", o.Dropout, 0, .9),
		feature.CheckRange("rate", o.Rate, 1e-9, 1),
		feature.CheckRange("decay", o.Decay, 0, 10),
		checkAuxiliary(o.Auxiliary),
		checkExport(o),
	); err != nil {
		return err
	}
	return checkMultiple("aux_pool", o.AuxiliaryPool, o.TargetImages, 1<<16, o.TargetImages)
}

// checkMultiple is [feature.CheckRange] of a multiple of a number.
func checkMultiple(name string, value, low, top, of int) error {
	if err := feature.CheckRange(name, value, low, top); err != nil || value%of != 0 {
		return fmt.Errorf("%w: %s=%d; it takes %d to %d, in multiples of %d", plugins.ErrOption, name, value, low, top, of)
	}
	return nil
}

// silence is options that say nothing beside the value of another, where it is in
// force.
type silence struct {
	value   string
	inForce bool
	options []string
}

// mostTargets is the most that a user can give as target_batch: not more than
// there are in a batch.
func mostTargets(given map[string]string, batch int) int {
	const most = 1024
	if _, ok := given["target_batch"]; ok {
		return min(most, batch)
	}
	return most
}

// checkSilence returns an error wrapping plugins.ErrOption if a given option says
// nothing: two rows of a table would then be called differently and be the same.
func checkSilence(given map[string]string, rules ...silence) error {
	for _, r := range rules {
		for _, name := range r.options {
			if _, ok := given[name]; ok && r.inForce {
				return fmt.Errorf("%w: %s says nothing beside %s", plugins.ErrOption, name, r.value)
			}
		}
	}
	return nil
}
