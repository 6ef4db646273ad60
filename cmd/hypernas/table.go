package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hypernas/hypernas/harness"
	"github.com/hypernas/hypernas/results"
	"github.com/hypernas/hypernas/results/published"
	"github.com/hypernas/hypernas/results/table"
)

func newTableCommand() *cobra.Command {
	var format string
	var perTrial bool
	var o table.Options
	var impute float64
	cmd := &cobra.Command{
		Use:   "table DIR",
		Short: "Render the table of a run again, from its records alone",
		Example: `  hypernas table runs/quick
  hypernas table runs/quick --format csv > quick.csv
  hypernas table runs/quick --format latex --baseline np
  hypernas table runs/quick --over gp-warp
  hypernas table runs/quick --per-trial`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkReach(o.Reach); err != nil {
				return usage(err)
			}
			if cmd.Flags().Changed("impute") {
				if !(impute >= -1 && impute <= 1) {
					return usage(fmt.Errorf("--impute %v: it takes a Kendall tau, -1 to 1", impute))
				}
				o.Impute = &impute
			}
			f, err := table.ParseFormat(format)
			if err != nil {
				return usage(err)
			}
			if (perTrial || f == table.CSV) && (o.Baseline != "" || o.Over != "") {
				return usage(errors.New("--baseline and --over add tables, for which --per-trial and --format csv have no place"))
			}
			run, err := compare(cmd.Context(), args[0], o)
			if err != nil {
				return usage(err)
			}
			c := run.comparison
			if f == table.CSV && run.plan != nil {
				last := protocol(run.plan)
				if only := c.Only(last); len(only.Groups) < len(c.Groups) && len(only.Groups) > 0 {
					fmt.Fprintf(cmd.ErrOrStderr(), "hypernas: %s holds several protocols; the CSV has that of the last run, %s\n", args[0], last)
					c = only
				}
			}
			if perTrial {
				err = table.WriteTrials(cmd.OutOrStdout(), c, f)
			} else {
				err = table.Write(cmd.OutOrStdout(), c, f)
			}
			if err != nil {
				return err
			}
			return reportDamage(cmd.ErrOrStderr(), args[0], run.run)
		},
	}
	cmd.Flags().StringVar(&format, "format", string(table.Text), "text, markdown, csv (long form: one row per space, predictor, budget and metric), json, html, latex (booktabs) or latex-siunitx")
	addAgainst(cmd, &o)
	cmd.Flags().BoolVar(&perTrial, "per-trial", false, "one row a trial, with why it failed")
	cmd.Flags().Float64Var(&o.Reach, "reach", table.DefaultReach, "Kendall tau of the column of labels to reach it")
	cmd.Flags().Float64Var(&impute, "impute", 0, "count Kendall tau as this where a trial failed or it is undefined, and say how often; without it such cells have no mean")
	return cmd
}

// addAgainst adds the flags that name what all predictors are compared with.
func addAgainst(cmd *cobra.Command, o *table.Options) {
	cmd.Flags().StringVar(&o.Baseline, "baseline", "", "predictor that sample efficiency is compared with, in a table of its own")
	cmd.Flags().StringVar(&o.Over, "over", "", "predictor over which gains in Kendall tau are shown, paired over splits, in a table of their own")
}

// compared is a run's folder and what its records say.
type compared struct {
	run        *results.Run
	comparison *table.Comparison
	plan       *harness.Plan // of the last run; nil where the manifest is lost
}

// reportDamage writes what of a run can't be read, and returns an error if
// that is anything.
func reportDamage(w io.Writer, dir string, run *results.Run) error {
	for _, d := range run.Damage {
		fmt.Fprintf(w, "hypernas: %s\n", d)
	}
	if len(run.Damage) > 0 {
		return fmt.Errorf("%d parts of %s can't be read; what was written is made from the rest", len(run.Damage), dir)
	}
	return nil
}

