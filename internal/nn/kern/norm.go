package kern

// LayerNorm standardizes the last axis (Ba et al. 2016) and applies a learned
// gain and bias. Inputs: X [..., D], gain [D], bias [D]. Output like X. Eps is
// added to the variance; 0 stands for PyTorch's 1e-5.
type LayerNorm[T Float] struct {
	Eps T

	rows, d    int
	hat, scale []T
	row        []T
	mul        Multiplier[T]
	ones       []T
}

// normEps is what PyTorch adds to a variance in its normalizing layers.
const normEps = 1e-5

// Shape implements [Kernel].
func (k *LayerNorm[T]) Shape(in ...[]int) ([]int, error) {
	if err := expect("layer norm", in, -1, 1, 1); err != nil {
		return nil, err
	}
	last := len(in[0]) - 1
	k.rows, k.d = Size(in[0][:last]), in[0][last]
	if err := firstError(mismatch("layer norm", "gain", in[1], k.d), mismatch("layer norm", "bias", in[2], k.d)); err != nil {
		return nil, err
	}
	if k.Eps == 0 {
		k.Eps = normEps
	}
	k.hat, k.scale, k.row = make([]T, k.rows*k.d), make([]T, k.rows), make([]T, k.rows*k.d)
	k.ones = ones[T](k.rows)
	return append([]int{}, in[0]...), nil
}

// Differentiable implements [Kernel].
func (k *LayerNorm[T]) Differentiable(int) bool { return true }

// Forward implements [Kernel].
func (k *LayerNorm[T]) Forward(out []T, in [][]T) {
	for r := range k.rows {
		a, b := r*k.d, (r+1)*k.d
		k.scale[r] = standardizeTo(k.hat[a:b], in[0][a:b], k.Eps)
		mulTo(out[a:b], k.hat[a:b], in[1])
		addTo(out[a:b], in[2])
	}
}

// Backward implements [Kernel].
func (k *LayerNorm[T]) Backward(gin, in [][]T, _, gout []T) {
	if gin[0] != nil {
		for r := range k.rows {
			a, b := r*k.d, (r+1)*k.d
			mulTo(k.row[:k.d], gout[a:b], in[1])
			standardizeGradTo(gin[0][a:b], k.row[:k.d], k.hat[a:b], k.scale[r])
		}
	}
	if gin[1] != nil {
		mulTo(k.row, gout, k.hat)
		k.mul.MulTo(gin[1], k.ones, k.row, NN, 1, k.d, k.rows, false)
	}
	if gin[2] != nil {
		k.mul.MulTo(gin[2], k.ones, gout, NN, 1, k.d, k.rows, false)
	}
}
