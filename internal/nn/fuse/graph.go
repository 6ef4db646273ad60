package fuse

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/hypernas/hypernas/internal/nn/kern"
)

// Parameter is a tensor that training changes. Graphs that use one parameter
// share its memory.
type Parameter[T kern.Float] struct {
	Name  string
	Shape []int
	Data  []T
}

// NewParameter returns a parameter of zeros. One that is too large for any graph
// has no memory; graphs refuse it.
func NewParameter[T kern.Float](name string, shape ...int) *Parameter[T] {
	p := &Parameter[T]{Name: name, Shape: shape}
	if n := bounded(shape); n <= Largest {
		p.Data = make([]T, n)
	}
	return p
}

// Fill sets every element to v and returns p.
func (p *Parameter[T]) Fill(v T) *Parameter[T] {
	for i := range p.Data {
		p.Data[i] = v
	}
	return p
}

// Uniform draws every element from [-bound, bound) and returns p.
func (p *Parameter[T]) Uniform(rng *rand.Rand, bound float64) *Parameter[T] {
	for i := range p.Data {
		p.Data[i] = T(bound * (2*rng.Float64() - 1))
	}
	return p
}

// Normal draws every element from the normal distribution of mean 0 and the
// given deviation, as PyTorch does for an embedding, with 1, and returns p.
func (p *Parameter[T]) Normal(rng *rand.Rand, deviation float64) *Parameter[T] {
	for i := range p.Data {
		p.Data[i] = T(deviation * rng.NormFloat64())
	}
	return p
}

// Xavier draws a weight matrix [in, out] from the uniform distribution of
// Glorot and Bengio (2010, equation 16) and returns p.
func (p *Parameter[T]) Xavier(rng *rand.Rand) *Parameter[T] {
	return p.Uniform(rng, math.Sqrt(6/float64(p.Shape[0]+p.Shape[1])))
}

// Kaiming draws every element from [-1/sqrt(inputs), 1/sqrt(inputs)), as PyTorch
// does by default for weights and biases of a linear layer or convolution with
// that many inputs to each output, and returns p.
func (p *Parameter[T]) Kaiming(rng *rand.Rand, inputs int) *Parameter[T] {
	return p.Uniform(rng, 1/math.Sqrt(float64(inputs)))
}

// Graph is a network under construction. Its methods don't return errors: the
// first one is kept and comes back from NewTrainer or NewMachine, and nodes made
// after it are nil.
type Graph[T kern.Float] struct {
	graph  *gorgonia.ExprGraph
	params []*Parameter[T]
	nodes  []*gorgonia.Node        // of params
	trains map[*gorgonia.Node]bool // whether a node depends on a parameter
	serial uint64
	size   int // numbers in all tensors
	err    error

	interrupted func() error // asked before each operation; may be nil
}

// NewGraph returns an empty graph.
func NewGraph[T kern.Float]() *Graph[T] {
	return &Graph[T]{graph: gorgonia.NewGraph(), trains: make(map[*gorgonia.Node]bool)}
}

// Largest is how many numbers the tensors of a graph may hold, with what its
// kernels report as scratch: 1 GiB of float32, and about as much again for
// gradients. Who draws many parameters before there is a graph counts them with
// [CheckSize].
const Largest = 1 << 28

// CheckSize returns an error wrapping [ErrTooLarge] if so many numbers are more
// than a graph may hold.
func CheckSize(numbers int) error {
	if numbers > Largest {
		return fmt.Errorf("%w: over %d million numbers; take smaller options (widths, heads, layers, batch, images)", ErrTooLarge, Largest/1_000_000)
	}
	return nil
}

// ErrTooLarge says that a network would take more memory than it may.
var ErrTooLarge = errors.New("network too large")

// bounded is [kern.Size] up to Largest, and more than that, but no overflow,
// beyond.
func bounded(shape []int) int {
	size := 1
	for _, d := range shape {
		if size *= d; size > Largest {
			return Largest + 1
		}
	}
	return size
}

// grow counts numbers, and fails where all are too much: what a user's options
// ask for is refused before it is computed.
func (g *Graph[T]) grow(numbers int) {
	g.size = min(g.size+numbers, Largest+1)
	if err := CheckSize(g.size); err != nil {
		g.fail(err)
	}
}

// Err returns the first error, before which nothing should be written to the
// memory of inputs.
func (g *Graph[T]) Err() error { return g.err }

// fail keeps the first error.
func (g *Graph[T]) fail(err error) {
	if g.err == nil {
		g.err = err
	}
}

// next returns a number that no other operation or input of this graph has.
func (g *Graph[T]) next() uint64 {
	g.serial++
	return g.serial
}

