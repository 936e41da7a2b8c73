package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/quorumd/quorumd/jute"
)

// Types of the protocol that callers meet.
type (
	Stat      = jute.Stat
	ACL       = jute.ACL
	ID        = jute.ID
	EventType = jute.EventType
)

// maxCalls bounds the calls that are queued or in flight. More of them wait
// for one to end, within their contexts.
const maxCalls = 4096

// Client is one session with an ensemble. It is safe for concurrent use.
type Client struct {
	opt     options
	servers serverList         // run's only
	ctx     context.Context    // ends with the client
	stop    context.CancelFunc // ends ctx
	slots   chan struct{}      // one token per call, maxCalls at most
	wake    chan struct{}      // holds a token when unsent may have calls
	ready   chan struct{}      // closed when first connected
	done    chan struct{}      // closed at the end
	stopped chan struct{}      // closed when run has returned

	mu      sync.Mutex
	state   State
	isReady bool
	closing bool  // Close was called: no further calls
	err     error // why the client is at its end
	lastErr error // why the last server was not taken
	session session
	auths   []credential
	unsent  fifo
	conn    *conn // nil while there is none
	watches watchTable
}

// Connect makes a client with a session on one of the servers, each given as
// "host:port" or "host". It returns when the session is established and all
// credentials are accepted, or with an error when that is impossible or ctx
// ends. ctx has no meaning for the client afterwards.
func Connect(ctx context.Context, servers []string, opts ...Option) (*Client, error) {
	opt, err := makeOptions(opts)
	if err != nil {
		return nil, fmt.Errorf("client: connect: %w", err)
	}
	list, err := makeServerList(servers)
	if err != nil {
		return nil, fmt.Errorf("client: connect: %w", err)
	}
	c := &Client{
		opt:     opt,
		servers: list,
		slots:   make(chan struct{}, maxCalls),
		wake:    make(chan struct{}, 1),
		ready:   make(chan struct{}),
		done:    make(chan struct{}),
		stopped: make(chan struct{}),
		session: session{id: opt.id, password: bytes.Clone(opt.password), timeout: opt.timeout},
		auths:   opt.auths,
	}
	c.ctx, c.stop = context.WithCancel(context.Background())
	c.watches.init()
	go c.run()
	select {
	case <-c.ready:
		return c, nil
	case <-c.done:
		<-c.stopped
		_, err = c.outcome()
	case <-ctx.Done():
		c.Abandon()
		err = ctx.Err()
		if c.lastErr != nil {
			err = fmt.Errorf("%w; the last attempt: %w", err, c.lastErr)
		}
	}
	return nil, fmt.Errorf("client: connect: %w", err)
}

// SessionID returns the session's id. With Password it is what another client
// takes the session over by (WithResume).
func (c *Client) SessionID() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.session.id
}

// Password returns a copy of the session's password.
func (c *Client) Password() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return bytes.Clone(c.session.password)
}

// SessionTimeout returns the timeout that the server has granted.
func (c *Client) SessionTimeout() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.session.timeout
}

// LastZxid returns the highest transaction id that the client has seen.
func (c *Client) LastZxid() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.session.seen
}

// State returns what the client is able to do now.
func (c *Client) State() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state
}

// Server returns the address of the server that the client is connected to, ""
// for none.
func (c *Client) Server() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn == nil {
		return ""
	}
	return c.conn.server
}

// Done is closed when the client has come to its end; Err says why.
func (c *Client) Done() <-chan struct{} { return c.done }

// Err returns nil while the client lives, then ErrSessionExpired,
// ErrAuthFailed or ErrClosed.
func (c *Client) Err() error {
	_, err := c.outcome()
	return err
}

// Close ends the session, and with it its ephemeral nodes, and then the client.
// Calls made before are still answered. It waits for the server until ctx
// ends, at most for the session's timeout; with an error the session was
// perhaps not ended and expires by itself. The client is closed in any case.
func (c *Client) Close(ctx context.Context) error {
	k := newCall(jute.OpCloseSession, "close", "")
	k.encode(nil)
	c.mu.Lock()
	first := !c.closing && c.err == nil
	c.closing = true
	timeout := c.session.timeout
	if first {
		c.unsent.push(k)
	}
	c.mu.Unlock()
	if !first {
		<-c.done
		<-c.stopped
		return nil
	}
	c.kick()
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	var err error
	select {
	case <-k.done:
		err = k.failure()
	case <-ctx.Done():
		err = ctx.Err()
	case <-timer.C:
		err = context.DeadlineExceeded
	}
	c.terminate(StateClosed, ErrClosed)
	<-c.stopped
	if err != nil && !errors.Is(err, ErrSessionExpired) {
		return &Error{Op: "close", Err: err}
	}
	return nil
}

// Abandon ends the client without ending the session, as if its process had
// died: the ephemeral nodes stay until the session expires, and another client
// can resume it until then. Calls that wait or are in flight fail with
// ErrClosed.
func (c *Client) Abandon() {
	c.terminate(StateClosed, ErrClosed)
	<-c.stopped
}
