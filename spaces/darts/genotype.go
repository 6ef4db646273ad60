package darts

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/hypernas/hypernas/internal/dag"
	"github.com/hypernas/hypernas/plugins"
)

// Op is an operation on an edge, numbered as NASLib's files number them.
type Op uint8

// The operations.
const (
	MaxPool3x3 Op = iota
	AvgPool3x3
	Skip
	SepConv3x3
	SepConv5x5
	DilConv3x3
	DilConv5x5
)

// NumOps is the number of operations.
const NumOps = 7

// String returns DARTS's name of the operation.
func (op Op) String() string {
	return [NumOps]string{
		"max_pool_3x3", "avg_pool_3x3", "skip_connect", "sep_conv_3x3", "sep_conv_5x5", "dil_conv_3x3", "dil_conv_5x5",
	}[op]
}

// kernel returns the side of the operation's window in pixels, 0 for a skip.
func (op Op) kernel() int { return [NumOps]int{3, 3, 0, 3, 5, 3, 5}[op] }

// NumNodes is the number of intermediate nodes of a cell.
const NumNodes = 4

// Edge is an operation and what it reads: 0 and 1 are the outputs of the cell
// before the last and of the last, 2 to 4 the intermediate nodes before this
// one.
type Edge struct {
	From int
	Op   Op
}

// Node is the sum of two operations on different inputs, in ascending order of
// these.
type Node [2]Edge

// Cell concatenates its intermediate nodes. Node i reads inputs below i+2.
type Cell [NumNodes]Node

// Genotype is an architecture: what its normal and its reduction cells are.
type Genotype struct{ Normal, Reduction Cell }

// String returns the genotype as NASLib writes it, a list for each cell of
// eight pairs (input, operation).
func (g Genotype) String() string {
	var b strings.Builder
	for i, c := range []Cell{g.Normal, g.Reduction} {
		b.WriteString([2]string{"[[", ", ["}[i])
		for k, n := range c {
			if k > 0 {
				b.WriteString(", ")
			}
			fmt.Fprintf(&b, "(%d, %d), (%d, %d)", n[0].From, n[0].Op, n[1].From, n[1].Op)
		}
		b.WriteByte(']')
	}
	b.WriteByte(']')
	return b.String()
}

// ParseGenotype reads what String writes; the two pairs of a node may stand in
// either order, and spaces don't matter.
func ParseGenotype(s string) (Genotype, error) {
	var g Genotype
	rest := s
	take := func(token string) bool {
		tail, ok := strings.CutPrefix(strings.TrimLeft(rest, " "), token)
		if ok {
			rest = tail
		}
		return ok
	}
	number := func(below int) (int, bool) {
		rest = strings.TrimLeft(rest, " ")
		end := 0
		for end < len(rest) && rest[end] >= '0' && rest[end] <= '9' {
			end++
		}
		n, err := strconv.Atoi(rest[:end])
		if err != nil || n >= below {
			return 0, false
		}
		rest = rest[end:]
		return n, true
	}
	fail := func(want string) (Genotype, error) {
		return Genotype{}, fmt.Errorf("genotype %.200q: want %s at byte %d", s, want, len(s)-len(rest))
	}
	for ci, c := range []*Cell{&g.Normal, &g.Reduction} {
		if !take([2]string{"[", ","}[ci]) || !take("[") {
			return fail("a list of two cells")
		}
		for i := range c {
			for k := range c[i] {
				if i+k > 0 && !take(",") || !take("(") {
					return fail("eight pairs (input, operation)")
				}
				from, ok := number(i + 2)
				if !ok {
					return fail(fmt.Sprintf("an input below %d", i+2))
				}
				if !take(",") {
					return fail("a comma")
				}
				op, ok := number(NumOps)
				if !ok {
					return fail(fmt.Sprintf("an operation below %d", NumOps))
				}
				if !take(")") {
					return fail("the end of a pair")
				}
				c[i][k] = Edge{from, Op(op)}
			}
			switch a, b := c[i][0], c[i][1]; {
			case a.From == b.From:
				return fail(fmt.Sprintf("two different inputs of node %d, which ends", i))
			case a.From > b.From:
				c[i] = Node{b, a}
			}
		}
		if !take("]") {
			return fail("the end of a cell after eight pairs")
		}
	}
	if !take("]") || strings.TrimLeft(rest, " ") != "" {
		return fail("the end of the genotype")
	}
	return g, nil
}

// Draw returns a genotype of which each part is uniform and independent: for
// each intermediate node of each cell the pair of its inputs among all pairs,
// and for each of the two the operation among all operations.
func Draw(rng *rand.Rand) Genotype {
	var g Genotype
	for _, c := range []*Cell{&g.Normal, &g.Reduction} {
		for i := range c {
			a, b := rng.IntN(i+2), rng.IntN(i+1)
			if b >= a {
				b++ // any input but a
			}
			c[i] = Node{{From: min(a, b), Op: Op(rng.IntN(NumOps))}, {From: max(a, b), Op: Op(rng.IntN(NumOps))}}
		}
	}
	return g
}

// graph returns the cell's function of the outputs of the two cells before it.
// In a reduction cell the operations on these halve the resolution, and a skip
// of stride two is two convolutions (DARTS's FactorizedReduce).
func (c *Cell) graph(reduction bool) dag.Graph {
	g := dag.Graph{{Kind: dag.Input, Label: "c_{k-2}"}, {Kind: dag.Input, Label: "c_{k-1}"}}
	values := []int{0, 1} // the node that is the value of an input
	output := dag.Node{Kind: dag.Output, Concat: true}
	for _, n := range c {
		sum := dag.Node{Kind: dag.Skip}
		for _, e := range n {
			op := dag.Node{Kind: dag.Weighted, Label: e.Op.String(), In: []int{values[e.From]}}
			strided := reduction && e.From < 2
			switch {
			case e.Op == Skip && !strided:
				op.Kind = dag.Skip
			case e.Op == MaxPool3x3 || e.Op == AvgPool3x3:
				op.Kind = dag.Weightless
			}
			if strided {
				op.Label += " stride 2"
			}
			sum.In = append(sum.In, len(g))
			g = append(g, op)
		}
		values = append(values, len(g))
		output.In = append(output.In, len(g))
		g = append(g, sum)
	}
	return append(g, output)
}

// identity returns the identity of a genotype: that of the pair of its cells'
// functions. The first node of a cell reads both inputs, so both cells are part
// of every network's function; between cells lie convolutions of their own,
// across which nothing merges.
func identity(w *dag.Identifier, g *Genotype) (plugins.Identity, error) {
	var pair []byte
	for _, graph := range []dag.Graph{g.Normal.graph(false), g.Reduction.graph(true)} {
		id, err := w.Identify(graph)
		if err != nil {
			return plugins.Identity{}, fmt.Errorf("identify %v: %w", g, err)
		}
		pair = append(pair, id[:]...)
	}
	sum := sha256.Sum256(pair)
	return plugins.Identity(sum[:len(plugins.Identity{})]), nil
}
