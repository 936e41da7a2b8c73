package sim

import (
	"testing"
	"time"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/jute"
	"github.com/quorumd/quorumd/replica"
	"github.com/quorumd/quorumd/zab"
)

// TestZK4925: what a follower got by DIFF it gives on by DIFF, without a hole,
// once it leads.
func TestZK4925(t *testing.T) {
	stories(t, 5, 0, func(s *script) {
		all := []zab.ServerID{1, 2, 3, 4, 5}
		s.start(all...)
		old, rest := s.settled(all...)
		c := s.visit(old)
		s.write(c, 3)
		next, late := rest[3], rest[0] // the greatest id wins among equals
		s.crash(vfs.KeepNothing, next, late)
		s.write(c, 6)
		s.start(next)
		s.settled(but(all, late)...)
		s.crash(vfs.KeepNothing, old)
		leader, _ := s.settled(but(but(all, late), old)...)
		s.hope(leader == next, "server %d leads, not %d", leader, next)
		seen := s.heads(late)
		s.start(late)
		s.settled(but(all, old)...)
		s.hope(seen[zab.KindDiff] == 1 && len(seen) == 1, "not one DIFF: %v", seen)
	})
}

// TestZK4882: a commit that the server's own disk has not confirmed is not
// applied, so memory is never ahead of the log.
func TestZK4882(t *testing.T) {
	stories(t, 3, 0, func(s *script) {
		s.start(1, 2, 3)
		leader, rest := s.settled(1, 2, 3)
		c := s.visit(leader)
		s.write(c, 2)
		n := s.node(rest[0])
		n.hold(stageAppend)
		before := s.synced(n.id)
		s.write(c, 5)
		s.pass(tickTime)
		s.hope(n.replica.Status().Committed > before, "server %d has not heard of the commits", n.id)
		s.hope(n.state.Applied().Zxid <= s.synced(n.id), "%v applied %s, durable through %s", n, n.state.Applied(), s.synced(n.id))
		s.restart(n.id)
		s.settled(1, 2, 3)
		s.restart(1, 2, 3)
		s.settled(1, 2, 3)
	})
}

// lateForDiff brings three servers to the point where the third starts and has
// to be sent a snapshot.
func lateForDiff(s *script) (leader, other, late zab.ServerID, c *client) {
	s.start(1, 2, 3)
	leader, rest := s.settled(1, 2, 3)
	other, late = rest[0], rest[1]
	c = s.visit(leader)
	s.write(c, 2)
	s.crash(vfs.KeepNothing, late)
	s.write(c, longEnough)
	s.shrink(leader, other)
	s.restart(leader) // it has nothing in memory either
	leader, rest = s.settled(leader, other)
	other = rest[0]
	c = s.visit(leader)
	return leader, other, late, c
}

// leaderWithTail brings three servers to the point where the one that led has a
// record in its log that nobody else knows of.
func leaderWithTail(s *script) (old zab.ServerID, rest []zab.ServerID) {
	s.start(1, 2, 3)
	old, rest = s.settled(1, 2, 3)
	s.write(s.visit(old), 2)
	s.tail(old)
	return old, rest
}

// TestZK3104: what is committed while the snapshot is taken and sent comes
// after it and before NEWLEADER, whose end is not before the snapshot.
func TestZK3104(t *testing.T) {
	stories(t, 3, 0, func(s *script) {
		leader, other, late, c := lateForDiff(s)
		var snap, end zab.Zxid
		tries := 0
		s.tap(func(_, to zab.ServerID, p *zab.Packet) {
			switch {
			case to == late && (p.Kind == zab.KindDiff || p.Kind == zab.KindSnap):
				snap = p.Zxid
				tries++
			case to == late && p.Kind == zab.KindNewLeader:
				end = p.Zxid
			}
		})
		s.node(leader).hold(stageRead)
		s.start(late)
		n := s.node(late)
		s.until("the late server synchronises", func() bool { return n.replica.Status().Phase == replica.PhaseSynchronization })
		s.write(c, 10)
		s.shrink(leader, other)
		newest := s.node(leader).state.Applied().Zxid
		s.write(c, 10)
		s.node(leader).release(stageRead)
		s.settled(1, 2, 3)
		s.hope(tries == 1, "the late server was brought up to date %d times", tries)
		s.hope(snap >= newest && end >= snap, "SNAP at %s, the newest is of %s, NEWLEADER ends at %s", snap, newest, end)
		s.restart(late)
		s.settled(1, 2, 3)
	})
}

