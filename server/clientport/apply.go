package clientport

import (
	"github.com/quorumd/quorumd/jute"
	"github.com/quorumd/quorumd/replica"
	"github.com/quorumd/quorumd/zab"
	"github.com/quorumd/quorumd/znode"
)

// BeforeApply must be called by the applier before each record is applied, with
// the state write-locked. It answers what waits before the record's request on
// the same connection from the state as it still is (C3).
func (p *Port) BeforeApply(rec *zab.Record) {
	p.applying = nil
	t := rec.Txn
	if t.Origin != p.cfg.Self || t.Session == 0 {
		return
	}
	if c := p.table.of(t.Session); c != nil {
		p.applying = c
		c.clearAhead(p.current(), t.Seq)
	}
}

// Applied must be called by the applier after each record was applied, under the
// same lock as BeforeApply. It answers the record's request if a connection of
// this server waits for it.
func (p *Port) Applied(rec *zab.Record, res znode.Result) {
	t := rec.Txn
	p.ahead.applied = rec.Zxid
	if c := p.applying; c != nil {
		p.applying = nil
		if jute.Op(t.Op) == jute.OpCreateSession {
			c.created(p.current(), t.Seq, int32(res.Code))
		} else {
			c.written(rec, &res)
		}
	}
	if jute.Op(t.Op) == jute.OpCloseSession || t.Op == zab.OpExpire {
		if c := p.table.of(t.Session); c != nil {
			c.sessionOver()
		}
	}
}

// Answer takes what the replica answers without a record. The applier calls it
// after the records of the same output were applied, with or without the lock.
func (p *Port) Answer(a zab.Answer) {
	c := p.table.of(a.Session)
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ending != endNot {
		return
	}
	if c.attach == a.Seq {
		if c.phase == phaseConnecting {
			c.answerConnect(a)
		} else {
			c.refuseAttach(a)
		}
		return
	}
	i := c.pending.find(a.Seq)
	if i < 0 {
		return // answered by a later write, or of an earlier connection
	}
	switch a.Kind {
	case zab.AnswerSync:
		c.pending.at(i).kind = kindSynced
		p.markDirty(c)
	case zab.AnswerNoSpace:
		e := c.pending.at(i)
		e.kind, e.code, e.body = kindFixed, int32(jute.CodeNotReadOnly), nil
		p.markDirty(c)
	case zab.AnswerMoved, zab.AnswerLost:
		c.endLocked(endFlush, whyMoved)
	}
}

// clearAhead answers what is pending before the write seq. The state is
// write-locked.
func (c *conn) clearAhead(st *replica.State, seq uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := c.pending.find(seq); i > 0; i-- {
		head := c.pending.at(0)
		switch head.kind {
		case kindSync:
			// The leader took up the sync before the write, so everything it
			// has to wait for is applied by now.
			head.kind = kindSynced
		case kindWrite:
			// Requests are applied in the order of Seq: this one never will be.
			c.endLocked(endFlush, whyMoved)
			return
		}
		c.mu.Unlock()
		c.answerOne(st)
		c.mu.Lock()
		if c.ending != endNot {
			return
		}
	}
}

// answerOne answers the head of pending if it is ready and reports whether it
// did. The state is locked; c.mu is not, since a read may notify the
// connection itself.
func (c *conn) answerOne(st *replica.State) (jute.Op, bool) {
	c.mu.Lock()
	if c.ending != endNot || c.pending.len() == 0 || !c.pending.at(0).ready() {
		c.mu.Unlock()
		return 0, false
	}
	e := *c.pending.at(0)
	c.mu.Unlock()
	buf := c.p.buffers.get()
	zxid := st.Applied().Zxid
	switch {
	case e.kind == kindRead:
		buf.b = c.read(st, zxid, request{e.xid, e.op, e.body}, buf.b)
	case e.last:
		buf.b = appendReply(buf.b, e.xid, -1, e.code, nil) // an unknown opcode
	default:
		buf.b = appendReply(buf.b, e.xid, zxid, e.code, e.body)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ending == endNot {
		c.append(buf.b)
		c.answered(&e, zxid)
	}
	c.p.buffers.put(buf)
	return jute.Op(e.op), c.ending == endNot
}

// written answers the write of rec when the connection waits for it. The state
// is write-locked.
func (c *conn) written(rec *zab.Record, res *znode.Result) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ending != endNot || c.pending.len() == 0 {
		return
	}
	e := *c.pending.at(0)
	if e.kind != kindWrite || e.seq != rec.Txn.Seq {
		return // of an earlier connection of the session
	}
	if c.out == nil {
		c.out = c.p.buffers.get()
	}
	c.out.b = appendReply(c.out.b, e.xid, rec.Zxid, int32(res.Code), res.Body)
	c.bound()
	c.p.markDirty(c)
	c.answered(&e, rec.Zxid)
}

// answered takes e, whose reply is in out, off the head. c.mu is held.
func (c *conn) answered(e *entry, zxid zab.Zxid) {
	now := c.p.now()
	c.figures.replied(1, e.op, e.xid, zxid, e.at, now)
	c.p.figures.replied(1, now-e.at)
	if c.ending != endNot {
		return // the reply was too much; pending is gone
	}
	c.pop()
	if e.last && jute.Op(e.op) == jute.OpCloseSession {
		c.endLocked(endLinger, whySession)
	} else if e.last {
		c.endLocked(endLinger, whyUnknown)
	}
}

// sessionOver closes the connection of a session that was closed or expired,
// unless that was this connection's own wish: then it has had its answer.
func (c *conn) sessionOver() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ending == endNot {
		c.endLocked(endFlush, whySession)
	}
}

// took counts a request that was not answered at once.
func (c *conn) took() {
	c.mu.Lock()
	c.figures.received++
	c.mu.Unlock()
	c.p.figures.received.Add(1)
}
