package fuse

import (
	"math/rand/v2"

	"github.com/hypernas/hypernas/internal/nn/kern"
)

// DropoutTo draws a dropout mask for kern.Mul: each element is 0 with
// probability p, below 1, to the nearest 1/65536, and 1/(1-p) otherwise.
func DropoutTo[T kern.Float](dst []T, rng *rand.Rand, p float64) {
	const steps = 1 << 16
	limit, keep := uint64(p*steps+.5), T(1/(1-p))
	for len(dst) > 0 {
		// One draw serves four elements.
		n := min(len(dst), 4)
		draw := rng.Uint64()
		for i := range dst[:n] {
			dst[i] = keep
			if draw>>(16*i)%steps < limit {
				dst[i] = 0
			}
		}
		dst = dst[n:]
	}
}
