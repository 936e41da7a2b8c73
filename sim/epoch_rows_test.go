package sim

import (
	"testing"
	"time"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/zab"
)

// nearTheEnd has every epoch give out five zxids only, the last ones.
func nearTheEnd(s *script) { s.spent = zab.CounterMax - 5 }

// keepWriting writes values one after the other, whoever leads meanwhile. A
// server that was set back by SNAP drops the connection; nothing else may.
func keepWriting(s *script, c *client, values int) {
	for range values {
		s.ask(c)
		s.answered(c)
	}
}

// epochs counts those of the history.
func (s *script) epochs() int {
	seen := make(map[zab.Epoch]bool)
	for _, at := range s.check.history {
		seen[at.Zxid.Epoch()] = true
	}
	return len(seen)
}

// TestZK1277: an ensemble that begins at the zxid counter 2^32-5 goes on
// serving, epoch after epoch: every write is answered, through the leader and
// through a follower, and no counter is passed. The logs are read across the
// rolls, from memory, from disk, and by restarts.
func TestZK1277(t *testing.T) {
	stories(t, 3, 0, func(s *script) {
		nearTheEnd(s)
		s.start(1, 2, 3)
		leader, rest := s.settled(1, 2, 3)
		a, b := s.visit(leader), s.visit(rest[0])
		for range 6 {
			keepWriting(s, a, 3)
			keepWriting(s, b, 3)
		}
		s.hope(s.epochs() >= 7, "%d epochs for %d records", s.epochs(), len(s.check.history))
		leader, rest = s.settled(1, 2, 3)
		s.crash(vfs.KeepNothing, rest[0])
		other := s.visit(rest[1])
		keepWriting(s, other, 12) // three rolls without it
		seen := s.heads(rest[0])
		s.start(rest[0]) // what it lacks is in memory
		s.settled(1, 2, 3)
		s.hope(seen[zab.KindDiff] > 0 && len(seen) == 1, "not DIFF: %v", seen)
		s.crash(vfs.KeepNothing, rest[0])
		leader, _ = s.settled(leader, rest[1])
		keepWriting(s, s.visit(leader), 12)
		s.restart(leader, rest[1]) // and now on the disk only
		s.settled(leader, rest[1])
		s.start(rest[0])
		s.settled(1, 2, 3)
		s.restart(1, 2, 3)
		s.settled(1, 2, 3)
	})
}

// TestZK1277Snapshot: a server that was away for several rolls is sent a
// snapshot whose position is the last zxid of an epoch.
func TestZK1277Snapshot(t *testing.T) {
	stories(t, 3, 0, func(s *script) {
		nearTheEnd(s)
		s.start(1, 2, 3)
		leader, rest := s.settled(1, 2, 3)
		late := rest[0]
		s.crash(vfs.KeepNothing, late)
		s.settled(leader, rest[1])
		c := s.visit(leader)
		for s.check.end().Zxid.Counter() != zab.CounterMax || len(s.check.history) < longEnough {
			keepWriting(s, c, 1)
		}
		s.shrink(leader, rest[1])
		s.restart(leader, rest[1])
		seen := s.heads(late)
		s.start(late)
		s.settled(1, 2, 3)
		s.hope(seen[zab.KindSnap] == 1, "no SNAP: %v", seen)
		s.restart(late)
		leader, _ = s.settled(1, 2, 3)
		keepWriting(s, s.visit(leader), 6)
	})
}

// TestZK4883: the leader dies at the roll, at once or after it has begun the
// next epoch, with its disk or a follower's held; nothing of an epoch reaches
// any disk before a quorum has promised it, and no answer is taken back.
func TestZK4883(t *testing.T) {
	for _, when := range []time.Duration{0, 2 * time.Millisecond, 5 * time.Millisecond, 20 * time.Millisecond, time.Second} {
		t.Run(when.String(), func(t *testing.T) { stories(t, 3, 0, func(s *script) { crashAtTheRoll(s, when) }) })
	}
}

func crashAtTheRoll(s *script, when time.Duration) {
	nearTheEnd(s)
	s.tap(func(from, to zab.ServerID, p *zab.Packet) {
		if p.Kind != zab.KindTxn {
			return
		}
		promised := 0
		for i := range s.check.durable {
			if s.check.durable[i].epochs.Accepted >= p.Zxid.Epoch() {
				promised++
			}
		}
		s.hope(promised >= 2, "%d sends %s to %d, and %d servers have promised its epoch", from, p.Zxid, to, promised)
	})
	s.start(1, 2, 3)
	leader, rest := s.settled(1, 2, 3)
	a, b := s.visit(leader), s.visit(rest[0])
	slow := s.node(rest[1])
	for s.check.end().Zxid.Counter() != zab.CounterMax {
		keepWriting(s, b, 1)
	}
	slow.hold(stageAppend) // it takes part in no election before its disk has answered
	s.ask(b)               // the one that finds the epoch used up
	s.ask(a)
	s.pass(when)
	s.crash(vfs.KeepSubset, leader)
	s.pass(when)
	slow.release(stageAppend)
	s.settled(rest...)
	s.start(leader)
	leader, _ = s.settled(1, 2, 3)
	keepWriting(s, s.visit(leader), 12)
	s.restart(1, 2, 3)
	s.settled(1, 2, 3)
}

