package server

import (
	"math/rand/v2"
	"time"

	"github.com/quorumd/quorumd/internal/ranked"
	"github.com/quorumd/quorumd/replica"
	"github.com/quorumd/quorumd/zab"
)

// Bounds of what is done under one hold of the state's lock: clients' reads
// wait meanwhile.
const (
	applyRun      = 256
	applyRunBytes = 1 << 20
)

// The loop is told of what was applied when it is so much of the replica's
// window: often enough that the window never stays full, seldom enough that it
// costs nothing.
const (
	tellRecords = replica.WindowRecords / 4
	tellBytes   = replica.WindowBytes / 4
)

// applier applies records to the state and answers clients, in the order in
// which the loop handed them on. It is a goroutine of its own so that the loop,
// which keeps the leader's and the followers' clocks going, never waits for
// the state: a reader that holds it, or a record that takes long, delays
// clients and nobody else (CockroachDB#10206).
type applier struct {
	s    *Server
	wake chan struct{} // one slot

	mu  ranked.Mutex[ranked.Leaf]
	box applyBox // what waits; bound: the replica's window, the client port's outstanding limit

	stops    chan struct{}
	ended    chan struct{}
	watchdog *watchdog

	// The applier's own.
	work        *activity // what the watchdog sees of a box
	unflushed   int       // records applied and answers given since connections were last woken
	toldRecords int       // applied since the loop was last told
	toldBytes   int
	snapRecords int   // applied since the last snapshot was asked for
	snapBytes   int64 // of them
	snapAt      int   // at so many records the next one is due
	snapAtBytes int64 // or at so many bytes; 0 is never
}

// applyBox is a queue of steps. What they consist of lies in two slices, so
// that handing on a pass costs a copy and no memory.
type applyBox struct {
	recs    []zab.Record
	answers []zab.Answer
	steps   []applyStep
}

// applyStep is, in this order: records to apply, answers to give, and one of
// the rarer things.
type applyStep struct {
	recs, answers int
	then          applyThen
	state         *replica.State // of thenInstall
}

type applyThen uint8

const (
	thenNothing applyThen = iota
	thenServe
	thenShut
	thenInstall
)

func newApplier(s *Server) *applier {
	a := &applier{
		s: s, wake: make(chan struct{}, 1), stops: make(chan struct{}), ended: make(chan struct{}),
		watchdog: newWatchdog(s.cfg.ApplyStall, s.abort),
	}
	a.drawSnapshot()
	return a
}

func (a *applier) start() {
	a.watchdog.start()
	go a.run()
}

// stop carries out what waits and ends the applier.
func (a *applier) stop() {
	close(a.stops)
	<-a.ended
	a.watchdog.stop()
}

// put queues a pass of the loop. It does not block.
func (a *applier) put(recs []zab.Record, answers []zab.Answer, then applyThen, state *replica.State) {
	if len(recs)+len(answers) == 0 && then == thenNothing {
		return
	}
	a.mu.Lock()
	b := &a.box
	b.recs = append(b.recs, recs...)
	b.answers = append(b.answers, answers...)
	if n := len(b.steps); n > 0 && b.steps[n-1].answers == 0 && b.steps[n-1].then == thenNothing {
		last := &b.steps[n-1]
		last.recs += len(recs)
		last.answers, last.then, last.state = len(answers), then, state
	} else {
		b.steps = append(b.steps, applyStep{len(recs), len(answers), then, state})
	}
	a.mu.Unlock()
	signal(a.wake)
}

// take exchanges what waits for an empty box, made of what is given back.
func (a *applier) take(spare applyBox) applyBox {
	spare = applyBox{emptied(spare.recs), emptied(spare.answers), emptied(spare.steps)}
	a.mu.Lock()
	defer a.mu.Unlock()
	box := a.box
	a.box = spare
	return box
}

// waiting returns how many records wait.
func (a *applier) waiting() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.box.recs)
}

