package onnx

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/hypernas/hypernas/internal/nn/kern"
)

// Tensor is a dense, row-major array of float32, or of integers where Floats
// is nil. An empty shape is a scalar.
type Tensor struct {
	Shape  []int
	Floats []float32
	Ints   []int64
}

// maxElements bounds what one evaluation may allocate, in elements: a
// malformed file must not exhaust memory. The surrogate needs under 5,000 for
// each of its rows.
const maxElements = 1 << 22

var errTooLarge = fmt.Errorf("more than %d elements", maxElements)

// size returns the number of elements of a shape.
func size(shape []int) (int, error) {
	n := 1
	for _, d := range shape {
		if d < 0 {
			return 0, fmt.Errorf("shape %v", shape)
		}
		if d > 0 && n > maxElements/d {
			return 0, errTooLarge
		}
		n *= d
	}
	return n, nil
}

// Run evaluates the model and returns its outputs in the file's order. inputs
// holds a tensor for each of the model's inputs. Tensors that are returned may
// share memory with the model and with inputs, so nobody may change them. Run may be
// called from several goroutines.
func (m *Model) Run(inputs map[string]*Tensor) ([]*Tensor, error) {
	e := evaluation{left: maxElements}
	values := make([]*Tensor, len(m.slots))
	for slot, t := range m.initial {
		values[slot] = t
	}
	for _, name := range m.inputs {
		t := inputs[name]
		if t == nil {
			return nil, fmt.Errorf("no input %q", name)
		}
		n, err := size(t.Shape)
		if err == nil && n != len(t.Floats)+len(t.Ints) {
			err = fmt.Errorf("%d elements for shape %v", len(t.Floats)+len(t.Ints), t.Shape)
		}
		if err != nil {
			return nil, within(fmt.Sprintf("input %q", name), err)
		}
		values[m.slots[name]] = t
	}
	var in []*Tensor
	for i := range m.nodes {
		n := &m.nodes[i]
		in = in[:0]
		for _, slot := range n.in {
			in = append(in, values[slot])
		}
		out, err := n.operate(&e, n, in)
		if err != nil {
			return nil, within(n.name, err)
		}
		values[n.out] = out
	}
	outputs := make([]*Tensor, len(m.outputs))
	for i, name := range m.outputs {
		outputs[i] = values[m.slots[name]]
	}
	return outputs, nil
}

// evaluation is the state of one Run.
type evaluation struct {
	left       int // elements that may still be allocated
	multiplier kern.Multiplier[float32]
}

// allocate returns a tensor of zeros of the type that like has.
func (e *evaluation) allocate(shape []int, like *Tensor) (*Tensor, error) {
	n, err := size(shape)
	if err != nil {
		return nil, err
	}
	if e.left -= n; e.left < 0 {
		return nil, errTooLarge
	}
	t := &Tensor{Shape: slices.Clone(shape)}
	if like.Ints != nil {
		t.Ints = make([]int64, n)
	} else {
		t.Floats = make([]float32, n)
	}
	return t, nil
}

// operator computes the output of a node from its inputs.
type operator func(e *evaluation, n *node, in []*Tensor) (*Tensor, error)

// variadic is the number of inputs of an operator that takes one or more.
const variadic = -1

// signature is an operator with what it takes.
type signature struct {
	operate operator
	inputs  int
	attrs   []string
}

func (s *signature) takes(attr string) bool { return slices.Contains(s.attrs, attr) }

