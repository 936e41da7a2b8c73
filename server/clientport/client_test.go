package clientport

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/quorumd/quorumd/jute"
	"github.com/quorumd/quorumd/zab"
)

// patience bounds every wait of a test for the server.
const patience = 10 * time.Second

// client speaks the protocol byte by byte.
type client struct {
	t        testing.TB
	nc       net.Conn
	session  zab.SessionID
	password []byte
	timeout  int32
}

func dial(t testing.TB, p *Port) *client {
	t.Helper()
	nc, err := net.Dial("tcp", p.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	return &client{t: t, nc: nc}
}

func (c *client) send(parts ...[]byte) {
	c.t.Helper()
	var all []byte
	for _, p := range parts {
		all = append(all, p...)
	}
	if _, err := c.nc.Write(all); err != nil {
		c.t.Fatal(err)
	}
}

// frame reads one frame's body.
func (c *client) frame() []byte {
	c.t.Helper()
	b, err := c.tryFrame()
	if err != nil {
		c.t.Fatalf("read a frame: %v", err)
	}
	return b
}

func (c *client) tryFrame() ([]byte, error) {
	c.nc.SetReadDeadline(time.Now().Add(patience))
	var head [4]byte
	if _, err := io.ReadFull(c.nc, head[:]); err != nil {
		return nil, err
	}
	b := make([]byte, binary.BigEndian.Uint32(head[:]))
	_, err := io.ReadFull(c.nc, b)
	return b, err
}

// rest reads until the server closes.
func (c *client) rest() string {
	c.t.Helper()
	c.nc.SetReadDeadline(time.Now().Add(patience))
	b, err := io.ReadAll(c.nc)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.t.Fatalf("the server did not close the connection; it sent %q", b)
	}
	return string(b)
}

func (c *client) wantClosed() {
	c.t.Helper()
	if got := c.rest(); got != "" {
		c.t.Fatalf("the server sent %x before it closed", got)
	}
}

// want compares the next frame with hex in which blanks and | are ignored.
func (c *client) want(text string) {
	c.t.Helper()
	if got, want := c.frame(), unhex(text); string(got) != string(want) {
		c.t.Fatalf("frame\n %x, want\n %x", got, want)
	}
}

func unhex(text string) []byte {
	b, err := hex.DecodeString(strings.NewReplacer(" ", "", "|", "").Replace(text))
	if err != nil {
		panic(err)
	}
	return b
}

// framed puts the length before a body.
func framed(parts ...[]byte) []byte {
	b := make([]byte, 4)
	for _, p := range parts {
		b = append(b, p...)
	}
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	return b
}

func i32(v int32) []byte  { return jute.AppendInt32(nil, v) }
func i64(v int64) []byte  { return jute.AppendInt64(nil, v) }
func str(s string) []byte { return jute.AppendString(nil, s) }
func buf(b []byte) []byte { return jute.AppendBuffer(nil, b) }

// connectFrame is a connect request; readOnly < 0 leaves the byte out.
func connectFrame(lastZxid zab.Zxid, timeout int32, id zab.SessionID, password []byte, readOnly int) []byte {
	parts := [][]byte{i32(0), i64(int64(lastZxid)), i32(timeout), i64(int64(id)), buf(password)}
	if readOnly >= 0 {
		parts = append(parts, []byte{byte(readOnly)})
	}
	return framed(parts...)
}

// connect opens a session and reads the answer.
func (c *client) connect(timeout int32, id zab.SessionID, password []byte) *client {
	c.t.Helper()
	if password == nil {
		password = make([]byte, 16)
	}
	c.send(connectFrame(0, timeout, id, password, 0))
	c.connected()
	return c
}

// connected reads the answer to a connect request that had the readOnly byte.
func (c *client) connected() {
	c.t.Helper()
	b := c.frame()
	if len(b) != 37 {
		c.t.Fatalf("connect response has %d bytes", len(b))
	}
	c.timeout = int32(binary.BigEndian.Uint32(b[4:]))
	c.session = zab.SessionID(binary.BigEndian.Uint64(b[8:]))
	c.password = b[20:36]
}

func open(t testing.TB, p *Port) *client {
	t.Helper()
	return dial(t, p).connect(10000, 0, nil)
}

func req(xid int32, op jute.Op, parts ...[]byte) []byte {
	return framed(append([][]byte{i32(xid), i32(int32(op))}, parts...)...)
}

func ping() []byte { return req(-2, jute.OpPing) }

func getData(xid int32, path string, watch bool) []byte {
	return req(xid, jute.OpGetData, str(path), jute.AppendBool(nil, watch))
}

func setData(xid int32, path string, data string) []byte {
	return req(xid, jute.OpSetData, str(path), buf([]byte(data)), i32(-1))
}

func create(xid int32, path string, data string) []byte {
	acl := [][]byte{i32(1), i32(31), str("world"), str("anyone")}
	return req(xid, jute.OpCreate, append(append([][]byte{str(path), buf([]byte(data))}, acl...), i32(0))...)
}

func closeSession(xid int32) []byte { return req(xid, jute.OpCloseSession) }

// reply is a decoded reply or notification.
type reply struct {
	xid  int32
	zxid zab.Zxid
	code jute.Code
	body []byte
}

func (c *client) reply() reply {
	c.t.Helper()
	return parseReply(c.t, c.frame())
}

func parseReply(t testing.TB, b []byte) reply {
	t.Helper()
	if len(b) < 16 {
		t.Fatalf("reply of %d bytes: %x", len(b), b)
	}
	return reply{
		xid: int32(binary.BigEndian.Uint32(b)), zxid: zab.Zxid(binary.BigEndian.Uint64(b[4:])),
		code: jute.Code(int32(binary.BigEndian.Uint32(b[12:]))), body: b[16:],
	}
}

// wantReply reads a reply and compares xid and code.
func (c *client) wantReply(xid int32, code jute.Code) reply {
	c.t.Helper()
	r := c.reply()
	if r.xid != xid || r.code != code {
		c.t.Fatalf("reply xid %d code %d, want xid %d code %d", r.xid, r.code, xid, code)
	}
	return r
}

// dataOf returns data and version of a getData's body.
func dataOf(t testing.TB, body []byte) (string, int32) {
	t.Helper()
	r := jute.NewReader(body)
	data := r.Buffer()
	var st jute.Stat
	st.Decode(&r)
	if r.Err() != nil {
		t.Fatal(r.Err())
	}
	return string(data), st.Version
}
