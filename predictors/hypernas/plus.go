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
const PlusVersion = 3

// plusOptions are what a user of hypernas-plus may choose. Their texts end with
// where the default comes from: the paper; ours, after a prototype's measurements;
// or ours by the ablation of docs/hypernas.md or on tuning splits.
type plusOptions struct {
	Label         string  `option:"label" doc:"transform of the labels before the fit; warp learns it (ours; prototype)" choices:"warp,rank-gauss,z-score"`
	Head          string  `option:"head" doc:"what makes a value of that: the process with the forest; the judges' encoders trained on, on the labels, as hypernas is; or the loss alone, without labels (the paper's HyperNAS-H) (ours)" choices:"process,network,loss"`
	Embedding     bool    `option:"embedding" doc:"add what encoders say that were pretrained without labels (ours; by ablation)"`
	Forest        bool    `option:"forest" doc:"mix a random forest in, by cross-validation (ours; by ablation)"`
	Members       int     `option:"members" doc:"encoders pretrained to predict costs and counts, whose embeddings stand side by side (ours; prototype)"`
	Judges        int     `option:"judges" doc:"encoders pretrained with a hypernetwork, which judge architectures by the loss that they have with generated weights (ours, with the paper's hypernetwork; by ablation)"`
	Use           string  `option:"use" doc:"what is taken of a judge: its embedding, the loss and what it predicts of it, both (ours; on tuning splits)" choices:"both,embedding,losses"`
	Global        string  `option:"global" doc:"what the nodes of a cell learn of the cells before it, in a judge (paper)" choices:"on,positional,off"`
	Shuffled      bool    `option:"shuffled" doc:"a control: a judge learns to predict the losses of other architectures (ours; off)"`
	Width         int     `option:"width" doc:"width of an encoder (ours; prototype)"`
	Layers        int     `option:"layers" doc:"graph layers of an encoder (paper)"`
	Steps         int     `option:"steps" doc:"steps of an encoder's pretraining (ours; prototype)"`
	JudgeSteps    int     `option:"judge_steps" doc:"steps of a judge's pretraining (ours; prototype)"`
	Batch         int     `option:"batch" doc:"architectures in a step (ours; prototype)"`
	TargetBatch   int     `option:"target_batch" doc:"architectures of a judge's step whose target network is evaluated (ours; prototype)"`
	Auxiliary     string  `option:"aux" doc:"auxiliary images: generated, cifar10 (fetched by hypernas data get cifar10), or a folder of data_batch_*.bin in CIFAR-10's binary form, by its absolute path (paper, which has CIFAR-10; by ablation)"`
	AuxiliaryPool int     `option:"aux_pool" doc:"auxiliary images in all, a multiple of 32 (ours)"`
	JudgeImages   int     `option:"judge_images" doc:"auxiliary images, of those, on which an architecture's loss is taken, a multiple of 16 (ours)"`
	Rate          float64 `option:"rate" doc:"highest learning rate of the pretraining's one cycle (ours; prototype)"`
	Decay         float64 `option:"decay" doc:"weight decay of AdamW in pretraining (ours; prototype)"`
	Trees         int     `option:"trees" doc:"trees of the forest (ours; prototype)"`
	Iterations    int     `option:"iterations" doc:"L-BFGS iterations of the Gaussian process, at most (ours; prototype)"`
}

// plusDefaults returns the recipe.
func plusDefaults() plusOptions {
	return plusOptions{
		Label: "warp", Head: "process", Embedding: true, Forest: true,
		Members: 6, Judges: 1, Use: "losses", Global: "on",
		Width: 64, Layers: 3, Steps: 300, JudgeSteps: 1000, Batch: 64, TargetBatch: 8,
		Auxiliary: auxGenerated, AuxiliaryPool: 640, JudgeImages: 64,
		Rate: 3e-3, Decay: 1e-4, Trees: 200, Iterations: 100,
	}
}

