package peer

import (
	"bytes"
	"context"
	"math/rand/v2"
	"net"
	"testing"

	"github.com/quorumd/quorumd/wire"
	"github.com/quorumd/quorumd/zab"
)

// pair opens servers 1 and 2 with a link that 1 dialled.
func pair(t *testing.T, m *memory) (a, b *Transport, ra, rb *recorder, la, lb zab.LinkID) {
	t.Helper()
	a, ra = open(t, m, 1, nil)
	b, rb = open(t, m, 2, nil)
	a.Dial(2)
	up := ra.nth(1, zab.EvLinkUp, 2)
	if !up.Up || up.Link == 0 {
		t.Fatalf("link up %+v", up)
	}
	accepted := rb.nth(1, zab.EvLinkUp, 1)
	if accepted.Up || accepted.Link == 0 {
		t.Fatalf("link up %+v", accepted)
	}
	return a, b, ra, rb, up.Link, accepted.Link
}

func TestLinkCarriesPackets(t *testing.T) {
	a, b, ra, rb, la, lb := pair(t, newMemory())
	enc := wire.NewEncoder()
	rng := rand.New(rand.NewPCG(1, 1))
	var sent []zab.Packet
	var prev uint32
	for i := range 500 {
		size := rng.IntN(300)
		switch i % 50 {
		case 7:
			size = shareRecord + rng.IntN(readChunk)
		case 9:
			size = readChunk - wire.HeaderSize - 20 + rng.IntN(40)
		case 11:
			size = 3 * growBody
		}
		rec := record(t, enc, prev, zab.Zxid(i+1), bytes.Repeat([]byte{byte(i)}, size))
		prev = rec.CRC
		sent = append(sent, zab.Packet{Kind: zab.KindTxn, Zxid: rec.Zxid, Record: rec}, zab.Packet{Kind: zab.KindCommit, Zxid: rec.Zxid})
	}
	for rest := sent; len(rest) > 0; {
		n := min(len(rest), 1+rng.IntN(30))
		var sends []zab.Send
		for _, p := range rest[:n] {
			sends = append(sends, zab.Send{Link: la, Packet: p})
		}
		a.Send(sends)
		rest = rest[n:]
	}
	b.Send([]zab.Send{{Link: lb, Packet: zab.Packet{Kind: zab.KindPong, Zxid: 4, Body: &zab.Pong{Touched: []zab.SessionID{5}}}}})
	last := rb.nth(len(sent), zab.EvPacket, 1)
	if last.Packet.Zxid != 500 || last.Link != lb {
		t.Fatalf("last packet %s of %s", last.Packet.Kind, last.Packet.Zxid)
	}
	i := 0
	for _, ev := range rb.events {
		if ev.Kind != zab.EvPacket {
			continue
		}
		want := &sent[i]
		if ev.Packet.Kind != want.Kind || ev.Packet.Zxid != want.Zxid || !bytes.Equal(ev.Packet.Record.Bytes, want.Record.Bytes) {
			t.Fatalf("packet %d is %s %s", i, ev.Packet.Kind, ev.Packet.Zxid)
		}
		if want.Kind == zab.KindTxn && !bytes.Equal(ev.Packet.Record.Txn.Body, want.Record.Txn.Body) {
			t.Fatalf("record %s has another body", want.Zxid)
		}
		i++
	}
	pong := ra.nth(1, zab.EvPacket, 2)
	if body, ok := pong.Packet.Body.(*zab.Pong); !ok || pong.Link != la || len(body.Touched) != 1 {
		t.Fatalf("answer %+v", pong.Packet)
	}
}

