package clientport

import (
	"encoding/binary"
	"time"

	"github.com/quorumd/quorumd/jute"
	"github.com/quorumd/quorumd/replica"
	"github.com/quorumd/quorumd/zab"
)

// fill reads until a whole frame is there. It reports false when the
// connection has ended, was closed by the client or sent a bad length.
func (c *conn) fill() bool {
	for {
		_, found := c.in.peek(c.p.cfg.MaxBuffer)
		if found == frameOK {
			return true
		}
		if found == frameBad {
			c.end(endFlush, whyFrame)
			return false
		}
		if !c.readSome() {
			return false
		}
	}
}

// readSome waits for the client to send something.
func (c *conn) readSome() bool {
	space := c.in.space()
	c.reading.Store(true)
	n, err := c.nc.Read(space)
	c.reading.Store(false)
	if n > 0 {
		c.in.read(n)
		c.heard(c.p.now())
	}
	return err == nil && !c.ended()
}

// batch takes every request that is in the buffer, then writes the answers
// that could be given at once. It reports false when the connection is to go.
func (c *conn) batch() bool {
	now := c.p.now()
	for {
		if !c.p.gate.serving.Load() && !c.waitGate() {
			return false
		}
		if !c.run(now) {
			return false
		}
		frame, found := c.in.peek(c.p.cfg.MaxBuffer)
		if found == frameBad || found == frameOK && len(frame) < requestHeader {
			c.end(endFlush, whyFrame)
			return false
		}
		if found == frameNone {
			break
		}
		if !c.one(now, frame) {
			return false
		}
		c.in.take(frame)
	}
	c.flush()
	return !c.ended()
}

// waitGate waits until the server serves.
func (c *conn) waitGate() bool {
	c.flush()
	select {
	case <-c.p.gate.wait():
		return true
	case <-c.done:
		return false
	}
}

// request is a decoded request header and the record behind it.
type request struct {
	xid  int32
	op   int32
	body []byte
}

func parseRequest(frame []byte) request {
	return request{
		xid:  int32(binary.BigEndian.Uint32(frame)),
		op:   int32(binary.BigEndian.Uint32(frame[4:])),
		body: frame[requestHeader:],
	}
}

// run answers the requests at the front of the buffer that can be answered at
// once, under one read lock of the state after another. Pings always can;
// reads while nothing is pending (C4). It stops at the first other request.
func (c *conn) run(now time.Duration) bool {
	for {
		idle := c.idle()
		if !c.immediate(idle) {
			return true
		}
		buf := c.p.buffers.get()
		c.p.state.RLock()
		done := c.runLocked(c.p.current(), idle, now, buf)
		c.p.state.RUnlock()
		if !c.drain() {
			return false
		}
		if done {
			return true
		}
	}
}

// idle reports whether nothing is pending. Once true it stays so until the
// reader itself appends something.
func (c *conn) idle() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.pending.len() == 0
}

// immediate reports whether the front of the buffer can be answered at once.
func (c *conn) immediate(idle bool) bool {
	frame, found := c.in.peek(c.p.cfg.MaxBuffer)
	if found != frameOK || len(frame) < requestHeader {
		return false
	}
	op := jute.Op(int32(binary.BigEndian.Uint32(frame[4:])))
	return op == jute.OpPing || idle && classify(op) == classRead
}

// runLocked answers up to runRequests requests into buf and commits them to
// out. It reports whether no more can be answered at once.
func (c *conn) runLocked(st *replica.State, idle bool, now time.Duration, buf *buffer) (done bool) {
	var last request
	zxid := st.Applied().Zxid
	n := 0
	for n < runRequests && len(buf.b) < runBytes {
		if !c.immediate(idle) {
			done = true
			break
		}
		frame, _ := c.in.peek(c.p.cfg.MaxBuffer)
		r := parseRequest(frame)
		switch jute.Op(r.op) {
		case jute.OpPing:
			r.xid = jute.XidPing
			buf.b = appendHeader(buf.b, r.xid, zxid, 0)
		case jute.OpSetWatches, jute.OpSetWatches2:
			// Its events go straight to out: what was answered before it first.
			c.commit(buf, n, n, last, zxid, now)
			buf, n = c.p.buffers.get(), 0
			buf.b = c.read(st, zxid, r, buf.b)
		default:
			buf.b = c.read(st, zxid, r, buf.b)
		}
		n, last = n+1, r
		c.in.take(frame)
		if heavy(jute.Op(r.op)) {
			break
		}
	}
	c.commit(buf, n, n, last, zxid, now)
	return done
}

// heavy reports whether one request may take long to answer, and not show it
// in the size of its reply. It is the last that is answered under one lock.
func heavy(op jute.Op) bool { return op == jute.OpMultiRead || op == jute.OpGetAllChildrenNumber }

// read appends the reply to a read. The state is locked.
func (c *conn) read(st *replica.State, zxid zab.Zxid, r request, dst []byte) []byte {
	start := len(dst)
	dst = appendHeader(dst, r.xid, zxid, 0)
	dst, code := st.Read(jute.Op(r.op), r.body, c.caller(), dst)
	return closeReply(dst, start, int32(code))
}

// commit gives n replies, the last of them to the request last, to out; taken
// of their requests have not been counted yet. It takes buf.
func (c *conn) commit(buf *buffer, n, taken int, last request, zxid zab.Zxid, began time.Duration) {
	if n == 0 {
		c.p.buffers.put(buf)
		return
	}
	now := c.p.now()
	c.mu.Lock()
	if c.ending == endNot {
		c.figures.received += int64(taken)
		c.figures.replied(n, last.op, last.xid, zxid, began, now)
		if c.out == nil {
			c.out, buf = buf, nil
			c.bound()
		} else {
			c.append(buf.b)
		}
	}
	c.mu.Unlock()
	if buf != nil {
		c.p.buffers.put(buf)
	}
	c.p.figures.received.Add(int64(taken))
	c.p.figures.replied(n, now-began)
}
