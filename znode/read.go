package znode

import (
	"slices"
	"strings"

	"github.com/quorumd/quorumd/jute"
)

// Read answers a read request: it appends the reply's record to dst, or
// returns dst as it was and an error. It registers watches for who.
//
// It may be called concurrently with other reads. The caller holds the tree's
// read lock from before Read until the reply has its place in the connection's
// output, so that what happens next finds the watch and comes behind the reply.
func (t *Tree) Read(op jute.Op, body []byte, who *Caller, dst []byte) ([]byte, jute.Code) {
	r := jute.NewAliasReader(body)
	switch op {
	case jute.OpGetData:
		return t.readGetData(&r, who, dst)
	case jute.OpExists:
		return t.readExists(&r, who, dst)
	case jute.OpGetChildren, jute.OpGetChildren2:
		return t.readGetChildren(op, &r, who, dst)
	case jute.OpGetACL:
		return t.readGetACL(&r, who, dst)
	case jute.OpGetAllChildrenNumber:
		return t.readGetAllChildrenNumber(&r, who, dst)
	case jute.OpGetEphemerals:
		return t.readGetEphemerals(&r, who, dst)
	case jute.OpMultiRead:
		return t.readMulti(body, who, dst)
	case jute.OpWhoAmI:
		return appendWhoAmI(dst, who), jute.CodeOK
	case jute.OpAddWatch:
		return t.readAddWatch(&r, who, dst)
	case jute.OpCheckWatches, jute.OpRemoveWatches:
		return t.readWatches(op, &r, who, dst)
	case jute.OpSetWatches, jute.OpSetWatches2:
		return t.readSetWatches(op, &r, who, dst)
	}
	return dst, jute.CodeUnimplemented
}

// visible looks up a node that who must have one of the permissions on.
func (t *Tree) visible(path string, want int32, who *Caller) (nodeID, jute.Code) {
	id := t.lookup(path)
	if id == 0 {
		return 0, jute.CodeNoNode
	}
	if !t.allows(t.node(id).acl, want, who.rights()) {
		return 0, jute.CodeNoAuth
	}
	return id, jute.CodeOK
}

// watch registers a watch. The path "" is the root for reads, but no event
// ever carries it, so watching it is of no effect.
func (t *Tree) watch(who *Caller, path string, bits watchBits) {
	if who.Watcher != nil && path != "" {
		t.watches.add(who.Watcher, path, bits)
	}
}

func (t *Tree) readGetData(r *jute.Reader, who *Caller, dst []byte) ([]byte, jute.Code) {
	path, watch := r.Path(), r.Bool()
	if r.Err() != nil {
		return dst, r.Code()
	}
	id, code := t.visible(path, jute.PermRead, who)
	if code != jute.CodeOK {
		return dst, code
	}
	dst = t.appendData(dst, id)
	if watch {
		t.watch(who, path, watchData)
	}
	return dst, jute.CodeOK
}

// appendData appends a getData reply.
func (t *Tree) appendData(dst []byte, id nodeID) []byte {
	if t.node(id).null() {
		dst = jute.AppendNull(dst)
	} else {
		dst = jute.AppendString(dst, t.data(id))
	}
	return t.appendStat(dst, id)
}

func (t *Tree) readExists(r *jute.Reader, who *Caller, dst []byte) ([]byte, jute.Code) {
	path, watch := r.Path(), r.Bool()
	if r.Err() != nil {
		return dst, r.Code()
	}
	if strings.IndexByte(path, 0) >= 0 {
		return dst, jute.CodeBadArguments
	}
	id, code := t.visible(path, jute.PermRead, who)
	if code == jute.CodeNoAuth {
		return dst, code
	}
	if watch {
		t.watch(who, path, watchData)
	}
	if code != jute.CodeOK {
		return dst, code
	}
	return t.appendStat(dst, id), jute.CodeOK
}

func (t *Tree) readGetChildren(op jute.Op, r *jute.Reader, who *Caller, dst []byte) ([]byte, jute.Code) {
	path, watch := r.Path(), r.Bool()
	if r.Err() != nil {
		return dst, r.Code()
	}
	id, code := t.visible(path, jute.PermRead, who)
	if code != jute.CodeOK {
		return dst, code
	}
	dst = t.appendChildren(dst, id)
	if op == jute.OpGetChildren2 {
		dst = t.appendStat(dst, id)
	}
	if watch {
		t.watch(who, path, watchChild)
	}
	return dst, jute.CodeOK
}

func (t *Tree) appendChildren(dst []byte, id nodeID) []byte {
	n := t.node(id)
	dst = jute.AppendInt32(dst, n.children)
	for c := n.first; c != 0; c = t.node(c).next {
		dst = jute.AppendString(dst, t.name(c))
	}
	return dst
}

