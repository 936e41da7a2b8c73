package client

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// zookeeperJar is where Debian's package libzookeeper-java puts the server.
const zookeeperJar = "/usr/share/java/zookeeper.jar"

// zooKeeper is the server that the tests of this file share.
var zooKeeper struct {
	once   sync.Once
	cmd    *exec.Cmd
	dir    string
	addr   string
	output bytes.Buffer
	err    error
}

// addressVariable names a server to run these tests against instead, quorumd
// for one. Its tick must be short, at most 200 ms.
const addressVariable = "CLIENT_TEST_SERVER"

// startZooKeeper returns the address of a ZooKeeper, or skips the test if none
// is installed.
func startZooKeeper(t *testing.T) string {
	t.Helper()
	if addr := os.Getenv(addressVariable); addr != "" {
		return addr
	}
	java, err := exec.LookPath("java")
	if _, statErr := os.Stat(zookeeperJar); err != nil || statErr != nil {
		t.Skip("no ZooKeeper on this machine: java or " + zookeeperJar + " is missing (Debian: apt install zookeeper)")
	}
	z := &zooKeeper
	z.once.Do(func() { z.err = runZooKeeper(java) })
	if z.err != nil {
		t.Fatalf("ZooKeeper does not start: %v\n%s", z.err, z.output.String())
	}
	return z.addr
}

func runZooKeeper(java string) error {
	z := &zooKeeper
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	z.addr = ln.Addr().String()
	_, port, _ := net.SplitHostPort(z.addr)
	_ = ln.Close()
	if z.dir, err = os.MkdirTemp("", "quorumd-client-zookeeper-"); err != nil {
		return err
	}
	config := fmt.Sprintf("tickTime=200\ndataDir=%s\nclientPort=%s\nclientPortAddress=127.0.0.1\nadmin.enableServer=false\n", z.dir, port)
	file := filepath.Join(z.dir, "zoo.cfg")
	if err = os.WriteFile(file, []byte(config), 0o600); err != nil {
		return err
	}
	z.cmd = exec.Command(java, "-Xmx128m", "-Dzookeeper.extendedTypesEnabled=true", "-cp", zookeeperJar,
		"org.apache.zookeeper.server.ZooKeeperServerMain", file)
	z.cmd.Stdout, z.cmd.Stderr = &z.output, &z.output
	return z.cmd.Start()
}

// stopZooKeeper ends the server when all tests are over.
func stopZooKeeper() {
	z := &zooKeeper
	if z.cmd != nil && z.cmd.Process != nil {
		_ = z.cmd.Process.Kill()
		_ = z.cmd.Wait()
	}
	if z.dir != "" {
		_ = os.RemoveAll(z.dir)
	}
}

// cutter makes connections that a test can cut.
type cutter struct {
	mu   sync.Mutex
	last net.Conn
}

func (k *cutter) dial(ctx context.Context, network, address string) (net.Conn, error) {
	nc, err := (&net.Dialer{}).DialContext(ctx, network, address)
	k.mu.Lock()
	defer k.mu.Unlock()
	k.last = nc
	return nc, err
}

func (k *cutter) cut() {
	k.mu.Lock()
	defer k.mu.Unlock()
	_ = k.last.Close()
}

// zkRoot makes a node for a test to work below, waiting for ZooKeeper to start.
func zkRoot(t *testing.T) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	c, err := Connect(ctx, []string{startZooKeeper(t)})
	if err != nil {
		t.Fatal(err)
	}
	root, err := c.Create(ctx, "/"+t.Name()+"-", nil, Sequential())
	must(t, err)
	must(t, c.Close(ctx))
	return root
}

