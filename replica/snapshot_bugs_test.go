package replica

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/quorumd/quorumd/jute"
	"github.com/quorumd/quorumd/wire"
	"github.com/quorumd/quorumd/zab"
)

// during takes a snapshot of h and applies records before its frame number at.
// It returns what was loaded from it and the records.
func (h *story) during(t *testing.T, at int, records ...func() *zab.Record) (*State, []*zab.Record) {
	t.Helper()
	n := 0
	var late []*zab.Record
	frames := allFrames(h.s.Snapshot(), func() {
		if n++; n != at {
			return
		}
		for _, record := range records {
			late = append(late, record())
			h.s.Apply(late[len(late)-1])
		}
	})
	loaded, err := LoadState(reader(frames))
	if err != nil {
		t.Fatalf("records before frame %d: %v", at, err)
	}
	return loaded, late
}

// goesOn replays records on a loaded state: it must become what h is.
func (h *story) goesOn(t *testing.T, at int, loaded *State, late []*zab.Record) {
	t.Helper()
	for _, rec := range late {
		loaded.Apply(rec)
	}
	if loaded.Digest() != h.s.Digest() || loaded.Applied() != h.s.Applied() {
		t.Errorf("records before frame %d: replay leads to %#x at %s, not to %#x at %s",
			at, loaded.Digest(), loaded.Applied(), h.s.Digest(), h.s.Applied())
	}
}

func (h *story) op(session zab.SessionID, op jute.Op, body []byte) func() *zab.Record {
	return func() *zab.Record { return h.record(zab.Txn{Session: session, Op: int32(op), Body: body}) }
}

// snapFrames is more than the number of frames that the stories here give.
const snapFrames = 12

// busy has two sessions, ephemerals of both, and nodes with children.
func busy() *story {
	h := newStory()
	h.bootstrap(3, "secret")
	h.session(1, 1000)
	h.session(2, 1000)
	for _, path := range []string{"/a", "/b", "/a/x", "/b/y", "/c"} {
		h.create(1, path, 0)
	}
	for i := range 3 {
		h.create(1, fmt.Sprintf("/a/e%d", i), jute.FlagEphemeral)
		h.create(2, fmt.Sprintf("/b/f%d", i), jute.FlagEphemeral)
	}
	return h
}

// TestZK3127: a multi is applied while a snapshot is read: the snapshot holds
// none of it, and its replay gives all of it.
func TestZK3127(t *testing.T) {
	for at := 1; at < snapFrames; at++ {
		h := busy()
		var body []byte
		add := func(op jute.Op, req interface{ Append([]byte) []byte }) {
			body = (&jute.MultiHeader{Type: op, Err: -1}).Append(body)
			body = req.Append(body)
		}
		add(jute.OpCreate, &jute.CreateRequest{Path: "/c/m1", ACL: jute.OpenACL})
		add(jute.OpSetData, &jute.SetDataRequest{Path: "/a", Data: []byte("by the multi"), Version: -1})
		add(jute.OpDelete, &jute.DeleteRequest{Path: "/b/y", Version: -1})
		add(jute.OpCreate, &jute.CreateRequest{Path: "/c/m2", ACL: jute.OpenACL})
		body = jute.MultiEnd.Append(body)
		digest, pos := h.s.Digest(), h.s.Applied()
		loaded, late := h.during(t, at, h.op(1, jute.OpMulti, body))
		if loaded.Digest() != digest || loaded.Applied() != pos {
			t.Errorf("a multi before frame %d: %#x at %s, want %#x at %s", at, loaded.Digest(), loaded.Applied(), digest, pos)
		}
		h.goesOn(t, at, loaded, late)
	}
}

// TestZK3144: a session closes and nodes come and go while a snapshot is read.
// Replayed on the snapshot, the records give the same cversions, pzxids and
// ephemerals as they did.
func TestZK3144(t *testing.T) {
	for at := 1; at < snapFrames; at++ {
		h := busy()
		loaded, late := h.during(t, at,
			h.op(1, jute.OpCloseSession, nil),
			h.op(2, jute.OpDelete, (&jute.DeleteRequest{Path: "/b/y", Version: -1}).Append(nil)),
			h.op(2, jute.OpCreate, (&jute.CreateRequest{Path: "/b/y", ACL: jute.OpenACL}).Append(nil)),
			h.op(2, jute.OpCreate, (&jute.CreateRequest{Path: "/b/f", ACL: jute.OpenACL, Flags: jute.FlagEphemeralSequential}).Append(nil)),
		)
		if got := loaded.Ephemerals(1); len(got) != 3 || loaded.SessionCount() != 2 {
			t.Errorf("records before frame %d: the snapshot has ephemerals %s", at, got)
		}
		h.goesOn(t, at, loaded, late)
		if got := loaded.Ephemerals(1); len(got) != 0 || len(loaded.Ephemerals(2)) != 4 {
			t.Errorf("records before frame %d: after the replay there are %s", at, got)
		}
	}
}

