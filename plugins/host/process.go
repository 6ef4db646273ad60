package host

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"
	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/plugins/internal/wire"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Options says how a plugin is launched.
type Options struct {
	Limits Limits
	// Log takes what the plugin logs and prints; nil means nobody does.
	Log hclog.Logger
	// TempDir is where scratch folders are made; "" means os.TempDir. A path
	// of more than 50 bytes may be too long for the socket inside.
	TempDir string
	// Sandbox says which files an external plugin may reach.
	Sandbox Sandbox
	// Processors deals out processors to external plugins, as many as
	// Limits.Threads; nil leaves them all to every plugin.
	Processors *Processors
}

// ErrSandbox is wrapped by the error of a plugin that can't be started in the
// sandbox that it was given; no process was started.
var ErrSandbox = errors.New("the sandbox does not allow it")

const (
	// exitPatience is how long after its connection broke a process is
	// waited for before it is killed, so that the reason can be told.
	exitPatience = time.Second
	// killPatience is how long after a kill a process tree is waited for.
	// Only a process that hangs in the kernel takes longer.
	killPatience = 5 * time.Second
)

// Process is a plugin process. Its methods may be called from several
// goroutines.
type Process struct {
	plugin  Plugin
	options Options
	scratch string
	client  *goplugin.Client
	runner  *treeRunner
	log     *tail

	confinement confinement // where it is supervised

	close func() error
}

// Predictor is a process of a predictor.
type Predictor struct {
	*Process
	client *wire.PredictorClient
}

// Space is a process of a search space.
type Space struct {
	*Process
	client *wire.SpaceClient
}

var (
	_ plugins.Predictor = (*Predictor)(nil)
	_ plugins.Space     = (*Space)(nil)
)

// LaunchPredictor starts a fresh process of p. The caller closes it. The
// error is a *Failure where the process is to blame, and otherwise ctx's or
// one of the host's own.
func LaunchPredictor(ctx context.Context, p Plugin, o Options) (*Predictor, error) {
	process, client, err := launch(ctx, p, KindPredictor, o)
	if err != nil {
		return nil, err
	}
	return &Predictor{process, client.(*wire.PredictorClient)}, nil
}

// LaunchSpace is LaunchPredictor for a search space.
func LaunchSpace(ctx context.Context, p Plugin, o Options) (*Space, error) {
	process, client, err := launch(ctx, p, KindSpace, o)
	if err != nil {
		return nil, err
	}
	return &Space{process, client.(*wire.SpaceClient)}, nil
}

func launch(ctx context.Context, p Plugin, kind Kind, o Options) (*Process, any, error) {
	if p.Kind != kind {
		return nil, nil, fmt.Errorf("start %s: it is a %s, want a %s", p.Name, p.Kind, kind)
	}
	if err := ctx.Err(); err != nil {
		return nil, nil, fmt.Errorf("start %s: %w", p.Name, err)
	}
	if o.Log == nil {
		o.Log = hclog.NewNullLogger()
	}
	if err := p.verify(ctx); err != nil {
		return nil, nil, err
	}
	// A short name: the path of a socket in it may have 103 bytes on macOS,
	// where the folder for temporary files has 49.
	scratch, err := os.MkdirTemp(o.TempDir, "hn-")
	if err != nil {
		return nil, nil, fmt.Errorf("start %s: %w", p.Name, err)
	}
	process := &Process{plugin: p, options: o, scratch: scratch, log: &tail{log: o.Log.Named(p.Name)}}
	process.close = sync.OnceValue(process.end)
	if err := process.prepare(); err != nil {
		return nil, nil, errors.Join(err, process.Close())
	}

	startCtx, cancel := withLimit(ctx, o.Limits.Start)
	defer cancel()
	client, err := process.start(startCtx)
	if err == nil {
		return process, client, nil
	}
	closeErr := process.Close()
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		err = fmt.Errorf("start %s: %w", p.Name, ctx.Err())
	default: // the caller's deadline included: the process was too slow for it
		err = process.startFailure(startCtx, err)
	}
	return nil, nil, errors.Join(err, closeErr)
}

