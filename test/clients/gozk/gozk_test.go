package gozk

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/quorumd/quorumd/test/harness"
)

const wait = 10 * time.Second

var open = zk.WorldACL(zk.PermAll)

// scenario is what the steps share. The steps build on each other, in order.
type scenario struct {
	*testing.T
	addrs []string // the one that is looked at, then the others
	base  string
	conn  *zk.Conn // to the first
}

// TestScenario runs the scenario through every server.
func TestScenario(t *testing.T) {
	addrs := harness.Addresses(t)
	for i := range addrs {
		t.Run(fmt.Sprintf("server %d", i+1), func(t *testing.T) {
			play(&scenario{T: t, addrs: slices.Concat(addrs[i:], addrs[:i])})
		})
	}
}

func play(s *scenario) {
	s.base = fmt.Sprintf("/gozk-%d-%d", os.Getpid(), time.Now().UnixNano())
	s.conn = s.dial(0)
	steps := []struct {
		name string
		do   func(*scenario)
	}{
		{"create", (*scenario).create},
		{"set", (*scenario).set},
		{"children with stat", (*scenario).children},
		{"exists watch", (*scenario).existsWatch},
		{"data watch", (*scenario).dataWatch},
		{"child watch", (*scenario).childWatch},
		{"sequentials", (*scenario).sequentials},
		{"ephemerals vanish at close", (*scenario).ephemerals},
		{"multi succeeds", (*scenario).multi},
		{"multi rolls back", (*scenario).multiRollsBack},
		{"digest acl", (*scenario).acl},
		{"container", (*scenario).container},
		{"lock recipe", (*scenario).lock},
		{"session moves", (*scenario).sessionMoves},
		{"delete", (*scenario).delete},
	}
	for _, step := range steps {
		ok := s.Run(step.name, func(t *testing.T) {
			mine := *s
			mine.T = t
			step.do(&mine)
		})
		if !ok {
			s.FailNow() // the later steps build on this one
		}
	}
}

// dial opens a session with a server, closed at the end of the test that s
// stands for.
func (s *scenario) dial(server int) *zk.Conn {
	s.Helper()
	addr := s.addrs[server%len(s.addrs)]
	conn, events, err := zk.Connect([]string{addr}, wait, zk.WithLogger(quiet{}))
	s.ok(err)
	s.Cleanup(conn.Close)
	timeout := time.After(wait)
	for {
		select {
		case e := <-events:
			if e.State == zk.StateHasSession {
				return conn
			}
		case <-timeout:
			s.Fatalf("no session with %v within %v", addr, wait)
		}
	}
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}

func (s *scenario) ok(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *scenario) fails(err, want error) {
	s.Helper()
	if !errors.Is(err, want) {
		s.Fatalf("the error is %v, want %v", err, want)
	}
}

func (s *scenario) data(path, want string) *zk.Stat {
	s.Helper()
	got, stat, err := s.conn.Get(path)
	s.ok(err)
	if string(got) != want {
		s.Fatalf("%s holds %q, want %q", path, got, want)
	}
	return stat
}

func (s *scenario) fires(events <-chan zk.Event, kind zk.EventType, path string) {
	s.Helper()
	select {
	case e := <-events:
		if e.Type != kind || e.Path != path {
			s.Fatalf("the event is %v, want %v of %s", e, kind, path)
		}
	case <-time.After(wait):
		s.Fatalf("no %v of %s within %v", kind, path, wait)
	}
}

func (s *scenario) create() {
	path, err := s.conn.Create(s.base, []byte("root"), 0, open)
	s.ok(err)
	if path != s.base {
		s.Fatalf("created %s, want %s", path, s.base)
	}
	_, err = s.conn.Create(s.base+"/a", []byte("one"), 0, open)
	s.ok(err)
	if stat := s.data(s.base+"/a", "one"); stat.Version != 0 || stat.DataLength != 3 {
		s.Fatalf("stat %+v", stat)
	}
	_, err = s.conn.Create(s.base+"/a", nil, 0, open)
	s.fails(err, zk.ErrNodeExists)
	_, err = s.conn.Create(s.base+"/no/parent", nil, 0, open)
	s.fails(err, zk.ErrNoNode)
	large := bytes.Repeat([]byte{0xa5}, 1_000_000)
	_, err = s.conn.Create(s.base+"/large", large, 0, open)
	s.ok(err)
	s.data(s.base+"/large", string(large))
	s.ok(s.conn.Delete(s.base+"/large", 0))
}

