package sim

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/jute"
	"github.com/quorumd/quorumd/replica"
	"github.com/quorumd/quorumd/zab"
	"github.com/quorumd/quorumd/znode"
)

// hope fails the story unless ok.
func (s *script) hope(ok bool, format string, args ...any) {
	if !ok {
		s.stuck(format, args...)
	}
}

// leadBy starts a server that is to lead, and then the others. Of equal
// histories the highest id wins, so the leader first gets a quorum of the
// lowest ids; it must be able to win against those.
func (s *script) leadBy(id zab.ServerID, others ...zab.ServerID) {
	others = slices.Clone(others)
	slices.Sort(others)
	first := []zab.ServerID{id}
	for len(others) > 0 && !s.check.ensemble.IsQuorum(func(x zab.ServerID) bool { return slices.Contains(first, x) }) {
		first, others = append(first, others[0]), others[1:]
	}
	s.start(first...)
	s.until(fmt.Sprintf("server %d leads", id), func() bool { return s.leads(id) })
	s.start(others...)
	s.serve(append(first, others...)...)
}

// leader returns the server that leads and serves, 0 for none.
func (s *script) leader() zab.ServerID {
	for _, n := range s.nodes {
		if s.leads(n.id) {
			return n.id
		}
	}
	return 0
}

// in reports whether a server runs and is in a phase.
func (s *script) in(id zab.ServerID, p replica.Phase) bool {
	n := s.node(id)
	return n.up && n.replica.Status().Phase == p
}

// cutWay lets nothing pass from one server to another; the way back is open.
func (s *script) cutWay(from, to zab.ServerID) { s.net.cut[from-1][to-1] = true }

// isolate cuts servers off from everybody.
func (s *script) isolate(ids ...zab.ServerID) {
	for _, id := range ids {
		for _, n := range s.nodes {
			if n.id != id {
				s.cut(id, n.id)
			}
		}
	}
}

// abandon ends the connections of a server at the other ends only: it goes on
// believing in them.
func (s *script) abandon(id zab.ServerID) {
	for _, l := range s.net.links {
		for i, e := range l.end {
			if e.node.id == id && e.open {
				l.mute = true
				s.net.hangUp(l.end[1-i])
			}
		}
	}
}

// mend opens every way that is cut; what was under way arrives.
func (s *script) mend() {
	s.net.heal()
	for _, n := range s.nodes {
		if n.up {
			n.announce(true)
		}
	}
}

// hold keeps stages of a server from going on.
func (s *script) hold(id zab.ServerID, held ...stage) {
	for _, st := range held {
		s.node(id).hold(st)
	}
}

// release lets stages go on, first with what waited.
func (s *script) release(id zab.ServerID, held ...stage) {
	for _, st := range held {
		s.guard(func() { s.node(id).release(st) })
		s.goOn()
	}
}

// waits reports whether a step waits in a held stage.
func (s *script) waits(id zab.ServerID, st stage) bool { return len(s.node(id).waiting[st]) > 0 }

// step waits for a step in a held stage and lets it happen, that one alone.
func (s *script) step(id zab.ServerID, st stage) {
	s.until(fmt.Sprintf("server %d has something to %s", id, st), func() bool { return s.waits(id, st) })
	s.guard(func() { s.node(id).step(st) })
	s.goOn()
}

// fine has the stages of a server do one thing in each step: one disk
// operation, one packet, one record. It outlives the server's restarts.
func (s *script) fine(ids ...zab.ServerID) {
	for _, id := range ids {
		s.node(id).fine = true
	}
}

// snapshot has servers write a snapshot of what they have applied, at once.
func (s *script) snapshot(ids ...zab.ServerID) {
	for _, id := range ids {
		s.effort(id, "snapshot", func(n *node) error { return n.snapshotNow() })
	}
}

// snapshotSlowly has a server begin a snapshot that is written while it goes
// on; hold stageSnapshot to keep it from its end.
func (s *script) snapshotSlowly(id zab.ServerID) {
	s.effort(id, "snapshot", func(n *node) error { n.snapshotSlowly(); return nil })
}

// purge has a server keep its newest snapshots and the log from the oldest of
// them on. A segment goes only when another follows it.
func (s *script) purge(id zab.ServerID, keep int) {
	s.effort(id, "purge", func(n *node) error { return n.purge(keep) })
}

// forget makes the logs of servers, the leader among them, begin after what they
// hold now, with two records that c writes: whoever ends where they did needs a
// snapshot. The servers start again, since a leader's ring of recent records
// reaches back further than its log, and c comes back to its server.
func (s *script) forget(c *client, ids ...zab.ServerID) {
	s.write(c, 1)
	s.serve(ids...)
	s.snapshot(ids...)
	s.write(c, 1)
	s.serve(ids...)
	leader := s.leader()
	if c.conn == nil || leader == 0 {
		s.stuck("client %d or the leader is gone", c.id)
	}
	at := c.conn.port.node.id
	for _, id := range ids {
		s.purge(id, 1)
	}
	s.crash(vfs.KeepNothing, ids...)
	s.leadBy(leader, slices.DeleteFunc(slices.Clone(ids), func(id zab.ServerID) bool { return id == leader })...)
	s.comeBack(c, at)
}

