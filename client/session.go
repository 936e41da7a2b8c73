package client

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// State is what a client is able to do.
type State int32

const (
	StateConnecting State = iota // no server; calls wait
	StateConnected               // calls are sent
	StateExpired                 // final: the session is gone
	StateAuthFailed              // final: a credential was refused
	StateClosed                  // final: Close or Abandon was called
)

// String returns the state as a word.
func (s State) String() string {
	switch s {
	case StateConnecting:
		return "connecting"
	case StateConnected:
		return "connected"
	case StateExpired:
		return "expired"
	case StateAuthFailed:
		return "auth failed"
	case StateClosed:
		return "closed"
	}
	return fmt.Sprintf("state %d", int32(s))
}

// Final reports whether a client in the state will never leave it.
func (s State) Final() bool { return s >= StateExpired }

// SessionEvent tells a change of state.
type SessionEvent struct {
	State     State
	Server    string // the server connected to, or lost
	SessionID int64
	Err       error // why the connection was lost, or the client is at its end
}

// session is what the servers know this client by.
type session struct {
	id       int64
	password []byte
	timeout  time.Duration // wanted, then negotiated
	seen     int64         // highest zxid in anything received (C4)
	// replied is the highest zxid in a reply. A reply comes after all events
	// of the transactions up to its zxid, so a server that sets watches again
	// has to look for later changes only. Of a transaction that is known by
	// an event another event may have been lost.
	replied int64
}

// run keeps the client connected until it comes to its end.
func (c *Client) run() {
	defer close(c.stopped)
	for {
		cn, err := c.establish()
		if err == nil {
			began := time.Now()
			if c.ctx.Err() == nil {
				c.opt.events(SessionEvent{State: StateConnected, Server: cn.server, SessionID: c.SessionID()})
			}
			err = cn.serve()
			c.detach(cn)
			if time.Since(began) > lastBackoff {
				c.servers.good()
			}
		} else if errors.Is(err, ErrSessionExpired) {
			c.terminate(StateExpired, ErrSessionExpired)
		}
		if c.ctx.Err() != nil {
			state, cause := c.outcome()
			c.opt.events(SessionEvent{State: state, SessionID: c.SessionID(), Err: cause})
			return
		}
		if cn != nil {
			c.opt.events(SessionEvent{State: StateConnecting, Server: cn.server, SessionID: c.SessionID(), Err: err})
		}
	}
}

// establish tries servers until one takes the session. It fails when the
// session has expired or the client is closed.
func (c *Client) establish() (*conn, error) {
	for {
		addr, wait := c.servers.pick()
		if err := sleep(c.ctx, wait); err != nil {
			return nil, err
		}
		cn, err := c.dial(addr)
		if err == nil {
			c.attach(cn)
			return cn, nil
		}
		if errors.Is(err, ErrSessionExpired) {
			return nil, err
		}
		c.mu.Lock()
		c.lastErr = err
		c.mu.Unlock()
	}
}

// sleep waits for d or until ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// attach makes a connection whose handshake is done the client's own.
func (c *Client) attach(cn *conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return // closed meanwhile; serve ends at once
	}
	c.conn = cn
	c.state = StateConnected
	cn.greet()
	c.checkReady()
}

// checkReady tells Connect that the session is up and all credentials that it
// was made with are accepted.
func (c *Client) checkReady() {
	if !c.isReady && c.conn != nil && c.conn.resent == 0 {
		c.isReady = true
		close(c.ready)
	}
}

// detach fails what was in flight on a connection that is over.
func (c *Client) detach(cn *conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	cause := error(ErrConnectionLoss)
	if c.err != nil {
		cause = c.err
	} else {
		c.state = StateConnecting
	}
	c.conn = nil
	cn.inFlight.drain(func(k *call) { c.finish(k, cause) })
	cn.auths.drain(func(k *call) { c.finish(k, cause) })
}

// terminate brings the client to its end. Only the first cause counts.
func (c *Client) terminate(state State, cause error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.terminateLocked(state, cause)
}

func (c *Client) terminateLocked(state State, cause error) {
	if c.err != nil {
		return
	}
	c.state, c.err = state, cause
	c.unsent.drain(func(k *call) { c.finish(k, cause) })
	c.watches.end(c, cause)
	close(c.done)
	c.stop()
}

func (c *Client) outcome() (State, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state, c.err
}
