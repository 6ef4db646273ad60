package wire

import (
	"context"
	"errors"
	"strings"

	"github.com/hypernas/hypernas/plugins"
	pb "github.com/hypernas/hypernas/plugins/internal/hypernasv1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// messageBytes bounds the text of an error on the wire. It travels in the
// trailer of a call, whose size is limited.
const messageBytes = 4 << 10

// kindOf lists what a sentinel of package plugins is on the wire.
func kindOf(err error) (pb.ErrorKind, codes.Code) {
	switch {
	case errors.Is(err, plugins.ErrOption):
		return pb.ErrorKind_ERROR_KIND_OPTION, codes.InvalidArgument
	case errors.Is(err, plugins.ErrInput):
		return pb.ErrorKind_ERROR_KIND_INPUT, codes.InvalidArgument
	case errors.Is(err, plugins.ErrUnsupported):
		return pb.ErrorKind_ERROR_KIND_UNSUPPORTED, codes.Unimplemented
	case errors.Is(err, plugins.ErrNotFitted):
		return pb.ErrorKind_ERROR_KIND_NOT_FITTED, codes.FailedPrecondition
	case errors.Is(err, plugins.ErrDataMissing):
		return pb.ErrorKind_ERROR_KIND_DATA_MISSING, codes.NotFound
	default:
		return pb.ErrorKind_ERROR_KIND_UNSPECIFIED, codes.Unknown
	}
}

func sentinel(kind pb.ErrorKind) error {
	switch kind {
	case pb.ErrorKind_ERROR_KIND_OPTION:
		return plugins.ErrOption
	case pb.ErrorKind_ERROR_KIND_INPUT:
		return plugins.ErrInput
	case pb.ErrorKind_ERROR_KIND_UNSUPPORTED:
		return plugins.ErrUnsupported
	case pb.ErrorKind_ERROR_KIND_NOT_FITTED:
		return plugins.ErrNotFitted
	case pb.ErrorKind_ERROR_KIND_DATA_MISSING:
		return plugins.ErrDataMissing
	default:
		return nil
	}
}

// ToStatus returns err as a gRPC status error that FromStatus understands.
func ToStatus(err error) error {
	if err == nil {
		return nil
	}
	message := strings.ToValidUTF8(err.Error(), "\uFFFD")
	if len(message) > messageBytes {
		message = strings.ToValidUTF8(message[:messageBytes], "") + " …"
	}
	switch {
	case errors.Is(err, context.Canceled):
		return status.Error(codes.Canceled, message)
	case errors.Is(err, context.DeadlineExceeded):
		return status.Error(codes.DeadlineExceeded, message)
	}
	kind, code := kindOf(err)
	s, detailErr := status.New(code, message).WithDetails(&pb.ErrorDetail{Kind: kind})
	if detailErr != nil {
		return status.Error(code, message)
	}
	return s.Err()
}

// Error is an error that a plugin returned. It wraps the sentinel that the
// plugin's error wrapped.
type Error struct {
	message  string
	sentinel error
}

// Error returns the plugin's own text.
func (e *Error) Error() string { return e.message }

// Unwrap returns a sentinel of package plugins, a context error, or nil.
func (e *Error) Unwrap() error { return e.sentinel }

// FromStatus returns the error that the other end gave to ToStatus as an
// *Error. An error that did not come from there, such as that of a broken
// connection, is returned as it is: it carries a gRPC status.
func FromStatus(err error) error {
	s, ok := status.FromError(err)
	if err == nil || !ok {
		return err
	}
	switch s.Code() {
	case codes.Canceled:
		return &Error{s.Message(), context.Canceled}
	case codes.DeadlineExceeded:
		return &Error{s.Message(), context.DeadlineExceeded}
	}
	for _, d := range s.Details() {
		if detail, ok := d.(*pb.ErrorDetail); ok {
			return &Error{s.Message(), sentinel(detail.GetKind())}
		}
	}
	return err
}
