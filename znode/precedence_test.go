package znode

import (
	"testing"

	"github.com/quorumd/quorumd/jute"
	"github.com/quorumd/quorumd/zab"
)

var (
	ann  = zab.Identity{Scheme: "digest", ID: "ann:hash"}
	bob  = zab.Identity{Scheme: "digest", ID: "bob:hash"}
	boss = zab.Identity{Scheme: "super", ID: ""}
)

func digestACL(perms int32, who zab.Identity) []jute.ACL {
	return []jute.ACL{{Perms: perms, ID: jute.ID{Scheme: who.Scheme, ID: who.ID}}}
}

// fixture is what the tests of precedence run against; the caller is nobody
// known.
//
//	/open            everybody may everything; children /open/kid, /open/eph (ephemeral)
//	/locked          Ann may everything, nobody else anything; child /locked/kid (open)
//	/limited         hard quota of 2 nodes and 10 bytes, used up
func fixture(t testing.TB) *rig {
	r := newRig(t)
	r.create("/open", "data")
	r.create("/open/kid", "")
	r.createFlags(1, "/open/eph", jute.FlagEphemeral)
	r.create("/locked", "data")
	r.create("/locked/kid", "data")
	r.create("/limited", "12345")
	r.create("/limited/kid", "12345")
	r.create("/zookeeper/quota/limited", "")
	r.create("/zookeeper/quota/limited/zookeeper_limits", "count=-1,bytes=-1=;byteHardLimit=10;countHardLimit=2")
	r.create("/zookeeper/quota/limited/zookeeper_stats", "")
	r.ok(jute.OpSetACL, &jute.SetACLRequest{Path: "/locked", ACL: digestACL(31, ann), Version: -1}, &jute.StatResponse{})
	r.flags |= zab.FlagEnforceQuota
	return r
}

