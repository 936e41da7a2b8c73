package sim

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/quorumd/quorumd/jute"
	"github.com/quorumd/quorumd/zab"
	"github.com/quorumd/quorumd/znode"
)

const (
	// patience is how long a connect may take.
	patience = time.Second
	// calmPatience is how long an answer may take once all faults have ended
	// (O8).
	calmPatience = 20 * time.Second
)

// client uses the ensemble as an application does: it keeps a session and its
// watches, moves to another server when its own is gone, asks for everything
// there is, several things at a time, and judges what it is told.
type client struct {
	w        *world
	id       int
	conn     *conn
	session  zab.SessionID // 0 for none
	password [16]byte
	timeout  int64    // of its sessions, ms
	seen     zab.Zxid // highest that a reply bore
	held     held     // the watches that it believes to have
	since    time.Duration
	heard    time.Duration
	pinged   bool
	away     time.Duration // it comes back no sooner
	xid      int32
	profile
	leanings

	value    uint64 // of its last write to its own znode
	promised uint64 // the highest value that was answered OK
	made     bool   // its znode was created, for all it was told
	versions map[string]int32
	litter   []string // sequential znodes to be deleted
	answers  int
	retired  bool // moves no more
	dialled  int  // connections that it has opened
	idles    bool // only pings
}

func (c *client) path() string { return fmt.Sprintf("/client-%d", c.id) }

// move is what the client does next; it moves again after a while.
func (c *client) move() {
	w := c.w
	if c.retired {
		return
	}
	if c.timeout == 0 {
		c.drawProfile()
		c.drawIdle()
		c.drawLeanings()
	}
	defer func() { w.after(w.jitter(c.pace), c.move) }()
	switch conn := c.conn; {
	case conn == nil:
		c.connect()
	case c.tired():
	case c.hops():
	case !conn.opened || conn.closing:
	case c.rests():
	case len(conn.calls) < c.depth:
		for range 1 + w.rng.IntN(c.depth-len(conn.calls)) {
			if c.conn == nil || conn.closing {
				return
			}
			c.act()
		}
	case c.pingDue():
		c.ping()
	}
}

// pingDue reports whether nothing was sent for a third of the timeout. What
// comes, events for one, tells no server that the client is there.
func (c *client) pingDue() bool {
	return !c.pinged && c.w.now-c.conn.lastUp > time.Duration(c.timeout)*time.Millisecond/3
}

func (c *client) ping() {
	c.pinged = true
	c.conn.up(message{op: jute.OpPing})
}

// tired gives a connection up on which nothing comes, or that broke.
func (c *client) tired() bool {
	w, conn := c.w, c.conn
	waits, limit := w.now-c.since, patience
	if conn.opened && c.patience > 0 {
		limit = c.patience
	}
	if len(conn.calls) > 0 {
		waits = w.now - conn.calls[0].at
	} else if conn.opened {
		waits = w.now - c.heard - time.Duration(c.timeout)*time.Millisecond*2/3
	}
	switch n := conn.port.node; {
	case n.life != conn.life && waits > limit:
		c.giveUp(true) // that server is no more, and nobody has said so
		return true
	case w.calm && conn.at >= w.healed:
		if waits > calmPatience {
			w.fail("client %d got no answer from server %d for %v", c.id, n.id, waits)
		}
		return false
	case w.calm && conn.owes(w.healed):
		return false // see owed
	case waits > limit:
		c.giveUp(w.chance(0.5))
		return true
	case w.chance(w.knobs.restless):
		w.check.mark("client's connection broken")
		conn.snap()
	}
	return false
}

// owes reports whether a request that was sent before a moment has no answer.
func (c *conn) owes(before time.Duration) bool {
	return c.opened && len(c.calls) > 0 && c.calls[0].at < before
}

// owed names a client that waits, on a connection that stands, for the answer to
// something that it asked for while there were faults: those that came later it
// judges itself.
func (w *world) owed() *client {
	for _, c := range w.clients {
		if conn := c.conn; conn != nil && conn.owes(w.healed) && conn.port.node.life == conn.life {
			return c
		}
	}
	return nil
}

// giveUp leaves a connection, and may not tell the server: its end stays open
// until it has been silent for too long.
func (c *client) giveUp(quietly bool) {
	conn := c.conn
	c.w.say("client %d gives server %d up (quietly %v)", c.id, conn.port.node.id, quietly)
	if quietly {
		c.w.check.mark("connection abandoned")
	} else {
		conn.up(message{bye: true})
	}
	conn.left = true
	c.lost(conn)
	if !c.retired && !c.w.calm && c.w.chance(0.1) {
		c.away = c.w.now + c.w.between(0, 5*time.Second)
	}
}

// connect goes to a server of its list, whatever that is doing.
func (c *client) connect() {
	n := c.w.nodes[c.w.rng.IntN(len(c.w.nodes))]
	if n.up && (c.w.now >= c.away || c.w.calm && c.w.keepAlive == nil) {
		c.dial(n)
	}
}

