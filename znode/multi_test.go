package znode

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/quorumd/quorumd/jute"
	"github.com/quorumd/quorumd/zab"
)

// multiBody builds the body of a multi.
type multiBody struct{ b []byte }

func newMulti() *multiBody { return &multiBody{} }

func (m *multiBody) add(op jute.Op, req appender) *multiBody {
	m.b = (&jute.MultiHeader{Type: op, Err: -1}).Append(m.b)
	m.b = req.Append(m.b)
	return m
}

func (m *multiBody) end() []byte { return jute.MultiEnd.Append(m.b) }

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.NewReplacer(" ", "", "|", "", "\n", "", "\t", "").Replace(s))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestMultiFailureGolden is the example of spec/client-protocol.md §11.4.
func TestMultiFailureGolden(t *testing.T) {
	r := newRig(t)
	r.create("/there", "")
	before := r.tree.Digest()
	m := newMulti().add(jute.OpCreate, createReq("/a", "x", 0)).add(jute.OpCreate, createReq("/there", "", 0)).
		add(jute.OpCreate, createReq("/b", "", 0))
	code, body := r.as(1, jute.OpMulti, m.end())
	want := unhex(t, `ffffffff 00 00000000 00000000 | ffffffff 00 ffffff92 ffffff92 |
		ffffffff 00 fffffffe fffffffe | ffffffff 01 ffffffff`)
	if code != 0 || string(body) != string(want) {
		t.Errorf("%v %x", code, body)
	}
	if r.tree.Digest() != before {
		t.Error("the tree changed")
	}
	checkTree(t, r.tree)
}

// TestMultiSuccessGolden has one of each operation.
func TestMultiSuccessGolden(t *testing.T) {
	r := newRig(t)
	r.flags = zab.FlagExtendedTypes
	r.zxid, r.now = 0xff, 0xfff
	m := newMulti().
		add(jute.OpCreate, createReq("/a", "xy", 0)).
		add(jute.OpCreate2, createReq("/a/s", "", jute.FlagPersistentSequential)).
		add(jute.OpCreate2, createReq("/a/s", "", jute.FlagPersistentSequential)).
		add(jute.OpSetData, &jute.SetDataRequest{Path: "/a", Data: []byte("z"), Version: 0}).
		add(jute.OpCheck, &jute.CheckVersionRequest{Path: "/a", Version: 1}).
		add(jute.OpDelete, &jute.DeleteRequest{Path: "/a/s0000000000", Version: 0}).
		add(jute.OpCreateContainer, createReq("/c", "", 4)).
		add(jute.OpCreateTTL, &jute.CreateTTLRequest{CreateRequest: *createReq("/t", "", 5), TTL: 9})
	code, body := r.as(1, jute.OpMulti, m.end())
	const (
		z    = "0000000000000100"
		at   = "0000000000001000"
		none = "0000000000000000"
		born = z + z + at + at + "00000000 00000000 00000000" + none + "00000000 00000000" + z
	)
	want := unhex(t, `00000001 00 00000000  00000002 2f61
		0000000f 00 00000000  0000000e 2f612f73 30303030303030303030`+born+`
		0000000f 00 00000000  0000000e 2f612f73 30303030303030303031`+born+`
		00000005 00 00000000 `+z+z+at+at+`00000001 00000002 00000000`+none+`00000001 00000002`+z+`
		0000000d 00 00000000
		00000002 00 00000000
		0000000f 00 00000000  00000002 2f63`+born+`
		0000000f 00 00000000  00000002 2f74`+born+`
		ffffffff 01 ffffffff`)
	if code != 0 || string(body) != string(want) {
		t.Errorf("%v\n%x\n%x", code, body, want)
	}
	checkTree(t, r.tree)
}

func TestMultiOdds(t *testing.T) {
	r := newRig(t)
	before := r.tree.Digest()
	if code, body := r.as(1, jute.OpMulti, newMulti().end()); code != 0 || hex.EncodeToString(body) != "ffffffff01ffffffff" {
		t.Errorf("nothing: %v %x", code, body)
	}
	for name, body := range map[string][]byte{
		"no end":       newMulti().add(jute.OpCreate, createReq("/a", "", 0)).b,
		"a read":       newMulti().add(jute.OpCreate, createReq("/a", "", 0)).add(jute.OpGetData, &jute.PathWatchRequest{Path: "/a"}).end(),
		"setACL":       newMulti().add(jute.OpSetACL, &jute.SetACLRequest{Path: "/a", ACL: open()}).end(),
		"a multi":      newMulti().add(jute.OpMulti, &jute.PathRequest{}).end(),
		"closeSession": newMulti().add(jute.OpCloseSession, &jute.MultiHeader{}).end(),
		"flags":        newMulti().add(jute.OpCreate, createReq("/a", "", 0)).add(jute.OpCreate, createReq("/b", "", 9)).end(),
	} {
		if code, reply := r.as(1, jute.OpMulti, body); code != jute.CodeMarshallingError || len(reply) != 0 {
			t.Errorf("%s: %v %x", name, code, reply)
		}
	}
	// done ends the multi wherever it stands.
	m := newMulti().end()
	m = append(m, "rest"...)
	if code, _ := r.as(1, jute.OpMulti, m); code != 0 {
		t.Error(code)
	}
	if r.tree.Digest() != before {
		t.Error("the tree changed")
	}
	// One operation may undo what another one did.
	code, _ := r.as(1, jute.OpMulti, newMulti().
		add(jute.OpCreate, createReq("/a", "", jute.FlagEphemeral)).
		add(jute.OpDelete, &jute.DeleteRequest{Path: "/a", Version: -1}).
		add(jute.OpCreate, createReq("/a", "", 0)).end())
	if s := r.stat("/a"); code != 0 || s.EphemeralOwner != 0 || r.stat("/").NumChildren != 2 {
		t.Error(code, s)
	}
	checkTree(t, r.tree)
}