// prepare decides what the process may reach.
func (p *Process) prepare() (err error) {
	if !p.plugin.supervised() {
		return nil
	}
	o := &p.options
	if p.confinement, err = p.plugin.confine(o.Sandbox, p.scratch, cmp.Or(o.TempDir, os.TempDir())); err != nil {
		return fmt.Errorf("start %s: %w: %w", p.plugin.Name, ErrSandbox, err)
	}
	p.confinement.Landlock = landlockVersion()
	p.confinement.ShmBytes = o.Limits.MemoryBytes
	p.confinement.CPUs = o.Processors.take(o.Limits.Threads)
	return nil
}

// start starts the process and returns the client of its kind. If ctx ends
// first, the process is killed.
func (p *Process) start(ctx context.Context) (any, error) {
	stop := func() bool { return true }
	p.client = goplugin.NewClient(&goplugin.ClientConfig{
		HandshakeConfig: wire.Handshake(),
		Plugins: goplugin.PluginSet{
			wire.PredictorName: &wire.PredictorPlugin{},
			wire.SpaceName:     &wire.SpacePlugin{},
		},
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC},
		GRPCDialOptions:  wire.DialOptions(),
		SkipHostEnv:      true,
		StartTimeout:     24 * time.Hour, // never: ctx keeps the time
		UnixSocketConfig: &goplugin.UnixSocketConfig{TempDir: p.scratch},
		// What matters of go-plugin's messages comes back as a Failure.
		Logger: hclog.NewNullLogger(),
		// What a Go plugin prints once it serves arrives here.
		SyncStdout: &lineWriter{tail: p.log},
		SyncStderr: &lineWriter{tail: p.log},
		RunnerFunc: func(_ hclog.Logger, spec *exec.Cmd, _ string) (runner.Runner, error) {
			r, err := p.newRunner(spec.Env)
			if err != nil {
				return nil, err
			}
			p.runner = r
			stop = context.AfterFunc(ctx, r.tree.kill)
			return r, nil
		},
	})
	protocol, err := p.client.Client()
	if err != nil {
		return nil, err
	}
	client, err := protocol.Dispense(string(p.plugin.Kind))
	if err != nil {
		return nil, err
	}
	if !stop() {
		return nil, ctx.Err()
	}
	return client, nil
}

// newRunner returns a runner of the plugin with go-plugin's variables in its
// environment.
func (p *Process) newRunner(env []string) (*treeRunner, error) {
	create, listensIn := newDirect, ""
	if p.plugin.supervised() {
		create, listensIn = newSupervised, p.scratch
	}
	t, err := create(order{
		Path:        p.plugin.Path,
		Args:        append([]string{cmp.Or(p.plugin.builtin, p.plugin.Path)}, p.plugin.Args...),
		Env:         append(environment(p.options.Limits, p.scratch), env...),
		Dir:         p.scratch,
		MemoryBytes: p.options.Limits.MemoryBytes,
		Confinement: p.confinement,
	})
	if err != nil {
		return nil, err
	}
	return newTreeRunner(p.plugin.Name, t, p.log, listensIn)
}

// startFailure says why the process, which has ended since, did not start;
// err is what go-plugin made of it.
func (p *Process) startFailure(ctx context.Context, err error) error {
	if p.runner == nil {
		return fmt.Errorf("start %s: %w", p.plugin.Name, err)
	}
	line, complete := p.runner.stdout.first()
	printed := ""
	if line != "" {
		printed = "; it printed " + quote(line) + " to standard output"
	}
	r, ended := p.ended()
	if ended && r.HeldBytes > 0 {
		return p.failure(ending(r, p.options.Limits, "", ""))
	}
	if complete {
		if reason := spoiled(line); reason != "" {
			return p.failure(reason)
		}
	}
	if elsewhere, ok := errors.AsType[*addressError](err); ok {
		return p.failure(elsewhere.Error())
	}
	if ctx.Err() != nil {
		return p.failure(fmt.Sprintf("did not start within %v%s", p.options.Limits.Start, printed))
	}
	if ended {
		if reason := ending(r, p.options.Limits, p.log.panicLine(), "before the handshake"); reason != "" {
			if said := p.log.last(); said != "" && p.log.panicLine() == "" {
				printed += "; the last that it logged is " + quote(said) + pythonPlace(p.log.String())
			}
			return p.failure(reason + printed + p.advice(lastSaid(p.log.String())))
		}
	}
	return fmt.Errorf("start %s: %w", p.plugin.Name, err)
}

