package ensemble

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/quorumd/quorumd/config"
)

// fakeServer in the environment turns the test binary into a server that
// answers srvr with the mode in the file "mode" of its working directory.
const fakeServer = "ENSEMBLE_TEST_FAKE_SERVER"

func TestMain(m *testing.M) {
	if os.Getenv(fakeServer) != "" {
		os.Exit(runFakeServer(os.Args[len(os.Args)-1]))
	}
	os.Exit(m.Run())
}

func runFakeServer(configFile string) int {
	c, _, err := config.Load(configFile, nil)
	if err != nil {
		fmt.Println(err)
		return 2
	}
	l, err := net.Listen("tcp", c.ClientAddr.String())
	if err != nil {
		fmt.Println(err)
		return 1
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	fmt.Println("fake server listens")
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			mode, _ := os.ReadFile("mode")
			fmt.Fprintf(conn, "Zxid: 0x5\nConnections: 1\nNode count: 4\nMode: %s\n", strings.TrimSpace(string(mode)))
			_, _ = io.ReadFull(conn, make([]byte, 4))
			_ = conn.Close()
		}
	}()
	<-stop
	fmt.Println("fake server stops")
	return 0
}

// output gathers what a supervisor prints and lets tests wait for it.
type output struct {
	mu   sync.Mutex
	text strings.Builder
	grew chan struct{}
}

func newOutput() *output { return &output{grew: make(chan struct{}, 1)} }

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	select {
	case o.grew <- struct{}{}:
	default:
	}
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// waitFor waits until the output holds every one of the texts.
func (o *output) waitFor(t *testing.T, texts ...string) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		missing := ""
		for _, text := range texts {
			if !strings.Contains(o.String(), text) {
				missing = text
			}
		}
		if missing == "" {
			return
		}
		select {
		case <-o.grew:
		case <-deadline:
			t.Fatalf("no %q in\n%s", missing, o)
		}
	}
}

// running starts a supervisor over fake servers and returns how to end it.
func running(t *testing.T, l *Layout, out *output) (stop func() error) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(fakeServer, "1")
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- Run(ctx, Options{
			Layout: l, Out: out,
			Command: func(configFile string) []string { return []string{exe, "serve", "--config", configFile} },
		})
	}()
	var once sync.Once
	stop = func() (err error) {
		once.Do(func() { cancel(); err = <-ended })
		return err
	}
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	return stop
}

