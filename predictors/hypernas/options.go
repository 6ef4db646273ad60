package hypernas

import (
	"fmt"

	"github.com/hypernas/hypernas/plugins"
)

// options are what a user may choose. Doc comments of the package say where
// each default comes from.
type options struct {
	Global        string  `option:"global" doc:"what the nodes of a cell learn of the cells before it" choices:"on,positional,off"`
	Hypernetwork  bool    `option:"hypernetwork" doc:"train on auxiliary images too; false is the paper's HyperNAS-P"`
	Q             float64 `option:"q" doc:"power of the adaptive loss"`
	Attached      bool    `option:"attached" doc:"let the gradient pass through the power of the adaptive loss"`
	Rank          float64 `option:"rank" doc:"weight of a pairwise ranking loss beside the squared error"`
	Prune         bool    `option:"prune" doc:"remove dead operations first"`
	Norm          bool    `option:"norm" doc:"normalize after each graph layer"`
	Loops         bool    `option:"loops" doc:"give every node an edge to itself"`
	Pool          string  `option:"pool" doc:"how a cell's nodes are pooled" choices:"sum,mean"`
	Width         int     `option:"width" doc:"width of the encoder"`
	Layers        int     `option:"layers" doc:"number of graph layers"`
	Hidden        int     `option:"hidden" doc:"width of the regressor's and the hypernetwork's hidden layers"`
	Dropout       float64 `option:"dropout" doc:"probability of dropout in the regressor"`
	Epochs        int     `option:"epochs" doc:"passes over the training set"`
	Batch         int     `option:"batch" doc:"architectures in a training step"`
	Rate          float64 `option:"rate" doc:"highest learning rate of the one-cycle schedule"`
	Decay         float64 `option:"decay" doc:"weight decay of AdamW"`
	Members       int     `option:"members" doc:"independently trained networks whose predictions are averaged"`
	TargetBatch   int     `option:"target_batch" doc:"architectures of a step whose target network is evaluated"`
	TargetCells   int     `option:"target_cells" doc:"most cells in a target network; a longer sequence is thinned out evenly"`
	TargetWidth   int     `option:"target_width" doc:"channels of the target network"`
	TargetImages  int     `option:"target_images" doc:"auxiliary images in a step, a multiple of 16"`
	AuxiliaryPool int     `option:"aux_pool" doc:"auxiliary images in all, a multiple of target_images"`
}

// defaults returns the recipe.
func defaults() options {
	return options{
		Global: "on", Hypernetwork: true, Q: 1.5,
		Prune: true, Norm: true, Loops: true, Pool: "sum",
		Width: 64, Layers: 3, Hidden: 64, Dropout: .1,
		Epochs: 60, Batch: 16, Rate: 1e-3, Decay: 1e-3, Members: 3,
		TargetBatch: 4, TargetCells: 4, TargetWidth: 4, TargetImages: 32, AuxiliaryPool: 640,
	}
}

// check returns an error wrapping plugins.ErrOption if a value makes no sense.
func (o *options) check() error {
	if err := checkInts([]intRange{
		{"width", o.Width, 1, 4096, 1},
		{"layers", o.Layers, 1, 64, 1},
		{"hidden", o.Hidden, 1, 4096, 1},
		{"epochs", o.Epochs, 1, 1e6, 1},
		{"batch", o.Batch, 1, 4096, 1},
		{"members", o.Members, 1, 100, 1},
		{"target_batch", o.TargetBatch, 1, 4096, 1},
		{"target_cells", o.TargetCells, 1, 1024, 1},
		{"target_width", o.TargetWidth, 1, 256, 1},
		{"target_images", o.TargetImages, 16, 4096, 16},
		{"aux_pool", o.AuxiliaryPool, o.TargetImages, 1 << 20, o.TargetImages},
	}); err != nil {
		return err
	}
	return checkFloats([]floatRange{
		{"q", o.Q, 1, 10},
		{"rank", o.Rank, 0, 1e3},
		{"dropout", o.Dropout, 0, .9},
		{"rate", o.Rate, 1e-9, 1},
		{"decay", o.Decay, 0, 10},
	})
}

// intRange is an option's value, its least and largest, and what it must be a
// multiple of.
type intRange struct {
	name       string
	value      int
	low, top   int
	multipleOf int
}

func checkInts(list []intRange) error {
	for _, n := range list {
		if n.value < n.low || n.value > n.top || n.value%n.multipleOf != 0 {
			multiple := ""
			if n.multipleOf > 1 {
				multiple = fmt.Sprintf(", in multiples of %d", n.multipleOf)
			}
			return fmt.Errorf("%w: %s=%d; it takes %d to %d%s", plugins.ErrOption, n.name, n.value, n.low, n.top, multiple)
		}
	}
	return nil
}

// floatRange is an option's value, its least and largest.
type floatRange struct {
	name     string
	value    float64
	low, top float64
}

func checkFloats(list []floatRange) error {
	for _, x := range list {
		if !(x.value >= x.low && x.value <= x.top) {
			return fmt.Errorf("%w: %s=%v; it takes %v to %v", plugins.ErrOption, x.name, x.value, x.low, x.top)
		}
	}
	return nil
}
