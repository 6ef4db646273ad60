package gp

import (
	"context"
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/floats"
)

// Kernel is a function of the distance of two rows.
type Kernel int

// The kernels (Rasmussen and Williams, section 4.2.1).
const (
	RBF      Kernel = iota // exp(-r^2 / 2)
	Matern52               // (1 + sqrt(5) r + 5/3 r^2) exp(-sqrt(5) r)
)

// to adds v times the kernel of the squared distances r2 to kernel, and writes
// its derivative by the logarithm of the length scale, divided by r2, to slope.
func (k Kernel) to(kernel, slope, r2 []float64, v float64) {
	if k == Matern52 {
		maternTo(kernel, slope, r2, v)
		return
	}
	for i, x := range r2 {
		slope[i] = v * math.Exp(-x/2)
		kernel[i] += slope[i]
	}
}

// Bounds of the plain process and where its search begins. Labels are expected
// with mean 0 and deviation 1.
const (
	lengthLow, lengthHigh       = .1, 30 // times the length given, where it begins
	noiseLow, noiseHigh         = 1e-3, 1
	noiseFirst                  = .1
	amplitudeLow, amplitudeHigh = .01, 100 // begins at 1
	plainIterations             = 100
)

// likelihood computes the negative logarithm of the marginal likelihood of the
// process amplitude k + noise, with the parameters log amplitude, log noise
// and, where k has one, log length scale.
type likelihood struct {
	labels    []float64
	shape     Kernel
	distances triangle // squared; nil where the kernel is given
	given     triangle
	// Scratch.
	alpha                     []float64
	r2, kernel, slope, weight triangle
	factor                    *factorization
}

func newLikelihood(labels []float64) *likelihood {
	n := len(labels)
	return &likelihood{
		labels: labels, alpha: make([]float64, n), factor: newFactorization(n),
		r2: newTriangle(n), kernel: newTriangle(n), slope: newTriangle(n), weight: newTriangle(n),
	}
}

// kernelAt computes the kernel without noise.
func (l *likelihood) kernelAt(theta []float64) {
	clear(l.kernel)
	amplitude := math.Exp(theta[0])
	if l.given != nil {
		floats.AddScaled(l.kernel, amplitude, l.given)
		return
	}
	copy(l.r2, l.distances)
	floats.Scale(math.Exp(-2*theta[2]), l.r2)
	l.shape.to(l.kernel, l.slope, l.r2, amplitude)
}

// at is the objective.
func (l *likelihood) at(theta, grad []float64) float64 {
	l.kernelAt(theta)
	noise := math.Exp(theta[1])
	if l.factor.factorize(l.kernel, noise+jitter) != nil {
		return math.Inf(1)
	}
	l.factor.solveTo(l.alpha, l.labels)
	n := float64(len(l.labels))
	value := .5*floats.Dot(l.labels, l.alpha) + l.factor.halfLogDet() + .5*n*math.Log(2*math.Pi)
	trace := l.factor.residual(l.weight, l.alpha)
	grad[0] = .5 * floats.Dot(l.weight, l.kernel)
	grad[1] = .5 * trace * noise
	if l.given == nil {
		floats.Mul(l.slope, l.weight)
		grad[2] = .5 * floats.Dot(l.slope, l.r2)
	}
	return value
}

// fit returns the parameters of the greatest marginal likelihood and its
// negative logarithm.
func (l *likelihood) fit(ctx context.Context, length float64) ([]float64, float64, error) {
	theta := []float64{0, math.Log(noiseFirst)}
	b := box{[]float64{math.Log(amplitudeLow), math.Log(noiseLow)}, []float64{math.Log(amplitudeHigh), math.Log(noiseHigh)}}
	if l.given == nil {
		theta = append(theta, math.Log(length))
		b.low, b.high = append(b.low, math.Log(length*lengthLow)), append(b.high, math.Log(length*lengthHigh))
	}
	value, err := minimize(ctx, l.at, theta, b, plainIterations)
	if err == nil && math.IsInf(value, 1) {
		err = errIndefinite
	}
	return theta, value, err
}

// Isotropic is a fitted process with one length scale. It is safe for use by
// several goroutines.
type Isotropic struct {
	kernel      Kernel
	d           int
	theta       []float64
	value       float64
	rows, norms []float64
	alpha       []float64
}

// FitIsotropic finds the amplitude, noise and length scale of the greatest
// marginal likelihood (Rasmussen and Williams, equation 5.8) for labels, whose
// mean should be 0, of rows x of d columns each, within bounds: amplitude in
// [.01, 100], noise in [.001, 1], length scale in length x [.1, 30]. The length
// should be that of two rows' distance over sqrt(2): sqrt(d) where columns have
// deviation 1. It keeps x.
// With more than 1,000 labels the parameters are fitted on the first 1,000;
// only the first MaxRows are used at all.
func FitIsotropic(ctx context.Context, k Kernel, x []float64, d int, length float64, labels []float64) (*Isotropic, error) {
	n := len(labels)
	if n == 0 || d < 1 || len(x) != n*d {
		return nil, fmt.Errorf("fit Gaussian process: %d numbers for %d rows of %d", len(x), n, d)
	}
	n = min(n, MaxRows)
	labels, x = labels[:n], x[:n*d]
	m := min(n, fitRows)
	l := newLikelihood(labels[:m])
	l.shape, l.distances = k, newTriangle(m)
	l.distances.distances(x, m, d)
	theta, value, err := l.fit(ctx, length)
	if err != nil {
		return nil, err
	}
	p := &Isotropic{kernel: k, d: d, theta: theta, value: value, rows: x, norms: norms(x, n, d)}
	f, noise := l.factor, math.Exp(theta[1])+jitter
	if n == m {
		l.kernelAt(theta)
		f.set(l.kernel, noise)
	} else {
		f = newFactorization(n)
		if err := p.kernelOf(ctx, f); err != nil {
			return nil, err
		}
		f.addDiagonal(noise)
	}
	p.alpha, err = f.solve(ctx, labels)
	return p, err
}

