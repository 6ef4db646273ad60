package host

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"sync"

	"github.com/hypernas/hypernas/plugins/internal/wire"
)

// order says how a plugin's process is started.
type order struct {
	Path        string
	Args        []string // args[0] included
	Env         []string
	Dir         string // scratch folder; it is removed at the end
	MemoryBytes int64  // 0 means no limit
	Confinement confinement
}

// report is what is known of a process tree once it has ended.
type report struct {
	StartError string // why the plugin could not be started, or ""
	Killed     bool   // by kill, or because the host was gone
	Exited     bool   // by itself, with Status
	Status     int
	Signal     string // such as SIGKILL: what killed it where nobody here did, or ""
	// HeldBytes is what the tree held when it was killed for exceeding its
	// memory limit, 0 where it was not.
	HeldBytes  int64
	CPUSeconds float64  // user and system, of the whole tree where it is supervised
	PeakBytes  int64    // of resident memory: of the tree as it was seen, and of its largest process; 0 where it is not known
	Lost       string   // why the rest of the report is missing, or ""
	Held       confined // where it is supervised
}

// tree is a plugin's process with all that descends from it.
type tree struct {
	cmd *exec.Cmd // not yet started; its Stdin is set, its Stdout and Stderr are not
	// started is called once cmd has been started, or has failed to.
	started func() error
	// kill ends the tree; it may be called at any time and more than once.
	kill func()
	// wait waits until nothing of the plugin is left, and returns the report.
	wait func() report
	// release is called after wait, and waits until what watched over the
	// plugin has ended too.
	release func()
}

// newDirect returns a tree without a supervisor. What descends from the
// process is killed only where it stays in its process group. The process's
// standard input is a pipe that nothing is ever written to and that closes
// with the host, whatever ends the host: package serve ends the process then.
func newDirect(o order) (*tree, error) {
	lifelineRead, lifelineWrite, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	d := &direct{}
	cmd := exec.Command(o.Path)
	cmd.Args, cmd.Dir, cmd.Stdin = o.Args, o.Dir, lifelineRead
	cmd.Env = append(o.Env, wire.LifelineKey+"="+o.Dir)
	ownGroup(cmd)
	return &tree{
		cmd:  cmd,
		kill: d.kill,
		started: func() error {
			err := lifelineRead.Close()
			if cmd.Process == nil {
				return errors.Join(err, lifelineWrite.Close())
			}
			d.run(cmd.Process, o.MemoryBytes)
			return err
		},
		wait: func() report {
			err := waitAndKillGroup(cmd, d.letGo)
			_ = lifelineWrite.Close()
			return d.end(cmd.ProcessState, err)
		},
		release: func() {},
	}, nil
}

// direct is the state of a tree without a supervisor.
type direct struct {
	mu      sync.Mutex
	killed  bool
	process *os.Process // nil before the start, and once it is let go

	highWater int64 // peak resident set of the process when it was killed; 0 where not known

	stop                 chan struct{} // ends the watch
	watched              sync.WaitGroup
	heldBytes, peakBytes int64 // to be read after the watch
}

func (d *direct) kill() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.process != nil {
		if !d.killed {
			d.highWater = highWater(d.process.Pid)
		}
		killGroup(d.process)
	}
	d.killed = true
}

// run takes p as the process and watches its memory.
func (d *direct) run(p *os.Process, limit int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.process = p
	if d.killed {
		killGroup(p)
	}
	d.stop = make(chan struct{})
	d.watched.Go(func() {
		d.heldBytes, d.peakBytes = watchMemory(p.Pid, limit, d.stop)
		if d.heldBytes > 0 {
			d.kill()
		}
	})
}

// letGo kills what is left of the process's group and forgets the process,
// whose number may soon be that of another.
func (d *direct) letGo() {
	close(d.stop)
	d.watched.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	killGroup(d.process)
	d.process = nil
}

// end returns the report of a process that was let go and has ended with state
// s, or could not be waited for because of err.
func (d *direct) end(s *os.ProcessState, err error) report {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s == nil {
		return report{Lost: fmt.Sprintf("its end could not be seen: %v", err)}
	}
	r := report{
		HeldBytes:  d.heldBytes,
		Exited:     s.Exited(),
		Status:     s.ExitCode(),
		CPUSeconds: (s.UserTime() + s.SystemTime()).Seconds(),
		PeakBytes:  max(d.peakBytes, d.highWater),
	}
	r.PeakBytes = max(r.PeakBytes, peakBytes(s))
	switch {
	case d.killed && (!r.Exited || runtime.GOOS == "windows"): // where a killed process exits with 1
		r.Killed, r.Exited = true, false
	case !r.Exited:
		r.Signal = signalName(s)
	}
	return r
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
