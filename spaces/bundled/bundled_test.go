package bundled

import (
	"testing"

	"github.com/hypernas/hypernas/internal/nb201"
	"github.com/hypernas/hypernas/plugins"
)

func TestNetworkHasTheCellsGraph(t *testing.T) {
	cell := nb201.Cell{nb201.Conv3x3, nb201.None, nb201.Skip, nb201.AvgPool3x3, nb201.Conv1x1, nb201.Conv3x3}
	v := vocabulary()
	n := network(cell)
	if err := n.Validate(&v); err != nil {
		t.Fatal(err)
	}
	steps := n.Searched()
	if len(steps) != 1 {
		t.Fatalf("got %d searched steps, want the cell once", len(steps))
	}
	g := n.Join(&v, steps)
	want := []string{"input", "nor_conv_3x3", "none", "skip_connect", "avg_pool_3x3", "nor_conv_1x1", "nor_conv_3x3", "output"}
	for i, op := range g.Ops {
		if got := v.Ops[op].Name; got != want[i] {
			t.Errorf("node %d: got %s, want %s", i, got, want[i])
		}
	}
	// Edges of vertex 1 (one operation), 2 (two) and the output (three); the input feeds three operations.
	if got := len(g.Edges); got != 3+2*1+1*2+3 {
		t.Errorf("got %d edges, want 10: %v", got, g.Edges)
	}
}

func TestSpaceHoldsEveryIdentityOnce(t *testing.T) {
	s := New()
	info, err := s.Open(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := info.Validate(); err != nil {
		t.Fatal(err)
	}
	if info.Rows != nb201.NumIdentities {
		t.Errorf("got %d rows, want %d", info.Rows, nb201.NumIdentities)
	}
	batch, ids, err := s.Read(t.Context(), 0, info.Rows)
	if err != nil {
		t.Fatal(err)
	}
	if err := batch.Validate(&info.Vocabulary); err != nil {
		t.Fatal(err)
	}
	seen := make(map[plugins.Identity]bool)
	for _, id := range ids {
		seen[id] = true
	}
	if len(seen) != info.Rows {
		t.Errorf("got %d identities in %d rows, want each once", len(seen), info.Rows)
	}
}

func TestTargetIsTheMeanOfTheTestRuns(t *testing.T) {
	s := New()
	info, err := s.Open(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	runs := info.ColumnNamed(info.Target).Runs
	if runs < 2 {
		t.Fatalf("got %d runs, want every cell trained at least twice", runs)
	}
	sum := make([]float64, info.Rows)
	for _, c := range info.Columns {
		values, err := s.Column(t.Context(), c.Name)
		if err != nil {
			t.Fatal(err)
		}
		for row, v := range values {
			if v < 0 || v > 100 {
				t.Fatalf("%s, row %d: %v is no accuracy in per cent", c.Name, row, v)
			}
			if c.Split == "test" && c.Runs == 1 {
				sum[row] += v / float64(runs)
			}
		}
	}
	target, err := s.Column(t.Context(), info.Target)
	if err != nil {
		t.Fatal(err)
	}
	for row := range target {
		if d := target[row] - sum[row]; d > 1e-9 || d < -1e-9 {
			t.Fatalf("row %d: target %v, mean of the runs %v", row, target[row], sum[row])
		}
	}
}