// TestErrorPrecedence has a row for every pair of neighbours in the orders of
// spec/client-protocol.md §8: each request is wrong in two ways at least.
func TestErrorPrecedence(t *testing.T) {
	const (
		ext  = zab.FlagExtendedTypes
		skip = zab.FlagSkipACL
	)
	badACL := []jute.ACL{{Perms: 31, ID: jute.ID{Scheme: "world", ID: "nobody"}}}
	create := func(path string, data string, acl []jute.ACL, flags jute.CreateFlags) *jute.CreateRequest {
		return &jute.CreateRequest{Path: path, Data: []byte(data), ACL: acl, Flags: flags}
	}
	ttl := func(path string, flags jute.CreateFlags, ms int64) *jute.CreateTTLRequest {
		return &jute.CreateTTLRequest{CreateRequest: *create(path, "", open(), flags), TTL: ms}
	}
	rows := []struct {
		name  string
		op    jute.Op
		req   appender
		flags zab.TxnFlags
		dead  bool
		want  jute.Code
	}{
		{"flags before session", jute.OpCreate, create("bad", "", nil, 7), 0, true, -8},
		{"negative flags", jute.OpCreate, create("/x", "", open(), -1), 0, false, -8},
		{"ttl mode without the setting", jute.OpCreate, create("/x", "", open(), 5), 0, true, -6},
		{"ttl mode of create", jute.OpCreate, create("/x", "", open(), 6), ext, true, -8},
		{"ttl mode of createContainer", jute.OpCreateContainer, create("/x", "", open(), 5), ext, false, -8},
		{"ttl without the setting", jute.OpCreateTTL, ttl("/x", 5, 1), 0, false, -6},
		{"ttl of 0", jute.OpCreateTTL, ttl("/x", 5, 0), ext, false, -8},
		{"ttl too long", jute.OpCreateTTL, ttl("/x", 5, jute.MaxTTL+1), ext, false, -8},
		{"longest ttl", jute.OpCreateTTL, ttl("/x", 6, jute.MaxTTL), ext, false, 0},
		{"trap T1", jute.OpCreateTTL, ttl("/x", 0, -1), ext, false, -8},
		{"trap T1 without the setting", jute.OpCreateTTL, ttl("/x", 1, -1), 0, false, -8},
		{"session before path", jute.OpCreate, create("bad", "", nil, 0), 0, true, -112},
		{"no slash before acl", jute.OpCreate, create("bad", "", nil, 0), 0, false, -8},
		{"nul before acl", jute.OpCreate, create("/a\x00", "", nil, 0), 0, false, -8},
		{"acl before parent", jute.OpCreate, create("/none/x", "", badACL, 0), 0, false, -114},
		{"null acl", jute.OpCreate, create("/x", "", nil, 0), 0, false, -114},
		{"empty acl", jute.OpCreate, create("/x", "", []jute.ACL{}, 0), 0, false, -114},
		{"parent before syntax", jute.OpCreate, create("/none/..", "", open(), 0), 0, false, -101},
		{"/a//b", jute.OpCreate, create("/open//b", "", open(), 0), 0, false, -101},
		{"/./a", jute.OpCreate, create("/./a", "", open(), 0), 0, false, -101},
		{"//a", jute.OpCreate, create("//a", "", open(), 0), 0, false, -8},
		{"/a/..", jute.OpCreate, create("/open/..", "", open(), 0), 0, false, -8},
		{"permission before syntax", jute.OpCreate, create("/locked/..", "", open(), 0), 0, false, -102},
		{"skipACL", jute.OpCreate, create("/locked/..", "", open(), 0), skip, false, -8},
		{"trailing slash", jute.OpCreate, create("/open/", "", open(), 0), 0, false, -8},
		{"exists before quota", jute.OpCreate, create("/limited/kid", "", open(), 0), 0, false, -110},
		{"create the root", jute.OpCreate, create("/", "", open(), 0), 0, false, -110},
		{"ephemeral parent", jute.OpCreate, create("/open/eph/x", "", open(), 0), 0, false, -108},
		{"count quota", jute.OpCreate, create("/limited/x", "", open(), 0), 0, false, -125},
		{"create2", jute.OpCreate2, create("/open/kid", "", open(), 0), 0, false, -110},
		{"createContainer", jute.OpCreateContainer, create("/open/kid", "", open(), 4), 0, false, -110},

		{"delete: session before path", jute.OpDelete, &jute.DeleteRequest{Path: "bad"}, 0, true, -112},
		{"delete: no slash", jute.OpDelete, &jute.DeleteRequest{Path: "bad"}, 0, false, -8},
		{"delete /", jute.OpDelete, &jute.DeleteRequest{Path: "/", Version: -1}, 0, false, -8},
		{"delete /zookeeper", jute.OpDelete, &jute.DeleteRequest{Path: "/zookeeper", Version: -1}, 0, false, -8},
		{"delete the quotas", jute.OpDelete, &jute.DeleteRequest{Path: "/zookeeper/quota", Version: -1}, 0, false, -8},
		{"delete the config", jute.OpDelete, &jute.DeleteRequest{Path: "/zookeeper/config", Version: -1}, 0, false, -8},
		{"delete: parent missing", jute.OpDelete, &jute.DeleteRequest{Path: "/none/x"}, 0, false, -101},
		{"delete: permission before existence", jute.OpDelete, &jute.DeleteRequest{Path: "/locked/none"}, 0, false, -102},
		{"delete: missing", jute.OpDelete, &jute.DeleteRequest{Path: "/open/none"}, 0, false, -101},
		{"delete /a/", jute.OpDelete, &jute.DeleteRequest{Path: "/open/"}, 0, false, -101},
		{"delete: version before children", jute.OpDelete, &jute.DeleteRequest{Path: "/open", Version: 7}, 0, false, -103},
		{"delete: version -2", jute.OpDelete, &jute.DeleteRequest{Path: "/open/kid", Version: -2}, 0, false, -103},
		{"delete: children", jute.OpDelete, &jute.DeleteRequest{Path: "/open", Version: 0}, 0, false, -111},
		{"delete: own ACL does not matter", jute.OpDelete, &jute.DeleteRequest{Path: "/locked", Version: -1}, 0, false, -111},

		{"setData: session before path", jute.OpSetData, &jute.SetDataRequest{Path: "bad"}, 0, true, -112},
		{"setData: path", jute.OpSetData, &jute.SetDataRequest{Path: "/open/"}, 0, false, -8},
		{"setData: missing", jute.OpSetData, &jute.SetDataRequest{Path: "/none"}, 0, false, -101},
		{"setData: permission before version", jute.OpSetData, &jute.SetDataRequest{Path: "/locked", Version: 7}, 0, false, -102},
		{"setData: quota before version", jute.OpSetData, &jute.SetDataRequest{Path: "/limited", Data: make([]byte, 6), Version: 7}, 0, false, -125},
		{"setData: version", jute.OpSetData, &jute.SetDataRequest{Path: "/limited", Data: make([]byte, 5), Version: 7}, 0, false, -103},
		{"setData: fewer bytes", jute.OpSetData, &jute.SetDataRequest{Path: "/limited", Version: -1}, 0, false, 0},
		{"setData of the root", jute.OpSetData, &jute.SetDataRequest{Path: "/", Version: -1}, 0, false, 0},

		{"setACL: session before path", jute.OpSetACL, &jute.SetACLRequest{Path: "bad"}, 0, true, -112},
		{"setACL: path before acl", jute.OpSetACL, &jute.SetACLRequest{Path: "bad"}, 0, false, -8},
		{"setACL: acl before existence", jute.OpSetACL, &jute.SetACLRequest{Path: "/none", ACL: badACL}, 0, false, -114},
		{"setACL: missing", jute.OpSetACL, &jute.SetACLRequest{Path: "/none", ACL: digestACL(31, bob)}, 0, false, -101},
		{"setACL: permission before version", jute.OpSetACL, &jute.SetACLRequest{Path: "/locked", ACL: digestACL(31, bob), Version: 7}, 0, false, -102},
		{"setACL: version", jute.OpSetACL, &jute.SetACLRequest{Path: "/open", ACL: digestACL(31, bob), Version: 7}, 0, false, -103},

		{"check alone", jute.OpCheck, &jute.CheckVersionRequest{Path: "/open", Version: -1}, 0, false, -6},
		{"reconfig", jute.OpReconfig, &jute.ReconfigRequest{}, 0, false, -123},
		{"unknown", 99, &jute.PathRequest{}, 0, false, -6},
		{"deleteContainer", jute.OpDeleteContainer, &jute.PathRequest{Path: "/open/kid"}, 0, false, -6},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			r := fixture(t)
			r.flags |= row.flags
			r.live[1] = !row.dead
			before := r.tree.Digest()
			if code := r.do(row.op, row.req); code != row.want {
				t.Errorf("%v, want %v", code, row.want)
			}
			if row.want != 0 && r.tree.Digest() != before {
				t.Error("a failed request changed the tree")
			}
			checkTree(t, r.tree)
		})
	}
}

