package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hypernas/hypernas/harness"
	"github.com/hypernas/hypernas/internal/durable"
	"github.com/hypernas/hypernas/plugins/host"
	"github.com/hypernas/hypernas/results"
	"github.com/hypernas/hypernas/results/plot"
	"github.com/hypernas/hypernas/results/table"
)

// kinds are the figures that plot draws.
func kinds() []string { return []string{"curves", "scatter", "cd", "cost"} }

// plotFlags are the flags of plot.
type plotFlags struct {
	kind, out, space string
	budget, split    int
	trust            trusted
}

// trusted says whether programs run on a record's word, and what they may then
// reach: a run's folder may be anyone's.
type trusted struct {
	programs bool
	allowed  grants
}

func (t *trusted) addFlags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&t.programs, "trust", false, "start the programs that the records name as search spaces, to read true values from them")
	addAllowFlag(cmd, &t.allowed)
}

func newPlotCommand() *cobra.Command {
	var f plotFlags
	cmd := &cobra.Command{
		Use:   "plot DIR",
		Short: "Draw a figure of a run, for a paper's column",
		Long: `plot draws a figure of a run from its records, 3.25 inches wide:

  curves   Kendall tau over the number of labels, with 95 % intervals over splits
  scatter  predictions against true values, one panel a predictor, of one split;
           true values are read from the space, whose data must be present
  cd       mean ranks over all spaces and budgets, with bars over predictors that
           the test does not tell apart
  cost     Kendall tau against the seconds of a fit

Predictors differ by line style and marker as well as by color. Of several
protocols in the folder it draws that of the last run.`,
		Example: `  hypernas plot runs/quick --kind curves -o curves.pdf
  hypernas plot runs/quick --kind scatter --budget 50 -o scatter.png
  hypernas plot runs/quick --kind cost > cost.svg`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			format := plot.SVG
			if f.out != "" {
				var err error
				if format, err = plot.ParseFormat(strings.TrimPrefix(strings.ToLower(filepath.Ext(f.out)), ".")); err != nil {
					return usage(fmt.Errorf("%s: %w", f.out, err))
				}
			}
			if !slices.Contains(kinds(), f.kind) {
				return usage(fmt.Errorf("no figure of kind %q; there are %s", f.kind, strings.Join(kinds(), ", ")))
			}
			run, err := compare(cmd.Context(), args[0], table.Options{})
			if err != nil {
				return usage(err)
			}
			figure, err := f.draw(cmd.Context(), args[0], run)
			if err != nil {
				return usage(err)
			}
			var b bytes.Buffer
			if err := figure.Write(&b, format); err != nil {
				return err
			}
			if f.out == "" {
				_, err = cmd.OutOrStdout().Write(b.Bytes())
			} else {
				err = durable.Write(f.out, b.Bytes())
			}
			if err != nil {
				return err
			}
			return reportDamage(cmd.ErrOrStderr(), args[0], run.run)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.kind, "kind", "curves", "what to draw: "+strings.Join(kinds(), ", "))
	flags.StringVarP(&f.out, "out", "o", "", "file to write, .svg, .pdf or .png (default: SVG to standard output)")
	flags.StringVar(&f.space, "space", "", "the space to draw, where the run has several")
	flags.IntVar(&f.budget, "budget", 0, "labels of a scatter (default: the most)")
	flags.IntVar(&f.split, "split", 0, "split of a scatter")
	f.trust.addFlags(cmd)
	return cmd
}

// draw makes the figure of the run in dir, which has been read.
func (f *plotFlags) draw(ctx context.Context, dir string, run *compared) (*plot.Figure, error) {
	c := run.comparison
	if run.plan != nil {
		if only := c.Only(protocol(run.plan)); len(only.Groups) > 0 {
			c = only
		}
	}
	if f.kind == "cd" {
		return ranks(c)
	}
	g, err := f.group(c)
	if err != nil {
		return nil, err
	}
	switch f.kind {
	case "scatter":
		return scatter(ctx, dir, g, f.budget, f.split, f.trust)
	case "cost":
		return plot.Cost(g)
	}
	return plot.Curves(g)
}

// group returns the group that is asked for, or the only one.
func (f *plotFlags) group(c *table.Comparison) (*table.Group, error) {
	var found []*table.Group
	var names []string
	for i := range c.Groups {
		g := &c.Groups[i]
		names = append(names, g.Name)
		if f.space == "" || f.space == g.Name || f.space == g.Space.Alias {
			found = append(found, g)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) == 0:
		return nil, fmt.Errorf("no space %q in the run; there are %s", f.space, strings.Join(names, ", "))
	}
	return nil, fmt.Errorf("the run has %d tables; choose one by --space: %s", len(found), strings.Join(names, ", "))
}

