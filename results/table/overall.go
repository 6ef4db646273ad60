package table

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/hypernas/hypernas/results/stat"
)

// Overall compares predictors over all cells (space, budget) of the
// comparison, by mean Kendall tau. It takes the predictors that every group
// has, by their names. It returns an error wrapping ErrMixed where groups
// differ in protocol, since ranks under different protocols don't compare.
func (c *Comparison) Overall() (names []string, o stat.Overall, err error) {
	for i := range c.Groups {
		if first := c.Groups[0].Protocol; c.Groups[i].Protocol != first {
			return nil, o, fmt.Errorf("%w: %s; and %s", ErrMixed, first, c.Groups[i].Protocol)
		}
	}
	for _, row := range c.Groups[0].Rows {
		everywhere := !slices.ContainsFunc(c.Groups, func(g Group) bool {
			return !slices.ContainsFunc(g.Rows, func(r Row) bool { return r.Name == row.Name })
		})
		if everywhere {
			names = append(names, row.Name)
		}
	}
	var blocks [][]float64
	for i := range c.Groups {
		g := &c.Groups[i]
		for b := range g.Budgets {
			block := make([]float64, len(names))
			for k, name := range names {
				row := slices.IndexFunc(g.Rows, func(r Row) bool { return r.Name == name })
				block[k] = math.NaN()
				if s, ok := g.Rows[row].Cells[b].Metrics[kendallTau]; ok {
					block[k] = s.Mean
				}
			}
			blocks = append(blocks, block)
		}
	}
	return names, stat.OverCells(blocks), nil
}

// Efficiency is a row's sample efficiency.
type Efficiency struct {
	// Fewer says how many times as many labels the baseline needs to reach the
	// comparison's level.
	Fewer stat.Ratio
	// Area is the mean of tau over log n, over splits; only where the group has
	// two budgets.
	Area stat.Summary
}

// compareWith fills Row.Efficiency against the row whose alias or name is
// baseline. It does nothing if there is none.
func (g *Group) compareWith(baseline string, level float64) {
	base := g.row(baseline)
	if base < 0 {
		return
	}
	g.Baseline = g.Rows[base].Name
	against := g.Rows[base].curve()
	for i := range g.Rows {
		row := &g.Rows[i]
		curve := row.curve()
		e := &Efficiency{Fewer: stat.Fewer(against, curve, level, fixedGenerator()), Area: stat.Summarize([]stat.Trial{{Value: math.NaN()}})}
		if len(curve) == len(g.Budgets) && len(curve) > 1 {
			e.Area = stat.Summarize(stat.Area(curve))
		}
		row.Efficiency = e
	}
}

// row returns the place of the row of that alias or name, -1 if there is none.
func (g *Group) row(name string) int {
	return slices.IndexFunc(g.Rows, func(r Row) bool { return r.Name == name || r.Predictor.Alias == name })
}

// gainOver fills Cell.Gain against the row whose alias or name is over. It does
// nothing if there is none that has figures.
func (g *Group) gainOver(over string) {
	base := g.row(over)
	if base < 0 {
		return
	}
	if !slices.ContainsFunc(g.Rows[base].Cells, func(c Cell) bool { return c.Trials > c.Failed }) {
		return // the predictor can't serve the space
	}
	g.Over = g.Rows[base].Name
	for i := range g.Rows {
		row := &g.Rows[i]
		for b, budget := range g.Budgets {
			tau := func(r *Row) []stat.Trial { return r.values(r.trials(budget), kendallTau) }
			d := stat.Paired(tau(row), tau(&g.Rows[base]))
			row.Cells[b].Gain = &d
			if most := min(row.Cells[b].Metrics[kendallTau].N, g.Rows[base].Cells[b].Metrics[kendallTau].N); d.N < most {
				g.Notes = append(g.Notes, fmt.Sprintf("Gain of %s, %s: over the %s that both have.", row.Name, count(budget, "label"), count(d.N, "split")))
			}
		}
	}
}

