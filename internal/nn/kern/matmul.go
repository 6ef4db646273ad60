package kern

import (
	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
	"gonum.org/v1/gonum/blas/blas64"
)

// Order says which factors of a product are stored transposed.
type Order uint8

// The orders that layers and their gradients need.
const (
	NN Order = iota // dst[m,n] = a[m,k] b[k,n]
	TN              // dst[m,n] = a[k,m]^T b[k,n]
	NT              // dst[m,n] = a[m,k] b[n,k]^T
)

// Multiplier multiplies dense row-major matrices. Its zero value is ready; it
// keeps scratch memory between calls.
type Multiplier[T Float] struct {
	transposed []T
}

// MulTo computes the product of a and b in the given order: dst has m rows and
// n columns, and k is the length of the sums. With add it is added to dst.
// Each element is one sum in order of k, so a row of dst does not depend on how
// many other rows there are.
func (w *Multiplier[T]) MulTo(dst, a, b []T, order Order, m, n, k int, add bool) {
	dst, a, b = dst[:m*n], a[:m*k], b[:k*n]
	if m == 0 || n == 0 {
		return
	}
	if k == 0 {
		if !add {
			clear(dst)
		}
		return
	}
	switch d := any(dst).(type) {
	case []float32:
		a, b := any(a).([]float32), any(b).([]float32)
		if vec == nil {
			blasMulTo32(d, a, b, order, m, n, k, add)
			return
		}
		if order == NT {
			if len(w.transposed) < k*n {
				w.transposed = make([]T, k*n)
			}
			t := any(w.transposed).([]float32)[:k*n]
			transposeTo(t, b, n, k)
			b = t
		}
		if order == TN {
			vec.mulTo(d, a, b, m, n, k, 1, m, add)
		} else {
			vec.mulTo(d, a, b, m, n, k, k, 1, add)
		}
	case []float64:
		blasMulTo64(d, any(a).([]float64), any(b).([]float64), order, m, n, k, add)
	}
}

// transposeTo writes the transpose of src, which has rows x cols elements. It
// takes eight rows at once: one at a time would write each element to another
// line of the cache, and for widths like 128 to lines that displace each other.
func transposeTo[T Float](dst, src []T, rows, cols int) {
	i := 0
	for ; i+8 <= rows; i += 8 {
		r := src[i*cols : (i+8)*cols]
		r0, r1, r2, r3 := r[:cols], r[cols:][:cols], r[2*cols:][:cols], r[3*cols:][:cols]
		r4, r5, r6, r7 := r[4*cols:][:cols], r[5*cols:][:cols], r[6*cols:][:cols], r[7*cols:][:cols]
		at := i
		for j := range r0 {
			d := (*[8]T)(dst[at:])
			d[0], d[1], d[2], d[3] = r0[j], r1[j], r2[j], r3[j]
			d[4], d[5], d[6], d[7] = r4[j], r5[j], r6[j], r7[j]
			at += rows
		}
	}
	for ; i < rows; i++ {
		for j, v := range src[i*cols : (i+1)*cols] {
			dst[j*rows+i] = v
		}
	}
}

// blasMulTo32 is MulTo on gonum: the path of every platform without vectors,
// and the reference that the vector path is tested against.
func blasMulTo32(dst, a, b []float32, order Order, m, n, k int, add bool) {
	ta, tb, lda, ldb := layout(order, m, n, k)
	var beta float32
	if add {
		beta = 1
	}
	blas32.Implementation().Sgemm(ta, tb, m, n, k, 1, a, lda, b, ldb, beta, dst, n)
}

func blasMulTo64(dst, a, b []float64, order Order, m, n, k int, add bool) {
	ta, tb, lda, ldb := layout(order, m, n, k)
	var beta float64
	if add {
		beta = 1
	}
	blas64.Implementation().Dgemm(ta, tb, m, n, k, 1, a, lda, b, ldb, beta, dst, n)
}

// layout returns the order in BLAS's terms: transposition flags and strides.
func layout(order Order, m, n, k int) (ta, tb blas.Transpose, lda, ldb int) {
	ta, tb, lda, ldb = blas.NoTrans, blas.NoTrans, k, n
	switch order {
	case NN:
	case TN:
		ta, lda = blas.Trans, m
	case NT:
		tb, ldb = blas.Trans, k
	}
	return ta, tb, lda, ldb
}
