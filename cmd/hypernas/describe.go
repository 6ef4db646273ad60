package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"unicode"

	"github.com/hashicorp/go-hclog"
	"github.com/spf13/cobra"

	"github.com/hypernas/hypernas/harness"
	"github.com/hypernas/hypernas/harness/metric"
	"github.com/hypernas/hypernas/harness/split"
	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/plugins/host"
	"github.com/hypernas/hypernas/results"
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
				p, err := split.Lookup(args[0])
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
			return summaries(cmd, builtinPredictors())
		}),
		&cobra.Command{
			Use:   "describe NAME|PATH",
			Short: "Say what a predictor does, where it is from and which options it takes",
			Example: `  hypernas predictor describe hypernas
  hypernas predictor describe ./mypredictor`,
			Args: cobra.ExactArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error {
				ref, err := harness.ParseRef(args[0])
				if err != nil {
					return usage(err)
				}
				p, err := openPredictor(cmd.Context(), ref, host.Options{Limits: host.DefaultLimits(), Log: hclog.NewNullLogger()})
				if err != nil {
					return err
				}
				s := sheet{w: cmd.OutOrStdout()}
				s.description(p.Description)
				s.field("identity", p.Identity)
				return s.err
			},
		})
}

func newSpaceCommand() *cobra.Command {
	return groupCommand("space", "List the search spaces and what is measured in them",
		listCommand("search spaces", func(cmd *cobra.Command) ([][2]string, error) {
			return summaries(cmd, builtinSpaces())
		}),
		&cobra.Command{
			Use:   "describe NAME|PATH[:key=value…]",
			Short: "Open a space and say what it holds, how good its labels are, and where it is from",
			Example: `  hypernas space describe bundled
  hypernas space describe ./myspace:dataset=small`,
			Args: cobra.ExactArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error {
				ref, err := harness.ParseRef(args[0])
				if err != nil {
					return usage(err)
				}
				return describeSpace(cmd, ref)
			},
		})
}

func describeSpace(cmd *cobra.Command, ref harness.Ref) (err error) {
	process, opened, err := openSpace(cmd.Context(), ref, spaceLimits(), hclog.NewNullLogger())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, process.Close()) }()
	summary, err := harness.Summarize(cmd.Context(), &opened)
	if err != nil {
		return err
	}
	figures, err := measure(cmd.Context(), &opened)
	if err != nil {
		return err
	}
	s := sheet{w: cmd.OutOrStdout()}
	s.description(opened.Description)
	s.space(&opened.Info, &summary, figures)
	return s.err
}

// figures is what a description of a space says of its values.
type figures struct {
	ranges map[string][2]float64 // of each column: least and largest
	floors map[string]float64    // Kendall tau of each known number with the target, where defined
}

// measure reads the values of an open space.
func measure(ctx context.Context, s *harness.Space) (figures, error) {
	f := figures{ranges: make(map[string][2]float64), floors: make(map[string]float64)}
	for _, c := range s.Info.Columns {
		values, err := s.Source.Column(ctx, c.Name)
		if err != nil {
			return f, err
		}
		values = slices.DeleteFunc(values, math.IsNaN)
		if len(values) > 0 {
			f.ranges[c.Name] = [2]float64{slices.Min(values), slices.Max(values)}
		}
	}
	target, err := s.Source.Column(ctx, s.Info.Target)
	if err != nil {
		return f, err
	}
	batch, _, err := s.Source.Read(ctx, 0, s.Info.Rows)
	if err != nil {
		return f, err
	}
	for i, name := range s.Info.Vocabulary.Numbers {
		var x, y []float64
		for row, t := range target {
			if v := batch.Row(row)[i]; !math.IsNaN(v) && !math.IsNaN(t) {
				x, y = append(x, v), append(y, t)
			}
		}
		if tau, ok := metric.KendallTauB(x, y); ok {
			f.floors[name] = tau
		}
	}
	return f, nil
}

