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
