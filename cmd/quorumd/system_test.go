package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// runMain in the environment turns the test binary into quorumd, so that the
// ensemble's servers are processes of the code under test.
const runMain = "QUORUMD_TEST_RUN_MAIN"

// systemWait bounds everything that is waited for; a machine may be slow.
const systemWait = 40 * time.Second

func TestMain(m *testing.M) {
	if os.Getenv(runMain) != "" {
		main() // does not return
	}
	os.Exit(m.Run())
}

// process is a command line that runs until it is stopped.
type process struct {
	mu     sync.Mutex
	text   bytes.Buffer
	cancel context.CancelFunc
	code   chan int
}

func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(b)
}

func (p *process) output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

// start runs a command line in this process, as main would.
func start(t *testing.T, args ...string) *process {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	p := &process{cancel: cancel, code: make(chan int, 1)}
	go func() { p.code <- run(ctx, args, p, p) }()
	t.Cleanup(func() {
		cancel()
		if t.Failed() {
			t.Logf("output of %v:\n%s", args, p.output())
		}
	})
	return p
}

// stop interrupts the command line and returns its exit code.
func (p *process) stop(t *testing.T) int {
	t.Helper()
	p.cancel()
	select {
	case code := <-p.code:
		return code
	case <-time.After(systemWait):
		t.Fatalf("does not stop:\n%s", p.output())
		return 0
	}
}

// eventually tries until ok or until systemWait has passed.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(systemWait)
	for !ok() {
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatalf("not within %s: %s", systemWait, what)
		}
	}
}

// freeBase finds a port such that it and those 100 and 200 above it are free,
// n of each.
func freeBase(t *testing.T, n int) int {
	t.Helper()
	for base := 11000 + os.Getpid()%15000; base < 32000; base += 300 {
		free := true
		for i := range 3 * n {
			l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", base+i/n*100+i%n))
			if err != nil {
				free = false
				break
			}
			l.Close()
		}
		if free {
			return base
		}
	}
	t.Fatal("no free ports")
	return 0
}

// want runs a command line that must succeed and print the given text.
func want(t *testing.T, stdout string, args ...string) {
	t.Helper()
	if code, out, errs := exec(t, args...); code != exitOK || out != stdout {
		t.Errorf("%v: code %d\n%s%s\nwant %q", args, code, out, errs, stdout)
	}
}

