package nb201_test

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hypernas/hypernas/internal/dag"
	"github.com/hypernas/hypernas/internal/nb201"
)

func TestOrder(t *testing.T) {
	order := nb201.NewOrder()
	// Rows of NATS-Bench's topology space. 6111, 9930 and 857 are the best on
	// CIFAR-10, CIFAR-100 and ImageNet16-120.
	for index, want := range map[int]string{
		0:     "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|",
		1:     "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|skip_connect~2|",
		857:   "|nor_conv_1x1~0|+|nor_conv_1x1~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|",
		6111:  "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_1x1~2|",
		9930:  "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|",
		15624: "|nor_conv_1x1~0|+|none~0|nor_conv_1x1~1|+|none~0|nor_conv_1x1~1|nor_conv_1x1~2|",
	} {
		if got := order.Cell(index).String(); got != want {
			t.Errorf("cell %d = %s, want %s", index, got, want)
		}
	}
	for index := range nb201.NumCells {
		cell := order.Cell(index)
		if got := order.Index(cell); got != index {
			t.Fatalf("index of cell %d = %d", index, got)
		}
		parsed, err := nb201.Parse(cell.String())
		if err != nil || parsed != cell {
			t.Fatalf("Parse(%s) = %v, %v", cell, parsed, err)
		}
	}
}

func TestOpEdges(t *testing.T) {
	// The operations 1 to 6 lie on 0-1, 0-2, 1-2, 0-3, 1-3, 2-3; 7 is the output.
	want := []nb201.Edge{{From: 0, To: 1}, {From: 0, To: 2}, {From: 1, To: 3}, {From: 0, To: 4}, {From: 1, To: 5}, {From: 2, To: 6}, {From: 3, To: 6}, {From: 4, To: 7}, {From: 5, To: 7}, {From: 6, To: 7}}
	if got := nb201.OpEdges(); !slices.Equal(got, want) {
		t.Errorf("edges %v, want %v", got, want)
	}
}

func TestParseRefuses(t *testing.T) {
	good := nb201.Cell{}.String()
	for _, s := range []string{
		"", "|", good[1:], good[:len(good)-1], good + "|", "|" + good,
		strings.Replace(good, "none~1", "none~2", 1),
		strings.Replace(good, "none~0", "conv~0", 1),
		strings.Replace(good, "|+|", "|", 1),
	} {
		if cell, err := nb201.Parse(s); err == nil {
			t.Errorf("Parse(%q) = %v, want an error", s, cell)
		}
	}
}

// TestMirror compares every row with NATS-Bench's own table, which is not part
// of this repository: nats_bench.csv of github.com/v-tao/nats-bench-landscape,
// in the mirror beside the project or where NATS_BENCH_CSV says.
func TestMirror(t *testing.T) {
	rows := readNATSBench(t)
	order := nb201.NewOrder()
	for index, row := range rows {
		if got := order.Cell(index).String(); got != row.arch {
			t.Fatalf("cell %d = %s, want %s", index, got, row.arch)
		}
		if got := uniqueString(order.Cell(index)); got != row.unique {
			t.Fatalf("unique string of cell %d = %s, want %s", index, got, row.unique)
		}
	}
}

type natsRow struct{ arch, unique string }

func readNATSBench(t *testing.T) []natsRow {
	t.Helper()
	path := os.Getenv("NATS_BENCH_CSV")
	if path == "" {
		found, err := filepath.Glob("../../../shared/mirror/github.com/v-tao/nats-bench-landscape/*/nats_bench.csv")
		if err != nil {
			t.Fatal(err)
		}
		if len(found) == 0 {
			t.Skip("no mirror beside the project: set NATS_BENCH_CSV to a nats_bench.csv")
		}
		path = found[0]
	}
	f, err := os.Open(filepath.Clean(path))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	records, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	arch := slices.Index(records[0], "ArchitectureString")
	unique := slices.Index(records[0], "UniqueString")
	rows := make([]natsRow, 0, nb201.NumCells)
	for _, record := range records[1:] {
		rows = append(rows, natsRow{record[arch], record[unique]})
	}
	if len(rows) != nb201.NumCells {
		t.Fatalf("%s has %d rows, want %d", path, len(rows), nb201.NumCells)
	}
	return rows
}

// uniqueString is to_unique_str(True) of NATS-Bench (class CellStructure): a
// vertex is the sorted sum of its operations, each written around the vertex
// that it reads. A skip is that vertex itself. A none, or what reads a vertex
// that is one none alone, is a #, which stays in the sum.
func uniqueString(c nb201.Cell) string {
	var terms [4][]string
	vertices := [4]string{"0"}
	for i, edge := range nb201.Edges() {
		from := vertices[edge.From]
		term := "(" + from + ")@" + c[i].String()
		switch {
		case c[i] == nb201.None || from == "#":
			term = "#"
		case c[i] == nb201.Skip:
			term = from
		}
		terms[edge.To] = append(terms[edge.To], term)
		slices.Sort(terms[edge.To])
		vertices[edge.To] = strings.Join(terms[edge.To], "+")
	}
	return vertices[3]
}

