package hypernas

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/hypernas/hypernas/internal/nn/fit"
	"github.com/hypernas/hypernas/internal/nn/fuse"
	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/plugins/plugintest"
)

// TestParameterCount: what is checked before weights are drawn is how many are
// drawn, in every kind of space.
func TestParameterCount(t *testing.T) {
	for name, s := range inventedSpaces() {
		for _, set := range []*auxiliary{nil, generated(16, 0)} {
			o := defaults()
			o.Hypernetwork = set != nil
			r := newReader(&s.vocabulary, true, s.networks)
			m := newModel[float32](&o, 7, r.proxy, set, rand.New(rand.NewPCG(1, 2)))
			want := 0
			for _, p := range m.parameters() {
				want += len(p.Data)
			}
			if got := parameterCount(&o, 7, r.proxy, set); got != want {
				t.Errorf("%s, hypernetwork=%t: counted %d parameters, want %d", name, o.Hypernetwork, got, want)
			}
		}
	}
}

// TestTooLarge: options that ask for more memory than there may be are refused
// as options, before anything is drawn or evaluated.
func TestTooLarge(t *testing.T) {
	training, test, _ := plugintest.Deal(t, 40)
	training.Pool = test
	for name, try := range map[string]struct {
		p       plugins.Predictor
		options map[string]string
	}{
		"members":  {New(), map[string]string{"width": "1024", "layers": "32", "members": "8"}},
		"images":   {New(), map[string]string{"target_images": "1024", "aux_pool": "1024", "target_width": "64", "target_batch": "40", "batch": "40"}},
		"encoders": {NewPlus(), map[string]string{"width": "1024", "layers": "32", "members": "8"}},
		"judges":   {NewPlus(), map[string]string{"width": "1024", "layers": "32", "members": "1", "steps": "1", "batch": "1", "judges": "8"}},
	} {
		training.Options = try.options
		if _, err := try.p.Fit(t.Context(), training); !errors.Is(err, plugins.ErrOption) || !errors.Is(err, fuse.ErrTooLarge) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got %v, want one line of ErrOption", name, err)
		}
	}
}

// impatient is a context that is done after it has been asked so often.
type impatient struct {
	context.Context
	mutex      sync.Mutex
	left, late int
}

func (c *impatient) Err() error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.left > 0 {
		c.left--
		return nil
	}
	c.late++
	return context.Canceled
}

// TestCancelledInAStep: a fit of one step looks at the cancellation within it,
// and does little after it.
func TestCancelledInAStep(t *testing.T) {
	training, test, _ := plugintest.Deal(t, 20)
	training.Log = slog.New(slog.DiscardHandler)
	training.Options = map[string]string{"epochs": "1", "members": "1", "batch": "20"}
	asked := &impatient{Context: t.Context(), left: 1 << 30}
	p := New()
	if _, err := p.Fit(asked, training); err != nil {
		t.Fatal(err)
	}
	all := 1<<30 - asked.left
	if all < 50 {
		t.Fatalf("a fit asks %d times whether it is cancelled", all)
	}
	for _, after := range []int{1, all / 2, all - 1} {
		ctx := &impatient{Context: t.Context(), left: after}
		if _, err := New().Fit(ctx, training); !errors.Is(err, context.Canceled) || ctx.late > 4 {
			t.Errorf("cancelled at look %d of %d: got %v after %d more", after, all, err, ctx.late)
		}
	}
	ctx := &impatient{Context: t.Context(), left: 20}
	if _, err := p.Predict(ctx, &test); !errors.Is(err, context.Canceled) || ctx.late > 4*runtime.GOMAXPROCS(0) {
		t.Errorf("predict: got %v after %d more looks", err, ctx.late)
	}
}

// TestVerdictRows: a judge evaluates fewer networks at once on more images, and
// finds the same loss however many.
func TestVerdictRows(t *testing.T) {
	_, pool, _ := plugintest.Deal(t, 1)
	pool = pool.Slice(0, 20)
	training, _, _ := plugintest.Deal(t, 1)
	o := plusDefaults()
	o.JudgeImages = 32
	j, err := newJudge(&o, &training.Vocabulary, pool.Networks, 1, generated(o.AuxiliaryPool, 0), rand.New(rand.NewPCG(1, 2)))
	if err != nil {
		t.Fatal(err)
	}
	examples := make([]example, pool.Len())
	for i := range examples {
		examples[i].judged(j, &pool.Networks[i])
	}
	together := make([]float64, len(examples))
	if err := fit.NewEvaluator(verdict{j}).PredictTo(t.Context(), together, examples); err != nil {
		t.Fatal(err)
	}
	alone := make([]float64, len(examples))
	if err := fit.NewEvaluator(single{verdict{j}}).PredictTo(t.Context(), alone, examples); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(together, alone) {
		t.Errorf("got %v alone, %v together", alone, together)
	}
	few := verdict{j}.Rows(8)
	o.JudgeImages = 1024
	if many := (verdict{j}).Rows(8); many < 1 || many >= few {
		t.Errorf("%d rows of 1024 images, %d of 32", many, few)
	}
}

