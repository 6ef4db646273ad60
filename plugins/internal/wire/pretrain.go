package wire

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/plugins/internal/fromproto"
	pb "github.com/hypernas/hypernas/plugins/internal/hypernasv1"
	"github.com/hypernas/hypernas/plugins/internal/toproto"
	"google.golang.org/grpc"
)

var _ plugins.Pretrainer = (*PredictorClient)(nil)

// Pretrain reads a pretraining from the stream and hands it to the predictor.
func (s *PredictorServer) Pretrain(stream grpc.ClientStreamingServer[pb.PretrainRequest, pb.PretrainResponse]) error {
	pretrainer, ok := s.predictor.(plugins.Pretrainer)
	if !ok {
		return ToStatus(fmt.Errorf("%w: the predictor has no pretraining", plugins.ErrUnsupported))
	}
	p, err := receivePretraining(stream)
	if err != nil {
		return ToStatus(err)
	}
	p.Log = s.log
	artifact, err := pretrainer.Pretrain(stream.Context(), p)
	if err == nil {
		err = checkArtifact(artifact)
	}
	if err != nil {
		return ToStatus(err)
	}
	return stream.SendAndClose(&pb.PretrainResponse{Artifact: artifact})
}

// checkArtifact returns an error unless an artifact has a size that it may
// have.
func checkArtifact(artifact []byte) error {
	if n := len(artifact); n == 0 || n > plugins.MaxArtifact {
		return fmt.Errorf("pretraining returned an artifact of %d bytes; it may have 1 to %d", n, plugins.MaxArtifact)
	}
	return nil
}

func receivePretraining(stream grpc.ClientStreamingServer[pb.PretrainRequest, pb.PretrainResponse]) (*plugins.Pretraining, error) {
	first, err := stream.Recv()
	if err != nil {
		return nil, fmt.Errorf("receive pretraining: %w", err)
	}
	header := first.GetHeader()
	v, err := readHeader(header, "pretrain")
	if err != nil {
		return nil, err
	}
	p := &plugins.Pretraining{Vocabulary: v, Options: header.GetOptions(), Seed: header.GetSeed()}
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("receive pretraining: %w", err)
		}
		block, ok := m.GetPart().(*pb.PretrainRequest_Pool)
		if !ok {
			return nil, fmt.Errorf("%w: a message after the first is no pool", plugins.ErrInput)
		}
		if _, err := fromproto.AppendBlock(&p.Pool, &p.Vocabulary, block.Pool); err != nil {
			return nil, fmt.Errorf("%w: %w", plugins.ErrInput, err)
		}
	}
	if p.Pool.Len() == 0 {
		return nil, fmt.Errorf("%w: pretraining without architectures", plugins.ErrInput)
	}
	return p, nil
}

// Pretrain implements plugins.Pretrainer; the error wraps
// plugins.ErrUnsupported where the predictor at the other end is none.
// Pretraining.Log is not used; see Fit.
func (c *PredictorClient) Pretrain(ctx context.Context, p *plugins.Pretraining) ([]byte, error) {
	// Returning before the other end has answered must end the call there.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := c.client.Pretrain(ctx)
	if err != nil {
		return nil, FromStatus(err)
	}
	// Send reports io.EOF where the other end has answered already, or is
	// gone; CloseAndRecv says which.
	err = sendPretraining(stream, p)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, FromStatus(err)
	}
	m, err := stream.CloseAndRecv()
	if err != nil {
		return nil, FromStatus(err)
	}
	if err := checkArtifact(m.GetArtifact()); err != nil {
		return nil, err
	}
	return m.GetArtifact(), nil
}

func sendPretraining(stream grpc.ClientStreamingClient[pb.PretrainRequest, pb.PretrainResponse], p *plugins.Pretraining) error {
	header := &pb.FitHeader{Vocabulary: toproto.Vocabulary(&p.Vocabulary), Options: p.Options, Seed: p.Seed}
	if err := stream.Send(&pb.PretrainRequest{Part: &pb.PretrainRequest_Header{Header: header}}); err != nil {
		return err
	}
	return sendPool(&p.Vocabulary, &p.Pool, func(block *pb.Block) error {
		return stream.Send(&pb.PretrainRequest{Part: &pb.PretrainRequest_Pool{Pool: block}})
	})
}

// sendPool sends unlabelled architectures in blocks.
func sendPool(v *plugins.Vocabulary, pool *plugins.Batch, send func(*pb.Block) error) error {
	for lo := 0; lo < pool.Len(); {
		block, hi, err := toproto.Block(v, pool, lo)
		if err != nil {
			return fmt.Errorf("%w: pool: %w", plugins.ErrInput, err)
		}
		if err := send(block); err != nil {
			return err
		}
		lo = hi
	}
	return nil
}
