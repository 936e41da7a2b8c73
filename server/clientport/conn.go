package clientport

import (
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/quorumd/quorumd/internal/ranked"
	"github.com/quorumd/quorumd/zab"
	"github.com/quorumd/quorumd/znode"
)

// phase is how far a connection has come.
type phase uint8

const (
	phaseFresh       phase = iota // nothing asked for yet
	phaseConnecting               // waits for its session
	phaseEstablished              // has a session
)

// why says what ended a connection, for people.
type why string

const (
	whyClient  why = "closed by the client"
	whyFrame   why = "bad frame"
	whyWord    why = "four-letter word"
	whySession why = "session over"
	whyRefused why = "session refused"
	whyMoved   why = "session moved or request lost"
	whyTakenOn why = "session came back on a new connection"
	whyUnknown why = "unknown operation"
	whyAuth    why = "authentication refused"
	whyIdle    why = "nothing heard for the session timeout"
	whyNobody  why = "no session in time"
	whyStuck   why = "write took too long"
	whySlow    why = "answers not taken"
	whyClosed  why = "closed by the server"
	whyBudget  why = noDescriptors
	whyFailed  why = "write failed"
)

// noDescriptors is why a client is turned away whom MaxConnections would let in.
const noDescriptors = "the file descriptors for clients are used up"

// ending is how a connection goes. A connection only ever moves down the list.
type ending uint8

const (
	endNot ending = iota
	// endLinger: what is in out is written, then the server's side is closed
	// and the client has lingerTime to take it and close its own.
	endLinger
	// endFlush: what is in out is written, then the connection is closed.
	endFlush
	// endNow: the connection is closed.
	endNow
)

// conn is one client connection. Its reader goroutine runs serve, its writer
// goroutine runs write; the applier appends to it.
type conn struct {
	p      *Port
	nc     net.Conn
	number uint64 // order of arrival
	addr   netip.Addr
	remote string // host:port
	opened time.Duration
	// wordOnly: there is no descriptor in the budget for a session. Set by
	// table.add and never changed then.
	wordOnly bool

	done  chan struct{} // closed when the connection ends
	gone  chan struct{} // closed when the writer has returned
	room  chan struct{} // wakes the reader: what it waits for may have come
	wake  chan struct{} // wakes the writer
	dirty bool          // waits for Flush; guarded by Port.dirtyMu

	// The reader's own.
	in input

	// Set by the reader before the connection is in the table under its
	// session, and never changed then.
	session  zab.SessionID
	timeout  int64 // negotiated, ms
	readOnly bool  // the client's connect request had the byte
	password [16]byte

	ids atomic.Pointer[[]zab.Identity] // replaced as a whole, never changed

	heardAt   atomic.Int64 // port clock, ns: when input last came
	reading   atomic.Bool  // the reader waits for the client, not for us
	touched   atomic.Bool  // is in Port.touched
	writingAt atomic.Int64 // port clock, ns: when the write under way began; 0 is none

	mu       ranked.Mutex[ranked.Conn]
	phase    phase
	ending   ending
	why      why
	attach   uint64 // Seq of createSession or attach
	pending  queue
	out      *buffer // what has gathered; nil is nothing
	inFlight int     // bytes being written
	writing  bool    // somebody writes the socket
	figures  connFigures
}

func newConn(p *Port, nc net.Conn) *conn {
	c := &conn{
		p: p, nc: nc, addr: hostOf(nc), remote: nc.RemoteAddr().String(), opened: p.now(),
		done: make(chan struct{}), gone: make(chan struct{}),
		room: make(chan struct{}, 1), wake: make(chan struct{}, 1),
	}
	ids := []zab.Identity{{Scheme: "ip", ID: c.addr.String()}}
	c.ids.Store(&ids)
	c.heardAt.Store(int64(c.opened))
	return c
}

// Identities returns the connection's authenticated ids.
func (c *conn) Identities() []zab.Identity { return *c.ids.Load() }

// caller is how the tree knows the connection.
func (c *conn) caller() znode.Caller {
	return znode.Caller{Watcher: c, Session: c.session, Identities: c.Identities(), SkipACL: c.p.cfg.SkipACL}
}

