package feature

import (
	"encoding/binary"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/hypernas/hypernas/plugins"
)

// Position says how [Positions] tells where a node stands in its graph.
type Position uint8

const (
	// Laplacian is the node's row of D - A, where A is the directed adjacency
	// matrix and D holds the numbers of edges that leave: what TNASP and PINAT
	// feed their transformers (nb101_dataset.py, generate_lapla_matrix).
	Laplacian Position = iota
	// Eigenvectors is the node's entries in the eigenvectors with the smallest
	// eigenvalues, but for the very first, of the symmetric normalized Laplacian
	// 1 - D^-1/2 (A + A^T) D^-1/2 (Dwivedi and Bresson 2020, arXiv 2012.09699).
	Eigenvectors
)

const (
	// positionCache is how many distinct graphs keep their positions.
	positionCache = 1 << 12
	// sameEigenvalue is how far apart, at most, neighbors among the sorted
	// eigenvalues are that count as one. They lie between 0 and 2, are exact to
	// about 1e-14, and those of small graphs that differ do so by far more.
	sameEigenvalue = 1e-8
	// dependent is the norm below which what is left of a vector, once the
	// vectors before it are taken out, counts as nothing.
	dependent = 1e-6
)

// Positions tells where the nodes of graphs stand, a row of numbers a node. It
// remembers the rows of each distinct graph, and is not for use by several
// goroutines at once.
//
// Eigenvectors are unique only up to their sign, and those of one eigenvalue
// only as a space, so one rule picks them: the basis of each eigenvalue's space
// is what Gram and Schmidt make of the projections of the first, second, third,
// ... node's unit vector on it. So signs, too, are fixed (the first entry that
// is not 0 is positive), and nothing depends on how they were computed. The
// eigenvectors are numbered by ascending eigenvalue, then in that basis' order.
type Positions struct {
	kind  Position
	width int
	known map[string][]float32
}

// NewPositions returns the positions of a kind as rows of width numbers. What
// doesn't fit is cut off, what a small graph doesn't fill is 0.
func NewPositions(kind Position, width int) *Positions {
	return &Positions{kind, width, make(map[string][]float32)}
}

// Width returns the length of a row.
func (p *Positions) Width() int { return p.width }

// Of returns the rows of the nodes of g, one after another. The caller must not
// change them.
func (p *Positions) Of(g *Graph) []float32 {
	key := make([]byte, 0, 2+4*len(g.Edges))
	key = binary.AppendUvarint(key, uint64(len(g.Nodes)))
	for _, e := range g.Edges {
		key = binary.AppendUvarint(key, uint64(e.From))
		key = binary.AppendUvarint(key, uint64(e.To))
	}
	if rows, ok := p.known[string(key)]; ok {
		return rows
	}
	rows := make([]float32, len(g.Nodes)*p.width)
	switch {
	case len(g.Nodes) == 0:
	case p.kind == Laplacian:
		laplacianTo(rows, p.width, g.Edges)
	default:
		eigenvectorsTo(rows, p.width, len(g.Nodes), g.Edges)
	}
	if len(p.known) == positionCache {
		clear(p.known)
	}
	p.known[string(key)] = rows
	return rows
}

// laplacianTo adds the rows of D - A to dst, which holds zeros.
func laplacianTo(dst []float32, width int, edges []plugins.Edge) {
	seen := make(map[plugins.Edge]bool, len(edges))
	for _, e := range edges {
		if seen[e] {
			continue
		}
		seen[e] = true
		if e.From < width {
			dst[e.From*width+e.From]++
		}
		if e.To < width {
			dst[e.From*width+e.To]--
		}
	}
}

// eigenvectorsTo writes the second to the (width+1)-th eigenvector to the
// columns of dst, which holds zeros; see [Positions].
func eigenvectorsTo(dst []float32, width, nodes int, edges []plugins.Edge) {
	degree := make([]float64, nodes)
	a := mat.NewSymDense(nodes, nil)
	for _, e := range edges {
		if a.At(e.From, e.To) == 0 {
			a.SetSym(e.From, e.To, 1)
			degree[e.From]++
			degree[e.To]++
		}
	}
	for i := range nodes {
		for j := i; j < nodes; j++ {
			x := -a.At(i, j) / math.Sqrt(max(degree[i], 1)*max(degree[j], 1))
			if i == j {
				x++
			}
			a.SetSym(i, j, x)
		}
	}
	var eigen mat.EigenSym
	if !eigen.Factorize(a, true) {
		return // It always succeeds on finite matrices; else there are no positions.
	}
	values := eigen.Values(nil)
	var vectors mat.Dense
	eigen.VectorsTo(&vectors)
	column := -1 // of dst; the first eigenvector, of eigenvalue 0, is left out
	for from := 0; from < nodes && column < width; {
		to := from + 1
		for to < nodes && values[to]-values[to-1] < sameEigenvalue {
			to++
		}
		for _, v := range basis(&vectors, from, to) {
			if column >= 0 && column < width {
				for i, x := range v {
					dst[i*width+column] = float32(x)
				}
			}
			column++
		}
		from = to
	}
}

// basis returns an orthonormal basis of the space that the given columns of
// vectors, which are orthonormal, span: the one that [Positions] defines.
func basis(vectors *mat.Dense, from, to int) [][]float64 {
	nodes, _ := vectors.Dims()
	var found [][]float64
	for node := 0; node < nodes && len(found) < to-from; node++ {
		v := make([]float64, nodes)
		for c := from; c < to; c++ {
			weight := vectors.At(node, c)
			for i := range v {
				v[i] += weight * vectors.At(i, c)
			}
		}
		for _, w := range found {
			dot := 0.0
			for i := range v {
				dot += v[i] * w[i]
			}
			for i := range v {
				v[i] -= dot * w[i]
			}
		}
		norm := 0.0
		for _, x := range v {
			norm += x * x
		}
		if norm = math.Sqrt(norm); norm < dependent {
			continue
		}
		for i := range v {
			v[i] /= norm
		}
		found = append(found, v)
	}
	return found
}
