package replica

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/quorumd/quorumd/wire"
	"github.com/quorumd/quorumd/zab"
	"pgregory.net/rapid"
)

// cluster runs replicas by hand: every disk operation and every packet waits
// in a queue until the test lets it happen. Its disks are lists of records.
type cluster struct {
	t       rapid.TB
	now     time.Duration
	servers []*server
	voters  int // servers from here on observe
	links   []*testLink
	cut     map[[2]zab.ServerID]bool // pairs that cannot reach each other
	lastID  zab.LinkID
	enc     *wire.Encoder
	dec     *wire.Decoder
	wire    []string // every packet and disk completion, in order
	check   func(s *server, o *zab.Output)
}

type server struct {
	c       *cluster
	id      zab.ServerID
	members uint64 // digest of the membership in its configuration
	r       *Replica
	out     zab.Output
	up      bool
	log     []zab.Record // written, after snap
	synced  int          // records that survive a crash
	snap    []zab.Record // what the newest snapshot holds; the log begins behind it
	coming  []byte       // the snapshot being received
	opened  map[uint64]*openSnap
	reads   []zab.Event // what was read, not yet heard
	epochs  zab.Epochs
	disk    []zab.DiskOp
	inbox   []zab.Event
	applied []zab.Record
	lagging bool // applies nothing of what it is handed
	answers []zab.Answer
	notes   []zab.Note

	holdDisk  bool
	holdIn    bool
	holdReads bool
}

type testLink struct {
	ends  [2]zab.LinkID
	owner [2]zab.ServerID
	open  bool
}

func newCluster(t rapid.TB, n int) *cluster {
	c := &cluster{t: t, voters: n, cut: map[[2]zab.ServerID]bool{}, enc: wire.NewEncoder(), dec: wire.NewDecoder()}
	for i := range n {
		c.servers = append(c.servers, &server{c: c, id: zab.ServerID(i)})
	}
	return c
}

func (c *cluster) ensemble() *zab.Ensemble {
	var ids []zab.ServerID
	for _, s := range c.servers {
		ids = append(ids, s.id)
	}
	return zab.NewEnsemble(ids[:c.voters], ids[c.voters:])
}

func (s *server) start() {
	s.up = true
	s.log = s.log[:s.synced]
	s.applied = slices.Clone(s.snap)
	s.opened = map[uint64]*openSnap{}
	sessions, name := content(s.snap)
	s.r = New(Config{
		Self: s.id, Ensemble: s.c.ensemble(), Tick: 2 * time.Second, InitLimit: 10, SyncLimit: 5, Members: s.members, Window: 5,
		Bootstrap: zab.Bootstrap{Ensemble: uint64(s.id) + 100, Secret: make([]byte, 32)},
	}, Start{Last: s.end(), Applied: s.base(), Epochs: s.epochs, Sessions: sessions, Ensemble: name})
	for _, o := range s.c.servers {
		if o != s && o.up && !s.c.apart(s.id, o.id) {
			o.inbox = append(o.inbox, zab.Event{Kind: zab.EvReachable, Peer: s.id, Up: true})
		}
	}
}

func (s *server) crash() {
	s.up = false
	s.disk, s.inbox, s.reads = nil, nil, nil
	s.holdDisk, s.holdIn, s.holdReads = false, false, false
	for _, l := range s.c.links {
		if i := slices.Index(l.owner[:], s.id); l.open && i >= 0 {
			l.open = false
			o := s.c.servers[l.owner[1-i]]
			o.inbox = append(o.inbox, zab.Event{Kind: zab.EvLinkDown, Link: l.ends[1-i], Peer: s.id})
		}
	}
	for _, o := range s.c.servers {
		if o != s && o.up {
			o.inbox = append(o.inbox, zab.Event{Kind: zab.EvReachable, Peer: s.id, Up: false})
		}
	}
}