// Notify appends a watch event. The caller holds the state (C2).
func (c *conn) Notify(ev *znode.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ending != endNot {
		return // C7
	}
	c.append(ev.Frame())
	c.figures.sent++
	c.p.figures.sent.Add(1)
	c.p.markDirty(c)
}

// append puts encoded frames into out. c.mu is held, and the state (C2).
func (c *conn) append(frames []byte) {
	if c.out == nil {
		c.out = c.p.buffers.get()
	}
	c.out.b = append(c.out.b, frames...)
	c.bound()
}

// waiting returns how many bytes wait to be written. c.mu is held.
func (c *conn) waiting() int {
	if c.out == nil {
		return c.inFlight
	}
	return c.inFlight + len(c.out.b)
}

// bound ends a connection that more waits for than its limit. c.mu is held.
func (c *conn) bound() {
	if n := c.waiting(); n > c.p.cfg.MaxOutput && c.ending != endNow {
		c.endLocked(endNow, whySlow)
	}
}

// longAgo is a deadline that makes a read or write under way come back.
var longAgo = time.Unix(1, 0)

// end makes the connection go. It may be called by anyone, more than once.
func (c *conn) end(how ending, reason why) {
	c.mu.Lock()
	c.endLocked(how, reason)
	c.mu.Unlock()
}

func (c *conn) endLocked(how ending, reason why) {
	if how <= c.ending {
		return
	}
	if c.ending == endNot {
		c.why = reason
		c.p.outstanding.Add(-int64(c.pending.len()))
		c.pending.clear()
		close(c.done)
	} else {
		// The writer may be waiting for a flush that is not to be waited for,
		// the reader for a client that need not close its side any more.
		signal(c.wake)
		c.nc.SetReadDeadline(longAgo)
	}
	c.ending = how
	if how == endNow {
		// Whoever is in a read or write comes back at once. Closing is left to
		// the goroutines: the caller may hold locks.
		c.nc.SetDeadline(longAgo)
	}
}

// ended reports whether the connection is going.
func (c *conn) ended() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// serve is the reader goroutine.
func (c *conn) serve() {
	defer c.p.wg.Done()
	if c.handshake() {
		for c.fill() && c.batch() {
		}
	}
	c.end(endFlush, whyClient)
	<-c.gone
	c.discard()
	c.nc.Close()
	c.sayGoodbye()
	c.leave()
}

// sayGoodbye logs why the connection ended: loudly when somebody should look.
func (c *conn) sayGoodbye() {
	c.mu.Lock()
	reason := c.why
	c.mu.Unlock()
	ev := c.p.log.Debug()
	if reason == whySlow || reason == whyStuck {
		ev = c.p.noisy.Warn().Int("limit_bytes", c.p.cfg.MaxOutput).Dur("limit_time", c.p.cfg.WriteTimeout)
	}
	ev.Str("client", c.remote).Stringer("session", c.session).Str("reason", string(reason)).Msg("client connection closed")
}

// leave takes the connection out of the tables. Both its goroutines are done
// with the state by now, and the applier skips a connection that has ended, so no
// watch can be registered after they are dropped (C7).
func (c *conn) leave() {
	p := c.p
	if c.session != 0 {
		p.state.RLock()
		p.current().Detach(c)
		p.state.RUnlock()
	}
	p.submitMu.Lock()
	defer p.submitMu.Unlock()
	if p.table.remove(c) {
		p.host.Submit(zab.Event{Kind: zab.EvDetach, Session: c.session}) // C6
	}
}

// discard reads on after the last answer until the client has closed its side
// or lingerTime is over (the writer sets the deadline).
func (c *conn) discard() {
	c.mu.Lock()
	linger := c.ending == endLinger
	c.mu.Unlock()
	if !linger {
		return
	}
	var sink [512]byte
	for {
		if _, err := c.nc.Read(sink[:]); err != nil {
			return
		}
	}
}

// heard notes that the client said something.
func (c *conn) heard(now time.Duration) {
	c.heardAt.Store(int64(now))
	c.touch()
}

// touch leaves the session to the next Touched.
func (c *conn) touch() {
	if c.session == 0 || c.touched.Load() || c.touched.Swap(true) {
		return
	}
	c.p.touchMu.Lock()
	c.p.touched = append(c.p.touched, c)
	c.p.touchMu.Unlock()
}
