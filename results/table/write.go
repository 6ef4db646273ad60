package table

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/olekukonko/tablewriter"
	"github.com/olekukonko/tablewriter/renderer"
	"github.com/olekukonko/tablewriter/tw"

	"github.com/hypernas/hypernas/results/stat"
)

// Format is a form of tables.
type Format string

// The formats.
const (
	Text     Format = "text"
	Markdown Format = "markdown"
	CSV      Format = "csv"
	JSON     Format = "json"
	HTML     Format = "html"
	// LaTeX needs the package booktabs in the document.
	LaTeX Format = "latex"
	// LaTeXSIunitx writes figures by \num of siunitx, whose settings in the
	// document then style them.
	LaTeXSIunitx Format = "latex-siunitx"
)

// Formats returns all formats.
func Formats() []Format { return []Format{Text, Markdown, CSV, JSON, HTML, LaTeX, LaTeXSIunitx} }

// ParseFormat returns the format called name; the error lists the choices.
func ParseFormat(name string) (Format, error) {
	if f := Format(name); slices.Contains(Formats(), f) {
		return f, nil
	}
	var names []string
	for _, f := range Formats() {
		names = append(names, string(f))
	}
	last := len(names) - 1
	return "", fmt.Errorf("unknown format %q; there are %s and %s", name, strings.Join(names[:last], ", "), names[last])
}

// ErrMixed is returned where a table would hold figures of different
// protocols with nothing to tell them apart.
var ErrMixed = errors.New("records are of different protocols")

// Write writes the comparison.
//
// Text and Markdown show one group after the other: Kendall tau for each
// budget with the number of labels that reach the comparison's level, then
// top-5 % accuracy for each budget with the seconds of a fit at the largest.
// HTML and LaTeX hold the same. A text table that is wider than a terminal is
// split by budgets.
//
// CSV holds every metric and cost of every cell without rounding, in the
// columns space, predictor, budget, metric, mean, low, high, trials, failed;
// fields without a value are empty. It has no column for the protocol and
// returns an error wrapping ErrMixed where groups differ in it. JSON holds
// everything that the comparison does.
func Write(w io.Writer, c *Comparison, f Format) error {
	switch f {
	case CSV:
		return writeCSV(w, c)
	case JSON:
		return writeJSON(w, c)
	case HTML:
		return writeHTML(w, c)
	case LaTeX, LaTeXSIunitx:
		return writeLaTeX(w, c, f == LaTeXSIunitx)
	}
	p := &page{w: w, markdown: f == Markdown}
	for i := range c.Groups {
		if i > 0 {
			p.line("")
		}
		p.group(&c.Groups[i], c.Reach)
	}
	return p.err
}

// WriteTrials writes one row a trial: whether it succeeded, its tau and
// seconds, or why it failed. CSV and JSON do not round, and hold the protocol.
func WriteTrials(w io.Writer, c *Comparison, f Format) error {
	switch f {
	case CSV:
		return writeTrialsCSV(w, c)
	case JSON:
		return writeTrialsJSON(w, c)
	case HTML:
		return writeTrialsHTML(w, c)
	case LaTeX, LaTeXSIunitx:
		return writeTrialsLaTeX(w, c, f == LaTeXSIunitx)
	}
	p := &page{w: w, markdown: f == Markdown}
	for i := range c.Groups {
		g := &c.Groups[i]
		if i > 0 {
			p.line("")
		}
		p.title(g)
		t := g.trialGrid()
		p.grid(&t)
	}
	return p.err
}

// page writes lines and grids in text or Markdown, and keeps the first error.
type page struct {
	w        io.Writer
	markdown bool
	err      error
}

// line writes a line as it is.
func (p *page) line(s string) {
	if p.err == nil {
		_, p.err = fmt.Fprintln(p.w, s)
	}
}

// paragraph writes a line of text that may hold anything. In Markdown a blank
// line follows.
func (p *page) paragraph(s string) {
	p.line(p.clean(s))
	if p.markdown {
		p.line("")
	}
}

// title writes the group's name, and under which protocol and against what
// its trials were scored.
func (p *page) title(g *Group) {
	if p.markdown {
		p.line("### " + p.clean(g.Name))
		p.line("")
	} else {
		p.line(p.clean(g.Name))
	}
	p.paragraph(g.protocol())
	p.paragraph(g.scored())
	if !p.markdown {
		p.line("")
	}
}

// group writes one group's tables and its notes.
func (p *page) group(g *Group, level float64) {
	p.title(g)
	tables := g.grids(level)
	for i := range tables {
		p.paragraph(tables[i].caption)
		p.grid(&tables[i])
		p.line("")
	}
	best, tie := "*", "~"
	if p.markdown {
		best, tie = "Bold", "Italic"
	}
	p.note(best + ": best mean of its column.")
	if tied(tables) {
		p.note(tie + ": not separable from the best: " + g.Test + ".")
	}
	for _, note := range append(columnNotes(tables), g.Notes...) {
		p.note(note)
	}
}

