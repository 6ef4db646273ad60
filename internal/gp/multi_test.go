package gp

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"
)

// warpCase is a case of testdata/cases.json, which testdata/make_cases.py wrote
// with testdata/gp_warp.py: a plain implementation in numpy and scipy.
type warpCase struct {
	Embedding     *string
	Raw           map[string][][]float64
	CenterOnly    []string `json:"centre_only"`
	Train         int
	Y, U, Theta   []float64
	Objective     float64
	Gradient      []float64
	Warped        []float64
	AtMedians     float64 `json:"objective_at_medians"`
	Map           []float64
	MapObjective  float64 `json:"map_objective"`
	Predictions   []float64
	config        Config
	rows, predict [][]float64
}

func warpCases(t testing.TB) []warpCase {
	t.Helper()
	data, err := os.ReadFile("testdata/cases.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []warpCase
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	for k := range cases {
		c := &cases[k]
		names := []string{"A", "B", "C"}
		if c.Embedding != nil {
			names = append(names, *c.Embedding)
		}
		c.config = Config{Warp: true}
		if c.Embedding != nil {
			c.config.Embeddings = 1
		}
		for _, name := range names {
			x, d := scaled(c.Raw[name], slices.Contains(c.CenterOnly, name))
			c.config.Dims = append(c.config.Dims, d)
			c.rows = append(c.rows, x[:c.Train*d])
			c.predict = append(c.predict, x[c.Train*d:])
		}
	}
	return cases
}

// scaled is what feature.Scaling does, written anew from the definition.
func scaled(x [][]float64, centerOnly bool) (flat []float64, d int) {
	n := float64(len(x))
	var columns [][]float64
	for j := range x[0] {
		mean, squares := 0.0, 0.0
		for i := range x {
			mean += x[i][j] / n
		}
		for i := range x {
			squares += (x[i][j] - mean) * (x[i][j] - mean) / n
		}
		sd := math.Sqrt(squares)
		if sd <= 1e-9 && !centerOnly {
			continue
		}
		if centerOnly {
			sd = 1
		}
		column := make([]float64, len(x))
		for i := range x {
			column[i] = (x[i][j] - mean) / sd
		}
		columns = append(columns, column)
	}
	total := 0.0
	for i := range x {
		for _, c := range columns {
			flat = append(flat, c[i])
			total += c[i] * c[i] / n
		}
	}
	for i := range flat {
		flat[i] /= math.Sqrt(2 * total)
	}
	return flat, len(columns)
}

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance*max(1, math.Abs(want))) {
		t.Errorf("%s: got %v, want %v within %v", what, got, want, tolerance)
	}
}

func allNear(t *testing.T, what string, got, want []float64, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: got %d values, want %d", what, len(got), len(want))
	}
	for i := range got {
		near(t, what, got[i], want[i], tolerance)
	}
}

func TestPosteriorEqualsTheReference(t *testing.T) {
	for _, c := range warpCases(t) {
		u := make([]float64, c.Train)
		robustTo(u, c.Y)
		allNear(t, "robust labels", u, c.U, 1e-12)
		p := newPosterior(&c.config, c.rows, u)
		grad := make([]float64, p.count())
		near(t, "objective at medians", p.at(p.mean, grad), c.AtMedians, 1e-10)
		near(t, "objective", p.at(c.Theta, grad), c.Objective, 1e-10)
		allNear(t, "gradient", grad, c.Gradient, 1e-8)
		allNear(t, "warped labels", p.t, c.Warped, 1e-12)
	}
}

// TestMAPEqualsTheReference compares parameters and predictions where scipy's
// L-BFGS-B stopped, which is within its tolerance of the optimum. Here the
// process also predicts the constant that the reference leaves out.
func TestMAPEqualsTheReference(t *testing.T) {
	for k, c := range warpCases(t) {
		m, err := Fit(t.Context(), c.config, c.rows, c.Y)
		if err != nil {
			t.Fatal(err)
		}
		if m.Objective() > c.MapObjective+1e-9 {
			t.Errorf("case %d: objective %v, the reference reached %v", k, m.Objective(), c.MapObjective)
		}
		near(t, "objective reached", m.Objective(), c.MapObjective, 1e-6)
		allNear(t, "parameters", m.Theta(), c.Map, 5e-3)
		got, err := m.Predict(t.Context(), c.predict)
		if err != nil {
			t.Fatal(err)
		}
		for i := range got {
			got[i] -= m.sum
		}
		allNear(t, "predictions", got, c.Predictions, 2e-3)

		// At the reference's own parameters nothing is left to the optimizer.
		m.theta = c.Map
		p := newPosterior(&c.config, c.rows, c.U)
		p.labelsAt(c.Map)
		p.kernelAt(c.Map)
		p.factor.set(p.kernel, math.Exp(c.Map[p.noise()])+jitter)
		if m.alpha, err = p.factor.solve(t.Context(), p.t); err != nil {
			t.Fatal(err)
		}
		m.sum = 0
		if got, err = m.Predict(t.Context(), c.predict); err != nil {
			t.Fatal(err)
		}
		allNear(t, "predictions at the reference's parameters", got, c.Predictions, 1e-9)
	}
}

