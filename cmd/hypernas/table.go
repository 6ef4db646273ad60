package main

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/hypernas/hypernas/harness"
	"github.com/hypernas/hypernas/results"
	"github.com/hypernas/hypernas/results/table"
)

func newTableCommand() *cobra.Command {
	var format string
	var perTrial bool
	var reach float64
	cmd := &cobra.Command{
		Use:   "table DIR",
		Short: "Render the table of a run again, from its records alone",
		Example: `  hypernas table runs/quick
  hypernas table runs/quick --format csv > quick.csv
  hypernas table runs/quick --per-trial`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !(reach > 0 && reach < 1) {
				return usage(fmt.Errorf("--reach %v: it takes a Kendall tau between 0 and 1", reach))
			}
			f, err := table.ParseFormat(format)
			if err != nil {
				return usage(err)
			}
			c, damage, err := compare(args[0], reach)
			if err != nil {
				return usage(err)
			}
			if f == table.CSV && len(c.Groups) > 1 {
				if only := lastProtocol(args[0], c); len(only.Groups) < len(c.Groups) && len(only.Groups) > 0 {
					fmt.Fprintf(cmd.ErrOrStderr(), "hypernas: %s holds several protocols; the CSV has that of the last run, %s\n", args[0], only.Groups[0].Protocol)
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
			for _, d := range damage {
				fmt.Fprintf(cmd.ErrOrStderr(), "hypernas: %s\n", d)
			}
			if len(damage) > 0 {
				return fmt.Errorf("%d parts of %s can't be read; the table is made from the rest", len(damage), args[0])
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&format, "format", string(table.Text), "text, markdown or csv (long form: one row per space, predictor, budget and metric)")
	cmd.Flags().BoolVar(&perTrial, "per-trial", false, "one row a trial, with why it failed")
	cmd.Flags().Float64Var(&reach, "reach", table.DefaultReach, "Kendall tau of the column of labels to reach it")
	return cmd
}

// compare reads the run in dir and computes its comparison.
func compare(dir string, reach float64) (*table.Comparison, []results.Damage, error) {
	run, err := results.Read(dir)
	if err != nil {
		return nil, nil, err
	}
	if len(run.Records) == 0 {
		return nil, run.Damage, fmt.Errorf("%s holds no records yet", dir)
	}
	o := table.Options{Reach: reach}
	if m := run.Manifest; m != nil {
		var p harness.Plan
		if err := json.Unmarshal(m.Plan, &p); err != nil {
			return nil, run.Damage, fmt.Errorf("plan in the manifest of %s: %w", dir, err)
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
	c, err := table.Compare(run.Records, o)
	return c, run.Damage, err
}

// lastProtocol returns the groups of the protocol of the last run in dir, or
// all where its plan is not known.
func lastProtocol(dir string, c *table.Comparison) *table.Comparison {
	m, err := results.ReadManifest(dir)
	if err != nil {
		return c
	}
	var p harness.Plan
	if json.Unmarshal(m.Plan, &p) != nil {
		return c
	}
	return c.Only(protocol(&p))
}

func protocol(p *harness.Plan) table.Protocol {
	return table.Protocol{Preset: p.Preset, Test: p.Test, Pool: p.Pool, Seed: p.Seed}
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
