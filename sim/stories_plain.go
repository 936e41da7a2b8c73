package sim

import (
	"time"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/jute"
	"github.com/quorumd/quorumd/zab"
)

// plainStories are about one server's disk and about what an ensemble lives
// through besides synchronisation.
func plainStories() []story {
	return []story{
		{name: "bootstrap", voters: 3, tell: tellBootstrap},
		{name: "bootstrap/observer", voters: 3, observers: 1, tell: tellBootstrap},
		{name: "single", voters: 1, tell: tellSingle},
		{name: "roll", voters: 3, tell: tellRoll},
		{name: "snapshot", voters: 3, observers: 1, tell: tellSnapshot},
		{name: "purge", voters: 3, tell: tellPurge},
		{name: "epochs", voters: 3, tell: tellEpochs},
		{name: "survivors", voters: 3, tell: tellSurvivors},
		{name: "sessions", voters: 3, tell: tellSessions},
		{name: "restart-all", voters: 3, observers: 1, tell: tellRestartAll},
		{name: "five", voters: 5, tell: tellFive},
	}
}

// everybody returns the ids of all servers.
func (s *script) everybody() []zab.ServerID {
	var ids []zab.ServerID
	for _, n := range s.nodes {
		ids = append(ids, n.id)
	}
	return ids
}

// tellBootstrap: servers with empty disks become an ensemble, which names
// itself and writes the name down.
func tellBootstrap(s *script) {
	s.beginPoints()
	s.start(s.everybody()...)
	s.serve(s.everybody()...)
	s.pass(2 * tickTime)
}

// tellSingle: one server does it all, and starts again.
func tellSingle(s *script) {
	s.beginPoints()
	s.start(1)
	s.serve(1)
	c := s.visit(1)
	s.fill(c, 4)
	s.snapshot(1)
	s.fill(c, 2)
	s.snapshot(1)
	s.purge(1, 1)
	s.write(c, 2)
	s.crash(vfs.KeepPrefix, 1)
	s.start(1)
	s.serve(1)
	s.write(s.visit(1), 2)
}

// fillBytes is the data of a znode that fills a log: a few to a segment.
const fillBytes = 5 << 10

// fill writes znodes that take room.
func (s *script) fill(c *client, count int) {
	for range count {
		s.request(c, jute.OpCreate, "/fill-", createBody("/fill-", make([]byte, fillBytes), int32(jute.FlagPersistentSequential)))
		s.answered(c)
	}
}

// tellRoll: the log goes on in new segments, prepared and unprepared.
func tellRoll(s *script) {
	t := begin(s, 1)
	t.fill(t.writer, 10)
	t.serve(t.all...)
	t.crash(vfs.KeepNothing, 1)
	t.fill(t.writer, 4)
	t.comes("DIFF")
}

// tellSnapshot: every server writes snapshots while records come, and is
// purged as it ends them.
func tellSnapshot(s *script) {
	t := begin(s, 1)
	t.fill(t.writer, 3)
	t.serve(t.all...)
	for range 3 {
		for _, id := range t.all {
			t.snapshotSlowly(id)
		}
		t.fill(t.writer, 2)
		t.serve(t.all...)
		t.pass(tickTime)
	}
}

// tellPurge: segments and snapshots go while the log goes on.
func tellPurge(s *script) {
	t := begin(s, 1)
	for range 2 {
		t.fill(t.writer, 4)
		t.serve(t.all...)
		t.snapshot(t.all...)
	}
	t.ask(t.writer)
	for _, id := range t.all {
		t.purge(id, 1)
	}
	t.answered(t.writer)
	t.crash(vfs.KeepSubset, 1)
	t.write(t.writer, 1)
	t.comes("DIFF")
}

// tellEpochs: leaders follow one another, each history ends in what only some
// have.
func tellEpochs(s *script) {
	t := begin(s, 1)
	t.cut(lead, 1)
	t.ask(t.writer)
	end := t.check.end().Zxid
	t.until("server 2 has the tail", func() bool { return t.synced(2) > end })
	t.crash(vfs.KeepNothing, lead)
	t.until("server 2 leads", func() bool { return t.leads(2) })
	t.mend()
	t.serve(1, 2)
	t.writer = t.visit(2)
	t.write(t.writer, 1)
	t.start(lead)
	t.serve(t.all...)
	t.crash(vfs.KeepNothing, 2)
	t.until("server 3 leads", func() bool { return t.leads(lead) })
	t.start(2)
	t.serve(t.all...)
}

// tellSurvivors: a follower alone has the end of the history, of which the
// quorum that was left knows by it.
func tellSurvivors(s *script) {
	t := begin(s, 1)
	t.crash(vfs.KeepNothing, 2)
	t.write(t.writer, 2)
	t.crash(vfs.KeepNothing, lead)
	t.start(2)
	t.serve(1, 2)
	t.hope(t.leads(1), "server 1 has the longer history and does not lead")
	t.writer = t.visit(2)
	t.write(t.writer, 1)
	t.start(lead)
	t.serve(t.all...)
}

// tellSessions: sessions begin and end in each way, with ephemerals.
func tellSessions(s *script) {
	t := begin(s, 1)
	closing, lapsing := t.visitFor(1, time.Hour), t.visitFor(2, 2*time.Second)
	t.create(closing, "/closing", jute.FlagEphemeral)
	t.create(lapsing, "/lapsing", jute.FlagEphemeral)
	t.snapshot(t.all...)
	t.request(closing, jute.OpCloseSession, "", nil)
	t.until("the session is closed", func() bool { return closing.conn == nil })
	t.until("the session expires", func() bool { return !t.exists(lead, "/lapsing") })
	t.serve(t.all...)
	t.hope(!t.exists(1, "/closing") && !t.exists(2, "/lapsing"), "an ephemeral outlived its session")
	t.crash(vfs.KeepNothing, t.all...)
	t.leadBy(lead, 1, 2)
}

// tellRestartAll: all servers go one by one, and come back one by one.
func tellRestartAll(s *script) {
	t := begin(s, 4)
	for _, id := range t.all {
		t.crash(vfs.KeepPrefix, id)
		t.pass(tickTime / 4)
	}
	for _, id := range t.all {
		t.start(id)
		t.pass(tickTime / 4)
	}
	t.serve(t.all...)
	t.write(t.visit(1), 2)
}

// tellFive: of five voters two are behind, one by records and one by a
// snapshot, as the others lose their leader.
func tellFive(s *script) {
	s.leadBy(5, 1, 2, 3, 4)
	c := s.visit(5)
	s.beginPoints()
	s.crash(vfs.KeepNothing, 1)
	s.forget(c, 3, 4, 5)
	s.crash(vfs.KeepNothing, 2)
	s.write(c, 2)
	s.serve(3, 4, 5)
	s.start(1)
	s.crash(vfs.KeepNothing, 5)
	s.start(2)
	s.serve(1, 2, 3, 4)
	s.start(5)
	s.serve(1, 2, 3, 4, 5)
}
