package table

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/hypernas/hypernas/results/stat"
)

// differs marks published figures of another protocol.
const differs = "†"

// grid is a table of texts, before it takes the form of a format.
type grid struct {
	caption string // what the figures are; may be empty
	ranked  bool   // whether fields have standings
	note    string // what a reader must know of the columns; may be empty
	header  []string
	rows    [][]field
	words   map[int]bool // the columns that hold words rather than numbers
	// budgets are the first column that may stand in a table of its own beside
	// column 0, and the one after the last.
	budgets [2]int
}

// field is the text of one cell of a grid.
type field struct {
	text string
	Standing
	// value is what rows are sorted by; NaN where there is none, and for words.
	value float64
	// mean and half are the figure and half of its interval as text shows
	// them; empty where text is something else.
	mean, half string
}

// word returns a field of words.
func word(s string) field { return field{text: s, value: math.NaN()} }

// integer returns a field of a whole number.
func integer(n int) field { return field{text: strconv.Itoa(n), value: float64(n)} }

// figureField returns the field of one metric or cost of a cell.
func figureField(c *Cell, name string, decimals func(mean float64) int) field {
	f := field{text: interval(c, name, decimals), value: math.NaN(), Standing: c.Standings[name]}
	if s, ok := c.Metrics[name]; ok && s.Known() {
		f.value = s.Mean
		f.mean = fixed(s.Mean, decimals(s.Mean))
		if s.N >= 2 {
			f.half = fixed(s.HalfWidth(), decimals(s.Mean))
		}
	}
	return f
}

// grids returns the tables of a group: Kendall tau and the labels to reach a
// level, with published figures where there are any; then top-5 % accuracy
// and the cost of a fit.
func (g *Group) grids(level float64) []grid {
	tau := g.metricGrid(kendallTau, "Kendall tau (tau-b)")
	tau.header, tau.note = append(tau.header, "labels to "+fixed(level, 2)), reachNote(level)
	for i := range g.Rows {
		tau.rows[i] = append(tau.rows[i], field{text: reach(&g.Rows[i].Reach), value: g.Rows[i].Reach.Labels})
	}
	if g.published() {
		tau.words[len(tau.header)] = true
		tau.header = append(tau.header, "published")
		for i := range g.Rows {
			tau.rows[i] = append(tau.rows[i], word(publishedText(&g.Rows[i])))
		}
	}
	top := g.metricGrid(top5, "Top-5 % accuracy (P@top 5 %)")
	last := len(g.Budgets) - 1
	top.header = append(top.header, "fit s, "+count(g.Budgets[last], "label"))
	for i := range g.Rows {
		top.rows[i] = append(top.rows[i], figureField(&g.Rows[i].Cells[last], fitSeconds, seconds))
	}
	all := []grid{tau}
	if g.Over != "" {
		all = append(all, g.gainGrid())
	}
	if g.Baseline != "" {
		all = append(all, g.efficiencyGrid(level))
	}
	return append(all, top)
}

// metricGrid returns a table of one metric, a column a budget.
func (g *Group) metricGrid(name, title string) grid {
	t := grid{
		caption: title + ", mean ± half of the 95 % interval over splits",
		ranked:  true,
	}
	g.addBudgets(&t, func(c *Cell) field { return figureField(c, name, ratio) })
	return t
}

// addBudgets adds a row for each predictor and a column for each budget to an
// empty grid.
func (g *Group) addBudgets(t *grid, of func(*Cell) field) {
	t.header, t.words, t.budgets = []string{"predictor"}, map[int]bool{0: true}, [2]int{1, 1 + len(g.Budgets)}
	for _, budget := range g.Budgets {
		t.header = append(t.header, count(budget, "label"))
	}
	for i := range g.Rows {
		line := []field{word(g.Rows[i].Name)}
		for b := range g.Rows[i].Cells {
			line = append(line, of(&g.Rows[i].Cells[b]))
		}
		t.rows = append(t.rows, line)
	}
}

// published reports whether a figure was published for any cell.
func (g *Group) published() bool {
	return slices.ContainsFunc(g.Rows, func(r Row) bool {
		return slices.ContainsFunc(r.Cells, func(c Cell) bool { return len(c.Published) > 0 })
	})
}

// publishedText writes a row's published figures by budget.
func publishedText(r *Row) string {
	var parts []string
	for _, c := range r.Cells {
		if len(c.Published) == 0 {
			continue
		}
		s := fmt.Sprintf("%d: %s", c.Budget, fixed(c.Published[0].Tau, 3))
		if c.Published[0].Differs {
			s += differs
		}
		parts = append(parts, s)
	}
	return cmp.Or(strings.Join(parts, ", "), "-")
}

// trialGrid returns a table with one row a trial.
func (g *Group) trialGrid() grid {
	t := grid{
		header: []string{"predictor", "labels", "split", "repeat", "status", "tau", "fit s", "predict s", "reason"},
		words:  map[int]bool{0: true, 4: true, 8: true},
	}
	for _, row := range g.Rows {
		for _, r := range row.Trials {
			tau, reason := field{text: "undefined", value: math.NaN()}, ""
			if v := figure(r, kendallTau); !math.IsNaN(v) {
				tau = field{text: fixed(v, 3), value: v, mean: fixed(v, 3)}
			}
			if r.Failure != nil {
				tau, reason = field{text: "-", value: math.NaN()}, r.Failure.Stage+": "+r.Failure.Reason
			}
			t.rows = append(t.rows, []field{
				word(row.Name), integer(r.Budget), integer(r.Split), integer(r.Repeat), word(r.Status()), tau,
				duration(r.Cost.FitSeconds), duration(r.Cost.PredictSeconds), word(reason),
			})
		}
	}
	return t
}

