package sim

import (
	"os"
	"testing"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/replica"
	"github.com/quorumd/quorumd/zab"
)

// scriptSeeds is how many timings a story is played with.
const scriptSeeds = 20

// stories plays a story with many timings; with -seed, with one of them aloud.
func stories(t *testing.T, voters, observers int, tell func(s *script)) {
	t.Helper()
	if *seedFlag != 0 {
		if r := play(Options{Seed: *seedFlag, Trace: os.Stdout}, voters, observers, tell); r.Err != nil {
			t.Fatal(r.Err)
		}
		return
	}
	for seed := uint64(1); seed <= scriptSeeds; seed++ {
		if r := play(Options{Seed: seed}, voters, observers, tell); r.Err != nil {
			t.Fatalf("%v\nto see its story: go test ./sim -run '^%s$' -seed %d", r.Err, t.Name(), seed)
		}
	}
}

// TestZK4646: a follower whose disk has not synced what it was sent does not
// acknowledge NEWLEADER, so nothing is built on what a crash takes away.
func TestZK4646(t *testing.T) {
	stories(t, 3, 0, func(s *script) {
		s.start(1, 2, 3)
		s.serve(1, 2, 3)
		s.crash(vfs.KeepNothing, 1)
		leader, other := zab.ServerID(3), zab.ServerID(2)
		if s.leads(2) {
			leader, other = 2, 3
		}
		s.serve(leader, other)
		s.write(s.visit(leader), 5)
		s.crash(vfs.KeepNothing, other)
		s.start(1)
		n := s.node(1)
		s.until("server 1 synchronises", func() bool { return n.replica.Status().Phase == replica.PhaseSynchronization })
		n.hold(stageAppend)
		s.until("server 1 is sent what it lacks", func() bool { return s.sent(1) >= s.check.end().Zxid })
		s.pass(2 * tickTime)
		if s.check.durable[0].ackedNL {
			s.fail("server 1 acknowledged NEWLEADER before its disk did anything")
		}
		s.crash(vfs.KeepNothing, 1, leader)
		s.start(1, other)
	})
}

// behind brings server 1 to the point where it is the only one from which
// leader 3 can get a quorum, and lacks values that servers 2 and 3 have. It is
// about to be synchronised; its disk does what it is told, one thing at a time.
func behind(s *script, values int) *tale {
	t := begin(s, 1)
	t.crash(vfs.KeepNothing, 1)
	t.write(t.writer, values)
	t.serve(2, lead)
	t.crash(vfs.KeepNothing, 2)
	t.until("the leader is alone", func() bool { return !t.leads(lead) })
	t.start(1)
	t.fine(1)
	t.until("server 1 synchronises", func() bool { return t.in(1, replica.PhaseSynchronization) })
	t.hold(1, stageAppend)
	return t
}

// cutShort has server 1 do a number of things on its disk, and then goes on
// without leader 3: server 1 must not win over server 2, which has everything.
func cutShort(s *script, values, things int) {
	t := behind(s, values)
	for range things {
		t.step(1, stageAppend)
		t.pass(tickTime / 10)
	}
	t.crash(vfs.KeepNothing, 1, lead)
	t.start(1, 2)
	t.until("servers 1 and 2 serve", func() bool { return t.node(1).replica.Status().Serving && t.node(2).replica.Status().Serving })
	t.pass(tickTime)
	t.hope(t.value(1, t.writer) == t.writer.promised, "server 1 holds %d, %d was promised", t.value(1, t.writer), t.writer.promised)
}

// TestZK4643: a follower crashes between any two things that its disk does in
// synchronisation. It must not have adopted the epoch before it has the history:
// it would win the next election by it and cut the others' logs.
func TestZK4643(t *testing.T) {
	for things := range 4 {
		stories(t, 3, 0, func(s *script) { cutShort(s, 3, things) })
	}
}

// TestZK4785: the same with one record to take over, which the log still holds
// back when NEWLEADER comes.
func TestZK4785(t *testing.T) {
	for things := range 3 {
		stories(t, 3, 0, func(s *script) { cutShort(s, 1, things) })
	}
}

// TestZK3911: the leader has one proposal more than anybody, gets a quorum by
// one follower, and serves it. That follower loses its power as UPTODATE comes,
// and the leader goes for good: what was served must be there.
func TestZK3911(t *testing.T) {
	stories(t, 3, 0, func(s *script) {
		a := begin(s, 1)
		a.cut(lead, 1)
		a.cut(lead, 2)
		end := a.check.end().Zxid
		a.ask(a.writer)
		a.until("the proposal is logged", func() bool { return a.synced(lead) > end })
		a.crash(vfs.KeepNothing, 1, 2)
		a.mend()
		a.start(1)
		a.until("the leader serves the proposal", func() bool { return a.leads(lead) && a.value(lead, a.writer) == a.writer.value })
		a.crash(vfs.KeepNothing, 1, lead)
		a.start(1, 2)
		a.serve(1, 2)
		a.hope(a.value(2, a.writer) == a.writer.value, "server 2 holds %d, %d was served", a.value(2, a.writer), a.writer.value)
	})
}

// TestZK3023: a follower that has been told UPTODATE serves nobody before it has
// applied what the leader began with, however slowly it reads its log.
func TestZK3023(t *testing.T) {
	stories(t, 3, 0, func(s *script) {
		a := begin(s, 1)
		a.snapshot(1)
		a.write(a.writer, 3)
		a.serve(1)
		a.crash(vfs.KeepNothing, 1)
		following := a.told(1, zab.NoteFollowing)
		a.start(1)
		a.hold(1, stageRead)
		a.until("server 1 is up to date", func() bool { return a.told(1, zab.NoteFollowing) > following })
		a.hope(a.check.durable[0].synced >= a.check.end().Zxid, "UPTODATE came before the log was durable")
		a.pass(2 * tickTime)
		a.hope(!a.node(1).replica.Status().Serving, "server 1 serves at %s of %s", a.node(1).state.Applied(), a.check.end())
		a.release(1, stageRead)
		a.serve(1)
	})
}

// TestZK4643Sweep crashes the learner at every change of its disk while records
// are on their way to it, and has it judged by a server that was not there.
func TestZK4643Sweep(t *testing.T) {
	st := story{name: "alone", voters: 3, only: 1, tell: func(s *script) {
		a := behind(s, 3)
		s.beginPoints()
		a.release(1, stageAppend)
		a.serve(1, lead)
	}}
	r, s := perform(Options{Seed: 1}, st.voters, 0, nil, st.tell)
	if r.Err != nil {
		t.Fatal(r.Err)
	}
	var total CrashTotal
	total.Scenarios = []CrashStory{{Name: st.name}}
	runs := CrashSweep{Every: 3}.points(st, s, &total)
	if len(runs) < 50 {
		t.Fatalf("%d points", len(runs))
	}
	for _, run := range runs {
		if r, _ := perform(Options{Seed: 1}, st.voters, 0, &run.point, st.tell); r.Err != nil {
			t.Fatalf("%s: %v", run.point, r.Err)
		}
	}
}