func (s *scenario) set() {
	stat, err := s.conn.Set(s.base+"/a", []byte("two"), 0)
	s.ok(err)
	if stat.Version != 1 || stat.Mzxid <= stat.Czxid {
		s.Fatalf("stat %+v", stat)
	}
	_, err = s.conn.Set(s.base+"/a", []byte("three"), 0)
	s.fails(err, zk.ErrBadVersion)
	_, err = s.conn.Set(s.base+"/nope", nil, -1)
	s.fails(err, zk.ErrNoNode)
	s.data(s.base+"/a", "two")
}

func (s *scenario) children() {
	names, stat, err := s.conn.Children(s.base)
	s.ok(err)
	if !slices.Equal(names, []string{"a"}) || stat.NumChildren != 1 || stat.Cversion != 3 {
		s.Fatalf("children %v, stat %+v", names, stat)
	}
	s.fails(s.conn.Delete(s.base, -1), zk.ErrNotEmpty)
}

func (s *scenario) existsWatch() {
	path := s.base + "/w"
	there, _, events, err := s.conn.ExistsW(path)
	s.ok(err)
	if there {
		s.Fatalf("%s exists before its creation", path)
	}
	_, err = s.conn.Create(path, nil, 0, open)
	s.ok(err)
	s.fires(events, zk.EventNodeCreated, path)
	_, _, events, err = s.conn.ExistsW(path)
	s.ok(err)
	s.ok(s.conn.Delete(path, -1))
	s.fires(events, zk.EventNodeDeleted, path)
}

func (s *scenario) dataWatch() {
	_, _, events, err := s.conn.GetW(s.base + "/a")
	s.ok(err)
	_, err = s.conn.Set(s.base+"/a", []byte("watched"), -1)
	s.ok(err)
	s.fires(events, zk.EventNodeDataChanged, s.base+"/a")
}

func (s *scenario) childWatch() {
	_, _, events, err := s.conn.ChildrenW(s.base)
	s.ok(err)
	_, err = s.conn.Create(s.base+"/child", nil, 0, open)
	s.ok(err)
	s.fires(events, zk.EventNodeChildrenChanged, s.base)
}

func (s *scenario) sequentials() {
	_, err := s.conn.Create(s.base+"/s", nil, 0, open)
	s.ok(err)
	for i := range 3 {
		path, err := s.conn.Create(s.base+"/s/n-", nil, zk.FlagSequence, open)
		s.ok(err)
		if want := fmt.Sprintf("%s/s/n-%010d", s.base, i); path != want {
			s.Fatalf("created %s, want %s", path, want)
		}
	}
}

func (s *scenario) ephemerals() {
	other := s.dial(1)
	path := s.base + "/e"
	_, err := other.Create(path, nil, zk.FlagEphemeral, open)
	s.ok(err)
	_, err = s.conn.Sync(s.base)
	s.ok(err)
	there, stat, events, err := s.conn.ExistsW(path)
	s.ok(err)
	if !there || stat.EphemeralOwner != other.SessionID() {
		s.Fatalf("there: %v, stat %+v, session %#x", there, stat, other.SessionID())
	}
	_, err = other.Create(path+"/below", nil, 0, open)
	s.fails(err, zk.ErrNoChildrenForEphemerals)
	other.Close()
	s.fires(events, zk.EventNodeDeleted, path)
}

func (s *scenario) multi() {
	results, err := s.conn.Multi(
		&zk.CreateRequest{Path: s.base + "/m", Data: []byte("m"), Acl: open},
		&zk.CreateRequest{Path: s.base + "/m/q-", Acl: open, Flags: zk.FlagSequence},
		&zk.SetDataRequest{Path: s.base + "/a", Data: []byte("multi"), Version: -1},
		&zk.CheckVersionRequest{Path: s.base + "/m", Version: 0},
		&zk.DeleteRequest{Path: s.base + "/child", Version: -1},
	)
	s.ok(err)
	if len(results) != 5 || results[0].String != s.base+"/m" || results[1].String != s.base+"/m/q-0000000000" {
		s.Fatalf("results %+v", results)
	}
	s.data(s.base+"/a", "multi")
}

