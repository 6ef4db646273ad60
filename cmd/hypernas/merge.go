package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/hypernas/hypernas/results"
)

func newMergeCommand() *cobra.Command {
	var out string
	cmd := &cobra.Command{
		Use:   "merge DIR… -o OUT",
		Short: "Make one run of several",
		Long: `merge copies the records and raw predictions of several runs into a new folder.
A trial that several runs have is kept once: a success rather than a failure.
Two results of one trial that differ in more than cost and environment are an
error. So is a run that is damaged. OUT appears whole or not at all.`,
		Example: `  hypernas merge runs/monday runs/tuesday -o runs/both`,
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if out == "" {
				return usage(errors.New("name the new folder by -o"))
			}
			for _, dir := range args {
				if _, err := results.Read(dir); err != nil {
					return usage(err)
				}
			}
			err := results.Merge(cmd.Context(), out, args...)
			if errors.Is(err, results.ErrFolder) {
				return usage(err)
			} else if err != nil {
				return err
			}
			run, err := results.Read(out)
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%d trials are in %s.\n", len(run.Records), out)
			return nil
		},
	}
	cmd.Flags().StringVarP(&out, "out", "o", "", "folder to make")
	return cmd
}
