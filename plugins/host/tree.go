package host

import (
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"sync"
)

// order is what a plugin's process is started with.
type order struct {
	Path        string
	Args        []string // args[0] included
	Env         []string
	Dir         string // scratch folder; it is removed at the end
	MemoryBytes int64  // 0 means no limit
}

// report is what is known of a process tree once it has ended.
type report struct {
	StartError string // why the plugin could not be started, or ""
	Killed     bool   // by kill, or because the host was gone
	Exited     bool   // by itself, with Status
	Status     int
	Signal     string // what killed it where nobody here did, or ""
	// HeldBytes is what the tree held when it was killed for exceeding its
	// memory limit, 0 where it was not.
	HeldBytes  int64
	CPUSeconds float64 // user and system, of the whole tree where it is supervised
	PeakBytes  int64   // of resident memory: of the tree as it was seen, and of its largest process
	Lost       string  // why the rest of the report is missing, or ""
}

// tree is a plugin's process with all that descends from it.
type tree struct {
	cmd *exec.Cmd // not yet started; its Stdin is set, its Stdout and Stderr are not
	// started is called once cmd has been started, or has failed to.
	started func() error
	// kill ends the tree; it may be called at any time and more than once.
	kill func()
	// wait waits for cmd, and returns the report.
	wait func() report
}

// newDirect returns a tree that is no more than a process: what descends from
// it is killed only where it stays in its process group, and its memory is
// not watched.
func newDirect(o order) (*tree, error) {
	cmd := exec.Command(o.Path, o.Args[1:]...)
	cmd.Args, cmd.Env, cmd.Dir = o.Args, o.Env, o.Dir
	ownGroup(cmd)
	var mu sync.Mutex
	var killed, running bool
	t := &tree{cmd: cmd}
	t.started = func() error {
		mu.Lock()
		defer mu.Unlock()
		running = cmd.Process != nil
		if killed && running {
			killGroup(cmd.Process)
		}
		return nil
	}
	t.kill = func() {
		mu.Lock()
		defer mu.Unlock()
		killed = true
		if running {
			killGroup(cmd.Process)
		}
	}
	t.wait = func() report {
		err := cmd.Wait()
		mu.Lock()
		defer mu.Unlock()
		if cmd.ProcessState == nil {
			return report{Lost: fmt.Sprint(err)}
		}
		// The group has no leader any more, and its number may be another's
		// once the last member is gone.
		running = false
		s := cmd.ProcessState
		r := report{
			Exited:     s.Exited(),
			Status:     s.ExitCode(),
			CPUSeconds: (s.UserTime() + s.SystemTime()).Seconds(),
			PeakBytes:  peakBytes(s),
		}
		switch {
		case killed && (!r.Exited || runtime.GOOS == "windows"): // where a killed process exits with 1
			r.Killed, r.Exited = true, false
		case !r.Exited:
			r.Signal = s.String()
		}
		return r
	}
	return t, nil
}

// handshakeReader gives go-plugin the first line of a plugin's standard
// output, which is the handshake, and nothing of what follows; that goes to
// rest. A plugin that prints never blocks, and never confuses go-plugin.
type handshakeReader struct {
	io.ReadCloser // the pipe
	rest          *lineWriter

	mu   sync.Mutex
	line []byte // the first line so far, without its end
	done bool   // line is complete
}

// handshakeBytes bounds the first line; a handshake has about 100 bytes.
const handshakeBytes = 4 << 10

// Read implements io.Reader.
func (r *handshakeReader) Read(p []byte) (int, error) {
	r.mu.Lock()
	done := r.done
	r.mu.Unlock()
	if done {
		_, err := io.Copy(r.rest, r.ReadCloser)
		r.rest.flush()
		if err == nil {
			err = io.EOF
		}
		return 0, err
	}
	n, err := r.ReadCloser.Read(p)
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, b := range p[:n] {
		if b == '\n' || len(r.line) == handshakeBytes {
			r.done = true
			_, _ = r.rest.Write(p[i+1 : n])
			// What is left of p ends the line for go-plugin.
			p[i] = '\n'
			return i + 1, nil
		}
		r.line = append(r.line, b)
	}
	return n, err
}

// first returns the first line as far as it has come, and whether it has
// ended.
func (r *handshakeReader) first() (string, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return string(r.line), r.done
}

// drain feeds a plugin's standard error to a lineWriter. Its reader sees
// nothing of it: go-plugin panics on lines such as {"@level":1}.
type drain struct {
	io.ReadCloser // the pipe
	to            *lineWriter
}

// Read implements io.Reader; it returns when the pipe has ended.
func (d *drain) Read([]byte) (int, error) {
	_, err := io.Copy(d.to, d.ReadCloser)
	d.to.flush()
	if err == nil {
		err = io.EOF
	}
	return 0, err
}
