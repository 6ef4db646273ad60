package kern

import "testing"

// TestAbsoluteError compares with PyTorch (testdata/absolute.py).
func TestAbsoluteError(t *testing.T) {
	testTorch(t, "absolute.json", map[string]Kernel[float64]{"mae": &MAE[float64]{}}, 1e-9)
	testTorch(t, "absolute.json", map[string]Kernel[float32]{"mae": &MAE[float32]{}}, 2e-5)
}