// leaf adds a node that is bound to data.
func (g *Graph[T]) leaf(name string, shape []int, data []T) *gorgonia.Node {
	if len(shape) == 0 || len(data) == 0 || kern.Size(shape) != len(data) {
		g.fail(fmt.Errorf("%s: shape %v for %d numbers", name, shape, len(data)))
	}
	if g.err != nil {
		return nil
	}
	// Gorgonia takes nodes of equal names for one node.
	name = fmt.Sprintf("%s#%d", name, g.next())
	return gorgonia.NewTensor(g.graph, dtype[T](), len(shape), gorgonia.WithShape(shape...),
		gorgonia.WithName(name), gorgonia.WithValue(dense(shape, data)))
}

// Input adds a tensor of data and returns its memory too: what stands there
// when the graph runs is what it computes with. Once the graph has an error, an
// input has memory only if it is small, so that factors and the like can be
// written at once; ask Err before writing more.
func (g *Graph[T]) Input(name string, shape ...int) (*gorgonia.Node, []T) {
	const small = 1 << 22
	n := bounded(shape)
	if g.grow(n); g.err != nil && n > small {
		return nil, nil
	}
	data := make([]T, n)
	return g.leaf(name, shape, data), data
}

// Param adds a parameter. Adding one twice gives one node.
func (g *Graph[T]) Param(p *Parameter[T]) *gorgonia.Node {
	if i := slices.Index(g.params, p); i >= 0 {
		return g.nodes[i]
	}
	g.grow(bounded(p.Shape))
	n := g.leaf(p.Name, p.Shape, p.Data)
	g.params, g.nodes = append(g.params, p), append(g.nodes, n)
	g.trains[n] = true
	return n
}

// Apply adds the result of k on the given nodes. The kernel belongs to the graph
// from then on and can't be applied again.
func (g *Graph[T]) Apply(k kern.Kernel[T], in ...*gorgonia.Node) *gorgonia.Node {
	if g.err != nil {
		return nil
	}
	n, err := g.apply(k, in)
	if err != nil {
		g.fail(err)
		return nil
	}
	return n
}

func (g *Graph[T]) apply(k kern.Kernel[T], in []*gorgonia.Node) (*gorgonia.Node, error) {
	shapes := make([][]int, len(in))
	differentiable := make([]bool, len(in))
	trains := false
	for i, n := range in {
		if n == nil {
			return nil, fmt.Errorf("input %d of %T is no node", i, k)
		}
		shapes[i] = slices.Clone([]int(n.Shape()))
	}
	shape, err := k.Shape(shapes...)
	if err != nil {
		return nil, err
	}
	g.grow(bounded(shape))
	if s, ok := k.(kern.Scratcher); ok {
		g.grow(s.Scratch())
	}
	if g.err != nil {
		return nil, g.err
	}
	for i, n := range in {
		differentiable[i] = k.Differentiable(i) && g.trains[n]
		trains = trains || differentiable[i]
	}
	op := newForward(g, k, shapes, shape, differentiable)
	n, err := gorgonia.ApplyOp(op, in...)
	if err != nil {
		return nil, fmt.Errorf("apply %T: %w", k, err)
	}
	g.trains[n] = trains
	return n, nil
}

// Interrupt has f called before each operation of the machines made of g; the
// error that it returns ends their run. A step of a large network takes seconds,
// in which a context may be done.
func (g *Graph[T]) Interrupt(f func() error) { g.interrupted = f }

// check returns the error of what Interrupt gave.
func (g *Graph[T]) check() error {
	if g.interrupted == nil {
		return nil
	}
	return g.interrupted()
}

// Machine evaluates a graph.
type Machine[T kern.Float] struct {
	vm      gorgonia.VM
	collect *collect[T]
}

// NewMachine compiles g, which must not be changed or compiled again, and
// evaluates the given outputs.
func NewMachine[T kern.Float](g *Graph[T], outputs ...*gorgonia.Node) (*Machine[T], error) {
	if g.err != nil {
		return nil, fmt.Errorf("build graph: %w", g.err)
	}
	op := &collect[T]{op: op{serial: g.next(), name: "collect"}, values: make([][]T, len(outputs))}
	for _, n := range outputs {
		op.in = append(op.in, slices.Clone([]int(n.Shape())))
	}
	op.signature = signature[T](op.in, nil)
	if _, err := gorgonia.ApplyOp(op, outputs...); err != nil {
		return nil, fmt.Errorf("collect outputs: %w", err)
	}
	if err := distinct(g.graph); err != nil {
		return nil, err
	}
	vm := gorgonia.NewTapeMachine(g.graph)
	// The machine's finalizer, which frees GPU memory, would keep the whole
	// graph from ever being collected: it is part of a cycle.
	runtime.SetFinalizer(vm, nil)
	return &Machine[T]{vm: vm, collect: op}, nil
}

// distinct returns an error if two nodes of g share a hash: Gorgonia compiles
// nodes of one hash to one node, silently.
func distinct(g *gorgonia.ExprGraph) error {
	seen := make(map[uint32]*gorgonia.Node)
	for _, n := range g.AllNodes() {
		if other, ok := seen[n.Hashcode()]; ok {
			return fmt.Errorf("nodes %v and %v share the hash %x", n, other, n.Hashcode())
		}
		seen[n.Hashcode()] = n
	}
	return nil
}

