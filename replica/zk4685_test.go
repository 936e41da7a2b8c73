package replica

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/quorumd/quorumd/zab"
)

// until runs until the condition holds, looking at it after every single step.
func (c *cluster) until(what string, cond func() bool) {
	c.t.Helper()
	for limit := c.now + 10*time.Second; c.now < limit; c.now += zab.TickInterval {
		for busy := true; busy; {
			busy = false
			for _, s := range c.servers {
				if s.up && len(s.inbox) > 0 && !s.holdIn {
					s.take()
					busy = true
					if cond() {
						return
					}
				}
				if s.up && len(s.reads) > 0 && !s.holdReads {
					s.takeRead()
					busy = true
					if cond() {
						return
					}
				}
				if s.up && len(s.disk) > 0 && !s.holdDisk {
					s.diskStep()
					busy = true
					if cond() {
						return
					}
				}
			}
		}
		for _, s := range c.servers {
			if s.up {
				s.step(zab.Event{Kind: zab.EvTick})
			}
		}
	}
	c.t.Fatalf("never came: %s\n%s", what, strings.Join(c.wire, "\n"))
}

// take lets s handle its next event.
func (s *server) take() zab.Event {
	ev := s.inbox[0]
	s.inbox = s.inbox[1:]
	s.step(ev)
	return ev
}

// takeThrough lets s handle its events up to and with the first packet of kind.
func (s *server) takeThrough(kind zab.PacketKind) {
	for len(s.inbox) > 0 {
		if ev := s.take(); ev.Kind == zab.EvPacket && ev.Packet.Kind == kind {
			return
		}
	}
	s.c.t.Fatalf("no %s in the inbox of server %d\n%s", kind, s.id, strings.Join(s.c.wire, "\n"))
}

func (s *server) hasPacket(kind zab.PacketKind) bool {
	return slices.ContainsFunc(s.inbox, func(ev zab.Event) bool {
		return ev.Kind == zab.EvPacket && ev.Packet.Kind == kind
	})
}

// zk4685 brings three servers to the point of ZOOKEEPER-4685: S2 leads and has
// logged ⟨1,1⟩; S0 has restarted and S1 has crashed before receiving it; S2
// leads again, in epoch 2, and S0 holds DIFF, PROPOSAL⟨1,1⟩ and NEWLEADER in
// its inbox, none of them handled.
func zk4685(t *testing.T) (c *cluster, s0, s2 *server) {
	c = newCluster(t, 3)
	s0, s1, s2 := c.servers[0], c.servers[1], c.servers[2]
	for _, s := range c.servers {
		s.start()
	}
	c.until("S2 logs <1,1>", func() bool { return s2.synced == 1 })
	if z := s2.log[0].Zxid; z != zab.NewZxid(1, 1) {
		t.Fatalf("S2 logged %s, want <1,1>", z)
	}
	if s0.synced != 0 || s1.synced != 0 || s0.epochs.Current != 1 {
		t.Fatalf("S0 and S1 must have adopted epoch 1 and logged nothing: %d %d %+v", s0.synced, s1.synced, s0.epochs)
	}
	s0.crash()
	s1.crash()
	s0.start()
	c.until("S2 offers S0 its history", func() bool {
		s0.holdIn = s0.hasPacket(zab.KindDiff)
		return s0.hasPacket(zab.KindNewLeader)
	})
	if !s0.hasPacket(zab.KindTxn) {
		t.Fatal("DIFF without the proposal")
	}
	c.wire = nil
	return c, s0, s2
}

func index(t *testing.T, lines []string, want string) int {
	t.Helper()
	i := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, want) })
	if i < 0 {
		t.Fatalf("%q did not happen:\n%s", want, strings.Join(lines, "\n"))
	}
	return i
}

