package peer

import (
	"net"
	"testing"
	"time"

	"github.com/quorumd/quorumd/wire"
	"github.com/quorumd/quorumd/zab"
)

// ear is the election port of a server that the test plays.
type ear struct {
	t  *testing.T
	ln net.Listener
	id zab.ServerID
}

func newEar(t *testing.T, m *memory, id zab.ServerID) *ear {
	t.Helper()
	ln, err := m.Listen(members(3)[id-1].Election)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return &ear{t, ln, id}
}

// accept welcomes the next connection.
func (e *ear) accept() net.Conn {
	e.t.Helper()
	nc, err := e.ln.Accept()
	if err != nil {
		e.t.Fatal(err)
	}
	e.t.Cleanup(func() { nc.Close() })
	h, err := readHello(nc)
	if err != nil || h.to != e.id || h.channel != electionChannel {
		e.t.Fatalf("hello %+v, %v", h, err)
	}
	answer := hello{channel: electionChannel, from: e.id, to: h.from, members: digest}
	if _, err := nc.Write(answer.append(nil)); err != nil {
		e.t.Fatal(err)
	}
	return nc
}

// next reads one notification.
func next(t *testing.T, nc net.Conn) *zab.Notification {
	t.Helper()
	frames := newFrameReader(nc, maxVoteBody, 2*(wire.HeaderSize+maxVoteBody))
	h, b, err := frames.next()
	if err != nil {
		t.Fatal(err)
	}
	p, err := wire.NewDecoder().Packet(h, b)
	if err != nil {
		t.Fatal(err)
	}
	return p.Body.(*zab.Notification)
}

func notify(tr *Transport, peer zab.ServerID, round uint64) {
	tr.Notify(zab.Notify{Peer: peer, Notification: zab.Notification{From: 1, Round: round}})
}

// TestNewestNotificationWins: what was not sent is replaced, and what was sent
// is said again on the next connection.
func TestNewestNotificationWins(t *testing.T) {
	m := newMemory()
	e := newEar(t, m, 2)
	a, ra := open(t, m, 1, nil)
	notify(a, 2, 1)
	notify(a, 2, 2)
	nc := e.accept()
	if n := next(t, nc); n.Round != 2 {
		t.Fatalf("round %d came first", n.Round)
	}
	// The pipe holds nothing: the writer is now at work on round 3 or will be,
	// and what comes meanwhile is replaced.
	for round := uint64(3); round <= 50; round++ {
		notify(a, 2, round)
	}
	reads := 1
	for n := next(t, nc); n.Round != 50; n = next(t, nc) {
		reads++
	}
	if reads > 40 {
		t.Errorf("%d notifications were sent one by one", reads)
	}
	nc.Close()
	nc = e.accept()
	if n := next(t, nc); n.Round != 50 {
		t.Errorf("round %d after the connection was lost", n.Round)
	}
	if n := ra.count(zab.EvReachable); n < 2 {
		t.Errorf("%d times reachable", n)
	}
}

func TestReachable(t *testing.T) {
	m := newMemory()
	a, ra := open(t, m, 1, nil)
	if ev := ra.nth(1, zab.EvReachable, 2); ev.Up {
		t.Fatal("up, but nobody listens")
	}
	b, rb := open(t, m, 2, nil)
	if ev := ra.nth(2, zab.EvReachable, 2); !ev.Up {
		t.Fatal("down, but it listens")
	}
	if ev := rb.nth(1, zab.EvReachable, 1); !ev.Up {
		t.Fatal("down at the other end")
	}
	notify(a, 2, 1)
	if ev := rb.nth(1, zab.EvNotification, 1); ev.Notification.Round != 1 {
		t.Fatalf("round %d", ev.Notification.Round)
	}
	b.Close()
	if ev := ra.nth(3, zab.EvReachable, 2); ev.Up {
		t.Fatal("up, but it is gone")
	}
	poll := time.NewTicker(time.Millisecond)
	defer poll.Stop()
	for before := m.dialled("election2"); m.dialled("election2") < before+3; {
		<-poll.C
	}
	if n := ra.count(zab.EvReachable); n > 3+2*2 { // server 3 never listens; a repeat is allowed
		t.Errorf("%d reports", n)
	}
}

// TestEarTakesNewest: a peer that connects again replaces its connection.
func TestEarTakesNewest(t *testing.T) {
	m := newMemory()
	_, rb := open(t, m, 2, nil)
	older := join(t, m, "election2", electionChannel, 1, 2)
	newer := join(t, m, "election2", electionChannel, 1, 2)
	closedSoon(t, older)
	if _, err := newer.Write(frame(t, zab.Packet{Kind: zab.KindNotification, Body: &zab.Notification{From: 1, Round: 4}})); err != nil {
		t.Fatal(err)
	}
	if ev := rb.nth(1, zab.EvNotification, 1); ev.Notification.Round != 4 {
		t.Fatalf("round %d", ev.Notification.Round)
	}
}

// TestEarRefuses ends connections that say what does not belong there.
func TestEarRefuses(t *testing.T) {
	for name, bad := range map[string][]byte{
		"another's name": frame(t, zab.Packet{Kind: zab.KindNotification, Body: &zab.Notification{From: 3}}),
		"a packet":       frame(t, zab.Packet{Kind: zab.KindPing, Body: &zab.Ping{}}),
		"too long":       wire.AppendFrame(nil, uint8(zab.KindNotification), 0, 0, make([]byte, maxVoteBody+1)),
	} {
		t.Run(name, func(t *testing.T) {
			m := newMemory()
			b, rb := open(t, m, 2, nil)
			nc := join(t, m, "election2", electionChannel, 1, 2)
			_, _ = nc.Write(bad)
			closedSoon(t, nc)
			b.Close()
			if n := rb.count(zab.EvNotification); n != 0 {
				t.Errorf("%d believed", n)
			}
			if b.Figures().Damaged != 1 {
				t.Errorf("figures %+v", b.Figures())
			}
		})
	}
}

// TestObserversKeepToVoters: two observers do not call each other.
func TestObserversKeepToVoters(t *testing.T) {
	m := newMemory()
	list := members(3)
	list[1].Voter, list[2].Voter = false, false
	_, rb := open(t, m, 2, func(c *Config) { c.Members = list })
	rb.nth(1, zab.EvReachable, 1)
	if m.dialled("election3") != 0 {
		t.Error("an observer was called")
	}
	_, ra := open(t, m, 1, func(c *Config) { c.Members = list })
	ra.nth(1, zab.EvReachable, 2)
	ra.nth(1, zab.EvReachable, 3)
}
