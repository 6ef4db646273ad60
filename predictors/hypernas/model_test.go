package hypernas

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/hypernas/hypernas/internal/nn/fuse"
	"github.com/hypernas/hypernas/internal/nn/kern"
	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/plugins/plugintest"
	"github.com/hypernas/hypernas/predictors/feature"
)

// TestWholeGradient compares the gradient of the whole loss, through the target
// networks, the hypernetwork and the global encoding, with central differences,
// in float64, for every parameter.
func TestWholeGradient(t *testing.T) {
	for name, change := range map[string]func(*options){
		"default":            func(*options) {},
		"positional, pooled": func(o *options) { o.Global, o.Pool, o.Norm = "positional", "mean", false },
		"off, ranking":       func(o *options) { o.Global, o.Rank = "off", .5 },
		"no hypernetwork":    func(o *options) { o.Hypernetwork = false },
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
			if !slices.Equal(r.kernels, []int{1, 3}) {
				t.Fatalf("got kernel sizes %v, want 1 and 3", r.kernels)
			}
			nodes := feature.NewNodes(v, training.Batch.Networks, sequence)
			var set *auxiliary
			if o.Hypernetwork {
				set = generated(16, 0)
			}
			m := newModel[float64](&o, nodes.Dim(), r.kernels, set, rand.New(rand.NewPCG(1, 2)))
			tr, in, err := m.trainer(shape{networks: 4, cells: 2, nodes: 6}, fuse.NewAdam[float64](fuse.AdamOptions{Rate: fuse.Constant(0)}))
			if err != nil {
				t.Fatal(err)
			}
			in.set(3, nodes, true, nil)
			b := 0
			for i := range training.Batch.Networks {
				net := r.read(&training.Batch.Networks[i])
				ops := net.cells[0].target
				if b < 3 && slices.Contains(ops, kern.CellConv) && slices.Contains(ops, kern.CellConv+1) {
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
				for i := 0; i < len(grad); i += max(len(grad)/6, 1) {
					const h = 1e-5
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
			if nonzero < len(params) {
				t.Errorf("only %d of %d parameters have a gradient", nonzero, len(params))
			}
		})
	}
}

// parameters returns all weights.
func (m *model[T]) parameters() []*fuse.Parameter[T] {
	params := m.encoder.parameters()
	params = append(params, m.regressor...)
	if m.hypernetwork() {
		params = append(params, slices.Concat(m.heads...)...)
		params = append(append(params, m.stem, m.u), m.classifier...)
	}
	return params
}

// TestHypernetworkReachesEncoder: without labels' weight the encoder still
// learns, from images alone, and target networks classify better for it.
func TestHypernetworkReachesEncoder(t *testing.T) {
	o := defaults()
	training, _, _ := plugintest.Deal(t, 8)
	v := &training.Vocabulary
	r := newReader(v, true, training.Batch.Networks)
	nodes := feature.NewNodes(v, training.Batch.Networks, sequence)
	set := generated(320, 0)
	m := newModel[float32](&o, nodes.Dim(), r.kernels, set, rand.New(rand.NewPCG(1, 2)))
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

// TestTarget: the target network follows the wire form.
func TestTarget(t *testing.T) {
	v := &plugins.Vocabulary{Ops: []plugins.Op{
		{Name: "input", Kind: plugins.KindInput},
		{Name: "output", Kind: plugins.KindOutput},
		{Name: "none", Kind: plugins.KindNone},
		{Name: "skip", Kind: plugins.KindSkip},
		{Name: "avg", Kind: plugins.KindAvgPool, Kernel: 3},
		{Name: "max", Kind: plugins.KindMaxPool, Kernel: 3},
		{Name: "se", Kind: plugins.KindSqueezeExcite},
		{Name: "attention", Kind: plugins.KindAttention},
		{Name: "sep5", Kind: plugins.KindSeparableConv, Kernel: 5},
		{Name: "conv2", Kind: plugins.KindConv, Kernel: 2},
		{Name: "conv11", Kind: plugins.KindConv, Kernel: 11},
		{Name: "new", Kind: plugins.Kind(99), Kernel: 3},
		{Name: "unused", Kind: plugins.KindConv, Kernel: 7},
	}}
	var c plugins.Cell
	for op := range v.Ops {
		if op != 1 && op != 12 {
			c.Nodes = append(c.Nodes, plugins.Node{Op: op})
		}
	}
	c.Nodes = append(c.Nodes, plugins.Node{Op: 1})
	n := plugins.Network{Cells: []plugins.Cell{c}, Sequence: []plugins.Step{{Repeat: 1}}}
	r := newReader(v, false, []plugins.Network{n})
	if want := []int{1, 3, 5, 7}; !slices.Equal(r.kernels, want) {
		t.Fatalf("kernel sizes: got %v, want %v", r.kernels, want)
	}
	got := r.read(&n).cells[0].target
	want := []int{kern.CellInput, kern.CellNone, kern.CellPass, kern.CellAverage, kern.CellMax, kern.CellPass, kern.CellConv, kern.CellConv + 2, kern.CellConv + 1, kern.CellConv + 3, kern.CellConv + 1, kern.CellPass}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	// A size that no training network has takes the next one there is.
	small := newReader(v, false, []plugins.Network{{Cells: []plugins.Cell{{Nodes: []plugins.Node{{Op: 0}, {Op: 8}, {Op: 1}}}}, Sequence: []plugins.Step{{Repeat: 1}}}})
	for op, want := range map[int]int{7: kern.CellConv, 12: kern.CellConv, 8: kern.CellConv} {
		if got := small.target(&v.Ops[op]); got != want {
			t.Errorf("%s: got %d, want %d", v.Ops[op].Name, got, want)
		}
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
		m := newModel[float64](&o, nodes.Dim(), r.kernels, generated(16, 0), rand.New(rand.NewPCG(1, 2)))
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
