package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/quorumd/quorumd/jute"
)

// TestLossInFlight holds the client to C1 and to what ErrConnectionLoss means.
func TestLossInFlight(t *testing.T) {
	f := newFake(t)
	c := connect(t, one(f))
	ctx := testContext(t)
	_, err := c.Create(ctx, "/a", nil)
	must(t, err)
	id, password := c.SessionID(), c.Password()
	f.with(func() {
		f.hook = func(n *fakeConn, h jute.RequestHeader, _ []byte) bool {
			if h.Op == jute.OpSetData {
				_ = n.nc.Close()
			}
			return h.Op == jute.OpSetData
		}
	})
	_, err = c.Set(ctx, "/a", nil, -1)
	want(t, err, ErrConnectionLoss)
	if _, _, err = c.Get(ctx, "/a"); err != nil {
		t.Error("after the reconnection:", err)
	}
	f.with(func() {
		if n := len(slices.DeleteFunc(slices.Clone(f.ops), func(op jute.Op) bool { return op != jute.OpSetData })); n != 1 {
			t.Errorf("the request was sent %d times", n)
		}
		q := f.connects[len(f.connects)-1]
		if q.SessionID != id || string(q.Password) != string(password) || q.LastZxidSeen != f.zxid {
			t.Errorf("reconnected with %+v", q)
		}
	})
}

// TestUnsentWaits: what was not written waits for a connection, and can be
// given up.
func TestUnsentWaits(t *testing.T) {
	f := newFake(t)
	states := make(chan SessionEvent, 100)
	c := connect(t, one(f), WithEvents(func(e SessionEvent) { states <- e }))
	ctx := testContext(t)
	if e := receive(t, states); e.State != StateConnected || e.Server != f.addr() || e.SessionID != c.SessionID() {
		t.Error(e)
	}
	f.with(func() { f.refuse = true })
	f.cut()
	if e := receive(t, states); e.State != StateConnecting || e.Err == nil {
		t.Error(e)
	}
	if c.State() != StateConnecting || c.Server() != "" {
		t.Error(c.State())
	}
	short, cancel := context.WithTimeout(ctx, 30*time.Millisecond)
	defer cancel()
	_, _, err := c.Get(short, "/")
	want(t, err, context.DeadlineExceeded)
	c.mu.Lock()
	if n := c.unsent.len(); n != 0 {
		t.Errorf("%d calls are left in the queue", n)
	}
	c.mu.Unlock()

	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if _, _, err := c.Get(ctx, "/"); err != nil {
				t.Error(err)
			}
		})
	}
	eventually(t, "20 calls are queued", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.unsent.len() == 20
	})
	f.with(func() { f.refuse = false })
	wg.Wait()
	if e := receive(t, states); e.State != StateConnected {
		t.Error(e)
	}
}

// TestGoZK159: expiry is the end of a client. It makes no other session in
// silence, in which its ephemerals and watches would be missing.
func TestGoZK159(t *testing.T) {
	f := newFake(t)
	states := make(chan SessionEvent, 100)
	c := connect(t, one(f), WithEvents(func(e SessionEvent) { states <- e }))
	ctx := testContext(t)
	_, _, shot, err := c.GetW(ctx, "/")
	must(t, err)
	w, err := c.Watch(ctx, "/", Persistent)
	must(t, err)
	f.with(func() { clear(f.sessions) })
	f.cut()
	receive(t, states)
	receive(t, states)
	if e := receive(t, states); e.State != StateExpired || !errors.Is(e.Err, ErrSessionExpired) {
		t.Fatal(e)
	}
	<-c.Done()
	if e := receive(t, shot); e.Type != EventNone || e.Path != "/" || !errors.Is(e.Err, ErrSessionExpired) {
		t.Error(e)
	}
	if _, ok := <-w.Events(); ok {
		t.Error("an event")
	}
	want(t, w.Err(), ErrSessionExpired)
	want(t, c.Err(), ErrSessionExpired)
	_, _, err = c.Get(ctx, "/")
	want(t, err, ErrSessionExpired)
	_, err = c.Watch(ctx, "/", Persistent)
	want(t, err, ErrSessionExpired)
	must(t, c.Close(ctx))
	if c.State() != StateExpired || !c.State().Final() {
		t.Error(c.State())
	}
	f.with(func() {
		if len(f.connects) != 2 || len(f.sessions) != 0 {
			t.Errorf("%d connections, sessions %v", len(f.connects), f.sessions)
		}
	})
}

func TestResume(t *testing.T) {
	f := newFake(t)
	first := connect(t, one(f))
	id, password := first.SessionID(), first.Password()
	first.Abandon()
	want(t, first.Err(), ErrClosed)
	second := connect(t, one(f), WithResume(id, password))
	if second.SessionID() != id {
		t.Errorf("session %x, want %x", second.SessionID(), id)
	}
	_, err := Connect(testContext(t), []string{f.addr()}, WithResume(id, []byte("wrong")))
	want(t, err, ErrSessionExpired)
}

