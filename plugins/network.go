package plugins

import (
	"errors"
	"fmt"
	"math"
)

// Kind says what an operation does, so that a predictor can treat operations
// of a space that it has never seen.
type Kind int

// The kinds of operation. The numbers are those of the wire form and never
// change; new kinds are added at the end.
const (
	KindOther         Kind = iota // anything else; taken to have weights
	KindInput                     // a cell's input
	KindOutput                    // a cell's output
	KindNone                      // yields zeros, whatever it is given
	KindSkip                      // the identity
	KindConv                      // convolution
	KindDepthwiseConv             // convolution of each channel by itself
	KindSeparableConv             // depthwise convolution, then 1x1
	KindDilatedConv               // separable convolution with gaps
	KindMaxPool                   // maximum over a window
	KindAvgPool                   // mean over a window
	KindSqueezeExcite             // channel gate
	KindAttention                 // multi-head self-attention
	KindMLP                       // two-layer perceptron
	numKinds
)

// String returns the kind's name.
func (k Kind) String() string {
	if k < 0 || k >= numKinds {
		return fmt.Sprintf("kind %d", int(k))
	}
	return [numKinds]string{
		"other", "input", "output", "none", "skip", "conv", "depthwise conv", "separable conv",
		"dilated conv", "max pool", "avg pool", "squeeze-excite", "attention", "mlp",
	}[k]
}

// HasWeights reports whether an operation of kind k holds trained weights, so
// that two of them are two functions even where their inputs are equal. An
// unknown kind is taken to hold weights.
func (k Kind) HasWeights() bool {
	switch k {
	case KindInput, KindOutput, KindNone, KindSkip, KindMaxPool, KindAvgPool:
		return false
	default:
		return true
	}
}

// Op is one word of a space's operation vocabulary.
type Op struct {
	Name   string // the space's own name, such as nor_conv_3x3
	Kind   Kind
	Kernel int // side of the window in pixels; 0 where there is none
}

// Vocabulary says how the networks of a space are to be read: Node.Op is an
// index into Ops; the other fields name the columns of attribute rows.
type Vocabulary struct {
	Ops       []Op
	NodeAttrs []string // numbers of a node, such as heads or ratio
	CellAttrs []string // numbers of a cell at its place, such as channels or stride
	Numbers   []string // numbers of an architecture known without training; see NumberParams
}

// Names of numbers that have one meaning in every space.
const (
	NumberParams = "params" // trainable parameters of the whole network
	NumberFLOPs  = "flops"  // multiply-adds of one forward pass of the whole network
)

// NumberIndex returns the column of the number called name, or -1.
func (v *Vocabulary) NumberIndex(name string) int {
	for i, n := range v.Numbers {
		if n == name {
			return i
		}
	}
	return -1
}

// Validate returns an error if the vocabulary is empty or names an operation,
// attribute or number twice.
func (v *Vocabulary) Validate() error {
	if len(v.Ops) == 0 {
		return errors.New("vocabulary has no operations")
	}
	ops := make([]string, len(v.Ops))
	for i, op := range v.Ops {
		if op.Kernel < 0 {
			return fmt.Errorf("operation %q has kernel size %d", op.Name, op.Kernel)
		}
		ops[i] = op.Name
	}
	for _, list := range []struct {
		what  string
		names []string
	}{{"operation", ops}, {"node attribute", v.NodeAttrs}, {"cell attribute", v.CellAttrs}, {"number", v.Numbers}} {
		seen := make(map[string]bool, len(list.names))
		for _, n := range list.names {
			if n == "" || seen[n] {
				return fmt.Errorf("vocabulary has %s %q twice or without a name", list.what, n)
			}
			seen[n] = true
		}
	}
	return nil
}

// Role says what part a cell plays in its network.
type Role int

// The roles of a cell. The numbers are those of the wire form and never
// change.
const (
	RoleBlock     Role = iota // stands for itself at its place: an MBConv block, a transformer layer
	RoleNormal                // a motif that the macro structure repeats
	RoleReduction             // a motif that halves the resolution
	RoleStem                  // what comes before the first cell
	numRoles
)

// String returns the role's name.
func (r Role) String() string {
	if r < 0 || r >= numRoles {
		return fmt.Sprintf("role %d", int(r))
	}
	return [numRoles]string{"block", "normal", "reduction", "stem"}[r]
}

