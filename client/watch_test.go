package client

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/quorumd/quorumd/jute"
)

func TestOneShots(t *testing.T) {
	f := newFake(t)
	c := connect(t, one(f))
	ctx := testContext(t)
	_, ok, created, err := c.ExistsW(ctx, "/a")
	if ok || err != nil {
		t.Fatal(ok, err)
	}
	_, _, none, err := c.GetW(ctx, "/a")
	want(t, err, ErrNoNode)
	if none != nil {
		t.Error("a watch of a node that is not there")
	}
	_, _, children, err := c.ChildrenW(ctx, "/")
	must(t, err)
	_, err = c.Create(ctx, "/a", nil)
	must(t, err)
	// C3: the events are there when the reply is.
	if e := <-created; e.Type != EventNodeCreated || e.Path != "/a" || e.Err != nil {
		t.Error(e)
	}
	if _, more := <-created; more {
		t.Error("a second event")
	}
	if e := <-children; e.Type != EventNodeChildrenChanged || e.Path != "/" {
		t.Error(e)
	}
	_, _, one, err := c.GetW(ctx, "/a")
	must(t, err)
	_, _, two, err := c.ExistsW(ctx, "/a")
	must(t, err)
	_, err = c.Set(ctx, "/a", nil, -1)
	must(t, err)
	for _, ch := range []<-chan Event{one, two} {
		if e := receive(t, ch); e.Type != EventNodeDataChanged {
			t.Error(e)
		}
	}
	_, _, one, err = c.GetW(ctx, "/a")
	must(t, err)
	_, _, two, err = c.ChildrenW(ctx, "/a")
	must(t, err)
	must(t, c.Delete(ctx, "/a", -1))
	for _, ch := range []<-chan Event{one, two} {
		if e := receive(t, ch); e.Type != EventNodeDeleted || e.Path != "/a" {
			t.Error(e)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for kind, byPath := range c.watches.shots {
		if len(byPath) != 0 {
			t.Errorf("kind %d: %d paths left", kind, len(byPath))
		}
	}
}

func TestWatchers(t *testing.T) {
	f := newFake(t)
	c := connect(t, one(f))
	ctx := testContext(t)
	_, err := c.Create(ctx, "/a", nil)
	must(t, err)
	exact, err := c.Watch(ctx, "/a", Persistent)
	must(t, err)
	deep, err := c.Watch(ctx, "/", Recursive)
	must(t, err)
	same, err := c.Watch(ctx, "/", Recursive)
	must(t, err)
	_, err = c.Create(ctx, "/a/b", nil)
	must(t, err)
	_, err = c.Set(ctx, "/a", nil, -1)
	must(t, err)
	must(t, c.Delete(ctx, "/a/b", -1))
	check := func(w *Watcher, events ...string) {
		t.Helper()
		for _, text := range events {
			e := receive(t, w.Events())
			if got := fmt.Sprint(e.Type, " ", e.Path); got != text {
				t.Errorf("%s, want %s", got, text)
			}
		}
	}
	check(exact, "NodeChildrenChanged /a", "NodeDataChanged /a", "NodeChildrenChanged /a")
	for _, w := range []*Watcher{deep, same} {
		check(w, "NodeCreated /a/b", "NodeDataChanged /a", "NodeDeleted /a/b")
	}
	deep.Close()
	deep.Close()
	if _, ok := <-deep.Events(); ok {
		t.Error("an event after Close")
	}
	want(t, deep.Err(), ErrWatcherClosed)
	_, err = c.Create(ctx, "/c", nil)
	must(t, err)
	check(same, "NodeCreated /c")
	same.Close()
	must(t, c.Sync(ctx, "/"))
	f.with(func() {
		for n := range f.conns {
			if len(n.watches) != 1 || !n.watches["persistent /a"] {
				t.Errorf("watches left at the server: %v", n.watches)
			}
		}
	})
}

// TestOverflow: a Watcher that nobody reads does not hold up anybody else.
func TestOverflow(t *testing.T) {
	f := newFake(t)
	c := connect(t, one(f), WithWatchBuffer(2))
	ctx := testContext(t)
	slow, err := c.Watch(ctx, "/", Recursive)
	must(t, err)
	quick, err := c.Watch(ctx, "/", Recursive)
	must(t, err)
	for i := range 5 {
		_, err = c.Create(ctx, fmt.Sprintf("/%d", i), nil)
		must(t, err)
		receive(t, quick.Events())
	}
	var got []string
	for e := range slow.Events() {
		got = append(got, e.Path)
	}
	if !slices.Equal(got, []string{"/0", "/1"}) {
		t.Error(got)
	}
	want(t, slow.Err(), ErrEventOverflow)
	must(t, quick.Err())
}

// TestRearm: what happened while there was no connection is told after it, and
// what did not happen is still watched.
func TestRearm(t *testing.T) {
	f := newFake(t)
	c := connect(t, one(f))
	ctx := testContext(t)
	for _, p := range []string{"/changed", "/deleted", "/still", "/parent"} {
		_, err := c.Create(ctx, p, nil)
		must(t, err)
	}
	shots := map[string]<-chan Event{}
	var err error
	for _, p := range []string{"/changed", "/deleted", "/still"} {
		_, _, shots[p], err = c.GetW(ctx, p)
		must(t, err)
	}
	_, _, shots["/new"], err = c.ExistsW(ctx, "/new")
	must(t, err)
	_, _, shots["/later"], err = c.ExistsW(ctx, "/later")
	must(t, err)
	_, _, shots["/parent"], err = c.ChildrenW(ctx, "/parent")
	must(t, err)
	exact, err := c.Watch(ctx, "/still", Persistent)
	must(t, err)
	deep, err := c.Watch(ctx, "/", Recursive)
	must(t, err)

	f.cut()
	f.with(func() {
		f.zxid++
		for n := range f.conns {
			clear(n.watches) // the old connection is told nothing more
		}
		f.change("/changed", nil)
		delete(f.nodes, "/deleted")
		f.nodes["/new"] = &fakeNode{}
		f.nodes["/parent"].stat.Pzxid = f.zxid
	})
	for p, typ := range map[string]EventType{
		"/changed": EventNodeDataChanged, "/deleted": EventNodeDeleted, "/new": EventNodeCreated, "/parent": EventNodeChildrenChanged,
	} {
		if e := receive(t, shots[p]); e.Type != typ || e.Path != p {
			t.Errorf("%s: %+v", p, e)
		}
	}
	if e := receive(t, exact.Events()); e.Type != EventNone || e.Path != "/still" || e.Err != nil {
		t.Error(e)
	}
	// Catch-up events for one-shots reach the recursive Watcher, too.
	for {
		if e := receive(t, deep.Events()); e.Type == EventNone {
			break
		}
	}
	_, err = c.Set(ctx, "/still", nil, -1)
	must(t, err)
	if e := receive(t, shots["/still"]); e.Type != EventNodeDataChanged {
		t.Error(e)
	}
	for _, w := range []*Watcher{exact, deep} {
		if e := receive(t, w.Events()); e.Type != EventNodeDataChanged || e.Path != "/still" {
			t.Error(e)
		}
	}
	_, err = c.Create(ctx, "/later", nil)
	must(t, err)
	if e := receive(t, shots["/later"]); e.Type != EventNodeCreated {
		t.Error(e)
	}
}

// TestRearmAtOnce: a watch whose reply is the last thing that comes over a
// connection is set again, even if Watch has not returned yet.
func TestRearmAtOnce(t *testing.T) {
	for range 10 {
		f := newFake(t)
		c := connect(t, one(f))
		ctx := testContext(t)
		f.with(func() {
			f.hook = func(n *fakeConn, h jute.RequestHeader, _ []byte) bool {
				if h.Op == jute.OpAddWatch {
					n.reply(h.Xid, f.zxid, 0, &jute.ErrorResponse{})
					_ = n.nc.Close()
				}
				return h.Op == jute.OpAddWatch
			}
		})
		w, err := c.Watch(ctx, "/", Recursive)
		if errors.Is(err, ErrConnectionLoss) {
			continue // the end of the connection has overtaken the reply
		}
		must(t, err)
		if e := receive(t, w.Events()); e.Type != EventNone {
			t.Error(e)
		}
		_, err = c.Create(ctx, "/a", nil)
		must(t, err)
		if e := receive(t, w.Events()); e.Type != EventNodeCreated {
			t.Error(e)
		}
	}
}

// TestRelativeZxid: watches are set again as seen from the last reply, not from
// the last event, behind which another of the same transaction may be lost.
func TestRelativeZxid(t *testing.T) {
	f := newFake(t)
	c := connect(t, one(f))
	ctx := testContext(t)
	_, _, shot, err := c.GetW(ctx, "/")
	must(t, err)
	w, err := c.Watch(ctx, "/x", Persistent)
	must(t, err)
	var relative int64
	f.with(func() {
		f.hook = func(_ *fakeConn, h jute.RequestHeader, body []byte) bool {
			if h.Op == jute.OpSetWatches2 {
				r := jute.NewReader(body)
				relative = r.Int64()
			}
			return false
		}
		f.zxid += 10
		f.nodes["/"].stat.Mzxid = f.zxid // its event is lost
		for n := range f.conns {
			n.notify("/x", EventNodeCreated)
		}
	})
	receive(t, w.Events())
	f.cut()
	if e := receive(t, shot); e.Type != EventNodeDataChanged {
		t.Error(e)
	}
	f.with(func() {
		if relative != f.zxid-10 {
			t.Errorf("watches were set as seen from %d, want %d", relative, f.zxid-10)
		}
		if q := f.connects[len(f.connects)-1]; q.LastZxidSeen != f.zxid {
			t.Errorf("reconnected as seen from %d, want %d", q.LastZxidSeen, f.zxid)
		}
	})
}

func TestZK706(t *testing.T) {
	var table watchTable
	table.init()
	paths := map[string]bool{}
	for i := range 3000 {
		p := fmt.Sprintf("/%s%d", strings.Repeat("x", 200), i)
		paths[p] = true
		kind := watchKind(i % int(watchKinds))
		table.shots[kind][p] = []*oneShot{{}}
	}
	table.watchers[Persistent]["/p"] = []*Watcher{{armed: true}}
	table.watchers[Recursive]["/r"] = []*Watcher{{armed: false}, {armed: true}}
	table.watchers[Recursive]["/not yet"] = []*Watcher{{armed: false}}
	b, n := table.appendSetWatches(nil, 77)
	frames, last := 0, jute.Op(0)
	for len(b) > 0 {
		body, size, err := jute.ParseFrame(b, maxSetWatches+100)
		if err != nil || size == 0 {
			t.Fatal(size, err)
		}
		b = b[size:]
		frames++
		r := jute.NewReader(body)
		var h jute.RequestHeader
		var q jute.SetWatches2Request
		if h.Decode(&r); h.Op == jute.OpSetWatches {
			q.SetWatchesRequest.Decode(&r)
		} else {
			q.Decode(&r)
		}
		if r.Err() != nil || r.Len() != 0 || h.Xid != jute.XidSetWatches || q.RelativeZxid != 77 {
			t.Fatal(r.Err(), r.Len(), h, q.RelativeZxid)
		}
		for _, p := range slices.Concat(q.Data, q.Exist, q.Child) {
			delete(paths, p)
		}
		if last = h.Op; last == jute.OpSetWatches2 && (!slices.Equal(q.Persistent, []string{"/p"}) || !slices.Equal(q.PersistentRecursive, []string{"/r"})) {
			t.Error(q.Persistent, q.PersistentRecursive)
		}
	}
	if len(paths) != 0 || frames != n || n < 5 || last != jute.OpSetWatches2 {
		t.Errorf("%d paths are missing, %d frames, counted %d, the last is %s", len(paths), frames, n, last)
	}
	if b, n := (&watchTable{}).appendSetWatches(nil, 1); len(b) != 0 || n != 0 {
		t.Error("a request without watches")
	}
}

// TestSetWatchesRefused: a server that does not set the watches is of no use.
func TestSetWatchesRefused(t *testing.T) {
	f := newFake(t)
	states := make(chan SessionEvent, 100)
	c := connect(t, one(f), WithEvents(func(e SessionEvent) { states <- e }))
	ctx := testContext(t)
	_, _, shot, err := c.GetW(ctx, "/")
	must(t, err)
	refused := 0
	f.with(func() {
		f.hook = func(n *fakeConn, h jute.RequestHeader, _ []byte) bool {
			if h.Op == jute.OpSetWatches && refused < 2 {
				refused++
				n.reply(h.Xid, f.zxid, jute.CodeMarshallingError, nil)
				return true
			}
			return false
		}
	})
	f.cut()
	losses := 0
	for losses < 3 {
		if e := receive(t, states); e.State == StateConnecting {
			losses++
			if losses > 1 && !errors.Is(e.Err, ErrMarshalling) {
				t.Error(e)
			}
		}
	}
	eventually(t, "the data can be changed", func() bool {
		_, err := c.Set(ctx, "/", nil, -1)
		return err == nil
	})
	if e := receive(t, shot); e.Type != EventNodeDataChanged {
		t.Error(e)
	}
}
