package clientport

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"slices"
	"testing"

	"github.com/quorumd/quorumd/jute"
	"github.com/quorumd/quorumd/zab"
)

// TestMalformedRequests is spec/client-protocol.md §17, after the handshake.
func TestMalformedRequests(t *testing.T) {
	h := start(t, nil)
	for name, b := range map[string][]byte{
		"empty frame":           framed(),
		"three bytes":           framed([]byte{1, 2, 3}),
		"negative length":       i32(-1),
		"length over the limit": i32(jute.DefaultMaxBuffer + 1),
		"a word in a session":   []byte("ruok"),
	} {
		c := open(t, h.port)
		c.send(b)
		if got := c.rest(); got != "" {
			t.Errorf("%s: answered %x", name, got)
		}
	}
	for name, b := range map[string][]byte{
		"op 99":           req(7, 99),
		"op 0":            req(7, jute.OpNotification),
		"op -1":           req(7, jute.OpError),
		"check":           req(7, jute.OpCheck, str("/a"), i32(1)),
		"createSession":   req(7, jute.OpCreateSession, i32(4000)),
		"deleteContainer": req(7, jute.OpDeleteContainer, str("/a")),
		"a second connect": framed(i32(7), i64(0), i32(10000), i64(0), buf(make([]byte, 16)),
			[]byte{0}),
	} {
		c := open(t, h.port)
		c.send(b, getData(8, "/", false))
		want := "\x00\x00\x00\x10" + string(unhex("00000007 ffffffffffffffff fffffffa"))
		if got := c.rest(); got != want {
			t.Errorf("%s: answered %x", name, got)
		}
	}
}

// TestUndecodableBodies: -5, the connection stays, and nothing was proposed.
func TestUndecodableBodies(t *testing.T) {
	h := start(t, nil)
	c := open(t, h.port)
	before := h.state.Applied()
	null := i32(-1)
	c.send(
		req(1, jute.OpGetData), req(2, jute.OpGetData, i32(5), []byte("/a")),
		req(3, jute.OpCreate, str("/a")), req(4, jute.OpDelete, null, i32(-1)),
		req(5, jute.OpDelete, str("/a")), req(6, jute.OpMulti, i32(1), []byte{0}, i32(-1)),
		req(7, jute.OpMulti, i32(int32(jute.OpSetACL)), []byte{0}, i32(-1)),
		req(8, jute.OpSync), req(9, jute.OpCreate, str("/a"), i32(-2)),
		req(10, jute.OpCreateTTL, str("/a"), null, i32(0), i32(5)))
	for xid := int32(1); xid <= 10; xid++ {
		c.wantReply(xid, jute.CodeMarshallingError)
	}
	c.send(req(11, jute.OpSetData, null, null, i32(-1)), req(12, jute.OpSetACL, null, null, i32(-1)), req(13, jute.OpSetData, null, null))
	c.wantReply(11, jute.CodeBadArguments)
	c.wantReply(12, jute.CodeBadArguments)
	c.wantReply(13, jute.CodeMarshallingError)
	if h.state.Applied() != before {
		t.Errorf("a transaction was made of an undecodable request")
	}
	c.send(ping())
	c.wantReply(-2, 0)
}

// TestNullInACL: what null means in an entry is for the tree to say.
func TestNullInACL(t *testing.T) {
	h := start(t, nil)
	c := open(t, h.port)
	null := i32(-1)
	entry := func(xid int32, scheme, id []byte) []byte {
		return req(xid, jute.OpCreate, str("/a"), null, i32(1), i32(31), scheme, id, i32(0))
	}
	c.send(entry(1, null, str("anyone")), entry(2, str("digest"), null))
	c.wantReply(1, jute.CodeInvalidACL)
	c.wantReply(2, jute.CodeMarshallingError)
}

