package znode

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/quorumd/quorumd/jute"
	"github.com/quorumd/quorumd/zab"
)

// TestCHK65198: sessions make and lose ephemerals alone and in multis that fail
// or not, and end in the middle of it. The digest is always that of the tree as it
// is, and the same on a server that was told the same.
func TestCHK65198(t *testing.T) {
	for seed := range uint64(30) {
		rng := rand.New(rand.NewPCG(seed, 65198))
		a, b := newRig(t), newRig(t)
		both := func(session zab.SessionID, op jute.Op, body []byte) {
			a.as(session, op, body)
			b.as(session, op, body)
		}
		both(1, jute.OpCreate, createReq("/d", "", 0).Append(nil))
		node := func() string { return fmt.Sprintf("/d/e%d", rng.IntN(8)) }
		for range 200 {
			session := zab.SessionID(1 + rng.IntN(4))
			switch rng.IntN(5) {
			case 0:
				both(session, jute.OpCreate, createReq(node(), "x", jute.FlagEphemeral).Append(nil))
			case 1:
				both(session, jute.OpDelete, (&jute.DeleteRequest{Path: node(), Version: -1}).Append(nil))
			case 2, 3:
				m := newMulti().add(jute.OpCreate, createReq(node(), "yy", jute.FlagEphemeral)).
					add(jute.OpSetData, &jute.SetDataRequest{Path: node(), Data: []byte("zzz"), Version: -1}).
					add(jute.OpDelete, &jute.DeleteRequest{Path: node(), Version: -1}).
					add(jute.OpCreate, createReq(node(), "", jute.FlagEphemeral))
				both(session, jute.OpMulti, m.end())
			default:
				both(session, jute.OpCloseSession, nil)
			}
			checkTree(t, a.tree)
			if a.tree.Digest() != b.tree.Digest() {
				t.Fatalf("seed %d: two digests of one history", seed)
			}
		}
		for session := range zab.SessionID(5) {
			both(session, jute.Op(zab.OpExpire), nil)
		}
		checkTree(t, a.tree)
		if f := a.tree.Figures(); f.Ephemerals != 0 {
			t.Fatalf("seed %d: %d ephemerals of nobody", seed, f.Ephemerals)
		}
	}
}

// TestCHK115457: the children of a node are its own affair: a change of a
// child's data does not count as one, every creation and deletion does.
func TestCHK115457(t *testing.T) {
	r := newRig(t)
	r.create("/p", "")
	r.create("/p/c", "") // 2
	want := func(what string, cversion int32, pzxid int64) {
		t.Helper()
		if s := r.stat("/p"); s.Cversion != cversion || s.Pzxid != pzxid || s.Mzxid != 1 || s.Version != 0 {
			t.Errorf("after %s: %+v, want cversion %d, pzxid %d", what, s, cversion, pzxid)
		}
	}
	want("a creation", 1, 2)
	r.set("/p/c", "x") // 3
	want("setData of the child", 1, 2)
	r.ok(jute.OpSetACL, &jute.SetACLRequest{Path: "/p/c", ACL: open(), Version: -1}, &jute.StatResponse{}) // 4
	want("setACL of the child", 1, 2)
	r.delete("/p/c") // 5
	want("a deletion", 2, 5)
	m := newMulti().add(jute.OpCreate, createReq("/p/c", "", 0)).
		add(jute.OpSetData, &jute.SetDataRequest{Path: "/p/c", Version: -1}).
		add(jute.OpDelete, &jute.DeleteRequest{Path: "/p/c", Version: -1})
	if code, _ := r.as(1, jute.OpMulti, m.end()); code != 0 { // 6
		t.Fatal(code)
	}
	want("both in a multi", 4, 6)
	r.createFlags(2, "/p/e", jute.FlagEphemeral) // 7
	r.as(2, jute.OpCloseSession, nil)            // 8
	want("the end of an ephemeral's session", 6, 8)
	r.create("/p/k", "")   // 9
	r.create("/p/k/x", "") // 10
	r.delete("/p/k/x")     // 11
	want("what happens further down", 7, 9)
}

// TestCHK115475: a recursive watch tells of the node that changed, not of the one
// that is watched.
func TestCHK115475(t *testing.T) {
	for _, at := range []string{"/", "/a"} {
		r := newRig(t)
		r.create("/a", "")
		r.create("/a/b", "")
		w := newWatcher()
		r.addWatch(w, at, jute.WatchPersistentRecursive)
		r.create("/a/b/c", "")
		r.set("/a/b/c", "x")
		r.delete("/a/b/c")
		r.set("/a", "x")
		r.createFlags(2, "/a/b/e", jute.FlagEphemeral)
		r.as(2, jute.OpCloseSession, nil)
		want := "[NodeCreated /a/b/c 3 NodeDataChanged /a/b/c 4 NodeDeleted /a/b/c 5 NodeDataChanged /a 6 NodeCreated /a/b/e 7 NodeDeleted /a/b/e 8]"
		if got := w.take(); got != want {
			t.Errorf("watch of %s: %s", at, got)
		}
	}
}

// TestEtcd15271: a client sets its watches again, as seen from one zxid after
// the other. It is told of what is later than that, once, and of nothing that
// is not; a zxid of the future brings no old events, and the watches stand.
func TestEtcd15271(t *testing.T) {
	const last = 6
	for since := int64(0); since <= last+3; since++ {
		r := newRig(t)
		r.create("/data", "") // 1
		r.create("/kids", "") // 2
		r.set("/data", "x")   // 3
		r.create("/kids/k", "")
		r.create("/made", "")
		r.delete("/made") // 6
		w := newWatcher()
		req := &jute.SetWatchesRequest{
			RelativeZxid: since, Data: []string{"/data"}, Exist: []string{"/made"}, Child: []string{"/kids"},
		}
		if _, code := r.read(jute.OpSetWatches, w, req); code != 0 {
			t.Fatal(code)
		}
		want := ""
		if since < 3 {
			want = "NodeDataChanged /data -1"
		}
		if since < 4 {
			if want != "" {
				want += " "
			}
			want += "NodeChildrenChanged /kids -1"
		}
		if got := w.take(); got != "["+want+"]" {
			t.Errorf("as seen from %d: %s", since, got)
		}
		r.set("/data", "y")      // 7
		r.create("/kids/l", "")  // 8
		r.create("/made", "")    // 9
		r.set("/data", "z")      // 10: the watch is used up
		r.create("/kids/m", "0") // 11
		want = ""
		if since >= 3 {
			want += "NodeDataChanged /data 7 "
		}
		if since >= 4 {
			want += "NodeChildrenChanged /kids 8 "
		}
		if got := w.take(); got != "["+want+"NodeCreated /made 9]" {
			t.Errorf("after that, as seen from %d: %s", since, got)
		}
	}
}
