package gp

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/gonum/floats"

	"github.com/hypernas/hypernas/internal/parallel"
)

// Config says what [Fit] fits.
type Config struct {
	// Dims holds the number of columns of each group of features, at least 1.
	// Groups are expected at a mean squared distance of 1 (feature.Scaling).
	Dims []int
	// Embeddings is how many of the groups, the last, are learned embeddings: each
	// has a kernel of its own beside the product of the others.
	Embeddings int
	// Warp says that labels are raw, and their warp is learned. Without it
	// labels are taken as they are, and should have mean 0 and deviation 1.
	Warp bool
	// Iterations bounds those of L-BFGS; 0 stands for 100.
	Iterations int
}

// Bounds of what a fit takes.
const (
	// fitRows is how many rows, the first, hyperparameters are fitted on: an
	// iteration costs their cube. With a thousand they are known well.
	fitRows = 1000
	// MaxRows is how many rows a process is conditioned on, the first: their
	// kernel matrix, which is factorized where it lies, takes 200 MB during a
	// fit.
	MaxRows = 5000
)

// OnlyFirst returns a warning for fits of more than MaxRows labels, and nothing
// for others.
func OnlyFirst(labels int) []string {
	if labels <= MaxRows {
		return nil
	}
	return []string{fmt.Sprintf("only the first %d of %d labels were used", MaxRows, labels)}
}

// OnlyFirstNote is what descriptions of predictors say of that.
func OnlyFirstNote() string {
	return fmt.Sprintf("of more than %d labels the first %d are used", MaxRows, MaxRows)
}

const (
	jitter   = 1e-6 // on the diagonal, beside the noise
	constant = 1    // the kernel of the mean
)

// Model is a fitted process. It is safe for use by several goroutines.
//
// The kernel is
//
//	v_P M52(sqrt(sum_g d_g^2 / l_g^2)) + sum_g v_g 2<x_g, x_g'>
//	  + sum_E v_E M52(d_E / l_E) + v_E' 2<x_E, x_E'> + 1 + noise,
//
// where E runs over the embeddings and g over the other groups, d_g is the distance in a
// group and M52 the Matern kernel of order 5/2.
type Model struct {
	config Config
	theta  []float64
	value  float64
	rows   [][]float64 // that it is conditioned on
	norms  [][]float64 // squared, by group and row
	labels []float64   // under the warp
	alpha  []float64
	sum    float64 // of alpha
}

// params names the parts of a vector of parameters, all logarithms, in the
// order of the reference (testdata/gp_warp.py): v_P, l_g, v_g; for each embedding
// v_E, l_E, v_E'; noise; with a warp a, b.
type params struct {
	groups     int // of the product kernel
	embeddings int
	warp       bool
}

func (c *Config) params() params {
	return params{groups: len(c.Dims) - c.Embeddings, embeddings: c.Embeddings, warp: c.Warp}
}

func (p *params) product() int        { return 0 }
func (p *params) length(g int) int    { return 1 + g }
func (p *params) linear(g int) int    { return 1 + p.groups + g }
func (p *params) embedding(e int) int { return 1 + 2*p.groups + 3*e }
func (p *params) noise() int          { return p.embedding(p.embeddings) }
func (p *params) warps() int          { return p.noise() + 1 }
func (p *params) count() int {
	if p.warp {
		return p.noise() + 3
	}
	return p.noise() + 1
}

// prior returns the log-normal priors: the logarithms of their medians and
// their deviations.
func (p *params) prior() (mean, sd []float64) {
	mean, sd = make([]float64, p.count()), make([]float64, p.count())
	set := func(i int, m, s float64) { mean[i], sd[i] = m, s }
	set(p.product(), math.Log(.5), 1.5)
	for g := range p.groups {
		set(p.length(g), .7, 1)
		set(p.linear(g), math.Log(.5/float64(p.groups)), 1.5)
	}
	for k := range p.embeddings {
		e := p.embedding(k)
		set(e, math.Log(.3), 1.5)
		set(e+1, .7, 1)
		set(e+2, math.Log(.3), 1.5)
	}
	set(p.noise(), math.Log(.05), 1)
	if p.warp {
		set(p.warps(), math.Log(.3), 1)
		set(p.warps()+1, math.Log(.3), 1)
	}
	return mean, sd
}

// boundDeviations is how far from its prior's median a parameter may go, in
// deviations: where the prior alone costs 12.5, so that bounds decide nothing,
// they only keep exponentials in range.
const boundDeviations = 5

// posterior computes the negative logarithm of the posterior.
type posterior struct {
	params
	n         int
	mean, sd  []float64
	u         []float64 // labels, to be warped or as they are
	distances []triangle
	inners    []triangle // 2<x, x'>
	// Scratch.
	t, tRate, gainRate, alpha []float64
	r2, slope, kernel, weight triangle
	slopesE                   []triangle
	factor                    *factorization
}