func (s *server) step(ev zab.Event) {
	s.c.now += time.Microsecond
	ev.Now, ev.Wall = s.c.now, 1
	s.r.Step(&ev, &s.out)
	o := &s.out
	s.disk = append(s.disk, o.Disk...)
	s.applied = append(s.applied, o.Apply...)
	if s.c.check != nil {
		s.c.check(s, o)
	}
	s.answers = append(s.answers, o.Answers...)
	s.notes = append(s.notes, o.Notes...)
	for _, n := range o.Notify {
		if to := s.c.servers[n.Peer]; to.up && !s.c.apart(s.id, to.id) {
			note := n.Notification
			to.inbox = append(to.inbox, zab.Event{Kind: zab.EvNotification, Notification: &note})
		}
	}
	for _, send := range o.Sends {
		s.c.carry(s, send)
	}
	for _, id := range o.Closes {
		s.c.close(s, id)
	}
	for _, id := range o.Dials {
		s.c.dial(s, id)
	}
	for _, r := range o.LogReads {
		s.reads = append(s.reads, zab.Event{Kind: zab.EvLogRead, LogRead: s.read(r)})
	}
	for _, r := range o.SnapReads {
		s.readSnap(r)
	}
	o.Reset()
}

func (c *cluster) carry(from *server, send zab.Send) {
	for _, l := range c.links {
		i := slices.Index(l.ends[:], send.Link)
		if i < 0 || !l.open {
			continue
		}
		frame, err := c.enc.AppendPacket(nil, &send.Packet)
		if err != nil {
			c.t.Fatal(err)
		}
		p, err := c.dec.Packet(wire.ParseHeader(frame), frame)
		if err != nil {
			c.t.Fatal(err)
		}
		to := c.servers[l.owner[1-i]]
		c.wire = append(c.wire, fmt.Sprintf("%d>%d %s %s", from.id, to.id, p.Kind, p.Zxid))
		to.inbox = append(to.inbox, zab.Event{Kind: zab.EvPacket, Link: l.ends[1-i], Peer: from.id, Packet: p})
		return
	}
}

func pair(a, b zab.ServerID) [2]zab.ServerID { return [2]zab.ServerID{min(a, b), max(a, b)} }

func (c *cluster) apart(a, b zab.ServerID) bool { return c.cut[pair(a, b)] }

// part cuts the connections of two servers, or lets them connect again.
func (c *cluster) part(a, b zab.ServerID, cut bool) {
	if c.apart(a, b) == cut {
		return
	}
	c.cut[pair(a, b)] = cut
	for _, l := range c.links {
		if cut && pair(l.owner[0], l.owner[1]) == pair(a, b) {
			c.close(nil, l.ends[0])
		}
	}
	for _, ids := range [][2]zab.ServerID{{a, b}, {b, a}} {
		if s, o := c.servers[ids[0]], c.servers[ids[1]]; s.up && o.up {
			s.inbox = append(s.inbox, zab.Event{Kind: zab.EvReachable, Peer: o.id, Up: !cut})
		}
	}
}

func (c *cluster) close(s *server, id zab.LinkID) {
	for _, l := range c.links {
		if i := slices.Index(l.ends[:], id); i >= 0 && l.open {
			l.open = false
			for k, owner := range l.owner {
				o := c.servers[owner]
				o.inbox = append(o.inbox, zab.Event{Kind: zab.EvLinkDown, Link: l.ends[k], Peer: l.owner[1-k]})
			}
		}
	}
}

func (c *cluster) dial(s *server, peer zab.ServerID) {
	to := c.servers[peer]
	if !to.up || c.apart(s.id, peer) {
		s.inbox = append(s.inbox, zab.Event{Kind: zab.EvLinkDown, Peer: peer})
		return
	}
	c.lastID += 2
	c.links = append(c.links, &testLink{ends: [2]zab.LinkID{c.lastID - 1, c.lastID}, owner: [2]zab.ServerID{s.id, peer}, open: true})
	s.inbox = append(s.inbox, zab.Event{Kind: zab.EvLinkUp, Link: c.lastID - 1, Peer: peer, Up: true})
	to.inbox = append(to.inbox, zab.Event{Kind: zab.EvLinkUp, Link: c.lastID, Peer: s.id})
}

