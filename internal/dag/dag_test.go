package dag_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/hypernas/hypernas/internal/dag"
)

func input(label string) dag.Node { return dag.Node{Kind: dag.Input, Label: label} }
func output(in ...int) dag.Node   { return dag.Node{Kind: dag.Output, In: in} }
func none(in ...int) dag.Node     { return dag.Node{Kind: dag.None, Label: "none", In: in} }
func skip(in ...int) dag.Node     { return dag.Node{Kind: dag.Skip, Label: "skip", In: in} }
func pool(in ...int) dag.Node     { return dag.Node{Kind: dag.Weightless, Label: "pool", In: in} }
func conv(in ...int) dag.Node     { return dag.Node{Kind: dag.Weighted, Label: "conv", In: in} }

func concat(n dag.Node) dag.Node {
	n.Concat = true
	return n
}

// shuffled returns g in a random topological order, and with the edges into
// each node in random order.
func shuffled(g dag.Graph, rng *rand.Rand) dag.Graph {
	last := len(g) - 1
	at := make([]int, len(g))
	var order []int
	placed := make([]bool, len(g))
	for len(order) < last {
		var ready []int
		for v := range last {
			if !placed[v] && !slices.ContainsFunc(g[v].In, func(u int) bool { return !placed[u] }) {
				ready = append(ready, v)
			}
		}
		v := ready[rng.IntN(len(ready))]
		placed[v] = true
		at[v] = len(order)
		order = append(order, v)
	}
	at[last] = last
	order = append(order, last)
	var moved dag.Graph
	for _, v := range order {
		node := g[v]
		node.In = nil
		for _, u := range g[v].In {
			node.In = append(node.In, at[u])
		}
		rng.Shuffle(len(node.In), func(i, j int) { node.In[i], node.In[j] = node.In[j], node.In[i] })
		moved = append(moved, node)
	}
	return moved
}

// random returns a graph of n nodes with about density edges into each. Labels
// are few, so that symmetries are common.
func random(n int, density float64, rng *rand.Rand) dag.Graph {
	inputs := 1 + rng.IntN(2)
	var g dag.Graph
	for v := range n {
		var node dag.Node
		switch {
		case v == n-1:
			node = output()
		case v < inputs:
			g = append(g, input(""))
			continue
		default:
			node = []dag.Node{none(), skip(), pool(), pool(), conv(), conv(), conv()}[rng.IntN(7)]
		}
		node.Concat = rng.IntN(8) == 0
		for u := range v {
			for rng.Float64()*float64(v) < density {
				node.In = append(node.In, u)
				if rng.IntN(4) > 0 {
					break
				}
			}
		}
		g = append(g, node)
	}
	return g
}

// isomorphic tries all bijections.
func isomorphic(g, h dag.Graph) bool {
	if len(g) != len(h) {
		return false
	}
	image := make([]int, len(g))
	used := make([]bool, len(g))
	edges := func(g dag.Graph, u, v int) int {
		count := 0
		for _, w := range g[v].In {
			if w == u {
				count++
			}
		}
		return count
	}
	var extend func(v int) bool
	extend = func(v int) bool {
		if v == len(g) {
			return true
		}
		for w := range h {
			if used[w] || g[v].Kind != h[w].Kind || g[v].Concat != h[w].Concat || g[v].Label != h[w].Label {
				continue
			}
			image[v] = w
			fits := true
			for u := 0; u < v && fits; u++ {
				fits = edges(g, u, v) == edges(h, image[u], w) && edges(g, v, u) == edges(h, w, image[u])
			}
			used[w] = true
			if fits && extend(v+1) {
				return true
			}
			used[w] = false
		}
		return false
	}
	return extend(0)
}

func identify(t *testing.T, g dag.Graph) dag.Identity {
	t.Helper()
	id, err := dag.Identify(g)
	if err != nil {
		t.Fatalf("identify %v: %v", g, err)
	}
	return id
}

func canonical(t *testing.T, g dag.Graph) []byte {
	t.Helper()
	form, err := dag.Canonical(g)
	if err != nil {
		t.Fatalf("canonical form of %v: %v", g, err)
	}
	return form
}

