package chaos

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// stat is what the load looks at of a node's Stat.
type stat struct {
	version int32
	mzxid   int64
}

// What a call may be refused with; every other error leaves its outcome unknown.
var (
	errNoNode     = errors.New("no node")
	errNodeExists = errors.New("node exists")
	errBadVersion = errors.New("bad version")
	errExpired    = errors.New("session expired")
)

func isRefusal(err error) bool {
	return errors.Is(err, errNoNode) || errors.Is(err, errNodeExists) || errors.Is(err, errBadVersion)
}

// session is a client of the ensemble, by either library.
type session interface {
	get(ctx context.Context, path string) (data []byte, st stat, err error)
	set(ctx context.Context, path string, data []byte, version int32) (stat, error)
	create(ctx context.Context, path string, data []byte, how mode) (string, error)
	remove(ctx context.Context, path string) error
	sync(ctx context.Context, path string) error
	id() int64
	dials() int64 // begun so far: the same number before and after two calls means one connection
	hop()         // has the session go on at another server
	expired() bool
	close(ctx context.Context) error
	abandon() // the session stays until it expires
}

// mode is what kind of node to create.
type mode uint8

const (
	persistent mode = iota
	ephemeral
	sequential
)

// dialer counts connections as they begin, and can break the newest one.
type dialer struct {
	begun  atomic.Int64
	total  *atomic.Int64 // of all clients
	mu     sync.Mutex
	newest net.Conn
}

func (d *dialer) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	d.begun.Add(1)
	d.total.Add(1)
	conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
	if err != nil {
		return nil, fmt.Errorf("chaos: %w", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.newest = conn
	return conn, nil
}

func (d *dialer) dialTimeout(network, addr string, limit time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	return d.dial(ctx, network, addr)
}

func (d *dialer) dials() int64 { return d.begun.Load() }

// hop breaks the connection, upon which the session goes on at another server.
func (d *dialer) hop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.newest != nil {
		_ = d.newest.Close() // it may be broken already
	}
}