func setMode(t *testing.T, l *Layout, modes ...string) {
	t.Helper()
	for i, mode := range modes {
		if err := writeFile(filepath.Join(l.ServerDir(l.Members[i].ID), "mode"), []byte(mode)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestLifeOfAnEnsemble(t *testing.T) {
	dir := t.TempDir()
	l, err := Create(dir, 3, 0, freeBase(t, 3))
	if err != nil {
		t.Fatal(err)
	}
	setMode(t, l, "follower", "leader", "follower")
	out := newOutput()
	stop := running(t, l, out)
	out.waitFor(t, "connect string: "+l.ConnectString(), "server 1: starting -> follower", "server 2: starting -> leader",
		"server 3: starting -> follower", "serving ")

	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := Run(ctx, Options{Layout: l, Out: io.Discard}); err == nil || !strings.Contains(err.Error(), "already") {
		t.Errorf("a second supervisor: %v", err)
	}
	st, err := l.KillLeader(ctx)
	if err != nil || st.ID != 2 || st.Zxid != "0x5" {
		t.Fatalf("kill leader: %+v, %v", st, err)
	}
	out.waitFor(t, "server 2: down (signal: killed); its last log line: fake server listens", "ensemble start-server 2 --dir")
	if _, err := l.KillLeader(ctx); err == nil || !strings.Contains(err.Error(), "no server") {
		t.Errorf("no leader left: %v", err)
	}
	setMode(t, l, "leader", "follower", "follower")
	out.waitFor(t, "server 1: follower -> leader")
	if st, err = l.StartServer(ctx, 2); err != nil || st.Role != "follower" {
		t.Fatalf("start server 2: %+v, %v", st, err)
	}
	if _, err = l.StartServer(ctx, 2); err == nil || !strings.Contains(err.Error(), "runs already") {
		t.Errorf("start a running server: %v", err)
	}
	if _, err = l.StartServer(ctx, 9); err == nil || !strings.Contains(err.Error(), "no server 9") {
		t.Errorf("start nobody: %v", err)
	}
	if err := stop(); err != nil {
		t.Errorf("stop: %v\n%s", err, out)
	}
	out.waitFor(t, "stopping 3 servers", "all servers stopped")
	for _, st := range l.Statuses(ctx) {
		if st.Pid != 0 || st.Role != RoleDown {
			t.Errorf("after the stop: %+v", st)
		}
	}
	if _, err = l.StartServer(ctx, 1); err == nil || !strings.Contains(err.Error(), "no supervisor") {
		t.Errorf("start without a supervisor: %v", err)
	}
}

func TestEveryServerEndsAtOnce(t *testing.T) {
	l, err := Create(t.TempDir(), 1, 0, freeBase(t, 1))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(l.ConfigFile(1), []byte("tickTime=never\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(fakeServer, "1")
	out := newOutput()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	err = Run(ctx, Options{Layout: l, Out: out, Command: func(c string) []string { return []string{exe, c} }})
	if err == nil || !strings.Contains(err.Error(), "every server ended") || !strings.Contains(out.String(), "tickTime=never: not a whole number") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestLayoutIsReadAgain(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(dir); !errors.Is(err, ErrNoEnsemble) {
		t.Errorf("empty directory: %v", err)
	}
	l, err := Create(dir, 3, 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range l.Members {
		c, warnings, err := config.Load(l.ConfigFile(m.ID), nil)
		if err != nil || len(warnings) > 0 {
			t.Fatalf("server %d: %v, %v", m.ID, warnings, err)
		}
		if c.ServerID != m.ID || c.ClientAddr.String() != m.Addr() || (c.PeerType() == config.Observer) != m.Observer {
			t.Errorf("server %d reads %+v", m.ID, c)
		}
	}
	again, err := Open(dir)
	if err != nil || again.ConnectString() != l.ConnectString() {
		t.Errorf("%v, %v", again, err)
	}
	moved := filepath.Join(t.TempDir(), "moved")
	if err := os.Rename(dir, moved); err != nil {
		t.Fatal(err)
	}
	if again, err = Open(moved); err != nil {
		t.Fatal(err)
	}
	if c, _, err := config.Load(again.ConfigFile(2), nil); err != nil || !strings.HasPrefix(c.DataDir, moved) {
		t.Errorf("after a move: %v, %v", c, err)
	}
}

func TestImpossibleLayouts(t *testing.T) {
	for _, c := range []struct{ servers, observers, base int }{{0, 1, 0}, {3, -1, 0}, {16, 0, 0}, {3, 0, 65400}, {3, 0, -5}} {
		if l, err := Create(t.TempDir(), c.servers, c.observers, c.base); err == nil {
			t.Errorf("%+v: %+v", c, l)
		}
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := taken.Addr().(*net.TCPAddr).Port
	if port+electionOffset+3 > 65535 {
		t.Skipf("the system gave port %d, too high for an ensemble", port)
	}
	if _, err := Create(t.TempDir(), 3, 0, port); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("busy port: %v", err)
	}
}

// freeBase finds ports for n servers outside the range of the default, where
// an ensemble may be running.
func freeBase(t *testing.T, n int) int {
	t.Helper()
	for base := 10000 + os.Getpid()%15000; base < 32000; base += 300 {
		if busyPort(base, n) == 0 {
			return base
		}
	}
	t.Fatal("no free ports")
	return 0
}
