package table

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
)

const (
	// latexBudgets is how many budgets a LaTeX table has beside each other:
	// that many, with an interval each, fill two columns of a paper.
	latexBudgets = 6
	// latexRows is how many rows fit on a page under a caption.
	latexRows = 40
)

// latexBlock is the rows of one group in a LaTeX table.
type latexBlock struct {
	name string
	rows [][]field
}

// latexTable is one LaTeX table: blocks of the same columns.
type latexTable struct {
	caption string
	header  []string
	words   map[int]bool
	blocks  []latexBlock
	notes   []string
	ranked  bool   // as of a grid
	note    string // as of a grid
}

// rows returns the number of lines of all blocks.
func (t *latexTable) rows() int {
	n := 0
	for _, b := range t.blocks {
		n += len(b.rows) + 1
	}
	return n
}

// writeLaTeX writes the comparison for booktabs. Groups of one protocol with
// the same budgets share tables, a block each, as many as fit a page.
func writeLaTeX(w io.Writer, c *Comparison, siunitx bool) error {
	var tables []*latexTable
	open := make(map[string]*latexTable) // the last table of its columns
	for i := range c.Groups {
		g := &c.Groups[i]
		grids := g.grids(c.Reach)
		for m := range grids {
			parts := grids[m].split(latexBudgets)
			for p := range parts {
				part := &parts[p]
				title := part.caption + "; " + g.protocol()
				key := strings.Join(append([]string{title, fmt.Sprint(m, p)}, part.header...), "\x00")
				for from := 0; from < len(part.rows); from += latexRows {
					rows := part.rows[from:min(from+latexRows, len(part.rows))]
					t := open[key]
					if t == nil || t.rows()+len(rows) >= latexRows {
						continued := ""
						if t != nil {
							continued = " (continued)"
						}
						t = &latexTable{caption: title + continued, header: part.header, words: part.words, ranked: part.ranked, note: part.note}
						open[key] = t
						tables = append(tables, t)
					}
					t.blocks = append(t.blocks, latexBlock{g.Name, rows})
				}
				// Notes stand once, under the group's last rows of its first metric.
				if m == 0 && p == len(parts)-1 {
					t := open[key]
					for _, note := range append([]string{g.scored() + "."}, g.Notes...) {
						t.notes = append(t.notes, g.Name+": "+note)
					}
				}
			}
		}
	}
	p := latexPage{w: w, siunitx: siunitx}
	p.preamble()
	for i, t := range tables {
		t.caption += "."
		if t.ranked {
			t.caption += " Bold: best mean of its column within a space; underlined: second."
		}
		if hasTie(t) {
			t.caption += " ≈: not separable from the best: " + c.Groups[0].Test + "."
		}
		if t.note != "" {
			t.caption += " " + t.note
		}
		p.table(t, i+1)
	}
	return p.err
}

func hasTie(t *latexTable) bool {
	return slices.ContainsFunc(t.blocks, func(b latexBlock) bool {
		return slices.ContainsFunc(b.rows, func(row []field) bool {
			return slices.ContainsFunc(row, func(f field) bool { return f.Tied })
		})
	})
}

// writeTrialsLaTeX writes a table of a group's trials for every page.
func writeTrialsLaTeX(w io.Writer, c *Comparison, siunitx bool) error {
	p := latexPage{w: w, siunitx: siunitx}
	p.preamble()
	number := 0
	for i := range c.Groups {
		g := &c.Groups[i]
		t := g.trialGrid()
		for rows := range slices.Chunk(t.rows, latexRows) {
			number++
			p.table(&latexTable{
				caption: "Trials on " + g.Name + "; " + g.protocol(), header: t.header, words: t.words,
				blocks: []latexBlock{{g.Name, rows}},
			}, number)
		}
	}
	return p.err
}

// latexPage writes tables and keeps the first error.
type latexPage struct {
	w       io.Writer
	siunitx bool
	err     error
}

func (p *latexPage) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format+"\n", args...)
	}
}

func (p *latexPage) preamble() {
	if p.siunitx {
		p.line(`%% Needs \usepackage{booktabs,siunitx}.`)
	} else {
		p.line(`%% Needs \usepackage{booktabs}.`)
	}
}

