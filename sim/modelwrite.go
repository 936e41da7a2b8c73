package sim

import (
	"fmt"
	"slices"

	"github.com/quorumd/quorumd/jute"
	"github.com/quorumd/quorumd/zab"
)

// evaluation is one record on its way through the model. The order of checks
// is that of spec/client-protocol.md §8.
type evaluation struct {
	m      *model
	z      zab.Zxid
	txn    *zab.Txn
	failed bool // a multi was taken back
}

func (e *evaluation) evaluate() (jute.Code, []byte) {
	m, t := e.m, e.txn
	r := jute.NewReader(t.Body)
	switch t.Op {
	case int32(jute.OpCreateSession):
		if !m.alive(t.Session) {
			m.sessions[t.Session] = int64(r.Int32())
		}
		return jute.CodeOK, nil
	case int32(jute.OpCloseSession), zab.OpExpire:
		e.close()
		return jute.CodeOK, nil
	case zab.OpBootstrap:
		return jute.CodeOK, nil
	case zab.OpConfig:
		n := m.edit("/zookeeper/config")
		n.data, n.mzxid, n.mtime = t.Body, e.z, t.Time
		m.happened(e.z, jute.EventNodeDataChanged, "/zookeeper/config", n.perms)
		return jute.CodeOK, nil
	case zab.OpReap:
		return e.reap(string(t.Body)), nil
	case int32(jute.OpMulti):
		return e.multi(&r)
	}
	return e.single(jute.Op(t.Op), &r)
}

// live reports whether the request's session may write.
func (e *evaluation) live() bool { return e.txn.Session == 0 || e.m.alive(e.txn.Session) }

func (e *evaluation) single(op jute.Op, r *jute.Reader) (jute.Code, []byte) {
	switch op {
	case jute.OpCreate, jute.OpCreate2, jute.OpCreateContainer, jute.OpCreateTTL:
		var q jute.CreateTTLRequest
		q.CreateRequest.Decode(r)
		if op == jute.OpCreateTTL {
			q.TTL = r.Int64()
		}
		return e.create(op, &q)
	case jute.OpDelete:
		var q jute.DeleteRequest
		q.Decode(r)
		return e.delete(&q), nil
	case jute.OpSetData:
		var q jute.SetDataRequest
		q.Decode(r)
		return e.setData(&q)
	case jute.OpSetACL:
		var q jute.SetACLRequest
		q.Decode(r)
		return e.setACL(&q)
	case jute.OpCheck:
		var q jute.CheckVersionRequest
		q.Decode(r)
		_, code := e.find(q.Path, jute.PermRead, q.Version)
		return code, nil
	}
	panic(fmt.Sprintf("the model knows no %s", op))
}

func (e *evaluation) create(op jute.Op, q *jute.CreateTTLRequest) (jute.Code, []byte) {
	if !e.live() {
		return jute.CodeSessionExpired, nil
	}
	dir, _ := parentOf(q.Path)
	parent := e.m.now(dir)
	switch {
	case parent == nil:
		return jute.CodeNoNode, nil
	case parent.perms&jute.PermCreate == 0:
		return jute.CodeNoAuth, nil
	}
	path := q.Path
	if q.Flags.Sequential() {
		path += fmt.Sprintf("%010d", parent.created)
	}
	switch {
	case e.m.now(path) != nil:
		return jute.CodeNodeExists, nil
	case parent.kind == kindEphemeral:
		return jute.CodeNoChildrenForEphemerals, nil
	}
	n := &modelNode{
		data: q.Data, perms: q.ACL[0].Perms, czxid: e.z, mzxid: e.z, pzxid: e.z, ctime: e.txn.Time, mtime: e.txn.Time,
	}
	switch {
	case op == jute.OpCreateContainer:
		n.kind = kindContainer
	case op == jute.OpCreateTTL:
		n.kind, n.owner = kindTTL, q.TTL
	case q.Flags.Ephemeral():
		n.kind, n.owner = kindEphemeral, int64(e.txn.Session)
	}
	e.m.put(path, n)
	p := e.m.edit(dir)
	_, name := parentOf(path)
	at, _ := slices.BinarySearch(p.children, name)
	p.children = slices.Insert(slices.Clone(p.children), at, name)
	p.created++
	p.pzxid = e.z
	e.m.happened(e.z, jute.EventNodeCreated, path, n.perms)
	e.m.happened(e.z, jute.EventNodeChildrenChanged, dir, p.perms)
	reply := jute.AppendString(nil, path)
	if op != jute.OpCreate {
		stat := n.stat()
		reply = stat.Append(reply)
	}
	return jute.CodeOK, reply
}

// find does what setData, setACL and check have in common.
func (e *evaluation) find(path string, want int32, version int32) (*modelNode, jute.Code) {
	if !e.live() {
		return nil, jute.CodeSessionExpired
	}
	n := e.m.now(path)
	switch {
	case n == nil:
		return nil, jute.CodeNoNode
	case n.perms&want == 0:
		return nil, jute.CodeNoAuth
	case version != -1 && want != jute.PermAdmin && version != n.version,
		version != -1 && want == jute.PermAdmin && version != n.aversion:
		return nil, jute.CodeBadVersion
	}
	return n, jute.CodeOK
}

