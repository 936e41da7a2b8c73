package replica

import (
	"slices"
	"testing"
	"time"

	"github.com/quorumd/quorumd/zab"
)

// A leader stuck in its disk revoked the leases of living clients as it came
// back (etcd#15247). Here are the ways in which a client could lose its session for what
// happened to a server.

// wantExpiry sees that the session lives, and ends after a silence of its own.
func (c *cluster) wantExpiry(silence time.Duration) {
	c.t.Helper()
	c.wantAlive()
	c.settle(silence)
	if !c.expired() {
		c.t.Error("not expired after a silence of its own")
	}
}

// TestEtcd15247Pause: all that runs the ensemble stands still for a minute. Nobody
// could be heard in that time, so nobody is expired for it.
func TestEtcd15247Pause(t *testing.T) {
	c := run(t, 3, 0)
	l := c.leader()
	c.others(l)[0].open(1, 4*time.Second)
	c.now += time.Minute
	l.step(zab.Event{Kind: zab.EvTick})
	c.settle(3 * time.Second)
	if c.leader() != l {
		t.Fatal("another leader")
	}
	c.wantExpiry(4 * time.Second)
}

// TestEtcd15247Disk: the leader's disk takes its time for one write, then all
// that has waited comes at once. Clients go on pinging all the time: those of
// the leader for as long as it stays one (L10), those of a follower for a minute.
func TestEtcd15247Disk(t *testing.T) {
	c := run(t, 3, 0)
	l := c.leader()
	for i, s := range []*server{l, c.others(l)[0]} {
		s.open(1, 4*time.Second)
		l.holdDisk = true
		s.write(2)
		for range []int{8, 60}[i] {
			s.hear()
			c.settle(time.Second)
		}
		l.holdDisk = false
		c.settle(time.Second)
		c.wantServing()
		c.wantExpiry(7 * time.Second)
		for _, s := range c.servers { // for the next round
			s.crash()
			s.log, s.synced = nil, 0
		}
		for _, s := range c.servers {
			s.start()
		}
		c.settle(time.Second)
		l = c.leader()
	}
}

// TestEtcd15247NewLeader: who becomes leader has not been told who was heard
// from, and gives everybody a whole timeout.
func TestEtcd15247NewLeader(t *testing.T) {
	c := run(t, 3, 0)
	l := c.leader()
	f := c.others(l)[0]
	f.open(1, 4*time.Second)
	for range 20 {
		f.hear()
		c.settle(time.Second)
	}
	c.settle(1200 * time.Millisecond) // the leader was told, and nobody else
	l.crash()
	c.settle(3500 * time.Millisecond)
	c.wantServing()
	c.wantExpiry(4 * time.Second)
}

// TestEtcd15247Replay: after a restart of all, a leader's own tree is long in
// coming. Before it is there nobody is served, so nobody can be heard.
func TestEtcd15247Replay(t *testing.T) {
	c := run(t, 3, 0)
	c.leader().open(1, 4*time.Second)
	for _, s := range c.servers {
		s.snapshot()
	}
	c.leader().write(2)
	c.settle(20 * time.Millisecond)
	for _, s := range c.servers {
		s.crash()
	}
	for _, s := range c.servers {
		s.start()
		s.holdReads = true
	}
	c.settle(10 * time.Second)
	for _, s := range c.servers {
		if s.r.Status().Serving {
			t.Fatal("serves without its tree")
		}
		s.holdReads = false
	}
	c.settle(3 * time.Second)
	c.wantServing()
	c.wantAlive()
}

// TestEtcd15247Timeout: the client came to another server and agreed to a longer
// timeout there. No record says so; the next leader must keep to it.
func TestEtcd15247Timeout(t *testing.T) {
	for i := range 2 { // the next leader's own client, or a follower's
		c := run(t, 3, 0)
		l := c.leader()
		c.others(l)[1-i].open(1, 4*time.Second)
		c.others(l)[i].attach(1<<40+1, 30*time.Second)
		l.crash()
		c.settle(25 * time.Second)
		c.wantServing()
		c.wantAlive()
	}
}

// TestEtcd15247Link: a client pings its server, which has just lost the
// leader for a moment. That it was heard from must not be forgotten (R10).
func TestEtcd15247Link(t *testing.T) {
	for _, when := range []string{"before the cut", "after the cut"} {
		c := run(t, 3, 0)
		l := c.leader()
		f := c.others(l)[0]
		c.afterTick(1900 * time.Millisecond)
		f.open(1, 4*time.Second)
		opened := c.now
		c.settle(2600 * time.Millisecond)
		if when == "before the cut" {
			f.hear()
		}
		c.part(l.id, f.id, true)
		if when == "after the cut" {
			c.settle(20 * time.Millisecond)
			f.hear()
		}
		c.settle(300 * time.Millisecond)
		c.part(l.id, f.id, false)
		c.settle(opened + 6*time.Second - c.now) // it was silent for 3.4 s
		if c.leader() != l {
			t.Fatal("another leader")
		}
		if c.expired() {
			t.Errorf("heard %s: expired all the same", when)
		}
	}
}

// TestEtcd15247Pongs: what the follower tells the leader is on its way for a while,
// in more than one PONG, as the connection breaks (R10).
func TestEtcd15247Pongs(t *testing.T) {
	c := run(t, 3, 0)
	l := c.leader()
	f := c.others(l)[0]
	c.afterTick(1900 * time.Millisecond)
	f.open(1, 4*time.Second)
	opened := c.now
	c.settle(time.Second)
	f.hear()
	l.holdIn = true
	c.settle(2200 * time.Millisecond) // it pings each second
	l.inbox, l.holdIn = nil, false
	c.part(l.id, f.id, true)
	c.settle(300 * time.Millisecond)
	c.part(l.id, f.id, false)
	c.settle(opened + 6*time.Second - c.now)
	if c.leader() != l {
		t.Fatal("another leader")
	}
	if c.expired() {
		t.Error("expired all the same")
	}
}

// TestEtcd15247Deposed: a leader's connections are half-open: the others elect a new
// one, and it goes on for syncLimit, in which it hears from a client. It tells the
// new leader as it joins it (R10).
func TestEtcd15247Deposed(t *testing.T) {
	c := run(t, 3, 0)
	l := c.leader()
	l.open(1, 14*time.Second)
	others := c.others(l)
	for _, s := range others {
		c.part(l.id, s.id, true)
	}
	l.inbox = slices.DeleteFunc(l.inbox, func(ev zab.Event) bool { return ev.Kind == zab.EvLinkDown })
	began := c.now
	c.settle(8 * time.Second)
	l.hear()
	for _, s := range others {
		c.part(l.id, s.id, false)
	}
	c.settle(began + 20*time.Second - c.now) // it was silent for 12 s
	c.wantServing()
	if c.leader() == l {
		t.Fatal("the same leader")
	}
	if c.expired() {
		t.Error("expired all the same")
	}
}
