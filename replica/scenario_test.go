package replica

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/quorumd/quorumd/broadcast"
	"github.com/quorumd/quorumd/jute"
	"github.com/quorumd/quorumd/zab"
)

// run starts n servers, the last observers of them observing, and waits until
// all serve.
func run(t *testing.T, n, observers int) *cluster {
	c := newCluster(t, n)
	c.voters = n - observers
	c.startAll()
	c.wantServing()
	return c
}

// wantServing checks that every server that is up serves and has applied the
// same.
func (c *cluster) wantServing() {
	c.t.Helper()
	l := c.leader()
	if l == nil {
		c.t.Fatalf("nobody leads; server 0: %+v", c.servers[0].r.Status())
	}
	for _, s := range c.servers {
		if st := s.r.Status(); s.up && (!st.Serving || endOf(s.applied, zab.Position{}) != endOf(l.applied, zab.Position{})) {
			c.t.Fatalf("server %d: applied %s of %s, %+v", s.id, st.Applied, l.r.Status().Applied, st)
		}
	}
}

func (s *server) count(kind zab.NoteKind, text string) (n int) {
	for _, note := range s.notes {
		if note.Kind == kind && note.Text == text {
			n++
		}
	}
	return n
}

func (s *server) appliedSeqs() (seqs []uint64) {
	for _, r := range s.applied {
		if r.Txn.Seq != 0 {
			seqs = append(seqs, r.Txn.Seq)
		}
	}
	return seqs
}

// others returns the voters beside s.
func (c *cluster) others(s *server) (others []*server) {
	for _, o := range c.servers[:c.voters] {
		if o != s {
			others = append(others, o)
		}
	}
	return others
}

// TestSnapshotForALateLearner: the log no longer reaches back, neither on the
// disk nor in memory. What comes after the snapshot is streamed.
func TestSnapshotForALateLearner(t *testing.T) {
	c := run(t, 4, 1)
	for _, late := range []*server{c.others(c.leader())[0], c.servers[3]} {
		late.crash()
		for _, s := range c.servers {
			if s != late {
				c.leader().request(uint64(late.id+1)<<20 + uint64(s.id))
				c.settle(10 * time.Millisecond)
			}
		}
		for _, s := range c.servers {
			if s != late {
				s.snapshot()
				s.crash()
				s.start()
			}
		}
		c.settle(2 * time.Second)
		c.leader().request(uint64(late.id+1)<<20 + 99)
		late.start()
		c.settle(time.Second)
		c.wantServing()
		if late.count(zab.NoteSyncStarted, "SNAP") != 1 || late.base() != c.leader().base() || late.base() == late.end() {
			t.Errorf("server %d: base %s, end %s, %v", late.id, late.base(), late.end(), late.notes)
		}
		late.crash()
		late.start()
		c.settle(time.Second)
		c.wantServing()
	}
}

// TestObserverIsNoQuorum: an observer learns and serves, and commits nothing.
func TestObserverIsNoQuorum(t *testing.T) {
	c := run(t, 4, 1)
	l, o := c.leader(), c.servers[3]
	if st := o.r.Status(); st.State != zab.Observing || !st.Serving {
		t.Fatalf("observer: %+v", st)
	}
	o.request(1)
	c.settle(10 * time.Millisecond)
	if !slices.Equal(o.appliedSeqs(), []uint64{1}) {
		t.Fatalf("applied %v", o.appliedSeqs())
	}
	for _, f := range c.others(l) {
		f.holdDisk = true
	}
	o.request(2)
	c.settle(100 * time.Millisecond)
	if len(o.appliedSeqs()) != 1 || len(l.appliedSeqs()) != 1 {
		t.Fatal("committed by the leader and an observer")
	}
	c.others(l)[0].holdDisk = false
	c.settle(100 * time.Millisecond)
	if len(o.appliedSeqs()) != 2 {
		t.Fatal("not committed by two voters")
	}
}

// TestHistoryLongerThanTheWindow: a learner acknowledges nothing before
// NEWLEADER, and NEWLEADER comes behind more than the window holds.
func TestHistoryLongerThanTheWindow(t *testing.T) {
	c := run(t, 3, 0)
	l := c.leader()
	late := c.others(l)[0]
	late.crash()
	for i := range broadcast.WindowRecords + 1000 {
		l.request(uint64(i + 1))
	}
	c.settle(100 * time.Millisecond)
	late.start()
	c.settle(time.Second)
	c.wantServing()
}

