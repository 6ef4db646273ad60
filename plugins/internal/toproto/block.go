package toproto

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/hypernas/hypernas/plugins"
	pb "github.com/hypernas/hypernas/plugins/internal/hypernasv1"
)

// Block encodes rows of b from row lo on, as many as one message holds, and
// returns it with the first row that is not in it. The error names the first
// row that does not follow v, or that is too large for a message by itself.
//
// Cells and sequences that are equal stand in the block once.
func Block(v *plugins.Vocabulary, b *plugins.Batch, lo int) (*pb.Block, int, error) {
	width := len(v.Numbers)
	if len(b.Numbers) != b.Len()*width {
		return nil, lo, fmt.Errorf("%d numbers for %d networks, want %d each", len(b.Numbers), b.Len(), width)
	}
	hi := min(lo+pb.BlockRows, b.Len())
	e := newEncoder(v, hi-lo)
	for row := lo; row < hi; row++ {
		n := &b.Networks[row]
		size := entries(v, n)
		if size > pb.BlockEntries {
			return nil, lo, fmt.Errorf("row %d: network has %d entries, more than %d", row, size, pb.BlockEntries)
		}
		if e.entries+size > pb.BlockEntries {
			hi = row
			break
		}
		if err := e.add(n); err != nil {
			return nil, lo, fmt.Errorf("row %d: %w", row, err)
		}
	}
	e.block.Numbers = b.Numbers[lo*width : hi*width]
	return e.block, hi, nil
}

// entries returns how many entries n takes in the lists of a block where it
// shares nothing.
func entries(v *plugins.Vocabulary, n *plugins.Network) int {
	size := 3 + len(v.Numbers) + len(n.Cells) + len(n.Sequence)*(2+len(v.CellAttrs))
	for i := range n.Cells {
		size += cellEntries(v, &n.Cells[i])
	}
	return size
}

func cellEntries(v *plugins.Vocabulary, c *plugins.Cell) int {
	return 4 + len(c.Nodes)*(1+len(v.NodeAttrs)) + 2*len(c.Edges)
}

// encoder fills a block; its maps find the row of a cell or sequence by its
// content.
type encoder struct {
	vocabulary *plugins.Vocabulary
	block      *pb.Block
	entries    int
	cells      map[string]uint32
	sequences  map[string]uint32
	key        []byte

	// The sequence of the last network and its row; networks of many spaces
	// share one.
	last      []plugins.Step
	lastIndex uint32
}

// newEncoder returns an encoder with room for rows networks of one searched
// cell of eight nodes and ten edges; larger ones take more.
func newEncoder(v *plugins.Vocabulary, rows int) *encoder {
	return &encoder{
		vocabulary: v,
		cells:      make(map[string]uint32, rows),
		sequences:  make(map[string]uint32),
		block: &pb.Block{
			Cells: &pb.CellTable{
				Roles:      make([]pb.Role, 0, rows),
				Fixed:      make([]bool, 0, rows),
				NodeCounts: make([]uint32, 0, rows),
				EdgeCounts: make([]uint32, 0, rows),
				NodeOps:    make([]uint32, 0, 8*rows),
				NodeAttrs:  make([]float64, 0, 8*rows*len(v.NodeAttrs)),
				Edges:      make([]uint32, 0, 20*rows),
			},
			Sequences:         &pb.SequenceTable{},
			NetworkCellCounts: make([]uint32, 0, rows),
			NetworkCells:      make([]uint32, 0, 3*rows),
			NetworkSequences:  make([]uint32, 0, rows),
		},
	}
}

func (e *encoder) add(n *plugins.Network) error {
	b := e.block
	if len(n.Sequence) == 0 {
		return n.Validate(e.vocabulary)
	}
	for i := range n.Cells {
		c := &n.Cells[i]
		e.key = cellKey(e.key[:0], c)
		index, ok := e.cells[string(e.key)]
		if !ok {
			if err := c.Validate(e.vocabulary); err != nil {
				return fmt.Errorf("cell %d: %w", i, err)
			}
			index = uint32(len(e.cells))
			e.cells[string(e.key)] = index
			addCell(b.Cells, c)
			e.entries += cellEntries(e.vocabulary, c)
		}
		b.NetworkCells = append(b.NetworkCells, index)
	}
	if err := checkSteps(e.vocabulary, n); err != nil {
		return err
	}
	b.NetworkCellCounts = append(b.NetworkCellCounts, uint32(len(n.Cells)))
	b.NetworkSequences = append(b.NetworkSequences, e.sequence(n.Sequence))
	e.entries += 2 + len(n.Cells) + len(e.vocabulary.Numbers)
	return nil
}

