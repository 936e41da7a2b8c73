package server

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"github.com/quorumd/quorumd/server/clientport"
	"github.com/quorumd/quorumd/server/peer"
	"github.com/quorumd/quorumd/zab"
)

func TestMain(m *testing.M) {
	if os.Getenv(fewFilesServer) != "" {
		os.Exit(runFewFiles())
	}
	goleak.VerifyTestMain(m)
}

// waitLimit bounds everything that is waited for in these tests.
const waitLimit = 30 * time.Second

// testEnsemble is an ensemble of servers in this process, on loopback.
type testEnsemble struct {
	t       testing.TB
	dir     string
	configs []Config
	servers []*Server // nil while down
}

// nextPort is where freePort looks next.
var nextPort atomic.Uint32

// freePort returns a port of loopback that nobody uses at the moment. It is
// below those that the system gives to outgoing connections: one of them could
// take the port while its server is down.
func freePort(t testing.TB) string {
	t.Helper()
	const first, count = 10_000, 10_000
	nextPort.CompareAndSwap(0, uint32(os.Getpid())*131)
	for range count {
		addr := fmt.Sprintf("127.0.0.1:%d", first+nextPort.Add(1)%count)
		if ln, err := net.Listen("tcp", addr); err == nil {
			ln.Close()
			return addr
		}
	}
	t.Fatalf("no free port in %d..%d", first, first+count-1)
	return ""
}

// testConfig is the configuration of a server alone.
func testConfig(dir string, log zerolog.Logger) Config {
	return Config{
		Self: 0, Ensemble: zab.NewEnsemble([]zab.ServerID{0}, nil), DataDir: dir, SegmentSize: 1 << 20,
		Tick: 200 * time.Millisecond, InitLimit: 25, SyncLimit: 10, ConnectTimeout: time.Second,
		Client: clientport.Config{
			Listen: "127.0.0.1:0", MinTimeout: 400 * time.Millisecond, MaxTimeout: 20 * time.Second,
			MaxBuffer: 1 << 20, OutstandingLimit: 1000, Sessionless: 10 * time.Second, Words: []string{"*"},
		},
		SnapCount: 1000, KeepSnapshots: 3, Version: "test", Logger: log,
	}
}

// logOf writes the servers' logs where a failing test shows them.
func logOf(t testing.TB) zerolog.Logger {
	return zerolog.New(&testWriter{t: t}).Level(zerolog.InfoLevel).With().Timestamp().Logger()
}

// testWriter is like zerolog.TestWriter, but may be written to after the test.
type testWriter struct {
	mu   sync.Mutex
	t    testing.TB
	over bool
	once sync.Once
}

