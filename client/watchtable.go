package client

import (
	"slices"
	"strings"

	"github.com/quorumd/quorumd/jute"
)

// maxSetWatches bounds the paths of one setWatches request in bytes, well below
// what a server takes in a frame.
const maxSetWatches = 128 << 10

// watchTable holds the watches of a client by the server's paths. It is
// guarded by Client.mu.
type watchTable struct {
	shots    [watchKinds]map[string][]*oneShot
	watchers [2]map[string][]*Watcher // by WatchMode
}

func (t *watchTable) init() {
	for i := range t.shots {
		t.shots[i] = map[string][]*oneShot{}
	}
	for i := range t.watchers {
		t.watchers[i] = map[string][]*Watcher{}
	}
}

// arm enters a one-shot watch if the reply to its request says that the server
// has set it. An exists that finds nothing sets one, too, but it goes to
// another list than that of an exists that does.
func (t *watchTable) arm(w *oneShot, code jute.Code) {
	switch {
	case code == jute.CodeOK && w.kind == watchExist:
		w.kind = watchData
	case code == jute.CodeOK, code == jute.CodeNoNode && w.kind == watchExist:
	default:
		return
	}
	t.shots[w.kind][w.path] = append(t.shots[w.kind][w.path], w)
}

func (t *watchTable) enter(w *Watcher) {
	m := t.watchers[w.mode]
	m[w.path] = append(m[w.path], w)
}

// leave takes a Watcher out and reports whether it was the last of its path
// and mode.
func (t *watchTable) leave(w *Watcher) (last bool) {
	m := t.watchers[w.mode]
	// A copy: fire may be going over the list.
	rest := slices.DeleteFunc(slices.Clone(m[w.path]), func(x *Watcher) bool { return x == w })
	if len(rest) > 0 {
		m[w.path] = rest
		return false
	}
	delete(m, w.path)
	return true
}

// fire hands an event of the server's path to all watches that match it.
func (t *watchTable) fire(path string, e Event) {
	switch e.Type {
	case EventNodeCreated, EventNodeDataChanged:
		t.fireShots(path, e, watchData, watchExist)
	case EventNodeDeleted:
		t.fireShots(path, e, watchData, watchExist, watchChild)
	case EventNodeChildrenChanged:
		t.fireShots(path, e, watchChild)
	}
	for _, w := range t.watchers[Persistent][path] {
		w.deliver(e)
	}
	if e.Type == EventNodeChildrenChanged || len(t.watchers[Recursive]) == 0 {
		return
	}
	for {
		for _, w := range t.watchers[Recursive][path] {
			w.deliver(e)
		}
		if path == "/" || path == "" {
			return
		}
		path = path[:max(strings.LastIndexByte(path, '/'), 0)]
		if path == "" {
			path = "/"
		}
	}
}

func (t *watchTable) fireShots(path string, e Event, kinds ...watchKind) {
	for _, kind := range kinds {
		for _, w := range t.shots[kind][path] {
			w.ch <- e // it has room for its only event
			close(w.ch)
		}
		delete(t.shots[kind], path)
	}
}

// deliver hands an event to a Watcher, or ends it if its channel is full.
func (w *Watcher) deliver(e Event) {
	if w.ended {
		return
	}
	select {
	case w.events <- e:
	default:
		w.c.drop(w, ErrEventOverflow)
	}
}

// rearmed tells the Watchers that the server has their watches again.
func (t *watchTable) rearmed(c *Client) {
	for _, byPath := range t.watchers {
		for path, ws := range byPath {
			for _, w := range ws {
				if w.armed {
					w.deliver(Event{Type: EventNone, Path: c.inbound(path), Zxid: jute.ZxidNone})
				}
			}
		}
	}
}

// end tells all watches that there will be no more events.
func (t *watchTable) end(c *Client, cause error) {
	for _, byPath := range t.shots {
		for path, shots := range byPath {
			for _, w := range shots {
				w.ch <- Event{Type: EventNone, Path: c.inbound(path), Zxid: jute.ZxidNone, Err: cause}
				close(w.ch)
			}
		}
	}
	for _, byPath := range t.watchers {
		for _, ws := range byPath {
			for _, w := range ws {
				w.end(cause)
			}
		}
	}
	t.init()
}

// appendSetWatches appends the requests that set all watches again, as seen
// from zxid, and returns how many there are.
func (t *watchTable) appendSetWatches(dst []byte, zxid int64) ([]byte, int) {
	n, size := 0, 0
	q := jute.SetWatches2Request{}
	q.RelativeZxid = zxid
	flush := func() {
		if size == 0 {
			return
		}
		start := len(dst)
		dst = jute.BeginFrame(dst)
		h := jute.RequestHeader{Xid: jute.XidSetWatches, Op: jute.OpSetWatches}
		if len(q.Persistent)+len(q.PersistentRecursive) > 0 {
			h.Op = jute.OpSetWatches2
			dst = q.Append(h.Append(dst))
		} else {
			dst = q.SetWatchesRequest.Append(h.Append(dst))
		}
		dst = jute.EndFrame(dst, start)
		q = jute.SetWatches2Request{}
		q.RelativeZxid = zxid
		n, size = n+1, 0
	}
	add := func(list *[]string, path string) {
		if size > 0 && size+4+len(path) > maxSetWatches {
			flush()
		}
		*list = append(*list, path)
		size += 4 + len(path)
	}
	for kind, list := range []*[]string{&q.Data, &q.Exist, &q.Child} {
		for path := range t.shots[kind] {
			add(list, path)
		}
	}
	for mode, list := range []*[]string{&q.Persistent, &q.PersistentRecursive} {
		for path, ws := range t.watchers[mode] {
			if slices.ContainsFunc(ws, func(w *Watcher) bool { return w.armed }) {
				add(list, path)
			}
		}
	}
	flush()
	return dst, n
}
