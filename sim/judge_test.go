package sim

import (
	"testing"

	"github.com/quorumd/quorumd/jute"
	"github.com/quorumd/quorumd/zab"
	"github.com/quorumd/quorumd/znode"
)

// TestJudge: answers that are not the ones the history gives.
func TestJudge(t *testing.T) {
	get := func(c *client) *call {
		return &call{op: jute.OpGetData, path: c.path(), body: (&jute.PathWatchRequest{Path: c.path(), Watch: true}).Append(nil), watch: true}
	}
	answer := func(w *world, q *call) *reply {
		z := w.check.end().Zxid
		body, code := w.check.model.read(q.op, q.body, z)
		return &reply{zxid: z, code: code, body: body}
	}
	finds(t, []doctored{
		{"after 0x", func(w *world, c *client) {
			r := answer(w, get(c))
			r.zxid = w.check.history[1].Zxid
			w.check.judge(c.conn, get(c), r)
		}},
		{"the history ends at", func(w *world, c *client) {
			r := answer(w, get(c))
			r.zxid = beyond(w, 1).Zxid
			w.check.judge(c.conn, get(c), r)
		}},
		{"the model says", func(w *world, c *client) {
			r := answer(w, get(c))
			r.body[5]++
			w.check.judge(c.conn, get(c), r)
		}},
		{"was answered node does not exist", func(w *world, c *client) {
			w.check.judge(c.conn, get(c), &reply{zxid: w.check.end().Zxid, code: jute.CodeNoNode})
		}},
		{"sync was answered", func(w *world, c *client) {
			q := &call{op: jute.OpSync, floor: w.check.end().Zxid}
			c.seen = 0
			w.check.judge(c.conn, q, &reply{zxid: w.check.history[2].Zxid})
		}},
		{"not its record", func(w *world, c *client) {
			w.check.judge(c.conn, &call{op: jute.OpSetData, xid: 999}, &reply{zxid: w.check.end().Zxid})
		}},
		{"before the write that has it was answered", func(w *world, c *client) {
			w.check.judge(c.conn, &call{op: jute.OpSetData, xid: c.xid}, answerOf(w))
		}},
		{"had been committed when it was sent", func(w *world, c *client) {
			c.seen = 0
			w.check.judge(c.conn, &call{op: jute.OpSetData, xid: c.xid, floor: w.check.end().Zxid}, answerOf(w))
		}},
		{"the model says ok", func(w *world, c *client) {
			c.seen = 0
			r := answerOf(w)
			r.code = jute.CodeBadVersion
			w.check.judge(c.conn, &call{op: jute.OpSetData, xid: c.xid}, r)
		}},
		{"out of turn", func(_ *world, c *client) { c.take(c.conn, &reply{xid: 12345}) }},
		{"with a wrong password", func(_ *world, c *client) {
			c.conn.forged = true
			c.take(c.conn, &reply{hello: &hello{session: 1}})
		}},
		{"comes to", func(w *world, _ *client) {
			rec := &zab.Record{Zxid: w.check.end().Zxid, Txn: &zab.Txn{Op: int32(jute.OpSetData)}}
			w.check.applied(w.nodes[0], rec, &znode.Result{Code: jute.CodeNoNode})
		}},
	})
}

// answerOf is the right answer to the last write of the history.
func answerOf(w *world) *reply {
	r := w.check.model.result(w.check.end().Zxid)
	return &reply{zxid: r.zxid, code: r.code, body: r.body}
}

// TestWatchChecks: events that are missing, late, wrong, or come twice.
func TestWatchChecks(t *testing.T) {
	before := func(w *world, c *client) zab.Zxid { // of the last write
		w.check.until(c, w.check.history[len(w.check.history)-2].Zxid)
		return w.check.end().Zxid
	}
	finds(t, []doctored{
		{"before it was told NodeDataChanged", func(w *world, c *client) {
			before(w, c)
			c.conn.view.add(c.path(), seesData)
			w.check.judge(c.conn, &call{op: jute.OpSync}, &reply{zxid: w.check.end().Zxid})
		}},
		{"the next event for it is <nil>", func(w *world, c *client) {
			z := before(w, c)
			w.check.event(c.conn, &znode.Event{Type: jute.EventNodeDataChanged, Path: c.path(), Zxid: z})
		}},
		{"the next event for it is <nil>", func(w *world, c *client) { // twice
			z := before(w, c)
			c.conn.view.add(c.path(), seesData)
			ev := &znode.Event{Type: jute.EventNodeDataChanged, Path: c.path(), Zxid: z}
			w.check.event(c.conn, ev)
			if w.err != nil {
				return
			}
			w.check.event(c.conn, ev)
		}},
		{"was told NodeDeleted", func(w *world, c *client) {
			z := before(w, c)
			c.conn.view.add("/", seesRecursive)
			w.check.event(c.conn, &znode.Event{Type: jute.EventNodeDeleted, Path: c.path(), Zxid: z})
		}},
		{"was not told NodeDataChanged", func(w *world, c *client) {
			w.check.caughtUp(c.conn, &takeUp{since: 1, data: []string{c.path()}}, w.check.end().Zxid)
		}},
		{"was not told NodeDeleted /x", func(w *world, c *client) {
			w.check.caughtUp(c.conn, &takeUp{since: 1, children: []string{"/x"}}, w.check.end().Zxid)
		}},
		{"by setWatches for nothing", func(w *world, c *client) {
			w.check.event(c.conn, &znode.Event{Type: jute.EventNodeCreated, Path: c.path(), Zxid: -1})
			w.check.caughtUp(c.conn, &takeUp{since: w.check.end().Zxid, data: []string{c.path()}}, w.check.end().Zxid)
		}},
	})
}

// until has a connection's view stand at a zxid.
func (k *checker) until(c *client, z zab.Zxid) { c.conn.view.next = k.model.eventsAfter(z) }
