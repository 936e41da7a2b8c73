package client

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/quorumd/quorumd/jute"
)

func TestCalls(t *testing.T) {
	f := newFake(t)
	c := connect(t, one(f))
	ctx := testContext(t)
	path, err := c.Create(ctx, "/a", []byte("x"))
	if err != nil || path != "/a" {
		t.Fatal(path, err)
	}
	_, err = c.Create(ctx, "/a", nil)
	want(t, err, ErrNodeExists)
	if s := err.Error(); s != "client: create /a: node exists already" {
		t.Error(s)
	}
	var e *Error
	if !errors.As(err, &e) || e.Op != "create" || e.Path != "/a" {
		t.Errorf("%#v", err)
	}
	data, stat, err := c.Get(ctx, "/a")
	if err != nil || string(data) != "x" || stat.Version != 0 {
		t.Error(data, stat, err)
	}
	_, err = c.Set(ctx, "/a", nil, 5)
	want(t, err, ErrBadVersion)
	if stat, err = c.Set(ctx, "/a", nil, 0); err != nil || stat.Version != 1 {
		t.Error(stat, err)
	}
	if data, _, err = c.Get(ctx, "/a"); err != nil || data != nil {
		t.Errorf("null data is %#v, %v", data, err)
	}
	if path, err = c.Create(ctx, "/a/n-", nil, Sequential(), Ephemeral()); err != nil || len(path) != len("/a/n-0000000000") {
		t.Error(path, err)
	}
	names, _, err := c.Children(ctx, "/a")
	if err != nil || len(names) != 1 || "/a/"+names[0] != path {
		t.Error(names, err)
	}
	want(t, c.Delete(ctx, "/a", AnyVersion), ErrNotEmpty)
	must(t, c.Delete(ctx, path, AnyVersion))
	must(t, c.Sync(ctx, "/"))
	if _, ok, err := c.Exists(ctx, "/a"); !ok || err != nil {
		t.Error(ok, err)
	}
	if _, ok, err := c.Exists(ctx, "/b"); ok || err != nil {
		t.Error(ok, err)
	}
	_, _, err = c.Get(ctx, "/b")
	want(t, err, ErrNoNode)
	f.with(func() {
		if c.LastZxid() != f.zxid {
			t.Errorf("last zxid %d, the server is at %d", c.LastZxid(), f.zxid)
		}
	})
	must(t, c.Close(ctx))
	_, _, err = c.Get(ctx, "/a")
	want(t, err, ErrClosed)
	want(t, c.Err(), ErrClosed)
	if c.State() != StateClosed {
		t.Error(c.State())
	}
	must(t, c.Close(ctx))
	f.with(func() {
		if len(f.sessions) != 0 {
			t.Error("Close did not end the session")
		}
	})
}

// TestRefusedHere holds what cannot be meant to be refused before it is sent.
func TestRefusedHere(t *testing.T) {
	f := newFake(t)
	c := connect(t, one(f))
	ctx := testContext(t)
	try := map[string]error{}
	_, _, try["get"] = c.Get(ctx, "a")
	_, try["set"] = c.Set(ctx, "/a/", nil, -1)
	try["delete"] = c.Delete(ctx, "", -1)
	_, _, try["exists"] = c.Exists(ctx, "/a//b")
	_, _, try["children"] = c.Children(ctx, "/..")
	_, try["create"] = c.Create(ctx, "/a/", nil)
	_, try["create both"] = c.Create(ctx, "/a", nil, Ephemeral(), Container())
	_, try["create ttl 0"] = c.Create(ctx, "/a", nil, TTL(0))
	_, try["create ttl"] = c.Create(ctx, "/a", nil, TTL(40*365*24*time.Hour))
	_, try["watch"] = c.Watch(ctx, "/", 7)
	_, try["multi"] = c.Multi(ctx, CheckOp("/", 1), SetOp("x", nil, -1))
	_, try["multi zero"] = c.Multi(ctx, Op{path: "/"})
	for name, err := range try {
		want(t, err, ErrBadArguments)
		if !strings.HasPrefix(fmt.Sprint(err), "client: ") {
			t.Error(name, err)
		}
	}
	var m *MultiError
	if !errors.As(try["multi"], &m) || m.Index != 1 {
		t.Error(try["multi"])
	}
	_, err := c.Set(ctx, "/a", make([]byte, jute.DefaultMaxBuffer), -1)
	want(t, err, ErrTooLarge)
	f.with(func() {
		if len(f.ops) > 0 {
			t.Error("sent:", f.ops)
		}
	})
	over, cancel := context.WithCancel(ctx)
	cancel()
	_, _, err = c.Get(over, "/")
	want(t, err, context.Canceled)
}

