package kern

// AddToPixels adds a learned position to every image. Inputs: X
// [A, G, C, H, W, 16] and P [C, H, W]. Output like X.
type AddToPixels[T Float] struct {
	a int
	m maps
}

// Shape implements [Kernel].
func (k *AddToPixels[T]) Shape(in ...[]int) ([]int, error) {
	err := expect("position of pixels", in, 6, 3)
	if err != nil {
		return nil, err
	}
	if k.a, k.m, err = asMaps("position of pixels", in[0]); err != nil {
		return nil, err
	}
	return k.m.shape(k.a), mismatch("position of pixels", "position", in[1], k.m.c, k.m.h, k.m.w)
}

// Differentiable implements [Kernel].
func (*AddToPixels[T]) Differentiable(int) bool { return true }

// Forward implements [Kernel].
func (k *AddToPixels[T]) Forward(out []T, in [][]T) {
	positions := k.m.c * k.m.h * k.m.w
	for i := range k.a * k.m.g * positions {
		p := in[1][i%positions]
		for l, x := range in[0][i*Lanes:][:Lanes] {
			out[i*Lanes+l] = x + p
		}
	}
}

// Backward implements [Kernel].
func (k *AddToPixels[T]) Backward(gin, _ [][]T, _, gout []T) {
	if gin[0] != nil {
		copy(gin[0], gout)
	}
	if gin[1] == nil {
		return
	}
	clear(gin[1])
	for i := range len(gout) / Lanes {
		for _, g := range gout[i*Lanes:][:Lanes] {
			gin[1][i%len(gin[1])] += g
		}
	}
}
