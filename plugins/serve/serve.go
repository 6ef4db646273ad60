// Package serve turns an implementation of plugins.Predictor or plugins.Space
// into a plugin process, with one call in main:
//
//	func main() {
//		serve.Predictor(func() plugins.Predictor { return &mine{} })
//	}
//
// The program then does nothing when a person starts it, and serves the
// contract over gRPC when hypernas does. It should print nothing to its
// standard output before the call: the handshake stands there. What it logs
// to Training.Log or to [Logger] is shown by hypernas.
//
// A panic ends the process, as it should: the host reports the trial as
// failed, with the panic's first line.
package serve

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/plugins/internal/wire"
)

// Predictor serves the predictor that create returns, until the host ends the
// process. If no host started the process, it prints how to use the program
// and exits with status 1.
func Predictor(create func() plugins.Predictor) {
	requireHost("predictor")
	log := Logger()
	serve(goplugin.PluginSet{
		wire.PredictorName: &wire.PredictorPlugin{Service: wire.NewPredictorServer(create(), log)},
	})
}

// Space serves the space that create returns, until the host ends the
// process. If no host started the process, it prints how to use the program
// and exits with status 1.
func Space(create func() plugins.Space) {
	requireHost("space")
	serve(goplugin.PluginSet{
		wire.SpaceName: &wire.SpacePlugin{Service: wire.NewSpaceServer(create())},
	})
}

// Logger returns a logger to the process's standard error in the form that
// the host reads: a JSON object a line with the keys @level, @message and
// @timestamp. It has to be made before [Predictor] or [Space] is called, or
// in the function given to them: afterwards os.Stderr leads elsewhere.
func Logger() *slog.Logger {
	return slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{
		Level: slog.LevelDebug,
		ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) > 0 {
				return a
			}
			switch a.Key {
			case slog.LevelKey:
				return slog.String("@level", strings.ToLower(a.Value.String()))
			case slog.MessageKey:
				return slog.Attr{Key: "@message", Value: a.Value}
			case slog.TimeKey:
				return slog.String("@timestamp", a.Value.Time().Format("2006-01-02T15:04:05.000000Z07:00"))
			default:
				return a
			}
		},
	}))
}

// requireHost ends the process unless a host started it, and makes it end
// with the host.
func requireHost(kind string) {
	if os.Getenv(wire.CookieKey) == wire.CookieValue {
		holdLifeline()
		return
	}
	fmt.Fprintf(os.Stderr, "%s is a %s for hypernas and does nothing by itself; try: hypernas run --%s %s\n", os.Args[0], kind, kind, os.Args[0])
	os.Exit(1)
}

// holdLifeline ends the process when the host is gone; see wire.LifelineKey.
// Under a supervisor there is none: the supervisor does the same.
func holdLifeline() {
	scratch := os.Getenv(wire.LifelineKey)
	if scratch == "" {
		return
	}
	_ = os.Unsetenv(wire.LifelineKey) // It is not for children.
	lifeline := os.Stdin
	if null, err := os.Open(os.DevNull); err == nil {
		os.Stdin = null
	}
	go func() {
		_, _ = io.Copy(io.Discard, lifeline)
		_ = os.RemoveAll(scratch)
		os.Exit(1)
	}()
}

func serve(set goplugin.PluginSet) {
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig: wire.Handshake(),
		Plugins:         set,
		GRPCServer:      wire.NewServer,
		Logger:          hclog.New(&hclog.LoggerOptions{Level: hclog.Warn, Output: os.Stderr, JSONFormat: true}),
	})
}