// TestSilentServer: a server that does not answer is given up after two thirds
// of the timeout, for another one, with the same session.
func TestSilentServer(t *testing.T) {
	a, b := newFake(t), newFake(t)
	c := connect(t, []*fake{a, b}, WithSessionTimeout(300*time.Millisecond))
	ctx := testContext(t)
	if c.Server() != a.addr() {
		a, b = b, a
	}
	b.with(func() { b.sessions[c.SessionID()] = c.Password() })
	began := time.Now()
	a.with(func() { a.silent = true })
	_, _, err := c.Get(ctx, "/")
	want(t, err, ErrConnectionLoss)
	if d := time.Since(began); d < 150*time.Millisecond {
		t.Errorf("given up after %v already", d)
	}
	if _, _, err = c.Get(ctx, "/"); err != nil || c.Server() != b.addr() {
		t.Error(err, c.Server())
	}
}

func TestPings(t *testing.T) {
	f := newFake(t)
	c := connect(t, one(f), WithSessionTimeout(90*time.Millisecond))
	eventually(t, "5 pings came on one connection", func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		for n := range f.conns {
			return n.pings >= 5
		}
		return false
	})
	if c.State() != StateConnected || c.SessionTimeout() != 90*time.Millisecond {
		t.Error(c.State(), c.SessionTimeout())
	}
}

func TestAuth(t *testing.T) {
	f := newFake(t)
	c := connect(t, one(f), WithAuth("digest", []byte("a:1")))
	ctx := testContext(t)
	must(t, c.AddAuth(ctx, "digest", []byte("b:2")))
	must(t, c.AddAuth(ctx, "digest", []byte("b:2")))
	want(t, c.AddAuth(ctx, "bad", nil), ErrAuthFailed)
	if _, _, err := c.Get(ctx, "/"); err != nil && !errors.Is(err, ErrConnectionLoss) {
		t.Error(err)
	}
	_, _, err := c.Get(ctx, "/")
	must(t, err)
	f.with(func() {
		for n := range f.conns {
			if n.session == c.SessionID() && !slices.Equal(n.auths, []string{"digest a:1", "digest b:2"}) {
				t.Errorf("sent again: %q", n.auths)
			}
		}
	})
	_, err = Connect(ctx, []string{f.addr()}, WithAuth("bad", nil))
	want(t, err, ErrAuthFailed)
}

// TestWrongReply holds the client to C2.
func TestWrongReply(t *testing.T) {
	for name, bad := range map[string]func(*fakeConn){
		"xid of another call": func(n *fakeConn) { n.reply(9, 1, 0, nil) },
		"auth":                func(n *fakeConn) { n.reply(jute.XidAuth, 1, 0, nil) },
		"set watches":         func(n *fakeConn) { n.reply(jute.XidSetWatches, 1, 0, nil) },
		"short frame": func(n *fakeConn) {
			_, _ = n.nc.Write([]byte{0, 0, 0, 15, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
		},
		"negative frame":   func(n *fakeConn) { _, _ = n.nc.Write(slices.Repeat([]byte{0xff}, 20)) },
		"bad notification": func(n *fakeConn) { n.reply(jute.XidNotification, 1, 0, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			states := make(chan SessionEvent, 100)
			c := connect(t, one(f), WithEvents(func(e SessionEvent) { states <- e }))
			receive(t, states)
			f.with(func() {
				f.hook = func(n *fakeConn, _ jute.RequestHeader, _ []byte) bool {
					bad(n)
					f.hook = nil
					return true
				}
			})
			_, _, err := c.Get(testContext(t), "/")
			want(t, err, ErrConnectionLoss)
			if e := receive(t, states); e.State != StateConnecting || !errors.Is(e.Err, errProtocol) {
				t.Error(e)
			}
			if _, _, err = c.Get(testContext(t), "/"); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestCloseAnswersEarlierCalls: Close comes after what was called before.
func TestCloseAnswersEarlierCalls(t *testing.T) {
	f := newFake(t)
	c := connect(t, one(f))
	ctx := testContext(t)
	var held []int32
	release := make(chan struct{})
	f.with(func() {
		f.hook = func(n *fakeConn, h jute.RequestHeader, _ []byte) bool {
			if h.Op == jute.OpGetData {
				if held = append(held, h.Xid); len(held) == 3 {
					close(release)
				}
				return true
			}
			for _, xid := range held {
				n.reply(xid, 1, 0, &jute.GetDataResponse{})
			}
			return false
		}
	})
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if _, _, err := c.Get(ctx, "/"); err != nil {
				t.Error(err)
			}
		})
	}
	<-release
	must(t, c.Close(ctx))
	wg.Wait()
}

// TestCloseWithoutServer: Close does not wait longer than the session lives.
func TestCloseWithoutServer(t *testing.T) {
	f := newFake(t)
	c := connect(t, one(f), WithSessionTimeout(100*time.Millisecond))
	f.stop()
	eventually(t, "the loss is noticed", func() bool { return c.State() == StateConnecting })
	want(t, c.Close(context.Background()), context.DeadlineExceeded)
	f = newFake(t)
	c = connect(t, one(f))
	f.with(func() { f.silent = true })
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	want(t, c.Close(ctx), context.Canceled)
}

func TestConnectFails(t *testing.T) {
	f := newFake(t)
	f.with(func() { f.refuse = true })
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	_, err := Connect(ctx, []string{f.addr()})
	want(t, err, context.DeadlineExceeded)
	if s := fmt.Sprint(err); !slices.Contains([]byte(s), 'l') || len(s) < 60 {
		t.Error("the error does not tell the last attempt:", s)
	}
}

// TestNoGoroutines holds the client to C5, whatever it was doing.
func TestNoGoroutines(t *testing.T) {
	f := newFake(t)
	before := goleak.IgnoreCurrent()
	ctx := testContext(t)
	for i := range 20 {
		c, err := Connect(ctx, []string{f.addr()})
		must(t, err)
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for {
					if _, _, err := c.Get(ctx, "/"); errors.Is(err, ErrClosed) {
						return
					}
				}
			})
		}
		if i%2 == 0 {
			f.cut()
		}
		if i%3 == 0 {
			c.Abandon()
		} else if err := c.Close(ctx); err != nil && !errors.Is(err, ErrConnectionLoss) {
			t.Error(err)
		}
		wg.Wait()
	}
	f.cut()
	goleak.VerifyNone(t, before)
}

