package znode

import (
	"slices"
	"strings"
	"testing"

	"github.com/cespare/xxhash/v2"

	"github.com/quorumd/quorumd/jute"
	"github.com/quorumd/quorumd/zab"
)

// rig is a tree with sessions 1 to 9 and a transaction counter.
type rig struct {
	t     testing.TB
	tree  *Tree
	zxid  zab.Zxid
	now   int64
	flags zab.TxnFlags
	who   []zab.Identity
	live  map[zab.SessionID]bool
}

func newRig(t testing.TB) *rig {
	r := &rig{t: t, tree: New(), now: 1_000_000, live: make(map[zab.SessionID]bool)}
	for id := range zab.SessionID(10) {
		r.live[id] = true
	}
	return r
}

type appender interface{ Append(dst []byte) []byte }

// as applies a request of a session and returns the code and the body.
func (r *rig) as(session zab.SessionID, op jute.Op, body []byte) (jute.Code, []byte) {
	r.zxid++
	r.now++
	res := r.tree.Apply(&Request{
		Zxid: r.zxid, Time: r.now, Session: session, Live: r.live[session],
		Flags: r.flags, Auth: r.who, Op: int32(op), Body: slices.Clone(body),
	})
	return res.Code, slices.Clone(res.Body)
}

func (r *rig) do(op jute.Op, req appender) jute.Code {
	code, _ := r.as(1, op, req.Append(nil))
	return code
}

// ok applies a request that must succeed and decodes its reply.
func (r *rig) ok(op jute.Op, req appender, reply decoder) {
	r.t.Helper()
	code, body := r.as(1, op, req.Append(nil))
	if code != jute.CodeOK {
		r.t.Fatalf("%s %+v: %v", op, req, code)
	}
	decode(r.t, body, reply)
}

type decoder interface{ Decode(r *jute.Reader) }

func decode(t testing.TB, body []byte, reply decoder) {
	t.Helper()
	rd := jute.NewReader(body)
	if reply != nil {
		reply.Decode(&rd)
	}
	if rd.Err() != nil || rd.Len() != 0 {
		t.Fatalf("reply %x as %T: %v, %d bytes left", body, reply, rd.Err(), rd.Len())
	}
}

func open() []jute.ACL { return jute.WorldACL(jute.PermAll) }

func createReq(path, data string, flags jute.CreateFlags) *jute.CreateRequest {
	return &jute.CreateRequest{Path: path, Data: []byte(data), ACL: open(), Flags: flags}
}

// create makes a persistent node and returns its Stat.
func (r *rig) create(path, data string) jute.Stat {
	r.t.Helper()
	var c jute.Create2Response
	r.ok(jute.OpCreate2, createReq(path, data, 0), &c)
	return c.Stat
}

func (r *rig) createFlags(session zab.SessionID, path string, flags jute.CreateFlags) {
	r.t.Helper()
	if code, _ := r.as(session, jute.OpCreate, createReq(path, "", flags).Append(nil)); code != 0 {
		r.t.Fatalf("create %s: %v", path, code)
	}
}

func (r *rig) delete(path string) {
	r.t.Helper()
	r.ok(jute.OpDelete, &jute.DeleteRequest{Path: path, Version: -1}, nil)
}

func (r *rig) set(path, data string) jute.Stat {
	r.t.Helper()
	var s jute.StatResponse
	r.ok(jute.OpSetData, &jute.SetDataRequest{Path: path, Data: []byte(data), Version: -1}, &s)
	return s.Stat
}

func (r *rig) caller(w Watcher) *Caller { return &Caller{Watcher: w, Session: 1, Identities: r.who} }

func (r *rig) read(op jute.Op, w Watcher, req appender) ([]byte, jute.Code) {
	return r.tree.Read(op, req.Append(nil), r.caller(w), nil)
}

// stat returns the Stat of a node that is there.
func (r *rig) stat(path string) jute.Stat {
	r.t.Helper()
	body, code := r.tree.Read(jute.OpExists, (&jute.PathWatchRequest{Path: path}).Append(nil), &Caller{SkipACL: true}, nil)
	if code != 0 {
		r.t.Fatalf("exists %s: %v", path, code)
	}
	var s jute.StatResponse
	decode(r.t, body, &s)
	return s.Stat
}

func (r *rig) data(path string) string {
	r.t.Helper()
	id := r.tree.lookup(path)
	if id == 0 {
		r.t.Fatalf("%s is not there", path)
	}
	return strings.Clone(r.tree.data(id))
}

