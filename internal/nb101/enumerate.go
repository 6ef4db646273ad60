package nb101

import (
	"fmt"
	"math/bits"

	"github.com/hypernas/hypernas/internal/dag"
	"github.com/hypernas/hypernas/internal/parallel"
)

// Enumerate returns every module of at most maxVertices vertices once: of
// isomorphic modules the one that generate_graphs.py of google-research/nasbench
// meets first, in the order in which it meets them. Vertex numbers matter to
// widths and so to parameters (see Params), which is why it is that one.
//
// It panics unless maxVertices is 2 to MaxVertices.
func Enumerate(maxVertices int) []Module {
	if maxVertices < 2 || maxVertices > MaxVertices {
		panic(fmt.Sprintf("nb101: enumeration of modules of %d vertices", maxVertices))
	}
	var all []Module
	for n := 2; n <= maxVertices; n++ {
		permutations := permutations(n)
		// The highest bits are the edges into the output, of which there is one.
		lo, hi := Module(1)<<((n-1)*(n-2)/2), Module(1)<<(n*(n-1)/2)
		var automorphisms [][MaxVertices]int
		for edges := lo; edges < hi; edges++ {
			if bits.OnesCount32(uint32(edges)) > MaxEdges || !full(edges, n) {
				continue
			}
			least := true
			automorphisms = automorphisms[:0]
			for _, p := range permutations {
				switch image, ok := permute(edges, n, &p); {
				case ok && image < edges:
					least = false
				case ok && image == edges:
					automorphisms = append(automorphisms, p)
				}
				if !least {
					break
				}
			}
			if least {
				all = appendLabelings(all, edges, n, automorphisms)
			}
		}
	}
	return all
}

// permutations returns the orders of n vertices that leave the input first and
// the output last.
func permutations(n int) [][MaxVertices]int {
	var p [MaxVertices]int
	for v := range p {
		p[v] = v
	}
	var all [][MaxVertices]int
	var extend func(v int)
	extend = func(v int) {
		if v >= n-2 {
			all = append(all, p)
			return
		}
		for u := v; u < n-1; u++ {
			p[v], p[u] = p[u], p[v]
			extend(v + 1)
			p[v], p[u] = p[u], p[v]
		}
	}
	extend(1)
	return all
}

// permute returns the edges with vertex v renamed p[v]; ok is false if one of
// them would lead downwards.
func permute(edges Module, n int, p *[MaxVertices]int) (image Module, ok bool) {
	for y := 1; y < n; y++ {
		for x := range y {
			if !edges.Edge(x, y) {
				continue
			}
			if p[x] > p[y] {
				return 0, false
			}
			image |= edgeBit(p[x], p[y])
		}
	}
	return image, true
}

// appendLabelings appends the labelings of a graph's inner vertices in
// lexicographic order, of those that an automorphism exchanges the first.
func appendLabelings(dst []Module, edges Module, n int, automorphisms [][MaxVertices]int) []Module {
	var ops [MaxVertices]Op
	for {
		least := true
		for _, p := range automorphisms {
			// The labeling that gives vertex v the operation of p[v].
			for v := 1; v < n-1; v++ {
				if ops[p[v]] != ops[v] {
					least = least && ops[p[v]] > ops[v]
					break
				}
			}
		}
		if least {
			m := edges
			for v := 1; v < n-1; v++ {
				m |= Module(ops[v]) << opShift(v)
			}
			dst = append(dst, m)
		}
		v := n - 2
		for v > 0 && ops[v] == NumOps-1 {
			ops[v] = 0
			v--
		}
		if v <= 0 {
			return dst
		}
		ops[v]++
	}
}

// Hashes returns the hash of each module. It takes some ten microseconds a
// module, on every core.
func Hashes(modules []Module) []Hash {
	hashes := make([]Hash, len(modules))
	inPieces(len(modules), func(lo, hi int) {
		var h hasher
		for i := lo; i < hi; i++ {
			hashes[i] = h.hash(modules[i])
		}
	})
	return hashes
}

// Identities returns the identity of the function family of each module; see
// Module.Graph for what distinguishes them.
func Identities(modules []Module) []dag.Identity {
	identities := make([]dag.Identity, len(modules))
	inPieces(len(modules), func(lo, hi int) {
		var identifier dag.Identifier
		for i := lo; i < hi; i++ {
			id, err := identifier.Identify(modules[i].Graph())
			if err != nil {
				panic("nb101: a module has no identity: " + err.Error())
			}
			identities[i] = id
		}
	})
	return identities
}

// inPieces calls work on the pieces of 0 to n, one for each processor, at once.
func inPieces(n int, work func(lo, hi int)) {
	pieces := parallel.Workers(n)
	// A piece has no error.
	_ = parallel.Each(pieces, func(_, piece int) error {
		work(n*piece/pieces, n*(piece+1)/pieces)
		return nil
	})
}