// TestEtcd4055: the leader writes snapshots and purges its log while it sends one.
// What follows the one that it sends is there until the learner has it, so the
// learner is not sent another, and another.
func TestEtcd4055(t *testing.T) {
	stories(t, 3, 0, func(s *script) {
		s.knobs.recent = 1 // the log behind the snapshot is on the disk only
		leader, other, late, c := lateForDiff(s)
		seen := s.heads(late)
		n := s.node(late)
		s.start(late)
		s.until("the snapshot comes", func() bool { return seen[zab.KindSnap] > 0 })
		n.hold(stageAppend)
		s.write(c, longEnough)
		s.shrink(leader, other)
		n.release(stageAppend)
		s.settled(1, 2, 3)
		s.hope(seen[zab.KindSnap] == 1 && len(seen) == 1, "not one SNAP: %v", seen)
		base := s.node(leader).store.Base()
		s.write(c, longEnough)
		s.shrink(leader)
		s.hope(s.node(leader).store.Base() != base, "the log is kept for nobody, from %s on", base)
	})
}

// TestZK3642: a snapshot whose NEWLEADER never comes is either on the disk or
// nowhere. READY says so only when it is; the next leader's DIFF builds on it.
func TestZK3642(t *testing.T) {
	stories(t, 3, 0, func(s *script) {
		leader, other, late, _ := lateForDiff(s)
		ready := false
		s.net.meddle = func(from, to zab.ServerID, p *zab.Packet) int {
			if r, ok := p.Body.(*zab.Ready); ok && from == late {
				ready = true
				s.hope(r.At.Zxid == s.synced(late), "READY at %s, durable is %s", r.At, s.synced(late))
			}
			if p.Kind == zab.KindNewLeader && to == late && from == leader {
				return 0
			}
			return 1
		}
		seen := s.heads(late)
		s.start(late)
		n := s.node(late)
		s.until("the snapshot comes", func() bool { return seen[zab.KindSnap] > 0 })
		n.hold(stageAppend)
		s.pass(2 * tickTime)
		s.hope(!ready, "READY before the disk did anything")
		n.release(stageAppend)
		s.until("the snapshot is installed", func() bool { return ready })
		s.crash(vfs.KeepNothing, leader)
		s.settled(other, late)
		s.hope(seen[zab.KindDiff] == 1, "the next leader did not send DIFF: %v", seen)
		s.restart(late)
		s.settled(other, late)
		s.crash(vfs.KeepNothing, other, late)
		s.net.meddle = nil
		s.start(1, 2, 3)
		s.settled(1, 2, 3)
	})
}

// TestZK2832: a snapshot replaces the whole log: the uncommitted record that
// the server held beyond the common history does not come back with a restart.
func TestZK2832(t *testing.T) {
	stories(t, 3, 0, func(s *script) {
		old, rest := leaderWithTail(s)
		leader, _ := s.settled(rest...)
		s.write(s.visit(leader), longEnough)
		s.shrink(rest...)
		s.restart(rest...) // a third epoch, with nothing in memory
		s.settled(rest...)
		seen := s.heads(old)
		s.mend()
		leader, _ = s.settled(1, 2, 3)
		s.hope(seen[zab.KindSnap] == 1, "no SNAP: %v", seen)
		for range 3 {
			s.write(s.visit(leader), 2)
			s.restart(old)
			leader, _ = s.settled(1, 2, 3)
		}
	})
}