// TestMultiChecksAccess: an operation inside a multi may do no more than alone.
func TestMultiChecksAccess(t *testing.T) {
	for _, row := range []struct {
		op  jute.Op
		req appender
	}{
		{jute.OpCreate, createReq("/locked/x", "", 0)},
		{jute.OpCreateContainer, createReq("/locked/x", "", 0)},
		{jute.OpDelete, &jute.DeleteRequest{Path: "/locked/kid", Version: -1}},
		{jute.OpSetData, &jute.SetDataRequest{Path: "/locked", Version: -1}},
		{jute.OpCheck, &jute.CheckVersionRequest{Path: "/locked", Version: -1}},
	} {
		r := fixture(t)
		_, body := r.as(1, jute.OpMulti, newMulti().add(row.op, row.req).end())
		if got := hex.EncodeToString(body); got != "ffffffff00ffffff9affffff9a"+"ffffffff01ffffffff" {
			t.Errorf("%s: %s", row.op, got)
		}
	}
}

func TestMultiRead(t *testing.T) {
	r := fixture(t)
	read := func(op jute.Op, path string) *multiBody {
		return newMulti().add(op, &jute.PathWatchRequest{Path: path, Watch: true})
	}
	w := newWatcher()
	m := read(jute.OpGetData, "/open")
	m.add(jute.OpGetData, &jute.PathWatchRequest{Path: "/locked"}).
		add(jute.OpGetChildren, &jute.PathWatchRequest{Path: "/limited"}).
		add(jute.OpGetData, &jute.PathWatchRequest{Path: "/none"})
	body, code := r.tree.Read(jute.OpMultiRead, m.end(), r.caller(w), []byte("kept"))
	stat := r.stat("/open")
	want := append([]byte("kept"), unhex(t, "00000004 00 00000000 00000004")...)
	want = stat.Append(append(want, "data"...))
	want = append(want, unhex(t, "ffffffff 00 ffffff9a ffffff9a")...)
	want = append(want, unhex(t, "00000008 00 00000000 00000001 00000003")...)
	want = append(want, "kid"...)
	want = append(want, unhex(t, "ffffffff 00 ffffff9b ffffff9b ffffffff 01 ffffffff")...)
	if code != 0 || string(body) != string(want) {
		t.Errorf("%v\n%x\n%x", code, body, want)
	}
	if c := r.tree.WatchCounts(); c.Watches != 0 {
		t.Error("a multiRead set a watch")
	}
	for _, bad := range [][]byte{
		read(jute.OpGetData, "/open").add(jute.OpDelete, &jute.DeleteRequest{Path: "/open"}).end(),
		read(jute.OpExists, "/open").end(),
		read(jute.OpGetData, "/open").b,
	} {
		if body, code := r.tree.Read(jute.OpMultiRead, bad, r.caller(w), []byte("kept")); code != jute.CodeMarshallingError || string(body) != "kept" {
			t.Errorf("%v %x", code, body)
		}
	}
}

// TestMultiGoesByTheFlags: in a multi, and only there, a create with the flags
// of a container makes one.
func TestMultiGoesByTheFlags(t *testing.T) {
	r := newRig(t)
	for i, op := range []jute.Op{jute.OpCreate, jute.OpCreate2} {
		path := "/" + strings.Repeat("c", i+1)
		code, body := r.as(1, jute.OpMulti, newMulti().add(op, createReq(path, "", jute.FlagContainer)).end())
		if code != 0 || body[3] != byte(jute.OpCreate2) {
			t.Errorf("%v: code %v, result %x", op, code, body)
		}
		if n := r.tree.node(r.tree.lookup(path)); n.meta&metaContainer == 0 {
			t.Errorf("%v: %s is no container", op, path)
		}
	}
	r.createFlags(1, "/plain", jute.FlagContainer)
	if n := r.tree.node(r.tree.lookup("/plain")); n.meta&metaContainer != 0 {
		t.Error("a create made a container")
	}
	checkTree(t, r.tree)
}

// TestMultiReadBound: many copies of a large node, or of a large directory's
// names, are refused as a whole, and what was gathered is not kept.
func TestMultiReadBound(t *testing.T) {
	r := newRig(t)
	const size = 1 << 20
	r.create("/large", strings.Repeat("x", size))
	r.create("/dir", "")
	name := strings.Repeat("n", 250)
	for i := range 1000 {
		r.create(fmt.Sprintf("/dir/%s%04d", name, i), "")
	}
	for _, row := range []struct {
		op   jute.Op
		path string
		fit  int
	}{
		{jute.OpGetData, "/large", MaxMultiRead/size - 1},
		{jute.OpGetChildren, "/dir", MaxMultiRead / (1000 * 258)},
	} {
		ask := func(n int) ([]byte, jute.Code) {
			m := newMulti()
			for range n {
				m.add(row.op, &jute.PathWatchRequest{Path: row.path})
			}
			return r.tree.Read(jute.OpMultiRead, m.end(), r.caller(nil), append(make([]byte, 0, 64), "kept"...))
		}
		if body, code := ask(row.fit); code != 0 || len(body) > MaxMultiRead+1024 {
			t.Errorf("%v: %v, %d bytes", row.op, code, len(body))
		}
		for _, n := range []int{row.fit + 1, 2000} {
			if body, code := ask(n); code != jute.CodeThrottledOp || string(body) != "kept" || cap(body) != 64 {
				t.Errorf("%v, %d times: %v, %d bytes in %d", row.op, n, code, len(body), cap(body))
			}
		}
	}
}
