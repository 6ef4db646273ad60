package plugintest

import (
	"context"
	"net"
	"testing"

	"github.com/hypernas/hypernas/plugins/conform"
	pb "github.com/hypernas/hypernas/plugins/internal/hypernasv1"
	"github.com/hypernas/hypernas/plugins/internal/wire"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"
)

// Option changes what a check does.
type Option func(*conform.Settings)

// With hands options to the plugin in all checks, such as a small number of
// epochs.
func With(options map[string]string) Option {
	return func(s *conform.Settings) { s.Options = options }
}

func newSettings(options []Option) conform.Settings {
	s := conform.Settings{Patience: cancelPatience}
	for _, o := range options {
		o(&s)
	}
	return s
}

// report returns a function that makes each check a test of its own.
func report(t *testing.T) func(conform.Result) {
	return func(r conform.Result) {
		t.Run(r.Name, func(t *testing.T) {
			if r.Note != "" {
				t.Log(r.Note)
			}
			for _, problem := range r.Problems {
				t.Error(problem)
			}
		})
	}
}

func registerPredictor(p *wire.PredictorServer) func(*grpc.Server) {
	return func(s *grpc.Server) { pb.RegisterPredictorServer(s, p) }
}

func registerSpace(space *wire.SpaceServer) func(*grpc.Server) {
	return func(s *grpc.Server) { pb.RegisterSpaceServer(s, space) }
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
