package fuse

import (
	"encoding/binary"
	"fmt"
	"hash"
	"hash/fnv"
	"unsafe"

	"github.com/chewxy/hm"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/hypernas/hypernas/internal/nn/kern"
)

// op is what all our Gorgonia operations share: fixed shapes, a result in memory
// of their own, and a serial number that keeps Gorgonia from merging two of
// them.
type op struct {
	name      string
	serial    uint64
	signature hm.Type
	in        [][]int
	out       []int // nil for a scalar
}

func (o *op) Arity() int           { return len(o.in) }
func (o *op) Type() hm.Type        { return o.signature }
func (o *op) ReturnsPtr() bool     { return false }
func (o *op) CallsExtern() bool    { return false }
func (o *op) OverwritesInput() int { return -1 }
func (o *op) String() string       { return fmt.Sprintf("%s#%d", o.name, o.serial) }

func (o *op) InferShape(...gorgonia.DimSizer) (tensor.Shape, error) {
	return tensor.Shape(o.out).Clone(), nil
}

func (o *op) WriteHash(h hash.Hash) {
	// Writing to a hash never fails.
	_, _ = h.Write([]byte(o.name))
	_, _ = h.Write(binary.LittleEndian.AppendUint64(nil, o.serial))
}

func (o *op) Hashcode() uint32 {
	h := fnv.New32a()
	o.WriteHash(h)
	return h.Sum32()
}

// signature returns the type of a function of tensors of the given shapes.
func signature[T kern.Float](in [][]int, out []int) hm.Type {
	types := make([]hm.Type, 0, len(in)+1)
	for _, s := range append(append([][]int{}, in...), out) {
		if len(s) == 0 {
			types = append(types, dtype[T]())
		} else {
			types = append(types, gorgonia.TensorType{Dims: len(s), Of: dtype[T]()})
		}
	}
	return hm.NewFnType(types...)
}

// elements returns the memory of a value: a dense tensor or a scalar.
func elements[T kern.Float](v gorgonia.Value) ([]T, error) {
	switch v := v.(type) {
	case *tensor.Dense:
		if v.RequiresIterator() {
			return nil, fmt.Errorf("a tensor of shape %v and strides %v is not contiguous", v.Shape(), v.Strides())
		}
		if dtype[T]() == tensor.Float32 {
			if s, ok := any(v.Float32s()).([]T); ok {
				return s, nil
			}
		} else if s, ok := any(v.Float64s()).([]T); ok {
			return s, nil
		}
	case *gorgonia.F32:
		if s, ok := any(unsafe.Slice((*float32)(v), 1)).([]T); ok {
			return s, nil
		}
	case *gorgonia.F64:
		if s, ok := any(unsafe.Slice((*float64)(v), 1)).([]T); ok {
			return s, nil
		}
	}
	return nil, fmt.Errorf("a value of type %T, want tensors of %v", v, dtype[T]())
}

// result is memory for what an operation returns, and the value that wraps it.
type result[T kern.Float] struct {
	value gorgonia.Value
	data  []T
}

func newResult[T kern.Float](shape []int) (result[T], error) {
	r := result[T]{value: scalar[T](0)}
	if len(shape) > 0 {
		r.value = dense(shape, make([]T, kern.Size(shape)))
	}
	var err error
	r.data, err = elements[T](r.value)
	return r, err
}

// readTo stores the memory of each value.
func readTo[T kern.Float](dst [][]T, values []gorgonia.Value) error {
	for i, v := range values {
		var err error
		if dst[i], err = elements[T](v); err != nil {
			return err
		}
	}
	return nil
}

// forward is a kernel's forward pass.
type forward[T kern.Float] struct {
	op
	graph          *Graph[T]
	kernel         kern.Kernel[T]
	differentiable []bool
	result         result[T]
	args           [][]T
}

func newForward[T kern.Float](g *Graph[T], k kern.Kernel[T], in [][]int, out []int, differentiable []bool) *forward[T] {
	f := &forward[T]{
		op:     op{name: fmt.Sprintf("%T", k), serial: g.next(), signature: signature[T](in, out), in: in, out: out},
		graph:  g,
		kernel: k, differentiable: differentiable,
		args: make([][]T, len(in)),
	}
	var err error
	if f.result, err = newResult[T](out); err != nil {
		g.fail(err)
	}
	return f
}

