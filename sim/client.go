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
	// sessionTimeout is what clients ask for, in ms.
	sessionTimeout = 2000
	// patience is how long a client waits for an answer before it tries
	// another server.
	patience = time.Second
)

// client uses the ensemble as an application does: it keeps a session, moves
// to another server when its own is gone, writes to a znode of its own and
// reads back what it was told it had written.
type client struct {
	w       *world
	id      int
	conn    *conn
	session zab.SessionID
	seen    zab.Zxid // highest it was shown
	since   time.Duration

	value    uint64 // of its last write
	promised uint64 // the highest value that was answered OK
	made     bool   // its znode was created, for all it was told
	answers  int
	retired  bool // moves no more
}

func (c *client) path() string { return fmt.Sprintf("/client-%d", c.id) }

// move is what the client does next; it moves again after a while.
func (c *client) move() {
	w := c.w
	if c.retired {
		return
	}
	defer func() { w.after(w.jitter(20*time.Millisecond), c.move) }()
	if c.conn == nil {
		c.connect()
		return
	}
	n := c.conn.port.node
	if c.conn.seq != 0 {
		if w.now-c.since > patience {
			w.say("client %d gives %s up at server %d", c.id, c.conn.what, n.id)
			c.conn.port.drop(c.conn)
		}
		return
	}
	c.conn.touched = true
	c.since = w.now
	switch k := w.rng.IntN(20); {
	case !c.made:
		c.create()
	case k < 10:
		c.set()
	case k < 12:
		c.conn.write(jute.OpCreate, "ephemeral", createBody(c.path()+"-e", nil, 1))
	case k < 13:
		c.conn.write(jute.OpDelete, "delete", deleteBody(c.path()+"-e"))
	case k < 14:
		c.conn.write(jute.OpCreate, "sequential", createBody("/s-", nil, 2))
	case k < 16:
		c.conn.sync()
	case k < 19:
		c.read(n)
	case w.chance(0.2):
		c.conn.write(jute.OpCloseSession, "close", nil)
	case w.chance(0.3):
		c.conn.port.drop(c.conn)
	}
}

// connect goes to a server that serves and is not behind the client.
func (c *client) connect() {
	n := c.w.nodes[c.w.rng.IntN(len(c.w.nodes))]
	if !n.up || n.paused || !n.replica.Status().Serving || n.state.Applied().Zxid < c.seen {
		return
	}
	c.since = c.w.now
	c.conn = n.port.connect(c, c.session, sessionTimeout)
}

func createBody(path string, data []byte, flags int32) []byte {
	req := jute.CreateRequest{Path: path, Data: data, ACL: jute.OpenACL, Flags: jute.CreateFlags(flags)}
	return req.Append(nil)
}

func deleteBody(path string) []byte {
	req := jute.DeleteRequest{Path: path, Version: -1}
	return req.Append(nil)
}

func (c *client) create() {
	c.value++
	c.conn.write(jute.OpCreate, "create", createBody(c.path(), binary.BigEndian.AppendUint64(nil, c.value), 0))
}

func (c *client) set() {
	c.value++
	req := jute.SetDataRequest{Path: c.path(), Data: binary.BigEndian.AppendUint64(nil, c.value), Version: -1}
	c.conn.write(jute.OpSetData, "set", req.Append(nil))
}

// read looks at the client's own znode on its server: what it was told it had
// written must be there.
func (c *client) read(n *node) {
	if c.conn.seq != 0 {
		return
	}
	c.shown(n.state.Applied().Zxid)
	if v, ok := valueOf(n, c.path()); c.promised > 0 && (!ok || v < c.promised) {
		c.w.fail("client %d reads %d (there: %v) at server %d, was told %d", c.id, v, ok, n.id, c.promised)
	}
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

// shown checks that the client never sees an older state than before.
func (c *client) shown(z zab.Zxid) {
	if z < c.seen {
		c.w.fail("client %d is shown %s after %s", c.id, z, c.seen)
	}
	c.seen = max(c.seen, z)
}

// answered takes the result of a write.
func (c *client) answered(conn *conn, z zab.Zxid, code jute.Code) {
	if conn != c.conn {
		return
	}
	c.shown(z)
	c.answers++
	c.w.check.acked(z)
	switch {
	case conn.what == "connect" && code == jute.CodeOK:
		c.session = conn.session
		c.w.say("client %d has session %s at server %d", c.id, c.session, conn.port.node.id)
	case conn.what == "close":
		c.session = 0
		conn.port.drop(conn)
	case code == jute.CodeSessionExpired:
		c.expired(conn)
	case conn.what == "create" && (code == jute.CodeOK || code == jute.CodeNodeExists):
		c.made = true
		if code == jute.CodeOK {
			c.promised = c.value
		}
	case conn.what == "set" && code == jute.CodeOK:
		c.promised = c.value
	case conn.what == "set":
		c.w.fail("client %d: set of %s answered %v", c.id, c.path(), code)
	}
}

func (c *client) expired(conn *conn) {
	c.w.say("client %d: session %s has expired", c.id, c.session)
	c.session = 0
	conn.port.drop(conn)
}

// told takes an answer that is no record.
func (c *client) told(conn *conn, a zab.Answer) {
	if conn != c.conn {
		return
	}
	c.shown(conn.port.node.state.Applied().Zxid)
	if a.Kind == zab.AnswerAttached && !a.OK {
		c.expired(conn)
	}
}

// dropped takes note that a connection is gone.
func (c *client) dropped(conn *conn) {
	if c.conn == conn {
		c.conn = nil
	}
}
