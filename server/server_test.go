package server

import (
	"fmt"
	"testing"

	"github.com/quorumd/quorumd/zab"
)

func TestAlone(t *testing.T) {
	cfg := testConfig(t.TempDir(), logOf(t))
	s, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	c := dialClient(t, s.ClientAddr().String())
	create(t, c, "/a", []byte("1"))
	expect(t, c, "/a", "1")
	c.Close()
	closeServer(t, s)

	s, err = Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer closeServer(t, s)
	c = dialClient(t, s.ClientAddr().String())
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