// ended returns the report of the process, if it has ended.
func (p *Process) ended() (report, bool) {
	if p.runner == nil {
		return report{}, false
	}
	select {
	case <-p.runner.done:
		return p.runner.report, true
	default:
		return report{}, false
	}
}

func (p *Process) failure(reason string) error {
	return &Failure{Reason: reason, log: p.log.String(), limits: p.Limits}
}

// Close kills the process with all that descends from it, waits until it is
// gone, and removes its scratch folder. It may be called more than once. An
// error is a *LeftError.
func (p *Process) Close() error { return p.close() }

// LeftError says what is left of a process that was closed. It is no error of
// the plugin's work.
type LeftError struct{ err error }

// Error implements error.
func (e *LeftError) Error() string { return e.err.Error() }

// Unwrap implements the interface of package errors.
func (e *LeftError) Unwrap() error { return e.err }

func (p *Process) end() error {
	defer p.options.Processors.release(p.confinement.CPUs)
	var left error
	if p.runner != nil {
		p.runner.tree.kill()
		select {
		case <-p.runner.done:
		case <-time.After(killPatience):
			left = fmt.Errorf("process %s of %s is still there %v after it was killed", p.runner.ID(), p.plugin.Name, killPatience)
			// Whoever holds the other ends of the pipes would hold us too.
			_ = p.runner.stdout.Close()
			_ = p.runner.stderr.Close()
		}
		if left == nil {
			// For what go-plugin keeps of the connection. It waits for a
			// supervisor, which removes the scratch folder.
			p.client.Kill()
		}
	}
	if err := errors.Join(left, removeScratch(p.scratch)); err != nil {
		return &LeftError{fmt.Errorf("end %s: %w", p.plugin.Name, err)}
	}
	return nil
}

// Plugin returns what was launched.
func (p *Process) Plugin() Plugin { return p.plugin }

// Limits lists the limits and protections that held for the process, for the
// record. What of them the system decides is known after Close.
func (p *Process) Limits() []string {
	var held *confined
	if r, ended := p.ended(); ended && p.plugin.supervised() && r.Lost == "" && r.StartError == "" {
		held = &r.Held
	}
	list := p.options.Limits.describe(p.plugin.Kind, p.plugin.supervised(), held)
	switch {
	case held != nil:
		list = append(list, held.describe(&p.options.Sandbox)...)
	case p.plugin.builtin != "":
		list = append(list, "no sandbox: built in and trusted")
	case !canSupervise:
		list = append(list, "no sandbox: there is none on "+runtime.GOOS)
	}
	return list
}

// CPUSeconds returns the user and system time that the process tree took, 0
// before Close.
func (p *Process) CPUSeconds() float64 {
	r, _ := p.ended()
	return r.CPUSeconds
}

// MemoryBytes returns the peak resident set of the process tree, as far as it
// was seen, 0 before Close.
func (p *Process) MemoryBytes() int64 {
	r, _ := p.ended()
	return r.PeakBytes
}

// Log returns the end of what the process has logged.
func (p *Process) Log() string { return p.log.String() }

// call makes one call to the process, and finds out why if it fails.
func (p *Process) call(ctx context.Context, what string, limit time.Duration, do func(context.Context) error) error {
	callCtx, cancel := withLimit(ctx, limit)
	defer cancel()
	err := do(callCtx)
	if err == nil {
		return nil
	}
	if deadline, ok := callCtx.Deadline(); ok && errors.Is(err, context.DeadlineExceeded) && time.Until(deadline) < exitPatience {
		<-callCtx.Done() // The plugin has the same deadline, and was the first to see it.
	}
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w", what, ctx.Err())
	case callCtx.Err() != nil:
		return p.failure(fmt.Sprintf("%s took longer than %v", what, limit))
	}
	transport, ok := status.FromError(err)
	if !ok { // the plugin's own error, or what is wrong with its answer
		if hint := p.advice(err.Error()); hint != "" {
			return fmt.Errorf("%w%s", err, hint)
		}
		return err
	}
	r, ended := p.ended()
	if !ended && transport.Code() == codes.Unavailable {
		r, ended = p.awaitEnd()
	}
	if ended {
		if reason := ending(r, p.options.Limits, p.log.panicLine(), "in the middle of "+what); reason != "" {
			return p.failure(reason + p.advice(cmp.Or(p.log.panicLine(), lastSaid(p.log.String()))))
		}
	}
	if transport.Code() == codes.Unimplemented {
		return p.failure(fmt.Sprintf("is no %s: it does not know %s", p.plugin.Kind, what))
	}
	return p.failure(fmt.Sprintf("broke off %s: %s", what, transport.Message()))
}

