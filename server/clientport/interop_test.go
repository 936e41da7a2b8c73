package clientport

import (
	"errors"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/quorumd/quorumd/jute"
)

type quiet struct{}

func (quiet) Printf(string, ...any) {}

// TestGoClient lets a widely used client do its usual work.
func TestGoClient(t *testing.T) {
	h := start(t, nil)
	conn, events, err := zk.Connect([]string{h.port.Addr().String()}, 10*time.Second, zk.WithLogger(quiet{}))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for ev := range events {
		if ev.State == zk.StateHasSession {
			break
		}
	}
	if err := conn.AddAuth("digest", []byte("u:p")); err != nil {
		t.Fatal(err)
	}
	path, err := conn.Create("/app", []byte("one"), 0, zk.WorldACL(zk.PermAll))
	if err != nil || path != "/app" {
		t.Fatal(path, err)
	}
	data, stat, watch, err := conn.GetW("/app")
	if err != nil || string(data) != "one" || stat.Version != 0 {
		t.Fatal(data, stat, err)
	}
	if _, err := conn.Set("/app", []byte("two"), 0); err != nil {
		t.Fatal(err)
	}
	if ev := <-watch; ev.Type != zk.EventNodeDataChanged || ev.Path != "/app" {
		t.Fatal(ev)
	}
	if _, err := conn.Set("/app", nil, 0); !errors.Is(err, zk.ErrBadVersion) {
		t.Fatal(err)
	}
	res, err := conn.Multi(&zk.CreateRequest{Path: "/app/e", Acl: zk.WorldACL(zk.PermAll), Flags: zk.FlagEphemeral},
		&zk.CheckVersionRequest{Path: "/app", Version: 1})
	if err != nil || res[0].String != "/app/e" {
		t.Fatal(res, err)
	}
	if _, err := conn.Sync("/app"); err != nil {
		t.Fatal(err)
	}
	children, _, err := conn.Children("/app")
	if err != nil || len(children) != 1 || children[0] != "e" {
		t.Fatal(children, err)
	}
	// Dropped by the server, it comes back with its session. It holds no watch
	// meanwhile: this client has a data race of its own when it renews watches.
	// TestSetWatches covers that part.
	session := conn.SessionID()
	h.port.CloseAll("test")
	for ev := range events {
		if ev.State == zk.StateHasSession {
			break
		}
	}
	if conn.SessionID() != session {
		t.Fatalf("session %x became %x", session, conn.SessionID())
	}
	if _, err := conn.Set("/app", []byte("three"), 1); err != nil {
		t.Fatal(err)
	}
}

// TestSetWatches: what happened while the client was away is told before the
// reply, and both after the replies to what was asked before.
func TestSetWatches(t *testing.T) {
	h := start(t, nil)
	c := open(t, h.port)
	c.send(create(1, "/a", ""), create(2, "/b", ""), setData(3, "/a", "x"))
	c.wantReply(1, 0)
	since := c.wantReply(2, 0).zxid
	c.wantReply(3, 0)
	none := i32(0)
	paths := func(p ...string) []byte { return jute.AppendStrings(nil, p) }
	c.send(getData(4, "/a", false),
		req(-8, jute.OpSetWatches, i64(int64(since)), paths("/a", "/b", "/gone"), none, none),
		getData(5, "/a", false), setData(6, "/b", "x"))
	c.wantReply(4, 0)
	for range 2 {
		if r := c.wantReply(-1, 0); r.zxid != -1 {
			t.Errorf("the event has zxid %s", r.zxid)
		}
	}
	c.wantReply(-8, 0)
	c.wantReply(5, 0)
	c.wantReply(-1, 0)
	c.wantReply(6, 0)
}

// FuzzParseConnect compares with the decoder of package jute.
func FuzzParseConnect(f *testing.F) {
	f.Add(connectFrame(1, 2, 3, make([]byte, 16), 1)[4:])
	f.Add(connectFrame(1, 2, 3, nil, -1)[4:])
	f.Fuzz(func(t *testing.T, b []byte) {
		q, ok := parseConnect(b)
		r := jute.NewReader(b)
		var want jute.ConnectRequest
		want.Decode(&r)
		if ok != (r.Err() == nil) {
			t.Fatalf("%x: ok %v, error %v", b, ok, r.Err())
		}
		if ok && (int64(q.lastZxid) != want.LastZxidSeen || q.timeout != want.Timeout ||
			int64(q.session) != want.SessionID || string(q.password) != string(want.Password)) {
			t.Fatalf("%x: %+v, want %+v", b, q, want)
		}
	})
}
