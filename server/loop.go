package server

import (
	"math/rand/v2"
	"time"

	"github.com/quorumd/quorumd/replica"
	"github.com/quorumd/quorumd/zab"
)

// Bounds of what the loop does at a stretch.
const (
	// passEvents is how many events are stepped before their effects are
	// carried out.
	passEvents = 1024
	// applyRun and applyRunBytes bound the records applied under one hold of
	// the state's lock: clients' reads wait meanwhile.
	applyRun      = 256
	applyRunBytes = 1 << 20
)

// loop owns the replica. Its methods belong to its goroutine.
type loop struct {
	s       *Server
	replica *replica.Replica
	out     zab.Output
	now     time.Duration // of this pass
	wall    int64

	serving bool
	touched time.Duration // when touches were last collected

	snapRecords int   // applied since the last snapshot was asked for
	snapBytes   int64 // of them
	snapAt      int   // at so many records the next one is due
	snapAtBytes int64 // or at so many bytes; 0 is never
}

func newLoop(s *Server, r *replica.Replica) *loop {
	l := &loop{s: s, replica: r}
	l.drawSnapshot()
	return l
}

// run is the loop.
func (l *loop) run() {
	ticker := time.NewTicker(zab.TickInterval)
	defer ticker.Stop()
	var peers, clients []zab.Event
	for {
		tick := false
		select {
		case <-l.s.inbox.wake:
		case <-ticker.C: // one at most waits: there is no backlog of ticks
			tick = true
		case <-l.s.quit:
			return
		}
		began := time.Now()
		peers, clients = l.s.inbox.take(peers, clients)
		l.pass(began, tick, peers, clients)
		l.s.figures.busy.add(began, time.Now())
	}
}

// pass feeds what has happened to the replica and carries out what it asks
// for. The clock is read once for all of it.
func (l *loop) pass(began time.Time, tick bool, peers, clients []zab.Event) {
	l.now, l.wall = began.Sub(l.s.start), began.UnixMilli()
	if tick {
		l.step(&zab.Event{Kind: zab.EvTick})
		l.collectTouched()
	}
	l.stepAll(peers)
	l.stepAll(clients)
	l.carryOut()
}

func (l *loop) stepAll(events []zab.Event) {
	for i := range events {
		ev := &events[i]
		if ev.Kind == zab.EvDiskDone && ev.Disk.Kind == zab.DiskSnapEnd && ev.Disk.OK {
			l.install(ev)
		}
		l.step(ev)
		if i%passEvents == passEvents-1 {
			l.carryOut()
		}
	}
}

func (l *loop) step(ev *zab.Event) {
	ev.Now, ev.Wall = l.now, l.wall
	l.replica.Step(ev, &l.out)
}

// collectTouched tells the replica which clients were heard from.
func (l *loop) collectTouched() {
	if l.now-l.touched < l.s.cfg.Tick/4 {
		return
	}
	l.touched = l.now
	if ids := l.s.port.Touched(nil); len(ids) > 0 {
		l.step(&zab.Event{Kind: zab.EvTouched, Sessions: ids})
	}
}

// install puts the state of a received snapshot in the place of the old one
// (Y3). Clients have to come again: what their requests came to is not known.
func (l *loop) install(ev *zab.Event) {
	l.carryOut()
	state := l.s.disk.takeLoaded(ev.Disk.Op)
	// Before the state changes: its watches are not in the new one, and a client
	// that still read from that would miss what they were set for.
	l.s.port.CloseAll("a snapshot is installed")
	l.s.stateMu.Lock()
	l.s.state = state
	l.s.stateMu.Unlock()
	l.snapRecords, l.snapBytes = 0, 0
}

// carryOut performs the output, in the order that gets the slow things going
// first, and empties it.
func (l *loop) carryOut() {
	s, o := l.s, &l.out
	s.disk.ops.put(o.Disk...)
	s.peers.Send(o.Sends)
	for i := range o.Notify {
		s.peers.Notify(o.Notify[i])
	}
	for _, id := range o.Closes {
		s.peers.CloseLink(id)
	}
	for _, id := range o.Dials {
		s.peers.Dial(id)
	}
	s.logReads.put(o.LogReads...)
	s.snapReads.put(o.SnapReads...)
	l.apply(o.Apply)
	for i := range o.Answers {
		s.port.Answer(o.Answers[i])
	}
	l.publish()
	s.port.Flush()
	s.notes.put(o.Notes)
	o.Reset()
}

// apply applies records, releasing the lock now and then.
func (l *loop) apply(recs []zab.Record) {
	for len(recs) > 0 {
		n, bytes := 0, 0
		for n < len(recs) && n < applyRun && bytes < applyRunBytes {
			bytes += len(recs[n].Bytes)
			n++
		}
		l.applyRun(recs[:n])
		l.countApplied(n, bytes)
		recs = recs[n:]
	}
}

func (l *loop) applyRun(recs []zab.Record) {
	s := l.s
	s.stateMu.Lock()
	defer s.stateMu.Unlock()
	for i := range recs {
		rec := &recs[i]
		s.port.BeforeApply(rec)
		res := s.state.Apply(rec)
		s.port.Applied(rec, res)
		s.figures.applied(rec.Zxid, s.state)
	}
}

// countApplied asks for a snapshot when one is due. While one is being written
// it is asked for again and again.
func (l *loop) countApplied(records, bytes int) {
	l.snapRecords += records
	l.snapBytes += int64(bytes)
	if l.snapRecords < l.snapAt && (l.snapAtBytes == 0 || l.snapBytes < l.snapAtBytes) {
		return
	}
	if l.s.snapshots.due() {
		l.drawSnapshot()
	}
}

// drawSnapshot draws when the next snapshot is due, from the upper half of the
// limits, so that servers of an ensemble do not write theirs all at once.
func (l *loop) drawSnapshot() {
	c := &l.s.cfg
	l.snapRecords, l.snapBytes = 0, 0
	l.snapAt = c.SnapCount/2 + rand.IntN(max(c.SnapCount/2, 1))
	l.snapAtBytes = 0
	if c.SnapBytes > 0 {
		l.snapAtBytes = c.SnapBytes/2 + rand.Int64N(max(c.SnapBytes/2, 1))
	}
}

// publish makes the replica's status known, and opens or closes the client
// port as it says (Y2).
func (l *loop) publish() {
	status := l.replica.Status()
	l.s.status.Store(&status)
	l.s.figures.observe(&status, l.now, l.out.Disk)
	if status.Serving != l.serving {
		l.serving = status.Serving
		l.s.port.SetServing(l.serving)
	}
}