func newPosterior(c *Config, rows [][]float64, u []float64) *posterior {
	n := len(u)
	p := &posterior{params: c.params(), n: n, u: u, factor: newFactorization(n)}
	p.mean, p.sd = p.prior()
	for g, d := range c.Dims {
		distances, inners := newTriangle(n), newTriangle(n)
		distances.distances(rows[g], n, d)
		inners.inner(rows[g], n, d, 2)
		p.distances, p.inners = append(p.distances, distances), append(p.inners, inners)
	}
	p.t, p.tRate, p.gainRate, p.alpha = make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, n)
	p.r2, p.slope, p.kernel, p.weight = newTriangle(n), newTriangle(n), newTriangle(n), newTriangle(n)
	for range p.embeddings {
		p.slopesE = append(p.slopesE, newTriangle(n))
	}
	return p
}

// maternTo adds v M52(r) to the kernel, r2 being r^2, and writes
// 5/3 v (1 + s) exp(-s), s = sqrt(5) r, to slope: a term of r2 times that is
// the kernel's derivative by the logarithm of the term's length scale.
func maternTo(kernel, slope, r2 []float64, v float64) {
	for i, x := range r2 {
		s := math.Sqrt(5*x + tiny)
		e := v * math.Exp(-s)
		kernel[i] += (1 + s + s*s/3) * e
		slope[i] = 5. / 3 * (1 + s) * e
	}
}

// tiny keeps the root's derivative finite at distance 0.
const tiny = 1e-12

// labelsAt warps the labels and returns the sum of the warp's gains.
func (p *posterior) labelsAt(theta []float64) float64 {
	if !p.warp {
		copy(p.t, p.u)
		return 0
	}
	a, b := theta[p.warps()], theta[p.warps()+1]
	gain := 0.0
	for i, u := range p.u {
		w := warp(u, a, b)
		p.t[i], p.tRate[i], p.gainRate[i] = w.t, w.rate, w.gainRate
		gain += w.gain
	}
	return gain
}

// kernelAt computes the kernel without noise, and the slopes.
func (p *posterior) kernelAt(theta []float64) {
	clear(p.r2)
	for i := range p.kernel {
		p.kernel[i] = constant
	}
	for g := range p.groups {
		floats.AddScaled(p.r2, math.Exp(-2*theta[p.length(g)]), p.distances[g])
		floats.AddScaled(p.kernel, math.Exp(theta[p.linear(g)]), p.inners[g])
	}
	if p.groups > 0 {
		maternTo(p.kernel, p.slope, p.r2, math.Exp(theta[p.product()]))
	}
	for k := range p.embeddings {
		e := p.embedding(k)
		floats.AddScaled(p.kernel, math.Exp(theta[e+2]), p.inners[p.groups+k])
		p.embeddingDistances(theta, k)
		maternTo(p.kernel, p.slopesE[k], p.r2, math.Exp(theta[e]))
	}
}

// embeddingDistances writes the scaled squared distances in embedding k to r2.
func (p *posterior) embeddingDistances(theta []float64, k int) {
	copy(p.r2, p.distances[p.groups+k])
	floats.Scale(math.Exp(-2*theta[p.embedding(k)+1]), p.r2)
}

// at is the objective: the negative logarithm of the posterior at theta, up to
// a constant.
func (p *posterior) at(theta, grad []float64) float64 {
	gain := p.labelsAt(theta)
	p.kernelAt(theta)
	noise := math.Exp(theta[p.noise()])
	if p.factor.factorize(p.kernel, noise+jitter) != nil {
		return math.Inf(1)
	}
	p.factor.solveTo(p.alpha, p.t)
	value := .5*floats.Dot(p.t, p.alpha) + p.factor.halfLogDet() - gain
	trace := p.factor.residual(p.weight, p.alpha)
	if p.groups > 0 {
		// The Matern kernel itself follows from its slope, without another
		// exponential: v (1 + s + s^2/3) e^-s.
		grad[p.product()] = .5 * p.maternSum(theta)
		floats.Mul(p.slope, p.weight)
		for g := range p.groups {
			grad[p.length(g)] = .5 * math.Exp(-2*theta[p.length(g)]) * floats.Dot(p.slope, p.distances[g])
			grad[p.linear(g)] = .5 * math.Exp(theta[p.linear(g)]) * floats.Dot(p.weight, p.inners[g])
		}
	} else {
		grad[p.product()] = 0
	}
	for k := range p.embeddings {
		e := p.embedding(k)
		p.embeddingDistances(theta, k)
		grad[e] = .5 * sumMatern(p.weight, p.slopesE[k], p.r2)
		floats.Mul(p.slopesE[k], p.weight)
		grad[e+1] = .5 * floats.Dot(p.slopesE[k], p.r2)
		grad[e+2] = .5 * math.Exp(theta[e+2]) * floats.Dot(p.weight, p.inners[p.groups+k])
	}
	grad[p.noise()] = .5 * trace * noise
	if p.warp {
		a, b := p.warps(), p.warps()+1
		grad[a], grad[b] = 0, 0
		for i, u := range p.u {
			d := p.alpha[i]*p.tRate[i] - p.gainRate[i]
			if u < 0 {
				grad[a] += d
			} else {
				grad[b] += d
			}
		}
	}
	for i := range theta {
		q := (theta[i] - p.mean[i]) / p.sd[i]
		value += .5 * q * q
		grad[i] += q / p.sd[i]
	}
	return value
}

