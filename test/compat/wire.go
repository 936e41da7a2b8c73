package compat

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// Requests by their numbers in the protocol.
const (
	opCreate          = 1
	opDelete          = 2
	opExists          = 3
	opGetData         = 4
	opSetData         = 5
	opGetACL          = 6
	opSetACL          = 7
	opGetChildren     = 8
	opSync            = 9
	opPing            = 11
	opGetChildren2    = 12
	opCheck           = 13
	opMulti           = 14
	opCreate2         = 15
	opReconfig        = 16
	opCheckWatches    = 17
	opRemoveWatches   = 18
	opCreateContainer = 19
	opDeleteContainer = 20
	opCreateTTL       = 21
	opMultiRead       = 22
	opAuth            = 100
	opSetWatches      = 101
	opSASL            = 102
	opGetEphemerals   = 103
	opAllChildren     = 104
	opSetWatches2     = 105
	opAddWatch        = 106
	opWhoAmI          = 107
	opClose           = -11
)

// Error codes that the code here tells apart.
const (
	codeMarshalling   = -5
	codeUnimplemented = -6
	codeArguments     = -8
	codeNoAuth        = -102
	codeAuthFailed    = -115
	codeNoWatcher     = -121
)

const (
	xidEvent   = -1
	xidPing    = -2
	headerSize = 16
	maxFrame   = 16 << 20
	dialLimit  = 5 * time.Second
	readLimit  = 5 * time.Second
)

// frame is a reply or an event as it came.
type frame struct {
	xid  int32
	zxid int64
	code int32
	body []byte
}

func appendInt(b []byte, v int32) []byte  { return binary.BigEndian.AppendUint32(b, uint32(v)) }
func appendLong(b []byte, v int64) []byte { return binary.BigEndian.AppendUint64(b, uint64(v)) }

func appendText(b []byte, s string) []byte { return append(appendInt(b, int32(len(s))), s...) }

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

// link is a connection to one server.
type link struct {
	conn net.Conn
	in   *bufio.Reader
}

func dial(addr string) (*link, error) {
	conn, err := net.DialTimeout("tcp", addr, dialLimit)
	if err != nil {
		return nil, fmt.Errorf("compat: %w", err)
	}
	return &link{conn: conn, in: bufio.NewReader(conn)}, nil
}

func (l *link) close() { _ = l.conn.Close() }

// send writes bytes. That the other end has closed shows when reading.
func (l *link) send(b []byte) { _, _ = l.conn.Write(b) }

// errSilent is that nothing came where something had to.
var errSilent = errors.New("nothing came")

// errClosed is that the server closed the connection.
var errClosed = errors.New("closed")

// body reads one frame. The error is errSilent, errClosed, or of a bad length.
func (l *link) body() ([]byte, error) {
	if l.in.Buffered() == 0 {
		if err := l.conn.SetReadDeadline(time.Now().Add(readLimit)); err != nil {
			return nil, errClosed
		}
	}
	var size [4]byte
	if _, err := io.ReadFull(l.in, size[:]); err != nil {
		return nil, ended(err)
	}
	n := int32(binary.BigEndian.Uint32(size[:]))
	if n < 0 || n > maxFrame {
		return nil, fmt.Errorf("a frame of %d bytes came", n)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(l.in, b); err != nil {
		return nil, ended(err)
	}
	return b, nil
}

func ended(err error) error {
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return errSilent
	}
	return errClosed
}

// next reads one reply or event.
func (l *link) next() (frame, error) {
	b, err := l.body()
	if err != nil {
		return frame{}, err
	}
	if len(b) < headerSize {
		return frame{}, fmt.Errorf("a reply of %d bytes came", len(b))
	}
	return frame{
		xid:  int32(binary.BigEndian.Uint32(b)),
		zxid: int64(binary.BigEndian.Uint64(b[4:])),
		code: int32(binary.BigEndian.Uint32(b[12:])),
		body: b[headerSize:],
	}, nil
}

// session is what one side calls a session.
type session struct {
	id       int64
	password []byte
}

// connectFrame is the first frame of a connection.
func connectFrame(s session, last int64, timeout int32, readOnly bool) []byte {
	password := s.password
	if password == nil {
		password = make([]byte, 16)
	}
	b := appendInt(nil, 0)
	b = appendInt(appendLong(b, last), timeout)
	b = appendText(appendLong(b, s.id), string(password))
	if readOnly {
		b = append(b, 0)
	}
	return appendText(nil, string(b))
}

// welcome is the answer to a connect.
type welcome struct {
	version, timeout int32
	session          session
	tail             int // bytes behind the password: 1 with readOnly
}

func (l *link) welcome() (welcome, error) {
	b, err := l.body()
	if err != nil {
		return welcome{}, err
	}
	r := reader{b: b}
	var w welcome
	w.version, w.timeout = r.int(), r.int()
	w.session.id = r.long()
	password, _ := r.text()
	w.session.password = []byte(password)
	w.tail = len(r.b)
	if r.short {
		return w, errors.New("a connect response came that ends early")
	}
	return w, nil
}
