package harness

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"
)

const (
	maxReply    = 64 << 20 // bytes; what a listing of a test may come to
	replyLimit  = 10 * time.Second
	rawBuffer   = 64 << 10
	watchXid    = -1 // of events
	pingXid     = -2
	headerBytes = 8 // of a request: xid and op
)

// ErrSessionExpired is returned by Dial when the server refuses the session.
var ErrSessionExpired = errors.New("harness: the session has expired")

// Session is what a client must know to go on after a loss of its connection.
// The zero Session with a Timeout asks for a new one.
type Session struct {
	ID       int64
	Password []byte
	Timeout  time.Duration // wanted, then granted
	LastZxid int64         // the newest the client has seen; no server may answer from before it
}

// Raw is one connection to one server. Send and Flush may be used by one
// goroutine while Next is used by another; nothing else is shared.
type Raw struct {
	Session Session // LastZxid belongs to whoever calls Next

	conn  net.Conn
	in    *bufio.Reader
	out   *bufio.Writer
	xid   int32
	frame []byte // what Next read last
	head  [4 + headerBytes]byte
}

// Dial connects to the server and takes up the session, or begins one. A
// server that cannot serve closes the connection, which is some other error
// than ErrSessionExpired.
func Dial(addr string, s Session, limit time.Duration) (*Raw, error) {
	conn, err := net.DialTimeout("tcp", addr, limit)
	if err != nil {
		return nil, fmt.Errorf("harness: dial: %w", err)
	}
	r := &Raw{
		Session: s,
		conn:    conn,
		in:      bufio.NewReaderSize(conn, rawBuffer),
		out:     bufio.NewWriterSize(conn, rawBuffer),
	}
	if err := conn.SetDeadline(time.Now().Add(limit)); err != nil {
		_ = r.Abort()
		return nil, fmt.Errorf("harness: dial %s: %w", addr, err)
	}
	if err := r.handshake(); err != nil {
		_ = r.Abort()
		if errors.Is(err, ErrSessionExpired) {
			return nil, err
		}
		return nil, fmt.Errorf("harness: dial %s: %w", addr, err)
	}
	return r, conn.SetDeadline(time.Time{})
}

// DialNew is Dial with a new session of ten seconds.
func DialNew(addr string) (*Raw, error) {
	return Dial(addr, Session{Timeout: 10 * time.Second}, 5*time.Second)
}

func (r *Raw) handshake() error {
	s := &r.Session
	password := s.Password
	if password == nil {
		password = make([]byte, 16)
	}
	b := appendInt(nil, 0) // protocol version
	b = appendLong(b, s.LastZxid)
	b = appendInt(b, int32(s.Timeout.Milliseconds()))
	b = appendLong(b, s.ID)
	b = append(appendBytes(b, password), 0) // 0: not read-only
	if _, err := r.conn.Write(appendBytes(nil, b)); err != nil {
		return err
	}
	body, err := r.readFrame()
	if err != nil {
		return err
	}
	if len(body) < 20 {
		return errShort
	}
	timeout := int32(binary.BigEndian.Uint32(body[4:]))
	if timeout <= 0 {
		return ErrSessionExpired
	}
	granted, _, err := cutBytes(body[16:])
	if err != nil {
		return err
	}
	s.Timeout = time.Duration(timeout) * time.Millisecond
	s.ID = int64(binary.BigEndian.Uint64(body[8:]))
	s.Password = append([]byte(nil), granted...)
	return nil
}

// Send buffers a request and returns its xid. Any number may be under way.
func (r *Raw) Send(q Request) (int32, error) {
	xid := int32(pingXid)
	if q.Op != OpPing {
		r.xid++
		xid = r.xid
	}
	h := r.head[:]
	binary.BigEndian.PutUint32(h, uint32(headerBytes+len(q.Body)))
	binary.BigEndian.PutUint32(h[4:], uint32(xid))
	binary.BigEndian.PutUint32(h[8:], uint32(q.Op))
	if _, err := r.out.Write(h); err != nil {
		return 0, fmt.Errorf("harness: send: %w", err)
	}
	if _, err := r.out.Write(q.Body); err != nil {
		return 0, fmt.Errorf("harness: send: %w", err)
	}
	return xid, nil
}

