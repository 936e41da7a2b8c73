package znode

import (
	"testing"

	"github.com/quorumd/quorumd/jute"
	"github.com/quorumd/quorumd/zab"
)

// FuzzApply gives the tree transactions of any bytes: there is a result, no
// invariant breaks, and what failed changed nothing.
func FuzzApply(f *testing.F) {
	add := func(op jute.Op, req appender) { f.Add(int32(op), uint16(0xffff), req.Append(nil)) }
	add(jute.OpCreate, createReq("/open/x", "data", 0))
	add(jute.OpCreate2, createReq("/open/x", "", jute.FlagEphemeralSequential))
	add(jute.OpCreateContainer, createReq("/open/x", "", jute.FlagContainer))
	add(jute.OpCreateTTL, &jute.CreateTTLRequest{CreateRequest: *createReq("/t", "", 5), TTL: 1000})
	add(jute.OpCreate, createReq("/zookeeper/quota/open", "", 0))
	add(jute.OpDelete, &jute.DeleteRequest{Path: "/open/kid", Version: -1})
	add(jute.OpDelete, &jute.DeleteRequest{Path: "/zookeeper/quota/limited/zookeeper_limits", Version: -1})
	add(jute.OpSetData, &jute.SetDataRequest{Path: "/open", Data: []byte("x"), Version: 0})
	add(jute.OpSetData, &jute.SetDataRequest{Path: "/zookeeper/quota/limited/zookeeper_stats", Data: []byte("count=x,;=="), Version: -1})
	add(jute.OpSetACL, &jute.SetACLRequest{Path: "/open", ACL: []jute.ACL{entry(31, "ip", "::1/64"), entry(1, "auth", "")}, Version: -1})
	m := newMulti().add(jute.OpCreate, createReq("/limited/x", "data", 0)).add(jute.OpDelete, &jute.DeleteRequest{Path: "/limited/x", Version: -1}).
		add(jute.OpCheck, &jute.CheckVersionRequest{Path: "/none"})
	f.Add(int32(jute.OpMulti), uint16(0), m.end())
	f.Add(int32(jute.OpCloseSession), uint16(0), []byte{})
	f.Add(zab.OpReap, uint16(0), []byte("/open"))
	f.Add(zab.OpExpire, uint16(0), []byte{})
	f.Fuzz(func(t *testing.T, op int32, flags uint16, body []byte) {
		r := fixture(t)
		r.flags = zab.TxnFlags(flags)
		r.who = []zab.Identity{ann, {Scheme: "ip", ID: "10.0.0.1"}}
		w := newWatcher()
		r.addWatch(w, "/", jute.WatchPersistentRecursive)
		before := r.tree.Digest()
		code, reply := r.as(1, jute.Op(op), body)
		if code != 0 && (r.tree.Digest() != before || len(reply) != 0 || len(w.events) != 0) {
			t.Fatalf("%v left traces: %x %v", code, reply, w.events)
		}
		checkTree(t, r.tree)
	})
}

// FuzzRead gives it reads of any bytes: nothing changes, and an error leaves
// the output as it was.
func FuzzRead(f *testing.F) {
	for _, op := range []jute.Op{jute.OpExists, jute.OpGetData, jute.OpGetChildren, jute.OpGetChildren2} {
		f.Add(int32(op), (&jute.PathWatchRequest{Path: "/open", Watch: true}).Append(nil))
	}
	f.Add(int32(jute.OpGetACL), (&jute.PathRequest{Path: "/locked"}).Append(nil))
	f.Add(int32(jute.OpGetAllChildrenNumber), (&jute.PathRequest{Path: "/"}).Append(nil))
	f.Add(int32(jute.OpGetEphemerals), jute.AppendNull(nil))
	f.Add(int32(jute.OpAddWatch), (&jute.AddWatchRequest{Path: "/open", Mode: 1}).Append(nil))
	f.Add(int32(jute.OpRemoveWatches), (&jute.CheckWatchesRequest{Path: "/open", Type: 3}).Append(nil))
	f.Add(int32(jute.OpSetWatches2), (&jute.SetWatches2Request{SetWatchesRequest: jute.SetWatchesRequest{Data: []string{"/open", "/none"}}}).Append(nil))
	f.Add(int32(jute.OpMultiRead), newMulti().add(jute.OpGetData, &jute.PathWatchRequest{Path: "/open"}).end())
	f.Add(int32(jute.OpWhoAmI), []byte{})
	f.Fuzz(func(t *testing.T, op int32, body []byte) {
		r := fixture(t)
		w := newWatcher(ann)
		before := r.tree.Digest()
		dst, code := r.tree.Read(jute.Op(op), body, r.caller(w), []byte("kept"))
		if code != 0 && string(dst) != "kept" || string(dst[:4]) != "kept" || r.tree.Digest() != before {
			t.Fatalf("%v %q", code, dst)
		}
		r.tree.Detach(w)
		if c := r.tree.WatchCounts(); c != (WatchCounts{}) {
			t.Fatalf("%+v", c)
		}
		checkTree(t, r.tree)
	})
}

// FuzzLoad gives the loader frames of any bytes.
func FuzzLoad(f *testing.F) {
	r := fixture(f)
	im := r.tree.Open()
	acls, _, _ := im.AppendACLs(nil)
	nodes, _, _ := im.AppendNodes(nil, 100)
	f.Add(acls, nodes)
	f.Fuzz(func(t *testing.T, acls, nodes []byte) {
		l := NewLoader(always)
		if l.ACLs(acls) != nil || loadNodes(l, nodes) != nil {
			return
		}
		if tree, err := l.Finish(); err == nil {
			checkTree(t, tree)
		}
	})
}
