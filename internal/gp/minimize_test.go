package gp

import (
	"math"
	"testing"
)

// rosenbrock is the function of More, Garbow and Hillstrom (1981), problem 1,
// whose least value, 0, lies at (1, 1).
func rosenbrock(x, grad []float64) float64 {
	a, b := 10*(x[1]-x[0]*x[0]), 1-x[0]
	grad[0], grad[1] = -40*a*x[0]-2*b, 20*a
	return a*a + b*b
}

func TestMinimize(t *testing.T) {
	inf := math.Inf(1)
	for name, tc := range map[string]struct {
		f         objective
		from      []float64
		low, high []float64
		want      []float64
	}{
		"a curved valley": {rosenbrock, []float64{-1.2, 1}, []float64{-inf, -inf}, []float64{inf, inf}, []float64{1, 1}},
		// With x0 <= .5 the least value is (1 - .5)^2 at x1 = .25.
		"a bound on the way": {rosenbrock, []float64{-1.2, 1}, []float64{-2, -2}, []float64{.5, 2}, []float64{.5, .25}},
		"two bounds":         {rosenbrock, []float64{0, 0}, []float64{-2, .5}, []float64{.5, 2}, []float64{.5, .5}},
		"begins outside":     {rosenbrock, []float64{9, 9}, []float64{-2, -2}, []float64{2, 2}, []float64{1, 1}},
		"begins at a bound":  {rosenbrock, []float64{2, 2}, []float64{-2, -2}, []float64{2, 2}, []float64{1, 1}},
		"no value beyond a wall": {func(x, grad []float64) float64 {
			if x[0] > 1.5 {
				return inf
			}
			grad[0] = 2 * (x[0] - 1)
			return (x[0] - 1) * (x[0] - 1)
		}, []float64{-100}, []float64{-inf}, []float64{inf}, []float64{1}},
		"a steep exponential": {func(x, grad []float64) float64 {
			grad[0] = math.Exp(x[0]) - 100
			return math.Exp(x[0]) - 100*x[0]
		}, []float64{-5}, []float64{-20}, []float64{20}, []float64{math.Log(100)}},
	} {
		x := append([]float64(nil), tc.from...)
		value, err := minimize(t.Context(), tc.f, x, box{tc.low, tc.high}, 200)
		if err != nil {
			t.Fatal(err)
		}
		allNear(t, name, x, tc.want, 1e-4)
		if got := tc.f(x, make([]float64, len(x))); got != value {
			t.Errorf("%s: value is %v, the function's %v", name, value, got)
		}
	}
}