// Flush gives what was sent to the kernel.
func (r *Raw) Flush() error {
	if err := r.out.Flush(); err != nil {
		return fmt.Errorf("harness: send: %w", err)
	}
	return nil
}

// Pong tells whether the reply is the answer to a Ping.
func (r *Reply) Pong() bool { return r.Xid == pingXid }

// Buffered tells whether Next can begin without waiting.
func (r *Raw) Buffered() bool { return r.in.Buffered() > 0 }

// Ready waits at most d for the beginning of a reply and tells whether it came.
// Who waits long sends a Ping then, as every client does.
func (r *Raw) Ready(d time.Duration) (bool, error) {
	if r.Buffered() {
		return true, nil
	}
	if err := r.conn.SetReadDeadline(time.Now().Add(d)); err != nil {
		return false, fmt.Errorf("harness: receive: %w", err)
	}
	_, err := r.in.Peek(1)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("harness: receive: %w", err)
	}
	return true, nil
}

// Next reads one reply or watch event, waiting at most ten seconds.
func (r *Raw) Next() (Reply, error) {
	if !r.Buffered() {
		if err := r.conn.SetReadDeadline(time.Now().Add(replyLimit)); err != nil {
			return Reply{}, fmt.Errorf("harness: receive: %w", err)
		}
	}
	b, err := r.readFrame()
	if err != nil {
		return Reply{}, fmt.Errorf("harness: receive: %w", err)
	}
	if len(b) < 16 {
		return Reply{}, errShort
	}
	reply := Reply{
		Xid:  int32(binary.BigEndian.Uint32(b)),
		Zxid: int64(binary.BigEndian.Uint64(b[4:])),
		Code: Code(int32(binary.BigEndian.Uint32(b[12:]))),
		Body: b[16:],
	}
	r.Session.LastZxid = max(r.Session.LastZxid, reply.Zxid)
	return reply, nil
}

// Do sends one request and reads up to its reply; events and pings are dropped.
// The reply's code is not an error of Do.
func (r *Raw) Do(q Request) (Reply, error) {
	xid, err := r.Send(q)
	if err != nil {
		return Reply{}, err
	}
	if err := r.Flush(); err != nil {
		return Reply{}, err
	}
	for {
		reply, err := r.Next()
		if err != nil || reply.Xid == xid {
			return reply, err
		}
		if reply.Xid != watchXid && reply.Xid != pingXid {
			return Reply{}, fmt.Errorf("harness: reply to %d came for %d", reply.Xid, xid)
		}
	}
}

// Must is Do for a request that has to succeed.
func (r *Raw) Must(q Request) (Reply, error) {
	reply, err := r.Do(q)
	if err == nil {
		err = reply.Err()
	}
	return reply, err
}

// Close ends the session and the connection.
func (r *Raw) Close() error {
	_, err := r.Do(Request{Op: OpClose})
	return errors.Join(err, r.Abort())
}

// Abort drops the connection; the session lives on until its timeout.
func (r *Raw) Abort() error { return r.conn.Close() }

func (r *Raw) readFrame() ([]byte, error) {
	var length [4]byte
	if _, err := io.ReadFull(r.in, length[:]); err != nil {
		return nil, err
	}
	n := int32(binary.BigEndian.Uint32(length[:]))
	if n < 0 || n > maxReply {
		return nil, fmt.Errorf("a reply of %d bytes, at most %d are read", n, maxReply)
	}
	if cap(r.frame) < int(n) {
		r.frame = make([]byte, n)
	}
	r.frame = r.frame[:n]
	_, err := io.ReadFull(r.in, r.frame)
	return r.frame, err
}
