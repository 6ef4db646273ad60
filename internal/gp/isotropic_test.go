package gp

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"os"
	"testing"
)

// plainCase is a case of testdata/isotropic.json, which testdata/isotropic.py
// wrote with scikit-learn.
type plainCase struct {
	Kernel         string
	D              int
	X, Test, Y     []float64
	Theta          []float64
	Objective      float64
	Gradient, Best []float64
	BestObjective  float64 `json:"best_objective"`
	Predictions    []float64
	shape          Kernel
}

func plainCases(t *testing.T) []plainCase {
	t.Helper()
	data, err := os.ReadFile("testdata/isotropic.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []plainCase
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	for k := range cases {
		if cases[k].Kernel == "matern52" {
			cases[k].shape = Matern52
		}
	}
	return cases
}

func TestLikelihoodEqualsScikitLearn(t *testing.T) {
	for _, c := range plainCases(t) {
		n := len(c.Y)
		l := newLikelihood(c.Y)
		l.shape, l.distances = c.shape, newTriangle(n)
		l.distances.distances(c.X, n, c.D)
		grad := make([]float64, 3)
		near(t, "objective", l.at(c.Theta, grad), c.Objective, 1e-9)
		allNear(t, "gradient", grad, c.Gradient, 1e-7)
	}
}

func TestIsotropicEqualsScikitLearn(t *testing.T) {
	for k, c := range plainCases(t) {
		p, err := FitIsotropic(t.Context(), c.shape, c.X, c.D, math.Sqrt(float64(c.D)), c.Y)
		if err != nil {
			t.Fatal(err)
		}
		if p.Objective() > c.BestObjective+1e-6 {
			t.Errorf("case %d: objective %v, scikit-learn reached %v", k, p.Objective(), c.BestObjective)
		}
		allNear(t, "parameters", p.Theta(), c.Best, 2e-3)
		got, err := p.Predict(t.Context(), c.Test)
		if err != nil {
			t.Fatal(err)
		}
		allNear(t, "predictions", got, c.Predictions, 1e-3)
		one, err := p.Predict(t.Context(), c.Test[:c.D])
		if err != nil {
			t.Fatal(err)
		}
		if one[0] != got[0] {
			t.Errorf("row 0 is %v alone, %v among others", one[0], got[0])
		}
	}
}

// TestGivenKernels gives the kernel of the process above as a matrix, beside
// one that knows nothing of the rows.
func TestGivenKernels(t *testing.T) {
	c := plainCases(t)[3]
	n := len(c.Y)
	l := newLikelihood(c.Y)
	l.shape, l.distances = c.shape, newTriangle(n)
	l.distances.distances(c.X, n, c.D)
	l.kernelAt([]float64{0, 0, c.Best[2]})
	nothing := newTriangle(n)
	for i := range n {
		nothing.row(i)[i] = 1
	}
	best, weights, err := FitKernels(t.Context(), [][]float64{nothing, l.kernel}, c.Y)
	if err != nil || best != 1 {
		t.Fatalf("got kernel %d, %v, want 1", best, err)
	}
	for k, want := range c.Predictions {
		got := 0.0
		for i := range n {
			sum := 0.0
			for j := range c.D {
				e := c.X[i*c.D+j] - c.Test[k*c.D+j]
				sum += e * e
			}
			s := math.Sqrt(5*sum) / math.Exp(c.Best[2])
			got += weights[i] * (1 + s + s*s/3) * math.Exp(-s)
		}
		near(t, "prediction", got, want, 1e-3)
	}
}

func TestMistakesOfPlainFits(t *testing.T) {
	c := plainCases(t)[0]
	if _, err := FitIsotropic(t.Context(), RBF, c.X, c.D, math.Sqrt(float64(c.D)), c.Y[1:]); err == nil {
		t.Error("a label short: no error")
	}
	if _, _, err := FitKernels(t.Context(), nil, c.Y); err == nil {
		t.Error("no kernels: no error")
	}
	if _, _, err := FitKernels(t.Context(), [][]float64{{1}}, c.Y); err == nil {
		t.Error("a small kernel: no error")
	}
	p, err := FitIsotropic(t.Context(), RBF, c.X, c.D, math.Sqrt(float64(c.D)), c.Y)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Predict(t.Context(), c.X[1:]); err == nil {
		t.Error("a number short: no error")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := FitIsotropic(ctx, RBF, c.X, c.D, math.Sqrt(float64(c.D)), c.Y); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: got %v", err)
	}
}