// TestLinkEndsOnce checks P1 for each way in which a link can end.
func TestLinkEndsOnce(t *testing.T) {
	ways := map[string]func(a, b *Transport, la, lb zab.LinkID){
		"dialler":  func(a, _ *Transport, la, _ zab.LinkID) { a.CloseLink(la); a.CloseLink(la) },
		"acceptor": func(_, b *Transport, _, lb zab.LinkID) { b.CloseLink(lb) },
		"both":     func(a, b *Transport, la, lb zab.LinkID) { a.CloseLink(la); b.CloseLink(lb) },
		"shutdown": func(a, _ *Transport, _, _ zab.LinkID) { a.Close() },
	}
	for name, end := range ways {
		t.Run(name, func(t *testing.T) {
			a, b, ra, rb, la, lb := pair(t, newMemory())
			end(a, b, la, lb)
			if ev := ra.nth(1, zab.EvLinkDown, 2); ev.Link != la {
				t.Errorf("dialler: link %d down, not %d", ev.Link, la)
			}
			if ev := rb.nth(1, zab.EvLinkDown, 1); ev.Link != lb {
				t.Errorf("acceptor: link %d down, not %d", ev.Link, lb)
			}
			a.Send([]zab.Send{{Link: la, Packet: zab.Packet{Kind: zab.KindPing, Body: &zab.Ping{}}}}) // dropped
			a.Close()
			b.Close()
			if n, m := ra.count(zab.EvLinkDown), rb.count(zab.EvLinkDown); n != 1 || m != 1 {
				t.Errorf("%d and %d ends of one link", n, m)
			}
		})
	}
}

func TestDialFails(t *testing.T) {
	a, ra := open(t, newMemory(), 1, nil)
	a.Dial(2)
	if ev := ra.nth(1, zab.EvLinkDown, 2); ev.Link != 0 {
		t.Fatalf("link %d", ev.Link)
	}
	a.Dial(9)
	if ev := ra.nth(1, zab.EvLinkDown, 9); ev.Link != 0 {
		t.Fatalf("link %d", ev.Link)
	}
}

// TestDialsToOnePeer: while one dial is under way, another asks for nothing.
func TestDialsToOnePeer(t *testing.T) {
	m := newMemory()
	ln, err := m.Listen("quorum2")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	a, ra := open(t, m, 1, nil)
	a.Dial(2)
	a.Dial(2)
	nc, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	nc.Close()
	ra.nth(1, zab.EvLinkDown, 2)
	if n := m.dialled("quorum2"); n != 1 {
		t.Fatalf("%d dials", n)
	}
}

// TestDamagedFrames sends what must end a link, and checks that nobody else's
// suffers (P4).
func TestDamagedFrames(t *testing.T) {
	good := frame(t, zab.Packet{Kind: zab.KindSync, Body: &zab.SyncAsk{Seq: 1, Session: 2}})
	flipped := bytes.Clone(good)
	flipped[len(flipped)-1] ^= 1
	huge := bytes.Clone(good)
	huge[3] = 0x7f // nearly 2 GiB
	vote := frame(t, zab.Packet{Kind: zab.KindNotification, Body: &zab.Notification{From: 1}})
	unknown := wire.AppendFrame(nil, 127, 0, 0, nil)
	for name, bad := range map[string][]byte{
		"checksum": flipped, "length": huge, "a vote": vote, "kind": unknown, "zeros": make([]byte, 64),
	} {
		t.Run(name, func(t *testing.T) {
			m := newMemory()
			b, rb := open(t, m, 2, nil)
			other := join(t, m, "quorum2", quorumChannel, 3, 2)
			nc := join(t, m, "quorum2", quorumChannel, 1, 2)
			link := rb.nth(1, zab.EvLinkUp, 1).Link
			if _, err := nc.Write(good); err != nil {
				t.Fatal(err)
			}
			_, _ = nc.Write(bad) // may be cut off in the middle
			closedSoon(t, nc)
			if ev := rb.nth(1, zab.EvLinkDown, 1); ev.Link != link {
				t.Errorf("link %d down, not %d", ev.Link, link)
			}
			if _, err := other.Write(good); err != nil {
				t.Fatal(err)
			}
			rb.nth(1, zab.EvPacket, 3)
			if n := rb.count(zab.EvPacket); n != 2 {
				t.Errorf("%d packets believed", n)
			}
			if b.Figures().Damaged != 1 {
				t.Errorf("figures %+v", b.Figures())
			}
		})
	}
}