// operators returns the operator called name.
func operators(name string) (signature, bool) {
	switch name {
	case "Add":
		return signature{elementwise(func(x, y float32) float32 { return x + y }), 2, nil}, true
	case "Sub":
		return signature{elementwise(func(x, y float32) float32 { return x - y }), 2, nil}, true
	case "Mul":
		return signature{elementwise(func(x, y float32) float32 { return x * y }), 2, nil}, true
	case "Div":
		return signature{elementwise(func(x, y float32) float32 { return x / y }), 2, nil}, true
	case "Cast":
		return signature{cast, 1, []string{"to"}}, true
	case "Concat":
		return signature{concat, variadic, []string{"axis"}}, true
	case "Constant":
		return signature{constant, 0, []string{"value"}}, true
	case "ConstantOfShape":
		return signature{constantOfShape, 1, []string{"value"}}, true
	case "Gather":
		return signature{gather, 2, []string{"axis"}}, true
	case "Gemm":
		return signature{gemm, 3, []string{"alpha", "beta", "transA", "transB"}}, true
	case "Selu":
		return signature{selu, 1, []string{"alpha", "gamma"}}, true
	case "Shape":
		return signature{shapeOf, 1, nil}, true
	case "Sigmoid":
		return signature{sigmoid, 1, nil}, true
	case "Unsqueeze":
		return signature{unsqueeze, 1, []string{"axes"}}, true
	}
	return signature{}, false
}

var errNotFloats = errors.New("an input is not of float32")

// elementwise returns an operator on two tensors of float32, of which each is
// repeated along the axes in which it has length 1 or which it lacks in front
// (numpy's broadcasting).
func elementwise(f func(x, y float32) float32) operator {
	return func(e *evaluation, _ *node, in []*Tensor) (*Tensor, error) {
		x, y := in[0], in[1]
		if x.Floats == nil || y.Floats == nil {
			return nil, errNotFloats
		}
		rank := max(len(x.Shape), len(y.Shape))
		shape := make([]int, rank)
		xs, ys := make([]int, rank), make([]int, rank) // strides, 0 where repeated
		xStride, yStride := 1, 1
		for axis := rank - 1; axis >= 0; axis-- {
			dx, dy := 1, 1
			if i := axis - rank + len(x.Shape); i >= 0 {
				dx = x.Shape[i]
			}
			if i := axis - rank + len(y.Shape); i >= 0 {
				dy = y.Shape[i]
			}
			if dx != dy && dx != 1 && dy != 1 {
				return nil, fmt.Errorf("shapes %v and %v do not go together", x.Shape, y.Shape)
			}
			shape[axis] = dx
			if dx == 1 {
				shape[axis] = dy
			} else {
				xs[axis] = xStride
			}
			if dy != 1 {
				ys[axis] = yStride
			}
			xStride *= dx
			yStride *= dy
		}
		out, err := e.allocate(shape, x)
		if err != nil {
			return nil, err
		}
		at := make([]int, rank)
		ix, iy := 0, 0
		for i := range out.Floats {
			out.Floats[i] = f(x.Floats[ix], y.Floats[iy])
			for axis := rank - 1; axis >= 0; axis-- {
				at[axis]++
				ix += xs[axis]
				iy += ys[axis]
				if at[axis] < shape[axis] {
					break
				}
				ix -= at[axis] * xs[axis]
				iy -= at[axis] * ys[axis]
				at[axis] = 0
			}
		}
		return out, nil
	}
}

func cast(e *evaluation, n *node, in []*Tensor) (*Tensor, error) {
	if to := n.attrs["to"].int; to != typeFloat {
		return nil, fmt.Errorf("cast to data type %d, want float (1)", to)
	}
	if in[0].Ints == nil {
		return in[0], nil
	}
	out, err := e.allocate(in[0].Shape, &Tensor{})
	if err != nil {
		return nil, err
	}
	for i, v := range in[0].Ints {
		out.Floats[i] = float32(v)
	}
	return out, nil
}

// axisOf returns an attribute that is an axis of a tensor of a rank, counted
// from the end where it is negative.
func axisOf(axis int64, rank int) (int, error) {
	if axis < 0 {
		axis += int64(rank)
	}
	if axis < 0 || axis >= int64(rank) {
		return 0, fmt.Errorf("axis %d of %d", axis, rank)
	}
	return int(axis), nil
}

