package hypernas

import (
	"cmp"
	"math"
	"slices"

	"github.com/hypernas/hypernas/internal/nn/kern"
	"github.com/hypernas/hypernas/plugins"
)

// proxy says how architectures of one space become target networks: small
// networks, all of which fit into one supernet. Every rule follows from the wire
// form; what varies between architectures is found in a sample of them.
type proxy struct {
	vocabulary *plugins.Vocabulary
	heads      []head // in order of form and window
	// expansion is the largest of the sample's, at least 1.
	expansion float64
	// earlier is set where a cell reads two cells before it.
	earlier bool
	places  []placeRange // by position in the sequence of cells
}

// head is what a head of the hypernetwork generates: the weights of operations
// of one form, with windows of one size.
type head struct {
	form kern.Form
	k    int
	// most is the largest number of heads of an attention in the sample, or the
	// largest ratio of a perceptron.
	most float64
}

// placeRange is what the sample's networks have at one position of the sequence.
type placeRange struct {
	networks, halvings int     // networks that are so long, and those that halve their images there
	repeats            int     // most that a block is repeated
	narrow, broad      float64 // least and largest width
}

const (
	// largestKernel is the largest window of a target network: its images are 8
	// pixels wide.
	largestKernel = 7
	// mostExpansion, mostHeads and mostRatio bound a target network; numbers above
	// count as these. The spaces that we know of stay below.
	mostExpansion, mostHeads, mostRatio = 6, 16, 8
	// usualHeads and usualRatio stand where the wire form doesn't say.
	usualHeads, usualRatio = 4, 4
	// mostOperations is how many operations of one cell have weights, which
	// bounds time and memory, and how deep gradients must reach. Of more, as many
	// are kept, evenly spread, and the others pass their input through.
	mostOperations = 32
	// mostRepeats is how often a block is evaluated in a row.
	mostRepeats = 3
	// halvings is how often images are halved: from 8 to 4 pixels.
	halvings = 1
)

// The attributes of nodes and cells that have a meaning here; see doc.go.
const (
	attrExpansion = "expansion"
	attrHeads     = "heads"
	attrRatio     = "ratio"
	attrStride    = "stride"
	attrSide      = "side"
	attrChannels  = "channels"
	attrEmbedding = "embed_dim"
)

// newProxy returns the target networks of architectures like those given.
func newProxy(v *plugins.Vocabulary, networks []plugins.Network) *proxy {
	p := &proxy{vocabulary: v, expansion: 1}
	for i := range networks {
		side := math.Inf(1)
		for at, s := range sequence(&networks[i]) {
			c := &networks[i].Cells[s.Cell]
			p.addCell(c, &s)
			if at == len(p.places) {
				p.places = append(p.places, placeRange{narrow: math.Inf(1), broad: math.Inf(-1)})
			}
			side = p.places[at].add(v, c, &s, side)
		}
	}
	if slices.Contains(v.CellAttrs, attrEmbedding) {
		// One width for a whole network, however long: so has its range.
		all := placeRange{narrow: math.Inf(1), broad: math.Inf(-1)}
		for _, r := range p.places {
			all.narrow, all.broad = min(all.narrow, r.narrow), max(all.broad, r.broad)
		}
		for i := range p.places {
			p.places[i].narrow, p.places[i].broad = all.narrow, all.broad
		}
	}
	slices.SortFunc(p.heads, func(x, y head) int { return cmp.Or(cmp.Compare(x.form, y.form), cmp.Compare(x.k, y.k)) })
	return p
}

// add takes a step into account that comes after images with the given side, and
// returns the side after it.
func (r *placeRange) add(v *plugins.Vocabulary, c *plugins.Cell, s *plugins.Step, before float64) (side float64) {
	r.networks++
	side, _ = attribute(v.CellAttrs, s.Attrs, attrSide)
	if stride, _ := attribute(v.CellAttrs, s.Attrs, attrStride); stride >= 2 || side < before && !math.IsInf(before, 1) {
		r.halvings++
	}
	if c.Role == plugins.RoleBlock {
		r.repeats = max(r.repeats, min(s.Repeat, mostRepeats))
	}
	if w, ok := width(v, s); ok {
		r.narrow, r.broad = min(r.narrow, w), max(r.broad, w)
	}
	return side
}

