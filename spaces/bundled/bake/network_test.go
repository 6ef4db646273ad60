package bake

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/hypernas/hypernas/internal/nb201"
	"github.com/hypernas/hypernas/internal/nn/lanes"
)

// numbers is the generator of testdata/network.py.
type numbers uint32

func (x *numbers) fill(dst []float32, around, scale float64) {
	for i := range dst {
		*x = 1664525**x + 1013904223
		dst[i] = float32(around + scale*(float64(*x>>15)-65536)/65536)
	}
}

// TestNetworkAgainstPyTorch compares the loss and every gradient of whole networks with PyTorch 1.13's in float64; the
// numbers in testdata/network.json are what testdata/network.py prints.
func TestNetworkAgainstPyTorch(t *testing.T) {
	data, err := os.ReadFile("testdata/network.json")
	if err != nil {
		t.Fatal(err)
	}
	var want []struct {
		Cell      string
		Loss      float64
		Gradients []struct {
			Name        string
			Len         int
			Norm        float64
			First, Last []float64
		}
	}
	if err := json.Unmarshal(data, &want); err != nil {
		t.Fatal(err)
	}
	const blocks = 2
	for _, k := range lanes.Available() {
		for _, w := range want {
			c, err := nb201.Parse(w.Cell)
			if err != nil {
				t.Fatal(err)
			}
			n := newNetwork(k, c, blocks)
			var x numbers = 1
			rest := n.weights
			for _, g := range w.Gradients {
				around := 0.0
				if len(g.Name) > 6 && g.Name[len(g.Name)-6:] == ".gamma" {
					around = 1
				}
				x.fill(rest[:g.Len], around, 0.3)
				rest = rest[g.Len:]
			}
			if len(rest) != 0 {
				t.Fatalf("%s: %d parameters more than PyTorch", w.Cell, len(rest))
			}
			shape := lanes.Shape{Blocks: blocks, Channels: inputs, Side: side1}
			batch, labels := make([]float32, shape.Len()), make([]uint8, blocks*lanes.Lanes)
			for i := range labels {
				labels[i] = uint8(i % classes)
				for ch := range inputs {
					for y := range side1 {
						for col := range side1 {
							x.fill(batch[shape.At(i/lanes.Lanes, ch, y, col)+i%lanes.Lanes:][:1], 0, 1)
						}
					}
				}
			}
			n.pack()
			n.forward(batch, batchStatistics)
			if got := n.loss(labels); math.Abs(got-w.Loss) > 2e-6 {
				t.Errorf("%s %s: loss %v, want %v", k.Path(), w.Cell, got, w.Loss)
			}
			n.backward(batch)
			rest = n.grads
			for _, g := range w.Gradients {
				got, norm := rest[:g.Len], 0.0
				rest = rest[g.Len:]
				for _, v := range got {
					norm += float64(v) * float64(v)
				}
				tolerance := 1e-5 * (g.Norm + 1e-3)
				if norm = math.Sqrt(norm); math.Abs(norm-g.Norm) > tolerance {
					t.Errorf("%s %s: gradient of %s has norm %v, want %v", k.Path(), w.Cell, g.Name, norm, g.Norm)
				}
				for i := range g.First {
					a, b := float64(got[i]), float64(got[len(got)-len(g.Last)+i])
					if math.Abs(a-g.First[i]) > tolerance || math.Abs(b-g.Last[i]) > tolerance {
						t.Errorf("%s %s: gradient of %s is %v ... %v, want %v ... %v", k.Path(), w.Cell, g.Name, got[:4], got[len(got)-4:], g.First, g.Last)
						break
					}
				}
			}
		}
	}
}