// maternSum returns the sum of weight times the product kernel.
func (p *posterior) maternSum(theta []float64) float64 {
	if p.embeddings == 0 {
		return sumMatern(p.weight, p.slope, p.r2)
	}
	// r2 was overwritten with an embedding's: build it again in scratch.
	r2 := p.kernel
	clear(r2)
	for g := range p.groups {
		floats.AddScaled(r2, math.Exp(-2*theta[p.length(g)]), p.distances[g])
	}
	return sumMatern(p.weight, p.slope, r2)
}

// sumMatern returns the sum of weight times v M52(r), whose slope is given (see
// maternTo).
func sumMatern(weight, slope, r2 []float64) float64 {
	sum := 0.0
	for i, x := range r2 {
		s := math.Sqrt(5*x + tiny)
		sum += weight[i] * slope[i] * (1 + s + s*s/3) / (1 + s)
	}
	return sum * 3 / 5
}

// Fit finds the parameters of the greatest posterior density for labels of
// rows, which hold for each group a row of its columns for each label, and
// conditions the process on them. It keeps rows. With more than 1,000 labels
// the parameters are fitted on the first 1,000; only the first MaxRows are used
// at all. Its error is the context's, or says what is wrong with the input.
func Fit(ctx context.Context, c Config, rows [][]float64, labels []float64) (*Model, error) {
	n := len(labels)
	if n == 0 {
		return nil, errors.New("fit Gaussian process: no labels")
	}
	if len(rows) != len(c.Dims) {
		return nil, fmt.Errorf("fit Gaussian process: %d groups of rows, want %d", len(rows), len(c.Dims))
	}
	if len(c.Dims) == 0 {
		return nil, errors.New("fit Gaussian process: no features")
	}
	for g, d := range c.Dims {
		if d < 1 || len(rows[g]) != n*d {
			return nil, fmt.Errorf("fit Gaussian process: group %d has %d numbers for %d rows of %d", g, len(rows[g]), n, d)
		}
	}
	if c.Iterations == 0 {
		c.Iterations = 100
	}
	c.Dims = slices.Clone(c.Dims)
	n = min(n, MaxRows)
	u := make([]float64, n)
	if c.Warp {
		robustTo(u, labels[:n])
	} else {
		copy(u, labels)
	}
	p := newPosterior(&c, rows, u[:min(n, fitRows)])
	m := &Model{config: c, theta: slices.Clone(p.mean)}
	bounds := box{make([]float64, len(p.mean)), make([]float64, len(p.mean))}
	for i := range p.mean {
		bounds.low[i], bounds.high[i] = p.mean[i]-boundDeviations*p.sd[i], p.mean[i]+boundDeviations*p.sd[i]
	}
	var err error
	if m.value, err = minimize(ctx, p.at, m.theta, bounds, c.Iterations); err != nil {
		return nil, err
	}
	if math.IsInf(m.value, 1) {
		return nil, fmt.Errorf("fit Gaussian process: %w", errIndefinite)
	}
	for g, d := range c.Dims {
		m.rows, m.norms = append(m.rows, rows[g][:n*d]), append(m.norms, norms(rows[g], n, d))
	}
	m.labels = u
	if c.Warp {
		a, b := m.theta[p.warps()], m.theta[p.warps()+1]
		for i := range u {
			m.labels[i] = warp(u[i], a, b).t
		}
	}
	f, noise := p.factor, math.Exp(m.theta[p.noise()])+jitter
	if n <= fitRows {
		p.kernelAt(m.theta)
		f.set(p.kernel, noise)
	} else {
		f = newFactorization(n)
		if err := m.kernelOf(ctx, f); err != nil {
			return nil, err
		}
		f.addDiagonal(noise)
	}
	if m.alpha, err = f.solve(ctx, m.labels); err != nil {
		return nil, err
	}
	m.sum = floats.Sum(m.alpha)
	return m, nil
}

