package plugins_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hypernas/hypernas/plugins"
)

type fitOptions struct {
	Epochs   int           `option:"epochs" doc:"passes over the labels"`
	Rate     float64       `option:"rate" doc:"learning rate"`
	Prune    bool          `option:"prune" doc:"remove dead operations first"`
	Label    string        `option:"label" doc:"transform" choices:"raw,z-score"`
	Patience time.Duration `option:"patience" doc:"when to give up"`
	hidden   int
}

func TestDescribeOptions(t *testing.T) {
	got := plugins.DescribeOptions(fitOptions{Epochs: 300, Rate: 1e-3, Label: "raw", Patience: time.Minute, hidden: 1})
	want := []plugins.Option{
		{Name: "epochs", Default: "300", Summary: "passes over the labels"},
		{Name: "rate", Default: "0.001", Summary: "learning rate"},
		{Name: "prune", Default: "false", Summary: "remove dead operations first"},
		{Name: "label", Default: "raw", Summary: "transform", Choices: []string{"raw", "z-score"}},
		{Name: "patience", Default: "1m0s", Summary: "when to give up"},
	}
	if !slices.EqualFunc(got, want, func(a, b plugins.Option) bool {
		return a.Name == b.Name && a.Default == b.Default && a.Summary == b.Summary && slices.Equal(a.Choices, b.Choices)
	}) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestSetOptions(t *testing.T) {
	o := fitOptions{Epochs: 300, Label: "raw"}
	err := plugins.SetOptions(&o, map[string]string{"rate": "0.5", "prune": "true", "label": "z-score", "patience": "90s"})
	if err != nil {
		t.Fatal(err)
	}
	if want := (fitOptions{Epochs: 300, Rate: .5, Prune: true, Label: "z-score", Patience: 90 * time.Second}); o != want {
		t.Errorf("got %+v, want %+v", o, want)
	}
	for _, tc := range []struct{ name, value, want string }{
		{"epoch", "3", "epochs, rate, prune, label, patience"},
		{"epochs", "many", "whole number"},
		{"rate", "NaN", "finite"},
		{"rate", "Inf", "finite"},
		{"prune", "perhaps", "true or false"},
		{"label", "log", "raw, z-score"},
		{"patience", "soon", "duration"},
	} {
		err := plugins.SetOptions(&o, map[string]string{tc.name: tc.value})
		if !errors.Is(err, plugins.ErrOption) || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s=%s: got %v, want ErrOption naming %q", tc.name, tc.value, err, tc.want)
		}
	}
}

// vocabulary is that of an invented space whose cells have one operation a
// node and whose steps carry a width.
func vocabulary() plugins.Vocabulary {
	return plugins.Vocabulary{
		Ops: []plugins.Op{
			{Name: "in", Kind: plugins.KindInput},
			{Name: "out", Kind: plugins.KindOutput},
			{Name: "conv", Kind: plugins.KindConv, Kernel: 3},
		},
		CellAttrs: []string{"width"},
	}
}

func cell(role plugins.Role, ops ...int) plugins.Cell {
	c := plugins.Cell{Role: role}
	for i, op := range ops {
		c.Nodes = append(c.Nodes, plugins.Node{Op: op})
		if i > 0 && op != 0 {
			c.Edges = append(c.Edges, plugins.Edge{From: i - 1, To: i})
		}
	}
	return c
}

func TestSearchedTakesMotifsOnceAndBlocksEverywhere(t *testing.T) {
	stem := cell(plugins.RoleStem, 0, 2, 1)
	stem.Fixed = true
	w := []float64{16}
	motif := plugins.Network{
		Cells:    []plugins.Cell{stem, cell(plugins.RoleNormal, 0, 2, 1), cell(plugins.RoleReduction, 0, 1)},
		Sequence: []plugins.Step{{0, 1, w}, {1, 5, w}, {2, 1, w}, {1, 5, w}},
	}
	if got := len(motif.Searched()); got != 2 {
		t.Errorf("motifs: got %d steps, want 2", got)
	}
	chain := plugins.Network{
		Cells:    []plugins.Cell{stem, cell(plugins.RoleBlock, 0, 2, 1)},
		Sequence: []plugins.Step{{0, 1, w}, {1, 2, w}, {1, 3, w}, {1, 1, w}},
	}
	if got := len(chain.Searched()); got != 3 {
		t.Errorf("blocks: got %d steps, want 3", got)
	}
}

func TestJoinLeadsTheLastTwoOutputsIntoACellWithTwoInputs(t *testing.T) {
	v := vocabulary()
	two := plugins.Cell{Nodes: []plugins.Node{{Op: 0}, {Op: 0}, {Op: 1}}, Edges: []plugins.Edge{{0, 2}, {1, 2}}}
	n := plugins.Network{Cells: []plugins.Cell{two}, Sequence: []plugins.Step{{0, 1, []float64{1}}, {0, 1, []float64{1}}, {0, 1, []float64{1}}}}
	if err := n.Validate(&v); err != nil {
		t.Fatal(err)
	}
	g := n.Join(&v, n.Sequence)
	// Outputs are nodes 2, 5 and 8. The second cell has one output before it, the third has two.
	for _, want := range []plugins.Edge{{2, 3}, {2, 4}, {2, 6}, {5, 7}} {
		if !slices.Contains(g.Edges, want) {
			t.Errorf("edges %v lack %v", g.Edges, want)
		}
	}
	if got, want := len(g.Edges), 6+4; got != want {
		t.Errorf("got %d edges, want %d", got, want)
	}
}

