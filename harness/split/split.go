package split

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"maps"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"github.com/hypernas/hypernas/plugins"
)

// Request asks for one split.
type Request struct {
	Preset string
	Seed   uint64 // the plan's
	Number int    // of the split, from 0
	Test   int    // how many test rows; 0 means as many as the preset has
	// Structures are what Structures returns for the rows. A preset that
	// merges them can't do without; others leave them alone.
	Structures []plugins.Identity
}

// Split is one split of a space's rows, for every budget.
type Split struct {
	request    Request
	preset     Preset
	identities []plugins.Identity
	unit       string
	// order is the drawn rows, training from the front, and test rows from the
	// back where test > 0.
	order []int
	test  int
	sets  map[int]Set // rows of single budgets, which come first; nil where order says it all
	every []int       // all rows, in the order in which they are scored, where training rows are, too
	// shared says that a training and a test row may have one identity.
	shared bool
	notes  []string // warnings of where the rows are from
}

// Draw draws a split of the rows whose identities are given; all rows it
// returns are indices of that slice. The error names an unknown preset, a
// split that it can't draw, or a number of test rows that leaves none for
// training.
func Draw(r Request, identities []plugins.Identity) (*Split, error) {
	p, err := Lookup(r.Preset)
	if err != nil {
		return nil, err
	}
	if most := p.MaxSplits(); most > 0 && r.Number >= most {
		return nil, fmt.Errorf("preset %s has %d split: its training rows are always the same", p.Name, most)
	}
	s := &Split{request: r, preset: p, identities: identities, unit: p.merge.String(), test: r.Test}
	distinct := sortedDistinct(identities)
	switch p.merge {
	case mergeIdentities:
		s.order = drawGroups(r, identities, distinct)
	case mergeStructures:
		if len(r.Structures) != len(identities) {
			panic("split: a preset that merges structures needs those of all rows")
		}
		s.order = drawGroups(r, r.Structures, sortedDistinct(r.Structures))
		s.shared = len(sortedDistinct(choose(identities, s.order))) < len(s.order)
	default:
		s.order = permutation(generator(r, identities, "draw"), len(identities))
		s.shared = len(distinct) < len(identities)
	}
	if s.test == 0 {
		switch p.test {
		case testFixed:
			s.test = p.testRows
		case testHalf:
			s.test = (len(s.order) + 1) / 2
		}
	}
	if s.test < 0 || s.test > len(s.order)-1 {
		return nil, fmt.Errorf("%d test rows do not fit the space, which has %d %s", s.test, len(s.order), s.unit)
	}
	if p.test == testAll {
		s.every = permutation(generator(r, identities, "test"), len(identities))
		if s.test > 0 {
			s.every, s.test = s.every[:s.test], 0
		}
		s.shared = true
	}
	size := p.size(len(identities))
	switch {
	case size == nil && len(p.Sizes) > 0:
		s.notes = append(s.notes, fmt.Sprintf("no published figure of preset %s is for a space of %d architectures, so none compares", p.Name, len(identities)))
	case size != nil && size.Exact:
		if s.sets, err = p.drawNumpy(r, len(identities)); err != nil {
			return nil, err
		}
		if first := r.Seed + uint64(r.Number); first != 0 {
			s.notes = append(s.notes, fmt.Sprintf("preset %s draws the peer's own rows with seed 0 in split 0 alone", p.Name))
		}
	}
	return s, nil
}

// drawNumpy returns the training rows that the peer's script draws, by budget.
func (p *Preset) drawNumpy(r Request, rows int) (map[int]Set, error) {
	seed := r.Seed + uint64(r.Number)
	if seed > math.MaxUint32 || seed < r.Seed {
		return nil, fmt.Errorf("preset %s: numpy takes no seed above %d", p.Name, uint32(math.MaxUint32))
	}
	g := newMT19937(uint32(seed))
	sets := make(map[int]Set, len(p.numpy))
	for _, budget := range p.numpy {
		sets[budget] = Set{Budget: budget, Train: slices.Clone(g.permutation(rows)[:budget])}
	}
	return sets, nil
}

