package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hypernas/hypernas/harness"
	"github.com/hypernas/hypernas/harness/metric"
	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/plugins/host"
	"github.com/hypernas/hypernas/results"
)

func newSpaceCommand() *cobra.Command {
	return groupCommand("space", "List the search spaces and what is measured in them",
		listCommand("search spaces", func(cmd *cobra.Command) ([][2]string, error) {
			return summaries(cmd, host.KindSpace, builtinSpaces())
		}),
		newSpaceDescribeCommand())
}

func newSpaceDescribeCommand() *cobra.Command {
	var allowed grants
	cmd := &cobra.Command{
		Use:   "describe NAME|PATH[:key=value…]",
		Short: "Open a space and say what it holds, how good its labels are, and where it is from",
		Long: `describe opens a space and says what it holds, how good its labels are, and
where it is from. Options choose label and target where a space has several.
PATH is a plugin's executable, or the YAML file that describes your own table.

Where the data has to be fetched first it says what is known without them, and
how to fetch them, and the exit code is 2.`,
		Example: `  hypernas space describe bundled
  hypernas space describe ./mine.yaml
  hypernas space describe ./myspace:dataset=small`,
		Args: cobra.ExactArgs(1),
	}
	addAllowFlag(cmd, &allowed)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ref, err := harness.ParseRef(args[0])
		if err != nil {
			return usage(err)
		}
		return describeSpace(cmd, ref, allowed)
	}
	return cmd
}

