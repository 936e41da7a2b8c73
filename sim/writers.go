package sim

import "github.com/quorumd/quorumd/zab"

// writers knows through which of its connections each session wrote.
type writers struct {
	by   map[request]int       // the connection that a request came through, by its number
	last map[zab.SessionID]int // the one of the session's newest record
}

func newWriters() writers {
	return writers{by: map[request]int{}, last: map[zab.SessionID]int{}}
}

// asks takes note of a write that a server takes from a connection.
func (k *checker) asks(c *conn, seq uint64) {
	k.writers.by[request{c.port.node.id, seq}] = c.ordinal
}

// SessionOrder: what a session wrote through one connection stands in the
// history before all that it wrote through a later one (R9). A request that is
// still on its way when its client has come back elsewhere must not be let in
// behind those of the new connection: its client was told that it does not know
// what came of it, and may have done it again or gone on (R9).
//
// Of a session that is over nothing is judged: what comes late fails, and
// changes nothing.
func (k *checker) SessionOrder(n *node, rec *zab.Record) {
	id := rec.Txn.Session
	now, known := k.writers.by[request{rec.Txn.Origin, rec.Txn.Seq}]
	if !known || !k.model.alive(id) {
		return
	}
	before := k.writers.last[id]
	switch {
	case now < before:
		k.w.fail("SessionOrder: %v commits %s, which session %s asked for on its connection %d, behind a record from connection %d",
			n, rec.Zxid, id, now, before)
	case before > 0 && now > before:
		k.mark("session wrote through a later connection")
	}
	k.writers.last[id] = max(now, before)
}
