//go:build !(goexperiment.simd && amd64)

package lanes

func available() []Kernels { return []Kernels{portable{}} }