// check returns an error wrapping plugins.ErrOption if a value makes no sense, or
// one that was given.
func (o *plusOptions) check(given map[string]string) error {
	return cmp.Or(
		feature.CheckRange("members", o.Members, 0, 32),
		feature.CheckRange("judges", o.Judges, 0, 8),
		feature.CheckRange("judge_steps", o.JudgeSteps, 1, 1e5),
		feature.CheckRange("target_batch", o.TargetBatch, 2, max(min(256, mostTargets(given, o.Batch)), 2)),
		checkAuxiliary(o.Auxiliary),
		checkMultiple("aux_pool", o.AuxiliaryPool, 32, 1<<16, 32),
		checkMultiple("judge_images", o.JudgeImages, 16, min(o.AuxiliaryPool, 1024), 16),
		feature.CheckRange("width", o.Width, 1, 1024),
		feature.CheckRange("layers", o.Layers, 1, 32),
		feature.CheckRange("steps", o.Steps, 1, 1e5),
		feature.CheckRange("batch", o.Batch, 1, 4096),
		feature.CheckRange("batch * steps", o.Batch*max(o.Steps, o.JudgeSteps), 1, 1<<22),
		feature.CheckRange("trees", o.Trees, 1, 1e4),
		feature.CheckRange("iterations", o.Iterations, 1, 1e4),
		feature.CheckRange("rate", o.Rate, 1e-9, 1),
		feature.CheckRange("decay", o.Decay, 0, 10),
		o.checkHead(),
	)
}

// checkHead returns an error if there is nothing that the head could work with.
func (o *plusOptions) checkHead() error {
	switch {
	case o.Head != "process" && (o.Judges == 0 || !o.Embedding):
		return fmt.Errorf("%w: head=%s works on judges alone; it takes embedding=true and judges of 1 or more", plugins.ErrOption, o.Head)
	case o.Embedding && o.Members == 0 && o.Judges == 0:
		return fmt.Errorf("%w: members=0 and judges=0 leave no encoder; embedding=false says so", plugins.ErrOption)
	}
	return nil
}

// Plus is hypernas-plus: a Gaussian process with a learned warp of the labels on
// groups of features and on the embedding of encoders that were pretrained
// without labels, and a random forest beside it.
type Plus struct {
	// CIFAR10 is what aux=cifar10 reads; nil where there is no cache of data.
	CIFAR10 Archive

	options  plusOptions
	features *feature.ScaledGroups // nil before Fit
	embedder *embedder             // nil where there is no embedding
	model    *gp.Model             // nil where nothing varies
	forest   *tree.Forest          // nil where it has no weight
	weight   float64               // of the process, 1 where there is no forest
	ensemble *ensemble             // of the judges, trained on; nil but with that head
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
			"ours: gp-warp's process, with embeddings as one more group; six encoders have HyperNAS's graph layers and are pretrained to predict costs, every other one totals of operations too",
			"ours: one more encoder is HyperNAS's whole, pretrained with its hypernetwork; the loss of the networks that it generates and its prediction are a group of features (use=both adds its embedding)",
			"ours: a random forest on the same features, weighted by 5-fold cross-validation",
			"embedding=false and forest=false together are gp-warp",
			"head=network trains the judges' encoders as hypernas does by default: 300 epochs, with its rate, decay and dropout",
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
	if err := o.check(given); err != nil {
		return o, err
	}
	judges := []string{"use", "global", "shuffled", "judge_steps", "target_batch", "aux", "aux_pool", "judge_images"}
	if err := checkSilence(
		given,
		silence{"head=" + o.Head, o.Head != "process", []string{"label", "forest", "members", "use", "steps", "trees", "iterations"}},
		silence{"embedding=false", !o.Embedding, append(judges, "members", "judges", "width", "layers", "steps", "batch", "rate", "decay")},
		silence{"judges=0", o.Judges == 0, judges},
		silence{"members=0", o.Members == 0, []string{"steps"}},
		silence{"use=embedding", o.Use == "embedding", []string{"judge_images"}},
		silence{"forest=false", !o.Forest, []string{"trees"}},
	); err != nil {
		return o, err
	}
	switch o.Head {
	case "network": // judges' encoders and nothing else
		o.Members, o.Use = 0, ""
	case "loss":
		o.Members, o.Use = 0, "losses"
	}
	return o, nil
}

// Pretrain implements [plugins.Pretrainer].
func (p *Plus) Pretrain(ctx context.Context, t *plugins.Pretraining) ([]byte, error) {
	o, err := readPlusOptions(t.Options)
	if err != nil {
		return nil, fmt.Errorf("pretrain hypernas-plus: %w", err)
	}
	if !o.Embedding {
		return []byte(magic), nil
	}
	set, err := p.images(ctx, &o)
	if err != nil {
		return nil, fmt.Errorf("pretrain hypernas-plus: %w", err)
	}
	e, err := pretrain(ctx, &o, &t.Vocabulary, &t.Pool, set, t.Seed, t.Log)
	if err != nil {
		return nil, fmt.Errorf("pretrain hypernas-plus: %w", err)
	}
	return e.encode(), nil
}