func TestCreateRecords(t *testing.T) {
	c := &Client{opt: options{chroot: "/root"}}
	cases := []struct {
		path string
		opts []CreateOption
		op   jute.Op
		want appender
	}{
		{"/a", nil, jute.OpCreate, &jute.CreateRequest{Path: "/root/a"}},
		{"/", nil, jute.OpCreate, &jute.CreateRequest{Path: "/root"}},
		{"/a", []CreateOption{Ephemeral()}, jute.OpCreate, &jute.CreateRequest{Path: "/root/a", Flags: 1}},
		{"/a/", []CreateOption{Sequential()}, jute.OpCreate, &jute.CreateRequest{Path: "/root/a/", Flags: 2}},
		{"/", []CreateOption{Sequential(), Ephemeral()}, jute.OpCreate, &jute.CreateRequest{Path: "/root/", Flags: 3}},
		{"/a", []CreateOption{Container()}, jute.OpCreateContainer, &jute.CreateRequest{Path: "/root/a", Flags: 4}},
		{"/a", []CreateOption{Container(), Sequential()}, jute.OpCreateContainer, &jute.CreateRequest{Path: "/root/a", Flags: 2}},
		{"/a", []CreateOption{TTL(time.Second)}, jute.OpCreateTTL,
			&jute.CreateTTLRequest{CreateRequest: jute.CreateRequest{Path: "/root/a", Flags: 5}, TTL: 1000}},
		{"/a", []CreateOption{TTL(time.Second), Sequential()}, jute.OpCreateTTL,
			&jute.CreateTTLRequest{CreateRequest: jute.CreateRequest{Path: "/root/a", Flags: 6}, TTL: 1000}},
	}
	for _, k := range cases {
		op, rec, err := c.encodeCreate(k.path, nil, k.opts)
		switch w := k.want.(type) {
		case *jute.CreateRequest:
			w.ACL = jute.OpenACL
		case *jute.CreateTTLRequest:
			w.ACL = jute.OpenACL
		}
		if err != nil || op != k.op || !reflect.DeepEqual(rec, k.want) {
			t.Errorf("%s: %s %+v, %v, want %s %+v", k.path, op, rec, err, k.op, k.want)
		}
	}
}

// TestPipelining shows that calls do not wait for each other: the server gives
// no answer before it has all requests.
func TestPipelining(t *testing.T) {
	f := newFake(t)
	c := connect(t, one(f))
	ctx := testContext(t)
	const calls = 50
	var xids []int32
	f.with(func() {
		f.hook = func(n *fakeConn, h jute.RequestHeader, _ []byte) bool {
			if xids = append(xids, h.Xid); len(xids) == calls {
				for _, xid := range xids {
					n.reply(xid, 1, 0, &jute.GetDataResponse{Data: jute.AppendInt32(nil, xid)})
				}
			}
			return true
		}
	})
	got := make(chan int32, calls)
	var wg sync.WaitGroup
	for range calls {
		wg.Go(func() {
			data, _, err := c.Get(ctx, "/")
			if err != nil {
				t.Error(err)
				return
			}
			r := jute.NewReader(data)
			got <- r.Int32()
		})
	}
	wg.Wait()
	close(got)
	seen := map[int32]bool{}
	for xid := range got {
		seen[xid] = true
	}
	if len(seen) != calls {
		t.Errorf("%d different replies for %d calls", len(seen), calls)
	}
	for i, xid := range xids {
		if xid != int32(i+1) {
			t.Errorf("request %d has xid %d", i, xid)
		}
	}
}

