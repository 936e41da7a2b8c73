package replica

import (
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"github.com/quorumd/quorumd/jute"
	"github.com/quorumd/quorumd/zab"
)

// behind makes a follower that only a snapshot can bring up to date, and that
// has a write, a barrier and an attach of clients of its own waiting. It is
// let back to the others, but not waited for.
func behind(c *cluster) *server {
	l := c.leader()
	f := c.others(l)[0]
	f.open(1, 30*time.Second)
	for _, o := range c.others(f) {
		c.part(f.id, o.id, true)
	}
	c.settle(100 * time.Millisecond)
	f.write(2)
	f.step(zab.Event{Kind: zab.EvSync, SyncAsk: &zab.SyncAsk{Seq: 3, Session: client}})
	f.step(zab.Event{Kind: zab.EvAttach, Attach: &zab.Attach{Seq: 4, Session: client + 1, Timeout: 4000}})
	l.request(1 << 20)
	c.settle(20 * time.Millisecond)
	for _, s := range c.others(f) {
		s.snapshot()
		s.crash()
		s.start()
	}
	c.settle(time.Second)
	for _, o := range c.others(f) {
		c.part(f.id, o.id, false)
	}
	return f
}

// TestCHK110179: an installed snapshot may hold what a request asked for, and
// no record will come to say so. Whoever waits is told at once (R6).
func TestCHK110179(t *testing.T) {
	c := run(t, 3, 0)
	f := behind(c)
	c.settle(time.Second)
	c.wantServing()
	if f.count(zab.NoteSyncStarted, "SNAP") != 1 {
		t.Fatalf("no snapshot: %v", f.notes)
	}
	for seq, id := range map[uint64]zab.SessionID{2: client, 3: client, 4: client + 1} {
		if !slices.Contains(f.answers, zab.Answer{Kind: zab.AnswerLost, Seq: seq, Session: id}) {
			t.Errorf("request %d is not answered: %+v", seq, f.answers)
		}
	}
	if st := f.r.Status(); st.Pending != 0 || len(f.r.asks) != 0 {
		t.Errorf("%d requests and %d questions still wait", st.Pending, len(f.r.asks))
	}
}

// TestCHK54572: what waited before a snapshot was installed is not carried out
// after it, on top of a state that it was never meant for.
func TestCHK54572(t *testing.T) {
	c := run(t, 3, 0)
	f := behind(c)
	c.settle(time.Second)
	c.wantServing()
	f.write(5)
	c.settle(20 * time.Millisecond)
	if got := f.appliedSeqs(); !slices.Equal(got, []uint64{1, 1 << 20, 5}) {
		t.Errorf("applied %v", got)
	}
	if f.r.applied != c.leader().r.applied {
		t.Errorf("applied through %s, the leader through %s", f.r.applied, c.leader().r.applied)
	}
}

// TestCHK114401: two servers each have a client that connects as the leader dies;
// the numbers of their requests are the same. Both sessions come about, once.
func TestCHK114401(t *testing.T) {
	for _, reached := range []string{"neither", "one", "both"} {
		c := run(t, 3, 0)
		l := c.leader()
		a, b := c.others(l)[0], c.others(l)[1]
		connect := func(s *server, id zab.SessionID) {
			s.step(zab.Event{Kind: zab.EvRequest, Request: &zab.Request{
				Session: id, Seq: 1, Op: int32(jute.OpCreateSession), Body: binary.BigEndian.AppendUint32(nil, 4000),
			}})
		}
		l.holdIn = reached == "neither"
		b.holdIn = reached == "one"
		connect(a, 11)
		if reached == "one" {
			c.settle(0)
			l.holdIn = true
		}
		connect(b, 12)
		b.holdIn = false // and with its own request waiting, b hears of a's
		c.settle(0)
		l.crash()
		c.settle(time.Second)
		c.wantServing()
		for _, s := range []*server{a, b} {
			created := map[zab.SessionID]int{}
			for _, r := range s.applied {
				if r.Txn.Op == int32(jute.OpCreateSession) {
					created[r.Txn.Session]++
				}
			}
			if len(created) != 2 || created[11] != 1 || created[12] != 1 || s.r.pending.len() != 0 {
				t.Errorf("%s reached the leader: server %d applied %v, %d wait, %+v", reached, s.id, created, s.r.pending.len(), s.answers)
			}
		}
	}
}

// TestCHK121361: a client that only reads, at a follower, is heard from by no
// record. The follower tells the leader with its answers to pings.
func TestCHK121361(t *testing.T) {
	for observers := range 2 {
		c := run(t, 3+observers, observers)
		f := c.servers[0]
		if observers > 0 {
			f = c.servers[3]
		}
		f.open(1, 4*time.Second)
		for range 12 {
			f.hear()
			c.settle(time.Second)
		}
		c.wantAlive()
		c.settle(7 * time.Second)
		if !c.expired() {
			t.Error("not expired after a silence of its own")
		}
	}
}

