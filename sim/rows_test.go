package sim

import (
	"fmt"
	"slices"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/zab"
)

// settled waits until these servers serve one leader of their own, and returns
// it and the rest of them.
func (s *script) settled(ids ...zab.ServerID) (leader zab.ServerID, rest []zab.ServerID) {
	s.until(fmt.Sprintf("servers %v serve one of them", ids), func() bool {
		leaders := 0
		for _, id := range ids {
			n := s.node(id)
			if !n.up || !n.replica.Status().Serving || n.state.Applied() != s.check.end() {
				return false
			}
			if s.leads(id) {
				leader = id
				leaders++
			}
		}
		return leaders == 1
	})
	return leader, but(ids, leader)
}

func but(ids []zab.ServerID, id zab.ServerID) []zab.ServerID {
	return slices.DeleteFunc(slices.Clone(ids), func(other zab.ServerID) bool { return other == id })
}

// restart crashes servers and starts them again.
func (s *script) restart(ids ...zab.ServerID) {
	s.crash(vfs.KeepNothing, ids...)
	s.start(ids...)
}

// shrink has a server keep nothing but a snapshot of what it has applied, as
// far as its segments allow.
func (s *script) shrink(ids ...zab.ServerID) {
	for _, id := range ids {
		n := s.node(id)
		s.until(fmt.Sprintf("server %d writes no snapshot", id), func() bool { return !n.imaging })
		if err := n.snapshotNow(); err != nil {
			s.fail("server %d: snapshot: %v", id, err)
		}
		if err := n.purge(1); err != nil {
			s.fail("server %d: purge: %v", id, err)
		}
	}
	s.goOn()
}

// longEnough is how many writes fill more than one segment.
const longEnough = 150

// tail has a server that nobody hears log a write that nobody else has. The
// server loses its leadership and lives on, cut off from all others.
func (s *script) tail(id zab.ServerID) {
	c := s.visit(id)
	end := s.check.end().Zxid
	s.isolate(id)
	s.ask(c)
	s.until("the cut off leader logs a write", func() bool { return s.synced(id) > end })
	s.until("the cut off leader gives up", func() bool { return s.node(id).replica.Status().State == zab.Looking })
}

// heads counts, by kind, how synchronisations with server began from now on.
func (s *script) heads(server zab.ServerID) map[zab.PacketKind]int {
	seen := make(map[zab.PacketKind]int)
	s.tap(func(_, to zab.ServerID, p *zab.Packet) {
		if to == server && (p.Kind == zab.KindDiff || p.Kind == zab.KindTrunc || p.Kind == zab.KindSnap) {
			seen[p.Kind]++
		}
	})
	return seen
}

// tap has f see every packet as it leaves.
func (s *script) tap(f func(from, to zab.ServerID, p *zab.Packet)) {
	before := s.net.meddle
	s.net.meddle = func(from, to zab.ServerID, p *zab.Packet) int {
		f(from, to, p)
		if before != nil {
			return before(from, to, p)
		}
		return 1
	}
}
