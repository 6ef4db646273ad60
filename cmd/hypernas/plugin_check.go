package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/spf13/cobra"

	"github.com/hypernas/hypernas/plugins/conform"
	"github.com/hypernas/hypernas/plugins/host"
)

func newPluginCheckCommand() *cobra.Command {
	limits := host.DefaultLimits()
	limits.Start, limits.Fit, limits.Predict, limits.Space = time.Minute, 5*time.Minute, time.Minute, time.Minute
	options := map[string]string{}
	verbose := false
	var allowed grants
	cmd := &cobra.Command{
		Use:   "check PATH [-- ARGUMENT…]",
		Short: "Say whether a plugin keeps the contract, and what to mend",
		Long: `check starts the program at PATH as a run does, a fresh process for each check,
and says in a line each what it keeps of the contract: that it describes itself
the same way twice, predicts the same bytes from the same seed, values a row
whatever comes with it, refuses what it has to refuse, ends when it is cancelled,
and more. A search space is checked for its rows, identities and columns; as in
a run it may read the cache of data and what its options name by absolute path,
once it has said that it is a space. A line that begins with note is of a check
that could not be tried, such as the cancellation of fits that are too short.

Exit codes: 0 all well, 1 something is to be mended, 2 there is no such program.`,
		Example: `  hypernas plugin check ./mypredictor
  hypernas plugin check ./predictor.py --option epochs=5`,
		Args: cobra.MinimumNArgs(1),
	}
	f := cmd.Flags()
	f.StringToStringVar(&options, "option", nil, "options that the plugin gets in all checks, such as a small number of epochs")
	f.DurationVar(&limits.Start, "start-timeout", limits.Start, "longest start")
	f.DurationVar(&limits.Fit, "fit-timeout", limits.Fit, "longest fit")
	addAllowFlag(cmd, &allowed)
	f.BoolVarP(&verbose, "verbose", "v", false, "show what the plugin logs")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		protected, err := secrets("", nil)
		if err != nil {
			return err
		}
		o := host.Options{Limits: limits, Log: hclog.NewNullLogger(), Sandbox: host.Sandbox{Protected: protected, Allowed: allowed}}
		if verbose {
			o.Log = hclog.New(&hclog.LoggerOptions{Name: "plugin", Output: cmd.ErrOrStderr(), Level: hclog.Debug})
		}
		if err := executable(args[0]); err != nil {
			return usage(err)
		}
		c := check{
			sheet: sheet{w: cmd.OutOrStdout()}, stderr: cmd.ErrOrStderr(), options: o,
			settings: conform.Settings{Options: options, Patience: time.Second},
		}
		c.settings.Begin = c.begin
		defer c.settle()
		return c.plugin(cmd.Context(), args[0], args[1:])
	}
	return cmd
}

// check is one run of the conformance kit.
type check struct {
	sheet    sheet
	stderr   io.Writer
	options  host.Options
	settings conform.Settings

	checks, failed, untried int

	settled func() // ends the wait for the check that runs
}

// slowCheck is how long a check runs before its name is shown.
const slowCheck = 5 * time.Second

// begin shows the name of a check that is not settled soon: a Fit that never
// ends would look like a plugin check that hangs.
func (c *check) begin(name string) {
	c.settle()
	said := make(chan struct{})
	timer := time.AfterFunc(slowCheck, func() {
		defer close(said)
		fmt.Fprintf(c.stderr, "hypernas: check %s takes longer than %v; a start may take %v, a fit %v\n", name, slowCheck, c.options.Limits.Start, c.options.Limits.Fit)
	})
	c.settled = func() {
		if !timer.Stop() {
			<-said
		}
	}
}

// settle ends the wait for the check that runs, if one does.
func (c *check) settle() {
	if c.settled != nil {
		c.settled()
		c.settled = nil
	}
}

// plugin checks the program at path.
func (c *check) plugin(ctx context.Context, path string, args []string) error {
	c.begin("start")
	p, d, err := host.Ask(ctx, path, args, c.options)
	if ctx.Err() != nil {
		return c.interrupted(err)
	}
	started := conform.Result{Name: "start", Rule: "starts, prints nothing but the handshake, and serves"}
	if err != nil {
		started.Problems = append(started.Problems, err.Error())
		if failure, ok := errors.AsType[*host.Failure](err); ok && failure.Log() != "" {
			started.Problems = append(started.Problems, "its log ends: "+failure.Log())
		}
		c.show(started)
		return errors.Join(c.end(), c.sheet.err)
	}
	if p.Kind == host.KindSpace {
		c.options.Sandbox = spaceSandbox(c.settings.Options, c.options.Sandbox.Allowed)
	}
	c.sheet.printf("%s %s version %d: %s\n", p.Kind, d.Name, d.Version, d.Summary)
	c.show(started)
	c.greeting(ctx, "version", "tells a host of another protocol version why it does not serve it", p, host.GreetNewer, c.newer)
	c.greeting(ctx, "by hand", "says what it is for when a person starts it, and ends", p, host.GreetStranger, c.stranger)
	if p.Kind == host.KindSpace {
		err = conform.CheckSpace(ctx, func(ctx context.Context) (conform.Space, func() error, error) {
			process, err := host.LaunchSpace(ctx, p, c.options)
			if err != nil {
				return nil, nil, err
			}
			return process, process.Close, nil
		}, c.settings, c.show)
	} else {
		err = conform.CheckPredictor(ctx, func(ctx context.Context) (conform.Predictor, func() error, error) {
			process, err := host.LaunchPredictor(ctx, p, c.options)
			if err != nil {
				return nil, nil, err
			}
			return process, process.Close, nil
		}, c.settings, c.show)
	}
	if ctx.Err() != nil {
		return c.interrupted(err)
	}
	return errors.Join(err, c.end(), c.sheet.err)
}