// TestZK4685 is the trace of ZOOKEEPER-4685: the log of a learner is durable
// before its main step handles NEWLEADER. No acknowledgement of a proposal may
// leave before that of NEWLEADER.
func TestZK4685(t *testing.T) {
	c, s0, s2 := zk4685(t)
	s0.takeThrough(zab.KindTxn)
	s0.diskStep() // the log stage runs to its end, its completion is heard
	if n := len(s0.disk); n != 0 || s0.synced != 1 {
		t.Fatalf("S0 has %d operations left and %d records synced", n, s0.synced)
	}
	for _, line := range c.wire {
		if strings.HasPrefix(line, "0>2 ACK") {
			t.Fatalf("acknowledged before NEWLEADER was handled: %s", line)
		}
	}
	s0.holdIn = false
	c.settle(100 * time.Millisecond)

	synced := index(t, c.wire, "0 disk 1 synced=0x100000001")
	adopted := index(t, c.wire, "0 disk 2 synced=0x0 epochs=2/2")
	ackNL := index(t, c.wire, "0>2 ACK-NEWLEADER 0x100000001")
	if synced > adopted || adopted > ackNL {
		t.Errorf("order: synced %d, epoch %d, ACK of NEWLEADER %d", synced, adopted, ackNL)
	}
	if ack := slices.IndexFunc(c.wire, func(l string) bool { return strings.HasPrefix(l, "0>2 ACK 0x") }); ack >= 0 && ack < ackNL {
		t.Errorf("a proposal was acknowledged before NEWLEADER:\n%s", strings.Join(c.wire, "\n"))
	}
	for _, s := range []*server{s0, s2} {
		if st := s.r.Status(); !st.Serving || st.Epoch != 2 {
			t.Errorf("server %d is not in broadcast in epoch 2: %+v", s.id, st)
		}
		elections := 0
		for _, n := range s.notes {
			if n.Kind == zab.NoteElected {
				elections++
			}
		}
		// S2: of epoch 1 and of epoch 2; S0 the same, its notes outlive its crash.
		if elections != 2 {
			t.Errorf("server %d was in %d elections, want 2: %v", s.id, elections, s.notes)
		}
	}
}

// TestZK4685EarlyAck: a leader that is sent an acknowledgement of a proposal
// while it waits for that of NEWLEADER keeps it, counts it later, and goes on.
func TestZK4685EarlyAck(t *testing.T) {
	c, s0, s2 := zk4685(t)
	s0.takeThrough(zab.KindTxn)
	s0.diskStep()
	var link zab.LinkID
	for _, l := range c.links {
		if l.open && l.owner == [2]zab.ServerID{0, 2} {
			link = l.ends[1]
		}
	}
	s2.step(zab.Event{Kind: zab.EvPacket, Link: link, Peer: 0, Packet: zab.Packet{Kind: zab.KindAck, Zxid: zab.NewZxid(1, 1)}})
	if st := s2.r.Status(); st.State != zab.Leading || st.Serving || st.Committed != 0 {
		t.Fatalf("after the early acknowledgement: %+v", st)
	}
	s0.holdIn = false
	c.settle(100 * time.Millisecond)
	if st := s2.r.Status(); !st.Serving || st.Epoch != 2 || st.Committed < zab.NewZxid(1, 1) {
		t.Fatalf("the leader did not go on: %+v", st)
	}
}

// TestZK4685SlowDisk: with the learner's disk held, NEWLEADER is not
// acknowledged (ZOOKEEPER-4646), and no epoch is saved (ZOOKEEPER-4643).
func TestZK4685SlowDisk(t *testing.T) {
	c, s0, s2 := zk4685(t)
	s0.holdDisk, s0.holdIn = true, false
	c.settle(200 * time.Millisecond)
	for _, line := range c.wire {
		if strings.HasPrefix(line, "0>2 ACK") || strings.HasPrefix(line, "0 disk") {
			t.Errorf("before the log was durable: %s", line)
		}
	}
	s0.diskStep()
	if s0.epochs.Current != 1 || slices.ContainsFunc(c.wire, func(l string) bool { return strings.HasPrefix(l, "0>2 ACK-") }) {
		t.Error("NEWLEADER acknowledged before the epoch was durable")
	}
	s0.holdDisk = false
	c.settle(100 * time.Millisecond)
	if !s0.r.Status().Serving || !s2.r.Status().Serving {
		t.Errorf("not serving: %+v %+v", s0.r.Status(), s2.r.Status())
	}
}
