package chaos

import (
	"context"
	"errors"
	"net"
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

// dialer counts connections as they begin.
type dialer struct{ begun atomic.Int64 }

func (d *dialer) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	d.begun.Add(1)
	return (&net.Dialer{}).DialContext(ctx, network, addr)
}

func (d *dialer) dialTimeout(network, addr string, limit time.Duration) (net.Conn, error) {
	d.begun.Add(1)
	return net.DialTimeout(network, addr, limit)
}

func (d *dialer) dials() int64 { return d.begun.Load() }
