package kern

// MAE is the weighted mean absolute error, sum_i w_i |p_i - y_i| / sum_i w_i,
// and 0 if all weights are. Inputs and output as for [MSE]. Its gradient is 0
// where a prediction is exact.
type MAE[T Float] struct{}

// Shape implements [Kernel].
func (*MAE[T]) Shape(in ...[]int) ([]int, error) {
	_, err := alike("absolute error", in, 3)
	return []int{}, err
}

// Differentiable implements [Kernel].
func (*MAE[T]) Differentiable(i int) bool { return i == 0 }

// Forward implements [Kernel].
func (*MAE[T]) Forward(out []T, in [][]T) {
	var sum, weight T
	for i, p := range in[0] {
		sum += in[2][i] * max(p-in[1][i], in[1][i]-p)
		weight += in[2][i]
	}
	out[0] = ratio(sum, weight)
}

// Backward implements [Kernel].
func (*MAE[T]) Backward(gin, in [][]T, _, gout []T) {
	if gin[0] == nil {
		return
	}
	var weight T
	for _, w := range in[2] {
		weight += w
	}
	g := ratio(gout[0], weight)
	for i, p := range in[0] {
		switch y := in[1][i]; {
		case p > y:
			gin[0][i] = g * in[2][i]
		case p < y:
			gin[0][i] = -g * in[2][i]
		default:
			gin[0][i] = 0
		}
	}
}
