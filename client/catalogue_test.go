package client

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"time"
)

// names is a resolver of the tests' own.
type names struct {
	mu    sync.Mutex
	known map[string]string // name to address
	asked map[string]int
}

func (n *names) set(name, addr string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.known[name] = addr
}

func (n *names) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	n.mu.Lock()
	n.asked[addr]++
	to, ok := n.known[addr]
	n.mu.Unlock()
	if host, _, _ := net.SplitHostPort(addr); net.ParseIP(host) != nil {
		to, ok = addr, true // no name
	}
	if !ok {
		return nil, &net.DNSError{Err: "no such host", Name: addr, IsNotFound: true}
	}
	var d net.Dialer
	return d.DialContext(ctx, network, to)
}

// TestZK2184: a server's name is looked up for every attempt, so that a server
// that has moved is found; and one name that nobody knows, or no longer, does
// not keep the client from the others (ZOOKEEPER-1576).
func TestZK2184(t *testing.T) {
	before, after := newFake(t), newFake(t)
	n := &names{known: map[string]string{}, asked: map[string]int{}}
	n.set("moves:2181", before.addr())
	ctx := testContext(t)
	c, err := Connect(ctx, []string{"gone:2181", "moves:2181"}, WithDialer(n.dial))
	must(t, err)
	defer c.Abandon()
	_, _, err = c.Get(ctx, "/")
	must(t, err)
	id, password := c.SessionID(), c.Password()
	before.with(func() { before.refuse = true })
	after.with(func() { after.sessions[id] = password })
	n.set("moves:2181", after.addr())
	before.cut()
	soon, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	for err = errors.New("not asked"); err != nil; _, _, err = c.Get(soon, "/") {
		if soon.Err() != nil {
			t.Fatal("the client does not find the server again")
		}
	}
	after.with(func() {
		if len(after.connects) != 1 || after.connects[0].SessionID != id {
			t.Errorf("connected there: %+v", after.connects)
		}
	})
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.asked["moves:2181"] < 2 {
		t.Errorf("asked for %v", n.asked)
	}
}
