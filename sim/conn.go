package sim

import (
	"slices"
	"time"

	"github.com/quorumd/quorumd/jute"
	"github.com/quorumd/quorumd/zab"
	"github.com/quorumd/quorumd/znode"
)

type connPhase uint8

const (
	phaseFresh connPhase = iota
	phaseConnecting
	phaseEstablished
)

// conn is one connection of a client: the way there and back, which may break
// at any moment with something on it, and the server's end. What the client
// makes of it is in client.go.
type conn struct {
	port     *port
	life     int // of the server that it leads to
	client   *client
	at       time.Duration // when it was opened
	ordinal  int           // among its client's, from 1
	lastUp   time.Duration // when the last message arrives at the server
	lastDown time.Duration // ... and at the client
	broken   bool          // nothing arrives any more, at either end
	left     bool          // the client listens no more, and may not have said so

	// The server's end.
	session zab.SessionID
	timeout int64
	phase   connPhase
	attach  uint64    // Seq of createSession or attach
	early   []message // came before they could be taken
	pending []entry
	out     []reply // in the order in which they arose (C2)
	ended   bool
	closed  bool // the client has been told of the end
	waking  bool // the writer is about to run
	heard   time.Duration
	touched bool
	asked   time.Duration // when it asked for its session
	since   time.Duration // that the session is established here
	sure    bool          // by the newest leader of all

	// The client's end.
	calls   []*call // requests without an answer, in order
	view    watchView
	opened  bool // the session is there
	forged  bool // the password was a wrong one
	closing bool // the session's end was asked for: nothing may follow
}

// message goes from a client to its server.
type message struct {
	xid   int32
	op    jute.Op
	body  []byte
	hello *hello
	bye   bool // the client has closed the connection
}

// hello is a connect request or its answer.
type hello struct {
	session  zab.SessionID
	password [16]byte
	timeout  int64
	seen     zab.Zxid
}

// reply goes from a server to its client.
type reply struct {
	xid   int32
	zxid  zab.Zxid
	code  jute.Code
	body  []byte
	event *znode.Event
	hello *hello
}

// xidPing marks pings and their answers.
const xidPing = -2

// clientDelay is how long a message is on its way between client and server.
const clientDelay = 500 * time.Microsecond

// waiting says what an entry of pending waits for.
type waiting uint8

const (
	waitsForTurn   waiting = iota // a read, or a sync whose barrier is passed
	waitsForRecord                // a write
	waitsForSync
)

// entry is a request that could not be answered when it came.
type entry struct {
	kind waiting
	no   bool // it is refused for want of space
	seq  uint64
	m    message
}

// up sends a message to the server.
func (c *conn) up(m message) {
	n := c.port.node
	w := n.w
	c.lastUp = max(c.lastUp, w.now+w.jitter(clientDelay))
	w.after(c.lastUp-w.now, func() {
		if n.life == c.life && !c.broken {
			n.dueIn(c, stageReceive, func() { c.arrive(m) })
		}
	})
}

// down sends a reply to the client.
func (c *conn) down(r reply) {
	w := c.port.node.w
	c.lastDown = max(c.lastDown, w.now+w.jitter(clientDelay))
	w.after(c.lastDown-w.now, func() {
		if !c.broken && !c.left {
			c.client.take(c, &r)
		}
	})
}

// snap breaks the connection; what is on the way may still arrive.
func (c *conn) snap() {
	w := c.port.node.w
	if w.chance(0.5) {
		c.broken = true
		w.check.mark("connection broken with answers on the way")
	}
	w.after(max(c.lastDown-w.now, w.jitter(clientDelay)), func() { c.client.lost(c) })
}

// arrive takes a message at the server.
func (c *conn) arrive(m message) {
	if c.ended || c.broken {
		return
	}
	c.heard, c.touched = c.port.node.w.now, true
	c.port.node.w.check.heardClient(c.port.node, c.session)
	switch {
	case m.bye:
		c.end()
	case m.hello != nil:
		c.handshake(m.hello)
	case len(c.early) > 0 || !c.takes():
		c.early = append(c.early, m)
	default:
		c.one(m)
	}
}