// groupCommand returns a command that does nothing but hold others.
func groupCommand(name, short string, commands ...*cobra.Command) *cobra.Command {
	group := &cobra.Command{
		Use: name, Short: short,
		Example: fmt.Sprintf("  hypernas %s list\n  hypernas %s describe NAME", name, name),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage(fmt.Errorf("unknown command %q for hypernas %s; there are list and describe", args[0], name))
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

func summaries[P describer](cmd *cobra.Command, list []builtin[P]) ([][2]string, error) {
	var rows [][2]string
	for _, b := range list {
		d, err := describe(cmd.Context(), b)
		if err != nil {
			return nil, err
		}
		rows = append(rows, [2]string{b.name, d.Summary})
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
		s.printf("%-14s %s\n", name, value)
	}
}

func (s *sheet) list(name string, items []string) {
	for i, item := range items {
		if i == 0 {
			s.printf("%s\n", name)
		}
		s.printf("  - %s\n", item)
	}
}

// pairs writes rows of a name and a text, the texts aligned.
func (s *sheet) pairs(rows [][2]string) {
	width := 0
	for _, r := range rows {
		width = max(width, len(r[0]))
	}
	for _, r := range rows {
		s.printf("  %-*s  %s\n", width, r[0], r[1])
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
	pool := "all, or nontest (the unlabelled architectures that compute nothing that a test row computes), which needs --test N"
	switch {
	case p.TestsTraining():
		pool = "all; nontest is refused, since training rows are scored, too"
	case p.TestStays(0):
		pool = strings.TrimSuffix(pool, ", which needs --test N")
	}
	s.field("pool", pool)
	s.field("repeats", fmt.Sprintf("%d splits x %d seeds, where the plan doesn't say", p.Splits, p.Seeds))
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

func (s *sheet) space(info *plugins.SpaceInfo, summary *results.SpaceSummary, f figures) {
	s.field("architectures", fmt.Sprintf("%d rows, %d identities (architectures that compute the same function share one)", summary.Rows, summary.Identities))
	s.field("label", info.Label+", what predictors train on")
	s.field("target", info.Target+", what they are scored on")
	s.field("label quality", measured(summary.LabelQuality, "Kendall tau of label and target"))
	s.field("noise", measured(summary.Noise, fmt.Sprintf("mean Kendall tau of single training runs, %d runs an architecture", summary.NoiseRuns)))
	s.field("ceiling", measured(summary.Ceiling, "Kendall tau that a perfect predictor would reach, given that noise"))
	s.printf("columns\n")
	var rows [][2]string
	for _, c := range info.Columns {
		name := c.Name
		if r, ok := f.ranges[c.Name]; ok {
			name += fmt.Sprintf(" %.4g..%.4g", r[0], r[1])
		}
		rows = append(rows, [2]string{strings.TrimSpace(name + " " + c.Unit), columnText(c)})
	}
	s.pairs(rows)
	s.printf("operations\n")
	rows = nil
	for _, op := range info.Vocabulary.Ops {
		text := op.Kind.String()
		if op.Kernel > 0 {
			text += fmt.Sprintf(", %dx%d", op.Kernel, op.Kernel)
		}
		rows = append(rows, [2]string{op.Name, text})
	}
	s.pairs(rows)
	s.printf("numbers known without training\n")
	rows = nil
	for _, name := range info.Vocabulary.Numbers {
		text := ""
		if tau, ok := f.floors[name]; ok {
			text = fmt.Sprintf("Kendall tau %.3f with the target", tau)
		}
		rows = append(rows, [2]string{name, text})
	}
	s.pairs(rows)
	s.field("digest", info.Digest)
	s.field("license", info.License)
	s.field("citation", info.Citation)
	s.list("notes of the data", info.Notes)
}

func columnText(c plugins.Column) string {
	text := c.Summary
	var facts []string
	for _, f := range []string{c.Dataset, c.Split} {
		if f != "" {
			facts = append(facts, f)
		}
	}
	if c.Epochs > 0 {
		facts = append(facts, fmt.Sprintf("%d epochs", c.Epochs))
	}
	switch {
	case c.Runs > 1:
		facts = append(facts, fmt.Sprintf("mean of %d runs", c.Runs))
	case c.Runs == 1:
		facts = append(facts, "one run")
	}
	if len(facts) > 0 {
		text += " (" + strings.Join(facts, ", ") + ")"
	}
	return text
}

func measured(value *float64, what string) string {
	if value == nil {
		return "unknown (" + what + ")"
	}
	return fmt.Sprintf("%.3f (%s)", *value, what)
}
