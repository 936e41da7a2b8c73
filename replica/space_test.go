package replica

import (
	"slices"
	"testing"
	"time"

	"github.com/quorumd/quorumd/zab"
)

func (s *server) space(sp zab.Space) { s.step(zab.Event{Kind: zab.EvDiskSpace, Space: sp}) }

// told counts what s was answered to the write seq.
func (s *server) told(seq uint64, k zab.AnswerKind) int {
	n := 0
	for _, a := range s.answers {
		if a.Seq == seq && a.Kind == k {
			n++
		}
	}
	return n
}

// has checks that the write seq of a client of s is done, and answered by nothing
// else.
func (c *cluster) has(s *server, seq uint64) {
	c.t.Helper()
	if !slices.Contains(s.appliedSeqs(), seq) || s.told(seq, zab.AnswerNoSpace) != 0 {
		c.t.Errorf("write %d of server %d is not done: %+v", seq, s.id, s.answers)
	}
}

// TestEtcd9992: the disk of one follower is full, and everybody goes on writing.
// Two are full: writes are refused wherever a client is, and nothing of them is in
// any history. With the space of one of them all goes on, and nobody has done
// anything.
func TestEtcd9992(t *testing.T) {
	c := run(t, 3, 0)
	l := c.leader()
	f, g := c.others(l)[0], c.others(l)[1]
	l.open(1, 10*time.Second)
	f.space(zab.SpaceLow)
	c.settle(2 * time.Second)
	l.write(2)
	c.settle(time.Second)
	c.has(l, 2)
	g.space(zab.SpaceLow)
	c.settle(2 * time.Second)
	end := l.end()
	l.write(3)
	c.settle(time.Second)
	f.attach(1<<40+1, 10*time.Second)
	f.write(1<<40 + 2)
	c.settle(time.Second)
	if l.told(3, zab.AnswerNoSpace) != 1 || f.told(1<<40+2, zab.AnswerNoSpace) != 1 {
		t.Errorf("the clients are told %+v and %+v", l.answers, f.answers)
	}
	if l.end() != end || l.r.Status().Pending+f.r.Status().Pending != 0 {
		t.Errorf("what was refused is in the history, or waits: %s, then %s", end, l.end())
	}
	g.space(zab.SpaceAmple)
	c.settle(2 * time.Second)
	f.write(1<<40 + 3)
	c.settle(time.Second)
	c.has(f, 1<<40+3)
	c.wantServing()
}

// TestEtcd9992Leader: a leader whose disk is full makes way once for one of the
// others, and they lead on. If it is elected again a moment later, it leads.
func TestEtcd9992Leader(t *testing.T) {
	c := run(t, 3, 0)
	l := c.leader()
	l.open(1, 10*time.Second)
	c.settle(time.Second)
	l.space(zab.SpaceLow)
	c.settle(3 * time.Second)
	c.wantServing()
	next := c.leader()
	if next == l || l.count(zab.NoteLeadingResigned, "") != 1 {
		t.Fatalf("server %d leads; %v", next.id, l.notes)
	}
	l.attach(1<<40+1, 10*time.Second)
	l.write(1<<40 + 2)
	c.settle(time.Second)
	c.has(l, 1<<40+2)
	next.space(zab.SpaceLow)
	c.settle(3 * time.Second)
	if c.leader() != next || next.count(zab.NoteLeadingResigned, "") != 0 {
		t.Error("a leader makes way although no quorum of others has space")
	}
	l.write(1<<40 + 3)
	c.settle(time.Second)
	if !slices.Contains(l.answers, zab.Answer{Kind: zab.AnswerNoSpace, Seq: 1<<40 + 3, Session: client}) {
		t.Errorf("a write without a quorum that has space: %+v", l.answers)
	}
}