// TestUncommittedTailIsCut: the old leader logged what nobody else has; it is
// cut, and the request is carried out once, by its own server's second try.
func TestUncommittedTailIsCut(t *testing.T) {
	c := run(t, 3, 0)
	old := c.leader()
	for _, o := range c.others(old) {
		c.part(old.id, o.id, true)
	}
	old.request(1)
	for len(old.disk) > 0 {
		old.diskStep()
	}
	tail := old.end()
	c.settle(15 * time.Second)
	l := c.leader()
	if l == nil || l == old {
		t.Fatalf("server %d leads", old.id)
	}
	l.request(1 << 20)
	for _, o := range c.others(old) {
		c.part(old.id, o.id, false)
	}
	c.settle(time.Second)
	c.wantServing()
	if old.count(zab.NoteSyncStarted, "TRUNC") != 1 {
		t.Errorf("not cut: %v", old.notes)
	}
	if got := l.appliedSeqs(); !slices.Equal(got, []uint64{1 << 20, 1}) {
		t.Errorf("applied %v", got)
	}
	if slices.ContainsFunc(old.log, func(r zab.Record) bool { return r.Position() == tail }) {
		t.Error("the tail is still there")
	}
}

// TestStaleLogReadIsVoid: what was read before the log was cut must not be
// applied after it.
func TestStaleLogReadIsVoid(t *testing.T) {
	c := newCluster(t, 1)
	s := c.servers[0]
	s.start()
	c.settle(time.Second)
	for i := range 4 {
		s.request(uint64(i + 1))
		c.settle(10 * time.Millisecond)
	}
	// The same server with its tree behind: what is committed has to be read.
	r := New(s.r.cfg, Start{Last: s.end(), Epochs: s.epochs})
	r.committed = s.log[2].Zxid
	var out zab.Output
	r.apply(&out)
	if len(out.LogReads) != 1 {
		t.Fatalf("reads %+v", out.LogReads)
	}
	stale := s.read(out.LogReads[0])
	cut := s.log[2].Position()
	r.log.Truncate(cut, &out)
	r.Step(&zab.Event{Kind: zab.EvDiskDone, Disk: zab.DiskDone{Op: 1, Kind: zab.DiskTruncate, At: cut, OK: true}}, &out)
	out.Reset()
	r.Step(&zab.Event{Kind: zab.EvLogRead, LogRead: stale}, &out)
	if len(out.Apply) != 0 {
		t.Errorf("applied %s, which was read before the log was cut", out.Apply[0].Zxid)
	}
}

// TestLeaderThatDiesAtOnce: followers that cannot reach the one they elected
// do not dial it for initLimit.
func TestLeaderThatDiesAtOnce(t *testing.T) {
	c := newCluster(t, 3)
	for _, s := range c.servers {
		s.start()
	}
	c.until("server 0 follows", func() bool {
		f := c.servers[0].r.follower
		return f != nil && f.Link() == 0
	})
	c.servers[2].crash()
	c.settle(3 * time.Second)
	c.wantServing()
}

// TestLeaderRestartsAtOnce: it is back before the others have noticed much.
func TestLeaderRestartsAtOnce(t *testing.T) {
	c := run(t, 3, 0)
	l := c.leader()
	f := c.others(l)[0]
	f.request(1 << 20)
	l.crash()
	l.start()
	c.settle(3 * time.Second)
	c.wantServing()
	if got := f.appliedSeqs(); !slices.Equal(got, []uint64{1 << 20}) {
		t.Errorf("applied %v", got)
	}
}

// TestBarrierOutlivesTheLeader: a sync barrier under way is asked of the next
// leader, and shows what was committed before it was asked.
func TestBarrierOutlivesTheLeader(t *testing.T) {
	c := run(t, 3, 0)
	l := c.leader()
	f, g := c.others(l)[0], c.others(l)[1]
	f.holdDisk = true // what g commits with the leader does not reach f's tree
	g.request(1)
	c.settle(10 * time.Millisecond)
	if !slices.Equal(g.appliedSeqs(), []uint64{1}) || len(f.appliedSeqs()) != 0 {
		t.Fatalf("applied %v and %v", g.appliedSeqs(), f.appliedSeqs())
	}
	f.step(zab.Event{Kind: zab.EvSync, SyncAsk: &zab.SyncAsk{Seq: 1 << 30}})
	c.settle(10 * time.Millisecond)
	l.crash()
	if len(f.answers) != 0 {
		t.Fatal("answered without the write")
	}
	f.holdDisk = false
	c.settle(2 * time.Second)
	if len(f.answers) != 1 || f.answers[0].Kind != zab.AnswerSync || len(f.appliedSeqs()) != 1 {
		t.Fatalf("answers %v, applied %v", f.answers, f.appliedSeqs())
	}
}