// addCell takes a cell's operations into account.
func (p *proxy) addCell(c *plugins.Cell, s *plugins.Step) {
	inputs := 0
	for i := range c.Nodes {
		op := &p.vocabulary.Ops[c.Nodes[i].Op]
		if op.Kind == plugins.KindInput {
			inputs++
			p.earlier = p.earlier || inputs > 1
		}
		form, ok := form(op.Kind)
		if !ok {
			continue
		}
		at := slices.IndexFunc(p.heads, func(h head) bool { return h.form == form && h.k == window(op) })
		if at < 0 {
			at = len(p.heads)
			p.heads = append(p.heads, head{form: form, k: window(op)})
		}
		p.heads[at].most = max(p.heads[at].most, p.units(form, &c.Nodes[i], s))
		if form == kern.FormDepthwise {
			p.expansion = max(p.expansion, p.expansionAt(&c.Nodes[i], s))
		}
	}
}

// form returns the form of operations of a kind; false if they have no weights.
func form(k plugins.Kind) (f kern.Form, ok bool) {
	switch k {
	case plugins.KindDepthwiseConv:
		return kern.FormDepthwise, true
	case plugins.KindSeparableConv, plugins.KindDilatedConv:
		return kern.FormSeparable, true
	case plugins.KindSqueezeExcite:
		return kern.FormGate, true
	case plugins.KindAttention:
		return kern.FormAttention, true
	case plugins.KindMLP:
		return kern.FormMLP, true
	default:
		return kern.FormConv, k.HasWeights()
	}
}

// window returns the side of an operation's window in a target network: odd and
// at most largestKernel; 1 where there is none.
func window(op *plugins.Op) int {
	if f, _ := form(op.Kind); f >= kern.FormGate {
		return 1
	}
	return min(max(op.Kernel, 1)|1, largestKernel)
}

// attribute returns the attribute of that name, if there is one.
func attribute(names []string, values []float64, name string) (value float64, ok bool) {
	i := slices.Index(names, name)
	if i < 0 || i >= len(values) {
		return 0, false
	}
	return values[i], true
}

// attribute returns an attribute of a node or, if nodes have none of that name,
// of its cell.
func (p *proxy) attribute(n *plugins.Node, s *plugins.Step, name string) (value float64, ok bool) {
	if value, ok = attribute(p.vocabulary.NodeAttrs, n.Attrs, name); ok {
		return value, true
	}
	return attribute(p.vocabulary.CellAttrs, s.Attrs, name)
}

// width returns how wide a cell is by its attributes.
func width(v *plugins.Vocabulary, s *plugins.Step) (float64, bool) {
	if w, ok := attribute(v.CellAttrs, s.Attrs, attrEmbedding); ok {
		return w, true
	}
	return attribute(v.CellAttrs, s.Attrs, attrChannels)
}

// expansionAt returns by what factor a depthwise convolution's channels exceed
// those of its cell.
func (p *proxy) expansionAt(n *plugins.Node, s *plugins.Step) float64 {
	e, _ := p.attribute(n, s, attrExpansion)
	return min(max(e, 1), mostExpansion)
}

// units returns the heads of an attention or the ratio of a perceptron; 0 for
// other forms.
func (p *proxy) units(f kern.Form, n *plugins.Node, s *plugins.Step) float64 {
	name, usual, most := attrHeads, float64(usualHeads), float64(mostHeads)
	switch f {
	case kern.FormAttention:
	case kern.FormMLP:
		name, usual, most = attrRatio, usualRatio, mostRatio
	default:
		return 0
	}
	u, ok := p.attribute(n, s, name)
	if !ok || u <= 0 {
		u = usual
	}
	return min(u, most)
}