func TestCheckPrecedence(t *testing.T) {
	for _, row := range []struct {
		path    string
		version int32
		dead    bool
		want    jute.Code
	}{
		{"bad", 0, true, -112}, {"/open/", 0, false, -8}, {"/none", 0, false, -101},
		{"/locked", 7, false, -102}, {"/open", 7, false, -103}, {"/open", -1, false, 0}, {"/open", 0, false, 0},
	} {
		r := fixture(t)
		r.live[1] = !row.dead
		body := (&jute.MultiHeader{Type: jute.OpCheck, Err: -1}).Append(nil)
		body = (&jute.CheckVersionRequest{Path: row.path, Version: row.version}).Append(body)
		code, reply := r.as(1, jute.OpMulti, jute.MultiEnd.Append(body))
		rd := jute.NewReader(reply)
		var h jute.MultiHeader
		if h.Decode(&rd); code != 0 || h.Err != row.want {
			t.Errorf("%+v: %v %v", row, code, h.Err)
		}
	}
}

// TestReadPrecedence does the same for reads.
func TestReadPrecedence(t *testing.T) {
	for _, row := range []struct {
		op   jute.Op
		path string
		want jute.Code
	}{
		{jute.OpExists, "/a\x00", -8}, {jute.OpExists, "/locked", -102}, {jute.OpExists, "/none", -101}, {jute.OpExists, "", 0},
		{jute.OpGetData, "/locked", -102}, {jute.OpGetData, "/none", -101}, {jute.OpGetData, "/open/", -101},
		{jute.OpGetData, "open", -101}, {jute.OpGetData, "", 0}, {jute.OpGetData, "/a\x00", -101},
		{jute.OpGetChildren, "/locked", -102}, {jute.OpGetChildren, "//", -101}, {jute.OpGetChildren2, "/locked", -102},
		{jute.OpGetACL, "/locked", -102}, {jute.OpGetACL, "/none", -101}, {jute.OpGetACL, "/open", 0},
		{jute.OpGetAllChildrenNumber, "/locked", -102}, {jute.OpGetAllChildrenNumber, "/none", -101},
	} {
		r := fixture(t)
		w := newWatcher()
		if _, code := r.read(row.op, w, &jute.PathWatchRequest{Path: row.path, Watch: true}); code != row.want {
			t.Errorf("%s %q: %v, want %v", row.op, row.path, code, row.want)
		}
		// Only exists sets its watch when the node is missing.
		want := 0
		if row.op == jute.OpExists && row.want == -101 {
			want = 1
		}
		if got := r.tree.WatchCounts().Watches; got != want && row.want != 0 {
			t.Errorf("%s %q: %d watches", row.op, row.path, got)
		}
	}
	r := newRig(t)
	for _, op := range []jute.Op{
		jute.OpExists, jute.OpGetData, jute.OpGetChildren, jute.OpGetChildren2, jute.OpGetACL, jute.OpGetAllChildrenNumber,
		jute.OpSetWatches, jute.OpSetWatches2, jute.OpCheckWatches, jute.OpRemoveWatches, jute.OpAddWatch, jute.OpMultiRead,
	} {
		for _, body := range [][]byte{nil, {0, 0, 0, 9, 'x'}} {
			if dst, code := r.tree.Read(op, body, &Caller{}, []byte("kept")); code != jute.CodeMarshallingError || string(dst) != "kept" {
				t.Errorf("%s of %x: %v %q", op, body, code, dst)
			}
		}
	}
}

func TestUndecodableWrites(t *testing.T) {
	r := newRig(t)
	for _, op := range []jute.Op{
		jute.OpCreate, jute.OpCreate2, jute.OpCreateContainer, jute.OpCreateTTL, jute.OpDelete,
		jute.OpSetData, jute.OpSetACL, jute.OpMulti,
	} {
		for _, body := range [][]byte{nil, {0, 0, 0, 9, 'x'}, {255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0}} {
			if code, reply := r.as(1, op, body); code != jute.CodeMarshallingError || len(reply) != 0 {
				t.Errorf("%s of %x: %v", op, body, code)
			}
		}
	}
	// What follows a whole record does not matter.
	if code, _ := r.as(1, jute.OpCreate, append(createReq("/a", "", 0).Append(nil), "garbage"...)); code != 0 {
		t.Error(code)
	}
}
