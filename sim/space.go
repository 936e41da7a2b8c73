package sim

import (
	"time"

	"github.com/quorumd/quorumd/jute"
	"github.com/quorumd/quorumd/zab"
)

// awaitSpace puts back what a full disk has no room for. It returns what was
// done of a batch, and the append that waits: of that, some records may be there.
func (n *node) awaitSpace(batch []zab.DiskOp, done []zab.DiskDone) []zab.DiskOp {
	n.w.check.mark("append waits for space")
	n.outOfRoom = true
	performed := 0
	for i := range batch {
		if len(done) > 0 && batch[i].Op == done[len(done)-1].Op {
			performed = i + 1
		}
	}
	n.disk = append(append([]zab.DiskOp(nil), batch[performed:]...), n.disk...)
	return batch[:performed+1]
}

// tellSpace lets the server know when its disk has another amount of space, and
// tries now and then whether a full one has some again.
func (n *node) tellSpace() {
	s := n.store.Space()
	if s == n.space {
		return
	}
	if n.space == zab.SpaceAmple {
		n.seekSpace()
	}
	n.space = s
	n.w.say("%v: space for the log is %s", n, s)
	n.w.check.mark("space is " + s.String())
	life := n.life
	n.later(stageSynced, n.w.jitter(200*time.Microsecond), func() {
		n.deliver(life, zab.Event{Kind: zab.EvDiskSpace, Space: s})
	})
}

func (n *node) seekSpace() {
	n.later(stageAppend, n.w.between(100*time.Millisecond, time.Second), func() {
		if n.stalled > n.w.now {
			n.seekSpace()
			return
		}
		if n.broken(n.store.Prepare()) {
			return
		}
		n.outOfRoom = false
		n.tellSpace()
		if n.space != zab.SpaceAmple {
			n.seekSpace()
		}
		n.kickDisk()
	})
}

// refusal names a write that was refused for want of space.
type refusal struct {
	session zab.SessionID
	xid     int32
}

// refusals are the writes that clients were told have not happened, and those
// that the history holds.
type refusals struct{ turnedAway, carried map[refusal]bool }

func newRefusals() refusals {
	return refusals{turnedAway: map[refusal]bool{}, carried: map[refusal]bool{}}
}

// judgeRefused: a write that was refused has not happened, and never will.
func (k *checker) judgeRefused(conn *conn, q *call) {
	k.mark("write refused: no space")
	r := refusal{conn.session, q.xid}
	k.turnedAway[r] = true
	if k.carried[r] {
		k.w.fail("client %d: %s %s was refused, and is in the history", conn.client.id, q.op, q.path)
	}
}

// Refused: nothing is committed that its client was told has not happened.
func (k *checker) Refused(n *node, rec *zab.Record) {
	t := rec.Txn
	if t.Session == 0 || jute.Op(t.Op) == jute.OpCreateSession || t.Op < 0 && jute.Op(t.Op) != jute.OpCloseSession {
		return
	}
	r := refusal{t.Session, t.Cxid}
	k.carried[r] = true
	if k.turnedAway[r] {
		k.w.fail("Refused: %v commits %s, which session %s was told was refused", n, rec.Zxid, t.Session)
	}
}