func TestPrune(t *testing.T) {
	for _, test := range []struct {
		name    string
		g, want dag.Graph
	}{
		{
			"a dead end, what only it feeds on, and what only a none feeds",
			dag.Graph{input("a"), input("b"), conv(0), conv(1), conv(3), none(2), pool(5), skip(2, 6), output(7, 6, 2)},
			dag.Graph{input("a"), conv(0), skip(1), output(2, 1)},
		},
		{
			"an operation with no input",
			dag.Graph{input(""), conv(), conv(0, 1), output(2, 1)},
			dag.Graph{input(""), conv(0), output(1)},
		},
		{
			"no path",
			dag.Graph{input(""), conv(0), none(1), conv(2), output(3)},
			dag.Graph{output()},
		},
		{
			"edges that occur twice",
			dag.Graph{input(""), none(0), pool(0, 1, 0), output(2, 2)},
			dag.Graph{input(""), pool(0, 0), output(1, 1)},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := dag.Prune(test.g)
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
			if again := dag.Prune(got); !reflect.DeepEqual(again, got) {
				t.Errorf("pruned twice: %v, want %v", again, got)
			}
		})
	}
}

func TestFunctionFamily(t *testing.T) {
	wide := conv(0)
	wide.Label = "conv ratio=4"
	for _, test := range []struct {
		name string
		g, h dag.Graph
		same bool
	}{
		{
			"an unused input is dead",
			dag.Graph{input("a"), input("b"), conv(0), output(2)},
			dag.Graph{input("a"), conv(0), output(1)},
			true,
		},
		{
			"inputs are told apart by label",
			dag.Graph{input("a"), input("b"), conv(0), output(2, 1)},
			dag.Graph{input("a"), input("b"), conv(1), output(2, 0)},
			false,
		},
		{
			"labels count whole",
			dag.Graph{input(""), conv(0), output(1)},
			dag.Graph{input(""), wide, output(1)},
			false,
		},
		{
			"all that yields zero is one family",
			dag.Graph{input(""), none(0), conv(1), output(2)},
			dag.Graph{input(""), input("b"), output()},
			true,
		},
		{
			"a skip is what it reads",
			dag.Graph{input(""), conv(0), skip(1), conv(2), output(3)},
			dag.Graph{input(""), conv(0), conv(1), output(2)},
			true,
		},
		{
			"a skip of a sum adds its terms",
			dag.Graph{input(""), conv(0), conv(0), skip(1, 2, 0), output(3, 0)},
			dag.Graph{input(""), conv(0), conv(0), output(1, 2, 0, 0)},
			true,
		},
		{
			"twice a value is not the value",
			dag.Graph{input(""), conv(0), skip(1), output(1, 2)},
			dag.Graph{input(""), conv(0), output(1)},
			false,
		},
		{
			"two convolutions are not one used twice",
			dag.Graph{input(""), conv(0), conv(0), output(1, 2)},
			dag.Graph{input(""), conv(0), output(1, 1)},
			false,
		},
		{
			"two poolings are one used twice",
			dag.Graph{input(""), conv(0), pool(0, 1), pool(1, 0), output(2, 3)},
			dag.Graph{input(""), conv(0), pool(0, 1), output(2, 2)},
			true,
		},
		{
			"poolings of equal poolings are equal",
			dag.Graph{input(""), pool(0), pool(0), pool(1), pool(2), output(3, 4)},
			dag.Graph{input(""), pool(0), pool(1), output(2, 2)},
			true,
		},
		{
			"poolings of two convolutions are two",
			dag.Graph{input(""), conv(0), conv(0), pool(1), pool(2), output(3, 4)},
			dag.Graph{input(""), conv(0), conv(0), pool(1), output(3, 3, 2)},
			false,
		},
		{
			"which of two equal convolutions is read does not matter",
			dag.Graph{input(""), conv(0), conv(0), conv(1), output(2, 3)},
			dag.Graph{input(""), conv(0), conv(0), conv(2), output(1, 3)},
			true,
		},
		{
			"a sum is not a concatenation",
			dag.Graph{input(""), conv(0), conv(0), output(1, 2)},
			dag.Graph{input(""), conv(0), conv(0), concat(output(1, 2))},
			false,
		},
		{
			"one value is neither sum nor concatenation",
			dag.Graph{input(""), conv(0), concat(output(1))},
			dag.Graph{input(""), conv(0), output(1)},
			true,
		},
		{
			"a concatenation of sums keeps them apart",
			dag.Graph{input(""), conv(0), conv(0), skip(1, 2), skip(0), concat(output(3, 4))},
			dag.Graph{input(""), conv(0), conv(0), concat(output(0, 1, 2))},
			false,
		},
		{
			"equal sums in a concatenation are one",
			dag.Graph{input(""), conv(0), skip(0, 1), skip(1, 0), concat(output(2, 3))},
			dag.Graph{input(""), conv(0), skip(0, 1), concat(output(2, 2))},
			true,
		},
		{
			"a concatenation of nothing but a sum is the sum",
			dag.Graph{input(""), conv(0), skip(0, 1), concat(output(2))},
			dag.Graph{input(""), conv(0), output(0, 1)},
			true,
		},
		{
			"concatenations of concatenations are flat",
			dag.Graph{input(""), conv(0), conv(0), concat(skip(0, 1)), concat(output(3, 2))},
			dag.Graph{input(""), conv(0), conv(0), concat(output(0, 1, 2))},
			true,
		},
		{
			"a sum of a concatenation and more keeps it whole",
			dag.Graph{input(""), conv(0), conv(0), concat(skip(0, 1)), output(3, 2)},
			dag.Graph{input(""), conv(0), conv(0), concat(skip(0, 2)), output(3, 1)},
			true,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := identify(t, test.g) == identify(t, test.h); got != test.same {
				t.Errorf("same = %t, want %t", got, test.same)
			}
			g, err := dag.Family(test.g)
			if err != nil {
				t.Fatal(err)
			}
			h, err := dag.Family(test.h)
			if err != nil {
				t.Fatal(err)
			}
			if got := bytes.Equal(g, h); got != test.same {
				t.Errorf("forms equal = %t, want %t", got, test.same)
			}
		})
	}
}

