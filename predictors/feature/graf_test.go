package feature

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/hypernas/hypernas/plugins"
)

// grafVocabulary is that of testdata/graf.py.
func grafVocabulary() plugins.Vocabulary {
	return plugins.Vocabulary{Ops: []plugins.Op{
		{Name: "in", Kind: plugins.KindInput},
		{Name: "out", Kind: plugins.KindOutput},
		{Name: "none", Kind: plugins.KindNone},
		{Name: "skip", Kind: plugins.KindSkip},
		{Name: "conv", Kind: plugins.KindConv, Kernel: 3},
		{Name: "pool", Kind: plugins.KindMaxPool, Kernel: 3},
	}}
}

// listed is a cell of testdata/graf.json.
type listed struct {
	Nodes    []int
	Edges    [][2]int
	Features []float64
	Paths    [][]int // number of the input, operations
}

func (l *listed) network() plugins.Network {
	c := plugins.Cell{Role: plugins.RoleNormal}
	for _, op := range l.Nodes {
		c.Nodes = append(c.Nodes, plugins.Node{Op: op})
	}
	for _, e := range l.Edges {
		c.Edges = append(c.Edges, plugins.Edge{From: e[0], To: e[1]})
	}
	return plugins.Network{Cells: []plugins.Cell{c}, Sequence: []plugins.Step{{Repeat: 1}}}
}

// readListed returns the cells by number of inputs, and as networks.
func readListed(t *testing.T) (cells [2][]listed, networks [2][]plugins.Network) {
	t.Helper()
	data, err := os.ReadFile("testdata/graf.json") // by testdata/graf.py
	if err != nil {
		t.Fatal(err)
	}
	var all map[string][]listed
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	for i := range cells {
		cells[i] = all[strconv.Itoa(i+1)]
		for k := range cells[i] {
			networks[i] = append(networks[i], cells[i][k].network())
		}
		if len(cells[i]) == 0 {
			t.Fatalf("no cells of %d inputs", i+1)
		}
	}
	return cells, networks
}

// TestGraphFeaturesAreThoseOfAllPaths compares every feature with what a list
// of all paths gives.
func TestGraphFeaturesAreThoseOfAllPaths(t *testing.T) {
	v := grafVocabulary()
	cells, networks := readListed(t)
	for i := range cells {
		g := newGraf(&v, networks[i])
		for k, c := range cells[i] {
			got := g.features(&networks[i][k].Cells[0])
			if len(got) != len(c.Features) {
				t.Fatalf("%d inputs: got %d features, want %d", i+1, len(got), len(c.Features))
			}
			for j, want := range c.Features {
				if math.Abs(got[j]-want) > 1e-12 {
					t.Errorf("%d inputs, cell %d, feature %d: got %v, want %v", i+1, k, j, got[j], want)
				}
			}
		}
	}
}

func TestPathsAreAllPaths(t *testing.T) {
	v := grafVocabulary()
	cells, networks := readListed(t)
	for i := range cells {
		e := newPathEncoding(&v, networks[i])
		for k, c := range cells[i] {
			var want []string
			for _, path := range c.Paths {
				var b []byte
				for _, x := range path {
					b = binary.BigEndian.AppendUint16(b, uint16(x))
				}
				want = append(want, string(b))
			}
			if got := e.paths(&networks[i][k].Cells[0]); !slices.Equal(got, want) {
				t.Errorf("%d inputs, cell %d: got paths %x, want %x", i+1, k, got, want)
			}
		}
	}
}

// relabel returns n with its cell's nodes in another topological order.
func relabel(n *plugins.Network, inputs int, rng *rand.Rand) plugins.Network {
	c := &n.Cells[0]
	last := len(c.Nodes) - 1
	ready := make([]int, len(c.Nodes)) // edges that a node still waits for
	for _, e := range c.Edges {
		ready[e.To]++
	}
	at := make([]int, len(c.Nodes))
	placed := make([]bool, len(c.Nodes))
	var order []int
	place := func(i int) {
		at[i], placed[i] = len(order), true
		order = append(order, i)
		for _, e := range c.Edges {
			if e.From == i {
				ready[e.To]--
			}
		}
	}
	for i := range inputs {
		place(i)
	}
	for len(order) < last {
		if i := inputs + rng.IntN(last-inputs); !placed[i] && ready[i] == 0 {
			place(i)
		}
	}
	place(last)
	other := plugins.Cell{Role: c.Role}
	for _, i := range order {
		other.Nodes = append(other.Nodes, c.Nodes[i])
	}
	for _, k := range rng.Perm(len(c.Edges)) {
		other.Edges = append(other.Edges, plugins.Edge{From: at[c.Edges[k].From], To: at[c.Edges[k].To]})
	}
	return plugins.Network{Cells: []plugins.Cell{other}, Sequence: n.Sequence}
}

