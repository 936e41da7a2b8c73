package clientport

import (
	"errors"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/quorumd/quorumd/jute"
	"github.com/quorumd/quorumd/zab"
)

// TestSlowReader: a client that asks and never takes the answers is closed
// when a write makes no progress, and its memory is bounded meanwhile.
func TestSlowReader(t *testing.T) {
	h := start(t, func(c *Config) { c.WriteTimeout = 100 * time.Millisecond })
	c := open(t, h.port)
	c.send(create(1, "/big", strings.Repeat("x", 500_000)))
	c.wantReply(1, 0)
	// Stops when the server does: it closes, or reads no more.
	c.nc.SetWriteDeadline(time.Now().Add(patience))
	for xid := int32(2); ; xid++ {
		if _, err := c.nc.Write(getData(xid, "/big", false)); err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatal("the server neither takes requests nor closes")
			}
			return
		}
		if xid == 2_000_000 {
			t.Fatal("the server takes requests without end")
		}
	}
}

// TestOutputLimit: events cannot wait, so a client that does not take them is
// closed when its limit is reached.
func TestOutputLimit(t *testing.T) {
	h := start(t, func(c *Config) { c.MaxOutput = 64 << 10 })
	slow, busy := open(t, h.port), open(t, h.port)
	slow.nc.(*net.TCPConn).SetReadBuffer(4 << 10)
	long := "/" + strings.Repeat("n", 60_000)
	busy.send(create(1, long, ""))
	busy.wantReply(1, 0)
	slow.send(req(1, jute.OpAddWatch, str(long), i32(0)))
	slow.wantReply(1, 0)
	gone := func(seen []zab.Event) bool {
		return slices.ContainsFunc(seen, func(ev zab.Event) bool {
			return ev.Kind == zab.EvDetach && ev.Session == slow.session
		})
	}
	for xid := int32(2); xid < 20_000; xid++ {
		busy.send(setData(xid, long, "x"))
		busy.wantReply(xid, 0)
		h.inMu.Lock()
		done := gone(h.seen)
		h.inMu.Unlock()
		if done {
			return
		}
	}
	t.Error("the slow client was never closed")
}

// TestOutstandingLimit: a server with many requests under way reads no more
// from connections that have one, and goes on when they are answered.
func TestOutstandingLimit(t *testing.T) {
	h := start(t, func(c *Config) { c.OutstandingLimit = 4 })
	a, b := open(t, h.port), open(t, h.port)
	h.hold()
	requests := func(n int) func([]zab.Event) bool {
		return func(seen []zab.Event) bool {
			got := 0
			for _, ev := range seen {
				if ev.Kind == zab.EvRequest && ev.Request.Op == int32(jute.OpCreate) {
					got++
				}
			}
			return got >= n
		}
	}
	for xid := int32(1); xid <= 10; xid++ {
		a.send(create(xid, "/a"+string('a'+xid), ""))
	}
	h.await("the limit's worth of requests", requests(4))
	b.send(create(1, "/b", ""))
	h.await("the first request of another connection", requests(5))
	if n := h.port.outstanding.Load(); n != 5 {
		t.Errorf("%d requests are outstanding, want 5", n)
	}
	h.release()
	for xid := int32(1); xid <= 10; xid++ {
		a.wantReply(xid, 0)
	}
	b.wantReply(1, 0)
}

func TestConnectionLimits(t *testing.T) {
	h := start(t, func(c *Config) { c.MaxPerAddress = 2 })
	a, _ := open(t, h.port), open(t, h.port)
	dial(t, h.port).wantClosed()
	a.send(closeSession(1))
	a.wantReply(1, 0)
	a.wantClosed()
	a.nc.Close()
	// The place is free once the server has seen the connection go.
	for range 1000 {
		c := dial(t, h.port)
		if _, err := c.nc.Write(connectFrame(0, 10000, 0, nil, 0)); err == nil {
			if b, err := c.tryFrame(); err == nil && len(b) == 37 {
				return
			}
		}
	}
	t.Error("the place of a closed connection was not given to another")
}

// TestIdle: a connection that says nothing for its session's timeout is
// closed; the session is not.
func TestIdle(t *testing.T) {
	h := start(t, func(c *Config) { c.MinTimeout = 60 * time.Millisecond })
	c := dial(t, h.port).connect(1, 0, nil)
	c.wantClosed()
	h.mu.RLock()
	_, lives := h.state.SessionTimeout(c.session)
	h.mu.RUnlock()
	if !lives {
		t.Error("the session was closed")
	}
}

// TestGate: while the server does not serve, requests wait and connections
// stay; both go on when it serves again.
func TestGate(t *testing.T) {
	h := start(t, func(c *Config) { c.Grace = time.Hour })
	c := open(t, h.port)
	c.send(create(1, "/a", ""))
	c.wantReply(1, 0)
	h.port.SetServing(false)
	c.send(getData(2, "/a", false), setData(3, "/a", "x"))
	c.nc.SetReadDeadline(time.Now().Add(30 * time.Millisecond))
	if n, err := c.nc.Read(make([]byte, 1)); err == nil {
		t.Fatalf("%d bytes came while the gate was shut", n)
	}
	h.port.SetServing(true)
	c.wantReply(2, 0)
	c.wantReply(3, 0)
}

