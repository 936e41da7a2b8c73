package clientport

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"

	"github.com/quorumd/quorumd/jute"
	"github.com/quorumd/quorumd/zab"
)

// TestOrder drives several sessions with random pipelined requests, each
// writing a node of its own and one that all share, against a loop that applies
// in random portions, and checks all that a session is promised (C1 to C5):
// replies in the order of the requests; zxids that never fall; every read of
// the own node shows exactly the own writes before it; a watch's event comes
// before any reply that shows the change.
func TestOrder(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			h := newHost(t)
			h.rng = rand.New(rand.NewPCG(seed, 1))
			startWith(t, h, nil)
			first := open(t, h.port)
			first.send(create(1, "/shared", ""))
			first.wantReply(1, 0)
			var wg sync.WaitGroup
			for i := range 4 {
				s := &orderSession{
					client: open(t, h.port), own: fmt.Sprintf("/own%d", i),
					rng: rand.New(rand.NewPCG(seed, uint64(i)+2)),
				}
				wg.Go(s.write)
				wg.Go(s.read)
			}
			wg.Wait()
		})
	}
}

// orderSession sends orderRequests requests and knows what must come back.
type orderSession struct {
	*client
	own string
	rng *rand.Rand

	mu   sync.Mutex
	sent []expected // not answered yet

	zxid     zab.Zxid
	shared   int32 // version of the shared node last seen
	watching bool  // of the shared node
}

type expected struct {
	op      jute.Op
	shared  bool
	watch   bool
	version int32 // that the own node must have
}

const orderRequests = 3000

func (s *orderSession) write() {
	version := int32(0)
	s.emit(expected{op: jute.OpCreate}, create(1, s.own, ""))
	for xid := int32(2); xid < orderRequests; {
		var burst []byte
		for range 1 + s.rng.IntN(40) {
			var frame []byte
			e := expected{version: version}
			switch n := s.rng.IntN(20); {
			case n < 8:
				e.op = jute.OpGetData
				frame = getData(xid, s.own, false)
			case n < 11:
				e.op, e.shared, e.watch = jute.OpGetData, true, s.rng.IntN(2) == 0
				frame = getData(xid, "/shared", e.watch)
			case n < 15:
				version++
				e.op, e.version = jute.OpSetData, version
				frame = setData(xid, s.own, strconv.Itoa(int(version)))
			case n < 17:
				e.op, e.shared = jute.OpSetData, true
				frame = setData(xid, "/shared", "x")
			case n < 18:
				e.op = jute.OpSync
				frame = req(xid, jute.OpSync, str("/"))
			case n < 19:
				e.op = jute.OpReconfig
				frame = req(xid, jute.OpReconfig, i32(-1), i32(-1), i32(-1), i64(-1))
			default:
				burst = append(burst, ping()...)
				continue
			}
			s.note(e)
			burst = append(burst, frame...)
			xid++
		}
		s.send(burst)
	}
	s.emit(expected{op: jute.OpCloseSession}, closeSession(orderRequests*2))
}

func (s *orderSession) note(e expected) {
	s.mu.Lock()
	s.sent = append(s.sent, e)
	s.mu.Unlock()
}

func (s *orderSession) emit(e expected, frame []byte) {
	s.note(e)
	s.send(frame)
}

func (s *orderSession) read() {
	for next := int32(1); ; {
		b, err := s.tryFrame()
		if err != nil {
			s.t.Errorf("%s: read: %v", s.own, err)
			return
		}
		r := parseReply(s.t, b)
		switch r.xid {
		case jute.XidPing:
			continue
		case jute.XidNotification:
			if !s.watching {
				s.t.Errorf("%s: event without a watch", s.own)
			}
			s.watching = false
			continue
		}
		s.mu.Lock()
		e := s.sent[0]
		s.sent = s.sent[1:]
		s.mu.Unlock()
		if e.op == jute.OpCloseSession {
			return
		}
		if r.xid != next {
			s.t.Errorf("%s: reply %d, want %d", s.own, r.xid, next)
			return
		}
		next++
		if r.zxid < s.zxid {
			s.t.Errorf("%s: reply %d has zxid %s after %s", s.own, r.xid, r.zxid, s.zxid)
		}
		s.zxid = r.zxid
		s.check(r, e)
	}
}

func (s *orderSession) check(r reply, e expected) {
	if e.op == jute.OpReconfig {
		if r.code != jute.CodeReconfigDisabled {
			s.t.Errorf("%s: reconfig answers %d", s.own, r.code)
		}
		return
	}
	if r.code != 0 {
		s.t.Errorf("%s: reply %d has code %d", s.own, r.xid, r.code)
		return
	}
	var version int32
	switch e.op {
	case jute.OpGetData:
		_, version = dataOf(s.t, r.body)
	case jute.OpSetData:
		var st jute.Stat
		body := jute.NewReader(r.body)
		st.Decode(&body)
		version = st.Version
	default:
		return
	}
	if !e.shared {
		if version != e.version {
			s.t.Errorf("%s: reply %d shows version %d of the own node, want %d", s.own, r.xid, version, e.version)
		}
		return
	}
	if version < s.shared {
		s.t.Errorf("%s: reply %d shows version %d of the shared node after %d", s.own, r.xid, version, s.shared)
	}
	if version > s.shared && s.watching {
		s.t.Errorf("%s: reply %d shows version %d of the shared node before the event of it", s.own, r.xid, version)
	}
	s.shared = version
	s.watching = s.watching || e.watch
}
