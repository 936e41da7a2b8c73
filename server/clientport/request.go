package clientport

import (
	"bytes"
	"time"

	"github.com/quorumd/quorumd/jute"
	"github.com/quorumd/quorumd/zab"
)

// class is how the port treats an operation.
type class uint8

const (
	classUnknown class = iota // refused, and the connection closed
	classRead
	classWrite
	classSync
	classClose
	classPing
	classAuth
	classSASL
	classReconfig
)

// classify is the table of what clients may send. Operations that clients
// could send to ZooKeeper with bad consequences are not in it: check outside
// of a multi, createSession, deleteContainer.
func classify(op jute.Op) class {
	switch op {
	case jute.OpExists, jute.OpGetData, jute.OpGetACL, jute.OpGetChildren, jute.OpGetChildren2,
		jute.OpCheckWatches, jute.OpRemoveWatches, jute.OpMultiRead, jute.OpSetWatches, jute.OpSetWatches2,
		jute.OpGetEphemerals, jute.OpGetAllChildrenNumber, jute.OpAddWatch, jute.OpWhoAmI:
		return classRead
	case jute.OpCreate, jute.OpCreate2, jute.OpCreateContainer, jute.OpCreateTTL,
		jute.OpDelete, jute.OpSetData, jute.OpSetACL, jute.OpMulti:
		return classWrite
	case jute.OpSync:
		return classSync
	case jute.OpCloseSession:
		return classClose
	case jute.OpPing:
		return classPing
	case jute.OpAuth:
		return classAuth
	case jute.OpSASL:
		return classSASL
	case jute.OpReconfig:
		return classReconfig
	}
	return classUnknown
}

// one takes a request that cannot be answered from the state at once. It
// reports false when nothing more is to be read from the connection.
func (c *conn) one(now time.Duration, frame []byte) bool {
	r := parseRequest(frame)
	c.took()
	switch class := classify(jute.Op(r.op)); class {
	case classAuth:
		return c.auth(r, now)
	case classSASL:
		// Without SASL on the server, an empty token says that it is over.
		return c.reply(r, now, 0, []byte{0xff, 0xff, 0xff, 0xff})
	case classRead:
		return c.wait(entry{kind: kindRead, xid: r.xid, op: r.op, body: bytes.Clone(r.body), at: now})
	case classReconfig:
		return c.refuse(r, now, jute.CodeReconfigDisabled)
	case classWrite:
		if code := checkWrite(jute.Op(r.op), r.body); code != jute.CodeOK {
			return c.refuse(r, now, code)
		}
		return c.propose(r, now)
	case classSync:
		return c.sync(r, now)
	case classClose:
		if !c.propose(r, now) {
			return false
		}
		// What is pipelined behind it gets no answer.
		c.flush()
		<-c.done
		return false
	}
	c.wait(entry{kind: kindFixed, last: true, xid: r.xid, op: r.op, code: int32(jute.CodeUnimplemented), at: now})
	<-c.done
	return false
}

// refuse answers a request with an error when its turn comes.
func (c *conn) refuse(r request, now time.Duration, code jute.Code) bool {
	return c.wait(entry{kind: kindFixed, xid: r.xid, op: r.op, code: int32(code), at: now})
}

// propose hands a write to the loop.
func (c *conn) propose(r request, now time.Duration) bool {
	req := &zab.Request{Session: c.session, Cxid: r.xid, Op: r.op, Body: bytes.Clone(r.body)}
	last := jute.Op(r.op) == jute.OpCloseSession
	if !last {
		req.Auth = c.Identities()
	}
	e := entry{kind: kindWrite, last: last, xid: r.xid, op: r.op, at: now}
	return c.admit() && c.submit(e, zab.Event{Kind: zab.EvRequest, Request: req})
}

// sync hands a barrier to the loop. Its reply is the path as it was sent.
func (c *conn) sync(r request, now time.Duration) bool {
	path, ok := encodedString(r.body)
	if !ok {
		return c.refuse(r, now, jute.CodeMarshallingError)
	}
	e := entry{kind: kindSync, xid: r.xid, op: r.op, body: bytes.Clone(path), at: now}
	ask := &zab.SyncAsk{Session: c.session}
	return c.admit() && c.submit(e, zab.Event{Kind: zab.EvSync, SyncAsk: ask})
}

// encodedString returns the encoded string at the front of body, null included.
func encodedString(body []byte) ([]byte, bool) {
	n, ok := int32At(body, 0)
	if !ok || n < -1 || int(max(n, 0)) > len(body)-4 {
		return nil, false
	}
	return body[:4+max(n, 0)], true
}

// admit waits until another request may be taken from the connection: it has
// room, and the server as a whole has or this one has nothing pending. What
// shortens pending puts a reply into out, and writing that wakes the reader.
func (c *conn) admit() bool {
	limit := int64(c.p.cfg.OutstandingLimit)
	for {
		c.mu.Lock()
		n := c.pending.len()
		free := n == 0 || n < maxPending && (limit <= 0 || c.p.outstanding.Load() < limit)
		c.mu.Unlock()
		if free {
			return true
		}
		c.flush()
		select {
		case <-c.room:
		case <-c.done:
			return false
		}
	}
}

// submit gives e and the event their Seq and hands the event over (C5).
func (c *conn) submit(e entry, ev zab.Event) bool {
	p := c.p
	p.submitMu.Lock()
	defer p.submitMu.Unlock()
	p.seq++
	e.seq = p.seq
	if ev.Request != nil {
		ev.Request.Seq = e.seq
	} else {
		ev.SyncAsk.Seq = e.seq
	}
	if !c.push(e) {
		return false
	}
	p.host.Submit(ev)
	return true
}

// wait puts a request that needs nobody else behind what is pending. When that
// has gone meanwhile, the writer answers it.
func (c *conn) wait(e entry) bool {
	if !c.admit() || !c.push(e) {
		return false
	}
	signal(c.wake)
	return true
}

// push appends to pending unless the connection has ended.
func (c *conn) push(e entry) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ending != endNot {
		return false
	}
	c.pending.push(e)
	c.p.outstanding.Add(1)
	return true
}

// pop takes the head off pending. c.mu is held, and the state (C4).
func (c *conn) pop() {
	c.pending.pop()
	c.p.outstanding.Add(-1)
}

// reply answers at once, past whatever is pending, with zxid 0.
func (c *conn) reply(r request, now time.Duration, code int32, body []byte) bool {
	buf := c.p.buffers.get()
	buf.b = appendReply(buf.b, r.xid, 0, code, body)
	c.commit(buf, 1, 0, r, 0, now)
	return true
}
