package clientport

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/quorumd/quorumd/internal/ranked"
	"github.com/quorumd/quorumd/jute"
	"github.com/quorumd/quorumd/replica"
	"github.com/quorumd/quorumd/wire"
	"github.com/quorumd/quorumd/zab"
	"github.com/rs/zerolog"
)

// testHost is a server of one: it turns requests into records and applies them
// to a real state, in passes like the loop does.
type testHost struct {
	t     testing.TB
	port  *Port
	mu    ranked.RWMutex[ranked.State]
	state *replica.State
	enc   *wire.Encoder
	rng   *rand.Rand // nil: everything that waits goes into one pass
	ended chan struct{}
	// wedged has the test end although the port cannot be closed any more.
	wedged bool

	passMu sync.Mutex // one pass at a time

	inMu   sync.Mutex
	wake   *sync.Cond
	inbox  []zab.Event
	seen   []zab.Event // all that was submitted, in order
	held   bool        // submitted events stay in the inbox
	stop   bool
	failed chan error             // what Fail was told
	moved  map[zab.SessionID]bool // writes of these are answered AnswerMoved
	answer bool                   // attaches are answered by whether the session lives
}

func newHost(t testing.TB) *testHost {
	h := &testHost{
		t: t, state: replica.NewState(), enc: wire.NewEncoder(), answer: true,
		ended: make(chan struct{}), failed: make(chan error, 1), moved: map[zab.SessionID]bool{},
	}
	h.wake = sync.NewCond(&h.inMu)
	body, err := h.enc.AppendBody(nil, &zab.Bootstrap{Ensemble: 1, Secret: make([]byte, 32)})
	if err != nil {
		t.Fatal(err)
	}
	h.applyOne(&zab.Txn{Op: zab.OpBootstrap, Body: body, Level: zab.FeatureLevel})
	return h
}

func (h *testHost) Submit(ev zab.Event) {
	h.inMu.Lock()
	defer h.inMu.Unlock()
	h.seen = append(h.seen, ev)
	h.inbox = append(h.inbox, ev)
	h.wake.Broadcast()
}

func (h *testHost) State() (*replica.State, *ranked.RWMutex[ranked.State]) { return h.state, &h.mu }

func (h *testHost) Fail(err error) { h.failed <- err }

func (h *testHost) Status() *replica.Status { return &replica.Status{Applied: h.state.Applied().Zxid} }

// hold keeps submitted events back until release.
func (h *testHost) hold() {
	h.inMu.Lock()
	h.held = true
	h.inMu.Unlock()
}

func (h *testHost) release() {
	h.inMu.Lock()
	h.held = false
	h.wake.Broadcast()
	h.inMu.Unlock()
}

// await waits until the inbox satisfies cond, for a held host.
func (h *testHost) await(what string, cond func(inbox []zab.Event) bool) {
	h.t.Helper()
	limit := time.AfterFunc(10*time.Second, func() {
		h.inMu.Lock()
		h.stop = true
		h.wake.Broadcast()
		h.inMu.Unlock()
	})
	defer limit.Stop()
	h.inMu.Lock()
	defer h.inMu.Unlock()
	for !cond(h.seen) {
		if h.stop {
			h.t.Fatalf("waited too long for %s", what)
		}
		h.wake.Wait()
	}
}

// next takes what is to go into one pass.
func (h *testHost) next() ([]zab.Event, bool) {
	h.inMu.Lock()
	defer h.inMu.Unlock()
	for (len(h.inbox) == 0 || h.held) && !h.stop {
		h.wake.Wait()
	}
	if h.stop {
		return nil, false
	}
	n := len(h.inbox)
	if h.rng != nil {
		n = 1 + h.rng.IntN(n)
	}
	pass := append([]zab.Event(nil), h.inbox[:n]...)
	h.inbox = append(h.inbox[:0], h.inbox[n:]...)
	return pass, true
}

