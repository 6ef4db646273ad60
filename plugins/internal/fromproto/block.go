package fromproto

import (
	"errors"
	"fmt"
	"math"

	"github.com/hypernas/hypernas/plugins"
	pb "github.com/hypernas/hypernas/plugins/internal/hypernasv1"
)

// AppendBlock appends the architectures of m to dst and returns how many
// there were. They follow v (plugins.Batch.Validate), or the error says what
// is wrong and dst is as it was. The architectures share the cells and
// sequences that they have in common, and keep the number slices of m.
func AppendBlock(dst *plugins.Batch, v *plugins.Vocabulary, m *pb.Block) (int, error) {
	rows := len(m.GetNetworkSequences())
	if err := checkSize(m); err != nil {
		return 0, err
	}
	if len(m.GetNumbers()) != rows*len(v.Numbers) {
		return 0, fmt.Errorf("block has %d numbers for %d rows, want %d each", len(m.GetNumbers()), rows, len(v.Numbers))
	}
	cells, err := decodeCells(v, m.GetCells())
	if err != nil {
		return 0, err
	}
	sequences, err := decodeSequences(v, m.GetSequences())
	if err != nil {
		return 0, err
	}

	places, err := newLists("network cells", m.GetNetworkCellCounts(), len(m.GetNetworkCells()))
	if err != nil {
		return 0, err
	}
	if len(m.GetNetworkCellCounts()) != rows {
		return 0, fmt.Errorf("block has %d cell counts for %d rows", len(m.GetNetworkCellCounts()), rows)
	}
	owned := make([]plugins.Cell, len(m.GetNetworkCells()))
	for i, index := range m.GetNetworkCells() {
		if index >= uint32(len(cells)) {
			return 0, fmt.Errorf("block names cell %d of %d", index, len(cells))
		}
		owned[i] = cells[index]
	}
	networks := make([]plugins.Network, rows)
	for row := range networks {
		index := m.GetNetworkSequences()[row]
		if index >= uint32(len(sequences)) {
			return 0, fmt.Errorf("row %d: sequence %d is not one of %d", row, index, len(sequences))
		}
		lo, hi := places.next()
		s := &sequences[index]
		if s.cells > hi-lo {
			return 0, fmt.Errorf("row %d: a step names cell %d of %d", row, s.cells-1, hi-lo)
		}
		networks[row] = plugins.Network{Cells: owned[lo:hi:hi], Sequence: s.steps}
	}
	dst.Networks = append(dst.Networks, networks...)
	dst.Numbers = append(dst.Numbers, m.GetNumbers()...)
	return rows, nil
}

// checkSize refuses a block with more rows or entries than the contract
// allows, before anything is allocated for it.
func checkSize(m *pb.Block) error {
	if rows := len(m.GetNetworkSequences()); rows > pb.BlockRows {
		return fmt.Errorf("block has %d rows, more than %d", rows, pb.BlockRows)
	}
	c, s := m.GetCells(), m.GetSequences()
	entries := len(m.GetNetworkCellCounts()) + len(m.GetNetworkCells()) + len(m.GetNetworkSequences()) + len(m.GetNumbers()) +
		len(c.GetRoles()) + len(c.GetFixed()) + len(c.GetNodeCounts()) + len(c.GetEdgeCounts()) +
		len(c.GetNodeOps()) + len(c.GetNodeAttrs()) + len(c.GetEdges()) +
		len(s.GetStepCounts()) + len(s.GetStepCells()) + len(s.GetStepRepeats()) + len(s.GetStepAttrs())
	if entries > pb.BlockEntries {
		return fmt.Errorf("block has %d entries, more than %d", entries, pb.BlockEntries)
	}
	return nil
}

