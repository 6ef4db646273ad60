package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/plugins/host"
	"github.com/hypernas/hypernas/plugins/plugintest"
	"github.com/hypernas/hypernas/plugins/serve"
	"github.com/hypernas/hypernas/results"
)

// TestMain makes the test binary hypernas itself, with its supervisor and its
// built-in plugins, and some plugins that go wrong.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (os.Args[1] == "supervise" || os.Args[1] == "plugin") {
		main()
	}
	commands := map[string]func(){"hypernas": main}
	commands["rogue"] = func() { serve.Predictor(func() plugins.Predictor { return &rogue{} }) }
	commands["cells"] = func() { serve.Space(func() plugins.Space { return &fileSpace{Chains: plugintest.NewChains()} }) }
	commands["rogue-print"] = func() {
		fmt.Println("hello from an import")
		commands["rogue"]()
	}
	testscript.Main(m, commands)
}

// mirrorFolder is where the files of real search spaces lie, on machines that
// have them.
var mirrorFolder = filepath.Join("..", "..", "..", "shared", "mirror")

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			// Where the commands are, for plugins given by path.
			bin, _, _ := strings.Cut(e.Getenv("PATH"), string(os.PathListSeparator))
			e.Setenv("BIN", bin)
			root, err := filepath.Abs(filepath.Join("..", ".."))
			if err != nil {
				return err
			}
			e.Setenv("ROOT", root)
			mirror, err := filepath.Abs(mirrorFolder)
			e.Setenv("MIRROR", mirror)
			return err
		},
		Condition: func(name string) (bool, error) {
			switch name {
			case "mirror":
				_, err := os.Stat(mirrorFolder)
				return err == nil, nil
			case "landlock":
				return host.HasLandlock(), nil
			}
			return false, fmt.Errorf("unknown condition %q", name)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"count":   countLines,
			"flip":    flipBit,
			"same":    sameRuns,
			"nothing": nothingRuns,
			"await":   awaitFile,
			"gone":    awaitEnd,
			"bounded": boundedRun,
		},
	})
}

// rogue is a predictor that goes wrong in the way that its option names.
type rogue struct {
	Way  string `option:"way" doc:"how to go wrong" choices:"none,panic,hang,exit,nan,short,orphan,peek,chmod"`
	Path string `option:"path" doc:"what to peek at"`
}

func (r *rogue) Describe(context.Context) (plugins.Description, error) {
	return plugins.Description{Name: "rogue", Summary: "goes wrong", Options: plugins.DescribeOptions(rogue{Way: "none"})}, nil
}

func (r *rogue) Fit(_ context.Context, t *plugins.Training) (plugins.Fitted, error) {
	if err := plugins.SetOptions(r, t.Options); err != nil {
		return plugins.Fitted{}, err
	}
	switch r.Way {
	case "panic":
		panic("the sky is falling")
	case "hang":
		select {}
	case "exit":
		os.Exit(0)
	case "orphan":
		// A grandchild in a session of its own; then a sign of it.
		if err := exec.Command("setsid", "sleep", "1000").Start(); err != nil {
			return plugins.Fitted{}, err
		}
		if err := os.WriteFile("awake", nil, 0o600); err != nil {
			return plugins.Fitted{}, err
		}
		select {}
	case "peek":
		_, err := os.ReadFile(r.Path)
		return plugins.Fitted{}, err
	case "chmod":
		return plugins.Fitted{}, os.Chmod(r.Path, 0o777)
	}
	return plugins.Fitted{}, nil
}

func (r *rogue) Predict(_ context.Context, b *plugins.Batch) ([]float64, error) {
	values := make([]float64, b.Len())
	switch r.Way {
	case "nan":
		values[0] = math.NaN()
	case "short":
		values = values[1:]
	}
	return values, nil
}

// fileSpace is a space that reads the file that its option names before it
// opens.
type fileSpace struct {
	*plugintest.Chains
	File string `option:"file" doc:"what to read"`
}

func (s *fileSpace) Describe(ctx context.Context) (plugins.Description, error) {
	d, err := s.Chains.Describe(ctx)
	d.Options = plugins.DescribeOptions(fileSpace{})
	return d, err
}

func (s *fileSpace) Open(ctx context.Context, options map[string]string) (plugins.SpaceInfo, error) {
	if err := plugins.SetOptions(s, options); err != nil {
		return plugins.SpaceInfo{}, err
	}
	if _, err := os.ReadFile(s.File); err != nil {
		return plugins.SpaceInfo{}, fmt.Errorf("%w: %w", plugins.ErrOption, err)
	}
	return s.Chains.Open(ctx, nil)
}

// flipBit is the script command
//
//	flip PATTERN OFFSET
//
// which changes the lowest bit of one byte of the first file that the pattern
// names; the offset is from the file's end.
func flipBit(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: flip PATTERN OFFSET")
	}
	files, err := filepath.Glob(ts.MkAbs(args[0]))
	ts.Check(err)
	offset, err := strconv.Atoi(args[1])
	ts.Check(err)
	data, err := os.ReadFile(files[0])
	ts.Check(err)
	data[len(data)-offset] ^= 1
	ts.Check(os.WriteFile(files[0], data, 0o644))
}

// countLines is the script command
//
//	count FILE WANT
//
// which checks how many lines a file has.
func countLines(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: count FILE WANT")
	}
	got := strings.Count(ts.ReadFile(args[0]), "\n")
	if fmt.Sprint(got) != args[1] {
		ts.Fatalf("%s has %d lines, want %s", args[0], got, args[1])
	}
}

