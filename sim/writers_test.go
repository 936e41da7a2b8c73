package sim

import (
	"testing"

	"github.com/quorumd/quorumd/jute"
	"github.com/quorumd/quorumd/zab"
)

// TestSessionOrder: a record of an earlier connection behind one of a later is
// found, and of a session that is over it is not judged.
func TestSessionOrder(t *testing.T) {
	write := func(w *world, c *client, seq uint64, ordinal int) {
		c.conn.ordinal = ordinal
		w.check.asks(c.conn, seq)
		w.check.SessionOrder(w.nodes[0], &zab.Record{
			Zxid: beyond(w, uint32(seq)).Zxid,
			Txn:  &zab.Txn{Session: c.session, Origin: c.conn.port.node.id, Seq: seq, Op: int32(jute.OpSetData)},
		})
	}
	finds(t, []doctored{{"SessionOrder", func(w *world, c *client) {
		write(w, c, 1, 5)
		write(w, c, 2, 5)
		write(w, c, 3, 7)
		if w.err != nil {
			return
		}
		write(w, c, 4, 6)
	}}})
	w, c := healthy(t)
	write(w, c, 1, 5)
	delete(w.check.model.sessions, c.session)
	write(w, c, 2, 4)
	if w.err != nil {
		t.Errorf("a session that is over is judged: %v", w.err)
	}
}
