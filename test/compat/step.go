package compat

import (
	"strings"
)

// action is what a step does.
type action uint8

const (
	doRequest action = iota
	doConnect        // begin a session, or take one up
	doDrop           // the client closes its connection
	doRaw            // bytes that are no proper frame, after which the server closes
)

// since says which zxid a step mentions, for each side its own.
type since uint8

const (
	sinceZero since = iota // 0
	sinceEnd               // one that is far in the future
	sinceLast              // the last one that the slot's replies told
)

const farZxid = 0x7fff_0000_0000

// access is one entry of an ACL.
type access struct {
	perms      int32
	scheme, id string
	noScheme   bool // null
}

// step is one thing that a client does. A slot is a client: it has at most one
// connection, and the session of the last one that it had.
type step struct {
	slot   int
	action action
	joined bool // sent together with the step after it, which is of the same slot

	// of a request
	op                int32
	xid               int32 // 0: the slot's next
	path              string
	noPath, noData    bool // null
	data              string
	acl               []access
	noACL             bool // null
	flags             int32
	version           int32
	ttl               int64
	watch             bool
	mode              int32 // of addWatch; type of checkWatches and removeWatches
	since             since // of setWatches, and of a connect
	lists             [5][]string
	noList            int // 1 to 5: that list of setWatches is null
	subs              []step
	noEnd             bool // a multi without its end
	scheme            string
	cut               int // bytes that miss at the end of the body
	tail              string
	timeout           int32 // of a connect, ms
	from              int   // slot whose session is taken up; -1: a new one
	badPassword, ours bool  // of a taken up session; a connect with the readOnly byte
	unknown           bool  // the session never was
}

// body encodes the record of a request. The dollar sign in paths becomes home;
// zxid is what s.since stands for.
func (s *step) body(home string, zxid int64) []byte {
	e := encoder{home: home, zxid: zxid}
	e.record(s)
	e.b = append(e.b, s.tail...)
	return e.b[:max(0, len(e.b)-s.cut)]
}

type encoder struct {
	b    []byte
	home string
	zxid int64
}

func (e *encoder) int(v int32) { e.b = appendInt(e.b, v) }

func (e *encoder) text(s string, null bool) {
	if null {
		e.int(-1)
		return
	}
	e.b = appendText(e.b, s)
}

func (e *encoder) path(s *step) { e.text(rooted(s.path, e.home), s.noPath) }

func rooted(path, home string) string { return strings.ReplaceAll(path, "$", home) }

func (e *encoder) acl(s *step) {
	if s.noACL {
		e.int(-1)
		return
	}
	e.int(int32(len(s.acl)))
	for _, a := range s.acl {
		e.int(a.perms)
		e.text(a.scheme, a.noScheme)
		e.text(a.id, false)
	}
}

func (e *encoder) record(s *step) {
	switch s.op {
	case opCreate, opCreate2, opCreateContainer, opCreateTTL:
		e.path(s)
		e.text(s.data, s.noData)
		e.acl(s)
		e.int(s.flags)
		if s.op == opCreateTTL {
			e.b = appendLong(e.b, s.ttl)
		}
	case opDelete, opCheck:
		e.path(s)
		e.int(s.version)
	case opSetData:
		e.path(s)
		e.text(s.data, s.noData)
		e.int(s.version)
	case opSetACL:
		e.path(s)
		e.acl(s)
		e.int(s.version)
	case opExists, opGetData, opGetChildren, opGetChildren2:
		e.path(s)
		e.b = appendBool(e.b, s.watch)
	case opGetACL, opSync, opGetEphemerals, opAllChildren, opDeleteContainer:
		e.path(s)
	case opCheckWatches, opRemoveWatches, opAddWatch:
		e.path(s)
		e.int(s.mode)
	case opMulti, opMultiRead:
		e.multi(s)
	case opSetWatches:
		e.watches(s, 3)
	case opSetWatches2:
		e.watches(s, 5)
	case opAuth:
		e.int(0)
		e.text(s.scheme, false)
		e.text(s.data, false)
	case opSASL:
		e.text(s.data, false)
	case opReconfig:
		e.text("", true)
		e.text(s.data, false)
		e.text("", true)
		e.b = appendLong(e.b, -1)
	}
}

func (e *encoder) multi(s *step) {
	for i := range s.subs {
		sub := &s.subs[i]
		e.int(sub.op)
		e.b = append(e.b, 0)
		e.int(-1)
		e.record(sub)
	}
	if !s.noEnd {
		e.int(-1)
		e.b = append(e.b, 1)
		e.int(-1)
	}
}

func (e *encoder) watches(s *step, n int) {
	e.b = appendLong(e.b, e.zxid)
	for i, list := range s.lists[:n] {
		if s.noList == i+1 {
			e.int(-1)
			continue
		}
		e.int(int32(len(list)))
		for _, path := range list {
			e.text(rooted(path, e.home), false)
		}
	}
}

// each calls f with the step, or with its parts if it is a multi.
func (s *step) each(f func(*step)) {
	if s.op != opMulti || s.action != doRequest {
		f(s)
		return
	}
	for i := range s.subs {
		f(&s.subs[i])
	}
}

// ends tells whether the connection is over with the step, whatever the answer.
func (s *step) ends() bool {
	if s.action != doRequest {
		return s.action == doRaw
	}
	return s.op == opClose || !known(s.op)
}

// known tells whether a client may send the operation.
func known(op int32) bool {
	switch op {
	case opDeleteContainer, opCheck, 0, -1, -10:
		return false
	case opClose:
		return true
	}
	return op >= opCreate && op <= opMultiRead && op != 10 || op >= opAuth && op <= opWhoAmI
}
