package hypernas

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"

	"github.com/hypernas/hypernas/internal/gp"
	"github.com/hypernas/hypernas/internal/tree"
	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/predictors/feature"
)

// PlusVersion rises whenever predictions of hypernas-plus with equal options
// change.
const PlusVersion = 1

// plusOptions are what a user of hypernas-plus may choose.
type plusOptions struct {
	Label      string  `option:"label" doc:"transform of the labels before the fit; warp learns it" choices:"warp,rank-gauss,z-score"`
	Embedding  bool    `option:"embedding" doc:"add the embedding of encoders that were pretrained without labels"`
	Forest     bool    `option:"forest" doc:"mix a random forest in, by cross-validation"`
	Members    int     `option:"members" doc:"pretrained encoders, whose embeddings stand side by side"`
	Width      int     `option:"width" doc:"width of an encoder"`
	Layers     int     `option:"layers" doc:"graph layers of an encoder"`
	Steps      int     `option:"steps" doc:"steps of an encoder's pretraining"`
	Batch      int     `option:"batch" doc:"architectures in a step"`
	Rate       float64 `option:"rate" doc:"highest learning rate of the pretraining's one cycle"`
	Decay      float64 `option:"decay" doc:"weight decay of AdamW in pretraining"`
	Trees      int     `option:"trees" doc:"trees of the forest"`
	Iterations int     `option:"iterations" doc:"L-BFGS iterations of the Gaussian process, at most"`
}

// plusDefaults returns the recipe.
func plusDefaults() plusOptions {
	return plusOptions{
		Label: "warp", Embedding: true, Forest: true,
		Members: 6, Width: 64, Layers: 3, Steps: 300, Batch: 64, Rate: 3e-3, Decay: 1e-4,
		Trees: 200, Iterations: 100,
	}
}

// check returns an error wrapping plugins.ErrOption if a value makes no sense.
func (o *plusOptions) check() error {
	return cmp.Or(
		feature.CheckRange("members", o.Members, 1, 32),
		feature.CheckRange("width", o.Width, 1, 1024),
		feature.CheckRange("layers", o.Layers, 1, 64),
		feature.CheckRange("steps", o.Steps, 1, 1e5),
		feature.CheckRange("batch", o.Batch, 1, 4096),
		feature.CheckRange("trees", o.Trees, 1, 1e4),
		feature.CheckRange("iterations", o.Iterations, 1, 1e4),
		feature.CheckRange("rate", o.Rate, 1e-9, 1),
		feature.CheckRange("decay", o.Decay, 0, 10),
	)
}

// Plus is hypernas-plus: a Gaussian process with a learned warp of the labels on
// groups of features and on the embedding of encoders that were pretrained
// without labels, and a random forest beside it.
type Plus struct {
	options  plusOptions
	features *feature.ScaledGroups // nil before Fit
	embedder *embedder             // nil where there is no embedding
	model    *gp.Model             // nil where nothing varies
	forest   *tree.Forest          // nil where it has no weight
	weight   float64               // of the process, 1 where there is no forest
}

var _ plugins.Pretrainer = (*Plus)(nil)

// NewPlus returns hypernas-plus.
func NewPlus() *Plus { return &Plus{} }

// Describe implements [plugins.Predictor].
func (*Plus) Describe(context.Context) (plugins.Description, error) {
	return plugins.Description{
		Name:    "hypernas-plus",
		Version: PlusVersion,
		Summary: "Gaussian process on groups of features and on the embedding of encoders pretrained without labels, with a forest beside it",
		Source:  "this project, from the ideas of Lv et al., HyperNAS, arXiv 2509.18151",
		Notes: []string{
			"ours: gp-warp's process, with the embedding as one more group; the encoder is HyperNAS's, pretrained to predict costs and totals of operations",
			"ours: a random forest on the same features, weighted by 5-fold cross-validation",
			"embedding=false and forest=false together are gp-warp",
			gp.OnlyFirstNote(),
		},
		Options:   plugins.DescribeOptions(plusDefaults()),
		UsesPool:  true,
		Pretrains: true,
	}, nil
}

// readPlusOptions returns the options that a user gave.
func readPlusOptions(given map[string]string) (plusOptions, error) {
	o := plusDefaults()
	if err := plugins.SetOptions(&o, given); err != nil {
		return o, err
	}
	return o, o.check()
}

