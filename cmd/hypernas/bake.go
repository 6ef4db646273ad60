package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/hypernas/hypernas/internal/durable"
	"github.com/hypernas/hypernas/spaces/bundled/bake"
)

func newBakeCommand() *cobra.Command {
	o := bake.Options{Seeds: 4, Workers: runtime.NumCPU()}
	var tableDir string
	cmd := &cobra.Command{
		Use:   "bake",
		Short: "Train every cell of the bundled search space (hours)",
		Long: `bake trains each of the 5,260 distinct cells of the bundled search space, with
every seed, and keeps what each training got right. It is how the table that
hypernas carries came about; you need it only to check that table or to change
the space. The same command goes on where it was interrupted; finished shards
are files of their own. The numbers don't depend on the number of workers.`,
		Example: `  hypernas bake --out bake --seeds 4
  hypernas bake --out bake --seeds 4 --table spaces/bundled/data`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.Seeds < 1 || o.Workers < 1 {
				return usage(fmt.Errorf("--seeds %d, --workers %d: there must be at least 1 of each", o.Seeds, o.Workers))
			}
			bar := newProgress(cmd.ErrOrStderr(), "trainings")
			o.Progress = func(p bake.Progress) { bar.show(p.Done, p.Total, p.Remaining, "") }
			err := bake.Run(cmd.Context(), o)
			bar.end()
			if cmd.Context().Err() != nil {
				return fmt.Errorf("interrupted; finished shards are kept in %s, and the same command goes on from there", o.Dir)
			}
			if err != nil {
				return err
			}
			if tableDir == "" {
				fmt.Fprintf(cmd.OutOrStdout(), "all trainings are in %s\n", o.Dir)
				return nil
			}
			if err := writeTable(o, tableDir); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "table written to %s; the next build of hypernas carries what is in spaces/bundled/data\n", tableDir)
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Dir, "out", "bake", "folder of the shards")
	f.IntVar(&o.Seeds, "seeds", o.Seeds, "trainings of each cell")
	f.IntVar(&o.Workers, "workers", o.Workers, "trainings at once")
	f.StringVar(&tableDir, "table", "", "folder to write the compressed table and its manifest to")
	return cmd
}

// writeTable assembles the shards that o names into a table in dir.
func writeTable(o bake.Options, dir string) error {
	t, err := bake.Assemble(o)
	if err != nil {
		return err
	}
	manifest, counts, err := t.Encode()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	write := func(name string, data []byte) error {
		return durable.Write(filepath.Join(dir, name), data)
	}
	return errors.Join(write("manifest.json", manifest), write("counts.csv.gz", counts))
}
