package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/hashicorp/go-hclog"
	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/plugins/internal/wire"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Ask starts the external plugin at path, whichever kind it is of, and returns
// it with what it says of itself. Its Name is that of the description.
func Ask(ctx context.Context, path string, args []string, o Options) (p Plugin, d plugins.Description, err error) {
	if p, err = External(KindPredictor, path, path, args...); err != nil {
		return p, d, err
	}
	process, err := LaunchPredictor(ctx, p, o)
	if err != nil {
		return p, d, err
	}
	defer func() { err = errors.Join(err, process.Close()) }()
	ask := func(describe func(context.Context) (plugins.Description, error)) (known bool, err error) {
		err = process.call(ctx, "describe", o.Limits.Start, func(ctx context.Context) error {
			d, err = describe(ctx)
			if known = status.Code(err) != codes.Unimplemented; !known {
				return nil
			}
			return err
		})
		return known, err
	}
	known, err := ask(process.client.Describe)
	if !known && err == nil { // It serves the other service, or none.
		protocol, err := process.Process.client.Client()
		if err != nil {
			return p, d, err
		}
		space, err := protocol.Dispense(wire.SpaceName)
		if err != nil {
			return p, d, err
		}
		p.Kind = KindSpace
		if known, err = ask(space.(*wire.SpaceClient).Describe); err != nil {
			return p, d, err
		}
		if !known {
			return p, d, process.failure("is neither a predictor nor a space: it does not know describe")
		}
	}
	p.Name = d.Name
	return p, d, err
}

// Unchecked returns the same predictor without the checks that its client
// makes of what it is asked, for checks of plugins alone; Predict sends one
// block in v's words, an empty one included.
func (p *Predictor) Unchecked(v *plugins.Vocabulary) plugins.Predictor {
	return uncheckedPredictor{p, p.client.Unchecked(v)}
}

type uncheckedPredictor struct {
	*Predictor
	to plugins.Predictor
}

// Fit implements plugins.Predictor.
func (u uncheckedPredictor) Fit(ctx context.Context, t *plugins.Training) (f plugins.Fitted, err error) {
	err = u.call(ctx, "fit", u.options.Limits.Fit, func(ctx context.Context) error {
		f, err = u.to.Fit(ctx, t)
		return err
	})
	return f, err
}

// Predict implements plugins.Predictor.
func (u uncheckedPredictor) Predict(ctx context.Context, b *plugins.Batch) (values []float64, err error) {
	err = u.call(ctx, "predict", u.options.Limits.Predict, func(ctx context.Context) error {
		values, err = u.to.Predict(ctx, b)
		return err
	})
	return values, err
}

// Unchecked returns the same space without the checks that its client makes of
// what it is asked, for checks of plugins alone.
func (s *Space) Unchecked() plugins.Space { return uncheckedSpace{s, s.client.Unchecked()} }

type uncheckedSpace struct {
	*Space
	to plugins.Space
}

// Read implements plugins.Space.
func (u uncheckedSpace) Read(ctx context.Context, lo, hi int) (b plugins.Batch, ids []plugins.Identity, err error) {
	err = u.call(ctx, "read", u.options.Limits.Space, func(ctx context.Context) error {
		b, ids, err = u.to.Read(ctx, lo, hi)
		return err
	})
	return b, ids, err
}

// Column implements plugins.Space.
func (u uncheckedSpace) Column(ctx context.Context, name string) (values []float64, err error) {
	err = u.call(ctx, "column", u.options.Limits.Space, func(ctx context.Context) error {
		values, err = u.to.Column(ctx, name)
		return err
	})
	return values, err
}

// Greeting is how a plugin took a start that it should refuse.
type Greeting struct {
	Version string // of the handshake that it printed, "" where it printed none
	Ended   bool   // by itself, before the start timeout
	Status  int    // of the exit where it ended
	Said    string // the last line that it printed or logged before it ended
}

// GreetNewer starts p as a host does that speaks none but the next version of
// the protocol.
func GreetNewer(ctx context.Context, p Plugin, o Options) (Greeting, error) {
	return greet(ctx, p, o, func(scratch string) []string {
		return []string{
			wire.CookieKey + "=" + wire.CookieValue,
			fmt.Sprintf("PLUGIN_PROTOCOL_VERSIONS=%d", wire.ProtocolVersion+1),
			"PLUGIN_UNIX_SOCKET_DIR=" + scratch, "PLUGIN_MIN_PORT=10000", "PLUGIN_MAX_PORT=25000",
		}
	})
}

// GreetStranger starts p as whoever is no host does.
func GreetStranger(ctx context.Context, p Plugin, o Options) (Greeting, error) {
	return greet(ctx, p, o, func(string) []string { return nil })
}

// greet starts p with variables in its environment, and waits until it prints
// a handshake as its first line, ends, or has had the start timeout.
func greet(ctx context.Context, p Plugin, o Options, variables func(scratch string) []string) (g Greeting, err error) {
	if o.Log == nil {
		o.Log = hclog.NewNullLogger()
	}
	scratch, err := os.MkdirTemp(o.TempDir, "hn-")
	if err != nil {
		return g, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	said := &tail{log: o.Log.Named(p.Name)}
	process := &Process{plugin: p, options: o, scratch: scratch, log: said}
	if err := process.prepare(); err != nil {
		return g, err
	}
	defer o.Processors.release(process.confinement.CPUs)
	r, err := process.newRunner(variables(scratch))
	if err != nil {
		return g, err
	}
	ctx, cancel := withLimit(ctx, o.Limits.Start)
	defer cancel()
	if err := r.Start(ctx); err != nil {
		return g, err
	}
	// Both pipes are read to their ends, which the end of the process is.
	printed, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		var first sync.Once
		buffer := make([]byte, lineBytes)
		for {
			_, err := r.stdout.Read(buffer)
			if line, complete := r.stdout.first(); complete && handshakeVersion(line) != "" {
				first.Do(func() { close(printed) })
			}
			if err != nil {
				break
			}
		}
		_, _ = r.stderr.Read(nil)
	}()
	select {
	case <-printed:
	case <-ended:
		g.Ended = true
	case <-ctx.Done():
	}
	r.tree.kill()
	<-ended
	if err := r.Wait(ctx); err != nil {
		return g, err
	}
	line, _ := r.stdout.first()
	g.Version = handshakeVersion(line)
	g.Status, g.Said = r.report.Status, said.last()
	if g.Said == "" {
		g.Said = strings.TrimSpace(line)
	}
	return g, nil
}

// handshakeVersion returns the version of the protocol in a handshake, or "" if
// line is something else.
func handshakeVersion(line string) string {
	parts := strings.Split(strings.TrimSpace(line), "|")
	if len(parts) < 4 {
		return ""
	}
	return parts[1]
}
