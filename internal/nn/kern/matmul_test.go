package kern

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

func random[T Float](rng *rand.Rand, n int) []T {
	s := make([]T, n)
	for i := range s {
		s[i] = T(rng.NormFloat64())
	}
	return s
}

// TestMulTo compares every order and awkward sizes with the definition.
func TestMulTo(t *testing.T) {
	bits := map[string][]float32{}
	onEveryPath(t, func(t *testing.T) { testMulTo(t, bits) })
}

func testMulTo(t *testing.T, bits map[string][]float32) {
	var all []float32
	rng := rand.New(rand.NewPCG(1, 2))
	var w Multiplier[float32]
	for _, m := range []int{1, 2, 3, 5, 6, 7, 9, 20} {
		for _, n := range []int{1, 3, 15, 16, 17, 31, 64, 65, 80, 130, 144} {
			for _, k := range []int{0, 1, 2, 3, 4, 9, 64} {
				for _, order := range []Order{NN, TN, NT} {
					for _, add := range []bool{false, true} {
						a, b := random[float32](rng, m*k), random[float32](rng, k*n)
						got := random[float32](rng, m*n)
						want := make([]float64, m*n)
						for i := range m {
							for j := range n {
								var s float64
								if add {
									s = float64(got[i*n+j])
								}
								for p := range k {
									ia, ib := i*k+p, p*n+j
									if order == TN {
										ia = p*m + i
									}
									if order == NT {
										ib = j*k + p
									}
									s += float64(a[ia]) * float64(b[ib])
								}
								want[i*n+j] = s
							}
						}
						w.MulTo(got, a, b, order, m, n, k, add)
						for i := range want {
							if math.Abs(float64(got[i])-want[i]) > 1e-4 {
								t.Fatalf("m %d n %d k %d order %d add %t: element %d: got %v, want %v", m, n, k, order, add, i, got[i], want[i])
							}
						}
						all = append(all, got...)
					}
				}
			}
		}
	}
	checkBits(t, bits, "all products", all)
}

// TestMulToRowsIndependent: a row has the same bits whatever stands below it.
func TestMulToRowsIndependent(t *testing.T) { onEveryPath(t, testMulToRowsIndependent) }

func testMulToRowsIndependent(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var w Multiplier[float32]
	const m, n, k = 17, 80, 37
	a, b := random[float32](rng, m*k), random[float32](rng, k*n)
	want := make([]float32, m*n)
	w.MulTo(want, a, b, NN, m, n, k, false)
	for rows := 1; rows < m; rows++ {
		got := make([]float32, rows*n)
		w.MulTo(got, a, b, NN, rows, n, k, false)
		for i, v := range got {
			if v != want[i] {
				t.Fatalf("%d rows: element %d: got %v, want %v", rows, i, v, want[i])
			}
		}
	}
}

func BenchmarkMulTo(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, s := range [][3]int{{288, 64, 64}, {9, 64, 9}, {160, 144, 144}, {288, 32, 32}, {64, 144, 64}} {
		m, n, k := s[0], s[1], s[2]
		x, y, z := random[float32](rng, m*k), random[float32](rng, k*n), make([]float32, m*n)
		for order, name := range map[Order]string{NN: "NN", TN: "TN", NT: "NT"} {
			b.Run(fmt.Sprintf("%s/%dx%dx%d", name, m, n, k), func(b *testing.B) {
				var w Multiplier[float32]
				for b.Loop() {
					w.MulTo(z, x, y, order, m, n, k, false)
				}
				b.ReportMetric(2*float64(m*n*k)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
			})
		}
	}
}
