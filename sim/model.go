package sim

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/quorumd/quorumd/jute"
	"github.com/quorumd/quorumd/zab"
)

// model is ZooKeeper's tree as simply as it can be written: what each znode
// was at every point of the history. It evaluates the canonical history once,
// independently of package znode, so every answer that a client gets can be
// compared with what it must be at the zxid that it bears (O3, O4, O5).
type model struct {
	nodes    map[string][]edition // by path, oldest first
	sessions map[zab.SessionID]int64
	ended    map[zab.SessionID]zab.Zxid // when a session was closed or expired
	events   []happening                // in the order of the history
	results  []result                   // of each record

	pending map[string]*modelNode // of the record under way; nil is deleted
	order   []string              // of pending
	fired   []happening           // by the record under way
}

// edition is a znode from a zxid on, nil when it is not there.
type edition struct {
	from zab.Zxid
	node *modelNode
}

type nodeKind uint8

const (
	kindPersistent nodeKind = iota
	kindEphemeral
	kindContainer
	kindTTL
)

// modelNode is never changed once it is in an edition.
type modelNode struct {
	data         []byte
	kind         nodeKind
	owner        int64 // session, or time to live
	perms        int32 // of everybody; other identities are not modelled
	czxid, mzxid zab.Zxid
	pzxid        zab.Zxid
	ctime, mtime int64
	version      int32
	aversion     int32
	created      int32    // children, ever
	children     []string // sorted
}

// happening is something that watches may tell of.
type happening struct {
	zxid  zab.Zxid
	kind  jute.EventType
	path  string
	perms int32 // who may know
}

// result is what a record's request is answered with.
type result struct {
	zxid    zab.Zxid
	session zab.SessionID
	origin  zab.ServerID
	seq     uint64
	op      int32
	cxid    int32
	code    jute.Code
	body    []byte
	failed  bool // a multi that was taken back
}

func newModel() *model {
	m := &model{
		nodes: map[string][]edition{}, sessions: map[zab.SessionID]int64{}, ended: map[zab.SessionID]zab.Zxid{},
		pending: map[string]*modelNode{},
	}
	plant := func(path string, n modelNode) { n.data = []byte{}; m.nodes[path] = []edition{{0, &n}} }
	plant("/", modelNode{perms: jute.PermAll, children: []string{"zookeeper"}})
	plant("/zookeeper", modelNode{perms: jute.PermAll, children: []string{"config", "quota"}})
	plant("/zookeeper/quota", modelNode{perms: jute.PermAll})
	plant("/zookeeper/config", modelNode{perms: jute.PermRead, version: -1, aversion: -1})
	return m
}

// at returns the znode as it was at z.
func (m *model) at(path string, z zab.Zxid) *modelNode {
	editions := m.nodes[path]
	for i := len(editions) - 1; i >= 0; i-- {
		if editions[i].from <= z {
			return editions[i].node
		}
	}
	return nil
}

// now returns the znode as the record under way finds it.
func (m *model) now(path string) *modelNode {
	if n, ok := m.pending[path]; ok {
		return n
	}
	if editions := m.nodes[path]; len(editions) > 0 {
		return editions[len(editions)-1].node
	}
	return nil
}

// edit returns a copy of a znode that is there, to be changed.
func (m *model) edit(path string) *modelNode {
	n := *m.now(path)
	m.put(path, &n)
	return &n
}

func (m *model) put(path string, n *modelNode) {
	if _, ok := m.pending[path]; !ok {
		m.order = append(m.order, path)
	}
	m.pending[path] = n
}

func (m *model) happened(z zab.Zxid, kind jute.EventType, path string, perms int32) {
	m.fired = append(m.fired, happening{z, kind, path, perms})
}

// settle makes what the record did part of the history, or drops it.
func (m *model) settle(z zab.Zxid, keep bool) {
	if keep {
		for _, path := range m.order {
			m.nodes[path] = append(m.nodes[path], edition{z, m.pending[path]})
		}
		m.events = append(m.events, m.fired...)
	}
	clear(m.pending)
	m.order, m.fired = m.order[:0], m.fired[:0]
}

// apply evaluates the next record of the history.
func (m *model) apply(rec *zab.Record) result {
	t := rec.Txn
	res := result{zxid: rec.Zxid, session: t.Session, origin: t.Origin, seq: t.Seq, op: t.Op, cxid: t.Cxid}
	e := &evaluation{m: m, z: rec.Zxid, txn: t}
	res.code, res.body = e.evaluate()
	res.failed = e.failed
	m.settle(rec.Zxid, res.code == jute.CodeOK && !e.failed)
	m.results = append(m.results, res)
	return res
}

// result returns what the record at z came to.
func (m *model) result(z zab.Zxid) *result {
	i, ok := slices.BinarySearchFunc(m.results, z, func(r result, z zab.Zxid) int { return int(min(1, max(-1, r.zxid-z))) })
	if !ok {
		return nil
	}
	return &m.results[i]
}

