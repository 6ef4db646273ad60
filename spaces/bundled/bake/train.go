package bake

import (
	"math"
	"math/rand/v2"

	"github.com/hypernas/hypernas/internal/images"
	"github.com/hypernas/hypernas/internal/nb201"
	"github.com/hypernas/hypernas/internal/nn/lanes"
)

// Recipe is everything but the code that decides what a training gives.
type Recipe struct {
	Task             string  `json:"task"`       // images.Version
	ImageSeed        uint64  `json:"image_seed"` // of the pictures
	Train            int     `json:"train"`      // pictures of each split
	Validation       int     `json:"validation"`
	Test             int     `json:"test"`
	Epochs           int     `json:"epochs"`
	Batch            int     `json:"batch"`
	Rate             float32 `json:"rate"`     // the largest learning rate
	WarmUp           int     `json:"warm_up"`  // steps of linear warm-up before the cosine
	Momentum         float32 `json:"momentum"` // Nesterov's
	Decay            float32 `json:"decay"`    // weight decay, on every parameter
	Recalibration    int     `json:"recalibration_batches"`
	SkeletonEpochs   int     `json:"skeleton_epochs"` // of the reference network that the skeleton starts from
	SkeletonSeed     uint64  `json:"skeleton_seed"`
	SkeletonTraining string  `json:"skeleton_cell"`
}

// DefaultRecipe is the recipe of the bundled table. Pilots on random cells fixed it, see docs/bundled.md: with these
// pictures and this recipe, 100 cells with 2 seeds each gave tau .93 between validation and test accuracy of one run,
// .82 between the test accuracies of two seeds, and .67 between parameters and mean test accuracy.
func DefaultRecipe() Recipe {
	return Recipe{
		Task:             images.Version,
		ImageSeed:        1,
		Train:            8192,
		Validation:       2048,
		Test:             4096,
		Epochs:           4,
		Batch:            64,
		Rate:             0.3,
		WarmUp:           20,
		Momentum:         0.9,
		Decay:            5e-4,
		Recalibration:    16,
		SkeletonEpochs:   16,
		SkeletonSeed:     1,
		SkeletonTraining: "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|",
	}
}

// Streams of the generators that a seed feeds; the second half of a PCG's state. Cells use their index, which is
// below them.
const (
	orderStream    = 1 << 32
	skeletonStream = 1 << 33
)

// Trainer trains cells by a recipe. Its data are read-only once made, so goroutines share them through Seed; each
// training is single-threaded, and its result depends on recipe, skeleton, kernels, seed and cell alone.
type Trainer struct {
	recipe   Recipe
	kernels  lanes.Kernels
	cells    *nb201.Order
	train    images.Set
	recal    []batch
	held     [2][]batch // validation and test
	skeleton []float32
}

// batch is a batch of pictures in the layout of package lanes.
type batch struct {
	x      []float32
	labels []uint8
}

// Result is how many pictures of the validation and the test set one training got right.
type Result struct{ Validation, Test int }

// NewTrainer draws the pictures of a recipe. The skeleton start may be nil; NewSkeleton computes it.
func NewTrainer(r Recipe, k lanes.Kernels, skeleton []float32) *Trainer {
	t := &Trainer{recipe: r, kernels: k, cells: nb201.NewOrder(), skeleton: skeleton}
	t.train = images.Draw(images.Training, r.Train, r.ImageSeed)
	t.recal = pack(t.train, natural(r.Recalibration*r.Batch), r.Batch)
	t.held[0] = pack(images.Draw(images.Validation, r.Validation, r.ImageSeed), natural(r.Validation), r.Batch)
	t.held[1] = pack(images.Draw(images.Test, r.Test, r.ImageSeed), natural(r.Test), r.Batch)
	return t
}

// natural returns 0, 1, ..., n-1.
func natural(n int) []int {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	return order
}

// pack lays out pictures in an order as whole batches; each 2x2 square of pixels becomes four channels.
func pack(s images.Set, order []int, size int) []batch {
	shape := lanes.Shape{Blocks: size / lanes.Lanes, Channels: inputs, Side: side1}
	batches := make([]batch, len(order)/size)
	for b := range batches {
		x, labels := make([]float32, shape.Len()), make([]uint8, size)
		for i, from := range order[b*size : (b+1)*size] {
			labels[i] = s.Labels[from]
			picture := s.Pixels[from*images.Side*images.Side:][:images.Side*images.Side]
			for c := range inputs {
				for y := range side1 {
					for col := range side1 {
						x[shape.At(i/lanes.Lanes, c, y, col)+i%lanes.Lanes] = picture[(2*y+c/2)*images.Side+2*col+c%2]
					}
				}
			}
		}
		batches[b] = batch{x, labels}
	}
	return batches
}

