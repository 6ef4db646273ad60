package split

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"slices"

	"github.com/hypernas/hypernas/plugins"
)

// Request asks for one split.
type Request struct {
	Preset string
	Seed   uint64 // the plan's
	Number int    // of the split, from 0
	Test   int    // how many test rows; 0 means all that are not drawn for training
}

// Split is one split of a space's rows, for every budget.
type Split struct {
	request    Request
	identities []plugins.Identity
	order      []int // drawn rows: training from the front, test from the back
	unit       string
	shared     bool // two rows of order have one identity
}

// Draw draws a split of the rows whose identities are given; all rows it
// returns are indices of that slice. The error names an unknown preset, or a
// number of test rows that leaves none for training.
func Draw(r Request, identities []plugins.Identity) (*Split, error) {
	p, err := Lookup(r.Preset)
	if err != nil {
		return nil, err
	}
	s := &Split{request: r, identities: identities}
	distinct := slices.Clone(identities)
	slices.SortFunc(distinct, func(a, b plugins.Identity) int { return bytes.Compare(a[:], b[:]) })
	distinct = slices.Compact(distinct)
	if p.byIdentity {
		s.unit = "identities"
		first := make(map[plugins.Identity]int, len(distinct))
		for i, id := range slices.Backward(identities) {
			first[id] = i
		}
		s.order = permutation(generator(r, distinct, "draw"), len(distinct))
		for k, i := range s.order {
			s.order[k] = first[distinct[i]]
		}
	} else {
		s.unit = "architectures"
		s.shared = len(distinct) < len(identities)
		s.order = permutation(generator(r, identities, "draw"), len(identities))
	}
	if r.Test < 0 || r.Test > 0 && r.Test > len(s.order)-1 {
		return nil, fmt.Errorf("%d test rows do not fit the space, which has %d %s", r.Test, len(s.order), s.unit)
	}
	return s, nil
}

// Check returns an error if the split has no training rows for a budget
// beside at least two test rows; fewer cannot be ranked.
func (s *Split) Check(budget int) error {
	n := len(s.order)
	switch {
	case budget > n:
		return fmt.Errorf("budget %d is larger than the space, which has %d %s", budget, n, s.unit)
	case budget+max(s.request.Test, 2) > n:
		return fmt.Errorf("budget %d and %d test rows do not fit the space, which has %d %s", budget, max(s.request.Test, 2), n, s.unit)
	}
	return nil
}

// Train returns the training rows of a budget that Check accepts; the caller
// may not change them.
func (s *Split) Train(budget int) []int { return s.order[:budget:budget] }

// Test returns the test rows that belong to a budget that Check accepts; the
// caller may not change them.
func (s *Split) Test(budget int) []int {
	if s.request.Test > 0 {
		return s.order[len(s.order)-s.request.Test:]
	}
	return s.order[budget:]
}

// Pool returns the rows of unlabelled architectures, in an order of its own:
// all, or with nonTest those that compute nothing that a test row computes.
// nonTest needs a request for a number of test rows and panics without one;
// the test rows then depend on the budget and cover everything else.
func (s *Split) Pool(nonTest bool) []int {
	test := map[plugins.Identity]bool{}
	if nonTest {
		if s.request.Test == 0 {
			panic("split: a pool without test rows needs a number of test rows")
		}
		for _, row := range s.Test(0) {
			test[s.identities[row]] = true
		}
	}
	pool := permutation(generator(s.request, s.identities, "pool"), len(s.identities))
	return slices.DeleteFunc(pool, func(row int) bool { return test[s.identities[row]] })
}

// Overlap counts the test rows of a budget that compute the same function as
// one of its training rows.
func (s *Split) Overlap(budget int) int {
	if !s.shared {
		return 0
	}
	train := make(map[plugins.Identity]bool, budget)
	for _, row := range s.Train(budget) {
		train[s.identities[row]] = true
	}
	overlap := 0
	for _, row := range s.Test(budget) {
		if train[s.identities[row]] {
			overlap++
		}
	}
	return overlap
}

// Warnings returns what a reader of the results must know about the split.
func (s *Split) Warnings() []string {
	if !s.shared {
		return nil
	}
	return []string{fmt.Sprintf("preset %s draws architectures that compute the same function into training and test", s.request.Preset)}
}

// generator returns the generator of a request for one purpose; the package
// comment states its key.
func generator(r Request, identities []plugins.Identity, purpose string) *rand.ChaCha8 {
	digest := sha256.New()
	for _, id := range identities {
		digest.Write(id[:])
	}
	return rand.NewChaCha8(sha256.Sum256(fmt.Appendf(nil,
		"hypernas split v1\npreset %s\nseed %d\nnumber %d\nidentities %x\n%s",
		r.Preset, r.Seed, r.Number, digest.Sum(nil), purpose)))
}

// permutation returns a permutation of 0 to n-1. It is spelled out because
// math/rand/v2 promises the generator's stream, but not how Perm uses it.
func permutation(g *rand.ChaCha8, n int) []int {
	p := make([]int, n)
	for i := range p {
		p[i] = i
	}
	for i := n - 1; i > 0; i-- {
		j := below(g, uint64(i+1))
		p[i], p[j] = p[j], p[i]
	}
	return p
}

// below returns a uniform number under n (Lemire, Fast random integer
// generation in an interval, TOMACS 2019).
func below(g *rand.ChaCha8, n uint64) uint64 {
	hi, lo := bits.Mul64(g.Uint64(), n)
	if lo < n {
		for threshold := -n % n; lo < threshold; {
			hi, lo = bits.Mul64(g.Uint64(), n)
		}
	}
	return hi
}
