package split

import "math/bits"

// mt19937 is numpy's RandomState as far as its permutations need it: the
// Mersenne Twister (Matsumoto and Nishimura, Mersenne twister: a
// 623-dimensionally equidistributed uniform pseudo-random number generator,
// TOMACS 1998), seeded as init_genrand does. The splits of published code are
// drawn with it; all draws of this project's own are not.
type mt19937 struct {
	state [624]uint32
	next  int // the word of state that is handed out next
}

// newMT19937 returns the generator of numpy.random.RandomState(seed).
func newMT19937(seed uint32) *mt19937 {
	g := &mt19937{next: 624}
	g.state[0] = seed
	for i := 1; i < len(g.state); i++ {
		before := g.state[i-1]
		g.state[i] = 1812433253*(before^before>>30) + uint32(i)
	}
	return g
}

func (g *mt19937) uint32() uint32 {
	if g.next == len(g.state) {
		g.next = 0
		for i := range g.state {
			y := g.state[i]&0x80000000 | g.state[(i+1)%624]&0x7fffffff
			v := g.state[(i+397)%624] ^ y>>1
			if y&1 != 0 {
				v ^= 0x9908b0df
			}
			g.state[i] = v
		}
	}
	y := g.state[g.next]
	g.next++
	y ^= y >> 11
	y ^= y << 7 & 0x9d2c5680
	y ^= y << 15 & 0xefc60000
	return y ^ y>>18
}

// permutation returns what RandomState.permutation(n) returns: a Fisher-Yates
// shuffle from the last place down, the place drawn by masking words to the
// bits that it needs and rejecting what is too large. n is at most 1<<32.
func (g *mt19937) permutation(n int) []int {
	p := make([]int, n)
	for i := range p {
		p[i] = i
	}
	for i := n - 1; i > 0; i-- {
		mask := uint32(1<<bits.Len32(uint32(i)) - 1)
		j := g.uint32() & mask
		for j > uint32(i) {
			j = g.uint32() & mask
		}
		p[i], p[j] = p[j], p[i]
	}
	return p
}
