package table

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/hypernas/hypernas/plugins"
)

// What a description may hold at most; spaces that papers report on stay far
// below.
const (
	maxDescription = 1 << 20 // bytes of the YAML file
	maxSteps       = 1024    // of a network
	maxSlots       = 256     // operations of a step, or of a cell
	maxRepeat      = 1000    // of a step
	maxColumns     = 1000    // that are measured
	maxRuns        = 1 << 30 // of a column; epochs too
)

// absent is what a value maps to where its operation isn't there at all.
const absent = "absent"

// description is what a YAML file says of a table.
type description struct {
	name, license, citation string
	notes                   []string
	data                    string // path of the data, relative to the YAML file
	formats                 []format
	vocabulary              plugins.Vocabulary
	columns                 []measured
	label, target           string
	numbers                 []quantity // one for each of vocabulary.Numbers
	cells                   [numMotifs]*cell
	steps                   []step
}

// quantity is a column of numbers in a unit of its own.
type quantity struct {
	column ref
	scale  float64 // what its values are multiplied by
}

// measured is a column of what was measured.
type measured struct {
	plugins.Column
	quantity // scale is negative where lower values are better
}

// attribute is a number of a node or step: constant, or of a column.
type attribute struct {
	index    int // in the vocabulary's NodeAttrs or CellAttrs
	constant float64
	column   *ref // nil for a constant
}

// slot is a place for an operation: one that is always there, or the choice
// of a column.
type slot struct {
	operation  int            // index into the vocabulary, where column is nil
	column     *ref           // what chooses
	values     map[string]int // what its values mean; nil where they are names of operations
	attributes []attribute
}

// noOperation is the operation of a slot that holds none: see absent.
const noOperation = -1

// fixed reports whether the slot is the same in every row.
func (s *slot) fixed() bool { return s.column == nil && fixed(s.attributes) }

func fixed(attributes []attribute) bool {
	return !slices.ContainsFunc(attributes, func(a attribute) bool { return a.column != nil })
}

// step is a part of the network: operations one after another, or a cell.
type step struct {
	slots      []slot
	motif      motif // the cell, where there are no slots
	repeat     attribute
	attributes []attribute
}

// motif names one of the cells that a network may repeat.
type motif int

const (
	normal motif = iota
	reduction
	numMotifs
)

func (m motif) role() plugins.Role {
	if m == reduction {
		return plugins.RoleReduction
	}
	return plugins.RoleNormal
}

// cell says how the data give a cell: by operations on the edges between
// vertices, or as a graph of its own in each row.
type cell struct {
	vertices int    // of a cell with edges: the highest number of one
	edges    []edge // ordered by where they lead to

	operations ref  // list of the operations of a graph
	links      ref  // its edges
	matrix     bool // links is an adjacency matrix, else a list of pairs
	values     map[string]int

	concat bool // the output concatenates
}

// edge is an operation between two vertices of a cell.
type edge struct {
	slot
	from, to int
}

// parseDescription reads a YAML file. Its errors name the line where there is
// one, not the file.
func parseDescription(data []byte) (*description, error) {
	if len(data) > maxDescription {
		return nil, fmt.Errorf("it has %d bytes, more than the %d that a description may have", len(data), maxDescription)
	}
	root, err := parseYAML(data)
	if err != nil {
		return nil, err
	}
	d := new(description)
	r := new(reader)
	// What is read later may name what was read before.
	err = r.mapping(root, []field{
		{"name", func(n *yaml.Node) error { return readString(n, &d.name) }},
		{"data", func(n *yaml.Node) error { return readString(n, &d.data) }},
		{"license", func(n *yaml.Node) error { return readString(n, &d.license) }},
		{"citation", func(n *yaml.Node) error { return readString(n, &d.citation) }},
		{"notes", func(n *yaml.Node) error {
			return r.list(n, func(n *yaml.Node) error {
				d.notes = append(d.notes, "")
				return readString(n, &d.notes[len(d.notes)-1])
			})
		}},
		{"columns", func(n *yaml.Node) error { return d.readColumns(r, n) }},
		{"label", func(n *yaml.Node) error { return d.readRole(n, &d.label) }},
		{"target", func(n *yaml.Node) error { return d.readRole(n, &d.target) }},
		{"numbers", func(n *yaml.Node) error { return d.readNumbers(r, n) }},
		{"parse", func(n *yaml.Node) error { return d.readFormats(r, n) }},
		{"operations", func(n *yaml.Node) error { return d.readOperations(r, n) }},
		{"cells", func(n *yaml.Node) error { return d.readCells(r, n) }},
		{"network", func(n *yaml.Node) error { return d.readNetwork(r, n) }},
	})
	if err != nil {
		return nil, err
	}
	return d, d.complete()
}

