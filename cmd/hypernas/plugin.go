package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/hypernas/hypernas/plugins/host"
	"github.com/hypernas/hypernas/plugins/serve"
)

// newPluginCommand returns the commands for people's own predictors and search
// spaces.
func newPluginCommand() *cobra.Command {
	group := groupCommand("plugin", "Write, check and install your own predictors and search spaces",
		newPluginNewCommand(), newPluginCheckCommand(), newPluginAddCommand(), newPluginListCommand(), newPluginRemoveCommand())
	group.Long = `A plugin is a program that serves a predictor or a search space, in any language
that speaks gRPC. plugin new writes one to start from, in Go or Python; plugin
check says whether it keeps the contract; plugin add gives it a name and pins
its SHA-256, so that it is refused once it has changed.

docs/plugin-predictor-python.md and its neighbors get from nothing to a table in
ten minutes; docs/protocol.md is the contract for other languages.`
	group.Example = `  hypernas plugin new predictor grove --lang python
  hypernas plugin check grove/predictor.py
  hypernas plugin add grove/predictor.py
  hypernas run --space bundled --predictor params,grove --budget 50`
	group.AddCommand(newServeCommand(host.KindPredictor), newServeCommand(host.KindSpace))
	return group
}

// newServeCommand returns the command by which this executable serves one of
// its built-in plugins; see host.Builtin.
func newServeCommand(kind host.Kind) *cobra.Command {
	return &cobra.Command{
		Use:    string(kind) + " NAME",
		Short:  "Serve a built-in " + string(kind) + " (hypernas starts itself this way)",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if b, ok := find(builtinPredictors(), args[0]); ok && kind == host.KindPredictor {
				serve.Predictor(b.create)
				return nil
			}
			if b, ok := find(builtinSpaces(), args[0]); ok && kind == host.KindSpace {
				serve.Space(b.create)
				return nil
			}
			return usage(fmt.Errorf("there is no built-in %s %q", kind, args[0]))
		},
	}
}