func (h *testHost) run() {
	defer close(h.ended)
	for {
		pass, ok := h.next()
		if !ok {
			return
		}
		var answers []zab.Answer
		h.passMu.Lock()
		h.mu.Lock()
		for _, ev := range pass {
			switch ev.Kind {
			case zab.EvRequest:
				if h.isMoved(ev.Request.Session) {
					answers = append(answers, zab.Answer{Kind: zab.AnswerMoved, Seq: ev.Request.Seq, Session: ev.Request.Session})
					continue
				}
				h.request(ev.Request)
			case zab.EvAttach:
				_, lives := h.state.SessionTimeout(ev.Attach.Session)
				answers = append(answers, zab.Answer{
					Kind: zab.AnswerAttached, Seq: ev.Attach.Seq, Session: ev.Attach.Session, OK: lives,
				})
			case zab.EvSync:
				answers = append(answers, zab.Answer{Kind: zab.AnswerSync, Seq: ev.SyncAsk.Seq, Session: ev.SyncAsk.Session})
			}
		}
		h.mu.Unlock()
		for _, a := range answers {
			h.port.Answer(a)
		}
		h.port.Flush()
		h.passMu.Unlock()
	}
}

func (h *testHost) isMoved(id zab.SessionID) bool {
	h.inMu.Lock()
	defer h.inMu.Unlock()
	return h.moved[id]
}

func (h *testHost) setMoved(id zab.SessionID) {
	h.inMu.Lock()
	h.moved[id] = true
	h.inMu.Unlock()
}

// request applies a request. The state is write-locked.
func (h *testHost) request(q *zab.Request) {
	h.applyOne(&zab.Txn{
		Time: 1795225015711, Session: q.Session, Cxid: q.Cxid, Origin: self, Seq: q.Seq,
		Level: zab.FeatureLevel, Op: q.Op, Auth: q.Auth, Body: q.Body,
	})
}

// applyOne applies a transaction as the loop does.
func (h *testHost) applyOne(txn *zab.Txn) {
	at := h.state.Applied()
	z := at.Zxid + 1
	if z.Epoch() == 0 {
		z = zab.NewZxid(1, 1)
	}
	rec, err := h.enc.EncodeRecord(at.CRC, z, txn)
	if err != nil {
		panic(err)
	}
	rec.Txn = txn
	if h.port != nil {
		h.port.BeforeApply(&rec)
	}
	res := h.state.Apply(&rec)
	if h.port != nil {
		h.port.Applied(&rec, res)
	}
}

// inject applies a transaction of another server's.
func (h *testHost) inject(txn *zab.Txn) {
	h.passMu.Lock()
	defer h.passMu.Unlock()
	h.mu.Lock()
	h.applyOne(txn)
	h.mu.Unlock()
	h.port.Flush()
}

const self zab.ServerID = 3

func testConfig() Config {
	return Config{
		Self: self, Listen: "127.0.0.1:0", MinTimeout: 4 * time.Second, MaxTimeout: 40 * time.Second,
		MaxBuffer: jute.DefaultMaxBuffer, OutstandingLimit: 1000, Sessionless: 10 * time.Second,
		Grace: time.Second, Words: []string{"*"}, Log: zerolog.Nop(),
	}
}

// start opens a serving port over a fresh host.
func start(t testing.TB, change func(*Config)) *testHost {
	t.Helper()
	return startWith(t, newHost(t), change)
}

func startWith(t testing.TB, h *testHost, change func(*Config)) *testHost {
	t.Helper()
	cfg := testConfig()
	if change != nil {
		change(&cfg)
	}
	port, err := Open(cfg, h)
	if err != nil {
		t.Fatal(err)
	}
	h.port = port
	port.SetServing(true)
	go h.run()
	t.Cleanup(func() {
		if h.wedged {
			return
		}
		port.Close()
		h.inMu.Lock()
		h.stop = true
		h.wake.Broadcast()
		h.inMu.Unlock()
		<-h.ended
	})
	return h
}
