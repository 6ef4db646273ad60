package results

import (
	"bytes"
	"testing"
)

// What decode accepts is what encode writes.
func FuzzDecodePredictions(f *testing.F) {
	for _, p := range []*Predictions{{}, {Rows: []int{3}, Values: []float64{1}}} {
		data, err := p.encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := decode(data)
		if err != nil {
			return
		}
		again, err := p.encode()
		if err != nil || !bytes.Equal(again, data) {
			t.Errorf("got %q, %v, want %q", again, err, data)
		}
	})
}