func (t *Tree) readGetACL(r *jute.Reader, who *Caller, dst []byte) ([]byte, jute.Code) {
	path := r.Path()
	if r.Err() != nil {
		return dst, r.Code()
	}
	id, code := t.visible(path, jute.PermRead|jute.PermAdmin, who)
	if code != jute.CodeOK {
		return dst, code
	}
	acl := t.acls.get(t.node(id).acl)
	dst = acl.appendACL(dst, !acl.allows(jute.PermAdmin, who.rights()))
	return t.appendStat(dst, id), jute.CodeOK
}

func (t *Tree) readGetAllChildrenNumber(r *jute.Reader, who *Caller, dst []byte) ([]byte, jute.Code) {
	path := r.Path()
	if r.Err() != nil {
		return dst, r.Code()
	}
	id, code := t.visible(path, jute.PermRead, who)
	if code != jute.CodeOK {
		return dst, code
	}
	count := int32(t.live - 1)
	if id != rootID {
		count = -1
		for at := id; at != 0; at = t.after(at, id) {
			count++
		}
	}
	return jute.AppendInt32(dst, count), jute.CodeOK
}

func (t *Tree) readGetEphemerals(r *jute.Reader, who *Caller, dst []byte) ([]byte, jute.Code) {
	prefix := r.Str()
	if r.Err() != nil {
		return dst, r.Code()
	}
	// Blank is every character up to the space, no other.
	blank := func(r rune) bool { return r <= ' ' }
	if p := strings.TrimFunc(prefix, blank); p == "" || p == rootPath {
		prefix = ""
	}
	paths := slices.DeleteFunc(t.Ephemerals(who.Session), func(p string) bool {
		return !strings.HasPrefix(p, prefix)
	})
	return jute.AppendStrings(dst, paths), jute.CodeOK
}

// appendWhoAmI appends the identities of who. Of a digest only the user is
// shown, and of schemes that no ACL can name, nothing.
func appendWhoAmI(dst []byte, who *Caller) []byte {
	dst = jute.AppendInt32(dst, int32(len(who.Identities)))
	for i := range who.Identities {
		scheme, user := who.Identities[i].Scheme, who.Identities[i].ID
		switch scheme {
		case schemeDigest:
			user, _, _ = strings.Cut(user, ":")
		case schemeIP, schemeX509, schemeSASL:
		default:
			user = ""
		}
		dst = jute.AppendString(jute.AppendString(dst, scheme), user)
	}
	return dst
}

// MaxMultiRead bounds the reply to a multiRead in bytes: few bytes of request
// ask for any number of copies of the largest node. Beyond it the whole
// request is answered with jute.CodeThrottledOp.
const MaxMultiRead = 16 << 20

// readMulti answers a multiRead: each operation succeeds or fails alone. When
// the whole fails it returns dst itself, so that what was gathered is not kept.
func (t *Tree) readMulti(body []byte, who *Caller, dst []byte) ([]byte, jute.Code) {
	reply := dst
	r := jute.NewAliasReader(body)
	for {
		op, more := jute.NextMultiOp(&r, jute.Op.AllowedInMultiRead)
		path := ""
		if more {
			path, _ = r.Path(), r.Bool()
		}
		if r.Err() != nil {
			return dst, r.Code()
		}
		if !more {
			return jute.MultiEnd.Append(reply), jute.CodeOK
		}
		id, code := t.visible(path, jute.PermRead, who)
		if room := MaxMultiRead - (len(reply) - len(dst)); code == jute.CodeOK && t.exceeds(op, id, room) {
			return dst, jute.CodeThrottledOp
		}
		switch {
		case code != jute.CodeOK:
			reply = jute.AppendMultiError(reply, code)
		case op == jute.OpGetData:
			reply = t.appendData((&jute.MultiHeader{Type: op}).Append(reply), id)
		default:
			reply = t.appendChildren((&jute.MultiHeader{Type: op}).Append(reply), id)
		}
	}
}

// exceeds reports whether the result of an operation of a multiRead takes more
// than room bytes. Results without data or names are bounded by the request.
func (t *Tree) exceeds(op jute.Op, id nodeID, room int) bool {
	if op == jute.OpGetData {
		return len(t.data(id)) > room
	}
	const leastName = 5 // a length and one byte
	n := t.node(id)
	if room < 0 || int(n.children) > room/leastName {
		return true
	}
	for c := n.first; c != 0 && room >= 0; c = t.node(c).next {
		room -= 4 + len(t.name(c))
	}
	return room < 0
}
