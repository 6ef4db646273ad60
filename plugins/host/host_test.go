//go:build linux

package host_test

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/plugins/host"
	"github.com/hypernas/hypernas/plugins/plugintest"
)

// training returns the first rows of the chains as a training.
func training(ctx context.Context, rows int) *plugins.Training {
	space := plugintest.NewChains()
	info, err := space.Open(ctx, nil)
	if err != nil {
		panic(err)
	}
	batch, _, err := space.Read(ctx, 0, rows)
	if err != nil {
		panic(err)
	}
	labels, err := space.Column(ctx, info.Label)
	if err != nil {
		panic(err)
	}
	return &plugins.Training{Vocabulary: info.Vocabulary, Batch: batch, Labels: labels[:rows], Seed: 7}
}

// printer returns a logger that prints the messages alone.
func printer() hclog.Logger {
	return hclog.New(&hclog.LoggerOptions{Output: os.Stdout, Level: hclog.Debug, DisableTime: true})
}

// shortDir returns a folder for scratch folders whose path leaves room for a
// socket's, and fails the test unless it is empty, and no process is left
// that worked in it, at the end.
func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "t-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.Remove(dir); err != nil {
			t.Errorf("scratch folders are left: %v", err)
		}
		if t, ok := t.(*testing.T); ok {
			if left := processesWith(t, dir); len(left) > 0 {
				t.Errorf("processes are left: %q", left)
			}
		}
	})
	return dir
}

