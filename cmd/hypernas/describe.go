package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/hashicorp/go-hclog"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/hypernas/hypernas/harness"
	"github.com/hypernas/hypernas/harness/split"
	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/plugins/host"
)

func newPresetCommand() *cobra.Command {
	return groupCommand("preset", "List the protocols and what each does",
		listCommand("presets", func(*cobra.Command) ([][2]string, error) {
			var rows [][2]string
			for _, p := range split.Presets() {
				rows = append(rows, [2]string{p.Name, p.Summary})
			}
			return rows, nil
		}),
		&cobra.Command{
			Use:     "describe NAME",
			Short:   "Say exactly how a preset draws, labels and scores",
			Example: "  hypernas preset describe clean",
			Args:    cobra.ExactArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error {
				p, err := lookupPreset(args[0])
				if err != nil {
					return usage(err)
				}
				s := sheet{w: cmd.OutOrStdout()}
				s.preset(&p)
				return s.err
			},
		})
}

func newPredictorCommand() *cobra.Command {
	return groupCommand("predictor", "List the predictors and their options",
		listCommand("predictors", func(cmd *cobra.Command) ([][2]string, error) {
			return summaries(cmd, host.KindPredictor, builtinPredictors())
		}),
		newPredictorDescribeCommand())
}

func newPredictorDescribeCommand() *cobra.Command {
	var allowed grants
	cmd := &cobra.Command{
		Use:   "describe NAME|PATH",
		Short: "Say what a predictor does, where it is from and which options it takes",
		Example: `  hypernas predictor describe hypernas
  hypernas predictor describe ./mypredictor`,
		Args: cobra.ExactArgs(1),
	}
	addAllowFlag(cmd, &allowed)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ref, err := harness.ParseRef(args[0])
		if err != nil {
			return usage(err)
		}
		p, err := openPredictor(cmd.Context(), ref, host.Options{
			Limits: host.DefaultLimits(), Log: hclog.NewNullLogger(), Sandbox: host.Sandbox{Allowed: allowed},
		})
		if err != nil {
			return err
		}
		s := sheet{w: cmd.OutOrStdout()}
		s.description(p.Description)
		s.field("identity", p.Identity)
		return s.err
	}
	return cmd
}

// lookupPreset returns the preset called name.
func lookupPreset(name string) (split.Preset, error) {
	p, err := split.Lookup(name)
	if err != nil {
		return p, fmt.Errorf("%w%s", err, didYouMean(name, strings.Split(presetNames(), ", ")))
	}
	return p, nil
}

// groupCommand returns a command that does nothing but hold others.
func groupCommand(name, short string, commands ...*cobra.Command) *cobra.Command {
	group := &cobra.Command{
		Use: name, Short: short,
		Example: fmt.Sprintf("  hypernas %s list\n  hypernas %s describe NAME", name, name),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage(unknownCommand(cmd, args[0]))
			}
			return cmd.Help()
		},
	}
	group.AddCommand(commands...)
	return group
}

// listCommand lists names with one line each.
func listCommand(what string, rows func(*cobra.Command) ([][2]string, error)) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the " + what,
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			list, err := rows(cmd)
			if err != nil {
				return err
			}
			s := sheet{w: cmd.OutOrStdout()}
			s.pairs(list)
			return s.err
		},
	}
}

// summaries returns what built-in plugins say of themselves, and where the
// user's own lie.
func summaries[P describer](cmd *cobra.Command, kind host.Kind, list []builtin[P]) ([][2]string, error) {
	var rows [][2]string
	for _, b := range list {
		d, err := describe(cmd.Context(), b)
		if err != nil {
			return nil, err
		}
		rows = append(rows, [2]string{b.name, d.Summary})
	}
	p, err := readPins()
	if err != nil {
		return nil, err
	}
	for _, name := range p.names(kind) {
		one, _ := p.find(kind, name)
		rows = append(rows, [2]string{name, fmt.Sprintf("added: %s, SHA-256 %.12s…", one.Path, one.SHA256)})
	}
	return rows, nil
}

// sheet writes a description for the terminal; the first error stays.
type sheet struct {
	w   io.Writer
	err error
}

func (s *sheet) printf(format string, args ...any) {
	if s.err != nil {
		return
	}
	// What a plugin says of itself must not steer the terminal.
	text := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' {
			return -1
		}
		return r
	}, fmt.Sprintf(format, args...))
	_, s.err = io.WriteString(s.w, text)
}

func (s *sheet) title(name, summary string) { s.printf("%s: %s\n", name, summary) }