// TestManyCallers runs calls against losses of the connection: every call ends,
// and none is answered with another's reply.
func TestManyCallers(t *testing.T) {
	f := newFake(t)
	c := connect(t, one(f))
	ctx := testContext(t)
	const callers = 8
	for i := range callers {
		_, err := c.Create(ctx, fmt.Sprintf("/n%d", i), []byte{byte(i)})
		must(t, err)
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				cc := ctx
				if n%7 == 0 {
					var cancel context.CancelFunc
					cc, cancel = context.WithTimeout(ctx, 50*time.Microsecond)
					defer cancel()
				}
				data, _, err := c.Get(cc, fmt.Sprintf("/n%d", i))
				switch {
				case err == nil && (len(data) != 1 || data[0] != byte(i)):
					t.Errorf("caller %d was given %v", i, data)
				case err != nil && !errors.Is(err, ErrConnectionLoss) && !errors.Is(err, context.DeadlineExceeded):
					t.Error(err)
				}
			}
		})
	}
	for i := range 6 {
		f.cut()
		eventually(t, "the client is back", func() bool {
			f.mu.Lock()
			defer f.mu.Unlock()
			return len(f.connects) >= i+2
		})
		if _, _, err := c.Get(ctx, "/"); err != nil && !errors.Is(err, ErrConnectionLoss) {
			t.Error(err)
		}
	}
	close(stop)
	wg.Wait()
	eventually(t, "all slots are given back", func() bool { return len(c.slots) == 0 })
}

func TestServerList(t *testing.T) {
	l, err := makeServerList([]string{"a", "b", "c"})
	must(t, err)
	seen := map[string]bool{}
	for range 3 {
		addr, wait := l.pick()
		if seen[addr] = true; wait != 0 {
			t.Error("waited in the first round")
		}
	}
	if len(seen) != 3 {
		t.Error(seen)
	}
	for i := range 60 {
		_, wait := l.pick()
		if wait < firstBackoff/2 || wait > lastBackoff || i < 3 && wait > firstBackoff {
			t.Errorf("attempt %d waits %v", i, wait)
		}
	}
	l.good()
	if _, wait := l.pick(); wait != 0 {
		t.Error("waited after a good connection")
	}
}

func TestFifo(t *testing.T) {
	var q fifo
	var want []*call
	for i := range 5000 {
		k := &call{xid: int32(i)}
		q.push(k)
		want = append(want, k)
		if i%3 == 1 {
			if q.pop() != want[0] {
				t.Fatal("wrong order")
			}
			want = want[1:]
		}
		if i%10 == 9 {
			at := len(want) / 2
			q.remove(want[at])
			want = slices.Delete(want, at, at+1)
		}
		if q.len() != len(want) || q.first() != want[0] {
			t.Fatal(q.len(), len(want))
		}
	}
	q.drain(func(k *call) {
		if k != want[0] {
			t.Fatal("wrong order")
		}
		want = want[1:]
	})
	if q.len() != 0 || q.first() != nil {
		t.Error("not empty")
	}
}