// maxSteps is how often each server may act between two ticks.
const maxSteps = 30000

// settle lets everything happen that is not held, for the given time.
func (c *cluster) settle(d time.Duration) {
	for end := c.now + d; ; c.now += zab.TickInterval {
		for busy, steps := true, 0; busy; steps++ {
			busy = false
			if steps > maxSteps {
				c.t.Fatalf("the servers keep each other busy:\n%s", strings.Join(c.wire[len(c.wire)-60:], "\n"))
			}
			for _, s := range c.servers {
				if s.up && s.r.window.records > 0 && !s.lagging && len(s.applied) > 0 {
					s.step(zab.Event{Kind: zab.EvApplied, Applied: s.applied[len(s.applied)-1].Zxid})
					busy = true
				}
				if s.up && len(s.inbox) > 0 && !s.holdIn {
					ev := s.inbox[0]
					s.inbox = s.inbox[1:]
					s.step(ev)
					busy = true
				}
				if s.up && len(s.reads) > 0 && !s.holdReads {
					s.takeRead()
					busy = true
				}
				if s.up && len(s.disk) > 0 && !s.holdDisk {
					s.diskStep()
					busy = true
				}
			}
		}
		if c.now >= end {
			return
		}
		for _, s := range c.servers {
			if s.up {
				s.step(zab.Event{Kind: zab.EvTick})
			}
		}
	}
}

// leader returns the server that serves as leader, or nil.
func (c *cluster) leader() *server {
	for _, s := range c.servers {
		if st := s.r; s.up && st != nil && st.Status().State == zab.Leading && st.Status().Serving {
			return s
		}
	}
	return nil
}

// startAll starts every server and gives them the time to elect a leader.
func (c *cluster) startAll() {
	for _, s := range c.servers {
		s.start()
	}
	c.settle(time.Second)
}

func (s *server) request(seq uint64) {
	s.step(zab.Event{Kind: zab.EvRequest, Request: &zab.Request{Session: 7, Cxid: int32(seq), Seq: seq, Op: 5, Body: []byte("x")}})
}

func TestThreeServersElectAndCommit(t *testing.T) {
	c := newCluster(t, 3)
	c.startAll()
	l := c.leader()
	if l == nil {
		t.Fatalf("no leader: %+v %+v %+v", c.servers[0].r.Status(), c.servers[1].r.Status(), c.servers[2].r.Status())
	}
	for i, s := range c.servers {
		if !s.r.Status().Serving {
			t.Fatalf("server %d does not serve: %+v", i, s.r.Status())
		}
		s.request(uint64(i)<<40 + 1)
	}
	c.settle(10 * time.Millisecond)
	for i, s := range c.servers {
		if len(s.applied) != 4 {
			t.Errorf("server %d applied %d records, want 4", i, len(s.applied))
		}
	}
}

func TestRequestsOutliveTheLeader(t *testing.T) {
	c := newCluster(t, 3)
	c.startAll()
	l := c.leader()
	other := c.servers[(l.id+1)%3]
	l.holdIn = true // the request never reaches it
	other.request(1<<40 + 1)
	c.settle(10 * time.Millisecond)
	l.crash()
	c.settle(time.Second)
	if c.leader() == nil {
		t.Fatal("no second leader")
	}
	last := other.applied[len(other.applied)-1]
	if last.Txn.Seq != 1<<40+1 || other.r.pending.len() != 0 {
		t.Fatalf("request not sent again: last applied %+v, %d pending", last.Txn, other.r.pending.len())
	}
	l.start()
	c.settle(time.Second)
	if got := l.r.Status(); !got.Serving || got.Applied != other.r.Status().Applied {
		t.Fatalf("the old leader did not rejoin: %+v", got)
	}
}
