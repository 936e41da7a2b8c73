package client

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"slices"

	"github.com/quorumd/quorumd/jute"
)

// read takes frames from the server until the connection is over, and says
// why.
func (cn *conn) read() error {
	var head [jute.FrameHeader + jute.ReplyHeaderSize]byte
	for {
		if _, err := io.ReadFull(cn.br, head[:]); err != nil {
			return err
		}
		n := int64(int32(binary.BigEndian.Uint32(head[:]))) - jute.ReplyHeaderSize
		if n < 0 {
			return fmt.Errorf("%w: a frame of %d bytes", errProtocol, n+jute.ReplyHeaderSize)
		}
		var h jute.ReplyHeader
		r := jute.NewReader(head[jute.FrameHeader:])
		h.Decode(&r)
		body, tooLarge, err := cn.body(n)
		if err != nil {
			return err
		}
		if err := cn.dispatch(h, body, tooLarge); err != nil {
			return err
		}
	}
}

// body reads what follows a reply's header. A body above the limit is skipped:
// the calls behind it shall not suffer.
func (cn *conn) body(n int64) (body []byte, tooLarge error, err error) {
	if limit := cn.c.opt.maxReply; n > int64(limit) {
		_, err = io.CopyN(io.Discard, cn.br, n)
		return nil, fmt.Errorf("%w: a reply of %d bytes, the limit is %d (WithMaxReply)", ErrTooLarge, n, limit), err
	}
	if n > 0 {
		body = make([]byte, n)
		_, err = io.ReadFull(cn.br, body)
	}
	return body, nil, err
}

// dispatch takes one frame to whom it is for.
func (cn *conn) dispatch(h jute.ReplyHeader, body []byte, tooLarge error) error {
	c := cn.c
	c.mu.Lock()
	defer c.mu.Unlock()
	c.session.seen = max(c.session.seen, h.Zxid)
	if h.Xid != jute.XidNotification {
		c.session.replied = max(c.session.replied, h.Zxid)
	}
	switch h.Xid {
	case jute.XidNotification:
		return cn.notification(h.Zxid, body)
	case jute.XidPing:
		return nil
	case jute.XidAuth:
		return cn.authReply(h.Err)
	case jute.XidSetWatches:
		return cn.setWatchesReply(h.Err)
	}
	return cn.reply(h, body, tooLarge)
}

// reply finishes the oldest call in flight.
func (cn *conn) reply(h jute.ReplyHeader, body []byte, tooLarge error) error {
	k := cn.inFlight.first()
	if k == nil || k.xid != h.Xid {
		return fmt.Errorf("%w: a reply to xid %d, which is not the oldest call", errProtocol, h.Xid)
	}
	cn.inFlight.pop()
	k.code, k.body = h.Err, body
	if k.watch != nil && !k.abandoned {
		cn.c.watches.arm(k.watch, h.Err)
	}
	if k.watcher != nil && h.Err == jute.CodeOK {
		k.watcher.armed = true
	}
	closed := k.op == jute.OpCloseSession && h.Err == jute.CodeOK
	cn.c.finish(k, tooLarge) // k is the caller's from here on
	if closed {
		// The server closes next. That must not look like a loss, after which
		// the session would be found expired.
		cn.c.terminateLocked(StateClosed, ErrClosed)
	}
	return nil
}

// authReply finishes the oldest credential. One that the client was made with,
// or that was accepted before, must not be refused: the client would go on
// with fewer rights than its owner believes.
func (cn *conn) authReply(code jute.Code) error {
	c := cn.c
	k := cn.auths.first()
	if k == nil {
		return fmt.Errorf("%w: a reply to no credential", errProtocol)
	}
	cn.auths.pop()
	k.code = code
	switch {
	case k.resent && code != jute.CodeOK:
		c.terminateLocked(StateAuthFailed, ErrAuthFailed)
	case k.resent:
		cn.resent--
		c.checkReady()
	case code == jute.CodeOK:
		c.keep(*k.auth)
	}
	c.finish(k, nil)
	return nil
}

// keep remembers a credential for further servers.
func (c *Client) keep(cred credential) {
	same := func(x credential) bool { return x.scheme == cred.scheme && bytes.Equal(x.data, cred.data) }
	if !slices.ContainsFunc(c.auths, same) {
		c.auths = append(c.auths, cred)
	}
}

// setWatchesReply counts the answers to greet. After the last one the watches
// are those of before.
func (cn *conn) setWatchesReply(code jute.Code) error {
	if cn.rearming == 0 {
		return fmt.Errorf("%w: a reply to no setWatches", errProtocol)
	}
	if code != jute.CodeOK {
		return fmt.Errorf("set watches again: %w", code)
	}
	if cn.rearming--; cn.rearming == 0 {
		cn.c.watches.rearmed(cn.c)
	}
	return nil
}

// notification hands an event to all who wait for it.
func (cn *conn) notification(zxid int64, body []byte) error {
	var e jute.WatcherEvent
	r := jute.NewReader(body)
	e.Decode(&r)
	if r.Err() != nil {
		return fmt.Errorf("%w: notification: %w", errProtocol, r.Err())
	}
	cn.c.watches.fire(e.Path, Event{Type: e.Type, Path: cn.c.inbound(e.Path), Zxid: zxid})
	return nil
}