// TestZK2845 is the story of testFailedTxnAsPartOfQuorumLoss in eight steps: a
// leader logs a write, loses its quorum and lives on; the write that the others
// know nothing of is never applied by anybody.
func TestZK2845(t *testing.T) {
	stories(t, 3, 0, func(s *script) {
		s.start(1, 2, 3) // 1: an ensemble that serves
		old, rest := s.settled(1, 2, 3)
		c := s.visit(old)
		s.write(c, 3)
		s.crash(vfs.KeepNothing, rest...) // 2: the followers die
		s.ask(c)                          // 3: the leader logs a write
		end := s.check.end().Zxid
		s.until("the leader logs the write", func() bool { return s.synced(old) > end })
		s.until("the leader gives up", func() bool { // 4: it looks for a leader, and was never restarted
			return s.node(old).replica.Status().State == zab.Looking
		})
		s.pass(tickTime)
		s.hope(s.node(old).state.Applied().Zxid == end, "the lonely leader applied %s", s.node(old).state.Applied())
		s.isolate(old) // 5: the others go on without it
		s.start(rest...)
		leader, _ := s.settled(rest...)
		s.write(s.visit(leader), 3)
		s.mend() // 6: it comes back
		s.settled(1, 2, 3)
		s.restart(1, 2, 3) // 7: all restart
		s.settled(1, 2, 3) // 8: and agree
	})
}

// TestZK1154: the server with the highest zxid, of a record that was never
// committed, joins late. Its zxid is within the leader's range and no element
// of its history: TRUNC.
func TestZK1154(t *testing.T) {
	stories(t, 3, 0, func(s *script) {
		old, rest := leaderWithTail(s)
		s.crash(vfs.KeepNothing, old)
		leader, _ := s.settled(rest...)
		s.write(s.visit(leader), 4)
		s.mend()
		seen := s.heads(old)
		s.start(old)
		s.settled(1, 2, 3)
		s.hope(seen[zab.KindTrunc] == 1 && len(seen) == 1, "not one TRUNC: %v", seen)
		s.restart(old)
		s.settled(1, 2, 3)
	})
}

// TestZK3526: a server whose own log was cut leads next. What it knows of its
// log is what its log holds: a learner whose end is in it gets DIFF.
func TestZK3526(t *testing.T) {
	stories(t, 3, 0, func(s *script) {
		old, rest := leaderWithTail(s)
		leader, rest := s.settled(rest...)
		late := rest[0]
		s.write(s.visit(leader), 4)
		s.mend()
		s.settled(1, 2, 3)
		s.crash(vfs.KeepNothing, late)
		s.settled(old, leader)
		s.write(s.visit(leader), 4)
		s.settled(old, leader)
		s.crash(vfs.KeepNothing, leader)
		seen := s.heads(late)
		s.start(late)
		next, _ := s.settled(old, late)
		s.hope(next == old && seen[zab.KindDiff] == 1 && len(seen) == 1, "server %d leads, not %d, or not one DIFF: %v", next, old, seen)
	})
}

// TestZK4352: a server without a log joins after the leader has changed. The
// leader's log does not reach back to the beginning: SNAP, not DIFF from 0.
func TestZK4352(t *testing.T) {
	stories(t, 3, 0, func(s *script) {
		leader, other, late, c := lateForDiff(s)
		n := s.node(late)
		n.fs = vfs.NewMem()
		s.check.wiped(n)
		s.write(c, 2)
		seen := s.heads(late)
		s.start(late)
		s.settled(leader, other, late)
		s.hope(seen[zab.KindSnap] == 1 && len(seen) == 1, "not one SNAP: %v", seen)
		s.restart(late)
		s.settled(1, 2, 3)
	})
}

