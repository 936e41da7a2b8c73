package znode

import (
	"strings"

	"github.com/quorumd/quorumd/jute"
	"github.com/quorumd/quorumd/zab"
)

// Request is a transaction to be applied. Everything that decides its outcome
// is in it or in the tree.
type Request struct {
	Zxid    zab.Zxid
	Time    int64 // leader's clock, ms since 1970
	Session zab.SessionID
	Live    bool // the session exists, or the ensemble itself asks
	Flags   zab.TxnFlags
	Auth    []zab.Identity
	Op      int32  // as in zab.Txn
	Body    []byte // must not change any more
}

func (q *Request) skipACL() bool       { return q.Flags&zab.FlagSkipACL != 0 }
func (q *Request) extendedTypes() bool { return q.Flags&zab.FlagExtendedTypes != 0 }
func (q *Request) enforceQuota() bool  { return q.Flags&zab.FlagEnforceQuota != 0 }
func (q *Request) rights() rights      { return rights{q.Auth, q.skipACL()} }

// Result is what came of a transaction.
type Result struct {
	Zxid zab.Zxid
	Code jute.Code // err of the reply header; 0 for a multi that failed as one should
	// Body is the reply's record, empty when Code is not 0. Its memory is used
	// again by the next transaction.
	Body []byte
}

// Apply carries out one transaction on the tree. Whatever the bytes in it,
// there is a result; a request that fails changes nothing.
//
// Session transactions are the owner's: of OpCloseSession and OpExpire the
// tree does its part, the deletion of the session's ephemerals.
func (t *Tree) Apply(q *Request) Result {
	t.reply = t.reply[:0]
	code := t.apply(q)
	if code != jute.CodeOK {
		return Result{Zxid: q.Zxid, Code: code}
	}
	return Result{Zxid: q.Zxid, Body: t.reply}
}

func (t *Tree) apply(q *Request) jute.Code {
	switch q.Op {
	case int32(jute.OpMulti):
		return t.multi(q)
	case int32(jute.OpCloseSession), zab.OpExpire:
		t.closeSession(q)
		return jute.CodeOK
	case zab.OpReap:
		return t.reap(q)
	case zab.OpConfig:
		t.configure(q)
		return jute.CodeOK
	case int32(jute.OpReconfig):
		return jute.CodeReconfigDisabled
	case int32(jute.OpCheck): // of use inside a multi only
		return jute.CodeUnimplemented
	}
	r := jute.NewAliasReader(q.Body)
	return t.single(q, jute.Op(q.Op), &r)
}

// single carries out an operation that may also be part of a multi, or
// setACL. Its reply is appended to t.reply.
func (t *Tree) single(q *Request, op jute.Op, r *jute.Reader) jute.Code {
	switch op {
	case jute.OpCreate, jute.OpCreate2, jute.OpCreateContainer, jute.OpCreateTTL:
		c, ok := readCreate(r, op)
		if !ok {
			return jute.CodeMarshallingError
		}
		return t.create(q, op, &c)
	case jute.OpDelete:
		var d jute.DeleteRequest
		if d.Decode(r); r.Err() != nil {
			return jute.CodeMarshallingError
		}
		return t.delete(q, &d)
	case jute.OpSetData:
		var s jute.SetDataRequest
		if s.Decode(r); r.Err() != nil {
			return jute.CodeMarshallingError
		}
		return t.setData(q, &s)
	case jute.OpSetACL:
		path, acl, version := r.Path(), skipACLs(r), r.Int32()
		if r.Err() != nil {
			return jute.CodeMarshallingError
		}
		return t.setACL(q, path, acl, version)
	case jute.OpCheck:
		var c jute.CheckVersionRequest
		if c.Decode(r); r.Err() != nil {
			return jute.CodeMarshallingError
		}
		return t.check(q, &c)
	}
	return jute.CodeUnimplemented
}

// badForWrite reports whether create and delete refuse the path before they
// look at the tree.
func badForWrite(path string) bool {
	return strings.IndexByte(path, '/') < 0 || strings.IndexByte(path, 0) >= 0
}

// parentPath is the path of which events about children speak.
func parentPath(path string) string {
	parent, _ := splitPath(path)
	if parent == "" {
		return rootPath
	}
	return parent
}

// stat returns what clients see of a node.
func (t *Tree) stat(id nodeID) jute.Stat {
	n := t.node(id)
	s := jute.Stat{
		Czxid: int64(n.czxid), Mzxid: int64(n.mzxid), Ctime: n.ctime, Mtime: n.mtime,
		Version: n.version, Cversion: 2*n.cversion - n.children, Aversion: n.aversion,
		DataLength: int32(len(t.data(id))), NumChildren: n.children, Pzxid: int64(n.pzxid),
	}
	if n.meta&metaEphemeral != 0 {
		s.EphemeralOwner = n.owner
	}
	return s
}

func (t *Tree) appendStat(dst []byte, id nodeID) []byte {
	s := t.stat(id)
	return s.Append(dst)
}

// nextVersion returns the version after v. It is never -1, which as an
// expected version means any.
func nextVersion(v int32) int32 {
	if v == -2 {
		return 0
	}
	return v + 1
}
