package server

import (
	"fmt"
	"sync/atomic"
	"time"
)

// watchdog ends the process when something that cannot be cancelled does not
// return: a sync that hangs, a tree whose lock is never released. A server that
// waits for it is half alive: it answers, votes and does nothing. The watchdog
// reads one atomic and takes no lock (Y6).
type watchdog struct {
	what  string // what has gone on for too long
	limit time.Duration
	bark  func(error)
	born  time.Time
	due   atomic.Int64 // ns since born at which patience ends; 0 is at rest
	quit  chan struct{}
	ended chan struct{}

	// The watchdog's own.
	looked time.Duration // since born, when it last looked
	spared time.Duration // until then it does not bark
}

func newWatchdog(what string, limit time.Duration, bark func(error)) *watchdog {
	return &watchdog{
		what: what, limit: limit, bark: bark, born: time.Now(),
		quit: make(chan struct{}), ended: make(chan struct{}),
	}
}

// begin is called before what is watched; extra is added to the usual limit.
func (w *watchdog) begin(extra time.Duration) {
	w.due.Store(int64(time.Since(w.born) + w.limit + extra))
}

// end is called when it has returned.
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
		if w.late(time.Since(w.born)) {
			w.bark(fmt.Errorf("server: %s for more than %v", w.what, w.limit))
			return
		}
	}
}

// late reports whether patience has ended. A process that was stopped, or whose
// machine slept, starts afresh: what is watched could not run either.
func (w *watchdog) late(now time.Duration) bool {
	if now-w.looked > w.limit/2 {
		w.spared = now + w.limit
	}
	w.looked = now
	due := time.Duration(w.due.Load())
	return due != 0 && now > max(due, w.spared)
}

func (w *watchdog) stop() {
	close(w.quit)
	<-w.ended
}
