package lanes

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// BenchmarkConv measures the convolutions of the bundled space's two stages on a batch of 64 images.
func BenchmarkConv(b *testing.B) {
	for _, k := range Available() {
		b.Run(k.Path(), func(b *testing.B) { benchmarkConv(b, k) })
	}
}

func benchmarkConv(b *testing.B, k Kernels) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, s := range []Shape{{4, 8, 8}, {4, 16, 4}} {
		for _, size := range []int{1, 3} {
			x, y := tensor(s, r), tensor(s, r)
			n := s.Channels * s.Channels * size * size
			w, dw := random(n+packSlack, r), make([]float32, n)
			scratch := make([]float32, ConvScratch(s.Channels, s.Channels, size))
			run := func(name string, f func()) {
				b.Run(fmt.Sprintf("%s%d/%dx%dx%d", name, size, s.Channels, s.Side, s.Side), func(b *testing.B) {
					for b.Loop() {
						f()
					}
					flops := float64(2 * n * s.Pixels())
					b.ReportMetric(flops*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
				})
			}
			run("Conv", func() { k.Conv(y, x, w, s, s.Channels, size, false) })
			run("ConvGrad", func() { k.ConvGrad(dw, y, x, scratch, s, s.Channels, size) })
		}
	}
}
