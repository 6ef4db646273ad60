package kern

import (
	"fmt"
	"math"
)

// Relation is the loss of a binary relation predictor (Dudziak et al. 2020,
// "BRP-NAS", section 4.2): the mean over ordered pairs (i, j), i not j, of the
// Kullback-Leibler divergence from softmax(y_i, y_j) to the predicted
// softmax, whose log-odds are p_i + q_j: what architecture i, standing first, and
// architecture j, standing second, add to "the first is better". Rows with
// weight 0 are in no pair; without pairs the loss is 0. Inputs: p and q in the
// columns of X [R, 2], labels y [R], weights [R]. Output: a scalar.
type Relation[T Float] struct {
	n int
}

// Shape implements [Kernel].
func (k *Relation[T]) Shape(in ...[]int) ([]int, error) {
	if err := expect("relation", in, 2, 1, 1); err != nil {
		return nil, err
	}
	k.n = in[0][0]
	if in[0][1] != 2 {
		return nil, fmt.Errorf("relation: %d columns, want 2", in[0][1])
	}
	return []int{}, firstError(mismatch("relation", "labels", in[1], k.n), mismatch("relation", "weights", in[2], k.n))
}

// Differentiable implements [Kernel].
func (*Relation[T]) Differentiable(i int) bool { return i == 0 }

// pairs calls f for every ordered pair with its log-odds and its target, the
// probability that the first is better, and returns how many there are.
func (k *Relation[T]) pairs(in [][]T, f func(i, j int, odds, target float64)) int {
	n := 0
	for i := range k.n {
		for j := range k.n {
			if i != j && in[2][i] > 0 && in[2][j] > 0 {
				f(i, j, float64(in[0][2*i]+in[0][2*j+1]), logistic(float64(in[1][i]-in[1][j])))
				n++
			}
		}
	}
	return n
}

// logistic returns 1 / (1 + exp(-x)).
func logistic(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// softplus returns log(1 + exp(x)) without overflow.
func softplus(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }

// Forward implements [Kernel].
func (k *Relation[T]) Forward(out []T, in [][]T) {
	sum := 0.0
	n := k.pairs(in, func(_, _ int, odds, target float64) {
		// Cross-entropy less the target's entropy.
		sum += target*softplus(-odds) + (1-target)*softplus(odds)
		for _, t := range [2]float64{target, 1 - target} {
			if t > 0 {
				sum += t * math.Log(t)
			}
		}
	})
	out[0] = ratio(T(sum), T(n))
}

// Backward implements [Kernel].
func (k *Relation[T]) Backward(gin, in [][]T, _, gout []T) {
	if gin[0] == nil {
		return
	}
	clear(gin[0])
	n := k.pairs(in, func(i, j int, odds, target float64) {
		g := T(logistic(odds) - target)
		gin[0][2*i] += g
		gin[0][2*j+1] += g
	})
	scale := ratio(gout[0], T(n))
	for i := range gin[0] {
		gin[0][i] *= scale
	}
}