// awaitEnd waits for the end of a process whose connection broke, which
// happens before the process has quite ended. If it does not end, it is
// killed; the report then still tells whether it had ended before.
func (p *Process) awaitEnd() (report, bool) {
	for _, patience := range []time.Duration{exitPatience, killPatience} {
		timer := time.NewTimer(patience)
		defer timer.Stop()
		select {
		case <-p.runner.done:
			return p.runner.report, true
		case <-timer.C:
			p.runner.tree.kill()
		}
	}
	return report{}, false
}

// withLimit returns ctx with a deadline; a limit of 0 is none.
func withLimit(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	if limit == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, limit)
}

// Describe implements plugins.Predictor.
func (p *Predictor) Describe(ctx context.Context) (d plugins.Description, err error) {
	err = p.call(ctx, "describe", p.options.Limits.Start, func(ctx context.Context) error {
		d, err = p.client.Describe(ctx)
		return err
	})
	return d, err
}

// Fit implements plugins.Predictor. Training.Log is not used; see
// Options.Log.
func (p *Predictor) Fit(ctx context.Context, t *plugins.Training) (f plugins.Fitted, err error) {
	err = p.call(ctx, "fit", p.options.Limits.Fit, func(ctx context.Context) error {
		f, err = p.client.Fit(ctx, t)
		return err
	})
	return f, err
}

// Pretrain implements plugins.Pretrainer; see Fit.
func (p *Predictor) Pretrain(ctx context.Context, t *plugins.Pretraining) (artifact []byte, err error) {
	err = p.call(ctx, "pretrain", p.options.Limits.Fit, func(ctx context.Context) error {
		artifact, err = p.client.Pretrain(ctx, t)
		return err
	})
	return artifact, err
}

// Predict implements plugins.Predictor.
func (p *Predictor) Predict(ctx context.Context, b *plugins.Batch) (values []float64, err error) {
	err = p.call(ctx, "predict", p.options.Limits.Predict, func(ctx context.Context) error {
		values, err = p.client.Predict(ctx, b)
		return err
	})
	return values, err
}

// Describe implements plugins.Space.
func (s *Space) Describe(ctx context.Context) (d plugins.Description, err error) {
	err = s.call(ctx, "describe", s.options.Limits.Start, func(ctx context.Context) error {
		d, err = s.client.Describe(ctx)
		return err
	})
	return d, err
}

// Open implements plugins.Space.
func (s *Space) Open(ctx context.Context, options map[string]string) (info plugins.SpaceInfo, err error) {
	err = s.call(ctx, "open", s.options.Limits.Space, func(ctx context.Context) error {
		info, err = s.client.Open(ctx, options)
		return err
	})
	return info, err
}

// Read implements plugins.Space.
func (s *Space) Read(ctx context.Context, lo, hi int) (b plugins.Batch, ids []plugins.Identity, err error) {
	err = s.call(ctx, "read", s.options.Limits.Space, func(ctx context.Context) error {
		b, ids, err = s.client.Read(ctx, lo, hi)
		return err
	})
	return b, ids, err
}

// Column implements plugins.Space.
func (s *Space) Column(ctx context.Context, name string) (values []float64, err error) {
	err = s.call(ctx, "column", s.options.Limits.Space, func(ctx context.Context) error {
		values, err = s.client.Column(ctx, name)
		return err
	})
	return values, err
}
