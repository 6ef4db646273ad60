package wire_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/hypernas/hypernas/plugins"
	pb "github.com/hypernas/hypernas/plugins/internal/hypernasv1"
	"github.com/hypernas/hypernas/plugins/internal/wire"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// newer returns a message as a newer plugin would send it: with fields that
// are not known here.
func newer(t *testing.T, m proto.Message) []byte {
	t.Helper()
	data, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	data = protowire.AppendTag(data, 900, protowire.BytesType)
	data = protowire.AppendString(data, "from later")
	data = protowire.AppendTag(data, 901, protowire.Fixed64Type)
	return protowire.AppendFixed64(data, 7)
}

// TestNewerPluginsAreUnderstood plays plugins that know more than this host:
// fields, kinds of operations and kinds of errors.
func TestNewerPluginsAreUnderstood(t *testing.T) {
	laterError := status.New(codes.InvalidArgument, "from later")
	laterError, err := laterError.WithDetails(&pb.ErrorDetail{Kind: 99})
	if err != nil {
		t.Fatal(err)
	}
	answers := map[string]proto.Message{
		"/hypernas.v1.Predictor/Describe": &pb.Description{Name: "later", Version: 2, PredictsLabels: true},
		"/hypernas.v1.Predictor/Predict":  &pb.PredictResponse{Values: []float64{1, 2}},
		"/hypernas.v1.Space/Describe":     &pb.Description{Name: "later"},
		"/hypernas.v1.Space/Open": &pb.SpaceInfo{
			Rows: 2, Digest: "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", Label: "val", Target: "val",
			Vocabulary: &pb.Vocabulary{Ops: []*pb.Op{{Name: "in", Kind: pb.OpKind_OP_KIND_INPUT}, {Name: "out", Kind: pb.OpKind_OP_KIND_OUTPUT}, {Name: "new", Kind: 99}}},
			Columns:    []*pb.Column{{Name: "val"}},
		},
	}
	conn := dialServer(t, rawServer(func(method string, stream grpc.ServerStream) error {
		if _, err := receive(stream.RecvMsg); err != nil {
			return err
		}
		answer, ok := answers[method]
		if !ok {
			return laterError.Err()
		}
		data := newer(t, answer)
		return stream.SendMsg(&data)
	}))
	p := wire.NewPredictorClient(conn)
	d, err := p.Describe(t.Context())
	if err != nil || d.Name != "later" || d.Version != 2 || !d.PredictsLabels {
		t.Errorf("Describe returns %+v, %v", d, err)
	}
	v, networks := recordedRows()
	b := plugins.Batch{Networks: networks, Numbers: []float64{10, 20}}
	_, err = p.Fit(t.Context(), &plugins.Training{Vocabulary: v, Batch: b, Labels: []float64{1, 2}})
	if _, ok := errors.AsType[*wire.Error](err); !ok || err.Error() != "from later" || errors.Is(err, plugins.ErrOption) {
		t.Errorf("an error of an unknown kind is %v, want the plugin's text alone", err)
	}
	s := wire.NewSpaceClient(conn)
	if d, err := s.Describe(t.Context()); err != nil || d.Name != "later" {
		t.Errorf("Describe returns %+v, %v", d, err)
	}
	info, err := s.Open(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []plugins.Kind{plugins.KindInput, plugins.KindOutput, plugins.KindOther}
	if got := kinds(info.Vocabulary.Ops); !slices.Equal(got, want) {
		t.Errorf("the kinds of operations are %v, want %v", got, want)
	}
}

func kinds(ops []plugins.Op) []plugins.Kind {
	var list []plugins.Kind
	for _, op := range ops {
		list = append(list, op.Kind)
	}
	return list
}
