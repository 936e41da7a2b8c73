package znode

import (
	"fmt"
	bits8 "math/bits"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/quorumd/quorumd/jute"
	"github.com/quorumd/quorumd/zab"
)

// watcher writes down what it is told.
type watcher struct {
	events []string
	frames [][]byte
	ids    []zab.Identity
}

func newWatcher(ids ...zab.Identity) *watcher { return &watcher{ids: ids} }

func (w *watcher) Notify(ev *Event) {
	w.events = append(w.events, fmt.Sprintf("%s %s %d", ev.Type, ev.Path, ev.Zxid))
	w.frames = append(w.frames, ev.Frame())
}

func (w *watcher) Identities() []zab.Identity { return w.ids }

// take returns the events since the last call.
func (w *watcher) take() string {
	got := fmt.Sprint(w.events)
	w.events = nil
	return got
}

func (r *rig) watchBy(op jute.Op, w Watcher, path string) {
	r.t.Helper()
	_, code := r.read(op, w, &jute.PathWatchRequest{Path: path, Watch: true})
	if code != 0 && !(op == jute.OpExists && code == jute.CodeNoNode) {
		r.t.Fatalf("%s %s: %v", op, path, code)
	}
}

func (r *rig) addWatch(w Watcher, path string, mode jute.AddWatchMode) {
	r.t.Helper()
	body, code := r.read(jute.OpAddWatch, w, &jute.AddWatchRequest{Path: path, Mode: mode})
	if code != 0 || string(body) != "\x00\x00\x00\x00" {
		r.t.Fatalf("addWatch %s: %v %x", path, code, body)
	}
}

// TestWhichWatchesFire has, for each way of watching, what is told of the
// creation, a change and the deletion of the node and of a child.
func TestWhichWatchesFire(t *testing.T) {
	exists := func(r *rig, w Watcher) { r.watchBy(jute.OpExists, w, "/p/n") }
	getData := func(r *rig, w Watcher) { r.watchBy(jute.OpGetData, w, "/p/n") }
	getChildren := func(r *rig, w Watcher) { r.watchBy(jute.OpGetChildren, w, "/p/n") }
	parent := func(r *rig, w Watcher) { r.watchBy(jute.OpGetChildren2, w, "/p") }
	persistent := func(r *rig, w Watcher) { r.addWatch(w, "/p/n", jute.WatchPersistent) }
	recursive := func(path string) func(r *rig, w Watcher) {
		return func(r *rig, w Watcher) { r.addWatch(w, path, jute.WatchPersistentRecursive) }
	}
	all := "[NodeCreated /p/n 4 NodeDataChanged /p/n 5 NodeCreated /p/n/c 6 NodeDataChanged /p/n/c 7 NodeDeleted /p/n/c 8 NodeDeleted /p/n 9]"
	for _, row := range []struct {
		name   string
		before bool // the node is there when the watch is set
		watch  func(r *rig, w Watcher)
		want   string
	}{
		{"exists of nothing", false, exists, "[NodeCreated /p/n 4]"},
		{"exists", true, exists, "[NodeDataChanged /p/n 5]"},
		{"getData", true, getData, "[NodeDataChanged /p/n 5]"},
		{"getChildren", true, getChildren, "[NodeChildrenChanged /p/n 6]"},
		{"getChildren of the parent", false, parent, "[NodeChildrenChanged /p 4]"},
		{"both", true, func(r *rig, w Watcher) { getData(r, w); getChildren(r, w) }, "[NodeDataChanged /p/n 5 NodeChildrenChanged /p/n 6]"},
		{"persistent", false, persistent, "[NodeCreated /p/n 4 NodeDataChanged /p/n 5 NodeChildrenChanged /p/n 6 NodeChildrenChanged /p/n 8 NodeDeleted /p/n 9]"},
		{"recursive", false, recursive("/p/n"), all},
		{"recursive above", false, recursive("/p"), all},
		{"recursive from the root", false, recursive("/"), all},
		{"recursive beside", false, recursive("/p/nn"), "[]"},
		{"everything", false, func(r *rig, w Watcher) {
			exists(r, w)
			persistent(r, w)
			recursive("/p/n")(r, w)
			recursive("/")(r, w)
		}, "[NodeCreated /p/n 4 NodeDataChanged /p/n 5 NodeCreated /p/n/c 6 NodeChildrenChanged /p/n 6 NodeDataChanged /p/n/c 7 " +
			"NodeDeleted /p/n/c 8 NodeChildrenChanged /p/n 8 NodeDeleted /p/n 9]"},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := newRig(t)
			w := newWatcher()
			r.create("/p", "")
			r.create("/q", "")
			r.zxid++
			if !row.before {
				row.watch(r, w)
			}
			r.create("/p/n", "")
			if row.before {
				row.watch(r, w)
			}
			r.set("/p/n", "x")
			r.create("/p/n/c", "")
			r.set("/p/n/c", "x")
			r.delete("/p/n/c")
			r.delete("/p/n")
			if got := w.take(); got != row.want {
				t.Errorf("told %s\nwant %s", got, row.want)
			}
		})
	}
}

