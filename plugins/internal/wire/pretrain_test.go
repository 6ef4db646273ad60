package wire_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"testing"

	"github.com/hypernas/hypernas/plugins"
	pb "github.com/hypernas/hypernas/plugins/internal/hypernasv1"
	"github.com/hypernas/hypernas/plugins/internal/wire"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"
)

// plain is a predictor that does nothing.
type plain struct{}

func (plain) Describe(context.Context) (plugins.Description, error) {
	return plugins.Description{Name: "plain", Version: 1}, nil
}

func (plain) Fit(context.Context, *plugins.Training) (plugins.Fitted, error) {
	return plugins.Fitted{}, nil
}
func (plain) Predict(context.Context, *plugins.Batch) ([]float64, error) { return nil, nil }

// learner is one that says what it was pretrained with.
type learner struct {
	plain
	artifact []byte // what Fit got
	answer   func(*plugins.Pretraining) []byte
}

func (l *learner) Pretrain(_ context.Context, p *plugins.Pretraining) ([]byte, error) {
	return l.answer(p), nil
}

func (l *learner) Fit(_ context.Context, t *plugins.Training) (plugins.Fitted, error) {
	l.artifact = t.Artifact
	return plugins.Fitted{}, nil
}

// connect serves p and returns its other end.
func connect(t *testing.T, p plugins.Predictor) *wire.PredictorClient {
	t.Helper()
	listener := bufconn.Listen(1 << 20)
	server := wire.NewServer(nil)
	pb.RegisterPredictorServer(server, wire.NewPredictorServer(p, slog.New(slog.DiscardHandler)))
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	dial := grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) })
	c, err := grpc.NewClient("passthrough:", append(wire.DialOptions(), dial, grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return wire.NewPredictorClient(c)
}

func vocabulary() plugins.Vocabulary {
	return plugins.Vocabulary{Ops: []plugins.Op{{Name: "in", Kind: plugins.KindInput}, {Name: "out", Kind: plugins.KindOutput}}}
}

func networks(n int) plugins.Batch {
	var b plugins.Batch
	for range n {
		b.Networks = append(b.Networks, plugins.Network{
			Cells:    []plugins.Cell{{Nodes: []plugins.Node{{Op: 0}, {Op: 1}}, Edges: []plugins.Edge{{From: 0, To: 1}}}},
			Sequence: []plugins.Step{{Repeat: 1}},
		})
	}
	return b
}

// TestPretrainCrossesTheWire: the pool arrives in several blocks, the artifact
// comes back and reaches Fit.
func TestPretrainCrossesTheWire(t *testing.T) {
	l := &learner{answer: func(p *plugins.Pretraining) []byte {
		return fmt.Appendf(nil, "%d rows, seed %d, x=%s, %s", p.Pool.Len(), p.Seed, p.Options["x"], p.Vocabulary.Ops[1].Name)
	}}
	c := connect(t, l)
	got, err := c.Pretrain(t.Context(), &plugins.Pretraining{Vocabulary: vocabulary(), Pool: networks(5000), Options: map[string]string{"x": "1"}, Seed: 7})
	if want := "5000 rows, seed 7, x=1, out"; err != nil || string(got) != want {
		t.Fatalf("got %q, %v, want %q", got, err, want)
	}
	if _, err := c.Fit(t.Context(), &plugins.Training{Vocabulary: vocabulary(), Batch: networks(2), Labels: []float64{1, 2}, Artifact: got}); err != nil {
		t.Fatal(err)
	}
	if string(l.artifact) != string(got) {
		t.Errorf("fit got the artifact %q, want %q", l.artifact, got)
	}
}

func TestPretrainRefuses(t *testing.T) {
	p := &plugins.Pretraining{Vocabulary: vocabulary(), Pool: networks(1)}
	if _, err := connect(t, plain{}).Pretrain(t.Context(), p); !errors.Is(err, plugins.ErrUnsupported) {
		t.Errorf("without the ability: got %v, want ErrUnsupported", err)
	}
	for name, size := range map[string]int{"empty": 0, "too large": plugins.MaxArtifact + 1} {
		l := &learner{answer: func(*plugins.Pretraining) []byte { return make([]byte, size) }}
		if got, err := connect(t, l).Pretrain(t.Context(), p); err == nil {
			t.Errorf("%s: got %d bytes, want an error", name, len(got))
		}
		if size > 0 {
			training := &plugins.Training{Vocabulary: vocabulary(), Batch: networks(1), Labels: []float64{1}, Artifact: make([]byte, size)}
			if _, err := connect(t, l).Fit(t.Context(), training); !errors.Is(err, plugins.ErrInput) {
				t.Errorf("fit with one %s: got %v, want ErrInput", name, err)
			}
		}
	}
	p.Pool = plugins.Batch{}
	if _, err := connect(t, &learner{}).Pretrain(t.Context(), p); !errors.Is(err, plugins.ErrInput) {
		t.Errorf("no architectures: got %v, want ErrInput", err)
	}
}
