package hypernas

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gorgonia.org/gorgonia"

	"github.com/hypernas/hypernas/internal/nn/fuse"
	"github.com/hypernas/hypernas/internal/nn/kern"
	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/plugins/plugintest"
	"github.com/hypernas/hypernas/predictors/feature"
)

// slow leaves a test to `make test-kernels` where the race detector, under which
// it takes minutes, is on: what it computes has one goroutine.
func slow(t *testing.T) {
	t.Helper()
	if raceEnabled {
		t.Skip("slow with the race detector: make test-kernels runs it")
	}
}

// TestWholeGradient compares the gradient of the whole loss, through the target
// networks, the hypernetwork and the global encoding, with central differences,
// in float64, for every parameter.
func TestWholeGradient(t *testing.T) {
	slow(t)
	for name, change := range map[string]func(*options){
		"default":            func(*options) {},
		"positional, pooled": func(o *options) { o.Global, o.Pool, o.Norm = "positional", "mean", false },
		"off, ranking":       func(o *options) { o.Global, o.Rank = "off", .5 },
		"no hypernetwork":    func(o *options) { o.Hypernetwork = false },
		"sum of losses":      func(o *options) { o.Loss = "sum" },
	} {
		t.Run(name, func(t *testing.T) {
			o := defaults()
			o.Width, o.Hidden, o.Layers, o.TargetWidth, o.TargetImages, o.TargetBatch, o.Q = 5, 4, 2, 2, 16, 2, 1.75
			// A detached power is no gradient of any function.
			o.Attached = true
			change(&o)
			training, _, _ := plugintest.Deal(t, 60)
			v := &training.Vocabulary
			r := newReader(v, true, training.Batch.Networks)
			if want := []head{{kern.FormConv, 1, 0}, {kern.FormConv, 3, 0}}; !slices.Equal(r.proxy.heads, want) {
				t.Fatalf("got heads %v, want %v", r.proxy.heads, want)
			}
			nodes := feature.NewNodes(v, training.Batch.Networks, sequence)
			var set *auxiliary
			if o.Hypernetwork {
				set = generated(16, 0)
			}
			m := newModel[float64](&o, nodes.Dim(), r.proxy, set, rand.New(rand.NewPCG(1, 2)))
			tr, in, err := m.trainer(shape{networks: 4, cells: 2, nodes: 6}, fuse.NewAdam[float64](fuse.AdamOptions{Rate: fuse.Constant(0)}))
			if err != nil {
				t.Fatal(err)
			}
			in.set(3, nodes, true, nil)
			b := 0
			for i := range training.Batch.Networks {
				net := r.read(&training.Batch.Networks[i])
				codes := codesOf(r, &net)
				if b < 3 && slices.Contains(codes, kern.CellHead) && slices.Contains(codes, kern.CellHead+1) {
					in.set(b, nodes, true, &net)
					in.labels[b], in.weights[b] = float64(b)-.7, 1
					b++
				}
			}
			fuse.DropoutTo(in.dropout, rand.New(rand.NewPCG(3, 4)), .25)
			if m.hypernetwork() {
				in.setImages(set, 0)
			}
			evaluate := func() float64 {
				loss, err := tr.Evaluate()
				if err != nil {
					t.Fatal(err)
				}
				return loss
			}
			nonzero := 0
			params := m.parameters()
			for _, p := range params {
				evaluate()
				grad := slices.Clone(tr.Gradient(p))
				if grad == nil {
					t.Fatalf("%s has no gradient", p.Name)
				}
				if slices.ContainsFunc(grad, func(g float64) bool { return g != 0 }) {
					nonzero++
				}
				differences(t, p, grad, max(len(grad)/6, 1), evaluate)
			}
			if nonzero < len(params) {
				t.Errorf("only %d of %d parameters have a gradient", nonzero, len(params))
			}
		})
	}
}

// differences compares every step-th element of a gradient with central
// differences of the loss that evaluate returns.
func differences(t *testing.T, p *fuse.Parameter[float64], grad []float64, step int, evaluate func() float64) {
	t.Helper()
	for i := 0; i < len(grad); i += step {
		const h = 1e-6 // so small that no rectifier changes sides
		x := p.Data[i]
		p.Data[i] = x + h
		up := evaluate()
		p.Data[i] = x - h
		down := evaluate()
		p.Data[i] = x
		if want := (up - down) / (2 * h); math.Abs(grad[i]-want) > 1e-6*(1+math.Abs(want)) {
			t.Errorf("%s, element %d: got %v, want %v", p.Name, i, grad[i], want)
		}
	}
}

// task is a network for tests, in any precision, and the memory of its inputs.
type task[T kern.Float] struct {
	*inputs[T]
	labels, weights []T // [networks]
}

// trainer is the model's joint loss on batches of one shape. Its outputs are the
// losses of the tasks: regression and, with a hypernetwork, classification.
func (m *model[T]) trainer(s shape, solver gorgonia.Solver) (*fuse.Trainer[T], *task[T], error) {
	g := fuse.NewGraph[T]()
	in := &task[T]{inputs: &inputs[T]{shape: s}}
	cells, h := m.encode(g, in.inputs)
	prediction := m.regress(g, in.inputs, h, true)
	var outputs []*gorgonia.Node
	var auxiliary *gorgonia.Node
	if m.hypernetwork() {
		in.targets = min(m.options.TargetBatch, s.networks)
		each, counts := m.classify(g, in.inputs, cells)
		auxiliary = g.Apply(&kern.Mean[T]{}, each, counts)
		outputs = append(outputs, auxiliary)
	}
	var labels, weights *gorgonia.Node
	labels, in.labels = g.Input("labels", s.networks)
	weights, in.weights = g.Input("weights", s.networks)
	loss := m.regressionLoss(g, prediction, labels, weights)
	t, err := fuse.NewTrainer(g, solver, m.join(g, loss, auxiliary), append([]*gorgonia.Node{loss}, outputs...)...)
	return t, in, err
}