// TestGrace: after the grace every connection is closed.
func TestGrace(t *testing.T) {
	h := start(t, func(c *Config) { c.Grace = 20 * time.Millisecond })
	c := open(t, h.port)
	h.port.SetServing(false)
	c.wantClosed()
	h.port.SetServing(true)
	again := dial(t, h.port).connect(10000, c.session, c.password)
	again.send(ping())
	again.wantReply(-2, 0)
}

// TestCHK121361: whoever said something is reported, once; a read is enough.
func TestCHK121361(t *testing.T) {
	h := start(t, nil)
	a, b := open(t, h.port), open(t, h.port)
	h.port.Touched(nil)
	a.send(ping())
	a.wantReply(-2, 0)
	if got := h.port.Touched(nil); len(got) != 1 || got[0] != a.session {
		t.Errorf("touched %v, want %v", got, a.session)
	}
	if got := h.port.Touched(nil); len(got) != 0 {
		t.Errorf("touched %v again", got)
	}
	b.send(getData(1, "/", false))
	b.wantReply(1, 0)
	if got := h.port.Touched(nil); len(got) != 1 || got[0] != b.session {
		t.Errorf("touched %v, want %v", got, b.session)
	}
}

// TestCloseAll: connections go, sessions stay.
func TestCloseAll(t *testing.T) {
	h := start(t, nil)
	c := open(t, h.port)
	h.port.CloseAll("test")
	c.wantClosed()
	dial(t, h.port).connect(10000, c.session, c.password)
}

// scarce is a listener that fails as a system without descriptors does.
type scarce struct {
	net.Listener
	fail chan error
}

func (s *scarce) Accept() (net.Conn, error) {
	if err, ok := <-s.fail; ok {
		return nil, err
	}
	return s.Listener.Accept()
}

// TestAcceptOutOfDescriptors: accept backs off and goes on.
func TestAcceptOutOfDescriptors(t *testing.T) {
	h := start(t, nil)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &scarce{Listener: ln, fail: make(chan error, 3)}
	for range 3 {
		s.fail <- &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
	}
	close(s.fail)
	h.port.wg.Add(1)
	began := time.Now()
	go h.port.acceptFrom(s)
	nc, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	(&client{t: t, nc: nc}).connect(10000, 0, nil)
	if took := time.Since(began); took < 70*time.Millisecond {
		t.Errorf("three failures were waited out in %v", took)
	}
	ln.Close()
}

// TestInputGrowsWithWhatComes: the length of a frame is only a claim.
func TestInputGrowsWithWhatComes(t *testing.T) {
	var in input
	in.read(copy(in.space(), i32(1_000_000)))
	if _, found := in.peek(jute.DefaultMaxBuffer); found != frameNone {
		t.Fatalf("found %d", found)
	}
	for sent := 0; ; {
		n := min(len(in.space()), 1_000_000-sent)
		in.read(n)
		sent += n
		if held, come := len(in.buf), sent+4; held > 4*come+2*inputStart {
			t.Fatalf("%d bytes of buffer for %d that came", held, come)
		}
		if frame, found := in.peek(jute.DefaultMaxBuffer); found == frameOK {
			in.take(frame)
			break
		}
	}
	if in.space(); len(in.buf) > inputKeep {
		t.Errorf("%d bytes are kept", len(in.buf))
	}
	for n := len(in.buf); n < inputKeep; n = len(in.buf) {
		in.read(copy(in.space(), make([]byte, n)))
		in.r = in.w
		if in.space(); len(in.buf) <= n {
			t.Fatalf("a full buffer of %d bytes does not grow", n)
		}
	}
	for range inputPatience + 1 {
		in.read(copy(in.space(), ping()))
		in.r = in.w
	}
	if in.space(); len(in.buf) != inputStart {
		t.Errorf("%d bytes are kept for pings", len(in.buf))
	}
}

// TestMultiReadBound: requests for far more than a reply may hold are refused
// one by one, and the connection goes on.
func TestMultiReadBound(t *testing.T) {
	h := start(t, nil)
	c := open(t, h.port)
	c.send(create(1, "/a", strings.Repeat("x", 1<<20-1000)))
	c.wantReply(1, 0)
	var body []byte
	for range 2000 {
		body = (&jute.MultiHeader{Type: jute.OpGetData, Err: -1}).Append(body)
		body = (&jute.PathWatchRequest{Path: "/a"}).Append(body)
	}
	body = jute.MultiEnd.Append(body)
	for xid := int32(2); xid <= 40; xid++ {
		c.send(req(xid, jute.OpMultiRead, body))
	}
	c.send(getData(41, "/a", false))
	for xid := int32(2); xid <= 40; xid++ {
		if r := c.wantReply(xid, jute.CodeThrottledOp); len(r.body) != 0 {
			t.Fatalf("a body of %d bytes", len(r.body))
		}
	}
	c.wantReply(41, 0)
}
