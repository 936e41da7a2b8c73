package clientport

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/quorumd/quorumd/jute"
	"github.com/quorumd/quorumd/zab"
)

const zeroPassword = "00000010 00000000000000000000000000000000"

// TestConnectNew: the answer to a new session, with and without the readOnly
// byte, and what it negotiates.
func TestConnectNew(t *testing.T) {
	h := start(t, nil)
	for wanted, got := range map[int32]int32{1: 4000, -5: 4000, 10000: 10000, 999999: 40000} {
		c := dial(t, h.port).connect(wanted, 0, nil)
		if c.timeout != got {
			t.Errorf("asked for %d ms, got %d, want %d", wanted, c.timeout, got)
		}
		if byte(uint64(c.session)>>56) != byte(self) {
			t.Errorf("session %s does not carry the server's id", c.session)
		}
	}
	old := dial(t, h.port)
	old.send(connectFrame(0, 10000, 0, nil, -1))
	if b := old.frame(); len(b) != 36 {
		t.Errorf("an old client is answered with %d bytes: %x", len(b), b)
	}
	odd := dial(t, h.port)
	odd.send(framed(i32(7), i64(0), i32(10000), i64(0), buf([]byte("short")), []byte{0, 9, 9, 9}))
	if b := odd.frame(); len(b) != 37 || b[36] != 0 {
		t.Errorf("an odd connect request is answered with %x", b)
	}
}

// TestConnectReattach: the session goes to the new connection, with the
// timeout negotiated anew, and the old connection is closed.
func TestConnectReattach(t *testing.T) {
	h := start(t, nil)
	first := open(t, h.port)
	first.send(create(1, "/a", "x"))
	first.wantReply(1, 0)
	second := dial(t, h.port).connect(8000, first.session, first.password)
	if second.session != first.session || second.timeout != 8000 || string(second.password) != string(first.password) {
		t.Errorf("session %s, timeout %d, password %x", second.session, second.timeout, second.password)
	}
	first.wantClosed()
	second.send(getData(2, "/a", false))
	second.wantReply(2, 0)
	h.await("the detach before the attach", func(seen []zab.Event) bool {
		detached := false
		for _, ev := range seen {
			detached = detached || ev.Kind == zab.EvDetach && ev.Session == first.session
			if ev.Kind == zab.EvAttach {
				return detached
			}
		}
		return false
	})
}

// TestConnectWrongPassword: refused, and the owner's connection lives on
// (spec/client-protocol.md trap T4).
func TestConnectWrongPassword(t *testing.T) {
	h := start(t, nil)
	owner := open(t, h.port)
	for _, password := range [][]byte{make([]byte, 16), nil, []byte("x"), make([]byte, 17)} {
		thief := dial(t, h.port)
		thief.send(connectFrame(0, 10000, owner.session, password, 0))
		thief.want("00000000 00000000 0000000000000000" + zeroPassword + "00")
		thief.wantClosed()
	}
	owner.send(ping())
	owner.wantReply(-2, 0)
}

// TestConnectExpired: a session that is gone is told by zeros, to old clients
// without the last byte (T14).
func TestConnectExpired(t *testing.T) {
	h := start(t, nil)
	c := open(t, h.port)
	h.inject(&zab.Txn{Op: zab.OpExpire, Session: c.session, Level: zab.FeatureLevel})
	c.wantClosed()
	again := dial(t, h.port)
	again.send(connectFrame(0, 10000, c.session, c.password, 0))
	again.want("00000000 00000000 0000000000000000" + zeroPassword + "00")
	again.wantClosed()
	old := dial(t, h.port)
	old.send(connectFrame(0, 10000, c.session, c.password, -1))
	old.want("00000000 00000000 0000000000000000" + zeroPassword)
	old.wantClosed()
}

// TestConnectAhead: a client that has seen more than this server is sent away
// without an answer.
func TestConnectAhead(t *testing.T) {
	h := start(t, nil)
	c := dial(t, h.port)
	c.send(connectFrame(h.state.Applied().Zxid+1, 10000, 0, nil, 0))
	c.wantClosed()
	c = dial(t, h.port)
	c.send(connectFrame(h.state.Applied().Zxid, 10000, 0, nil, 0))
	c.connected()
}