// channels returns how many channels expand to, of c that images have: half as
// many as the expansion says, which is enough to tell expansions apart, but no
// fewer than c.
func channels(c int, expansion float64) int {
	return max(c, int(math.Round(expansion*float64(c)/2)))
}

// size returns the size of a node of a form, in the sense of [kern.Form], given
// its heads or its ratio: heads as they are, half the hidden units of a
// perceptron, half of c hidden units in a gate.
func size(f kern.Form, units float64, c int) int {
	switch f {
	case kern.FormAttention:
		return max(int(math.Round(units)), 1)
	case kern.FormMLP:
		return max(int(math.Round(units*float64(c)/2)), 1)
	case kern.FormGate:
		return max(c/2, 1)
	default:
		return 1
	}
}

// kernels returns heads and largest width of the cells of target networks with c channels.
func (p *proxy) kernels(c int) (heads []kern.Head, wide int) {
	for _, h := range p.heads {
		heads = append(heads, kern.Head{Form: h.form, K: h.k, Most: size(h.form, h.most, c)})
	}
	return heads, channels(c, p.expansion)
}

// head returns the head that generates an operation's weights: the one with its
// window or, for a window that the sample has not, the next larger one; -1 where
// the sample has no operation of its form.
func (p *proxy) head(op *plugins.Op) int {
	at := -1
	if f, ok := form(op.Kind); ok {
		for i, h := range p.heads {
			if h.form == f && (at < 0 || p.heads[at].k < window(op)) {
				at = i
			}
		}
	}
	return at
}

// attends reports whether there are attentions, to which pixels are tokens.
func (p *proxy) attends() bool {
	return slices.ContainsFunc(p.heads, func(h head) bool { return h.form == kern.FormAttention })
}

// halves returns for each of the given positions of the sequence whether images
// are halved before it, at most halvings times. Where there is attention they were
// halved before the first cell, into tokens.
func (p *proxy) halves(positions []int) []bool {
	v := p.vocabulary
	halve := make([]bool, len(positions))
	left := halvings
	if p.attends() {
		left = 0
	}
	told := slices.Contains(v.CellAttrs, attrSide) || slices.Contains(v.CellAttrs, attrStride)
	for i, at := range positions {
		switch {
		case left == 0:
		case i == 0:
		case !told:
			halve[i] = true
		default:
			for j := positions[i-1] + 1; j <= at && j < len(p.places); j++ {
				halve[i] = halve[i] || 2*p.places[j].halvings > p.places[j].networks
			}
		}
		if halve[i] {
			left--
		}
	}
	return halve
}

// repeats returns how often cells at a position are evaluated in a row.
func (p *proxy) repeats(position int) int {
	if position >= len(p.places) {
		return 1
	}
	return max(p.places[position].repeats, 1)
}

// base returns how many of c channels a cell has at a position: all, or where
// networks differ in width there, half of them for the narrowest network and all
// for the broadest.
func (p *proxy) base(position int, s *plugins.Step, c int) int {
	w, ok := width(p.vocabulary, s)
	if !ok || position >= len(p.places) || p.places[position].narrow >= p.places[position].broad {
		return c
	}
	r := &p.places[position]
	share := min(max((w-r.narrow)/(r.broad-r.narrow), 0), 1)
	return max(int(math.Round(float64(c)*(1+share)/2)), 1)
}

// targetNode is a node of a target network as [kern.Cell] has it.
type targetNode struct{ code, channels, size int }

