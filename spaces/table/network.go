package table

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/hypernas/hypernas/internal/dag"
	"github.com/hypernas/hypernas/plugins"
)

// network returns the architecture of a row.
func (d *description) network(r *record) (plugins.Network, error) {
	var n plugins.Network
	var at [numMotifs]int // where cells of a motif stand in n.Cells, from 1 on
	for i := range d.steps {
		s := &d.steps[i]
		repeat, err := s.repeats(r)
		if err != nil {
			return n, err
		}
		if repeat == 0 {
			continue
		}
		step := plugins.Step{Cell: len(n.Cells), Repeat: repeat}
		if s.slots == nil && at[s.motif] > 0 {
			step.Cell = at[s.motif] - 1
		} else {
			c, err := d.cell(s, r)
			if err != nil {
				return n, err
			}
			if c == nil {
				continue
			}
			n.Cells = append(n.Cells, *c)
			if s.slots == nil {
				at[s.motif] = len(n.Cells)
			}
		}
		if step.Attrs, err = attributes(s.attributes, len(d.vocabulary.CellAttrs), r); err != nil {
			return n, err
		}
		n.Sequence = append(n.Sequence, step)
	}
	if len(n.Sequence) == 0 {
		return n, fmt.Errorf("%s: every step of the network is absent, so there is no architecture", r.place)
	}
	return n, nil
}

func (s *step) repeats(r *record) (int, error) {
	if s.repeat.column == nil {
		return int(s.repeat.constant), nil
	}
	x, err := r.number(s.repeat.column)
	if err != nil {
		return 0, err
	}
	n, err := repeats(x)
	if err != nil {
		return 0, r.valueError(s.repeat.column, "repeat is %w", err)
	}
	return n, nil
}

// cell returns the cell of a step, nil where all its operations are absent.
func (d *description) cell(s *step, r *record) (*plugins.Cell, error) {
	switch {
	case s.slots != nil:
		return d.block(s, r)
	case d.cells[s.motif].edges != nil:
		return d.edgeCell(s.motif, r)
	}
	return d.graphCell(s.motif, r)
}

// block returns operations one after another.
func (d *description) block(s *step, r *record) (*plugins.Cell, error) {
	c := &plugins.Cell{Role: plugins.RoleBlock, Fixed: s.fixed()}
	add := func(n plugins.Node) {
		if at := len(c.Nodes); at > 0 {
			c.Edges = append(c.Edges, plugins.Edge{From: at - 1, To: at})
		}
		c.Nodes = append(c.Nodes, n)
	}
	add(d.end(plugins.KindInput))
	for i := range s.slots {
		n, err := d.node(&s.slots[i], r)
		if err != nil {
			return nil, err
		}
		if n != nil {
			add(*n)
		}
	}
	if len(c.Nodes) == 1 {
		return nil, nil
	}
	add(d.end(plugins.KindOutput))
	return c, nil
}

// end returns an input or output node.
func (d *description) end(k plugins.Kind) plugins.Node {
	return plugins.Node{Op: d.ofKind(k), Attrs: zeros(len(d.vocabulary.NodeAttrs))}
}

// zeros returns n attributes that say nothing; nil where there are none.
func zeros(n int) []float64 {
	if n == 0 {
		return nil
	}
	return make([]float64, n)
}

// node returns the operation of a slot, nil where it is absent.
func (d *description) node(s *slot, r *record) (*plugins.Node, error) {
	n := &plugins.Node{Op: s.operation}
	if s.column != nil {
		v, err := r.text(s.column)
		if err != nil {
			return nil, err
		}
		if n.Op, err = d.meaning(r, s.column, v, s.values); err != nil {
			return nil, err
		}
		if n.Op == noOperation {
			return nil, nil
		}
		if k := d.vocabulary.Ops[n.Op].Kind; k == plugins.KindInput || k == plugins.KindOutput {
			return nil, r.valueError(s.column, "%q is an %s, and stands where there must be an operation", v, k)
		}
	}
	var err error
	n.Attrs, err = attributes(s.attributes, len(d.vocabulary.NodeAttrs), r)
	return n, err
}