// decodeCells returns the cells of t. Their nodes lie in one array, their
// edges in another; attributes stay where they are in t.
func decodeCells(v *plugins.Vocabulary, t *pb.CellTable) ([]plugins.Cell, error) {
	n, width := len(t.GetRoles()), len(v.NodeAttrs)
	if len(t.GetFixed()) != n || len(t.GetNodeCounts()) != n || len(t.GetEdgeCounts()) != n {
		return nil, errors.New("columns of the cell table differ in length")
	}
	if len(t.GetNodeAttrs()) != len(t.GetNodeOps())*width {
		return nil, fmt.Errorf("cell table has %d attributes for %d nodes, want %d each", len(t.GetNodeAttrs()), len(t.GetNodeOps()), width)
	}
	if len(t.GetEdges())%2 != 0 {
		return nil, errors.New("cell table has half an edge")
	}
	nodeLists, err := newLists("nodes", t.GetNodeCounts(), len(t.GetNodeOps()))
	if err != nil {
		return nil, err
	}
	edgeLists, err := newLists("edges", t.GetEdgeCounts(), len(t.GetEdges())/2)
	if err != nil {
		return nil, err
	}
	nodes := make([]plugins.Node, len(t.GetNodeOps()))
	for i, op := range t.GetNodeOps() {
		nodes[i] = plugins.Node{Op: int(op), Attrs: attrs(t.GetNodeAttrs(), i, width)}
	}
	edges := make([]plugins.Edge, len(t.GetEdges())/2)
	for i := range edges {
		edges[i] = plugins.Edge{From: int(t.GetEdges()[2*i]), To: int(t.GetEdges()[2*i+1])}
	}
	cells := make([]plugins.Cell, n)
	for i := range cells {
		nodeLo, nodeHi := nodeLists.next()
		edgeLo, edgeHi := edgeLists.next()
		cells[i] = plugins.Cell{
			Role:  plugins.Role(t.GetRoles()[i]),
			Fixed: t.GetFixed()[i],
			Nodes: nodes[nodeLo:nodeHi:nodeHi],
			Edges: edges[edgeLo:edgeHi:edgeHi],
		}
		if err := cells[i].Validate(v); err != nil {
			return nil, fmt.Errorf("cell %d: %w", i, err)
		}
	}
	return cells, nil
}

// sequence is a list of steps with the number of cells that its network has
// to have.
type sequence struct {
	steps []plugins.Step
	cells int
}

func decodeSequences(v *plugins.Vocabulary, t *pb.SequenceTable) ([]sequence, error) {
	total, width := len(t.GetStepCells()), len(v.CellAttrs)
	if len(t.GetStepRepeats()) != total {
		return nil, errors.New("columns of the sequence table differ in length")
	}
	if len(t.GetStepAttrs()) != total*width {
		return nil, fmt.Errorf("sequence table has %d attributes for %d steps, want %d each", len(t.GetStepAttrs()), total, width)
	}
	for i, x := range t.GetStepAttrs() {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return nil, fmt.Errorf("step %d: attribute %s is %v", i/width, v.CellAttrs[i%width], x)
		}
	}
	lists, err := newLists("steps", t.GetStepCounts(), total)
	if err != nil {
		return nil, err
	}
	steps := make([]plugins.Step, total)
	for i := range steps {
		cell, repeat := t.GetStepCells()[i], t.GetStepRepeats()[i]
		if repeat < 1 || repeat > math.MaxInt32 {
			return nil, fmt.Errorf("step %d: repeat is %d", i, repeat)
		}
		if cell >= pb.BlockEntries {
			return nil, fmt.Errorf("step %d: there is no cell %d", i, cell)
		}
		steps[i] = plugins.Step{Cell: int(cell), Repeat: int(repeat), Attrs: attrs(t.GetStepAttrs(), i, width)}
	}
	sequences := make([]sequence, len(t.GetStepCounts()))
	for i := range sequences {
		lo, hi := lists.next()
		if lo == hi {
			return nil, fmt.Errorf("sequence %d has no steps", i)
		}
		sequences[i].steps = steps[lo:hi:hi]
		for _, s := range sequences[i].steps {
			sequences[i].cells = max(sequences[i].cells, s.Cell+1)
		}
	}
	return sequences, nil
}

// attrs returns row i of width columns, nil where there are none.
func attrs(all []float64, i, width int) []float64 {
	if width == 0 {
		return nil
	}
	return all[i*width : (i+1)*width : (i+1)*width]
}

// lists walks over lists that lie one after another.
type lists struct {
	counts []uint32
	at     int
}

// newLists returns an error unless the counts add up to total.
func newLists(what string, counts []uint32, total int) (*lists, error) {
	sum := uint64(0)
	for _, n := range counts {
		sum += uint64(n)
	}
	if sum != uint64(total) {
		return nil, fmt.Errorf("counts of %s add up to %d, want %d", what, sum, total)
	}
	return &lists{counts: counts}, nil
}

// next returns the bounds of the next list.
func (l *lists) next() (lo, hi int) {
	lo = l.at
	l.at += int(l.counts[0])
	l.counts = l.counts[1:]
	return lo, l.at
}
