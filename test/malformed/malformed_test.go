package malformed

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/quorumd/quorumd/test/harness"
)

const (
	dialLimit  = 2 * time.Second
	closeLimit = 50 * time.Millisecond // for an answer or a close, which not every input gets
	randomRuns = 5                     // of random bytes, to each port
	scans      = 200                   // connections to each port that are reset at once
	halfOpens  = 40                    // connections to each port that never say a word
)

// input is what one connection sends. A session is begun before it when session is set.
type input struct {
	name    string
	session bool
	bytes   []byte
}

func frame(body ...byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...)
}

func length(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }

// connect is a connect request with the given length of its password.
func connect(password uint32) []byte {
	b := make([]byte, 24) // version, last zxid, timeout, session
	return frame(append(b, length(password)...)...)
}

// request is a frame of xid 1, the operation, and a body.
func request(op uint32, body ...byte) []byte {
	return frame(append(append(length(1), length(op)...), body...)...)
}

// clientInputs are aimed at the client protocol; they go to every port all the same.
var clientInputs = []input{
	{"nothing", false, nil},
	{"half a length", false, []byte{0, 0}},
	{"empty frame", false, frame()},
	{"negative length", false, length(0xffffffff)},
	{"least length", false, length(0x80000000)},
	{"oversized frame", false, append(length(1<<20), make([]byte, 1<<16)...)},
	{"largest length", false, append(length(0x7fffffff), make([]byte, 1<<16)...)},
	{"short connect request", false, frame(0, 0, 0, 0)},
	{"connect with a huge password", false, connect(0x7fffffff)},
	{"connect with a negative password", false, connect(0xfffffffe)},
	{"half a connect request", false, connect(16)[:20]},
	{"unknown word", false, []byte("what")},
	{"http", false, []byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")},
	{"tls hello", false, []byte{0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3}},
	{"session: empty frame", true, frame()},
	{"session: half a header", true, frame(0, 0, 0, 1)},
	{"session: negative length", true, length(0xffffffff)},
	{"session: oversized frame", true, append(length(1<<20), make([]byte, 1<<16)...)},
	{"session: half a frame", true, request(4, 0, 0, 0, 1)[:10]},
	{"session: unknown operation", true, request(99)},
	{"session: internal createSession", true, request(0xfffffff6, 0, 0, 0x10, 0)},
	{"session: create without a body", true, request(1)},
	{"session: create with a huge path", true, request(1, 0x7f, 0xff, 0xff, 0xff)},
	{"session: setData with a negative length", true, request(5, append([]byte{0, 0, 0, 2, '/', 'a'}, length(0x80000000)...)...)},
	{"session: path that is no text", true, request(3, 0, 0, 0, 2, 0xff, 0xfe, 0)},
	{"session: multi without an end", true, request(14, 0, 0, 0, 1, 0, 0xff, 0xff, 0xff, 0xff)},
	{"session: huge list of watches", true, request(101, append(make([]byte, 8), length(0x7fffffff)...)...)},
	{"session: auth of a huge length", true, request(100, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff)},
	{"session: ping with a body", true, request(11, 1, 2, 3)},
	{"session: second connect request", true, connect(0)},
}

// peerInputs look like the beginnings of what servers say to each other, in
// this or in ZooKeeper's protocol.
var peerInputs = []input{
	{"zeros", false, make([]byte, 4096)},
	{"ones", false, bytes.Repeat([]byte{0xff}, 4096)},
	{"zookeeper election hello with a huge address", false, append(binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, 0xffffffffffff0000), 1), length(0x7fffffff)...)},
	{"zookeeper election hello of server 250", false, append(binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, 0xffffffffffff0000), 250), append(length(11), "127.0.0.1:1"...)...)},
	{"zookeeper follower info of epoch 2^31", false, append(length(11), append(binary.BigEndian.AppendUint64(nil, 0x7fffffff00000000), 0, 0, 0, 0)...)},
	{"largest little-endian length", false, append([]byte{0xff, 0xff, 0xff, 0x7f}, make([]byte, 1<<16)...)},
	{"one mebibyte of noise", false, noise(1, 1<<20)},
}

func noise(seed uint64, n int) []byte {
	source := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	b := make([]byte, n)
	_, _ = source.Read(b) // never fails
	return b
}

func TestMalformed(t *testing.T) {
	e := harness.Run(t, harness.Options{})
	leader, err := e.Leader()
	if err != nil {
		t.Fatal(err)
	}
	inputs := slices.Concat(clientInputs, peerInputs)
	for seed := range randomRuns {
		inputs = append(inputs, input{fmt.Sprintf("random bytes, seed %d", seed), false, noise(uint64(seed), 1+seed*517)})
	}
	ports := []struct {
		name string
		of   func(*harness.Server) string
	}{
		{"client", func(s *harness.Server) string { return s.Client }},
		{"election", func(s *harness.Server) string { return s.Election }},
		{"quorum", func(s *harness.Server) string { return s.Quorum }},
	}
	for _, port := range ports {
		t.Run(port.name, func(t *testing.T) {
			for _, in := range inputs {
				if in.session && port.name != "client" {
					continue
				}
				for _, s := range e.Servers {
					if err := throw(port.of(s), in); err != nil {
						t.Errorf("%s: server %d: %v", in.name, s.ID, err)
					}
				}
			}
			harness.Unharmed(t, e, leader)
		})
	}
	t.Run("port scan", func(t *testing.T) {
		for _, port := range ports {
			for _, s := range e.Servers {
				for range scans {
					if err := scan(port.of(s)); err != nil {
						t.Errorf("server %d: %v", s.ID, err)
					}
				}
			}
		}
		harness.Unharmed(t, e, leader)
	})
	t.Run("half-open", func(t *testing.T) {
		for _, port := range ports {
			for _, s := range e.Servers {
				for range halfOpens {
					if c, err := net.DialTimeout("tcp", port.of(s), dialLimit); err == nil {
						defer c.Close()
					}
				}
			}
		}
		harness.Unharmed(t, e, leader)
	})
	harness.Unharmed(t, e, leader)
}

// throw sends the input over a connection of its own, then waits a moment for
// an answer or a close. A port where nobody listens is no error: only the
// leader has to listen for followers.
func throw(addr string, in input) error {
	c, err := net.DialTimeout("tcp", addr, dialLimit)
	if err != nil {
		return nil
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(dialLimit)); err != nil {
		return err
	}
	if in.session {
		hello := make([]byte, 45)
		binary.BigEndian.PutUint32(hello[12:], 10000) // timeout
		binary.BigEndian.PutUint32(hello[24:], 16)    // password
		if _, err := c.Write(frame(hello...)); err != nil {
			return err
		}
		if _, err := io.ReadFull(c, make([]byte, 41)); err != nil {
			return fmt.Errorf("no answer to the connect request: %w", err)
		}
	}
	_, _ = c.Write(in.bytes) // the server may close in the middle of it
	if err := c.SetDeadline(time.Now().Add(closeLimit)); err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, c)
	return nil
}

// scan connects and resets the connection, as scanners of ports do.
func scan(addr string) error {
	c, err := net.DialTimeout("tcp", addr, dialLimit)
	if err != nil {
		return nil // nobody listens there
	}
	if err := c.(*net.TCPConn).SetLinger(0); err != nil {
		return err
	}
	return c.Close()
}
