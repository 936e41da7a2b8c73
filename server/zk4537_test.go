package server

import (
	"runtime"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/quorumd/quorumd/zab"
)

// queue is one of the server's queues with one reader.
type queue struct {
	put   func()
	wake  <-chan struct{}
	take  func() int
	mu    sync.Locker
	empty func() // under mu: what waits is taken
}

// queues returns an empty one of each kind.
func queues() map[string]queue {
	m, in, a := newMailbox[int](), newInbox(), newApplier(&Server{})
	recs := make([]zab.Record, 1)
	var spare []int
	return map[string]queue{
		"mailbox": {
			func() { m.put(1) }, m.wake,
			func() int { spare = m.take(spare); return len(spare) },
			&m.mu, func() { m.items = nil },
		},
		"inbox": {
			func() { in.fromClient(zab.Event{}) }, in.wake,
			func() int { _, c := in.take(nil, nil); return len(c) },
			&in.mu, func() { in.client = nil },
		},
		"applier": {
			func() { a.put(recs, nil, thenNothing, nil) }, a.wake,
			func() int { return len(a.take(applyBox{}).recs) },
			&a.mu, func() { a.box = applyBox{} },
		},
	}
}

// TestZK4537: the reader of a queue was woken for an item and comes to look, as
// another item is on its way into the queue. It is woken for that one too, and
// not before it is there to be found.
func TestZK4537(t *testing.T) {
	for name, q := range queues() {
		t.Run(name, func(t *testing.T) {
			q.put()
			<-q.wake
			q.mu.Lock() // the reader looks; what comes now is too late for it
			over := make(chan struct{})
			go func() {
				q.put()
				close(over)
			}()
			for range 1000 { // until the other has come as far as it can
				runtime.Gosched()
			}
			early := len(q.wake) > 0
			q.empty()
			q.mu.Unlock()
			<-over
			if early {
				t.Error("the reader is woken before the item is in the queue")
			} else if len(q.wake) == 0 {
				t.Error("nobody is woken for an item that is in the queue")
			}
		})
	}
}

// TestZK4537Alternate: one item is put into a queue and nothing follows it until
// it is taken, often, with nothing to force how the two interleave.
func TestZK4537Alternate(t *testing.T) {
	const rounds = 5_000
	for _, name := range []string{"mailbox", "inbox", "applier"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(*testing.T) { // a lost wake-up is a deadlock, and found at once
				q, taken := queues()[name], make(chan struct{})
				go func() {
					for seen := 0; seen < rounds; {
						<-q.wake
						for range q.take() {
							seen++
							taken <- struct{}{}
						}
					}
				}()
				for range rounds {
					q.put()
					<-taken
				}
			})
		})
	}
}
