package hypernas

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"

	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/predictors/feature"
)

// Version rises whenever predictions with equal options change.
const Version = 3

// Predictor is HyperNAS.
type Predictor struct {
	// CIFAR10 is what aux=cifar10 reads; nil where there is no cache of data.
	CIFAR10 Archive

	options    options
	vocabulary plugins.Vocabulary
	ensemble   *ensemble // nil before Fit
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
			"ours: dead operations removed, layer normalization, self loops, three networks averaged (members=1 for one)",
			"open in the paper: sum pooling, the regressor, AdamW with one cycle, 300 epochs; options say where each default comes from, by ablation those that docs/hypernas.md shows",
			"the paper's variants: HyperNAS-P is hypernetwork=false, HyperNAS-H is hypernas-plus:head=loss",
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
		*p = Predictor{CIFAR10: p.CIFAR10} // not fitted
		return plugins.Fitted{}, fmt.Errorf("fit hypernas: %w", err)
	}
	return plugins.Fitted{Warnings: warnings}, nil
}

func (p *Predictor) fit(ctx context.Context, t *plugins.Training) (warnings []string, err error) {
	o := defaults()
	if err := plugins.SetOptions(&o, t.Options); err != nil {
		return nil, err
	}
	if err := o.check(t.Options); err != nil {
		return nil, err
	}
	rows := t.Batch.Len()
	if err := feature.CheckLabels(t.Labels, rows); err != nil {
		return nil, err
	}
	*p = Predictor{CIFAR10: p.CIFAR10, options: o, vocabulary: t.Vocabulary}
	reader := newReader(&p.vocabulary, o.Prune, t.Batch.Networks)
	nodes := feature.NewNodes(&p.vocabulary, t.Batch.Networks, sequence)
	var set *auxiliary
	switch {
	case o.Hypernetwork && len(reader.proxy.heads) == 0:
		warnings = append(warnings, "no architecture has an operation with weights to generate, so hypernas trained without its hypernetwork")
	case o.Hypernetwork:
		if set, err = newAuxiliary(ctx, o.Auxiliary, o.AuxiliaryPool, auxiliarySeed, p.CIFAR10); err != nil {
			return nil, err
		}
		if set.note != "" {
			warnings = append(warnings, set.note)
		}
	}
	if err := checkSize(o.Members * parameterCount(&o, nodes.Dim(), reader.proxy, set)); err != nil {
		return nil, err
	}
	folder := ""
	if o.Export != "" && set != nil {
		if folder, err = makeExport(o.Export, t); err != nil {
			return nil, err
		}
		defer os.Remove(folder) // which it won't unless it is empty
	}
	e := newEnsemble(nodes, reader.read, &t.Batch, t.Labels)
	for k := range o.Members {
		m := newModel[float32](&p.options, nodes.Dim(), reader.proxy, set, rand.New(rand.NewPCG(t.Seed, weightStream+uint64(k)<<32)))
		if err := e.train(ctx, m, k, o.Members, t.Seed, t.Log); err != nil {
			return nil, err
		}
	}
	if folder != "" {
		if err := e.members[0].export(ctx, folder, nodes, &p.vocabulary, e.networks, e.cells); err != nil {
			return nil, err
		}
		t.Log.Info("hypernas: exported weights", "folder", folder, "architectures", len(e.networks))
	}
	p.ensemble = e
	return warnings, nil
}

// Predict implements [plugins.Predictor]. Values are on the labels' scale.
func (p *Predictor) Predict(ctx context.Context, b *plugins.Batch) ([]float64, error) {
	if p.ensemble == nil {
		return nil, fmt.Errorf("predict with hypernas: %w", plugins.ErrNotFitted)
	}
	values, err := p.ensemble.predict(ctx, b)
	if err != nil {
		return nil, fmt.Errorf("predict with hypernas: %w", err)
	}
	return values, nil
}
