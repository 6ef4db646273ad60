package plot

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/hypernas/hypernas/results/table"
)

// bodyHeight is that of a figure without its key: the golden section of the
// width would leave too little beside axes' labels.
const bodyHeight = 2.25 * vg.Inch

const kendallTau = "kendall_tau"

// ErrNothing is wrapped by errors of figures that would be empty.
var ErrNothing = errors.New("nothing to draw")

// point is one place of a curve: a value with its interval, NaN where there is
// none.
type point struct{ x, y, low, high float64 }

// curve is one predictor's points, by ascending budget.
type curve struct {
	style  style
	points []point
}

// Curves draws mean Kendall tau over the number of labels, with the 95 %
// interval over splits as a band. A cell with failed or undefined trials has
// no mean, and its curve has a gap there. It returns an error wrapping
// ErrNothing if no cell has a mean.
func Curves(g *table.Group) (*Figure, error) {
	p := axes("labels", "Kendall tau")
	p.X.Scale = plot.LogScale{}
	curves, entries := curvesOf(g, func(c *table.Cell) float64 { return float64(c.Budget) })
	if len(curves) == 0 {
		return nil, fmt.Errorf("%w: no predictor has a mean Kendall tau on %s", ErrNothing, g.Name)
	}
	low, high := span(curves)
	ceiling := g.Facts.Ceiling
	if ceiling > 0 { // false for NaN
		high = max(high, ceiling)
		p.Add(level{ceiling, "ceiling " + number(ceiling, 3), float64(g.Budgets[0])})
	}
	margin := max((high-low)*.04, .01)
	p.Y.Min, p.Y.Max = low-margin, high+margin*1.5
	p.Y.Tick.Marker = plot.ConstantTicks(steps(p.Y.Min, p.Y.Max, 8))
	first, last := float64(g.Budgets[0]), float64(g.Budgets[len(g.Budgets)-1])
	if first == last {
		first, last = first/2, last*2
	}
	p.X.Min, p.X.Max = first, last
	p.X.Tick.Marker = plot.ConstantTicks(budgetTicks(g.Budgets, Width*.82))
	for i := range curves {
		p.Add(band{&curves[i]})
	}
	for i := range curves {
		p.Add(line{&curves[i]})
	}
	return withKey(fmt.Sprintf("Kendall tau over the number of labels on %s, %s", g.Name, g.Protocol), p, entries), nil
}

// Cost draws mean Kendall tau, with its 95 % interval, against the mean wall
// seconds of a fit, one mark a budget; lines go up the budgets.
func Cost(g *table.Group) (*Figure, error) {
	p := axes("seconds of a fit", "Kendall tau")
	p.X.Scale = plot.LogScale{}
	curves, entries := curvesOf(g, func(c *table.Cell) float64 {
		if s, ok := c.Metrics["fit_seconds"]; ok && s.Known() && s.Mean > 0 {
			return s.Mean
		}
		return math.NaN()
	})
	if len(curves) == 0 {
		return nil, fmt.Errorf("%w: no predictor has a mean Kendall tau and a mean cost on %s", ErrNothing, g.Name)
	}
	low, high := span(curves)
	margin := max((high-low)*.04, .01)
	p.Y.Min, p.Y.Max = low-margin, high+margin
	p.Y.Tick.Marker = plot.ConstantTicks(steps(p.Y.Min, p.Y.Max, 8))
	least, most := math.Inf(1), 0.
	for _, c := range curves {
		for _, q := range c.points {
			if !math.IsNaN(q.x) {
				least, most = min(least, q.x), max(most, q.x)
			}
		}
	}
	p.X.Min, p.X.Max = least/1.25, most*1.25
	p.X.Tick.Marker = plot.ConstantTicks(decades(p.X.Min, p.X.Max))
	for i := range curves {
		p.Add(line{&curves[i]}, bars{&curves[i]})
	}
	return withKey(fmt.Sprintf("Kendall tau against the seconds of a fit on %s, %s", g.Name, g.Protocol), p, entries), nil
}

// withKey returns a figure of p above a key.
func withKey(title string, p *plot.Plot, entries []keyEntry) *Figure {
	k := newKey(entries, Width)
	return &Figure{
		Title: title, width: Width, height: bodyHeight + k.height(),
		draw: func(c draw.Canvas) {
			k.draw(c)
			p.Draw(draw.Crop(c, 1, -4, k.height(), -4))
		},
	}
}

