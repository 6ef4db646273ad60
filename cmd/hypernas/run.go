package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/spf13/cobra"

	"github.com/hypernas/hypernas/harness"
	"github.com/hypernas/hypernas/harness/split"
	"github.com/hypernas/hypernas/internal/durable"
	"github.com/hypernas/hypernas/internal/nn/kern"
	"github.com/hypernas/hypernas/plugins/host"
	"github.com/hypernas/hypernas/results"
	"github.com/hypernas/hypernas/results/table"
)

// errTrialsFailed says that a run is complete but for trials that failed.
var errTrialsFailed = errors.New("some trials failed")

// runFlags are the flags of run that are not a part of the plan.
type runFlags struct {
	planFile   string
	spaces     string
	predictors string
	out        string
	workers    int
	force      bool
	verbose    bool
	reach      float64
	threads    int
	allowed    grants
	// spaceTimeout bounds one call of a space.
	spaceTimeout time.Duration
}

func newRunCommand() *cobra.Command {
	flags := runFlags{}
	plan := harness.DefaultPlan()
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run predictors on search spaces and print the comparison",
		Long: `run gives each predictor the same few labelled architectures of each search
space, has it value the rest, and scores that. Every fit is a trial in a fresh
process; its record and raw predictions go to the output folder as soon as it
ends. The same command goes on where it was interrupted: trials that have a
record don't run again, unless the predictor or an option has changed.

A space or predictor is [ALIAS=]NAME|PATH[:key=value[:key=value]…], where NAME
is built in or was added (hypernas plugin add), and PATH is a plugin's
executable, or the YAML file that describes your own table (see docs/table.md).
The table of results calls it by the alias; without one by its name and the
options given, and a path by what the plugin there calls itself. A value with a
colon or comma in it goes into a plan file.

External plugins run in a sandbox where the system has one, and each record says
what of it held; --allow adds to what they may reach (see docs/isolation.md).

Exit codes: 0 all well, 1 some trial failed, 2 the command can't be run as given.`,
		Example: `  hypernas run --space bundled --predictor params,ridge,np,hypernas --budget 20,50,100
  hypernas run --space bundled --predictor hypernas,q2=hypernas:q=2 --budget 50 --splits 10
  hypernas run --space bundled --predictor params,mine=./mypredictor --budget 50
  hypernas run --space ./mine.yaml --predictor params,ridge --budget 50
  hypernas run --plan plans/quick.yaml --out runs/quick`,
		Args: cobra.NoArgs,
	}
	f := cmd.Flags()
	f.StringVar(&flags.planFile, "plan", "", "YAML file with the plan; flags given beside it win")
	f.StringVar(&flags.spaces, "space", "", "search spaces, separated by commas")
	f.StringVar(&flags.predictors, "predictor", "", "predictors, separated by commas")
	addSplitFlags(cmd, &plan)
	f.StringVar(&plan.SplitFile, "split-file", "", "take the splits of this file, which hypernas split export wrote")
	f.IntVar(&plan.Seeds, "seeds", plan.Seeds, "seeds of the predictor on each split (0: as many as the preset has, clean 1)")
	f.StringVar(&plan.Pool, "pool", plan.Pool, "unlabelled architectures that predictors may see: all, nontest (needs --test), or none")
	f.DurationVar(&plan.Limits.Start, "start-timeout", plan.Limits.Start, "longest start of a predictor")
	f.DurationVar(&plan.Limits.Fit, "fit-timeout", plan.Limits.Fit, "longest fit")
	f.DurationVar(&plan.Limits.Predict, "predict-timeout", plan.Limits.Predict, "longest prediction of a test set")
	f.DurationVar(&flags.spaceTimeout, "space-timeout", spaceLimits().Space, "longest opening of a space, or one look at its rows or columns (0: no limit)")
	f.Var(&plan.Limits.Memory, "memory", "most memory of a predictor's processes (0: no limit)")
	f.IntVar(&flags.threads, "threads", 1, "processors of a predictor's process")
	addAllowFlag(cmd, &flags.allowed)
	f.IntVar(&flags.workers, "workers", runtime.NumCPU(), "trials at once")
	f.BoolVar(&flags.force, "force", false, "run trials again that have a record")
	f.StringVar(&flags.out, "out", "", "output folder (default runs/DIGEST, named after the plan)")
	f.Float64Var(&flags.reach, "reach", table.DefaultReach, "Kendall tau of the table's column of labels to reach it")
	f.BoolVarP(&flags.verbose, "verbose", "v", false, "show what plugins log")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		p, err := flags.plan(cmd, plan)
		if err != nil {
			return usage(err)
		}
		return runPlan(cmd.Context(), p, &flags, cmd.OutOrStdout(), cmd.ErrOrStderr())
	}
	completeNames(cmd)
	return cmd
}