// Pretrain implements [plugins.Pretrainer].
func (*Plus) Pretrain(ctx context.Context, p *plugins.Pretraining) ([]byte, error) {
	o, err := readPlusOptions(p.Options)
	if err != nil {
		return nil, fmt.Errorf("pretrain hypernas-plus: %w", err)
	}
	if !o.Embedding {
		return []byte(magic), nil
	}
	e, err := pretrain(ctx, &o, &p.Vocabulary, &p.Pool, p.Seed, func(member int) {
		p.Log.Info("hypernas-plus: pretraining", "encoder", member, "of", o.Members)
	})
	if err != nil {
		return nil, fmt.Errorf("pretrain hypernas-plus: %w", err)
	}
	return e.encode(), nil
}

// Fit implements [plugins.Predictor].
func (p *Plus) Fit(ctx context.Context, t *plugins.Training) (plugins.Fitted, error) {
	fitted, err := p.fit(ctx, t)
	if err != nil {
		return plugins.Fitted{}, fmt.Errorf("fit hypernas-plus: %w", err)
	}
	return fitted, nil
}

func (p *Plus) fit(ctx context.Context, t *plugins.Training) (plugins.Fitted, error) {
	o, err := readPlusOptions(t.Options)
	if err != nil {
		return plugins.Fitted{}, err
	}
	if err := feature.CheckLabels(t.Labels, t.Batch.Len()); err != nil {
		return plugins.Fitted{}, err
	}
	*p = Plus{options: o, weight: 1}
	pool := &t.Pool
	if pool.Len() == 0 {
		pool = &t.Batch
	}
	if p.features, err = feature.NewScaledGroups(ctx, &t.Vocabulary, pool); err != nil {
		return plugins.Fitted{}, err
	}
	if len(p.features.Names()) == 0 {
		return plugins.Fitted{Warnings: []string{feature.AllAlike}}, nil
	}
	if o.Embedding {
		if len(t.Artifact) > 0 {
			p.embedder, err = decode(&o, &t.Vocabulary, pool, t.Artifact)
		} else {
			p.embedder, err = pretrain(ctx, &o, &t.Vocabulary, pool, t.Seed, func(int) {})
		}
		if err != nil {
			return plugins.Fitted{}, err
		}
	}
	labels := t.Labels
	if o.Label != "warp" {
		labels = make([]float64, len(t.Labels))
		feature.LabelsTo(labels, t.Labels, o.Label)
	}
	rows, err := p.rows(ctx, &t.Batch)
	if err != nil {
		return plugins.Fitted{}, err
	}
	config := p.config()
	if p.model, err = gp.Fit(ctx, config, rows, labels); err != nil {
		return plugins.Fitted{}, err
	}
	if o.Forest {
		err = p.addForest(ctx, t, config, rows)
	}
	return plugins.Fitted{Warnings: gp.OnlyFirst(len(labels))}, err
}

// config returns what the process is fitted with.
func (p *Plus) config() gp.Config {
	c := gp.Config{Dims: p.features.Dims(), Warp: p.options.Label == "warp", Iterations: p.options.Iterations}
	if p.embedder != nil && p.embedder.scaling.Dim() > 0 {
		c.Dims, c.Embedding = append(c.Dims, p.embedder.scaling.Dim()), true
	}
	return c
}

// rows returns what the process sees of the rows of b.
func (p *Plus) rows(ctx context.Context, b *plugins.Batch) ([][]float64, error) {
	rows, err := p.features.Rows(ctx, b)
	if err != nil || p.embedder == nil || p.embedder.scaling.Dim() == 0 {
		return rows, err
	}
	embedded, err := p.embedder.rows(ctx, &p.options, b)
	return append(rows, embedded), err
}

// folds of the cross-validation that weights process and forest. Fewer than two
// rows a fold say nothing of weights.
const folds = 5

