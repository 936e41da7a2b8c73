package sim

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/quorumd/quorumd/jute"
	"github.com/quorumd/quorumd/session"
	"github.com/quorumd/quorumd/zab"
	"github.com/quorumd/quorumd/znode"
)

// port is where clients meet one life of a server. It keeps the rules of
// package clientport: requests of a session are answered in their order (C1),
// replies and events gather in the order in which they arise (C2), a write
// finds everything before it answered from the state before it (C3).
type port struct {
	node  *node
	life  int
	ids   *session.IDs
	seq   uint64
	gated bool // requests wait while the server does not serve
	// serving is what the clients see of it: it changes in the order of the
	// records, so what is applied then is what the server served from.
	serving bool
	told    bool          // as of the server's last step
	since   time.Duration // that serving is as it is
	conns   []*conn       // in the order they came
}

// graceOfPorts is how long connections are kept while the server does not
// serve, when requests wait for that.
const graceOfPorts = 3 * time.Second

func (p *port) open(n *node) {
	life := n.life
	*p = port{node: n, life: n.life, ids: n.newIDs(), seq: uint64(n.life) << 24, gated: n.w.chance(0.5)}
	n.w.after(tickTime/4, func() { p.chores(life) })
}

// chores tells the server now and then which clients were heard from, ends
// silent connections, and has what is due for deletion deleted.
func (p *port) chores(life int) {
	n := p.node
	if n.life != life {
		return
	}
	if !n.paused {
		p.look()
		p.touch()
		p.sweep()
		p.reap()
	}
	n.w.after(tickTime/4, func() { p.chores(life) })
}

// gate is put behind the records and answers of a step when the server begins
// or ceases to serve.
func (p *port) gate(serving bool) {
	if p.told != serving {
		p.told = serving
		p.node.applies = append(p.node.applies, applyItem{gate: &serving})
	}
}

// turn opens or shuts the gate.
func (p *port) turn(serving bool) { p.serving, p.since = serving, p.node.w.now }

// look lets requests that waited for the server to serve go on.
func (p *port) look() {
	now := p.node.w.now
	for _, c := range slices.Clone(p.conns) {
		switch {
		case p.serving:
			c.takeEarly()
		case p.gated && now-p.since > graceOfPorts:
			c.end()
		}
	}
}

func (p *port) touch() {
	var ids []zab.SessionID
	for _, c := range p.conns {
		if c.touched && c.session != 0 {
			ids = append(ids, c.session)
			c.touched = false
		}
	}
	if len(ids) > 0 {
		p.node.deliver(p.life, zab.Event{Kind: zab.EvTouched, Sessions: ids})
	}
}

// sweep ends connections that nothing was heard from for the session timeout:
// the half-open ones. Their sessions live on until the leader expires them.
func (p *port) sweep() {
	for _, c := range slices.Clone(p.conns) {
		if c.phase == phaseEstablished && p.node.w.now-c.heard > time.Duration(c.timeout)*time.Millisecond {
			p.node.w.check.mark("half-open connection swept")
			c.end()
		}
	}
}

// reap tells a leader which containers and TTL nodes are due.
func (p *port) reap() {
	n := p.node
	s := n.replica.Status()
	if s.State != zab.Leading || !s.Serving || !n.w.chance(0.1) {
		return
	}
	if paths := n.state.Reapable(n.wallClock(), 8); len(paths) > 0 {
		n.deliver(p.life, zab.Event{Kind: zab.EvReap, Paths: paths})
	}
}

// close breaks every connection: the server is gone.
func (p *port) close() {
	conns := p.conns
	p.conns = nil
	for _, c := range conns {
		c.ended = true
		c.snap()
	}
}

// dropAll ends every connection after what was answered has left.
func (p *port) dropAll() {
	for _, c := range slices.Clone(p.conns) {
		c.end()
	}
}

// connect asks for a session, or to have one back, without the ways of a
// client: for scripts.
func (p *port) connect(cl *client, id zab.SessionID, timeout int64) *conn {
	cl.timeout, cl.session = timeout, id
	return cl.dial(p.node)
}

// of returns the connection of a session: the newest that claimed it (C6).
func (p *port) of(id zab.SessionID) *conn {
	for _, c := range p.conns {
		if c.session == id && id != 0 {
			return c
		}
	}
	return nil
}

