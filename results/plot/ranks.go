package plot

import (
	"fmt"
	"image/color"
	"math"
	"slices"

	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Ranks is what a critical-difference diagram shows.
type Ranks struct {
	Names []string
	Mean  []float64 // mean rank of each, 1 being best
	// Groups holds sets of predictors, as indices, that the test does not
	// tell apart.
	Groups [][]int
	// Note says which test, over how many cells.
	Note string
}

// CriticalDifference draws mean ranks on a line, best at the left; bars join
// predictors that the test does not tell apart (Demsar, Statistical Comparisons
// of Classifiers over Multiple Data Sets, JMLR 2006, figure 1). It returns an
// error wrapping ErrNothing for fewer than two predictors.
func CriticalDifference(title string, r *Ranks) (*Figure, error) {
	n := len(r.Names)
	if n < 2 || len(r.Mean) != n {
		return nil, fmt.Errorf("%w: %d mean ranks of %d predictors; it takes two", ErrNothing, len(r.Mean), n)
	}
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case r.Mean[a] < r.Mean[b]:
			return -1
		case r.Mean[a] > r.Mean[b]:
			return 1
		}
		return 0
	})
	bars := spread(r)
	const (
		top    = vg.Length(20) // above the axis: its numbers and name
		level  = vg.Length(5)  // from bar to bar
		line   = vg.Length(11) // from name to name
		bottom = vg.Length(13) // the note
	)
	left := (n + 1) / 2 // names at the left
	levels := 0
	for _, b := range bars {
		levels = max(levels, b.level+1)
	}
	under := vg.Length(levels)*level + 7 // between axis and first name
	height := top + under + line*vg.Length(left) + bottom

	return &Figure{Title: title, width: Width, height: height, draw: func(c draw.Canvas) {
		names := letters(smallSize)
		names.YAlign = text.YCenter
		// Room at the sides for the names that stand beyond the axis' ends.
		room := Width * .27
		from, to := c.Min.X+room, c.Max.X-room
		axis := c.Max.Y - top
		at := func(rank float64) vg.Length { return from + (to-from)*vg.Length((rank-1)/float64(n-1)) }
		thin := draw.LineStyle{Color: color.Black, Width: vg.Points(.6)}
		c.StrokeLine2(thin, from, axis, to, axis)
		step := max(1, int(math.Ceil(float64(n-1)/12)))
		for rank := 1; rank <= n; rank += step {
			x := at(float64(rank))
			c.StrokeLine2(thin, x, axis, x, axis+3)
			s := letters(smallSize)
			s.XAlign = text.XCenter
			c.FillText(s, vg.Point{X: x, Y: axis + 4.5}, fmt.Sprint(rank))
		}
		s := letters(smallSize)
		s.XAlign, s.YAlign = text.XRight, text.YCenter
		c.FillText(s, vg.Point{X: from - 6, Y: axis + 6}, "mean rank")
		for k, i := range order {
			y := axis - under - line*(vg.Length(k)+.5)
			end, sign := from-4, vg.Length(-1)
			names.XAlign = text.XRight
			if k >= left {
				y = axis - under - line*(vg.Length(n-1-k)+.5)
				end, sign = to+4, 1
				names.XAlign = text.XLeft
			}
			x := at(r.Mean[i])
			c.StrokeLines(thin, []vg.Point{{X: x, Y: axis}, {X: x, Y: y}, {X: end, Y: y}})
			c.DrawGlyph(draw.GlyphStyle{Color: color.Black, Radius: vg.Points(1.5), Shape: draw.CircleGlyph{}}, vg.Point{X: x, Y: axis})
			value := " " + number(r.Mean[i], 2)
			c.FillText(names, vg.Point{X: end + 2*sign, Y: y}, shorten(r.Names[i], room-8-letters(smallSize).Width(value))+value)
		}
		thick := draw.LineStyle{Color: color.Black, Width: vg.Points(2.2)}
		for _, b := range bars {
			y := axis - level*vg.Length(b.level+1)
			c.StrokeLine2(thick, at(b.low)-2, y, at(b.high)+2, y)
		}
		note := letters(smallSize - 1)
		note.XAlign = text.XCenter
		c.FillText(note, vg.Point{X: c.Center().X, Y: c.Min.Y + 3}, shorten(r.Note, Width*1.15))
	}}, nil
}

// groupBar is a bar over the ranks of one group.
type groupBar struct {
	low, high float64
	level     int // 0 is nearest to the axis
}

// spread gives each group a bar such that bars at one level don't touch.
func spread(r *Ranks) []groupBar {
	var bars []groupBar
	for _, g := range r.Groups {
		b := groupBar{low: math.Inf(1), high: math.Inf(-1)}
		for _, i := range g {
			b.low, b.high = min(b.low, r.Mean[i]), max(b.high, r.Mean[i])
		}
		if len(g) > 1 {
			bars = append(bars, b)
		}
	}
	slices.SortFunc(bars, func(a, b groupBar) int {
		switch {
		case a.low < b.low || a.low == b.low && a.high < b.high:
			return -1
		case a == b:
			return 0
		}
		return 1
	})
	apart := float64(len(r.Names)) / 25
	for i := range bars {
		for taken := true; taken; {
			taken = false
			for _, o := range bars[:i] {
				if o.level == bars[i].level && bars[i].low < o.high+apart {
					bars[i].level++
					taken = true
				}
			}
		}
	}
	return bars
}
