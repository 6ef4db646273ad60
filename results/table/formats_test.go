package table_test

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/hypernas/hypernas/results"
	"github.com/hypernas/hypernas/results/published"
	"github.com/hypernas/hypernas/results/table"
)

// nasty is a name of everything that a format might take for its own.
const nasty = `[x] *&% $_#{}~^\ <b>"quoted" 'and' | ` + "`so`" + ` -- é …≤± 神 ?` + "\t" + `end`

// many returns records of several spaces and many budgets, with names that
// formats must escape.
func many() []results.Record {
	var rs []results.Record
	for _, space := range []string{"bundled", nasty, "third_space"} {
		for i, p := range []string{"random", "params", nasty, "hypernas"} {
			for _, budget := range []int{5, 8, 14, 24, 42, 71, 121, 205, 347, 589, 1000} {
				for split := range 3 {
					r := record(p, .1+.2*float64(i), budget, split)
					r.Key += space
					r.Space.Alias, r.Space.Digest = space, fmt.Sprintf("%x", space)
					if p == "random" && budget == 71 && split == 1 {
						r.Metrics, r.Failure = nil, &results.Failure{Stage: "fit", Reason: nasty}
					}
					rs = append(rs, r)
				}
			}
		}
	}
	return rs
}

// figures stand for published ones.
func figures(space results.SpaceRef, predictor results.PredictorRef, labels int) []published.Figure {
	if predictor.Alias != "ridge" || labels == 20 {
		return nil
	}
	same := published.Figure{Space: space.Name, Predictor: "ridge", Name: "Ridge", Labels: labels, Preset: "clean", Tau: .5, SD: math.NaN(), Source: "A paper, Table 1"}
	other := same
	other.Preset, other.Tau, other.Source = "pinat", .75, "Another_paper"
	if labels == 50 {
		return []published.Figure{other, same}
	}
	return []published.Figure{other}
}

// comparisons returns what every format must get right.
func comparisons(t *testing.T) map[string]*table.Comparison {
	t.Helper()
	pool := invented()
	for i := range pool {
		pool[i].Predictor.UsesPool = pool[i].Predictor.Alias == "hypernas"
	}
	o := options()
	o.Published, o.Baseline, o.Over = figures, "ridge", "ridge"
	return map[string]*table.Comparison{
		"invented": compare(t, invented(), options()), "many": compare(t, many(), table.Options{}), "marked": compare(t, pool, o),
		"one": compare(t, []results.Record{record("np", .5, 20, 0)}, table.Options{}),
	}
}

// TestLaTeXIsWellFormed checks environments, braces, columns and escapes of
// every LaTeX table, whether or not there is a LaTeX to compile it.
func TestLaTeXIsWellFormed(t *testing.T) {
	for name, c := range comparisons(t) {
		for _, f := range []table.Format{table.LaTeX, table.LaTeXSIunitx} {
			for kind, text := range map[string]string{"comparison": write(t, c, f), "trials": writeTrials(t, c, f)} {
				if err := checkLaTeX(text); err != nil {
					t.Errorf("%s, %s, %s: %v in\n%s", name, f, kind, err, text)
				}
			}
		}
	}
}

// TestTheLaTeXCheckFindsFaults makes sure that checkLaTeX is strict.
func TestTheLaTeXCheckFindsFaults(t *testing.T) {
	good := write(t, compare(t, invented(), options()), table.LaTeX)
	for from, to := range map[string]string{
		`\end{tabular}`: `\end{table}`, `@{}lrrrr@{}`: `@{}lrrr@{}`, `\_`: `_`, `\caption{`: `\caption{{`, `\%`: `%`, `$\pm$`: `±`, `\toprule`: `\toprul`,
	} {
		if bad := strings.Replace(good, from, to, 1); bad == good || checkLaTeX(bad) == nil {
			t.Errorf("%s for %s: no fault found", to, from)
		}
	}
}