// TestAmnesiacWithPartOfTheHistory is E4's example, one step on: server 2
// commits x with server 1, loses its disk, and takes over only a part of the
// history again. With server 0, which lacks x, it must not elect.
func TestAmnesiacWithPartOfTheHistory(t *testing.T) {
	c := run(t, 3, 0)
	s0, s1, s2 := c.servers[0], c.servers[1], c.servers[2]
	s0.crash()
	c.settle(time.Second)
	c.leader().request(1) // x
	c.settle(10 * time.Millisecond)
	s2.crash()
	s2.log, s2.synced, s2.epochs = s1.log[:1:1], 1, zab.Epochs{Accepted: 2, AcceptedBy: 1}
	s1.crash()
	s0.start()
	s2.start()
	s0.notes, s2.notes = nil, nil
	c.settle(5 * time.Second)
	for _, n := range append(s0.notes, s2.notes...) {
		if n.Kind == zab.NoteElected {
			t.Fatalf("server %d was elected without x", n.Peer)
		}
	}
	s1.start()
	c.settle(5 * time.Second)
	c.wantServing()
	if got := s0.appliedSeqs(); !slices.Equal(got, []uint64{1}) {
		t.Errorf("applied %v", got)
	}
}

// TestHeldRequestThatIsRefused: a leader in doubt holds its own client's
// request; when it is refused in the end, it is forgotten, not sent again. The
// client goes on to another server meanwhile.
func TestHeldRequestThatIsRefused(t *testing.T) {
	c := run(t, 3, 0)
	l := c.leader()
	f := c.others(l)[0]
	l.step(zab.Event{Kind: zab.EvRequest, Request: &zab.Request{
		Session: 9, Seq: 1, Op: int32(jute.OpCreateSession), Body: []byte{0, 0, 16, 0},
	}})
	c.settle(10 * time.Millisecond)
	f.holdIn = true          // no answer to a ping
	c.now += 3 * time.Second // it stood still
	l.step(zab.Event{Kind: zab.EvRequest, Request: &zab.Request{Session: 9, Seq: 2, Op: int32(jute.OpSetData)}})
	f.step(zab.Event{Kind: zab.EvAttach, Attach: &zab.Attach{Seq: 3, Session: 9, Timeout: 4000}})
	if st := l.r.Status(); st.Pending != 1 || len(l.answers) != 0 {
		t.Fatalf("not held: %+v %v", st, l.answers)
	}
	c.settle(100 * time.Millisecond)
	if st := l.r.Status(); st.Pending != 0 || len(l.answers) != 1 || l.answers[0].Kind != zab.AnswerMoved {
		t.Fatalf("after the refusal: %+v %v", st, l.answers)
	}
}

// TestVoteOfTheDead: what a server said while there was no election, and its
// death, are both heard by the next one.
func TestVoteOfTheDead(t *testing.T) {
	c := newCluster(t, 3)
	s := c.servers[0]
	s.start()
	s.step(zab.Event{Kind: zab.EvTick})
	s.r.election = nil
	s.r.log.SaveEpochs(zab.Epochs{}, &zab.Output{}) // the disk is busy: no election
	word := zab.Notification{From: 2, Round: 5, Vote: zab.Vote{Leader: 2, Epoch: 3}}
	s.step(zab.Event{Kind: zab.EvNotification, Notification: &word})
	s.step(zab.Event{Kind: zab.EvReachable, Peer: 2})
	s.step(zab.Event{Kind: zab.EvDiskDone, Disk: zab.DiskDone{Op: 1, Kind: zab.DiskEpochs}})
	if s.r.election == nil || !s.r.down.Has(2) {
		t.Errorf("server 2 counts as alive")
	}
}

