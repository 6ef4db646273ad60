package macro

import (
	"fmt"

	"github.com/hypernas/hypernas/internal/dag"
	"github.com/hypernas/hypernas/plugins"
)

// Op is what a layer is, numbered as the architecture strings number it.
type Op uint8

// The layers: nothing (in the first place of a stage a 1x1 convolution of
// stride two), and MobileNetV2's inverted residual with kernel 3 and expansion
// 3, or kernel 5 and expansion 6.
const (
	Identity Op = iota
	MB3K3
	MB6K5
)

const numOps = 3

func (op Op) expansion() int { return [numOps]int{0, 3, 6}[op] }
func (op Op) kernel() int    { return [numOps]int{0, 3, 5}[op] }

// NumLayers is the number of layers.
const NumLayers = 8

// Arch is an architecture: its layers from the image to the classifier.
type Arch [NumLayers]Op

// String returns the architecture as NAS-Bench-Macro writes it, a digit a
// layer.
func (a Arch) String() string {
	var digits [NumLayers]byte
	for i, op := range a {
		digits[i] = '0' + byte(op)
	}
	return string(digits[:])
}

// Parse reads an architecture string.
func Parse(s string) (Arch, error) {
	var a Arch
	if len(s) != NumLayers {
		return Arch{}, fmt.Errorf("architecture %.40q: want %d digits", s, NumLayers)
	}
	for i := range a {
		if s[i] < '0' || s[i] >= '0'+numOps {
			return Arch{}, fmt.Errorf("architecture %q: want 0, 1 or 2 at byte %d", s, i)
		}
		a[i] = Op(s[i] - '0')
	}
	return a, nil
}

// The network around the layers (github.com/xiusu/NAS-Bench-Macro,
// train/model.py): a 3x3 convolution from the image, three stages of layers,
// a 1x1 convolution, the mean over pixels, a linear layer.
const (
	imageSide    = 32
	stemChannels = 32
	headChannels = 1280
	classes      = 10
)

// place is where a layer stands. The first layer of a stage halves the side
// and doubles the channels.
type place struct {
	first         bool
	in, out       int // channels
	stride        int
	sideIn, after int // sides of input and output, in pixels
}

// places returns the places of the layers, in stages of 2, 3 and 3.
func places() [NumLayers]place {
	var list [NumLayers]place
	c, side, i := stemChannels, imageSide, 0
	for _, layers := range [3]int{2, 3, 3} {
		for k := range layers {
			p := place{first: k == 0, in: c, out: c, stride: 1, sideIn: side, after: side}
			if p.first {
				c, side = 2*c, side/2
				p.out, p.stride, p.after = c, 2, side
			}
			list[i] = p
			i++
		}
	}
	return list
}

// cost returns the trainable parameters and the multiply-adds of convolutions
// and linear layer for one image: NAS-Bench-Macro's own two numbers. Every
// convolution is followed by a batch normalization with scale and shift.
func (a Arch) cost() (params, flops int) {
	conv := func(weights, out, side int) {
		params += weights + 2*out
		flops += weights * side * side
	}
	conv(3*3*3*stemChannels, stemChannels, imageSide)
	at := places()
	for i, op := range a {
		p := at[i]
		switch {
		case op != Identity:
			hidden := op.expansion() * p.in
			conv(p.in*hidden, hidden, p.sideIn)
			conv(op.kernel()*op.kernel()*hidden, hidden, p.after)
			conv(hidden*p.out, p.out, p.after)
		case p.first:
			conv(p.in*p.out, p.out, p.after)
		}
	}
	last := at[NumLayers-1]
	conv(last.out*headChannels, headChannels, last.after)
	return params + (headChannels+1)*classes, flops + headChannels*classes
}

// graph returns the architecture's function of what the stem puts out. An
// identity that is not the first layer of its stage is no layer at all.
func (a Arch) graph() dag.Graph {
	g := dag.Graph{{Kind: dag.Input}}
	value := 0
	add := func(kind dag.Kind, label string, in ...int) int {
		g = append(g, dag.Node{Kind: kind, Label: label, In: in})
		return len(g) - 1
	}
	for i, p := range places() {
		op := a[i]
		switch {
		case op != Identity:
			expand := add(dag.Weighted, fmt.Sprintf("expand %d", op.expansion()), value)
			depthwise := add(dag.Weighted, fmt.Sprintf("depthwise %d stride %d", op.kernel(), p.stride), expand)
			project := add(dag.Weighted, fmt.Sprintf("project to %d", p.out), depthwise)
			if p.first {
				value = project
			} else {
				value = add(dag.Skip, "", project, value)
			}
		case p.first:
			value = add(dag.Weighted, fmt.Sprintf("convolution to %d stride %d", p.out, p.stride), value)
		}
	}
	add(dag.Output, "", value)
	return g
}

// identity returns the identity of an architecture.
func (a Arch) identity(w *dag.Identifier) (plugins.Identity, error) {
	id, err := w.Identify(a.graph())
	if err != nil {
		return plugins.Identity{}, fmt.Errorf("identify %v: %w", a, err)
	}
	return plugins.Identity(id), nil
}