// TestIdentityIsPinned fails if identities change, which would change every
// split that is drawn from them.
func TestIdentityIsPinned(t *testing.T) {
	g := dag.Graph{input("a"), input("b"), conv(0), pool(0, 1), skip(2, 2), concat(output(2, 3, 4))}
	const want = "2b20b56727252d03a07ff4c312aae90a"
	if got := identify(t, g).String(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestValidate(t *testing.T) {
	unknown := conv(0)
	unknown.Kind = dag.Weighted + 1
	inputReads := input("")
	inputReads.In = []int{0}
	for name, g := range map[string]dag.Graph{
		"empty":               {},
		"no output":           {input(""), conv(0)},
		"output inside":       {input(""), output(0), output(1)},
		"reads itself":        {input(""), conv(1), output(1)},
		"reads what follows":  {input(""), conv(2), conv(1), output(2)},
		"negative":            {input(""), output(-1)},
		"unknown kind":        {input(""), unknown, output(1)},
		"input with an input": {input(""), inputReads, output(1)},
	} {
		t.Run(name, func(t *testing.T) {
			if err := g.Validate(); !errors.Is(err, dag.ErrInvalid) {
				t.Errorf("Validate: %v, want ErrInvalid", err)
			}
			if _, err := dag.Identify(g); !errors.Is(err, dag.ErrInvalid) {
				t.Errorf("Identify: %v, want ErrInvalid", err)
			}
			if _, err := dag.Canonical(g); !errors.Is(err, dag.ErrInvalid) {
				t.Errorf("Canonical: %v, want ErrInvalid", err)
			}
		})
	}
}

// TestCanonicalDecidesIsomorphism compares the canonical form with the test of
// all bijections on all pairs of many small random graphs.
func TestCanonicalDecidesIsomorphism(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 0))
	for _, n := range []int{4, 5, 6, 7} {
		var graphs []dag.Graph
		var forms [][]byte
		for range 150 {
			g := random(n, 1.2, rng)
			for v := range g {
				// One label makes isomorphism frequent.
				g[v].Concat = false
				if g[v].Kind != dag.Input && g[v].Kind != dag.Output {
					g[v] = conv(g[v].In...)
				}
			}
			graphs = append(graphs, g)
			forms = append(forms, canonical(t, g))
		}
		pairs := 0
		for i := range graphs {
			for j := range i {
				want := isomorphic(graphs[i], graphs[j])
				if want {
					pairs++
				}
				if got := bytes.Equal(forms[i], forms[j]); got != want {
					t.Fatalf("%v and %v: forms equal = %t, isomorphic = %t", graphs[i], graphs[j], got, want)
				}
			}
		}
		if pairs == 0 {
			t.Errorf("no two of the graphs of %d nodes are isomorphic", n)
		}
	}
}

func TestOrderOfNodesDoesNotMatter(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 0))
	var identifier dag.Identifier
	for i := range 600 {
		n := 3 + rng.IntN(6+i/10)
		g := random(n, 1+2*rng.Float64(), rng)
		form, id := canonical(t, g), identify(t, g)
		if got := identify(t, dag.Prune(g)); got != id {
			t.Fatalf("identity changes by pruning %v", g)
		}
		for range 4 {
			h := shuffled(g, rng)
			if !bytes.Equal(canonical(t, h), form) {
				t.Fatalf("canonical forms of %v and %v differ", g, h)
			}
			got, err := identifier.Identify(h)
			if err != nil || got != id {
				t.Fatalf("identity of %v is %v, of %v it is %v (%v)", g, id, h, got, err)
			}
		}
	}
}