func TestValidateNamesTheMistake(t *testing.T) {
	v := vocabulary()
	v.NodeAttrs = []string{"ratio"}
	good := func() plugins.Network {
		c := cell(plugins.RoleNormal, 0, 0, 2, 1)
		for i := range c.Nodes {
			c.Nodes[i].Attrs = []float64{0.5}
		}
		return plugins.Network{Cells: []plugins.Cell{c}, Sequence: []plugins.Step{{0, 1, []float64{16}}}}
	}
	if n := good(); n.Validate(&v) != nil {
		t.Fatal("a good network is refused")
	}
	for _, tc := range []struct {
		want   string
		damage func(n *plugins.Network)
	}{
		{"no cells", func(n *plugins.Network) { n.Sequence = nil }},
		{"cell 1 is not one of 1", func(n *plugins.Network) { n.Sequence[0].Cell = 1 }},
		{"repeat is 0", func(n *plugins.Network) { n.Sequence[0].Repeat = 0 }},
		{"0 attributes, want 1", func(n *plugins.Network) { n.Sequence[0].Attrs = nil }},
		{"step 0: attribute width is NaN", func(n *plugins.Network) { n.Sequence[0].Attrs[0] = math.NaN() }},
		{"step 0: attribute width is -Inf", func(n *plugins.Network) { n.Sequence[0].Attrs[0] = math.Inf(-1) }},
		{"node 2: attribute ratio is NaN", func(n *plugins.Network) { n.Cells[0].Nodes[2].Attrs[0] = math.NaN() }},
		{"node 2: attribute ratio is +Inf", func(n *plugins.Network) { n.Cells[0].Nodes[2].Attrs[0] = math.Inf(1) }},
		{"operation 3", func(n *plugins.Network) { n.Cells[0].Nodes[1].Op = 3 }},
		{"output is not the last", func(n *plugins.Network) { n.Cells[0].Nodes[1].Op = 1 }},
		{"0 inputs", func(n *plugins.Network) { n.Cells[0].Nodes[0].Op, n.Cells[0].Nodes[1].Op = 2, 2 }},
		{"edge 0 leads into node 1, which is an input", func(n *plugins.Network) { n.Cells[0].Edges[0] = plugins.Edge{From: 0, To: 1} }},
		{"edge 0", func(n *plugins.Network) { n.Cells[0].Edges[0] = plugins.Edge{From: 1, To: 1} }},
		{"role", func(n *plugins.Network) { n.Cells[0].Role = 9 }},
	} {
		n := good()
		tc.damage(&n)
		if err := n.Validate(&v); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("got %v, want an error with %q", err, tc.want)
		}
	}
}

func TestBatchSelectKeepsRowsAndNumbersTogether(t *testing.T) {
	b := plugins.Batch{Networks: make([]plugins.Network, 4), Numbers: []float64{0, 1, 10, 11, 20, 21, 30, 31}}
	for i := range b.Networks {
		b.Networks[i].Sequence = []plugins.Step{{Repeat: i}}
	}
	s := b.Select([]int{3, 1})
	tail := s.Slice(1, 2)
	if tail.Networks[0].Sequence[0].Repeat != 1 || !slices.Equal(tail.Row(0), []float64{10, 11}) || !slices.Equal(s.Row(0), []float64{30, 31}) {
		t.Errorf("got rows %v, numbers %v", s.Networks, s.Numbers)
	}
}

func TestSpaceInfoMustNameItsColumns(t *testing.T) {
	good := func() plugins.SpaceInfo {
		return plugins.SpaceInfo{
			Rows: 3, Digest: strings.Repeat("0a", 32), Vocabulary: vocabulary(),
			Columns: []plugins.Column{{Name: "validation"}, {Name: "test"}}, Label: "validation", Target: "test",
		}
	}
	if s := good(); s.Validate() != nil {
		t.Fatal("a good description of a space is refused")
	}
	for _, tc := range []struct {
		want   string
		damage func(s *plugins.SpaceInfo)
	}{
		{"0 rows", func(s *plugins.SpaceInfo) { s.Rows = 0 }},
		{"digest", func(s *plugins.SpaceInfo) { s.Digest = "0A" }},
		{"no operations", func(s *plugins.SpaceInfo) { s.Vocabulary.Ops = nil }},
		{"twice", func(s *plugins.SpaceInfo) { s.Columns[1].Name = "validation" }},
		{"-1 runs", func(s *plugins.SpaceInfo) { s.Columns[1].Runs = -1 }},
		{"-200 epochs", func(s *plugins.SpaceInfo) { s.Columns[0].Epochs = -200 }},
		{"target is", func(s *plugins.SpaceInfo) { s.Target = "accuracy" }},
	} {
		s := good()
		tc.damage(&s)
		if err := s.Validate(); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("got %v, want an error with %q", err, tc.want)
		}
	}
}
