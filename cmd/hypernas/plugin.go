package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/hypernas/hypernas/plugins/host"
	"github.com/hypernas/hypernas/plugins/serve"
)

// newPluginCommand returns the command by which this executable serves one of
// its built-in plugins; see host.Builtin.
func newPluginCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "plugin predictor|space NAME",
		Short:  "Serve a built-in plugin (hypernas starts itself this way)",
		Hidden: true,
		Args:   cobra.ExactArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			kind, name := host.Kind(args[0]), args[1]
			if b, ok := find(builtinPredictors(), name); ok && kind == host.KindPredictor {
				serve.Predictor(b.create)
				return nil
			}
			if b, ok := find(builtinSpaces(), name); ok && kind == host.KindSpace {
				serve.Space(b.create)
				return nil
			}
			return usage(fmt.Errorf("there is no built-in %s %q", kind, name))
		},
	}
}
