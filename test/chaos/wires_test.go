package chaos

import (
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// port is a station's device for tests: what is sent is given, what arrives is kept.
type port struct {
	sent    chan []byte
	arrived chan []byte
}

func newPort() *port { return &port{sent: make(chan []byte), arrived: make(chan []byte, 64)} }

func (p *port) Read(b []byte) (int, error) {
	packet, open := <-p.sent
	if !open {
		return 0, io.EOF
	}
	return copy(b, packet), nil
}

func (p *port) Write(b []byte) (int, error) {
	select {
	case p.arrived <- slices.Clone(b):
		return len(b), nil
	default:
		return 0, errors.New("full")
	}
}

// segment is a TCP packet between two stations.
func segment(from, to int, flags byte, seq, ack uint32) []byte {
	p := make([]byte, ipHeader+tcpHeader)
	p[0], p[9] = 0x45, protoTCP
	copy(p[12:], []byte{10, 213, 0, byte(firstHost + from)})
	copy(p[16:], []byte{10, 213, 0, byte(firstHost + to)})
	tcp := p[ipHeader:]
	binary.BigEndian.PutUint16(tcp[0:], 40000)
	binary.BigEndian.PutUint16(tcp[2:], 2181)
	binary.BigEndian.PutUint32(tcp[4:], seq)
	binary.BigEndian.PutUint32(tcp[8:], ack)
	tcp[12], tcp[13] = 0x50, flags
	return p
}

func testWires() (*wires, []*port) {
	ports := []*port{newPort(), newPort(), newPort()}
	return newWires([]io.ReadWriter{ports[0], ports[1], ports[2]}, 1), ports
}

func TestWiresCutOneWay(t *testing.T) {
	w, ports := testWires()
	w.set(0, 1, cut)
	for range 10 {
		w.carry(0, segment(0, 1, flagACK, 1, 1))
		w.carry(1, segment(1, 0, flagACK, 1, 1))
		w.carry(0, segment(0, 2, flagACK, 1, 1))
	}
	for i, want := range []int{10, 0, 10} {
		if got := len(ports[i].arrived); got != want {
			t.Errorf("station %d got %d packets, want %d", i, got, want)
		}
	}
	w.heal()
	w.carry(0, segment(0, 1, flagACK, 1, 1))
	if len(ports[1].arrived) != 1 {
		t.Error("nothing arrives over a healed link")
	}
	w.carry(0, []byte{0x60, 1, 2})
	w.carry(0, segment(0, 9, flagACK, 1, 1))
}

func TestWiresReset(t *testing.T) {
	w, ports := testWires()
	w.between([]int{1}, []int{0, 2}, link{reset: true})
	w.carry(0, segment(0, 1, flagACK, 77, 99))
	back, on := <-ports[0].arrived, <-ports[1].arrived
	for _, c := range []struct {
		name     string
		packet   []byte
		from, to byte
		seq      uint32
		sport    uint16
	}{{"back", back, 1, 0, 99, 2181}, {"on", on, 0, 1, 77, 40000}} {
		tcp := tcpOf(c.packet)
		if tcp[13] != flagRST || binary.BigEndian.Uint32(tcp[4:]) != c.seq || binary.BigEndian.Uint16(tcp) != c.sport ||
			c.packet[15] != firstHost+c.from || c.packet[19] != firstHost+c.to {
			t.Errorf("%s: % x", c.name, c.packet)
		}
		if checksum(0, c.packet[:ipHeader]) != 0 {
			t.Errorf("%s: checksum of the IP header", c.name)
		}
		if checksum(sum(0, c.packet[12:20])+protoTCP+tcpHeader, tcp) != 0 {
			t.Errorf("%s: checksum of the segment", c.name)
		}
	}
	w.carry(0, segment(0, 1, flagSYN, 1, 0))
	if len(ports[1].arrived) != 1 {
		t.Error("a connection that is being made has nothing to reset; its segment should arrive")
	}
}

func TestWiresLate(t *testing.T) {
	w, ports := testWires()
	w.set(0, 1, link{delay: time.Hour})
	w.set(0, 2, link{delay: time.Millisecond, duplicate: 1})
	go w.run(t.Context())
	defer func() {
		for _, p := range ports {
			close(p.sent)
		}
	}()
	ports[0].sent <- segment(0, 1, flagACK, 1, 1)
	ports[0].sent <- segment(0, 2, flagACK, 2, 1)
	for range 2 {
		select {
		case <-ports[2].arrived:
		case <-time.After(testLimit):
			t.Fatal("a late packet does not arrive")
		}
	}
	if len(ports[1].arrived) != 0 {
		t.Error("a packet that is an hour late is there")
	}
}

func TestDeliveries(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	l := link{loss: 0.2, duplicate: 0.1, reorder: 0.1, hold: time.Second, delay: time.Millisecond, jitter: time.Millisecond}
	lost, twice, held := 0, 0, 0
	const packets = 10000
	for range packets {
		arrivals := l.deliveries(r)
		switch {
		case len(arrivals) == 0:
			lost++
			continue
		case len(arrivals) == 2:
			twice++
		}
		if arrivals[0] >= time.Second {
			held++
		} else if arrivals[0] < time.Millisecond || arrivals[0] >= 2*time.Millisecond {
			t.Fatalf("arrives after %v", arrivals[0])
		}
	}
	for name, c := range map[string]struct{ got, want int }{"lost": {lost, 2000}, "twice": {twice, 800}, "held": {held, 800}} {
		if c.got < c.want*8/10 || c.got > c.want*12/10 {
			t.Errorf("%d packets %s, want about %d", c.got, name, c.want)
		}
	}
	if (link{}).String() != "" || l.String() == "" {
		t.Errorf("links are told as %q and %q", link{}, l)
	}
}