// TestFourNumbers counts NAS-Bench-201's cells by each notion of sameness that
// the literature and this repository use.
func TestFourNumbers(t *testing.T) {
	order := nb201.NewOrder()
	pruned := map[nb201.Cell]bool{}
	isomorphic := map[string]bool{}
	unique := map[string]bool{}
	identities := map[dag.Identity]bool{}
	all := nb201.Identities()
	for index := range nb201.NumCells {
		cell := order.Cell(index)
		pruned[cell.Prune()] = true
		form, err := dag.Canonical(dag.Prune(cell.Graph()))
		if err != nil {
			t.Fatal(err)
		}
		isomorphic[string(form)] = true
		unique[uniqueString(cell)] = true
		identities[all[index]] = true
	}
	for _, count := range []struct {
		name      string
		got, want int
	}{
		{"pruned", len(pruned), 9445},
		{"pruned, up to isomorphism", len(isomorphic), 8765},
		{"unique strings", len(unique), 6466},
		{"identities", len(identities), 5260},
	} {
		if count.got != count.want {
			t.Errorf("%s: %d cells, want %d", count.name, count.got, count.want)
		}
	}
}

func TestRepresentatives(t *testing.T) {
	identities := nb201.Identities()
	representatives := nb201.Representatives()
	if got := len(representatives); got != nb201.NumIdentities {
		t.Fatalf("%d representatives, want %d", got, nb201.NumIdentities)
	}
	if !slices.IsSorted(representatives) {
		t.Error("representatives are not ascending")
	}
	first := map[dag.Identity]int{}
	for index, id := range identities {
		if _, ok := first[id]; !ok {
			first[id] = index
		}
	}
	for _, index := range representatives {
		if got := first[identities[index]]; got != index {
			t.Errorf("representative %d, but cell %d is the same", index, got)
		}
	}
}

func BenchmarkIdentities(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		nb201.Identities()
	}
}

// expression writes what a cell computes as a term, with the convolutions
// numbered by names, of which all permutations are tried: the least term
// stands for the family. It is an independent, slow definition of identity.
func expression(c nb201.Cell) string {
	c = c.Prune()
	var convs []int
	for i, op := range c {
		if op == nb201.Conv1x1 || op == nb201.Conv3x3 {
			convs = append(convs, i)
		}
	}
	names := make([]int, len(convs))
	for i := range names {
		names[i] = i
	}
	least := ""
	var permute func(k int)
	permute = func(k int) {
		if k < len(names) {
			for i := k; i < len(names); i++ {
				names[k], names[i] = names[i], names[k]
				permute(k + 1)
				names[k], names[i] = names[i], names[k]
			}
			return
		}
		// The terms that each vertex sums.
		vertices := [4][]string{{"in"}}
		for i, edge := range nb201.Edges() {
			sum := "(" + strings.Join(vertices[edge.From], "+") + ")"
			switch c[i] {
			case nb201.None:
			case nb201.Skip:
				vertices[edge.To] = append(vertices[edge.To], vertices[edge.From]...)
			case nb201.AvgPool3x3:
				vertices[edge.To] = append(vertices[edge.To], "pool"+sum)
			case nb201.Conv1x1, nb201.Conv3x3:
				name := names[slices.Index(convs, i)]
				vertices[edge.To] = append(vertices[edge.To], c[i].String()+string(rune('a'+name))+sum)
			}
			slices.Sort(vertices[edge.To])
		}
		if term := strings.Join(vertices[3], "+"); least == "" || term < least {
			least = term
		}
	}
	permute(0)
	return least
}

// TestIdentityIsThatOfTheExpression compares the identities of all cells with
// their expressions.
func TestIdentityIsThatOfTheExpression(t *testing.T) {
	order := nb201.NewOrder()
	byIdentity := map[dag.Identity]string{}
	byExpression := map[string]dag.Identity{}
	for index, id := range nb201.Identities() {
		cell := order.Cell(index)
		term := expression(cell)
		if other, ok := byIdentity[id]; ok && other != term {
			t.Fatalf("%s: one identity for %s and %s", cell, term, other)
		}
		if other, ok := byExpression[term]; ok && other != id {
			t.Fatalf("%s: two identities of %s", cell, term)
		}
		byIdentity[id], byExpression[term] = term, id
	}
}