// addSplitFlags adds the flags that splits depend on.
func addSplitFlags(cmd *cobra.Command, plan *harness.Plan) {
	f := cmd.Flags()
	f.IntSliceVar(&plan.Budgets, "budget", nil, "numbers of labels, separated by commas")
	f.IntVar(&plan.Splits, "splits", plan.Splits, "how many splits (0: as many as the preset has, clean 10)")
	f.Uint64Var(&plan.Seed, "seed", plan.Seed, "where all randomness comes from")
	f.StringVar(&plan.Preset, "preset", plan.Preset, "protocol, one of: "+presetNames())
	f.IntVar(&plan.Test, "test", plan.Test, "test on this many architectures (0: on as many as the preset has, clean all that are not drawn)")
}

func presetNames() string {
	var names []string
	for _, p := range split.Presets() {
		names = append(names, p.Name)
	}
	return strings.Join(names, ", ")
}

// completeNames gives the shell the names of built-in plugins and presets.
func completeNames(cmd *cobra.Command) {
	for flag, list := range map[string]string{
		"space": names(builtinSpaces()), "predictor": names(builtinPredictors()), "preset": presetNames(), "pool": "all, nontest, none",
	} {
		err := cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(strings.Split(list, ", "), cobra.ShellCompDirectiveNoFileComp))
		if err != nil {
			panic("hypernas: completion of a flag that does not exist")
		}
	}
}

// plan returns the plan of a file, if one is given, with what flags were given
// in its place; given holds the values of flags.
func (f *runFlags) plan(cmd *cobra.Command, given harness.Plan) (harness.Plan, error) {
	p := given
	if f.planFile != "" {
		data, err := os.ReadFile(f.planFile)
		if err != nil {
			return p, pathError(err)
		}
		if p, err = harness.ParsePlan(f.planFile, data); err != nil {
			return p, err
		}
		for name, replace := range map[string]func(){
			"budget": func() { p.Budgets = given.Budgets }, "splits": func() { p.Splits = given.Splits },
			"seed": func() { p.Seed = given.Seed }, "seeds": func() { p.Seeds = given.Seeds },
			"preset": func() { p.Preset = given.Preset }, "test": func() { p.Test = given.Test },
			"pool":            func() { p.Pool = given.Pool },
			"split-file":      func() { p.SplitFile = given.SplitFile },
			"start-timeout":   func() { p.Limits.Start = given.Limits.Start },
			"fit-timeout":     func() { p.Limits.Fit = given.Limits.Fit },
			"predict-timeout": func() { p.Limits.Predict = given.Limits.Predict },
			"memory":          func() { p.Limits.Memory = given.Limits.Memory },
		} {
			if cmd.Flags().Changed(name) {
				replace()
			}
		}
	}
	for _, list := range []struct {
		flag, text string
		refs       *[]harness.Ref
	}{{"space", f.spaces, &p.Spaces}, {"predictor", f.predictors, &p.Predictors}} {
		if !cmd.Flags().Changed(list.flag) {
			continue
		}
		refs, err := harness.ParseRefs(list.text)
		if err != nil {
			return p, fmt.Errorf("--%s %w", list.flag, err)
		}
		*list.refs = refs
	}
	if p.SplitFile != "" {
		data, err := os.ReadFile(p.SplitFile)
		if err != nil {
			return p, pathError(err)
		}
		if err := p.UseSplits(p.SplitFile, data); err != nil {
			return p, err
		}
	}
	if err := checkReach(f.reach); err != nil {
		return p, err
	}
	if f.threads < 1 {
		return p, fmt.Errorf("--threads %d: there must be at least 1", f.threads)
	}
	if f.workers < 1 {
		return p, fmt.Errorf("--workers %d: there must be at least 1", f.workers)
	}
	if _, err := lookupPreset(p.Preset); err != nil {
		return p, err
	}
	return p, p.Validate()
}