func TestDeletionTellsAConnectionOnce(t *testing.T) {
	r := newRig(t)
	w := newWatcher()
	r.create("/a", "")
	r.watchBy(jute.OpGetData, w, "/a")
	r.watchBy(jute.OpGetChildren, w, "/a")
	r.watchBy(jute.OpGetChildren, w, "/")
	r.delete("/a")
	if got := w.take(); got != "[NodeDeleted /a 2 NodeChildrenChanged / 2]" {
		t.Error(got)
	}
	if c := r.tree.WatchCounts(); c != (WatchCounts{}) {
		t.Errorf("%+v", c)
	}
}

func TestSetACLAndFailuresFireNothing(t *testing.T) {
	r := newRig(t)
	w := newWatcher()
	r.create("/a", "")
	r.addWatch(w, "/", jute.WatchPersistentRecursive)
	r.ok(jute.OpSetACL, &jute.SetACLRequest{Path: "/a", ACL: open(), Version: -1}, &jute.StatResponse{})
	r.do(jute.OpCreate, createReq("/a", "", 0))
	r.do(jute.OpSetData, &jute.SetDataRequest{Path: "/a", Version: 9})
	if got := w.take(); got != "[]" {
		t.Error(got)
	}
}

// TestEventsAreFiltered: who may not read a node is not told of it, and loses
// the watch all the same.
func TestEventsAreFiltered(t *testing.T) {
	r := newRig(t)
	r.create("/a", "")
	r.create("/a/n", "")
	stranger, friend := newWatcher(), newWatcher(ann)
	for _, w := range []*watcher{stranger, friend} {
		r.watchBy(jute.OpGetData, w, "/a/n")
		r.watchBy(jute.OpGetChildren, w, "/a")
		r.addWatch(w, "/a", jute.WatchPersistentRecursive)
	}
	for _, path := range []string{"/a/n", "/a"} {
		r.ok(jute.OpSetACL, &jute.SetACLRequest{Path: path, ACL: digestACL(31, ann), Version: -1}, &jute.StatResponse{})
	}
	r.who = []zab.Identity{ann}
	r.set("/a/n", "x")
	r.delete("/a/n")
	r.ok(jute.OpCreate, &jute.CreateRequest{Path: "/a/secret", ACL: digestACL(31, bob)}, &jute.CreateResponse{})
	if got := stranger.take(); got != "[]" {
		t.Error(got)
	}
	if got := friend.take(); got != "[NodeDataChanged /a/n 5 NodeDeleted /a/n 6 NodeChildrenChanged /a 6]" {
		t.Error(got)
	}
	if c := r.tree.WatchCounts(); c.Watches != 2 || c.Paths != 1 || c.Connections != 2 {
		t.Errorf("%+v", c)
	}
	r.flags = zab.FlagSkipACL
	r.set("/a/secret", "x")
	if got := stranger.take() + friend.take(); got != "[NodeDataChanged /a/secret 8][NodeDataChanged /a/secret 8]" {
		t.Error(got)
	}
}

