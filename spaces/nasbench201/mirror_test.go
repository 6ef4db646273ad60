package nasbench201

import (
	"bytes"
	"encoding/csv"
	"math"
	"slices"
	"testing"

	"github.com/hypernas/hypernas/harness/metric"
	"github.com/hypernas/hypernas/internal/nb201"
	"github.com/hypernas/hypernas/internal/pickle"
	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/spaces/registry/registrytest"
)

// TestMirrorHoldsNASBench201 checks what is known of the whole space, with
// every data set as the option.
func TestMirrorHoldsNASBench201(t *testing.T) {
	source := registrytest.Mirror(t, "nasbench201")
	for _, tc := range []struct {
		dataset              string
		best                 int     // row of the best test accuracy
		bestTest, bestLabel  float64 // the papers' figures
		quality              float64 // tau-b of label and target, by scipy.stats.kendalltau
		minParams, maxParams float64
	}{
		// Best test: NATS-Bench's table 2 of optimal architectures, to its digits.
		{"cifar10", 6111, 94.373, 91.57, 0.882402, 73306, 1531546},
		{"cifar100", 9930, 73.513, 73.26, 0.940022, 79156, 1537396},
		{"imagenet16-120", 857, 47.311, 47.333, 0.951219, 80456, 1538696},
	} {
		s, info := open(t, source, map[string]string{"dataset": tc.dataset})
		if info.Rows != nb201.NumCells {
			t.Fatalf("%d rows, want %d", info.Rows, nb201.NumCells)
		}
		label, target := column(t, s, info.Label), column(t, s, info.Target)
		best := 0
		for row := range target {
			if target[row] > target[best] {
				best = row
			}
		}
		if best != tc.best || math.Abs(target[best]-tc.bestTest) > 0.0006 {
			t.Errorf("%s: best test accuracy %v in row %d, want %v in row %d", tc.dataset, target[best], best, tc.bestTest, tc.best)
		}
		if got := slices.Max(label); math.Abs(got-tc.bestLabel) > 0.005 {
			t.Errorf("%s: best label %v, want %v", tc.dataset, got, tc.bestLabel)
		}
		if tau, ok := metric.KendallTauB(label, target); !ok || math.Abs(tau-tc.quality) > 1e-6 {
			t.Errorf("%s: label quality %v, want %v", tc.dataset, tau, tc.quality)
		}
		batch, ids, err := s.Read(t.Context(), 0, info.Rows)
		if err != nil {
			t.Fatal(err)
		}
		distinct := map[plugins.Identity]bool{}
		unknown, least, most := 0, math.Inf(1), 0.0
		for row, id := range ids {
			distinct[id] = true
			numbers := batch.Row(row)
			least, most = min(least, numbers[0]), max(most, numbers[0])
			if math.IsNaN(numbers[2]) {
				unknown++
			}
		}
		if len(distinct) != nb201.NumIdentities || unknown != 341 {
			t.Errorf("%s: %d identities, %d cells without a Zen score, want %d, 341", tc.dataset, len(distinct), unknown, nb201.NumIdentities)
		}
		if least != tc.minParams || most != tc.maxParams {
			t.Errorf("%s: parameters from %v to %v, want %v to %v", tc.dataset, least, most, tc.minParams, tc.maxParams)
		}
	}
}

// TestMirrorHasRowsInNATSBenchsOrder checks that a row's number is the index
// that everyone else uses.
func TestMirrorHasRowsInNATSBenchsOrder(t *testing.T) {
	f, err := readFiles(registrytest.Mirror(t, "nasbench201"), false)
	if err != nil {
		t.Fatal(err)
	}
	table, err := parse(f)
	if err != nil {
		t.Fatal(err)
	}
	order := nb201.NewOrder()
	for row, cell := range table.cells {
		if order.Index(cell) != row {
			t.Fatalf("row %d is cell %d of NATS-Bench", row, order.Index(cell))
		}
	}
}

// TestMirrorHasParametersOfTheSizes compares the parameters of all 15,625
// networks with upstream's sizes. 150 of these are another cell's, always one
// that has the same unique string of NATS-Bench (which lets a convolution of
// one cell stand for two of another).
func TestMirrorHasParametersOfTheSizes(t *testing.T) {
	f, err := readFiles(registrytest.Mirror(t, "nasbench201"), true)
	if err != nil {
		t.Fatal(err)
	}
	table, err := parse(f)
	if err != nil {
		t.Fatal(err)
	}
	arrays, err := pickle.FloatArrays(f.pickle)
	if err != nil {
		t.Fatal(err)
	}
	records, err := csv.NewReader(bytes.NewReader(f.csv)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	unique := slices.Index(records[0], "UniqueString")
	for i, name := range []string{"cifar10", "cifar100", "imagenet"} {
		d := datasets()[i]
		twins := map[string][]int{} // parameters of the cells with a unique string
		for row, cell := range table.cells {
			params, _ := cost(cell, d)
			twins[records[1+row][unique]] = append(twins[records[1+row][unique]], params)
		}
		foreign, entry := 0, 0
		for row, cell := range table.cells {
			size := int(math.Round(1e6 * arrays[name]["size_in_mb"][entry]))
			if params, _ := cost(cell, d); params != size {
				foreign++
				if !slices.Contains(twins[records[1+row][unique]], size) {
					t.Errorf("%s: cell %v has %d parameters, upstream says %d", name, cell, params, size)
				}
			}
			for _, run := range table.runs[i] {
				if !math.IsNaN(run[row]) {
					entry++
				}
			}
		}
		if foreign != 150 {
			t.Errorf("%s: %d sizes are another cell's, want 150", name, foreign)
		}
	}
}

// TestMirrorHoldsSingleRuns checks what the per-seed file says.
func TestMirrorHoldsSingleRuns(t *testing.T) {
	s, _ := open(t, registrytest.Mirror(t, "nasbench201"), map[string]string{"seeds": "true"})
	for _, tc := range []struct {
		column string
		noise  float64 // tau-b of runs 0 and 1, by scipy.stats.kendalltau
	}{{"cifar10_validation", 0.909850}, {"cifar100_test", 0.905720}, {"imagenet16-120_test", 0.925815}} {
		first, second, third := column(t, s, tc.column+"_run0"), column(t, s, tc.column+"_run1"), column(t, s, tc.column+"_run2")
		missing := 0
		for row := range third {
			if math.IsNaN(third[row]) {
				missing++
			}
		}
		if missing != 7456 || slices.ContainsFunc(second, math.IsNaN) {
			t.Errorf("%s: %d cells have two runs, want 7456", tc.column, missing)
		}
		if tau, ok := metric.KendallTauB(first, second); !ok || math.Abs(tau-tc.noise) > 1e-6 {
			t.Errorf("%s: tau of two runs %v, want %v", tc.column, tau, tc.noise)
		}
	}
}

// BenchmarkMirrorOpen measures the opening of the whole space.
func BenchmarkMirrorOpen(b *testing.B) {
	source := registrytest.Mirror(b, "nasbench201")
	for _, seeds := range []string{"false", "true"} {
		b.Run("seeds="+seeds, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				open(b, source, map[string]string{"seeds": seeds})
			}
		})
	}
}