// comeBack connects a client to a server again, with the session it has.
func (s *script) comeBack(c *client, id zab.ServerID) {
	if !s.node(id).up {
		s.stuck("nobody can visit server %d, which is down", id)
	}
	c.conn = s.node(id).port.connect(c, c.session, int64(time.Hour/time.Millisecond))
	s.answered(c)
}

func (s *script) effort(id zab.ServerID, what string, f func(*node) error) {
	n := s.node(id)
	if !n.up {
		return
	}
	s.guard(func() {
		if err := f(n); err != nil {
			s.fail("server %d: %s: %v", id, what, err)
		}
	})
	s.goOn()
}

// told counts the notes of a kind that a server has told of itself, in all its
// lives.
func (s *script) told(id zab.ServerID, kind zab.NoteKind) int {
	count := 0
	for _, note := range s.node(id).notes {
		if note.Kind == kind {
			count++
		}
	}
	return count
}

// mode is how a server was last brought up to date: DIFF, TRUNC or SNAP.
func (s *script) mode(id zab.ServerID) string {
	for _, note := range slices.Backward(s.node(id).notes) {
		if note.Kind == zab.NoteSyncStarted {
			return note.Text
		}
	}
	return ""
}

// visitFor connects a client whose session ends when nothing is heard of it
// for that long. It writes nothing by itself.
func (s *script) visitFor(id zab.ServerID, timeout time.Duration) *client {
	if !s.node(id).up {
		s.stuck("nobody can visit server %d, which is down", id)
	}
	c := &client{w: s.world, id: len(s.clients) + 1, retired: true}
	s.clients = append(s.clients, c)
	c.conn = s.node(id).port.connect(c, 0, timeout.Milliseconds())
	s.until(fmt.Sprintf("client %d has a session at server %d", c.id, id), func() bool { return c.session != 0 })
	return c
}

// request has a client ask for something, and does not wait.
func (s *script) request(c *client, op jute.Op, path string, body []byte) {
	if c.conn == nil {
		s.stuck("client %d has no connection for %v of %s", c.id, op, path)
	}
	c.ask(&call{op: op, path: path, body: body})
}

// create asks for a znode and waits for the answer.
func (s *script) create(c *client, path string, flags jute.CreateFlags) {
	s.request(c, jute.OpCreate, path, createBody(path, nil, int32(flags)))
	s.answered(c)
}

// exists reports whether a server's tree holds a znode.
func (s *script) exists(id zab.ServerID, path string) bool {
	req := jute.PathWatchRequest{Path: path}
	_, code := s.node(id).state.Read(jute.OpExists, req.Append(nil), znode.Caller{}, nil)
	return code == jute.CodeOK
}

// value is what a server's tree holds of a client's own znode, 0 for nothing.
func (s *script) value(id zab.ServerID, c *client) uint64 {
	v, _ := valueOf(s.node(id), c.path())
	return v
}

// record is what passed in a story: packets as they left, and what disks
// confirmed, a line each.
//
//	1>3 ACK-NEWLEADER 0x100000002
//	1 disk append 0x100000002
//	1 disk epochs 2/2
//	1 disk truncate 0x100000001
//	1 disk install 0x100000001
type record struct{ lines []string }

// watch begins to record, from nothing.
func (s *script) watch() { s.record = &record{} }

// first returns the number of the first line that begins with what, counted
// from 0, and -1 for none.
func (s *script) first(what string) int {
	return slices.IndexFunc(s.record.lines, func(l string) bool { return strings.HasPrefix(l, what) })
}

func (r *record) packet(n *node, send *zab.Send) {
	if r == nil {
		return
	}
	if mine := n.w.net.find(n, send.Link); mine != nil {
		r.lines = append(r.lines, fmt.Sprintf("%d>%d %s %s", n.id, mine.peer, send.Packet.Kind, send.Packet.Zxid))
	}
}

func (r *record) disk(n *node, d *zab.DiskDone) {
	if r == nil {
		return
	}
	line := fmt.Sprintf("%d disk ", n.id)
	switch d.Kind {
	case zab.DiskAppend:
		line += "append " + d.Synced.String()
	case zab.DiskEpochs:
		line += fmt.Sprintf("epochs %d/%d", d.Epochs.Accepted, d.Epochs.Current)
	case zab.DiskTruncate:
		line += "truncate " + d.At.Zxid.String()
	case zab.DiskSnapEnd:
		line += "install " + d.At.Zxid.String()
	default:
		return
	}
	r.lines = append(r.lines, line)
}
