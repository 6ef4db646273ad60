package wire_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/plugins/internal/wire"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestErrorsKeepTheirIdentityAndText(t *testing.T) {
	sentinels := []error{
		plugins.ErrOption, plugins.ErrInput, plugins.ErrUnsupported, plugins.ErrNotFitted, plugins.ErrDataMissing,
		context.Canceled, context.DeadlineExceeded,
	}
	for i, want := range sentinels {
		sent := fmt.Errorf("fit np: %w: more", want)
		got := wire.FromStatus(wire.ToStatus(sent))
		for j, other := range sentinels {
			if errors.Is(got, other) != (i == j) {
				t.Errorf("%v arrives as %v, which is %v: %t", sent, got, other, errors.Is(got, other))
			}
		}
		if got.Error() != sent.Error() {
			t.Errorf("got text %q, want %q", got, sent)
		}
	}
}

func TestAPluginsOwnErrorIsNotTakenForABrokenConnection(t *testing.T) {
	var own *wire.Error
	if err := wire.FromStatus(wire.ToStatus(errors.New("no luck"))); !errors.As(err, &own) || err.Error() != "no luck" {
		t.Errorf("got %v, want the plugin's own error", err)
	}
	broken := status.Error(codes.Unavailable, "connection reset")
	if err := wire.FromStatus(broken); errors.As(err, &own) || status.Code(err) != codes.Unavailable {
		t.Errorf("got %v, want the status as it was", err)
	}
	if err := wire.FromStatus(nil); err != nil {
		t.Errorf("got %v for no error", err)
	}
	if err := wire.ToStatus(nil); err != nil {
		t.Errorf("got %v for no error", err)
	}
}

func TestTextOfAnErrorIsBounded(t *testing.T) {
	err := wire.FromStatus(wire.ToStatus(errors.New(strings.Repeat("ü", 1<<20) + "\xff")))
	if n := len(err.Error()); n > 5<<10 || !strings.HasPrefix(err.Error(), "ü") {
		t.Errorf("got a text of %d bytes", n)
	}
}
