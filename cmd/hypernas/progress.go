package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"
)

// progress shows how far a long piece of work is: a bar on a terminal, and
// elsewhere a line now and then, so that a log stays short.
type progress struct {
	out  io.Writer
	what string // such as "trials"

	bars *mpb.Progress // nil where there is no terminal
	bar  *mpb.Bar

	mu        sync.Mutex
	remaining time.Duration
	doing     string
	lastLine  time.Time
}

// lineInterval is how far apart lines are where there is no terminal.
const lineInterval = 15 * time.Second

func newProgress(out io.Writer, what string) *progress {
	p := &progress{out: out, what: what, remaining: -1}
	if f, ok := out.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		p.bars = mpb.New(mpb.WithOutput(out), mpb.WithWidth(24))
	}
	return p
}

// show reports the state; it may be called from one goroutine at a time.
func (p *progress) show(done, total int, remaining time.Duration, doing string) {
	p.mu.Lock()
	p.remaining, p.doing = remaining, doing
	p.mu.Unlock()
	if p.bars == nil {
		if now := time.Now(); now.Sub(p.lastLine) >= lineInterval {
			p.lastLine = now
			fmt.Fprintf(p.out, "%d of %d %s, %s\n", done, total, p.what, p.rest())
		}
		return
	}
	if p.bar == nil {
		p.bar = p.bars.AddBar(int64(total),
			mpb.PrependDecorators(decor.CountersNoUnit("%d of %d "+p.what)),
			mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return " " + p.rest() })))
	}
	p.bar.SetCurrent(int64(done))
}

// rest says how long it will take and what is being done.
func (p *progress) rest() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var parts []string
	if p.remaining >= 0 {
		parts = append(parts, p.remaining.Round(time.Second).String()+" left")
	}
	if p.doing != "" {
		parts = append(parts, p.doing)
	}
	return strings.Join(parts, ", ")
}

// end leaves the terminal as it is.
func (p *progress) end() {
	if p.bars == nil {
		return
	}
	if p.bar != nil && !p.bar.Completed() {
		p.bar.Abort(false)
	}
	p.bars.Wait()
}