// checkLaTeX returns an error unless text is what writeLaTeX may write.
func checkLaTeX(text string) error {
	commands := regexp.MustCompile(`\\([a-zA-Z]+|.)`)
	allowed := " begin end centering caption label small toprule midrule bottomrule multicolumn emph textbackslash textasciicircum " +
		"textasciitilde textless textgreater textbar textasciigrave char pm le ge approx dagger dots mathbf underline rlap num bfseries par smallskip parbox " +
		`footnotesize linewidth \ { } $ & # _ % `
	var open []string
	columns := 0
	for i, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(line, "% Needs") && i == 0 {
			continue
		}
		fail := func(format string, args ...any) error {
			return fmt.Errorf("line %d: %s", i+1, fmt.Sprintf(format, args...))
		}
		for _, m := range commands.FindAllStringSubmatch(line, -1) {
			if !strings.Contains(allowed, " "+m[1]+" ") {
				return fail("unexpected command %s", m[0])
			}
		}
		for _, r := range line {
			if r > 0xff || r < ' ' || r >= 0x7f && r < 0xc0 {
				return fail("letter %q", r)
			}
		}
		bare := regexp.MustCompile(`\\[\\{}$&#_%]`).ReplaceAllStringFunc(line, func(s string) string {
			if s == `\\` {
				return s
			}
			return ".."
		})
		switch {
		case strings.HasPrefix(line, `\begin{`):
			open = append(open, regexp.MustCompile(`^\\begin\{([a-z*]+)\}`).FindStringSubmatch(line)[1])
			if m := regexp.MustCompile(`@\{\}([lr]+)@\{\}`).FindStringSubmatch(line); m != nil {
				columns = len(m[1])
			}
		case strings.HasPrefix(line, `\end{`):
			if len(open) == 0 || line != `\end{`+open[len(open)-1]+`}` {
				return fail("%s ends %v", line, open)
			}
			open = open[:len(open)-1]
		case strings.HasSuffix(line, `\\`):
			if len(open) == 0 || open[len(open)-1] != "tabular" {
				return fail("a row outside a table")
			}
			cells := strings.Count(bare, "&") + 1
			if m := regexp.MustCompile(`^\\multicolumn\{(\d+)\}`).FindStringSubmatch(line); m != nil {
				if m[1] != fmt.Sprint(columns) {
					return fail("a heading over %s of %d columns", m[1], columns)
				}
			} else if cells != columns {
				return fail("%d of %d columns", cells, columns)
			}
			if strings.HasPrefix(line, "[") || strings.HasPrefix(line, "*") {
				return fail("taken for an argument of the row above")
			}
		}
		if strings.ContainsAny(strings.ReplaceAll(bare, `\\`, ""), "#%~") || strings.Count(bare, "$")%2 != 0 {
			return fail("not escaped")
		}
		// In mathematics ^ is meant; elsewhere _ and ^ are not.
		for k, part := range strings.Split(bare, "$") {
			if k%2 == 0 && strings.ContainsAny(part, "_^") {
				return fail("not escaped")
			}
		}
		if depth := strings.Count(bare, "{") - strings.Count(bare, "}"); depth != 0 && !strings.HasPrefix(line, `\parbox`) && line != "}" {
			return fail("braces do not balance")
		}
	}
	if len(open) > 0 {
		return fmt.Errorf("%v not ended", open)
	}
	if strings.Count(text, "\n\\parbox") != strings.Count(text, "\n}\n") {
		return errors.New("a box of notes is not closed")
	}
	return nil
}

