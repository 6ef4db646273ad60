package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/hypernas/hypernas/harness"
	"github.com/hypernas/hypernas/internal/durable"
	"github.com/hypernas/hypernas/plugins/host"
)

func newSplitCommand() *cobra.Command {
	group := &cobra.Command{
		Use: "split", Short: "Write splits to a file that others can run with",
		Example: "  hypernas split export --space bundled --budget 50 -o splits.json",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage(unknownCommand(cmd, args[0]))
			}
			return cmd.Help()
		},
	}
	group.AddCommand(newSplitExportCommand())
	return group
}

func newSplitExportCommand() *cobra.Command {
	var space, out string
	var allowed grants
	plan := harness.DefaultPlan()
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write the training and test rows of each split and budget",
		Long: `export writes the rows that a preset draws, by their numbers in the space, with a
SHA-256. hypernas run --split-file FILE trains and tests on exactly these.`,
		Example: `  hypernas split export --space bundled --preset clean --splits 10 --budget 20,50 -o splits.json
  hypernas run --space bundled --predictor np --budget 20,50 --split-file splits.json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if _, err := lookupPreset(plan.Preset); err != nil {
				return usage(err)
			}
			ref, err := harness.ParseRef(space)
			if err != nil {
				return usage(fmt.Errorf("--space: %w", err))
			}
			process, opened, err := openSpace(cmd.Context(), ref, host.Options{Limits: spaceLimits(), Sandbox: host.Sandbox{Allowed: allowed}})
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, process.Close()) }()
			f, err := harness.ExportSplits(cmd.Context(), &plan, &opened)
			if errors.Is(err, harness.ErrPlan) {
				return usage(err)
			} else if err != nil {
				return err
			}
			if out == "-" {
				return f.Write(cmd.OutOrStdout())
			}
			if err := durable.WriteFunc(out, func(w io.Writer) error { return f.Write(w) }); err != nil {
				return usage(err)
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%d splits of preset %s, SHA-256 %s, are in %s.\n", len(f.Splits), f.Preset, f.SHA256, out)
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&space, "space", "", "search space")
	addSplitFlags(cmd, &plan)
	addAllowFlag(cmd, &allowed)
	f.StringVarP(&out, "output", "o", "-", "file to write; - is the terminal")
	return cmd
}