// evaluator predicts batches of one shape.
func (m *model[T]) evaluator(s shape) (*fuse.Machine[T], *inputs[T], error) {
	g := fuse.NewGraph[T]()
	in := &inputs[T]{shape: s}
	_, h := m.encode(g, in)
	machine, err := fuse.NewMachine(g, m.regress(g, in, h, false))
	return machine, in, err
}

// parameters returns all weights.
func (m *model[T]) parameters() []*fuse.Parameter[T] {
	params := m.encoder.parameters()
	params = append(params, m.regressor...)
	if m.hypernetwork() {
		params = append(params, m.hypernetworkParameters()...)
	}
	if m.u != nil {
		params = append(params, m.u)
	}
	return params
}

// codesOf returns what the nodes of a network's first cell compute in its target
// network.
func codesOf(r *reader, net *network) []int {
	var codes []int
	for _, n := range r.proxy.targetNodes(net.cells[0], &net.steps[0], 4, 4) {
		codes = append(codes, n.code)
	}
	return codes
}

// TestHypernetworkReachesEncoder: without labels' weight the encoder still
// learns, from images alone, and target networks classify better for it.
func TestHypernetworkReachesEncoder(t *testing.T) {
	slow(t)
	o := defaults()
	training, _, _ := plugintest.Deal(t, 8)
	v := &training.Vocabulary
	r := newReader(v, true, training.Batch.Networks)
	nodes := feature.NewNodes(v, training.Batch.Networks, sequence)
	set := generated(320, 0)
	m := newModel[float32](&o, nodes.Dim(), r.proxy, set, rand.New(rand.NewPCG(1, 2)))
	tr, in, err := m.trainer(shape{networks: 8, cells: 2, nodes: 8}, fuse.NewAdam[float32](fuse.AdamOptions{Rate: fuse.Constant(3e-3)}))
	if err != nil {
		t.Fatal(err)
	}
	for b := range 8 {
		net := r.read(&training.Batch.Networks[b])
		in.set(b, nodes, true, &net) // labels have no weight
	}
	fuse.DropoutTo(in.dropout, rand.New(rand.NewPCG(3, 4)), 0)
	before := slices.Clone(m.encoder.layers[0][0].Data)
	var first, last float64
	for step := range 200 {
		in.setImages(set, step%10*32)
		if _, err := tr.Step(); err != nil {
			t.Fatal(err)
		}
		if regression := tr.Output(0)[0]; regression != 0 {
			t.Fatalf("the labels' loss is %v without weights", regression)
		}
		if step < 10 {
			first += float64(tr.Output(1)[0]) / 10
		}
		if step >= 190 {
			last += float64(tr.Output(1)[0]) / 10
		}
	}
	if slices.Equal(before, m.encoder.layers[0][0].Data) {
		t.Error("the encoder did not change")
	}
	if last > first-.3 {
		t.Errorf("cross-entropy went from %.2f to %.2f", first, last)
	}
}

// TestDepth: the embedding of a cell depends on the cells before it only with
// global encoding, and on its position only with that or the positional code.
func TestDepth(t *testing.T) {
	v := &plugins.Vocabulary{Ops: []plugins.Op{{Name: "input", Kind: plugins.KindInput}, {Name: "output", Kind: plugins.KindOutput}, {Name: "a", Kind: plugins.KindConv, Kernel: 3}, {Name: "b", Kind: plugins.KindConv, Kernel: 1}}}
	cell := func(op int) plugins.Cell {
		return plugins.Cell{Nodes: []plugins.Node{{Op: 0}, {Op: op}, {Op: 1}}, Edges: []plugins.Edge{{From: 0, To: 1}, {From: 1, To: 2}}}
	}
	cells := []plugins.Cell{cell(2), cell(3)}
	ab := plugins.Network{Cells: cells, Sequence: []plugins.Step{{Cell: 0, Repeat: 1}, {Cell: 1, Repeat: 1}}}
	ba := plugins.Network{Cells: cells, Sequence: []plugins.Step{{Cell: 1, Repeat: 1}, {Cell: 0, Repeat: 1}}}
	for global, want := range map[string]bool{"on": true, "positional": true, "off": false} {
		o := defaults()
		o.Global = global
		r := newReader(v, true, []plugins.Network{ab})
		nodes := feature.NewNodes(v, []plugins.Network{ab}, sequence)
		m := newModel[float64](&o, nodes.Dim(), r.proxy, generated(16, 0), rand.New(rand.NewPCG(1, 2)))
		machine, in, err := m.evaluator(shape{networks: 2, cells: 2, nodes: 4})
		if err != nil {
			t.Fatal(err)
		}
		for b, n := range []*plugins.Network{&ab, &ba} {
			net := r.read(n)
			in.set(b, nodes, true, &net)
		}
		if err := machine.Run(); err != nil {
			t.Fatal(err)
		}
		p := machine.Output(0)
		if got := math.Abs(p[0]-p[1]) > 1e-9; got != want {
			t.Errorf("global=%s: order of cells matters: got %t, want %t (%v)", global, got, want, p)
		}
	}
}
