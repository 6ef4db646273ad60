package host_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hypernas/hypernas/plugins/host"
)

// TestThePluginDoesNotSayWhereTheHostConnects has oracles outside the sandbox
// and plugins whose handshakes lead there.
func TestThePluginDoesNotSayWhereTheHostConnects(t *testing.T) {
	t.Parallel()
	dir := shortDirTree(t)
	oracle := filepath.Join(dir, "oracle")
	abstract := fmt.Sprintf("@hypernas-oracle-%d", os.Getpid())
	var addresses []string
	for _, place := range []struct{ network, address string }{
		{"tcp4", "127.0.0.1:0"}, {"unix", oracle}, {"unix", abstract},
	} {
		l, err := net.Listen(place.network, place.address)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = l.Close() }()
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return // closed at the end
				}
				t.Errorf("the host connected to %s", place.address)
				_ = c.Close()
			}
		}()
		addresses = append(addresses, l.Addr().String())
	}
	for i, tc := range []struct{ prepare, network, address, want string }{
		{"true", "tcp", addresses[0], "it is no Unix socket"},
		{"true", "unix", oracle, "it is not in the plugin's scratch folder"},
		{"true", "unix", abstract, "it is no absolute path"},
		{"true", "unix", "oracle", "it is no absolute path"},
		{"true", "unix", "$PLUGIN_UNIX_SOCKET_DIR/../../oracle", "it is not in the plugin's scratch folder"},
		{"ln -s " + oracle + " $PLUGIN_UNIX_SOCKET_DIR/s", "unix", "$PLUGIN_UNIX_SOCKET_DIR/s", "there is no socket"},
		{"ln -s " + dir + " $PLUGIN_UNIX_SOCKET_DIR/d", "unix", "$PLUGIN_UNIX_SOCKET_DIR/d/oracle", "not a directory"},
		{"touch $PLUGIN_UNIX_SOCKET_DIR/f", "unix", "$PLUGIN_UNIX_SOCKET_DIR/f", "there is no socket"},
		{"true", "unix", "$PLUGIN_UNIX_SOCKET_DIR/none", "no such file"},
	} {
		script := filepath.Join(dir, fmt.Sprint("plugin", i), "rogue.sh")
		text := fmt.Sprintf("#!/bin/sh\n%s\necho \"1|1|%s|%s|grpc|\"\nsleep 600\n", tc.prepare, tc.network, tc.address)
		if err := os.MkdirAll(filepath.Dir(script), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(script, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
		plugin, err := host.External(host.KindPredictor, "rogue", script)
		if err != nil {
			t.Fatal(err)
		}
		_, err = host.LaunchPredictor(t.Context(), plugin, host.Options{Limits: limits(), TempDir: shortDir(t)})
		var failure *host.Failure
		if !errors.As(err, &failure) {
			t.Errorf("%s %s: got %v, want a failure", tc.network, tc.address, err)
			continue
		}
		if !strings.HasPrefix(failure.Reason, "says that it listens on ") || !strings.Contains(failure.Reason, tc.want) {
			t.Errorf("%s %s: got %q, want %q in it", tc.network, tc.address, failure.Reason, tc.want)
		}
	}
}