// takes reports whether requests are taken now.
func (c *conn) takes() bool {
	return c.phase == phaseEstablished && (!c.port.gated || c.port.serving)
}

func (c *conn) takeEarly() {
	for len(c.early) > 0 && !c.ended && c.takes() {
		m := c.early[0]
		c.early = c.early[1:]
		c.one(m)
	}
}

// one takes a request.
func (c *conn) one(m message) {
	p := c.port
	n := p.node
	switch {
	case m.op == jute.OpPing:
		c.out = append(c.out, reply{xid: xidPing})
		c.wake()
	case m.op.IsRead() && len(c.pending) == 0:
		c.read(&m)
		c.wake()
	case m.op.IsRead():
		n.w.check.mark("read behind a write")
		c.pending = append(c.pending, entry{m: m})
	case m.op == jute.OpSync:
		p.seq++
		c.pending = append(c.pending, entry{kind: waitsForSync, seq: p.seq, m: m})
		n.deliver(p.life, zab.Event{Kind: zab.EvSync, SyncAsk: &zab.SyncAsk{Seq: p.seq, Session: c.session}})
	default:
		p.seq++
		c.pending = append(c.pending, entry{kind: waitsForRecord, seq: p.seq, m: m})
		n.w.check.asks(c, p.seq)
		n.deliver(p.life, zab.Event{Kind: zab.EvRequest, Request: &zab.Request{
			Session: c.session, Cxid: m.xid, Seq: p.seq, Op: int32(m.op), Body: m.body,
		}})
	}
}

// read answers a read from the state as it is.
func (c *conn) read(m *message) {
	st := c.port.node.state
	z := st.Applied().Zxid
	body, code := st.Read(m.op, m.body, znode.Caller{Watcher: c, Session: c.session}, nil)
	c.out = append(c.out, reply{xid: m.xid, zxid: z, code: code, body: body})
}

// answerHead answers the head of pending when its turn has come.
func (c *conn) answerHead() bool {
	if c.ended || len(c.pending) == 0 || c.pending[0].kind != waitsForTurn {
		return false
	}
	e := c.pending[0]
	c.pending = c.pending[1:]
	if e.no {
		c.out = append(c.out, reply{xid: e.m.xid, zxid: c.port.node.state.Applied().Zxid, code: jute.CodeNotReadOnly})
		if e.m.op == jute.OpCloseSession {
			c.end()
		}
	} else if e.m.op == jute.OpSync {
		c.out = append(c.out, reply{xid: e.m.xid, zxid: c.port.node.state.Applied().Zxid, body: e.m.body})
	} else {
		c.read(&e.m)
	}
	return true
}

// wake lets the writer run soon: it answers what came to the head, then sends
// what has gathered.
func (c *conn) wake() {
	if c.waking {
		return
	}
	c.waking = true
	n := c.port.node
	n.later(stageReply, n.w.jitter(20*time.Microsecond), func() {
		c.waking = false
		for c.answerHead() {
		}
		out := c.out
		c.out = nil
		for _, r := range out {
			c.down(r)
		}
		if c.ended && !c.closed {
			c.closed = true
			n.w.after(max(c.lastDown-n.w.now, 0)+n.w.jitter(clientDelay), func() { c.client.lost(c) })
		}
	})
}

// end closes the connection at the server once what was answered has left.
func (c *conn) end() {
	if c.ended {
		return
	}
	p := c.port
	c.ended, c.pending, c.early = true, nil, nil
	p.drop(c)
	p.node.state.Detach(c)
	if c.session != 0 {
		p.node.deliver(p.life, zab.Event{Kind: zab.EvDetach, Session: c.session})
	}
	c.wake()
}

// find returns the place of a write or sync in pending, -1 when it does not
// wait.
func (c *conn) find(seq uint64) int {
	return slices.IndexFunc(c.pending, func(e entry) bool { return e.kind != waitsForTurn && e.seq == seq })
}

// Notify takes a watch event: it gathers where the replies do (C2).
func (c *conn) Notify(ev *znode.Event) {
	if !c.ended {
		c.out = append(c.out, reply{zxid: ev.Zxid, event: ev})
		c.wake()
	}
}

// Identities are those of an unauthenticated client.
func (c *conn) Identities() []zab.Identity { return nil }
