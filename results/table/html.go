package table

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"strconv"
	"strings"
)

// tableTemplates draw a page of groups, and a group or a grid alone.
//
//go:embed table.gohtml
var tableTemplates string

// htmlGroup is a group as the templates see it.
type htmlGroup struct {
	Name, Protocol, Scored string
	Tables                 []htmlGrid
	Best, Tie              string // notes on marks; empty where there is none
	Notes                  []string
}

type htmlGrid struct {
	Caption string
	Header  []htmlField
	Rows    [][]htmlField
}

type htmlField struct {
	Text    string
	Numeric bool
	Value   string // what to sort by; empty where there is none
	Standing
}

// HTML returns the group's tables with their captions and notes as the part of
// a page. Cells carry the numbers that rows are sorted by as data-value; the
// part has no style and no script.
func (g *Group) HTML(level float64) (template.HTML, error) {
	tables := g.grids(level)
	h := g.html(tables)
	h.Best = "Bold: best mean of its column; underlined: second."
	if tied(tables) {
		h.Tie = "≈: not separable from the best: " + g.Test + "."
	}
	h.Notes = append(columnNotes(tables), g.Notes...)
	return execute("group", h)
}

// html returns the group with tables, without notes.
func (g *Group) html(tables []grid) htmlGroup {
	h := htmlGroup{Name: g.Name, Protocol: g.protocol(), Scored: g.scored()}
	for i := range tables {
		h.Tables = append(h.Tables, htmlOf(&tables[i]))
	}
	return h
}

func htmlOf(t *grid) htmlGrid {
	h := htmlGrid{Caption: t.caption}
	for c, name := range t.header {
		h.Header = append(h.Header, htmlField{Text: name, Numeric: !t.words[c]})
	}
	for _, row := range t.rows {
		var line []htmlField
		for c, f := range row {
			field := htmlField{Text: f.text, Numeric: !t.words[c], Standing: f.Standing}
			switch {
			case math.IsInf(f.value, 0): // as scripts spell it
				field.Value = strings.Replace(fmt.Sprint(f.value), "Inf", "Infinity", 1)
			case !math.IsNaN(f.value):
				field.Value = strconv.FormatFloat(f.value, 'g', -1, 64)
			}
			line = append(line, field)
		}
		h.Rows = append(h.Rows, line)
	}
	return h
}

// execute draws one of the templates.
func execute(name string, data any) (template.HTML, error) {
	t, err := template.New("").Parse(tableTemplates)
	if err != nil {
		return "", fmt.Errorf("lay out table: %w", err)
	}
	var b strings.Builder
	if err := t.ExecuteTemplate(&b, name, data); err != nil {
		return "", fmt.Errorf("lay out table: %w", err)
	}
	return template.HTML(b.String()), nil
}

// writeHTML writes a page that needs nothing else.
func writeHTML(w io.Writer, c *Comparison) error {
	var parts []template.HTML
	for i := range c.Groups {
		part, err := c.Groups[i].HTML(c.Reach)
		if err != nil {
			return err
		}
		parts = append(parts, part)
	}
	return writePage(w, "Comparison of performance predictors", parts)
}

func writeTrialsHTML(w io.Writer, c *Comparison) error {
	var parts []template.HTML
	for i := range c.Groups {
		g := &c.Groups[i]
		part, err := execute("group", g.html([]grid{g.trialGrid()}))
		if err != nil {
			return err
		}
		parts = append(parts, part)
	}
	return writePage(w, "Trials", parts)
}

func writePage(w io.Writer, title string, parts []template.HTML) error {
	page, err := execute("page", struct {
		Title string
		Parts []template.HTML
	}{title, parts})
	if err != nil {
		return err
	}
	if _, err := io.WriteString(w, string(page)); err != nil {
		return fmt.Errorf("write HTML: %w", err)
	}
	return nil
}
