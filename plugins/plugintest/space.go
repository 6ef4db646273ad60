package plugintest

import (
	"context"
	"errors"
	"testing"

	"github.com/hypernas/hypernas/plugins"
	"github.com/hypernas/hypernas/plugins/conform"
	"github.com/hypernas/hypernas/plugins/internal/wire"
)

// Space checks the space that create returns, a new one for each opening: all
// that [conform.CheckSpace] does.
func Space(t *testing.T, create func() plugins.Space, options ...Option) {
	t.Helper()
	s := newSettings(options)
	start := func(context.Context) (conform.Space, func() error, error) {
		return serveSpace(t, create()), func() error { return nil }, nil
	}
	if err := conform.CheckSpace(t.Context(), start, s, report(t)); err != nil {
		t.Fatal(err)
	}
	t.Run("bounds, directly", func(t *testing.T) {
		// The other end of a connection does not get that far.
		space := create()
		info, err := space.Open(t.Context(), s.Options)
		if err != nil {
			t.Fatal(err)
		}
		for _, bounds := range [][2]int{{-1, 1}, {2, 1}, {0, info.Rows + 1}} {
			if _, _, err := space.Read(t.Context(), bounds[0], bounds[1]); !errors.Is(err, plugins.ErrInput) {
				t.Errorf("Read of rows %d to %d of %d returns %v, want an error that wraps plugins.ErrInput", bounds[0], bounds[1], info.Rows, err)
			}
		}
	})
}

// ServeSpace serves s over gRPC until the test ends, and returns the space at
// the other end.
func ServeSpace(t testing.TB, s plugins.Space) plugins.Space {
	t.Helper()
	return serveSpace(t, s)
}

func serveSpace(t testing.TB, s plugins.Space) *wire.SpaceClient {
	t.Helper()
	return wire.NewSpaceClient(connect(t, registerSpace(wire.NewSpaceServer(s))))
}
