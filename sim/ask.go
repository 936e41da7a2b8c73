package sim

import (
	"encoding/binary"
	"time"

	"github.com/quorumd/quorumd/jute"
	"github.com/quorumd/quorumd/zab"
)

// call is a request that a client has sent.
type call struct {
	xid   int32
	op    jute.Op
	path  string
	body  []byte
	watch bool
	flag  int32 // of addWatch and removeWatches
	value uint64
	at    time.Duration
	floor zab.Zxid   // the history's end when it was sent
	set   *takeUp    // of setWatches
	op3   *operation // its place in the history of the linearizability check
}

// Paths that all clients use. What is below /k is persistent and has no
// children; what is below /t is of every kind.
var (
	sharedKeys = []string{"/k/a", "/k/b", "/k/c", "/k/d"}
	treeKeys   = []string{"/t", "/t/a", "/t/a/x", "/t/a/y", "/t/b", "/t/c", "/t/c/x", "/t/e", "/t/e/x", "/t/l"}
	watchRoots = []string{"/", "/t", "/t/a", "/k"}
)

// ask sends a request.
func (c *client) ask(q *call) {
	c.xid++
	q.xid, q.at, q.floor = c.xid, c.w.now, c.w.check.end().Zxid
	c.w.check.lin.sent(c, q)
	c.conn.calls = append(c.conn.calls, q)
	c.conn.up(message{xid: q.xid, op: q.op, body: q.body})
}

// keys and tree are the shared paths that this run uses.
func (c *client) keys() []string {
	if c.w.knobs.narrow {
		return sharedKeys[:1]
	}
	return sharedKeys
}

func (c *client) tree() []string {
	if c.w.knobs.narrow {
		return treeKeys[:3]
	}
	return treeKeys
}

// pick draws one of a list.
func (c *client) pick(list []string) string { return list[c.w.rng.IntN(len(list))] }

func (c *client) anyPath() string {
	switch c.w.rng.IntN(4) {
	case 0:
		return c.pick(c.keys())
	case 1:
		return c.path()
	case 2:
		return c.pick(watchRoots)
	}
	return c.pick(c.tree())
}

// act asks for something.
func (c *client) act() {
	switch k := c.w.rng.IntN(100); {
	case !c.made:
		c.create()
		c.ask(&call{op: jute.OpCreate, path: "/k", body: createBody("/k", nil, 0)})
		c.ask(&call{op: jute.OpCreate, path: "/t", body: createBody("/t", nil, 0)})
	case c.dwells != nil && !c.w.calm && k%2 == 0:
		c.dwells()
	case c.reads && k < 90 && !c.w.calm:
		c.read()
	case k < 15:
		c.set()
	case k < 35:
		c.writeShared()
	case k < 55:
		c.writeTree()
	case k < 62:
		c.multi()
	case k < 82:
		c.read()
	case k < 86:
		c.sync()
	case k < 89:
		c.addWatch()
	case k < 91:
		c.removeWatches()
	case k < 94:
		c.multiRead()
	case c.w.chance(0.05):
		c.ask(&call{op: jute.OpCloseSession})
		c.conn.closing = true
	case c.w.chance(0.05) && !c.w.calm:
		c.giveUp(c.w.chance(0.3))
	default:
		c.read()
	}
}

// version is what a client expects a znode's version to be: mostly what it was
// told last.
func (c *client) version(path string) int32 {
	switch v, known := c.versions[path]; {
	case known && c.w.chance(0.7):
		return v
	case c.w.chance(0.1):
		return 1000
	}
	return -1
}

func (c *client) number() []byte {
	c.value++
	return binary.BigEndian.AppendUint64([]byte{byte(c.id)}, c.value)
}

func createBody(path string, data []byte, flags int32) []byte {
	req := jute.CreateRequest{Path: path, Data: data, ACL: jute.OpenACL, Flags: jute.CreateFlags(flags)}
	return req.Append(nil)
}

func deleteBody(path string, version int32) []byte {
	req := jute.DeleteRequest{Path: path, Version: version}
	return req.Append(nil)
}

// writeShared changes a znode that all clients change, mostly by compare and
// set.
func (c *client) writeShared() {
	path := c.pick(c.keys())
	switch k := c.w.rng.IntN(6); {
	case k < 2:
		op := []jute.Op{jute.OpCreate, jute.OpCreate2}[k]
		c.ask(&call{op: op, path: path, body: createBody(path, c.number(), 0)})
	case k < 5:
		req := jute.SetDataRequest{Path: path, Data: c.number(), Version: c.version(path)}
		c.ask(&call{op: jute.OpSetData, path: path, body: req.Append(nil)})
	default:
		c.ask(&call{op: jute.OpDelete, path: path, body: deleteBody(path, c.version(path))})
	}
}

