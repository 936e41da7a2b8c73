package client

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/quorumd/quorumd/jute"
)

const (
	defaultSessionTimeout = 10 * time.Second
	defaultMaxReply       = 64 << 20
	defaultWatchBuffer    = 1024
	// maxSessionTimeout is what fits into the protocol's milliseconds.
	maxSessionTimeout = (1<<31 - 1) * time.Millisecond
)

// Dialer makes a connection to a server; net.Dialer.DialContext is one, a
// tls.Dialer's another.
type Dialer func(ctx context.Context, network, address string) (net.Conn, error)

// Option changes how Connect makes a client.
type Option func(*options)

type options struct {
	timeout     time.Duration
	auths       []credential
	chroot      string
	events      func(SessionEvent)
	dial        Dialer
	id          int64
	password    []byte
	maxRequest  int
	maxReply    int
	watchBuffer int
}

// credential is what the client proves itself with to every new server.
type credential struct {
	scheme string
	data   []byte
}

// WithSessionTimeout asks for a session timeout, 10 s by default. The server
// limits it; SessionTimeout tells the outcome. A timeout of d means that the
// client's ephemeral nodes live for about d after it dies, and that a server
// that is silent for two thirds of d is given up.
func WithSessionTimeout(d time.Duration) Option { return func(o *options) { o.timeout = d } }

// WithAuth adds a credential, such as "digest" with "user:password". It is
// sent to every server the client connects to. If it is refused, that is the
// end of the client: ErrAuthFailed.
func WithAuth(scheme string, data []byte) Option {
	return func(o *options) { o.auths = append(o.auths, credential{scheme, data}) }
}

// WithChroot puts the path before every path that the client sends and takes
// it from every path it receives. The node is not created.
func WithChroot(path string) Option { return func(o *options) { o.chroot = path } }

// WithEvents has f called at every change of the client's state, in order and
// one at a time. The client waits for f: it must not block, nor call Close or
// Abandon.
func WithEvents(f func(SessionEvent)) Option { return func(o *options) { o.events = f } }

// WithDialer has connections made by d, for TLS or for tests.
func WithDialer(d Dialer) Option { return func(o *options) { o.dial = d } }

// WithResume takes over a session from another client (SessionID, Password),
// which loses its connection. Connect fails with ErrSessionExpired if there is
// no such session or the password is wrong.
func WithResume(id int64, password []byte) Option {
	return func(o *options) { o.id, o.password = id, password }
}

// WithMaxRequest sets the largest request in bytes, 1048575 by default: what
// the servers' jute.maxbuffer says. A larger one would cost the connection, so
// it fails with ErrTooLarge instead.
func WithMaxRequest(bytes int) Option { return func(o *options) { o.maxRequest = bytes } }

// WithMaxReply sets the largest reply in bytes, 64 MiB by default. The call
// that a larger one answers fails with ErrTooLarge.
func WithMaxReply(bytes int) Option { return func(o *options) { o.maxReply = bytes } }

// WithWatchBuffer sets how many events a Watcher holds for its reader, 1024 by
// default, at least 1.
func WithWatchBuffer(events int) Option { return func(o *options) { o.watchBuffer = events } }

// makeOptions applies opts to the defaults and checks the outcome.
func makeOptions(opts []Option) (options, error) {
	o := options{
		timeout:     defaultSessionTimeout,
		maxRequest:  jute.DefaultMaxBuffer,
		maxReply:    defaultMaxReply,
		watchBuffer: defaultWatchBuffer,
	}
	for _, opt := range opts {
		opt(&o)
	}
	if o.events == nil {
		o.events = func(SessionEvent) {}
	}
	if o.dial == nil {
		o.dial = (&net.Dialer{}).DialContext
	}
	if o.timeout < time.Millisecond || o.timeout > maxSessionTimeout {
		return o, fmt.Errorf("session timeout %v is not between 1ms and %v", o.timeout, maxSessionTimeout)
	}
	if o.maxRequest < 1 || o.maxReply < 1 || o.watchBuffer < 1 {
		return o, fmt.Errorf("WithMaxRequest (%d), WithMaxReply (%d) and WithWatchBuffer (%d) must be at least 1",
			o.maxRequest, o.maxReply, o.watchBuffer)
	}
	if o.chroot == "/" {
		o.chroot = ""
	}
	if o.chroot != "" {
		if err := jute.ValidatePath(o.chroot); err != nil {
			return o, fmt.Errorf("%w: chroot: %w", ErrBadArguments, err)
		}
	}
	return o, nil
}
