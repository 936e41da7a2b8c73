package server

import (
	"fmt"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/quorumd/quorumd/config"
	"github.com/quorumd/quorumd/zab"
)

// TestSessionsLive: a client that only pings keeps its session on a follower,
// far beyond its timeout; one that vanishes loses it, and its ephemerals.
func TestSessionsLive(t *testing.T) {
	t.Parallel()
	e := newEnsemble(t, 3, 0, nil)
	e.start(1, 2, 3)
	leader := e.serving()
	follower := leader%3 + 1
	idle := dialWithin(t, time.Second, e.configs[follower-1].Client.Listen)
	if _, err := idle.Create("/idle", nil, zk.FlagEphemeral, openACL); err != nil {
		t.Fatal(err)
	}
	c := e.client(leader)
	before := e.servers[leader-1].Status().Applied
	began := time.Now()
	eventually(t, "three timeouts", func() bool { return time.Since(began) > 3*time.Second })
	if ok, _, err := c.Exists("/idle"); !ok || err != nil {
		t.Fatalf("the idle client's ephemeral: %v, %v; applied %s, then %s", ok, err, before, e.servers[leader-1].Status().Applied)
	}
	id := zab.SessionID(idle.SessionID())
	// The follower ends, and the client cannot come back: nobody touches the
	// session any more.
	e.stop(follower)
	eventually(t, "the session's end", func() bool {
		e.servers[leader-1].stateMu.RLock()
		defer e.servers[leader-1].stateMu.RUnlock()
		_, lives := e.servers[leader-1].state.SessionTimeout(id)
		return !lives
	})
	if ok, _, err := c.Exists("/idle"); ok || err != nil {
		t.Fatalf("the ephemeral is still there: %v", err)
	}
	idle.Close()
	c.Close()
}

func dialWithin(t testing.TB, timeout time.Duration, addrs ...string) *zk.Conn {
	t.Helper()
	c, events, err := zk.Connect(addrs, timeout, zk.WithLogger(quietLogger{}), zk.WithLogInfo(false))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	go func() {
		for range events {
		}
	}()
	eventually(t, "a session", func() bool { return c.State() == zk.StateHasSession })
	return c
}

// TestContainersAreReaped: the leader deletes a container that has become
// empty, on every server.
func TestContainersAreReaped(t *testing.T) {
	e := newEnsemble(t, 3, 0, func(c *Config) { c.ReapInterval, c.ReapPerMinute = 20*time.Millisecond, 600_000 })
	e.start(1, 2, 3)
	e.serving()
	c := e.client(1)
	for i := range 30 {
		path := fmt.Sprintf("/c%d", i)
		if _, err := c.CreateContainer(path, nil, zk.FlagContainer, openACL); err != nil {
			t.Fatal(err)
		}
		create(t, c, path+"/child", nil)
		if err := c.Delete(path+"/child", -1); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the containers being gone", func() bool {
		kids, _, err := c.Children("/")
		return err == nil && len(kids) == 1
	})
	c.Close()
	e.converged()
}

// TestWithoutClientPort: a member with clientPort=0 votes and follows.
func TestWithoutClientPort(t *testing.T) {
	e := newEnsemble(t, 3, 0, func(c *Config) {
		if c.Self == 3 {
			c.Client.Listen = ""
		}
	})
	e.start(1, 2, 3)
	e.serving()
	c := e.client(1, 2)
	create(t, c, "/a", nil)
	c.Close()
	e.converged()
}

func TestFromConfig(t *testing.T) {
	alone := FromConfig(config.Default("/data"))
	if !alone.standalone() || alone.InitLimit == 0 || alone.SyncLimit == 0 || alone.Client.Listen != "127.0.0.1:2181" {
		t.Errorf("alone: %+v", alone)
	}
	c := config.Default("/data")
	c.Standalone, c.InitLimit, c.SyncLimit, c.ServerID = false, 10, 5, 2
	for i := 1; i <= 3; i++ {
		c.Servers = append(c.Servers, config.Server{
			ID: zab.ServerID(i), Quorum: config.Endpoint{Host: "h", Port: 10 * i}, Election: config.Endpoint{Host: "h", Port: 10*i + 1},
			Role: config.Role(i / 3),
		})
	}
	c.Tree.SkipACL, c.Tree.EnforceQuota = true, true
	s := FromConfig(c)
	if len(s.Members) != 3 || s.Members[1].Quorum != "h:20" || s.Members[1].Election != "h:21" || !s.Members[1].Voter || s.Members[2].Voter {
		t.Errorf("members: %+v", s.Members)
	}
	if s.Flags != zab.FlagSkipACL|zab.FlagEnforceQuota || s.Digest == alone.Digest || s.Membership == "" {
		t.Errorf("config: %+v", s)
	}
	if last := s.Conf[len(s.Conf)-1]; last.Key != "peerType" || last.Value != "0" {
		t.Errorf("conf: %+v", s.Conf)
	}
}
