package znode

import (
	"fmt"
	"testing"

	"github.com/quorumd/quorumd/jute"
	"github.com/quorumd/quorumd/zab"
)

func TestFreshTree(t *testing.T) {
	r := newRig(t)
	checkTree(t, r.tree)
	if got := fmt.Sprint(r.children("/"), r.children("/zookeeper")); got != "[zookeeper] [config quota]" {
		t.Fatal(got)
	}
	if s := r.stat("/"); s != (jute.Stat{Cversion: -1, NumChildren: 1}) {
		t.Fatalf("%+v", s)
	}
	if s := r.stat("/zookeeper/config"); s != (jute.Stat{Version: -1, Aversion: -1}) {
		t.Fatalf("%+v", s)
	}
	body, _ := r.read(jute.OpGetAllChildrenNumber, nil, &jute.PathRequest{Path: "/"})
	var n jute.GetAllChildrenNumberResponse
	if decode(t, body, &n); n.Total != 3 {
		t.Fatal(n)
	}
	// Nobody may write the configuration, which only its ACL guards.
	if code := r.do(jute.OpSetData, &jute.SetDataRequest{Path: configPath, Version: -1}); code != jute.CodeNoAuth {
		t.Fatal(code)
	}
}

// TestStat follows spec/semantics.md §3: what each operation does to the Stat
// of its node and of the parent.
func TestStat(t *testing.T) {
	r := newRig(t)
	a := r.create("/a", "xyz")
	if a != (jute.Stat{Czxid: 1, Mzxid: 1, Pzxid: 1, Ctime: 1_000_001, Mtime: 1_000_001, DataLength: 3}) {
		t.Fatalf("created %+v", a)
	}
	if s := r.stat("/"); s.Cversion != 0 || s.NumChildren != 2 || s.Pzxid != 1 || s.Mzxid != 0 {
		t.Fatalf("root %+v", s)
	}
	r.create("/a/b", "")
	if s := r.stat("/a"); s.Cversion != 1 || s.NumChildren != 1 || s.Pzxid != 2 || s.Mzxid != 1 || s.Version != 0 {
		t.Fatalf("after a child %+v", s)
	}
	set := r.set("/a", "long data")
	if set.Version != 1 || set.Mzxid != 3 || set.Mtime != 1_000_003 || set.Czxid != 1 || set.DataLength != 9 || set.Pzxid != 2 {
		t.Fatalf("after setData %+v", set)
	}
	if got := r.stat("/a"); got != set {
		t.Fatalf("%+v, replied %+v", got, set)
	}
	r.set("/a/b", "x")
	if got := r.stat("/a"); got != set {
		t.Fatalf("setData of a child changed %+v", got) // ClickHouse#115457
	}
	r.delete("/a/b")
	if s := r.stat("/a"); s.Cversion != 2 || s.NumChildren != 0 || s.Pzxid != 5 {
		t.Fatalf("after a deletion %+v", s)
	}
	var s jute.StatResponse
	r.ok(jute.OpSetACL, &jute.SetACLRequest{Path: "/a", ACL: jute.WorldACL(1 | 16), Version: 0}, &s)
	if s.Stat.Aversion != 1 || s.Stat.Mzxid != 3 || s.Stat.Version != 1 {
		t.Fatalf("after setACL %+v", s.Stat)
	}
	checkTree(t, r.tree)
}

func TestVersionsSkipMinusOne(t *testing.T) {
	r := newRig(t)
	r.create("/a", "")
	for _, step := range []struct{ from, to int32 }{{0, 1}, {-3, -2}, {-2, 0}, {2147483647, -2147483648}} {
		r.tree.edit(r.tree.lookup("/a")).version = step.from
		r.tree.done(r.tree.lookup("/a"))
		if s := r.set("/a", ""); s.Version != step.to {
			t.Errorf("after %d comes %d", step.from, s.Version)
		}
	}
}

func TestNullAndEmptyData(t *testing.T) {
	r := newRig(t)
	r.ok(jute.OpCreate, &jute.CreateRequest{Path: "/null", ACL: open()}, &jute.CreateResponse{})
	r.create("/empty", "")
	for path, want := range map[string]bool{"/null": true, "/empty": false} {
		body, _ := r.read(jute.OpGetData, nil, &jute.PathWatchRequest{Path: path})
		var d jute.GetDataResponse
		if decode(t, body, &d); (d.Data == nil) != want || d.Stat.DataLength != 0 {
			t.Errorf("%s: %+v", path, d)
		}
	}
	before := r.tree.Digest()
	if r.set("/null", ""); r.data("/null") != "" || r.tree.Digest() == before {
		t.Error("null did not become empty")
	}
	checkTree(t, r.tree)
}

