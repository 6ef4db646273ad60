package bake

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/hypernas/hypernas/internal/nb201"
	"github.com/hypernas/hypernas/internal/nn/lanes"
)

// tiny is a recipe that a plain-Go path trains in milliseconds.
func tiny() *Recipe {
	r := DefaultRecipe()
	r.Train, r.Validation, r.Test = 64, 32, 32
	r.Epochs, r.Batch, r.WarmUp, r.Recalibration, r.SkeletonEpochs = 1, 16, 1, 1, 1
	return &r
}

func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	got := map[string]string{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		got[e.Name()] = string(b)
	}
	return got
}

// cells are a few that differ, one without any path among them, over two shards of a small size.
func someCells() []int {
	o := nb201.NewOrder()
	cells := []int{o.Index(nb201.Cell{})}
	for i := range 5 {
		cells = append(cells, o.Index(nb201.Cell{nb201.Op(i), 3, nb201.Op(4 - i), 1, 2, 4}))
	}
	return cells
}

func TestSameBytesWithAnyWorkersAndAfterAKill(t *testing.T) {
	for _, k := range lanes.Available() {
		o := Options{Seeds: 2, Workers: 1, Cells: someCells(), Recipe: tiny(), Kernels: k, shardCells: 4}
		o.Dir = t.TempDir()
		if err := Run(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		want := files(t, o.Dir)
		if len(want) != 5 { // a manifest, two shards a seed
			t.Fatalf("%d files, want 5: %v", len(want), want)
		}

		// A run that is stopped after every few trainings ends with the same files, and keeps the shards it finished.
		o.Dir, o.Workers = t.TempDir(), 2
		stops := 0
		for done := -1; ; stops++ {
			ctx, cancel := context.WithCancel(t.Context())
			first := -1
			o.Progress = func(p Progress) {
				if first < 0 {
					first = p.Done
				}
				if p.Done >= first+5 {
					cancel()
				}
			}
			err := Run(ctx, o)
			cancel()
			if first < done {
				t.Fatalf("%d trainings left from %d", first, done)
			}
			done = first
			if err == nil {
				break
			}
			if !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			if stops > 20 {
				t.Fatal("no progress")
			}
		}
		if stops == 0 {
			t.Error("the run was never stopped")
		}
		if got := files(t, o.Dir); !reflect.DeepEqual(got, want) {
			t.Errorf("files after stops and with two workers differ:\n%v\nwant\n%v", got, want)
		}

		// Finished shards are not trained again: with all files there, no training is done.
		trainings := 0
		o.Progress = func(Progress) { trainings++ }
		if err := Run(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		if trainings != 1 {
			t.Errorf("%d progress calls in a finished folder, want the first alone", trainings)
		}
	}
}

// TestKill kills a process in the middle of a bake and lets another one go on.
func TestKill(t *testing.T) {
	o := Options{Seeds: 2, Workers: 2, Cells: someCells(), Recipe: tiny(), Kernels: lanes.Portable(), shardCells: 2}
	if dir := os.Getenv("HYPERNAS_TEST_BAKE"); dir != "" {
		o.Dir = dir
		o.Progress = func(p Progress) { fmt.Println(p.Done) }
		if err := Run(t.Context(), o); err != nil {
			t.Error(err)
		}
		return
	}
	o.Dir = t.TempDir()
	if err := Run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	want := files(t, o.Dir)

	dir := t.TempDir()
	child := exec.Command(os.Args[0], "-test.run=^TestKill$", "-test.v")
	child.Env = append(os.Environ(), "HYPERNAS_TEST_BAKE="+dir)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if lines.Text() == "5" { // two shards are written and the third is begun
			break
		}
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := child.Wait(); err == nil {
		t.Fatal("the child ended by itself")
	}
	before := files(t, dir)

	o.Dir = dir
	first := -1
	o.Progress = func(p Progress) {
		if first < 0 {
			first = p.Done
		}
	}
	if err := Run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if first < 4 || first >= 12 {
		t.Errorf("the second run begins at %d trainings, want the shards that the first finished, at least 4 of 12", first)
	}
	got := files(t, dir)
	for name, text := range want {
		if got[name] != text {
			t.Errorf("%s differs after the kill:\n%s\nwant\n%s", name, got[name], text)
		}
		if old, ok := before[name]; ok && old != text {
			t.Errorf("%s was not whole at the kill:\n%s", name, old)
		}
	}
}

func TestRunRefuses(t *testing.T) {
	o := Options{Dir: t.TempDir(), Seeds: 1, Workers: 1, Cells: someCells()[:2], Recipe: tiny(), Kernels: lanes.Portable()}
	if err := Run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	other := o
	other.Recipe = tiny()
	other.Recipe.Rate = 0.1
	if err := Run(t.Context(), other); err == nil {
		t.Error("a folder of another recipe was taken")
	}
	other = o
	other.Cells = someCells()[:3]
	if err := Run(t.Context(), other); err == nil {
		t.Error("a folder of other cells was taken")
	}
	for name, text := range files(t, o.Dir) {
		path := filepath.Join(o.Dir, name)
		// Any one changed digit must be noticed, in the manifest or in a shard's digest.
		i := bytes.IndexByte([]byte(text), '0')
		broken := text[:i] + "1" + text[i+1:]
		if err := os.WriteFile(path, []byte(broken), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := Run(t.Context(), o); err == nil {
			t.Errorf("an edited %s was taken", name)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := Run(t.Context(), o); err != nil {
		t.Errorf("the restored folder: %v", err)
	}
	if err := Run(t.Context(), Options{Dir: o.Dir}); err == nil {
		t.Error("no seeds and no workers were taken")
	}
}

func TestTableRoundTrip(t *testing.T) {
	o := Options{Dir: t.TempDir(), Seeds: 2, Workers: 2, Cells: someCells(), Recipe: tiny(), shardCells: 4}
	if err := Run(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	o.Seeds = 3 // the third has no shards
	table, err := Assemble(o)
	if err != nil {
		t.Fatal(err)
	}
	if got := table.Manifest.Seeds; !reflect.DeepEqual(got, []uint64{0, 1}) {
		t.Fatalf("seeds %v, want the two complete ones", got)
	}
	manifest, counts, err := table.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decode(manifest, counts)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, table) {
		t.Errorf("decoded table\n%+v\nwant\n%+v", got, table)
	}
	for _, k := range lanes.Available() {
		retrain(t, got, k, []int{0, 1, 2, 3, 4, 5})
	}

	for name, edit := range map[string]func(m, c []byte) ([]byte, []byte){
		"manifest": func(m, c []byte) ([]byte, []byte) {
			return bytes.Replace(m, []byte(`"epochs": 1`), []byte(`"epochs": 2`), 1), c
		},
		"cut counts": func(m, c []byte) ([]byte, []byte) { return m, c[:len(c)/2] },
		"no counts":  func(m, _ []byte) ([]byte, []byte) { return m, nil },
	} {
		if _, err := Decode(edit(bytes.Clone(manifest), bytes.Clone(counts))); err == nil {
			t.Errorf("%s: a broken table was decoded", name)
		}
	}
}

// TestStoredTable repeats random trainings of the table that the repository carries.
func TestStoredTable(t *testing.T) {
	manifest, err := os.ReadFile("../data/manifest.json")
	if err != nil {
		t.Fatal(err)
	}
	counts, err := os.ReadFile("../data/counts.csv.gz")
	if err != nil {
		t.Fatal(err)
	}
	table, err := Decode(manifest, counts)
	if err != nil {
		t.Fatal(err)
	}
	// Twenty trainings take ten seconds of a core with vector kernels; plain Go takes as long for one.
	rows := 20
	k := lanes.Best()
	switch {
	case testing.Short():
		rows = 1
	case k.Path() == "portable":
		rows = 2
	}
	r := rand.New(rand.NewPCG(1, 2))
	picked := make([]int, rows)
	for i := range picked {
		picked[i] = r.IntN(len(table.Cells))
	}
	retrain(t, table, k, picked)
}

// tolerance is how far an accuracy may be from the table's with another arithmetic. Rounding differences grow in a
// training until they are like a change of seed, whose standard deviation is 0.014 on average: two accuracies differ
// by 0.02, and by more than four times that once in ten thousand. Measured on two cells: 0.004 and 0.015 of the
// validation pictures, 0.003 and 0.007 of the test pictures.
const tolerance = 0.08

// retrain repeats the trainings of some rows of a table, each with one of its seeds in turn, and compares the counts:
// exactly where the kernels have the table's arithmetic, within tolerance elsewhere if the test set is large enough.
func retrain(t *testing.T, table *Table, k lanes.Kernels, rows []int) {
	t.Helper()
	trainer, err := table.Trainer(k)
	if err != nil {
		t.Fatal(err)
	}
	for s, number := range table.Manifest.Seeds {
		seed := trainer.Seed(number)
		for i, row := range rows {
			if i%len(table.Manifest.Seeds) != s {
				continue
			}
			got, want := seed.Train(table.Cells[row]), table.Results[row][s]
			if table.Exact(k) {
				if got != want {
					t.Errorf("%s: cell %d with seed %d gives %v, the table has %v", k.Path(), table.Cells[row], number, got, want)
				}
				continue
			}
			r := table.Manifest.Recipe
			v := math.Abs(float64(got.Validation-want.Validation)) / float64(r.Validation)
			e := math.Abs(float64(got.Test-want.Test)) / float64(r.Test)
			if r.Test >= 1000 && (v > tolerance || e > tolerance) {
				t.Errorf("%s: cell %d with seed %d gives %v, the table has %v: more than %v apart", k.Path(), table.Cells[row], number, got, want, tolerance)
			}
		}
	}
}