func (a *applier) run() {
	defer close(a.ended)
	var box applyBox
	for last := false; !last; {
		select {
		case <-a.wake:
		case <-a.stops:
			last = true
		}
		began := time.Now()
		box = a.take(box)
		a.carryOut(box)
		a.s.figures.applyBusy.add(began, time.Now())
	}
}

// carryOut performs the steps of a box. The connections that they touch are
// woken at the end, and every applyRun records and answers: to wake them at
// each step would cost more than the step.
func (a *applier) carryOut(box applyBox) {
	a.work = a.watchdog.begin("nothing that is committed could be applied", "")
	defer a.work.end()
	port := a.s.port
	for i := range box.steps {
		a.watched()
		step := &box.steps[i]
		a.apply(box.recs[:step.recs])
		for _, answer := range box.answers[:step.answers] {
			port.Answer(answer)
		}
		box.recs, box.answers = box.recs[step.recs:], box.answers[step.answers:]
		switch step.then {
		case thenServe, thenShut:
			port.SetServing(step.then == thenServe)
		case thenInstall:
			a.install(step.state)
		}
		a.flush(step.answers, applyRun)
	}
	a.flush(0, 0)
}

// flush counts what there is for connections, and wakes them when it is at
// least so much.
func (a *applier) flush(more, least int) {
	if a.unflushed += more; a.unflushed >= least {
		a.unflushed = 0
		a.s.port.Flush()
	}
}

// watched begins a piece of work that has to end within ApplyStall. The loop
// does not wait for the applier, so a leader whose state is stuck goes on
// leading, and no heartbeat tells that its clients wait for ever.
func (a *applier) watched() { a.work.progress() }

// apply applies records, releasing the lock now and then.
func (a *applier) apply(recs []zab.Record) {
	for len(recs) > 0 {
		n, bytes := 0, 0
		for n < len(recs) && n < applyRun && bytes < applyRunBytes {
			bytes += len(recs[n].Bytes)
			n++
		}
		a.watched()
		a.applyRun(recs[:n])
		a.tell(recs[n-1].Zxid, n, bytes)
		a.countApplied(n, bytes)
		recs = recs[n:]
		a.flush(n, applyRun)
	}
}

func (a *applier) applyRun(recs []zab.Record) {
	s := a.s
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

// tell lets the replica hand out more.
func (a *applier) tell(z zab.Zxid, records, bytes int) {
	a.toldRecords += records
	a.toldBytes += bytes
	if a.toldRecords >= tellRecords || a.toldBytes >= tellBytes {
		a.toldRecords, a.toldBytes = 0, 0
		a.s.inbox.fromPeer(zab.Event{Kind: zab.EvApplied, Applied: z})
	}
}

// install puts the state of a received snapshot in the place of the old one
// (Y3). Clients have to come again: what their requests came to is not known.
func (a *applier) install(state *replica.State) {
	s := a.s
	// Before the state changes: its watches are not in the new one, and a client
	// that still read from that would miss what they were set for.
	s.port.CloseAll("a snapshot is installed")
	s.stateMu.Lock()
	s.state = state
	s.stateMu.Unlock()
	a.snapRecords, a.snapBytes = 0, 0
}

// countApplied asks for a snapshot when one is due. While one is being written
// it is asked for again and again.
func (a *applier) countApplied(records, bytes int) {
	a.snapRecords += records
	a.snapBytes += int64(bytes)
	if a.snapRecords < a.snapAt && (a.snapAtBytes == 0 || a.snapBytes < a.snapAtBytes) {
		return
	}
	if a.s.snapshots.due() {
		a.drawSnapshot()
	}
}

// drawSnapshot draws when the next snapshot is due, from the upper half of the
// limits, so that servers of an ensemble do not write theirs all at once.
func (a *applier) drawSnapshot() {
	c := &a.s.cfg
	a.snapRecords, a.snapBytes = 0, 0
	a.snapAt = c.SnapCount/2 + rand.IntN(max(c.SnapCount/2, 1))
	a.snapAtBytes = 0
	if c.SnapBytes > 0 {
		a.snapAtBytes = c.SnapBytes/2 + rand.Int64N(max(c.SnapBytes/2, 1))
	}
}