// TestEtcd20418: a leader stands still; another is elected and commits. Then it
// goes on, with a barrier and a write in front of it, before it hears of
// anything: it answers neither, and proposes nothing.
func TestEtcd20418(t *testing.T) {
	c := run(t, 3, 0)
	old := c.leader()
	old.open(1, 30*time.Second)
	others := c.others(old)
	c.part(old.id, others[0].id, true)
	c.part(old.id, others[1].id, true)
	paused, inbox := old, old.inbox
	paused.up = false // neither ticks nor events
	c.settle(15 * time.Second)
	l := c.leader()
	if l == nil {
		t.Fatal("no second leader")
	}
	l.request(1 << 20)
	c.settle(20 * time.Millisecond)
	paused.up, paused.inbox = true, inbox
	end, applied := old.r.log.Appended(), len(old.applied)
	old.step(zab.Event{Kind: zab.EvSync, SyncAsk: &zab.SyncAsk{Seq: 2, Session: client}})
	old.write(3)
	old.step(zab.Event{Kind: zab.EvTick})
	for len(old.disk) > 0 {
		old.diskStep()
	}
	if got := old.r.log.Appended(); got != end {
		t.Errorf("proposed %s after it stood still", got)
	}
	if len(old.answers) != 0 || len(old.applied) != applied {
		t.Errorf("answered %+v, applied %d records", old.answers, len(old.applied)-applied)
	}
	c.part(old.id, others[0].id, false)
	c.part(old.id, others[1].id, false)
	c.settle(time.Second)
	c.wantServing()
	want := []uint64{1, 1 << 20, 3}
	if got := old.appliedSeqs(); !slices.Equal(got, want) {
		t.Errorf("applied %v, want %v", got, want)
	}
	if !slices.Contains(old.answers, zab.Answer{Kind: zab.AnswerSync, Seq: 2, Session: client}) {
		t.Errorf("the barrier is not answered in the end: %+v", old.answers)
	}
}

// TestZK3829: a leader whose proposals nobody takes up any more gives up within
// syncLimit, and its clients' requests go to the next one.
func TestZK3829(t *testing.T) {
	c := run(t, 3, 0)
	l := c.leader()
	for _, f := range c.others(l) {
		f.holdIn = true
	}
	l.request(1)
	c.settle(11 * time.Second) // syncLimit is 10 s
	if l.r.leader != nil {
		t.Fatalf("still leads: %+v", l.r.Status())
	}
	for _, f := range c.others(l) {
		f.holdIn = false
	}
	c.settle(15 * time.Second)
	c.wantServing()
	if got := c.leader().appliedSeqs(); !slices.Equal(got, []uint64{1}) {
		t.Errorf("applied %v", got)
	}
}

// TestZK3829Members: servers with different ideas of who is in the ensemble do
// not count each other: nobody leads by a quorum that the others do not see.
func TestZK3829Members(t *testing.T) {
	c := run(t, 3, 0)
	for i, s := range c.servers { // one after the other is restarted with the new configuration
		s.crash()
		s.members = 5
		s.start()
		c.settle(3 * time.Second)
		for _, o := range c.servers {
			if inMajority := (o.members == 5) == (i > 0); o.r.Status().Serving != inMajority {
				t.Fatalf("after server %d, server %d: %+v", i, o.id, o.r.Status())
			}
		}
	}
	c.wantServing()
}

// TestOperator94: a server comes back on an old volume with the membership of that
// time, in which it is not what it is now. It waits and says why, disturbs
// nobody, and joins with that volume once its configuration is right.
func TestOperator94(t *testing.T) {
	c := run(t, 3, 0)
	f := c.others(c.leader())[0]
	f.crash()
	for seq := range uint64(5) {
		c.leader().request(seq + 1)
	}
	c.settle(time.Second)
	l, epoch := c.leader(), c.leader().r.Status().Epoch
	f.members = 4711
	f.start()
	c.settle(10 * time.Second)
	if f.r.Status().Serving || c.leader() != l || l.r.Status().Epoch != epoch {
		t.Fatalf("leader %+v, stale server %+v", l.r.Status(), f.r.Status())
	}
	if !slices.ContainsFunc(f.notes, func(n zab.Note) bool { return n.Kind == zab.NoteMembershipDiffer }) {
		t.Error("it does not say why it waits")
	}
	f.crash()
	f.members = 0
	f.start()
	c.settle(time.Second)
	c.wantServing()
	if f.count(zab.NoteSyncStarted, "SNAP") != 0 || c.leader() != l {
		t.Error("its volume was not used, or the leader was disturbed")
	}
}