// TestCancelInFlight: the reply to a call that was given up is not taken for
// that of another.
func TestCancelInFlight(t *testing.T) {
	f := newFake(t)
	c := connect(t, one(f))
	ctx := testContext(t)
	arrived := make(chan *fakeConn, 1)
	f.with(func() {
		f.hook = func(n *fakeConn, h jute.RequestHeader, _ []byte) bool {
			if h.Xid == 1 {
				arrived <- n
			}
			return h.Xid == 1
		}
	})
	first, cancel := context.WithCancel(ctx)
	end := make(chan error)
	go func() {
		_, _, err := c.Get(first, "/one")
		end <- err
	}()
	n := receive(t, arrived)
	cancel()
	want(t, receive(t, end), context.Canceled)
	f.with(func() {
		f.hook = nil
		n.reply(1, f.zxid, jute.CodeNoAuth, nil)
	})
	if _, _, err := c.Get(ctx, "/"); err != nil {
		t.Error(err)
	}
	if n := len(c.slots); n != 0 {
		t.Errorf("%d slots are not given back", n)
	}
}

func TestLargeReply(t *testing.T) {
	f := newFake(t)
	c := connect(t, one(f), WithMaxReply(200))
	ctx := testContext(t)
	_, err := c.Create(ctx, "/big", make([]byte, 1000))
	must(t, err)
	_, _, err = c.Get(ctx, "/big")
	want(t, err, ErrTooLarge)
	if _, _, err = c.Get(ctx, "/"); err != nil {
		t.Error("the connection suffered:", err)
	}
}

func TestMultiReplies(t *testing.T) {
	f := newFake(t)
	c := connect(t, one(f), WithChroot("/r"))
	ctx := testContext(t)
	var request, reply []byte
	f.with(func() {
		f.hook = func(n *fakeConn, h jute.RequestHeader, body []byte) bool {
			if h.Op != jute.OpMulti {
				return false
			}
			request = append([]byte{}, body...)
			n.reply(h.Xid, 5, 0, raw(reply))
			return true
		}
	})
	set := func(b []byte) { f.with(func() { reply = b }) }
	ops := []Op{CheckOp("/a", 3), CreateOp("/b", []byte("x")), SetOp("/c", nil, AnyVersion), DeleteOp("/d", 1), CreateOp("/e", nil, Container())}

	var b []byte
	for _, code := range []jute.Code{0, ErrNodeExists, -2, -2, -2} {
		b = jute.AppendMultiError(b, code)
	}
	set(jute.MultiEnd.Append(b))
	results, err := c.Multi(ctx, ops...)
	want(t, err, ErrNodeExists)
	var m *MultiError
	if !errors.As(err, &m) || m.Index != 1 || m.Path != "/b" || m.Op != "create" {
		t.Errorf("%v", err)
	}
	if s := err.Error(); s != "client: multi: operation 1 (create /b): node exists already" {
		t.Error(s)
	}
	for i, r := range results {
		target := error(ErrNotTried)
		if i == 1 {
			target = ErrNodeExists
		}
		want(t, r.Err, target)
	}

	b = (&jute.MultiHeader{Type: jute.OpCheck}).Append(nil)
	b = (&jute.CreateResponse{Path: "/r/b"}).Append((&jute.MultiHeader{Type: jute.OpCreate}).Append(b))
	b = (&jute.StatResponse{Stat: Stat{Version: 7}}).Append((&jute.MultiHeader{Type: jute.OpSetData}).Append(b))
	b = (&jute.MultiHeader{Type: jute.OpDelete}).Append(b)
	b = (&jute.Create2Response{Path: "/r/e", Stat: Stat{Czxid: 9}}).Append((&jute.MultiHeader{Type: jute.OpCreate2}).Append(b))
	set(jute.MultiEnd.Append(b))
	results, err = c.Multi(ctx, ops...)
	must(t, err)
	if r := results; r[0].Path != "/a" || r[1].Path != "/b" || r[2].Stat.Version != 7 || r[3].Path != "/d" || r[4].Path != "/e" || r[4].Stat.Czxid != 9 {
		t.Errorf("%+v", r)
	}
	r := jute.NewReader(request)
	for _, o := range []jute.Op{jute.OpCheck, jute.OpCreate, jute.OpSetData, jute.OpDelete, jute.OpCreateContainer} {
		if op, ok := jute.NextMultiOp(&r, jute.Op.AllowedInMulti); !ok || op != o {
			t.Fatalf("%s %v, want %s", op, ok, o)
		}
		switch o {
		case jute.OpCheck, jute.OpDelete:
			new(jute.CheckVersionRequest).Decode(&r)
		case jute.OpSetData:
			new(jute.SetDataRequest).Decode(&r)
		default:
			new(jute.CreateRequest).Decode(&r)
		}
	}
	if _, ok := jute.NextMultiOp(&r, jute.Op.AllowedInMulti); ok || r.Err() != nil || r.Len() != 0 {
		t.Error("end of the request:", ok, r.Err(), r.Len())
	}

	set(jute.MultiEnd.Append(nil))
	_, err = c.Multi(ctx, ops...)
	want(t, err, errProtocol)
	set(nil)
	_, err = c.Multi(ctx, ops...)
	want(t, err, errProtocol)
	set(jute.MultiEnd.Append(nil))
	if results, err = c.Multi(ctx); err != nil || len(results) != 0 {
		t.Error(results, err)
	}
}