// TestZK335: the epoch promised and the epoch adopted are two things, apart
// from the log. No promise leaves before it is durable, and a server that
// promised and crashed still keeps it (with ZOOKEEPER-1081 and 1082).
func TestZK335(t *testing.T) {
	stories(t, 3, 0, func(s *script) {
		s.start(1, 2, 3)
		first, rest := s.settled(1, 2, 3)
		s.write(s.visit(first), 2)
		s.crash(vfs.KeepNothing, first)
		var asked, held zab.ServerID
		var epoch zab.Epoch
		promised, over := false, false
		s.tap(func(from, to zab.ServerID, p *zab.Packet) {
			switch {
			case p.Kind == zab.KindLeaderInfo && asked == 0:
				asked, held, epoch = from, to, p.Zxid.Epoch()
				s.node(held).hold(stageAppend)
			case p.Kind == zab.KindAckEpoch && from == held && to == asked && !over:
				promised = true
				e := s.check.durable[held-1].epochs
				s.hope(e.Accepted == epoch && e.AcceptedBy == to, "%d promises %d to %d before it is durable: %+v", from, epoch, to, e)
			}
		})
		s.until("a promise is asked for", func() bool { return asked != 0 })
		s.pass(2 * tickTime)
		s.hope(!promised, "%d promised before its disk did anything", held)
		s.node(held).release(stageAppend)
		s.until("the promise is durable", func() bool { return s.check.durable[held-1].epochs.Accepted == epoch })
		over = true
		s.crash(vfs.KeepNothing, rest...)
		s.start(first, held)
		s.settled(first, held)
		now := s.check.durable[first-1].epochs
		s.hope(now.Current > epoch || now.AcceptedBy == asked, "epoch %d was promised to %d, and now %+v", epoch, asked, now)
		s.start(but(rest, held)...)
		s.settled(1, 2, 3)
	})
}

// TestZK1653: a server dies when the records of a new epoch are in its log, or
// in its snapshot, and the epoch itself is not saved. It starts, with the old
// epoch, and joins.
func TestZK1653(t *testing.T) {
	for name, away := range map[string]int{"log": 3, "snapshot": longEnough} {
		t.Run(name, func(t *testing.T) { stories(t, 3, 0, func(s *script) { dieBeforeTheEpoch(s, away) }) })
	}
}

func dieBeforeTheEpoch(s *script, away int) {
	s.start(1, 2, 3)
	leader, rest := s.settled(1, 2, 3)
	late := rest[0]
	s.write(s.visit(leader), 2)
	s.crash(vfs.KeepNothing, late)
	s.restart(leader, rest[1])
	leader, _ = s.settled(leader, rest[1])
	s.write(s.visit(leader), away)
	if away == longEnough {
		s.shrink(leader)
		s.restart(leader, but(but([]zab.ServerID{1, 2, 3}, late), leader)[0])
		s.settled(but([]zab.ServerID{1, 2, 3}, late)...)
	}
	s.start(late)
	n := s.node(late)
	d := &s.check.durable[late-1]
	s.until("the records of the new epoch are durable", func() bool {
		if d.synced.Epoch() <= d.epochs.Current {
			return false
		}
		n.hold(stageAppend)
		return true
	})
	s.pass(tickTime)
	s.hope(d.synced.Epoch() > d.epochs.Current && !d.ackedNL, "log through %s, epochs %+v", d.synced, d.epochs)
	s.restart(late)
	s.hope(n.up, "the server does not start")
	s.settled(1, 2, 3)
	s.restart(late)
	s.settled(1, 2, 3)
}

// TestZK582: servers that have a snapshot only go on behind its epoch.
func TestZK582(t *testing.T) {
	stories(t, 3, 0, func(s *script) {
		leader, other, late, _ := lateForDiff(s)
		s.start(late)
		s.settled(1, 2, 3)
		before := s.check.end().Zxid
		s.crash(vfs.KeepNothing, leader, other)
		s.restart(late) // its log is what came after the snapshot, at most
		s.start(other)
		s.settled(other, late)
		now := s.node(late).replica.Status().Epoch
		s.hope(now > before.Epoch(), "epoch %d after %d", now, before.Epoch())
		s.start(leader)
		leader, _ = s.settled(1, 2, 3)
		s.write(s.visit(leader), 1)
		s.hope(s.check.end().Zxid > before, "%s after %s", s.check.end(), before)
	})
}
