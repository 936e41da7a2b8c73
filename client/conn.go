package client

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"time"

	"github.com/quorumd/quorumd/jute"
)

const (
	// minAttempt is the least time that a server is given to take the session.
	minAttempt = 250 * time.Millisecond
	// maxBatch bounds what is gathered for one write. The last frame may go
	// beyond it.
	maxBatch = 256 << 10
	// readBuffer is the size of a connection's read buffer.
	readBuffer = 32 << 10
	// maxHandshake bounds the answer to a connect frame.
	maxHandshake = 4 << 10
)

// conn is one connection with its session attached.
type conn struct {
	c      *Client
	server string
	nc     net.Conn
	br     *bufio.Reader
	// The client pings when it was idle for a third of the session's timeout,
	// and gives the server up when it heard nothing for two thirds: one third
	// is left to find another.
	pingEvery time.Duration
	patience  time.Duration
	out       []byte // the writer's batch
	readErr   error  // why the reader ended

	// Guarded by Client.mu.
	inFlight fifo
	auths    fifo // their replies may overtake others
	resent   int  // credentials sent by greet and not yet answered
	rearming int  // setWatches not yet answered
	xid      int32
}

// patientConn gives up a read that takes longer than limit.
type patientConn struct {
	net.Conn
	limit *time.Duration
}

func (p patientConn) Read(b []byte) (int, error) {
	if err := p.SetReadDeadline(time.Now().Add(*p.limit)); err != nil {
		return 0, err
	}
	return p.Conn.Read(b)
}

// dial connects to a server and attaches the session there, or makes one. The
// error is ErrSessionExpired if the server says that there is no such session.
func (c *Client) dial(addr string) (*conn, error) {
	c.mu.Lock()
	s := c.session
	c.mu.Unlock()
	limit := max(s.timeout/time.Duration(len(c.servers.addrs)), minAttempt)
	ctx, cancel := context.WithTimeout(c.ctx, limit)
	defer cancel()
	nc, err := c.opt.dial(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("server %s: %w", addr, err)
	}
	stop := context.AfterFunc(ctx, func() { _ = nc.Close() })
	cn := &conn{c: c, server: addr, nc: nc, patience: limit}
	cn.br = bufio.NewReaderSize(patientConn{nc, &cn.patience}, readBuffer)
	err = cn.handshake(&s)
	if !stop() {
		err = errors.Join(ctx.Err(), err)
	}
	if err != nil {
		_ = nc.Close()
		return nil, fmt.Errorf("server %s: %w", addr, err)
	}
	c.mu.Lock()
	c.session.id, c.session.password, c.session.timeout = s.id, s.password, s.timeout
	c.mu.Unlock()
	return cn, nil
}

// handshake exchanges the first frames and puts the outcome into s.
func (cn *conn) handshake(s *session) error {
	q := jute.ConnectRequest{
		LastZxidSeen: s.seen,
		Timeout:      int32(s.timeout.Milliseconds()),
		SessionID:    s.id,
		Password:     s.password,
		HasReadOnly:  true,
	}
	if s.id == 0 {
		q.Password = make([]byte, jute.PasswordSize)
	}
	if err := cn.flush(jute.EndFrame(q.Append(jute.BeginFrame(nil)), 0)); err != nil {
		return err
	}
	body, err := jute.ReadFrame(cn.br, nil, maxHandshake)
	if err != nil {
		return fmt.Errorf("no answer to the connect request: %w", err)
	}
	var p jute.ConnectResponse
	r := jute.NewReader(body)
	p.Decode(&r)
	switch {
	case r.Err() != nil:
		return fmt.Errorf("%w: connect response: %w", errProtocol, r.Err())
	case p.Timeout <= 0 && s.id != 0:
		return ErrSessionExpired
	case p.Timeout <= 0:
		return fmt.Errorf("%w: a new session was refused", errProtocol)
	}
	s.id, s.password = p.SessionID, p.Password
	s.timeout = time.Duration(p.Timeout) * time.Millisecond
	cn.pingEvery, cn.patience = s.timeout/3, s.timeout*2/3
	return nil
}

// greet prepares what has to be sent before any call: credentials, then the
// watches. Client.mu is held.
func (cn *conn) greet() {
	c := cn.c
	for i := range c.auths {
		k := newCall(jute.OpAuth, "auth", "")
		k.resent = true
		k.encode(&jute.AuthRequest{Scheme: c.auths[i].scheme, Auth: c.auths[i].data})
		cn.resent++
		cn.send(k)
	}
	cn.out, cn.rearming = c.watches.appendSetWatches(cn.out, c.session.replied)
}

// send puts a call into the batch. Client.mu is held.
func (cn *conn) send(k *call) {
	if k.op == jute.OpAuth {
		k.setXid(jute.XidAuth)
		cn.auths.push(k)
	} else {
		if cn.xid == math.MaxInt32 {
			cn.xid = 0
		}
		cn.xid++
		k.setXid(cn.xid)
		cn.inFlight.push(k)
	}
	k.place = placeInFlight
	cn.out = append(cn.out, k.frame...)
}

// serve reads and writes until the connection is over, and says why.
func (cn *conn) serve() error {
	stop := context.AfterFunc(cn.c.ctx, func() { _ = cn.nc.Close() })
	defer stop()
	readEnd := make(chan struct{})
	go func() {
		defer close(readEnd)
		cn.readErr = cn.read()
		_ = cn.nc.Close() // ends the writer
	}()
	err := cn.write(readEnd)
	_ = cn.nc.Close() // ends the reader
	<-readEnd
	if err == nil || errors.Is(err, net.ErrClosed) {
		err = cn.readErr
	}
	return err
}

// write sends calls as they come and pings when there are none. It returns nil
// when the reader has ended.
func (cn *conn) write(readEnd <-chan struct{}) error {
	ping := time.NewTimer(cn.pingEvery)
	defer ping.Stop()
	var pingFrame []byte
	pingFrame = jute.BeginFrame(pingFrame)
	pingFrame = (&jute.RequestHeader{Xid: jute.XidPing, Op: jute.OpPing}).Append(pingFrame)
	pingFrame = jute.EndFrame(pingFrame, 0)
	for {
		for cn.gather() {
			if err := cn.flush(cn.out); err != nil {
				return err
			}
			ping.Reset(cn.pingEvery)
			if cn.out = cn.out[:0]; cap(cn.out) > 2*maxBatch {
				cn.out = nil
			}
		}
		select {
		case <-cn.c.wake:
		case <-ping.C:
			if err := cn.flush(pingFrame); err != nil {
				return err
			}
			ping.Reset(cn.pingEvery)
		case <-readEnd:
			return nil
		}
	}
}

// gather moves unsent calls into the batch and reports whether there is any.
func (cn *conn) gather() bool {
	c := cn.c
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.conn == cn && c.unsent.len() > 0 && len(cn.out) < maxBatch {
		cn.send(c.unsent.pop())
	}
	return len(cn.out) > 0
}

// flush writes b within the time after which a server is given up.
func (cn *conn) flush(b []byte) error {
	if err := cn.nc.SetWriteDeadline(time.Now().Add(cn.patience)); err != nil {
		return err
	}
	_, err := cn.nc.Write(b)
	return err
}
