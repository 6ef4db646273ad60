package wire_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/hypernas/hypernas/plugins"
	pb "github.com/hypernas/hypernas/plugins/internal/hypernasv1"
	"github.com/hypernas/hypernas/plugins/internal/wire"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/proto"
)

// call is one call of a recorded exchange, its messages as they travelled.
type call struct {
	Method string   `json:"method"`
	Sent   [][]byte `json:"sent"`             // by the host
	Got    [][]byte `json:"got"`              // from the plugin
	Status []byte   `json:"status,omitempty"` // a google.rpc.Status where the call failed
}

// raw is a codec that leaves messages as they are.
type raw struct{}

func (raw) Name() string                  { return "proto" }
func (raw) Marshal(v any) ([]byte, error) { return *v.(*[]byte), nil }
func (raw) Unmarshal(data []byte, v any) error {
	*v.(*[]byte) = bytes.Clone(data)
	return nil
}

// dialServer serves on a connection within the process until the test ends.
func dialServer(t *testing.T, server *grpc.Server, options ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	listener := bufconn.Listen(1 << 20)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	conn, err := grpc.NewClient("passthrough:///plugin", append(options, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = conn.Close()
		server.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return conn
}

// rawServer returns a server whose every call is handled by handle.
func rawServer(handle func(method string, stream grpc.ServerStream) error) *grpc.Server {
	return grpc.NewServer(grpc.ForceServerCodec(raw{}), grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
		method, _ := grpc.MethodFromServerStream(stream)
		return handle(method, stream)
	}))
}

// receive returns all messages that the other end of a stream sends.
func receive(recv func(any) error) ([][]byte, error) {
	var all [][]byte
	for {
		var m []byte
		if err := recv(&m); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return all, err
		}
		all = append(all, m)
	}
}

// TestExchangesOfOlderPluginsReplay plays what plugins built against older
// states of hypernas.v1 answered to the host as it is now: the host sends what
// it sent then, and understands what comes back.
func TestExchangesOfOlderPluginsReplay(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "exchange-*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("got the exchanges %q, %v", files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var calls []call
			if err := json.Unmarshal(data, &calls); err != nil {
				t.Fatal(err)
			}
			server := rawServer(func(method string, stream grpc.ServerStream) error {
				if len(calls) == 0 || calls[0].Method != method {
					t.Errorf("the host calls %s, which it did not then", method)
					return status.Error(codes.Unimplemented, "not recorded")
				}
				c := calls[0]
				calls = calls[1:]
				sent, err := receive(stream.RecvMsg)
				if err != nil {
					return err
				}
				if !reflect.DeepEqual(sent, c.Sent) {
					t.Errorf("%s: the host sends\n%x\nwhere it sent\n%x", method, sent, c.Sent)
				}
				for _, m := range c.Got {
					if err := stream.SendMsg(&m); err != nil {
						return err
					}
				}
				var s spb.Status
				if err := proto.Unmarshal(c.Status, &s); err != nil {
					return err
				}
				return status.ErrorProto(&s)
			})
			exchange(t, dialServer(t, server))
			if len(calls) > 0 {
				t.Errorf("%d calls were not made", len(calls))
			}
		})
	}
}

