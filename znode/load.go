package znode

import (
	"errors"
	"fmt"
	"strings"

	"github.com/cespare/xxhash/v2"

	"github.com/quorumd/quorumd/wire"
	"github.com/quorumd/quorumd/zab"
)

// ErrImage is wrapped by every refusal of an image: its frames are intact but
// do not make a tree.
var ErrImage = errors.New("not the image of a tree")

// Loader builds a tree from the frames of an image, ACLs first. Nodes are packed
// into the first slots of a new slab.
//
// A slot is used again when its node is deleted, so a node may come before its
// parent. Most do not, and are linked, indexed and counted as they come, while
// others decode what follows; the rest waits for Finish.
type Loader struct {
	t     *Tree
	dec   *wire.Decoder
	live  func(zab.SessionID) bool
	slots []nodeID // slot in the image -> slot in the slab; 0 is not seen yet
	acls  map[uint32]aclID

	entered []bool   // by slot in the slab: hangs on the root, and is in the index
	early   []nodeID // came before their parents, or below one that did
	count   int      // of those entered
	path    []byte
}

// NewLoader makes a Loader. live reports whether a session exists; an ephemeral
// without its session is refused.
func NewLoader(live func(zab.SessionID) bool) *Loader {
	return &Loader{
		t: newEmpty(), dec: wire.NewDecoder(), live: live,
		acls: map[uint32]aclID{uint32(aclOpen): aclOpen},
	}
}

// ACLs takes a frame body made by Image.AppendACLs.
func (l *Loader) ACLs(body []byte) error {
	var batch aclBatch
	if err := l.dec.Body(body, &batch); err != nil {
		return err
	}
	for i := range batch.ACLs {
		r := &batch.ACLs[i]
		rules, ok := parseRules(string(r.Text))
		_, twice := l.acls[r.ID]
		if !ok || len(rules) == 0 || twice {
			return fmt.Errorf("%w: acl %d", ErrImage, r.ID)
		}
		l.acls[r.ID] = l.t.acls.intern(string(r.Text)) // a reference to give back in Finish
	}
	return nil
}

// Nodes are the nodes of one frame, decoded and not yet part of a tree.
type Nodes struct{ batch nodeBatch }

// DecodeNodes decodes a frame body made by Image.AppendNodes. It has nothing to
// do with a Loader, so it may run ahead of one.
func DecodeNodes(dec *wire.Decoder, body []byte) (Nodes, error) {
	var n Nodes
	err := dec.Body(body, &n.batch)
	return n, err
}

// Nodes takes the nodes of a frame.
func (l *Loader) Nodes(n Nodes) error {
	for i := range n.batch.Nodes {
		if err := l.node(&n.batch.Nodes[i]); err != nil {
			return err
		}
	}
	return nil
}

// node puts one node into the slab, and into the tree if its parent is there.
// Until then, parent is the image's slot.
func (l *Loader) node(r *nodeRecord) error {
	acl, known := l.acls[r.ACL]
	root := r.Slot == uint32(rootID)
	switch {
	case int(r.Slot) < max(len(l.slots), 1):
		return fmt.Errorf("%w: slot %d out of order", ErrImage, r.Slot)
	case root != (l.t.live == 0) || root != (r.Name == "") || root != (r.Parent == 0):
		return fmt.Errorf("%w: node %q in slot %d", ErrImage, r.Name, r.Slot)
	case !known:
		return fmt.Errorf("%w: node %q has the unknown acl %d", ErrImage, r.Name, r.ACL)
	case r.Flags&^uint32(metaNull|metaKind) != 0 || len(r.Name) > maxName || strings.Contains(r.Name, "/"):
		return fmt.Errorf("%w: node %q with flags %#x", ErrImage, r.Name, r.Flags)
	}
	for len(l.slots) < int(r.Slot) {
		l.slots = append(l.slots, 0)
	}
	id := l.t.alloc()
	l.slots = append(l.slots, id)
	*l.t.node(id) = node{
		czxid: r.Czxid, mzxid: r.Mzxid, pzxid: r.Pzxid, ctime: r.Ctime, mtime: r.Mtime, owner: r.Owner,
		parent: nodeID(r.Parent), meta: metaLive | r.Flags | uint32(len(r.Name)), acl: acl,
		version: r.Version, cversion: r.Cversion, aversion: r.Aversion,
	}
	l.t.acls.retain(acl)
	l.t.setBlob(id, makeBlob(r.Name, view(r.Data)))
	for len(l.entered) <= int(id) {
		l.entered = append(l.entered, false)
	}
	if root {
		return l.enter(id)
	}
	if int(r.Parent) >= len(l.slots) || !l.entered[l.slots[r.Parent]] {
		l.early = append(l.early, id)
		return nil
	}
	l.t.link(l.slots[r.Parent], id)
	return l.enter(id)
}

// Finish links what came early and returns the tree.
func (l *Loader) Finish() (*Tree, error) {
	t := l.t
	if t.live == 0 {
		return nil, fmt.Errorf("%w: no root", ErrImage)
	}
	for _, id := range l.early {
		n := t.node(id)
		if int(n.parent) >= len(l.slots) || l.slots[n.parent] == 0 {
			return nil, fmt.Errorf("%w: node %q has no parent", ErrImage, t.name(id))
		}
		t.link(l.slots[n.parent], id)
	}
	for _, top := range l.early {
		if l.entered[top] || !l.entered[t.node(top).parent] {
			continue // comes with its parent, or never
		}
		for id := top; id != 0; id = t.after(id, top) {
			if err := l.enter(id); err != nil {
				return nil, err
			}
		}
	}
	if l.count != t.live {
		return nil, fmt.Errorf("%w: %d of %d nodes hang on the root", ErrImage, l.count, t.live)
	}
	l.dropSpare()
	return t, nil
}

// enter adds a linked node whose parent was entered to the index, to its set,
// and to the sums.
func (l *Loader) enter(id nodeID) error {
	t := l.t
	n := t.node(id)
	if id == rootID {
		n.key = xxhash.Sum64String(rootPath)
	} else {
		l.path = t.appendPath(l.path[:0], id)
		if t.lookup(view(l.path)) != 0 {
			return fmt.Errorf("%w: %s is there twice", ErrImage, l.path)
		}
		if n.meta&metaEphemeral != 0 && !l.live(zab.SessionID(n.owner)) {
			return fmt.Errorf("%w: ephemeral %s of session %s, which does not exist", ErrImage, l.path, zab.SessionID(n.owner))
		}
		n.key = xxhash.Sum64(l.path)
		t.index.insert(&t.slab, id)
		t.join(id)
	}
	l.entered[id] = true
	l.count++
	t.digest += t.nodeDigest(id)
	t.size += int64(t.pathLen(id) + len(t.data(id)))
	return nil
}

// dropSpare gives back the references that kept the ACLs while nodes came.
func (l *Loader) dropSpare() {
	for id := range l.t.acls.list {
		l.t.acls.release(aclID(id))
	}
}
