package tree_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"testing"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat"

	"github.com/hypernas/hypernas/internal/tree"
)

// predictor is what every ensemble here is.
type predictor interface {
	PredictTo(dst []float64, x *mat.Dense)
}

// observed is the data of a case of testdata/reference.json, which
// testdata/reference.py wrote.
type observed struct {
	X    [][]float64 `json:"x"`
	Y    []float64   `json:"y"`
	Test [][]float64 `json:"test"`
	Want []float64   `json:"want"`
}

// reference is testdata/reference.json.
type reference struct {
	Trees []struct {
		observed
		Leaf, Depth int
	}
	Boosting []struct {
		observed
		Rounds, Leaves, Leaf int
		Rate, L2             float64
	}
	Forests []struct {
		observed
		Features    float64
		Bootstrap   bool
		RandomCuts  bool      `json:"random_cuts"`
		Mean, Error []float64 // of 4,000 trees' predictions
	}
}

func references(t *testing.T) *reference {
	t.Helper()
	data, err := os.ReadFile("testdata/reference.json")
	if err != nil {
		t.Fatal(err)
	}
	r := new(reference)
	if err := json.Unmarshal(data, r); err != nil {
		t.Fatal(err)
	}
	return r
}

func matrix(rows [][]float64) *mat.Dense {
	x := mat.NewDense(len(rows), len(rows[0]), nil)
	for i, row := range rows {
		x.SetRow(i, row)
	}
	return x
}

func predict(p predictor, x *mat.Dense) []float64 {
	rows, _ := x.Dims()
	values := make([]float64, rows)
	p.PredictTo(values, x)
	return values
}

// expect fails t unless every value is within the tolerance of what is wanted,
// relative to it where it is above 1.
func expect(t *testing.T, what string, got, want []float64, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: got %d values, want %d", what, len(got), len(want))
	}
	for i := range got {
		if !(math.Abs(got[i]-want[i]) <= tolerance*max(1, math.Abs(want[i]))) {
			t.Errorf("%s: row %d: got %v, want %v", what, i, got[i], want[i])
		}
	}
}

// oneTree are the options by which a forest is a single regression tree.
func oneTree(leaf, depth int) tree.ForestOptions {
	return tree.ForestOptions{Trees: 1, Features: 1, MinLeaf: leaf, MaxDepth: depth}
}

