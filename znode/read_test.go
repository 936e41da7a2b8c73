package znode

import (
	"fmt"
	"testing"

	"github.com/quorumd/quorumd/jute"
)

func (r *rig) ephemerals(prefix string) string {
	r.t.Helper()
	body, code := r.read(jute.OpGetEphemerals, nil, &jute.PathRequest{Path: prefix})
	if code != 0 {
		r.t.Fatal(code)
	}
	var e jute.GetEphemeralsResponse
	decode(r.t, body, &e)
	return fmt.Sprint(e.Ephemerals)
}

func TestGetEphemerals(t *testing.T) {
	r := newRig(t)
	for _, path := range []string{"/b", "/ab", "/a"} {
		r.createFlags(1, path, jute.FlagEphemeral)
	}
	r.createFlags(2, "/other", jute.FlagEphemeral)
	for prefix, want := range map[string]string{
		"": "[/a /ab /b]", "/": "[/a /ab /b]", " / ": "[/a /ab /b]", "\x00\t": "[/a /ab /b]", "\u00a0": "[]", "/a": "[/a /ab]", "/ab": "[/ab]", "/c": "[]",
	} {
		if got := r.ephemerals(prefix); got != want {
			t.Errorf("%q: %s", prefix, got)
		}
	}
	body, code := r.tree.Read(jute.OpGetEphemerals, jute.AppendNull(nil), &Caller{Session: 2}, nil)
	var e jute.GetEphemeralsResponse
	if decode(t, body, &e); code != 0 || fmt.Sprint(e.Ephemerals) != "[/other]" {
		t.Error(code, e)
	}
}

func TestGetAllChildrenNumber(t *testing.T) {
	r := newRig(t)
	for _, path := range []string{"/a", "/a/b", "/a/b/c", "/a/d", "/ab"} {
		r.create(path, "")
	}
	for path, want := range map[string]int32{"/": 8, "/a": 3, "/a/b": 1, "/a/b/c": 0, "/zookeeper": 2} {
		body, code := r.read(jute.OpGetAllChildrenNumber, nil, &jute.PathRequest{Path: path})
		var n jute.GetAllChildrenNumberResponse
		if decode(t, body, &n); code != 0 || n.Total != want {
			t.Errorf("%s: %v %d", path, code, n.Total)
		}
	}
}

func TestGetChildren2(t *testing.T) {
	r := newRig(t)
	r.create("/a", "data")
	r.create("/a/x", "")
	body, _ := r.read(jute.OpGetChildren2, nil, &jute.PathWatchRequest{Path: "/a"})
	var c jute.GetChildren2Response
	decode(t, body, &c)
	if fmt.Sprint(c.Children) != "[x]" || c.Stat != r.stat("/a") || c.Stat.NumChildren != 1 {
		t.Errorf("%+v", c)
	}
}

// TestHashesAreNotTrusted gives two nodes the same key.
func TestHashesAreNotTrusted(t *testing.T) {
	r := newRig(t)
	r.create("/a", "of a")
	r.create("/b", "of b")
	tree := r.tree
	a, b := tree.lookup("/a"), tree.lookup("/b")
	tree.index.remove(&tree.slab, b)
	tree.node(b).key = tree.node(a).key
	tree.index.insert(&tree.slab, b)
	if tree.lookup("/a") != a {
		t.Error("found the other node")
	}
	for _, path := range []string{"a", "/", "//a", "/a/", "/x/a", ""} {
		if path != "/" && path != "" && tree.isAt(a, path) {
			t.Errorf("/a is at %q", path)
		}
	}
}

func TestIndexGrows(t *testing.T) {
	r := newRig(t)
	const count = 3 * chunkNodes
	for i := range count {
		r.create(fmt.Sprintf("/n%d", i), "")
	}
	checkTree(t, r.tree)
	if r.tree.index.level <= indexLevel {
		t.Error("the index did not grow")
	}
	for i := range count {
		r.delete(fmt.Sprintf("/n%d", i))
	}
	checkTree(t, r.tree)
	if r.tree.live != 4 {
		t.Error(r.tree.live)
	}
	end := r.tree.end
	for i := range count {
		r.create(fmt.Sprintf("/m%d", i), "")
	}
	if r.tree.end != end {
		t.Error("free slots are not used again")
	}
	checkTree(t, r.tree)
}

func TestReadsDoNotAllocate(t *testing.T) {
	r := newRig(t)
	r.create("/a", "data")
	r.create("/a/b", "data")
	dst := make([]byte, 0, 1024)
	for _, op := range []jute.Op{jute.OpGetData, jute.OpExists, jute.OpGetChildren2} {
		body := (&jute.PathWatchRequest{Path: "/a/b"}).Append(nil)
		who := &Caller{}
		if n := testing.AllocsPerRun(100, func() { r.tree.Read(op, body, who, dst) }); n != 0 {
			t.Errorf("%s: %v allocations", op, n)
		}
	}
}

func TestSetDataAllocatesTheDataOnly(t *testing.T) {
	r := newRig(t)
	r.create("/a", "data")
	body := (&jute.SetDataRequest{Path: "/a", Data: []byte("other data"), Version: -1}).Append(nil)
	q := &Request{Live: true, Session: 1, Op: int32(jute.OpSetData), Body: body}
	if n := testing.AllocsPerRun(100, func() { q.Zxid++; r.tree.Apply(q) }); n != 1 {
		t.Errorf("%v allocations", n)
	}
}