// sequence returns the row of steps in the sequence table.
func (e *encoder) sequence(steps []plugins.Step) uint32 {
	if len(e.last) == len(steps) && &e.last[0] == &steps[0] {
		return e.lastIndex
	}
	e.key = sequenceKey(e.key[:0], steps)
	index, ok := e.sequences[string(e.key)]
	if !ok {
		index = uint32(len(e.sequences))
		e.sequences[string(e.key)] = index
		addSequence(e.block.Sequences, steps)
		e.entries += 1 + len(steps)*(2+len(e.vocabulary.CellAttrs))
	}
	e.last, e.lastIndex = steps, index
	return index
}

// checkSteps checks the steps of n by the rules of plugins.Network.Validate;
// the cells are checked once for each that is distinct.
func checkSteps(v *plugins.Vocabulary, n *plugins.Network) error {
	for i := range n.Sequence {
		s := &n.Sequence[i]
		if s.Cell < 0 || s.Cell >= len(n.Cells) || s.Repeat < 1 || s.Repeat > math.MaxInt32 || len(s.Attrs) != len(v.CellAttrs) {
			if err := n.Validate(v); err != nil {
				return err
			}
			return fmt.Errorf("step %d: repeat is %d", i, s.Repeat)
		}
	}
	return nil
}

func addCell(t *pb.CellTable, c *plugins.Cell) {
	t.Roles = append(t.Roles, pb.Role(c.Role))
	t.Fixed = append(t.Fixed, c.Fixed)
	t.NodeCounts = append(t.NodeCounts, uint32(len(c.Nodes)))
	t.EdgeCounts = append(t.EdgeCounts, uint32(len(c.Edges)))
	for i := range c.Nodes {
		t.NodeOps = append(t.NodeOps, uint32(c.Nodes[i].Op))
		t.NodeAttrs = append(t.NodeAttrs, c.Nodes[i].Attrs...)
	}
	for _, e := range c.Edges {
		t.Edges = append(t.Edges, uint32(e.From), uint32(e.To))
	}
}

func addSequence(t *pb.SequenceTable, steps []plugins.Step) {
	t.StepCounts = append(t.StepCounts, uint32(len(steps)))
	for i := range steps {
		t.StepCells = append(t.StepCells, uint32(steps[i].Cell))
		t.StepRepeats = append(t.StepRepeats, uint32(steps[i].Repeat))
		t.StepAttrs = append(t.StepAttrs, steps[i].Attrs...)
	}
}

// cellKey appends the content of c to dst, so that two cells have the same
// key if and only if they are equal to the bit.
func cellKey(dst []byte, c *plugins.Cell) []byte {
	fixed := byte(0)
	if c.Fixed {
		fixed = 1
	}
	dst = append(dst, fixed)
	dst = binary.AppendVarint(dst, int64(c.Role))
	dst = binary.AppendVarint(dst, int64(len(c.Nodes)))
	for i := range c.Nodes {
		dst = binary.AppendVarint(dst, int64(c.Nodes[i].Op))
		dst = appendAttrs(dst, c.Nodes[i].Attrs)
	}
	for _, e := range c.Edges {
		dst = binary.AppendVarint(dst, int64(e.From))
		dst = binary.AppendVarint(dst, int64(e.To))
	}
	return dst
}

// sequenceKey is to steps what cellKey is to a cell.
func sequenceKey(dst []byte, steps []plugins.Step) []byte {
	for i := range steps {
		dst = binary.AppendVarint(dst, int64(steps[i].Cell))
		dst = binary.AppendVarint(dst, int64(steps[i].Repeat))
		dst = appendAttrs(dst, steps[i].Attrs)
	}
	return dst
}

func appendAttrs(dst []byte, attrs []float64) []byte {
	dst = binary.AppendVarint(dst, int64(len(attrs)))
	for _, x := range attrs {
		dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(x))
	}
	return dst
}