// dial opens a connection, asks for the session, and takes up the watches.
func (c *client) dial(n *node) *conn {
	w := c.w
	c.dialled++
	conn := &conn{port: &n.port, life: n.life, client: c, at: w.now, ordinal: c.dialled}
	c.conn, c.since, c.heard, c.pinged = conn, w.now, w.now, false
	if c.renegotiates && c.session != 0 && !c.retired {
		c.drawTimeout()
	}
	q := &hello{session: c.session, password: c.password, timeout: c.timeout, seen: c.seen}
	if c.session != 0 && !c.retired && !w.calm && w.chance(0.02) {
		q.password[0]++
		conn.forged = true
	}
	conn.up(message{hello: q})
	if c.session != 0 && !conn.forged && len(c.held) > 0 {
		c.takeUpWatches()
	}
	return conn
}

// lost takes note that a connection is gone: what came of its requests is not
// known.
func (c *client) lost(conn *conn) {
	conn.broken = conn.broken || !conn.ended
	if c.conn != conn {
		return
	}
	c.conn = nil
	if len(conn.calls) > 0 {
		c.w.check.mark("outcome unknown")
	}
}

// take receives what a server sent.
func (c *client) take(conn *conn, r *reply) {
	if conn != c.conn {
		return
	}
	c.heard = c.w.now
	switch {
	case r.hello != nil:
		c.greeted(conn, r.hello)
	case r.event != nil:
		c.w.check.event(conn, r.event)
	case r.xid == xidPing:
		c.pinged = false
	case len(conn.calls) == 0 || conn.calls[0].xid != r.xid:
		c.w.fail("client %d got an answer to request %d out of turn", c.id, r.xid)
	default:
		q := conn.calls[0]
		conn.calls = conn.calls[1:]
		if q.op.IsWrite() {
			c.answers++
		}
		c.w.check.judge(conn, q, r)
		c.learn(q, r)
	}
}

// greeted takes the answer to the connect request.
func (c *client) greeted(conn *conn, h *hello) {
	w := c.w
	switch {
	case conn.forged:
		if h.session != 0 {
			w.fail("client %d got session %s with a wrong password", c.id, h.session)
		}
		w.check.mark("wrong password refused")
		c.lost(conn)
	case h.session == 0:
		w.check.refused(c)
		c.over()
		c.lost(conn)
	case c.session == 0:
		c.session, c.password = h.session, h.password
		w.say("client %d has session %s at server %d", c.id, c.session, conn.port.node.id)
		fallthrough
	default:
		if h.session != c.session || h.password != c.password {
			w.fail("client %d asked for session %s and got %s", c.id, c.session, h.session)
		}
		conn.opened = true
		w.check.mark("session established")
	}
}

// over forgets a session that has ended.
func (c *client) over() {
	c.w.say("client %d: session %s is over", c.id, c.session)
	c.session, c.held = 0, nil
}

// learn draws conclusions for what to do next.
func (c *client) learn(q *call, r *reply) {
	switch {
	case r.code == jute.CodeNotReadOnly:
		return
	case q.op == jute.OpCloseSession:
		c.over()
		return
	case r.code == jute.CodeSessionExpired:
		return // the server will close the connection
	case q.path == c.path() && q.op == jute.OpCreate && (r.code == jute.CodeOK || r.code == jute.CodeNodeExists):
		c.made = true
	case q.path == c.path() && q.op == jute.OpSetData && r.code != jute.CodeOK:
		c.w.fail("client %d: set of %s answered %v", c.id, c.path(), r.code)
	}
	if q.value > 0 && r.code == jute.CodeOK {
		c.promised = max(c.promised, q.value)
	}
	if r.code == jute.CodeOK {
		c.note(q, r)
	}
}

// idle reports whether every request has been answered.
func (c *client) idle() bool { return c.conn != nil && c.conn.opened && len(c.conn.calls) == 0 }

// retire lets the client finish and ask no more.
func (c *client) retire() { c.retired = true }

func (c *client) create() {
	c.value++
	c.ask(&call{op: jute.OpCreate, path: c.path(), value: c.value,
		body: createBody(c.path(), binary.BigEndian.AppendUint64(nil, c.value), 0)})
}

func (c *client) set() {
	c.value++
	req := jute.SetDataRequest{Path: c.path(), Data: binary.BigEndian.AppendUint64(nil, c.value), Version: -1}
	c.ask(&call{op: jute.OpSetData, path: c.path(), value: c.value, body: req.Append(nil)})
}

func valueOf(n *node, path string) (uint64, bool) {
	req := jute.PathWatchRequest{Path: path}
	reply, code := n.state.Read(jute.OpGetData, req.Append(nil), znode.Caller{}, nil)
	if code != jute.CodeOK {
		return 0, false
	}
	r := jute.NewReader(reply)
	data := r.Buffer()
	if r.Err() != nil || len(data) != 8 {
		return 0, false
	}
	return binary.BigEndian.Uint64(data), true
}