// TestGradientWithoutWarp compares with differences of the objective.
func TestGradientWithoutWarp(t *testing.T) {
	for _, c := range warpCases(t)[1:3] {
		c.config.Warp = false
		p := newPosterior(&c.config, c.rows, c.U)
		theta := c.Theta[:p.count()]
		grad, scratch := make([]float64, p.count()), make([]float64, p.count())
		p.at(theta, grad)
		for i := range theta {
			const h = 1e-5
			x := slices.Clone(theta)
			x[i] += h
			up := p.at(x, scratch)
			x[i] -= 2 * h
			near(t, "derivative", grad[i], (up-p.at(x, scratch))/(2*h), 1e-6)
		}
	}
}

func TestRowsPredictAlikeInAnyCompany(t *testing.T) {
	c := warpCases(t)[3]
	m, err := Fit(t.Context(), c.config, c.rows, c.Y)
	if err != nil {
		t.Fatal(err)
	}
	all, err := m.Predict(t.Context(), c.rows)
	if err != nil {
		t.Fatal(err)
	}
	one := make([][]float64, len(c.rows))
	for i := range all {
		for g, d := range c.config.Dims {
			one[g] = c.rows[g][i*d : (i+1)*d]
		}
		got, err := m.Predict(t.Context(), one)
		if err != nil {
			t.Fatal(err)
		}
		if got[0] != all[i] {
			t.Errorf("row %d: got %v alone, %v among others", i, got[0], all[i])
		}
	}
}

// many returns n rows of two groups with a smooth function of them.
func many(n int) (Config, [][]float64, []float64) {
	rng := rand.New(rand.NewPCG(1, 0))
	c := Config{Dims: []int{2, 1}, Warp: true, Iterations: 3}
	rows := [][]float64{make([]float64, 2*n), make([]float64, n)}
	y := make([]float64, n)
	for i := range n {
		rows[0][2*i], rows[0][2*i+1], rows[1][i] = rng.NormFloat64()/2, rng.NormFloat64()/2, rng.NormFloat64()/math.Sqrt2
		y[i] = math.Sin(2*rows[0][2*i]) + rows[1][i]*rows[1][i] + .01*rng.NormFloat64()
	}
	return c, rows, y
}

// TestManyRows fits parameters on some rows and conditions on more.
func TestManyRows(t *testing.T) {
	n := fitRows + 200
	c, rows, y := many(n + 50)
	m, err := Fit(t.Context(), c, [][]float64{rows[0][:2*n], rows[1][:n]}, y[:n])
	if err != nil {
		t.Fatal(err)
	}
	if got := len(m.Labels()); got != n {
		t.Errorf("conditioned on %d labels, want %d", got, n)
	}
	got, err := m.Predict(t.Context(), [][]float64{rows[0][2*n:], rows[1][n:]})
	if err != nil {
		t.Fatal(err)
	}
	worst := 0.0
	for i := range got {
		for j := range got {
			if y[n+i]-y[n+j] > .2 && got[i] <= got[j] {
				worst = max(worst, y[n+i]-y[n+j])
			}
		}
	}
	if worst > 0 {
		t.Errorf("two rows whose values differ by %v are predicted in the wrong order", worst)
	}
}

func TestLabelsWithoutInformation(t *testing.T) {
	c := warpCases(t)[0]
	for name, y := range map[string][]float64{
		"one label":       {90},
		"two equal":       {90, 90},
		"constant":        slices.Repeat([]float64{90}, c.Train),
		"all but one are": append(slices.Repeat([]float64{90}, c.Train-1), 10),
	} {
		for _, warp := range []bool{true, false} {
			config := c.config
			config.Warp = warp
			rows := make([][]float64, len(c.rows))
			for g, d := range config.Dims {
				rows[g] = c.rows[g][:len(y)*d]
			}
			m, err := Fit(t.Context(), config, rows, y)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			got, err := m.Predict(t.Context(), c.predict)
			if err != nil {
				t.Fatal(err)
			}
			for _, x := range got {
				if math.IsNaN(x) || math.IsInf(x, 0) {
					t.Errorf("%s, warp %v: predicts %v", name, warp, got)
					break
				}
			}
		}
	}
}

