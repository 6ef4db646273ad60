package kern

// expTo sets dst to e^x, elementwise. float32 takes the vector path where there
// is one, to 2 units in the last place.
func expTo[T Float](dst, x []T) {
	x = x[:len(dst)]
	if d, ok := vector32(dst); ok {
		vec.expTo(d, as32(x))
		return
	}
	for i, v := range x {
		dst[i] = exp(v)
	}
}

// sigmoidTo sets dst to 1 / (1 + e^-x), elementwise.
func sigmoidTo[T Float](dst, x []T) {
	x = x[:len(dst)]
	if d, ok := vector32(dst); ok {
		vec.sigmoidTo(d, as32(x))
		return
	}
	for i, v := range x {
		dst[i] = 1 / (1 + exp(-v))
	}
}

// sigmoidGradTo sets dst to the gradient with respect to g of x sigmoid(g),
// given gate = sigmoid(g) and through, the gradient with respect to the product
// times gate.
func sigmoidGradTo[T Float](dst, through, x, gate []T) {
	through, x, gate = through[:len(dst)], x[:len(dst)], gate[:len(dst)]
	if d, ok := vector32(dst); ok {
		vec.sigmoidGradTo(d, as32(through), as32(x), as32(gate))
		return
	}
	for i, v := range through {
		dst[i] = v * x[i] * (1 - gate[i])
	}
}
