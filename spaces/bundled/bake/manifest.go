package bake

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"runtime"

	"github.com/hypernas/hypernas/internal/nn/lanes"
)

// trainerVersion names the code that trains. It changes whenever the same recipe gives other counts; a test that
// retrains cells of the stored table guards it.
const trainerVersion = "1"

// The arithmetics of the kernels: every vector path gives the same bits, plain Go gives others.
const (
	vector   = "fused multiply-add"
	portable = "portable"
)

// arithmetic is what the kernels' results depend on.
func arithmetic(k lanes.Kernels) string {
	if k.Path() == "portable" {
		return portable
	}
	return vector
}

// Manifest says how a folder's or a table's counts came about.
type Manifest struct {
	// Digest is the SHA-256 of everything that determines the counts: trainer, recipe, arithmetic, cells, skeleton.
	Digest     string   `json:"digest"`
	Trainer    string   `json:"trainer"`
	Recipe     Recipe   `json:"recipe"`
	Arithmetic string   `json:"arithmetic"`
	Cells      int      `json:"cells"`        // number of cells
	CellDigest string   `json:"cells_sha256"` // of their indices in the order in which they are trained
	Skeleton   string   `json:"skeleton"`     // the start of stem, reduction and norms: float32, little endian, base64
	Seeds      []uint64 `json:"seeds,omitempty"`

	// What ran, for the record; other vector paths and Go versions give the same counts.
	Kernels string `json:"kernels"`
	Go      string `json:"go"`
	System  string `json:"system"`
}

// newManifest describes a bake of some cells.
func newManifest(r Recipe, k lanes.Kernels, cells []int, skeleton []float32) (Manifest, error) {
	m := Manifest{
		Trainer:    trainerVersion,
		Recipe:     r,
		Arithmetic: arithmetic(k),
		Cells:      len(cells),
		CellDigest: cellDigest(cells),
		Skeleton:   encodeFloats(skeleton),
		Kernels:    k.Path(),
		Go:         runtime.Version(),
		System:     runtime.GOOS + "/" + runtime.GOARCH,
	}
	var err error
	m.Digest, err = m.digest()
	return m, err
}

// digest computes the digest of what determines the counts.
func (m Manifest) digest() (string, error) {
	b, err := json.Marshal(struct {
		Trainer, Arithmetic, CellDigest, Skeleton string
		Recipe                                    Recipe
	}{m.Trainer, m.Arithmetic, m.CellDigest, m.Skeleton, m.Recipe})
	if err != nil {
		return "", fmt.Errorf("digest of the manifest: %w", err)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:]), nil
}

// check says whether a manifest's digest is its contents' and its contents are those of a bake of these cells with
// this recipe and arithmetic by this code.
func (m Manifest) check(r Recipe, arithmetic string, cells []int) error {
	d, err := m.digest()
	if err != nil {
		return err
	}
	switch {
	case d != m.Digest:
		return fmt.Errorf("the manifest was edited: its digest is %s, its contents' %s", m.Digest, d)
	case m.Trainer != trainerVersion:
		return fmt.Errorf("trainer version %q made it, this is version %q", m.Trainer, trainerVersion)
	case m.Recipe != r:
		return fmt.Errorf("another recipe made it: %+v, this is %+v", m.Recipe, r)
	case m.Arithmetic != arithmetic:
		return fmt.Errorf("kernels with %s arithmetic made it, these are %s", m.Arithmetic, arithmetic)
	case m.CellDigest != cellDigest(cells):
		return fmt.Errorf("it is of another list of cells")
	}
	return nil
}

func cellDigest(cells []int) string {
	h := sha256.New()
	for _, c := range cells {
		fmt.Fprintln(h, c)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func encodeFloats(x []float32) string {
	var b []byte
	for _, v := range x {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return base64.StdEncoding.EncodeToString(b)
}

func decodeFloats(s string, n int) ([]float32, error) {
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return nil, fmt.Errorf("decode skeleton: %w", err)
	}
	if len(b) != 4*n {
		return nil, fmt.Errorf("decode skeleton: %d bytes, want %d", len(b), 4*n)
	}
	x := make([]float32, n)
	for i := range x {
		x[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return x, nil
}
