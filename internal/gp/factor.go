package gp

import (
	"context"
	"errors"
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas64"
	"gonum.org/v1/gonum/lapack/lapack64"
)

// errIndefinite says that a kernel matrix could not be factorized.
var errIndefinite = errors.New("kernel matrix is not positive definite")

// triangle is the lower triangle of a symmetric n x n matrix, row after row:
// element (i, j), j <= i, at i(i+1)/2 + j. Everything that goes element by
// element runs over one slice.
type triangle []float64

func newTriangle(n int) triangle { return make(triangle, n*(n+1)/2) }

// row returns elements (i, 0) to (i, i).
func (t triangle) row(i int) []float64 { return t[i*(i+1)/2 : (i+1)*(i+2)/2] }

// inner sets t to factor times the inner products of the rows of x, of which
// there are n with d numbers each.
func (t triangle) inner(x []float64, n, d int, factor float64) {
	products := make([]float64, n*n)
	if n > 0 && d > 0 {
		blas64.Syrk(blas.NoTrans, factor, blas64.General{Rows: n, Cols: d, Stride: d, Data: x}, 0,
			blas64.Symmetric{N: n, Stride: n, Data: products, Uplo: blas.Lower})
	}
	for i := range n {
		copy(t.row(i), products[i*n:])
	}
}

// distances sets t to the squared distances of the rows of x.
func (t triangle) distances(x []float64, n, d int) {
	t.inner(x, n, d, 1)
	squares := make([]float64, n)
	for i := range squares {
		squares[i] = t.row(i)[i]
	}
	for i := range n {
		row := t.row(i)
		for j := range row {
			row[j] = max(squares[i]+squares[j]-2*row[j], 0)
		}
	}
}

// factorization is the Cholesky factorization of an n x n matrix.
type factorization struct {
	n    int
	full []float64 // n x n
	tri  blas64.Triangular
}

func newFactorization(n int) *factorization {
	return &factorization{n: n, full: make([]float64, n*n)}
}

// setRow sets row i of the matrix that is to be factorized, up to its diagonal.
func (f *factorization) setRow(i int, row []float64) {
	// gonum's upper triangle is the faster one.
	for j, x := range row[:i+1] {
		f.full[j*f.n+i] = x
	}
}

// set sets the matrix that is to be factorized to a with diagonal added to its
// diagonal.
func (f *factorization) set(a triangle, diagonal float64) {
	for i := range f.n {
		f.setRow(i, a.row(i))
	}
	f.addDiagonal(diagonal)
}

// addDiagonal adds x to the diagonal of the matrix that is to be factorized.
func (f *factorization) addDiagonal(x float64) {
	for i := range f.n {
		f.full[i*f.n+i] += x
	}
}

// factorize factorizes the matrix a with diagonal added to its diagonal.
func (f *factorization) factorize(a triangle, diagonal float64) error {
	f.set(a, diagonal)
	var ok bool
	f.tri, ok = lapack64.Potrf(blas64.Symmetric{N: f.n, Stride: f.n, Data: f.full, Uplo: blas.Upper})
	if !ok {
		return errIndefinite
	}
	return nil
}

// halfLogDet returns half the logarithm of the determinant.
func (f *factorization) halfLogDet() float64 {
	sum := 0.0
	for i := range f.n {
		sum += math.Log(f.full[i*f.n+i])
	}
	return sum
}

// solveTo writes the solution of a x = b to dst.
func (f *factorization) solveTo(dst, b []float64) {
	copy(dst, b)
	x := blas64.Vector{N: f.n, Inc: 1, Data: dst}
	blas64.Trsv(blas.Trans, f.tri, x)
	blas64.Trsv(blas.NoTrans, f.tri, x)
}

// residual writes W = A^-1 - alpha alpha' to dst, A being the factorized matrix,
// with elements off the diagonal doubled, and returns its trace. The derivative
// of the negative logarithm of the marginal likelihood by a parameter is half
// the sum over the elements of W times the kernel's derivative (Rasmussen and
// Williams, equation 5.9), which doubling makes a sum over triangles. The
// factorization is no longer valid then.
func (f *factorization) residual(dst triangle, alpha []float64) (trace float64) {
	lapack64.Potri(f.tri)
	for i := range f.n {
		row := dst.row(i)
		for j := range row {
			row[j] = 2 * (f.full[j*f.n+i] - alpha[i]*alpha[j])
		}
		row[i] /= 2
		trace += row[i]
	}
	return trace
}

// factorBlock is the number of columns that are factorized between two looks at
// the context.
const factorBlock = 64

// solve factorizes the matrix that was set and returns its solution for b.
// Unlike factorize it looks at the context, for matrices of thousands of rows.
func (f *factorization) solve(ctx context.Context, b []float64) ([]float64, error) {
	n := f.n
	part := func(i, j, rows, cols int) blas64.General {
		return blas64.General{Rows: rows, Cols: cols, Stride: n, Data: f.full[i*n+j:]}
	}
	for k := 0; k < n; k += factorBlock {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		w := min(factorBlock, n-k)
		rest := n - k - w
		tri, ok := lapack64.Potrf(blas64.Symmetric{N: w, Stride: n, Data: f.full[k*n+k:], Uplo: blas.Upper})
		if !ok {
			return nil, errIndefinite
		}
		if rest == 0 {
			continue
		}
		panel := part(k, k+w, w, rest)
		blas64.Trsm(blas.Left, blas.Trans, 1, tri, panel)
		blas64.Syrk(blas.Trans, -1, panel, 1, blas64.Symmetric{N: rest, Stride: n, Data: f.full[(k+w)*n+k+w:], Uplo: blas.Upper})
	}
	f.tri = blas64.Triangular{N: n, Stride: n, Data: f.full, Uplo: blas.Upper, Diag: blas.NonUnit}
	x := make([]float64, n)
	f.solveTo(x, b)
	return x, nil
}