// meaning returns the operation that a value stands for.
func (d *description) meaning(r *record, c *ref, v string, values map[string]int) (int, error) {
	op, ok := values[canonical(v)]
	if values == nil {
		op = d.operation(v)
		ok = op >= 0
	}
	switch {
	case ok:
		return op, nil
	case values == nil:
		return 0, r.valueError(c, "unknown operation %q: the operations are %s; add it to them, or give values", shorten(v), d.operationNames())
	}
	return 0, r.valueError(c, "value %q stands for no operation: add it to values", shorten(v))
}

// attributes returns a row of n numbers, 0 for those that aren't listed.
func attributes(listed []attribute, n int, r *record) ([]float64, error) {
	row := zeros(n)
	for _, a := range listed {
		x := a.constant
		if a.column != nil {
			var err error
			if x, err = r.number(a.column); err != nil {
				return nil, err
			}
			if math.IsNaN(x) {
				return nil, r.valueError(a.column, "it is empty, and an attribute needs a number")
			}
		}
		row[a.index] = x
	}
	return row, nil
}

// edgeCell returns a cell with a node for each operation on an edge. Vertices
// are sums, and no nodes.
func (d *description) edgeCell(m motif, r *record) (*plugins.Cell, error) {
	form := d.cells[m]
	c := &plugins.Cell{Role: m.role(), Nodes: []plugins.Node{d.end(plugins.KindInput)}}
	into := make([][]int, form.vertices+1) // the nodes that a vertex is the sum of
	into[0] = []int{0}
	for i := range form.edges {
		e := &form.edges[i]
		n, err := d.node(&e.slot, r)
		if err != nil {
			return nil, err
		}
		if n == nil {
			continue
		}
		at := len(c.Nodes)
		c.Nodes = append(c.Nodes, *n)
		for _, from := range into[e.from] {
			c.Edges = append(c.Edges, plugins.Edge{From: from, To: at})
		}
		into[e.to] = append(into[e.to], at)
	}
	out := len(c.Nodes)
	c.Nodes = append(c.Nodes, d.end(plugins.KindOutput))
	for _, from := range into[form.vertices] {
		c.Edges = append(c.Edges, plugins.Edge{From: from, To: out})
	}
	return c, nil
}

// graphCell returns a cell whose graph stands in the row.
func (d *description) graphCell(m motif, r *record) (*plugins.Cell, error) {
	form := d.cells[m]
	names, err := r.lists(&form.operations)
	if err != nil {
		return nil, err
	}
	if len(names) < 2 || len(names) > maxSlots {
		return nil, r.valueError(&form.operations, "it has %d operations, and a graph 2 (input and output) to %d", len(names), maxSlots)
	}
	ops := make([]int, len(names))
	for i, name := range names {
		text, ok := scalarText(name)
		if !ok {
			return nil, r.valueError(&form.operations, "element %d is a list, not an operation", i)
		}
		if ops[i], err = d.meaning(r, &form.operations, text, form.values); err != nil {
			return nil, err
		}
		if ops[i] == noOperation {
			return nil, r.valueError(&form.operations, "element %d is absent; leave it out of the graph", i)
		}
		output := d.vocabulary.Ops[ops[i]].Kind == plugins.KindOutput
		if output != (i == len(ops)-1) {
			return nil, r.valueError(&form.operations, "the last operation, and no other, must be the output; element %d is %s", i, d.vocabulary.Ops[ops[i]].Name)
		}
	}
	if d.vocabulary.Ops[ops[0]].Kind != plugins.KindInput {
		return nil, r.valueError(&form.operations, "the first operation must be an input, and is %s", d.vocabulary.Ops[ops[0]].Name)
	}
	edges, err := form.readLinks(r, len(ops))
	if err != nil {
		return nil, err
	}
	return d.sorted(m, r, ops, edges)
}

