package sim

import (
	"fmt"
	"testing"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/zab"
)

// lateServer brings three servers to the point where the third is down and lacks
// what a client of the leader has written since.
func lateServer(s *script) (leader, other, late zab.ServerID, c *client) {
	s.start(1, 2, 3)
	leader, rest := s.settled(1, 2, 3)
	late, other = rest[0], rest[1]
	c = s.visit(leader)
	s.write(c, 2)
	s.crash(vfs.KeepNothing, late)
	s.write(c, 3)
	return leader, other, late, c
}

// joinWhile brings up a late server, and has five writes committed by the
// others at the moment when NEWLEADER has left for it and nothing that it says
// has come back. After that nobody writes.
func joinWhile(s *script, observe func(late zab.ServerID)) {
	_, _, late, c := lateServer(s)
	offered := false
	s.tap(func(_, to zab.ServerID, p *zab.Packet) {
		if to == late && p.Kind == zab.KindNewLeader {
			offered = true
		}
	})
	observe(late)
	s.start(late)
	s.until("NEWLEADER leaves", func() bool { return offered })
	s.node(late).hold(stageReceive)
	s.write(c, 5)
	s.node(late).release(stageReceive)
	s.settled(1, 2, 3)
}

// TestZABQ1: what is proposed between NEWLEADER and its acknowledgement is sent
// to the learner, before it has acknowledged anything.
func TestZABQ1(t *testing.T) {
	stories(t, 3, 0, func(s *script) {
		proposals, acked := 0, false
		joinWhile(s, func(late zab.ServerID) {
			offered := false
			s.tap(func(from, to zab.ServerID, p *zab.Packet) {
				switch {
				case to == late && p.Kind == zab.KindNewLeader:
					offered = true
				case to == late && p.Kind == zab.KindTxn && offered && !acked:
					proposals++
				case from == late && p.Kind == zab.KindAckNewLeader:
					acked = true
				}
			})
		})
		s.hope(proposals >= 5 && acked, "%d proposals between NEWLEADER and its acknowledgement", proposals)
	})
}

// TestZABQ2: the initial history and what is proposed later are cut at one
// place: a learner is sent every record once. One that is sent twice all the
// same ends the connection and does no harm.
func TestZABQ2(t *testing.T) {
	stories(t, 3, 0, func(s *script) {
		sent := make(map[string]bool)
		twice := ""
		joinWhile(s, func(late zab.ServerID) {
			s.tap(func(_, to zab.ServerID, p *zab.Packet) {
				if to != late || p.Kind != zab.KindTxn {
					return
				}
				if sent[p.Zxid.String()] {
					twice = p.Zxid.String()
				}
				sent[p.Zxid.String()] = true
			})
		})
		s.hope(twice == "" && len(sent) >= 8, "record %q was sent twice, of %d", twice, len(sent))

		leader, rest := s.settled(1, 2, 3)
		repeated := false
		s.net.meddle = func(_, to zab.ServerID, p *zab.Packet) int {
			if to == rest[0] && p.Kind == zab.KindTxn && !repeated {
				repeated = true
				return 2
			}
			return 1
		}
		s.write(s.visit(leader), 3)
		s.hope(repeated, "nothing was repeated")
		s.settled(1, 2, 3)
		s.restart(rest[0])
		s.settled(1, 2, 3)
	})
}

// TestZABQ3: UPTODATE says what is committed by then, not where the learner's
// initial history ended; nothing else would say it when nobody writes again.
func TestZABQ3(t *testing.T) {
	stories(t, 3, 0, func(s *script) {
		var end, told zab.Zxid
		var commits []string
		joinWhile(s, func(late zab.ServerID) {
			s.tap(func(_, to zab.ServerID, p *zab.Packet) {
				switch {
				case to != late:
				case p.Kind == zab.KindNewLeader:
					end = p.Zxid
				case p.Kind == zab.KindUpToDate:
					told = p.Zxid
				case p.Kind == zab.KindCommit:
					commits = append(commits, fmt.Sprint(p.Zxid))
				}
			})
		})
		s.hope(told == s.check.end().Zxid && told > end && len(commits) == 0,
			"NEWLEADER ends at %s, UPTODATE says %s, committed is %s, COMMIT %v", end, told, s.check.end(), commits)
	})
}

// TestZK4394: proposals are sent, and committed by others, in the window
// between a learner's acknowledgement of NEWLEADER and UPTODATE: whatever of
// them it has when it may serve, it applies them, in order, and once.
func TestZK4394(t *testing.T) {
	stories(t, 3, 0, func(s *script) {
		leader, other, late, c := lateServer(s)
		acked := false
		s.tap(func(from, _ zab.ServerID, p *zab.Packet) {
			if from == late && p.Kind == zab.KindAckNewLeader {
				acked = true // the leader is not to learn anything: it proposes, and does not commit
				s.cutWay(late, leader)
				s.cutWay(other, leader)
			}
		})
		s.start(late)
		s.until("NEWLEADER is acknowledged", func() bool { return acked })
		s.ask(c)
		s.pass(tickTime)
		s.hope(s.synced(late) > s.check.end().Zxid, "the proposal is not in the late server's log: %s", s.synced(late))
		s.hope(!s.node(late).replica.Status().Serving, "the late server serves before UPTODATE")
		s.mend()
		s.answered(c)
		s.settled(1, 2, 3)
	})
}
