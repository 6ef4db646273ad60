package fromproto_test

import (
	"math"
	"reflect"
	"slices"
	"testing"

	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/plugins/internal/fromproto"
	pb "github.com/hypernas/hypernas/plugins/internal/hypernasv1"
	"github.com/hypernas/hypernas/plugins/internal/toproto"
	"google.golang.org/protobuf/proto"
)

func vocabulary() plugins.Vocabulary {
	return plugins.Vocabulary{
		Ops: []plugins.Op{
			{Name: "in", Kind: plugins.KindInput}, {Name: "out", Kind: plugins.KindOutput}, {Name: "conv", Kind: plugins.KindConv, Kernel: 3},
		},
		NodeAttrs: []string{"ratio"},
		CellAttrs: []string{"channels"},
		Numbers:   []string{plugins.NumberParams},
	}
}

// block returns a good block of two networks that share a cell.
func block(t testing.TB) *pb.Block {
	t.Helper()
	v := vocabulary()
	node := func(op int) plugins.Node { return plugins.Node{Op: op, Attrs: []float64{0.5}} }
	small := plugins.Cell{Nodes: []plugins.Node{node(0), node(1)}, Edges: []plugins.Edge{{From: 0, To: 1}}}
	large := plugins.Cell{Role: plugins.RoleNormal, Fixed: true, Nodes: []plugins.Node{node(0), node(2), node(1)}, Edges: []plugins.Edge{{From: 0, To: 1}, {From: 1, To: 2}}}
	b := plugins.Batch{
		Networks: []plugins.Network{
			{Cells: []plugins.Cell{small}, Sequence: []plugins.Step{{Cell: 0, Repeat: 2, Attrs: []float64{8}}}},
			{Cells: []plugins.Cell{small, large}, Sequence: []plugins.Step{{Cell: 1, Repeat: 1, Attrs: []float64{8}}, {Cell: 0, Repeat: 1, Attrs: []float64{16}}}},
		},
		Numbers: []float64{1, math.NaN()},
	}
	m, hi, err := toproto.Block(&v, &b, 0)
	if err != nil || hi != 2 {
		t.Fatal(hi, err)
	}
	return m
}

func TestADamagedBlockIsRefused(t *testing.T) {
	v := vocabulary()
	var b plugins.Batch
	if rows, err := fromproto.AppendBlock(&b, &v, block(t)); err != nil || rows != 2 {
		t.Fatalf("a good block is refused: %d rows, %v", rows, err)
	}
	for name, damage := range map[string]func(m *pb.Block){
		"too few numbers":        func(m *pb.Block) { m.Numbers = m.Numbers[1:] },
		"too few cell counts":    func(m *pb.Block) { m.NetworkCellCounts = []uint32{3} },
		"too many network cells": func(m *pb.Block) { m.NetworkCells = append(m.NetworkCells, 0) },
		"unknown cell":           func(m *pb.Block) { m.NetworkCells[0] = 2 },
		"cell beyond int32":      func(m *pb.Block) { m.NetworkCells[0] = math.MaxUint32 },
		"unknown sequence":       func(m *pb.Block) { m.NetworkSequences[1] = 2 },
		"counts that overflow":   func(m *pb.Block) { m.NetworkCellCounts = []uint32{math.MaxUint32, 4} },
		"no tables":              func(m *pb.Block) { m.Cells, m.Sequences = nil, nil },
		"half a cell table":      func(m *pb.Block) { m.Cells.Fixed = nil },
		"too few nodes":          func(m *pb.Block) { m.Cells.NodeOps = m.Cells.NodeOps[1:] },
		"unknown operation":      func(m *pb.Block) { m.Cells.NodeOps[0] = 3 },
		"unknown role":           func(m *pb.Block) { m.Cells.Roles[0] = -1 },
		"half an edge":           func(m *pb.Block) { m.Cells.Edges = m.Cells.Edges[1:] },
		"edge to nowhere":        func(m *pb.Block) { m.Cells.Edges[1] = math.MaxUint32 },
		"edge backwards":         func(m *pb.Block) { m.Cells.Edges[0], m.Cells.Edges[1] = 1, 0 },
		"too few attributes":     func(m *pb.Block) { m.Cells.NodeAttrs = nil },
		"step to no cell":        func(m *pb.Block) { m.Sequences.StepCells[0] = 1 },
		"step beyond int32":      func(m *pb.Block) { m.Sequences.StepCells[0] = math.MaxUint32 },
		"no repeat":              func(m *pb.Block) { m.Sequences.StepRepeats[0] = 0 },
		"endless repeat":         func(m *pb.Block) { m.Sequences.StepRepeats[0] = math.MaxUint32 },
		"sequence without steps": func(m *pb.Block) { m.Sequences.StepCounts = []uint32{0, 3} },
		"half a sequence table":  func(m *pb.Block) { m.Sequences.StepRepeats = nil },
		"step attributes":        func(m *pb.Block) { m.Sequences.StepAttrs = append(m.Sequences.StepAttrs, 1) },
		"too many rows": func(m *pb.Block) {
			m.NetworkSequences = make([]uint32, pb.BlockRows+1)
		},
		"too many entries": func(m *pb.Block) { m.NetworkCells = make([]uint32, pb.BlockEntries) },
	} {
		m := block(t)
		damage(m)
		b := plugins.Batch{}
		if _, err := fromproto.AppendBlock(&b, &v, m); err == nil || b.Len() != 0 || len(b.Numbers) != 0 {
			t.Errorf("%s: got error %v and %d rows, want an error and none", name, err, b.Len())
		}
	}
}

