package feature

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/hypernas/hypernas/plugins"
)

// graphOf returns a graph of nodes without operations.
func graphOf(nodes int, edges ...plugins.Edge) *Graph {
	return &Graph{Nodes: make([]plugins.Node, nodes), Steps: make([]plugins.Step, nodes), Edges: edges}
}

func TestLaplacian(t *testing.T) {
	g := graphOf(4, plugins.Edge{From: 0, To: 1}, plugins.Edge{From: 0, To: 2}, plugins.Edge{From: 1, To: 3}, plugins.Edge{From: 0, To: 1}, plugins.Edge{From: 2, To: 3})
	for width, want := range map[int][]float32{
		5: {2, -1, -1, 0, 0, 0, 1, 0, -1, 0, 0, 0, 1, -1, 0, 0, 0, 0, 0, 0},
		2: {2, -1, 0, 1, 0, 0, 0, 0},
	} {
		p := NewPositions(Laplacian, width)
		if got := p.Of(g); !slices.Equal(got, want) {
			t.Errorf("width %d: got %v, want %v", width, got, want)
		}
	}
}

// TestEigenvectors: columns are eigenvectors of the definition's matrix, normed,
// by ascending eigenvalue, with the signs of the rule.
func TestEigenvectors(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		nodes := 3 + rng.IntN(7)
		g := graphOf(nodes)
		a := make([]float64, nodes*nodes)
		degree := make([]float64, nodes)
		for i := range nodes {
			for j := i + 1; j < nodes; j++ {
				if rng.IntN(3) == 0 {
					g.Edges = append(g.Edges, plugins.Edge{From: i, To: j})
					a[i*nodes+j], a[j*nodes+i] = 1, 1
					degree[i]++
					degree[j]++
				}
			}
		}
		width := nodes - 1
		rows := NewPositions(Eigenvectors, width).Of(g)
		last := 0.0
		for c := range width {
			v, value, norm, first := make([]float64, nodes), 0.0, 0.0, 0.0
			for i := range nodes {
				v[i] = float64(rows[i*width+c])
				norm += v[i] * v[i]
				if first == 0 && math.Abs(v[i]) > 1e-5 {
					first = v[i]
				}
			}
			lv := make([]float64, nodes)
			for i := range nodes {
				lv[i] = v[i]
				for j := range nodes {
					lv[i] -= a[i*nodes+j] / math.Sqrt(max(degree[i], 1)*max(degree[j], 1)) * v[j]
				}
				value += lv[i] * v[i]
			}
			for i := range nodes {
				if math.Abs(lv[i]-value*v[i]) > 1e-5 {
					t.Fatalf("%v: column %d is no eigenvector", g.Edges, c)
				}
			}
			if math.Abs(norm-1) > 1e-5 || value < last-1e-5 || first <= 0 {
				t.Errorf("%v: column %d: squared norm %v, eigenvalue %v after %v, first entry %v", g.Edges, c, norm, value, last, first)
			}
			last = value
		}
	}
}

// TestEigenvectorsOfEqualEigenvalues: the star's eigenvalue 1 has a space of
// two dimensions; the rule picks the basis worked out by hand.
func TestEigenvectorsOfEqualEigenvalues(t *testing.T) {
	star := graphOf(4, plugins.Edge{From: 0, To: 1}, plugins.Edge{From: 0, To: 2}, plugins.Edge{From: 0, To: 3})
	got := NewPositions(Eigenvectors, 2).Of(star)
	r2, r6 := math.Sqrt(2), math.Sqrt(6)
	want := []float64{0, 0, 2 / r6, 0, -1 / r6, 1 / r2, -1 / r6, -1 / r2}
	for i := range want {
		if math.Abs(float64(got[i])-want[i]) > 1e-6 {
			t.Fatalf("got %v, want %v", got, want)
		}
	}
}

// TestPositionsOfManyGraphs: graphs with equal edges share rows, a graph without
// edges or nodes has some, and small graphs leave zeros.
func TestPositionsOfManyGraphs(t *testing.T) {
	for _, kind := range []Position{Laplacian, Eigenvectors} {
		p := NewPositions(kind, 6)
		edge := plugins.Edge{From: 0, To: 1}
		one, same, other := p.Of(graphOf(2, edge)), p.Of(graphOf(2, edge)), p.Of(graphOf(3, edge))
		if &one[0] != &same[0] || len(other) != 18 {
			t.Errorf("kind %d: equal graphs don't share rows, or %d numbers of 18", kind, len(other))
		}
		if len(p.Of(graphOf(0))) != 0 {
			t.Errorf("kind %d: no nodes have rows", kind)
		}
		for _, x := range other {
			if math.IsNaN(float64(x)) {
				t.Errorf("kind %d: got %v", kind, other)
			}
		}
	}
}
