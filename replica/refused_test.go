package replica

import (
	"slices"
	"testing"
	"time"

	"github.com/quorumd/quorumd/zab"
)

// refusals returns what s was told to say to the client of an established
// connection that came with the attach seq.
func (s *server) refusals(seq uint64) (kinds []zab.AnswerKind) {
	for _, a := range s.answers {
		if a.Session == client && a.Seq == seq && !a.OK {
			kinds = append(kinds, a.Kind)
		}
	}
	return kinds
}

// TestQD5Moved: the client has moved on with no record in between, and its
// former server has not noticed. It repeats the attach to the next leader, which
// knows better, or learns it a moment later from the other server. The former
// one closes the connection now, and does not wait for a write.
func TestQD5Moved(t *testing.T) {
	moved := []zab.AnswerKind{zab.AnswerMoved}
	for i := range 12 { // each of the others leads next or does not, and they speak in either order
		c := run(t, 5, 0)
		old := c.leader()
		others := c.others(old)
		before, after := others[i%4], others[(i%4+1+i/4)%4]
		old.open(1, 10*time.Second)
		before.attach(1<<40+1, 10*time.Second)
		after.attach(1<<40+2, 10*time.Second)
		old.crash()
		c.settle(time.Second)
		c.wantServing()
		if got := before.refusals(1<<40 + 1); !slices.Equal(got, moved) {
			t.Errorf("round %d: server %d under %d keeps its connection: %v", i, before.id, c.leader().id, got)
		}
		if got := after.refusals(1<<40 + 2); len(got) != 0 {
			t.Errorf("round %d: server %d under %d closes its client's connection: %v", i, after.id, c.leader().id, got)
		}
		if len(before.r.attachments) != 0 || len(after.r.attachments) != 1 {
			t.Errorf("round %d: the next leader will be told of %d and %d attaches", i, len(before.r.attachments), len(after.r.attachments))
		}
		c.isAt(after, 1<<41)
	}
}

// TestQD5Back: the refusal of what was repeated is on its way as the
// client, which noticed by itself, comes back to the same server. It is not
// meant for the new connection.
func TestQD5Back(t *testing.T) {
	c := run(t, 3, 0)
	l := c.leader()
	f := c.others(l)[0]
	l.open(1, 10*time.Second)
	f.attach(1<<40+1, 10*time.Second)
	f.step(zab.Event{Kind: zab.EvDetach, Session: client})
	f.step(zab.Event{Kind: zab.EvAttach, Attach: &zab.Attach{Seq: 1<<40 + 2, Session: client, Timeout: 10000}})
	for _, p := range []zab.Packet{
		{Kind: zab.KindReject, Body: &zab.Reject{Session: client, Reason: zab.RejectMoved}},
		{Kind: zab.KindAttached, Body: &zab.Attached{Session: client}},
	} {
		f.step(zab.Event{Kind: zab.EvPacket, Link: f.r.follower.Link(), Peer: l.id, Packet: p})
	}
	if got := append(f.refusals(1<<40+1), f.refusals(1<<40+2)...); len(got) != 0 {
		t.Errorf("somebody is told: %v", got)
	}
	c.settle(20 * time.Millisecond)
	if len(f.r.attachments) != 1 || len(f.refusals(1<<40+2)) != 0 {
		t.Errorf("the client is not attached: %+v", f.answers)
	}
	c.isAt(f, 1<<41)
}

// TestQD5Over: a session has ended while a server with its client was cut
// off, and that server has it from a snapshot, not from a record. What it repeats
// is refused: the session is over. The leader says so when a quorum has
// confirmed that it leads, not before.
func TestQD5Over(t *testing.T) {
	c := run(t, 3, 0)
	l := c.leader()
	f := c.others(l)[0]
	other := c.others(l)[1]
	l.open(1, 4*time.Second)
	f.attach(1<<40+1, 4*time.Second)
	for _, o := range c.others(f) {
		c.part(f.id, o.id, true)
	}
	c.settle(20 * time.Second)
	if !c.expired() {
		t.Fatal("the session lives on")
	}
	for _, s := range c.others(f) {
		s.snapshot()
		s.crash()
		s.start()
	}
	c.settle(time.Second)
	f.answers = nil
	c.part(f.id, l.id, false)
	c.part(f.id, other.id, false)
	c.settle(time.Second)
	c.wantServing()
	if f.count(zab.NoteSyncStarted, "SNAP") != 1 {
		t.Fatalf("no snapshot: %v", f.notes)
	}
	if got := f.refusals(1<<40 + 1); !slices.Equal(got, []zab.AnswerKind{zab.AnswerAttached}) {
		t.Errorf("the client is told %v", got)
	}
	if len(f.r.attachments) != 0 {
		t.Errorf("it will be repeated to the next leader: %v", f.r.attachments)
	}
}