func (p *latexPage) table(t *latexTable, number int) {
	columns := strings.Builder{}
	for c := range t.header {
		if t.words[c] {
			columns.WriteByte('l')
		} else {
			columns.WriteByte('r')
		}
	}
	p.line(``)
	p.line(`\begin{table*}`)
	p.line(`\centering`)
	p.line(`\caption{%s}`, escapeLaTeX(t.caption))
	p.line(`\label{tab:hypernas-%d}`, number)
	p.line(`\small`)
	p.line(`\begin{tabular}{@{}%s@{}}`, columns.String())
	p.line(`\toprule`)
	header := make([]string, len(t.header))
	for c, name := range t.header {
		header[c] = escapeLaTeX(name)
	}
	p.line(`%s \\`, strings.Join(header, " & "))
	for _, b := range t.blocks {
		p.line(`\midrule`)
		p.line(`\multicolumn{%d}{@{}l}{\emph{%s}} \\`, len(t.header), escapeLaTeX(b.name))
		for _, row := range b.rows {
			line := make([]string, len(row))
			for c, f := range row {
				line[c] = p.field(&f)
			}
			p.line(`%s \\`, strings.Join(line, " & "))
		}
	}
	p.line(`\bottomrule`)
	p.line(`\end{tabular}`)
	if len(t.notes) > 0 {
		p.line(`\par\smallskip`)
		p.line(`\parbox{\linewidth}{\footnotesize`)
		for _, note := range t.notes {
			p.line(`%s\par`, escapeLaTeX(note))
		}
		p.line(`}`)
	}
	p.line(`\end{table*}`)
}

// field writes a field. Marks beside a figure take no room, so that figures
// stay aligned.
func (p *latexPage) field(f *field) string {
	s := escapeLaTeX(f.text)
	switch {
	case f.mean != "" && p.siunitx:
		figure := leadingZero(f.mean)
		if f.half != "" {
			figure += " +- " + leadingZero(f.half)
		}
		s = `\num{` + figure + `}`
		switch {
		case f.Best:
			s = `\num[text-series-to-math=true]{` + figure + `}`
		case strings.HasPrefix(figure, "+"):
			s = `\num[retain-explicit-plus=true]{` + figure + `}`
		}
	case f.mean != "":
		s = f.mean
		if f.half != "" {
			s += ` \pm ` + f.half
		}
		if f.Best {
			s = `\mathbf{` + s + `}`
		}
		s = `$` + s + `$`
	}
	switch {
	case f.Best && f.mean != "" && p.siunitx:
		s = `{\bfseries ` + s + `}`
	case f.Second:
		s = `\underline{` + s + `}`
	}
	if f.Tied {
		s += `\rlap{$^{\approx}$}`
	}
	return s
}

// leadingZero writes a number, which may have a sign, with a zero before its
// point.
func leadingZero(s string) string {
	if number := strings.TrimLeft(s, "+-"); strings.HasPrefix(number, ".") {
		return strings.TrimSuffix(s, number) + "0" + number
	}
	return s
}

// escapeLaTeX returns s as text that every LaTeX reads: what LaTeX would take
// for a command is escaped, brackets and stars can't be taken for an argument
// of \\, and letters that pdflatex lacks become question marks.
func escapeLaTeX(s string) string {
	var b strings.Builder
	last := rune(0)
	for _, r := range s {
		switch r {
		case '\\':
			b.WriteString(`\textbackslash{}`)
		case '{', '}', '$', '&', '#', '_', '%':
			b.WriteByte('\\')
			b.WriteRune(r)
		case '^':
			b.WriteString(`\textasciicircum{}`)
		case '~':
			b.WriteString(`\textasciitilde{}`)
		case '<':
			b.WriteString(`\textless{}`)
		case '>':
			b.WriteString(`\textgreater{}`)
		case '|':
			b.WriteString(`\textbar{}`)
		case '`':
			b.WriteString(`\textasciigrave{}`)
		case '"': // \textquotedbl needs another encoding
			b.WriteString(`\char34{}`)
		case '[', ']', '*':
			b.WriteString("{" + string(r) + "}")
		case '-', '\'':
			if r == last { // no ligatures
				b.WriteString("{}")
			}
			b.WriteRune(r)
		case '±':
			b.WriteString(`$\pm$`)
		case '≤':
			b.WriteString(`$\le$`)
		case '≥':
			b.WriteString(`$\ge$`)
		case '≈':
			b.WriteString(`$\approx$`)
		case '†':
			b.WriteString(`$^{\dagger}$`)
		case '…':
			b.WriteString(`\dots{}`)
		default:
			switch {
			case unicode.IsControl(r) || unicode.IsSpace(r):
				b.WriteByte(' ')
			case r < unicode.MaxASCII, r >= 'À' && r <= 'ÿ' && !strings.ContainsRune("ÐðÞþ×÷", r):
				b.WriteRune(r)
			default:
				b.WriteByte('?')
			}
		}
		last = r
	}
	return b.String()
}
