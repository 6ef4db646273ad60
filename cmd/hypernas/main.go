// Command hypernas compares performance predictors of neural architecture
// search: it starts search spaces and predictors as processes of their own,
// runs standardized few-shot splits, and writes comparative tables.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/hypernas/hypernas/plugins/host"
)

// Exit codes.
const (
	exitOK    = 0
	exitWork  = 1 // a trial failed, or I/O failed in the middle of work
	exitUsage = 2 // nothing was done, because of how the command was called
)

func main() {
	host.SuperviseMain() // does not return where this process is a plugin's supervisor
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second interrupt ends the process at once
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// usageError is an error of the call, found before any work.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

// usage wraps err as an error of the call; nil stays nil.
func usage(err error) error {
	if err == nil {
		return nil
	}
	return usageError{err}
}

// run executes the command line and returns its exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	// An error before a command starts is about flags, arguments or names.
	started := false
	root.PersistentPreRun = func(*cobra.Command, []string) { started = true }
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	var bad usageError
	if !started || errors.As(err, &bad) {
		fmt.Fprintf(stderr, "hypernas: %v\n", err)
		return exitUsage
	}
	if !errors.Is(err, errTrialsFailed) {
		fmt.Fprintf(stderr, "hypernas: %v\n", err)
	}
	return exitWork
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "hypernas",
		Short: "Compare performance predictors of neural architecture search",
		Long: `hypernas compares performance predictors of neural architecture search, head to
head: search spaces and predictors run as processes of their own, every
predictor gets the same few labelled architectures, and what it predicts for the
rest is scored by Kendall tau, top-k accuracy and sample efficiency.`,
		Example: `  hypernas run --space bundled --predictor params,ridge,np,hypernas --budget 20,50,100
  hypernas table runs/0123456789ab
  hypernas predictor describe hypernas`,
		Version:       version(),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetVersionTemplate("{{.Version}}\n")
	root.AddCommand(newPlotCommand(), newReportCommand(), newVerifyCommand(), newMergeCommand(), newDiffCommand())
	root.AddCommand(
		newRunCommand(), newTableCommand(), newSpaceCommand(), newPredictorCommand(), newPresetCommand(), newSplitCommand(),
		newDataCommand(), newBakeCommand(), newPluginCommand(),
	)
	explainCalls(root)
	return root
}

// version is that of the module, or of the checkout that was built.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "hypernas (unknown version)"
	}
	return "hypernas " + info.Main.Version + " " + info.GoVersion
}
