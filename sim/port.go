package sim

import (
	"encoding/binary"

	"github.com/quorumd/quorumd/jute"
	"github.com/quorumd/quorumd/session"
	"github.com/quorumd/quorumd/zab"
	"github.com/quorumd/quorumd/znode"
)

// port is where clients meet one life of a server.
type port struct {
	node  *node
	ids   *session.IDs
	seq   uint64
	conns []*conn // in the order they came
}

// conn is a client's connection. One request at a time is under way.
type conn struct {
	port    *port
	client  *client
	session zab.SessionID
	seq     uint64 // of the request under way, 0 for none
	what    string
	touched bool
}

// Notify takes a watch event.
func (c *conn) Notify(*znode.Event) {}

// Identities are those of an unauthenticated client.
func (c *conn) Identities() []zab.Identity { return nil }

func (p *port) open(n *node) {
	*p = port{node: n, ids: n.newIDs(), seq: (n.w.rng.Uint64() >> 24) << 24}
	p.touch(n.life)
}

// touch tells the server now and then which clients were heard from.
func (p *port) touch(life int) {
	n := p.node
	if n.life != life {
		return
	}
	var ids []zab.SessionID
	for _, c := range p.conns {
		if c.touched && c.session != 0 {
			ids = append(ids, c.session)
			c.touched = false
		}
	}
	if len(ids) > 0 {
		n.deliver(life, zab.Event{Kind: zab.EvTouched, Sessions: ids})
	}
	n.w.after(tickTime/4, func() { p.touch(life) })
}

// close drops every connection: the server is gone.
func (p *port) close() { p.dropAll() }

func (p *port) dropAll() {
	conns := p.conns
	p.conns = nil
	for _, c := range conns {
		c.client.dropped(c)
	}
}

func (p *port) drop(c *conn) {
	for i := range p.conns {
		if p.conns[i] == c {
			p.conns = append(p.conns[:i], p.conns[i+1:]...)
			break
		}
	}
	if c.session != 0 {
		p.node.deliver(p.node.life, zab.Event{Kind: zab.EvDetach, Session: c.session})
	}
	p.node.state.Detach(c)
	c.client.dropped(c)
}

// connect opens a session, or re-attaches one.
func (p *port) connect(cl *client, id zab.SessionID, timeout int64) *conn {
	c := &conn{port: p, client: cl, touched: true}
	p.seq++
	c.seq = p.seq
	p.conns = append(p.conns, c)
	if id != 0 {
		c.session, c.what = id, "attach"
		p.node.deliver(p.node.life, zab.Event{Kind: zab.EvAttach, Attach: &zab.Attach{
			Seq: c.seq, Session: id, Timeout: timeout,
		}})
		return c
	}
	c.session, c.what = p.ids.Next(), "connect"
	p.node.deliver(p.node.life, zab.Event{Kind: zab.EvRequest, Request: &zab.Request{
		Session: c.session, Seq: c.seq, Op: int32(jute.OpCreateSession),
		Body: binary.BigEndian.AppendUint32(nil, uint32(timeout)),
	}})
	return c
}

// write sends a request that changes something.
func (c *conn) write(op jute.Op, what string, body []byte) {
	c.port.seq++
	c.seq, c.what, c.touched = c.port.seq, what, true
	c.port.node.deliver(c.port.node.life, zab.Event{Kind: zab.EvRequest, Request: &zab.Request{
		Session: c.session, Cxid: int32(c.seq), Seq: c.seq, Op: int32(op), Body: body,
	}})
}

// sync sends a barrier.
func (c *conn) sync() {
	c.port.seq++
	c.seq, c.what, c.touched = c.port.seq, "sync", true
	c.port.node.deliver(c.port.node.life, zab.Event{Kind: zab.EvSync, SyncAsk: &zab.SyncAsk{
		Seq: c.seq, Session: c.session,
	}})
}

func (p *port) find(seq uint64, id zab.SessionID) *conn {
	for _, c := range p.conns {
		if c.seq == seq && c.session == id {
			return c
		}
	}
	return nil
}

// applied answers the client whose request has been applied.
func (p *port) applied(rec *zab.Record, res znode.Result) {
	if rec.Txn.Origin != p.node.id {
		return
	}
	if c := p.find(rec.Txn.Seq, rec.Txn.Session); c != nil {
		c.seq = 0
		c.client.answered(c, rec.Zxid, res.Code)
	}
}

func (p *port) answer(a zab.Answer) {
	c := p.find(a.Seq, a.Session)
	if c == nil {
		return
	}
	switch a.Kind {
	case zab.AnswerAttached, zab.AnswerSync:
		c.seq = 0
		c.client.told(c, a)
	case zab.AnswerMoved, zab.AnswerLost:
		p.node.w.say("server %d closes the connection of %s (%d)", p.node.id, c.session, a.Kind)
		p.drop(c)
	}
}
