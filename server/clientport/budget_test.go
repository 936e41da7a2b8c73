package clientport

import (
	"strings"
	"testing"
	"time"
)

// TestStormLeavesDescriptors: clients get the descriptors that are theirs and no
// more, however many come. Whoever asks a four-letter word gets an answer all the
// same, and a client that keeps such a place without a word loses it.
func TestStormLeavesDescriptors(t *testing.T) {
	h := start(t, func(c *Config) { c.Budget = 3 })
	var in []*client
	for range 3 {
		in = append(in, open(t, h.port))
	}
	for range 20 {
		late := dial(t, h.port)
		late.send(connectFrame(0, 10000, 0, nil, 0))
		late.wantClosed()
	}
	if n := h.port.NoDescriptor(); n != 20 {
		t.Errorf("%d were not let in for want of a descriptor", n)
	}
	h.placesFree(3)
	text := ask(t, h.port, "mntr")
	for _, line := range []string{
		"zk_num_alive_connections\t4\n", "zk_connection_rejected\t20\n",
		"zk_quorumd_client_connections_limit\t3\n",
	} {
		if !strings.Contains(text, line) {
			t.Errorf("mntr has no line %q:\n%s", line, text)
		}
	}
	silent := make([]*client, WordPlaces+5)
	for i := range silent {
		silent[i] = dial(t, h.port)
	}
	most := h.port.table.len()
	began := time.Now()
	for _, c := range silent {
		c.wantClosed()
		most = max(most, h.port.table.len())
	}
	if most > 3+WordPlaces {
		t.Errorf("%d connections at a time", most)
	}
	if took := time.Since(began); took > h.port.cfg.Sessionless/2 {
		t.Errorf("the places were kept for %v", took)
	}
	for i, c := range in {
		c.send(ping())
		c.wantReply(-2, 0)
		if i > 0 {
			continue
		}
		c.send(closeSession(1))
		c.wantReply(1, 0)
		c.wantClosed()
		c.nc.Close()
	}
	h.placesFree(2)
	open(t, h.port)
}

// placesFree waits until no more than n connections have a place: one that was
// closed gives it back a moment later.
func (h *testHost) placesFree(n int) {
	h.t.Helper()
	for began := time.Now(); h.port.table.len() > n; h.port.pause(time.Millisecond) {
		if time.Since(began) > patience {
			h.t.Fatal("the place of a closed connection is not free")
		}
	}
}

// TestMaxCnxnsWithinBudget: the limit that the configuration sets counts when it
// is the lower one.
func TestMaxCnxnsWithinBudget(t *testing.T) {
	for _, c := range []struct{ max, budget, want int }{{0, 0, 0}, {5, 0, 5}, {0, 7, 7}, {5, 7, 5}, {9, 7, 7}} {
		if got := (&Config{MaxConnections: c.max, Budget: c.budget}).limit(); got != c.want {
			t.Errorf("%+v: %d", c, got)
		}
	}
}
