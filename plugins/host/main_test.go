//go:build linux

package host_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/plugins/host"
	"github.com/hypernas/hypernas/plugins/plugintest"
	"github.com/hypernas/hypernas/plugins/serve"
)

// TestMain makes of the test's executable what the tests need as processes:
// supervisors, built-in plugins, rogues, and a host.
func TestMain(m *testing.M) {
	host.SuperviseMain()
	if len(os.Args) > 2 {
		switch os.Args[1] {
		case "plugin":
			builtin(os.Args[2], os.Args[3])
			return
		case "rogue":
			rogueMain(os.Args[2])
			return
		case probeMode:
			if probe(os.Args[2]) != nil {
				os.Exit(1)
			}
			return
		case "host":
			if os.Args[2] == spyMode {
				spyHost()
				return
			}
			hostMain(os.Args[2], os.Args[3])
			return
		}
	}
	os.Exit(m.Run())
}

func builtin(kind, name string) {
	if kind == string(host.KindSpace) {
		serve.Space(func() plugins.Space { return plugintest.NewChains() })
		return
	}
	if name != "honest" {
		rogueMain(name)
	}
	serve.Predictor(func() plugins.Predictor { return &honest{} })
}

// honest values an architecture by its first number.
type honest struct{ fitted bool }

func (p *honest) Describe(context.Context) (plugins.Description, error) {
	return plugins.Description{Name: "honest", Version: 1, Summary: "the first number"}, nil
}

func (p *honest) Fit(_ context.Context, t *plugins.Training) (plugins.Fitted, error) {
	if err := plugins.SetOptions(&struct{}{}, t.Options); err != nil {
		return plugins.Fitted{}, err
	}
	t.Log.Info("fitted", "rows", t.Batch.Len())
	p.fitted = true
	return plugins.Fitted{Warnings: []string{fmt.Sprintf("seed %d", t.Seed)}}, nil
}

func (p *honest) Predict(_ context.Context, b *plugins.Batch) ([]float64, error) {
	values := make([]float64, b.Len())
	for i := range values {
		values[i] = b.Row(i)[0]
	}
	return values, nil
}

// rogueMain misbehaves at the start, or serves a predictor that does so
// later.
func rogueMain(mode string) {
	switch mode {
	case "hang at start":
		select {}
	case "mutter":
		fmt.Print("almost")
		os.Exit(4)
	case "exit at start":
		os.Exit(3)
	case "print early":
		fmt.Println("loading weights")
	case "wrong version":
		fmt.Println("1|9|unix|/nowhere|grpc|")
		select {}
	case "net/rpc":
		fmt.Println("1|1|unix|/nowhere|netrpc|")
		select {}
	case "deaf":
		listenAndIgnore()
	case "TCP":
		listenTCP()
	case "sleeper":
		fmt.Println("awake")
		time.Sleep(time.Hour)
	case "eat":
		eat(eaten)
		time.Sleep(time.Hour)
	case "taker":
		eat(64 << 20)
		os.Exit(0)
	}
	serve.Predictor(func() plugins.Predictor { return &rogue{mode: mode} })
}

// rogue misbehaves in Fit or in Predict.
type rogue struct {
	honest
	mode string
}

// eaten is what greedy rogues take, in bytes.
const eaten = 1 << 30