// sameRuns is the script command
//
//	same DIR DIR
//
// which checks that two runs have the same predictions and the same records
// but for what they cost, in any order.
func sameRuns(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: same DIR DIR")
	}
	first, second := runContents(ts, args[0]), runContents(ts, args[1])
	if len(first) != len(second) || len(first) == 0 {
		ts.Fatalf("%d and %d trials", len(first), len(second))
	}
	for key, want := range first {
		if second[key] != want {
			ts.Fatalf("trial %s differs:\n%s\n%s", key, want, second[key])
		}
	}
}

// awaitFile is the script command
//
//	await PATTERN
//
// which waits until there is a file that the pattern names.
func awaitFile(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: await PATTERN")
	}
	poll(ts, pollPatience, func() bool {
		files, err := filepath.Glob(ts.MkAbs(args[0]))
		ts.Check(err)
		return len(files) > 0
	})
}

// awaitEnd is the script command
//
//	gone [LIMIT]
//
// which waits until no process of this test is left, in whatever session it
// is, and no scratch folder, and says how long that took. It fails where that
// takes longer than the limit.
func awaitEnd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 1 {
		ts.Fatalf("usage: gone [LIMIT]")
	}
	limit := pollPatience
	if len(args) == 1 {
		var err error
		limit, err = time.ParseDuration(args[0])
		ts.Check(err)
	}
	begin := time.Now()
	poll(ts, limit, func() bool {
		scratch, err := filepath.Glob(filepath.Join(ts.Getenv("TMPDIR"), "hn-*"))
		ts.Check(err)
		return len(scratch) == 0 && len(running(ts)) == 0
	})
	ts.Logf("all was gone after %v", time.Since(begin))
}

// stall is how much longer than its time-out a rogue may hold up a run.
const stall = 2 * time.Second

// boundedRun is the script command
//
//	bounded DIR
//
// which checks by the records of a run that no call of any trial took longer
// than its time-out by more than stall.
func boundedRun(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: bounded DIR")
	}
	run, err := results.Read(ts.MkAbs(args[0]))
	ts.Check(err)
	for _, r := range run.Records {
		for what, seconds := range map[string]float64{"start": r.Cost.StartSeconds, "fit": r.Cost.FitSeconds, "predict": r.Cost.PredictSeconds} {
			prefix := what + " timeout "
			i := slices.IndexFunc(r.Environment.Limits, func(s string) bool { return strings.HasPrefix(s, prefix) })
			if i < 0 {
				ts.Fatalf("%s: no %s among the limits %q", r.Predictor.Alias, prefix, r.Environment.Limits)
			}
			limit, err := time.ParseDuration(strings.TrimPrefix(r.Environment.Limits[i], prefix))
			ts.Check(err)
			if seconds > (limit + stall).Seconds() {
				ts.Fatalf("%s: %s took %.2f s, want at most %v and %v", r.Predictor.Alias, what, seconds, limit, stall)
			}
		}
	}
}

// pollPatience is for what no test has a limit for: much more than it takes.
const pollPatience = time.Minute

// poll waits until done reports true, for no longer than patience.
func poll(ts *testscript.TestScript, patience time.Duration, done func() bool) {
	timeout := time.After(patience)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-timeout:
			ts.Fatalf("timed out after %v; still running: %q", patience, running(ts))
		case <-tick.C:
		}
	}
}

// nothingRuns is the script command
//
//	nothing
//
// which checks that no process of this binary is left, but for the test
// itself, and nothing in the folder for temporary files.
func nothingRuns(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: nothing")
	}
	for _, command := range running(ts) {
		ts.Fatalf("still runs: %s", command)
	}
	left, err := os.ReadDir(ts.Getenv("TMPDIR"))
	ts.Check(err)
	if len(left) > 0 {
		ts.Fatalf("temporary files are left: %v", left)
	}
}

// running returns the command lines of the processes that a script has started
// and that have not ended, but for the test itself.
func running(ts *testscript.TestScript) (commands []string) {
	work := ts.Getenv("WORK")
	files, err := filepath.Glob("/proc/[0-9]*/environ")
	ts.Check(err)
	for _, file := range files {
		environ, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended, or is not ours
		}
		if strings.Contains(string(environ), work) {
			command, err := os.ReadFile(filepath.Join(filepath.Dir(file), "cmdline"))
			if err == nil && len(command) > 0 {
				commands = append(commands, strings.ReplaceAll(string(command), "\x00", " "))
			}
		}
	}
	return commands
}

// runContents returns what a run holds of each trial: its record without
// cost, environment and timing, and its predictions.
func runContents(ts *testscript.TestScript, dir string) map[string]string {
	run, err := results.Read(ts.MkAbs(dir))
	ts.Check(err)
	contents := make(map[string]string)
	for _, r := range run.Records {
		r.Cost = results.Cost{}
		line, err := json.Marshal(r)
		ts.Check(err)
		predictions := ""
		if r.Predictions != nil {
			data, err := os.ReadFile(filepath.Join(ts.MkAbs(dir), filepath.FromSlash(r.Predictions.Path)))
			ts.Check(err)
			predictions = string(data)
		}
		contents[r.Key] = string(line) + predictions
	}
	return contents
}
