package clientport

import (
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/quorumd/quorumd/jute"
	"github.com/quorumd/quorumd/zab"
)

// awaitAhead waits until n clients wait for the state to catch up.
func awaitAhead(t *testing.T, h *testHost, n int) {
	t.Helper()
	for limit := time.Now().Add(patience); h.port.ahead.len() != n; runtime.Gosched() {
		if time.Now().After(limit) {
			t.Fatalf("%d clients wait for the state, want %d", h.port.ahead.len(), n)
		}
	}
}

// advance applies a record of another server's.
func (h *testHost) advance() {
	h.inject(&zab.Txn{Op: int32(jute.OpCreateSession), Session: 1, Body: i32(4000), Level: zab.FeatureLevel})
}

// TestAheadCatchesUp: clients that are ahead of the state get their sessions
// with the record that they have seen, and not before.
func TestAheadCatchesUp(t *testing.T) {
	h := start(t, func(c *Config) { c.CatchUp = time.Hour })
	at := h.state.Applied().Zxid
	near, far := dial(t, h.port), dial(t, h.port)
	far.send(connectFrame(at+3, 10000, 0, nil, 0))
	awaitAhead(t, h, 1)
	near.send(connectFrame(at+1, 10000, 0, nil, 0))
	awaitAhead(t, h, 2)
	h.advance() // at+1
	near.connected()
	awaitAhead(t, h, 1)
	h.advance() // at+2 or, with the session of near, at+3
	h.advance()
	far.connected()
	awaitAhead(t, h, 0)
	far.send(ping())
	far.wantReply(-2, 0)
}

// TestAheadRaces lets clients connect with what the next records will bring
// while those are applied: nobody is missed.
func TestAheadRaces(t *testing.T) {
	h := start(t, func(c *Config) { c.CatchUp = time.Hour })
	at := h.state.Applied().Zxid
	const clients = 200
	var wg sync.WaitGroup
	wg.Go(func() {
		for range clients {
			h.advance()
		}
	})
	for i := range clients {
		c := dial(t, h.port)
		c.send(connectFrame(at+zab.Zxid(i+1), 10000, 0, nil, 0))
		c.connected()
	}
	wg.Wait()
	awaitAhead(t, h, 0)
}

// TestAheadGivesUp: a server that does not catch up in time sends the client
// away without an answer, and keeps nothing of it.
func TestAheadGivesUp(t *testing.T) {
	h := start(t, func(c *Config) { c.CatchUp = 20 * time.Millisecond })
	c := dial(t, h.port)
	c.send(connectFrame(h.state.Applied().Zxid+1, 10000, 0, nil, 0))
	c.wantClosed()
	awaitAhead(t, h, 0)
}

// TestAheadEnds: whoever ends the connections does not wait for those either.
func TestAheadEnds(t *testing.T) {
	h := start(t, func(c *Config) { c.CatchUp = time.Hour })
	for _, end := range []func(){
		func() { h.port.CloseAll("test") },
		func() { h.port.SetServing(false); h.port.gate.stop(); h.port.CloseAll("test"); h.port.SetServing(true) },
	} {
		c := dial(t, h.port)
		c.send(connectFrame(h.state.Applied().Zxid+1000, 10000, 0, nil, 0))
		awaitAhead(t, h, 1)
		end()
		c.wantClosed()
		awaitAhead(t, h, 0)
	}
	c := dial(t, h.port)
	c.send(connectFrame(h.state.Applied().Zxid+1000, 10000, 0, nil, 0))
	awaitAhead(t, h, 1) // and Close, at the end of the test, does not wait for the hour
}
