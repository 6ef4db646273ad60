package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hypernas/hypernas/plugins/scaffold"
)

func newPluginNewCommand() *cobra.Command {
	p := scaffold.Project{Language: "go"}
	cmd := &cobra.Command{
		Use:   "new predictor|space NAME",
		Short: "Write a small plugin to start from: code, test, README",
		Long: `new writes a complete plugin in a folder of its own: it builds, passes its tests
and keeps the contract as it is, and is there to be replaced.

hypernas is not published yet, so the project builds against a checkout of it:
the one given by --hypernas, or else the one that you are in, or that this
program lies in.`,
		Example: `  hypernas plugin new predictor my-grove --lang python
  hypernas plugin new space my-cells --out plugins/my-cells`,
		Args: cobra.ExactArgs(2),
	}
	f := cmd.Flags()
	f.StringVar(&p.Language, "lang", p.Language, "language: "+strings.Join(scaffold.Languages(), ", "))
	f.StringVar(&p.Dir, "out", "", "folder to write (default: NAME)")
	f.StringVar(&p.Checkout, "hypernas", "", "checkout of hypernas to build against")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		p.Kind, p.Name = args[0], args[1]
		return newPlugin(cmd, p)
	}
	return cmd
}

func newPlugin(cmd *cobra.Command, p scaffold.Project) error {
	if err := scaffold.CheckName(p.Name); err != nil {
		return usage(err)
	}
	_, isSpace := find(builtinSpaces(), p.Name)
	_, isPredictor := find(builtinPredictors(), p.Name)
	if isSpace || isPredictor {
		return usage(fmt.Errorf("%s is built in; choose another name", p.Name))
	}
	if p.Dir == "" {
		p.Dir = p.Name
	}
	from := []string{p.Checkout}
	if p.Checkout == "" {
		program, err := os.Executable()
		if err != nil {
			return fmt.Errorf("find the executable: %w", err)
		}
		from = []string{".", program}
	}
	var err error
	if p.Checkout, err = scaffold.FindCheckout(from...); err != nil {
		return usage(fmt.Errorf("%w; name one with --hypernas DIR", err))
	}
	files, err := p.Write()
	if err != nil {
		return usage(err)
	}
	s := sheet{w: cmd.OutOrStdout()}
	s.printf("wrote %s: %s\n", p.Dir, strings.Join(files, ", "))
	s.printf("it builds against the checkout of hypernas in %s\n", p.Checkout)
	s.printf("go on with %s\n", filepath.Join(p.Dir, "README.md"))
	return s.err
}
