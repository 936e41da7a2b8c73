package server

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/server/peer"
	"github.com/quorumd/quorumd/zab"
)

// meter is one server's network. It measures the longest silence of the others
// towards that server, and can be cut off.
type meter struct {
	peer.Network
	mu    sync.Mutex
	cut   bool
	conns map[net.Conn]bool
	last  time.Time
	gap   time.Duration
}

func newMeter() *meter { return &meter{Network: peer.TCP(0), conns: map[net.Conn]bool{}} }

type meteredConn struct {
	net.Conn
	m *meter
}

func (c meteredConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 {
		c.m.heard()
	}
	return n, err
}

type meteredListener struct {
	net.Listener
	m *meter
}

func (l meteredListener) Accept() (net.Conn, error) {
	for {
		nc, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if nc, err = l.m.take(nc); err == nil {
			return nc, nil
		}
	}
}

func (m *meter) Listen(address string) (net.Listener, error) {
	ln, err := m.Network.Listen(address)
	return meteredListener{ln, m}, err
}

func (m *meter) Dial(ctx context.Context, address string) (net.Conn, error) {
	nc, err := m.Network.Dial(ctx, address)
	if err != nil {
		return nil, err
	}
	return m.take(nc)
}

func (m *meter) take(nc net.Conn) (net.Conn, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.cut {
		nc.Close()
		return nil, net.ErrClosed
	}
	m.conns[nc] = true
	return meteredConn{nc, m}, nil
}

func (m *meter) heard() {
	m.mu.Lock()
	now := time.Now()
	m.gap = max(m.gap, now.Sub(m.last))
	m.last = now
	m.mu.Unlock()
}

// begin begins to measure.
func (m *meter) begin() {
	m.mu.Lock()
	m.gap, m.last = 0, time.Now()
	m.mu.Unlock()
}

// silence returns the longest since begin.
func (m *meter) silence() time.Duration {
	m.heard()
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.gap
}

// sever breaks every connection and lets none come up.
func (m *meter) sever(cut bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cut = cut
	for nc := range m.conns {
		nc.Close()
	}
	clear(m.conns)
}

// seedRig is three servers whose heartbeats are measured and whose logs can be
// held. Its times are those of the other tests: ticks of 200 ms, a leader is
// given up after ten.
type seedRig struct {
	*testEnsemble
	nets   []*meter
	disks  []*stuckFS
	leader int
	others [2]int
	epoch  zab.Epoch
}

const (
	seedTick  = 200 * time.Millisecond
	seedLimit = 10 * seedTick
)

func newSeedRig(t *testing.T) *seedRig {
	r := &seedRig{}
	r.testEnsemble = newEnsemble(t, 3, 0, func(c *Config) {
		m, d := newMeter(), &stuckFS{FS: vfs.OS, release: make(chan struct{})}
		r.nets, r.disks = append(r.nets, m), append(r.disks, d)
		c.Network, c.FS, c.DiskStall = m, d, time.Hour
	})
	r.start(1, 2, 3)
	r.leader = r.serving()
	r.others = [2]int{r.leader%3 + 1, (r.leader+1)%3 + 1}
	r.epoch = r.status(r.leader).Epoch
	return r
}

func (r *seedRig) status(id int) statusOf {
	return statusOf{r.servers[id-1].Status().State, r.servers[id-1].Status().Epoch}
}

type statusOf struct {
	State zab.PeerState
	Epoch zab.Epoch
}

// pass lets time go by and sees that the servers named stay as they are, under
// the same leader and within its pings.
func (r *seedRig) pass(d time.Duration, ids ...int) {
	r.t.Helper()
	for _, id := range ids {
		r.nets[id-1].begin()
	}
	began := time.Now()
	eventually(r.t, "time passing", func() bool {
		for _, id := range ids {
			want := statusOf{zab.Following, r.epoch}
			if id == r.leader {
				want.State = zab.Leading
			}
			if got := r.status(id); got != want {
				r.t.Fatalf("after %v server %d is %s in epoch %d; it was %s in epoch %d", time.Since(began), id, got.State, got.Epoch, want.State, want.Epoch)
			}
		}
		return time.Since(began) > d
	})
	for _, id := range ids {
		if gap := r.nets[id-1].silence(); gap > seedLimit/2 {
			r.t.Fatalf("server %d heard nothing for %v", id, gap)
		}
	}
}

