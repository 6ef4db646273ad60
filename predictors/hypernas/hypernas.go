package hypernas

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/hypernas/hypernas/internal/nn/fuse"
	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/predictors/feature"
)

// Version rises whenever predictions with equal options change.
const Version = 2

// Predictor is HyperNAS.
type Predictor struct {
	// CIFAR10 is what aux=cifar10 reads; nil where there is no cache of data.
	CIFAR10 Archive

	options    options
	reader     *reader
	nodes      *feature.Nodes
	members    []*member // nil before Fit
	mean, sd   float64
	vocabulary plugins.Vocabulary
}

var _ plugins.Predictor = (*Predictor)(nil)

// New returns the predictor.
func New() *Predictor { return &Predictor{} }

// Describe implements [plugins.Predictor].
func (*Predictor) Describe(context.Context) (plugins.Description, error) {
	return plugins.Description{
		Name:    "hypernas",
		Version: Version,
		Summary: "graph encoder over the sequence of cells, trained with a hypernetwork on auxiliary images",
		Source:  "Lv et al., HyperNAS, arXiv 2509.18151",
		Notes: []string{
			"the paper's code is unreleased: encoder, global encoding, hypernetwork and adaptive loss as the paper gives them",
			"open in the paper and chosen by ablation: dead operations removed, layer normalization, self loops, sum pooling, AdamW with one cycle",
			"ours: three networks averaged (members=1 for one)",
			"auxiliary images are the project's generated training images, or those that aux names; target networks have 4 channels on 8 x 8 pixels",
		},
		Options:        plugins.DescribeOptions(defaults()),
		PredictsLabels: true,
	}, nil
}

// Fit implements [plugins.Predictor].
func (p *Predictor) Fit(ctx context.Context, t *plugins.Training) (plugins.Fitted, error) {
	warnings, err := p.fit(ctx, t)
	if err != nil {
		return plugins.Fitted{}, fmt.Errorf("fit hypernas: %w", err)
	}
	return plugins.Fitted{Warnings: warnings}, nil
}