func describeSpace(cmd *cobra.Command, ref harness.Ref, allowed grants) (err error) {
	s := sheet{w: cmd.OutOrStdout()}
	process, opened, err := openSpace(cmd.Context(), ref, host.Options{Limits: spaceLimits(), Sandbox: host.Sandbox{Allowed: allowed}})
	if err != nil {
		// A space without its data, or without an option that it needs, still
		// says what it is.
		if errors.Is(err, plugins.ErrDataMissing) || errors.Is(err, plugins.ErrOption) && len(ref.Options) == 0 {
			s.describe(ref.Name, &opened.Description)
			err = errors.Join(err, s.err)
		}
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
	s.describe(ref.Name, &opened.Description)
	s.space(&opened.Info, &summary, figures)
	return s.err
}

// span is what a column of values holds.
type span struct {
	least, largest float64
	missing        int // rows without a value
	rows           int
}

func spanOf(values []float64) span {
	s := span{least: math.Inf(1), largest: math.Inf(-1), rows: len(values)}
	for _, x := range values {
		if math.IsNaN(x) {
			s.missing++
		} else {
			s.least, s.largest = min(s.least, x), max(s.largest, x)
		}
	}
	return s
}

// cells returns the least and largest value and how many are missing, as a
// sheet shows them.
func (s span) cells() []string {
	missing := ""
	if s.missing > 0 {
		missing = fmt.Sprintf("%d missing", s.missing)
	}
	if s.missing == s.rows {
		return []string{"", "", missing}
	}
	return []string{figure(s.least), figure(s.largest), missing}
}

// figure returns x with five significant digits, and the whole of a larger
// number.
func figure(x float64) string {
	if math.Abs(x) >= 1e5 && math.Abs(x) < 1e15 {
		return strconv.FormatFloat(x, 'f', 0, 64)
	}
	return strconv.FormatFloat(x, 'g', 5, 64)
}

// figures is what a description of a space says of its values.
type figures struct {
	columns []span             // of each column
	numbers []span             // of each number known without training
	floors  map[string]float64 // Kendall tau of each known number with the target, where defined
}

// measure reads the values of an open space.
func measure(ctx context.Context, s *harness.Space) (figures, error) {
	f := figures{floors: make(map[string]float64)}
	var target []float64
	for _, c := range s.Info.Columns {
		values, err := s.Source.Column(ctx, c.Name)
		if err != nil {
			return f, err
		}
		f.columns = append(f.columns, spanOf(values))
		if c.Name == s.Info.Target {
			target = values
		}
	}
	batch, _, err := s.Source.Read(ctx, 0, s.Info.Rows)
	if err != nil {
		return f, err
	}
	for i, name := range s.Info.Vocabulary.Numbers {
		values := make([]float64, len(target))
		var x, y []float64
		for row, t := range target {
			values[row] = batch.Row(row)[i]
			if v := values[row]; !math.IsNaN(v) && !math.IsNaN(t) {
				x, y = append(x, v), append(y, t)
			}
		}
		f.numbers = append(f.numbers, spanOf(values))
		if tau, ok := metric.KendallTauB(x, y); ok {
			f.floors[name] = tau
		}
	}
	return f, nil
}

// describe writes what a space says of itself before it is opened; name is
// what the user called it.
func (s *sheet) describe(name string, d *plugins.Description) {
	s.description(*d)
	if len(d.Options) > 0 {
		s.field("choose", fmt.Sprintf("%s:KEY=VALUE[:KEY=VALUE…], here and after --space", name))
	}
}

// space writes what an opened space holds.
func (s *sheet) space(info *plugins.SpaceInfo, summary *results.SpaceSummary, f figures) {
	s.field("architectures", fmt.Sprintf("%d rows, %d identities (architectures that compute the same function share one)", summary.Rows, summary.Identities))
	if summary.Excluded > 0 {
		s.field("never drawn", fmt.Sprintf("%d of %d rows, which lack a label or target", summary.Excluded, summary.Rows))
	}
	s.field("label", info.Label+", what predictors train on")
	s.field("target", info.Target+", what they are scored on")
	quality := "Kendall tau of label and target"
	if info.Label == info.Target {
		quality = "label and target are one column"
	}
	s.field("label quality", measured(summary.LabelQuality, quality))
	noise := "mean Kendall tau of single training runs"
	if summary.Noise != nil {
		noise += fmt.Sprintf(", %d runs an architecture", summary.NoiseRuns)
	} else {
		noise += "; it takes two columns of one run each, measured as the target was"
	}
	s.field("noise", measured(summary.Noise, noise))
	s.field("ceiling", measured(summary.Ceiling, "Kendall tau that a perfect predictor would reach, given that noise"))
	shared := sharedFacts(info.Columns)
	heading := "columns, with their least and largest value; larger is better"
	if len(shared) > 0 {
		heading += "; all of them " + strings.Join(shared, ", ")
	}
	s.hang("", heading)
	var rows [][]string
	for i, c := range info.Columns {
		name := c.Name
		if role := roleOf(info, c.Name); role != "" {
			name += " (" + role + ")"
		}
		own := slices.DeleteFunc(measuredHow(&c), func(fact string) bool { return slices.Contains(shared, fact) })
		if c.Summary != "" {
			own = append([]string{c.Summary}, own...)
		}
		row := append([]string{name}, f.columns[i].cells()...)
		rows = append(rows, append(row, c.Unit, strings.Join(own, ", ")))
	}
	s.grid(rows)
	s.printf("operations\n")
	var ops [][2]string
	for _, op := range info.Vocabulary.Ops {
		text := op.Kind.String()
		if op.Kernel > 0 {
			text += fmt.Sprintf(", %dx%d", op.Kernel, op.Kernel)
		}
		ops = append(ops, [2]string{op.Name, text})
	}
	s.pairs(ops)
	s.field("node numbers", strings.Join(info.Vocabulary.NodeAttrs, ", "))
	s.field("cell numbers", strings.Join(info.Vocabulary.CellAttrs, ", "))
	if len(info.Vocabulary.Numbers) > 0 {
		s.printf("numbers known without training\n")
		rows = nil
		for i, name := range info.Vocabulary.Numbers {
			text := ""
			if tau, ok := f.floors[name]; ok {
				text = fmt.Sprintf("Kendall tau %.3f with the target", tau)
			}
			rows = append(rows, append(append([]string{name}, f.numbers[i].cells()...), text))
		}
		s.grid(rows)
	}
	s.field("digest", info.Digest)
	s.field("license", orElse(info.License, "not stated"))
	s.field("citation", orElse(info.Citation, "not stated"))
	s.list("notes of the data", info.Notes)
}

// roleOf says what a column is for by default, if anything.
func roleOf(info *plugins.SpaceInfo, name string) string {
	var roles []string
	if name == info.Label {
		roles = append(roles, "label")
	}
	if name == info.Target {
		roles = append(roles, "target")
	}
	return strings.Join(roles, ", ")
}

func orElse(s, instead string) string {
	if s == "" {
		return instead
	}
	return s
}

// measuredHow says how a column was measured, in a few facts.
func measuredHow(c *plugins.Column) []string {
	var list []string
	for _, f := range []string{c.Dataset, c.Split} {
		if f != "" {
			list = append(list, f)
		}
	}
	if c.Epochs > 0 {
		list = append(list, fmt.Sprintf("%d epochs", c.Epochs))
	}
	switch {
	case c.Runs > 1:
		list = append(list, fmt.Sprintf("mean of %d runs", c.Runs))
	case c.Runs == 1:
		list = append(list, "one run")
	}
	return list
}

// sharedFacts returns what several columns have in common.
func sharedFacts(columns []plugins.Column) []string {
	if len(columns) < 2 {
		return nil
	}
	shared := measuredHow(&columns[0])
	for i := range columns {
		own := measuredHow(&columns[i])
		shared = slices.DeleteFunc(shared, func(fact string) bool { return !slices.Contains(own, fact) })
	}
	return shared
}

func measured(value *float64, what string) string {
	if value == nil {
		return "unknown (" + what + ")"
	}
	return fmt.Sprintf("%.3f (%s)", *value, what)
}