func (p *rogue) Fit(ctx context.Context, t *plugins.Training) (plugins.Fitted, error) {
	switch p.mode {
	case "panic":
		t.Log.Error("a last word")
		panic(errors.New("a deliberate panic\nof two lines"))
	case "panic elsewhere":
		go func() { panic("in a goroutine") }()
		select {}
	case "hang":
		<-ctx.Done()
		return plugins.Fitted{}, ctx.Err()
	case "ignore cancellation":
		t.Log.Info("busy")
		for i := 0; ; i++ {
			if i < 0 {
				break
			}
		}
	case "exit 0":
		os.Exit(0)
	case "hang up":
		closeSockets()
		select {}
	case "kill itself":
		kill(os.Getpid())
		select {}
	case "huge line":
		fmt.Fprintln(os.Stderr, strings.Repeat("x", 10<<20))
		t.Log.Info(strings.Repeat("y", 10<<20))
		t.Log.Warn("the end", "mode", p.mode)
	case "hostile log":
		t.Log.Handler() // its stream is the process's own standard error
		_, err := io.WriteString(stderr(), "{\"@level\":1,\"@message\":[2]}\n{\"@message\":\"m\",\"@level\":\"info\",\"@timestamp\":3}\n\x1b[2Jcolour\n")
		if err != nil {
			return plugins.Fitted{}, err
		}
	case "print later":
		fmt.Println("on standard output")
		fmt.Println(strings.Repeat("z", 1<<20))
	case "read standard input":
		read, err := io.ReadAll(os.Stdin)
		if err != nil || len(read) > 0 {
			return plugins.Fitted{}, fmt.Errorf("read %q, %w", read, err)
		}
	case "orphan":
		if err := startSleeper(); err != nil {
			return plugins.Fitted{}, err
		}
	case "orphan and exit":
		if err := startSleeper(); err != nil {
			return plugins.Fitted{}, err
		}
		os.Exit(1)
	case "orphan and hang":
		if err := startSleeper(); err != nil {
			return plugins.Fitted{}, err
		}
		t.Log.Info("busy")
		select {}
	case "eat":
		eat(eaten)
		select {}
	case "child eats":
		if err := exec.Command("/proc/self/exe", "rogue", "eat").Run(); err != nil {
			return plugins.Fitted{}, err
		}
	case "temporary files":
		for _, f := range []string{os.TempDir() + "/left", "left"} {
			if err := os.WriteFile(f, []byte("left"), 0o600); err != nil {
				return plugins.Fitted{}, err
			}
		}
	case spyMode:
		return plugins.Fitted{Warnings: spy(os.Args[3:])}, nil
	case "refuse":
		return plugins.Fitted{}, fmt.Errorf("chains: %w: no convolutions", plugins.ErrUnsupported)
	case "take":
		eat(64 << 20)
	case "child takes":
		if err := exec.Command("/proc/self/exe", "rogue", "taker").Run(); err != nil {
			return plugins.Fitted{}, err
		}
	case "stay behind":
		// In the same process group, with none of its pipes.
		if err := exec.Command("/proc/self/exe", "rogue", "sleeper").Start(); err != nil {
			return plugins.Fitted{}, err
		}
		os.Exit(0)
	case "environment":
		return plugins.Fitted{Warnings: os.Environ()}, nil
	}
	return p.honest.Fit(ctx, t)
}

func (p *rogue) Predict(ctx context.Context, b *plugins.Batch) ([]float64, error) {
	values, err := p.honest.Predict(ctx, b)
	if err != nil {
		return nil, err
	}
	switch p.mode {
	case "NaN":
		values[1] = math.NaN()
	case "infinite":
		values[2] = math.Inf(-1)
	case "too few":
		values = values[1:]
	case "too many":
		values = append(values, 1)
	}
	return values, nil
}

// startSleeper starts a grandchild of the host in a session of its own, which
// would sleep for an hour, and returns when it is awake.
func startSleeper() error {
	cmd := exec.Command("/proc/self/exe", "rogue", "sleeper")
	newSession(cmd)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	_, err = bufio.NewReader(out).ReadString('\n')
	return err
}

// hostMain launches a plugin that hangs in Fit, an external one that leaves an
// orphan or a built-in one. It prints what the plugin logs, and does not go
// away by itself.
func hostMain(kind, dir string) {
	plugin, err := host.Builtin(host.KindPredictor, "ignore cancellation", 1)
	if kind == "external" {
		var path string
		if path, err = os.Executable(); err == nil {
			plugin, err = host.External(host.KindPredictor, "rogue", path, "rogue", "orphan and hang")
		}
	}
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	p, err := host.LaunchPredictor(ctx, plugin, host.Options{TempDir: dir, Log: printer()})
	if err != nil {
		panic(err)
	}
	_, err = p.Fit(ctx, training(ctx, 4))
	panic(fmt.Sprint("the plugin came back: ", err))
}
