package sim

import (
	"testing"
	"time"
)

// TestStallWatched: a step that the disk keeps waiting for diskLimit ends the
// server, be it in one stall or in several; one that waits less does not.
func TestStallWatched(t *testing.T) {
	const apart = time.Second // the beginnings of stalls
	for _, c := range []struct {
		name   string
		stalls []time.Duration
		paused bool // the process stands still meanwhile
		barks  bool
	}{
		{"one stall", []time.Duration{diskLimit + 2*time.Second}, false, true},
		{"stalls that overlap", []time.Duration{2 * time.Second, diskLimit}, false, true},
		{"a stall that ends", []time.Duration{diskLimit - time.Second}, false, false},
		{"a process that stands still", []time.Duration{diskLimit + 2*time.Second}, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, client := healthy(t)
			n := w.nodes[1] // the client is at server 1, and the others are a quorum
			if n == leader(w) {
				n = w.nodes[2]
			}
			life, began := n.life, w.now
			n.stall(c.stalls[0])
			w.guard(func() { (&script{world: w}).write(client, 1) })
			w.run(began + apart/2)
			if n.awaiting == nil || n.stalledAt >= began+apart/2 {
				t.Fatal("no step waits for the disk")
			}
			if c.paused {
				w.pause(n, time.Minute, "pause")
			}
			for i, d := range c.stalls[1:] {
				w.run(began + time.Duration(i+1)*apart)
				n.stall(d)
			}
			due := n.stalledAt + diskLimit
			w.run(due - 1)
			if n.life != life || w.check.seen["watchdog"] != 0 {
				t.Error("the server has ended before its disk had the whole limit")
			}
			w.run(due)
			if barked := w.check.seen["watchdog"] == 1; barked != c.barks || barked == n.up {
				t.Errorf("barked: %t, want %t; the server is up: %t", barked, c.barks, n.up)
			}
			if w.err != nil {
				t.Error(w.err)
			}
		})
	}
}