// checkNumbers refuses a number that is read from where the label or target is.
func (d *description) checkNumbers() error {
	for i := range d.numbers {
		for _, name := range []string{d.label, d.target} {
			if from := d.numbers[i].column.name; d.column(name).column.name == from {
				return fmt.Errorf("number %s and column %s are both read from %q: what predictors train on or are scored on is no feature",
					d.vocabulary.Numbers[i], name, from)
			}
		}
	}
	return nil
}

// complete checks what no single key shows, and fills in what was left out.
func (d *description) complete() error {
	for _, missing := range []struct {
		key, what string
		there     bool
	}{
		{"data", "the CSV or JSON file", d.data != ""},
		{"columns", "what was measured", len(d.columns) > 0},
		{"operations", "the operations that architectures are made of", len(d.vocabulary.Ops) > 0},
		{"label", "the column that predictors train on", d.label != "" || len(d.columns) == 1},
	} {
		if !missing.there {
			return fmt.Errorf("there is no key %q: %s", missing.key, missing.what)
		}
	}
	if d.label == "" {
		d.label = d.columns[0].Name
	}
	if d.target == "" {
		d.target = d.label
	}
	if d.steps == nil {
		for m, c := range d.cells {
			if c != nil {
				d.steps = append(d.steps, step{motif: motif(m), repeat: attribute{constant: 1}})
			}
		}
	}
	if d.steps == nil {
		return errors.New(`there is neither a key "network" (blocks in a row) nor "cells": what an architecture is`)
	}
	for m, c := range d.cells {
		if c != nil && !slices.ContainsFunc(d.steps, func(s step) bool { return s.slots == nil && s.motif == motif(m) }) {
			return fmt.Errorf("the %s cell has no place in the network", motif(m).role())
		}
	}
	for i := range d.steps {
		if !d.steps[i].fixed() {
			return nil
		}
	}
	return errors.New("no part of the network depends on a column, so all architectures would be the same")
}

// fixed reports whether the step is the same in every row.
func (s *step) fixed() bool {
	return s.slots != nil && s.repeat.column == nil && fixed(s.attributes) &&
		!slices.ContainsFunc(s.slots, func(s slot) bool { return !s.fixed() })
}

func (d *description) column(name string) *measured {
	for i := range d.columns {
		if d.columns[i].Name == name {
			return &d.columns[i]
		}
	}
	return nil
}

func (d *description) columnNames() string {
	names := make([]string, len(d.columns))
	for i := range d.columns {
		names[i] = d.columns[i].Name
	}
	return strings.Join(names, ", ")
}

func (d *description) readRole(n *yaml.Node, dst *string) error {
	if err := readString(n, dst); err != nil {
		return err
	}
	if d.column(*dst) == nil {
		return lineError(n, "%q is none of the columns %s", *dst, d.columnNames())
	}
	return nil
}

// readRef reads the name of a column of the data.
func (r *reader) readRef(n *yaml.Node, dst *ref) error {
	var name string
	if err := readString(n, &name); err != nil {
		return err
	}
	const place = "$n"
	if strings.Contains(name, place) {
		if r.n == "" {
			return lineError(n, "%s stands for nothing here: give the step a range, as in n: 1..8", place)
		}
		name = strings.ReplaceAll(name, place, r.n)
	}
	var err error
	if *dst, err = parseRef(name); err != nil {
		return lineError(n, "%w", err)
	}
	return nil
}