func (s *scenario) multiRollsBack() {
	_, err := s.conn.Multi(
		&zk.CreateRequest{Path: s.base + "/never", Acl: open},
		&zk.CheckVersionRequest{Path: s.base + "/a", Version: 99},
		&zk.SetDataRequest{Path: s.base + "/a", Data: []byte("never"), Version: -1},
	)
	s.fails(err, zk.ErrBadVersion)
	there, _, err := s.conn.Exists(s.base + "/never")
	s.ok(err)
	if there {
		s.Fatal("an operation of a failed multi was done")
	}
	s.data(s.base+"/a", "multi")
}

func (s *scenario) acl() {
	owner := s.dial(1)
	path := s.base + "/acl"
	s.ok(owner.AddAuth("digest", []byte("user:secret")))
	_, err := owner.Create(path, []byte("mine"), 0, zk.DigestACL(zk.PermAll, "user", "secret"))
	s.ok(err)
	got, _, err := owner.Get(path)
	s.ok(err)
	if string(got) != "mine" {
		s.Fatalf("the owner reads %q", got)
	}
	_, err = s.conn.Sync(path)
	s.ok(err)
	_, _, err = s.conn.Get(path)
	s.fails(err, zk.ErrNoAuth)
	_, err = s.conn.Set(path, nil, -1)
	s.fails(err, zk.ErrNoAuth)
	acl, _, err := owner.GetACL(path)
	s.ok(err)
	if len(acl) != 1 || acl[0].Scheme != "digest" || acl[0].Perms != zk.PermAll {
		s.Fatalf("acl %+v", acl)
	}
	_, err = owner.SetACL(path, open, 0)
	s.ok(err)
	_, err = s.conn.Set(path, nil, -1)
	s.ok(err)
}

func (s *scenario) container() {
	path, err := s.conn.CreateContainer(s.base+"/c", nil, zk.FlagContainer, open)
	s.ok(err)
	if path != s.base+"/c" {
		s.Fatalf("created %s", path)
	}
}

func (s *scenario) lock() {
	other := s.dial(1)
	first := zk.NewLock(s.conn, s.base+"/lock", open)
	second := zk.NewLock(other, s.base+"/lock", open)
	s.ok(first.Lock())
	got := make(chan error, 1)
	go func() { got <- second.Lock() }()
	select {
	case err := <-got:
		s.Fatalf("the lock was held twice (%v)", err)
	case <-time.After(100 * time.Millisecond):
	}
	s.ok(first.Unlock())
	select {
	case err := <-got:
		s.ok(err)
	case <-time.After(wait):
		s.Fatalf("the lock was free for %v and not taken", wait)
	}
	s.ok(second.Unlock())
}

// sessionMoves takes up one session on every server in turn, as a client does
// whose server went away, and looks for its ephemeral.
func (s *scenario) sessionMoves() {
	path := s.base + "/moving"
	session := harness.Session{Timeout: wait}
	for i, addr := range append(s.addrs, s.addrs[0]) {
		raw, err := harness.Dial(addr, session, wait)
		s.ok(err)
		if i == 0 {
			_, err := raw.Must(harness.Create(path, nil, harness.Ephemeral))
			s.ok(err)
		}
		reply, err := raw.Must(harness.Exists(path, false))
		s.ok(err)
		stat, err := reply.Stat()
		s.ok(err)
		if stat.EphemeralOwner != raw.Session.ID {
			s.Fatalf("owner %#x, session %#x", stat.EphemeralOwner, raw.Session.ID)
		}
		session = raw.Session
		if i == len(s.addrs) {
			s.ok(raw.Close())
			break
		}
		s.ok(raw.Abort())
	}
	_, err := s.conn.Sync(path)
	s.ok(err)
	there, _, err := s.conn.Exists(path)
	s.ok(err)
	if there {
		s.Fatal("the ephemeral outlived its session")
	}
}

func (s *scenario) delete() {
	_, err := s.conn.Sync(s.base) // another server's client deleted its lock
	s.ok(err)
	s.fails(s.conn.Delete(s.base+"/a", 77), zk.ErrBadVersion)
	var remove func(path string)
	remove = func(path string) {
		names, _, err := s.conn.Children(path)
		s.ok(err)
		for _, name := range names {
			remove(path + "/" + name)
		}
		s.ok(s.conn.Delete(path, -1))
	}
	remove(s.base)
	there, _, err := s.conn.Exists(s.base)
	s.ok(err)
	if there {
		s.Fatalf("%s is still there", s.base)
	}
}
