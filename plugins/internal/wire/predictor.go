package wire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"sync"

	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/plugins/internal/fromproto"
	pb "github.com/hypernas/hypernas/plugins/internal/hypernasv1"
	"github.com/hypernas/hypernas/plugins/internal/toproto"
	"google.golang.org/grpc"
)

// PredictorServer serves a predictor.
type PredictorServer struct {
	pb.UnimplementedPredictorServer
	predictor plugins.Predictor
	log       *slog.Logger

	mu     sync.Mutex
	fitted *plugins.Vocabulary // of the last Fit that succeeded
}

// NewPredictorServer returns a server of p, whose training messages go to
// log.
func NewPredictorServer(p plugins.Predictor, log *slog.Logger) *PredictorServer {
	return &PredictorServer{predictor: p, log: log}
}

// Describe answers with the predictor's description.
func (s *PredictorServer) Describe(ctx context.Context, _ *pb.DescribeRequest) (*pb.Description, error) {
	d, err := s.predictor.Describe(ctx)
	if err != nil {
		return nil, ToStatus(err)
	}
	return toproto.Description(d), nil
}

// Fit reads a training from the stream and hands it to the predictor.
func (s *PredictorServer) Fit(stream grpc.ClientStreamingServer[pb.FitRequest, pb.FitResponse]) error {
	t, err := receiveTraining(stream)
	if err != nil {
		return ToStatus(err)
	}
	t.Log = s.log
	fitted, err := s.predictor.Fit(stream.Context(), t)
	if err != nil {
		return ToStatus(err)
	}
	s.mu.Lock()
	s.fitted = &t.Vocabulary
	s.mu.Unlock()
	return stream.SendAndClose(&pb.FitResponse{Warnings: fitted.Warnings})
}

func receiveTraining(stream grpc.ClientStreamingServer[pb.FitRequest, pb.FitResponse]) (*plugins.Training, error) {
	first, err := stream.Recv()
	if err != nil {
		return nil, fmt.Errorf("receive training: %w", err)
	}
	header := first.GetHeader()
	v, err := readHeader(header, "fit")
	if err != nil {
		return nil, err
	}
	t := &plugins.Training{Vocabulary: v, Options: header.GetOptions(), Seed: header.GetSeed()}
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return t, nil
		}
		if err != nil {
			return nil, fmt.Errorf("receive training: %w", err)
		}
		switch part := m.GetPart().(type) {
		case *pb.FitRequest_Training:
			err = appendLabelled(t, part.Training)
		case *pb.FitRequest_Pool:
			_, err = fromproto.AppendBlock(&t.Pool, &t.Vocabulary, part.Pool)
		case *pb.FitRequest_Artifact:
			if t.Artifact != nil {
				err = errors.New("two artifacts")
			}
			t.Artifact = part.Artifact
		default:
			err = errors.New("neither training nor pool nor artifact")
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", plugins.ErrInput, err)
		}
	}
}

// readHeader returns the vocabulary of the header that call begins with, or
// should.
func readHeader(header *pb.FitHeader, call string) (plugins.Vocabulary, error) {
	if header == nil {
		return plugins.Vocabulary{}, fmt.Errorf("%w: %s does not begin with a header", plugins.ErrInput, call)
	}
	v, err := fromproto.Vocabulary(header.GetVocabulary())
	if err != nil {
		return v, fmt.Errorf("%w: %w", plugins.ErrInput, err)
	}
	return v, nil
}

func appendLabelled(t *plugins.Training, m *pb.LabelledBlock) error {
	rows, err := fromproto.AppendBlock(&t.Batch, &t.Vocabulary, m.GetBlock())
	if err != nil {
		return err
	}
	if len(m.GetLabels()) != rows {
		return fmt.Errorf("%d labels for %d architectures", len(m.GetLabels()), rows)
	}
	if i := notFinite(m.GetLabels()); i >= 0 {
		return fmt.Errorf("the label of row %d is %v", len(t.Labels)+i, m.GetLabels()[i])
	}
	t.Labels = append(t.Labels, m.GetLabels()...)
	return nil
}

// Predict hands one block to the predictor.
func (s *PredictorServer) Predict(ctx context.Context, m *pb.PredictRequest) (*pb.PredictResponse, error) {
	s.mu.Lock()
	v := s.fitted
	s.mu.Unlock()
	if v == nil {
		return nil, ToStatus(fmt.Errorf("predict: %w", plugins.ErrNotFitted))
	}
	var b plugins.Batch
	if _, err := fromproto.AppendBlock(&b, v, m.GetBlock()); err != nil {
		return nil, ToStatus(fmt.Errorf("%w: %w", plugins.ErrInput, err))
	}
	values, err := s.predictor.Predict(ctx, &b)
	if err != nil {
		return nil, ToStatus(err)
	}
	return &pb.PredictResponse{Values: values}, nil
}

// PredictorClient is a predictor that lives at the other end of a connection.
// It checks what it is given and what comes back.
type PredictorClient struct {
	client pb.PredictorClient

	mu     sync.Mutex
	fitted *plugins.Vocabulary // of the last Fit that succeeded
}

// NewPredictorClient returns the predictor that c leads to.
func NewPredictorClient(c grpc.ClientConnInterface) *PredictorClient {
	return &PredictorClient{client: pb.NewPredictorClient(c)}
}

