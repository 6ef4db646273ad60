package hypernas

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/hypernas/hypernas/internal/nn/fit"
	"github.com/hypernas/hypernas/internal/nn/fuse"
	"github.com/hypernas/hypernas/internal/parallel"
	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/predictors/feature"
)

// embedder turns architectures into what pretrained encoders say of them, scaled
// over the pool.
type embedder struct {
	o       *plusOptions
	set     *auxiliary // D_aux, nil without judges
	joiners []*joiner
	members []*structural
	judges  []*judge
	// known holds the losses that judges found for the pool, by what they read;
	// each judge has one.
	known map[fingerprint][]float32
	// said holds, by what they read, what judges make of architectures: each an
	// embedding and the loss that it predicts.
	said map[fingerprint][]float32
	// embeddings scale the pooled nodes of encoders side by side, one for each
	// joiner, those of judges in the last; losses
	// scales, for each judge, the loss that it predicts and the loss.
	embeddings []feature.Scaling
	losses     feature.Scaling

	readings             []*fit.Evaluator[*part]   // of members
	evaluators, verdicts []*fit.Evaluator[example] // of judges
}

// fingerprint stands for what a judge reads of an architecture.
type fingerprint [16]byte

// fingerprint returns the fingerprint of n: of its cells in order, and their steps.
func (n *network) fingerprint() (f fingerprint) {
	data := make([]byte, 0, 1<<10)
	put := func(values ...int) {
		for _, x := range values {
			data = binary.LittleEndian.AppendUint64(data, uint64(x))
		}
	}
	numbers := func(values []float64) {
		put(len(values))
		for _, x := range values {
			put(int(math.Float64bits(x)))
		}
	}
	put(len(n.cells))
	for i, c := range n.cells {
		put(n.steps[i].Repeat, len(c.nodes), len(c.edges))
		numbers(n.steps[i].Attrs)
		for _, node := range c.nodes {
			put(node.Op)
			numbers(node.Attrs)
		}
		for _, e := range c.edges {
			put(e.From, e.To)
		}
	}
	digest := sha256.Sum256(data)
	copy(f[:], digest[:])
	return f
}

// spans returns where the columns of each embedding begin, and the end.
func (e *embedder) spans() []int {
	starts := make([]int, len(e.joiners)+1)
	for _, m := range e.members {
		for k := m.joiner + 1; k < len(starts); k++ {
			starts[k] += e.o.Width
		}
	}
	starts[len(e.joiners)] = e.embedded()
	return starts
}

// columns returns columns from to to of rows of the given width; all of them are
// the rows themselves.
func columns(rows []float64, width, from, to int) []float64 {
	if to-from == width {
		return rows
	}
	some := make([]float64, 0, len(rows)/width*(to-from))
	for at := 0; at < len(rows); at += width {
		some = append(some, rows[at+from:at+to]...)
	}
	return some
}

// embedded is how many columns all embeddings have before scaling.
func (e *embedder) embedded() int {
	if e.o.Use == "both" || e.o.Use == "embedding" {
		return (len(e.members) + len(e.judges)) * e.o.Width
	}
	return len(e.members) * e.o.Width
}

// valued is how many columns of losses there are before scaling: of each judge
// what it predicts of the loss, and the loss.
func (e *embedder) valued() int {
	if e.o.Use == "both" || e.o.Use == "losses" {
		return 2 * len(e.judges)
	}
	return 0
}

// newEmbedder returns an embedder without encoders for a pool, which must follow
// v, and D_aux, nil without judges.
func newEmbedder(o *plusOptions, v *plugins.Vocabulary, pool *plugins.Batch, set *auxiliary) *embedder {
	some := seen(pool)
	return &embedder{o: o, set: set, joiners: newJoiners(v, some.Networks), known: make(map[fingerprint][]float32), said: make(map[fingerprint][]float32)}
}

