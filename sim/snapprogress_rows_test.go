package sim

import (
	"slices"
	"strings"
	"testing"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/zab"
)

// installing waits until a server has received a whole snapshot, and keeps its
// disk from installing it.
func (s *script) installing(id zab.ServerID) {
	n := s.node(id)
	seen := s.heads(id)
	s.start(id)
	s.until("the snapshot comes", func() bool { return seen[zab.KindSnap] > 0 })
	n.hold(stageAppend)
	s.until("the snapshot is received", func() bool {
		return slices.ContainsFunc(n.disk, func(op zab.DiskOp) bool { return op.Kind == zab.DiskSnapEnd })
	})
}

// roles counts the roles that servers have lost.
func (s *script) roles(ids ...zab.ServerID) (lost int) {
	for _, id := range ids {
		lost += s.told(id, zab.NoteRoleLost)
	}
	return lost
}

// TestQD6Installing: the server that makes the quorum takes three times initLimit
// to install the snapshot. The leader waits: it sends one snapshot, and nobody
// opens an election.
func TestQD6Installing(t *testing.T) {
	stories(t, 3, 0, func(s *script) {
		leader, other, late, _ := lateForDiff(s)
		s.crash(vfs.KeepNothing, leader, other)
		seen := s.heads(late)
		s.start(leader)
		s.installing(late)
		before := s.roles(leader, late)
		s.pass(3 * initLimit * tickTime)
		s.node(late).release(stageAppend)
		s.settled(leader, late)
		s.hope(s.roles(leader, late) == before && seen[zab.KindSnap] == 1, "%d roles lost, %v", s.roles(leader, late)-before, seen)
		s.start(other)
		s.settled(1, 2, 3)
	})
}

// TestQD6Writing: the leader's snapshots have rotted, and it takes three times
// initLimit to write the one that the server which makes the quorum waits for.
// Nobody opens an election meanwhile.
func TestQD6Writing(t *testing.T) {
	stories(t, 3, 0, func(s *script) {
		leader, other, late, _ := lateForDiff(s)
		n := s.node(leader)
		s.crash(vfs.KeepNothing, other)
		s.until("the leader gives up", func() bool { return n.replica.Status().State == zab.Looking })
		s.until("no snapshot is being written", func() bool { return !n.imaging })
		s.rot(n)
		n.hold(stageSnapshot)
		s.start(late)
		s.until("a snapshot is asked for", func() bool { return len(n.snapless) > 0 })
		before := s.roles(leader, late)
		s.pass(3 * initLimit * tickTime)
		s.hope(s.roles(leader, late) == before, "%d roles lost", s.roles(leader, late)-before)
		n.release(stageSnapshot)
		s.settled(leader, late)
		s.hope(s.roles(leader, late) == before, "%d roles lost", s.roles(leader, late)-before)
		s.start(other)
		s.settled(1, 2, 3)
	})
}

// rot damages all snapshots of a server behind their headers.
func (s *script) rot(n *node) {
	names, err := n.fs.List(diskDirs[1])
	if err != nil {
		s.fail("%v: %v", n, err)
	}
	n.rotten = true
	for _, name := range names {
		if !strings.HasPrefix(name, "snapshot.0") {
			continue
		}
		if err := n.fs.Rot(diskDirs[1]+"/"+name, 60, 1); err != nil {
			s.fail("%v: %v", n, err)
		}
	}
	s.goOn()
}
