package wire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"sync"

	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/plugins/internal/fromproto"
	pb "github.com/hypernas/hypernas/plugins/internal/hypernasv1"
	"github.com/hypernas/hypernas/plugins/internal/toproto"
	"google.golang.org/grpc"
)

// errNotOpen is what the methods of a space that need Open return before it.
func errNotOpen(method string) error {
	return fmt.Errorf("%s: %w: the space is not open", method, plugins.ErrNotFitted)
}

// opened holds what Open returned.
type opened struct {
	mu   sync.Mutex
	info *plugins.SpaceInfo
}

func (o *opened) set(info *plugins.SpaceInfo) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.info = info
}

func (o *opened) get() *plugins.SpaceInfo {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.info
}

// SpaceServer serves a space.
type SpaceServer struct {
	pb.UnimplementedSpaceServer
	space  plugins.Space
	opened opened
}

// NewSpaceServer returns a server of s.
func NewSpaceServer(s plugins.Space) *SpaceServer { return &SpaceServer{space: s} }

// Describe answers with the space's description.
func (s *SpaceServer) Describe(ctx context.Context, _ *pb.DescribeRequest) (*pb.Description, error) {
	d, err := s.space.Describe(ctx)
	if err != nil {
		return nil, ToStatus(err)
	}
	return toproto.Description(d), nil
}

// Open opens the space.
func (s *SpaceServer) Open(ctx context.Context, m *pb.OpenRequest) (*pb.SpaceInfo, error) {
	info, err := s.space.Open(ctx, m.GetOptions())
	if err != nil {
		return nil, ToStatus(err)
	}
	s.opened.set(&info)
	return toproto.SpaceInfo(&info), nil
}

// Read sends the rows in blocks, reading no more of the space at a time than
// a block holds.
func (s *SpaceServer) Read(m *pb.ReadRequest, stream grpc.ServerStreamingServer[pb.ReadResponse]) error {
	info := s.opened.get()
	if info == nil {
		return ToStatus(errNotOpen("read"))
	}
	if m.GetLo() < 0 || m.GetLo() > m.GetHi() || m.GetHi() > int64(info.Rows) {
		return ToStatus(fmt.Errorf("%w: rows %d to %d of %d", plugins.ErrInput, m.GetLo(), m.GetHi(), info.Rows))
	}
	end := int(m.GetHi())
	for lo := int(m.GetLo()); lo < end; {
		hi := min(lo+pb.BlockRows, end)
		batch, ids, err := s.space.Read(stream.Context(), lo, hi)
		if err != nil {
			return ToStatus(err)
		}
		if batch.Len() != hi-lo || len(ids) != hi-lo {
			return ToStatus(fmt.Errorf("space returned %d architectures and %d identities for rows %d to %d", batch.Len(), len(ids), lo, hi))
		}
		for at := 0; at < batch.Len(); {
			block, next, err := toproto.Block(&info.Vocabulary, &batch, at)
			if err != nil {
				return ToStatus(fmt.Errorf("rows from %d on: %w", lo, err))
			}
			if err := stream.Send(&pb.ReadResponse{Block: block, Identities: toproto.Identities(ids[at:next])}); err != nil {
				return err
			}
			at = next
		}
		lo = hi
	}
	return nil
}

// Column answers with a column.
func (s *SpaceServer) Column(ctx context.Context, m *pb.ColumnRequest) (*pb.ColumnResponse, error) {
	if s.opened.get() == nil {
		return nil, ToStatus(errNotOpen("column"))
	}
	values, err := s.space.Column(ctx, m.GetName())
	if err != nil {
		return nil, ToStatus(err)
	}
	return &pb.ColumnResponse{Values: values}, nil
}

// SpaceClient is a space that lives at the other end of a connection. It
// checks what comes back.
type SpaceClient struct {
	client pb.SpaceClient
	opened opened
}

// NewSpaceClient returns the space that c leads to.
func NewSpaceClient(c grpc.ClientConnInterface) *SpaceClient {
	return &SpaceClient{client: pb.NewSpaceClient(c)}
}

