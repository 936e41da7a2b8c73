package sim

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/zab"
)

// story is a scripted run that is also played with a crash at each of its
// points (CrashSweep). It is written so that a server that is gone only makes
// it wait for what cannot come, which ends it.
type story struct {
	name              string
	voters, observers int
	tell              func(s *script)
	group             string       // stories that are told of together, "" for itself
	only              zab.ServerID // whose points count; 0 for everybody's
}

// tale is the stories' common ground: who leads, and who is brought up to date.
type tale struct {
	*script
	learner zab.ServerID
	others  []zab.ServerID // voters besides the leader 3 and the learner
	all     []zab.ServerID
	writer  *client // at the leader
}

// lead is the server that leads as a story begins: the highest of the voters.
const lead zab.ServerID = 3

// begin starts everybody, and has some history written. Points of a crash are
// counted from its end: those before are the story bootstrap's.
func begin(s *script, learner zab.ServerID) *tale {
	t := &tale{script: s, learner: learner}
	for _, n := range s.nodes {
		t.all = append(t.all, n.id)
		if n.id < lead && n.id != learner {
			t.others = append(t.others, n.id)
		}
	}
	t.leadBy(lead, slices.DeleteFunc(slices.Clone(t.all), func(id zab.ServerID) bool { return id == lead })...)
	t.writer = t.visit(lead)
	t.write(t.writer, 2)
	t.serve(t.all...)
	t.pass(tickTime)
	s.beginPoints()
	return t
}

// stays are the servers that stay while the learner is away.
func (t *tale) stays() []zab.ServerID { return append(slices.Clone(t.others), lead) }

// comes starts the learner and waits until all are together.
func (t *tale) comes(mode string) {
	if t.order != nil {
		t.ordered(mode)
		return
	}
	t.start(t.all...)
	t.serve(t.all...)
	t.hope(t.mode(t.learner) == mode, "server %d was brought up to date by %q, want %s", t.learner, t.mode(t.learner), mode)
	if t.writer.conn != nil {
		t.write(t.writer, 1)
		t.serve(t.all...)
	}
}

// abandonTail leaves the leader, and the learner if that is another, with a
// durable record that no quorum has. Both crash; the voters 1 and 2 go on and
// write some values.
func (t *tale) abandonTail(values int) {
	for _, id := range []zab.ServerID{1, 2} {
		t.cut(lead, id)
		if t.learner != lead {
			t.cut(t.learner, id)
		}
	}
	end := t.check.end().Zxid
	t.ask(t.writer)
	t.until("the tail is durable", func() bool { return t.synced(lead) > end && t.synced(t.learner) > end })
	t.crash(vfs.KeepAll, lead, t.learner)
	t.until("server 2 leads", func() bool { return t.leads(2) })
	t.mend()
	t.serve(1, 2)
	if values > 0 {
		t.writer = t.visit(2)
		t.write(t.writer, values)
		t.serve(1, 2)
	}
}

// syncWay is a way to bring a learner up to date.
type syncWay struct {
	name    string
	old     bool // the follower is the old leader: it is who has a tail
	ordered bool // also told with the stages released by hand
	only    string
	tell    func(s *script, learner zab.ServerID)
}

var syncWays = []syncWay{
	{name: "diff", ordered: true, tell: tellDiff},
	{name: "diff-log", tell: tellDiffLog},
	{name: "trunc", old: true, ordered: true, tell: tellTrunc},
	{name: "trunc-diff", old: true, ordered: true, tell: tellTruncDiff},
	{name: "snap", ordered: true, tell: tellSnap},
	{name: "snap-diff", ordered: true, tell: tellSnapDiff},
	{name: "snap-twice", tell: tellSnapTwice},
	{name: "snap-tail", old: true, tell: tellSnapTail},
	{name: "snap-wiped", tell: tellSnapWiped},
	{name: "snap-busy", tell: tellSnapBusy},
	{name: "published", ordered: true, only: "follower", tell: tellPublished},
}

func (w syncWay) learner(who string) zab.ServerID {
	switch {
	case who == "observer":
		return 4
	case w.old:
		return lead
	}
	return 1
}

func (w syncWay) story(who string) story {
	st := story{name: w.name + "/" + who, voters: 3, tell: func(s *script) { w.tell(s, w.learner(who)) }}
	if who == "observer" {
		st.observers = 1
	}
	return st
}

