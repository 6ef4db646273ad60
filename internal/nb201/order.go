package nb201

import "github.com/hypernas/hypernas/internal/dag"

// NumCells is the number of cells, NumOps to the power of NumEdges.
const NumCells = 15625

// Order is the numbering of the cells by NATS-Bench.
type Order struct {
	// code is the lexicographic number of each cell, index its inverse.
	code, index [NumCells]uint16
}

// NewOrder returns the order, which it computes: it is the lexicographic order
// of cells shuffled by Python's random module with seed 88 (function
// traverse_net of NAS-Bench-201's generator, exps/NAS-Bench-201/main.py in
// D-X-Y/AutoDL-Projects).
func NewOrder() *Order {
	o := new(Order)
	for i := range o.code {
		o.code[i] = uint16(i)
	}
	mt := newTwister(88)
	for i := NumCells - 1; i > 0; i-- {
		j := mt.below(uint32(i) + 1)
		o.code[i], o.code[j] = o.code[j], o.code[i]
	}
	for i, code := range o.code {
		o.index[code] = uint16(i)
	}
	return o
}

// Cell returns the cell of an index below NumCells.
func (o *Order) Cell(index int) Cell {
	var c Cell
	code := o.code[index]
	for i := NumEdges - 1; i >= 0; i-- {
		c[i] = Op(code % NumOps)
		code /= NumOps
	}
	return c
}

// Index returns the index of a cell.
func (o *Order) Index(c Cell) int {
	code := 0
	for _, op := range c {
		code = code*NumOps + int(op)
	}
	return int(o.index[code])
}

// Identities returns the identity of the function family of each cell, by
// index.
func Identities() []dag.Identity {
	o := NewOrder()
	var identifier dag.Identifier
	identities := make([]dag.Identity, NumCells)
	for i := range identities {
		id, err := identifier.Identify(o.Cell(i).Graph())
		if err != nil {
			panic("nb201: a cell has no identity: " + err.Error())
		}
		identities[i] = id
	}
	return identities
}

// NumIdentities is the number of function families among the cells.
const NumIdentities = 5260

// Representatives returns the lowest index of each identity, ascending: the
// NumIdentities cells that stand for all.
func Representatives() []int {
	seen := make(map[dag.Identity]bool, NumIdentities)
	representatives := make([]int, 0, NumIdentities)
	for i, id := range Identities() {
		if !seen[id] {
			seen[id] = true
			representatives = append(representatives, i)
		}
	}
	return representatives
}