func concat(e *evaluation, n *node, in []*Tensor) (*Tensor, error) {
	first := in[0]
	axis, err := axisOf(n.attrs["axis"].int, len(first.Shape))
	if err != nil {
		return nil, err
	}
	shape := slices.Clone(first.Shape)
	for _, t := range in[1:] {
		if (t.Ints == nil) != (first.Ints == nil) || len(t.Shape) != len(shape) ||
			!slices.Equal(t.Shape[:axis], shape[:axis]) || !slices.Equal(t.Shape[axis+1:], shape[axis+1:]) {
			return nil, fmt.Errorf("shapes %v and %v, or their types, do not go together along axis %d", first.Shape, t.Shape, axis)
		}
		shape[axis] += t.Shape[axis]
	}
	out, err := e.allocate(shape, first)
	if err != nil {
		return nil, err
	}
	outer := product(shape[:axis])
	at := 0
	for i := range outer {
		for _, t := range in {
			block := product(t.Shape[axis:])
			if t.Ints != nil {
				copy(out.Ints[at:], t.Ints[i*block:(i+1)*block])
			} else {
				copy(out.Floats[at:], t.Floats[i*block:(i+1)*block])
			}
			at += block
		}
	}
	return out, nil
}

// product returns the number of elements of a part of a tensor's shape.
func product(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

func constant(_ *evaluation, n *node, _ []*Tensor) (*Tensor, error) {
	if t := n.attrs["value"].tensor; t != nil {
		return t, nil
	}
	return nil, errors.New("no value")
}

func constantOfShape(e *evaluation, n *node, in []*Tensor) (*Tensor, error) {
	if in[0].Ints == nil || len(in[0].Shape) != 1 {
		return nil, errors.New("a shape that is no row of integers")
	}
	shape := make([]int, len(in[0].Ints))
	for i, d := range in[0].Ints {
		if d < 0 || d > maxElements {
			return nil, fmt.Errorf("dimension %d", d)
		}
		shape[i] = int(d)
	}
	value := n.attrs["value"].tensor
	if value == nil {
		value = &Tensor{Floats: []float32{0}}
	}
	if len(value.Floats)+len(value.Ints) != 1 {
		return nil, fmt.Errorf("a value of shape %v, want one element", value.Shape)
	}
	out, err := e.allocate(shape, value)
	if err != nil {
		return nil, err
	}
	for i := range out.Floats {
		out.Floats[i] = value.Floats[0]
	}
	for i := range out.Ints {
		out.Ints[i] = value.Ints[0]
	}
	return out, nil
}

// gather takes slices of its first input along an axis, at the indices that
// its second holds.
func gather(e *evaluation, n *node, in []*Tensor) (*Tensor, error) {
	data, indices := in[0], in[1]
	axis, err := axisOf(n.attrs["axis"].int, len(data.Shape))
	if err != nil {
		return nil, err
	}
	if indices.Ints == nil {
		return nil, errors.New("indices that are no integers")
	}
	out, err := e.allocate(slices.Concat(data.Shape[:axis], indices.Shape, data.Shape[axis+1:]), data)
	if err != nil {
		return nil, err
	}
	length, inner := data.Shape[axis], product(data.Shape[axis+1:])
	at := 0
	for i := range product(data.Shape[:axis]) {
		for k, index := range indices.Ints {
			if index < 0 {
				index += int64(length)
			}
			if index < 0 || index >= int64(length) {
				return nil, fmt.Errorf("index %d (element %d) of %d", indices.Ints[k], k, length)
			}
			from := (i*length + int(index)) * inner
			if data.Ints != nil {
				copy(out.Ints[at:], data.Ints[from:from+inner])
			} else {
				copy(out.Floats[at:], data.Floats[from:from+inner])
			}
			at += inner
		}
	}
	return out, nil
}

// gemm computes x w + bias, with w transposed if transB says so: what a linear
// layer is exported as. alpha, beta and transA must have their defaults.
func gemm(e *evaluation, n *node, in []*Tensor) (*Tensor, error) {
	x, w, bias := in[0], in[1], in[2]
	for _, name := range []string{"alpha", "beta"} {
		if a, given := n.attrs[name]; given && a.float != 1 {
			return nil, fmt.Errorf("%s is %v, want 1", name, a.float)
		}
	}
	if n.attrs["transA"].int != 0 {
		return nil, errors.New("transA is set")
	}
	if x.Floats == nil || w.Floats == nil || bias.Floats == nil {
		return nil, errNotFloats
	}
	order, inputs, outputs := kern.NN, 0, 1
	if n.attrs["transB"].int != 0 {
		order, inputs, outputs = kern.NT, 1, 0
	}
	if len(x.Shape) != 2 || len(w.Shape) != 2 || x.Shape[1] != w.Shape[inputs] || !slices.Equal(bias.Shape, []int{w.Shape[outputs]}) {
		return nil, fmt.Errorf("shapes %v, %v and %v do not go together", x.Shape, w.Shape, bias.Shape)
	}
	rows, depth, width := x.Shape[0], x.Shape[1], w.Shape[outputs]
	out, err := e.allocate([]int{rows, width}, x)
	if err != nil {
		return nil, err
	}
	for i := range rows {
		copy(out.Floats[i*width:], bias.Floats)
	}
	e.multiplier.MulTo(out.Floats, x.Floats, w.Floats, order, rows, width, depth, true)
	return out, nil
}

// The defaults of Selu's attributes: those of the operator's definition, which
// are float32.
const (
	seluAlpha = 1.67326319217681884765625
	seluGamma = 1.05070102214813232421875
)

func selu(e *evaluation, n *node, in []*Tensor) (*Tensor, error) {
	alpha, gamma := float32(seluAlpha), float32(seluGamma)
	if a, given := n.attrs["alpha"]; given {
		alpha = a.float
	}
	if a, given := n.attrs["gamma"]; given {
		gamma = a.float
	}
	return e.apply(in[0], func(x float32) float32 {
		if x > 0 {
			return gamma * x
		}
		return gamma * alpha * float32(math.Expm1(float64(x)))
	})
}

func sigmoid(e *evaluation, _ *node, in []*Tensor) (*Tensor, error) {
	return e.apply(in[0], func(x float32) float32 { return float32(1 / (1 + math.Exp(-float64(x)))) })
}

// apply returns f of each element.
func (e *evaluation) apply(x *Tensor, f func(float32) float32) (*Tensor, error) {
	if x.Floats == nil {
		return nil, errNotFloats
	}
	out, err := e.allocate(x.Shape, x)
	if err != nil {
		return nil, err
	}
	for i, v := range x.Floats {
		out.Floats[i] = f(v)
	}
	return out, nil
}

func shapeOf(_ *evaluation, _ *node, in []*Tensor) (*Tensor, error) {
	out := &Tensor{Shape: []int{len(in[0].Shape)}, Ints: make([]int64, len(in[0].Shape))}
	for i, d := range in[0].Shape {
		out.Ints[i] = int64(d)
	}
	return out, nil
}

// unsqueeze inserts axes of length 1 at the given places of the result.
func unsqueeze(_ *evaluation, n *node, in []*Tensor) (*Tensor, error) {
	axes := n.attrs["axes"].ints
	rank := len(in[0].Shape) + len(axes)
	inserted := make([]bool, rank)
	for _, a := range axes {
		axis, err := axisOf(a, rank)
		if err != nil {
			return nil, err
		}
		if inserted[axis] {
			return nil, fmt.Errorf("axis %d twice", axis)
		}
		inserted[axis] = true
	}
	out := *in[0]
	out.Shape = make([]int, 0, rank)
	rest := in[0].Shape
	for _, one := range inserted {
		if one {
			out.Shape = append(out.Shape, 1)
		} else {
			out.Shape = append(out.Shape, rest[0])
			rest = rest[1:]
		}
	}
	return &out, nil
}