// kernelOf sets f's matrix to the kernel of the rows that the process is
// conditioned on, some rows at a time. Its error is the context's.
func (m *Model) kernelOf(ctx context.Context, f *factorization) error {
	s := m.newScratch(f.n)
	for from := 0; from < f.n; from += predictRows {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		size := min(predictRows, f.n-from)
		n := from + size // no row needs those after it
		kernel := m.kernelTo(s, m.rows, from, size, n)
		for i := range size {
			row := kernel[i*n : (i+1)*n]
			floats.AddConst(constant, row)
			f.setRow(from+i, row)
		}
	}
	return nil
}

// Theta returns the logarithms of the parameters: v_P, l_g, v_g, then for each
// embedding v_E, l_E, v_E', then noise, then with a warp a and b.
func (m *Model) Theta() []float64 { return slices.Clone(m.theta) }

// Objective returns the negative logarithm of the posterior that was reached,
// up to a constant.
func (m *Model) Objective() float64 { return m.value }

// Labels returns the labels that the process was conditioned on, under the
// warp: what its predictions are on the scale of.
func (m *Model) Labels() []float64 { return slices.Clone(m.labels) }

// predictRows is the number of rows that are predicted at once. It is the same
// in every call, short blocks being filled up, so that no row's sums depend on
// how many others there are.
const predictRows = 64

// Predict returns the posterior mean, on the scale of Labels, for rows that
// hold for each group a row of its columns for each prediction. It needs memory
// for some hundred rows of the kernel at a time. Its error is the context's.
func (m *Model) Predict(ctx context.Context, rows [][]float64) ([]float64, error) {
	if len(rows) != len(m.config.Dims) {
		return nil, fmt.Errorf("predict with Gaussian process: %d groups of rows, want %d", len(rows), len(m.config.Dims))
	}
	count := 0
	for g, d := range m.config.Dims {
		if g == 0 {
			count = len(rows[0]) / d
		}
		if len(rows[g]) != count*d {
			return nil, fmt.Errorf("predict with Gaussian process: group %d has %d numbers for %d rows of %d", g, len(rows[g]), count, d)
		}
	}
	n := len(m.alpha)
	means := make([]float64, count)
	blocks := (count + predictRows - 1) / predictRows
	scratch := make([]*scratch, parallel.Workers(blocks))
	for i := range scratch {
		scratch[i] = m.newScratch(n)
	}
	err := parallel.Each(blocks, func(worker, block int) error {
		from := block * predictRows
		size := min(predictRows, count-from)
		kernel := m.kernelTo(scratch[worker], rows, from, size, n)
		for i := range size {
			means[from+i] = floats.Dot(kernel[i*n:(i+1)*n], m.alpha) + constant*m.sum
		}
		return ctx.Err()
	})
	return means, err
}

// scratch is what computing some rows of the kernel takes.
type scratch struct{ products, r2, kernel, slope, block []float64 }

func (m *Model) newScratch(n int) *scratch {
	return &scratch{
		make([]float64, predictRows*n), make([]float64, predictRows*n), make([]float64, predictRows*n),
		make([]float64, predictRows*n), make([]float64, predictRows*slices.Max(m.config.Dims)),
	}
}

// kernelTo returns, in s, the kernel but for the mean's of predictRows rows,
// of which size begin at row from of rows and the others don't count, with the
// first n rows that the process is conditioned on.
func (m *Model) kernelTo(s *scratch, rows [][]float64, from, size, n int) []float64 {
	p := m.config.params()
	products, r2 := s.products[:predictRows*n], s.r2[:predictRows*n]
	kernel, slope := s.kernel[:predictRows*n], s.slope[:predictRows*n]
	clear(r2)
	clear(kernel)
	for g, d := range m.config.Dims {
		z := s.block[:predictRows*d]
		clear(z[copy(z, rows[g][from*d:(from+size)*d]):])
		productsTo(products, z, m.rows[g], d, n)
		linear, length := p.linear(g), p.length(g)
		if g >= p.groups {
			// What was before is complete; an embedding's kernel is by itself.
			if g > 0 {
				maternTo(kernel, slope, r2, math.Exp(m.theta[p.variance(g-1)]))
			}
			clear(r2)
			e := p.embedding(g - p.groups)
			linear, length = e+2, e+1
		}
		floats.AddScaled(kernel, 2*math.Exp(m.theta[linear]), products)
		scale := math.Exp(-2 * m.theta[length])
		for i, norm := range norms(z, predictRows, d) {
			row, inner := r2[i*n:(i+1)*n], products[i*n:(i+1)*n]
			for j, x := range m.norms[g][:n] {
				row[j] += scale * max(norm+x-2*inner[j], 0)
			}
		}
	}
	maternTo(kernel, slope, r2, math.Exp(m.theta[p.variance(len(m.config.Dims)-1)]))
	return kernel
}

// variance is the place of the variance of the Matern kernel that group g belongs
// to.
func (p *params) variance(g int) int {
	if g < p.groups {
		return p.product()
	}
	return p.embedding(g - p.groups)
}
