package table

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hypernas/hypernas/internal/nb201"
	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/plugins/plugintest"
)

var examples = filepath.Join("..", "..", "docs", "examples", "table")

func TestExamplesFollowTheContract(t *testing.T) {
	for _, name := range []string{"mobile", "triangle"} {
		t.Run(name, func(t *testing.T) {
			plugintest.Space(t, func() plugins.Space { return New() },
				plugintest.With(map[string]string{"file": filepath.Join(examples, name+".yaml")}))
		})
	}
}

// open writes a description and its data to a folder and opens them.
func open(t *testing.T, description, name, data string, options map[string]string) (*Space, plugins.SpaceInfo, error) {
	t.Helper()
	dir := t.TempDir()
	all := map[string]string{"file": filepath.Join(dir, "mine.yaml")}
	maps.Copy(all, options)
	for file, text := range map[string]string{"mine.yaml": description, name: data} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s := New()
	info, err := s.Open(t.Context(), all)
	return s, info, err
}

// mustOpen is open for files without a mistake; the rows follow the contract.
func mustOpen(t *testing.T, description, name, data string) (*Space, plugins.SpaceInfo) {
	t.Helper()
	s, info, err := open(t, description, name, data, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := info.Validate(); err != nil {
		t.Fatal(err)
	}
	b, _, err := s.Read(t.Context(), 0, info.Rows)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Validate(&info.Vocabulary); err != nil {
		t.Fatal(err)
	}
	return s, info
}

// classes numbers the identities of rows in the order of their appearance.
func classes(s *Space) []int {
	at := make(map[plugins.Identity]int)
	list := make([]int, len(s.Identities))
	for i, id := range s.Identities {
		if _, ok := at[id]; !ok {
			at[id] = len(at)
		}
		list[i] = at[id]
	}
	return list
}

const chain = `
data: d.csv
columns: {acc: {split: test}}
label: acc
operations:
  conv_3x3: {kind: conv, kernel: 3}
  conv_5x5: {kind: conv, kernel: 5}
  pool: {kind: max_pool, kernel: 3}
  skip: {kind: skip}
  none: {kind: none}
network:
  - n: 1..3
    operations:
      - {column: op$n, attributes: {width: w$n}}
`

func TestIdentitiesOfAChain(t *testing.T) {
	const data = "op1,w1,op2,w2,op3,w3,acc\n" +
		"conv_3x3,8,skip,8,pool,8,1\n" + // 0
		"skip,8,conv_3x3,8,pool,8,1\n" + // the same: a skip is no layer
		"skip,8,pool,8,conv_3x3,8,1\n" + // another order
		"conv_3x3,16,skip,8,pool,8,1\n" + // another width
		"conv_3x3,8,skip,99,pool,8,1\n" + // as the first: the width of a skip is none
		"none,8,conv_3x3,8,pool,8,1\n" +
		"conv_5x5,8,pool,8,none,8,1\n" + // nothing reaches the output, as above
		"conv_5x5,8,skip,8,pool,8,1\n"
	s, _ := mustOpen(t, chain, "d.csv", data)
	if got, want := classes(s), []int{0, 0, 1, 2, 0, 3, 3, 4}; !slices.Equal(got, want) {
		t.Errorf("got identities %v, want %v", got, want)
	}
}

func TestRepeatsAndAbsentBlocks(t *testing.T) {
	const description = `
data: d.csv
columns: {acc: {split: test}}
operations: {conv: {kind: conv, kernel: 3}, se: {kind: squeeze_excite}}
network:
  - operations: [conv]
    attributes: {stride: 2}
  - operations:
      - conv
      - {column: se, values: {true: se, false: absent}, attributes: {ratio: ratio}}
    repeat: depth
  - operations: [{column: last, values: {3: conv, "": absent}}]
`
	const data = "se,ratio,depth,last,acc\nTrue,0.25,2,3.0,1\nFalse,,1,,2\nfalse,,0,,3\n"
	s, info := mustOpen(t, description, "d.csv", data)
	if info.Target != "acc" || info.Label != "acc" {
		t.Errorf("got label %s and target %s, want the only column", info.Label, info.Target)
	}
	type step struct {
		ops    string
		repeat int
	}
	want := [][]step{
		{{"input conv output", 1}, {"input conv se output", 2}, {"input conv output", 1}},
		{{"input conv output", 1}, {"input conv output", 1}},
		{{"input conv output", 1}},
	}
	for row := range want {
		n := s.Network(row)
		var got []step
		for _, st := range n.Sequence {
			var names []string
			for _, node := range n.Cells[st.Cell].Nodes {
				names = append(names, info.Vocabulary.Ops[node.Op].Name)
			}
			got = append(got, step{strings.Join(names, " "), st.Repeat})
		}
		if !slices.Equal(got, want[row]) {
			t.Errorf("row %d: got %v, want %v", row, got, want[row])
		}
		if stem := n.Cells[n.Sequence[0].Cell]; !stem.Fixed || stem.Role != plugins.RoleBlock {
			t.Errorf("row %d: the first block is the same in every row, and not fixed", row)
		}
	}
	if got := s.Network(0).Cells[1].Nodes[2].Attrs; !slices.Equal(got, []float64{.25}) {
		t.Errorf("got ratio %v, want .25", got)
	}
	if got := s.Network(0).Sequence[0].Attrs; !slices.Equal(got, []float64{2}) {
		t.Errorf("got stride %v, want 2", got)
	}
}

// All cells of NAS-Bench-201, as this package reads their strings, have as
// many identities as package nb201 finds.
func TestCellsOfStringsHaveTheIdentitiesOfTheirGraphs(t *testing.T) {
	const description = `
data: d.csv
columns: {acc: {split: test}}
operations:
  none: {kind: none}
  skip_connect: {kind: skip}
  nor_conv_1x1: {kind: conv, kernel: 1}
  nor_conv_3x3: {kind: conv, kernel: 3}
  avg_pool_3x3: {kind: avg pool, kernel: 3}
parse: {arch: "|{01}~0|+|{02}~0|{12}~1|+|{03}~0|{13}~1|{23}~2|"}
cells:
  normal:
    edges:
      - {from: 2, to: 3, column: "23"}
      - {from: 0, to: 1, column: "01"}
      - {from: 0, to: 2, column: "02"}
      - {from: 1, to: 2, column: "12"}
      - {from: 0, to: 3, column: "03"}
      - {from: 1, to: 3, column: "13"}
`
	var data strings.Builder
	data.WriteString("arch,acc\n")
	order := nb201.NewOrder()
	for i := range nb201.NumCells {
		fmt.Fprintf(&data, "%v,1\n", order.Cell(i))
	}
	s, _ := mustOpen(t, description, "d.csv", data.String())
	theirs := nb201.Identities()
	pairs := make(map[[2]plugins.Identity]bool)
	ours := make(map[plugins.Identity]bool)
	for i, id := range s.Identities {
		ours[id] = true
		pairs[[2]plugins.Identity{id, plugins.Identity(theirs[i])}] = true
	}
	if len(ours) != nb201.NumIdentities || len(pairs) != nb201.NumIdentities {
		t.Errorf("got %d identities, in %d pairs with those of package nb201, want %d of both", len(ours), len(pairs), nb201.NumIdentities)
	}
}

const graphs = `
data: d.json
columns: {acc: {split: test}}
operations: {conv: {kind: conv, kernel: 3}, pool: {kind: max pool, kernel: 3}}
cells:
  normal:
    graph: {operations: ops, adjacency: matrix}
`

func TestGraphsOfRows(t *testing.T) {
	const data = `[
	{"acc": 1, "ops": ["input", "conv", "pool", "output"], "matrix": [[0,1,0,0],[0,0,1,0],[0,0,0,1],[0,0,0,0]]},
	{"acc": 2, "ops": ["input", "pool", "conv", "output"], "matrix": [[0,0,1,0],[0,0,0,1],[0,1,0,0],[0,0,0,0]]},
	{"acc": 3, "ops": ["input", "pool", "conv", "output"], "matrix": [[0,1,0,0],[0,0,1,0],[0,0,0,1],[0,0,0,0]]},
	{"acc": null, "ops": ["input", "output"], "matrix": [[0,1],[0,0]]}
]`
	s, info := mustOpen(t, graphs, "d.json", data)
	// The second is the first with its nodes in another order.
	if got, want := classes(s), []int{0, 0, 1, 2}; !slices.Equal(got, want) {
		t.Errorf("got identities %v, want %v", got, want)
	}
	if got := s.Columns[0].Values[3]; !math.IsNaN(got) {
		t.Errorf("got %v for null, want NaN", got)
	}

	// The same graphs as lists of edges, with names of the data's own, in an
	// object of rows and in a CSV file.
	other := strings.NewReplacer("adjacency: matrix", "edges: links", "{operations", "{operations",
		"    graph:", "    values: {in: input, C: conv, P: pool, out: output}\n    graph:").Replace(graphs)
	again, _ := mustOpen(t, other, "d.json", `{
	"a": {"acc": 1, "ops": ["in", "C", "P", "out"], "links": [[0, 1], [1, 2], [2, 3]]},
	"b": {"acc": 1, "ops": ["in", "P", "C", "out"], "links": [[0, 1], [1, 2], [2, 3]]}
}`)
	inCSV, _ := mustOpen(t, strings.Replace(other, "d.json", "d.csv", 1), "d.csv",
		`acc,ops,links`+"\n"+`1,"[""in"", ""C"", ""P"", ""out""]","[[0, 1], [1, 2], [2, 3]]"`+"\n")
	if again.Identities[0] != s.Identities[0] || again.Identities[1] != s.Identities[2] || inCSV.Identities[0] != s.Identities[0] {
		t.Error("a list of edges gives other identities than the matrix")
	}
	if info.Rows != 4 {
		t.Errorf("got %d rows, want 4", info.Rows)
	}
}

// A skip that sums two values is no summand of a concatenation.
func TestConcatenatingOutput(t *testing.T) {
	const data = `[
	{"acc": 1, "ops": ["input", "conv", "conv", "skip", "conv", "output"], "links": [[0,1],[0,2],[1,3],[2,3],[0,4],[3,5],[4,5]]},
	{"acc": 1, "ops": ["input", "conv", "conv", "conv", "output"], "links": [[0,1],[0,2],[0,3],[1,4],[2,4],[3,4]]}
]`
	description := strings.NewReplacer("adjacency: matrix", "edges: links", "conv: {", "skip: {kind: skip}, conv: {").Replace(graphs)
	sum, _ := mustOpen(t, description, "d.json", data)
	concat, _ := mustOpen(t, description+"    output: concat\n", "d.json", data)
	if got, want := [][]int{classes(sum), classes(concat)}, [][]int{{0, 0}, {0, 1}}; !slices.EqualFunc(got, want, slices.Equal) {
		t.Errorf("got identities %v, want %v", got, want)
	}
}

func TestTwoCells(t *testing.T) {
	const description = `
data: d.json
columns: {acc: {split: validation}}
operations: {conv: {kind: conv, kernel: 3}, skip: {kind: skip}}
cells:
  normal: {edges: [{from: 0, to: 1, column: "cells.normal[0]"}]}
  reduction: {edges: [{from: 0, to: 1, column: "cells.reduction[0]"}]}
`
	s, info := mustOpen(t, description, "d.json", `[
	{"cells": {"normal": ["conv"], "reduction": ["skip"]}, "acc": 1},
	{"cells": {"normal": ["skip"], "reduction": ["conv"]}, "acc": 1}
]`)
	if got := classes(s); !slices.Equal(got, []int{0, 1}) {
		t.Errorf("got identities %v, want two: which cell an operation stands in matters", got)
	}
	n := s.Network(0)
	if len(n.Searched()) != 2 || n.Cells[1].Role != plugins.RoleReduction || info.Columns[0].Split != "validation" {
		t.Errorf("got %+v", n)
	}
}

func TestValuesOfColumns(t *testing.T) {
	const description = `
data: d.csv
columns:
  latency: {column: ms, unit: s, scale: 0.001, split: test, lower_is_better: true}
  acc: {split: test}
label: acc
numbers: {params: {column: millions, scale: 1e6}, depth: layers}
operations: {conv: {kind: conv}}
network: [{operations: [{column: op}]}]
`
	s, info, err := open(t, description, "d.csv", "\ufeffop,ms,acc,millions,layers\r\nconv,20, 71.5 ,1.5,\r\nconv,nan,,2,7\r\n", map[string]string{"target": "latency"})
	if err != nil {
		t.Fatal(err)
	}
	if info.Label != "acc" || info.Target != "latency" {
		t.Errorf("got label %s and target %s, want acc and latency", info.Label, info.Target)
	}
	want := []float64{-.02, math.NaN(), 71.5, math.NaN(), 1.5e6, math.NaN(), 2e6, 7}
	got := slices.Concat(s.Columns[0].Values, s.Columns[1].Values, s.Numbers)
	if !slices.EqualFunc(got, want, func(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) }) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestDigestIsThatOfTheContents(t *testing.T) {
	const data = "op1,w1,op2,w2,op3,w3,acc\npool,8,skip,8,pool,8,1\n"
	_, first := mustOpen(t, chain, "d.csv", data)
	_, elsewhere := mustOpen(t, chain, "d.csv", data) // in another folder
	_, other := mustOpen(t, chain, "d.csv", data[:len(data)-2]+"2\n")
	if first.Digest != elsewhere.Digest || first.Digest == other.Digest {
		t.Errorf("got digests %s, %s in another folder, and %s with another value", first.Digest, elsewhere.Digest, other.Digest)
	}
}

func TestMistakesAreNamed(t *testing.T) {
	const row = "op1,w1,op2,w2,op3,w3,acc\n"
	const good = row + "pool,8,skip,8,pool,8,1\n"
	replace := func(s string, pairs ...string) string {
		for i := 0; i < len(pairs); i += 2 {
			if !strings.Contains(s, pairs[i]) {
				t.Fatalf("%q is not there to be replaced", pairs[i])
			}
		}
		return strings.NewReplacer(pairs...).Replace(s)
	}
	graph := func(ops, matrix string) string {
		return fmt.Sprintf(`[{"acc": 1, "ops": %s, "matrix": %s}]`, ops, matrix)
	}
	bomb := "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := 1; i < 9; i++ {
		bomb += fmt.Sprintf("a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 10), ", "))
	}
	steps := strings.TrimSuffix(strings.Repeat("*s, ", 1000), ", ")
	slots := strings.TrimSuffix(strings.Repeat("*o, ", 200), ", ")
	for _, test := range []struct {
		name, description, data, want string
	}{
		{"empty description", "", good, "mine.yaml: it is empty"},
		{"two documents", chain + "---\nx: 1\n", good, "more than one document"},
		{"broken YAML", "data: [", good, "mine.yaml: line"},
		{"unknown key", chain + "licence: MIT\n", good, `mine.yaml: line 15: unknown key "licence": the keys are name, data, license, citation`},
		{"unknown key of a column", replace(chain, "split: test", "splits: test"), good, `line 3: unknown key "splits": the keys are column, summary, unit`},
		{"key twice", chain + "label: acc\n", good, `line 15: key "label" appears twice`},
		{"no data", replace(chain, "data: d.csv\n", ""), good, `there is no key "data"`},
		{"no split", replace(chain, "split: test", "unit: s"), good, "line 3: column acc has no split"},
		{"wrong label", replace(chain, "label: acc", "label: accuracy"), good, `line 4: "accuracy" is none of the columns acc`},
		{"unknown kind", replace(chain, "kind: conv, kernel: 3", "kind: convolution, kernel: 3"), good, `line 6: "convolution" is not one of other, input`},
		{"bad kernel", replace(chain, "kernel: 5", "kernel: big"), good, `line 7: "big" is not a whole number`},
		{"unknown operation in values", replace(chain, "column: op$n", "column: op$n, values: {a: dense}"), good, `line 14: unknown operation "dense": the operations are conv_3x3`},
		{"no range", replace(chain, "- n: 1..3\n    operations", "- operations"), good, "line 13: $n stands for nothing here"},
		{"bad range", replace(chain, "1..3", "3..1"), good, `line 12: "3..1" is not a range such as 1..8`},
		{"nothing varies", replace(chain, "{column: op$n, attributes: {width: w$n}}", "pool"), good, "no part of the network depends on a column"},
		{"billion laughs", bomb + chain, good, "unknown key"},
		{"aliases of aliases", replace(chain, "network:", "x: &o pool\nnetwork:"), good, "unknown key"},
		{"aliases of steps", chain[:strings.Index(chain, "network")] + "network: [&s {operations: [&o pool, " + slots + "]}, " + steps + "]\n", good, "too large"},
		{"alias of itself", "data: &a [*a]", good, "mine.yaml:"},
		{"data missing", replace(chain, "d.csv", "e.csv"), good, "e.csv"},

		{"empty data", chain, "", "d.csv: it is empty"},
		{"no rows", chain, row, "d.csv: it holds no rows"},
		{"missing column", chain, replace(good, "w2", "v2"), `d.csv: line 2: there is no column "w2"; there are acc, op1`},
		{"duplicate column", chain, replace(good, "w2", "w1"), `d.csv: line 1: two columns are called "w1"`},
		{"semicolons", chain, replace(good, ",", ";"), "separated by commas"},
		{"short row", chain, good + "pool,8\n", "d.csv: line 3: the number of values is not 7"},
		{"open quote", chain, good + "\"pool,8", "d.csv: line 3"},
		{"bad number", chain, good + "pool,8,skip,8,pool,8,high\n", `d.csv: line 3, column acc: "high" is no number`},
		{"infinite", chain, good + "pool,8,skip,8,pool,8,inf\n", "d.csv: line 3, column acc: inf is infinite"},
		{"too large", chain, good + "pool,8,skip,8,pool,8,1e999\n", "d.csv: line 3, column acc: 1e999 is infinite"},
		{"unknown operation", chain, good + "pool,8,dense,8,pool,8,1\n", `d.csv: line 3, column op2: unknown operation "dense": the operations are`},
		{"empty attribute", chain, good + "pool,,skip,8,pool,8,1\n", "d.csv: line 3, column w1: it is empty"},
		{"an output in the middle", chain, good + "output,8,skip,8,pool,8,1\n", `column op1: "output" is an output`},
		{"no label anywhere", chain, row + "pool,8,skip,8,pool,8,\n", "d.csv: column acc: no row has a value"},
		{"no number anywhere", chain + "numbers: {params: p}\n", "p," + row + ",pool,8,skip,8,pool,8,1\n", "d.csv: column p: no row has a value"},
		{"target as a number", chain + "numbers: {magic: {column: acc}}\n", good, "is no feature"},
		{"wrong form", chain + "parse: {op1: \"{a}-{b}\"}\n", good, `column op1: "pool" does not have the form "{a}-{b}": there is no "-" after {a}`},

		{"broken JSON", graphs, "[\n{\"acc\": 1,\n}]", "d.json: line 3, row 1:"},
		{"cut off", graphs, `[{"acc": 1`, "row 1: unexpected EOF"},
		{"no object", graphs, "[1]", "a row must be an object"},
		{"trailing", graphs, graph(`["input", "output"]`, "[[0,1],[0,0]]") + "[]", "something follows"},
		{"column twice", graphs, `[{"acc": 1, "acc": 2}]`, `column "acc" appears twice`},
		{"missing in JSON", graphs, `[{"acc": 1, "ops": []}]`, "it has 0 operations"},
		{"deep", graphs, `[{"acc": ` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + "}]", "nests more than 32 deep"},
		{"no matrix", graphs, `[{"acc": 1, "ops": ["input", "output"]}]`, `row 1: there is no column "matrix"; there are acc, ops`},
		{"cycle", graphs, graph(`["input", "conv", "conv", "output"]`, "[[0,1,0,0],[0,0,1,0],[0,1,0,1],[0,0,0,0]]"), "d.json: row 1, column matrix: the graph has a cycle"},
		{"into the input", graphs, graph(`["input", "conv", "output"]`, "[[0,1,0],[1,0,1],[0,0,0]]"), "leads from operation 1 into operation 0, which is an input"},
		{"small matrix", graphs, graph(`["input", "conv", "output"]`, "[[0,1],[0,0]]"), "the matrix has 2 rows for 3 operations"},
		{"ragged matrix", graphs, graph(`["input", "output"]`, "[[0,1],[0]]"), "element 1 is not a list of 2 numbers"},
		{"weights", graphs, graph(`["input", "output"]`, "[[0,2],[0,0]]"), "the matrix has 2 in row 0; it takes 0 and 1"},
		{"no input", graphs, graph(`["conv", "output"]`, "[[0,1],[0,0]]"), "the first operation must be an input, and is conv"},
		{"no output", graphs, graph(`["input", "conv"]`, "[[0,1],[0,0]]"), "must be the output; element 1 is conv"},
	} {
		t.Run(test.name, func(t *testing.T) {
			file := "d.csv"
			if strings.Contains(test.description, "d.json") {
				file = "d.json"
			}
			_, _, err := open(t, test.description, file, test.data, nil)
			if !errors.Is(err, plugins.ErrInput) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error that wraps plugins.ErrInput and has %q", err, test.want)
			}
		})
	}
}