// eventsAfter returns the place of the first event after z.
func (m *model) eventsAfter(z zab.Zxid) int {
	i, _ := slices.BinarySearchFunc(m.events, z+1, func(h happening, z zab.Zxid) int { return int(min(1, max(-1, h.zxid-z))) })
	for i > 0 && m.events[i-1].zxid > z {
		i--
	}
	return i
}

// alive reports whether a session's creation is in the history and its end is
// not.
func (m *model) alive(id zab.SessionID) bool {
	_, ok := m.sessions[id]
	return ok
}

// stat is what clients see of a znode.
func (n *modelNode) stat() jute.Stat {
	s := jute.Stat{
		Czxid: int64(n.czxid), Mzxid: int64(n.mzxid), Pzxid: int64(n.pzxid), Ctime: n.ctime, Mtime: n.mtime,
		Version: n.version, Aversion: n.aversion, DataLength: int32(len(n.data)), NumChildren: int32(len(n.children)),
		Cversion: 2*n.created - int32(len(n.children)),
	}
	if n.kind == kindEphemeral {
		s.EphemeralOwner = n.owner
	}
	return s
}

// parentOf cuts a path at its last slash.
func parentOf(path string) (parent, name string) {
	i := strings.LastIndexByte(path, '/')
	if i == 0 {
		return "/", path[1:]
	}
	return path[:i], path[i+1:]
}

// read answers a read as it must be answered at z.
func (m *model) read(op jute.Op, body []byte, z zab.Zxid) ([]byte, jute.Code) {
	r := jute.NewReader(body)
	if op == jute.OpMultiRead {
		return m.multiRead(&r, z)
	}
	path := r.Path()
	n := m.at(path, z)
	want := jute.PermRead
	if op == jute.OpGetACL {
		want |= jute.PermAdmin
	}
	switch {
	case n == nil:
		return nil, jute.CodeNoNode
	case n.perms&want == 0:
		return nil, jute.CodeNoAuth
	}
	stat := n.stat()
	switch op {
	case jute.OpGetData:
		return stat.Append(jute.AppendBuffer(nil, n.data)), jute.CodeOK
	case jute.OpExists:
		return stat.Append(nil), jute.CodeOK
	case jute.OpGetChildren:
		return appendNames(nil, n.children), jute.CodeOK
	case jute.OpGetChildren2:
		return stat.Append(appendNames(nil, n.children)), jute.CodeOK
	case jute.OpGetACL:
		return stat.Append(jute.AppendACLs(nil, jute.WorldACL(n.perms))), jute.CodeOK
	}
	panic(fmt.Sprintf("the model knows no %s", op))
}

func (m *model) multiRead(r *jute.Reader, z zab.Zxid) ([]byte, jute.Code) {
	var reply []byte
	for {
		op, more := jute.NextMultiOp(r, jute.Op.AllowedInMultiRead)
		if !more {
			return jute.MultiEnd.Append(reply), jute.CodeOK
		}
		n := m.at(r.Path(), z)
		r.Bool()
		switch {
		case n == nil:
			reply = jute.AppendMultiError(reply, jute.CodeNoNode)
		case n.perms&jute.PermRead == 0:
			reply = jute.AppendMultiError(reply, jute.CodeNoAuth)
		case op == jute.OpGetData:
			stat := n.stat()
			reply = stat.Append(jute.AppendBuffer((&jute.MultiHeader{Type: op}).Append(reply), n.data))
		default:
			reply = appendNames((&jute.MultiHeader{Type: op}).Append(reply), n.children)
		}
	}
}

// sameReply compares a read's reply with the model's; names of children come
// in no order.
func sameReply(op jute.Op, got, want []byte) bool {
	if bytes.Equal(got, want) {
		return true
	}
	switch op {
	case jute.OpGetChildren, jute.OpGetChildren2:
		return bytes.Equal(sortedNames(got), want)
	case jute.OpMultiRead:
		return bytes.Equal(sortedMulti(got), want)
	}
	return false
}

func sortedNames(reply []byte) []byte {
	r := jute.NewReader(reply)
	names := slices.Clone(r.Strings())
	slices.Sort(names)
	if r.Err() != nil {
		return nil
	}
	return append(appendNames(nil, names), reply[len(reply)-r.Len():]...)
}

func sortedMulti(reply []byte) []byte {
	r := jute.NewReader(reply)
	var out []byte
	for {
		var h jute.MultiHeader
		h.Decode(&r)
		out = h.Append(out)
		switch {
		case r.Err() != nil || h.Done:
			return out
		case h.Type == jute.OpGetData:
			var d jute.GetDataResponse
			d.Decode(&r)
			out = d.Append(out)
		case h.Type == jute.OpGetChildren:
			names := slices.Clone(r.Strings())
			slices.Sort(names)
			out = appendNames(out, names)
		default:
			out = jute.AppendInt32(out, r.Int32())
		}
	}
}

// appendNames appends a vector of names that is never null.
func appendNames(dst []byte, names []string) []byte {
	dst = jute.AppendInt32(dst, int32(len(names)))
	for _, name := range names {
		dst = jute.AppendString(dst, name)
	}
	return dst
}
