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
		{"nasbench301", "tagates", 589, []float64{.7331}},
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
