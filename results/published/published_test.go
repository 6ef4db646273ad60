package published_test

import (
	"math"
	"testing"

	"github.com/hypernas/hypernas/results/published"
)

// TestFigures checks figures against the numbers that PINAT's Table 1 and
// HyperNAS's tables print.
func TestFigures(t *testing.T) {
	for _, c := range []struct {
		space, predictor string
		labels           int
		want             []float64
	}{
		{"nasbench101", "np", 100, []float64{.391}},
		{"nasbench101", "pinat", 4236, []float64{.846}},
		{"nasbench201", "np", 78, []float64{.343, .626}},
		{"nasbench201", "hypernas", 469, []float64{.836}},
		{"nasbench201", "tnasp", 1563, []float64{.724}},
		{"darts", "tagates", 589, []float64{.7331}},
		{"nasbench201", "np", 77, nil},
	} {
		found := published.All().Find(c.space, "CIFAR10", c.predictor, c.labels)
		if len(found) != len(c.want) {
			t.Errorf("%s, %s, %d labels: got %d figures, want %d", c.space, c.predictor, c.labels, len(found), len(c.want))
			continue
		}
		for i, f := range found {
			if f.Tau != c.want[i] {
				t.Errorf("%s, %s, %d labels: got %v, want %v", c.space, c.predictor, c.labels, f.Tau, c.want[i])
			}
		}
	}
}

func TestEveryFigureNamesItsSource(t *testing.T) {
	for _, f := range published.All() {
		if f.Source == "" || f.Space == "" || f.Predictor == "" || f.Labels < 1 || math.Abs(f.Tau) > 1 {
			t.Errorf("not a figure with a source: %+v", f)
		}
	}
}

func TestOnlyEqualProtocolsCompare(t *testing.T) {
	all := published.All()
	for _, c := range []struct {
		space, predictor string
		labels           int
		tau              float64
		preset           string
		rows             int
		want             bool
	}{
		{"nasbench101", "np", 424, .679, "pinat", 423624, true},
		{"nasbench101", "np", 424, .71, "pinat", 423624, false}, // scored on 100 architectures
		{"nasbench101", "np", 424, .679, "pinat", 30001, false},
		{"nasbench201", "np", 469, .584, "pinat", 15625, true},
		{"nasbench201", "np", 469, .584, "uniform", 15625, false},
		{"nasbench201", "np", 781, .634, "pinat", 15625, false}, // no size of the preset
		{"darts", "tagates", 589, .7331, "tagates", 10000, false},
	} {
		found := false
		for _, f := range all.Find(c.space, "cifar10", c.predictor, c.labels) {
			if f.Tau != c.tau {
				continue
			}
			found = true
			if got := f.Compares(c.preset, c.rows); got != c.want {
				t.Errorf("%s %s at %d, %v, under %s on %d: got %t, want %t", c.predictor, c.space, c.labels, c.tau, c.preset, c.rows, got, c.want)
			}
		}
		if !found {
			t.Errorf("no figure %v of %s on %s at %d", c.tau, c.predictor, c.space, c.labels)
		}
	}
}