// TestZK5010: an ephemeral that a leader and one follower of five logged dies
// with the leader. The follower has not applied it, and cuts it.
func TestZK5010(t *testing.T) {
	stories(t, 5, 0, func(s *script) {
		all := []zab.ServerID{1, 2, 3, 4, 5}
		s.start(all...)
		old, rest := s.settled(all...)
		c := s.visit(old)
		s.write(c, 2)
		with := rest[0]
		for _, id := range rest[1:] {
			s.cut(old, id)
			s.cut(with, id)
		}
		end := s.check.end()
		s.request(c, jute.OpCreate, c.path()+"-e", createBody(c.path()+"-e", nil, 1))
		s.until("two servers log the ephemeral", func() bool { return s.synced(old) > end.Zxid && s.synced(with) > end.Zxid })
		s.pass(tickTime)
		s.hope(s.node(with).state.Applied() == end, "%d applied %s", with, s.node(with).state.Applied())
		s.crash(vfs.KeepNothing, old)
		leader, _ := s.settled(rest[1:]...)
		s.write(s.visit(leader), 3)
		s.mend()
		s.settled(rest...)
		s.start(old)
		s.settled(all...)
		for _, n := range s.nodes {
			s.hope(!s.exists(n.id, c.path()+"-e"), "%v has the ephemeral", n)
		}
	})
}

// TestZK2355: a follower fails to read one proposal, the end of a session. It
// does not go on behind the hole: it leaves and is sent the proposal again.
func TestZK2355(t *testing.T) {
	stories(t, 3, 0, func(s *script) {
		s.start(1, 2, 3)
		leader, rest := s.settled(1, 2, 3)
		c := s.visit(leader)
		gone := s.visit(leader)
		s.create(gone, gone.path()+"-e", jute.FlagEphemeral)
		failed := false
		s.net.meddle = func(_, to zab.ServerID, p *zab.Packet) int {
			if p.Kind == zab.KindTxn && to == rest[0] && !failed {
				failed = true
				return 0
			}
			return 1
		}
		seen := s.heads(rest[0])
		s.request(gone, jute.OpCloseSession, "", nil)
		s.write(c, 3)
		s.until("the proposal is lost on its way", func() bool { return failed })
		s.pass(tickTime)
		s.hope(seen[zab.KindDiff] > 0, "the follower stayed: %v", seen)
		s.restart(rest[0])
		s.settled(1, 2, 3)
	})
}

// TestZK2678: what a join by DIFF costs depends on what the learner lacks, not
// on the size of the tree: no snapshot, few operations of the disk, no time.
func TestZK2678(t *testing.T) {
	stories(t, 3, 0, func(s *script) {
		s.start(1, 2, 3)
		leader, rest := s.settled(1, 2, 3)
		c := s.visit(leader)
		for range 40 {
			s.request(c, jute.OpCreate, "/s-", createBody("/s-", make([]byte, 50<<10), 2))
			s.answered(c)
		}
		s.shrink(1, 2, 3)
		late := s.node(rest[0])
		s.crash(vfs.KeepNothing, late.id)
		s.write(c, 5)
		seen := s.heads(late.id)
		s.start(late.id)
		ops, began := late.fs.Ops(), s.now
		late.snapEvery = 1 << 20
		s.settled(1, 2, 3)
		s.hope(seen[zab.KindDiff] > 0 && seen[zab.KindSnap] == 0, "not DIFF: %v", seen)
		ops = late.fs.Ops() - ops
		s.hope(ops < 60, "the join took %d operations of the disk", ops)
		s.hope(s.now-began < 2*tickTime+time.Second, "the join took %v", s.now-began)
	})
}

// TestZK1697: the one follower that makes the quorum takes three times
// initLimit to install the snapshot. The ensemble comes together all the same:
// what was received is not received again and again.
func TestZK1697(t *testing.T) {
	stories(t, 3, 0, func(s *script) {
		leader, other, late, c := lateForDiff(s)
		s.write(c, 1)
		seen := s.heads(late)
		s.start(late)
		n := s.node(late)
		s.until("the snapshot comes", func() bool { return seen[zab.KindSnap] > 0 })
		n.hold(stageAppend)
		s.crash(vfs.KeepNothing, other)
		s.pass(3 * initLimit * tickTime)
		n.release(stageAppend)
		s.settled(leader, late)
		s.hope(seen[zab.KindSnap] <= 2, "the snapshot was sent %d times", seen[zab.KindSnap])
		s.start(other)
		s.settled(1, 2, 3)
	})
}