// TestRecordExchange records an exchange with a plugin of this state into the
// file that HYPERNAS_RECORD names, through a proxy. Do so before the contract
// grows; what is recorded stays.
func TestRecordExchange(t *testing.T) {
	file := os.Getenv("HYPERNAS_RECORD")
	if file == "" {
		t.Skip("HYPERNAS_RECORD names no file")
	}
	plugin := wire.NewServer(nil)
	pb.RegisterPredictorServer(plugin, wire.NewPredictorServer(&counter{}, slog.New(slog.DiscardHandler)))
	pb.RegisterSpaceServer(plugin, wire.NewSpaceServer(&pair{}))
	to := dialServer(t, plugin, grpc.WithDefaultCallOptions(grpc.ForceCodec(raw{})))
	var calls []call
	proxy := rawServer(func(method string, stream grpc.ServerStream) error {
		c := call{Method: method}
		out, err := to.NewStream(stream.Context(), &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, method)
		if err != nil {
			return err
		}
		if c.Sent, err = receive(stream.RecvMsg); err != nil {
			return err
		}
		for _, m := range c.Sent {
			if err := out.SendMsg(&m); err != nil {
				return err
			}
		}
		if err := out.CloseSend(); err != nil {
			return err
		}
		c.Got, err = receive(out.RecvMsg)
		if err != nil {
			if c.Status, err = proto.Marshal(status.Convert(err).Proto()); err != nil {
				return err
			}
		}
		calls = append(calls, c)
		for _, m := range c.Got {
			if err := stream.SendMsg(&m); err != nil {
				return err
			}
		}
		var s spb.Status
		if err := proto.Unmarshal(c.Status, &s); err != nil {
			return err
		}
		return status.ErrorProto(&s)
	})
	exchange(t, dialServer(t, proxy))
	data, err := json.MarshalIndent(calls, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, append(data, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}

// exchange makes one call of each method, and some that fail, and checks what
// comes back from counter and pair.
func exchange(t *testing.T, conn *grpc.ClientConn) {
	ctx := t.Context()
	p := wire.NewPredictorClient(conn)
	d, err := p.Describe(ctx)
	if want := descriptionOf("counter"); err != nil || !reflect.DeepEqual(d, want) {
		t.Errorf("Describe returns %+v, %v, want %+v", d, err, want)
	}
	v, networks := recordedRows()
	training := &plugins.Training{
		Vocabulary: v, Batch: plugins.Batch{Networks: networks, Numbers: []float64{10, 20}}, Labels: []float64{0.5, 0.75},
		Options: map[string]string{"color": "blue"}, Seed: 1<<63 + 5,
	}
	if _, err := p.Fit(ctx, training); !errors.Is(err, plugins.ErrOption) || err.Error() != `invalid option: "color" is unknown; there are weight` {
		t.Errorf("Fit with an unknown option returns %v", err)
	}
	training.Options = map[string]string{"weight": "2"}
	fitted, err := p.Fit(ctx, training)
	if want := []string{"2 labels, seed 9223372036854775813"}; err != nil || !reflect.DeepEqual(fitted.Warnings, want) {
		t.Errorf("Fit returns %q, %v, want %q", fitted.Warnings, err, want)
	}
	values, err := p.Predict(ctx, &training.Batch)
	if want := []float64{26, 48}; err != nil || !reflect.DeepEqual(values, want) {
		t.Errorf("Predict returns %v, %v, want %v", values, err, want)
	}

	s := wire.NewSpaceClient(conn)
	if d, err := s.Describe(ctx); err != nil || d.Name != "pair" {
		t.Errorf("Describe returns %+v, %v", d, err)
	}
	if _, err := s.Open(ctx, nil); !errors.Is(err, plugins.ErrDataMissing) {
		t.Errorf("Open without data returns %v", err)
	}
	info, err := s.Open(ctx, map[string]string{"file": "here"})
	if want := infoOfPair(); err != nil || !reflect.DeepEqual(info, want) {
		t.Fatalf("Open returns %+v, %v, want %+v", info, err, want)
	}
	b, ids, err := s.Read(ctx, 0, 2)
	if want := (plugins.Batch{Networks: networks, Numbers: []float64{10, 20}}); err != nil || !reflect.DeepEqual(b, want) || ids[1] != (plugins.Identity{15: 2}) {
		t.Errorf("Read returns %+v, %v, %v, want %+v", b, ids, err, want)
	}
	column, err := s.Column(ctx, "test")
	if want := []float64{60, 70}; err != nil || !reflect.DeepEqual(column, want) {
		t.Errorf("Column returns %v, %v, want %v", column, err, want)
	}
}

func recordedRows() (plugins.Vocabulary, []plugins.Network) {
	v := plugins.Vocabulary{
		Ops: []plugins.Op{
			{Name: "in", Kind: plugins.KindInput}, {Name: "out", Kind: plugins.KindOutput}, {Name: "conv", Kind: plugins.KindConv, Kernel: 3},
		},
		NodeAttrs: []string{"heads"}, CellAttrs: []string{"channels"}, Numbers: []string{plugins.NumberParams},
	}
	cell := func(convs int) plugins.Cell {
		c := plugins.Cell{Role: plugins.RoleNormal, Nodes: []plugins.Node{{Op: 0, Attrs: []float64{0}}}}
		for i := range convs + 1 {
			op := 2
			if i == convs {
				op = 1
			}
			c.Edges = append(c.Edges, plugins.Edge{From: i, To: i + 1})
			c.Nodes = append(c.Nodes, plugins.Node{Op: op, Attrs: []float64{float64(i)}})
		}
		return c
	}
	steps := []plugins.Step{{Cell: 0, Repeat: 2, Attrs: []float64{16}}, {Cell: 1, Repeat: 1, Attrs: []float64{32}}}
	stem := cell(1)
	stem.Role, stem.Fixed = plugins.RoleStem, true
	return v, []plugins.Network{{Cells: []plugins.Cell{cell(1), stem}, Sequence: steps}, {Cells: []plugins.Cell{cell(2), stem}, Sequence: steps}}
}

func descriptionOf(name string) plugins.Description {
	return plugins.Description{
		Name: name, Version: 3, Summary: "a summary", Source: "a source", Notes: []string{"one", "two"}, PredictsLabels: true, UsesPool: true,
		Options: []plugins.Option{{Name: "weight", Default: "1", Summary: "a weight"}},
	}
}

// counter values a row by its number, its nodes and a weight.
type counter struct {
	Weight int `option:"weight" doc:"a weight"`
}

func (c *counter) Describe(context.Context) (plugins.Description, error) {
	return descriptionOf("counter"), nil
}

func (c *counter) Fit(_ context.Context, t *plugins.Training) (plugins.Fitted, error) {
	if err := plugins.SetOptions(c, t.Options); err != nil {
		return plugins.Fitted{}, err
	}
	return plugins.Fitted{Warnings: []string{fmt.Sprintf("%d labels, seed %d", len(t.Labels), t.Seed)}}, nil
}

func (c *counter) Predict(_ context.Context, b *plugins.Batch) ([]float64, error) {
	values := make([]float64, b.Len())
	for i := range values {
		values[i] = float64(c.Weight) * (b.Row(i)[0] + float64(len(b.Networks[i].Cells[0].Nodes)))
	}
	return values, nil
}

// pair is a space of two rows.
type pair struct{}

func (pair) Describe(context.Context) (plugins.Description, error) {
	return descriptionOf("pair"), nil
}

func (pair) Open(_ context.Context, options map[string]string) (plugins.SpaceInfo, error) {
	if options["file"] == "" {
		return plugins.SpaceInfo{}, fmt.Errorf("%w: fetch it", plugins.ErrDataMissing)
	}
	return infoOfPair(), nil
}

func infoOfPair() plugins.SpaceInfo {
	v, _ := recordedRows()
	return plugins.SpaceInfo{
		Rows: 2, Digest: "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", Vocabulary: v,
		Columns: []plugins.Column{
			{Name: "val", Summary: "of one run", Unit: "%", Dataset: "invented", Split: "validation", Runs: 1, Epochs: 12},
			{Name: "test", Split: "test"},
		},
		Label: "val", Target: "test", License: "CC0", Citation: "nobody", Notes: []string{"invented"},
	}
}

func (pair) Read(_ context.Context, lo, hi int) (plugins.Batch, []plugins.Identity, error) {
	_, networks := recordedRows()
	b := plugins.Batch{Networks: networks, Numbers: []float64{10, 20}}
	return b.Slice(lo, hi), []plugins.Identity{{15: 1}, {15: 2}}[lo:hi], nil
}

func (pair) Column(_ context.Context, name string) ([]float64, error) {
	return []float64{60, 70}, nil
}
