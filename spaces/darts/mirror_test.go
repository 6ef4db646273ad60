package darts

import (
	"math"
	"slices"
	"testing"

	"github.com/hypernas/hypernas/spaces/registry/registrytest"

	"github.com/hypernas/hypernas/plugins"
)

func moments(values []float64) (mean, sd float64) {
	for _, v := range values {
		mean += v / float64(len(values))
	}
	for _, v := range values {
		sd += (v - mean) * (v - mean) / float64(len(values))
	}
	return mean, math.Sqrt(sd)
}

// ranks returns the rank of each value; ties, of which these data have none
// that matter, get ranks in order of appearance.
func ranks(values []float64) []float64 {
	order := make([]int, len(values))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case values[a] < values[b]:
			return -1
		case values[a] > values[b]:
			return 1
		}
		return 0
	})
	r := make([]float64, len(values))
	for rank, i := range order {
		r[i] = float64(rank)
	}
	return r
}

func correlation(x, y []float64) float64 {
	mx, sx := moments(x)
	my, sy := moments(y)
	sum := 0.0
	for i := range x {
		sum += (x[i] - mx) * (y[i] - my) / float64(len(x))
	}
	return sum / (sx * sy)
}

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if math.Abs(got-want) > tolerance {
		t.Errorf("%s: got %v, want %v within %v", what, got, want, tolerance)
	}
}

// TestMirrorXGB checks the 1,218 genotypes. The surrogate's moments are those
// that numpy computes in float64 from the same file (testdata/reference.py).
func TestMirrorXGB(t *testing.T) {
	s, info := open(t, registrytest.Mirror(t, "darts"), map[string]string{"pool": "xgb"})
	if info.Rows != 1218 {
		t.Fatalf("got %d rows, want 1,218", info.Rows)
	}
	surrogate, xgb := column(t, s, "surrogate"), column(t, s, "xgb")
	near(t, "Spearman", correlation(ranks(surrogate), ranks(xgb)), .9041821, 1e-5)
	mean, sd := moments(surrogate)
	near(t, "mean of the surrogate", mean, 94.4116966, 1e-5)
	near(t, "sd of the surrogate", sd, .5399946, 1e-5)
	near(t, "least of the surrogate", slices.Min(surrogate), 92.1242400, 1e-4)
	near(t, "largest of the surrogate", slices.Max(surrogate), 95.6252485, 1e-4)
	xgbMean, _ := moments(xgb)
	near(t, "offset", mean-xgbMean, 1.3041727, 1e-4)
	batch, ids, err := s.Read(t.Context(), 0, info.Rows)
	if err != nil {
		t.Fatal(err)
	}
	distinct := map[plugins.Identity]bool{}
	for _, id := range ids {
		distinct[id] = true
	}
	if len(distinct) != 1218 {
		t.Errorf("got %d identities, want 1,218", len(distinct))
	}
	if err := batch.Validate(&info.Vocabulary); err != nil {
		t.Fatal(err)
	}
}

// TestMirrorPool checks the default pool; the moments are numpy's, for the
// same genotypes (testdata/reference.py).
func TestMirrorPool(t *testing.T) {
	s, info := open(t, registrytest.Mirror(t, "darts"), nil)
	if info.Rows != 10000 {
		t.Fatalf("got %d rows, want 10,000", info.Rows)
	}
	values := column(t, s, info.Label)
	mean, sd := moments(values)
	_, ids, err := s.Read(t.Context(), 0, info.Rows)
	if err != nil {
		t.Fatal(err)
	}
	distinct := map[plugins.Identity]bool{}
	for _, id := range ids {
		distinct[id] = true
	}
	near(t, "mean", mean, 94.3952617, 1e-5)
	near(t, "sd", sd, .5456131, 1e-5)
	near(t, "least", slices.Min(values), 91.8948065, 1e-4)
	near(t, "largest", slices.Max(values), 95.8001183, 1e-4)
	if len(distinct) != 10000 {
		t.Errorf("got %d identities, want 10,000", len(distinct))
	}
}

// BenchmarkOpen opens the default pool on the public files.
func BenchmarkOpen(b *testing.B) {
	files := registrytest.Mirror(b, "darts")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := New(files).Open(b.Context(), nil); err != nil {
			b.Fatal(err)
		}
	}
}