// interrupted is the error of checks that were broken off, which ended with err:
// that of the context, and what is left of processes.
func (c *check) interrupted(err error) error {
	outcome := fmt.Errorf("interrupted; %d of %d checks failed until then", c.failed, c.checks)
	if left, ok := errors.AsType[*host.LeftError](err); ok {
		return errors.Join(outcome, left)
	}
	return outcome
}

// greeting makes a check of how a plugin takes a start that it should refuse.
func (c *check) greeting(ctx context.Context, name, rule string, p host.Plugin,
	greet func(context.Context, host.Plugin, host.Options) (host.Greeting, error), problem func(host.Greeting) string,
) {
	if ctx.Err() != nil {
		return
	}
	c.begin(name)
	r := conform.Result{Name: name, Rule: rule}
	g, err := greet(ctx, p, c.options)
	if ctx.Err() != nil {
		return // Interrupted, it tells nothing.
	}
	if err != nil {
		r.Problems = []string{err.Error()}
	} else if text := problem(g); text != "" {
		r.Problems = []string{text}
	}
	c.show(r)
}

// newer says what is wrong with an answer to a host of the next protocol
// version.
func (c *check) newer(g host.Greeting) string {
	switch {
	case g.Version == "1":
		return "" // the host explains it
	case g.Version != "":
		return fmt.Sprintf("asked for protocol version 2 it prints a handshake of version %s; print the version that it speaks, 1, or say why it does not serve and end", g.Version)
	case !g.Ended:
		return fmt.Sprintf("asked for protocol version 2 it neither prints a handshake nor ends within %v", c.options.Limits.Start)
	case g.Said == "":
		return "asked for protocol version 2 it ends without a word; say on standard error which version it speaks"
	default:
		return ""
	}
}

// stranger says what is wrong with an answer to whoever is no host.
func (c *check) stranger(g host.Greeting) string {
	const advice = `end with a status other than 0, and a word on standard error, unless HYPERNAS_PLUGIN is "hypernas.v1"`
	switch {
	case g.Version != "":
		return "it serves anyone; " + advice
	case !g.Ended:
		return fmt.Sprintf("it does not end within %v; %s", c.options.Limits.Start, advice)
	case g.Status == 0 || g.Said == "":
		return fmt.Sprintf("it ends with status %d and the words %q; %s", g.Status, g.Said, advice)
	default:
		return ""
	}
}

// show writes a line for a check, and one for each thing to mend.
func (c *check) show(r conform.Result) {
	c.settle()
	c.checks++
	verdict := "ok  "
	switch {
	case len(r.Problems) > 0:
		verdict = "FAIL"
		c.failed++
	case r.Untried:
		verdict = "note"
		c.untried++
	}
	if r.Note != "" {
		r.Rule += " (" + r.Note + ")"
	}
	c.sheet.hang(fmt.Sprintf("  %s  %-10s  ", verdict, r.Name), r.Rule)
	for _, p := range r.Problems {
		for i, line := range strings.Split(strings.TrimSpace(p), "\n") {
			mark := "- "
			if i > 0 {
				mark = "  "
			}
			c.sheet.hang(strings.Repeat(" ", 20)+mark, line)
		}
	}
}

// end writes how many checks there were; the error says that some failed.
func (c *check) end() error {
	if c.failed > 0 {
		return fmt.Errorf("%d of %d checks failed", c.failed, c.checks)
	}
	if c.untried > 0 {
		c.sheet.printf("%d of %d checks passed, %d not tried\n", c.checks-c.untried, c.checks, c.untried)
		return nil
	}
	c.sheet.printf("all %d checks passed\n", c.checks)
	return nil
}

var (
	_ conform.Predictor = (*host.Predictor)(nil)
	_ conform.Busy      = (*host.Predictor)(nil)
	_ conform.Space     = (*host.Space)(nil)
)
