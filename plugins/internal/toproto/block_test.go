package toproto_test

import (
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
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
			{Name: "in", Kind: plugins.KindInput},
			{Name: "out", Kind: plugins.KindOutput},
			{Name: "conv", Kind: plugins.KindConv, Kernel: 3},
			{Name: "skip", Kind: plugins.KindSkip},
		},
		NodeAttrs: []string{"ratio"},
		CellAttrs: []string{"channels", "stride"},
		Numbers:   []string{plugins.NumberParams},
	}
}

// batch returns random networks of one to three cells.
func batch(rows int) plugins.Batch {
	rng := rand.New(rand.NewPCG(1, 2))
	var b plugins.Batch
	for range rows {
		var n plugins.Network
		for range 1 + rng.IntN(3) {
			n.Cells = append(n.Cells, cell(rng, 1+rng.IntN(5)))
		}
		for range 1 + rng.IntN(4) {
			n.Sequence = append(n.Sequence, plugins.Step{
				Cell: rng.IntN(len(n.Cells)), Repeat: 1 + rng.IntN(3), Attrs: []float64{float64(int(8) << rng.IntN(3)), float64(1 + rng.IntN(2))},
			})
		}
		b.Networks = append(b.Networks, n)
		b.Numbers = append(b.Numbers, rng.NormFloat64())
	}
	return b
}

func cell(rng *rand.Rand, inner int) plugins.Cell {
	c := plugins.Cell{Role: plugins.Role(rng.IntN(4)), Fixed: rng.IntN(2) == 0, Edges: []plugins.Edge{}}
	for i := range inner + 2 {
		op := 2 + rng.IntN(2)
		switch i {
		case 0:
			op = 0
		case inner + 1:
			op = 1
		}
		c.Nodes = append(c.Nodes, plugins.Node{Op: op, Attrs: []float64{float64(rng.IntN(2))}})
		for from := range i {
			if rng.IntN(2) == 0 {
				c.Edges = append(c.Edges, plugins.Edge{From: from, To: i})
			}
		}
	}
	return c
}

