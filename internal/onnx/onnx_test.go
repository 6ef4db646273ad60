package onnx_test

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hypernas/hypernas/internal/onnx"
)

func read(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// inputs returns n rows for tiny.onnx.
func inputs(cat []int64, cont []float32) map[string]*onnx.Tensor {
	return map[string]*onnx.Tensor{
		"x_cat":  {Shape: []int{len(cat) / 2, 2}, Ints: cat},
		"x_cont": {Shape: []int{len(cont), 1}, Floats: cont},
	}
}

// TestRunIsPyTorch evaluates a network that holds every operator; the numbers
// are PyTorch 1.13's (testdata/make.py).
func TestRunIsPyTorch(t *testing.T) {
	m, err := onnx.Parse(read(t, "tiny.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	var want struct {
		Cat  []int64   `json:"x_cat"`
		Cont []float32 `json:"x_cont"`
		Y    []float64 `json:"y"`
	}
	if err := json.Unmarshal(read(t, "tiny.json"), &want); err != nil {
		t.Fatal(err)
	}
	check := func(from, to int) {
		t.Helper()
		out, err := m.Run(inputs(want.Cat[2*from:2*to], want.Cont[from:to]))
		if err != nil {
			t.Fatal(err)
		}
		if len(out) != 1 || len(out[0].Floats) != 2*(to-from) {
			t.Fatalf("got %d outputs of shape %v, want one of %d rows", len(out), out[0].Shape, to-from)
		}
		for i, got := range out[0].Floats {
			// Percentages: 1e-4 is a few units in the last place of float32.
			if w := want.Y[2*from+i]; math.Abs(float64(got)-w) > 1e-4 {
				t.Errorf("rows %d to %d, element %d: got %v, want %v", from, to, i, got, w)
			}
		}
	}
	check(0, 5)
	for row := range 5 {
		check(row, row+1)
	}
}

func TestParseRefuses(t *testing.T) {
	good := read(t, "tiny.onnx")
	replace := func(old, with string) []byte {
		t.Helper()
		if len(old) != len(with) || !bytes.Contains(good, []byte(old)) {
			t.Fatalf("%q for %q is no replacement", with, old)
		}
		return bytes.Replace(good, []byte(old), []byte(with), 1)
	}
	for _, c := range []struct {
		name string
		data []byte
		want []string
	}{
		{"nothing", nil, []string{"no graph"}},
		{"cut short", good[:len(good)/2], []string{"byte ", "EOF"}},
		{"no protobuf", []byte("<html>"), []string{"byte 0"}},
		{"operator", replace("\x04Selu", "\x04Relu"), []string{"node 22", `"Relu"`}},
		{"later operator set", replace("B\x02\x10\x0c", "B\x02\x10\x0d"), []string{"operator set 13"}},
		{"dimension", replace("\x08\x04\x08\x03\x10\x01", "\x08\x04\x08\x05\x10\x01"), []string{`initializer 0 ("a.weight")`, "48 bytes for shape [4 5]"}},
		{"data type", replace("\x08\x04\x08\x03\x10\x01", "\x08\x04\x08\x03\x10\x0b"), []string{"a.weight", "data type 11"}},
		{"unknown value", replace("wide.weight", "wide.wXight"), []string{`"/wide/Gemm"`, `"wide.wXight"`}},
		{"output", replace("b\x20\x0a\x01y", "b\x20\x0a\x01z"), []string{`output 0 ("z")`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := onnx.Parse(c.data)
			if err == nil {
				t.Fatal("got no error")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got %v, want it to mention %q", err, want)
				}
			}
		})
	}
}

func TestRunRefuses(t *testing.T) {
	m, err := onnx.Parse(read(t, "tiny.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		in   map[string]*onnx.Tensor
		want string
	}{
		{"no input", map[string]*onnx.Tensor{}, `"x_cat"`},
		{"code too large", inputs([]int64{4, 0}, []float32{1}), "index 4 (element 0) of 4"},
		{"rows that differ", inputs([]int64{0, 0, 1, 1}, []float32{1}), "do not go together"},
		{"floats for codes", map[string]*onnx.Tensor{
			"x_cat": {Shape: []int{1, 2}, Floats: []float32{0, 0}}, "x_cont": {Shape: []int{1, 1}, Floats: []float32{1}},
		}, "no integers"},
		{"shape", map[string]*onnx.Tensor{
			"x_cat": {Shape: []int{2, 2}, Ints: []int64{0, 0}}, "x_cont": {Shape: []int{1, 1}, Floats: []float32{1}},
		}, "2 elements for shape [2 2]"},
	} {
		if _, err := m.Run(c.in); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want an error that mentions %q", c.name, err, c.want)
		}
	}
}

// FuzzParse asks that no bytes make the reader or the evaluation panic or
// exhaust memory.
func FuzzParse(f *testing.F) {
	good := read(f, "tiny.onnx")
	f.Add(good)
	f.Add(good[:len(good)/3])
	f.Fuzz(func(_ *testing.T, data []byte) {
		if m, err := onnx.Parse(data); err == nil {
			_, _ = m.Run(inputs([]int64{0, 0, 1, 4}, []float32{1, 2}))
		}
	})
}