// epochs returns the batches of all epochs of a seed. The order of the pictures depends on the seed and not on the
// cell, so cells of one seed see the same batches.
func (t *Trainer) epochs(seed uint64, n int) []batch {
	src := rand.NewPCG(seed, orderStream)
	order := natural(t.recipe.Train)
	var batches []batch
	for range n {
		for i := len(order) - 1; i > 0; i-- {
			j := below(src, i+1)
			order[i], order[j] = order[j], order[i]
		}
		batches = append(batches, pack(t.train, order, t.recipe.Batch)...)
	}
	return batches
}

// Seed is one training seed's batches, which goroutines may share.
type Seed struct {
	trainer *Trainer
	seed    uint64
	batches []batch
}

// Seed prepares a training seed. It holds all epochs in memory, 50 MB by the default recipe.
func (t *Trainer) Seed(seed uint64) *Seed {
	return &Seed{t, seed, t.epochs(seed, t.recipe.Epochs)}
}

// Train trains the cell of an index of NATS-Bench's order and returns what it gets right.
func (s *Seed) Train(index int) Result {
	t := s.trainer
	n := newNetwork(t.kernels, t.cells.Cell(index), t.recipe.Batch/lanes.Lanes)
	copy(n.weights, t.skeleton)
	n.start(rand.NewPCG(s.seed, uint64(index)), false)
	t.fit(n, s.batches)
	t.recalibrate(n)
	return Result{count(n, t.held[0]), count(n, t.held[1])}
}

// NewSkeleton trains the reference network from scratch, on training pictures only, and returns the weights of stem,
// reduction and normalizations that every network of the bundled space starts from. Only the cell's weights are random
// in a training, which is what makes one training's ranking reliable: initialization is most of the seeds' variance.
func (t *Trainer) NewSkeleton() ([]float32, error) {
	c, err := nb201.Parse(t.recipe.SkeletonTraining)
	if err != nil {
		return nil, err
	}
	n := newNetwork(t.kernels, c, t.recipe.Batch/lanes.Lanes)
	n.start(rand.NewPCG(t.recipe.SkeletonSeed, skeletonStream), true)
	t.fit(n, t.epochs(t.recipe.SkeletonSeed, t.recipe.SkeletonEpochs))
	return n.weights[:skeletonLen:skeletonLen], nil
}

// start draws the weights of the cells' convolutions, and with all those of the skeleton's, uniformly with He's
// variance 2/fan-in (He et al., ICCV 2015, eq. 10), and sets scales to one. Biases and the linear layer stay zero.
func (n *network) start(src *rand.PCG, all bool) {
	for i, f := range n.filters {
		if i < 2 && !all { // the stem and the reduction
			continue
		}
		limit := math.Sqrt(6 / float64(f.cin*f.k*f.k))
		for j := range f.w {
			u := float64(src.Uint64()>>40)/(1<<23) - 1
			f.w[j] = float32(u * limit)
		}
	}
	for i, b := range n.norms {
		if i < 2 && !all { // the stem's and the last
			continue
		}
		for c := range b.gamma {
			b.gamma[c] = 1
		}
	}
}

// fit takes one step a batch.
func (t *Trainer) fit(n *network, batches []batch) {
	n.pack()
	for i, b := range batches {
		n.forward(b.x, batchStatistics)
		n.loss(b.labels)
		n.backward(b.x)
		n.k.Step(n.weights, n.speed, n.grads, t.rate(i, len(batches)), t.recipe.Momentum, t.recipe.Decay)
		n.pack()
	}
}

// rate is the learning rate of a step: linear warm-up, then a cosine to zero.
func (t *Trainer) rate(step, steps int) float32 {
	if step < t.recipe.WarmUp {
		return t.recipe.Rate * float32(step+1) / float32(t.recipe.WarmUp)
	}
	done := float64(step-t.recipe.WarmUp) / float64(steps-t.recipe.WarmUp)
	return float32(float64(t.recipe.Rate) * 0.5 * (1 + math.Cos(math.Pi*done)))
}

// recalibrate replaces batch statistics by their means over some training batches.
func (t *Trainer) recalibrate(n *network) {
	for _, b := range t.recal {
		n.forward(b.x, collect)
	}
	scale := 1 / float32(len(t.recal))
	for _, b := range n.norms {
		for c := range b.mean {
			b.mean[c], b.variance[c] = b.sumMean[c]*scale, b.sumVariance[c]*scale
		}
	}
}

// count returns how many pictures of some batches a network gets right.
func count(n *network, batches []batch) int {
	sum := 0
	for _, b := range batches {
		n.forward(b.x, fixedStatistics)
		sum += n.correct(b.labels)
	}
	return sum
}