// curvesOf returns a curve for each row that has a mean tau somewhere, and the
// key's entries. A predictor's style is that of its place in the group, so
// that it is the same in all figures of the group.
func curvesOf(g *table.Group, x func(*table.Cell) float64) ([]curve, []keyEntry) {
	var curves []curve
	var entries []keyEntry
	for i := range g.Rows {
		row := &g.Rows[i]
		c := curve{style: styleOf(i)}
		known := false
		for b := range row.Cells {
			q := point{x(&row.Cells[b]), math.NaN(), math.NaN(), math.NaN()}
			if s, ok := row.Cells[b].Metrics[kendallTau]; ok && s.Known() {
				q.y, q.low, q.high = s.Mean, s.Low, s.High
				known = known || !math.IsNaN(q.x)
			}
			c.points = append(c.points, q)
		}
		if known {
			curves = append(curves, c)
			entries = append(entries, keyEntry{row.Name, c.style})
		}
	}
	return curves, entries
}

// span returns the least and the most that curves reach with their intervals.
func span(curves []curve) (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, c := range curves {
		for _, q := range c.points {
			for _, v := range []float64{q.y, q.low, q.high} {
				if !math.IsNaN(v) {
					low, high = min(low, v), max(high, v)
				}
			}
		}
	}
	return low, high
}

// runs cuts points into runs of neighbors that ok holds for.
func runs(points []point, ok func(point) bool) [][]point {
	var all [][]point
	from := 0
	for i := 0; i <= len(points); i++ {
		if i < len(points) && ok(points[i]) {
			continue
		}
		if i > from {
			all = append(all, points[from:i])
		}
		from = i + 1
	}
	return all
}

func drawn(q point) bool   { return !math.IsNaN(q.x) && !math.IsNaN(q.y) }
func bounded(q point) bool { return drawn(q) && !math.IsNaN(q.low) && !math.IsNaN(q.high) }

// band draws a curve's intervals as an area.
type band struct{ *curve }

// Plot implements plot.Plotter.
func (b band) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	for _, run := range runs(b.points, bounded) {
		var area []vg.Point
		for _, q := range run {
			area = append(area, vg.Point{X: x(q.x), Y: y(q.high)})
		}
		for _, q := range slices.Backward(run) {
			area = append(area, vg.Point{X: x(q.x), Y: y(q.low)})
		}
		if len(run) > 1 {
			c.FillPolygon(b.style.light(0x30), area)
			continue
		}
		bars(b).bar(c, x(run[0].x), y(run[0].low), y(run[0].high))
	}
}

// bars draws a curve's intervals as error bars.
type bars struct{ *curve }

// Plot implements plot.Plotter.
func (b bars) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	for _, run := range runs(b.points, bounded) {
		for _, q := range run {
			b.bar(c, x(q.x), y(q.low), y(q.high))
		}
	}
}

// bar draws an error bar with its ends.
func (b bars) bar(c draw.Canvas, x, low, high vg.Length) {
	s := draw.LineStyle{Color: b.style.color, Width: vg.Points(.6)}
	c.StrokeLine2(s, x, low, x, high)
	c.StrokeLine2(s, x-2, low, x+2, low)
	c.StrokeLine2(s, x-2, high, x+2, high)
}

// line draws a curve and its marks.
type line struct{ *curve }

// Plot implements plot.Plotter.
func (l line) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	for _, run := range runs(l.points, drawn) {
		var path []vg.Point
		for _, q := range run {
			path = append(path, vg.Point{X: x(q.x), Y: y(q.y)})
		}
		if len(path) > 1 {
			c.StrokeLines(l.style.line(), path)
		}
		for _, pt := range path {
			c.DrawGlyphNoClip(l.style.mark(), pt)
		}
	}
}

// GlyphBoxes implements plot.GlyphBoxer, so that marks are not clipped.
func (l line) GlyphBoxes(p *plot.Plot) []plot.GlyphBox {
	var boxes []plot.GlyphBox
	mark := l.style.mark()
	for _, q := range l.points {
		if drawn(q) {
			boxes = append(boxes, plot.GlyphBox{X: p.X.Norm(q.x), Y: p.Y.Norm(q.y), Rectangle: mark.Rectangle()})
		}
	}
	return boxes
}

// level is a labeled horizontal line.
type level struct {
	y    float64
	name string
	left float64 // where the name begins
}

// Plot implements plot.Plotter.
func (l level) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	s := letters(smallSize - 1)
	at := y(l.y)
	c.StrokeLine2(draw.LineStyle{Color: s.Color, Width: vg.Points(.5), Dashes: []vg.Length{1, 2}}, c.Min.X, at, c.Max.X, at)
	s.YAlign = -1
	c.FillText(s, vg.Point{X: x(l.left) + 1, Y: at - 1.5}, l.name)
}