// Describe implements plugins.Space.
func (c *SpaceClient) Describe(ctx context.Context) (plugins.Description, error) {
	m, err := c.client.Describe(ctx, &pb.DescribeRequest{})
	if err != nil {
		return plugins.Description{}, FromStatus(err)
	}
	d, err := fromproto.Description(m)
	if err != nil {
		return plugins.Description{}, fmt.Errorf("description: %w", err)
	}
	return d, nil
}

// Open implements plugins.Space.
func (c *SpaceClient) Open(ctx context.Context, options map[string]string) (plugins.SpaceInfo, error) {
	m, err := c.client.Open(ctx, &pb.OpenRequest{Options: options})
	if err != nil {
		return plugins.SpaceInfo{}, FromStatus(err)
	}
	info, err := fromproto.SpaceInfo(m)
	if err != nil {
		return plugins.SpaceInfo{}, fmt.Errorf("opened space: %w", err)
	}
	c.opened.set(&info)
	return info, nil
}

// Read implements plugins.Space.
func (c *SpaceClient) Read(ctx context.Context, lo, hi int) (plugins.Batch, []plugins.Identity, error) {
	info := c.opened.get()
	if info == nil {
		return plugins.Batch{}, nil, errNotOpen("read")
	}
	if lo < 0 || lo > hi || hi > info.Rows {
		return plugins.Batch{}, nil, fmt.Errorf("%w: rows %d to %d of %d", plugins.ErrInput, lo, hi, info.Rows)
	}
	batch, ids, err := read(ctx, c.client, &info.Vocabulary, lo, hi)
	if err != nil {
		return plugins.Batch{}, nil, err
	}
	if batch.Len() != hi-lo || len(ids) != hi-lo {
		return plugins.Batch{}, nil, fmt.Errorf("space returned %d architectures and %d identities for rows %d to %d", batch.Len(), len(ids), lo, hi)
	}
	return batch, ids, nil
}

// read makes the call of Read, and stops where more comes back than was asked
// for.
func read(ctx context.Context, client pb.SpaceClient, v *plugins.Vocabulary, lo, hi int) (plugins.Batch, []plugins.Identity, error) {
	// Returning early must end the call at the other end.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := client.Read(ctx, &pb.ReadRequest{Lo: int64(lo), Hi: int64(hi)})
	if err != nil {
		return plugins.Batch{}, nil, FromStatus(err)
	}
	rows := max(hi-lo, 0)
	batch := plugins.Batch{Networks: make([]plugins.Network, 0, rows), Numbers: make([]float64, 0, rows*len(v.Numbers))}
	ids := make([]plugins.Identity, 0, rows)
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return plugins.Batch{}, nil, FromStatus(err)
		}
		if _, err := fromproto.AppendBlock(&batch, v, m.GetBlock()); err != nil {
			return plugins.Batch{}, nil, fmt.Errorf("rows from %d on: %w", lo+len(ids), err)
		}
		if ids, err = fromproto.AppendIdentities(ids, m.GetIdentities()); err != nil {
			return plugins.Batch{}, nil, err
		}
		if batch.Len() > rows || len(ids) > rows {
			break
		}
	}
	return batch, ids, nil
}

// Column implements plugins.Space.
func (c *SpaceClient) Column(ctx context.Context, name string) ([]float64, error) {
	info := c.opened.get()
	if info == nil {
		return nil, errNotOpen("column")
	}
	m, err := c.client.Column(ctx, &pb.ColumnRequest{Name: name})
	if err != nil {
		return nil, FromStatus(err)
	}
	if len(m.GetValues()) != info.Rows {
		return nil, fmt.Errorf("column %s has %d values for %d rows", name, len(m.GetValues()), info.Rows)
	}
	for i, x := range m.GetValues() {
		if math.IsInf(x, 0) {
			return nil, fmt.Errorf("column %s is %v in row %d", name, x, i)
		}
	}
	return m.GetValues(), nil
}
