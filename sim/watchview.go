package sim

import (
	"maps"
	"slices"

	"github.com/quorumd/quorumd/jute"
	"github.com/quorumd/quorumd/zab"
	"github.com/quorumd/quorumd/znode"
)

// Kinds of watches on a path, as a set.
const (
	seesData       uint8 = 1 << iota // by getData, or exists of a znode that is there; once
	seesCreation                     // by exists of a znode that is not there; once
	seesChildren                     // by getChildren; once
	seesPersistent                   // data and children, until removed
	seesRecursive                    // data of the whole subtree, until removed
)

// held is the watches that a client believes to have: it sets them again on
// its next connection.
type held map[string]uint8

// watchView is what a server must know of one connection's watches, and how
// far in the history its events must have been told. It follows the canonical
// history by spec/semantics.md §9, independently of package znode (O4).
type watchView struct {
	bits    map[string]uint8
	next    int            // the first event of the history that was not looked at
	catchUp []*znode.Event // found by a setWatches whose reply has not come
}

// takeUp is what a client asks for by setWatches.
type takeUp struct {
	since                    zab.Zxid
	data, creation, children []string
	persistent, recursive    []string
}

// takeUpWatches has the watches of the last connection set on this one.
func (c *client) takeUpWatches() {
	s := &takeUp{since: c.seen}
	for _, path := range slices.Sorted(maps.Keys(c.held)) {
		bits := c.held[path]
		for _, list := range []struct {
			bit uint8
			to  *[]string
		}{
			{seesData, &s.data}, {seesCreation, &s.creation}, {seesChildren, &s.children},
			{seesPersistent, &s.persistent}, {seesRecursive, &s.recursive},
		} {
			if bits&list.bit != 0 {
				*list.to = append(*list.to, path)
			}
		}
	}
	req := jute.SetWatches2Request{
		SetWatchesRequest: jute.SetWatchesRequest{
			RelativeZxid: int64(s.since), Data: s.data, Exist: s.creation, Child: s.children,
		},
		Persistent: s.persistent, PersistentRecursive: s.recursive,
	}
	if len(s.persistent)+len(s.recursive) == 0 {
		c.ask(&call{op: jute.OpSetWatches, set: s, body: req.SetWatchesRequest.Append(nil)})
		return
	}
	c.ask(&call{op: jute.OpSetWatches2, set: s, body: req.Append(nil)})
}

func (v *watchView) add(path string, bits uint8) {
	if v.bits == nil {
		v.bits = map[string]uint8{}
	}
	v.bits[path] |= bits
}

// drop takes bits off a path and reports whether one of them was there.
func drop(m map[string]uint8, path string, bits uint8) bool {
	had := m[path] & bits
	if had == 0 {
		return false
	}
	if m[path] &^= bits; m[path] == 0 {
		delete(m, path)
	}
	return true
}

// fire takes the one-shot watches that a happening fires and reports whether
// the connection must be told of it.
func (v *watchView) fire(h *happening) bool {
	told := false
	match := func(path string, bits, once uint8) {
		if v.bits[path]&bits != 0 {
			told = true
			drop(v.bits, path, once)
		}
	}
	switch h.kind {
	case jute.EventNodeChildrenChanged:
		match(h.path, seesChildren|seesPersistent, seesChildren)
		return told && h.perms&jute.PermRead != 0
	case jute.EventNodeDeleted:
		match(h.path, ^uint8(0), seesData|seesCreation|seesChildren)
	default:
		match(h.path, seesData|seesCreation|seesPersistent|seesRecursive, seesData|seesCreation)
	}
	for path := h.path; path != "/"; {
		path, _ = parentOf(path)
		match(path, seesRecursive, 0)
	}
	return told && h.perms&jute.PermRead != 0
}

// until returns the next event through z that the connection must be told of,
// nil for none.
func (v *watchView) until(m *model, z zab.Zxid) *happening {
	if len(v.bits) == 0 {
		v.next = max(v.next, m.eventsAfter(z))
		return nil
	}
	for v.next < len(m.events) && m.events[v.next].zxid <= z {
		h := &m.events[v.next]
		v.next++
		if v.fire(h) {
			return h
		}
	}
	return nil
}

// event judges an event as it reaches the client: it is the next one that the
// history has for the connection's watches.
func (k *checker) event(conn *conn, ev *znode.Event) {
	k.mark("watch: " + ev.Type.String())
	conn.client.forget(ev)
	if ev.Zxid < 0 {
		conn.view.catchUp = append(conn.view.catchUp, ev)
		return
	}
	if len(conn.view.catchUp) > 0 {
		k.w.fail("client %d was told of %s between what its setWatches found and the reply", conn.client.id, ev.Path)
	}
	h := conn.view.until(k.model, ev.Zxid)
	if h == nil || h.zxid != ev.Zxid || h.kind != ev.Type || h.path != ev.Path {
		k.w.fail("client %d was told %s %s at %s; the next event for it is %+v", conn.client.id, ev.Type, ev.Path, ev.Zxid, h)
	}
}

// forget drops the one-shot watches that an event used up.
func (c *client) forget(ev *znode.Event) {
	switch ev.Type {
	case jute.EventNodeChildrenChanged:
		drop(c.held, ev.Path, seesChildren)
	case jute.EventNodeDeleted:
		drop(c.held, ev.Path, seesData|seesCreation|seesChildren)
	default:
		drop(c.held, ev.Path, seesData|seesCreation)
	}
}

// caughtUp judges what setWatches found, and registers the rest.
func (k *checker) caughtUp(conn *conn, s *takeUp, z zab.Zxid) {
	v := &conn.view
	found := v.catchUp
	v.catchUp = nil
	expect := func(kind jute.EventType, path string, n *modelNode) {
		if n != nil && n.perms&jute.PermRead == 0 {
			return
		}
		if len(found) == 0 || found[0].Type != kind || found[0].Path != path {
			k.w.fail("client %d set its watches since %s again at %s and was not told %s %s", conn.client.id, s.since, z, kind, path)
			return
		}
		k.mark("watch caught up: " + kind.String())
		found = found[1:]
	}
	// changed is for a watch of a znode that was there when it was set.
	changed := func(path string, kind jute.EventType, sees uint8, at func(*modelNode) zab.Zxid) {
		switch n := k.model.at(path, z); {
		case n == nil:
			expect(jute.EventNodeDeleted, path, nil)
		case at(n) > s.since:
			expect(kind, path, n)
		default:
			v.add(path, sees)
		}
	}
	for _, path := range s.data {
		changed(path, jute.EventNodeDataChanged, seesData, func(n *modelNode) zab.Zxid { return n.mzxid })
	}
	for _, path := range s.creation {
		if n := k.model.at(path, z); n != nil {
			expect(jute.EventNodeCreated, path, n)
		} else {
			v.add(path, seesCreation)
		}
	}
	for _, path := range s.children {
		changed(path, jute.EventNodeChildrenChanged, seesChildren, func(n *modelNode) zab.Zxid { return n.pzxid })
	}
	for _, path := range s.persistent {
		v.add(path, seesPersistent)
	}
	for _, path := range s.recursive {
		v.add(path, seesRecursive)
	}
	if len(found) > 0 {
		k.w.fail("client %d was told %s %s by setWatches for nothing", conn.client.id, found[0].Type, found[0].Path)
	}
}