// TestCRDB10206PeerCut: one peer cannot be reached. What is found out about it,
// over and over, must not disturb the heartbeats to the others: two election
// timeouts later the leader, its epoch and the other follower are as they were.
func TestCRDB10206PeerCut(t *testing.T) {
	t.Parallel()
	r := newSeedRig(t)
	r.nets[r.others[0]-1].sever(true)
	r.pass(2*seedLimit, r.leader, r.others[1])
	c := r.client(r.others[1])
	create(t, c, "/a", nil)
	c.Close()
	r.nets[r.others[0]-1].sever(false)
	r.serving()
	r.converged()
}

// hold makes a server's syncs hang until the function returned is called.
func (r *seedRig) hold(id int) (release func()) {
	d := r.disks[id-1]
	d.stuck.Store(true)
	var once sync.Once
	release = func() {
		once.Do(func() {
			d.stuck.Store(false)
			close(d.release)
		})
	}
	r.t.Cleanup(release) // before the servers are closed
	return release
}

// TestCRDB10206LogHeld: a follower's log hangs in a sync for several sync
// limits. Its own clock and everybody's heartbeats go on; the leader drops it,
// since it acknowledges nothing, and keeps its place and the other follower.
func TestCRDB10206LogHeld(t *testing.T) {
	t.Parallel()
	r := newSeedRig(t)
	held, free := r.others[0], r.others[1]
	c := r.client(free)
	create(t, c, "/a", nil)
	release := r.hold(held)
	create(t, c, "/b", nil)
	r.pass(seedLimit/2, r.leader, held, free)
	r.pass(2*seedLimit, r.leader, free)
	if learners := r.servers[r.leader-1].Status().Learners; len(learners) != 1 {
		t.Errorf("%d learners, one of them acknowledges nothing", len(learners))
	}
	create(t, c, "/c", nil)
	release()
	c.Close()
	r.serving()
	r.converged()
}

// TestCRDB10206LeaderLogHeld: the leader's log hangs. Its heartbeats go on, so
// it is not taken for dead; but it finds out itself, gives up after syncLimit,
// and the others serve.
func TestCRDB10206LeaderLogHeld(t *testing.T) {
	t.Parallel()
	r := newSeedRig(t)
	c := r.client(r.others[0])
	create(t, c, "/a", nil)
	release := r.hold(r.leader)
	create(t, c, "/b", nil) // the others are a quorum
	r.pass(seedLimit/2, r.leader, r.others[0], r.others[1])
	within(t, 5*seedLimit, "another leader", func() bool {
		for _, id := range r.others {
			if st := r.servers[id-1].Status(); st.State == zab.Leading && st.Serving && st.Epoch > r.epoch {
				return true
			}
		}
		return false
	})
	eventually(t, "a write without the old leader", func() bool {
		_, err := c.Set("/b", nil, -1)
		return err == nil
	})
	release()
	c.Close()
	r.serving()
	r.converged()
}

// pinger is a client that sends pings and does not mind who answers.
type pinger struct {
	session zab.SessionID
	nc      net.Conn
	stop    chan struct{}
	done    chan struct{}
	lost    atomic.Bool // the server hung up
}

