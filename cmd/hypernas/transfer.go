package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"

	"github.com/hypernas/hypernas/spaces/registry"
)

// transfer shows how far files are on their way into the cache: one bar over
// all of them on a terminal, and elsewhere a line for each file that came and,
// for one that takes long, now and then.
type transfer struct {
	out  io.Writer
	bars *mpb.Progress // nil where there is no terminal
	bar  *mpb.Bar

	mu       sync.Mutex
	name     string // of the file at hand
	size     int64  // of the file at hand
	before   int64  // bytes of the files before it
	lastLine time.Time
}

// newTransfer shows a transfer of about total bytes.
func newTransfer(out io.Writer, total int64) *transfer {
	t := &transfer{out: out, lastLine: time.Now()}
	if f, ok := out.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		t.bars = mpb.New(mpb.WithOutput(out), mpb.WithWidth(24))
		t.bar = t.bars.AddBar(total,
			mpb.PrependDecorators(decor.Counters(decor.SizeB1000(0), "% .1f of % .1f")),
			mpb.AppendDecorators(
				decor.AverageSpeed(decor.SizeB1000(0), " % .1f", decor.WCSyncSpace),
				decor.Any(func(decor.Statistics) string { return "  " + t.current() })))
	}
	return t
}

func (t *transfer) current() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.name
}

// begin says which file follows.
func (t *transfer) begin(name string, size int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.name, t.size = name, size
}

// progress says how much of the file at hand there is.
func (t *transfer) progress(done int64) {
	t.mu.Lock()
	before, name, size := t.before, t.name, t.size
	t.mu.Unlock()
	if t.bar != nil {
		t.bar.SetCurrent(before + done)
		return
	}
	if now := time.Now(); now.Sub(t.lastLine) >= lineInterval {
		t.lastLine = now
		fmt.Fprintf(t.out, "%s: %s of %s\n", name, registry.Size(done), registry.Size(size))
	}
}

// notice writes a line, above the bar where there is one.
func (t *transfer) notice(text string) {
	if t.bars != nil {
		fmt.Fprintln(t.bars, text)
		return
	}
	fmt.Fprintln(t.out, text)
}

// end says what became of the file at hand; "" is not worth a line.
func (t *transfer) end(what string) {
	t.mu.Lock()
	t.before += t.size
	before, name, size := t.before, t.name, t.size
	t.mu.Unlock()
	if t.bar != nil {
		t.bar.SetCurrent(before)
	} else if what != "" {
		fmt.Fprintf(t.out, "%s: %s, %s\n", name, what, registry.Size(size))
	}
}

// close leaves the terminal as it is.
func (t *transfer) close() {
	if t.bars == nil {
		return
	}
	t.begin("", 0)
	if !t.bar.Completed() {
		t.bar.Abort(false)
	}
	t.bars.Wait()
}
