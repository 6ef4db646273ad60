package wire

import (
	"context"
	"errors"

	goplugin "github.com/hashicorp/go-plugin"
	"github.com/hypernas/hypernas/plugins"
	pb "github.com/hypernas/hypernas/plugins/internal/hypernasv1"
	"google.golang.org/grpc"
)

// The handshake between a host and a plugin process.
const (
	ProtocolVersion = 1
	CookieKey       = "HYPERNAS_PLUGIN"
	CookieValue     = "hypernas.v1"
)

// LifelineKey is the environment variable that tells a process that its
// standard input is a pipe which closes when the host is gone. The process is
// to remove the folder that the variable names, and to end.
const LifelineKey = "HYPERNAS_LIFELINE"

// Names of the two kinds of plugin in a go-plugin plugin set.
const (
	PredictorName = "predictor"
	SpaceName     = "space"
)

// Handshake returns the handshake in go-plugin's form.
func Handshake() goplugin.HandshakeConfig {
	return goplugin.HandshakeConfig{ProtocolVersion: ProtocolVersion, MagicCookieKey: CookieKey, MagicCookieValue: CookieValue}
}

// windowBytes is the flow-control window of a stream and of a connection. A
// block arrives in one go instead of in pieces of 64 KiB, each of which waits
// for the other end.
const windowBytes = 4 << 20

// NewServer returns a gRPC server with the contract's limits.
func NewServer(options []grpc.ServerOption) *grpc.Server {
	return grpc.NewServer(append(options,
		grpc.MaxRecvMsgSize(pb.MessageBytes), grpc.MaxSendMsgSize(pb.MessageBytes),
		grpc.InitialWindowSize(windowBytes), grpc.InitialConnWindowSize(windowBytes),
	)...)
}

// DialOptions returns the options with the contract's limits for a client.
func DialOptions() []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(pb.MessageBytes), grpc.MaxCallSendMsgSize(pb.MessageBytes)),
		grpc.WithInitialWindowSize(windowBytes), grpc.WithInitialConnWindowSize(windowBytes),
	}
}

// PredictorPlugin puts a predictor into a go-plugin plugin set. The host
// leaves Service nil.
type PredictorPlugin struct {
	goplugin.NetRPCUnsupportedPlugin
	Service *PredictorServer
}

// GRPCServer registers p.Service.
func (p *PredictorPlugin) GRPCServer(_ *goplugin.GRPCBroker, s *grpc.Server) error {
	if p.Service == nil {
		return errors.New("no predictor to serve")
	}
	pb.RegisterPredictorServer(s, p.Service)
	return nil
}

// GRPCClient returns a *PredictorClient.
func (p *PredictorPlugin) GRPCClient(_ context.Context, _ *goplugin.GRPCBroker, c *grpc.ClientConn) (any, error) {
	return NewPredictorClient(c), nil
}

// SpacePlugin puts a space into a go-plugin plugin set. The host leaves
// Service nil.
type SpacePlugin struct {
	goplugin.NetRPCUnsupportedPlugin
	Service *SpaceServer
}

// GRPCServer registers p.Service.
func (p *SpacePlugin) GRPCServer(_ *goplugin.GRPCBroker, s *grpc.Server) error {
	if p.Service == nil {
		return errors.New("no space to serve")
	}
	pb.RegisterSpaceServer(s, p.Service)
	return nil
}

// GRPCClient returns a *SpaceClient.
func (p *SpacePlugin) GRPCClient(_ context.Context, _ *goplugin.GRPCBroker, c *grpc.ClientConn) (any, error) {
	return NewSpaceClient(c), nil
}

var (
	_ goplugin.GRPCPlugin = (*PredictorPlugin)(nil)
	_ goplugin.GRPCPlugin = (*SpacePlugin)(nil)
	_ plugins.Predictor   = (*PredictorClient)(nil)
	_ plugins.Space       = (*SpaceClient)(nil)
)