func (d *description) readColumns(r *reader, n *yaml.Node) error {
	return r.pairs(n, func(name string, at, n *yaml.Node) error {
		if name == "" || len(d.columns) == maxColumns {
			return lineError(at, "a column has no name, or there are more than %d", maxColumns)
		}
		m := measured{Column: plugins.Column{Name: name}, quantity: quantity{column: ref{name: name, base: name}, scale: 1}}
		lower := false
		err := r.mapping(n, []field{
			{"column", func(n *yaml.Node) error { return r.readRef(n, &m.column) }},
			{"summary", func(n *yaml.Node) error { return readString(n, &m.Summary) }},
			{"unit", func(n *yaml.Node) error { return readString(n, &m.Unit) }},
			{"scale", func(n *yaml.Node) error { return readFinite(n, &m.scale) }},
			{"dataset", func(n *yaml.Node) error { return readString(n, &m.Dataset) }},
			{"split", func(n *yaml.Node) error {
				return scalar(n, "validation or test", func(s string) error {
					m.Split = s
					if s != "validation" && s != "test" {
						return strconv.ErrSyntax
					}
					return nil
				})
			}},
			{"runs", func(n *yaml.Node) error { return readCount(n, &m.Runs, maxRuns) }},
			{"epochs", func(n *yaml.Node) error { return readCount(n, &m.Epochs, maxRuns) }},
			{"lower_is_better", func(n *yaml.Node) error { return readBool(n, &lower) }},
		})
		switch {
		case err != nil:
			return err
		case m.Split == "":
			return lineError(at, "column %s has no split: say which images it was measured on, split: validation or split: test", name)
		case m.scale <= 0:
			return lineError(at, "column %s has the scale %v; it takes a number above 0 (and lower_is_better: true where that is so)", name, m.scale)
		}
		if lower {
			m.scale = -m.scale
			m.Summary = strings.TrimPrefix(m.Summary+"; lower is better, so its values are negated", "; ")
		}
		d.columns = append(d.columns, m)
		return nil
	})
}

func (d *description) readNumbers(r *reader, n *yaml.Node) error {
	return r.pairs(n, func(name string, at, n *yaml.Node) error {
		q := quantity{column: ref{name: name, base: name}, scale: 1}
		var err error
		if n.Kind == yaml.MappingNode {
			err = r.mapping(n, []field{
				{"column", func(n *yaml.Node) error { return r.readRef(n, &q.column) }},
				{"scale", func(n *yaml.Node) error { return readFinite(n, &q.scale) }},
			})
		} else {
			err = r.readRef(n, &q.column)
		}
		switch {
		case err != nil:
			return err
		case name == "" || len(d.numbers) == maxColumns:
			return lineError(at, "a number has no name, or there are more than %d", maxColumns)
		case q.scale <= 0:
			return lineError(at, "number %s has the scale %v; it takes a number above 0", name, q.scale)
		}
		d.vocabulary.Numbers = append(d.vocabulary.Numbers, name)
		d.numbers = append(d.numbers, q)
		return nil
	})
}

func (d *description) readFormats(r *reader, n *yaml.Node) error {
	seen := make(map[string]bool)
	return r.pairs(n, func(name string, at, n *yaml.Node) error {
		column, err := parseRef(name)
		if err != nil {
			return lineError(at, "%w", err)
		}
		return scalar(n, "the form of a text, with names of columns in braces", func(s string) error {
			f, err := parseFormat(s)
			if err != nil {
				return err
			}
			for _, name := range f.names {
				if seen[name] {
					return fmt.Errorf("form %q names the column %q, which another part has already", s, name)
				}
				seen[name] = true
			}
			f.column = column
			d.formats = append(d.formats, f)
			return nil
		})
	})
}

// kinds returns the names of the kinds of operation, by kind.
func kinds() []string {
	var all []string
	for k := plugins.Kind(0); !strings.HasPrefix(k.String(), "kind "); k++ {
		all = append(all, k.String())
	}
	return all
}

// spaced returns the name of a kind with spaces between its words; a
// description may have _ or - there.
func spaced(kind string) string { return strings.NewReplacer("_", " ", "-", " ").Replace(kind) }