// Node is one operation of a cell. It works on the sum (or concatenation) of
// the outputs of the nodes with an edge to it.
type Node struct {
	Op    int       // index into Vocabulary.Ops
	Attrs []float64 // one finite number for each of Vocabulary.NodeAttrs; nil where the space has none
}

// Edge leads from one node of a cell to a later one.
type Edge struct{ From, To int }

// Cell is a directed acyclic graph of operations. Nodes stand in topological
// order: every edge leads from a lower index to a higher one. A cell has one
// or more nodes of KindInput, which no edge leads to; a single one takes the previous cell's output,
// the first of two takes the output of the cell before that (DARTS's c_{k-2}
// and c_{k-1}). It has one node of KindOutput, the last.
type Cell struct {
	Role  Role
	Fixed bool // the same in every architecture of the space: a stem, a fixed reduction
	Nodes []Node
	Edges []Edge
}

// Step places a cell in the network.
type Step struct {
	Cell   int       // index into Network.Cells
	Repeat int       // how often it follows itself here, at least 1
	Attrs  []float64 // one finite number for each of Vocabulary.CellAttrs; nil where the space has none
}

// Network is one architecture: distinct cells, and the sequence that arranges
// them from the image to the classifier. Networks may share cells and slices;
// nobody who is handed a Network may change it.
type Network struct {
	Cells    []Cell
	Sequence []Step
}

// Validate returns an error unless n follows the rules of [Cell], [Step] and
// v.
func (n *Network) Validate(v *Vocabulary) error {
	if len(n.Sequence) == 0 {
		return errors.New("network has no cells in its sequence")
	}
	for i := range n.Cells {
		if err := n.Cells[i].Validate(v); err != nil {
			return fmt.Errorf("cell %d: %w", i, err)
		}
	}
	for i, s := range n.Sequence {
		switch {
		case s.Cell < 0 || s.Cell >= len(n.Cells):
			return fmt.Errorf("step %d: cell %d is not one of %d", i, s.Cell, len(n.Cells))
		case s.Repeat < 1:
			return fmt.Errorf("step %d: repeat is %d", i, s.Repeat)
		case len(s.Attrs) != len(v.CellAttrs):
			return fmt.Errorf("step %d: %d attributes, want %d", i, len(s.Attrs), len(v.CellAttrs))
		}
		if err := checkFinite(v.CellAttrs, s.Attrs); err != nil {
			return fmt.Errorf("step %d: %w", i, err)
		}
	}
	return nil
}

// Validate returns an error unless c follows the rules of [Cell] and v.
func (c *Cell) Validate(v *Vocabulary) error {
	if c.Role < 0 || c.Role >= numRoles {
		return fmt.Errorf("unknown role %d", int(c.Role))
	}
	inputs, outputs := 0, 0
	for i, node := range c.Nodes {
		if node.Op < 0 || node.Op >= len(v.Ops) {
			return fmt.Errorf("node %d: operation %d is not one of %d", i, node.Op, len(v.Ops))
		}
		if len(node.Attrs) != len(v.NodeAttrs) {
			return fmt.Errorf("node %d: %d attributes, want %d", i, len(node.Attrs), len(v.NodeAttrs))
		}
		if err := checkFinite(v.NodeAttrs, node.Attrs); err != nil {
			return fmt.Errorf("node %d: %w", i, err)
		}
		switch v.Ops[node.Op].Kind {
		case KindInput:
			inputs++
		case KindOutput:
			outputs++
			if i != len(c.Nodes)-1 {
				return fmt.Errorf("node %d: the output is not the last node", i)
			}
		}
	}
	if inputs == 0 || outputs != 1 {
		return fmt.Errorf("%d inputs and %d outputs, want at least 1 and exactly 1", inputs, outputs)
	}
	for i, e := range c.Edges {
		if e.From < 0 || e.From >= e.To || e.To >= len(c.Nodes) {
			return fmt.Errorf("edge %d leads from node %d to node %d of %d", i, e.From, e.To, len(c.Nodes))
		}
		if v.Ops[c.Nodes[e.To].Op].Kind == KindInput {
			return fmt.Errorf("edge %d leads into node %d, which is an input", i, e.To)
		}
	}
	return nil
}