// duration returns the field of a number of seconds.
func duration(s float64) field {
	text := fixed(s, seconds(s))
	return field{text: text, value: s, mean: text}
}

// split cuts the budgets of t into tables of at most most of them, each with
// the first column; what stands beside the budgets goes to the last.
func (t *grid) split(most int) []grid {
	from, to := t.budgets[0], t.budgets[1]
	if n := to - from; n > most {
		// Tables of about the same width look better than a full and a short one.
		parts := (n + most - 1) / most
		most = (n + parts - 1) / parts
	} else {
		return []grid{*t}
	}
	var parts []grid
	for lo := from; lo < to; lo += most {
		hi := min(lo+most, to)
		columns := []int{0}
		for c := lo; c < hi; c++ {
			columns = append(columns, c)
		}
		if hi == to {
			for c := to; c < len(t.header); c++ {
				columns = append(columns, c)
			}
		}
		part := grid{caption: t.caption, ranked: t.ranked, words: make(map[int]bool)}
		if hi == to {
			part.note = t.note // which is on what stands beside the budgets
		}
		for i, c := range columns {
			part.header = append(part.header, t.header[c])
			part.words[i] = t.words[c]
		}
		for _, row := range t.rows {
			var line []field
			for _, c := range columns {
				line = append(line, row[c])
			}
			part.rows = append(part.rows, line)
		}
		parts = append(parts, part)
	}
	return parts
}

// columnNotes returns the notes of tables.
func columnNotes(tables []grid) []string {
	var notes []string
	for i := range tables {
		if tables[i].note != "" {
			notes = append(notes, tables[i].note)
		}
	}
	return notes
}

// tied reports whether any field of tables is a tie.
func tied(tables []grid) bool {
	return slices.ContainsFunc(tables, func(t grid) bool {
		return slices.ContainsFunc(t.rows, func(row []field) bool {
			return slices.ContainsFunc(row, func(f field) bool { return f.Tied })
		})
	})
}

// protocol says under which protocol the group's trials ran.
func (g *Group) protocol() string {
	s := g.Protocol.String() + "; " + count(g.Splits, "split")
	if g.Repeats > 1 {
		s += " x " + count(g.Repeats, "repeat")
	}
	return s
}

// scored says against what the group's trials were scored.
func (g *Group) scored() string {
	s := "label and target " + g.Space.Target
	if g.Space.Label != g.Space.Target {
		s = "label " + g.Space.Label + ", target " + g.Space.Target
	}
	s += "; " + thousands(g.TestRows[0])
	if g.TestRows[1] != g.TestRows[0] {
		s += " to " + thousands(g.TestRows[1])
	}
	s += " test rows"
	if g.Facts.Rows > 0 {
		s += " of " + thousands(g.Facts.Rows)
	}
	for _, fact := range []struct {
		name  string
		value float64
	}{{"label quality", g.Facts.LabelQuality}, {"noise", g.Facts.Noise}, {"ceiling", g.Facts.Ceiling}} {
		if fact.value != 0 && !math.IsNaN(fact.value) {
			s += "; " + fact.name + " " + fixed(fact.value, 3)
		}
	}
	return s
}

// reachNote says what the column of labels to a level is.
func reachNote(level float64) string {
	return fmt.Sprintf("Labels to %s: where the mean tau over splits first reaches it, interpolated on log n, with a 95 %% bootstrap interval.", fixed(level, 2))
}

// pairedTest names the test of stat.Compare.
const pairedTest = "paired t test over splits with Holm's correction, 5 %"

// stand fills the standings of the group's cells in one metric.
func (g *Group) stand(metric string) {
	g.Test = pairedTest
	for b, budget := range g.Budgets {
		second := math.Inf(-1)
		predictors := make([][]stat.Trial, len(g.Rows))
		known := make([]bool, len(g.Rows))
		rivals := 0
		for i := range g.Rows {
			s, ok := g.Rows[i].Cells[b].Metrics[metric]
			if known[i] = ok && s.Known(); known[i] {
				rivals++
				predictors[i] = g.Rows[i].values(g.Rows[i].trials(budget), metric)
			}
		}
		compared := stat.Compare(predictors)
		if rivals < 2 || compared.Best < 0 {
			continue
		}
		mean := func(i int) float64 { return g.Rows[i].Cells[b].Metrics[metric].Mean }
		best := mean(compared.Best)
		for i := range g.Rows {
			if known[i] && mean(i) < best {
				second = max(second, mean(i))
			}
		}
		for i := range g.Rows {
			if !known[i] {
				continue
			}
			v := &compared.Versus[i]
			g.Rows[i].Cells[b].Standings[metric] = Standing{
				Best: mean(i) == best, Second: mean(i) == second,
				// Without a p-value (one split) there was no test.
				Tied: v.Tied && mean(i) < best && !math.IsNaN(v.Adjusted),
			}
		}
	}
}
