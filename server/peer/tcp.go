package peer

import (
	"context"
	"net"
	"time"
)

// Network makes connections. Listeners and connections must support deadlines
// and return from every call once they are closed.
type Network interface {
	Listen(address string) (net.Listener, error)
	// Dial connects; the name in address is resolved anew each time
	// (ZOOKEEPER-3756).
	Dial(ctx context.Context, address string) (net.Conn, error)
}

// The system's own probing of a silent connection: a peer whose machine is
// gone is noticed after about keepIdle + keepCount * keepInterval.
const (
	keepIdle     = 5 * time.Second
	keepInterval = 2 * time.Second
	keepCount    = 3
)

// TCP is the network of the machine. A connection ends when sent bytes have
// stayed unacknowledged for userTimeout, where the system supports that.
// Small writes are not held back (TCP_NODELAY is Go's default).
func TCP(userTimeout time.Duration) Network {
	return tcp{userTimeout}
}

type tcp struct{ userTimeout time.Duration }

func keepAlive() net.KeepAliveConfig {
	return net.KeepAliveConfig{Enable: true, Idle: keepIdle, Interval: keepInterval, Count: keepCount}
}

func (t tcp) Listen(address string) (net.Listener, error) {
	lc := net.ListenConfig{KeepAliveConfig: keepAlive()}
	ln, err := lc.Listen(context.Background(), "tcp", address)
	if err != nil {
		return nil, err
	}
	return &tcpListener{ln, t.userTimeout}, nil
}

type tcpListener struct {
	net.Listener
	userTimeout time.Duration
}

func (l *tcpListener) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err == nil {
		setUserTimeout(nc, l.userTimeout)
	}
	return nc, err
}

func (t tcp) Dial(ctx context.Context, address string) (net.Conn, error) {
	d := net.Dialer{KeepAliveConfig: keepAlive()}
	nc, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	setUserTimeout(nc, t.userTimeout)
	return nc, nil
}