// note writes one of the notes below a table.
func (p *page) note(s string) {
	if p.markdown {
		s = "- " + p.clean(s)
	} else {
		s = p.clean(s)
	}
	p.line(s)
}

// pageWidth is how wide text may be where splitting a table can help: 100
// columns are what terminals and mail show.
const pageWidth = 100

// grid writes a grid, in parts where text would be too wide.
func (p *page) grid(t *grid) {
	most := t.budgets[1] - t.budgets[0]
	for parts := t.split(max(most, 1)); ; parts = t.split(most) {
		wide := !p.markdown && slices.ContainsFunc(parts, func(part grid) bool { return part.width() > pageWidth })
		if most--; wide && most > 0 {
			continue
		}
		for i := range parts {
			if i > 0 {
				p.line("")
			}
			p.part(&parts[i])
		}
		return
	}
}

// width returns the columns of a terminal that t takes as text.
func (t *grid) width() int {
	width := 0
	for c, name := range t.header {
		widest := utf8.RuneCountInString(name) + 1
		for _, row := range t.rows {
			widest = max(widest, utf8.RuneCountInString(row[c].text)+1)
		}
		width += widest + 2
	}
	return width
}

// part writes a grid. Columns of words stand to the left, others to the right.
func (p *page) part(t *grid) {
	if p.err != nil {
		return
	}
	align := make([]tw.Align, len(t.header))
	for i := range align {
		align[i] = tw.AlignRight
		if t.words[i] {
			align[i] = tw.AlignLeft
		}
	}
	// A mark must not move the number that it marks.
	marked := make([]bool, len(t.header))
	for _, line := range t.rows {
		for i, f := range line {
			marked[i] = marked[i] || f.Best || f.Tied
		}
	}
	lines := make([][]string, len(t.rows))
	header := slices.Clone(t.header)
	for i, name := range header {
		header[i] = p.clean(name)
		if !p.markdown && marked[i] {
			header[i] += " "
		}
	}
	for r, line := range t.rows {
		for i, f := range line {
			text := p.clean(f.text)
			switch {
			case p.markdown && f.Best:
				text = "**" + text + "**"
			case p.markdown && f.Tied:
				text = "*" + text + "*"
			case !p.markdown && f.Best:
				text += "*"
			case !p.markdown && f.Tied:
				text += "~"
			case !p.markdown && marked[i]:
				text += " "
			}
			lines[r] = append(lines[r], text)
		}
	}
	columns := tw.CellAlignment{PerColumn: align}
	options := []tablewriter.Option{
		tablewriter.WithHeaderAutoFormat(tw.Off), // else it upper-cases
		tablewriter.WithHeaderAutoWrap(tw.WrapNone),
		tablewriter.WithRowAutoWrap(tw.WrapNone),
		tablewriter.WithTrimSpace(tw.Off),
		tablewriter.WithHeaderAlignmentConfig(columns),
		tablewriter.WithRowAlignmentConfig(columns),
		// Widths must not depend on the user's locale.
		tablewriter.WithEastAsian(tw.Off),
	}
	if p.markdown {
		options = append(options, tablewriter.WithRenderer(renderer.NewMarkdown()))
	} else {
		options = append(options, tablewriter.WithRenderer(renderer.NewBlueprint(tw.Rendition{
			Borders: tw.Border{Left: tw.Off, Right: tw.Off, Top: tw.Off, Bottom: tw.Off},
			Symbols: tw.NewSymbols(tw.StyleASCII),
			Settings: tw.Settings{
				Separators: tw.Separators{BetweenColumns: tw.Off, BetweenRows: tw.Off},
				Lines:      tw.Lines{ShowHeaderLine: tw.On},
			},
		})))
	}
	var b strings.Builder
	table := tablewriter.NewTable(&b, options...)
	table.Header(header)
	if err := table.Bulk(lines); err != nil {
		p.err = fmt.Errorf("lay out table: %w", err)
		return
	}
	if err := table.Render(); err != nil {
		p.err = fmt.Errorf("lay out table: %w", err)
		return
	}
	for line := range strings.Lines(b.String()) {
		p.line(strings.TrimRight(line, " \n"))
	}
}