// TestOverflow: a peer that reads nothing costs its link, and a bounded amount
// of memory; a forwarded request counts little, whatever its size.
func TestOverflow(t *testing.T) {
	m := newMemory()
	b, rb := open(t, m, 2, func(c *Config) { c.MaxQueue = 100 << 10 })
	nc := join(t, m, "quorum2", quorumChannel, 1, 2)
	link := rb.nth(1, zab.EvLinkUp, 1).Link
	forward := zab.Packet{Kind: zab.KindForward, Body: &zab.Request{Body: make([]byte, 64<<10)}}
	for range 20 {
		b.Send([]zab.Send{{Link: link, Packet: forward}})
	}
	if rb.count(zab.EvLinkDown) != 0 {
		t.Fatal("requests closed the link")
	}
	rec := record(t, wire.NewEncoder(), 0, 1, make([]byte, 10<<10))
	for range 20 {
		b.Send([]zab.Send{{Link: link, Packet: zab.Packet{Kind: zab.KindTxn, Record: rec}}})
	}
	if ev := rb.nth(1, zab.EvLinkDown, 1); ev.Link != link {
		t.Fatalf("link %d down", ev.Link)
	}
	if f := b.Figures(); f.Overflowed != 1 || f.Links != 0 {
		t.Errorf("figures %+v", f)
	}
	closedSoon(t, nc)
}

// TestOneLargePacket: a packet larger than the queue's bound goes through when
// nothing else waits.
func TestOneLargePacket(t *testing.T) {
	m := newMemory()
	a, ra := open(t, m, 1, func(c *Config) { c.MaxQueue = 1 << 10 })
	_, rb := open(t, m, 2, nil)
	a.Dial(2)
	mine, link := ra.nth(1, zab.EvLinkUp, 2).Link, rb.nth(1, zab.EvLinkUp, 1).Link
	rec := record(t, wire.NewEncoder(), 0, 1, make([]byte, 10<<10))
	a.Send([]zab.Send{{Link: mine, Packet: zab.Packet{Kind: zab.KindTxn, Record: rec}}})
	if ev := rb.nth(1, zab.EvPacket, 1); ev.Link != link {
		t.Fatalf("link %d", ev.Link)
	}
}

// TestTCP runs two servers over loopback, with the system's own connections.
func TestTCP(t *testing.T) {
	list := members(2)
	for i := range list {
		for _, addr := range []*string{&list[i].Quorum, &list[i].Election} {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			*addr = ln.Addr().String()
			ln.Close()
		}
	}
	change := func(c *Config) { c.Members = list }
	a, ra := open(t, nil, 1, change)
	b, rb := open(t, nil, 2, change)
	ra.nth(1, zab.EvReachable, 2)
	a.Dial(2)
	link := ra.nth(1, zab.EvLinkUp, 2).Link
	enc := wire.NewEncoder()
	var prev uint32
	const n = 300
	for i := range n {
		rec := record(t, enc, prev, zab.Zxid(i+1), make([]byte, i*300))
		prev = rec.CRC
		a.Send([]zab.Send{{Link: link, Packet: zab.Packet{Kind: zab.KindTxn, Zxid: rec.Zxid, Record: rec}}})
	}
	if ev := rb.nth(n, zab.EvPacket, 1); ev.Packet.Record.CRC != prev {
		t.Fatal("another last record")
	}
	b.Notify(zab.Notify{Peer: 1, Notification: zab.Notification{From: 2, Round: 3}})
	ra.await("the vote", func(events []zab.Event) bool {
		for _, ev := range events {
			if ev.Kind == zab.EvNotification && ev.Notification.Round == 3 {
				return true
			}
		}
		return false
	})
	b.Close()
	ra.nth(1, zab.EvLinkDown, 2)
	ra.await("the peer being down", func(events []zab.Event) bool {
		for _, ev := range events {
			if ev.Kind == zab.EvReachable && !ev.Up {
				return true
			}
		}
		return false
	})
	if _, err := TCP(0).Dial(context.Background(), "127.0.0.1:1"); err == nil {
		t.Error("a closed port was dialled")
	}
}