func TestMistakes(t *testing.T) {
	c := warpCases(t)[0]
	for name, try := range map[string]func() error{
		"no labels":      func() error { _, err := Fit(t.Context(), c.config, c.rows, nil); return err },
		"no features":    func() error { _, err := Fit(t.Context(), Config{}, nil, c.Y); return err },
		"a row short":    func() error { _, err := Fit(t.Context(), c.config, c.rows, c.Y[1:]); return err },
		"a group short":  func() error { _, err := Fit(t.Context(), c.config, c.rows[1:], c.Y); return err },
		"other rows":     func() error { return predictError(t, c, c.predict[1:]) },
		"uneven numbers": func() error { return predictError(t, c, [][]float64{{1}, {1}, {1}}) },
	} {
		if try() == nil {
			t.Errorf("%s: no error", name)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Fit(ctx, c.config, c.rows, c.Y); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: got %v", err)
	}
}

func predictError(t *testing.T, c warpCase, rows [][]float64) error {
	t.Helper()
	m, err := Fit(t.Context(), c.config, c.rows, c.Y)
	if err != nil {
		t.Fatal(err)
	}
	_, err = m.Predict(t.Context(), rows)
	return err
}

// TestTwoEmbeddings compares the gradient with central differences, and the
// predictions with the definition: each embedding has a kernel of its own.
func TestTwoEmbeddings(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	c := Config{Dims: []int{2, 3, 2, 4}, Embeddings: 2, Warp: true}
	const n, m = 12, 5
	draw := func(n int) [][]float64 {
		rows := make([][]float64, len(c.Dims))
		for g, d := range c.Dims {
			for range n * d {
				rows[g] = append(rows[g], rng.NormFloat64()/math.Sqrt(2*float64(d)))
			}
		}
		return rows
	}
	rows, test := draw(n), draw(m)
	labels := make([]float64, n)
	for i := range labels {
		labels[i] = rows[0][2*i] - rows[2][2*i] + .5*rows[3][4*i] + .1*rng.NormFloat64()
	}
	u := make([]float64, n)
	robustTo(u, labels)
	p := newPosterior(&c, rows, u)
	if got, want := len(p.mean), 1+2*2+2*3+1+2; got != want {
		t.Fatalf("%d parameters, want %d", got, want)
	}
	theta, grad, scratch := slices.Clone(p.mean), make([]float64, len(p.mean)), make([]float64, len(p.mean))
	for i := range theta {
		theta[i] += .3 * rng.NormFloat64()
	}
	p.at(theta, grad)
	const h = 1e-5
	for i := range theta {
		x := theta[i]
		theta[i] = x + h
		up := p.at(theta, scratch)
		theta[i] = x - h
		down := p.at(theta, scratch)
		theta[i] = x
		if want := (up - down) / (2 * h); math.Abs(grad[i]-want) > 1e-6*(1+math.Abs(want)) {
			t.Errorf("parameter %d: derivative %v, want %v", i, grad[i], want)
		}
	}

	model, err := Fit(t.Context(), c, rows, labels)
	if err != nil {
		t.Fatal(err)
	}
	got, err := model.Predict(t.Context(), test)
	if err != nil {
		t.Fatal(err)
	}
	th := model.Theta()
	v := func(i int) float64 { return math.Exp(th[i]) }
	matern := func(r2 float64) float64 {
		s := math.Sqrt(5 * r2)
		return (1 + s + s*s/3) * math.Exp(-s)
	}
	kernel := func(a [][]float64, i int, b [][]float64, j int) float64 {
		distance, inner := make([]float64, 4), make([]float64, 4)
		for g, d := range c.Dims {
			for k := range d {
				x, y := a[g][i*d+k], b[g][j*d+k]
				distance[g] += (x - y) * (x - y)
				inner[g] += x * y
			}
		}
		return v(0)*matern(distance[0]/v(1)/v(1)+distance[1]/v(2)/v(2)) + v(3)*2*inner[0] + v(4)*2*inner[1] +
			v(5)*matern(distance[2]/v(6)/v(6)) + v(7)*2*inner[2] + v(8)*matern(distance[3]/v(9)/v(9)) + v(10)*2*inner[3] + 1
	}
	k := mat.NewSymDense(n, nil)
	for i := range n {
		for j := range i + 1 {
			k.SetSym(i, j, kernel(rows, i, rows, j))
		}
		k.SetSym(i, i, k.At(i, i)+v(11)+jitter)
	}
	var cholesky mat.Cholesky
	var alpha mat.VecDense
	if !cholesky.Factorize(k) {
		t.Fatal("the kernel is not positive definite")
	}
	if err := cholesky.SolveVecTo(&alpha, mat.NewVecDense(n, model.Labels())); err != nil {
		t.Fatal(err)
	}
	for j := range m {
		want := 0.0
		for i := range n {
			want += alpha.AtVec(i) * kernel(test, j, rows, i)
		}
		if math.Abs(got[j]-want) > 1e-8 {
			t.Errorf("row %d: got %v, want %v", j, got[j], want)
		}
	}
}