func (d *description) readOperations(r *reader, n *yaml.Node) error {
	known := kinds()
	inputs, outputs := false, false
	err := r.pairs(n, func(name string, at, n *yaml.Node) error {
		op := plugins.Op{Name: name, Kind: -1}
		err := r.mapping(n, []field{
			{"kind", func(n *yaml.Node) error {
				return scalar(n, "one of "+strings.Join(known, ", "), func(s string) error {
					op.Kind = plugins.Kind(slices.IndexFunc(known, func(kind string) bool { return spaced(kind) == spaced(s) }))
					if op.Kind < 0 {
						return strconv.ErrSyntax
					}
					return nil
				})
			}},
			{"kernel", func(n *yaml.Node) error { return readCount(n, &op.Kernel, 1<<16) }},
		})
		switch {
		case err != nil:
			return err
		case op.Kind < 0:
			return lineError(at, "operation %s has no kind; the kinds are %s", name, strings.Join(known, ", "))
		case name == "" || name == absent:
			return lineError(at, "an operation can't be called %q", name)
		}
		inputs = inputs || op.Kind == plugins.KindInput
		outputs = outputs || op.Kind == plugins.KindOutput
		d.vocabulary.Ops = append(d.vocabulary.Ops, op)
		return nil
	})
	if err != nil {
		return err
	}
	for _, end := range []struct {
		there bool
		op    plugins.Op
	}{
		{inputs, plugins.Op{Name: "input", Kind: plugins.KindInput}},
		{outputs, plugins.Op{Name: "output", Kind: plugins.KindOutput}},
	} {
		if end.there {
			continue
		}
		if d.operation(end.op.Name) >= 0 {
			return lineError(n, "operation %s must be of kind %s", end.op.Name, end.op.Kind)
		}
		d.vocabulary.Ops = append(d.vocabulary.Ops, end.op)
	}
	return nil
}

// operation returns the index of the operation called name, or -1.
func (d *description) operation(name string) int {
	return slices.IndexFunc(d.vocabulary.Ops, func(op plugins.Op) bool { return op.Name == name })
}

// ofKind returns the first operation of a kind that the vocabulary has.
func (d *description) ofKind(k plugins.Kind) int {
	return slices.IndexFunc(d.vocabulary.Ops, func(op plugins.Op) bool { return op.Kind == k })
}

// operationNames lists the operations for an error.
func (d *description) operationNames() string {
	names := make([]string, len(d.vocabulary.Ops))
	for i, op := range d.vocabulary.Ops {
		names[i] = op.Name
	}
	return strings.Join(names, ", ")
}

// readOperation reads the name of an operation; ends says that it may be an
// input or output.
func (d *description) readOperation(n *yaml.Node, dst *int, ends bool) error {
	var name string
	if err := readString(n, &name); err != nil {
		return err
	}
	i := d.operation(name)
	if i < 0 {
		return lineError(n, "unknown operation %q: the operations are %s", name, d.operationNames())
	}
	if k := d.vocabulary.Ops[i].Kind; !ends && (k == plugins.KindInput || k == plugins.KindOutput) {
		return lineError(n, "operation %s is an %s, which every block and cell has by itself", name, k)
	}
	*dst = i
	return nil
}

// readValues reads what the values of a column mean.
func (d *description) readValues(r *reader, n *yaml.Node, dst *map[string]int, ends bool) error {
	*dst = make(map[string]int)
	return r.pairs(n, func(value string, at, n *yaml.Node) error {
		key := canonical(value)
		if _, twice := (*dst)[key]; twice {
			return lineError(at, "value %q appears twice", value)
		}
		if n.Kind == yaml.ScalarNode && n.Value == absent {
			(*dst)[key] = noOperation
			return nil
		}
		var op int
		if err := d.readOperation(n, &op, ends); err != nil {
			return err
		}
		(*dst)[key] = op
		return nil
	})
}

// canonical returns the form in which values are compared: 3, 3.0 and "3" are
// the same, and so are True and true.
func canonical(s string) string {
	s = strings.TrimSpace(s)
	if x, err := strconv.ParseFloat(s, 64); err == nil {
		return strconv.FormatFloat(x, 'g', -1, 64)
	}
	if l := strings.ToLower(s); l == "true" || l == "false" {
		return l
	}
	return s
}

// readNumber reads a number, or the name of a column that holds one.
func (r *reader) readNumber(n *yaml.Node, dst *attribute) error {
	if n.Kind == yaml.ScalarNode && (n.Tag == "!!int" || n.Tag == "!!float") {
		return readFinite(n, &dst.constant)
	}
	dst.column = new(ref)
	return r.readRef(n, dst.column)
}

// readAttributes reads numbers by name; names holds those of the vocabulary.
func (r *reader) readAttributes(n *yaml.Node, names *[]string, dst *[]attribute) error {
	return r.pairs(n, func(name string, at, n *yaml.Node) error {
		i := slices.Index(*names, name)
		if i < 0 {
			if name == "" || len(*names) == maxSlots {
				return lineError(at, "an attribute has no name, or there are more than %d", maxSlots)
			}
			i = len(*names)
			*names = append(*names, name)
		}
		a := attribute{index: i}
		if err := r.readNumber(n, &a); err != nil {
			return err
		}
		*dst = append(*dst, a)
		return nil
	})
}