// pretrain trains encoders on a pool, which must follow v, side by side where the
// process has processors for it: judges, and members, of which those of even
// number learn all targets, the others the costs alone.
func pretrain(ctx context.Context, o *plusOptions, v *plugins.Vocabulary, pool *plugins.Batch, set *auxiliary, seed uint64, log *slog.Logger) (*embedder, error) {
	e := newEmbedder(o, v, pool, set)
	from, err := newSample(ctx, v, pool)
	if err != nil {
		return nil, err
	}
	dim := 0
	for _, j := range e.joiners {
		dim = max(dim, j.dim())
	}
	if err := checkSize(o.Members * (encoderCount(dim, o.Width, o.Layers) + headCount(o.Width, from.targets()))); err != nil {
		return nil, err
	}
	// All encoders are drawn first: one that is too large is refused before others
	// are trained.
	some := seen(pool)
	orders := make([]*rand.Rand, o.Judges)
	for k := range orders {
		orders[k] = rand.New(rand.NewPCG(seed, judgeStream+uint64(k)<<32))
		j, err := newJudge(o, v, some.Networks, from.targets(), set, orders[k])
		if err != nil {
			return nil, err
		}
		if j == nil {
			break // no weights to generate
		}
		e.judges = append(e.judges, j)
	}
	if err := e.read(ctx, from.examples, &some); err != nil {
		return nil, err
	}
	for k := range o.Members {
		rng := rand.New(rand.NewPCG(seed, structuralStream+uint64(k)<<32))
		orders = append(orders, rng)
		targets := from.targets()
		if k%2 == 1 && from.costs > 0 {
			targets = from.costs
		}
		e.members = append(e.members, newStructural(o, k, e.joiners, targets, rng))
	}
	// Judges take longest and come first.
	all := len(e.judges) + o.Members
	err = parallel.Each(all, func(_, i int) error {
		log := log.With("encoder", i+1, "of", all)
		if i < len(e.judges) {
			return e.judges[i].pretrain(ctx, from, orders[i], log)
		}
		k := i - len(e.judges)
		return e.members[k].pretrain(ctx, o, from, orders[o.Judges+k], log)
	})
	if err != nil {
		return nil, err
	}
	embedding, losses, err := e.values(ctx, from.examples)
	if err != nil {
		return nil, err
	}
	spans := e.spans()
	e.embeddings = make([]feature.Scaling, len(e.joiners))
	for k := range e.embeddings {
		if from, to := spans[k], spans[k+1]; to > from {
			e.embeddings[k] = feature.NewScaling(columns(embedding, e.embedded(), from, to), to-from, false)
		}
	}
	if each := e.valued(); each > 0 {
		e.losses = feature.NewScaling(losses, each, false)
	}
	return e, nil
}

// Streams of random numbers that keep both kinds of pretraining apart.
const (
	structuralStream = 0x68797003
	judgeStream      = 0x68797006
)

// seen returns what of a pool encoders are made from.
func seen(pool *plugins.Batch) plugins.Batch { return pool.Slice(0, min(pool.Len(), structuralRows)) }

// values returns, row by row and before scaling, the embeddings of examples and,
// for each judge, the loss that it predicts and the loss. What encoders have said
// once is kept.
func (e *embedder) values(ctx context.Context, examples []example) (embedding, losses []float64, err error) {
	n, w, width, each := len(examples), e.o.Width, e.embedded(), e.valued()
	if err := e.readParts(ctx, examples); err != nil {
		return nil, nil, err
	}
	if err := e.ask(ctx, examples); err != nil {
		return nil, nil, err
	}
	embedding, losses = make([]float64, n*width), make([]float64, n*each)
	for i := range examples {
		row := embedding[i*width : (i+1)*width]
		at := 0
		for _, g := range examples[i].graphs {
			numbers := 0
			for _, p := range g {
				numbers = len(p.said)
				for k, x := range p.said {
					row[at+k] += float64(x)
				}
			}
			at += numbers
		}
		said := e.said[examples[i].fingerprint]
		if said == nil {
			continue // nothing is taken of judges
		}
		for judge := range e.judges {
			own := said[judge*(w+1) : (judge+1)*(w+1)]
			if from := (len(e.members) + judge) * w; from < width {
				for k, x := range own[:w] {
					row[from+k] = float64(x)
				}
			}
			if each > 0 {
				losses[i*each+2*judge] = float64(own[w])
				losses[i*each+2*judge+1] = float64(e.known[examples[i].fingerprint][judge])
			}
		}
	}
	return embedding, losses, nil
}

// readParts has members read the parts of examples that they haven't read yet.
func (e *embedder) readParts(ctx context.Context, examples []example) error {
	w := e.o.Width
	numbers := make([]int, len(e.joiners)) // that the members say of a part
	for _, m := range e.members {
		numbers[m.joiner] += w
	}
	unread, most := make([][]*part, len(e.joiners)), 0
	for i := range examples {
		for k, g := range examples[i].graphs {
			for _, p := range g {
				if p.said == nil {
					p.said = make([]float32, 0, numbers[k])
					unread[k] = append(unread[k], p)
					most = max(most, len(unread[k]))
				}
			}
		}
	}
	all := make([]float64, most*w)
	for k, m := range e.members {
		if k == len(e.readings) {
			e.readings = append(e.readings, fit.NewEvaluator(reading{m}))
		}
		parts := unread[m.joiner]
		own := all[:len(parts)*w]
		if err := e.readings[k].PredictTo(ctx, own, parts); err != nil {
			for _, p := range slices.Concat(unread...) {
				p.said = nil
			}
			return err
		}
		for i, p := range parts {
			for _, x := range own[i*w : (i+1)*w] {
				p.said = append(p.said, float32(x))
			}
		}
	}
	return nil
}

