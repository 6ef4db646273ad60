package diff

import (
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/hypernas/hypernas/results/table"
)

// Formats returns the formats that Write knows.
func Formats() []table.Format { return []table.Format{table.Text, table.Markdown, table.CSV} }

// Write writes d. The CSV has the rows alone, without rounding.
func Write(w io.Writer, d *Diff, f table.Format) error {
	switch f {
	case table.Text, table.Markdown:
		_, err := io.WriteString(w, d.text(f == table.Markdown))
		return err
	case table.CSV:
		return d.csv(w)
	}
	return fmt.Errorf("a difference has no format %s", f)
}

// text returns the difference for people.
func (d *Diff) text(markdown bool) string {
	var b strings.Builder
	header := []string{"space", "protocol", "budget", "predictor", "tau of A", "tau of B", "B - A", "95 % interval", "splits", "p"}
	var lines [][]string
	for _, r := range d.Rows {
		i, protocol := r.Difference, r.Protocol.String()
		interval := "-"
		if !math.IsNaN(i.Low) {
			interval = fmt.Sprintf("%+.3f to %+.3f", i.Low, i.High)
		}
		lines = append(lines, []string{
			r.Space, protocol, strconv.Itoa(r.Budget), r.Predictor,
			number("%.3f", r.A.Mean), number("%.3f", r.B.Mean), number("%+.3f", i.Mean), interval, strconv.Itoa(i.N), number("%.3f", i.P),
		})
	}
	switch {
	case len(lines) == 0:
		b.WriteString("The two have nothing in common.\n")
	case markdown:
		row := func(cells []string) {
			for _, cell := range cells {
				fmt.Fprintf(&b, "| %s ", strings.ReplaceAll(cell, "|", `\|`))
			}
			b.WriteString("|\n")
		}
		row(header)
		b.WriteString(strings.Repeat("|---", len(header)) + "|\n")
		for _, line := range lines {
			row(line)
		}
	default:
		t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
		for _, line := range append([][]string{header}, lines...) {
			fmt.Fprintln(t, strings.Join(line, "\t"))
		}
		t.Flush() //nolint:errcheck // a strings.Builder takes everything
	}
	for _, part := range []struct {
		title string
		lines []string
	}{{"Changed", d.Changes}, {"Only in A", texts(d.OnlyA)}, {"Only in B", texts(d.OnlyB)}} {
		if len(part.lines) > 0 {
			fmt.Fprintf(&b, "\n%s:\n\n- %s\n", part.title, strings.Join(part.lines, "\n- "))
		}
	}
	return b.String()
}

func texts(cells []Cell) []string {
	list := make([]string, len(cells))
	for i, c := range cells {
		list[i] = c.String()
	}
	return list
}

// number formats v; one that isn't known is a dash.
func number(format string, v float64) string {
	if math.IsNaN(v) {
		return "-"
	}
	return fmt.Sprintf(format, v)
}

// csv writes a line a row; a number that isn't known is empty.
func (d *Diff) csv(w io.Writer) error {
	exact := func(v float64) string {
		if math.IsNaN(v) {
			return ""
		}
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	c := csv.NewWriter(w)
	lines := [][]string{{"space", "preset", "test", "pool", "seed", "split_sha256", "predictor", "budget", "tau_a", "tau_b", "difference", "low", "high", "splits", "p"}}
	for _, r := range d.Rows {
		lines = append(lines, []string{
			r.Space, r.Protocol.Preset, strconv.Itoa(r.Protocol.Test), r.Protocol.Pool, strconv.FormatUint(r.Protocol.Seed, 10), r.Protocol.Splits,
			r.Predictor, strconv.Itoa(r.Budget), exact(r.A.Mean), exact(r.B.Mean),
			exact(r.Difference.Mean), exact(r.Difference.Low), exact(r.Difference.High), strconv.Itoa(r.Difference.N), exact(r.Difference.P),
		})
	}
	return c.WriteAll(lines)
}
