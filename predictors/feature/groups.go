package feature

import (
	"context"
	"math"

	"github.com/hypernas/hypernas/internal/parallel"
	"github.com/hypernas/hypernas/plugins"
)

// Groups encodes architectures as groups of features that belong together, so
// that a Gaussian process can give each group a length scale of its own. Which
// groups there are follows from what networks look like, and what varies over
// those that the encoding was made from:
//
//   - chains of blocks, where the steps of [plugins.Network.Searched] are
//     blocks: cost (logarithms of parameters and multiply-adds), totals (the
//     blocks' numbers summed), moments (where in the network they are large),
//     num (the numbers by position), blkcost (the logarithms of each block's
//     products), onehot (a column a choice);
//   - several cells of one layout each, such as DARTS's two: cost, totals
//     (operations by cell), stage (depths of paths, use of inputs), src and dst
//     (operations by where they read and by the vertex that they are summed
//     in), onehot (operations by edge);
//   - cells of any other kind, on the graph without dead operations: ps
//     (statistics of the paths from input to output), reach (for subsets of the
//     operations the longest and shortest path through them, and their number),
//     deg (the operations next to inputs and output by subset).
//
// Cells whose nodes or steps have attributes that vary have the group
// attributes beside those, with the columns of [OneHot] for them.
//
// The groups are those of this project's own recipe, shaped on MnasNet,
// AutoFormer, DARTS and NAS-Bench-201; no paper has them. Groups is safe for
// use by several goroutines.
type Groups struct {
	family family
	list   []Group
}

// Group is a group of neighboring columns: From to To without To.
type Group struct {
	Name     string
	From, To int
	// CenterOnly says that columns are counts of choices, whose size means
	// something: [ScaledGroups] does not divide them by their deviations.
	CenterOnly bool
}

// family is what encodes networks of one kind.
type family interface {
	// groups returns the names of the groups and whether they are only
	// centered, in the order of their columns.
	groups() []Group
	// encode writes the groups' columns, and ends each group.
	encode(w *writer, n *plugins.Network, numbers []float64)
}

// writer takes the columns of one row.
type writer struct {
	row  []float64
	ends []int // of the groups
}

func (w *writer) put(x ...float64) { w.row = append(w.row, x...) }

// log puts the logarithm of x with an offset, and 0 where x isn't positive:
// there is nothing there.
func (w *writer) log(x, offset float64) {
	if x > 0 {
		w.put(math.Log(x) + offset)
		return
	}
	w.put(0)
}

// end ends a group.
func (w *writer) end() { w.ends = append(w.ends, len(w.row)) }

// NewGroups returns the encoding for networks like those of b, which must
// follow v. Its error is the context's.
func NewGroups(ctx context.Context, v *plugins.Vocabulary, b *plugins.Batch) (*Groups, error) {
	vocabulary := *v // not the caller's
	v = &vocabulary
	g := &Groups{}
	if b.Len() == 0 {
		return g, nil
	}
	switch blocks, most := searched(b.Networks); {
	case most == 0:
		return g, nil
	case blocks && most > 1:
		chain, err := newChain(ctx, v, b)
		if err != nil {
			return nil, err
		}
		g.family = chain
	default:
		layouts, ok, err := newLayouts(ctx, v, b)
		if err != nil {
			return nil, err
		}
		g.family = layouts
		if ok {
			break
		}
		if g.family, err = newPaths(ctx, v, b); err != nil {
			return nil, err
		}
	}
	var w writer
	g.family.encode(&w, &b.Networks[0], b.Row(0))
	from := 0
	for i, group := range g.family.groups() {
		group.From, group.To = from, w.ends[i]
		from = group.To
		if group.From < group.To {
			g.list = append(g.list, group)
		}
	}
	return g, ctx.Err()
}

// searched reports whether any network has a block among its searched steps,
// and the greatest number of these steps.
func searched(networks []plugins.Network) (blocks bool, most int) {
	for i := range networks {
		steps := networks[i].Searched()
		most = max(most, len(steps))
		for _, s := range steps {
			blocks = blocks || networks[i].Cells[s.Cell].Role == plugins.RoleBlock
		}
	}
	return blocks, most
}

// List returns the groups, none of them empty, which together are all columns.
// There is none where no step is searched. The list belongs to g.
func (g *Groups) List() []Group { return g.list }

// Dim returns the number of columns.
func (g *Groups) Dim() int {
	if len(g.list) == 0 {
		return 0
	}
	return g.list[len(g.list)-1].To
}

// EncodeTo writes the features of n, whose training-free numbers are numbers,
// to dst, whose length is Dim. They are as they come, not scaled. What n has
// that no network had before leaves no trace in columns of choices.
func (g *Groups) EncodeTo(dst []float64, n *plugins.Network, numbers []float64) {
	if len(dst) != g.Dim() {
		panic("feature: length of destination is not the groups' dimension")
	}
	if len(dst) == 0 {
		return
	}
	w := writer{row: dst[:0]}
	g.family.encode(&w, n, numbers)
	if len(w.row) != len(dst) {
		panic("feature: a row of groups has another length")
	}
}

// Matrix returns the features of all rows of b, a row of Dim numbers after the
// other. Its error is the context's.
func (g *Groups) Matrix(ctx context.Context, b *plugins.Batch) ([]float64, error) {
	d := g.Dim()
	x := make([]float64, b.Len()*d)
	err := parallel.Each((b.Len()+blockRows-1)/blockRows, func(_, block int) error {
		for i := block * blockRows; i < min((block+1)*blockRows, b.Len()); i++ {
			g.EncodeTo(x[i*d:(i+1)*d], &b.Networks[i], b.Row(i))
		}
		return ctx.Err()
	})
	return x, err
}