// ask has judges read the examples that they haven't read yet, and value those
// whose losses aren't known.
func (e *embedder) ask(ctx context.Context, examples []example) error {
	if len(e.judges) == 0 || e.o.Use == "" {
		return nil
	}
	var unread, unknown []example
	waiting := make(map[fingerprint]bool)
	for i := range examples {
		f := examples[i].fingerprint
		if waiting[f] {
			continue
		}
		if e.said[f] == nil {
			unread = append(unread, examples[i])
			waiting[f] = true
		}
		if e.known[f] == nil && e.valued() > 0 {
			unknown = append(unknown, examples[i])
			waiting[f] = true
		}
	}
	for k, j := range e.judges {
		if k == len(e.evaluators) {
			e.evaluators, e.verdicts = append(e.evaluators, fit.NewEvaluator(j)), append(e.verdicts, fit.NewEvaluator(verdict{j}))
		}
	}
	if err := tell(ctx, e.said, e.evaluators, e.o.Width+1, unread); err != nil {
		return err
	}
	return tell(ctx, e.known, e.verdicts, 1, unknown)
}

// tell adds to a map what evaluators say of examples, so many numbers each.
func tell(ctx context.Context, to map[fingerprint][]float32, evaluators []*fit.Evaluator[example], numbers int, examples []example) error {
	each := len(evaluators) * numbers
	all := make([]float32, len(examples)*each)
	for k, v := range evaluators {
		own := make([]float64, len(examples)*numbers)
		if err := v.PredictTo(ctx, own, examples); err != nil {
			return err
		}
		for i := range examples {
			copyTo(all[i*each+k*numbers:][:numbers], own[i*numbers:(i+1)*numbers])
		}
	}
	for i := range examples {
		to[examples[i].fingerprint] = all[i*each : (i+1)*each]
	}
	return nil
}

// copyTo is copy, in single precision, which the numbers have.
func copyTo(dst []float32, src []float64) {
	for i, x := range src {
		dst[i] = float32(x)
	}
}

// rows returns the scaled embeddings, those that have columns, and losses of the
// rows of b.
func (e *embedder) rows(ctx context.Context, b *plugins.Batch) (embeddings [][]float64, losses []float64, err error) {
	embedding, losses, err := e.raw(ctx, b)
	if err != nil {
		return nil, nil, err
	}
	spans := e.spans()
	for k := range e.embeddings {
		if s, from, to := &e.embeddings[k], spans[k], spans[k+1]; s.Dim() > 0 {
			embeddings = append(embeddings, scaled(s, columns(embedding, e.embedded(), from, to), to-from))
		}
	}
	return embeddings, scaled(&e.losses, losses, e.valued()), nil
}

// raw is rows before scaling.
func (e *embedder) raw(ctx context.Context, b *plugins.Batch) (embedding, losses []float64, err error) {
	examples := make([]example, b.Len())
	if err := e.read(ctx, examples, b); err != nil {
		return nil, nil, err
	}
	return e.values(ctx, examples)
}

// read sets, in examples, what encoders read of the rows of b, on as many
// processors as the process has. It returns ctx's error soon after ctx is done.
func (e *embedder) read(ctx context.Context, examples []example, b *plugins.Batch) error {
	return parallel.Each(len(examples), func(_, i int) error {
		examples[i].readBy(e.joiners, &b.Networks[i])
		if len(e.judges) > 0 { // all judges read alike
			examples[i].judged(e.judges[0], &b.Networks[i])
		}
		return ctx.Err()
	})
}

// scaled returns rows of so many columns under a scaling.
func scaled(s *feature.Scaling, rows []float64, columns int) []float64 {
	if columns == 0 {
		return nil
	}
	n := len(rows) / columns
	out := make([]float64, n*s.Dim())
	for i := range n {
		s.To(out[i*s.Dim():(i+1)*s.Dim()], rows[i*columns:(i+1)*columns])
	}
	return out
}

// magic begins an artifact; its number rises with the form.
const magic = "hypernas-plus artifact 4\n"