// lists is value for a list.
func (r *record) lists(c *ref) ([]any, error) {
	v, err := r.value(c)
	if err != nil {
		return nil, err
	}
	return r.list(c, v)
}

// readLinks returns the edges of a graph of n nodes.
func (c *cell) readLinks(r *record, n int) ([]plugins.Edge, error) {
	rows, err := r.lists(&c.links)
	if err != nil {
		return nil, err
	}
	if c.matrix && len(rows) != n {
		return nil, r.valueError(&c.links, "the matrix has %d rows for %d operations", len(rows), n)
	}
	if len(rows) > maxSlots*maxSlots {
		return nil, r.valueError(&c.links, "there are %d edges", len(rows))
	}
	var edges []plugins.Edge
	for i, row := range rows {
		line, ok := row.([]any)
		width := 2
		if c.matrix {
			width = n
		}
		if !ok || len(line) != width {
			return nil, r.valueError(&c.links, "element %d is not a list of %d numbers", i, width)
		}
		numbers := make([]int, width)
		for k, v := range line {
			number, ok := v.(json.Number)
			x, err := strconv.Atoi(number.String())
			if !ok || err != nil {
				return nil, r.valueError(&c.links, "element %d holds %v, want a whole number", i, v)
			}
			numbers[k] = x
		}
		if !c.matrix {
			if numbers[0] < 0 || numbers[0] >= n || numbers[1] < 0 || numbers[1] >= n {
				return nil, r.valueError(&c.links, "edge %d leads from %d to %d, and the operations are 0 to %d", i, numbers[0], numbers[1], n-1)
			}
			edges = append(edges, plugins.Edge{From: numbers[0], To: numbers[1]})
			continue
		}
		for k, x := range numbers {
			switch x {
			case 0:
			case 1:
				edges = append(edges, plugins.Edge{From: i, To: k})
			default:
				return nil, r.valueError(&c.links, "the matrix has %d in row %d; it takes 0 and 1", x, i)
			}
		}
	}
	return edges, nil
}

// sorted returns a cell with its nodes in topological order: of those that
// could come next, the first as given.
func (d *description) sorted(m motif, r *record, ops []int, edges []plugins.Edge) (*plugins.Cell, error) {
	links := &d.cells[m].links
	waits := make([]int, len(ops))
	for _, e := range edges {
		if d.vocabulary.Ops[ops[e.To]].Kind == plugins.KindInput {
			return nil, r.valueError(links, "an edge leads from operation %d into operation %d, which is an input", e.From, e.To)
		}
		if e.From == len(ops)-1 {
			return nil, r.valueError(links, "an edge leads from the output to operation %d", e.To)
		}
		waits[e.To]++
	}
	c := &plugins.Cell{Role: m.role()}
	at := make([]int, len(ops))
	done := make([]bool, len(ops))
	for range ops {
		next := -1
		for i := range ops {
			// The output stays the last, edges or none.
			if !done[i] && waits[i] == 0 && (i < len(ops)-1 || len(c.Nodes) == i) {
				next = i
				break
			}
		}
		if next < 0 {
			return nil, r.valueError(links, "the graph has a cycle")
		}
		done[next] = true
		at[next] = len(c.Nodes)
		c.Nodes = append(c.Nodes, plugins.Node{Op: ops[next], Attrs: zeros(len(d.vocabulary.NodeAttrs))})
		for _, e := range edges {
			if e.From == next {
				waits[e.To]--
			}
		}
	}
	for _, e := range edges {
		c.Edges = append(c.Edges, plugins.Edge{From: at[e.From], To: at[e.To]})
	}
	return c, nil
}

// maxLength bounds the operations of blocks that follow each other, repeats
// written out.
const maxLength = 4096

