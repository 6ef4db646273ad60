package host

import (
	"context"
	"fmt"
	"io"
	"strconv"

	"github.com/hashicorp/go-plugin/runner"
)

// treeRunner lets go-plugin run a tree.
type treeRunner struct {
	name   string
	tree   *tree
	pin    *socketPin // nil where the plugin may listen wherever it says
	stdout *handshakeReader
	stderr *drain

	done   chan struct{} // closed when the tree has ended
	report report        // to be read once done is closed
}

var _ runner.Runner = (*treeRunner)(nil)

// newTreeRunner returns a runner of t. A plugin in a sandbox has to listen on a
// Unix socket in folder scratch; where scratch is "" it may listen anywhere.
func newTreeRunner(name string, t *tree, log *tail, scratch string) (*treeRunner, error) {
	stdout, err := t.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	stderr, err := t.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	var pin *socketPin
	if scratch != "" {
		pin = &socketPin{scratch: scratch}
	}
	return &treeRunner{
		name:   name,
		tree:   t,
		pin:    pin,
		stdout: &handshakeReader{ReadCloser: stdout, rest: &lineWriter{tail: log}},
		stderr: &drain{ReadCloser: stderr, to: &lineWriter{tail: log}},
		done:   make(chan struct{}),
	}, nil
}

// Start implements runner.Runner.
func (r *treeRunner) Start(context.Context) error {
	err := r.tree.cmd.Start()
	if startedErr := r.tree.started(); err == nil {
		err = startedErr
	}
	if err != nil {
		r.report = report{StartError: err.Error()}
		close(r.done)
	}
	return err
}

// Wait implements runner.AttachedRunner. go-plugin calls it once, when both
// pipes have ended.
func (r *treeRunner) Wait(context.Context) error {
	r.report = r.tree.wait()
	close(r.done)
	r.tree.release()
	return nil
}

// Kill implements runner.AttachedRunner.
func (r *treeRunner) Kill(context.Context) error {
	r.tree.kill()
	return nil
}

// Diagnose implements runner.Runner.
func (r *treeRunner) Diagnose(context.Context) string { return "" }

// Stdout implements runner.Runner.
func (r *treeRunner) Stdout() io.ReadCloser { return r.stdout }

// Stderr implements runner.Runner.
func (r *treeRunner) Stderr() io.ReadCloser { return r.stderr }

// Name implements runner.Runner.
func (r *treeRunner) Name() string { return r.name }

// ID implements runner.AttachedRunner.
func (r *treeRunner) ID() string {
	if r.tree.cmd.Process == nil {
		return "" // It could not be started.
	}
	return strconv.Itoa(r.tree.cmd.Process.Pid)
}

// PluginToHost implements runner.AddrTranslator. What a plugin in a sandbox
// prints is no reason to connect to anything: the host is not in the sandbox,
// and what answered it would not be either.
func (r *treeRunner) PluginToHost(network, address string) (string, string, error) {
	if r.pin == nil {
		return network, address, nil // Both ends see the same files.
	}
	path, err := r.pin.path(network, address)
	if err != nil {
		return "", "", &addressError{network, address, err}
	}
	return network, path, nil
}

// HostToPlugin implements runner.AddrTranslator.
func (r *treeRunner) HostToPlugin(network, address string) (string, string, error) {
	return network, address, nil
}

// addressError is of a handshake that names a place where a plugin in a
// sandbox can't listen.
type addressError struct {
	network, address string
	err              error
}

// Error implements error.
func (e *addressError) Error() string {
	return fmt.Sprintf("says that it listens on %s, %s: %v; in the sandbox it has to be a Unix socket in $PLUGIN_UNIX_SOCKET_DIR",
		quote(e.network), quote(e.address), e.err)
}

// Unwrap implements the interface of package errors.
func (e *addressError) Unwrap() error { return e.err }
