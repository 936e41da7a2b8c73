package replica

import (
	"slices"
	"testing"
	"time"

	"github.com/quorumd/quorumd/jute"
	"github.com/quorumd/quorumd/zab"
)

// isAt checks that the client is at s and nowhere else, by a write through each of
// the servers that are up; seq is free from here on.
func (c *cluster) isAt(s *server, seq uint64) {
	c.t.Helper()
	for _, o := range append(c.others(s), s) { // the others first: what they get wrong, they may
		seq++
		if !o.up {
			continue
		}
		o.write(seq)
		c.settle(20 * time.Millisecond)
		if o.moved(seq) == (o == s) || slices.Contains(s.appliedSeqs(), seq) != (o == s) {
			c.t.Errorf("server %d: refused %v, applied %v; the client is at server %d", o.id, o.moved(seq), s.appliedSeqs(), s.id)
		}
	}
}

// TestQD1Tail: a leader that is cut off attaches the client behind records that
// nobody else will ever have. The client goes on to a server whose leader's log
// ends before them. That is later all the same (S4), and so is the timeout.
func TestQD1Tail(t *testing.T) {
	for i := range 2 { // to the new leader, or to its follower
		c := run(t, 3, 0)
		old := c.leader()
		others := c.others(old)
		others[0].open(1, 4*time.Second)
		c.part(old.id, others[0].id, true)
		c.part(old.id, others[1].id, true)
		for seq := range uint64(5) {
			old.request(seq + 1)
		}
		old.step(zab.Event{Kind: zab.EvAttach, Attach: &zab.Attach{Seq: 9, Session: client, Timeout: 4000}})
		if len(old.r.attachments) != 1 {
			t.Fatal("not attached to the leader that was cut off")
		}
		c.settle(time.Second)
		others[i].attach(1<<40+1, 60*time.Second)
		c.part(old.id, others[0].id, false)
		c.part(old.id, others[1].id, false)
		c.settle(time.Second)
		c.wantServing()
		c.settle(40 * time.Second)
		c.wantAlive()
		c.isAt(others[i], 1<<41)
	}
}

// TestQD1Tie: the client has moved twice, with no record in between, and its
// former server has not noticed. Both speak of it to the next leader.
func TestQD1Tie(t *testing.T) {
	for i := range 2 { // the one or the other leads next
		c := run(t, 3, 0)
		old := c.leader()
		old.open(1, 10*time.Second)
		before, after := c.others(old)[i], c.others(old)[1-i]
		before.attach(1<<40+1, 10*time.Second)
		after.attach(1<<40+2, 10*time.Second)
		old.crash()
		c.settle(time.Second)
		c.wantServing()
		c.isAt(after, 1<<41)
	}
}

// TestQD1Restored: the next leader begins with a snapshot that is behind all that
// the session ever wrote. It knows whose the session is all the same.
func TestQD1Restored(t *testing.T) {
	c := run(t, 3, 0)
	old := c.leader()
	before, after := c.others(old)[0], c.others(old)[1]
	before.open(1, 10*time.Second)
	after.attach(1<<40+1, 10*time.Second)
	after.write(1<<40 + 2)
	c.settle(time.Second)
	before.holdIn = true
	for _, s := range []*server{old, after} {
		s.snapshot()
		s.crash()
		s.start()
	}
	c.settle(time.Second)
	if l := c.leader(); l == nil || l == before {
		t.Fatal("no leader that was restarted")
	}
	before.holdIn = false
	c.settle(time.Second)
	c.wantServing()
	c.isAt(after, 1<<41)
}

// TestQD1Installed: the same, of a leader that was brought up to date with a
// snapshot and has never been told of an attach.
func TestQD1Installed(t *testing.T) {
	c := run(t, 3, 0)
	old := c.leader()
	before, next := c.others(old)[0], c.others(old)[1]
	c.part(next.id, old.id, true)
	c.part(next.id, before.id, true)
	before.open(1, 30*time.Second)
	old.attach(1<<40+1, 30*time.Second)
	old.write(1<<40 + 2)
	c.settle(time.Second)
	for _, s := range []*server{old, before} {
		s.snapshot()
		s.crash()
		s.start()
	}
	c.settle(time.Second)
	c.part(next.id, old.id, false)
	c.part(next.id, before.id, false)
	c.settle(time.Second)
	c.wantServing()
	if next.count(zab.NoteSyncStarted, "SNAP") != 1 && c.leader().count(zab.NoteSyncStarted, "SNAP") != 1 {
		t.Fatalf("no snapshot: %v", next.notes)
	}
	c.leader().crash()
	c.settle(time.Second)
	if c.leader() != next {
		t.Fatal("another leader")
	}
	before.write(1<<41 + 1)
	c.settle(20 * time.Millisecond)
	if !before.moved(1<<41 + 1) {
		t.Errorf("a former server may write: applied %v", next.appliedSeqs())
	}
	old.start()
	c.settle(time.Second)
	old.attach(1<<42, 30*time.Second)
	c.isAt(old, 1<<43)
}

// TestQD1Snapshot: a snapshot tells whose the sessions are; one of version 1
// does not, and the next record of a session does.
func TestQD1Snapshot(t *testing.T) {
	h := newStory()
	h.bootstrap(3, "secret")
	h.session(1, 1000)
	h.session(2, 2000)
	wrote := h.record(zab.Txn{Session: 1, Origin: 5, Op: int32(jute.OpSync)})
	h.s.Apply(wrote)
	want := []zab.Session{
		{ID: 1, Timeout: 1000, Owner: 5, Since: wrote.Zxid},
		{ID: 2, Timeout: 2000, Owner: 0, Since: wrote.Zxid - 1},
	}
	frames := allFrames(h.s.Snapshot(), func() {})
	loaded, err := LoadState(reader(frames))
	if err != nil || !slices.Equal(loaded.Sessions(), want) || !slices.Equal(h.s.Sessions(), want) {
		t.Fatalf("%v, %+v and %+v, want %+v", err, loaded.Sessions(), h.s.Sessions(), want)
	}

	old := sessionBatch1{}
	for i := range want {
		e := &want[i]
		e.Owner, e.Since = zab.NoServer, 0
		old.Sessions = append(old.Sessions, struct {
			ID      zab.SessionID
			Timeout int64
		}{e.ID, e.Timeout})
	}
	meta := snapshotMeta{Version: 1, At: h.s.Applied(), Ensemble: 3, Secret: []byte("secret")}
	for i, v := range map[int]any{0: &meta, 2: &old} {
		if frames[i].body, err = h.enc.AppendBody(nil, v); err != nil {
			t.Fatal(err)
		}
	}
	loaded, err = LoadState(reader(frames))
	if err != nil || !slices.Equal(loaded.Sessions(), want) {
		t.Fatalf("of version 1: %v, %+v, want %+v", err, loaded.Sessions(), want)
	}
	loaded.Apply(h.record(zab.Txn{Session: 2, Origin: 6, Op: int32(jute.OpSync)}))
	if got := loaded.Sessions()[1]; got.Owner != 6 || got.Since != h.at.Zxid {
		t.Errorf("after its next record: %+v", got)
	}
}
