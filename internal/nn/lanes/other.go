//go:build !(goexperiment.simd && amd64)

package lanes

func best() Kernels { return portable{} }
