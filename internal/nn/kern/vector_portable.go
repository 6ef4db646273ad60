//go:build !(goexperiment.simd && amd64)

package kern

func vectorPaths() []*vectorKernels { return nil }
