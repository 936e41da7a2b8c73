package peer

import (
	"net"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/quorumd/quorumd/zab"
)

// TestZK4074: a peer reads nothing. Whoever sends to it does not wait: it goes
// on at once, with other links as well. And the link ends when a write has made
// no progress for WriteTimeout, so that nobody believes in it for ever.
func TestZK4074(t *testing.T) {
	m := newMemory()
	b, rb := open(t, m, 2, func(c *Config) { c.WriteTimeout = 300 * time.Millisecond })
	deaf := join(t, m, "quorum2", quorumChannel, 1, 2)
	link := rb.nth(1, zab.EvLinkUp, 1).Link
	hears := join(t, m, "quorum2", quorumChannel, 3, 2)
	other := rb.nth(1, zab.EvLinkUp, 3).Link
	sent := make(chan struct{})
	go func() {
		for range 1000 {
			b.Send([]zab.Send{
				{Link: link, Packet: zab.Packet{Kind: zab.KindPing, Body: &zab.Ping{}}}, {Link: other, Packet: zab.Packet{Kind: zab.KindPing, Body: &zab.Ping{}}},
			})
		}
		close(sent)
	}()
	select {
	case <-sent:
	case <-time.After(10 * time.Second):
		t.Fatal("the sender waits for a peer that reads nothing")
	}
	frames := newFrameReader(hears, DefaultMaxBody, readChunk)
	for i := range 1000 {
		if _, _, err := frames.next(); err != nil {
			t.Fatalf("packet %d to the other peer: %v", i, err)
		}
	}
	down := make(chan zab.Event)
	go func() { down <- rb.nth(1, zab.EvLinkDown, 1) }()
	select {
	case ev := <-down:
		if ev.Link != link {
			t.Errorf("link %d is down, not %d", ev.Link, link)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the link to a peer that reads nothing lives on")
	}
	deaf.Close()
}

// TestZK4736: thousands of connections that come to nothing, in each way there
// is, leave nothing behind: no goroutine, no connection, no place taken.
func TestZK4736(t *testing.T) {
	m := newMemory()
	a, ra := open(t, m, 1, nil)
	_, rb := open(t, m, 2, nil)
	ra.nth(1, zab.EvReachable, 2)
	rb.nth(1, zab.EvReachable, 1)
	ra.nth(1, zab.EvReachable, 3)  // not there: told once
	ln, err := m.Listen("quorum3") // hangs up at once
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			nc.Close()
		}
	}()
	open := func() int {
		a.mu.Lock()
		defer a.mu.Unlock()
		return len(a.conns)
	}
	conns, goroutines := open(), runtime.NumGoroutine()
	const rounds = 2000
	for i := range rounds {
		a.Dial(3)
		ra.nth(i+1, zab.EvLinkDown, 3)
		call(t, m, "quorum1").Close() // a stranger that says nothing
	}
	deadline := time.After(10 * time.Second)
	for open() > conns+2 || runtime.NumGoroutine() > goroutines+20 || len(a.places) > 0 {
		select {
		case <-deadline:
			t.Fatalf("%d connections were open, now %d; %d goroutines, now %d; %d places taken",
				conns, open(), goroutines, runtime.NumGoroutine(), len(a.places))
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// TestCHK118416: no error of one connection makes a port deaf; a port that is
// deaf ends the server.
func TestCHK118416(t *testing.T) {
	for _, port := range []string{"quorum2", "election2"} {
		m := newMemory()
		_, rb := open(t, m, 2, nil)
		ln := m.listener(port)
		give := func(err error) {
			select {
			case ln.errs <- err:
			case <-time.After(10 * time.Second):
				t.Fatalf("%s does not accept any more", port)
			}
		}
		for _, errno := range []syscall.Errno{
			syscall.ECONNABORTED, syscall.ECONNRESET, syscall.EINTR, syscall.EPROTO, syscall.EHOSTUNREACH,
			syscall.ENETDOWN, syscall.EPERM, syscall.EMFILE, syscall.ENOBUFS,
		} {
			give(&net.OpError{Op: "accept", Err: errno})
		}
		give(&net.OpError{Op: "accept", Err: syscall.EBADF})
		rb.await("the report", func([]zab.Event) bool { return rb.failed != nil })
	}
}
