package peer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/quorumd/quorumd/wire"
	"github.com/quorumd/quorumd/zab"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// waitLimit is for a machine that stands still for seconds. The transports'
// own limits are longer, unless a test is about them.
const waitLimit = 10 * time.Second

// memory is a network within the process. Its connections are net.Pipes, which
// hold nothing: a write returns when it was read.
type memory struct {
	mu        sync.Mutex
	listeners map[string]*memoryListener
	dials     map[string]int
}

func newMemory() *memory {
	return &memory{listeners: map[string]*memoryListener{}, dials: map[string]int{}}
}

type memoryListener struct {
	m       *memory
	address string
	conns   chan net.Conn
	errs    chan error // what Accept is made to return
	once    sync.Once
	closed  chan struct{}
}

var errRefused = errors.New("connection refused")

func (m *memory) Listen(address string) (net.Listener, error) {
	l := &memoryListener{m: m, address: address, conns: make(chan net.Conn), errs: make(chan error), closed: make(chan struct{})}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.listeners[address] != nil {
		return nil, errors.New("address in use")
	}
	m.listeners[address] = l
	return l, nil
}

func (m *memory) listener(address string) *memoryListener {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.listeners[address]
}

func (m *memory) dialled(address string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.dials[address]
}

func (m *memory) Dial(ctx context.Context, address string) (net.Conn, error) {
	m.mu.Lock()
	m.dials[address]++
	m.mu.Unlock()
	l := m.listener(address)
	if l == nil {
		return nil, errRefused
	}
	mine, theirs := net.Pipe()
	select {
	case l.conns <- theirs:
		return mine, nil
	case <-l.closed:
	case <-ctx.Done():
	}
	mine.Close()
	theirs.Close()
	return nil, errRefused
}

func (l *memoryListener) Accept() (net.Conn, error) {
	select {
	case nc := <-l.conns:
		return nc, nil
	case err := <-l.errs:
		return nil, err
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *memoryListener) Close() error {
	l.once.Do(func() {
		close(l.closed)
		l.m.mu.Lock()
		delete(l.m.listeners, l.address)
		l.m.mu.Unlock()
	})
	return nil
}

func (l *memoryListener) Addr() net.Addr { return memoryAddr(l.address) }

type memoryAddr string

func (memoryAddr) Network() string  { return "memory" }
func (a memoryAddr) String() string { return string(a) }

// recorder is a host that keeps what it is told.
type recorder struct {
	t      testing.TB
	mu     sync.Mutex
	news   sync.Cond
	events []zab.Event
	failed error
}

func newRecorder(t testing.TB) *recorder {
	r := &recorder{t: t}
	r.news.L = &r.mu
	return r
}

func (r *recorder) Post(ev zab.Event) {
	r.mu.Lock()
	r.events = append(r.events, ev)
	r.news.Broadcast()
	r.mu.Unlock()
}

func (r *recorder) PostPacket(ev zab.Event, _ int) bool {
	r.Post(ev)
	return true
}

func (r *recorder) Fail(err error) {
	r.mu.Lock()
	r.failed = err
	r.news.Broadcast()
	r.mu.Unlock()
}

// await waits until cond, which is called with everything heard so far, holds.
func (r *recorder) await(what string, cond func(events []zab.Event) bool) {
	r.t.Helper()
	late := false // guarded by r.mu
	limit := time.AfterFunc(waitLimit, func() {
		r.mu.Lock()
		late = true
		r.news.Broadcast()
		r.mu.Unlock()
	})
	defer limit.Stop()
	r.mu.Lock()
	defer r.mu.Unlock()
	for !cond(r.events) {
		if late {
			r.t.Fatalf("waited too long for %s; heard %s", what, heard(r.events))
		}
		r.news.Wait()
	}
}

// heard shows the last events.
func heard(events []zab.Event) string {
	const most = 20
	s := fmt.Sprintf("%d events:", len(events))
	for _, ev := range events[max(0, len(events)-most):] {
		s += fmt.Sprintf(" [kind %d peer %d link %d up %t packet %s]", ev.Kind, ev.Peer, ev.Link, ev.Up, ev.Packet.Kind)
	}
	return s
}

// nth waits for the nth event, counted from 1, that is of this kind and peer.
func (r *recorder) nth(n int, kind zab.EventKind, peer zab.ServerID) zab.Event {
	r.t.Helper()
	var found zab.Event
	r.await(fmt.Sprintf("event %d of kind %d and peer %d", n, kind, peer), func(events []zab.Event) bool {
		seen := 0
		for _, ev := range events {
			if ev.Kind == kind && ev.Peer == peer {
				if seen++; seen == n {
					found = ev
					return true
				}
			}
		}
		return false
	})
	return found
}

func (r *recorder) count(kind zab.EventKind) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, ev := range r.events {
		if ev.Kind == kind {
			n++
		}
	}
	return n
}

const digest = 7

func members(n int) []Member {
	var list []Member
	for i := 1; i <= n; i++ {
		id := string(rune('0' + i))
		list = append(list, Member{ID: zab.ServerID(i), Quorum: "quorum" + id, Election: "election" + id, Voter: true})
	}
	return list
}

// open opens the transport of a server in an ensemble of three on network m.
func open(t testing.TB, m *memory, self zab.ServerID, change func(*Config)) (*Transport, *recorder) {
	t.Helper()
	cfg := Config{
		Self: self, Members: members(3), Digest: digest, ConnectTimeout: time.Minute, WriteTimeout: time.Minute,
		HelloTimeout: time.Minute, Log: zerolog.Nop(), BindAttempts: 1,
	}
	if m != nil {
		cfg.Network = m
	}
	if change != nil {
		change(&cfg)
	}
	r := newRecorder(t)
	tr, err := Open(cfg, r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tr.Close)
	return tr, r
}

// call connects as a stranger would.
func call(t testing.TB, m *memory, address string) net.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), waitLimit)
	defer cancel()
	nc, err := m.Dial(ctx, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	_ = nc.SetDeadline(time.Now().Add(waitLimit)) // fails when it is closed already
	return nc
}

// greet exchanges hellos and returns the answer.
func greet(t testing.TB, nc net.Conn, h hello) hello {
	t.Helper()
	if _, err := nc.Write(h.append(nil)); err != nil {
		t.Fatal(err)
	}
	answer, err := readHello(nc)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// join opens a connection as server from would.
func join(t testing.TB, m *memory, address string, ch channel, from, to zab.ServerID) net.Conn {
	t.Helper()
	nc := call(t, m, address)
	if answer := greet(t, nc, hello{channel: ch, from: from, to: to, members: digest}); answer.verdict != welcome {
		t.Fatalf("refused: %s", answer.verdict)
	}
	return nc
}

// closedSoon checks that the other side hangs up.
func closedSoon(t testing.TB, nc net.Conn) {
	t.Helper()
	if _, err := io.Copy(io.Discard, nc); err != nil && !errors.Is(err, io.ErrClosedPipe) && !errors.Is(err, net.ErrClosed) {
		t.Fatalf("not closed: %v", err)
	}
}

func frame(t testing.TB, p zab.Packet) []byte {
	t.Helper()
	b, err := wire.NewEncoder().AppendPacket(nil, &p)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func record(t testing.TB, enc *wire.Encoder, prev uint32, z zab.Zxid, body []byte) zab.Record {
	t.Helper()
	rec, err := enc.EncodeRecord(prev, z, &zab.Txn{Op: 1, Seq: uint64(z), Body: body})
	if err != nil {
		t.Fatal(err)
	}
	return rec
}