// Run evaluates the outputs on what stands in the inputs' memory.
func (m *Machine[T]) Run() error {
	m.vm.Reset()
	if err := m.vm.RunAll(); err != nil {
		return fmt.Errorf("run graph: %w", err)
	}
	return nil
}

// Output returns the i-th output of the last run. The next run overwrites it.
func (m *Machine[T]) Output(i int) []T { return m.collect.values[i] }

// Trainer minimizes a loss.
type Trainer[T kern.Float] struct {
	machine *Machine[T]
	params  []*Parameter[T]
	model   []gorgonia.ValueGrad
	solver  gorgonia.Solver
}

// NewTrainer compiles g, which must not be changed or compiled again, for
// minimizing loss, a scalar, over all parameters of g, each of which loss must
// depend on. The given outputs are evaluated beside it.
func NewTrainer[T kern.Float](g *Graph[T], solver gorgonia.Solver, loss *gorgonia.Node, outputs ...*gorgonia.Node) (*Trainer[T], error) {
	if g.err != nil {
		return nil, fmt.Errorf("build graph: %w", g.err)
	}
	if !loss.IsScalar() {
		return nil, fmt.Errorf("loss has shape %v, want a scalar", loss.Shape())
	}
	// gorgonia.Grad would use a global node here, a data race between graphs
	// that are built in parallel.
	one := g.graph.AddNode(gorgonia.NewConstant(scalar[T](1), gorgonia.In(g.graph)))
	grads, err := gorgonia.Backpropagate(gorgonia.Nodes{loss}, gorgonia.Nodes{one}, gorgonia.Nodes(g.nodes))
	if err != nil {
		return nil, fmt.Errorf("differentiate the loss: %w", err)
	}
	nodes := append(append([]*gorgonia.Node{loss}, outputs...), grads...)
	m, err := NewMachine(g, nodes...)
	if err != nil {
		return nil, err
	}
	t := &Trainer[T]{machine: m, params: g.params, solver: solver}
	for i, p := range g.params {
		t.model = append(t.model, &trained[T]{m, len(outputs) + 1 + i, g.nodes[i].Value(), p.Shape})
	}
	return t, nil
}

// trained is a parameter and its gradient as a solver sees them.
type trained[T kern.Float] struct {
	machine *Machine[T]
	output  int
	value   gorgonia.Value
	shape   []int
}

// Value returns the parameter.
func (p *trained[T]) Value() gorgonia.Value { return p.value }

// Grad returns the gradient, in memory that the next run overwrites.
func (p *trained[T]) Grad() (gorgonia.Value, error) {
	return dense(p.shape, p.machine.Output(p.output)), nil
}

func (p *trained[T]) slices() (value, grad []T, err error) {
	value, err = elements[T](p.value)
	return value, p.machine.Output(p.output), err
}

// Evaluate computes the loss and its gradients without changing anything.
func (t *Trainer[T]) Evaluate() (T, error) {
	if err := t.machine.Run(); err != nil {
		return 0, err
	}
	loss := t.machine.Output(0)[0]
	if x := float64(loss); math.IsNaN(x) || math.IsInf(x, 0) {
		return loss, fmt.Errorf("training diverged: loss is %v", loss)
	}
	return loss, nil
}

// Step evaluates and lets the solver change the parameters. It returns the loss
// before the change, and an error if that is not finite.
func (t *Trainer[T]) Step() (T, error) {
	loss, err := t.Evaluate()
	if err != nil {
		return loss, err
	}
	if err := t.solver.Step(t.model); err != nil {
		return loss, fmt.Errorf("update parameters: %w", err)
	}
	return loss, nil
}

// Output returns the i-th output of the last evaluation or step, which the next
// one overwrites.
func (t *Trainer[T]) Output(i int) []T { return t.machine.Output(1 + i) }

// Gradient returns the gradient of the loss with respect to p at the last
// evaluation or step, which the next one overwrites; nil if p is not in the
// graph.
func (t *Trainer[T]) Gradient(p *Parameter[T]) []T {
	i := slices.Index(t.params, p)
	if i < 0 {
		return nil
	}
	return t.machine.Output(len(t.machine.collect.values) - len(t.params) + i)
}

func dtype[T kern.Float]() tensor.Dtype {
	var x T
	if _, ok := any(x).(float32); ok {
		return tensor.Float32
	}
	return tensor.Float64
}

func dense[T kern.Float](shape []int, data []T) *tensor.Dense {
	return tensor.New(tensor.WithShape(shape...), tensor.WithBacking(data))
}

func scalar[T kern.Float](v T) gorgonia.Value {
	if x, ok := any(v).(float32); ok {
		return gorgonia.NewF32(x)
	}
	return gorgonia.NewF64(float64(v))
}
