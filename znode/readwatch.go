package znode

import (
	"github.com/quorumd/quorumd/jute"
	"github.com/quorumd/quorumd/zab"
)

func (t *Tree) readAddWatch(r *jute.Reader, who *Caller, dst []byte) ([]byte, jute.Code) {
	path, mode := r.Str(), jute.AddWatchMode(r.Int32()) // a null path is as good as ""
	if r.Err() != nil || mode != jute.WatchPersistent && mode != jute.WatchPersistentRecursive {
		return dst, jute.CodeMarshallingError
	}
	bits := watchPersistent
	if mode == jute.WatchPersistentRecursive {
		bits = watchRecursive
	}
	t.watch(who, path, bits)
	return jute.AppendInt32(dst, 0), jute.CodeOK
}

// watcherBits maps the types of checkWatches and removeWatches.
func watcherBits(kind jute.WatcherType) watchBits {
	switch kind {
	case jute.WatcherChildren:
		return watchChild
	case jute.WatcherData:
		return watchData
	case jute.WatcherAny:
		return watchAny
	case jute.WatcherPersistent:
		return watchPersistent
	case jute.WatcherPersistentRecursive:
		return watchRecursive
	}
	return 0
}

func (t *Tree) readWatches(op jute.Op, r *jute.Reader, who *Caller, dst []byte) ([]byte, jute.Code) {
	path, bits := r.Path(), watcherBits(jute.WatcherType(r.Int32()))
	if r.Err() != nil || bits == 0 {
		return dst, jute.CodeMarshallingError
	}
	ok := false
	if op == jute.OpCheckWatches {
		ok = t.watches.has(who.Watcher, path, bits)
	} else {
		ok = t.watches.remove(who.Watcher, path, bits)
	}
	if !ok {
		return dst, jute.CodeNoWatcher
	}
	return dst, jute.CodeOK
}

// readSetWatches takes up the watches of a client that was away, and tells it
// at once what they would have told it (spec/client-protocol.md §10.4). What
// happened to a node that the client may not read stays untold.
func (t *Tree) readSetWatches(op jute.Op, r *jute.Reader, who *Caller, dst []byte) ([]byte, jute.Code) {
	var s jute.SetWatches2Request
	if op == jute.OpSetWatches2 {
		s.Decode(r)
	} else {
		s.SetWatchesRequest.Decode(r)
	}
	if r.Err() != nil {
		return dst, jute.CodeMarshallingError
	}
	if who.Watcher == nil {
		return dst, jute.CodeOK
	}
	since := zab.Zxid(s.RelativeZxid)
	for _, path := range s.Data {
		id := t.lookup(path)
		switch {
		case id == 0:
			t.catchUp(who, jute.EventNodeDeleted, path, id)
		case t.node(id).mzxid > since:
			t.catchUp(who, jute.EventNodeDataChanged, path, id)
		default:
			t.watch(who, path, watchData)
		}
	}
	for _, path := range s.Exist {
		if id := t.lookup(path); id != 0 {
			t.catchUp(who, jute.EventNodeCreated, path, id)
		} else {
			t.watch(who, path, watchData)
		}
	}
	for _, path := range s.Child {
		id := t.lookup(path)
		switch {
		case id == 0:
			t.catchUp(who, jute.EventNodeDeleted, path, id)
		case t.node(id).pzxid > since:
			t.catchUp(who, jute.EventNodeChildrenChanged, path, id)
		default:
			t.watch(who, path, watchChild)
		}
	}
	for _, path := range s.Persistent {
		t.watch(who, path, watchPersistent)
	}
	for _, path := range s.PersistentRecursive {
		t.watch(who, path, watchRecursive)
	}
	return dst, jute.CodeOK
}

// catchUp sends one event to who alone.
func (t *Tree) catchUp(who *Caller, kind jute.EventType, path string, id nodeID) {
	if id != 0 && !t.allows(t.node(id).acl, jute.PermRead, who.rights()) {
		return
	}
	who.Watcher.Notify(newEvent(kind, path, -1))
}

// Detach drops the watches of a connection that is gone. It may be called with
// or without the tree's lock, once no more reads of the connection can come.
func (t *Tree) Detach(w Watcher) { t.watches.detach(w) }

// WatchCounts returns how much is being watched.
func (t *Tree) WatchCounts() WatchCounts { return t.watches.counts() }

// Watches lists who watches what, sorted by path.
func (t *Tree) Watches() []Watch { return t.watches.list() }
