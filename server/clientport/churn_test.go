package clientport

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"testing"

	"github.com/quorumd/quorumd/jute"
	"github.com/quorumd/quorumd/zab"
)

// TestChurn lets many clients connect, watch, write, vanish in the middle, come
// back on a second connection and break the protocol, while the loop expires
// sessions and closes every connection now and then. What must be left is
// nothing: no connection, no watch, no request that counts as outstanding, no
// goroutine (TestMain).
func TestChurn(t *testing.T) {
	h := newHost(t)
	h.rng = rand.New(rand.NewPCG(7, 7))
	startWith(t, h, func(c *Config) { c.OutstandingLimit = 20; c.MaxPerAddress = 30 })
	var wg sync.WaitGroup
	for i := range 12 {
		wg.Go(func() { churn(t, h, rand.New(rand.NewPCG(11, uint64(i)))) })
	}
	wg.Wait()
	// A request of every session that is left shows that the loop is through
	// with what came before it.
	last := open(t, h.port)
	last.send(create(1, "/last", ""))
	last.wantReply(1, 0)
	last.nc.Close()
	waitFor(t, h, "every connection to be gone", func() bool { return h.port.table.len() == 0 })
	if n := h.port.outstanding.Load(); n != 0 {
		t.Errorf("%d requests are outstanding", n)
	}
	if n := len(h.port.table.sessions); n != 0 {
		t.Errorf("%d sessions have a connection", n)
	}
	h.mu.RLock()
	defer h.mu.RUnlock()
	if w := h.state.Figures().Watches; w.Watches != 0 || w.Connections != 0 {
		t.Errorf("watches are left: %+v", w)
	}
}

// waitFor waits for what follows from events of the loop: every connection that
// goes submits one.
func waitFor(t *testing.T, h *testHost, what string, done func() bool) {
	t.Helper()
	h.await(what, func([]zab.Event) bool { return done() })
}

// churn lives through a number of connections.
func churn(t *testing.T, h *testHost, rng *rand.Rand) {
	var id zab.SessionID
	password := make([]byte, 16)
	for round := range 40 {
		nc, err := net.Dial("tcp", h.port.Addr().String())
		if err != nil {
			t.Error(err)
			return
		}
		c := &client{t: t, nc: nc}
		nc.Write(connectFrame(0, 10000, id, password, 0))
		b, err := c.tryFrame()
		if err != nil || len(b) != 37 {
			id, password = 0, make([]byte, 16)
			nc.Close()
			continue
		}
		r := jute.NewReader(b[8:])
		id, password = zab.SessionID(r.Int64()), b[20:36]
		if id == 0 {
			nc.Close()
			continue
		}
		nc.Write(mischief(rng, id, round))
		for range rng.IntN(30) {
			if _, err := c.tryFrame(); err != nil {
				break
			}
		}
		switch rng.IntN(12) {
		case 0:
			h.inject(&zab.Txn{Op: zab.OpExpire, Session: id, Level: zab.FeatureLevel})
		case 1:
			h.port.CloseAll("test")
		case 2:
			// Comes back while the old connection is still there.
			defer nc.Close()
			continue
		}
		nc.Close()
	}
}

// mischief is a burst of requests, the last of which may be bad.
func mischief(rng *rand.Rand, id zab.SessionID, round int) []byte {
	var b []byte
	path := fmt.Sprintf("/n%x", uint64(id)&0xff)
	b = append(b, create(1, path, "x")...)
	for xid := int32(2); xid < 30; xid++ {
		switch rng.IntN(6) {
		case 0:
			b = append(b, setData(xid, path, "y")...)
		case 1:
			b = append(b, req(xid, jute.OpSync, str(path))...)
		case 2:
			b = append(b, req(xid, jute.OpAddWatch, str(path), i32(int32(round&1)))...)
		default:
			b = append(b, getData(xid, path, true)...)
		}
	}
	switch rng.IntN(6) {
	case 0:
		b = append(b, closeSession(40)...)
	case 1:
		b = append(b, req(40, 99)...)
	case 2:
		b = append(b, i32(-1)...)
	case 3:
		b = append(b, req(-4, jute.OpAuth, i32(0), str("none"), buf(nil))...)
	}
	return b
}
