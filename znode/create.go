package znode

import (
	"strconv"

	"github.com/cespare/xxhash/v2"

	"github.com/quorumd/quorumd/jute"
)

// createArgs is a create request of any kind. Its fields alias the request.
type createArgs struct {
	path  string
	data  []byte // nil is null
	acl   string // the vector as it came
	flags jute.CreateFlags
	ttl   int64 // ms, of createTTL
}

func readCreate(r *jute.Reader, op jute.Op) (c createArgs, ok bool) {
	c.path, c.data = r.Path(), r.Buffer()
	c.acl = skipACLs(r)
	c.flags = jute.CreateFlags(r.Int32())
	if op == jute.OpCreateTTL {
		c.ttl = r.Int64()
	}
	return c, r.Err() == nil
}

// checkMode refuses what the flags and the time to live do not allow.
func (c *createArgs) checkMode(q *Request, op jute.Op) jute.Code {
	switch {
	case !c.flags.Valid():
		return jute.CodeBadArguments
	case c.flags.TTL() && !q.extendedTypes():
		return jute.CodeUnimplemented
	case c.flags.TTL() != (op == jute.OpCreateTTL):
		return jute.CodeBadArguments
	case c.flags.TTL() && (c.ttl <= 0 || c.ttl > jute.MaxTTL):
		return jute.CodeBadArguments
	}
	return jute.CodeOK
}

// create checks in the order of spec/client-protocol.md §8.
func (t *Tree) create(q *Request, op jute.Op, c *createArgs) jute.Code {
	if code := c.checkMode(q, op); code != jute.CodeOK {
		return code
	}
	if !q.Live || q.Session == 0 && c.flags.Ephemeral() {
		return jute.CodeSessionExpired
	}
	if badForWrite(c.path) {
		return jute.CodeBadArguments
	}
	acl, code := t.admit(c.acl, q.Auth)
	if code != jute.CodeOK {
		return code
	}
	path := c.path
	parent, code := t.checkCreate(q, c, &path)
	if code != jute.CodeOK {
		t.acls.release(acl)
		return code
	}
	id := t.grow(q, op, c, parent, path, acl)
	t.reply = jute.AppendString(t.reply, path)
	if op != jute.OpCreate {
		t.reply = t.appendStat(t.reply, id)
	}
	t.happened(q, jute.EventNodeCreated, path, acl)
	t.happened(q, jute.EventNodeChildrenChanged, parentPath(path), t.node(parent).acl)
	return jute.CodeOK
}

// checkCreate does the checks that look at the tree, and completes the path of
// a sequential node.
func (t *Tree) checkCreate(q *Request, c *createArgs, path *string) (parent nodeID, code jute.Code) {
	dir, _ := splitPath(c.path)
	parent = t.lookup(dir)
	if parent == 0 {
		return 0, jute.CodeNoNode
	}
	p := t.node(parent)
	if !t.allows(p.acl, jute.PermCreate, q.rights()) {
		return 0, jute.CodeNoAuth
	}
	if c.flags.Sequential() {
		*path = c.path + sequence(p.cversion)
	}
	if jute.ValidatePath(*path) != nil || len(*path)-len(dir) > maxName {
		return 0, jute.CodeBadArguments
	}
	if t.lookup(*path) != 0 {
		return 0, jute.CodeNodeExists
	}
	if p.meta&metaEphemeral != 0 {
		return 0, jute.CodeNoChildrenForEphemerals
	}
	return parent, t.overQuota(q, *path, 1, int64(len(c.data)))
}

// sequence writes a counter as sequential names end: ten characters, more for
// the most negative numbers.
func sequence(n int32) string {
	digits := strconv.FormatInt(int64(n), 10)
	sign := ""
	if n < 0 {
		sign, digits = "-", digits[1:]
	}
	const zeros = "0000000000"
	if pad := 10 - len(sign) - len(digits); pad > 0 {
		return sign + zeros[:pad] + digits
	}
	return sign + digits
}

// grow adds the node; everything has been checked.
func (t *Tree) grow(q *Request, op jute.Op, c *createArgs, parent nodeID, path string, acl aclID) nodeID {
	_, name := splitPath(path)
	n := node{
		key:   xxhash.Sum64String(path),
		czxid: q.Zxid, mzxid: q.Zxid, pzxid: q.Zxid, ctime: q.Time, mtime: q.Time,
		acl: acl, meta: metaLive | uint32(len(name)),
	}
	if c.data == nil {
		n.meta |= metaNull
	}
	switch {
	case op == jute.OpCreateContainer:
		n.meta |= metaContainer
	case op == jute.OpCreateTTL:
		n.meta |= metaTTL
		n.owner = c.ttl
	case c.flags.Ephemeral():
		n.meta |= metaEphemeral
		n.owner = int64(q.Session)
	}
	id := t.insert(parent, n, makeBlob(name, view(c.data)))
	p := t.edit(parent)
	p.cversion++
	p.pzxid = q.Zxid
	t.done(parent)
	if name == statsName {
		t.takeStock(id, path)
	}
	t.used(path, 1, int64(len(c.data)))
	return id
}
