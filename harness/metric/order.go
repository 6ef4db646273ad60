package metric

import (
	"fmt"
	"math"
)

// entry is a value, as a key in its order, and where it stands.
type entry struct {
	key uint64
	row uint32
}

// sorter sorts rows by values, stably, in linear time: sorts are most of the
// time of a score, and a radix sort on packed keys is several times faster
// than a comparison sort.
type sorter struct {
	entries, buffer []entry
}

// newSorter returns a sorter of n rows, in order.
func newSorter(n int) *sorter {
	if n > math.MaxUint32 {
		panic("metric: more rows than fit 32 bits")
	}
	s := &sorter{entries: make([]entry, n), buffer: make([]entry, n)}
	for i := range s.entries {
		s.entries[i].row = uint32(i)
	}
	return s
}

// sort puts the rows in ascending order of values, rows of equal values in
// the order that they had.
func (s *sorter) sort(values []float64) {
	for i := range s.entries {
		e := &s.entries[i]
		e.key = key(values[e.row])
	}
	s.sortKeys()
}

// sortKeys sorts by key: a radix sort from the last of six 11-bit digits
// on, each digit counted first; a digit that all keys share is left out.
func (s *sorter) sortKeys() {
	const bits, digits = 11, 6 // 6 x 11 >= 64; the counts stay in the first cache
	var counts [digits][1 << bits]uint32
	for _, e := range s.entries {
		for d := range counts {
			counts[d][e.key>>(d*bits)&(1<<bits-1)]++
		}
	}
	for d := range counts {
		c := &counts[d]
		if len(s.entries) == 0 || c[s.entries[0].key>>(d*bits)&(1<<bits-1)] == uint32(len(s.entries)) {
			continue
		}
		var sum uint32
		for i, n := range c {
			c[i] = sum
			sum += n
		}
		for _, e := range s.entries {
			p := &c[e.key>>(d*bits)&(1<<bits-1)]
			s.buffer[*p] = e
			*p++
		}
		s.entries, s.buffer = s.buffer, s.entries
	}
}

// run returns the end of the run of equal keys that begins at lo.
func (s *sorter) run(lo int) int {
	hi := lo + 1
	for hi < len(s.entries) && s.entries[hi].key == s.entries[lo].key {
		hi++
	}
	return hi
}

// key maps floats to integers of the same order; both zeros have one key.
func key(x float64) uint64 {
	if x == 0 {
		return 1 << 63
	}
	b := math.Float64bits(x)
	if b>>63 != 0 {
		return ^b
	}
	return b | 1<<63
}

// A Ranking lists rows from the best (largest) value to the worst; rows of
// equal values stand in their own order.
type Ranking []uint32

// Rank returns the ranking of values.
func Rank(values []float64) Ranking {
	s := newSorter(len(values))
	for i, v := range values {
		s.entries[i].key = ^key(v)
	}
	s.sortKeys()
	r := make(Ranking, len(values))
	for i, e := range s.entries {
		r[i] = e.row
	}
	return r
}

// averageRanks returns the ascending 1-based rank of each value, equal values
// sharing the mean of their ranks.
func averageRanks(values []float64) []float64 {
	s := newSorter(len(values))
	s.sort(values)
	ranks := make([]float64, len(values))
	for lo := 0; lo < len(values); {
		hi := s.run(lo)
		for _, e := range s.entries[lo:hi] {
			ranks[e.row] = float64(lo+1+hi) / 2
		}
		lo = hi
	}
	return ranks
}

func mustMatch(x, y []float64) {
	if len(x) != len(y) {
		panic(fmt.Sprintf("metric: %d values against %d", len(x), len(y)))
	}
}