func TestSequential(t *testing.T) {
	r := newRig(t)
	r.create("/d", "")
	name := func(path string) string {
		var c jute.CreateResponse
		r.ok(jute.OpCreate, createReq(path, "", jute.FlagPersistentSequential), &c)
		return c.Path
	}
	if got := name("/d/n-"); got != "/d/n-0000000000" {
		t.Error(got)
	}
	r.delete("/d/n-0000000000")
	if code := r.do(jute.OpCreate, createReq("/d/\x01", "", jute.FlagPersistentSequential)); code != jute.CodeBadArguments {
		t.Error(code)
	}
	if got := name("/d/"); got != "/d/0000000001" {
		t.Error(got)
	}
	if got := name("/"); got != "/0000000001" {
		t.Error(got)
	}
	for from, want := range map[int32]string{
		2147483647: "/d/s2147483647", -2147483648: "/d/s-2147483648", -1: "/d/s-000000001",
	} {
		r.tree.edit(r.tree.lookup("/d")).cversion = from
		r.tree.done(r.tree.lookup("/d"))
		if got := name("/d/s"); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	checkTree(t, r.tree)
}

func TestEphemeralsEndWithTheirSession(t *testing.T) {
	r := newRig(t)
	r.create("/d", "")
	for i := range 40 {
		r.createFlags(zab.SessionID(2+i%2), fmt.Sprintf("/d/e%02d", 39-i), jute.FlagEphemeral)
	}
	if s := r.stat("/d/e01"); s.EphemeralOwner != 2 {
		t.Fatalf("%+v", s)
	}
	if code := r.do(jute.OpCreate, createReq("/d/e01/x", "", 0)); code != jute.CodeNoChildrenForEphemerals {
		t.Fatal(code)
	}
	r.delete("/d/e01")
	w := newWatcher()
	r.tree.watch(r.caller(w), "/d", watchRecursive)
	if code, _ := r.as(2, jute.OpCloseSession, nil); code != 0 {
		t.Fatal(code)
	}
	if len(w.events) != 19 || w.events[0] != "NodeDeleted /d/e03 44" || w.events[18] != "NodeDeleted /d/e39 44" {
		t.Fatal(w.events)
	}
	if got := r.tree.Ephemerals(2); len(got) != 0 {
		t.Fatal(got)
	}
	if got := r.tree.Ephemerals(3); len(got) != 20 || got[0] != "/d/e00" {
		t.Fatal(got)
	}
	if s := r.stat("/d"); s.Pzxid != 44 || s.NumChildren != 20 || s.Cversion != 60 {
		t.Fatalf("%+v", s)
	}
	r.as(3, jute.Op(zab.OpExpire), nil)
	r.as(3, jute.OpCloseSession, nil) // twice does no harm
	checkTree(t, r.tree)
	if f := r.tree.Figures(); f.Ephemerals != 0 || f.Sessions != 0 || f.Nodes != 5 {
		t.Fatalf("%+v", f)
	}
}

func TestContainersAndTTLNodesAreReaped(t *testing.T) {
	r := newRig(t)
	r.flags = zab.FlagExtendedTypes
	r.ok(jute.OpCreateContainer, createReq("/c", "", jute.FlagContainer), &jute.Create2Response{})
	r.ok(jute.OpCreateContainer, createReq("/c0", "", 0), &jute.Create2Response{})
	ttl := &jute.CreateTTLRequest{CreateRequest: *createReq("/t", "", jute.FlagPersistentTTL), TTL: 1000}
	r.ok(jute.OpCreateTTL, ttl, &jute.Create2Response{})
	if s := r.stat("/t"); s.EphemeralOwner != 0 {
		t.Fatalf("%+v", s)
	}
	due := func(want string) {
		t.Helper()
		if got := fmt.Sprint(r.tree.Reapable(r.now, 10)); got != want {
			t.Fatalf("due %s, want %s", got, want)
		}
	}
	reap := func(path string) jute.Code {
		code, _ := r.as(0, jute.Op(zab.OpReap), []byte(path))
		return code
	}
	due("[]")
	r.create("/c/x", "")
	r.now += 2000
	due("[/t]")
	r.set("/t", "again")
	due("[]")
	if code := reap("/t"); code != jute.CodeBadVersion {
		t.Fatal(code)
	}
	r.now += 2000
	r.create("/t/x", "")
	due("[]")
	if code := reap("/t"); code != jute.CodeNotEmpty {
		t.Fatal(code)
	}
	r.delete("/t/x")
	r.delete("/c/x")
	due("[/c /t]")
	r.now += NeverUsed
	due("[/c /c0 /t]")
	r.create("/plain", "")
	for path, want := range map[string]jute.Code{
		"/c": 0, "/c0": 0, "/t": 0, "/plain": jute.CodeBadVersion, "/gone": jute.CodeNoNode, "/": jute.CodeBadArguments, "": jute.CodeBadArguments,
	} {
		if code := reap(path); code != want {
			t.Errorf("reap %s: %v", path, code)
		}
	}
	due("[]")
	checkTree(t, r.tree)
}

func TestLateRequestsOfADeadSession(t *testing.T) {
	r := newRig(t)
	delete(r.live, 1)
	before := r.tree.Digest()
	for op, req := range map[jute.Op]appender{
		jute.OpCreate:  createReq("/a", "", 0),
		jute.OpDelete:  &jute.DeleteRequest{Path: "/a"},
		jute.OpSetData: &jute.SetDataRequest{Path: "/a"},
		jute.OpSetACL:  &jute.SetACLRequest{Path: "/a", ACL: open()},
	} {
		if code := r.do(op, req); code != jute.CodeSessionExpired {
			t.Errorf("%s: %v", op, code)
		}
	}
	if r.tree.Digest() != before {
		t.Error("the tree changed")
	}
}
