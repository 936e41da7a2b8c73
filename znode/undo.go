package znode

// undoLog takes back what the first sub-operations of a multi did when a later
// one fails. It is open during a multi only; nothing else is ever undone, for
// the tree holds committed transactions alone.
type undoLog struct {
	open    bool
	changes []change
	dropped []aclID // references to give back at the end, either way
	events  []event // to fire when all went well
}

type changeKind uint8

const (
	changeAdded changeKind = iota
	changeRemoved
	changeEdited
	changeWritten
)

// change is one call of insert, remove, edit or write, with what was before.
type change struct {
	kind changeKind
	id   nodeID
	node node
	blob string
}

func (u *undoLog) added(id nodeID) {
	if u.open {
		u.changes = append(u.changes, change{kind: changeAdded, id: id})
	}
}

func (u *undoLog) removed(n *node, blob string) {
	if u.open {
		u.changes = append(u.changes, change{kind: changeRemoved, node: *n, blob: blob})
	}
}

func (u *undoLog) edited(id nodeID, n *node) {
	if u.open {
		u.changes = append(u.changes, change{kind: changeEdited, id: id, node: *n})
	}
}

func (u *undoLog) written(id nodeID, n *node, blob string) {
	if u.open {
		u.changes = append(u.changes, change{kind: changeWritten, id: id, node: *n, blob: blob})
	}
}

// begin opens the log.
func (t *Tree) begin() { t.undo.open = true }

// commit closes the log and fires what was held back.
func (t *Tree) commit() {
	u := &t.undo
	u.open = false
	for i := range u.events {
		t.fire(&u.events[i])
	}
	t.closeUndo()
}

// rollback takes every change back, last first, so that each finds the slab
// as it left it.
func (t *Tree) rollback() {
	u := &t.undo
	u.open = false
	for i := len(u.changes) - 1; i >= 0; i-- {
		c := &u.changes[i]
		switch c.kind {
		case changeAdded:
			t.remove(c.id)
		case changeRemoved:
			t.acls.retain(c.node.acl) // the node's own reference is in dropped
			t.insert(c.node.parent, c.node, c.blob)
		case changeEdited:
			n := t.edit(c.id)
			n.mzxid, n.pzxid, n.mtime = c.node.mzxid, c.node.pzxid, c.node.mtime
			n.version, n.cversion = c.node.version, c.node.cversion
			t.done(c.id)
		case changeWritten:
			t.keep(c.id)
			t.putBlob(c.id, c.blob, c.node.null())
		}
	}
	t.closeUndo()
}

// undoKeep bounds the memory that the log keeps between multis, in changes.
const undoKeep = 1024

func (t *Tree) closeUndo() {
	u := &t.undo
	for _, id := range u.dropped {
		t.acls.release(id)
	}
	clear(u.changes)
	clear(u.events)
	u.changes, u.events, u.dropped = u.changes[:0], u.events[:0], u.dropped[:0]
	if cap(u.changes) > undoKeep {
		u.changes, u.events, u.dropped = nil, nil, nil
	}
}
