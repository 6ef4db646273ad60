package plot

import (
	"fmt"
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Panel is one predictor's predictions of one trial.
type Panel struct {
	Name string
	Tau  float64 // of its trial, beside the name; NaN where it is undefined
	// True and Predicted hold a value for each test row.
	True, Predicted []float64
}

// manyPoints is the number of points from which squares that are the darker
// the more points they hold take the points' place: more than that hide each
// other on a panel of an inch and a half, and make files large.
const manyPoints = 1000

// squares is the number of squares along each axis.
const squares = 48

// Scatter draws predictions against true values, one panel a predictor, two
// panels beside each other. Each panel has its own scale of predictions, since
// most predictors promise an order and no unit. It returns an error wrapping
// ErrNothing if there is no panel, or one without points.
func Scatter(title string, panels []Panel) (*Figure, error) {
	if len(panels) == 0 {
		return nil, fmt.Errorf("%w: no predictions", ErrNothing)
	}
	columns := min(2, len(panels))
	side := Width / 2
	if columns == 1 {
		side = Width * .75
	}
	lines := (len(panels) + columns - 1) / columns
	plots := make([]*plot.Plot, len(panels))
	for i := range panels {
		panel := &panels[i]
		if len(panel.True) == 0 || len(panel.True) != len(panel.Predicted) {
			return nil, fmt.Errorf("%w: %s has %d predictions for %d true values", ErrNothing, panel.Name, len(panel.Predicted), len(panel.True))
		}
		p := axes("", "")
		if i >= len(panels)-columns {
			p.X.Label.Text = "true"
		}
		if i%columns == 0 {
			p.Y.Label.Text = "predicted"
		}
		room := side - 8
		note := ", tau undefined"
		if !math.IsNaN(panel.Tau) {
			note = ", tau " + number(panel.Tau, 3)
		}
		p.Title.Text = shorten(panel.Name, room-letters(smallSize).Width(note)) + note
		p.X.Min, p.X.Max = extent(panel.True)
		p.Y.Min, p.Y.Max = extent(panel.Predicted)
		p.X.Tick.Marker = plot.ConstantTicks(steps(p.X.Min, p.X.Max, 5))
		p.Y.Tick.Marker = plot.ConstantTicks(steps(p.Y.Min, p.Y.Max, 5))
		if len(panel.True) >= manyPoints {
			p.Add(density{panel.True, panel.Predicted})
		} else {
			p.Add(points{panel.True, panel.Predicted})
		}
		plots[i] = p
	}
	return &Figure{
		Title: title, width: Width, height: side * vg.Length(lines),
		draw: func(c draw.Canvas) {
			for i, p := range plots {
				left := (Width-side*vg.Length(columns))/2 + side*vg.Length(i%columns)
				top := side * vg.Length(i/columns)
				cell := draw.Canvas{Canvas: c.Canvas, Rectangle: vg.Rectangle{
					Min: vg.Point{X: c.Min.X + left, Y: c.Max.Y - top - side},
					Max: vg.Point{X: c.Min.X + left + side, Y: c.Max.Y - top},
				}}
				p.Draw(draw.Crop(cell, 2, -5, 2, -3))
			}
		},
	}, nil
}

// extent returns the least and the greatest of values, somewhat apart.
func extent(values []float64) (low, high float64) {
	low, high = values[0], values[0]
	for _, v := range values {
		low, high = min(low, v), max(high, v)
	}
	margin := (high - low) * .03
	if margin == 0 {
		margin = max(math.Abs(high)*.05, 1e-6)
	}
	return low - margin, high + margin
}

// points draws single points.
type points struct{ x, y []float64 }

// Plot implements plot.Plotter.
func (d points) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	s := draw.GlyphStyle{Color: color.NRGBA{0x00, 0x72, 0xb2, 0x99}, Radius: vg.Points(1), Shape: draw.CircleGlyph{}}
	for i := range d.x {
		c.DrawGlyph(s, vg.Point{X: x(d.x[i]), Y: y(d.y[i])})
	}
}

// density draws squares that are the darker the more points they hold, on a
// logarithmic scale.
type density struct{ x, y []float64 }

// Plot implements plot.Plotter.
func (d density) Plot(c draw.Canvas, p *plot.Plot) {
	var counts [squares][squares]int
	most := 0
	place := func(v, low, high float64) int {
		return min(squares-1, max(0, int(squares*(v-low)/(high-low))))
	}
	for i := range d.x {
		n := &counts[place(d.x[i], p.X.Min, p.X.Max)][place(d.y[i], p.Y.Min, p.Y.Max)]
		*n++
		most = max(most, *n)
	}
	size := c.Size()
	for i := range counts {
		for j, n := range counts[i] {
			if n == 0 {
				continue
			}
			// From a light blue that shows on white to a dark one.
			t := math.Log(float64(n)) / math.Log(float64(max(most, 2)))
			mix := func(from, to float64) uint8 { return uint8(math.Round(from + t*(to-from))) }
			// They overlap a little, or viewers leave white lines between them.
			left, right := c.Min.X+size.X*vg.Length(i)/squares, c.Min.X+size.X*vg.Length(i+1)/squares+.15
			low, high := c.Min.Y+size.Y*vg.Length(j)/squares, c.Min.Y+size.Y*vg.Length(j+1)/squares+.15
			c.FillPolygon(color.NRGBA{mix(0xb5, 0x08), mix(0xd4, 0x20), mix(0xec, 0x50), 0xff}, []vg.Point{
				{X: left, Y: low}, {X: right, Y: low}, {X: right, Y: high}, {X: left, Y: high},
			})
		}
	}
}