func (e *evaluation) setData(q *jute.SetDataRequest) (jute.Code, []byte) {
	if _, code := e.find(q.Path, jute.PermWrite, q.Version); code != jute.CodeOK {
		return code, nil
	}
	n := e.m.edit(q.Path)
	n.data, n.mzxid, n.mtime = q.Data, e.z, e.txn.Time
	n.version++
	e.m.happened(e.z, jute.EventNodeDataChanged, q.Path, n.perms)
	stat := n.stat()
	return jute.CodeOK, stat.Append(nil)
}

func (e *evaluation) setACL(q *jute.SetACLRequest) (jute.Code, []byte) {
	if _, code := e.find(q.Path, jute.PermAdmin, q.Version); code != jute.CodeOK {
		return code, nil
	}
	n := e.m.edit(q.Path)
	n.perms = q.ACL[0].Perms
	n.aversion++
	stat := n.stat()
	return jute.CodeOK, stat.Append(nil)
}

func (e *evaluation) delete(q *jute.DeleteRequest) jute.Code {
	if !e.live() {
		return jute.CodeSessionExpired
	}
	dir, _ := parentOf(q.Path)
	parent, n := e.m.now(dir), e.m.now(q.Path)
	switch {
	case parent == nil:
		return jute.CodeNoNode
	case parent.perms&jute.PermDelete == 0:
		return jute.CodeNoAuth
	case n == nil:
		return jute.CodeNoNode
	case q.Version != -1 && q.Version != n.version:
		return jute.CodeBadVersion
	case len(n.children) > 0:
		return jute.CodeNotEmpty
	}
	e.prune(q.Path)
	return jute.CodeOK
}

func (e *evaluation) prune(path string) {
	dir, name := parentOf(path)
	e.m.happened(e.z, jute.EventNodeDeleted, path, e.m.now(path).perms)
	e.m.put(path, nil)
	p := e.m.edit(dir)
	p.children = slices.DeleteFunc(slices.Clone(p.children), func(s string) bool { return s == name })
	p.pzxid = e.z
	e.m.happened(e.z, jute.EventNodeChildrenChanged, dir, p.perms)
}

// close ends the session: its ephemerals go with it, in the order of their
// paths (O5).
func (e *evaluation) close() {
	id := e.txn.Session
	for _, path := range e.m.ephemerals(id) {
		e.prune(path)
	}
	if e.m.alive(id) {
		delete(e.m.sessions, id)
		e.m.ended[id] = e.z
	}
}

// ephemerals lists the ephemerals of a session as they are now.
func (m *model) ephemerals(id zab.SessionID) []string {
	var paths []string
	for path, editions := range m.nodes {
		if n := editions[len(editions)-1].node; n != nil && n.kind == kindEphemeral && n.owner == int64(id) {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	return paths
}

// reap deletes a container or TTL node that is due.
func (e *evaluation) reap(path string) jute.Code {
	n := e.m.now(path)
	if n == nil {
		return jute.CodeNoNode
	}
	age := e.txn.Time - n.mtime
	switch {
	case len(n.children) > 0:
		return jute.CodeNotEmpty
	case n.kind == kindContainer && (n.created > 0 || age > 300_000), n.kind == kindTTL && age > n.owner:
		e.prune(path)
		return jute.CodeOK
	}
	return jute.CodeBadVersion
}

// multi does all of its operations or none.
func (e *evaluation) multi(r *jute.Reader) (jute.Code, []byte) {
	var reply []byte
	for i := 0; ; i++ {
		op, more := jute.NextMultiOp(r, jute.Op.AllowedInMulti)
		if !more {
			return jute.CodeOK, jute.MultiEnd.Append(reply)
		}
		code, body := e.single(op, r)
		if code != jute.CodeOK {
			e.failed = true
			return jute.CodeOK, failedMulti(r, i, code)
		}
		made := op
		if op == jute.OpCreateContainer || op == jute.OpCreateTTL {
			made = jute.OpCreate2
		}
		reply = append((&jute.MultiHeader{Type: made}).Append(reply), body...)
	}
}

// failedMulti answers a multi whose operation failed was refused; r is behind
// that operation.
func failedMulti(r *jute.Reader, failed int, code jute.Code) []byte {
	var reply []byte
	for range failed {
		reply = jute.AppendMultiError(reply, jute.CodeOK)
	}
	reply = jute.AppendMultiError(reply, code)
	for {
		op, more := jute.NextMultiOp(r, jute.Op.AllowedInMulti)
		if !more {
			return jute.MultiEnd.Append(reply)
		}
		skipOp(op, r)
		reply = jute.AppendMultiError(reply, jute.CodeRuntimeInconsistency)
	}
}

func skipOp(op jute.Op, r *jute.Reader) {
	switch op {
	case jute.OpCreate, jute.OpCreate2, jute.OpCreateContainer:
		var q jute.CreateRequest
		q.Decode(r)
	case jute.OpCreateTTL:
		var q jute.CreateTTLRequest
		q.Decode(r)
	case jute.OpSetData:
		var q jute.SetDataRequest
		q.Decode(r)
	default: // delete and check look the same
		var q jute.DeleteRequest
		q.Decode(r)
	}
}

// endsSession reports whether a transaction ends its session.
func endsSession(t *zab.Txn) bool {
	return t.Op == int32(jute.OpCloseSession) || t.Op == zab.OpExpire
}
