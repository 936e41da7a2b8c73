package server

import (
	"fmt"
	"sync/atomic"
	"time"
)

// watchdog ends the process when a batch of disk operations does not return.
// A sync that hangs cannot be cancelled, and a server that waits for it is
// half alive: it answers, votes and does nothing. The watchdog reads one
// atomic and takes no lock (Y6).
type watchdog struct {
	limit time.Duration
	bark  func(error)
	born  time.Time
	due   atomic.Int64 // ns since born at which patience ends; 0 is at rest
	quit  chan struct{}
	ended chan struct{}
}

func newWatchdog(limit time.Duration, bark func(error)) *watchdog {
	return &watchdog{limit: limit, bark: bark, born: time.Now(), quit: make(chan struct{}), ended: make(chan struct{})}
}

// begin is called before a batch; extra is added to the usual limit.
func (w *watchdog) begin(extra time.Duration) {
	w.due.Store(int64(time.Since(w.born) + w.limit + extra))
}

// end is called when the batch has returned.
func (w *watchdog) end() { w.due.Store(0) }

func (w *watchdog) start() { go w.run() }

func (w *watchdog) run() {
	defer close(w.ended)
	ticker := time.NewTicker(max(w.limit/16, time.Millisecond))
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-w.quit:
			return
		}
		if due := w.due.Load(); due != 0 && time.Since(w.born) > time.Duration(due) {
			w.bark(fmt.Errorf("server: the disk has not come back from an operation for more than %v", w.limit))
			return
		}
	}
}

func (w *watchdog) stop() {
	close(w.quit)
	<-w.ended
}
