package peer

import (
	"bytes"
	"context"
	"net"
	"testing"
	"time"

	"github.com/quorumd/quorumd/zab"
)

// TestZK4787: what servers tell each other before they know one another is made
// of numbers of fixed size and order. There is no text in it whose bytes could
// depend on the machine; names of hosts never leave a server.
func TestZK4787(t *testing.T) {
	h := hello{channel: electionChannel, verdict: refusedMembers, from: 1, to: 255, members: 0x0102030405060708}
	b := h.append(nil)
	want := "QRMD\x03\x02\x05\x1c" +
		"\x01\x00\x00\x00\x00\x00\x00\x00" + "\xff\x00\x00\x00\x00\x00\x00\x00" + "\x08\x07\x06\x05\x04\x03\x02\x01" +
		"\x87\x82\xb9\x0e" // CRC-32C
	if string(b) != want {
		t.Errorf("bytes %q", b)
	}
	got, err := readHello(bytes.NewReader([]byte(want)))
	h.version = helloVersion
	if err != nil || got != h {
		t.Errorf("read %+v, %v", got, err)
	}
}

// blackHole is a network in which dials to one address neither succeed nor fail:
// its name is not resolved, or its packets go nowhere.
type blackHole struct {
	*memory
	address string
	dialled chan struct{}
}

func (n *blackHole) Dial(ctx context.Context, address string) (net.Conn, error) {
	if address != n.address {
		return n.memory.Dial(ctx, address)
	}
	select {
	case n.dialled <- struct{}{}:
	default:
	}
	<-ctx.Done()
	return nil, ctx.Err()
}

// TestZK3756: votes for one peer do not wait for another one that cannot be
// reached, and that one is given up in time.
func TestZK3756(t *testing.T) {
	m := newMemory()
	hole := &blackHole{memory: m, address: members(3)[1].Election, dialled: make(chan struct{}, 1)}
	for _, limit := range []time.Duration{time.Hour, 50 * time.Millisecond} {
		tr, r := open(t, m, 1, func(c *Config) { c.Network, c.ConnectTimeout = hole, limit })
		<-hole.dialled // and there it stays
		e := newEar(t, m, 3)
		notify(tr, 2, 1)
		notify(tr, 3, 1)
		heard := make(chan *zab.Notification, 1)
		go func() {
			if nc := e.accept(); nc != nil {
				heard <- next(t, nc)
			}
		}()
		select {
		case n := <-heard:
			if n.Round != 1 {
				t.Errorf("round %d", n.Round)
			}
		case <-time.After(waitLimit / 2):
			t.Fatal("server 3 hears nothing while server 2 cannot be reached")
		}
		if limit < time.Minute {
			r.await("server 2 to be given up", func(events []zab.Event) bool {
				for _, ev := range events {
					if ev.Kind == zab.EvReachable && ev.Peer == 2 && !ev.Up {
						return true
					}
				}
				return false
			})
		}
		e.ln.Close()
		tr.Close()
	}
}