func TestWatchesInMulti(t *testing.T) {
	r := newRig(t)
	once, lasting := newWatcher(), newWatcher()
	r.watchBy(jute.OpExists, once, "/a")
	r.addWatch(lasting, "/", jute.WatchPersistentRecursive)
	r.addWatch(lasting, "/", jute.WatchPersistent)
	m := newMulti().add(jute.OpCreate, createReq("/a", "", 0)).
		add(jute.OpSetData, &jute.SetDataRequest{Path: "/a", Version: -1})
	failing := newMulti().add(jute.OpCreate, createReq("/a", "", 0)).add(jute.OpDelete, &jute.DeleteRequest{Path: "/none"})
	r.as(1, jute.OpMulti, failing.end())
	if got := once.take() + lasting.take(); got != "[][]" {
		t.Error(got)
	}
	r.as(1, jute.OpMulti, m.end())
	if got := once.take(); got != "[NodeCreated /a 2]" {
		t.Error(got)
	}
	if got := lasting.take(); got != "[NodeCreated /a 2 NodeChildrenChanged / 2 NodeDataChanged /a 2]" {
		t.Error(got)
	}
}

// TestDeletedInTheSameMulti: the ACL that decides is the one the node had,
// though the node and its ACL are gone when the multi ends.
func TestDeletedInTheSameMulti(t *testing.T) {
	r := newRig(t)
	stranger, friend := newWatcher(), newWatcher(ann)
	r.addWatch(stranger, "/", jute.WatchPersistentRecursive)
	r.addWatch(friend, "/", jute.WatchPersistentRecursive)
	m := newMulti().add(jute.OpCreate, &jute.CreateRequest{Path: "/a", ACL: digestACL(31, ann)}).
		add(jute.OpDelete, &jute.DeleteRequest{Path: "/a", Version: -1})
	r.as(1, jute.OpMulti, m.end())
	if got := stranger.take() + friend.take(); got != "[][NodeCreated /a 1 NodeDeleted /a 1]" {
		t.Error(got)
	}
	checkTree(t, r.tree)
}

func TestSetWatches(t *testing.T) {
	r := newRig(t)
	r.create("/old", "")  // 1
	r.create("/new", "")  // 2
	r.create("/kids", "") // 3
	r.zxid = 10
	r.set("/new", "")        // 11
	r.create("/kids/k", "")  // 12
	r.create("/hidden", "x") // 13
	r.ok(jute.OpSetACL, &jute.SetACLRequest{Path: "/hidden", ACL: digestACL(31, ann), Version: -1}, &jute.StatResponse{})
	w := newWatcher()
	req := &jute.SetWatches2Request{
		SetWatchesRequest: jute.SetWatchesRequest{
			RelativeZxid: 10,
			Data:         []string{"/old", "/new", "/gone", "/hidden"},
			Exist:        []string{"/old", "/none", "/hidden"},
			Child:        []string{"/old", "/kids", "/gone"},
		},
		Persistent:          []string{"/p"},
		PersistentRecursive: []string{"/r"},
	}
	body, code := r.read(jute.OpSetWatches2, w, req)
	if code != 0 || len(body) != 0 {
		t.Fatal(code, body)
	}
	want := "[NodeDataChanged /new -1 NodeDeleted /gone -1 NodeCreated /old -1 NodeChildrenChanged /kids -1 NodeDeleted /gone -1]"
	if got := w.take(); got != want {
		t.Error(got)
	}
	if c := r.tree.WatchCounts(); c.Watches != 5 || c.Paths != 4 {
		t.Errorf("%+v", c)
	}
	r.create("/none", "")
	r.create("/old/k", "")
	r.set("/old", "")
	r.create("/r", "")
	r.create("/r/x", "")
	r.create("/p", "")
	r.create("/p/x", "")
	want = "[NodeCreated /none 15 NodeChildrenChanged /old 16 NodeDataChanged /old 17 NodeCreated /r 18 NodeCreated /r/x 19 " +
		"NodeCreated /p 20 NodeChildrenChanged /p 21]"
	if got := w.take(); got != want {
		t.Error(got)
	}
	if _, code := r.read(jute.OpSetWatches, w, &req.SetWatchesRequest); code != 0 {
		t.Error(code)
	}
}