// TestConnectMalformed: no answer, ever.
func TestConnectMalformed(t *testing.T) {
	h := start(t, nil)
	negative := connectFrame(0, 10000, 0, nil, 0)
	binary.BigEndian.PutUint32(negative[28:], 0xfffffffe)
	long := connectFrame(0, 10000, 0, nil, 0)
	binary.BigEndian.PutUint32(long[28:], 100)
	for name, b := range map[string][]byte{
		"empty frame":             framed(),
		"short record":            framed(make([]byte, 27)),
		"negative password":       negative,
		"password past the end":   long,
		"negative length":         i32(-1),
		"length over the limit":   i32(jute.DefaultMaxBuffer + 1),
		"telnet's close":          {0xff, 0xf4, 0xff, 0xfd},
		"a word that is no word":  []byte("lead"),
		"a length of 2^31-1":      i32(1<<31 - 1),
		"half a length, then EOF": {0, 0},
	} {
		c := dial(t, h.port)
		c.send(b)
		if name == "half a length, then EOF" {
			c.nc.(interface{ CloseWrite() error }).CloseWrite()
		}
		if got := c.rest(); got != "" {
			t.Errorf("%s: answered %x", name, got)
		}
	}
}

// TestTwoClaims: of two connections that claim a session while the leader has
// not answered, the newer one gets it (C6).
func TestTwoClaims(t *testing.T) {
	h := start(t, nil)
	first := open(t, h.port)
	h.hold()
	early := dial(t, h.port)
	early.send(connectFrame(0, 10000, first.session, first.password, 0))
	attaches := func(n int) func([]zab.Event) bool {
		return func(seen []zab.Event) bool {
			for _, ev := range seen {
				if ev.Kind == zab.EvAttach {
					n--
				}
			}
			return n <= 0
		}
	}
	h.await("the first attach", attaches(1))
	// An answer to somebody else's question is not theirs.
	h.port.Answer(zab.Answer{Kind: zab.AnswerAttached, Seq: 1, Session: first.session})
	h.port.Answer(zab.Answer{Kind: zab.AnswerLost, Seq: 1, Session: first.session})
	late := dial(t, h.port)
	late.send(connectFrame(0, 10000, first.session, first.password, 0))
	h.await("the second attach", attaches(2))
	h.release()
	late.connected()
	if late.session != first.session {
		t.Errorf("the newer connection got %s", late.session)
	}
	first.wantClosed()
	early.wantClosed()
	late.send(ping())
	late.wantReply(-2, 0)
}

// TestConnectWhileNotServing: no answer; four-letter words work all the same.
func TestConnectWhileNotServing(t *testing.T) {
	h := start(t, nil)
	h.port.SetServing(false)
	c := dial(t, h.port)
	c.send(connectFrame(0, 10000, 0, nil, 0))
	c.wantClosed()
	w := dial(t, h.port)
	w.send([]byte("ruok"))
	if got := w.rest(); got != "imok" {
		t.Errorf("ruok: %q", got)
	}
	w = dial(t, h.port)
	w.send([]byte("srvr\n"))
	if got := w.rest(); got != "This ZooKeeper instance is not currently serving requests\n" {
		t.Errorf("srvr: %q", got)
	}
}

// TestNoSession: a connection that gets no session in time is closed.
func TestNoSession(t *testing.T) {
	h := start(t, func(c *Config) { c.Sessionless = 50 * time.Millisecond })
	silent := dial(t, h.port)
	silent.wantClosed()
	h.hold()
	waiting := dial(t, h.port)
	waiting.send(connectFrame(0, 10000, 0, nil, 0))
	waiting.wantClosed()
	h.release()
}

// TestQD5Connection: a later leader does not uphold the attach of a connection.
// It is closed, without a word; answers to other connections' attaches, and to
// its own once more, are not meant for it.
func TestQD5Connection(t *testing.T) {
	for _, kind := range []zab.AnswerKind{zab.AnswerMoved, zab.AnswerAttached} {
		h := start(t, nil)
		first := open(t, h.port)
		c := dial(t, h.port)
		c.send(connectFrame(0, 10000, first.session, first.password, 0))
		c.connected()
		first.wantClosed()
		var seq uint64
		h.await("the attach", func(seen []zab.Event) bool {
			for _, ev := range seen {
				if ev.Kind == zab.EvAttach {
					seq = ev.Attach.Seq
				}
			}
			return seq != 0
		})
		for _, a := range []zab.Answer{
			{Kind: kind, Seq: seq - 1}, {Kind: kind, Seq: seq + 1}, {Kind: zab.AnswerAttached, Seq: seq, OK: true},
		} {
			a.Session = c.session
			h.passMu.Lock()
			h.port.Answer(a)
			h.passMu.Unlock()
		}
		c.send(ping())
		c.wantReply(-2, 0)
		h.passMu.Lock() // the test is the loop
		h.port.Answer(zab.Answer{Kind: kind, Seq: seq, Session: c.session})
		h.port.Flush()
		h.passMu.Unlock()
		if got := c.rest(); got != "" {
			t.Errorf("answer %d: the client was told %x", kind, got)
		}
	}
}
