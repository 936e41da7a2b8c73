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

// Loader builds a tree from the bodies of an image's frames, ACLs first. Nodes
// are packed into the first slots of a new slab.
type Loader struct {
	t     *Tree
	dec   *wire.Decoder
	slots []nodeID // slot in the image -> slot in the slab; 0 is not seen yet
	acls  map[uint32]aclID
}

// NewLoader makes a Loader.
func NewLoader() *Loader {
	return &Loader{t: newEmpty(), dec: wire.NewDecoder(), acls: map[uint32]aclID{uint32(aclOpen): aclOpen}}
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

// Nodes takes a frame body made by Image.AppendNodes.
func (l *Loader) Nodes(body []byte) error {
	var batch nodeBatch
	if err := l.dec.Body(body, &batch); err != nil {
		return err
	}
	for i := range batch.Nodes {
		if err := l.node(&batch.Nodes[i]); err != nil {
			return err
		}
	}
	return nil
}

// node puts one node into the slab. Its parent may come later, so parent is
// the image's slot until Finish.
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
	return nil
}

// Finish links what was loaded and returns the tree. live reports whether a
// session exists; an ephemeral without its session is refused.
func (l *Loader) Finish(live func(zab.SessionID) bool) (*Tree, error) {
	t := l.t
	if t.live == 0 {
		return nil, fmt.Errorf("%w: no root", ErrImage)
	}
	for id := rootID + 1; id < t.end; id++ {
		n := t.node(id)
		if int(n.parent) >= len(l.slots) || l.slots[n.parent] == 0 {
			return nil, fmt.Errorf("%w: node %q has no parent", ErrImage, t.name(id))
		}
		t.link(l.slots[n.parent], id)
	}
	t.node(rootID).key = xxhash.Sum64String(rootPath)
	reached := 0
	var path []byte
	for id := rootID; id != 0; id = t.after(id, rootID) {
		reached++
		if id != rootID {
			path = t.appendPath(path[:0], id)
			if err := l.enter(id, path, live); err != nil {
				return nil, err
			}
		}
		t.digest += t.nodeDigest(id)
		t.size += int64(t.pathLen(id) + len(t.data(id)))
	}
	if reached != t.live {
		return nil, fmt.Errorf("%w: %d of %d nodes hang on the root", ErrImage, reached, t.live)
	}
	l.dropSpare()
	return t, nil
}

// enter adds a linked node to the index and its set.
func (l *Loader) enter(id nodeID, path []byte, live func(zab.SessionID) bool) error {
	t := l.t
	n := t.node(id)
	if t.lookup(view(path)) != 0 {
		return fmt.Errorf("%w: %s is there twice", ErrImage, path)
	}
	if n.meta&metaEphemeral != 0 && !live(zab.SessionID(n.owner)) {
		return fmt.Errorf("%w: ephemeral %s of session %s, which does not exist", ErrImage, path, zab.SessionID(n.owner))
	}
	n.key = xxhash.Sum64(path)
	t.index.insert(&t.slab, id)
	t.join(id)
	return nil
}

// dropSpare gives back the references that kept the ACLs while nodes came.
func (l *Loader) dropSpare() {
	for id := range l.t.acls.list {
		l.t.acls.release(aclID(id))
	}
}
