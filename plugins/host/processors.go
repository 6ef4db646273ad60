package host

import (
	"slices"
	"sync"
)

// Processors deals this process's processors out to plugins, each of which
// may run on as many as it may have threads. The nil Processors deals nothing
// out: plugins run where they like.
type Processors struct {
	mu   sync.Mutex
	load []processor
}

// processor is one that runs so many plugins.
type processor struct{ number, plugins int }

// NewProcessors returns the processors that this process may run on. There
// are none to deal out where the system can't bind a process.
func NewProcessors() *Processors {
	p := &Processors{}
	for _, number := range usableProcessors() {
		p.load = append(p.load, processor{number: number})
	}
	return p
}

// take returns n processors that run the fewest plugins, or nil if there are
// no more than n.
func (p *Processors) take(n int) []int {
	if p == nil || n <= 0 || n >= len(p.load) {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	slices.SortStableFunc(p.load, func(a, b processor) int { return a.plugins - b.plugins })
	taken := make([]int, n)
	for i := range taken {
		taken[i] = p.load[i].number
		p.load[i].plugins++
	}
	return taken
}

// release gives back what take returned.
func (p *Processors) release(taken []int) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.load {
		if slices.Contains(taken, p.load[i].number) {
			p.load[i].plugins--
		}
	}
}
