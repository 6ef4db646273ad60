package plot_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"image/png"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hypernas/hypernas/results"
	"github.com/hypernas/hypernas/results/plot"
	"github.com/hypernas/hypernas/results/table"
)

// group returns an invented group of n predictors at the given budgets.
func group(t *testing.T, n int, budgets ...int) *table.Group {
	t.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	var rs []results.Record
	for p := range n {
		for _, budget := range budgets {
			for split := range 5 {
				name := []string{"random", "params", "ridge", "np", "hypernas", "a <b> & \"c\" with a name that is far too long to stand in a column", "pinat", "tnasp", "xgb"}[p%9]
				if p >= 9 {
					name = fmt.Sprint(name, p)
				}
				r := results.Record{
					Schema: results.SchemaVersion, Key: fmt.Sprint(p, "/", budget, "/", split),
					Space:     results.SpaceRef{Alias: "bundled", Name: "bundled", Digest: "5e1f", Label: "val", Target: "test"},
					Predictor: results.PredictorRef{Alias: name, Name: name, Identity: "builtin:" + name + "@1"},
					Preset:    "clean", Pool: "all", Budget: budget, Split: split,
					Metrics: map[string]float64{"kendall_tau": .4 + .04*float64(p) + .08*math.Log(float64(budget)/20) + .03*random.NormFloat64()},
					Cost:    results.Cost{FitSeconds: math.Pow(3, float64(p)-3) * float64(budget) / 50},
				}
				if p == 1 && budget == 50 && split == 0 {
					r.Metrics, r.Failure = nil, &results.Failure{Stage: "fit", Reason: "killed"}
				}
				rs = append(rs, r)
			}
		}
	}
	c, err := table.Compare(rs, table.Options{Facts: func(results.SpaceRef) table.Facts { return table.Facts{Ceiling: .953} }})
	if err != nil {
		t.Fatal(err)
	}
	return &c.Groups[0]
}

func panels(n, points int) []plot.Panel {
	random := rand.New(rand.NewPCG(3, 4))
	list := make([]plot.Panel, n)
	for i := range list {
		list[i] = plot.Panel{Name: fmt.Sprint("predictor ", i), Tau: .7}
		for range points {
			x := 70 + 8*random.NormFloat64()
			list[i].True = append(list[i].True, x)
			list[i].Predicted = append(list[i].Predicted, math.Pow(10, float64(i))*(x/8-9+random.NormFloat64()))
		}
	}
	return list
}

// figures returns one of each kind.
func figures(t *testing.T) map[string]*plot.Figure {
	t.Helper()
	all := make(map[string]*plot.Figure)
	add := func(name string, f *plot.Figure, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		all[name] = f
	}
	for name, g := range map[string]*table.Group{
		"few": group(t, 3, 20), "some": group(t, 6, 20, 50, 100), "many": group(t, 12, 5, 8, 14, 24, 42, 71, 121, 205, 347, 589, 1000),
	} {
		f, err := plot.Curves(g)
		add("curves-"+name, f, err)
		f, err = plot.Cost(g)
		add("cost-"+name, f, err)
	}
	f, err := plot.Scatter("few points", panels(1, 300))
	add("scatter-few", f, err)
	f, err = plot.Scatter("many points", panels(5, 5000))
	add("scatter-many", f, err)
	f, err = plot.CriticalDifference("ranks", &plot.Ranks{
		Names: []string{"random", "params", "ridge", "np", "hypernas", "a predictor with a long name", "pinat"}, Mean: []float64{6.9, 4.1, 3.8, 3.1, 1.4, 5.2, 3.5},
		Groups: [][]int{{4, 3}, {3, 6, 2, 1}, {1, 5}}, Note: "Wilcoxon signed-rank with Holm at 5 %, 12 cells; Friedman p < .001",
	})
	add("cd", f, err)
	f, err = plot.CriticalDifference("ranks", &plot.Ranks{Names: []string{"a", "b"}, Mean: []float64{1.5, 1.5}, Groups: [][]int{{0, 1}}, Note: "two"})
	add("cd-two", f, err)
	return all
}

