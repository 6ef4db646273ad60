package dag

import (
	"errors"
	"fmt"
)

// Kind says how an operation takes part in the function of its graph.
type Kind uint8

// The kinds of node.
const (
	// Input is a value from outside. Inputs that can be told apart (the two
	// predecessors of a DARTS cell) need labels that differ.
	Input Kind = iota
	// Output is the graph's result: its last node, and the only one of this kind.
	Output
	// None yields zero: what reaches it goes no further.
	None
	// Skip yields what reaches it, unchanged.
	Skip
	// Weightless is a function of what reaches it: two such nodes with one
	// label and the same inputs have the same value. Pooling is one.
	Weightless
	// Weighted is an instance of its own, with parameters that it shares with
	// no other node: two convolutions of one input are two values.
	Weighted
)

// Node is one operation of a graph.
type Node struct {
	Kind Kind
	// Concat says that the values that reach the node are concatenated, in no
	// particular order, rather than summed.
	Concat bool
	// Label tells operations of one kind apart: its name and whatever else
	// makes it a different operation, such as a kernel size or a ratio. Labels
	// are equal only as strings. The label of a Skip or None node has no part
	// in Identify.
	Label string
	// In lists the nodes whose values reach this one; a node that occurs
	// twice is added (or concatenated) twice. Its order means nothing.
	In []int
}

// Graph is a directed acyclic graph, its nodes in topological order.
type Graph []Node

// ErrInvalid is what errors about malformed graphs wrap.
var ErrInvalid = errors.New("invalid graph")

// Validate returns an error that wraps ErrInvalid unless each node's inputs
// come before it, inputs have none themselves, and the last node is the only
// output. Live and Prune need a valid graph and do not check.
func (g Graph) Validate() error {
	if len(g) == 0 {
		return fmt.Errorf("%w: no nodes", ErrInvalid)
	}
	for v, node := range g {
		if node.Kind > Weighted {
			return fmt.Errorf("%w: node %d is of unknown kind %d", ErrInvalid, v, node.Kind)
		}
		if node.Kind == Input && len(node.In) > 0 {
			return fmt.Errorf("%w: node %d is an input and has predecessors", ErrInvalid, v)
		}
		if (node.Kind == Output) != (v == len(g)-1) {
			return fmt.Errorf("%w: the last node, and no other, must be the output; node %d of %d breaks this", ErrInvalid, v, len(g))
		}
		for _, u := range node.In {
			if u < 0 || u >= v {
				return fmt.Errorf("%w: node %d has predecessor %d, which does not come before it", ErrInvalid, v, u)
			}
		}
	}
	return nil
}

// Live reports for each node whether it lies on a path from an input to the
// output that passes no None. Where there is no such path nothing is live, not
// even the output.
func Live(g Graph) []bool {
	return liveTo(make([]bool, len(g)), make([]bool, len(g)), g)
}

// liveTo is Live into dst. Both dst and reached have length len(g) and are
// overwritten: reached with what some input reaches.
func liveTo(dst, reached []bool, g Graph) []bool {
	for v, node := range g {
		dst[v] = false
		reached[v] = node.Kind == Input
		if node.Kind == None {
			continue
		}
		for _, u := range node.In {
			if reached[u] {
				reached[v] = true
				break
			}
		}
	}
	last := len(g) - 1
	dst[last] = reached[last]
	for v := last; v >= 0; v-- {
		if !dst[v] {
			continue
		}
		for _, u := range g[v].In {
			if reached[u] {
				dst[u] = true
			}
		}
	}
	return dst
}

// Prune returns g without the nodes that are not live, in their old order and
// sharing no memory with g. The output stays in any case: a graph whose output
// nothing reaches becomes that one node.
func Prune(g Graph) Graph {
	live := Live(g)
	live[len(g)-1] = true
	at := make([]int, len(g))
	var pruned Graph
	for v, node := range g {
		if !live[v] {
			continue
		}
		at[v] = len(pruned)
		in := node.In
		node.In = nil
		for _, u := range in {
			if live[u] {
				node.In = append(node.In, at[u])
			}
		}
		pruned = append(pruned, node)
	}
	return pruned
}