func FuzzAppendBlock(f *testing.F) {
	seed, err := proto.Marshal(block(f))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add([]byte{})
	v := vocabulary()
	f.Fuzz(func(t *testing.T, wire []byte) {
		m := &pb.Block{}
		if proto.Unmarshal(wire, m) != nil {
			return
		}
		var b plugins.Batch
		if _, err := fromproto.AppendBlock(&b, &v, m); err != nil {
			return
		}
		if err := b.Validate(&v); err != nil {
			t.Fatalf("what was accepted does not follow the contract: %v", err)
		}
		again, hi, err := toproto.Block(&v, &b, 0)
		if err != nil || hi != b.Len() {
			t.Fatalf("encoding again stops at row %d of %d: %v", hi, b.Len(), err)
		}
		var c plugins.Batch
		if _, err := fromproto.AppendBlock(&c, &v, again); err != nil {
			t.Fatal(err)
		}
		same := slices.EqualFunc(b.Numbers, c.Numbers, func(x, y float64) bool { return math.Float64bits(x) == math.Float64bits(y) })
		if !same || b.Len() != c.Len() {
			t.Fatal("encoding again changes the batch")
		}
	})
}

func TestAKindFromTheFutureIsOther(t *testing.T) {
	m := &pb.Vocabulary{Ops: []*pb.Op{{Name: "in", Kind: 1}, {Name: "mamba", Kind: 99}}}
	v, err := fromproto.Vocabulary(m)
	if err != nil {
		t.Fatal(err)
	}
	if want := []plugins.Op{{Name: "in", Kind: plugins.KindInput}, {Name: "mamba", Kind: plugins.KindOther}}; !reflect.DeepEqual(v.Ops, want) {
		t.Errorf("got %v, want %v", v.Ops, want)
	}
}

func TestDescriptionsThatWouldSpoilATableAreRefused(t *testing.T) {
	if _, err := fromproto.Description(&pb.Description{Name: "np-2.1", Version: 2}); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"", "Two Words", "a|b", "\x1b[2J"} {
		if d, err := fromproto.Description(&pb.Description{Name: name}); err == nil {
			t.Errorf("accepted %+v", d)
		}
	}
}

// The numbers of kinds and roles are those of the Go constants; a change on
// one side alone shows here.
func TestNumbersOfKindsAndRolesAreTheWires(t *testing.T) {
	for kind, want := range map[plugins.Kind]pb.OpKind{
		plugins.KindOther: pb.OpKind_OP_KIND_OTHER, plugins.KindInput: pb.OpKind_OP_KIND_INPUT, plugins.KindOutput: pb.OpKind_OP_KIND_OUTPUT,
		plugins.KindNone: pb.OpKind_OP_KIND_NONE, plugins.KindSkip: pb.OpKind_OP_KIND_SKIP, plugins.KindConv: pb.OpKind_OP_KIND_CONV,
		plugins.KindDepthwiseConv: pb.OpKind_OP_KIND_DEPTHWISE_CONV, plugins.KindSeparableConv: pb.OpKind_OP_KIND_SEPARABLE_CONV,
		plugins.KindDilatedConv: pb.OpKind_OP_KIND_DILATED_CONV, plugins.KindMaxPool: pb.OpKind_OP_KIND_MAX_POOL,
		plugins.KindAvgPool: pb.OpKind_OP_KIND_AVG_POOL, plugins.KindSqueezeExcite: pb.OpKind_OP_KIND_SQUEEZE_EXCITE,
		plugins.KindAttention: pb.OpKind_OP_KIND_ATTENTION, plugins.KindMLP: pb.OpKind_OP_KIND_MLP,
	} {
		if int32(kind) != int32(want) {
			t.Errorf("%v is %d in Go and %d on the wire", kind, kind, want)
		}
	}
	for role, want := range map[plugins.Role]pb.Role{
		plugins.RoleBlock: pb.Role_ROLE_BLOCK, plugins.RoleNormal: pb.Role_ROLE_NORMAL,
		plugins.RoleReduction: pb.Role_ROLE_REDUCTION, plugins.RoleStem: pb.Role_ROLE_STEM,
	} {
		if int32(role) != int32(want) {
			t.Errorf("%v is %d in Go and %d on the wire", role, role, want)
		}
	}
}