// TestFiguresAreWholeAndRepeat writes every figure in every format. With
// PLOTS=DIR in the environment it leaves them there to be looked at.
func TestFiguresAreWholeAndRepeat(t *testing.T) {
	again := figures(t)
	for name, f := range figures(t) {
		for _, format := range plot.Formats() {
			var b, second bytes.Buffer
			if err := f.Write(&b, format); err != nil {
				t.Fatal(err)
			}
			// Points of a PNG take long under the race detector: two are enough.
			if format == plot.PNG && name != "curves-some" && name != "scatter-few" {
				second = *bytes.NewBuffer(b.Bytes())
			} else if err := again[name].Write(&second, format); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(b.Bytes(), second.Bytes()) {
				t.Errorf("%s.%s differs when it is drawn again", name, format)
			}
			if dir := os.Getenv("PLOTS"); dir != "" {
				if err := os.WriteFile(filepath.Join(dir, name+"."+string(format)), b.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			switch format {
			case plot.PNG:
				m, err := png.Decode(&b)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				if got, want := m.Bounds().Dx(), 975; got != want { // 3.25 in at 300 dpi
					t.Errorf("%s: %d pixels wide, want %d", name, got, want)
				}
			case plot.SVG:
				if strings.Contains(b.String(), "NaN") || strings.Contains(b.String(), "Inf") {
					t.Errorf("%s has places that are no numbers", name)
				}
				for d := xml.NewDecoder(&b); ; {
					_, err := d.Token()
					if errors.Is(err, io.EOF) {
						break
					}
					if err != nil {
						t.Fatalf("%s: %v", name, err)
					}
				}
			case plot.PDF:
				if !bytes.HasPrefix(b.Bytes(), []byte("%PDF-")) || !bytes.Contains(b.Bytes(), []byte("(D:20000101000000)")) {
					t.Errorf("%s.pdf is no PDF with a fixed date", name)
				}
			}
		}
	}
}

func TestKeysNamePredictorsAndEscapeThem(t *testing.T) {
	f, err := plot.Curves(group(t, 6, 20, 50))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := f.Write(&b, plot.SVG); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{">hypernas<", ">ridge<", ">a &lt;b&gt; &amp; &#34;c&#34;", ">ceiling .953<"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the figure lacks %s", want)
		}
	}
}

// TestPredictorsDifferWithoutColor checks that no two of twenty predictors
// share both line style and marker: what is left of them in grey.
func TestPredictorsDifferWithoutColor(t *testing.T) {
	seen := make(map[string]int)
	for i, look := range plot.Looks(20) {
		if other, ok := seen[look]; ok {
			t.Errorf("predictors %d and %d look alike in grey: %s", other, i, look)
		}
		seen[look] = i
	}
}

func TestNothingToDraw(t *testing.T) {
	g := group(t, 3, 20)
	for i := range g.Rows {
		g.Rows[i].Cells[0].Metrics = nil
	}
	if _, err := plot.Curves(g); !errors.Is(err, plot.ErrNothing) {
		t.Errorf("curves: got %v, want ErrNothing", err)
	}
	if _, err := plot.Cost(g); !errors.Is(err, plot.ErrNothing) {
		t.Errorf("cost: got %v, want ErrNothing", err)
	}
	if _, err := plot.Scatter("none", nil); !errors.Is(err, plot.ErrNothing) {
		t.Errorf("scatter: got %v, want ErrNothing", err)
	}
	if _, err := plot.CriticalDifference("one", &plot.Ranks{Names: []string{"a"}, Mean: []float64{1}}); !errors.Is(err, plot.ErrNothing) {
		t.Errorf("ranks: got %v, want ErrNothing", err)
	}
}

func TestParseFormat(t *testing.T) {
	for _, f := range plot.Formats() {
		if got, err := plot.ParseFormat(string(f)); got != f || err != nil {
			t.Errorf("got %q, %v, want %q", got, err, f)
		}
	}
	if _, err := plot.ParseFormat("gif"); err == nil || !strings.Contains(err.Error(), "svg, pdf and png") {
		t.Errorf("got %v, want an error with the choices", err)
	}
}