// syncStories are the ways to bring a learner up to date, a follower and an
// observer.
func syncStories() []story {
	var list []story
	for _, way := range syncWays {
		for _, who := range []string{"follower", "observer"} {
			if way.only == "" || way.only == who {
				list = append(list, way.story(who))
			}
		}
	}
	return list
}

func tellDiff(s *script, learner zab.ServerID) {
	t := begin(s, learner)
	t.crash(vfs.KeepNothing, learner)
	t.write(t.writer, 4)
	t.comes("DIFF")
}

// tellDiffLog: the leader has restarted, so its ring is empty and what the
// learner lacks is read from the log.
func tellDiffLog(s *script, learner zab.ServerID) {
	t := begin(s, learner)
	t.crash(vfs.KeepNothing, learner)
	t.write(t.writer, 4)
	t.crash(vfs.KeepNothing, t.stays()...)
	t.leadBy(lead, t.others...)
	t.writer = t.visit(lead)
	t.comes("DIFF")
}

// tellTrunc: nothing was written since, the learner only loses its tail.
func tellTrunc(s *script, learner zab.ServerID) {
	t := begin(s, learner)
	t.abandonTail(0)
	t.comes("TRUNC")
}

func tellTruncDiff(s *script, learner zab.ServerID) {
	t := begin(s, learner)
	t.abandonTail(3)
	t.comes("TRUNC")
}

// tellSnap: the snapshot is of the end of the history.
func tellSnap(s *script, learner zab.ServerID) {
	t := begin(s, learner)
	t.snapshot(learner)
	t.crash(vfs.KeepNothing, learner)
	t.forget(t.writer, t.stays()...)
	t.snapshot(t.stays()...)
	t.comes("SNAP")
}

func tellSnapDiff(s *script, learner zab.ServerID) {
	t := begin(s, learner)
	t.snapshot(learner)
	t.crash(vfs.KeepNothing, learner)
	t.forget(t.writer, t.stays()...)
	t.write(t.writer, 3)
	t.comes("SNAP")
}

// tellSnapTwice: a snapshot is installed over one that was installed.
func tellSnapTwice(s *script, learner zab.ServerID) {
	t := begin(s, learner)
	for range 2 {
		t.crash(vfs.KeepNothing, learner)
		t.forget(t.writer, t.stays()...)
		t.comes("SNAP")
	}
}

// tellSnapTail: the learner's log ends in what was never committed, and the
// snapshot replaces it (ZOOKEEPER-2832).
func tellSnapTail(s *script, learner zab.ServerID) {
	t := begin(s, learner)
	t.abandonTail(2)
	t.forget(t.writer, 1, 2)
	t.comes("SNAP")
}

// tellSnapWiped: the learner has lost its disk.
func tellSnapWiped(s *script, learner zab.ServerID) {
	t := begin(s, learner)
	t.crash(vfs.KeepNothing, learner)
	t.forget(t.writer, t.stays()...)
	t.wipe(learner)
	t.comes("SNAP")
}

// tellSnapBusy: records are proposed while the snapshot is on its way
// (ZOOKEEPER-3104).
func tellSnapBusy(s *script, learner zab.ServerID) {
	t := begin(s, learner)
	t.crash(vfs.KeepNothing, learner)
	t.forget(t.writer, t.stays()...)
	t.start(learner)
	t.until("the snapshot is chosen", func() bool { return t.mode(learner) == "SNAP" })
	t.write(t.writer, 3)
	t.comes("SNAP")
}

// wipe takes a server's disk away, which has crashed.
func (s *script) wipe(id zab.ServerID) {
	n := s.node(id)
	if !n.up {
		s.say("wipe %d", id)
		n.fs = vfs.NewMem()
		s.check.wiped(n)
	}
}

// allStories lists all stories, in order.
func allStories() []story {
	return slices.Concat(syncStories(), plainStories(), orderStories())
}

// storiesNamed finds a story, or all that are told of together under a name.
func storiesNamed(name string) ([]story, error) {
	var names []string
	var found []story
	for _, st := range allStories() {
		if st.name == name {
			return []story{st}, nil
		}
		if st.title() == name || strings.HasPrefix(st.title(), name+"/") {
			found = append(found, st)
		}
		if len(names) == 0 || names[len(names)-1] != st.title() {
			names = append(names, st.title())
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("there is no scenario %q; there are %s", name, strings.Join(names, ", "))
	}
	return found, nil
}

// title is what the story is told of under.
func (st story) title() string { return cmp.Or(st.group, st.name) }
