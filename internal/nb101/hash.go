package nb101

import (
	"bytes"
	"crypto/md5" // what NAS-Bench-101 names modules by; nothing is secured with it
	"encoding/hex"
)

// Hash is NAS-Bench-101's name of a module: an MD5 that isomorphic modules
// share, and no others (hash_module of graph_util.py, google-research/nasbench).
type Hash [md5.Size]byte

// String returns the hash as files write it, 32 hexadecimal digits.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// ParseHash is the inverse of Hash.String. Capital digits are refused.
func ParseHash(s string) (Hash, bool) {
	var h Hash
	if len(s) != hex.EncodedLen(len(h)) {
		return h, false
	}
	if _, err := hex.Decode(h[:], []byte(s)); err != nil {
		return h, false
	}
	return h, h.String() == s
}

// Hash returns the module's hash.
func (m Module) Hash() Hash { return new(hasher).hash(m) }

// hasher is the working memory of Hash.
type hasher struct {
	// color is for each vertex the hash of its round, in hexadecimal.
	color, next [MaxVertices][2 * md5.Size]byte
	// order is the vertices sorted by color.
	order [MaxVertices]int
	text  []byte
}

// hash starts each vertex from its out- and in-degree and label, hashes it
// with its neighbors' hashes as many times as there are vertices, and hashes
// the sorted list of what comes out.
func (h *hasher) hash(m Module) Hash {
	n := m.Vertices()
	for v := range n {
		h.start(m, v, n)
	}
	for range n {
		h.sort(n)
		for v := range n {
			h.text = h.text[:0]
			for _, u := range h.order[:n] {
				if u < v && m.Edge(u, v) {
					h.text = append(h.text, h.color[u][:]...)
				}
			}
			h.text = append(h.text, '|')
			for _, u := range h.order[:n] {
				if u > v && m.Edge(v, u) {
					h.text = append(h.text, h.color[u][:]...)
				}
			}
			h.text = append(h.text, '|')
			h.text = append(h.text, h.color[v][:]...)
			sum := md5.Sum(h.text)
			hex.Encode(h.next[v][:], sum[:])
		}
		h.color = h.next
	}
	h.sort(n)
	// As Python prints a list of strings.
	h.text = append(h.text[:0], '[')
	for i, v := range h.order[:n] {
		if i > 0 {
			h.text = append(h.text, ", "...)
		}
		h.text = append(h.text, '\'')
		h.text = append(h.text, h.color[v][:]...)
		h.text = append(h.text, '\'')
	}
	return md5.Sum(append(h.text, ']'))
}

// start hashes a vertex's out-degree, in-degree and label, as Python prints a
// tuple of them: -1 is the input, -2 the output.
func (h *hasher) start(m Module, v, n int) {
	in, out := byte('0'), byte('0')
	for u := range n {
		switch {
		case u < v && m.Edge(u, v):
			in++
		case u > v && m.Edge(v, u):
			out++
		}
	}
	h.text = append(h.text[:0], '(', out, ',', ' ', in, ',', ' ')
	switch v {
	case 0:
		h.text = append(h.text, "-1"...)
	case n - 1:
		h.text = append(h.text, "-2"...)
	default:
		h.text = append(h.text, '0'+byte(m.Op(v)))
	}
	sum := md5.Sum(append(h.text, ')'))
	hex.Encode(h.color[v][:], sum[:])
}

func (h *hasher) sort(n int) {
	for i := range n {
		h.order[i] = i
		for j := i; j > 0 && bytes.Compare(h.color[h.order[j]][:], h.color[h.order[j-1]][:]) < 0; j-- {
			h.order[j], h.order[j-1] = h.order[j-1], h.order[j]
		}
	}
}