// errNoPredictions says that a run's raw predictions are not in its folder.
var errNoPredictions = errors.New("no raw predictions")

// scatter draws the predictions of a group's trials at one budget (0 is the
// largest) on one split. It reads them from the run in dir, and the true values
// from the space.
func scatter(ctx context.Context, dir string, g *table.Group, budget, split int, trust trusted) (*plot.Figure, error) {
	budget = cmp.Or(budget, g.Budgets[len(g.Budgets)-1])
	var panels []plot.Panel
	var predictions []*results.Predictions
	for i := range g.Rows {
		for _, r := range g.Rows[i].Trials {
			if r.Budget != budget || r.Split != split || r.Repeat != 0 || r.Predictions == nil {
				continue
			}
			p, err := results.ReadPredictions(dir, *r.Predictions)
			if errors.Is(err, os.ErrNotExist) {
				continue
			}
			if err != nil {
				return nil, err
			}
			tau, ok := r.Metrics["kendall_tau"]
			if !ok {
				tau = math.NaN()
			}
			panels = append(panels, plot.Panel{Name: g.Rows[i].Name, Tau: tau})
			predictions = append(predictions, p)
		}
	}
	if len(panels) == 0 {
		return nil, fmt.Errorf("%w of %d labels, split %d on %s in the run's folder", errNoPredictions, budget, split, g.Name)
	}
	target, err := targets(ctx, &g.Space, trust)
	if err != nil {
		return nil, err
	}
	for i, p := range predictions {
		for k, row := range p.Rows {
			if row >= len(target) {
				return nil, fmt.Errorf("predictions of %s name row %d of %d", panels[i].Name, row, len(target))
			}
			panels[i].True = append(panels[i].True, target[row])
			panels[i].Predicted = append(panels[i].Predicted, p.Values[k])
		}
	}
	return plot.Scatter(fmt.Sprintf("Predictions against %s on %s, %d labels, split %d", g.Space.Target, g.Name, budget, split), panels)
}

// targets reads the target of every row of a space, whose data must be that of
// the record. A space that is a program of its own is started only if that is
// trusted.
func targets(ctx context.Context, ref *results.SpaceRef, trust trusted) (values []float64, err error) {
	if _, builtin := find(builtinSpaces(), ref.Name); !builtin && !trust.programs {
		return nil, fmt.Errorf("true values are read from the program %s only with --trust", ref.Name)
	}
	process, space, err := openSpace(ctx, harness.Ref{Alias: ref.Alias, Name: ref.Name, Options: ref.Options}, host.Options{
		Limits: spaceLimits(), Sandbox: host.Sandbox{Allowed: trust.allowed},
	})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, process.Close()) }()
	if space.Info.Digest != ref.Digest {
		return nil, fmt.Errorf("space %s has other data than the records: digest %.12s, not %.12s", ref.Alias, space.Info.Digest, ref.Digest)
	}
	if values, err = process.Column(ctx, ref.Target); err != nil {
		return nil, fmt.Errorf("space %s, column %s: %w", ref.Alias, ref.Target, err)
	}
	return values, nil
}

// ranks draws the critical-difference diagram of all groups.
func ranks(c *table.Comparison) (*plot.Figure, error) {
	names, o, err := c.Overall()
	if err != nil {
		return nil, err
	}
	if o.Blocks == 0 || len(names) < 2 {
		return nil, fmt.Errorf("%w: mean ranks take two predictors that every space has, and a cell with the means of all", plot.ErrNothing)
	}
	cells := fmt.Sprintf("%d cells", o.Blocks)
	if o.Blocks == 1 {
		cells = "1 cell"
	}
	note := "Wilcoxon signed-rank with Holm, " + cells
	switch {
	case math.IsNaN(o.P):
	case o.P < .001:
		note = "Friedman p < .001; " + note
	default:
		note = fmt.Sprintf("Friedman p = %s; %s", strings.TrimPrefix(fmt.Sprintf("%.3f", o.P), "0"), note)
	}
	title := fmt.Sprintf("Mean ranks by Kendall tau, %s; bars join predictors that the test does not tell apart", c.Groups[0].Protocol)
	title = strings.Join(append([]string{title}, o.Warnings...), "; ")
	return plot.CriticalDifference(title, &plot.Ranks{Names: names, Mean: o.Ranks, Groups: o.Tied(), Note: note})
}