// Do runs the kernel.
func (f *forward[T]) Do(values ...gorgonia.Value) (gorgonia.Value, error) {
	if err := readTo(f.args, values); err != nil {
		return nil, fmt.Errorf("%s: %w", f.name, err)
	}
	if err := f.graph.check(); err != nil {
		return nil, err
	}
	f.kernel.Forward(f.result.data, f.args)
	return f.result.value, nil
}

// DiffWRT says which inputs lead to a parameter.
func (f *forward[T]) DiffWRT(int) []bool { return f.differentiable }

// SymDiff adds one backward operation, which computes all gradients at once, and
// a pick for each.
func (f *forward[T]) SymDiff(inputs gorgonia.Nodes, output, grad *gorgonia.Node) (gorgonia.Nodes, error) {
	b := &backward[T]{
		op:      op{name: f.name + " backward", serial: f.graph.next()},
		graph:   f.graph,
		kernel:  f.kernel,
		forward: len(inputs),
		args:    make([][]T, len(inputs)+2),
		grads:   make([][]T, len(inputs)),
	}
	b.in = append(append(append([][]int{}, f.in...), f.out), f.out)
	total := 0
	for i, d := range f.differentiable {
		if d {
			total += kern.Size(f.in[i])
		}
	}
	b.out = []int{total}
	b.signature = signature[T](b.in, b.out)
	var err error
	if b.result, err = newResult[T](b.out); err != nil {
		return nil, err
	}
	packed := b.result.data
	picks := make([]*pick[T], len(inputs))
	for i, d := range f.differentiable {
		if !d {
			continue
		}
		n := kern.Size(f.in[i])
		b.grads[i] = packed[:n:n]
		if picks[i], err = newPick(f.graph, b, f.in[i], b.grads[i]); err != nil {
			return nil, err
		}
		packed = packed[n:]
	}
	// The output is an argument so that it is still there, whatever else the
	// machine has done since.
	node, err := gorgonia.ApplyOp(b, append(append(gorgonia.Nodes{}, inputs...), output, grad)...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", b.name, err)
	}
	grads := make(gorgonia.Nodes, len(inputs))
	for i, p := range picks {
		if p == nil {
			continue
		}
		if grads[i], err = gorgonia.ApplyOp(p, node); err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return grads, nil
}

// backward is a kernel's backward pass. Its arguments are the kernel's inputs,
// its output and the gradient with respect to that; its result is one vector of
// all gradients.
type backward[T kern.Float] struct {
	op
	graph   *Graph[T]
	kernel  kern.Kernel[T]
	forward int // number of the kernel's inputs
	result  result[T]
	args    [][]T
	grads   [][]T // views of the result; nil where none is wanted
}

// Do runs the kernel backward.
func (b *backward[T]) Do(values ...gorgonia.Value) (gorgonia.Value, error) {
	if err := readTo(b.args, values); err != nil {
		return nil, fmt.Errorf("%s: %w", b.name, err)
	}
	if err := b.graph.check(); err != nil {
		return nil, err
	}
	n := b.forward
	b.kernel.Backward(b.grads, b.args[:n], b.args[n], b.args[n+1])
	return b.result.value, nil
}

// pick returns one gradient of a backward operation.
type pick[T kern.Float] struct {
	op
	from  []T // the gradient inside the backward operation's result
	value gorgonia.Value
	copy  []T // the value's memory where it can't be a view: a scalar
}

func newPick[T kern.Float](g *Graph[T], b *backward[T], shape []int, from []T) (*pick[T], error) {
	p := &pick[T]{
		op:   op{name: "gradient", serial: g.next(), signature: signature[T]([][]int{b.out}, shape), in: [][]int{b.out}, out: shape},
		from: from,
	}
	if len(shape) > 0 {
		p.value = dense(shape, from)
		return p, nil
	}
	r, err := newResult[T](shape)
	p.value, p.copy = r.value, r.data
	return p, err
}

// Do returns the view.
func (p *pick[T]) Do(...gorgonia.Value) (gorgonia.Value, error) {
	copy(p.copy, p.from)
	return p.value, nil
}

// collect comes last: it keeps its arguments alive to the end of a run, so that
// nothing reuses their memory, and remembers where they lie.
type collect[T kern.Float] struct {
	op
	values [][]T
	done   gorgonia.Value
}

// Do remembers its arguments.
func (c *collect[T]) Do(values ...gorgonia.Value) (gorgonia.Value, error) {
	if c.done == nil {
		c.done = scalar[T](0)
	}
	return c.done, readTo(c.values, values)
}
