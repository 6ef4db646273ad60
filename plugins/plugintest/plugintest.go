package plugintest

import (
	"context"
	"log/slog"
	"net"
	"reflect"
	"testing"
	"time"

	"github.com/hypernas/hypernas/plugins"
	pb "github.com/hypernas/hypernas/plugins/internal/hypernasv1"
	"github.com/hypernas/hypernas/plugins/internal/wire"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"
)

// Option changes what a check does.
type Option func(*settings)

type settings struct {
	options  map[string]string
	patience time.Duration
}

// With hands options to the plugin in all checks, such as a small number of
// epochs.
func With(options map[string]string) Option {
	return func(s *settings) { s.options = options }
}

// cancelPatience is how long the kit waits for a cancelled call to return.
// The contract says a second; the rest is for the race detector on a busy
// machine.
const cancelPatience = 5 * time.Second

func newSettings(options []Option) *settings {
	s := &settings{patience: cancelPatience}
	for _, o := range options {
		o(s)
	}
	return s
}

// ServePredictor serves p over gRPC until the test ends, and returns the
// predictor at the other end.
func ServePredictor(t testing.TB, p plugins.Predictor) plugins.Predictor {
	t.Helper()
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
	return wire.NewPredictorClient(connect(t, func(s *grpc.Server) {
		pb.RegisterPredictorServer(s, wire.NewPredictorServer(p, log))
	}))
}

// ServeSpace serves s over gRPC until the test ends, and returns the space at
// the other end.
func ServeSpace(t testing.TB, s plugins.Space) plugins.Space {
	t.Helper()
	return wire.NewSpaceClient(connect(t, func(server *grpc.Server) {
		pb.RegisterSpaceServer(server, wire.NewSpaceServer(s))
	}))
}

func connect(t testing.TB, register func(*grpc.Server)) *grpc.ClientConn {
	t.Helper()
	listener := bufconn.Listen(1 << 20)
	server := wire.NewServer(nil)
	register(server)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	options := append(wire.DialOptions(),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	conn, err := grpc.NewClient("passthrough:///plugin", options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
		server.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return conn
}

// checkDescriptions fails t unless two descriptions of one plugin are valid
// and equal.
func checkDescriptions(t *testing.T, first, second plugins.Description) {
	t.Helper()
	if err := first.Validate(); err != nil {
		t.Errorf("description: %v", err)
	}
	if first.Summary == "" {
		t.Error("the description has no summary; say in one line what the plugin is")
	}
	if !reflect.DeepEqual(first, second) {
		t.Errorf("Describe answers differently the second time:\n%+v\n%+v", first, second)
	}
}