// TestSimpleAnswers: bytes after a record, a sync's path, reconfig, sasl, and
// the xid of a ping.
func TestSimpleAnswers(t *testing.T) {
	h := start(t, nil)
	c := open(t, h.port)
	c.send(req(5, jute.OpSync, str("/x"), []byte("rest")))
	if r := c.wantReply(5, 0); !bytes.Equal(r.body, str("/x")) {
		t.Errorf("sync answers %x", r.body)
	}
	c.send(req(6, jute.OpSync, i32(-1)))
	if r := c.wantReply(6, 0); !bytes.Equal(r.body, i32(-1)) {
		t.Errorf("sync of null answers %x", r.body)
	}
	c.send(req(7, jute.OpReconfig, i32(-1), i32(-1), str(""), i64(-1)))
	c.wantReply(7, jute.CodeReconfigDisabled)
	c.send(req(8, jute.OpSASL, buf([]byte("x"))))
	if r := c.wantReply(8, 0); r.zxid != 0 || !bytes.Equal(r.body, i32(-1)) {
		t.Errorf("sasl answers %v", r)
	}
	c.send(req(77, jute.OpPing))
	if r := c.wantReply(-2, 0); r.zxid != h.state.Applied().Zxid {
		t.Errorf("ping answers zxid %s", r.zxid)
	}
	c.send(req(0, jute.OpGetData, str("/"), []byte{0, 1, 2, 3}))
	c.wantReply(0, 0)
	c.send(getData(9, "/none", false))
	if r := c.wantReply(9, jute.CodeNoNode); len(r.body) != 0 {
		t.Errorf("an error has a body: %x", r.body)
	}
}

// TestCloseSession: answered, then closed; what is pipelined behind it is not.
func TestCloseSession(t *testing.T) {
	h := start(t, nil)
	c := open(t, h.port)
	c.send(create(1, "/a", "x"), closeSession(2), getData(3, "/a", false), make([]byte, 100))
	c.wantReply(1, 0)
	c.wantReply(2, 0)
	c.wantClosed()
	if _, lives := h.state.SessionTimeout(c.session); lives {
		t.Error("the session lives")
	}
}

// TestAuth: ids are added; a refusal is answered and ends the connection.
func TestAuth(t *testing.T) {
	super := "super:" + digestOf("super:secret")
	h := start(t, func(c *Config) { c.SuperDigest = super })
	c := open(t, h.port)
	auth := func(xid int32, scheme, data string) []byte {
		return req(xid, jute.OpAuth, i32(0), str(scheme), buf([]byte(data)))
	}
	c.send(auth(-4, "digest", "bob:pw"), auth(77, "digest", "super:secret"), auth(-4, "digest", "bob:pw"),
		auth(-4, "ip", ""), setData(1, "/none", ""))
	for _, xid := range []int32{-4, 77, -4, -4} {
		if r := c.wantReply(xid, 0); r.zxid != 0 || len(r.body) != 0 {
			t.Errorf("auth answers %v", r)
		}
	}
	c.wantReply(1, jute.CodeNoNode)
	want := []zab.Identity{{Scheme: "ip", ID: "127.0.0.1"}, {Scheme: "digest", ID: "bob:" + digestOf("bob:pw")},
		{Scheme: "digest", ID: super}, {Scheme: "super"}}
	h.await("the write", func(seen []zab.Event) bool {
		q := seen[len(seen)-1].Request
		if q == nil || q.Cxid != 1 {
			return false
		}
		if len(q.Auth) != len(want) {
			t.Errorf("ids %v, want %v", q.Auth, want)
			return true
		}
		for i := range want {
			if q.Auth[i] != want[i] {
				t.Errorf("id %v, want %v", q.Auth[i], want[i])
			}
		}
		return true
	})
	for _, scheme := range []string{"sasl", "super", "world", "x509", ""} {
		bad := open(t, h.port)
		bad.send(auth(-4, scheme, "x"), getData(1, "/", false))
		if r := bad.wantReply(-4, jute.CodeAuthFailed); r.zxid != 0 {
			t.Errorf("%s: zxid %s", scheme, r.zxid)
		}
		bad.wantClosed()
	}
}

// TestTooManyIdentities: what every write would carry is bounded.
func TestTooManyIdentities(t *testing.T) {
	h := start(t, nil)
	c := open(t, h.port)
	big := make([]byte, maxIdentityBytes)
	c.send(req(-4, jute.OpAuth, i32(0), str("digest"), buf(bytes.Repeat([]byte("a"), len(big)))))
	c.wantReply(-4, jute.CodeAuthFailed)
	c.wantClosed()
}