// targetNodes returns the nodes of a cell at its place, for images of c channels
// of which the cell has base. Nodes that keep their input's channels (depthwise
// convolutions, gates, whatever has no weights) have as many as reach them.
// Convolutions have base, but for those whose result a depthwise convolution
// reads: they expand, as the expansion says. All others have base.
func (p *proxy) targetNodes(c *cell, s *plugins.Step, images, base int) []targetNode {
	wide := channels(images, p.expansion)
	nodes := make([]targetNode, len(c.nodes))
	weighted := 0
	for i := range c.nodes {
		nodes[i] = p.targetNode(&c.nodes[i], s, images)
		if nodes[i].code >= kern.CellHead {
			weighted++
		}
	}
	if weighted > mostOperations {
		seen := 0
		for i := range nodes {
			if nodes[i].code < kern.CellHead {
				continue
			}
			// Of n operations the seen-th is kept if a multiple of n/mostOperations
			// lies in (seen-1, seen].
			if seen*mostOperations%weighted >= mostOperations {
				nodes[i].code = kern.CellPass
			}
			seen++
		}
	}
	inputs := 0
	for i := len(nodes) - 1; i >= 0; i-- {
		if nodes[i].code == kern.CellInput {
			if inputs++; inputs > 1 {
				nodes[i].code = kern.CellEarlier
			}
		}
	}

	// expands is the expansion that a depthwise convolution behind asks for.
	expands := make([]float64, len(nodes))
	keeps := func(i int) (keep, depthwise bool) {
		if nodes[i].code < kern.CellHead {
			return nodes[i].code >= kern.CellPass, false
		}
		f := p.heads[nodes[i].code-kern.CellHead].form
		return f == kern.FormDepthwise || f == kern.FormGate, f == kern.FormDepthwise
	}
	out := make([][]int, len(nodes))
	for _, e := range c.edges {
		out[e.From] = append(out[e.From], e.To)
	}
	for i := len(nodes) - 1; i >= 0; i-- {
		for _, to := range out[i] {
			if keep, depthwise := keeps(to); depthwise {
				expands[i] = max(expands[i], p.expansionAt(&c.nodes[to], s))
			} else if keep && to != len(nodes)-1 {
				expands[i] = max(expands[i], expands[to])
			}
		}
	}
	reaches := make([]int, len(nodes)) // most channels that reach a node
	for i := range nodes {
		n := &nodes[i]
		n.channels = base
		switch keep, _ := keeps(i); {
		case i == len(nodes)-1:
		case keep:
			n.channels = max(reaches[i], base)
		case n.code >= kern.CellHead && p.heads[n.code-kern.CellHead].form == kern.FormConv && expands[i] > 1 && reaches[i] <= base:
			n.channels = min(channels(base, expands[i]), wide)
		}
		for _, to := range out[i] {
			reaches[to] = max(reaches[to], n.channels)
		}
	}
	return nodes
}

// targetNode returns a node without its channels.
func (p *proxy) targetNode(n *plugins.Node, s *plugins.Step, images int) targetNode {
	op := &p.vocabulary.Ops[n.Op]
	t := targetNode{code: kern.CellPass, size: 1}
	switch op.Kind {
	case plugins.KindInput:
		t.code = kern.CellInput
	case plugins.KindNone:
		t.code = kern.CellNone
	case plugins.KindAvgPool:
		t.code = kern.CellAverage
	case plugins.KindMaxPool:
		t.code = kern.CellMax
	}
	h := p.head(op)
	if h < 0 {
		return t
	}
	t.code = kern.CellHead + h
	f := p.heads[h].form
	t.size = size(f, min(p.units(f, n, s), p.heads[h].most), images)
	if op.Kind == plugins.KindDilatedConv {
		t.size = 2
	}
	return t
}

// residual reports whether a block that follows itself needs a residual
// connection: its input and output are of one shape, and no way without weights
// leads from one to the other.
func residual(nodes []targetNode, edges []plugins.Edge) bool {
	bare := make([]bool, len(nodes))
	into := make([][]int, len(nodes))
	for _, e := range edges {
		into[e.To] = append(into[e.To], e.From)
	}
	for i := range nodes {
		bare[i] = nodes[i].code == kern.CellInput
		for _, from := range into[i] {
			bare[i] = bare[i] || nodes[i].code == kern.CellPass && bare[from]
		}
	}
	return !bare[len(nodes)-1]
}
