package replica

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/quorumd/quorumd/jute"
	"github.com/quorumd/quorumd/zab"
	"pgregory.net/rapid"
)

// chaos is a cluster on which everything is done to it that may happen, and
// what is known of it from outside.
type chaos struct {
	*cluster
	rt       *rapid.T
	canon    []zab.Record // the one history
	requests map[uint64]*asked
	syncs    map[uint64]int // what must be applied when it is answered
	answered int            // canon through here was seen by some client
	lastSeq  uint64
	lives    map[zab.ServerID]int
	wiped    bool
}

// asked is a request of a client.
type asked struct {
	by    zab.ServerID
	life  int
	after int  // length of canon when it was made, as far as clients knew
	done  bool // applied, or answered otherwise
}

func newChaos(rt *rapid.T) *chaos {
	c := &chaos{
		cluster: newCluster(rt, 3), rt: rt, requests: map[uint64]*asked{},
		syncs: map[uint64]int{}, lives: map[zab.ServerID]int{},
	}
	if rapid.Bool().Draw(rt, "observer") {
		c.servers = append(c.servers, &server{c: c.cluster, id: 3})
	}
	c.check = c.observe
	for _, s := range c.servers {
		s.start()
	}
	return c
}

// observe checks what a step has brought to light.
func (c *chaos) observe(s *server, o *zab.Output) {
	for i := len(s.applied) - len(o.Apply); i < len(s.applied); i++ {
		rec := &s.applied[i]
		if i > len(c.canon) || i < len(c.canon) && c.canon[i].Position() != rec.Position() {
			c.rt.Fatalf("server %d applies %s as number %d of %d; another history", s.id, rec.Zxid, i, len(c.canon))
		}
		if i == len(c.canon) {
			c.commit(i, rec)
		}
		if q := c.requests[rec.Txn.Seq]; q != nil && rec.Txn.Origin == s.id && q.life == c.lives[s.id] {
			q.done = true
			c.answered = max(c.answered, i+1)
		}
	}
	for _, a := range o.Answers {
		if n, asked := c.syncs[a.Seq]; asked && a.Kind == zab.AnswerSync && len(s.applied) < n {
			c.rt.Fatalf("sync of server %d answered at %d, %d was seen before it was asked", s.id, len(s.applied), n)
		}
		if q := c.requests[a.Seq]; q != nil {
			q.done = true
		}
		delete(c.syncs, a.Seq)
	}
}

// commit extends the history: once each, in the order of the origin, and not
// before what was answered when it was asked.
func (c *chaos) commit(i int, rec *zab.Record) {
	if q := c.requests[rec.Txn.Seq]; q != nil {
		if i < q.after {
			c.rt.Fatalf("request %d is number %d, %d were seen before it was made", rec.Txn.Seq, i, q.after)
		}
		for _, old := range c.canon {
			if old.Txn.Origin == rec.Txn.Origin && old.Txn.Seq >= rec.Txn.Seq {
				c.rt.Fatalf("request %d of server %d after %d", rec.Txn.Seq, rec.Txn.Origin, old.Txn.Seq)
			}
		}
	}
	c.canon = append(c.canon, *rec)
}

func (c *chaos) ask(s *server) {
	c.lastSeq++
	req := &zab.Request{Session: 7, Seq: c.lastSeq, Op: int32(jute.OpSetData), Body: []byte("x")}
	if c.lastSeq%4 == 0 {
		req.Session, req.Op, req.Body = zab.SessionID(1000+c.lastSeq), int32(jute.OpCreateSession), []byte{0, 0, 16, 0}
	}
	c.requests[c.lastSeq] = &asked{by: s.id, life: c.lives[s.id], after: c.answered}
	s.step(zab.Event{Kind: zab.EvRequest, Request: req})
}

func (c *chaos) sync(s *server) {
	c.lastSeq++
	c.syncs[c.lastSeq] = c.answered
	s.step(zab.Event{Kind: zab.EvSync, SyncAsk: &zab.SyncAsk{Seq: c.lastSeq, Session: 7}})
}

// stream names what an event follows in order: a link, the election
// connection of a peer, a snapshot.
func stream(ev *zab.Event) string {
	switch ev.Kind {
	case zab.EvNotification:
		return fmt.Sprint("election ", ev.Notification.From)
	case zab.EvReachable:
		return fmt.Sprint("election ", ev.Peer)
	case zab.EvSnapOpened, zab.EvSnapRead:
		return fmt.Sprint("snapshot ", ev.SnapRead.ID)
	}
	return fmt.Sprint("link ", ev.Link)
}