// gainGrid returns the table of gains over a predictor, which has no row in it.
func (g *Group) gainGrid() grid {
	t := grid{caption: fmt.Sprintf("Gain in Kendall tau over %s, paired over splits, ± half of the 95 %% interval", g.Over)}
	g.addBudgets(&t, func(c *Cell) field { return gainField(c.Gain) })
	t.rows = slices.DeleteFunc(t.rows, func(row []field) bool { return row[0].text == g.Over })
	return t
}

// gainField returns the field of a gain, with its sign.
func gainField(d *stat.Difference) field {
	if math.IsNaN(d.Mean) {
		return field{text: "-", value: math.NaN()}
	}
	f := field{text: signed(d.Mean), value: d.Mean, mean: signed(d.Mean)}
	if d.N > 1 {
		f.half = fixed(d.HalfWidth(), 3)
		f.text += " ± " + f.half
	}
	return f
}

// signed writes a difference of Kendall tau with its sign; 0 has none.
func signed(v float64) string {
	s := fixed(v, 3)
	if v > 0 && s != fixed(0, 3) {
		s = "+" + s
	}
	return s
}

// curve returns the row's Kendall tau at each budget that it has trials of.
func (row *Row) curve() []stat.Budget {
	var curve []stat.Budget
	for _, cell := range row.Cells {
		if trials := row.trials(cell.Budget); len(trials) > 0 {
			curve = append(curve, stat.Budget{Labels: cell.Budget, Trials: row.values(trials, kendallTau)})
		}
	}
	return curve
}

// fixedGenerator returns the generator of bootstraps: the same for each row,
// so that every row's interval comes from the same resamples of splits.
func fixedGenerator() *rand.Rand { return rand.New(rand.NewPCG(0x68797065726e6173, 0x7265616368)) }

// efficiencyGrid returns the table of sample efficiency against the baseline.
func (g *Group) efficiencyGrid(level float64) grid {
	t := grid{
		caption: fmt.Sprintf("Sample efficiency against %s, with 95 %% intervals over splits", g.Baseline),
		note:    fewerNote(g.Baseline),
		header:  []string{"predictor", "labels to " + fixed(level, 2), "fewer labels by", "area under tau over log n"},
		words:   map[int]bool{0: true},
	}
	for i := range g.Rows {
		row := &g.Rows[i]
		e := row.Efficiency
		area := field{text: "-", value: math.NaN()}
		if e.Area.Known() {
			area = field{text: fixed(e.Area.Mean, 3), value: e.Area.Mean, mean: fixed(e.Area.Mean, 3)}
			if e.Area.N > 1 {
				area.half = fixed(e.Area.HalfWidth(), 3)
				area.text += " ± " + area.half
			}
		}
		t.rows = append(t.rows, []field{
			word(row.Name), {text: reach(&row.Reach), value: row.Reach.Labels}, {text: fewer(&e.Fewer), value: e.Fewer.Value}, area,
		})
	}
	return t
}

// fewer writes a ratio of labels with its interval.
func fewer(r *stat.Ratio) string {
	if !r.Known() {
		return "-"
	}
	times := func(v float64) string {
		if v == 0 {
			return "0"
		}
		return fixed(v, 1) + "x"
	}
	s := times(r.Value)
	switch {
	case r.AtLeast:
		s = "≥ " + s
	case r.AtMost:
		s = "≤ " + s
	}
	if r.Splits < 2 || math.IsNaN(r.Low) {
		return s
	}
	low, high := times(r.Low), times(r.High)
	if math.IsInf(r.High, 1) {
		high = "no bound"
	}
	return fmt.Sprintf("%s [%s, %s]", s, low, high)
}

// fewerNote says what the column of fewer labels is.
func fewerNote(baseline string) string {
	return fmt.Sprintf("Fewer labels by: the labels with which %s reaches the level, divided by this predictor's, with a 95 %% bootstrap interval over splits that both have.", baseline)
}
