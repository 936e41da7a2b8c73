package znode

import (
	"github.com/cespare/xxhash/v2"

	"github.com/quorumd/quorumd/jute"
)

// aclID names an interned ACL. 0 is the open one, world:anyone:cdrwa, which
// nearly every node has.
type aclID uint32

const aclOpen aclID = 0

// Texts of the two ACLs of built-in nodes, as jute vectors.
const (
	openText    = "\x00\x00\x00\x01\x00\x00\x00\x1f\x00\x00\x00\x05world\x00\x00\x00\x06anyone"
	aclReadOnly = "\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x05world\x00\x00\x00\x06anyone"
)

// acl is one list of rules. It is immutable but for refs, so whoever holds a
// pointer to it may go on using it after the table has forgotten it.
type acl struct {
	text  string // the jute vector, which is also its identity
	hash  uint64
	rules []aclRule
	plain bool // would be stored as it is, whoever asked for it
	refs  int
}

// aclTable interns ACLs: nodes with equal lists share one.
//
// Invariant N5: acl.refs is the number of nodes whose acl it is; an ACL
// without nodes is not in the table.
type aclTable struct {
	list  []*acl // by id; nil where free
	known map[string]aclID
	free  []aclID
}

func newACLTable() aclTable {
	open := makeACL(openText)
	return aclTable{list: []*acl{open}, known: map[string]aclID{openText: aclOpen}}
}

// makeACL makes the ACL of a text that is known to be well formed.
func makeACL(text string) *acl {
	a := &acl{text: text, hash: xxhash.Sum64String(text)}
	a.rules, _ = parseRules(text)
	a.plain = true
	for i := range a.rules {
		r := &a.rules[i]
		if duplicate(a.rules[:i], r) || r.check(nil) != jute.CodeOK {
			a.plain = false
		}
	}
	return a
}

// intern returns the id of the ACL with the given text, with one reference
// more. The text is kept.
func (t *aclTable) intern(text string) aclID {
	id, ok := t.known[text]
	if !ok {
		if n := len(t.free); n > 0 {
			id = t.free[n-1]
			t.free = t.free[:n-1]
		} else {
			id = aclID(len(t.list))
			t.list = append(t.list, nil)
		}
		t.list[id] = makeACL(text)
		t.known[text] = id
	}
	t.retain(id)
	return id
}

func (t *aclTable) retain(id aclID) {
	if id != aclOpen {
		t.list[id].refs++
	}
}

// release gives a reference back.
func (t *aclTable) release(id aclID) {
	if id == aclOpen {
		return
	}
	a := t.list[id]
	a.refs--
	if a.refs == 0 {
		delete(t.known, a.text)
		t.list[id] = nil
		t.free = append(t.free, id)
	}
}

func (t *aclTable) get(id aclID) *acl { return t.list[id] }

func (t *aclTable) hash(id aclID) uint64 { return t.list[id].hash }
