package nb201

import "math/bits"

// twister is the generator of Python's random module: MT19937 (Matsumoto and
// Nishimura, 1998), seeded from an integer as CPython's random_seed does.
type twister struct {
	state [624]uint32
	next  int
}

// newTwister returns the state after random.seed(seed): init_by_array of the
// reference implementation, mt19937ar.c, with the seed as its only word.
func newTwister(seed uint32) *twister {
	mt := &twister{next: 624}
	s := &mt.state
	s[0] = 19650218
	for i := 1; i < len(s); i++ {
		s[i] = 1812433253*(s[i-1]^s[i-1]>>30) + uint32(i)
	}
	i := 1
	step := func() {
		if i++; i == len(s) {
			s[0] = s[len(s)-1]
			i = 1
		}
	}
	for range len(s) {
		s[i] = (s[i] ^ (s[i-1]^s[i-1]>>30)*1664525) + seed
		step()
	}
	for range len(s) - 1 {
		s[i] = (s[i] ^ (s[i-1]^s[i-1]>>30)*1566083941) - uint32(i)
		step()
	}
	s[0] = 1 << 31
	return mt
}

func (mt *twister) uint32() uint32 {
	s := &mt.state
	if mt.next == len(s) {
		for i := range s {
			y := s[i]&(1<<31) | s[(i+1)%len(s)]&(1<<31-1)
			s[i] = s[(i+397)%len(s)] ^ y>>1 ^ y&1*0x9908b0df
		}
		mt.next = 0
	}
	y := s[mt.next]
	mt.next++
	y ^= y >> 11
	y ^= y << 7 & 0x9d2c5680
	y ^= y << 15 & 0xefc60000
	return y ^ y>>18
}

// below returns a number below n as random.shuffle draws it: the leading bits
// of words until they are below n.
func (mt *twister) below(n uint32) uint32 {
	for {
		if r := mt.uint32() >> (32 - bits.Len32(n)); r < n {
			return r
		}
	}
}