// incidence returns the graph with an input for each vertex and a convolution
// for each edge of an undirected graph.
func incidence(vertices int, edges [][2]int) dag.Graph {
	var g dag.Graph
	for range vertices {
		g = append(g, input(""))
	}
	out := output()
	for i, e := range edges {
		g = append(g, conv(e[0], e[1]))
		out.In = append(out.In, vertices+i)
	}
	return append(g, out)
}

// cayley returns the Cayley graph of Z_4 x Z_4 with the given connection set,
// each of whose elements stands for its inverse too.
func cayley(steps ...[2]int) dag.Graph {
	seen := map[[2]int]bool{}
	var edges [][2]int
	for a := range 4 {
		for b := range 4 {
			for _, s := range steps {
				u, v := a*4+b, (a+s[0])%4*4+(b+s[1])%4
				e := [2]int{min(u, v), max(u, v)}
				if !seen[e] {
					seen[e] = true
					edges = append(edges, e)
				}
			}
		}
	}
	return incidence(16, edges)
}

// TestRefinementIsNotEnough tells graphs apart that color refinement cannot.
func TestRefinementIsNotEnough(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 0))
	for _, test := range []struct {
		name string
		g, h dag.Graph
	}{
		{
			"a hexagon and two triangles",
			incidence(6, [][2]int{{0, 1}, {1, 2}, {2, 3}, {3, 4}, {4, 5}, {5, 0}}),
			incidence(6, [][2]int{{0, 1}, {1, 2}, {2, 0}, {3, 4}, {4, 5}, {5, 3}}),
		},
		{
			// The two strongly regular graphs with parameters (16, 6, 2, 2).
			"Shrikhande's graph and the rook's",
			cayley([2]int{1, 0}, [2]int{0, 1}, [2]int{1, 1}),
			cayley([2]int{1, 0}, [2]int{2, 0}, [2]int{0, 1}, [2]int{0, 2}),
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			if len(test.g) != len(test.h) {
				t.Fatalf("%d and %d nodes, want as many", len(test.g), len(test.h))
			}
			g, h := canonical(t, test.g), canonical(t, test.h)
			if bytes.Equal(g, h) {
				t.Error("the canonical forms are equal")
			}
			for range 20 {
				if !bytes.Equal(canonical(t, shuffled(test.g, rng)), g) || !bytes.Equal(canonical(t, shuffled(test.h, rng)), h) {
					t.Fatal("the canonical form depends on the order of nodes")
				}
			}
		})
	}
}

// heads returns n branches between one input and one output, each of the given
// number of convolutions in a row, with a residual sum over each.
func heads(n, length int) dag.Graph {
	g := dag.Graph{input("")}
	out := concat(output())
	for range n {
		at := 0
		for range length {
			g = append(g, conv(at))
			at = len(g) - 1
		}
		g = append(g, skip(at, 0))
		out.In = append(out.In, len(g)-1)
	}
	return append(g, out)
}

func TestLargeGraphs(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 0))
	joined := heads(250, 3)
	joined[7].In = []int{6, 2}
	ladder := dag.Graph{input("")}
	for v := range 1000 {
		ladder = append(ladder, skip(v, v))
	}
	ladder = append(ladder, output(1000))
	var deep dag.Graph
	deep = append(deep, input(""))
	for v := 1; v < 1000; v++ {
		deep = append(deep, conv(v-1, rng.IntN(v)))
	}
	deep = append(deep, output(999))
	dense := dag.Graph{input("")}
	for v := 1; v < 400; v++ {
		node := []dag.Node{conv(), skip(), pool()}[v%3]
		for u := range v {
			node.In = append(node.In, u)
		}
		dense = append(dense, node)
	}
	dense = append(dense, output(399, 398, 397))

	seen := map[dag.Identity]string{}
	for _, test := range []struct {
		name string
		g    dag.Graph
	}{
		{"250 branches", heads(250, 3)},
		{"250 branches, two of them joined", joined},
		{"300 operations side by side", heads(300, 1)},
		{"a ladder of 1000 skips", ladder},
		{"1000 layers", deep},
		{"400 nodes that read all before", dense},
		{"1000 random nodes", random(1000, 2, rng)},
		{"10 copies of a hexagon's incidence", copies(10, incidence(6, [][2]int{{0, 1}, {1, 2}, {2, 3}, {3, 4}, {4, 5}, {5, 0}}))},
	} {
		id := identify(t, test.g)
		if other, ok := seen[id]; ok {
			t.Errorf("%s has the identity of %s", test.name, other)
		}
		seen[id] = test.name
		if got := identify(t, shuffled(test.g, rng)); got != id {
			t.Errorf("%s: the identity depends on the order of nodes", test.name)
		}
	}
}