// identify returns the identity of an architecture. Cells are identified each
// by itself; blocks that follow each other are one graph, repeats written out,
// so that a skip is no layer wherever it stands. An operation's attributes and
// those of its step tell it from others of its name.
func (d *description) identify(id *dag.Identifier, n *plugins.Network) (plugins.Identity, error) {
	var parts []string // identities, with the place of each
	var run dag.Graph  // blocks so far, without an output
	flush := func() error {
		if run == nil {
			return nil
		}
		sum, err := id.Identify(append(run, dag.Node{Kind: dag.Output, In: []int{len(run) - 1}}))
		parts, run = append(parts, string(sum[:])), nil
		return err
	}
	cells := make(map[int]string)
	for _, s := range n.Sequence {
		c := &n.Cells[s.Cell]
		if c.Role != plugins.RoleBlock {
			if err := flush(); err != nil {
				return plugins.Identity{}, err
			}
			if _, ok := cells[s.Cell]; !ok {
				sum, err := id.Identify(d.graph(c))
				if err != nil {
					return plugins.Identity{}, err
				}
				cells[s.Cell] = string(sum[:])
			}
			place := ""
			if len(n.Sequence) > 1 {
				place = fmt.Sprint(s.Repeat, s.Attrs)
			}
			parts = append(parts, cells[s.Cell]+place)
			continue
		}
		if run == nil {
			run = dag.Graph{{Kind: dag.Input}}
		}
		operations := c.Nodes[1 : len(c.Nodes)-1]
		if len(run)+s.Repeat*len(operations) > maxLength {
			return plugins.Identity{}, fmt.Errorf("the blocks have more than %d operations in a row, repeats counted", maxLength)
		}
		for range s.Repeat {
			for _, node := range operations {
				op := &d.vocabulary.Ops[node.Op]
				run = append(run, dag.Node{Kind: part(op.Kind), Label: label(op.Name, node.Attrs, s.Attrs), In: []int{len(run) - 1}})
			}
		}
	}
	if err := flush(); err != nil {
		return plugins.Identity{}, err
	}
	if len(parts) == 1 {
		return plugins.Identity([]byte(parts[0])), nil
	}
	sum := sha256.Sum256([]byte(strings.Join(parts, "\n")))
	return plugins.Identity(sum[:len(plugins.Identity{})]), nil
}

// graph returns a cell as package dag has it.
func (d *description) graph(c *plugins.Cell) dag.Graph {
	g := make(dag.Graph, len(c.Nodes))
	inputs := 0
	for i, node := range c.Nodes {
		op := &d.vocabulary.Ops[node.Op]
		g[i] = dag.Node{Kind: part(op.Kind), Label: label(op.Name, node.Attrs, nil)}
		switch op.Kind {
		case plugins.KindInput:
			// The first is what came before the previous cell, where there are two.
			g[i].Label = strconv.Itoa(inputs)
			inputs++
		case plugins.KindOutput:
			m := normal
			if c.Role == plugins.RoleReduction {
				m = reduction
			}
			g[i].Label, g[i].Concat = "", d.cells[m].concat
		}
	}
	for _, e := range c.Edges {
		g[e.To].In = append(g[e.To].In, e.From)
	}
	return g
}

// label tells operations apart.
func label(name string, attributes ...[]float64) string {
	for _, list := range attributes {
		for _, x := range list {
			name += "," + strconv.FormatFloat(x, 'g', -1, 64)
		}
	}
	return name
}

// part returns the part that operations of kind k play in a function.
func part(k plugins.Kind) dag.Kind {
	switch k {
	case plugins.KindInput:
		return dag.Input
	case plugins.KindOutput:
		return dag.Output
	case plugins.KindNone:
		return dag.None
	case plugins.KindSkip:
		return dag.Skip
	}
	if k.HasWeights() {
		return dag.Weighted
	}
	return dag.Weightless
}
