package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/hypernas/hypernas/results"
	"github.com/hypernas/hypernas/results/diff"
	"github.com/hypernas/hypernas/results/table"
)

func newDiffCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "diff A B",
		Short: "Say what changed between two runs",
		Long: `diff compares two runs by the names that they gave to spaces and predictors (an
alias pairs a predictor with itself under other options: ridge=ridge:alpha=9): the
difference of Kendall tau for each space, protocol, budget and predictor, paired
over the splits that both have, with its t interval; what only one of them has;
and which versions, data, options and builds changed. A difference is no failure:
the exit code is 0.`,
		Example: `  hypernas diff runs/before runs/after
  hypernas diff runs/before runs/after --format csv`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := table.ParseFormat(format)
			if err != nil || !slices.Contains(diff.Formats(), f) {
				return usage(fmt.Errorf("unknown format %q of a difference; there are %v", format, diff.Formats()))
			}
			var runs [2]*results.Run
			for i, dir := range args {
				if runs[i], err = results.Read(dir); err != nil {
					return usage(err)
				}
			}
			if err := diff.Write(cmd.OutOrStdout(), diff.Compare(runs[0], runs[1]), f); err != nil {
				return err
			}
			return errors.Join(
				reportDamage(cmd.ErrOrStderr(), args[0], runs[0]),
				reportDamage(cmd.ErrOrStderr(), args[1], runs[1]),
			)
		},
	}
	cmd.Flags().StringVar(&format, "format", string(table.Text), "text, markdown or csv")
	return cmd
}