// runPlan runs a valid plan and writes its tables.
func runPlan(ctx context.Context, p harness.Plan, f *runFlags, stdout, stderr io.Writer) (err error) {
	given := p.Spaces
	p.Spaces = make([]harness.Ref, len(given))
	for i, ref := range given {
		if p.Spaces[i], _, err = locate(ref); err != nil {
			return err
		}
	}
	dir := f.out
	if dir == "" {
		dir = filepath.Join("runs", p.Digest()[:12])
	}
	pluginLog := hclog.NewNullLogger()
	if f.verbose {
		pluginLog = hclog.New(&hclog.LoggerOptions{Name: "plugin", Output: stderr, Level: hclog.Debug})
	}
	limits := host.Limits{
		Start: p.Limits.Start, Fit: p.Limits.Fit, Predict: p.Limits.Predict, MemoryBytes: int64(p.Limits.Memory), Threads: f.threads,
	}
	protected, err := secrets(dir, given)
	if err != nil {
		return err
	}
	predictorOptions := host.Options{
		Limits: limits, Log: pluginLog, Processors: host.NewProcessors(),
		Sandbox: host.Sandbox{Protected: protected, Allowed: f.allowed},
	}
	// Names first: nothing starts if one of them is wrong.
	for _, ref := range p.Spaces {
		plugin, err := resolve(ctx, host.KindSpace, ref, builtinSpaces())
		if err != nil {
			return err
		}
		own, err := programFiles(&plugin)
		if err != nil {
			return err
		}
		predictorOptions.Sandbox.Protected = append(predictorOptions.Sandbox.Protected, own...)
	}
	var predictors []harness.Predictor
	var own []string // what predictors call themselves
	for _, ref := range p.Predictors {
		o, err := openPredictor(ctx, ref, predictorOptions)
		if errors.Is(err, errBroken) {
			fmt.Fprintf(stderr, "hypernas: %v; its trials will be recorded as failed\n", err)
		} else if err != nil {
			return err
		}
		predictors = append(predictors, o)
		own = append(own, o.Description.Name)
	}
	harness.NameRefs(p.Predictors, own)
	if err := p.Validate(); err != nil { // two may share a name; spaces can take long to open
		return usage(err)
	}
	for i := range predictors {
		predictors[i].Ref = p.Predictors[i]
	}
	limitsOfSpaces := spaceLimits()
	limitsOfSpaces.Space = f.spaceTimeout
	var spaces []harness.Space
	own = nil
	for _, ref := range given {
		process, opened, err := openSpace(ctx, ref, host.Options{Limits: limitsOfSpaces, Log: pluginLog, Sandbox: host.Sandbox{Allowed: f.allowed}})
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, process.Close()) }()
		spaces = append(spaces, opened)
		own = append(own, opened.Description.Name)
	}
	harness.NameRefs(p.Spaces, own)
	for i := range spaces {
		spaces[i].Ref = p.Spaces[i]
	}
	environment, err := environment()
	if err != nil {
		return err
	}
	bar := newProgress(stderr, "trials")
	outcome, err := harness.Run(ctx, &p, spaces, predictors, harness.Options{
		Dir: dir, Workers: f.workers, Force: f.force, Version: version(), Environment: environment,
		Progress: func(e harness.Event) {
			doing := ""
			if len(e.Running) > 0 {
				doing = e.Running[0] // the one that has run longest; more would not fit a line
			}
			bar.show(e.Done, e.Total, e.Remaining, doing)
		},
	})
	bar.end()
	for _, d := range outcome.Damage {
		fmt.Fprintf(stderr, "hypernas: %s\n", d)
	}
	switch {
	case errors.Is(err, harness.ErrPlan), errors.Is(err, results.ErrFolder), errors.Is(err, results.ErrHeld):
		return usage(err)
	case err != nil && ctx.Err() != nil && outcome.Ran+outcome.Skipped == 0:
		return errors.New("interrupted before the first trial ended")
	case err != nil && ctx.Err() != nil:
		return fmt.Errorf("interrupted; %d trials are kept in %s, and the same command goes on from there", outcome.Ran+outcome.Skipped, dir)
	case err != nil:
		return err
	}
	if err := writeTables(ctx, dir, &p, f.reach, stdout); err != nil {
		return err
	}
	unsupported := ""
	if outcome.Unsupported > 0 {
		unsupported = fmt.Sprintf(", %d not supported", outcome.Unsupported)
	}
	fmt.Fprintf(stdout, "\n%d trials ran, %d were there already%s, %d failed. Records, predictions and tables are in %s.\n",
		outcome.Ran, outcome.Skipped, unsupported, outcome.Failed, dir)
	if outcome.Failed > 0 {
		fmt.Fprintf(stdout, "See why with: hypernas table %s --per-trial\n", dir)
		return errTrialsFailed
	}
	return nil
}

// spaceLimits are those of a space's process. There is none for memory, since a
// space may hold a large table; nor is it bound to processors of its own, which
// trials would lack for as long as the run takes.
func spaceLimits() host.Limits {
	l := host.DefaultLimits()
	l.MemoryBytes = 0
	return l
}

// environment says what trials run on.
func environment() (results.Environment, error) {
	path, err := os.Executable()
	if err != nil {
		return results.Environment{}, fmt.Errorf("find the executable: %w", err)
	}
	f, err := os.Open(path)
	if err != nil {
		return results.Environment{}, err
	}
	h := sha256.New()
	_, err = io.Copy(h, f)
	if err := errors.Join(err, f.Close()); err != nil {
		return results.Environment{}, fmt.Errorf("hash the executable: %w", err)
	}
	return results.Environment{
		GOOS: runtime.GOOS, GOARCH: runtime.GOARCH, Kernels: kern.Path(), Binary: hex.EncodeToString(h.Sum(nil)),
	}, nil
}

// writeTables writes the tables of a run into its folder, and the comparison
// to stdout.
func writeTables(ctx context.Context, dir string, p *harness.Plan, reach float64, stdout io.Writer) error {
	run, err := compare(ctx, dir, table.Options{Reach: reach})
	if err != nil {
		return err
	}
	// The folder may hold runs under other protocols; this run's alone is shown.
	c := run.comparison.Only(protocol(p))
	for _, out := range []struct {
		name   string
		format table.Format
	}{{"table.md", table.Markdown}, {"table.csv", table.CSV}} {
		if err := durable.WriteFunc(filepath.Join(dir, out.name), func(w io.Writer) error { return table.Write(w, c, out.format) }); err != nil {
			return err
		}
	}
	return table.Write(stdout, c, table.Text)
}