// TestNoRoleNoWord: a server that has lost its role and waits for its disk does
// not tell anybody that it still leads.
func TestNoRoleNoWord(t *testing.T) {
	c := run(t, 3, 0)
	l := c.leader()
	l.holdDisk = true
	l.request(1)
	l.r.leave("a test")
	l.step(zab.Event{Kind: zab.EvTick})
	ev := zab.Event{Kind: zab.EvReachable, Peer: c.others(l)[0].id, Up: true, Now: c.now}
	var out zab.Output
	l.r.Step(&ev, &out)
	if st := l.r.Status(); st.State != zab.Looking || len(out.Notify) != 0 {
		t.Errorf("%s, and tells %+v", st.State, out.Notify)
	}
}

// TestPartlyCutOff: server 0 cannot reach the best candidate and would rather
// have server 1. It must not keep 1 and 2 from agreeing.
func TestPartlyCutOff(t *testing.T) {
	c := run(t, 3, 0)
	s0, s1, s2 := c.servers[0], c.servers[1], c.servers[2]
	c.part(0, 2, true)
	s2.crash()
	s2.start()
	c.settle(3 * time.Second)
	if !s1.r.Status().Serving || s0.r.Status().Serving == s2.r.Status().Serving {
		t.Fatalf("no two of three serve: %+v %+v %+v", s0.r.Status(), s1.r.Status(), s2.r.Status())
	}
	c.part(0, 2, false)
	c.settle(3 * time.Second)
	c.wantServing()
}

// TestRefusedLearnerRests: a server that its leader sends away comes again, but
// not as fast as it can.
func TestRefusedLearnerRests(t *testing.T) {
	c := run(t, 3, 0)
	l := c.leader()
	f := c.others(l)[0]
	l.r.identity = 4711 // so that the data of the others is foreign to it
	f.r.leave("a test")
	before := len(c.wire)
	c.settle(5 * time.Second)
	if tries := c.count(before, "FOLLOWERINFO"); tries < 3 || tries > 12 {
		t.Errorf("%d tries in 5 s", tries)
	}
}

// count counts the lines of the wire since before that contain what.
func (c *cluster) count(before int, what string) (n int) {
	for _, line := range c.wire[before:] {
		if strings.Contains(line, what) {
			n++
		}
	}
	return n
}

// TestOperator94Foreign: a server with the history of another ensemble neither
// joins nor disturbs the others, whatever it has promised.
func TestOperator94Foreign(t *testing.T) {
	c := run(t, 3, 0)
	l := c.leader()
	f := c.others(l)[0]
	f.crash()
	f.epochs = zab.Epochs{Accepted: 9, Current: 9}
	f.start()
	f.r.identity = 4711
	before := len(c.wire)
	c.settle(5 * time.Second)
	if c.leader() != l || l.r.Status().Epoch != 1 || f.r.Status().Serving || c.count(before, "FOLLOWERINFO") != 0 {
		t.Fatalf("leader %+v, foreign server %+v", l.r.Status(), f.r.Status())
	}
	if !slices.ContainsFunc(f.notes, func(n zab.Note) bool { return n.Kind == zab.NoteForeignEnsemble }) {
		t.Error("it is not said")
	}
}

// TestOneOfThreeHoldsAll: a server that ran alone, or whose peers lost their
// disks, brings its history into the ensemble once every voter is there; not
// before, since one that is missing could hold more (E4).
func TestOneOfThreeHoldsAll(t *testing.T) {
	c := run(t, 3, 0)
	s0 := c.servers[0]
	s0.request(1<<40 + 1)
	c.settle(100 * time.Millisecond)
	end := s0.r.Status().Applied
	for _, s := range c.servers {
		s.crash()
	}
	for _, s := range c.servers[1:] {
		s.log, s.synced, s.epochs = nil, 0, zab.Epochs{}
	}
	c.servers[1].start()
	s0.start()
	c.settle(5 * time.Second)
	if c.leader() != nil {
		t.Fatal("a leader, though server 2 may hold more")
	}
	c.servers[2].start()
	c.settle(5 * time.Second)
	if c.leader() != s0 {
		t.Fatalf("server 0 does not lead: %+v", s0.r.Status())
	}
	for _, s := range c.servers {
		if st := s.r.Status(); !st.Serving || st.Applied < end {
			t.Errorf("server %d: %+v, want %s", s.id, st, end)
		}
	}
}
