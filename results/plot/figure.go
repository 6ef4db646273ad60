package plot

import (
	"bytes"
	"fmt"
	"html"
	"image/color"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgpdf"
	"gonum.org/v1/plot/vg/vgsvg"
)

// Format is a form of figures.
type Format string

// The formats.
const (
	SVG Format = "svg"
	PDF Format = "pdf"
	PNG Format = "png"
)

// Formats returns all formats.
func Formats() []Format { return []Format{SVG, PDF, PNG} }

// ParseFormat returns the format called name; the error lists the choices.
func ParseFormat(name string) (Format, error) {
	if f := Format(name); slices.Contains(Formats(), f) {
		return f, nil
	}
	return "", fmt.Errorf("unknown format %q of a figure; there are %s, %s and %s", name, SVG, PDF, PNG)
}

// Width is that of a column of IEEE's and CVF's two-column papers.
const Width = 3.25 * vg.Inch

// Sizes of letters. Conferences ask for text in figures that reads like the
// caption, set in 8 or 9 points; 7 is the least that prints well.
const (
	labelSize = vg.Length(8)
	smallSize = vg.Length(7)
)

// dpi of PNG files: what journals ask of figures with lines.
const dpi = 300

// Figure is a figure that is laid out and can be written in any format.
type Figure struct {
	// Title says in a line what the figure shows, for those who can't see it.
	Title         string
	width, height vg.Length
	draw          func(draw.Canvas)
}

// Write writes the figure. SVG does not embed the font, which is Liberation
// Sans, but names others of the same widths, and states each text's length, so
// that it takes its own room in any font.
func (f *Figure) Write(w io.Writer, format Format) error {
	var b bytes.Buffer
	var err error
	switch format {
	case SVG:
		c := vgsvg.New(f.width, f.height)
		f.paint(c)
		_, err = c.WriteTo(&b)
	case PDF:
		c := vgpdf.New(f.width, f.height)
		f.paint(c)
		_, err = c.WriteTo(&b)
	case PNG:
		c := vgimg.NewWith(vgimg.UseWH(f.width, f.height), vgimg.UseDPI(dpi))
		f.paint(c)
		_, err = vgimg.PngCanvas{Canvas: c}.WriteTo(&b)
	default:
		_, err = ParseFormat(string(format))
	}
	if err != nil {
		return fmt.Errorf("draw figure: %w", err)
	}
	data := b.Bytes()
	switch format {
	case SVG:
		data = fitText(data)
	case PDF:
		// The writer stamps the time of day; the length must not change.
		data = regexp.MustCompile(`\(D:\d{14}\)`).ReplaceAll(data, []byte("(D:20000101000000)"))
	}
	if _, err := w.Write(data); err != nil {
		return fmt.Errorf("write figure: %w", err)
	}
	return nil
}

// fitText gives every text of an SVG the length that it was laid out with.
func fitText(svg []byte) []byte {
	element := regexp.MustCompile(`<text ([^>]*font-family:)Liberation Sans;([^>]*font-size:([\d.]+)px[^>]*)>([^<]*)</text>`)
	return element.ReplaceAllFunc(svg, func(text []byte) []byte {
		m := element.FindSubmatch(text)
		size, err := strconv.ParseFloat(string(m[3]), 64)
		if err != nil {
			return text
		}
		width := letters(vg.Length(size)).Width(html.UnescapeString(string(m[4])))
		return fmt.Appendf(nil, `<text textLength="%.2f" lengthAdjust="spacingAndGlyphs" %s'Liberation Sans',Arial,Helvetica,sans-serif;%s>%s</text>`,
			width.Points(), m[1], m[2], m[4])
	})
}

// paint draws the figure on white.
func (f *Figure) paint(c vg.CanvasSizer) {
	all := draw.New(c)
	all.FillPolygon(color.White, []vg.Point{
		{X: all.Min.X, Y: all.Min.Y}, {X: all.Max.X, Y: all.Min.Y}, {X: all.Max.X, Y: all.Max.Y}, {X: all.Min.X, Y: all.Max.Y},
	})
	f.draw(all)
}

// style is how one predictor looks in every figure of a run.
type style struct {
	color  color.RGBA
	dashes []vg.Length
	glyph  draw.GlyphDrawer
}

// styleOf returns the look of the i-th predictor. The numbers of colors,
// dashes and glyphs have no common divisor, so that 280 predictors differ.
func styleOf(i int) style {
	// Okabe and Ito's colors without yellow, which is faint on white; the first
	// ones differ most in lightness too.
	colors := []color.RGBA{
		{0x00, 0x72, 0xb2, 0xff},
		{0xd5, 0x5e, 0x00, 0xff},
		{0x00, 0x9e, 0x73, 0xff},
		{0x00, 0x00, 0x00, 0xff},
		{0xcc, 0x79, 0xa7, 0xff},
		{0x56, 0xb4, 0xe9, 0xff},
		{0xe6, 0x9f, 0x00, 0xff},
	}
	dashes := [][]vg.Length{nil, {4, 1.5}, {1.2, 1.2}, {5, 1.5, 1.2, 1.5}, {8, 2}}
	glyphs := []draw.GlyphDrawer{
		draw.CircleGlyph{},
		draw.SquareGlyph{},
		draw.PyramidGlyph{},
		diamond{},
		draw.CrossGlyph{},
		draw.RingGlyph{},
		draw.PlusGlyph{},
		draw.BoxGlyph{},
	}
	return style{colors[i%len(colors)], dashes[i%len(dashes)], glyphs[i%len(glyphs)]}
}

