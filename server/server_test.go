package server

import (
	"fmt"
	"strings"
	"testing"

	"github.com/go-zookeeper/zk"
	"github.com/rs/zerolog"

	"github.com/quorumd/quorumd/zab"
)

func TestAlone(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t.TempDir(), logOf(t))
	s, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	c := clientOf(t, s)
	create(t, c, "/a", []byte("1"))
	expect(t, c, "/a", "1")
	c.Close()
	closeServer(t, s)

	s, err = Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer closeServer(t, s)
	c = clientOf(t, s)
	expect(t, c, "/a", "1")
	c.Close()
}

func TestThreeServers(t *testing.T) {
	e := newEnsemble(t, 3, 0, nil)
	e.start(1, 2, 3)
	leader := e.serving()
	follower := leader%3 + 1
	c := e.client(follower)
	create(t, c, "/a", []byte("x"))
	for i := range 200 {
		create(t, c, fmt.Sprintf("/a/%d", i), []byte("y"))
	}
	other := e.client(leader)
	if _, err := other.Sync("/"); err != nil {
		t.Fatal(err)
	}
	expect(t, other, "/a/199", "y")
	e.converged()
	c.Close()
	other.Close()
}

func TestLeaderLost(t *testing.T) {
	e := newEnsemble(t, 3, 0, nil)
	e.start(1, 2, 3)
	leader := e.serving()
	c := e.client(1, 2, 3)
	create(t, c, "/before", []byte("1"))
	e.stop(leader)
	next := e.serving()
	if next == leader {
		t.Fatal("the stopped server leads")
	}
	if _, _, err := c.Get("/before"); err != nil {
		eventually(t, "the client reconnected", func() bool {
			_, _, err := c.Get("/before")
			return err == nil
		})
	}
	create(t, c, "/after", []byte("2"))
	e.start(leader)
	e.serving()
	e.converged()
	back := e.client(leader)
	expect(t, back, "/after", "2")
	back.Close()
	c.Close()
}

func TestObserver(t *testing.T) {
	e := newEnsemble(t, 3, 1, nil)
	e.start(1, 2, 3, 4)
	e.serving()
	if st := e.servers[3].Status(); st.State != zab.Observing {
		t.Fatalf("server 4 is %s", st.State)
	}
	c := e.client(4)
	create(t, c, "/o", []byte("1"))
	expect(t, c, "/o", "1")
	c.Close()
	e.converged()
}

// TestCloseAtOnce ends servers at every stage of their start.
func TestCloseAtOnce(t *testing.T) {
	t.Parallel()
	e := newEnsemble(t, 3, 0, nil)
	for range 5 {
		e.start(1)
		e.stop(1) // alone, without a quorum
		e.start(1, 2)
		e.stop(2)
		e.stop(1) // on its way into an election or out of one
	}
	e.start(1, 2, 3)
	e.serving()
	e.converged()
}

// TestMinorityDoesNotServe: what has lost its quorum closes its clients'
// connections after the grace, and serves again when the quorum is back.
func TestMinorityDoesNotServe(t *testing.T) {
	t.Parallel()
	e := newEnsemble(t, 3, 0, nil)
	e.start(1, 2, 3)
	leader := e.serving()
	c := e.client(leader)
	create(t, c, "/a", nil)
	others := []int{leader%3 + 1, (leader+1)%3 + 1}
	e.stop(others[0])
	e.stop(others[1])
	eventually(t, "the leader giving up", func() bool { return !e.servers[leader-1].Status().Serving })
	eventually(t, "the client being dropped", func() bool { return c.State() != zk.StateHasSession })
	e.start(others...)
	e.serving()
	eventually(t, "the client being back", func() bool {
		_, err := c.Set("/a", []byte("1"), -1)
		return err == nil
	})
	c.Close()
	e.converged()
}

// TestZK3829: a server with other server lines takes no part, and
// says so.
func TestZK3829(t *testing.T) {
	t.Parallel()
	var logged lockedBuffer
	e := newEnsemble(t, 3, 0, func(c *Config) {
		if c.Self == 3 {
			c.Digest++
			c.Logger = zerolog.New(&logged)
		}
	})
	e.start(1, 2, 3)
	eventually(t, "the two others serving", func() bool {
		return e.servers[0].Status().Serving && e.servers[1].Status().Serving
	})
	eventually(t, "the third one's complaint", func() bool {
		return strings.Contains(strings.Join(logged.lines(), ""), zab.NoteMembershipDiffer.String())
	})
	if e.servers[2].Status().Serving {
		t.Error("a server with another membership serves")
	}
}