// Describe implements plugins.Predictor.
func (c *PredictorClient) Describe(ctx context.Context) (plugins.Description, error) {
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

// Fit implements plugins.Predictor. Training.Log is not used: what the
// predictor logs arrives on the other process's standard error.
func (c *PredictorClient) Fit(ctx context.Context, t *plugins.Training) (plugins.Fitted, error) {
	if len(t.Labels) != t.Batch.Len() {
		return plugins.Fitted{}, fmt.Errorf("%w: %d labels for %d architectures", plugins.ErrInput, len(t.Labels), t.Batch.Len())
	}
	if i := notFinite(t.Labels); i >= 0 {
		return plugins.Fitted{}, fmt.Errorf("%w: the label of row %d is %v", plugins.ErrInput, i, t.Labels[i])
	}
	fitted, err := fit(ctx, c.client, t)
	if err != nil {
		return plugins.Fitted{}, err
	}
	v := t.Vocabulary
	c.mu.Lock()
	c.fitted = &v
	c.mu.Unlock()
	return fitted, nil
}

// fit makes the call of Fit, without a look at what it sends.
func fit(ctx context.Context, client pb.PredictorClient, t *plugins.Training) (plugins.Fitted, error) {
	// Returning before the other end has answered must end the call there.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := client.Fit(ctx)
	if err != nil {
		return plugins.Fitted{}, FromStatus(err)
	}
	// Send reports io.EOF where the other end has answered already, or is
	// gone; CloseAndRecv says which.
	err = sendTraining(stream, t)
	if err != nil && !errors.Is(err, io.EOF) {
		return plugins.Fitted{}, FromStatus(err)
	}
	m, err := stream.CloseAndRecv()
	if err != nil {
		return plugins.Fitted{}, FromStatus(err)
	}
	return plugins.Fitted{Warnings: m.GetWarnings()}, nil
}

func sendTraining(stream grpc.ClientStreamingClient[pb.FitRequest, pb.FitResponse], t *plugins.Training) error {
	header := &pb.FitHeader{Vocabulary: toproto.Vocabulary(&t.Vocabulary), Options: t.Options, Seed: t.Seed}
	if err := stream.Send(&pb.FitRequest{Part: &pb.FitRequest_Header{Header: header}}); err != nil {
		return err
	}
	for lo := 0; lo < t.Batch.Len(); {
		block, hi, err := toproto.Block(&t.Vocabulary, &t.Batch, lo)
		if err != nil {
			return fmt.Errorf("%w: training: %w", plugins.ErrInput, err)
		}
		labelled := &pb.LabelledBlock{Block: block, Labels: t.Labels[lo:hi]}
		if err := stream.Send(&pb.FitRequest{Part: &pb.FitRequest_Training{Training: labelled}}); err != nil {
			return err
		}
		lo = hi
	}
	if len(t.Artifact) > 0 {
		if err := checkArtifact(t.Artifact); err != nil {
			return fmt.Errorf("%w: %w", plugins.ErrInput, err)
		}
		if err := stream.Send(&pb.FitRequest{Part: &pb.FitRequest_Artifact{Artifact: t.Artifact}}); err != nil {
			return err
		}
	}
	return sendPool(&t.Vocabulary, &t.Pool, func(block *pb.Block) error {
		return stream.Send(&pb.FitRequest{Part: &pb.FitRequest_Pool{Pool: block}})
	})
}

// Predict implements plugins.Predictor. It sends b in blocks, one call each,
// and encodes the next block while the other end is busy with the last.
func (c *PredictorClient) Predict(ctx context.Context, b *plugins.Batch) ([]float64, error) {
	c.mu.Lock()
	v := c.fitted
	c.mu.Unlock()
	if v == nil {
		return nil, fmt.Errorf("predict: %w", plugins.ErrNotFitted)
	}
	ctx, cancel := context.WithCancel(ctx)
	blocks := encodeBlocks(ctx, v, b)
	defer func() {
		cancel()
		for range blocks { // until the encoder has ended
		}
	}()
	values := make([]float64, 0, b.Len())
	for next := range blocks {
		if next.err != nil {
			return nil, fmt.Errorf("%w: %w", plugins.ErrInput, next.err)
		}
		m, err := c.client.Predict(ctx, &pb.PredictRequest{Block: next.block})
		if err != nil {
			return nil, FromStatus(err)
		}
		if got := len(m.GetValues()); got != next.rows {
			return nil, fmt.Errorf("returned %d predictions for %d architectures", got, next.rows)
		}
		if i := notFinite(m.GetValues()); i >= 0 {
			return nil, fmt.Errorf("returned %v as the prediction of architecture %d", m.GetValues()[i], len(values)+i)
		}
		values = append(values, m.GetValues()...)
	}
	return values, ctx.Err()
}

type encodedBlock struct {
	block *pb.Block
	rows  int
	err   error
}

// encodeBlocks encodes b and closes the channel when it is done, has failed,
// or ctx has ended.
func encodeBlocks(ctx context.Context, v *plugins.Vocabulary, b *plugins.Batch) <-chan encodedBlock {
	blocks := make(chan encodedBlock)
	go func() {
		defer close(blocks)
		for lo := 0; lo < b.Len(); {
			block, hi, err := toproto.Block(v, b, lo)
			select {
			case blocks <- encodedBlock{block, hi - lo, err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
			lo = hi
		}
	}()
	return blocks
}

// notFinite returns the index of the first value that is NaN or infinite, or
// -1.
func notFinite(values []float64) int {
	for i, x := range values {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return i
		}
	}
	return -1
}
