package znode

import "github.com/quorumd/quorumd/zab"

// This file holds every way in which a node changes. Each of them keeps the
// open image's pre-image, the undo log, the digest and the size in step, so
// that nothing above needs to think of them (invariants N3 and N4).

// insert adds the node n with the given blob below parent. n carries key,
// meta, stat fields and a reference to its ACL that becomes the node's.
func (t *Tree) insert(parent nodeID, n node, blob string) nodeID {
	t.keep(t.peek())
	id := t.alloc()
	*t.node(id) = n
	t.setBlob(id, blob)
	t.link(parent, id)
	t.index.insert(&t.slab, id)
	t.join(id)
	t.digest += t.nodeDigest(id)
	t.size += int64(t.pathLen(id) + len(t.data(id)))
	t.undo.added(id)
	return id
}

// remove takes out the childless node id.
func (t *Tree) remove(id nodeID) {
	t.keep(id)
	n := t.node(id)
	t.undo.removed(n, t.blob(id))
	t.digest -= t.nodeDigest(id)
	t.size -= int64(t.pathLen(id) + len(t.data(id)))
	t.leave(id)
	t.index.remove(&t.slab, id)
	t.unlink(id)
	t.dropACL(n.acl)
	t.release(id)
}

// edit opens the stat of id for changes, done closes it.
func (t *Tree) edit(id nodeID) *node {
	t.keep(id)
	n := t.node(id)
	t.undo.edited(id, n)
	t.digest -= t.statDigest(n)
	return n
}

func (t *Tree) done(id nodeID) { t.digest += t.statDigest(t.node(id)) }

// write replaces id's data.
func (t *Tree) write(id nodeID, data string, null bool) {
	t.keep(id)
	n := t.node(id)
	t.undo.written(id, n, t.blob(id))
	t.putBlob(id, makeBlob(t.name(id), data), null)
}

// putBlob replaces id's blob, whose name part is the same as before.
func (t *Tree) putBlob(id nodeID, blob string, null bool) {
	n := t.node(id)
	t.digest -= dataDigest(n, t.data(id))
	t.size += int64(len(blob) - len(t.blob(id)))
	t.setBlob(id, blob)
	n.meta &^= metaNull
	if null {
		n.meta |= metaNull
	}
	t.digest += dataDigest(n, t.data(id))
}

// dropACL gives back a reference to an ACL. Inside a multi that waits for the
// end: an undo may want the reference back.
func (t *Tree) dropACL(id aclID) {
	if t.undo.open {
		t.undo.dropped = append(t.undo.dropped, id)
		return
	}
	t.acls.release(id)
}

// keep hands the open image the state of id before it changes.
func (t *Tree) keep(id nodeID) {
	if t.image != nil {
		t.image.keep(t, id)
	}
}

// join enters id in the set its kind belongs to.
func (t *Tree) join(id nodeID) {
	n := t.node(id)
	switch {
	case n.meta&metaEphemeral != 0:
		set := t.ephemerals[zab.SessionID(n.owner)]
		if set == nil {
			set = new(nodeSet)
			t.ephemerals[zab.SessionID(n.owner)] = set
		}
		set.add(&t.slab, id)
		t.ephemeral++
	case n.meta&(metaContainer|metaTTL) != 0:
		t.timed.add(&t.slab, id)
	}
	if t.name(id) == limitsName {
		t.enterQuota(id)
	}
}

// leave undoes join.
func (t *Tree) leave(id nodeID) {
	n := t.node(id)
	switch {
	case n.meta&metaEphemeral != 0:
		set := t.ephemerals[zab.SessionID(n.owner)]
		set.remove(&t.slab, id)
		t.ephemeral--
		if len(set.ids) == 0 {
			delete(t.ephemerals, zab.SessionID(n.owner))
		}
	case n.meta&(metaContainer|metaTTL) != 0:
		t.timed.remove(&t.slab, id)
	}
	if t.name(id) == limitsName {
		t.leaveQuota(id)
	}
}

// nodeSet is a set of nodes, each of which is in no other one. It is a list in
// no particular order; node.pos is a node's place in it.
type nodeSet struct{ ids []nodeID }

func (s *nodeSet) add(m *slab, id nodeID) {
	m.node(id).pos = uint32(len(s.ids))
	s.ids = append(s.ids, id)
}

func (s *nodeSet) remove(m *slab, id nodeID) {
	last := s.ids[len(s.ids)-1]
	pos := m.node(id).pos
	s.ids[pos] = last
	m.node(last).pos = pos
	s.ids = s.ids[:len(s.ids)-1]
}