func TestCheckAndRemoveWatches(t *testing.T) {
	r := newRig(t)
	r.create("/a", "")
	w, other := newWatcher(), newWatcher()
	set := map[jute.WatcherType]func(){
		jute.WatcherChildren:            func() { r.watchBy(jute.OpGetChildren, w, "/a") },
		jute.WatcherData:                func() { r.watchBy(jute.OpGetData, w, "/a") },
		jute.WatcherPersistent:          func() { r.addWatch(w, "/a", jute.WatchPersistent) },
		jute.WatcherPersistentRecursive: func() { r.addWatch(w, "/a", jute.WatchPersistentRecursive) },
	}
	ask := func(op jute.Op, w Watcher, kind jute.WatcherType) jute.Code {
		_, code := r.read(op, w, &jute.CheckWatchesRequest{Path: "/a", Type: kind})
		return code
	}
	for mine := jute.WatcherType(1); mine <= 5; mine++ {
		if mine == jute.WatcherAny {
			continue
		}
		set[mine]()
		r.watchBy(jute.OpGetData, other, "/a")
		for kind := jute.WatcherType(1); kind <= 5; kind++ {
			want := jute.CodeNoWatcher
			if kind == mine || kind == jute.WatcherAny {
				want = 0
			}
			if code := ask(jute.OpCheckWatches, w, kind); code != want {
				t.Errorf("check %d for %d: %v", kind, mine, code)
			}
		}
		if code := ask(jute.OpRemoveWatches, w, mine); code != 0 {
			t.Errorf("remove %d: %v", mine, code)
		}
		if code := ask(jute.OpRemoveWatches, w, jute.WatcherAny); code != jute.CodeNoWatcher {
			t.Errorf("remove %d again: %v", mine, code)
		}
	}
	for _, f := range set {
		f()
	}
	if c := r.tree.WatchCounts(); c != (WatchCounts{Watches: 5, Paths: 1, Connections: 2}) {
		t.Errorf("%+v", c)
	}
	if code := ask(jute.OpRemoveWatches, w, jute.WatcherAny); code != 0 {
		t.Error(code)
	}
	for _, kind := range []jute.WatcherType{0, 6} {
		if code := ask(jute.OpCheckWatches, w, kind); code != jute.CodeMarshallingError {
			t.Error(code)
		}
	}
	if _, code := r.read(jute.OpAddWatch, w, &jute.AddWatchRequest{Path: "/a", Mode: 2}); code != jute.CodeMarshallingError {
		t.Error(code)
	}
	r.set("/a", "")
	if got := w.take() + other.take(); got != "[][NodeDataChanged /a 2]" {
		t.Error(got)
	}
}

func TestDetach(t *testing.T) {
	r := newRig(t)
	a, b := newWatcher(), newWatcher()
	for i := range 100 {
		for _, w := range []Watcher{a, b} {
			r.watchBy(jute.OpExists, w, fmt.Sprintf("/n%d", i))
		}
	}
	if c := r.tree.WatchCounts(); c != (WatchCounts{Watches: 200, Paths: 100, Connections: 2}) {
		t.Errorf("%+v", c)
	}
	r.tree.Detach(a)
	r.tree.Detach(a)
	if got := r.tree.Watches(); len(got) != 100 || got[0] != (Watch{"/n0", b}) || got[99].Path != "/n99" {
		t.Error(len(got), got[0])
	}
	for i := range 100 {
		r.create(fmt.Sprintf("/n%d", i), "")
	}
	if len(a.events) != 0 || len(b.events) != 100 {
		t.Error(len(a.events), len(b.events))
	}
	if c := r.tree.WatchCounts(); c != (WatchCounts{}) {
		t.Errorf("%+v", c)
	}
}