// TestLaTeXCompiles compiles every table with pdflatex, without a warning of
// missing letters or of rows that stick out.
func TestLaTeXCompiles(t *testing.T) {
	pdflatex, err := exec.LookPath("pdflatex")
	if err != nil {
		t.Skip("no pdflatex here: LaTeX tables were checked by syntax alone (Debian: texlive-latex-recommended, and texlive-science for siunitx)")
	}
	for _, f := range []table.Format{table.LaTeX, table.LaTeXSIunitx} {
		t.Run(string(f), func(t *testing.T) {
			packages := "booktabs"
			if f == table.LaTeXSIunitx {
				if exec.Command("kpsewhich", "siunitx.sty").Run() != nil {
					t.Skip("pdflatex is here, siunitx is not (Debian: texlive-science)")
				}
				packages = "booktabs,siunitx"
			}
			var body strings.Builder
			for _, name := range []string{"invented", "many", "marked", "one"} {
				c := comparisons(t)[name]
				body.WriteString(write(t, c, f))
				if name != "many" {
					body.WriteString(writeTrials(t, c, f))
				}
				body.WriteString("\\clearpage\n")
			}
			document := "\\documentclass{article}\n\\usepackage[margin=1in]{geometry}\n\\usepackage{" + packages + "}\n\\begin{document}\n" + body.String() + "\\end{document}\n"
			// Labels stand once in each output, and this joins several.
			document = regexp.MustCompile(`\\label\{.*\}`).ReplaceAllString(document, "")
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "tables.tex"), []byte(document), 0o644); err != nil {
				t.Fatal(err)
			}
			run := exec.Command(pdflatex, "-interaction=nonstopmode", "-halt-on-error", "tables.tex")
			run.Dir = dir
			log, err := run.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, log)
			}
			if strings.Contains(string(log), "Missing character") {
				t.Errorf("pdflatex lacks letters:\n%s", log)
			}
			if dir := os.Getenv("PLOTS"); dir != "" {
				pdf, err := os.ReadFile(filepath.Join(run.Dir, "tables.pdf"))
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(dir, string(f)+".pdf"), pdf, 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// TestHTMLIsWellFormed reads HTML as XML, which the templates keep to but for
// elements without an end.
func TestHTMLIsWellFormed(t *testing.T) {
	for name, c := range comparisons(t) {
		for kind, text := range map[string]string{"comparison": write(t, c, table.HTML), "trials": writeTrials(t, c, table.HTML)} {
			d := xml.NewDecoder(strings.NewReader(text))
			d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
			cells, columns := 0, 0
			for {
				token, err := d.Token()
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Fatalf("%s, %s: %v in\n%s", name, kind, err, text)
				}
				switch e := token.(type) {
				case xml.StartElement:
					switch e.Name.Local {
					case "b":
						t.Errorf("%s, %s: a name became markup", name, kind)
					case "thead":
						columns = 0
					case "tr":
						cells = 0
					case "th", "td":
						cells++
					}
				case xml.EndElement:
					if e.Name.Local == "tr" {
						if columns == 0 {
							columns = cells
						}
						if cells != columns {
							t.Errorf("%s, %s: a row of %d cells, want %d", name, kind, cells, columns)
						}
					}
				}
			}
		}
	}
}