func rogueWith(t *testing.T, mode string) host.Plugin {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p, err := host.External(host.KindPredictor, "rogue", path, "rogue", mode)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// limits are those of tests: short where a test waits for them, and ample
// elsewhere.
func limits() host.Limits {
	return host.Limits{Start: 30 * time.Second, Fit: 30 * time.Second, Predict: 30 * time.Second, Space: 30 * time.Second, Threads: 1}
}

// stall is how much longer than a call's time-out a rogue may hold up the host,
// its end and the removal of what it left included.
const stall = 2 * time.Second

// trial runs one trial and returns its first error. It fails the test if a call,
// with the process's end where the call fails, takes stall longer than its
// limit.
func trial(t *testing.T, p host.Plugin, o host.Options) (process *host.Predictor, values []float64, err error) {
	t.Helper()
	call := func(what string, limit time.Duration, do func() error) {
		if err != nil {
			return
		}
		begin := time.Now()
		if err = do(); err != nil && process != nil {
			if err := process.Close(); err != nil {
				t.Error(err)
			}
		}
		if took := time.Since(begin); took > limit+stall {
			t.Errorf("%s held up the host for %v, want at most %v and %v (%v)", what, took, limit, stall, err)
		}
	}
	call("start", o.Limits.Start, func() (err error) {
		process, err = host.LaunchPredictor(t.Context(), p, o)
		return err
	})
	if process == nil {
		return nil, nil, err
	}
	tr := training(t.Context(), 4)
	call("describe", o.Limits.Start, func() error {
		_, err := process.Describe(t.Context())
		return err
	})
	call("fit", o.Limits.Fit, func() error {
		_, err := process.Fit(t.Context(), tr)
		return err
	})
	call("predict", o.Limits.Predict, func() (err error) {
		values, err = process.Predict(t.Context(), &tr.Batch)
		return err
	})
	begin := time.Now()
	if err := process.Close(); err != nil {
		t.Error(err)
	}
	if took := time.Since(begin); took > stall {
		t.Errorf("its end held up the host for %v, want at most %v", took, stall)
	}
	return process, values, err
}

func TestEveryFailureHasItsReason(t *testing.T) {
	t.Parallel()
	soon := func(set func(*host.Limits)) host.Limits {
		l := limits()
		set(&l)
		return l
	}
	short := func(l *host.Limits) { l.Start = 2 * time.Second }
	memory := func(l *host.Limits) { l.MemoryBytes = 256 << 20 }
	for _, tc := range []struct {
		mode   string
		limits host.Limits
		want   string // the beginning of the reason
	}{
		{"hang at start", soon(short), "did not start within 2s"},
		{"mutter", limits(), `exited with status 4 before the handshake; it printed "almost" to standard output`},
		{"hang up", limits(), "broke off fit: "},
		{"deaf", soon(short), "did not start within 2s"},
		{"exit at start", limits(), "exited with status 3 before the handshake"},
		{"print early", limits(), `printed "loading weights" to standard output, where the handshake is due`},
		{"wrong version", limits(), `speaks version "9" of the plugin protocol, want 1`},
		{"net/rpc", limits(), "does not speak gRPC"},
		{"panic", limits(), "panicked: a deliberate panic"},
		{"panic elsewhere", limits(), "panicked: in a goroutine"},
		{"hang", soon(func(l *host.Limits) { l.Fit = 100 * time.Millisecond }), "fit took longer than 100ms"},
		{"ignore cancellation", soon(func(l *host.Limits) { l.Fit = 100 * time.Millisecond }), "fit took longer than 100ms"},
		{"exit 0", limits(), "exited with status 0 in the middle of fit"},
		{"kill itself", limits(), "killed by signal SIGKILL in the middle of fit"},
		{"orphan and exit", limits(), "exited with status 1 in the middle of fit"},
		{"eat", soon(memory), "memory limit 256 MiB exceeded (held "},
		{"child eats", soon(memory), "memory limit 256 MiB exceeded (held "},
		{"TCP", limits(), "exited with status 2 before the handshake"},
		{"NaN", limits(), "returned NaN as the prediction of architecture 1"},
		{"infinite", limits(), "returned -Inf as the prediction of architecture 2"},
		{"too few", limits(), "returned 3 predictions for 4 architectures"},
		{"too many", limits(), "returned 5 predictions for 4 architectures"},
	} {
		t.Run(tc.mode, func(t *testing.T) {
			t.Parallel()
			if tc.mode == "TCP" {
				requireLandlock(t, 4)
			}
			_, _, err := trial(t, rogueWith(t, tc.mode), host.Options{Limits: tc.limits, TempDir: shortDir(t)})
			if err == nil || !strings.HasPrefix(err.Error(), tc.want) {
				t.Errorf("got reason %q, want %q", err, tc.want)
			}
		})
	}
}

func TestWhatIsOddButAllowedHarmsNobody(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		mode string
		want string // what the log holds
	}{
		{"huge line", "WARN the end mode=huge line"},
		{"hostile log", "INFO m"},
		{"print later", "on standard output"},
		{"read standard input", "INFO fitted rows=4"},
		{"orphan", "INFO fitted rows=4"},
		{"temporary files", "INFO fitted rows=4"},
	} {
		t.Run(tc.mode, func(t *testing.T) {
			t.Parallel()
			p, values, err := trial(t, rogueWith(t, tc.mode), host.Options{Limits: limits(), TempDir: shortDir(t)})
			if err != nil {
				t.Fatal(err)
			}
			if len(values) != 4 {
				t.Errorf("got %d predictions, want 4", len(values))
			}
			log := p.Log()
			if !strings.Contains(log, tc.want) {
				t.Errorf("got log %q, want %q in it", log, tc.want)
			}
			if len(log) > 5<<10 || strings.ContainsRune(log, '\x1b') {
				t.Errorf("got a log of %d bytes: %.100q", len(log), log)
			}
			if p.CPUSeconds() <= 0 || p.MemoryBytes() < 1<<20 {
				t.Errorf("got %v CPU seconds and %d bytes, want some", p.CPUSeconds(), p.MemoryBytes())
			}
		})
	}
}

func TestFailureCarriesTheLogAroundAPanic(t *testing.T) {
	t.Parallel()
	_, _, err := trial(t, rogueWith(t, "panic"), host.Options{Limits: limits(), TempDir: shortDir(t)})
	var failure *host.Failure
	if !errors.As(err, &failure) {
		t.Fatalf("got %v, want a *host.Failure", err)
	}
	for _, want := range []string{"a last word", "panic: ", "goroutine "} {
		if !strings.Contains(failure.Log(), want) {
			t.Errorf("got log %q, want %q in it", failure.Log(), want)
		}
	}
}