func TestServeAndEveryClientCommand(t *testing.T) {
	addr := fmt.Sprintf("127.0.0.1:%d", freeBase(t, 1))
	_, port, _ := strings.Cut(addr, ":")
	server := start(t, "serve", "--set", "clientPort="+port, "--set", "dataDir="+filepath.Join(t.TempDir(), "data"),
		"--set", "extendedTypesEnabled=true")
	eventually(t, "the server serves", func() bool {
		code, out, _ := exec(t, "admin", "srvr", "--server", addr)
		return code == exitOK && strings.Contains(out, "Mode: standalone")
	})
	want(t, "imok\n", "admin", "ruok", "--server", addr)
	want(t, "/a\n", "create", "/a", "hello", "--servers", addr)
	want(t, "hello\n", "get", "/a", "--servers", addr)
	want(t, "/a/job-0000000000\n", "create", "-s", "/a/job-", "--servers", addr)
	want(t, "/a/c\n", "create", "--container", "/a/c", "--servers", addr)
	want(t, "/a/t\n", "create", "--ttl", "1h", "/a/t", "--servers", addr)
	want(t, "", "set", "/a", "again", "--servers", addr)
	want(t, "again\n", "get", "/a", "--servers", addr)
	want(t, "c\njob-0000000000\nt\n", "ls", "/a", "--servers", addr)
	want(t, "/a\n/a/c\n/a/job-0000000000\n/a/t\n", "ls", "-R", "/a", "--servers", addr)
	want(t, "c\njob-0000000000\nt\n", "ls", "--servers", addr+"/a") // a chroot
	if code, out, errs := exec(t, "stat", "/a", "--servers", addr); code != exitOK || !strings.Contains(out, "dataVersion = 1\n") || !strings.Contains(out, "numChildren = 3\n") {
		t.Errorf("stat: code %d\n%s%s", code, out, errs)
	}
	if code, out, errs := exec(t, "get", "--json", "/a", "--servers", addr); code != exitOK || !strings.Contains(out, `"data":"again","stat":{"czxid":`) {
		t.Errorf("get --json: code %d\n%s%s", code, out, errs)
	}
	watchCommand(t, addr)
	ephemeralCommand(t, addr)
	for _, c := range []struct{ args, want string }{
		{"create /a", "create /a: node exists"},
		{"delete /a", "delete /a: node has "},
		{"set --version 9 /a x", "set /a: "},
		{"get /none", "get /none: node does not exist"},
		{"stat /none", "stat /none: node does not exist"},
		{"create /none/below/x", "create /none/below/x: node does not exist: its parent /none/below is missing"},
	} {
		args := append(strings.Fields(c.args), "--servers", addr)
		if code, out, errs := exec(t, args...); code != exitFailure || out != "" || !strings.Contains(errs, c.want) {
			t.Errorf("%v: code %d\n%s%s\nwant %q", args, code, out, errs, c.want)
		}
	}
	for _, command := range []string{"get /x", "create /x", "ls"} {
		args := append(strings.Fields(command), "--servers", addr+"/none")
		if code, _, errs := exec(t, args...); code != exitFailure || !strings.Contains(errs, "the chroot /none does not exist") {
			t.Errorf("%v: code %d\n%s", args, code, errs)
		}
	}
	if code, _, errs := exec(t, "ls", "none", "--servers", addr); code != exitInvocation || !strings.Contains(errs, "does not begin with '/'") {
		t.Errorf("ls none: code %d\n%s", code, errs)
	}
	deleteCommand(t, addr)
	if code := server.stop(t); code != exitOK {
		t.Errorf("serve ended with code %d", code)
	}
}

// deleteCommand deletes all there is, and leaves what the server needs.
func deleteCommand(t *testing.T, addr string) {
	t.Helper()
	want(t, "", "delete", "--recursive", "/a/c", "--servers", addr)
	want(t, "/zookeeper/quota/a\n", "create", "/zookeeper/quota/a", "--servers", addr)
	for _, args := range [][]string{
		{"/zookeeper", "--servers", addr}, {"/zookeeper/quota", "--servers", addr}, {"/", "--servers", addr + "/zookeeper"},
	} {
		code, _, errs := exec(t, append([]string{"delete", "-R"}, args...)...)
		if code != exitInvocation || !strings.Contains(errs, " is a system node") {
			t.Errorf("delete -R %v: code %d\n%s", args, code, errs)
		}
	}
	want(t, "", "delete", "-R", "/", "--servers", addr)
	want(t, "/\n/zookeeper\n/zookeeper/config\n/zookeeper/quota\n/zookeeper/quota/a\n", "ls", "-R", "--servers", addr)
	want(t, "", "delete", "-R", "/zookeeper/quota/a", "--servers", addr)
}

// TestServeAsUsual is about a server that has only what the defaults give.
func TestServeAsUsual(t *testing.T) {
	addr := fmt.Sprintf("127.0.0.1:%d", freeBase(t, 1))
	_, port, _ := strings.Cut(addr, ":")
	server := start(t, "serve", "--set", "clientPort="+port, "--set", "dataDir="+filepath.Join(t.TempDir(), "data"),
		"--set", "4lw.commands.whitelist=srvr")
	eventually(t, "the server serves", func() bool {
		code, out, _ := exec(t, "admin", "srvr", "--server", addr)
		return code == exitOK && strings.Contains(out, "Mode: standalone")
	})
	if code, out, errs := exec(t, "admin", "mntr", "--server", addr); code != exitFailure || out != "" || !strings.Contains(errs, "4lw.commands.whitelist") {
		t.Errorf("a refused word: code %d\n%s%s", code, out, errs)
	}
	if code, _, errs := exec(t, "create", "-t", "1h", "/t", "--servers", addr); code != exitFailure || !strings.Contains(errs, "extendedTypesEnabled=true") {
		t.Errorf("a TTL: code %d\n%s", code, errs)
	}
	if code := server.stop(t); code != exitOK {
		t.Errorf("serve ended with code %d", code)
	}
}

