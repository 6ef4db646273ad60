// Package parallel does pieces of work that don't depend on each other on all of
// the process's processors.
package parallel

import (
	"runtime"
	"sync"
)

// Workers returns how many goroutines [Each] takes for n pieces.
func Workers(n int) int { return max(min(runtime.GOMAXPROCS(0), n), 0) }

// Each calls do once for each piece i of n, which are taken in order by so many
// workers as [Workers] says; calls of one worker follow each other. After an error
// no more pieces are begun; Each returns, when all workers are done, the error of
// the first piece that has one.
func Each(n int, do func(worker, i int) error) error {
	var (
		group sync.WaitGroup
		mutex sync.Mutex // of what follows
		next  int
		at    = n // the piece of err
		err   error
	)
	take := func() (i int, ok bool) {
		mutex.Lock()
		defer mutex.Unlock()
		if next == n || err != nil {
			return 0, false
		}
		next++
		return next - 1, true
	}
	for worker := range Workers(n) {
		group.Go(func() {
			for i, ok := take(); ok; i, ok = take() {
				if own := do(worker, i); own != nil {
					mutex.Lock()
					if i < at {
						at, err = i, own
					}
					mutex.Unlock()
				}
			}
		})
	}
	group.Wait()
	return err
}