func TestBlocksCarryABatchUnchanged(t *testing.T) {
	v, want := vocabulary(), batch(pb.BlockRows+100)
	var got plugins.Batch
	blocks := 0
	for lo := 0; lo < want.Len(); blocks++ {
		block, hi, err := toproto.Block(&v, &want, lo)
		if err != nil {
			t.Fatal(err)
		}
		wire, err := proto.Marshal(block)
		if err != nil {
			t.Fatal(err)
		}
		received := &pb.Block{}
		if err := proto.Unmarshal(wire, received); err != nil {
			t.Fatal(err)
		}
		rows, err := fromproto.AppendBlock(&got, &v, received)
		if err != nil {
			t.Fatal(err)
		}
		if rows != hi-lo {
			t.Errorf("got %d rows of %d to %d", rows, lo, hi)
		}
		lo = hi
	}
	if blocks != 2 {
		t.Errorf("got %d blocks, want 2", blocks)
	}
	if err := got.Validate(&v); err != nil {
		t.Error(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Error("the batch has changed on its way")
	}
}

func TestWhatNetworksShareIsSentOnce(t *testing.T) {
	v, one := vocabulary(), batch(1)
	many := one.Select(make([]int, 1000))
	single, _, err := toproto.Block(&v, &one, 0)
	if err != nil {
		t.Fatal(err)
	}
	shared, _, err := toproto.Block(&v, &many, 0)
	if err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(shared.GetCells(), single.GetCells()) || !proto.Equal(shared.GetSequences(), single.GetSequences()) {
		t.Error("the tables of 1,000 equal networks are not those of one")
	}
}

func TestBlocksEndBeforeTheyAreTooLarge(t *testing.T) {
	v := vocabulary()
	rng := rand.New(rand.NewPCG(3, 0))
	var b plugins.Batch
	for range 3 {
		c := cell(rng, 1200) // about 360,000 edges, 720,000 entries
		b.Networks = append(b.Networks, plugins.Network{Cells: []plugins.Cell{c}, Sequence: []plugins.Step{{Repeat: 1, Attrs: []float64{1, 1}}}})
		b.Numbers = append(b.Numbers, 0)
	}
	var got plugins.Batch
	for lo := 0; lo < b.Len(); {
		block, hi, err := toproto.Block(&v, &b, lo)
		if err != nil {
			t.Fatal(err)
		}
		if hi-lo > 2 {
			t.Errorf("a block holds %d of the networks", hi-lo)
		}
		if _, err := fromproto.AppendBlock(&got, &v, block); err != nil {
			t.Fatal(err)
		}
		lo = hi
	}
	if got.Len() != b.Len() {
		t.Errorf("got %d rows, want %d", got.Len(), b.Len())
	}
	huge := b.Slice(0, 1)
	c := huge.Networks[0].Cells[0]
	huge.Networks[0].Cells = []plugins.Cell{c, c, c}
	if _, _, err := toproto.Block(&v, &huge, 0); err == nil || !strings.Contains(err.Error(), "row 0: network has") {
		t.Errorf("got %v for a network that no block can hold", err)
	}
}

func TestBlockRefusesWhatTheVocabularyDoes(t *testing.T) {
	v := vocabulary()
	for _, tc := range []struct {
		want   string
		damage func(b *plugins.Batch)
	}{
		{"numbers for", func(b *plugins.Batch) { b.Numbers = b.Numbers[1:] }},
		{"row 2: cell 0: node 0: operation 9", func(b *plugins.Batch) { b.Networks[2].Cells[0].Nodes[0].Op = 9 }},
		{"row 2: step 0: cell 7", func(b *plugins.Batch) { b.Networks[2].Sequence[0].Cell = 7 }},
		{"row 2: step 0: repeat is 4294967297", func(b *plugins.Batch) { b.Networks[2].Sequence[0].Repeat = 1<<32 + 1 }},
		{"row 2: step 0: 0 attributes", func(b *plugins.Batch) { b.Networks[2].Sequence[0].Attrs = nil }},
		{"row 2: network has no cells", func(b *plugins.Batch) { b.Networks[2].Sequence = nil }},
	} {
		b := batch(4)
		tc.damage(&b)
		if _, _, err := toproto.Block(&v, &b, 0); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("got %v, want an error with %q", err, tc.want)
		}
	}
}

func BenchmarkBlocks(b *testing.B) {
	v := vocabulary()
	all := batch(15625)
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			encode(b, &v, &all)
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		messages := encode(b, &v, &all)
		for b.Loop() {
			var got plugins.Batch
			for _, m := range messages {
				block := &pb.Block{}
				if err := proto.Unmarshal(m, block); err != nil {
					b.Fatal(err)
				}
				if _, err := fromproto.AppendBlock(&got, &v, block); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
}

func encode(b *testing.B, v *plugins.Vocabulary, all *plugins.Batch) (messages [][]byte) {
	b.Helper()
	for lo := 0; lo < all.Len(); {
		block, hi, err := toproto.Block(v, all, lo)
		if err != nil {
			b.Fatal(err)
		}
		m, err := proto.Marshal(block)
		if err != nil {
			b.Fatal(err)
		}
		messages = append(messages, m)
		lo = hi
	}
	return messages
}

func TestNumbersMayBeUnknown(t *testing.T) {
	v, b := vocabulary(), batch(1)
	b.Numbers[0] = math.NaN()
	block, _, err := toproto.Block(&v, &b, 0)
	if err != nil {
		t.Fatal(err)
	}
	var got plugins.Batch
	if _, err := fromproto.AppendBlock(&got, &v, block); err != nil || !math.IsNaN(got.Numbers[0]) {
		t.Errorf("got %v, %v, want NaN", got.Numbers, err)
	}
}