// TestTheEndIsToldBeforeTheFolderIsRemoved: how long it takes to remove what a
// plugin left is no part of how long its end takes.
func TestTheEndIsToldBeforeTheFolderIsRemoved(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	p, err := host.LaunchPredictor(t.Context(), rogueWith(t, "exit 0"), host.Options{Limits: limits(), TempDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Fit(t.Context(), training(t.Context(), 4)); err == nil || !strings.HasPrefix(err.Error(), "exited with status 0") {
		t.Errorf("got %v, want the end of the process", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("when the end is told there are %v, %v, want the scratch folder", left, err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

func TestErrorsOfAPluginKeepTheirIdentity(t *testing.T) {
	t.Parallel()
	_, _, err := trial(t, rogueWith(t, "refuse"), host.Options{Limits: limits(), TempDir: shortDir(t)})
	if !errors.Is(err, plugins.ErrUnsupported) || err.Error() != "chains: not supported: no convolutions" {
		t.Errorf("got %v, want the plugin's text and ErrUnsupported", err)
	}
}

func TestCancellingReturnsTheContextsErrorEvenIfThePluginIgnoresIt(t *testing.T) {
	t.Parallel()
	logged := make(chan string, 100)
	p, err := host.LaunchPredictor(t.Context(), rogueWith(t, "ignore cancellation"), host.Options{Limits: limits(), TempDir: shortDir(t), Log: sendingLogger(logged)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for line := range logged {
			if strings.Contains(line, "busy") {
				cancel()
				return
			}
		}
	}()
	if _, err := p.Fit(ctx, training(t.Context(), 4)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

// sendingLogger returns a logger that sends lines to c.
func sendingLogger(c chan<- string) hclog.Logger {
	return hclog.New(&hclog.LoggerOptions{Output: writerFunc(func(b []byte) { c <- string(b) }), Level: hclog.Debug})
}

type writerFunc func([]byte)

func (f writerFunc) Write(b []byte) (int, error) {
	f(b)
	return len(b), nil
}

func TestWhatIsNoPluginIsRefused(t *testing.T) {
	t.Parallel()
	text := t.TempDir() + "/text"
	if err := os.WriteFile(text, []byte("no program\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ path, want string }{
		{text, "cannot be started: exec format error"},
		{"/bin/true", "exited with status 0 before the handshake"},
	} {
		plugin, err := host.External(host.KindPredictor, "text", tc.path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := host.LaunchPredictor(t.Context(), plugin, host.Options{Limits: limits(), TempDir: shortDir(t)}); err == nil || err.Error() != tc.want {
			t.Errorf("%s: got %v, want %q", tc.path, err, tc.want)
		}
	}
	if _, err := host.External(host.KindPredictor, "missing", t.TempDir()+"/missing"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v for a missing file", err)
	}
	if _, err := host.External(host.KindPredictor, "folder", t.TempDir()); err == nil {
		t.Error("a folder is accepted")
	}
}

func TestASpaceIsNoPredictor(t *testing.T) {
	t.Parallel()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	plugin, err := host.External(host.KindPredictor, "chains", path, "plugin", "space", "chains")
	if err != nil {
		t.Fatal(err)
	}
	const want = "is no predictor: it does not know describe"
	if _, _, err := trial(t, plugin, host.Options{Limits: limits(), TempDir: shortDir(t)}); err == nil || err.Error() != want {
		t.Errorf("got %v, want %q", err, want)
	}
}

func TestBuiltinPluginsFailByNameToo(t *testing.T) {
	t.Parallel()
	greedy, hasty, slow := limits(), limits(), limits()
	slow.Start = 2 * time.Second
	greedy.MemoryBytes, hasty.Fit = 256<<20, 100*time.Millisecond
	for _, tc := range []struct {
		mode   string
		limits host.Limits
		want   string
	}{
		{"panic", limits(), "panicked: a deliberate panic"},
		{"exit 0", limits(), "exited with status 0 in the middle of fit"},
		{"exit at start", limits(), "exited with status 3 before the handshake"},
		{"kill itself", limits(), "killed by signal SIGKILL in the middle of fit"},
		{"ignore cancellation", hasty, "fit took longer than 100ms"},
		{"eat", greedy, "memory limit 256 MiB exceeded (held "},
		{"hang at start", slow, "did not start within 2s"},
		{"stay behind", limits(), "exited with status 0 in the middle of fit"},
	} {
		t.Run(tc.mode, func(t *testing.T) {
			t.Parallel()
			plugin, err := host.Builtin(host.KindPredictor, tc.mode, 1)
			if err != nil {
				t.Fatal(err)
			}
			_, _, err = trial(t, plugin, host.Options{Limits: tc.limits, TempDir: shortDir(t)})
			if err == nil || !strings.HasPrefix(err.Error(), tc.want) {
				t.Errorf("got reason %q, want %q", err, tc.want)
			}
		})
	}
}

// TestPeakMemoryIsThePluginsOwn: what a process takes is told, and not what
// its parent, which held more, had at the fork.
func TestPeakMemoryIsThePluginsOwn(t *testing.T) {
	t.Parallel()
	eat(160 << 20) // of this process, which starts the others
	const took, held = 64 << 20, 160 << 20
	builtin := func(mode string) host.Plugin {
		p, err := host.Builtin(host.KindPredictor, mode, 1)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	for name, tc := range map[string]struct {
		plugin    host.Plugin
		low, high int64
	}{
		"built in":                  {builtin("take"), took, held},
		"built in, ends by itself":  {builtin("exit 0"), 0, held},
		"external":                  {rogueWith(t, "take"), took, held},
		"external, takes a little":  {rogueWith(t, "honest"), 1 << 20, held},
		"external, ends by itself":  {rogueWith(t, "exit 0"), 0, held},
		"external, and its child's": {rogueWith(t, "child takes"), took, held},
	} {
		p, _, err := trial(t, tc.plugin, host.Options{Limits: limits(), TempDir: shortDir(t)})
		if p == nil {
			t.Fatal(err)
		}
		if got := p.MemoryBytes(); got < tc.low || got > tc.high {
			t.Errorf("%s: got a peak of %d MiB (%v), want between %d and %d", name, got>>20, err, tc.low>>20, tc.high>>20)
		}
	}
}

func TestAPluginThatWasChangedIsNotStarted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	binary, script := dir+"/binary", dir+"/script/mine.sh"
	write := func(path, text string) {
		t.Helper()
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	write(binary, "\x7fELF one")
	write(script, "#!/bin/sh\nexit 7\n")
	write(dir+"/script/module.sh", "one")
	for _, tc := range []struct{ path, change, want string }{
		{binary, binary, "it was changed since the run began (binary); start the run again"},
		{script, dir + "/script/module.sh", "it was changed since the run began (module.sh); start the run again"},
		{script, dir + "/script/new.sh", "it was changed since the run began (new.sh); start the run again"},
		{script, dir + "/script/runs/a/records.jsonl", "exited with status 7 before the handshake"}, // no part of it
	} {
		plugin, err := host.External(host.KindPredictor, "mine", tc.path)
		if err != nil {
			t.Fatal(err)
		}
		write(tc.change, "another")
		_, err = host.LaunchPredictor(t.Context(), plugin, host.Options{Limits: limits(), TempDir: shortDir(t)})
		if _, ok := errors.AsType[*host.Failure](err); !ok || !strings.HasPrefix(err.Error(), tc.want) {
			t.Errorf("after a change of %s: got %v, want %q", tc.change, err, tc.want)
		}
	}
}

func TestBuiltinPredictorAndItsRecord(t *testing.T) {
	t.Parallel()
	plugin, err := host.Builtin(host.KindPredictor, "honest", 3)
	if err != nil {
		t.Fatal(err)
	}
	if plugin.Identity != "builtin:honest@3" {
		t.Errorf("got identity %s", plugin.Identity)
	}
	l := limits()
	l.MemoryBytes = 4 << 30
	p, values, err := trial(t, plugin, host.Options{Limits: l, TempDir: shortDir(t)})
	if err != nil {
		t.Fatal(err)
	}
	tr := training(t.Context(), 4)
	for i, got := range values {
		if want := tr.Batch.Row(i)[0]; got != want {
			t.Errorf("row %d: got %v, want %v", i, got, want)
		}
	}
	for _, want := range []string{"start timeout 30s", "fit timeout 30s", "memory 4 GiB of the process tree", "process group killed at the end", "no sandbox: built in and trusted"} {
		if !slices.Contains(p.Limits(), want) {
			t.Errorf("limits %q lack %q", p.Limits(), want)
		}
	}
}

func TestSpaceArrivesUnchanged(t *testing.T) {
	t.Parallel()
	plugin, err := host.Builtin(host.KindSpace, "chains", 1)
	if err != nil {
		t.Fatal(err)
	}
	s, err := host.LaunchSpace(t.Context(), plugin, host.Options{Limits: limits(), TempDir: shortDir(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	if _, err := s.Open(t.Context(), map[string]string{"noise": "much"}); !errors.Is(err, plugins.ErrOption) {
		t.Errorf("got %v, want ErrOption", err)
	}
	direct := plugintest.NewChains()
	want, err := direct.Open(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Open(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	batch, ids, err := s.Read(t.Context(), 5, 100)
	if err != nil {
		t.Fatal(err)
	}
	wantBatch, wantIDs, err := direct.Read(t.Context(), 5, 100)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(batch, wantBatch) || !slices.Equal(ids, wantIDs) {
		t.Error("rows or identities differ")
	}
	column, err := s.Column(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	if wantColumn, _ := direct.Column(t.Context(), "test"); !slices.Equal(column, wantColumn) {
		t.Error("columns differ")
	}
	if _, err := s.Column(t.Context(), "none"); !errors.Is(err, plugins.ErrInput) {
		t.Errorf("got %v, want ErrInput", err)
	}
}

func TestEnvironmentIsAnAllowList(t *testing.T) {
	t.Setenv("HYPERNAS_TEST_SECRET", "s3cret")
	dir := shortDir(t)
	p, err := host.LaunchPredictor(t.Context(), rogueWith(t, "environment"), host.Options{Limits: limits(), TempDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	fitted, err := p.Fit(t.Context(), training(t.Context(), 4))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	env := strings.Join(fitted.Warnings, "\n")
	for _, want := range []string{"GOMAXPROCS=1", "OMP_NUM_THREADS=1", "TMPDIR=" + dir, "PATH="} {
		if !strings.Contains(env, want) {
			t.Errorf("environment lacks %s:\n%s", want, env)
		}
	}
	if strings.Contains(env, "s3cret") || strings.Contains(env, "SUPERVISE") {
		t.Errorf("environment holds what it should not:\n%s", env)
	}
}

func TestAPluginStartedByHandExplainsItself(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("/proc/self/exe", "plugin", "predictor", "honest")
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Errorf("got %v, want exit status 1", err)
	}
	if got := string(out); strings.Count(got, "\n") != 1 || !strings.Contains(got, "hypernas run --predictor") {
		t.Errorf("got %q, want one line with the command to use", got)
	}
}

func TestNothingOutlivesAHostThatIsKilled(t *testing.T) {
	t.Parallel()
	for kind, want := range map[string]int{"external": 2, "builtin": 1} {
		t.Run(kind, func(t *testing.T) { testKilledHost(t, kind, want) })
	}
}

// testKilledHost kills a host whose plugin is made of so many processes.
func testKilledHost(t *testing.T, kind string, processes int) {
	t.Helper()
	dir := shortDir(t)
	cmd := exec.Command("/proc/self/exe", "host", kind, dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() && !strings.Contains(lines.Text(), "busy") {
	}
	if got := processesWith(t, dir); len(got) != processes {
		t.Errorf("before the kill there are %q, want %d", got, processes)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("the host ended well")
	}
	waitUntilGone(t, dir, time.Second)
}
