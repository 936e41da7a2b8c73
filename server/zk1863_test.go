package server

import (
	"encoding/binary"
	"io"
	"net"
	"testing"
	"time"
)

// pipelined is a session whose requests are sent without waiting for replies.
func pipelined(t *testing.T, address string) net.Conn {
	t.Helper()
	nc, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	if err := nc.SetDeadline(time.Now().Add(waitLimit)); err != nil {
		t.Fatal(err)
	}
	request := make([]byte, 4+28+16)
	binary.BigEndian.PutUint32(request, uint32(len(request)-4))
	binary.BigEndian.PutUint32(request[16:], 20_000)
	binary.BigEndian.PutUint32(request[28:], 16)
	var answer [4 + 16 + 20]byte
	if _, err := nc.Write(request); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(nc, answer[:]); err != nil {
		t.Fatal(err)
	}
	return nc
}

// appendFrame appends a request for /a: setData (5) with two bytes that number
// it, getData (4) or sync (9).
func appendFrame(dst []byte, xid, op int32) []byte {
	body := binary.BigEndian.AppendUint32(nil, uint32(xid))
	body = binary.BigEndian.AppendUint32(body, uint32(op))
	body = append(binary.BigEndian.AppendUint32(body, 2), "/a"...)
	switch op {
	case 4:
		body = append(body, 0)
	case 5:
		body = binary.BigEndian.AppendUint32(body, 4)
		body = binary.BigEndian.AppendUint32(body, uint32(xid))
		body = binary.BigEndian.AppendUint32(body, 0xffff_ffff)
	}
	return append(binary.BigEndian.AppendUint32(dst, uint32(len(body))), body...)
}

// TestZK1863: writes, reads and barriers in one stream, on a follower and on the
// leader. Replies come in the order of the requests, one for each, and a read
// shows the write before it and none that is behind it.
func TestZK1863(t *testing.T) {
	e := newEnsemble(t, 3, 0, nil)
	e.start(1, 2, 3)
	leader := e.serving()
	c := e.client(leader)
	create(t, c, "/a", []byte{0, 0, 0, 0})
	c.Close()
	for _, id := range []int{leader%3 + 1, leader} {
		nc := pipelined(t, e.configs[id-1].Client.Listen)
		const n = 3000
		ops := [...]int32{5, 4, 4, 5, 5, 4, 9, 4, 5, 9, 4, 4}
		wrote := make(chan error, 1)
		go func() {
			var buf []byte
			for xid := int32(1); xid <= n; xid++ {
				buf = appendFrame(buf, xid, ops[int(xid)%len(ops)])
				if xid%50 == 0 || xid == n {
					if _, err := nc.Write(buf); err != nil {
						wrote <- err
						return
					}
					buf = buf[:0]
				}
			}
			wrote <- nil
		}()
		last := int32(0)
		for xid := int32(1); xid <= n; xid++ {
			var head [4]byte
			if _, err := io.ReadFull(nc, head[:]); err != nil {
				t.Fatalf("reply %d: %v", xid, err)
			}
			reply := make([]byte, binary.BigEndian.Uint32(head[:]))
			if _, err := io.ReadFull(nc, reply); err != nil {
				t.Fatalf("reply %d: %v", xid, err)
			}
			if got := int32(binary.BigEndian.Uint32(reply)); got != xid {
				t.Fatalf("server %d replies to %d, the turn is that of %d", id, got, xid)
			}
			if code := int32(binary.BigEndian.Uint32(reply[12:])); code != 0 {
				t.Fatalf("request %d: error %d", xid, code)
			}
			switch ops[int(xid)%len(ops)] {
			case 5:
				last = xid
			case 4:
				if got := int32(binary.BigEndian.Uint32(reply[20:])); last != 0 && got != last {
					t.Fatalf("read %d shows write %d, the one before it is %d", xid, got, last)
				}
			}
		}
		if err := <-wrote; err != nil {
			t.Fatal(err)
		}
		nc.Close()
	}
}