// single evaluates one row at once.
type single struct{ verdict }

func (single) Rows(int) int { return 1 }

// TestFingerprint: everything that a judge reads of a network changes its
// fingerprint.
func TestFingerprint(t *testing.T) {
	base := func() network {
		return network{
			cells: []*cell{{nodes: []plugins.Node{{Op: 0}, {Op: 1, Attrs: []float64{2}}}, edges: []plugins.Edge{{From: 0, To: 1}}}},
			steps: []plugins.Step{{Repeat: 1, Attrs: []float64{3}}},
		}
	}
	first := base()
	seen := map[fingerprint]string{first.fingerprint(): "nothing"}
	for name, change := range map[string]func(*network){
		"operation":        func(n *network) { n.cells[0].nodes[1].Op = 2 },
		"attribute":        func(n *network) { n.cells[0].nodes[1].Attrs[0] = 4 },
		"edge":             func(n *network) { n.cells[0].edges = nil },
		"repeat":           func(n *network) { n.steps[0].Repeat = 2 },
		"attribute of one": func(n *network) { n.steps[0].Attrs[0] = 4 },
		"one cell more":    func(n *network) { n.cells, n.steps = append(n.cells, n.cells[0]), append(n.steps, n.steps[0]) },
	} {
		n := base()
		change(&n)
		f := n.fingerprint()
		if other, ok := seen[f]; ok {
			t.Errorf("%s changes no more than %s", name, other)
		}
		seen[f] = name
	}
}

// TestArtifactOfOtherImages: an artifact whose D_aux changed is refused.
func TestArtifactOfOtherImages(t *testing.T) {
	_, pool, _ := plugintest.Deal(t, 1)
	training, _, _ := plugintest.Deal(t, 1)
	pool = pool.Slice(0, 20)
	o := plusDefaults()
	o.Members, o.Steps, o.JudgeSteps, o.Batch, o.JudgeImages, o.AuxiliaryPool = 1, 1, 1, 8, 16, 32
	e, err := pretrain(t.Context(), &o, &training.Vocabulary, &pool, generated(32, 0), 7, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	artifact := e.encode()
	if _, err := decode(&o, &training.Vocabulary, &pool, generated(32, 0), artifact); err != nil {
		t.Errorf("the same images: %v", err)
	}
	changed := generated(32, 0)
	changed.pixels[len(changed.pixels)-1]++
	if _, err := decode(&o, &training.Vocabulary, &pool, changed, artifact); !errors.Is(err, plugins.ErrInput) || !strings.Contains(err.Error(), "auxiliary images") {
		t.Errorf("other images: got %v, want ErrInput that says so", err)
	}
}

// TestLongCellIsEvaluated: a cell of a thousand operations is evaluated, in
// training and after.
func TestLongCellIsEvaluated(t *testing.T) {
	slow(t)
	v, n := longCell()
	networks := []plugins.Network{n}
	o := plusDefaults()
	o.Width, o.JudgeImages = 8, 16
	j, err := newJudge(&o, v, networks, 0, generated(o.AuxiliaryPool, 0), rand.New(rand.NewPCG(1, 2)))
	if err != nil {
		t.Fatal(err)
	}
	var e example
	e.judged(j, &networks[0])
	loss := make([]float64, 1)
	if err := fit.NewEvaluator(verdict{j}).PredictTo(t.Context(), loss, []example{e}); err != nil {
		t.Fatal(err)
	}
	if !(loss[0] > 0 && loss[0] < 100) {
		t.Errorf("the loss is %v", loss[0])
	}
	err = fit.Train(t.Context(), j, []example{e, e}, nil, fit.Options{Epochs: 1, Batch: 2, Rate: fit.Constant(1e-3)}, rand.New(rand.NewPCG(1, 2)))
	if err != nil {
		t.Fatal(err)
	}
}