// TestZK3306: ACLs come into use and out of use while a snapshot is read. Each
// node has in it the ACL that it had.
func TestZK3306(t *testing.T) {
	acl := func(n int32) []jute.ACL { return jute.WorldACL(jute.PermAdmin | n) }
	setACL := func(h *story, path string, n int32) func() *zab.Record {
		return h.op(1, jute.OpSetACL, (&jute.SetACLRequest{Path: path, ACL: acl(n), Version: -1}).Append(nil))
	}
	for at := 1; at < snapFrames; at++ {
		h := busy()
		for i, path := range []string{"/a", "/b", "/c"} {
			h.s.Apply(setACL(h, path, int32(i+1))())
		}
		digest := h.s.Digest()
		if digest == busy().s.Digest() {
			t.Fatal("the ACLs were not set")
		}
		loaded, late := h.during(t, at, setACL(h, "/a", 9), setACL(h, "/b", 10), setACL(h, "/c", 11), setACL(h, "/a/x", 12), setACL(h, "/a", 31))
		if loaded.Digest() != digest {
			t.Errorf("ACLs changed before frame %d: %#x, want %#x", at, loaded.Digest(), digest)
		}
		h.goesOn(t, at, loaded, late)
	}
}

// TestEtcd13766: the position in a snapshot is that of the state in it, also
// when records are applied before its first frame is written. Nothing is
// skipped and nothing applied twice after a crash between the two.
func TestEtcd13766(t *testing.T) {
	for at := 1; at < snapFrames; at++ {
		h := busy()
		digest, pos := h.s.Digest(), h.s.Applied()
		set := h.op(1, jute.OpSetData, (&jute.SetDataRequest{Path: "/a", Data: []byte("next"), Version: 0}).Append(nil))
		loaded, late := h.during(t, at, set, set, set)
		if loaded.Applied() != pos || loaded.Digest() != digest {
			t.Fatalf("records before frame %d: %#x at %s, want %#x at %s", at, loaded.Digest(), loaded.Applied(), digest, pos)
		}
		h.goesOn(t, at, loaded, late)
	}
}

// TestZK4306CloseSession: the record that closes a session is small however
// many ephemerals go with it.
func TestZK4306CloseSession(t *testing.T) {
	const many = 50_000
	h := newStory()
	h.session(1, 1000)
	h.session(2, 1000)
	for i := range many {
		h.create(1, fmt.Sprintf("/node-with-quite-a-long-name-%06d", i), jute.FlagEphemeral)
	}
	h.create(2, "/other", jute.FlagEphemeral)
	rec := h.record(zab.Txn{Session: 1, Op: int32(jute.OpCloseSession)})
	if len(rec.Bytes) > 200 {
		t.Errorf("the record has %d bytes", len(rec.Bytes))
	}
	decoded, err := wire.NewDecoder().Txn(rec.Bytes[wire.HeaderSize:])
	if err != nil {
		t.Fatal(err)
	}
	rec.Txn = decoded // as a learner or a start reads it
	if res := h.s.Apply(rec); res.Code != jute.CodeOK {
		t.Fatal(res.Code)
	}
	if got := h.s.Ephemerals(1); len(got) != 0 || h.s.SessionCount() != 1 {
		t.Errorf("%d of %d ephemerals are left", len(got), many)
	}
	if got := h.s.Ephemerals(2); !slices.Equal(got, []string{"/other"}) {
		t.Errorf("the other session has %s", got)
	}
}

// TestZK1367: the whole ensemble restarts, and a client does not come back. Its
// session, which only snapshots know of, expires all the same.
func TestZK1367(t *testing.T) {
	c := newCluster(t, 3)
	c.startAll()
	body := jute.AppendInt32(nil, 4000)
	c.leader().step(zab.Event{Kind: zab.EvRequest, Request: &zab.Request{Session: 77, Seq: 1, Op: int32(jute.OpCreateSession), Body: body}})
	c.settle(time.Second)
	for _, s := range c.servers {
		s.snapshot()
		if sessions, _ := content(s.snap); len(sessions) != 1 {
			t.Fatalf("server %d has sessions %v in its snapshot", s.id, sessions)
		}
	}
	for _, s := range c.servers {
		s.crash()
	}
	for _, s := range c.servers {
		s.start()
	}
	expired := func(s *server) bool {
		return slices.ContainsFunc(s.applied, func(r zab.Record) bool { return r.Txn.Op == zab.OpExpire && r.Txn.Session == 77 })
	}
	c.settle(2 * time.Second)
	if c.leader() == nil || expired(c.leader()) {
		t.Fatal("the session expired before its client had time to come back")
	}
	c.settle(30 * time.Second)
	for _, s := range c.servers {
		if !expired(s) {
			t.Errorf("server %d still has the session", s.id)
		}
	}
}