// kernelOf sets f's matrix to the kernel of the rows that the process is
// conditioned on, some rows at a time. Its error is the context's.
func (p *Isotropic) kernelOf(ctx context.Context, f *factorization) error {
	s := p.newScratch(f.n)
	for from := 0; from < f.n; from += predictRows {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		size := min(predictRows, f.n-from)
		n := from + size // no row needs those after it
		kernel := p.kernelTo(s, p.rows, from, size, n)
		for i := range size {
			f.setRow(from+i, kernel[i*n:(i+1)*n])
		}
	}
	return nil
}

// norms returns the squared lengths of n rows of x.
func norms(x []float64, n, d int) []float64 {
	squares := make([]float64, n)
	for i := range squares {
		squares[i] = floats.Dot(x[i*d:(i+1)*d], x[i*d:(i+1)*d])
	}
	return squares
}

// Theta returns the logarithms of amplitude, noise and length scale.
func (p *Isotropic) Theta() []float64 { return append([]float64(nil), p.theta...) }

// Objective returns the negative logarithm of the marginal likelihood that was
// reached.
func (p *Isotropic) Objective() float64 { return p.value }

// Predict returns the posterior mean for rows x. Its error is the context's.
func (p *Isotropic) Predict(ctx context.Context, x []float64) ([]float64, error) {
	n, d := len(p.alpha), p.d
	if len(x)%d != 0 {
		return nil, errors.New("predict with Gaussian process: rows have another length")
	}
	means := make([]float64, len(x)/d)
	s := p.newScratch(n)
	for from := 0; from < len(means); from += predictRows {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		size := min(predictRows, len(means)-from)
		kernel := p.kernelTo(s, x, from, size, n)
		for i := range size {
			means[from+i] = floats.Dot(kernel[i*n:(i+1)*n], p.alpha)
		}
	}
	return means, nil
}

func (p *Isotropic) newScratch(n int) *scratch {
	return &scratch{
		r2: make([]float64, predictRows*n), kernel: make([]float64, predictRows*n),
		slope: make([]float64, predictRows*n), block: make([]float64, predictRows*p.d),
	}
}

// kernelTo returns, in s, the kernel of predictRows rows, of which size begin
// at row from of x and the others don't count, with the first n rows that the
// process is conditioned on.
func (p *Isotropic) kernelTo(s *scratch, x []float64, from, size, n int) []float64 {
	d, z := p.d, s.block
	r2, kernel, slope := s.r2[:predictRows*n], s.kernel[:predictRows*n], s.slope[:predictRows*n]
	scale := math.Exp(-2 * p.theta[2])
	clear(z[copy(z, x[from*d:(from+size)*d]):])
	productsTo(r2, z, p.rows, d, n)
	for i, norm := range norms(z, predictRows, d) {
		row := r2[i*n : (i+1)*n]
		for j, inner := range row {
			row[j] = scale * max(norm+p.norms[j]-2*inner, 0)
		}
	}
	clear(kernel)
	p.kernel.to(kernel, slope, r2, math.Exp(p.theta[0]))
	return kernel
}

// productsTo writes the inner products of predictRows rows z with n rows x, d
// numbers each, to dst.
func productsTo(dst, z, x []float64, d, n int) {
	blas64.Gemm(blas.NoTrans, blas.Trans, 1,
		blas64.General{Rows: predictRows, Cols: d, Stride: d, Data: z},
		blas64.General{Rows: n, Cols: d, Stride: d, Data: x},
		0, blas64.General{Rows: predictRows, Cols: n, Stride: n, Data: dst})
}

// FitKernels finds, for each of the given kernel matrices of the labels' rows,
// the amplitude and noise of the greatest marginal likelihood, within the
// bounds of [FitIsotropic], and returns the index of the best matrix and the
// weights whose sum with a row's kernel values to the labels' rows is its
// posterior mean. A matrix is given by its lower triangle, row after row. Of
// equally good ones it takes the first. There are as many labels as rows, at
// most MaxRows.
func FitKernels(ctx context.Context, kernels [][]float64, labels []float64) (best int, weights []float64, err error) {
	n := len(labels)
	if n == 0 || n > MaxRows {
		return 0, nil, fmt.Errorf("fit Gaussian process: %d labels; it takes 1 to %d", n, MaxRows)
	}
	m := min(n, fitRows)
	l := newLikelihood(labels[:m])
	least := math.Inf(1)
	var chosen []float64
	for k, kernel := range kernels {
		if len(kernel) != len(newTriangle(n)) {
			return 0, nil, fmt.Errorf("fit Gaussian process: kernel %d has %d numbers for %d rows", k, len(kernel), n)
		}
		l.given = triangle(kernel)[:len(l.kernel)]
		theta, value, err := l.fit(ctx, 1)
		if err != nil {
			return 0, nil, err
		}
		if value < least {
			best, least, chosen = k, value, theta
		}
	}
	if chosen == nil {
		return 0, nil, errors.New("fit Gaussian process: no kernels")
	}
	f, amplitude := newFactorization(n), math.Exp(chosen[0])
	f.set(kernels[best], 0)
	floats.Scale(amplitude, f.full)
	f.addDiagonal(math.Exp(chosen[1]) + jitter)
	if weights, err = f.solve(ctx, labels); err != nil {
		return 0, nil, err
	}
	floats.Scale(amplitude, weights)
	return best, weights, nil
}