// TestFrame compares a notification with the bytes of spec/client-protocol.md
// §10.2, and sees that receivers share it.
func TestFrame(t *testing.T) {
	r := newRig(t)
	a, b := newWatcher(), newWatcher()
	r.watchBy(jute.OpExists, a, "/n")
	r.watchBy(jute.OpExists, b, "/n")
	r.zxid = 0x1_0000_0001
	r.create("/n", "")
	want := "\x00\x00\x00\x1e" + "\xff\xff\xff\xff" + "\x00\x00\x00\x01\x00\x00\x00\x02" + "\x00\x00\x00\x00" +
		"\x00\x00\x00\x01" + "\x00\x00\x00\x03" + "\x00\x00\x00\x02/n"
	if string(a.frames[0]) != want {
		t.Errorf("%x", a.frames[0])
	}
	if &a.frames[0][0] != &b.frames[0][0] {
		t.Error("the frame was made twice")
	}
}

// TestWatchTableAgainstModel does random things to a table and to a map.
func TestWatchTableAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		table := newWatchTable()
		type key struct {
			who  int
			path string
		}
		model := make(map[key]watchBits)
		watchers := make([]*watcher, 6)
		for i := range watchers {
			watchers[i] = newWatcher()
		}
		paths := []string{"/", "/a", "/a/b", "/b", "/c/d/e", "/f"}
		bits := rapid.Map(rapid.IntRange(1, 15), func(n int) watchBits { return watchBits(n) })
		for range rapid.IntRange(0, 200).Draw(t, "steps") {
			who := rapid.IntRange(0, len(watchers)-1).Draw(t, "who")
			k := key{who, rapid.SampledFrom(paths).Draw(t, "path")}
			b := bits.Draw(t, "bits")
			switch rapid.IntRange(0, 5).Draw(t, "what") {
			case 0, 1, 2:
				table.add(watchers[who], k.path, b)
				model[k] |= b
			case 3:
				if got := table.remove(watchers[who], k.path, b); got != (model[k]&b != 0) {
					t.Fatalf("remove %v %x: %v", k, b, got)
				}
				model[k] &^= b
			case 4:
				table.round++
				table.found = table.found[:0]
				table.take(k.path, b, watchData|watchChild)
				count := 0
				for i := range watchers {
					at := key{i, k.path}
					if model[at]&b != 0 {
						count++
						if !slices.ContainsFunc(table.found, func(c *watchConn) bool { return c.watcher == watchers[i] }) {
							t.Fatalf("%d is not told of %s", i, k.path)
						}
					}
					model[at] &^= b & (watchData | watchChild)
				}
				if count != len(table.found) {
					t.Fatalf("%d told of %s, want %d", len(table.found), k.path, count)
				}
			case 5:
				table.detach(watchers[who])
				for _, path := range paths {
					delete(model, key{who, path})
				}
			}
			var want WatchCounts
			conns, watched := make(map[int]bool), make(map[string]bool)
			for k, b := range model {
				if b != 0 {
					conns[k.who], watched[k.path] = true, true
					want.Watches += bits8.OnesCount8(uint8(b))
				}
				if table.has(watchers[k.who], k.path, watchAny) != (b != 0) {
					t.Fatalf("has %v: %x", k, b)
				}
			}
			want.Paths, want.Connections = len(watched), len(conns)
			if got := table.counts(); got != want {
				t.Fatalf("%+v, want %+v", got, want)
			}
		}
	})
}

// TestWatchesAreSetConcurrently is for the race detector: readers register
// under the read lock while others look, and the writer fires in between.
func TestWatchesAreSetConcurrently(t *testing.T) {
	r := newRig(t)
	r.create("/a", "")
	var mu sync.RWMutex
	var wg sync.WaitGroup
	watchers := make([]*watcher, 4)
	for i := range watchers {
		watchers[i] = newWatcher()
		wg.Go(func() {
			for range 300 {
				mu.RLock()
				r.watchBy(jute.OpGetData, watchers[i], "/a")
				r.watchBy(jute.OpExists, watchers[i], fmt.Sprintf("/a/%d", i))
				r.tree.WatchCounts()
				mu.RUnlock()
			}
			r.tree.Detach(watchers[i])
		})
	}
	for range 100 {
		mu.Lock()
		r.set("/a", "x")
		mu.Unlock()
	}
	wg.Wait()
	if c := r.tree.WatchCounts(); c != (WatchCounts{}) {
		t.Errorf("%+v", c)
	}
}
