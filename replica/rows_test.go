package replica

import (
	"testing"
	"time"
)

// TestZK3109: server 0 votes for server 1, which decides to lead, and changes
// its mind for server 2, which 1 cannot reach. Server 1 does not wait its
// initLimit of 20 seconds for a quorum that will never come.
func TestZK3109(t *testing.T) {
	c := newCluster(t, 3)
	s0, s1, s2 := c.servers[0], c.servers[1], c.servers[2]
	c.part(1, 2, true)
	s0.start()
	s1.start()
	c.until("server 1 decides to lead", func() bool { return s1.r.leader != nil })
	s0.crash()
	s2.start()
	s0.start()
	c.until("server 2 serves", func() bool { return c.leader() == s2 })
	if s1.r.leader == nil {
		t.Fatalf("server 1 has given up already: %+v", s1.r.Status())
	}
	c.part(1, 2, false)
	c.settle(2 * time.Second)
	c.wantServing()
}
