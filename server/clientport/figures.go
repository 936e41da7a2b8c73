package clientport

import (
	"sync/atomic"
	"time"

	"github.com/quorumd/quorumd/admin"
	"github.com/quorumd/quorumd/internal/ranked"
	"github.com/quorumd/quorumd/zab"
)

// latency sums times from request to reply, in ms.
type latency struct {
	count, sum, min, max int64
}

func (l *latency) add(n int, ms int64) {
	if l.count == 0 || ms < l.min {
		l.min = ms
	}
	l.max = max(l.max, ms)
	l.count += int64(n)
	l.sum += int64(n) * ms
}

func (l *latency) figures() admin.Latency {
	f := admin.Latency{Min: l.min, Max: l.max}
	if l.count > 0 {
		f.Avg = float64(l.sum) / float64(l.count)
	}
	return f
}

// figures are the port's own.
type figures struct {
	received, sent      atomic.Int64 // packets
	refused, authFailed atomic.Int64
	noDescriptor        atomic.Int64 // refused for want of one

	mu      ranked.Mutex[ranked.Leaf]
	latency latency
}

func (f *figures) reset() {
	f.received.Store(0)
	f.sent.Store(0)
	f.mu.Lock()
	f.latency = latency{}
	f.mu.Unlock()
}

// replied notes n replies that took d.
func (f *figures) replied(n int, d time.Duration) {
	f.sent.Add(int64(n))
	f.mu.Lock()
	f.latency.add(n, d.Milliseconds())
	f.mu.Unlock()
}

// connFigures are one connection's, guarded by its mutex.
type connFigures struct {
	received, sent int64 // packets
	lastOp         int32
	lastXid        int32
	lastZxid       zab.Zxid
	lastReply      time.Duration // port clock
	lastLatency    int64         // ms
	established    int64         // wall clock, ms since 1970
	latency        latency
}

// replied notes n replies to requests that came at began.
func (f *connFigures) replied(n int, op, xid int32, zxid zab.Zxid, began, now time.Duration) {
	ms := (now - began).Milliseconds()
	f.sent += int64(n)
	f.lastOp, f.lastXid, f.lastZxid = op, xid, zxid
	f.lastReply, f.lastLatency = now, ms
	f.latency.add(n, ms)
}

// reset forgets counts and latencies and keeps what happened last.
func (f *connFigures) reset() {
	f.received, f.sent = 0, 0
	f.latency = latency{}
}