// encode returns the embedder as an artifact: the magic; the digest of D_aux,
// zeros without judges; for each encoder, those with a hypernetwork last, its
// parameters (see [fuse.AppendState]); the count of known losses, and the
// fingerprint and losses of each; for all scalings the count of columns, their
// indices, means and factors. All numbers are little-endian.
func (e *embedder) encode() []byte {
	digest := e.set.digest()
	data := append([]byte(magic), digest[:]...)
	for _, m := range e.members {
		data = fuse.AppendState(data, m.parameters())
	}
	for _, j := range e.judges {
		data = fuse.AppendState(data, j.parameters())
	}
	data = binary.LittleEndian.AppendUint64(data, uint64(len(e.known)))
	for _, f := range slices.SortedFunc(maps.Keys(e.known), func(x, y fingerprint) int { return bytes.Compare(x[:], y[:]) }) {
		data = append(data, f[:]...)
		data, _ = binary.Append(data, binary.LittleEndian, e.known[f])
	}
	for _, s := range append(slices.Clone(e.embeddings), e.losses) {
		data = binary.LittleEndian.AppendUint64(data, uint64(s.Dim()))
		for _, column := range s.Columns {
			data = binary.LittleEndian.AppendUint64(data, uint64(column))
		}
		// Slices of numbers of a fixed size can't fail.
		data, _ = binary.Append(data, binary.LittleEndian, s.Mean)
		data, _ = binary.Append(data, binary.LittleEndian, s.Scale)
	}
	return data
}

// decode reads the artifact that was made of the same pool with the same
// options.
func decode(o *plusOptions, v *plugins.Vocabulary, pool *plugins.Batch, set *auxiliary, artifact []byte) (*embedder, error) {
	e := newEmbedder(o, v, pool, set)
	if err := e.decode(v, pool, artifact); err != nil {
		return nil, fmt.Errorf("%w: artifact: %w", plugins.ErrInput, err)
	}
	return e, nil
}

func (e *embedder) decode(v *plugins.Vocabulary, pool *plugins.Batch, artifact []byte) error {
	data, ok := bytes.CutPrefix(artifact, []byte(magic))
	if !ok {
		return errors.New("it is of another predictor or version")
	}
	r := bytes.NewReader(data)
	var digest [sha256.Size]byte
	if _, err := io.ReadFull(r, digest[:]); err != nil {
		return err
	}
	if digest != e.set.digest() {
		return errors.New("it was made with other auxiliary images than aux names now: they changed since the pretraining; run with --force, which pretrains again, or into another folder")
	}
	rng := rand.New(rand.NewPCG(0, 0)) // every weight is read
	for k := range e.o.Members {
		m := newStructural(e.o, k, e.joiners, 1, rng)
		if err := fuse.ReadState(r, m.parameters()); err != nil {
			return err
		}
		e.members = append(e.members, m)
	}
	for range e.o.Judges {
		j, err := newJudge(e.o, v, seen(pool).Networks, 1, e.set, rng)
		if err != nil {
			return err
		}
		if j == nil {
			break
		}
		if err := fuse.ReadState(r, j.parameters()); err != nil {
			return err
		}
		e.judges = append(e.judges, j)
	}
	var count uint64
	if err := binary.Read(r, binary.LittleEndian, &count); err != nil {
		return err
	}
	if count > structuralRows {
		return fmt.Errorf("%d losses of %d architectures", count, structuralRows)
	}
	for range count {
		var f fingerprint
		own := make([]float32, len(e.judges))
		for _, part := range []any{&f, own} {
			if err := binary.Read(r, binary.LittleEndian, part); err != nil {
				return err
			}
		}
		e.known[f] = own
	}
	var err error
	spans := e.spans()
	for k := range e.joiners {
		s, err := readScaling(r, spans[k+1]-spans[k])
		if err != nil {
			return err
		}
		e.embeddings = append(e.embeddings, s)
	}
	if e.losses, err = readScaling(r, e.valued()); err != nil {
		return err
	}
	if r.Len() > 0 {
		return errors.New("it has a rest that means nothing")
	}
	return nil
}

// readScaling reads a scaling of so many columns at most.
func readScaling(r *bytes.Reader, columns int) (s feature.Scaling, err error) {
	var kept uint64
	if err := binary.Read(r, binary.LittleEndian, &kept); err != nil {
		return s, err
	}
	if kept > uint64(columns) {
		return s, fmt.Errorf("%d columns of %d", kept, columns)
	}
	indices := make([]uint64, kept)
	s = feature.Scaling{Columns: make([]int, kept), Mean: make([]float64, kept), Scale: make([]float64, kept)}
	for _, part := range []any{indices, s.Mean, s.Scale} {
		if err := binary.Read(r, binary.LittleEndian, part); err != nil {
			return s, err
		}
	}
	for i, column := range indices {
		if column >= uint64(columns) {
			return s, fmt.Errorf("column %d of %d", column, columns)
		}
		s.Columns[i] = int(column)
	}
	return s, nil
}