// TestOrderOfNodesIsNothing: neither set depends on how a cell's nodes and edges
// are numbered.
func TestOrderOfNodesIsNothing(t *testing.T) {
	v := grafVocabulary()
	_, networks := readListed(t)
	rng := rand.New(rand.NewPCG(1, 2))
	moved := 0
	for i := range networks {
		for _, name := range []string{"path", "graph"} {
			s, err := NewSet(t.Context(), name, &v, &plugins.Batch{Networks: networks[i]})
			if err != nil {
				t.Fatal(err)
			}
			want, got := make([]float64, s.Dim()), make([]float64, s.Dim())
			for k := range networks[i] {
				other := relabel(&networks[i][k], i+1, rng)
				if !slices.EqualFunc(other.Cells[0].Nodes, networks[i][k].Cells[0].Nodes, func(a, b plugins.Node) bool { return a.Op == b.Op }) {
					moved++
				}
				s.EncodeTo(want, &networks[i][k], nil)
				s.EncodeTo(got, &other, nil)
				if !slices.Equal(got, want) {
					t.Errorf("%s, %d inputs, cell %d: got %v after relabeling, want %v", name, i+1, k, got, want)
				}
			}
		}
	}
	if moved < 20 {
		t.Errorf("only %d cells were relabeled", moved)
	}
}

// TestPathsAreTruncated: of more paths than there are columns for, the most
// frequent are kept, then the shorter.
func TestPathsAreTruncated(t *testing.T) {
	v := grafVocabulary()
	for i := range 30 {
		v.Ops = append(v.Ops, plugins.Op{Name: "op" + strconv.Itoa(i), Kind: plugins.KindConv})
	}
	var networks []plugins.Network
	chain := func(ops ...int) {
		l := listed{Nodes: append(append([]int{0}, ops...), 1)}
		for i := range len(ops) + 1 {
			l.Edges = append(l.Edges, [2]int{i, i + 1})
		}
		networks = append(networks, l.network())
	}
	for a := range 25 {
		for b := range 25 {
			chain(6+a, 6+b)
		}
	}
	chain(5, 5, 5)
	chain(5, 5, 5)
	chain(5)
	e := newPathEncoding(&v, networks)
	if got := len(e.columns); got != maxPaths {
		t.Fatalf("got %d columns, want %d", got, maxPaths)
	}
	for i, want := range []float64{1, 1, 1} { // the frequent long one twice, the short one
		row := make([]float64, maxPaths)
		e.encodeTo(row, &networks[len(networks)-3+i])
		if got := slices.Max(row); got != want {
			t.Errorf("network %d from the end has no column", 3-i)
		}
	}
	if s := (plugins.Batch{Networks: networks}); s.Validate(&v) != nil {
		t.Error("the networks are not valid")
	}
}

// TestManyOperations: with many operations not every subset is looked at, and
// those beyond the bound are not looked at at all.
func TestManyOperations(t *testing.T) {
	v := grafVocabulary()
	for i := range 60 {
		v.Ops = append(v.Ops, plugins.Op{Name: "op" + strconv.Itoa(i), Kind: plugins.KindConv})
	}
	var networks []plugins.Network
	for op := 3; op < len(v.Ops); op++ {
		l := listed{Nodes: []int{0, op, 1}, Edges: [][2]int{{0, 1}, {1, 2}}}
		networks = append(networks, l.network())
	}
	g := newGraf(&v, networks)
	if want := 2 + 2*mostOps + mostOps*(mostOps-1)/2; g.count != mostOps || len(g.subsets) != want {
		t.Errorf("got %d operations and %d subsets, want %d and %d", g.count, len(g.subsets), mostOps, want)
	}
	row := make([]float64, g.dim())
	g.encodeTo(row, &networks[0])
	if got := slices.Max(row); got != 2 { // the edges of its one path
		t.Errorf("got at most %v, want 2", got)
	}
}