func (p *Predictor) fit(ctx context.Context, t *plugins.Training) (warnings []string, err error) {
	o := defaults()
	if err := plugins.SetOptions(&o, t.Options); err != nil {
		return nil, err
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	rows := t.Batch.Len()
	if err := feature.CheckLabels(t.Labels, rows); err != nil {
		return nil, err
	}
	*p = Predictor{CIFAR10: p.CIFAR10, options: o, vocabulary: t.Vocabulary}
	p.reader = newReader(&p.vocabulary, o.Prune, t.Batch.Networks)
	p.nodes = feature.NewNodes(&p.vocabulary, t.Batch.Networks, sequence)
	var set *auxiliary
	switch {
	case o.Hypernetwork && len(p.reader.proxy.heads) == 0:
		warnings = append(warnings, "no architecture has an operation with weights to generate, so hypernas trained without its hypernetwork")
	case o.Hypernetwork:
		if set, err = newAuxiliary(ctx, o.Auxiliary, o.AuxiliaryPool, auxiliarySeed, p.CIFAR10); err != nil {
			return nil, err
		}
		if set.note != "" {
			warnings = append(warnings, set.note)
		}
	}
	data := &dataset{nodes: p.nodes, loops: o.Loops}
	p.mean, p.sd = feature.Moments(t.Labels)
	for i := range t.Batch.Networks {
		data.networks = append(data.networks, p.reader.read(&t.Batch.Networks[i]))
		data.labels = append(data.labels, (t.Labels[i]-p.mean)/p.sd)
	}
	var members []*member
	for k := range o.Members {
		m := &member{model: newModel[float32](&p.options, p.nodes.Dim(), p.reader.proxy, set, rand.New(rand.NewPCG(t.Seed, weightStream+uint64(k)<<32)))}
		log := func(epoch int, losses []float64) {
			t.Log.Info("hypernas: training", "member", k+1, "of", o.Members, "epoch", epoch, "epochs", o.Epochs, "losses", losses)
		}
		if err := m.fit(ctx, data, rand.New(rand.NewPCG(t.Seed, orderStream+uint64(k)<<32)), log); err != nil {
			return nil, err
		}
		members = append(members, m)
	}
	p.members = members
	return warnings, nil
}

// Streams of random numbers: initial weights, and everything else.
const (
	weightStream = 0x68797001
	orderStream  = 0x68797002
)

// dataset is a training set in the encoder's form, with standardized labels.
type dataset struct {
	networks []network
	labels   []float64
	nodes    *feature.Nodes
	loops    bool
}

// member is one trained network, with machines to evaluate it.
type member struct {
	model    *model[float32]
	machines map[shape]*evaluator
	order    []shape // keys of machines, oldest first
}

type evaluator struct {
	machine *fuse.Machine[float32]
	inputs  *inputs[float32]
	rows    int
}

const (
	warmup = .1 // share of the steps in which the learning rate rises
	clip   = 5  // largest norm of the gradient
)

// fit trains the member; log is called now and then with the tasks' losses.
func (m *member) fit(ctx context.Context, d *dataset, rng *rand.Rand, log func(epoch int, losses []float64)) error {
	o, rows := m.model.options, len(d.networks)
	s := shape{networks: min(o.Batch, rows)}
	for i := range d.networks {
		s.cells = max(s.cells, len(d.networks[i].cells))
		s.nodes = max(s.nodes, padded(d.networks[i].nodeCount()))
	}
	perEpoch := (rows + s.networks - 1) / s.networks
	trainer, in, err := m.model.trainer(s, fuse.NewAdam[float32](fuse.AdamOptions{
		Rate: fuse.OneCycle(o.Rate, o.Epochs*perEpoch, warmup), Decay: o.Decay, Clip: clip,
	}))
	if err != nil {
		return err
	}
	tasks := 1
	if m.model.hypernetwork() {
		tasks = 2
	}
	losses := make([]float64, tasks)
	for epoch := range o.Epochs {
		clear(losses)
		order := rng.Perm(rows)
		for len(order) > 0 {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			batch := order[:min(len(order), s.networks)]
			order = order[len(batch):]
			for b := range s.networks {
				if b >= len(batch) {
					in.set(b, d.nodes, d.loops, nil)
					in.weights[b] = 0
					continue
				}
				in.set(b, d.nodes, d.loops, &d.networks[batch[b]])
				in.labels[b], in.weights[b] = float32(d.labels[batch[b]]), 1
			}
			fuse.DropoutTo(in.dropout, rng, o.Dropout)
			if tasks > 1 {
				in.setImages(m.model.auxiliary, rng.IntN(o.AuxiliaryPool/o.TargetImages)*o.TargetImages)
			}
			if _, err := trainer.Step(); err != nil {
				return err
			}
			for t := range losses {
				losses[t] += float64(trainer.Output(t)[0]) / float64(perEpoch)
			}
		}
		if (epoch+1)%max(o.Epochs/10, 1) == 0 {
			log(epoch+1, losses)
		}
	}
	return nil
}

// padded rounds a number of nodes up, so that few shapes of network are needed.
func padded(nodes int) int {
	const step = 4
	return (nodes + step - 1) / step * step
}

const (
	// evaluationRows is the number of networks that are evaluated at once; fewer
	// where their adjacency matrices would hold more than evaluationCells.
	evaluationRows  = 64
	evaluationCells = 1 << 20
	// machines is how many shapes keep a machine; with more shapes than that,
	// the oldest one is built again.
	machines = 8
)

// evaluator returns a machine for networks with the given numbers of cells and
// padded nodes.
func (m *member) evaluator(cells, nodes int) (*evaluator, error) {
	key := shape{cells: cells, nodes: nodes}
	if e := m.machines[key]; e != nil {
		return e, nil
	}
	s := key
	s.networks = min(max(evaluationCells/(cells*nodes*nodes), 1), evaluationRows)
	machine, in, err := m.model.evaluator(s)
	if err != nil {
		return nil, err
	}
	if m.machines == nil {
		m.machines = make(map[shape]*evaluator)
	}
	if len(m.order) == machines {
		delete(m.machines, m.order[0])
		m.order = m.order[1:]
	}
	e := &evaluator{machine, in, s.networks}
	m.machines[key], m.order = e, append(m.order, key)
	return e, nil
}

// Predict implements [plugins.Predictor]. Values are on the labels' scale.
func (p *Predictor) Predict(ctx context.Context, b *plugins.Batch) ([]float64, error) {
	values, err := p.predict(ctx, b)
	if err != nil {
		return nil, fmt.Errorf("predict with hypernas: %w", err)
	}
	return values, nil
}

func (p *Predictor) predict(ctx context.Context, b *plugins.Batch) ([]float64, error) {
	if p.members == nil {
		return nil, plugins.ErrNotFitted
	}
	networks := make([]network, b.Len())
	waiting := make(map[shape][]int)
	var shapes []shape
	for i := range networks {
		networks[i] = p.reader.read(&b.Networks[i])
		s := shape{cells: len(networks[i].cells), nodes: padded(networks[i].nodeCount())}
		if waiting[s] == nil {
			shapes = append(shapes, s)
		}
		waiting[s] = append(waiting[s], i)
	}
	values := make([]float64, b.Len())
	for _, m := range p.members {
		for _, s := range shapes {
			e, err := m.evaluator(s.cells, s.nodes)
			if err != nil {
				return nil, err
			}
			for rows := waiting[s]; len(rows) > 0; {
				if ctx.Err() != nil {
					return nil, ctx.Err()
				}
				block := rows[:min(len(rows), e.rows)]
				rows = rows[len(block):]
				for k, row := range block {
					e.inputs.set(k, p.nodes, p.options.Loops, &networks[row])
				}
				if err := e.machine.Run(); err != nil {
					return nil, err
				}
				for k, row := range block {
					values[row] += float64(e.machine.Output(0)[k])
				}
			}
		}
	}
	for i := range values {
		values[i] = p.mean + p.sd*values[i]/float64(len(p.members))
	}
	return values, nil
}