// addForest fits a forest to the labels as the process sees them, and weights
// both so that they come nearest to the labels of rows held out.
func (p *Plus) addForest(ctx context.Context, t *plugins.Training, config gp.Config, rows [][]float64) error {
	labels := p.model.Labels()
	n := len(labels)
	if n < 2*folds {
		return nil
	}
	x, err := p.raw(ctx, &t.Batch)
	if err != nil {
		return err
	}
	x = x.Slice(0, n, 0, x.RawMatrix().Cols).(*mat.Dense)
	// The warp stays that of the whole fit.
	config.Warp = false
	rng := rand.New(rand.NewPCG(t.Seed, forestStream))
	order := rng.Perm(n)
	process, forest := make([]float64, n), make([]float64, n)
	for k := range folds {
		var in, out []int
		for i, row := range order {
			if i%folds == k {
				out = append(out, row)
			} else {
				in = append(in, row)
			}
		}
		own := pick(labels, 1, in)
		m, err := gp.Fit(ctx, config, pickGroups(rows, config.Dims, in), own)
		if err != nil {
			return err
		}
		held, err := m.Predict(ctx, pickGroups(rows, config.Dims, out))
		if err != nil {
			return err
		}
		f, err := tree.FitForest(ctx, pickRows(x, in), own, p.forestOptions(t.Seed+uint64(k)+1))
		if err != nil {
			return err
		}
		leaves := make([]float64, len(out))
		f.PredictTo(leaves, pickRows(x, out))
		for i, row := range out {
			process[row], forest[row] = held[i], leaves[i]
		}
	}
	p.weight = leastSquaresWeight(labels, process, forest)
	if p.weight == 1 {
		return nil
	}
	p.forest, err = tree.FitForest(ctx, x, labels, p.forestOptions(t.Seed))
	return err
}

// forestStream keeps the random numbers of the folds apart.
const forestStream = 0x68797004

func (p *Plus) forestOptions(seed uint64) tree.ForestOptions {
	o := tree.RandomForest(p.options.Trees, seed)
	o.Features = .33
	return o
}

// leastSquaresWeight returns the w from 0 to 1 for which w a + (1-w) b comes
// nearest to y; 1 where a and b are the same.
func leastSquaresWeight(y, a, b []float64) float64 {
	above, below := 0.0, 0.0
	for i := range y {
		above += (y[i] - b[i]) * (a[i] - b[i])
		below += (a[i] - b[i]) * (a[i] - b[i])
	}
	if below == 0 {
		return 1
	}
	return min(max(above/below, 0), 1)
}

// raw returns the features of the rows of b as they come, not scaled.
func (p *Plus) raw(ctx context.Context, b *plugins.Batch) (*mat.Dense, error) {
	groups := p.features.Groups()
	x, err := groups.Matrix(ctx, b)
	if err != nil {
		return nil, err
	}
	return mat.NewDense(b.Len(), groups.Dim(), x), nil
}

// pick returns the given rows of x, which have d columns.
func pick(x []float64, d int, rows []int) []float64 {
	picked := make([]float64, 0, len(rows)*d)
	for _, i := range rows {
		picked = append(picked, x[i*d:(i+1)*d]...)
	}
	return picked
}

func pickGroups(groups [][]float64, dims, rows []int) [][]float64 {
	picked := make([][]float64, len(groups))
	for g := range groups {
		picked[g] = pick(groups[g], dims[g], rows)
	}
	return picked
}

func pickRows(x *mat.Dense, rows []int) *mat.Dense {
	_, d := x.Dims()
	picked := mat.NewDense(len(rows), d, nil)
	for k, i := range rows {
		picked.SetRow(k, x.RawRowView(i))
	}
	return picked
}

// block is the number of rows that are predicted at once.
const block = 1024

// Predict implements [plugins.Predictor]. Values are on the scale of the
// transformed labels.
func (p *Plus) Predict(ctx context.Context, b *plugins.Batch) ([]float64, error) {
	if p.features == nil {
		return nil, fmt.Errorf("predict with hypernas-plus: %w", plugins.ErrNotFitted)
	}
	values := make([]float64, b.Len())
	for from := 0; from < b.Len() && p.model != nil; from += block {
		part := b.Slice(from, min(from+block, b.Len()))
		if err := p.predictTo(ctx, values[from:from+part.Len()], &part); err != nil {
			return nil, fmt.Errorf("predict with hypernas-plus: %w", err)
		}
	}
	return values, nil
}

func (p *Plus) predictTo(ctx context.Context, dst []float64, b *plugins.Batch) error {
	rows, err := p.rows(ctx, b)
	if err != nil {
		return err
	}
	means, err := p.model.Predict(ctx, rows)
	if err != nil {
		return err
	}
	copy(dst, means)
	if p.forest == nil {
		return nil
	}
	x, err := p.raw(ctx, b)
	if err != nil {
		return err
	}
	leaves := make([]float64, len(dst))
	p.forest.PredictTo(leaves, x)
	floats.Scale(p.weight, dst)
	floats.AddScaled(dst, 1-p.weight, leaves)
	return nil
}
