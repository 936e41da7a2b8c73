package clientport

import (
	"net"
	"testing"
	"time"
)

// onePipe is a listener that gives one connection, which holds nothing: a write
// returns when it was read.
type onePipe struct {
	net.Listener
	conns chan net.Conn
}

func (l *onePipe) Accept() (net.Conn, error) {
	if nc, ok := <-l.conns; ok {
		return nc, nil
	}
	return nil, net.ErrClosed
}

// TestZK2224: a client asks a four-letter word and takes nothing of the reply.
// Its connection is closed after WriteTimeout, and nobody else waits meanwhile.
func TestZK2224(t *testing.T) {
	h := start(t, func(c *Config) { c.WriteTimeout = 100 * time.Millisecond })
	mine, theirs := net.Pipe()
	defer mine.Close()
	l := &onePipe{conns: make(chan net.Conn, 1)}
	l.conns <- theirs
	close(l.conns)
	h.port.wg.Add(1)
	go h.port.acceptFrom(l)
	mine.SetWriteDeadline(time.Now().Add(patience))
	if _, err := mine.Write([]byte("mntr")); err != nil {
		t.Fatal(err)
	}
	c := open(t, h.port) // another client is served
	c.send(create(1, "/a", "x"))
	c.wantReply(1, 0)
	deadline := time.After(patience / 4)
	for h.port.table.len() > 1 {
		select {
		case <-deadline:
			t.Fatal("a connection that takes no reply lives on")
		case <-time.After(5 * time.Millisecond):
		}
	}
}
