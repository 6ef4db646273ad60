package kern

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestCellVisit: what Visit is told of each form are the slices of the head's
// numbers that Form describes, and the cell's output comes from no others.
func TestCellVisit(t *testing.T) {
	const c, wide, n = 4, 6, 9
	heads := []Head{{FormConv, 3, 0}, {FormDepthwise, 5, 0}, {FormSeparable, 3, 0}, {FormGate, 1, 3}, {FormAttention, 1, 3}, {FormMLP, 1, 8}}
	nodes := [n][3]int{
		{CellInput, 3, 1},
		{CellHead, 5, 1},     // an expansion of 3 channels to 5
		{CellHead + 1, 5, 1}, // a filter for each
		{CellHead + 3, 5, 2}, // a gate with 2 of 3 hidden units
		{CellHead, 3, 1},     // a projection
		{CellHead + 2, 3, 2},
		{CellHead + 4, 3, 2}, // 2 of 3 heads
		{CellHead + 5, 3, 7}, // 7 of 8 hidden units
		{CellPass, 4, 1},
	}
	// at returns where the number of some indices stands in the head's own.
	type layout struct {
		head  int
		name  string
		shape []int
		at    func(i []int) int
	}
	want := map[int][]layout{
		1: {{0, "weight", []int{5, 3, 3, 3}, func(i []int) int { return ((i[0]*c+i[1])*3+i[2])*3 + i[3] }}},
		2: {{1, "weight", []int{5, 1, 5, 5}, func(i []int) int { return (i[0]*5+i[2])*5 + i[3] }}},
		3: {
			{3, "reduce", []int{2, 5}, func(i []int) int { return i[0]*wide + i[1] }},
			{3, "expand", []int{5, 2}, func(i []int) int { return 3*wide + i[1]*wide + i[0] }},
		},
		4: {{0, "weight", []int{3, 5, 3, 3}, func(i []int) int { return ((i[0]*wide+i[1])*3+i[2])*3 + i[3] }}},
		5: {
			{2, "depthwise", []int{3, 1, 3, 3}, func(i []int) int { return (i[0]*3+i[2])*3 + i[3] }},
			{2, "pointwise", []int{3, 3, 1, 1}, func(i []int) int { return c*9 + i[0]*c + i[1] }},
		},
		6: {
			{4, "qkv", []int{2, 3, HeadWidth, 3}, func(i []int) int { return ((i[0]*3+i[1])*HeadWidth+i[2])*c + i[3] }},
			{4, "projection", []int{3, 2, HeadWidth}, func(i []int) int { return 3*3*HeadWidth*c + (i[1]*c+i[0])*HeadWidth + i[2] }},
		},
		7: {
			{5, "first", []int{7, 3}, func(i []int) int { return i[0]*c + i[1] }},
			{5, "second", []int{3, 7}, func(i []int) int { return 8*c + i[1]*c + i[0] }},
		},
	}

	rng := rand.New(rand.NewPCG(1, 2))
	images := random[float32](rng, c*4*4*Lanes)
	in := [][]float32{images, nil, make([]float32, n*n), {n - 1}}
	shapes := [][]int{{1, 1, c, 4, 4, Lanes}, {1, n, 3}, {1, n, n}, {1}}
	for j, node := range nodes {
		in[1] = append(in[1], float32(node[0]), float32(node[1]), float32(node[2]))
		if j > 0 {
			in[2][(j-1)*n+j] = 1
		}
	}
	for _, h := range heads {
		shapes = append(shapes, []int{1, n, h.Weights(c, wide)})
		in = append(in, random[float32](rng, n*h.Weights(c, wide)))
	}
	// shown are the numbers that some array has.
	shown := make([][]float32, len(heads))
	for i := range shown {
		shown[i] = make([]float32, len(in[4+i]))
	}
	visits := 0
	k := &Cell[float32]{Heads: heads, Wide: wide}
	k.Visit = func(a, j, head int, arrays []Array[float32]) {
		visits++
		if len(arrays) != len(want[j]) {
			t.Fatalf("node %d: got %d arrays, want %d", j, len(arrays), len(want[j]))
		}
		for x, w := range want[j] {
			got := arrays[x]
			if a != 0 || head != w.head || got.Name != w.name || !slices.Equal(got.Shape, w.shape) || len(got.Data) != Size(w.shape) {
				t.Fatalf("node %d: got %s %v of head %d, want %s %v of %d", j, got.Name, got.Shape, head, w.name, w.shape, w.head)
			}
			own := j * heads[head].Weights(c, wide)
			for at, v := range got.Data {
				index := make([]int, len(w.shape))
				for d, rest := len(index)-1, at; d >= 0; d-- {
					index[d], rest = rest%w.shape[d], rest/w.shape[d]
				}
				from := own + w.at(index)
				if v != in[4+head][from] {
					t.Fatalf("node %d, %s%v: got %v, want %v", j, w.name, index, v, in[4+head][from])
				}
				shown[head][from] = v
			}
		}
	}
	if _, err := k.Shape(shapes...); err != nil {
		t.Fatal(err)
	}
	all, some := make([]float32, len(images)), make([]float32, len(images))
	k.Forward(all, in)
	if visits != len(want) {
		t.Errorf("got %d visits, want %d", visits, len(want))
	}
	k.Visit = nil
	k.Forward(some, slices.Concat(in[:4], shown))
	if !slices.Equal(all, some) {
		t.Errorf("the output depends on numbers that no array has: %s", fmt.Sprint(all[:4], some[:4]))
	}
}
