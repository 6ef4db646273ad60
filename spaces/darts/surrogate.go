package darts

import (
	"context"
	"encoding/json"
	"fmt"
	"math"

	"github.com/hypernas/hypernas/internal/onnx"
	"github.com/hypernas/hypernas/internal/parallel"
)

// Where a genotype stands in x_cat, the surrogate's row of categories: the
// operation on each of the 14 edges of the normal cell, then of the reduction
// cell, then for each of the cells which pair of inputs nodes 3, 4 and 5 read.
// (Node 2 always reads 0 and 1.) Edges are numbered by node, then by input: 0
// and 1 lead to node 2, 2 to 4 to node 3, 5 to 8 to node 4, 9 to 13 to node 5.
// Names like edge_normal_10 are to be ordered by number, not by letter.
const (
	numEdges   = 14
	numPairs   = NumNodes - 1
	numColumns = 2*numEdges + 2*numPairs
)

// absent is the code of an edge that is not in the genotype, #na# of the file.
const absent = 0

// maxEpoch is the last epoch that NAS-Bench-301 measured, the one that its
// labels are of.
const maxEpoch = 98

// surrogate values genotypes: YAHPO Gym's neural network for NAS-Bench-301
// (Pfisterer et al., AutoML 2022).
type surrogate struct {
	model *onnx.Model
	// edges holds the code of each operation on each edge, pairs the code of
	// each pair of inputs (the lesser first) of nodes 3 to 5; both for the
	// normal cell first.
	edges [2][numEdges][NumOps]int64
	pairs [2][numPairs][NumNodes + 1][NumNodes + 1]int64
}

// newSurrogate reads the surrogate and the codes of its categories.
func newSurrogate(model, encoding []byte) (*surrogate, error) {
	s := &surrogate{}
	var err error
	if s.model, err = onnx.Parse(model); err != nil {
		return nil, fmt.Errorf("surrogate.onnx: %w", err)
	}
	if err := s.readEncoding(encoding); err != nil {
		return nil, fmt.Errorf("encoding.json: %w", err)
	}
	return s, nil
}

// readEncoding reads the codes: an object of a category's name for each
// column.
func (s *surrogate) readEncoding(data []byte) error {
	var columns map[string]map[string]int64
	if err := json.Unmarshal(data, &columns); err != nil {
		return err
	}
	code := func(dst *int64, column, category string) error {
		column = "NetworkSelectorDatasetInfo_COLON_darts_COLON_" + column
		v, ok := columns[column][category]
		if !ok {
			return fmt.Errorf("no category %q of column %q", category, column)
		}
		if v < 0 || v > math.MaxInt32 {
			return fmt.Errorf("category %q of column %q has code %d", category, column, v)
		}
		*dst = v
		return nil
	}
	for cell, name := range []string{"normal", "reduce"} {
		for e := range numEdges {
			for op := range Op(NumOps) {
				if err := code(&s.edges[cell][e][op], fmt.Sprintf("edge_%s_%d", name, e), op.String()); err != nil {
					return err
				}
			}
		}
		for p := range numPairs {
			node := 3 + p
			for b := range node {
				for a := range b {
					if err := code(&s.pairs[cell][p][a][b], fmt.Sprintf("inputs_node_%s_%d", name, node), fmt.Sprintf("%d_%d", a, b)); err != nil {
						return err
					}
				}
			}
		}
	}
	return nil
}

// encodeTo writes the row of categories of a genotype to dst, of length
// numColumns.
func (s *surrogate) encodeTo(dst []int64, g *Genotype) {
	for cell, c := range []*Cell{&g.Normal, &g.Reduction} {
		edges := dst[cell*numEdges:][:numEdges]
		for e := range edges {
			edges[e] = absent
		}
		pairs := dst[2*numEdges+cell*numPairs:][:numPairs]
		first := 0 // edge from input 0 to the node
		for i, n := range c {
			for _, e := range n {
				edges[first+e.From] = s.edges[cell][first+e.From][e.Op]
			}
			if i > 0 {
				pairs[i-1] = s.pairs[cell][i-1][n[0].From][n[1].From]
			}
			first += i + 2
		}
	}
}

// blockRows is how many genotypes are valued at once: enough to keep the
// kernels busy, little enough that activations stay in the cache. It is fixed,
// so that values never depend on it.
const blockRows = 512

// values returns the validation accuracies in per cent that the surrogate
// predicts after an epoch.
func (s *surrogate) values(ctx context.Context, genotypes []Genotype, epoch int) ([]float64, error) {
	values := make([]float64, len(genotypes))
	blocks := (len(genotypes) + blockRows - 1) / blockRows
	err := parallel.Each(blocks, func(_, b int) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		lo, hi := b*blockRows, min((b+1)*blockRows, len(genotypes))
		return s.blockTo(values[lo:hi], genotypes[lo:hi], epoch)
	})
	if err != nil {
		return nil, fmt.Errorf("surrogate.onnx: %w", err)
	}
	return values, nil
}

func (s *surrogate) blockTo(dst []float64, genotypes []Genotype, epoch int) error {
	cat := &onnx.Tensor{Shape: []int{len(dst), numColumns}, Ints: make([]int64, len(dst)*numColumns)}
	cont := &onnx.Tensor{Shape: []int{len(dst), 1}, Floats: make([]float32, len(dst))}
	for i := range genotypes {
		s.encodeTo(cat.Ints[i*numColumns:(i+1)*numColumns], &genotypes[i])
		cont.Floats[i] = float32(epoch)
	}
	out, err := s.model.Run(map[string]*onnx.Tensor{"x_cat": cat, "x_cont": cont})
	if err != nil {
		return err
	}
	if len(out) != 1 || len(out[0].Floats) != 2*len(dst) {
		return fmt.Errorf("%d outputs, the first of shape %v, for %d rows; want one of accuracies and run times", len(out), out[0].Shape, len(dst))
	}
	for i := range dst {
		dst[i] = float64(out[0].Floats[2*i])
		if math.IsNaN(dst[i]) || math.IsInf(dst[i], 0) {
			return fmt.Errorf("accuracy of %v is %v", genotypes[i], dst[i])
		}
	}
	return nil
}
