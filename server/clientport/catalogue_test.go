package clientport

import (
	"encoding/hex"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/quorumd/quorumd/jute"
	"github.com/quorumd/quorumd/zab"
	"github.com/quorumd/quorumd/znode"
)

func addWatch(xid int32, path string, mode jute.AddWatchMode) []byte {
	return req(xid, jute.OpAddWatch, str(path), i32(int32(mode)))
}

// TestCHK98499: the reply to addWatch has a body, an error code of four bytes
// beside the one in the header; Java's client reads both (spec/client-protocol.md
// §10.3). The other replies about watches have none.
func TestCHK98499(t *testing.T) {
	h := start(t, nil)
	c := open(t, h.port)
	zxid := hex.EncodeToString(i64(int64(h.state.Applied().Zxid)))
	for mode := range jute.AddWatchMode(2) {
		c.send(addWatch(7, "/a", mode))
		c.want("00000007" + zxid + "00000000" + "00000000")
	}
	c.send(addWatch(8, "/a", 2))
	c.want("00000008" + zxid + "fffffffb")
	c.send(req(9, jute.OpCheckWatches, str("/a"), i32(int32(jute.WatcherPersistent))))
	c.want("00000009" + zxid + "00000000")
	c.send(req(10, jute.OpRemoveWatches, str("/a"), i32(int32(jute.WatcherAny))))
	c.want("0000000a" + zxid + "00000000")
	c.send(req(-8, jute.OpSetWatches2, i64(0), i32(0), i32(0), i32(0), jute.AppendStrings(nil, []string{"/a"}), i32(0)))
	c.want("fffffff8" + zxid + "00000000")
}

// TestEtcd17780: a server that was put back to an old state does not take a
// client that has seen more, neither for a new session nor for its own.
func TestEtcd17780(t *testing.T) {
	h := start(t, nil)
	c := open(t, h.port)
	seen := h.state.Applied().Zxid + 100 // before the server was put back
	for _, id := range []zab.SessionID{0, c.session} {
		back := dial(t, h.port)
		back.send(connectFrame(seen, 10000, id, c.password, 0), getData(1, "/", false))
		back.wantClosed()
	}
	c.send(ping()) // its connection is left alone
	c.wantReply(-2, 0)
	back := dial(t, h.port)
	back.send(connectFrame(h.state.Applied().Zxid, 10000, c.session, c.password, 0))
	back.connected()
}

// TestEtcd15271: a client takes its events late, and gets each of them, in
// order, while another one writes as fast as it can.
func TestEtcd15271(t *testing.T) {
	const writes = 2000
	h := start(t, nil)
	slow, fast := open(t, h.port), open(t, h.port)
	fast.send(create(1, "/a", ""))
	fast.wantReply(1, 0)
	slow.send(addWatch(1, "/a", jute.WatchPersistent))
	slow.wantReply(1, 0)
	var batch []byte
	for i := range int32(writes) {
		batch = append(batch, setData(i+2, "/a", "x")...)
	}
	go fast.nc.Write(batch)
	var first zab.Zxid
	for i := range int32(writes) {
		r := fast.wantReply(i+2, 0)
		if i == 0 {
			first = r.zxid
		}
	}
	slow.send(ping())
	for i := range writes {
		b := slow.frame()
		if r := parseReply(t, b); r.xid != -1 || r.zxid != first+zab.Zxid(i) {
			t.Fatalf("event %d: xid %d zxid %s, want %s", i, r.xid, r.zxid, first+zab.Zxid(i))
		}
	}
	slow.wantReply(-2, 0)
}

// TestZK706: a client with more watches than a frame may hold sets them again
// with many requests, all of them with the same xid.
func TestZK706(t *testing.T) {
	const frames, each = 12, 1000
	h := start(t, nil)
	c := open(t, h.port)
	since := i64(int64(h.state.Applied().Zxid))
	none := i32(0)
	size := 0
	for i := range frames {
		paths := make([]string, each)
		for k := range paths {
			paths[k] = fmt.Sprintf("/%0120d", i*each+k)
		}
		f := req(-8, jute.OpSetWatches, since, none, jute.AppendStrings(nil, paths), none)
		size += len(f)
		c.send(f)
	}
	if size <= jute.DefaultMaxBuffer {
		t.Fatalf("%d bytes would go into one frame", size)
	}
	for range frames {
		c.wantReply(-8, 0)
	}
	h.mu.RLock()
	n := h.state.Figures().Watches.Watches
	h.mu.RUnlock()
	if n != frames*each {
		t.Errorf("%d watches", n)
	}
	c.send(create(1, fmt.Sprintf("/%0120d", frames*each-1), ""))
	c.wantReply(-1, 0)
	c.wantReply(1, 0)
}

// TestZK2080: while the loop holds the state, as it does to apply, clients wait
// for it with every kind of request. None of them may hold anything meanwhile
// that the loop, or whoever closes connections, asks for (the lock order).
func TestZK2080(t *testing.T) {
	h := start(t, nil)
	c := open(t, h.port)
	c.send(create(1, "/a", ""), addWatch(2, "/a", jute.WatchPersistent))
	c.wantReply(1, 0)
	c.wantReply(2, 0)
	const kinds = 4
	clients := make([]*client, kinds)
	for i := range clients {
		clients[i] = open(t, h.port)
	}
	done := make(chan struct{})
	h.passMu.Lock() // the test is the loop
	h.mu.Lock()
	go func() {
		defer close(done)
		defer h.passMu.Unlock()
		defer h.mu.Unlock()
		for range 20 {
			clients[0].send(getData(1, "/a", true))
			clients[1].send(ping())
			clients[2].send(getData(1, "/a", false), setData(2, "/a", "x"))
			clients[3].send(req(-8, jute.OpSetWatches, i64(0), jute.AppendStrings(nil, []string{"/a", "/b"}), i32(0), i32(0)))
			dial(t, h.port).send(connectFrame(0, 10000, 0, nil, 0))
			dial(t, h.port).send(connectFrame(0, 10000, c.session, c.password, 0))
			for busy := 0; busy < kinds; runtime.Gosched() {
				busy = 0
				for _, o := range h.port.table.all() {
					if !o.reading.Load() {
						busy++ // it has read a request and now waits for the state
					}
				}
			}
			for _, o := range h.port.table.all() { // what the loop does to each
				o.Notify(&znode.Event{})
				h.port.Answer(zab.Answer{Kind: zab.AnswerSync, Seq: 1 << 60, Session: o.session})
				o.check(h.port.now())
				o.describe()
			}
			h.port.Touched(nil)
			h.port.Flush()
			h.port.SetServing(false)
			h.port.SetServing(true)
		}
		h.port.CloseAll("test")
	}()
	select {
	case <-done:
	case <-time.After(patience / 2):
		h.wedged = true
		t.Fatal("the loop waits for a lock that a client's goroutine holds while it waits for the state")
	}
}