// slotFields are the keys of a place for an operation.
func (d *description) slotFields(r *reader, s *slot) []field {
	s.operation = noOperation
	return []field{
		{"operation", func(n *yaml.Node) error { return d.readOperation(n, &s.operation, false) }},
		{"column", func(n *yaml.Node) error {
			s.column = new(ref)
			return r.readRef(n, s.column)
		}},
		{"values", func(n *yaml.Node) error { return d.readValues(r, n, &s.values, false) }},
		{"attributes", func(n *yaml.Node) error { return r.readAttributes(n, &d.vocabulary.NodeAttrs, &s.attributes) }},
	}
}

// check returns an error unless the slot has an operation or a column.
func (s *slot) check(n *yaml.Node) error {
	switch {
	case (s.operation == noOperation) == (s.column == nil):
		return lineError(n, "give either an operation (always the same one) or a column (that chooses it)")
	case s.column == nil && s.values != nil:
		return lineError(n, "values belong to a column, and there is none")
	}
	return nil
}

func (d *description) readCells(r *reader, n *yaml.Node) error {
	return r.mapping(n, []field{
		{"normal", func(n *yaml.Node) error { return d.readCell(r, n, normal) }},
		{"reduction", func(n *yaml.Node) error { return d.readCell(r, n, reduction) }},
	})
}

func (d *description) readCell(r *reader, n *yaml.Node, m motif) error {
	c := new(cell)
	var graph *yaml.Node
	output := "sum"
	err := r.mapping(n, []field{
		{"values", func(n *yaml.Node) error { return d.readValues(r, n, &c.values, true) }},
		{"edges", func(n *yaml.Node) error { return d.readEdges(r, n, c) }},
		{"graph", func(n *yaml.Node) error {
			graph = n
			return d.readGraph(r, n, c)
		}},
		{"output", func(n *yaml.Node) error {
			return scalar(n, "sum or concat", func(s string) error {
				output = s
				if s != "sum" && s != "concat" {
					return strconv.ErrSyntax
				}
				return nil
			})
		}},
	})
	if err != nil {
		return err
	}
	if (graph == nil) == (c.edges == nil) {
		return lineError(n, "give either edges (operations on the edges of one graph) or a graph (one a row)")
	}
	c.concat = output == "concat"
	d.cells[m] = c
	return nil
}

func (d *description) readEdges(r *reader, n *yaml.Node, c *cell) error {
	err := r.list(n, func(n *yaml.Node) error {
		e := edge{from: -1, to: -1}
		err := r.mapping(n, append([]field{
			{"from", func(n *yaml.Node) error { return readCount(n, &e.from, maxSlots) }},
			{"to", func(n *yaml.Node) error { return readCount(n, &e.to, maxSlots) }},
		}, d.slotFields(r, &e.slot)...))
		if err != nil {
			return err
		}
		if e.column != nil && e.values == nil {
			e.values = c.values
		}
		switch {
		case e.from < 0 || e.from >= e.to:
			return lineError(n, "an edge leads from a vertex to a higher one, as in from: 0, to: 1; vertex 0 is the cell's input, the highest its output")
		case len(c.edges) == maxSlots:
			return lineError(n, "a cell may have %d edges", maxSlots)
		}
		c.vertices = max(c.vertices, e.to)
		c.edges = append(c.edges, e)
		return e.check(n)
	})
	if err != nil {
		return err
	}
	for v := range c.vertices + 1 {
		in := slices.ContainsFunc(c.edges, func(e edge) bool { return e.to == v })
		out := slices.ContainsFunc(c.edges, func(e edge) bool { return e.from == v })
		switch {
		case v > 0 && !in:
			return lineError(n, "no edge leads to vertex %d", v)
		case v < c.vertices && !out:
			return lineError(n, "no edge leads from vertex %d", v)
		}
	}
	// An operation stands after all that its vertex receives.
	slices.SortStableFunc(c.edges, func(a, b edge) int { return cmp.Compare(a.to, b.to) })
	return nil
}