func (s *sheet) field(name, value string) {
	if value != "" {
		s.hang(fmt.Sprintf("%-14s ", name), value)
	}
}

// hang writes a text after a prefix. On a terminal, lines that are too long go
// on below where the text began.
func (s *sheet) hang(prefix, text string) {
	indent := utf8.RuneCountInString(prefix)
	lines := wrap(text, terminalWidth(s.w)-indent)
	s.printf("%s%s\n", prefix, strings.Join(lines, "\n"+strings.Repeat(" ", indent)))
}

// terminalWidth returns how many characters fit a line of w, or 0 where it is
// no terminal.
func terminalWidth(w io.Writer) int {
	if f, ok := w.(*os.File); ok {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil {
			return width
		}
	}
	return 0
}

// narrow is the width below which text is not broken into lines: a column of
// single words is harder to read than what the terminal makes of a long line.
const narrow = 24

// wrap breaks text into lines of at most width characters, between words.
func wrap(text string, width int) []string {
	if width < narrow {
		return []string{text}
	}
	var lines []string
	line, length := "", 0
	for word := range strings.FieldsSeq(text) {
		n := utf8.RuneCountInString(word)
		switch {
		case length == 0:
			line, length = word, n
		case length+1+n > width:
			lines = append(lines, line)
			line, length = word, n
		default:
			line, length = line+" "+word, length+1+n
		}
	}
	return append(lines, line)
}

func (s *sheet) list(name string, items []string) {
	for i, item := range items {
		if i == 0 {
			s.printf("%s\n", name)
		}
		s.hang("  - ", item)
	}
}

// pairs writes rows of a name and a text, the texts aligned.
func (s *sheet) pairs(rows [][2]string) {
	cells := make([][]string, len(rows))
	for i := range rows {
		cells[i] = rows[i][:]
	}
	s.grid(cells)
}

// grid writes rows of cells, each cell but the last as wide as the widest of
// its column. A column that is empty throughout is left out.
func (s *sheet) grid(rows [][]string) {
	if len(rows) == 0 {
		return
	}
	widths := make([]int, len(rows[0]))
	for _, r := range rows {
		for i, cell := range r {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, r := range rows {
		var prefix strings.Builder
		prefix.WriteString(" ")
		last := len(r) - 1
		for i, cell := range r[:last] {
			if widths[i] > 0 {
				prefix.WriteString(" " + cell + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+1))
			}
		}
		if r[last] == "" {
			s.printf("%s\n", strings.TrimRight(prefix.String(), " "))
			continue
		}
		s.hang(prefix.String()+" ", r[last])
	}
}

func (s *sheet) description(d plugins.Description) {
	s.title(d.Name, d.Summary)
	s.field("version", fmt.Sprint(d.Version))
	s.field("source", d.Source)
	s.list("notes", d.Notes)
	if len(d.Options) == 0 {
		s.field("options", "none")
		return
	}
	s.printf("options\n")
	var rows [][2]string
	for _, o := range d.Options {
		text := o.Summary
		if o.Choices != nil {
			text += " (" + strings.Join(o.Choices, ", ") + ")"
		}
		rows = append(rows, [2]string{o.Name + "=" + o.Default, text})
	}
	s.pairs(rows)
}

func (s *sheet) preset(p *split.Preset) {
	s.title(p.Name, p.Summary)
	s.field("source", p.Source)
	s.field("draw", p.Draw)
	s.field("label", p.Label)
	s.field("target", p.Target)
	s.field("test", p.Test)
	pool := "all, none, or nontest (the unlabelled architectures that compute nothing that a test row computes), which needs --test N"
	switch {
	case p.TestsTraining():
		pool = "all or none; nontest is refused, since training rows are scored, too"
	case p.TestStays(0):
		pool = strings.TrimSuffix(pool, ", which needs --test N")
	}
	s.field("pool", pool)
	s.field("repeats", fmt.Sprintf("splits x seeds: %d x %d, where the plan doesn't say", p.Splits, p.Seeds))
	s.field("match", p.Match)
	if len(p.Sizes) > 0 {
		s.printf("published on\n")
		var rows [][2]string
		for _, size := range p.Sizes {
			rows = append(rows, [2]string{size.Space, fmt.Sprintf("%d rows; %s labels", size.Rows, numbers(size.Budgets))})
		}
		s.pairs(rows)
	}
	s.list("deviations from the peer's code", p.Deviations)
}

// numbers lists numbers for people.
func numbers(list []int) string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(list), " ", ", "), "[]")
}