// copies joins n copies of g by their outputs.
func copies(n int, g dag.Graph) dag.Graph {
	var joined dag.Graph
	out := output()
	for range n {
		at := len(joined)
		for _, node := range g[:len(g)-1] {
			node.In = slices.Clone(node.In)
			for i := range node.In {
				node.In[i] += at
			}
			joined = append(joined, node)
		}
		for _, u := range g[len(g)-1].In {
			out.In = append(out.In, at+u)
		}
	}
	return append(joined, out)
}

// FuzzIdentify builds a graph from bytes: a kind for each node, and for each
// pair of nodes the number of edges between them.
func FuzzIdentify(f *testing.F) {
	f.Add([]byte{4, 5, 3, 2}, []byte{1, 0, 1, 1, 0, 2}, uint64(1))
	f.Add([]byte{0, 5, 5, 5, 5}, []byte{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, uint64(2))
	f.Add([]byte{}, []byte{}, uint64(3))
	f.Fuzz(func(t *testing.T, kinds, edges []byte, seed uint64) {
		kinds = kinds[:min(len(kinds), 24)]
		g := dag.Graph{input("")}
		in := func(v int) []int {
			var in []int
			for u := range v {
				if len(edges) > 0 {
					in = append(in, slices.Repeat([]int{u}, int(edges[0]%3))...)
					edges = edges[1:]
				}
			}
			return in
		}
		for _, kind := range kinds {
			node := dag.Node{Kind: dag.Kind(kind % 6), Concat: kind&64 != 0, Label: fmt.Sprint(kind >> 7)}
			switch node.Kind {
			case dag.Output:
				node.Kind = dag.Weighted
				fallthrough
			default:
				node.In = in(len(g))
			case dag.Input:
			}
			g = append(g, node)
		}
		g = append(g, output(in(len(g))...))
		h := shuffled(g, rand.New(rand.NewPCG(seed, 0)))
		if !bytes.Equal(canonical(t, g), canonical(t, h)) {
			t.Errorf("canonical forms of %v and %v differ", g, h)
		}
		if identify(t, g) != identify(t, h) {
			t.Errorf("identities of %v and %v differ", g, h)
		}
		if identify(t, g) != identify(t, dag.Prune(h)) {
			t.Errorf("identity of %v changes by pruning", g)
		}
	})
}

// nasBench101 draws a cell as large as NAS-Bench-101 has them, and as nearly
// all of its 423,624 are: seven vertices and nine edges, all of them live.
func nasBench101(rng *rand.Rand) dag.Graph {
	for {
		g := dag.Graph{input("")}
		for range 5 {
			g = append(g, []dag.Node{conv(), pool(), {Kind: dag.Weighted, Label: "conv 1x1"}}[rng.IntN(3)])
		}
		g = append(g, concat(output()))
		for edges := 0; edges < 9; {
			v := 1 + rng.IntN(6)
			if u := rng.IntN(v); !slices.Contains(g[v].In, u) {
				g[v].In = append(g[v].In, u)
				edges++
			}
		}
		if !slices.Contains(dag.Live(g), false) {
			return g
		}
	}
}

func BenchmarkIdentify(b *testing.B) {
	for _, bench := range []struct {
		name string
		draw func(*rand.Rand) dag.Graph
	}{
		{"NAS-Bench-101", nasBench101},
		{"20 nodes", func(rng *rand.Rand) dag.Graph { return random(20, 2, rng) }},
		{"1000 nodes", func(rng *rand.Rand) dag.Graph { return random(1000, 2, rng) }},
	} {
		b.Run(bench.name, func(b *testing.B) {
			rng := rand.New(rand.NewPCG(5, 0))
			graphs := make([]dag.Graph, 256)
			for i := range graphs {
				graphs[i] = bench.draw(rng)
			}
			var identifier dag.Identifier
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, err := identifier.Identify(graphs[i%len(graphs)]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("250 equal branches", func(b *testing.B) {
		g := heads(250, 3)
		for b.Loop() {
			if _, err := dag.Identify(g); err != nil {
				b.Fatal(err)
			}
		}
	})
}
