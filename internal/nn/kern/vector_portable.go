//go:build !(goexperiment.simd && amd64)

package kern

// vectors reports whether the AVX-512 path is in use.
func vectors() bool { return false }

func vectorMulTo(_, _, _ []float32, _, _, _, _, _ int, _ bool) {
	panic("kern: no vector path in this build")
}

func vectorAddTo(_, _ []float32)                { panic("kern: no vector path in this build") }
func vectorMulElementsTo(_, _, _ []float32)     { panic("kern: no vector path in this build") }
func vectorReLUTo(_, _ []float32)               { panic("kern: no vector path in this build") }
func vectorHalfReLUsTo(_, _, _ []float32)       { panic("kern: no vector path in this build") }
func vectorGateTo(_, _, _ []float32, _ float32) { panic("kern: no vector path in this build") }
func vectorStandardizeTo(_, _ []float32, _ float32) float32 {
	panic("kern: no vector path in this build")
}

func vectorStandardizeGradTo(_, _, _ []float32, _ float32) {
	panic("kern: no vector path in this build")
}
func vectorAdamTo(_, _, _, _ []float32, _ AdamStep) { panic("kern: no vector path in this build") }

func vectorConvTo(_, _, _ []float32, _ filter)       { panic("kern: no vector path in this build") }
func vectorFilterGradTo(_, _, _ []float32, _ filter) { panic("kern: no vector path in this build") }
func vectorStandardizeMapsTo(_, _, _ []float32, _ maps, _ float32) {
	panic("kern: no vector path in this build")
}

func vectorStandardizeMapsGradTo(_, _, _, _ []float32, _ maps) {
	panic("kern: no vector path in this build")
}

func vectorAverageTo(_, _ []float32, _ maps, _ bool) {
	panic("kern: no vector path in this build")
}

func vectorExpTo(_, _ []float32)               { panic("kern: no vector path in this build") }
func vectorSigmoidTo(_, _ []float32)           { panic("kern: no vector path in this build") }
func vectorSigmoidGradTo(_, _, _, _ []float32) { panic("kern: no vector path in this build") }

func vectorDepthTo(_, _, _ []float32, _ depth) { panic("kern: no vector path in this build") }

func vectorDepthFilterGradTo(_, _, _ []float32, _ depth) { panic("kern: no vector path in this build") }

func vectorDotPixelsTo(_, _, _ []float32) { panic("kern: no vector path in this build") }

func vectorScalePixelsTo(_, _, _, _ []float32) { panic("kern: no vector path in this build") }

func vectorAttendTo(_, _, _, _, _ []float32, _ int) { panic("kern: no vector path in this build") }

func vectorAttendGradTo(_, _, _, _, _, _ []float32, _ int) {
	panic("kern: no vector path in this build")
}
