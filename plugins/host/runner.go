package host

import (
	"context"
	"io"
	"strconv"

	"github.com/hashicorp/go-plugin/runner"
)

// treeRunner lets go-plugin run a tree.
type treeRunner struct {
	name   string
	tree   *tree
	stdout *handshakeReader
	stderr *drain

	done   chan struct{} // closed when the tree has ended
	report report        // to be read once done is closed
}

var _ runner.Runner = (*treeRunner)(nil)

func newTreeRunner(name string, t *tree, log *tail) (*treeRunner, error) {
	stdout, err := t.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	stderr, err := t.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	return &treeRunner{
		name:   name,
		tree:   t,
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

// PluginToHost implements runner.AddrTranslator: both ends see the same
// files.
func (r *treeRunner) PluginToHost(network, address string) (string, string, error) {
	return network, address, nil
}

// HostToPlugin implements runner.AddrTranslator.
func (r *treeRunner) HostToPlugin(network, address string) (string, string, error) {
	return network, address, nil
}