func TestJSONHoldsWhatTheComparisonDoes(t *testing.T) {
	c := comparisons(t)["marked"]
	var got struct {
		Reach  float64 `json:"reach"`
		Groups []struct {
			Protocol struct {
				Preset string `json:"preset"`
			} `json:"protocol"`
			Predictors []struct {
				Name         string `json:"name"`
				Transductive bool   `json:"transductive"`
				Cells        []struct {
					Budget, Trials, Failed int
					Metrics                map[string]struct {
						Mean, Low, High *float64
						Best, Second    bool
					}
					Published []struct {
						Tau     float64 `json:"kendall_tau"`
						Differs bool
						Source  string
					}
				} `json:"cells"`
			} `json:"predictors"`
		} `json:"groups"`
	}
	if err := json.Unmarshal([]byte(write(t, c, table.JSON)), &got); err != nil {
		t.Fatal(err)
	}
	if got.Reach != table.DefaultReach || len(got.Groups) != 1 || got.Groups[0].Protocol.Preset != "clean" {
		t.Fatalf("got %+v", got)
	}
	rows := got.Groups[0].Predictors
	for r, row := range rows {
		for b, cell := range row.Cells {
			for name, m := range cell.Metrics {
				want := c.Groups[0].Rows[r].Cells[b].Metrics[name]
				if m.Mean == nil != !want.Known() || m.Mean != nil && (*m.Mean != want.Mean || *m.Low != want.Low || *m.High != want.High) {
					t.Errorf("%s, %d, %s: got %v, want %+v", row.Name, cell.Budget, name, m, want)
				}
			}
		}
	}
	if !rows[0].Transductive || !rows[0].Cells[0].Metrics["kendall_tau"].Best || !rows[3].Cells[0].Metrics["kendall_tau"].Second {
		t.Errorf("got %+v, want hypernas transductive and best, params second", rows)
	}
	if p := rows[2].Cells[1].Published; len(p) != 2 || p[0].Differs || p[0].Tau != .5 || !p[1].Differs {
		t.Errorf("got published figures %+v, want that of the same protocol first", p)
	}
	var trials []struct {
		Predictor string
		Metrics   map[string]float64
		Reason    string
	}
	if err := json.Unmarshal([]byte(writeTrials(t, c, table.JSON)), &trials); err != nil {
		t.Fatal(err)
	}
	if len(trials) != len(invented()) {
		t.Errorf("got %d trials, want %d", len(trials), len(invented()))
	}
}

func TestTransductiveRowsAreMarkedInEveryFormat(t *testing.T) {
	c := comparisons(t)["marked"]
	for _, f := range table.Formats() {
		if !strings.Contains(write(t, c, f), "hypernas (transductive)") {
			t.Errorf("%s: the transductive row is not marked", f)
		}
	}
	rs := invented()
	for i := range rs {
		rs[i].Predictor.UsesPool, rs[i].Pool = true, "nontest"
	}
	if text := write(t, compare(t, rs, options()), table.Text); strings.Contains(text, "ransductive") {
		t.Errorf("rows of --pool nontest are called transductive:\n%s", text)
	}
}

func TestPublishedFiguresOfOtherProtocolsAreMarked(t *testing.T) {
	c := comparisons(t)["marked"]
	text := write(t, c, table.Text)
	for _, want := range []string{
		"50: .500, 100: .750†", "†: published under another protocol (pinat): not comparable.",
		"Published figures: A paper, Table 1; Another_paper.", "ridge, 50 labels: also published as .750 (Ridge).",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("want %q in\n%s", want, text)
		}
	}
	for _, f := range []table.Format{table.Markdown, table.HTML} {
		if !strings.Contains(write(t, c, f), ".750†") {
			t.Errorf("%s: the other protocol is not marked", f)
		}
	}
}

// TestPublishedFiguresNeedTheWholeSpace checks that a part of NAS-Bench-101
// is not compared with all of it.
func TestPublishedFiguresNeedTheWholeSpace(t *testing.T) {
	for rows, want := range map[int]bool{423624: false, 30001: true} {
		r := record("np", .5, 100, 0)
		r.Space.Name, r.Preset = "nasbench101", "pinat"
		c := compare(t, []results.Record{r}, table.Options{
			Facts: func(results.SpaceRef) table.Facts { return table.Facts{Rows: rows} },
			Published: func(results.SpaceRef, results.PredictorRef, int) []published.Figure {
				return published.All().Find("nasbench101", "cifar10", "np", 100)
			},
		})
		if got := c.Groups[0].Rows[0].Cells[0].Published[0].Differs; got != want {
			t.Errorf("%d rows: differs is %v, want %v", rows, got, want)
		}
		if said := strings.Contains(write(t, c, table.Text), "all 423,624 architectures"); said != want {
			t.Errorf("%d rows: said is %v, want %v", rows, said, want)
		}
	}
}

