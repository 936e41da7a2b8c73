package sim

import (
	"bytes"

	"github.com/quorumd/quorumd/jute"
)

// judge compares an answer with what it must be: the model's at the zxid that
// it bears, no older than what the session was shown, and no write older than
// what was committed anywhere when it was asked for (O3).
func (k *checker) judge(conn *conn, q *call, r *reply) {
	c := conn.client
	k.mark(q.op.String())
	switch end := k.end().Zxid; {
	case r.zxid < c.seen:
		k.w.fail("client %d is shown %s by %s %s after %s", c.id, r.zxid, q.op, q.path, c.seen)
	case r.zxid > end:
		k.w.fail("client %d got an answer at %s, the history ends at %s", c.id, r.zxid, end)
	}
	if h := conn.view.until(k.model, r.zxid); h != nil {
		k.w.fail("client %d is shown %s by %s %s before it was told %s %s of %s",
			c.id, r.zxid, q.op, q.path, h.kind, h.path, h.zxid)
	}
	switch {
	case q.op == jute.OpSync:
		if r.zxid < q.floor {
			k.w.fail("client %d: sync was answered at %s, %s had been committed when it was sent", c.id, r.zxid, q.floor)
		}
	case q.op.IsWrite() && r.code == jute.CodeNotReadOnly:
		k.judgeRefused(conn, q)
	case q.op.IsWrite():
		k.judgeWrite(conn, q, r)
	default:
		k.judgeRead(conn, q, r)
	}
	c.seen = max(c.seen, r.zxid)
	k.lin.answered(k.w.now, q, r)
}

func (k *checker) judgeWrite(conn *conn, q *call, r *reply) {
	c := conn.client
	want := k.model.result(r.zxid)
	switch {
	case want == nil || want.session != conn.session || want.cxid != q.xid || want.op != int32(q.op):
		k.w.fail("client %d: %s %s was answered with %s, which is not its record", c.id, q.op, q.path, r.zxid)
	case r.zxid == c.seen:
		k.w.fail("client %d was shown %s before the write that has it was answered", c.id, r.zxid)
	case r.zxid <= q.floor:
		k.w.fail("client %d: %s %s is at %s, %s had been committed when it was sent", c.id, q.op, q.path, r.zxid, q.floor)
	case want.code != r.code || !bytes.Equal(want.body, r.body):
		k.w.fail("client %d: %s %s at %s was answered %v %x, the model says %v %x",
			c.id, q.op, q.path, r.zxid, r.code, r.body, want.code, want.body)
	}
	switch {
	case want != nil && want.failed:
		k.mark("multi taken back")
	case r.code != jute.CodeOK:
		k.mark(q.op.String() + ": " + r.code.Name())
	}
}

func (k *checker) judgeRead(conn *conn, q *call, r *reply) {
	c, v := conn.client, &conn.view
	switch q.op {
	case jute.OpSetWatches, jute.OpSetWatches2:
		k.caughtUp(conn, q.set, r.zxid)
		return
	case jute.OpAddWatch:
		bits := seesPersistent
		if jute.AddWatchMode(q.flag) == jute.WatchPersistentRecursive {
			bits = seesRecursive
		}
		v.add(q.path, bits)
		c.hold(q.path, bits)
		k.expectCode(c, q, r, jute.CodeOK)
		return
	case jute.OpRemoveWatches, jute.OpCheckWatches:
		want, bits := jute.CodeNoWatcher, bitsOf(jute.WatcherType(q.flag))
		if v.bits[q.path]&bits != 0 {
			want = jute.CodeOK
		}
		k.expectCode(c, q, r, want)
		if q.op == jute.OpRemoveWatches && want == jute.CodeOK {
			drop(v.bits, q.path, bits)
			drop(c.held, q.path, bits)
			k.mark("watch removed")
		}
		return
	}
	body, code := k.model.read(q.op, q.body, r.zxid)
	k.expectCode(c, q, r, code)
	if !sameReply(q.op, r.body, body) {
		k.w.fail("client %d: %s %s at %s was answered %x, the model says %x", c.id, q.op, q.path, r.zxid, r.body, body)
	}
	if bits := registers(q, code); bits != 0 {
		v.add(q.path, bits)
		c.hold(q.path, bits)
	}
}

func (k *checker) expectCode(c *client, q *call, r *reply, want jute.Code) {
	if r.code != want {
		k.w.fail("client %d: %s %s at %s was answered %v, the model says %v", c.id, q.op, q.path, r.zxid, r.code, want)
	}
}

// bitsOf maps the types of checkWatches and removeWatches.
func bitsOf(t jute.WatcherType) uint8 {
	switch t {
	case jute.WatcherChildren:
		return seesChildren
	case jute.WatcherData:
		return seesData | seesCreation
	case jute.WatcherPersistent:
		return seesPersistent
	case jute.WatcherPersistentRecursive:
		return seesRecursive
	}
	return ^uint8(0)
}

// registers says which watch a read has set.
func registers(q *call, code jute.Code) uint8 {
	switch {
	case !q.watch:
	case q.op == jute.OpExists && code == jute.CodeNoNode:
		return seesCreation
	case code != jute.CodeOK:
	case q.op == jute.OpGetData || q.op == jute.OpExists:
		return seesData
	case q.op == jute.OpGetChildren || q.op == jute.OpGetChildren2:
		return seesChildren
	}
	return 0
}

func (c *client) hold(path string, bits uint8) {
	if c.held == nil {
		c.held = held{}
	}
	c.held[path] |= bits
}
