package images

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func digest(s Set) string {
	h := sha256.New()
	for _, p := range s.Pixels {
		var b [4]byte
		binary.LittleEndian.PutUint32(b[:], math.Float32bits(p))
		h.Write(b[:])
	}
	h.Write(s.Labels)
	return hex.EncodeToString(h.Sum(nil))[:16]
}

// TestPicturesArePinned guards the bundled table: whoever changes a pixel must change Version and bake again.
func TestPicturesArePinned(t *testing.T) {
	for split, want := range map[Split]string{
		Training:   "b8dcfa6e4306aa50",
		Validation: "ff4be2b625bab51c",
		Test:       "76bab89289082b0a",
	} {
		if got := digest(Draw(split, 1000, 1)); got != want {
			t.Errorf("split %d of %s has digest %s, want %s", split, Version, got, want)
		}
	}
}

func TestSets(t *testing.T) {
	long, short := Draw(Training, 300, 7), Train(100, 7)
	if !slices.Equal(long.Pixels[:len(short.Pixels)], short.Pixels) || !slices.Equal(long.Labels[:100], short.Labels) {
		t.Error("a longer set doesn't begin with the shorter one")
	}
	if short.Len() != 100 {
		t.Errorf("length %d, want 100", short.Len())
	}
	seen := map[string]bool{}
	for _, seed := range []uint64{7, 8} {
		for _, split := range []Split{Training, Validation, Test} {
			s := Draw(split, 100, seed)
			for i := range s.Len() {
				one := Set{Pixels: s.Pixels[i*Side*Side : (i+1)*Side*Side]}
				if d := digest(one); seen[d] {
					t.Fatalf("picture %d of split %d and seed %d is in another set too", i, split, seed)
				} else {
					seen[d] = true
				}
			}
		}
	}
	var classes [Classes]int
	for _, l := range short.Labels {
		classes[l]++
	}
	for c, n := range classes {
		if n != 10 {
			t.Errorf("class %d has %d pictures of 100, want 10", c, n)
		}
	}
	for i, p := range long.Pixels {
		if p < -2 || p >= 2 || p*64 != float32(math.Trunc(float64(p*64))) {
			t.Fatalf("pixel %d is %v, want a multiple of 1/64 in [-2, 2)", i, p)
		}
	}
}

// TestNormal checks the noise's mean and variance.
func TestNormal(t *testing.T) {
	g := generator{rand.NewPCG(3, 3)}
	var sum, squares float64
	const n = 200000
	for range n {
		v := g.normal()
		sum += v
		squares += v * v
	}
	if mean := sum / n; math.Abs(mean) > 0.01 {
		t.Errorf("mean %v, want 0", mean)
	}
	if variance := squares / n; math.Abs(variance-1) > 0.01 {
		t.Errorf("variance %v, want 1", variance)
	}
}