// checkFinite returns an error naming the first of the attributes that is NaN
// or infinite.
func checkFinite(names []string, attrs []float64) error {
	for i, x := range attrs {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return fmt.Errorf("attribute %s is %v", names[i], x)
		}
	}
	return nil
}

// Searched returns the steps in which architectures of the space can differ:
// those whose cell is not Fixed, a cell with the role of a motif (normal,
// reduction) only where it appears first, a block wherever it appears. This
// is the network as a single-graph predictor wants it: one cell of
// NAS-Bench-201, two of DARTS, all blocks of a chain.
func (n *Network) Searched() []Step {
	steps := make([]Step, 0, len(n.Sequence))
	seen := make([]bool, len(n.Cells))
	for _, s := range n.Sequence {
		c := &n.Cells[s.Cell]
		if c.Fixed || (seen[s.Cell] && c.Role != RoleBlock) {
			continue
		}
		seen[s.Cell] = true
		steps = append(steps, s)
	}
	return steps
}

// Graph is a network seen as one directed acyclic graph, nodes in topological
// order.
type Graph struct {
	Ops   []int       // operation of each node
	Steps []int       // for each node, which of the steps it came from
	Attrs [][]float64 // for each node, its own attributes
	Edges []Edge
}

// Join returns the given steps of n as a single graph: each step's cell once,
// the output of one joined to the inputs of the next. A cell with two inputs
// takes the two outputs before it, or the one that there is.
func (n *Network) Join(v *Vocabulary, steps []Step) Graph {
	var g Graph
	var outputs []int
	for si, s := range steps {
		c := &n.Cells[s.Cell]
		base, inputs := len(g.Ops), 0
		total := 0
		for _, node := range c.Nodes {
			if v.Ops[node.Op].Kind == KindInput {
				total++
			}
		}
		for i, node := range c.Nodes {
			g.Ops = append(g.Ops, node.Op)
			g.Steps = append(g.Steps, si)
			g.Attrs = append(g.Attrs, node.Attrs)
			if v.Ops[node.Op].Kind == KindInput {
				if len(outputs) > 0 {
					// The last input takes the last output, the one before it the output before that.
					from := max(len(outputs)-(total-inputs), 0)
					g.Edges = append(g.Edges, Edge{outputs[from], base + i})
				}
				inputs++
			}
		}
		for _, e := range c.Edges {
			g.Edges = append(g.Edges, Edge{base + e.From, base + e.To})
		}
		outputs = append(outputs, len(g.Ops)-1)
	}
	return g
}

// Batch holds architectures as rows.
type Batch struct {
	Networks []Network
	// Numbers holds what is known without training, a row of
	// len(Vocabulary.Numbers) for each network; NaN where it is not known.
	Numbers []float64
}

// Len returns the number of rows.
func (b *Batch) Len() int { return len(b.Networks) }

// Slice returns rows lo to hi without hi; it shares memory with b.
func (b *Batch) Slice(lo, hi int) Batch {
	s := Batch{Networks: b.Networks[lo:hi:hi]}
	if w := b.width(); w > 0 {
		s.Numbers = b.Numbers[lo*w : hi*w : hi*w]
	}
	return s
}

// Row returns the numbers of row i.
func (b *Batch) Row(i int) []float64 {
	w := b.width()
	return b.Numbers[i*w : (i+1)*w : (i+1)*w]
}

// Select returns the rows at the given indices, in that order.
func (b *Batch) Select(rows []int) Batch {
	w := b.width()
	s := Batch{Networks: make([]Network, len(rows)), Numbers: make([]float64, 0, len(rows)*w)}
	for k, i := range rows {
		s.Networks[k] = b.Networks[i]
		s.Numbers = append(s.Numbers, b.Numbers[i*w:(i+1)*w]...)
	}
	return s
}

func (b *Batch) width() int {
	if len(b.Networks) == 0 {
		return 0
	}
	return len(b.Numbers) / len(b.Networks)
}

// Validate returns an error naming the first row that does not follow v.
func (b *Batch) Validate(v *Vocabulary) error {
	if len(b.Numbers) != len(b.Networks)*len(v.Numbers) {
		return fmt.Errorf("%d numbers for %d networks, want %d each", len(b.Numbers), len(b.Networks), len(v.Numbers))
	}
	for i := range b.Networks {
		if err := b.Networks[i].Validate(v); err != nil {
			return fmt.Errorf("row %d: %w", i, err)
		}
	}
	return nil
}
