package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/hypernas/hypernas/internal/durable"
	"github.com/hypernas/hypernas/results/plot"
	"github.com/hypernas/hypernas/results/report"
	"github.com/hypernas/hypernas/results/table"
)

func newReportCommand() *cobra.Command {
	var out string
	var o table.Options
	var trust trusted
	cmd := &cobra.Command{
		Use:   "report DIR",
		Short: "Write one HTML page with everything a run holds",
		Long: `report writes one HTML page that needs no network: tables that sort by a click
on their headers, figures, every trial with its log and why it failed, the
environment, the plan, and what identifies spaces and predictors.`,
		Example: `  hypernas report runs/quick
  hypernas report runs/quick -o - | gzip > quick.html.gz`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := newReport(cmd.Context(), args[0], o, trust)
			if err != nil {
				return usage(err)
			}
			path := out
			if path == "" {
				path = filepath.Join(args[0], "report.html")
			}
			if path == "-" {
				err = report.Write(cmd.OutOrStdout(), r)
			} else if err = durable.WriteFunc(path, func(w io.Writer) error { return report.Write(w, r) }); err == nil {
				fmt.Fprintln(cmd.OutOrStdout(), path)
			}
			if err != nil {
				return err
			}
			return reportDamage(cmd.ErrOrStderr(), args[0], r.Run)
		},
	}
	cmd.Flags().StringVarP(&out, "out", "o", "", "file to write, - for standard output (default: report.html in DIR)")
	addAgainst(cmd, &o)
	trust.addFlags(cmd)
	return cmd
}

// newReport gathers what a page says of the run in dir. A figure that can't be
// drawn is a note.
func newReport(ctx context.Context, dir string, o table.Options, trust trusted) (*report.Report, error) {
	run, err := compare(ctx, dir, o)
	if err != nil {
		return nil, err
	}
	c := run.comparison
	r := &report.Report{Title: "hypernas: " + filepath.Base(filepath.Clean(dir)), Run: run.run, Comparison: c, Figures: make(map[int][]*plot.Figure)}
	for i := range c.Groups {
		g := &c.Groups[i]
		for _, draw := range []func() (*plot.Figure, error){
			func() (*plot.Figure, error) { return plot.Curves(g) },
			func() (*plot.Figure, error) { return plot.Cost(g) },
			func() (*plot.Figure, error) { return scatter(ctx, dir, g, 0, 0, trust) },
		} {
			figure, err := draw()
			switch {
			case errors.Is(err, plot.ErrNothing):
			case err != nil:
				r.Notes = append(r.Notes, fmt.Sprintf("%s lacks a figure: %v.", g.Name, err))
			default:
				r.Figures[i] = append(r.Figures[i], figure)
			}
		}
	}
	switch figure, err := ranks(c); {
	case errors.Is(err, table.ErrMixed) || errors.Is(err, plot.ErrNothing):
	case err != nil:
		return nil, err
	default:
		r.Overall = append(r.Overall, figure)
	}
	return r, ctx.Err()
}
