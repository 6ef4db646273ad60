//go:build goexperiment.simd && amd64

package kern

import "simd/archsimd"

func vectorPaths() []*vectorKernels {
	var all []*vectorKernels
	if archsimd.X86.AVX512() {
		all = append(all, &vectorKernels{
			name:                  "avx512",
			mulTo:                 vectorMulTo,
			addTo:                 vectorAddTo,
			mulElementsTo:         vectorMulElementsTo,
			reluTo:                vectorReLUTo,
			halfReLUsTo:           vectorHalfReLUsTo,
			gateTo:                vectorGateTo,
			standardizeTo:         vectorStandardizeTo,
			standardizeGradTo:     vectorStandardizeGradTo,
			adamTo:                vectorAdamTo,
			expTo:                 vectorExpTo,
			sigmoidTo:             vectorSigmoidTo,
			sigmoidGradTo:         vectorSigmoidGradTo,
			convTo:                vectorConvTo,
			filterGradTo:          vectorFilterGradTo,
			standardizeMapsTo:     vectorStandardizeMapsTo,
			standardizeMapsGradTo: vectorStandardizeMapsGradTo,
			averageTo:             vectorAverageTo,
			maximumTo:             vectorMaximumTo,
			maximumGradTo:         vectorMaximumGradTo,
			depthTo:               vectorDepthTo,
			depthFilterGradTo:     vectorDepthFilterGradTo,
			dotPixelsTo:           vectorDotPixelsTo,
			scalePixelsTo:         vectorScalePixelsTo,
			attendTo:              vectorAttendTo,
			attendGradTo:          vectorAttendGradTo,
		})
	}
	if archsimd.X86.AVX2() && archsimd.X86.FMA() {
		all = append(all, &vectorKernels{
			name:                  "avx2",
			mulTo:                 vectorMulToAVX2,
			addTo:                 vectorAddToAVX2,
			mulElementsTo:         vectorMulElementsToAVX2,
			reluTo:                vectorReLUToAVX2,
			halfReLUsTo:           vectorHalfReLUsToAVX2,
			gateTo:                vectorGateToAVX2,
			standardizeTo:         vectorStandardizeToAVX2,
			standardizeGradTo:     vectorStandardizeGradToAVX2,
			adamTo:                vectorAdamToAVX2,
			expTo:                 vectorExpToAVX2,
			sigmoidTo:             vectorSigmoidToAVX2,
			sigmoidGradTo:         vectorSigmoidGradToAVX2,
			convTo:                vectorConvToAVX2,
			filterGradTo:          vectorFilterGradToAVX2,
			standardizeMapsTo:     vectorStandardizeMapsToAVX2,
			standardizeMapsGradTo: vectorStandardizeMapsGradToAVX2,
			averageTo:             vectorAverageToAVX2,
			maximumTo:             vectorMaximumToAVX2,
			maximumGradTo:         vectorMaximumGradToAVX2,
			depthTo:               vectorDepthToAVX2,
			depthFilterGradTo:     vectorDepthFilterGradToAVX2,
			dotPixelsTo:           vectorDotPixelsToAVX2,
			scalePixelsTo:         vectorScalePixelsToAVX2,
			attendTo:              vectorAttendToAVX2,
			attendGradTo:          vectorAttendGradToAVX2,
		})
	}
	return all
}