func (d *description) readGraph(r *reader, n *yaml.Node, c *cell) error {
	ways := 0
	err := r.mapping(n, []field{
		{"operations", func(n *yaml.Node) error { return r.readRef(n, &c.operations) }},
		{"adjacency", func(n *yaml.Node) error {
			ways++
			c.matrix = true
			return r.readRef(n, &c.links)
		}},
		{"edges", func(n *yaml.Node) error {
			ways++
			return r.readRef(n, &c.links)
		}},
	})
	if err != nil {
		return err
	}
	if c.operations.name == "" || ways != 1 {
		return lineError(n, "a graph needs two columns: operations (a list of names), and either adjacency (a matrix) or edges (a list of [from, to])")
	}
	return nil
}

func (d *description) readNetwork(r *reader, n *yaml.Node) error {
	return r.list(n, func(n *yaml.Node) error {
		if n.Kind != yaml.MappingNode {
			return d.readStep(r, n)
		}
		// The range comes first: the other keys are read for each n of it.
		first, last, ranged := 0, 0, false
		step := &yaml.Node{Kind: n.Kind, Line: n.Line}
		for i := 0; i < len(n.Content); i += 2 {
			if n.Content[i].Value != "n" || ranged {
				step.Content = append(step.Content, n.Content[i], n.Content[i+1])
				continue
			}
			value, err := r.target(n.Content[i+1])
			if err != nil {
				return err
			}
			ranged = true
			err = scalar(value, fmt.Sprintf("a range such as 1..8, of at most %d", maxSteps), func(s string) error {
				from, to, found := strings.Cut(s, "..")
				var err1, err2 error
				first, err1 = strconv.Atoi(from)
				last, err2 = strconv.Atoi(to)
				if err := errors.Join(err1, err2); err != nil {
					return err
				}
				if !found || first < 0 || first > last || last-first >= maxSteps {
					return strconv.ErrRange
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
		for i := first; i <= last; i++ {
			if ranged {
				r.n = strconv.Itoa(i)
			}
			if err := d.readStep(r, step); err != nil {
				return err
			}
		}
		r.n = ""
		return nil
	})
}

func (d *description) readStep(r *reader, n *yaml.Node) error {
	s := step{repeat: attribute{constant: 1}}
	name := ""
	fields := []field{
		{"operations", func(n *yaml.Node) error {
			return r.list(n, func(n *yaml.Node) error {
				var one slot
				fields := d.slotFields(r, &one)
				var err error
				if n.Kind == yaml.ScalarNode {
					err = d.readOperation(n, &one.operation, false)
				} else if err = r.mapping(n, fields); err == nil {
					err = one.check(n)
				}
				if err == nil && len(s.slots) == maxSlots {
					err = lineError(n, "a step may have %d operations", maxSlots)
				}
				s.slots = append(s.slots, one)
				return err
			})
		}},
		{"cell", func(n *yaml.Node) error { return readString(n, &name) }},
		{"repeat", func(n *yaml.Node) error { return r.readNumber(n, &s.repeat) }},
		{"attributes", func(n *yaml.Node) error { return r.readAttributes(n, &d.vocabulary.CellAttrs, &s.attributes) }},
	}
	if err := r.mapping(n, append(fields, field{"n", func(n *yaml.Node) error { return lineError(n, "key %q appears twice", "n") }})); err != nil {
		return err
	}
	switch {
	case (name == "") == (s.slots == nil):
		return lineError(n, "a step of the network has either operations, one after another, or a cell (normal or reduction)")
	case name == "reduction":
		s.motif = reduction
	case name != "" && name != "normal":
		return lineError(n, "unknown cell %q: a cell is normal or reduction", name)
	}
	if name != "" && d.cells[s.motif] == nil {
		return lineError(n, "there is no %s cell: describe it under cells", name)
	}
	if s.repeat.column == nil {
		if _, err := repeats(s.repeat.constant); err != nil {
			return lineError(n, "repeat is %w", err)
		}
	}
	if len(d.steps) == maxSteps {
		return lineError(n, "a network may have %d steps", maxSteps)
	}
	d.steps = append(d.steps, s)
	return nil
}

// repeats returns x as the number of times that a step follows itself.
func repeats(x float64) (int, error) {
	if n := int(x); float64(n) == x && n >= 0 && n <= maxRepeat {
		return n, nil
	}
	return 0, fmt.Errorf("%v, and must be a whole number from 0 to %d", x, maxRepeat)
}