// handshake brings a connection to a session, or ends it.
func (c *conn) handshake(q *hello) {
	p := c.port
	n := p.node
	p.conns = append(p.conns, c)
	c.timeout, c.asked = q.timeout, n.w.now
	switch {
	case !p.serving && p.told && c.client.retired:
		p.drop(c) // a script's, which waited for the replica alone
		n.later(stageReceive, time.Millisecond, func() { c.handshake(q) })
	case !p.serving:
		n.w.check.mark("client refused: not serving")
		c.end()
	case q.seen > n.state.Applied().Zxid:
		n.w.check.mark("client ahead")
		c.end()
	case q.session == 0:
		c.session, c.phase = p.newID(), phaseConnecting
		p.seq++
		c.attach = p.seq
		n.deliver(p.life, zab.Event{Kind: zab.EvRequest, Request: &zab.Request{
			Session: c.session, Seq: c.attach, Op: int32(jute.OpCreateSession),
			Body: binary.BigEndian.AppendUint32(nil, uint32(q.timeout)),
		}})
	case !n.state.CheckPassword(q.session, q.password[:]):
		c.refuse()
	default:
		if before := p.of(q.session); before != nil {
			n.w.check.mark("session back on the same server")
			before.end()
		}
		c.session, c.phase = q.session, phaseConnecting
		p.seq++
		c.attach = p.seq
		n.deliver(p.life, zab.Event{Kind: zab.EvAttach, Attach: &zab.Attach{
			Seq: c.attach, Session: q.session, Timeout: q.timeout,
		}})
	}
}

// drop forgets a connection.
func (p *port) drop(c *conn) {
	p.conns = slices.DeleteFunc(p.conns, func(other *conn) bool { return other == c })
}

// newID makes the id of a session that does not live yet: a clock that was set
// back makes old ones again.
func (p *port) newID() zab.SessionID {
	for {
		id := p.ids.Next()
		if _, lives := p.node.state.SessionTimeout(id); !lives {
			return id
		}
	}
}

// refuse tells the client that its session does not live.
func (c *conn) refuse() {
	c.out = append(c.out, reply{hello: &hello{}})
	c.end()
}

func (c *conn) establish() {
	n := c.port.node
	c.since, c.sure = n.w.now, n.replica.Status().Epoch == n.w.check.leader.epoch
	n.w.bait(n, baitAttached, 0)
	c.phase = phaseEstablished
	c.out = append(c.out, reply{hello: &hello{
		session: c.session, password: c.port.node.state.Password(c.session), timeout: c.timeout,
	}})
	c.wake()
	c.takeEarly()
}

// before answers what waits before the record's request from the state as it
// still is (C3).
func (p *port) before(rec *zab.Record) {
	c := p.of(rec.Txn.Session)
	if c == nil || rec.Txn.Origin != p.node.id {
		return
	}
	for i := c.find(rec.Txn.Seq); i > 0; i-- {
		switch head := &c.pending[0]; head.kind {
		case waitsForSync:
			head.kind = waitsForTurn // everything the sync waits for is applied by now
		case waitsForRecord:
			c.end() // requests are applied in the order of Seq: this one never will be
			return
		}
		c.answerHead()
	}
}

// applied answers the client whose request has been applied.
func (p *port) applied(rec *zab.Record, res znode.Result) {
	t := rec.Txn
	if c := p.of(t.Session); c != nil && t.Origin == p.node.id {
		switch {
		case jute.Op(t.Op) == jute.OpCreateSession:
			if c.phase == phaseConnecting && c.attach == t.Seq {
				c.establish()
			}
		case len(c.pending) > 0 && c.pending[0].kind == waitsForRecord && c.pending[0].seq == t.Seq:
			xid := c.pending[0].m.xid
			c.pending = c.pending[1:]
			c.out = append(c.out, reply{xid: xid, zxid: rec.Zxid, code: res.Code, body: slices.Clone(res.Body)})
			c.wake()
		}
	}
	if jute.Op(t.Op) == jute.OpCloseSession || t.Op == zab.OpExpire {
		if c := p.of(t.Session); c != nil {
			c.end()
		}
	}
}

// answer takes what the server answers without a record.
func (p *port) answer(a zab.Answer) {
	c := p.of(a.Session)
	if c == nil {
		return
	}
	if c.attach == a.Seq {
		switch {
		case c.phase == phaseEstablished:
			p.node.w.say("server %d closes the connection of %s: its attach is refused (%d)", p.node.id, c.session, a.Kind)
			p.node.w.check.mark("repeated attach refused")
			p.node.w.check.attachRefused(c, a.Kind == zab.AnswerAttached)
			c.end()
		case a.Kind != zab.AnswerAttached:
			c.end()
		case a.OK:
			c.establish()
		default:
			c.refuse()
		}
		return
	}
	i := c.find(a.Seq)
	if i < 0 {
		return // of an earlier connection
	}
	switch a.Kind {
	case zab.AnswerSync:
		c.pending[i].kind = waitsForTurn
		c.wake()
	case zab.AnswerNoSpace:
		c.pending[i].kind, c.pending[i].no = waitsForTurn, true
		c.wake()
	case zab.AnswerMoved, zab.AnswerLost:
		p.node.w.say("server %d closes the connection of %s (%d)", p.node.id, c.session, a.Kind)
		p.node.w.check.mark("connection closed: moved or lost")
		if a.Kind == zab.AnswerMoved {
			p.node.w.check.movedAway(c)
		}
		c.end()
	}
}
