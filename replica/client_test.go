package replica

import (
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"github.com/quorumd/quorumd/jute"
	"github.com/quorumd/quorumd/zab"
)

// Session 9 is the client of the tests in this file and its neighbours.
const client zab.SessionID = 9

// open creates the client's session through s.
func (s *server) open(seq uint64, timeout time.Duration) {
	s.step(zab.Event{Kind: zab.EvRequest, Request: &zab.Request{
		Session: client, Seq: seq, Op: int32(jute.OpCreateSession),
		Body: binary.BigEndian.AppendUint32(nil, uint32(timeout.Milliseconds())),
	}})
	s.c.settle(20 * time.Millisecond)
}

// write hands s a write of the client.
func (s *server) write(seq uint64) {
	s.step(zab.Event{Kind: zab.EvRequest, Request: &zab.Request{Session: client, Seq: seq, Op: int32(jute.OpSetData)}})
}

// attach brings the client to s.
func (s *server) attach(seq uint64, timeout time.Duration) {
	s.c.t.Helper()
	s.step(zab.Event{Kind: zab.EvAttach, Attach: &zab.Attach{Seq: seq, Session: client, Timeout: timeout.Milliseconds()}})
	s.c.settle(20 * time.Millisecond)
	if !slices.Contains(s.answers, zab.Answer{Kind: zab.AnswerAttached, Seq: seq, Session: client, OK: true}) {
		s.c.t.Fatalf("not attached: %+v", s.answers)
	}
}

// hear tells s that it heard from the client.
func (s *server) hear() { s.step(zab.Event{Kind: zab.EvTouched, Sessions: []zab.SessionID{client}}) }

// moved reports whether s refused a write of the client as not its own.
func (s *server) moved(seq uint64) bool {
	return slices.Contains(s.answers, zab.Answer{Kind: zab.AnswerMoved, Seq: seq, Session: client})
}

// expired reports whether anybody has proposed the end of the client's session.
func (c *cluster) expired() bool {
	return slices.ContainsFunc(c.servers, func(s *server) bool {
		return slices.ContainsFunc(s.log, func(r zab.Record) bool { return r.Txn.Op == zab.OpExpire })
	})
}

// wantAlive checks that the client's session was not expired, and that all
// know it.
func (c *cluster) wantAlive() {
	c.t.Helper()
	if c.expired() {
		c.t.Fatalf("the session of a living client was expired, at %v", c.now)
	}
	for _, s := range c.servers {
		if s.up && !s.r.sessions.Known(client) {
			c.t.Fatalf("server %d does not know the session", s.id)
		}
	}
}

// afterTick lets time pass until it is so much after a multiple of the tick,
// where sessions expire.
func (c *cluster) afterTick(d time.Duration) {
	const tick = 2 * time.Second
	for c.now%tick < d || c.now%tick > d+100*time.Millisecond {
		c.settle(zab.TickInterval)
	}
}

// TestQD1Former: a write waits at a server that has lost the leader,
// whose connection to the client is half open. The client has gone to another
// server and has written there. The first write must not come after the second
// one under the next leader, who has been told of no attach (R9).
func TestQD1Former(t *testing.T) {
	c := run(t, 3, 0)
	l := c.leader()
	before, after := c.others(l)[0], c.others(l)[1]
	before.open(1, 10*time.Second)
	c.part(l.id, before.id, true)
	before.write(2)
	after.attach(1<<40+1, 10*time.Second)
	after.write(1<<40 + 2)
	c.settle(20 * time.Millisecond)
	if got := after.appliedSeqs(); !slices.Equal(got, []uint64{1, 1<<40 + 2}) {
		t.Fatalf("applied %v", got)
	}
	l.crash()
	c.settle(time.Second)
	c.wantServing()
	if got := c.leader().appliedSeqs(); !slices.Equal(got, []uint64{1, 1<<40 + 2}) {
		t.Errorf("applied %v: a write of the client's former server came after a later one", got)
	}
	if !before.moved(2) {
		t.Errorf("the write is not refused: %+v", before.answers)
	}
	after.write(1<<40 + 3)
	c.settle(20 * time.Millisecond)
	if after.moved(1<<40 + 3) {
		t.Error("the client is refused at its own server")
	}
}

// TestQD1Attached: the client has not written since it came to
// another server, so no record says where it is. That server says it to the next leader (R9).
func TestQD1Attached(t *testing.T) {
	for i := range 2 { // the next leader's own client, or a follower's
		c := run(t, 3, 0)
		l := c.leader()
		before, after := c.others(l)[1-i], c.others(l)[i]
		before.open(1, 10*time.Second)
		after.attach(1<<40+1, 10*time.Second)
		l.crash()
		c.settle(time.Second)
		c.wantServing()
		after.write(1<<40 + 2)
		c.settle(20 * time.Millisecond)
		if after.moved(1<<40+2) || !slices.Contains(after.appliedSeqs(), 1<<40+2) {
			t.Errorf("round %d: the client is refused at its own server: %+v", i, after.answers)
		}
		after.step(zab.Event{Kind: zab.EvDetach, Session: client})
		if len(after.r.attachments) != 0 {
			t.Errorf("kept after the client has gone: %v", after.r.attachments)
		}
	}
}