// zkClient connects to ZooKeeper below a node.
func zkClient(t *testing.T, root string, opts ...Option) *Client {
	t.Helper()
	c, err := Connect(testContext(t), []string{startZooKeeper(t)}, append([]Option{WithChroot(root)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Abandon)
	return c
}

func TestZooKeeperCalls(t *testing.T) {
	c := zkClient(t, zkRoot(t))
	ctx := testContext(t)
	_, err := c.Create(ctx, "/a", []byte("x"))
	must(t, err)
	_, err = c.Create(ctx, "/a", nil)
	want(t, err, ErrNodeExists)
	for i := range 2 {
		path, err := c.Create(ctx, "/a/s-", nil, Ephemeral(), Sequential())
		if err != nil || path != fmt.Sprintf("/a/s-%010d", i) {
			t.Error(path, err)
		}
	}
	names, stat, err := c.Children(ctx, "/a")
	if err != nil || len(names) != 2 || stat.NumChildren != 2 {
		t.Error(names, stat, err)
	}
	want(t, c.Delete(ctx, "/a", AnyVersion), ErrNotEmpty)
	if stat, err = c.Set(ctx, "/a", nil, 0); err != nil || stat.Version != 1 || stat.DataLength != 0 {
		t.Error(stat, err)
	}
	if data, _, err := c.Get(ctx, "/a"); err != nil || data != nil {
		t.Errorf("null is %#v, %v", data, err)
	}
	_, err = c.Set(ctx, "/a", nil, 0)
	want(t, err, ErrBadVersion)
	for path, opt := range map[string]CreateOption{"/container": Container(), "/ttl": TTL(time.Hour)} {
		if got, err := c.Create(ctx, path, nil, opt); err != nil || got != path {
			t.Error(got, err)
		}
	}
	_, err = c.Create(ctx, "/e", nil, Ephemeral())
	must(t, err)
	_, err = c.Create(ctx, "/e/x", nil)
	want(t, err, ErrNoChildrenForEphemerals)
	must(t, c.Sync(ctx, "/a"))
	if paths, err := c.Ephemerals(ctx, "/"); err != nil || len(paths) != 3 {
		t.Error(paths, err)
	}
	if n, err := c.CountBelow(ctx, "/a"); err != nil || n != 2 {
		t.Error(n, err)
	}
	if _, err = c.Config(ctx); err != nil {
		t.Error(err)
	}
	_, err = c.Reconfigure(ctx, Reconfiguration{Leaving: "1", From: -1})
	want(t, err, ErrReconfigDisabled)
	must(t, c.Close(ctx))
}

func TestZooKeeperMulti(t *testing.T) {
	c := zkClient(t, zkRoot(t))
	ctx := testContext(t)
	results, err := c.Multi(ctx,
		CreateOp("/m", []byte("1")),
		CreateOp("/m/s-", nil, Sequential()),
		CreateOp("/m/c", nil, Container()),
		SetOp("/m", []byte("2"), 0),
		CheckOp("/m", 1),
		CreateOp("/m/d", nil),
		DeleteOp("/m/d", AnyVersion))
	must(t, err)
	if len(results) != 7 || results[1].Path != "/m/s-0000000000" || results[2].Path != "/m/c" || results[3].Stat.Version != 1 {
		t.Errorf("%+v", results)
	}
	_, err = c.Multi(ctx, SetOp("/m", nil, AnyVersion), CheckOp("/m", 9), DeleteOp("/m", AnyVersion))
	want(t, err, ErrBadVersion)
	if s := fmt.Sprint(err); s != "client: multi: operation 1 (check /m): version does not match" {
		t.Error(s)
	}
	if data, _, err := c.Get(ctx, "/m"); err != nil || string(data) != "2" {
		t.Error(data, err)
	}
	if results, err = c.Multi(ctx); err != nil || len(results) != 0 {
		t.Error(results, err)
	}
}

func TestZooKeeperWatches(t *testing.T) {
	k := new(cutter)
	root := zkRoot(t)
	c, other := zkClient(t, root, WithDialer(k.dial)), zkClient(t, root)
	ctx := testContext(t)
	_, _, made, err := c.ExistsW(ctx, "/w")
	must(t, err)
	deep, err := c.Watch(ctx, "/", Recursive)
	must(t, err)
	exact, err := c.Watch(ctx, "/p", Persistent)
	must(t, err)
	_, err = other.Create(ctx, "/w", nil)
	must(t, err)
	for _, ch := range []<-chan Event{made, deep.Events()} {
		if e := receive(t, ch); e.Type != EventNodeCreated || e.Path != "/w" {
			t.Error(e)
		}
	}
	_, _, changed, err := c.GetW(ctx, "/w")
	must(t, err)
	_, _, children, err := c.ChildrenW(ctx, "/w")
	must(t, err)
	_, _, later, err := c.ExistsW(ctx, "/later")
	must(t, err)

	k.cut()
	if e := receive(t, exact.Events()); e.Type != EventNone {
		t.Error(e)
	}
	if e := receive(t, deep.Events()); e.Type != EventNone {
		t.Error(e)
	}
	_, err = other.Set(ctx, "/w", []byte("x"), -1)
	must(t, err)
	_, err = other.Create(ctx, "/w/c", nil)
	must(t, err)
	_, err = other.Create(ctx, "/later", nil)
	must(t, err)
	_, err = other.Create(ctx, "/p", nil)
	must(t, err)
	for want, ch := range map[string]<-chan Event{
		"NodeDataChanged /w": changed, "NodeChildrenChanged /w": children, "NodeCreated /later": later, "NodeCreated /p": exact.Events(),
	} {
		e := receive(t, ch)
		if got := fmt.Sprint(e.Type, " ", e.Path); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	exact.Close()
	deep.Close()
	must(t, c.Sync(ctx, "/"))
	must(t, other.Close(ctx))
}

func TestZooKeeperSessions(t *testing.T) {
	k := new(cutter)
	root := zkRoot(t)
	c := zkClient(t, root, WithSessionTimeout(time.Second), WithDialer(k.dial), WithAuth("digest", []byte("u:p")))
	ctx := testContext(t)
	_, err := c.Create(ctx, "/mine", nil, Ephemeral(), WithACL(CreatorACL()...))
	must(t, err)
	acl, _, err := c.GetACL(ctx, "/mine")
	if err != nil || len(acl) != 1 || !strings.HasPrefix(acl[0].ID.ID, "u:") {
		t.Error(acl, err)
	}
	k.cut()
	eventually(t, "the client is back with its rights", func() bool {
		_, _, err := c.Get(ctx, "/mine")
		return err == nil
	})
	who, err := c.WhoAmI(ctx)
	if err != nil || len(who) != 2 {
		t.Error(who, err)
	}
	want(t, c.AddAuth(ctx, "nonsense", nil), ErrAuthFailed)
	id, password := c.SessionID(), c.Password()
	stranger := zkClient(t, root)
	_, _, err = stranger.Get(ctx, "/mine")
	want(t, err, ErrNoAuth)
	_, err = stranger.SetACL(ctx, "/", []ACL{{Perms: 1}}, AnyVersion)
	want(t, err, ErrInvalidACL)
	_, err = stranger.SetACL(ctx, "/", OpenACL(), AnyVersion)
	must(t, err)
	// Debian's 3.8.0 withholds events from those who may not read the node.
	must(t, stranger.AddAuth(ctx, "digest", []byte("u:p")))

	c.Abandon()
	addr := startZooKeeper(t)
	again, err := Connect(ctx, []string{addr}, WithResume(id, password), WithChroot(root), WithSessionTimeout(time.Second))
	must(t, err)
	if again.SessionID() != id {
		t.Error("not the same session")
	}
	again.Abandon()
	// The session is not touched any more; its node goes with it.
	for {
		_, ok, gone, err := stranger.ExistsW(ctx, "/mine")
		must(t, err)
		if !ok {
			break
		}
		receive(t, gone)
	}
	_, err = Connect(ctx, []string{addr}, WithResume(id, password))
	want(t, err, ErrSessionExpired)
}

// TestZooKeeperIdle: pings keep a session and its connection alive. Without
// them no idle period as long as the session's timeout ends as it began: the
// client gives up a silent server after two thirds. A machine that stalls for
// a third costs a connection too, rightly, so a few periods are tried.
func TestZooKeeperIdle(t *testing.T) {
	states := make(chan SessionEvent, 100)
	c := zkClient(t, zkRoot(t), WithSessionTimeout(1500*time.Millisecond), WithEvents(func(e SessionEvent) { states <- e }))
	receive(t, states)
	id, timeout := c.SessionID(), c.SessionTimeout()
	const tries = 5
	for try := 1; ; try++ {
		idle := time.After(timeout * 3 / 2)
		var lost *SessionEvent
		for waiting := true; waiting; {
			select {
			case e := <-states:
				lost = &e
			case <-idle:
				waiting = false
			}
		}
		if lost == nil {
			break
		}
		if try == tries || lost.State.Final() {
			t.Fatal("an idle client's state changed:", *lost)
		}
		t.Log("an idle client's state changed, trying again:", *lost)
	}
	if c.SessionID() != id {
		t.Error("not the same session")
	}
	must(t, c.Close(testContext(t)))
}