// drawGroups returns a permutation of the groups, each standing for itself by
// its first row. distinct holds the groups in ascending order.
func drawGroups(r Request, groups, distinct []plugins.Identity) []int {
	first := make(map[plugins.Identity]int, len(distinct))
	for i, id := range slices.Backward(groups) {
		first[id] = i
	}
	order := permutation(generator(r, distinct, "draw"), len(distinct))
	for k, i := range order {
		order[k] = first[distinct[i]]
	}
	return order
}

func sortedDistinct(identities []plugins.Identity) []plugins.Identity {
	distinct := slices.Clone(identities)
	slices.SortFunc(distinct, func(a, b plugins.Identity) int { return bytes.Compare(a[:], b[:]) })
	return slices.Compact(distinct)
}

func choose(identities []plugins.Identity, rows []int) []plugins.Identity {
	chosen := make([]plugins.Identity, len(rows))
	for k, row := range rows {
		chosen[k] = identities[row]
	}
	return chosen
}

// Check returns an error if the split has no training rows for a budget
// beside at least two test rows; fewer cannot be ranked.
func (s *Split) Check(budget int) error {
	if s.sets != nil {
		if _, ok := s.sets[budget]; !ok {
			return fmt.Errorf("the splits have no budget %d: there are %s", budget, join(slices.Sorted(maps.Keys(s.sets))))
		}
		return nil
	}
	n := len(s.order)
	test := max(s.test, 2)
	if s.every != nil {
		test = 0
	}
	switch {
	case budget > n:
		return fmt.Errorf("budget %d is larger than the space, which has %d %s", budget, n, s.unit)
	case budget+test > n:
		return fmt.Errorf("budget %d and %d test rows do not fit the space, which has %d %s", budget, test, n, s.unit)
	}
	return nil
}

func join(numbers []int) string {
	texts := make([]string, len(numbers))
	for i, n := range numbers {
		texts[i] = strconv.Itoa(n)
	}
	return strings.Join(texts, ", ")
}

// Train returns the training rows of a budget that Check accepts; the caller
// may not change them.
func (s *Split) Train(budget int) []int {
	if set, ok := s.sets[budget]; ok {
		return set.Train
	}
	if s.preset.firstRows {
		return slices.DeleteFunc(slices.Clone(s.order), func(row int) bool { return row >= budget })
	}
	return s.order[:budget:budget]
}

// Test returns the test rows that belong to a budget that Check accepts; the
// caller may not change them.
func (s *Split) Test(budget int) []int {
	if set := s.sets[budget]; set.Test != nil {
		return set.Test
	}
	switch {
	case s.every != nil:
		return s.every
	case s.test > 0:
		return s.order[len(s.order)-s.test:]
	default:
		return s.order[budget:]
	}
}

// Pool returns the rows of unlabelled architectures, in an order of its own:
// all, or with nonTest those that compute nothing that a test row of any
// budget computes. nonTest needs a split whose test rows are the same for
// every budget and panics without one; the test rows then cover everything
// but the training rows.
func (s *Split) Pool(nonTest bool) []int {
	test := map[plugins.Identity]bool{}
	if nonTest {
		tested := [][]int{s.every, s.order[len(s.order)-s.test:]}
		if s.every == nil && s.test == 0 && s.sets == nil {
			panic("split: a pool without test rows needs a number of test rows")
		}
		for _, set := range s.sets {
			tested = append(tested, set.Test)
		}
		for _, rows := range tested {
			for _, row := range rows {
				test[s.identities[row]] = true
			}
		}
	}
	pool := permutation(generator(s.request, s.identities, "pool"), len(s.identities))
	return slices.DeleteFunc(pool, func(row int) bool { return test[s.identities[row]] })
}

// Overlap counts the test rows of a budget that compute the same function as
// one of its training rows, training rows that are scored among them.
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
	warnings := slices.Clone(s.notes)
	switch {
	case s.preset.TestsTraining():
		warnings = append(warnings, fmt.Sprintf("preset %s scores the architectures that a predictor was trained on, too", s.request.Preset))
	case s.shared && s.sets != nil:
		warnings = append(warnings, "the file's splits have architectures that compute the same function in training and test")
	case s.shared:
		warnings = append(warnings, fmt.Sprintf("preset %s draws architectures that compute the same function into training and test", s.request.Preset))
	}
	return warnings
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