func digestOf(text string) string {
	sum := sha1.Sum([]byte(text))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// TestMoved: a write that the leader refuses because the session has moved
// closes the connection without a word; so does its loss.
func TestMoved(t *testing.T) {
	h := start(t, nil)
	c := open(t, h.port)
	h.setMoved(c.session)
	c.send(setData(1, "/a", "x"), getData(2, "/", false))
	c.wantClosed()
}

// TestWatchEvent: the event comes before the reply to the write that fired it.
func TestWatchEvent(t *testing.T) {
	h := start(t, nil)
	c := open(t, h.port)
	c.send(create(1, "/w", "0"), getData(2, "/w", true), setData(3, "/w", "1"), getData(4, "/w", false))
	c.wantReply(1, 0)
	c.wantReply(2, 0)
	event := c.wantReply(-1, 0)
	written := c.wantReply(3, 0)
	if event.zxid != written.zxid {
		t.Errorf("event of %s, write of %s", event.zxid, written.zxid)
	}
	if data, version := dataOf(t, c.wantReply(4, 0).body); data != "1" || version != 1 {
		t.Errorf("read %q version %d", data, version)
	}
}

// FuzzCheckWrite compares checkWrite with the decoders that apply uses.
func FuzzCheckWrite(f *testing.F) {
	f.Add(int32(jute.OpCreate), create(1, "/a", "x")[12:])
	f.Add(int32(jute.OpSetData), setData(1, "/a", "x")[12:])
	f.Add(int32(jute.OpDelete), append(str("/a"), i32(1)...))
	f.Add(int32(jute.OpCreateTTL), append(create(1, "/a", "x")[12:], i64(5)...))
	f.Add(int32(jute.OpMulti), append([]byte{0, 0, 0, 13, 0, 0, 0, 0, 0}, append(append(str("/a"), i32(1)...), 255, 255, 255, 255, 1, 0, 0, 0, 0)...))
	f.Fuzz(func(t *testing.T, op int32, body []byte) {
		if classify(jute.Op(op)) != classWrite {
			return
		}
		got := checkWrite(jute.Op(op), body) != jute.CodeMarshallingError
		r := jute.NewReader(body)
		if jute.Op(op) == jute.OpMulti {
			for sub, ok := jute.NextMultiOp(&r, jute.Op.AllowedInMulti); ok; sub, ok = jute.NextMultiOp(&r, jute.Op.AllowedInMulti) {
				decodeWrite(&r, sub, (*jute.Reader).Path)
			}
		} else {
			decodeWrite(&r, jute.Op(op), (*jute.Reader).Str)
		}
		if want := r.Err() == nil; got != want {
			t.Errorf("op %d body %x: checked %v, decodes %v: %v", op, body, got, want, r.Err())
		}
	})
}

func decodeWrite(r *jute.Reader, op jute.Op, path func(*jute.Reader) string) {
	acls := func() {
		n, _ := r.Count(12)
		for range n {
			r.Int32()
			r.Str()
			r.Str()
		}
	}
	switch op {
	case jute.OpCreate, jute.OpCreate2, jute.OpCreateContainer, jute.OpCreateTTL:
		r.Path()
		r.Buffer()
		acls()
		r.Int32()
		if op == jute.OpCreateTTL {
			r.Int64()
		}
	case jute.OpDelete:
		new(jute.DeleteRequest).Decode(r)
	case jute.OpCheck:
		new(jute.CheckVersionRequest).Decode(r)
	case jute.OpSetData:
		path(r)
		r.Buffer()
		r.Int32()
	case jute.OpSetACL:
		path(r)
		acls()
		r.Int32()
	}
}

// TestZK2623: a check outside of a multi is refused, and nothing but the known
// writes reaches the log.
func TestZK2623(t *testing.T) {
	writes := []jute.Op{1, 2, 5, 7, 14, 15, 19, 21}
	for op := jute.Op(-200); op <= 200; op++ {
		if got := classify(op) == classWrite; got != slices.Contains(writes, op) {
			t.Errorf("%s is proposed: %v", op, got)
		}
	}
	h := start(t, nil)
	for _, r := range [][]byte{
		req(3, jute.OpCheck, str("/"), i32(-1)), req(3, jute.OpDeleteContainer, str("/")), req(3, jute.OpCreateSession, i32(1000)),
	} {
		c := open(t, h.port)
		state, mu := h.State()
		mu.RLock()
		before := state.Applied()
		mu.RUnlock()
		c.send(r)
		c.wantReply(3, jute.CodeUnimplemented)
		c.wantClosed()
		mu.RLock()
		if state.Applied() != before {
			t.Errorf("%x was applied", r)
		}
		mu.RUnlock()
	}
}