// images returns D_aux, nil where there is no judge.
func (p *Plus) images(ctx context.Context, o *plusOptions) (*auxiliary, error) {
	if o.Judges == 0 {
		return nil, nil
	}
	return newAuxiliary(ctx, o.Auxiliary, o.AuxiliaryPool, auxiliarySeed, p.CIFAR10)
}

// Fit implements [plugins.Predictor].
func (p *Plus) Fit(ctx context.Context, t *plugins.Training) (plugins.Fitted, error) {
	fitted, err := p.fit(ctx, t)
	if err != nil {
		*p = Plus{CIFAR10: p.CIFAR10} // not fitted
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
	*p = Plus{CIFAR10: p.CIFAR10, options: o, weight: 1}
	pool := &t.Pool
	if pool.Len() == 0 {
		pool = &t.Batch
	}
	if o.Head != "process" {
		return p.fitJudges(ctx, t, pool)
	}
	if p.features, err = feature.NewScaledGroups(ctx, &t.Vocabulary, pool); err != nil {
		return plugins.Fitted{}, err
	}
	if len(p.features.Names()) == 0 {
		return plugins.Fitted{Warnings: []string{feature.AllAlike}}, nil
	}
	var warnings []string
	if o.Embedding {
		if warnings, err = p.embed(ctx, t, pool); err != nil {
			return plugins.Fitted{}, err
		}
	}
	labels := t.Labels
	if o.Label != "warp" {
		labels = make([]float64, len(t.Labels))
		feature.LabelsTo(labels, t.Labels, o.Label)
	}
	raw, rows, err := p.rows(ctx, &t.Batch)
	if err != nil {
		return plugins.Fitted{}, err
	}
	config := p.config()
	if p.model, err = gp.Fit(ctx, config, rows, labels); err != nil {
		return plugins.Fitted{}, err
	}
	t.Log.Info("hypernas-plus: fitted the process", "labels", len(p.model.Labels()), "groups", len(config.Dims))
	if o.Forest {
		err = p.addForest(ctx, t, config, raw, rows)
	}
	return plugins.Fitted{Warnings: append(warnings, gp.OnlyFirst(len(labels))...)}, err
}

// embed sets the embedder: what was pretrained on pool, or else is now.
func (p *Plus) embed(ctx context.Context, t *plugins.Training, pool *plugins.Batch) (warnings []string, err error) {
	o := &p.options
	set, err := p.images(ctx, o)
	if err != nil {
		return nil, err
	}
	if set != nil && set.note != "" {
		warnings = append(warnings, set.note)
	}
	if len(t.Artifact) > 0 {
		p.embedder, err = decode(o, &t.Vocabulary, pool, set, t.Artifact)
	} else {
		p.embedder, err = pretrain(ctx, o, &t.Vocabulary, pool, set, t.Seed, t.Log)
	}
	return warnings, err
}

// fitJudges is fit for the heads that work on judges alone.
func (p *Plus) fitJudges(ctx context.Context, t *plugins.Training, pool *plugins.Batch) (plugins.Fitted, error) {
	warnings, err := p.embed(ctx, t, pool)
	if err != nil {
		return plugins.Fitted{}, err
	}
	judges := p.embedder.judges
	if len(judges) == 0 {
		return plugins.Fitted{}, fmt.Errorf("%w: no architecture has an operation with weights to generate, and head=%s works with them alone", plugins.ErrUnsupported, p.options.Head)
	}
	if p.options.Head == "network" {
		p.ensemble = newEnsemble(judges[0].nodes, judges[0].read, &t.Batch, t.Labels)
		for k, j := range judges {
			m := newModel[float32](j.options, j.nodes.Dim(), j.reader.proxy, nil, rand.New(rand.NewPCG(t.Seed, weightStream+uint64(k)<<32)))
			m.encoder = j.encoder
			if err := p.ensemble.train(ctx, m, k, len(judges), t.Seed, t.Log); err != nil {
				return plugins.Fitted{}, err
			}
		}
	}
	return plugins.Fitted{Warnings: warnings}, nil
}

// config returns what the process is fitted with.
func (p *Plus) config() gp.Config {
	c := gp.Config{Dims: p.features.Dims(), Warp: p.options.Label == "warp", Iterations: p.options.Iterations}
	if p.embedder == nil {
		return c
	}
	if p.losses() {
		c.Dims = append(c.Dims, p.embedder.losses.Dim())
	}
	for i := range p.embedder.embeddings {
		if d := p.embedder.embeddings[i].Dim(); d > 0 {
			c.Dims, c.Embeddings = append(c.Dims, d), c.Embeddings+1
		}
	}
	return c
}

// losses reports whether the losses that judges give are features.
func (p *Plus) losses() bool {
	return p.embedder != nil && p.embedder.losses.Dim() > 0
}

// rows returns what the forest sees of the rows of b, their features as they come
// and the losses, and what the process sees of them.
func (p *Plus) rows(ctx context.Context, b *plugins.Batch) (raw *mat.Dense, rows [][]float64, err error) {
	x, err := p.features.Groups().Matrix(ctx, b)
	if err != nil {
		return nil, nil, err
	}
	raw, rows = mat.NewDense(b.Len(), p.features.Groups().Dim(), x), p.features.Scale(x)
	if p.embedder == nil {
		return raw, rows, nil
	}
	embeddings, losses, err := p.embedder.rows(ctx, b)
	if err != nil {
		return nil, nil, err
	}
	if p.losses() {
		var all mat.Dense
		all.Augment(raw, mat.NewDense(b.Len(), p.embedder.losses.Dim(), losses))
		raw, rows = &all, append(rows, losses)
	}
	return raw, append(rows, embeddings...), nil
}

// folds of the cross-validation that weights process and forest. Fewer than two
// rows a fold say nothing of weights.
const folds = 5

// addForest fits a forest to the labels as the process sees them, and weights
// both so that they come nearest to the labels of rows held out.
func (p *Plus) addForest(ctx context.Context, t *plugins.Training, config gp.Config, raw *mat.Dense, rows [][]float64) (err error) {
	labels := p.model.Labels()
	n := len(labels)
	if n < 2*folds {
		return nil
	}
	x := raw.Slice(0, n, 0, raw.RawMatrix().Cols).(*mat.Dense)
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
		t.Log.Info("hypernas-plus: weighing process and forest", "fold", k+1, "of", folds)
	}
	p.weight = leastSquaresWeight(labels, process, forest)
	t.Log.Info("hypernas-plus: weighed process and forest", "process", p.weight)
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
// transformed labels, with head=network on that of the labels, with head=loss
// they are the loss with the sign changed.
func (p *Plus) Predict(ctx context.Context, b *plugins.Batch) ([]float64, error) {
	values, err := p.predict(ctx, b)
	if err != nil {
		return nil, fmt.Errorf("predict with hypernas-plus: %w", err)
	}
	return values, nil
}

func (p *Plus) predict(ctx context.Context, b *plugins.Batch) ([]float64, error) {
	valuesTo := p.predictTo
	switch {
	case p.ensemble != nil:
		return p.ensemble.predict(ctx, b)
	case p.features == nil && p.embedder == nil:
		return nil, plugins.ErrNotFitted
	case p.options.Head == "loss":
		valuesTo = p.lossTo
	case p.model == nil:
		return make([]float64, b.Len()), nil
	}
	values := make([]float64, b.Len())
	for from := 0; from < b.Len(); from += block {
		part := b.Slice(from, min(from+block, b.Len()))
		if err := valuesTo(ctx, values[from:from+part.Len()], &part); err != nil {
			return nil, err
		}
	}
	return values, nil
}

// lossTo writes for each row of b how small its loss is, with the weights that
// judges generate.
func (p *Plus) lossTo(ctx context.Context, dst []float64, b *plugins.Batch) error {
	_, losses, err := p.embedder.raw(ctx, b)
	if err != nil {
		return err
	}
	judges := len(p.embedder.judges)
	for i := range dst {
		for k := range judges {
			dst[i] -= losses[2*(i*judges+k)+1] / float64(judges)
		}
	}
	return nil
}

func (p *Plus) predictTo(ctx context.Context, dst []float64, b *plugins.Batch) error {
	raw, rows, err := p.rows(ctx, b)
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
	leaves := make([]float64, len(dst))
	p.forest.PredictTo(leaves, raw)
	floats.Scale(p.weight, dst)
	floats.AddScaled(dst, 1-p.weight, leaves)
	return nil
}