func newPinger(t *testing.T, address string, timeout time.Duration) *pinger {
	t.Helper()
	nc, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	request := make([]byte, 4+28+16)
	binary.BigEndian.PutUint32(request, uint32(len(request)-4))
	binary.BigEndian.PutUint32(request[16:], uint32(timeout.Milliseconds()))
	binary.BigEndian.PutUint32(request[28:], 16)
	var answer [4 + 16 + 20]byte
	if _, err := nc.Write(request); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(nc, answer[:]); err != nil {
		t.Fatal(err)
	}
	p := &pinger{
		nc: nc, session: zab.SessionID(binary.BigEndian.Uint64(answer[12:])),
		stop: make(chan struct{}), done: make(chan struct{}, 2),
	}
	go func() {
		_, _ = io.Copy(io.Discard, nc)
		p.lost.Store(true)
		p.done <- struct{}{}
	}()
	go p.run(timeout / 4)
	t.Cleanup(func() {
		close(p.stop)
		nc.Close()
		<-p.done
		<-p.done
	})
	return p
}

func (p *pinger) run(every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	defer func() { p.done <- struct{}{} }()
	for {
		select {
		case <-ticker.C:
			_, _ = p.nc.Write([]byte{0, 0, 0, 8, 0xff, 0xff, 0xff, 0xfe, 0, 0, 0, 11})
		case <-p.stop:
			return
		}
	}
}

// readSlowly holds a server's state as a reader does until the function returned
// is called.
func readSlowly(s *Server) (release func()) {
	holds, over := make(chan struct{}), make(chan struct{})
	go func() {
		s.stateMu.RLock()
		close(holds)
		<-over
		s.stateMu.RUnlock()
	}()
	<-holds
	return sync.OnceFunc(func() { close(over) })
}

// TestCRDB10206ApplyHeld: somebody holds the state of the leader and of a
// follower for several session timeouts, and records to apply pile up behind
// it. The heartbeats go on, the leader stays, nobody loses a session: neither
// the clients of those servers, which nobody can answer meanwhile, nor others.
func TestCRDB10206ApplyHeld(t *testing.T) {
	t.Parallel()
	r := newSeedRig(t)
	held := []int{r.leader, r.others[0]}
	free := r.others[1]
	c := r.client(free)
	create(t, c, "/a", nil)
	const timeout = 800 * time.Millisecond
	var pingers []*pinger
	for _, id := range []int{r.leader, r.others[0], free} {
		pingers = append(pingers, newPinger(t, r.configs[id-1].Client.Listen, timeout))
	}
	var release []func()
	for _, id := range held {
		release = append(release, readSlowly(r.servers[id-1]))
		t.Cleanup(release[len(release)-1])
	}
	for range 10 {
		if _, err := c.Set("/a", nil, -1); err != nil {
			t.Fatal(err)
		}
	}
	r.pass(5*timeout, r.leader, r.others[0], free)
	if _, err := c.Create("/late", nil, zk.FlagEphemeral, openACL); err != nil {
		t.Fatal(err)
	}
	for _, f := range release {
		f()
	}
	r.converged()
	for i, p := range pingers {
		s := r.servers[free-1]
		s.stateMu.RLock()
		_, lives := s.state.SessionTimeout(p.session)
		s.stateMu.RUnlock()
		if !lives || p.lost.Load() {
			t.Errorf("session %d of 3 (%s): lives %t, hung up on %t", i+1, p.session, lives, p.lost.Load())
		}
	}
	c.Close()
}

// TestCRDB10206ApplyStuck: the state is never given back. The heartbeats go on,
// so no other server can tell; the server itself ends, and says why.
func TestCRDB10206ApplyStuck(t *testing.T) {
	t.Parallel()
	aborted := make(chan error, 1)
	s, _, c := openOnMem(t, func(cfg *Config) {
		cfg.ApplyStall = 200 * time.Millisecond
		cfg.Abort = func(err error) { aborted <- err }
	})
	release := readSlowly(s)
	defer closeServer(t, s)
	defer c.Close()
	defer release()
	answered := writers(c, 1)
	select {
	case err := <-aborted:
		if !strings.Contains(err.Error(), "nothing that is committed could be applied") {
			t.Errorf("aborted for: %v", err)
		}
	case err := <-answered:
		t.Fatalf("answered while the state was held: %v", err)
	case <-time.After(waitLimit):
		t.Fatal("nobody notices that the server can do nothing for its clients")
	}
}