// deliver lets s hear of the next event of a random stream.
func (c *chaos) deliver(s *server) {
	if len(s.inbox) == 0 {
		return
	}
	key := stream(&s.inbox[rapid.IntRange(0, len(s.inbox)-1).Draw(c.rt, "event")])
	i := slices.IndexFunc(s.inbox, func(ev zab.Event) bool { return stream(&ev) == key })
	ev := s.inbox[i]
	s.inbox = slices.Delete(s.inbox, i, i+1)
	s.step(ev)
}

// stop crashes s, sometimes with its disk, if that may happen without loss:
// once, and when a quorum would know without it that the ensemble is not new.
func (c *chaos) stop(s *server) {
	s.crash()
	fresh := slices.ContainsFunc(c.servers, func(s *server) bool { return s.end().Zxid == 0 || s.epochs.Current == 0 })
	if !c.wiped && !fresh && rapid.IntRange(0, 3).Draw(c.rt, "wipe") == 0 {
		c.wiped = true
		s.log, s.snap, s.synced, s.epochs = nil, nil, 0, zab.Epochs{}
	}
}

func (c *chaos) act() {
	s := c.servers[rapid.IntRange(0, len(c.servers)-1).Draw(c.rt, "server")]
	n := rapid.IntRange(0, 99).Draw(c.rt, "what")
	switch {
	case n < 25: // everything that is not held
		c.settle(time.Duration(rapid.SampledFrom([]int{1, 20, 120, 400, 3000, 12000}).Draw(c.rt, "ms")) * time.Millisecond)
	case n < 27 && s.up:
		c.stop(s)
	case n < 34 && !s.up:
		c.lives[s.id]++
		s.start()
	case n < 38:
		o := c.servers[rapid.IntRange(0, len(c.servers)-1).Draw(c.rt, "other")]
		if o != s {
			c.part(s.id, o.id, !c.apart(s.id, o.id))
		}
	case !s.up:
	case n < 50:
		c.deliver(s)
	case n < 60 && len(s.disk) > 0:
		s.diskStep()
	case n < 64 && len(s.reads) > 0:
		s.takeRead()
	case n < 80:
		c.ask(s)
	case n < 83:
		c.sync(s)
	case n < 86:
		s.snapshot()
	case n < 90:
		s.holdDisk = !s.holdDisk
	case n < 94:
		s.holdIn = !s.holdIn
	case n < 96:
		s.holdReads = !s.holdReads
	case len(c.links) > 0: // a connection breaks
		c.close(s, c.links[rapid.IntRange(max(0, len(c.links)-6), len(c.links)-1).Draw(c.rt, "link")].ends[0])
	}
}

// heal lets everything be well again.
func (c *chaos) heal() {
	for pair, cut := range c.cut {
		if cut {
			c.part(pair[0], pair[1], false)
		}
	}
	for _, s := range c.servers {
		s.holdDisk, s.holdIn, s.holdReads = false, false, false
		if !s.up {
			c.lives[s.id]++
			s.start()
		}
	}
	c.settle(45 * time.Second)
}

func (c *chaos) checkWell() {
	if c.leader() == nil {
		for _, s := range c.servers {
			c.rt.Logf("server %d: %+v %v", s.id, s.r.Status(), s.notes[max(0, len(s.notes)-8):])
		}
		c.rt.Fatal("healed, and nobody leads")
	}
	for _, s := range c.servers {
		st := s.r.Status()
		if !st.Serving || len(s.applied) != len(c.canon) || st.Pending > 0 || len(s.r.asks) > 0 {
			c.rt.Fatalf("server %d: %d of %d applied, %d questions: %+v\n%v", s.id, len(s.applied), len(c.canon), len(s.r.asks), st, s.notes)
		}
	}
	for seq, q := range c.requests {
		if !q.done && q.life == c.lives[q.by] {
			c.rt.Fatalf("request %d was never answered", seq)
		}
	}
}

// TestChaos: whatever is held, lost, cut off, crashed or wiped, there is one
// history, each request is in it at most once, in the order of its server and
// after everything that was known when it was made; a sync barrier shows what
// was known before it; and when all is well again, everybody serves and nobody
// waits.
func TestChaos(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c := newChaos(rt)
		for range rapid.IntRange(20, 250).Draw(rt, "steps") {
			c.act()
		}
		c.heal()
		c.checkWell()
	})
}