// fit returns a forest that has to be possible.
func fit(t *testing.T, x *mat.Dense, y []float64, o tree.ForestOptions) *tree.Forest {
	t.Helper()
	f, err := tree.FitForest(t.Context(), x, y, o)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestATreeIsScikitLearns(t *testing.T) {
	for _, tc := range references(t).Trees {
		f := fit(t, matrix(tc.X), tc.Y, oneTree(tc.Leaf, tc.Depth))
		expect(t, "tree", predict(f, matrix(tc.Test)), tc.Want, 1e-12)
	}
}

// TestBoostingIsScikitLearns allows for sums of gradients that are taken in
// another order; a single other split shows as some .01.
func TestBoostingIsScikitLearns(t *testing.T) {
	for _, tc := range references(t).Boosting {
		o := tree.BoostingOptions{Rounds: tc.Rounds, Rate: tc.Rate, Leaves: tc.Leaves, MinLeaf: tc.Leaf, L2: tc.L2, Features: 1}
		b, err := tree.FitBoosting(t.Context(), matrix(tc.X), tc.Y, o)
		if err != nil {
			t.Fatal(err)
		}
		expect(t, "boosting", predict(b, matrix(tc.Test)), tc.Want, 1e-6)
	}
}

// TestForestsAreScikitLearnsInDistribution compares mean predictions of 1,000
// trees with those of the reference's 4,000. They differ by their standard
// errors, ours being taken to be twice the reference's.
func TestForestsAreScikitLearnsInDistribution(t *testing.T) {
	for k, tc := range references(t).Forests {
		o := tree.ForestOptions{Trees: 1000, Features: tc.Features, MinLeaf: 1, Bootstrap: tc.Bootstrap, RandomCuts: tc.RandomCuts, Seed: 1}
		got := predict(fit(t, matrix(tc.X), tc.Y, o), matrix(tc.Test))
		squares := 0.0
		for i := range got {
			z := (got[i] - tc.Mean[i]) / (math.Sqrt(5)*tc.Error[i] + 1e-6)
			if math.Abs(z) > 4.5 {
				t.Errorf("forest %d: row %d: got %v, want %v up to %v", k, i, got[i], tc.Mean[i], tc.Error[i])
			}
			squares += z * z / float64(len(got))
		}
		if squares > 1.7 {
			t.Errorf("forest %d: the mean squared difference is %v squared standard errors, want about 1", k, squares)
		}
	}
}

// invented returns data with repeated values and a pattern.
func invented(rows, cols int, seed uint64) (*mat.Dense, []float64) {
	rng := rand.New(rand.NewPCG(seed, 0))
	x, y := mat.NewDense(rows, cols, nil), make([]float64, rows)
	for i := range rows {
		for j := range cols {
			x.Set(i, j, float64(rng.IntN(3+j*j*j)))
		}
		y[i] = 90 + x.At(i, 0) - x.At(i, 1)/3 + rng.NormFloat64()
	}
	return x, y
}

func TestFitsDependOnDataAndSeedAlone(t *testing.T) {
	x, y := invented(60, 9, 1)
	test, _ := invented(300, 9, 2)
	for name, options := range map[string]func(int, uint64) tree.ForestOptions{"forest": tree.RandomForest, "extra trees": tree.ExtraTrees} {
		first := predict(fit(t, x, y, options(40, 7)), test)
		threads := runtime.GOMAXPROCS(1)
		alone := predict(fit(t, x, y, options(40, 7)), test)
		runtime.GOMAXPROCS(threads)
		if !slices.Equal(first, alone) {
			t.Errorf("%s: predictions depend on the number of threads", name)
		}
		if slices.Equal(first, predict(fit(t, x, y, options(40, 8)), test)) {
			t.Errorf("%s: two seeds give the same predictions", name)
		}
	}
}

// TestBoostingDrawsColumnsBySeed: with a share of the columns a fit depends on
// the seed, without it does not, and the best column is found in the end.
func TestBoostingDrawsColumnsBySeed(t *testing.T) {
	x, y := invented(60, 9, 1)
	test, _ := invented(300, 9, 2)
	boost := func(features float64, seed uint64) []float64 {
		o := tree.Boosting(50)
		o.MinLeaf, o.Features, o.Seed = 3, features, seed
		b, err := tree.FitBoosting(t.Context(), x, y, o)
		if err != nil {
			t.Fatal(err)
		}
		return predict(b, test)
	}
	if !slices.Equal(boost(1, 1), boost(1, 2)) || !slices.Equal(boost(.3, 1), boost(.3, 1)) {
		t.Error("equal fits give different predictions")
	}
	if slices.Equal(boost(.3, 1), boost(.3, 2)) {
		t.Error("two seeds give the same predictions")
	}
	if got, want := boost(1e-9, 1), boost(1, 1); stat.Correlation(got, want, nil) < .7 {
		t.Errorf("a column a split: predictions correlate by %.2f with those of all, want .7", stat.Correlation(got, want, nil))
	}
}

// TestTreesFollowLaws: values lie within those of the labels, do not depend on
// a column's scale, and move with the labels.
func TestTreesFollowLaws(t *testing.T) {
	x, y := invented(80, 6, 3)
	test, _ := invented(50, 6, 4)
	got := predict(fit(t, x, y, tree.RandomForest(30, 1)), test)
	if slices.Min(got) < slices.Min(y) || slices.Max(got) > slices.Max(y) {
		t.Errorf("predictions from %v to %v leave the labels' range", slices.Min(got), slices.Max(got))
	}
	scaled, scaledTest, moved := mat.DenseCopyOf(x), mat.DenseCopyOf(test), slices.Clone(y)
	scaled.Scale(1024, x)
	scaledTest.Scale(1024, test)
	for i := range moved {
		moved[i] = 64*y[i] - 4096
	}
	want := slices.Clone(got)
	for i := range want {
		want[i] = 64*want[i] - 4096
	}
	expect(t, "other scales", predict(fit(t, scaled, moved, tree.RandomForest(30, 1)), scaledTest), want, 1e-9)
	expect(t, "a full tree on its own rows", predict(fit(t, unique(x), y, oneTree(1, 0)), unique(x)), y, 1e-12)
}

// unique returns x with a last column that tells all rows apart.
func unique(x *mat.Dense) *mat.Dense {
	rows, cols := x.Dims()
	u := mat.NewDense(rows, cols+1, nil)
	u.Augment(x, mat.NewDense(rows, 1, nil))
	for i := range rows {
		u.Set(i, cols, float64(i))
	}
	return u
}

func TestNothingToLearnGivesTheMean(t *testing.T) {
	one, same := mat.NewDense(1, 2, []float64{1, 2}), mat.NewDense(40, 2, nil)
	labels := make([]float64, 40)
	for i := range labels {
		labels[i] = float64(i)
	}
	x, _ := invented(40, 2, 5)
	for name, tc := range map[string]struct {
		x    *mat.Dense
		y    []float64
		want float64
	}{
		"one row":          {one, []float64{7}, 7},
		"equal rows":       {same, labels, 19.5},
		"equal labels":     {x, slices.Repeat([]float64{.1}, 40), .1},
		"a row many times": {mat.NewDense(2, 1, []float64{3, 3}), []float64{1, 2}, 1.5},
	} {
		rows, _ := tc.x.Dims()
		want := slices.Repeat([]float64{tc.want}, rows)
		forest := fit(t, tc.x, tc.y, oneTree(1, 0))
		expect(t, name+": tree", predict(forest, tc.x), want, 1e-12)
		extra := fit(t, tc.x, tc.y, tree.ExtraTrees(10, 1))
		expect(t, name+": extra trees", predict(extra, tc.x), want, 1e-12)
		o := tree.Boosting(20)
		o.MinLeaf = 1
		b, err := tree.FitBoosting(t.Context(), tc.x, tc.y, o)
		if err != nil {
			t.Fatal(err)
		}
		expect(t, name+": boosting", predict(b, tc.x), want, 1e-6)
	}
}

func TestMistakes(t *testing.T) {
	x, y := invented(20, 3, 6)
	bad := mat.DenseCopyOf(x)
	bad.Set(3, 1, math.Inf(1))
	unknown := slices.Clone(y)
	unknown[2] = math.NaN()
	for name, tc := range map[string]struct {
		x *mat.Dense
		y []float64
	}{
		"a label short":     {x, y[1:]},
		"an infinite value": {bad, y},
		"a label of NaN":    {x, unknown},
		"no rows":           {&mat.Dense{}, nil},
	} {
		if _, err := tree.FitForest(t.Context(), tc.x, tc.y, tree.RandomForest(3, 1)); err == nil {
			t.Errorf("%s: a forest was fitted", name)
		}
		if _, err := tree.FitBoosting(t.Context(), tc.x, tc.y, tree.Boosting(3)); err == nil {
			t.Errorf("%s: boosting was fitted", name)
		}
	}
	for _, o := range []tree.ForestOptions{{}, {Trees: 1, Features: 1.5, MinLeaf: 1}, {Trees: 1, Features: 1}, {Trees: 1, Features: 1, MinLeaf: 1, MaxDepth: -1}} {
		if _, err := tree.FitForest(t.Context(), x, y, o); err == nil {
			t.Errorf("%+v was accepted", o)
		}
	}
	for _, o := range []tree.BoostingOptions{
		{},
		{Rounds: 1, Rate: math.NaN(), Leaves: 2, MinLeaf: 1, Features: 1},
		{Rounds: 1, Rate: 1, Leaves: 1, MinLeaf: 1, Features: 1},
		{Rounds: 1, Rate: 1, Leaves: 2, Features: 1},
		{Rounds: 1, Rate: 1, Leaves: 2, MinLeaf: 1, L2: -1, Features: 1},
		{Rounds: 1, Rate: 1, Leaves: 2, MinLeaf: 1},
	} {
		if _, err := tree.FitBoosting(t.Context(), x, y, o); err == nil {
			t.Errorf("%+v was accepted", o)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := tree.FitForest(ctx, x, y, tree.RandomForest(3, 1)); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled forest: got %v", err)
	}
	if _, err := tree.FitBoosting(ctx, x, y, tree.Boosting(3)); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled boosting: got %v", err)
	}
}

// BenchmarkForest fits and predicts at the size of the largest budget on
// NAS-Bench-201, with few values a column, as graph features have.
func BenchmarkForest(b *testing.B) {
	x, y := few(469, 300)
	test, _ := few(15625, 300)
	f, err := tree.FitForest(b.Context(), x, y, tree.RandomForest(200, 1))
	if err != nil {
		b.Fatal(err)
	}
	b.Run("fit", func(b *testing.B) {
		for b.Loop() {
			if _, err := tree.FitForest(b.Context(), x, y, tree.RandomForest(200, 1)); err != nil {
				b.Fatal(err)
			}
		}
	})
	values := make([]float64, 15625)
	b.Run("predict", func(b *testing.B) {
		for b.Loop() {
			f.PredictTo(values, test)
		}
	})
}

// BenchmarkBoosting fits at the same size.
func BenchmarkBoosting(b *testing.B) {
	x, y := few(469, 300)
	for b.Loop() {
		if _, err := tree.FitBoosting(b.Context(), x, y, tree.Boosting(200)); err != nil {
			b.Fatal(err)
		}
	}
}

// few returns data with up to 20 values a column, but for some columns.
func few(rows, cols int) (*mat.Dense, []float64) {
	rng := rand.New(rand.NewPCG(1, uint64(rows)))
	x, y := mat.NewDense(rows, cols, nil), make([]float64, rows)
	for i := range rows {
		for j := range cols {
			if x.Set(i, j, float64(rng.IntN(2+j%19))); j%20 == 0 {
				x.Set(i, j, rng.Float64())
			}
			y[i] += x.At(i, j) / float64(1+j)
		}
	}
	return x, y
}
