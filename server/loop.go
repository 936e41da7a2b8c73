package server

import (
	"time"

	"github.com/quorumd/quorumd/replica"
	"github.com/quorumd/quorumd/zab"
)

// passEvents is how many events the loop steps before it carries out their
// effects.
const passEvents = 1024

// loop owns the replica. Its methods belong to its goroutine.
type loop struct {
	s       *Server
	replica *replica.Replica
	out     zab.Output
	now     time.Duration // of this pass
	wall    int64

	serving bool
	touched time.Duration // when touches were last collected
}

func newLoop(s *Server, r *replica.Replica) *loop { return &loop{s: s, replica: r} }

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

// install has the state of a received snapshot put in the place of the old one,
// behind everything that was to be applied to that (Y3).
func (l *loop) install(ev *zab.Event) {
	l.carryOut()
	l.s.applier.put(nil, nil, thenInstall, l.s.disk.takeLoaded(ev.Disk.Op))
}

// carryOut performs the output, in the order that gets the slow things going
// first, and empties it.
func (l *loop) carryOut() {
	s, o := l.s, &l.out
	s.disk.submit(o.Disk)
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
	s.applier.put(o.Apply, o.Answers, l.publish(), nil)
	s.notes.put(o.Notes)
	o.Reset()
}

// publish makes the replica's status known. It returns whether the client port
// is to be opened or closed, once what was to be applied before is (Y2).
func (l *loop) publish() applyThen {
	status := l.replica.Status()
	l.s.status.Store(&status)
	l.s.figures.observe(&status, l.now, l.out.Disk)
	if status.Serving == l.serving {
		return thenNothing
	}
	l.serving = status.Serving
	if l.serving {
		return thenServe
	}
	return thenShut
}
