package kern

// Path names the arithmetic that kernels of float32 run on: "avx512" or
// "portable". Results are bit-identical on one path; between the two,
// rounding differs.
func Path() string {
	if vectors() {
		return "avx512"
	}
	return "portable"
}
