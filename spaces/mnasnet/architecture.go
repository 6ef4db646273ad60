package mnasnet

import (
	"crypto/sha256"
	"fmt"

	"github.com/hypernas/hypernas/plugins"
)

// groups is the number of groups of layers in a network.
const groups = 7

// group is what is searched of a group: every layer of it is an inverted
// bottleneck (a 1x1 convolution that expands the channels, a depthwise
// convolution, squeeze-excite, a 1x1 convolution that projects) with the same
// choices.
type group struct {
	expansion     int // 1, 4 or 6; with 1 there is no expanding convolution
	kernel        int // side of the depthwise convolution, 3 or 5
	layers        int // 1 to 3, in the sixth group 4
	squeezeExcite bool
}

// architecture is a network of the space.
type architecture [groups]group

// Widths, strides and the stem are those of Accel-NASBench
// (configurationspaces/searchspaces.py, CustomSearchable), the rest
// EfficientNet's; that parameters come out equal for every network confirms
// both.
const (
	side         = 224 // of an image in pixels, for which multiply-adds are counted
	stemChannels = 32
	headChannels = 1280
	classes      = 1000
	// squeeze is what a group's input channels are divided by in the hidden
	// layer of squeeze-excite.
	squeeze = 4
)

// place returns the channels of a group's output and the stride of its first
// layer.
func place(g int) (channels, stride int) {
	return [groups]int{16, 24, 40, 80, 112, 192, 320}[g], [groups]int{1, 2, 2, 2, 1, 2, 1}[g]
}

// check returns an error naming the first choice that the space does not have.
func (a *architecture) check() error {
	for g, x := range a {
		most := 3
		if g == 5 {
			most = 4
		}
		switch {
		case x.expansion != 1 && x.expansion != 4 && x.expansion != 6:
			return fmt.Errorf("block%d_e is %d, want 1, 4 or 6", g, x.expansion)
		case x.kernel != 3 && x.kernel != 5:
			return fmt.Errorf("block%d_k is %d, want 3 or 5", g, x.kernel)
		case x.layers < 1 || x.layers > most:
			return fmt.Errorf("block%d_l is %d, want 1 to %d", g, x.layers, most)
		}
	}
	return nil
}

// tuple returns expansion, kernel, layers and squeeze-excite of each group in
// turn: the order of rows, and what the identity is made from.
func (a *architecture) tuple() []int {
	t := make([]int, 0, 4*groups)
	for _, x := range a {
		se := 0
		if x.squeezeExcite {
			se = 1
		}
		t = append(t, x.expansion, x.kernel, x.layers, se)
	}
	return t
}

// identity names the architecture. No two of the space's networks compute the
// same family of functions: each choice changes a trained weight's shape or
// their number, and groups stand in a row.
func (a *architecture) identity() plugins.Identity {
	sum := sha256.Sum256(fmt.Append([]byte("mnasnet "), a.tuple()))
	return plugins.Identity(sum[:16])
}

// params returns the trained parameters. Convolutions carry no bias; each is
// followed by batch normalization with two parameters a channel, except in
// squeeze-excite, whose two convolutions have biases instead.
func (a *architecture) params() int {
	conv := func(weights, channels int) int { return weights + 2*channels }
	in := stemChannels
	total := conv(3*3*3*in, in)
	for g, x := range a {
		channels, _ := place(g)
		for range x.layers {
			hidden := in * x.expansion
			if x.expansion > 1 {
				total += conv(in*hidden, hidden)
			}
			total += conv(x.kernel*x.kernel*hidden, hidden)
			if x.squeezeExcite {
				narrow := in / squeeze
				total += 2*hidden*narrow + narrow + hidden
			}
			total += conv(hidden*channels, channels)
			in = channels
		}
	}
	return total + conv(in*headChannels, headChannels) + (headChannels+1)*classes
}