// raw is a record that is its bytes.
type raw []byte

func (r raw) Append(dst []byte) []byte { return append(dst, r...) }

func TestChroot(t *testing.T) {
	f := newFake(t)
	plain, c := connect(t, one(f)), connect(t, one(f), WithChroot("/root"))
	ctx := testContext(t)
	_, _, err := c.Get(ctx, "/")
	want(t, err, ErrNoNode)
	if path, err := c.Create(ctx, "/", nil); path != "/" || err != nil {
		t.Error(path, err)
	}
	w, err := c.Watch(ctx, "/", Recursive)
	must(t, err)
	_, _, shot, err := c.ChildrenW(ctx, "/")
	must(t, err)
	if path, err := c.Create(ctx, "/a", nil); path != "/a" || err != nil {
		t.Error(path, err)
	}
	if e := receive(t, w.Events()); e.Path != "/a" || e.Type != EventNodeCreated {
		t.Error(e)
	}
	if e := receive(t, shot); e.Path != "/" || e.Type != EventNodeChildrenChanged {
		t.Error(e)
	}
	path, err := c.Create(ctx, "/", nil, Sequential())
	if err != nil || len(path) != 11 {
		t.Error(path, err)
	}
	names, _, err := plain.Children(ctx, "/root")
	if err != nil || len(names) != 2 {
		t.Error(names, err)
	}
	if names, _, err = plain.Children(ctx, "/"); err != nil || len(names) != 1 {
		t.Error(names, err)
	}
}

func TestConnectString(t *testing.T) {
	servers, chroot := ParseConnectString("a:1, b:2,/x/y")
	if !reflect.DeepEqual(servers, []string{"a:1", "b:2"}) || chroot != "/x/y" {
		t.Error(servers, chroot)
	}
	if servers, chroot = ParseConnectString("a/"); len(servers) != 1 || chroot != "" {
		t.Error(servers, chroot)
	}
}

func TestConnectRefusesArguments(t *testing.T) {
	ctx := testContext(t)
	if _, err := Connect(ctx, nil); !errors.Is(err, ErrNoServers) {
		t.Error(err)
	}
	for _, bad := range []struct {
		server string
		opt    Option
	}{
		{"a:1,b:2", WithEvents(nil)}, {"", WithDialer(nil)}, {"a", WithChroot("x")}, {"a", WithSessionTimeout(0)},
		{"a", WithMaxRequest(0)}, {"a", WithMaxReply(0)}, {"a", WithWatchBuffer(0)},
	} {
		if _, err := Connect(ctx, []string{bad.server}, bad.opt); err == nil {
			t.Errorf("%q: no error", bad.server)
		}
	}
	for _, bad := range []string{"", ":2181", "h:abc", "h:0", "h:99999", "h:", "zk:", "zk://h:1", "a:1:2", "[]"} {
		if addr, err := ServerAddress(bad); err == nil {
			t.Errorf("%q is taken for %s", bad, addr)
		}
	}
	for given, want := range map[string]string{"h": "h:2181", "::1": "[::1]:2181", "[::1]": "[::1]:2181", "[::1]:7": "[::1]:7", "h:65535": "h:65535"} {
		if addr, err := ServerAddress(given); err != nil || addr != want {
			t.Errorf("%q: %s, %v", given, addr, err)
		}
	}
	l, err := makeServerList([]string{"a", "[::1]", "[::1]:7", "b:3"})
	must(t, err)
	got := map[string]bool{}
	for _, a := range l.addrs {
		got[a] = true
	}
	if !got["a:2181"] || !got["[::1]:2181"] || !got["[::1]:7"] || !got["b:3"] {
		t.Error(l.addrs)
	}
}