func (s *style) line() draw.LineStyle {
	return draw.LineStyle{Color: s.color, Width: vg.Points(1), Dashes: s.dashes}
}

func (s *style) mark() draw.GlyphStyle {
	return draw.GlyphStyle{Color: s.color, Radius: vg.Points(2.2), Shape: s.glyph}
}

// light returns the color with the given opacity.
func (s *style) light(opacity uint8) color.Color {
	return color.NRGBA{s.color.R, s.color.G, s.color.B, opacity}
}

// diamond is a square on its corner.
type diamond struct{}

// DrawGlyph implements draw.GlyphDrawer.
func (diamond) DrawGlyph(c *draw.Canvas, s draw.GlyphStyle, pt vg.Point) {
	r := s.Radius * 1.25
	c.FillPolygon(s.Color, []vg.Point{{X: pt.X - r, Y: pt.Y}, {X: pt.X, Y: pt.Y - r}, {X: pt.X + r, Y: pt.Y}, {X: pt.X, Y: pt.Y + r}})
}

// letters returns the style of texts of a size.
func letters(size vg.Length) text.Style {
	f := font.From(plot.DefaultFont, size)
	f.Variant = "Sans"
	return text.Style{Color: color.Black, Font: f, Handler: plot.DefaultTextHandler}
}

// axes returns an empty plot in this package's look.
func axes(x, y string) *plot.Plot {
	p := plot.New()
	p.BackgroundColor = nil
	for _, axis := range []struct {
		axis  *plot.Axis
		label string
	}{{&p.X, x}, {&p.Y, y}} {
		a := axis.axis
		// The label's own alignment and rotation stay.
		a.Label.Text = axis.label
		a.Label.TextStyle.Font = letters(labelSize).Font
		a.Tick.Label.Font = letters(smallSize).Font
		a.Width, a.Tick.Width = vg.Points(.5), vg.Points(.5)
		a.Tick.Length = vg.Points(3)
		a.Padding = vg.Points(2)
	}
	p.Title.TextStyle.Font = letters(smallSize).Font
	p.Title.Padding = vg.Points(2)
	return p
}

// key is the list of predictors below a figure.
type key struct {
	entries []keyEntry
	columns int
	width   vg.Length // of a column
}

type keyEntry struct {
	name  string
	style style
}

// Measures of a key.
const (
	keyLine  = vg.Length(9.5) // from line to line
	keySwash = vg.Length(20)  // length of the piece of line
	keyGap   = vg.Length(4)
	keyLong  = 4 // entries up to which one may take a line of its own
)

// newKey lays out a key in as many columns as its names leave room for.
func newKey(entries []keyEntry, width vg.Length) key {
	widest := vg.Length(0)
	room := width - keySwash - 3*keyGap
	if len(entries) > keyLong {
		room = width/2 - keySwash - 3*keyGap
	}
	for i := range entries {
		entries[i].name = shorten(entries[i].name, room)
		widest = max(widest, keySwash+3*keyGap+letters(smallSize).Width(entries[i].name))
	}
	columns := min(len(entries), max(1, int(width/widest)))
	if columns > 0 {
		// As few columns as that many lines need, so that the last is not short.
		lines := (len(entries) + columns - 1) / columns
		columns = (len(entries) + lines - 1) / lines
	}
	return key{entries, columns, width / vg.Length(max(columns, 1))}
}

// height returns the key's, with the gap above it.
func (k *key) height() vg.Length {
	if k.columns == 0 {
		return 0
	}
	return keyLine*vg.Length((len(k.entries)+k.columns-1)/k.columns) + keyGap
}

// draw draws the key at the bottom of c, by lines.
func (k *key) draw(c draw.Canvas) {
	for i, e := range k.entries {
		left := c.Min.X + keyGap + k.width*vg.Length(i%k.columns)
		y := c.Min.Y + k.height() - keyGap/2 - keyLine*(vg.Length(i/k.columns)+.5)
		c.StrokeLine2(e.style.line(), left, y, left+keySwash, y)
		c.DrawGlyph(e.style.mark(), vg.Point{X: left + keySwash/2, Y: y})
		t := letters(smallSize)
		t.YAlign = text.YCenter
		c.FillText(t, vg.Point{X: left + keySwash + keyGap, Y: y}, e.name)
	}
}

// shorten returns s, cut where it is wider than width in small letters.
func shorten(s string, width vg.Length) string {
	s = strings.Join(strings.Fields(s), " ")
	t := letters(smallSize)
	if t.Width(s) <= width {
		return s
	}
	runes := []rune(s)
	for len(runes) > 0 && t.Width(string(runes)+"...") > width {
		runes = runes[:len(runes)-1]
	}
	return string(runes) + "..."
}
