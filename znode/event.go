package znode

import (
	"github.com/quorumd/quorumd/jute"
	"github.com/quorumd/quorumd/zab"
)

// Watcher is a connection that may watch nodes. It is compared by ==, so it
// must be a pointer.
type Watcher interface {
	// Notify takes an event. It must not block and must not call the tree. It
	// is called under the tree's write lock, or, for what happened while the
	// client was away, by the Read of its own setWatches.
	Notify(ev *Event)
	// Identities returns who the connection is, by which it is decided whether
	// it may see an event.
	Identities() []zab.Identity
}

// Event is one watch event. It is made once and shared by all who receive it.
type Event struct {
	Type jute.EventType
	Path string   // of the node that changed
	Zxid zab.Zxid // of the transaction; -1 when setWatches found the change

	frame []byte
}

// Frame returns the notification as it goes to the client, length first. The
// caller must not change it.
func (e *Event) Frame() []byte { return e.frame }

// eventFixed is the length of a notification besides its path, in bytes.
const eventFixed = 4 + 16 + 12

// newEvent makes an event; path is copied.
func newEvent(kind jute.EventType, path string, z zab.Zxid) *Event {
	b := make([]byte, 0, eventFixed+len(path))
	b = jute.AppendNotification(b, int64(z), jute.WatcherEvent{Type: kind, State: jute.StateSyncConnected, Path: path})
	return &Event{Type: kind, Path: view(b[len(b)-len(path):]), Zxid: z, frame: b}
}

// event is something that happened to a node and may be of interest.
type event struct {
	kind jute.EventType
	path string
	acl  *acl // who may know; nil for everybody
	zxid zab.Zxid
}

// happened tells the watchers of path, at once or, inside a multi, when it has
// gone well. acl is the node's.
func (t *Tree) happened(q *Request, kind jute.EventType, path string, id aclID) {
	if t.watches.watches.Load() == 0 {
		return
	}
	if path == "" {
		path = rootPath
	}
	e := event{kind: kind, path: path, zxid: q.Zxid}
	if id != aclOpen && !q.skipACL() {
		e.acl = t.acls.get(id)
	}
	if t.undo.open {
		t.undo.events = append(t.undo.events, e)
		return
	}
	t.fire(&e)
}

// fire delivers e: to each connection once, whatever and however many of its
// watches match (spec/semantics.md §9).
func (t *Tree) fire(e *event) {
	w := t.watches
	w.round++
	switch e.kind {
	case jute.EventNodeCreated, jute.EventNodeDataChanged:
		w.take(e.path, watchData|watchPersistent|watchRecursive, watchData)
		w.takeAbove(e.path)
	case jute.EventNodeDeleted:
		w.take(e.path, watchAny, watchData|watchChild)
		w.takeAbove(e.path)
	case jute.EventNodeChildrenChanged:
		w.take(e.path, watchChild|watchPersistent, watchChild)
	}
	if len(w.found) == 0 {
		return
	}
	var ev *Event
	for _, c := range w.found {
		if e.acl != nil && !e.acl.allows(jute.PermRead, rights{ids: c.watcher.Identities()}) {
			continue
		}
		if ev == nil {
			ev = newEvent(e.kind, e.path, e.zxid)
		}
		c.watcher.Notify(ev)
	}
	clear(w.found)
	w.found = w.found[:0]
	if cap(w.found) > foundKeep {
		w.found = nil
	}
}

// foundKeep bounds the memory kept for the receivers of one event, in
// connections.
const foundKeep = 64 << 10

// takeAbove collects the recursive watches on path's ancestors.
func (w *watchTable) takeAbove(path string) {
	if w.recursive.Load() == 0 || path == rootPath {
		return
	}
	for {
		path, _ = splitPath(path)
		if path == "" {
			w.take(rootPath, watchRecursive, 0)
			return
		}
		w.take(path, watchRecursive, 0)
	}
}