// writeTree makes, changes and deletes znodes of every kind.
func (c *client) writeTree() {
	rng := c.w.rng
	path := c.pick(c.tree())
	switch rng.IntN(10) {
	case 0:
		c.ask(&call{op: jute.OpCreate, path: path, body: createBody(path, c.number(), 0)})
	case 1, 2:
		op := []jute.Op{jute.OpCreate, jute.OpCreate2}[rng.IntN(2)]
		c.ask(&call{op: op, path: path, body: createBody(path, c.number(), 1)})
	case 3:
		own := c.path() + "-e"
		c.ask(&call{op: jute.OpCreate2, path: own, body: createBody(own, nil, 1)})
	case 4:
		c.ask(&call{op: jute.OpCreate, path: "/t/s-", body: createBody("/t/s-", nil, 2+int32(rng.IntN(2)))})
	case 5:
		c.ask(&call{op: jute.OpCreateContainer, path: path, body: createBody(path, nil, int32(jute.FlagContainer))})
	case 6:
		req := jute.CreateTTLRequest{TTL: int64(100 + rng.IntN(2000))}
		req.CreateRequest = jute.CreateRequest{Path: path, ACL: jute.OpenACL, Flags: jute.FlagPersistentTTL}
		c.ask(&call{op: jute.OpCreateTTL, path: path, body: req.Append(nil)})
	case 7:
		perms := jute.PermAll
		if rng.IntN(3) == 0 {
			perms &^= []int32{jute.PermRead, jute.PermWrite, jute.PermCreate, jute.PermDelete}[rng.IntN(4)]
		}
		req := jute.SetACLRequest{Path: path, ACL: jute.WorldACL(perms), Version: -1}
		c.ask(&call{op: jute.OpSetACL, path: path, body: req.Append(nil)})
	case 8:
		req := jute.SetDataRequest{Path: path, Data: c.number(), Version: c.version(path)}
		c.ask(&call{op: jute.OpSetData, path: path, body: req.Append(nil)})
	default:
		if len(c.litter) > 0 && rng.IntN(2) == 0 {
			path, c.litter = c.litter[0], c.litter[1:]
		}
		c.ask(&call{op: jute.OpDelete, path: path, body: deleteBody(path, -1)})
	}
}

// multi changes several znodes at once, and often fails.
func (c *client) multi() {
	rng := c.w.rng
	keys := c.keys()
	if rng.IntN(2) == 0 {
		keys = c.tree()
	}
	var body []byte
	for range 1 + rng.IntN(3) {
		path := c.pick(keys)
		op := []jute.Op{jute.OpCreate, jute.OpSetData, jute.OpDelete, jute.OpCheck}[rng.IntN(4)]
		body = (&jute.MultiHeader{Type: op, Err: -1}).Append(body)
		switch op {
		case jute.OpCreate:
			body = append(body, createBody(path, c.number(), 0)...)
		case jute.OpSetData:
			req := jute.SetDataRequest{Path: path, Data: c.number(), Version: c.version(path)}
			body = req.Append(body)
		default: // delete and check look the same
			body = append(body, deleteBody(path, c.version(path))...)
		}
	}
	c.ask(&call{op: jute.OpMulti, body: jute.MultiEnd.Append(body)})
}

func (c *client) read() {
	ops := []jute.Op{jute.OpGetData, jute.OpExists, jute.OpGetChildren, jute.OpGetChildren2, jute.OpGetACL}
	q := &call{op: ops[c.w.rng.IntN(len(ops))], path: c.anyPath(), watch: c.w.chance(0.5)}
	if q.op == jute.OpGetACL {
		q.watch = false
		q.body = (&jute.PathRequest{Path: q.path}).Append(nil)
	} else {
		q.body = (&jute.PathWatchRequest{Path: q.path, Watch: q.watch}).Append(nil)
	}
	c.ask(q)
}

func (c *client) multiRead() {
	var body []byte
	for range 1 + c.w.rng.IntN(3) {
		op := []jute.Op{jute.OpGetData, jute.OpGetChildren}[c.w.rng.IntN(2)]
		body = (&jute.MultiHeader{Type: op, Err: -1}).Append(body)
		body = (&jute.PathWatchRequest{Path: c.anyPath()}).Append(body)
	}
	c.ask(&call{op: jute.OpMultiRead, body: jute.MultiEnd.Append(body)})
}

func (c *client) sync() {
	req := jute.NullablePath{Path: "/"}
	c.ask(&call{op: jute.OpSync, path: "/", body: req.Append(nil)})
}

func (c *client) addWatch() {
	mode := jute.AddWatchMode(c.w.rng.IntN(2))
	req := jute.AddWatchRequest{Path: c.anyPath(), Mode: mode}
	c.ask(&call{op: jute.OpAddWatch, path: req.Path, flag: int32(mode), body: req.Append(nil)})
}

func (c *client) removeWatches() {
	op := []jute.Op{jute.OpRemoveWatches, jute.OpCheckWatches}[c.w.rng.IntN(2)]
	req := jute.CheckWatchesRequest{Path: c.anyPath(), Type: jute.WatcherType(1 + c.w.rng.IntN(5))}
	c.ask(&call{op: op, path: req.Path, flag: int32(req.Type), body: req.Append(nil)})
}

// note keeps what an answer tells of versions and names.
func (c *client) note(q *call, r *reply) {
	if c.versions == nil {
		c.versions = map[string]int32{}
	}
	in := jute.NewReader(r.body)
	var stat jute.Stat
	switch q.op {
	case jute.OpSetData, jute.OpExists:
		stat.Decode(&in)
		c.versions[q.path] = stat.Version
	case jute.OpGetData:
		in.Buffer()
		stat.Decode(&in)
		c.versions[q.path] = stat.Version
	case jute.OpCreate:
		if made := in.Path(); made != q.path {
			c.litter = append(c.litter, made)
		}
		c.versions[q.path] = 0
	}
}
