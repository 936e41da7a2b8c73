package sim

import (
	"testing"
	"time"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/jute"
	"github.com/quorumd/quorumd/zab"
)

// TestLeaderChecks: a leader that goes on in doubt, one that forgets what it was
// told, and a refusal without a reason are found.
func TestLeaderChecks(t *testing.T) {
	finds(t, []doctored{
		{"nobody has answered it since", func(w *world, _ *client) {
			l := leader(w)
			w.check.stoodStill(l)
			w.check.leader.proposes(w.check, l, &zab.Record{Txn: &zab.Txn{Seq: 1, Op: int32(jute.OpSetData)}})
		}},
		{"after hearing of it", func(w *world, c *client) { // from a follower, in an answer that left it out
			l := leader(w)
			f := w.nodes[(l.index+1)%3]
			w.check.leader.touched[f.index][c.session] = w.now
			w.run(w.now + 2*tickTime)
			w.check.sessions.fresh[l.index] = 0
			w.check.ends(l, &zab.Txn{Session: c.session, Op: zab.OpExpire})
		}},
		{"is refused at", func(w *world, c *client) { w.check.movedAway(c.conn) }},
		{"nothing on any disk is damaged", func(w *world, _ *client) {
			w.check.note(w.nodes[0], zab.Note{Kind: zab.NoteRoleLost, Text: snapshotDamaged + ": so"})
		}},
		{"has no answer from server", func(w *world, c *client) {
			w.clients = []*client{c}
			c.retired = true
			c.conn.calls = []*call{{at: w.now - 1}}
			w.calm, w.healed = true, w.now
			w.recovers()
		}},
	})
}

// TestLeaderChecksAllow: what has a reason is not held against anybody.
func TestLeaderChecksAllow(t *testing.T) {
	w, c := healthy(t)
	l := leader(w)
	w.check.stoodStill(l)
	w.run(w.now + 2*tickTime) // pings are answered
	w.check.leader.proposes(w.check, l, &zab.Record{Txn: &zab.Txn{Seq: 1, Op: int32(jute.OpSetData)}})

	w.check.leader.acted[c.session] = act{by: 3, at: w.now}
	w.check.movedAway(c.conn) // another server has spoken for the session since
	c.dialled++
	w.check.leader.acted = map[zab.SessionID]act{}
	w.check.movedAway(c.conn) // its client has gone elsewhere

	c.conn.calls = []*call{{at: w.now}}
	w.clients, w.healed = []*client{c}, w.now+time.Second
	if c.conn.life--; w.owed() != nil {
		t.Error("an answer is owed by a server that has ended")
	}
	if w.err != nil {
		t.Error(w.err)
	}
}

// TestPowerFailsAtOperation: a crash that is aimed at one sort of operation
// strikes there.
func TestPowerFailsAtOperation(t *testing.T) {
	w, c := healthy(t)
	n := w.nodes[1]
	renames := 0
	n.failPowerAfter(1, vfs.KeepNothing, source(1, "power"), vfs.OpRename)
	s := &script{world: w}
	for ; n.clone == nil && n.up && renames < 50; renames++ {
		s.write(c, 20)
		if err := n.snapshotNow(); err != nil && n.clone == nil {
			t.Fatal(err)
		}
	}
	if n.clone == nil && n.up {
		t.Error("no rename met the loss of power")
	}
}