func (w *testWriter) Write(b []byte) (int, error) {
	w.once.Do(func() {
		w.t.Cleanup(func() {
			w.mu.Lock()
			w.over = true
			w.mu.Unlock()
		})
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.over {
		w.t.Logf("%s", b[:max(len(b)-1, 0)])
	}
	return len(b), nil
}

// newEnsemble lays out servers 1 to voters, and observers after them.
func newEnsemble(t testing.TB, voters, observers int, tune func(*Config)) *testEnsemble {
	t.Helper()
	e := &testEnsemble{t: t, dir: t.TempDir()}
	log := logOf(t)
	var members []peer.Member
	var voting, observing []zab.ServerID
	for i := 1; i <= voters+observers; i++ {
		m := peer.Member{ID: zab.ServerID(i), Quorum: freePort(t), Election: freePort(t), Voter: i <= voters}
		members = append(members, m)
		if m.Voter {
			voting = append(voting, m.ID)
		} else {
			observing = append(observing, m.ID)
		}
	}
	for _, m := range members {
		c := testConfig(filepath.Join(e.dir, fmt.Sprint(m.ID)), log)
		c.Self, c.Members, c.Ensemble, c.Digest = m.ID, members, zab.NewEnsemble(voting, observing), 99
		c.Client.Listen = freePort(t)
		if tune != nil {
			tune(&c)
		}
		e.configs = append(e.configs, c)
		e.servers = append(e.servers, nil)
	}
	t.Cleanup(e.closeAll)
	return e
}

func (e *testEnsemble) start(ids ...int) {
	e.t.Helper()
	for _, id := range ids {
		s, err := Open(e.configs[id-1])
		if err != nil {
			e.t.Fatalf("server %d: %v", id, err)
		}
		e.servers[id-1] = s
	}
}

func (e *testEnsemble) stop(id int) {
	e.t.Helper()
	s := e.servers[id-1]
	e.servers[id-1] = nil
	closeServer(e.t, s)
}

func closeServer(t testing.TB, s *Server) {
	t.Helper()
	limit := waitLimit
	if t.Failed() {
		limit = time.Second // whatever went wrong may keep it from ending
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if err := s.Close(ctx); err != nil {
		t.Errorf("close: %v", err)
	}
}

func (e *testEnsemble) closeAll() {
	for i, s := range e.servers {
		if s != nil {
			e.stop(i + 1)
		}
	}
}

// wipe empties the data directory of a server that is down.
func (e *testEnsemble) wipe(id int) {
	e.t.Helper()
	if err := os.RemoveAll(e.configs[id-1].DataDir); err != nil {
		e.t.Fatal(err)
	}
}

// eventually waits until cond holds.
func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	within(t, waitLimit, what, cond)
}

func within(t testing.TB, limit time.Duration, what string, cond func() bool) {
	t.Helper()
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	poll := time.NewTicker(2 * time.Millisecond)
	defer poll.Stop()
	for !cond() {
		select {
		case <-poll.C:
		case <-deadline.C:
			t.Fatalf("waited too long for: %s", what)
		}
	}
}

// serving waits until all servers that run serve, and returns the leader's id.
func (e *testEnsemble) serving() int {
	e.t.Helper()
	leader := 0
	eventually(e.t, "all servers serving", func() bool {
		leader = 0
		for i, s := range e.servers {
			if s == nil {
				continue
			}
			st := s.Status()
			if !st.Serving {
				return false
			}
			if st.State == zab.Leading {
				leader = i + 1
			}
		}
		return leader != 0
	})
	return leader
}

// client connects to the servers with these ids.
func (e *testEnsemble) client(ids ...int) *zk.Conn {
	e.t.Helper()
	var addrs []string
	for _, id := range ids {
		addrs = append(addrs, e.configs[id-1].Client.Listen)
	}
	return dialClient(e.t, addrs...)
}

func dialClient(t testing.TB, addrs ...string) *zk.Conn {
	t.Helper()
	c, events, err := zk.Connect(addrs, 10*time.Second, zk.WithLogger(quietLogger{}), zk.WithLogInfo(false))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	deadline := time.After(waitLimit)
	for {
		select {
		case ev := <-events:
			if ev.State == zk.StateHasSession {
				go func() { // until the connection is closed
					for range events {
					}
				}()
				return c
			}
		case <-deadline:
			t.Fatalf("no session with %v", addrs)
		}
	}
}

// clientOf connects to a server alone once it serves: a client that is refused
// waits for a second before it tries again.
func clientOf(t testing.TB, s *Server) *zk.Conn {
	t.Helper()
	eventually(t, "the server serving", func() bool { return s.Status().Serving })
	return dialClient(t, s.ClientAddr().String())
}

type quietLogger struct{}

func (quietLogger) Printf(string, ...any) {}

// converged waits until all running servers have applied the same history and
// have the same tree.
func (e *testEnsemble) converged() {
	e.t.Helper()
	eventually(e.t, "equal trees", func() bool {
		var at zab.Position
		var digest uint64
		first := true
		for _, s := range e.servers {
			if s == nil {
				continue
			}
			p, d := s.Digest()
			if first {
				at, digest, first = p, d, false
			} else if p != at {
				return false
			} else if d != digest {
				e.t.Fatalf("digests at %s differ: %#x and %#x", p, d, digest)
			}
		}
		return true
	})
}

var openACL = zk.WorldACL(zk.PermAll)

func create(t testing.TB, c *zk.Conn, path string, data []byte) {
	t.Helper()
	if _, err := c.Create(path, data, 0, openACL); err != nil {
		t.Fatalf("create %s: %v", path, err)
	}
}

func expect(t testing.TB, c *zk.Conn, path, want string) {
	t.Helper()
	data, _, err := c.Get(path)
	if err != nil || string(data) != want {
		t.Fatalf("get %s: %q, %v; want %q", path, data, err, want)
	}
}