func TestManyBudgetsSplitTextTables(t *testing.T) {
	text := write(t, compare(t, many(), table.Options{}), table.Text)
	for line := range strings.Lines(text) {
		// Notes may be long.
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); strings.HasPrefix(line, " ") && n > 100 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	for _, budget := range []string{"5 labels", "1,000 labels"} {
		if !strings.Contains(text, " "+budget) {
			t.Errorf("no column of %s in\n%s", budget, text)
		}
	}
}

// TestTiesAreThoseOfTheTest compares a predictor that is worse on average but
// not on every split with one that is worse everywhere.
func TestTiesAreThoseOfTheTest(t *testing.T) {
	var rs []results.Record
	for split, taus := range [][]float64{{.70, .60, .50}, {.66, .68, .48}, {.71, .66, .52}, {.69, .70, .49}, {.70, .66, .51}} {
		for p, name := range []string{"a", "b", "c"} {
			r := record(name, .5, 20, split)
			r.Metrics = map[string]float64{"kendall_tau": taus[p]}
			rs = append(rs, r)
		}
	}
	c := compare(t, rs, table.Options{})
	rows := c.Groups[0].Rows
	for i, want := range []table.Standing{{Best: true}, {Second: true, Tied: true}, {}} {
		if got := rows[i].Cells[0].Standings["kendall_tau"]; got != want {
			t.Errorf("%s: got %+v, want %+v", rows[i].Name, got, want)
		}
	}
	for f, want := range map[table.Format]string{
		table.Text: ".660 ± .046~", table.Markdown: "*.660 ± .046*", table.HTML: `<u>.660 ± .046</u><span class="tie">≈</span>`,
		table.LaTeX: `\underline{$.660 \pm .046$}\rlap{$^{\approx}$}`, table.LaTeXSIunitx: `\underline{\num{0.660 +- 0.046}}\rlap{$^{\approx}$}`,
	} {
		text := write(t, c, f)
		if !strings.Contains(text, want) || !strings.Contains(text, "not separable from the best: paired t test over splits with Holm") {
			t.Errorf("%s: want %s and the test's name in\n%s", f, want, text)
		}
	}
}

func TestOverallTakesPredictorsOfEveryGroup(t *testing.T) {
	rs := many()
	for i := range rs {
		if rs[i].Space.Alias == "third_space" && rs[i].Predictor.Alias == "params" {
			rs[i].Predictor.Alias, rs[i].Predictor.Name = "params2", "params2"
		}
	}
	names, o, err := compare(t, rs, table.Options{}).Overall()
	if err != nil {
		t.Fatal(err)
	}
	if len(names) != 3 || names[0] != nasty || o.Blocks != 3*11-3 || len(o.Ranks) != 3 {
		t.Errorf("got %q over %d blocks, want three predictors over the 30 cells without a failed trial", names, o.Blocks)
	}
	if _, _, err := compare(t, protocols(), table.Options{}).Overall(); !errors.Is(err, table.ErrMixed) {
		t.Errorf("two presets: got %v, want ErrMixed", err)
	}
}

func TestStandings(t *testing.T) {
	rs := []results.Record{record("a", .5, 20, 0), record("b", .5, 20, 0), record("c", .3, 20, 0), record("d", .2, 20, 0)}
	rows := compare(t, rs, table.Options{}).Groups[0].Rows
	for i, want := range []table.Standing{{Best: true}, {Best: true}, {Second: true}, {}} {
		if got := rows[i].Cells[0].Standings["kendall_tau"]; got.Best != want.Best || got.Second != want.Second {
			t.Errorf("%s: got %+v, want %+v", rows[i].Name, got, want)
		}
	}
	if got := compare(t, rs[:1], table.Options{}).Groups[0].Rows[0].Cells[0].Standings; len(got) > 0 {
		t.Errorf("a row alone stands %+v", got)
	}
}
