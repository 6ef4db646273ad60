package split_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/hypernas/hypernas/harness/split"
	"github.com/hypernas/hypernas/plugins"
)

func lookup(t *testing.T, name string) split.Preset {
	t.Helper()
	p, err := split.Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestEveryPresetSaysWhatItDoes(t *testing.T) {
	for _, p := range split.Presets() {
		for what, text := range map[string]string{
			"summary": p.Summary, "draw": p.Draw, "label": p.Label, "target": p.Target, "test": p.Test, "match": p.Match,
		} {
			if text == "" {
				t.Errorf("%s: it has no %s", p.Name, what)
			}
		}
		if p.Splits < 1 || p.Seeds < 1 || p.Splits > max(p.MaxSplits(), p.Splits) {
			t.Errorf("%s: %d splits and %d seeds", p.Name, p.Splits, p.Seeds)
		}
		own := p.Name == "clean" || p.Name == "uniform"
		if own == (p.Source != "") || own == (len(p.Deviations) > 0) || own == (len(p.Sizes) > 0) {
			t.Errorf("%s: a peer's protocol names its source, deviations and sizes, our own has none", p.Name)
		}
	}
}

// The test rows of each preset, on 301 rows of which pairs are equal.
func TestTestRows(t *testing.T) {
	ids := identities(301, 2)
	for _, tc := range []struct {
		preset  string
		test    int
		rows    int
		overlap bool // training rows may be scored
		most    int  // the largest budget
	}{
		{"clean", 0, 151 - 50, false, 149},
		{"clean", 40, 40, false, 111},
		{"uniform", 0, 301 - 50, false, 299},
		{"pinat", 0, 301, true, 301},
		{"pinat", 40, 40, true, 301},
		{"narformer", 0, 301, true, 301},
		{"tagates", 0, 151, false, 150},
		{"tagates", 40, 40, false, 261},
		{"flan", 0, 151, false, 150},
		{"naslib", 0, 200, false, 101},
		{"naslib", 40, 40, false, 261},
		{"graf", 0, 151 - 50, false, 149},
	} {
		s := draw(t, split.Request{Preset: tc.preset, Test: tc.test}, ids)
		train, test := s.Train(50), s.Test(50)
		if len(train) != 50 || len(test) != tc.rows {
			t.Errorf("%s, --test %d: got %d training and %d test rows, want 50 and %d", tc.preset, tc.test, len(train), len(test), tc.rows)
		}
		scored := slices.ContainsFunc(train, func(row int) bool { return slices.Contains(test, row) })
		if scored != tc.overlap {
			t.Errorf("%s, --test %d: training rows are scored: %v, want %v", tc.preset, tc.test, scored, tc.overlap)
		}
		trained, want := of(ids, train), 0
		for _, row := range test {
			if trained[ids[row]] {
				want++
			}
		}
		if got := s.Overlap(50); got != want {
			t.Errorf("%s, --test %d: overlap: got %d, want %d", tc.preset, tc.test, got, want)
		}
		if err := s.Check(tc.most); err != nil {
			t.Errorf("%s, --test %d: %v", tc.preset, tc.test, err)
		}
		if err := s.Check(tc.most + 1); err == nil {
			t.Errorf("%s, --test %d: budget %d fits, want at most %d", tc.preset, tc.test, tc.most+1, tc.most)
		}
	}
}

func TestNarformerTrainsOnTheFirstRows(t *testing.T) {
	ids := identities(200, 1)
	s := draw(t, split.Request{Preset: "narformer"}, ids)
	train := slices.Clone(s.Train(60))
	if slices.IsSorted(train) {
		t.Error("rows are handed out in the space's order")
	}
	slices.Sort(train)
	for i, row := range train {
		if i != row {
			t.Fatalf("got rows %v, want the first 60", train)
		}
	}
	if _, err := split.Draw(split.Request{Preset: "narformer", Number: 1}, ids); err == nil || !strings.Contains(err.Error(), "1 split") {
		t.Errorf("got %v, want an error that there is one split", err)
	}
}

func TestPeerPresetsSayWhereNoFigureCompares(t *testing.T) {
	for name, rows := range map[string]int{"pinat": 15_625, "naslib": 15_625, "flan": 15_625, "narformer": 15_625, "graf": 15_625, "tagates": 14_580} {
		for _, n := range []int{rows, 5_260} {
			warnings := draw(t, split.Request{Preset: name}, identities(n, 1)).Warnings()
			got := slices.ContainsFunc(warnings, func(w string) bool { return strings.Contains(w, "no published figure") })
			if got != (n == 5_260) {
				t.Errorf("%s on %d rows: got warnings %q", name, n, warnings)
			}
		}
	}
}

// column returns one that was measured on CIFAR-10.
func column(name, images string, runs int) plugins.Column {
	return plugins.Column{Name: name, Split: images, Runs: runs, Dataset: "cifar10", Epochs: 108, Unit: "%"}
}

func TestColumns(t *testing.T) {
	full := plugins.SpaceInfo{Label: "val_0", Target: "test_mean", Columns: []plugins.Column{
		column("val_0", "validation", 1), column("val_1", "validation", 1), column("val_mean", "validation", 2),
		{Name: "val_mean_cifar100", Split: "validation", Runs: 3, Dataset: "cifar100", Epochs: 108, Unit: "%"},
		{Name: "val_12", Split: "validation", Runs: 3, Dataset: "cifar10", Epochs: 12, Unit: "%"},
		column("test_0", "test", 1), column("test_mean", "test", 2),
	}}
	// As the 30,001 models of NAS-Bench-101: one run, no test accuracy.
	single := plugins.SpaceInfo{Label: "val", Target: "val", Columns: []plugins.Column{column("val", "validation", 1)}}
	// As NAS-Bench-Macro: test accuracies alone.
	tests := plugins.SpaceInfo{Label: "test_0", Target: "test_mean", Columns: []plugins.Column{column("test_0", "test", 1), column("test_mean", "test", 3)}}
	// As NAS-Bench-201, where the number of runs differs between rows.
	unknown := plugins.SpaceInfo{Label: "val", Target: "test", Columns: []plugins.Column{column("val", "validation", 1), column("test", "test", 0)}}
	for _, tc := range []struct {
		preset        string
		info          *plugins.SpaceInfo
		label, target string
		warnings      int
	}{
		{"clean", &full, "val_0", "test_mean", 0},
		{"uniform", &tests, "test_0", "test_mean", 0},
		{"pinat", &full, "val_0", "test_mean", 0},
		{"narformer", &full, "val_mean", "test_mean", 0},
		{"tagates", &full, "val_0", "val_0", 0},
		{"flan", &full, "val_0", "val_0", 0},
		{"naslib", &full, "val_0", "val_0", 0},
		{"graf", &full, "val_0", "val_0", 0},
		{"clean", &single, "val", "val", 0},
		{"pinat", &single, "val", "val", 1},
		{"narformer", &single, "val", "val", 2},
		{"naslib", &single, "val", "val", 0},
		{"pinat", &tests, "test_0", "test_mean", 1},
		{"tagates", &tests, "test_0", "test_0", 1},
		{"pinat", &unknown, "val", "test", 0},
		{"narformer", &unknown, "val", "test", 1},
	} {
		p := lookup(t, tc.preset)
		label, target, warnings := p.Columns(tc.info)
		if label != tc.label || target != tc.target || len(warnings) != tc.warnings {
			t.Errorf("%s of %s and %s: got %s, %s, %q, want %s, %s and %d warnings",
				tc.preset, tc.info.Label, tc.info.Target, label, target, warnings, tc.label, tc.target, tc.warnings)
		}
	}
	// The columns that follow the peer's code come first.
	official := full
	official.Columns = append(slices.Clone(full.Columns), column("validation_resampled", "validation", 1), column("test_converged", "test", 0))
	pinat := lookup(t, "pinat")
	if label, target, _ := pinat.Columns(&official); label != "validation_resampled" || target != "test_converged" {
		t.Errorf("got %s and %s, want the peer's own columns", label, target)
	}
	// A single run is found where the space's own label is a mean.
	mean := full
	mean.Label = "val_mean"
	if label, _, _ := pinat.Columns(&mean); label != "val_0" {
		t.Errorf("got label %s, want val_0", label)
	}
}

// nb201 returns all 15,625 cells of NAS-Bench-201's topology: a node for the
// operation on each edge between four vertices.
func nb201() (plugins.Batch, plugins.Vocabulary) {
	v := plugins.Vocabulary{Ops: []plugins.Op{
		{Name: "input", Kind: plugins.KindInput},
		{Name: "output", Kind: plugins.KindOutput},
		{Name: "none", Kind: plugins.KindNone},
		{Name: "skip", Kind: plugins.KindSkip},
		{Name: "conv1", Kind: plugins.KindConv, Kernel: 1},
		{Name: "conv3", Kind: plugins.KindConv, Kernel: 3},
		{Name: "pool", Kind: plugins.KindAvgPool, Kernel: 3},
	}}
	edges := [][2]int{{0, 1}, {0, 2}, {1, 2}, {0, 3}, {1, 3}, {2, 3}}
	b := plugins.Batch{}
	for code := range 15_625 {
		cell := plugins.Cell{Nodes: []plugins.Node{{Op: 0}}}
		for i, rest := 0, code; i < 6; i, rest = i+1, rest/5 {
			cell.Nodes = append(cell.Nodes, plugins.Node{Op: 2 + rest%5})
			for j, before := range edges[:i] {
				if before[1] == edges[i][0] {
					cell.Edges = append(cell.Edges, plugins.Edge{From: 1 + j, To: 1 + i})
				}
			}
			if edges[i][0] == 0 {
				cell.Edges = append(cell.Edges, plugins.Edge{From: 0, To: 1 + i})
			}
			if edges[i][1] == 3 {
				cell.Edges = append(cell.Edges, plugins.Edge{From: 1 + i, To: 7})
			}
		}
		cell.Nodes = append(cell.Nodes, plugins.Node{Op: 1})
		b.Networks = append(b.Networks, plugins.Network{Cells: []plugins.Cell{cell}, Sequence: []plugins.Step{{Repeat: 15}}})
	}
	return b, v
}

// Source of 9,445: what pruning dead operations leaves distinct of
// NAS-Bench-201's 15,625 cells, as the authors of GRAF count them.
func TestStructuresOfNASBench201(t *testing.T) {
	b, v := nb201()
	structures := split.Structures(&b, &v)
	distinct := make(map[plugins.Identity]bool)
	for _, s := range structures {
		distinct[s] = true
	}
	if got := len(distinct); got != 9_445 {
		t.Errorf("got %d structures, want 9445", got)
	}
	ids := identities(15_625, 3)
	s := draw(t, split.Request{Preset: "graf", Structures: structures}, ids)
	if got := len(s.Train(32)) + len(s.Test(32)); got != 9_445 {
		t.Errorf("got %d rows, want one a structure", got)
	}
	if s.Overlap(1024) == 0 || len(s.Warnings()) == 0 {
		t.Error("structures that compute the same are not counted")
	}
}

func TestInductivePoolOfFixedTestRows(t *testing.T) {
	ids := identities(300, 1)
	s := draw(t, split.Request{Preset: "naslib"}, ids)
	pool := s.Pool(true)
	if len(pool) != 100 {
		t.Errorf("got %d rows, want the 100 that are not scored", len(pool))
	}
	for _, row := range s.Test(20) {
		if slices.Contains(pool, row) {
			t.Fatalf("row %d is scored and in the pool", row)
		}
	}
}
