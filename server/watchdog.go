package server

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/quorumd/quorumd/internal/must"
)

// maxActivities bounds what one watchdog watches at a time. Each goroutine that
// uses the disk is in one operation of it at most, and there are a handful.
const maxActivities = 32

// watchdog ends the process when something that cannot be cancelled does not
// return: an operation of the disk that hangs, a tree whose lock is never
// released. A server that waits for it is half alive: it answers, votes and does
// nothing. The watchdog reads atomics and takes no lock (Y6).
type watchdog struct {
	limit time.Duration
	bark  func(error)
	born  time.Time
	under [maxActivities]atomic.Pointer[activity] // under way
	quit  chan struct{}
	ended chan struct{}

	// The watchdog's own.
	looked time.Duration // since born, when it last looked
	spared time.Duration // until then it does not bark
}

// activity is something under way that has to get on within the limit.
type activity struct {
	dog   *watchdog
	slot  *atomic.Pointer[activity]
	what  string       // what is said when it has gone on for too long
	name  string       // of the file that it is about, if any
	since atomic.Int64 // ns since the watchdog was born: it began, or got on
}

func newWatchdog(limit time.Duration, bark func(error)) *watchdog {
	return &watchdog{
		limit: limit, bark: bark, born: time.Now(),
		quit: make(chan struct{}), ended: make(chan struct{}),
	}
}

// begin is called before what is watched.
func (w *watchdog) begin(what, name string) *activity {
	a := &activity{dog: w, what: what, name: name}
	a.progress()
	for i := range w.under {
		if w.under[i].CompareAndSwap(nil, a) {
			a.slot = &w.under[i]
			break
		}
	}
	must.Hold(a.slot != nil, "Y6", "more than %d activities at a time", maxActivities)
	return a
}

// progress is called when a piece of it is done: each has the whole limit.
func (a *activity) progress() { a.since.Store(int64(time.Since(a.dog.born))) }

// end is called when it has returned.
func (a *activity) end() { a.slot.Store(nil) }

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
		if a := w.late(time.Since(w.born)); a != nil {
			w.bark(fmt.Errorf("server: %s%s for more than %v", a.what, a.name, w.limit))
			return
		}
	}
}

// late returns something for which patience has ended, nil if there is nothing.
// A process that was stopped, or whose machine slept, starts afresh: what is
// watched could not run either.
func (w *watchdog) late(now time.Duration) *activity {
	if now-w.looked > w.limit/2 {
		w.spared = now + w.limit
	}
	w.looked = now
	if now <= w.spared {
		return nil
	}
	for i := range w.under {
		if a := w.under[i].Load(); a != nil && now-time.Duration(a.since.Load()) > w.limit {
			return a
		}
	}
	return nil
}

func (w *watchdog) stop() {
	close(w.quit)
	<-w.ended
}