// clean makes s one line without control characters, and in Markdown without
// markup.
func (p *page) clean(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case unicode.IsControl(r) || r == '\u2028' || r == '\u2029':
			b.WriteByte(' ')
			continue
		case p.markdown && strings.ContainsRune("\\`*_|<>[]#", r):
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// interval writes a figure of a cell, or says why there is none. decimals says
// how many to show of a figure with the given mean.
func interval(c *Cell, name string, decimals func(mean float64) int) string {
	s, ok := c.Metrics[name]
	switch {
	case c.Failed > 0 && (!ok || s.Failed > 0): // and not imputed
		return c.lacks("")
	case !ok:
		return "-"
	case s.Undefined > 0:
		return fmt.Sprintf("%d of %d undefined", s.Undefined, s.Trials)
	}
	n := decimals(s.Mean)
	if s.N < 2 {
		return fixed(s.Mean, n)
	}
	return fixed(s.Mean, n) + " ± " + fixed(s.HalfWidth(), n)
}

// reach writes a number of labels with its interval.
func reach(s *stat.Samples) string {
	if !s.Known() {
		return "-"
	}
	bound := func(v float64) string {
		switch {
		case math.IsInf(v, -1):
			return fmt.Sprintf("≤ %d", s.Least)
		case math.IsInf(v, 1):
			return fmt.Sprintf("> %d", s.Most)
		}
		return fixed(v, 0)
	}
	at, low, high := bound(s.Labels), bound(s.Low), bound(s.High)
	if s.Splits < 2 || (low == at && high == at) {
		return at
	}
	return fmt.Sprintf("%s [%s, %s]", at, low, high)
}

// ratio is the decimals of what lies between -1 and 1.
func ratio(float64) int { return 3 }

// seconds is the decimals of a duration: two digits that count, or three.
func seconds(mean float64) int {
	switch {
	case mean < .1:
		return 3
	case mean < 10:
		return 2
	case mean < 100:
		return 1
	}
	return 0
}

// fixed writes v with n decimals, without a zero before the point.
func fixed(v float64, n int) string {
	s := strconv.FormatFloat(v, 'f', n, 64)
	sign := ""
	if rest, ok := strings.CutPrefix(s, "-"); ok {
		s = rest
		if strings.Trim(s, "0.") != "" { // no -.000
			sign = "-"
		}
	}
	if strings.HasPrefix(s, "0.") {
		s = s[1:]
	}
	return sign + s
}

// count writes a number of things.
func count(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return thousands(n) + " " + thing
}

// thousands writes n in groups of three digits.
func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func writeCSV(w io.Writer, c *Comparison) error {
	for _, g := range c.Groups {
		if first := c.Groups[0].Protocol; g.Protocol != first {
			return fmt.Errorf("%w: %s; and %s: write one table for each", ErrMixed, first, g.Protocol)
		}
	}
	lines := [][]string{{"space", "predictor", "budget", "metric", "mean", "low", "high", "trials", "failed"}}
	for _, g := range c.Groups {
		for _, row := range g.Rows {
			for _, cell := range row.Cells {
				metrics := slices.DeleteFunc(slices.Sorted(maps.Keys(cell.Metrics)), func(m string) bool { return slices.Contains(costs(), m) })
				if cell.Trials > 0 {
					metrics = append(metrics, costs()...)
				}
				for _, m := range metrics {
					s := cell.Metrics[m]
					lines = append(lines, []string{
						g.Name, row.Name, strconv.Itoa(cell.Budget), m,
						exact(s.Mean), exact(s.Low), exact(s.High), strconv.Itoa(s.Trials), strconv.Itoa(cell.Failed),
					})
				}
			}
		}
	}
	return writeLines(w, lines)
}

func writeTrialsCSV(w io.Writer, c *Comparison) error {
	lines := [][]string{{
		"space", "preset", "test", "pool", "seed", "split_sha256", "predictor", "budget", "split", "repeat", "status",
		kendallTau, fitSeconds, predictSeconds, cpuSeconds, memoryBytes, "reason",
	}}
	for _, g := range c.Groups {
		for _, row := range g.Rows {
			for _, r := range row.Trials {
				reason := ""
				if r.Failure != nil {
					reason = r.Failure.Stage + ": " + r.Failure.Reason
				}
				line := []string{
					g.Name, g.Protocol.Preset, strconv.Itoa(g.Protocol.Test), g.Protocol.Pool, strconv.FormatUint(g.Protocol.Seed, 10), g.Protocol.Splits,
					row.Name, strconv.Itoa(r.Budget), strconv.Itoa(r.Split), strconv.Itoa(r.Repeat), r.Status(),
				}
				for _, m := range append([]string{kendallTau}, costs()...) {
					line = append(line, exact(figure(r, m)))
				}
				lines = append(lines, append(line, reason))
			}
		}
	}
	return writeLines(w, lines)
}

func writeLines(w io.Writer, lines [][]string) error {
	if err := csv.NewWriter(w).WriteAll(lines); err != nil {
		return fmt.Errorf("write CSV: %w", err)
	}
	return nil
}

// exact writes v so that reading it gives v again, and nothing if v is
// undefined.
func exact(v float64) string {
	if math.IsNaN(v) {
		return ""
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}