// compare reads the run in dir and computes its comparison as o asks; what the
// manifest knows is added to o.
func compare(ctx context.Context, dir string, o table.Options) (*compared, error) {
	run, err := results.Read(dir)
	if err != nil {
		return nil, err
	}
	switch {
	case len(run.Records) == 0 && len(run.Damage) > 0:
		return nil, fmt.Errorf("nothing in %s can be read: %s, and %d more", dir, run.Damage[0], len(run.Damage)-1)
	case len(run.Records) == 0:
		return nil, fmt.Errorf("%s holds no records yet", dir)
	}
	o.Published = beside(published.All())
	o.Newest = func(p *results.PredictorRef) int {
		b, ok := find(builtinPredictors(), p.Name)
		if !ok || !strings.HasPrefix(p.Identity, "builtin:"+p.Name+"@") {
			return 0
		}
		d, err := describe(ctx, b)
		if err != nil {
			return 0
		}
		return d.Version
	}
	c := &compared{run: run}
	if m := run.Manifest; m != nil {
		p := new(harness.Plan)
		if err := json.Unmarshal(m.Plan, p); err != nil {
			run.Damage = append(run.Damage, results.Damage{File: filepath.Join(dir, "manifest.json"), Reason: fmt.Sprintf("plan: %v", err)})
		} else {
			c.plan = p
		}
		for _, ref := range p.Spaces {
			o.Spaces = append(o.Spaces, ref.Alias)
		}
		for _, ref := range p.Predictors {
			o.Predictors = append(o.Predictors, ref.Alias)
			// The last run's come first.
			i := slices.IndexFunc(m.Predictors, func(s results.PredictorSummary) bool { return s.Alias == ref.Alias })
			if i >= 0 {
				o.Current = append(o.Current, m.Predictors[i].PredictorRef)
				rename(run.Records, &m.Predictors[i].PredictorRef)
			}
		}
		o.Facts = func(space results.SpaceRef) table.Facts {
			for _, s := range m.Spaces {
				if s.Digest == space.Digest && s.Label == space.Label && s.Target == space.Target {
					return facts(s)
				}
			}
			return table.Facts{}
		}
	}
	if c.comparison, err = table.Compare(run.Records, o); err != nil {
		return nil, err
	}
	for _, other := range []struct {
		name string
		in   func(table.Group) bool
	}{
		{o.Baseline, func(g table.Group) bool { return g.Baseline != "" }},
		{o.Over, func(g table.Group) bool { return g.Over != "" }},
	} {
		if other.name != "" && !slices.ContainsFunc(c.comparison.Groups, other.in) {
			var names []string
			for _, g := range c.comparison.Groups {
				for i := range g.Rows {
					if name := g.Rows[i].Predictor.Alias; !slices.Contains(names, name) {
						names = append(names, name)
					}
				}
			}
			return nil, fmt.Errorf("no predictor %q with figures in %s to compare with; there are %s", other.name, dir, strings.Join(names, ", "))
		}
	}
	return c, nil
}

// rename calls trials of older contents of an external predictor's path by the
// name that it has now: a plugin that does not start can't say its name, and may
// change it. A name that a user gave stays.
func rename(records []results.Record, now *results.PredictorRef) {
	for i := range records {
		p := &records[i].Predictor
		if p.AliasDerived && now.AliasDerived && p.Name == now.Name && p.Identity != now.Identity && strings.HasPrefix(p.Identity, "sha256:") && maps.Equal(p.Options, now.Options) {
			p.Alias = now.Alias
		}
	}
}

// beside returns a function that finds the published figures which stand
// beside a cell's. Spaces that hold several data sets or tasks name theirs by an
// option; CIFAR-10 is what the field reports otherwise.
func beside(figures published.Figures) func(results.SpaceRef, results.PredictorRef, int) []published.Figure {
	return func(space results.SpaceRef, predictor results.PredictorRef, labels int) []published.Figure {
		if len(predictor.Options) > 0 {
			return nil // a variant is not what was published
		}
		dataset := cmp.Or(space.Options["dataset"], "cifar10")
		if space.Name == "transnas" {
			dataset = cmp.Or(space.Options["task"], "class_scene")
		}
		return figures.Find(space.Name, dataset, predictor.Name, labels)
	}
}

// protocol returns what must be equal for figures to stand in one table.
func protocol(p *harness.Plan) table.Protocol {
	return table.Protocol{Preset: p.Preset, Test: p.Test, Pool: p.Pool, Seed: p.Seed, Splits: p.SplitSHA256}
}

// facts returns what tables say of a space; a number that isn't known is 0.
func facts(s results.SpaceSummary) table.Facts {
	value := func(p *float64) float64 {
		if p == nil {
			return 0
		}
		return *p
	}
	return table.Facts{Rows: s.Rows, LabelQuality: value(s.LabelQuality), Noise: value(s.Noise), Ceiling: value(s.Ceiling)}
}

// checkReach returns an error unless a Kendall tau of that size can be reached.
func checkReach(tau float64) error {
	if tau > 0 && tau < 1 {
		return nil
	}
	return fmt.Errorf("--reach %v: it takes a Kendall tau between 0 and 1", tau)
}