func watchCommand(t *testing.T, addr string) {
	t.Helper()
	w := start(t, "watch", "--recursive", "--count", "2", "/a", "--servers", addr)
	eventually(t, "the watch is set", func() bool { return strings.Contains(w.output(), "watching /a") })
	want(t, "", "set", "/a/c", "x", "--servers", addr)
	want(t, "", "delete", "/a/job-0000000000", "--servers", addr)
	if code := <-w.code; code != exitOK || !strings.HasSuffix(w.output(), "NodeDataChanged /a/c\nNodeDeleted /a/job-0000000000\n") {
		t.Errorf("watch: code %d\n%s", code, w.output())
	}
}

func ephemeralCommand(t *testing.T, addr string) {
	t.Helper()
	e := start(t, "create", "--ephemeral", "/here", "--servers", addr)
	eventually(t, "the node is there", func() bool { return strings.Contains(e.output(), "/here\n") })
	want(t, "", "get", "/here", "--servers", addr)
	if code := e.stop(t); code != exitOK {
		t.Errorf("create --ephemeral: code %d\n%s", code, e.output())
	}
	if code, _, _ := exec(t, "get", "/here", "--servers", addr); code == exitOK {
		t.Error("the ephemeral node outlived its session")
	}
}

func TestEnsembleLosesItsLeader(t *testing.T) {
	t.Setenv(runMain, "1")
	dir, base := t.TempDir(), freeBase(t, 3)
	servers := fmt.Sprintf("127.0.0.1:%d,127.0.0.1:%d,127.0.0.1:%d", base, base+1, base+2)
	e := start(t, "ensemble", "--dir", dir, "--base-port", fmt.Sprint(base))
	eventually(t, "a leader and two followers", func() bool {
		_, out, _ := exec(t, "ensemble", "status", "--dir", dir)
		return strings.Contains(out, "leader") && strings.Count(out, "follower") == 2
	})
	if !strings.Contains(e.output(), "connect string: "+servers+"\n") {
		t.Errorf("no connect string in\n%s", e.output())
	}
	want(t, "/kept\n", "create", "/kept", "1", "--servers", servers)
	code, out, errs := exec(t, "ensemble", "kill-leader", "--dir", dir)
	var killed int
	if _, err := fmt.Sscanf(out, "killed server %d,", &killed); code != exitOK || err != nil {
		t.Fatalf("kill-leader: code %d\n%s%s", code, out, errs)
	}
	want(t, "", "set", "/kept", "2", "--servers", servers, "--timeout", systemWait.String())
	eventually(t, "the death is reported", func() bool {
		return strings.Contains(e.output(), fmt.Sprintf("server %d: down (signal: killed)", killed))
	})
	code, out, errs = exec(t, "ensemble", "start-server", fmt.Sprint(killed), "--dir", dir)
	if code != exitOK || !strings.HasPrefix(out, fmt.Sprintf("server %d is follower", killed)) {
		t.Errorf("start-server: code %d\n%s%s", code, out, errs)
	}
	for i := range 3 {
		want(t, "2\n", "get", "/kept", "--servers", fmt.Sprintf("127.0.0.1:%d", base+i))
	}
	if code := e.stop(t); code != exitOK || !strings.Contains(e.output(), "all servers stopped") {
		t.Errorf("ensemble ended with code %d\n%s", code, e.output())
	}

	e = start(t, "ensemble", "--dir", dir)
	eventually(t, "the ensemble serves again", func() bool { return strings.Contains(e.output(), "serving ") })
	want(t, "2\n", "get", "/kept", "--servers", servers, "--timeout", systemWait.String())
	if code := e.stop(t); code != exitOK {
		t.Errorf("ensemble ended with code %d\n%s", code, e.output())
	}
}