func TestOptions(t *testing.T) {
	for _, test := range []struct {
		options map[string]string
		want    string
	}{
		{nil, "file is not given"},
		{map[string]string{"file": filepath.Join(examples, "mobile.yaml"), "label": "vla"}, "label=vla; it takes val, test, latency"},
	} {
		_, err := New().Open(t.Context(), test.options)
		if !errors.Is(err, plugins.ErrOption) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v: got %v, want plugins.ErrOption with %q", test.options, err, test.want)
		}
	}
}

func FuzzDescription(f *testing.F) {
	for _, name := range []string{"mobile.yaml", "triangle.yaml"} {
		data, err := os.ReadFile(filepath.Join(examples, name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(graphs))
	f.Add([]byte("a: &a [*a]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := parseDescription(data)
		if err == nil && (d.column(d.label) == nil || d.column(d.target) == nil || d.vocabulary.Validate() != nil || len(d.steps) == 0) {
			t.Errorf("a description without a label, target, network or valid vocabulary was accepted: %+v", d)
		}
	})
}

// FuzzData reads rows of a chain, of a cell with edges and of graphs.
func FuzzData(f *testing.F) {
	f.Add("op1,w1,op2,w2,op3,w3,acc\npool,8,skip,8,pool,8,1\nconv_3x3,1e3,none,8,conv_5x5,-1,\n", 0)
	f.Add("arch,params,val_acc,test_acc\n|none~0|+|skip~0|conv_3x3~1|,5,1,2\n", 1)
	f.Add(`[{"acc": 1, "ops": ["input", "conv", "output"], "matrix": [[0,1,0],[0,0,1],[0,0,0]]}]`, 2)
	f.Add(`{"a": {"acc": 1, "ops": ["input", "output"], "matrix": [[0,1],[0,0]], "x": {"y": [1, "2", null, true]}}}`, 2)
	triangle, err := os.ReadFile(filepath.Join(examples, "triangle.yaml"))
	if err != nil {
		f.Fatal(err)
	}
	descriptions := []string{chain, string(triangle), graphs}
	f.Fuzz(func(t *testing.T, data string, which int) {
		if which < 0 || which >= len(descriptions) {
			return
		}
		d, err := parseDescription([]byte(descriptions[which]))
		if err != nil {
			t.Fatal(err)
		}
		table, err := d.read(t.Context(), []byte(data))
		if err != nil {
			return
		}
		b, _, err := table.Read(t.Context(), 0, len(table.Identities))
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Validate(&d.vocabulary); err != nil {
			t.Errorf("accepted, and yet %v", err)
		}
		for _, c := range table.Columns {
			if len(c.Values) != b.Len() || slices.ContainsFunc(c.Values, func(x float64) bool { return math.IsInf(x, 0) }) {
				t.Errorf("column %s holds %v for %d rows", c.Name, c.Values, b.Len())
			}
		}
	})
}