func (r *rig) children(path string) []string {
	r.t.Helper()
	body, code := r.read(jute.OpGetChildren, nil, &jute.PathWatchRequest{Path: path})
	if code != 0 {
		r.t.Fatalf("getChildren %s: %v", path, code)
	}
	var c jute.GetChildrenResponse
	decode(r.t, body, &c)
	slices.Sort(c.Children)
	return c.Children
}

// failer is what checkTree needs of *testing.T and of *rapid.T.
type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

// checkTree checks every invariant of the package against a full walk.
func checkTree(f failer, t *Tree) {
	f.Helper()
	digest, size := t.recount()
	if digest != t.digest || size != t.size {
		f.Fatalf("digest %#x size %d, counted anew %#x %d", t.digest, t.size, digest, size)
	}
	refs := make(map[aclID]int)
	quotas := make(map[string]bool)
	nodes, ephemerals, timed := 0, 0, 0
	for id := rootID; id != 0; id = t.after(id, rootID) {
		nodes++
		n := t.node(id)
		path := t.path(id)
		if !n.live() || n.key != xxhash.Sum64String(path) || t.lookup(path) != id {
			f.Fatalf("%s: node %d %+v, looked up %d", path, id, n, t.lookup(path))
		}
		checkChildren(f, t, id)
		if n.acl != aclOpen {
			refs[n.acl]++
		}
		switch {
		case n.meta&metaEphemeral != 0:
			ephemerals++
			if set := t.ephemerals[zab.SessionID(n.owner)]; set == nil || set.ids[n.pos] != id {
				f.Fatalf("%s is not among the ephemerals of its session", path)
			}
		case n.meta&(metaContainer|metaTTL) != 0:
			timed++
			if t.timed.ids[n.pos] != id {
				f.Fatalf("%s is not among the timed nodes", path)
			}
		}
		if p, ok := quotaSubtree(path + "x"); ok && strings.HasSuffix(path, "/"+limitsName) && strings.HasPrefix(path, quotaPath) {
			quotas[p] = true
		}
	}
	if nodes != t.live || nodes-1 != t.index.count || ephemerals != t.ephemeral || timed != len(t.timed.ids) {
		f.Fatalf("%d nodes of %d, %d indexed, ephemerals %d of %d, timed %d of %d",
			nodes, t.live, t.index.count, ephemerals, t.ephemeral, timed, len(t.timed.ids))
	}
	checkACLs(f, t, refs)
	if len(quotas) != len(t.quotas) {
		f.Fatalf("quotas %v, found %v", t.quotas, quotas)
	}
	for p := range quotas {
		if _, ok := t.quotas[p]; !ok {
			f.Fatalf("quota %s is not known", p)
		}
	}
	if t.undo.open || len(t.undo.changes)+len(t.undo.events)+len(t.undo.dropped) != 0 {
		f.Fatalf("the undo log is not empty")
	}
	owned := 0
	for _, set := range t.ephemerals {
		owned += len(set.ids)
	}
	if owned != ephemerals {
		f.Fatalf("%d ephemerals, %d in sets", ephemerals, owned)
	}
}

func checkChildren(f failer, t *Tree, id nodeID) {
	f.Helper()
	n := t.node(id)
	count, last := int32(0), nodeID(0)
	for c := n.first; c != 0; c = t.node(c).next {
		if t.node(c).parent != id || count > 0 && t.node(c).prev != last {
			f.Fatalf("child %d of %d: %+v, before it %d", c, id, t.node(c), last)
		}
		count++
		last = c
	}
	if count != n.children || count > 0 && t.node(n.first).prev != last {
		f.Fatalf("node %d has %d children, %d in the list", id, n.children, count)
	}
}

func checkACLs(f failer, t *Tree, refs map[aclID]int) {
	f.Helper()
	used := 1
	for id, a := range t.acls.list[1:] {
		id := aclID(id + 1)
		if a == nil {
			continue
		}
		used++
		if a.refs != refs[id] || a.refs == 0 || t.acls.known[a.text] != id {
			f.Fatalf("acl %d has %d references, counted %d", id, a.refs, refs[id])
		}
	}
	if used != len(t.acls.known) || used+len(t.acls.free) != len(t.acls.list) {
		f.Fatalf("%d acls, %d known, %d free, %d in all", used, len(t.acls.known), len(t.acls.free), len(t.acls.list))
	}
}
