package sim

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/anishathalye/porcupine"

	"github.com/quorumd/quorumd/jute"
	"github.com/quorumd/quorumd/replica"
	"github.com/quorumd/quorumd/txnlog"
	"github.com/quorumd/quorumd/zab"
	"github.com/quorumd/quorumd/znode"
)

// checker judges a run after every step.
type checker struct {
	w        *world
	ensemble *zab.Ensemble
	faults   faults

	history []zab.Position      // the one canonical history
	digests map[zab.Zxid]uint64 // of the tree at each zxid
	leaders map[zab.Epoch]zab.ServerID
	done    map[request]zab.Zxid // where each client's request stands in the history
	durable []durable            // by node
	seen    map[string]uint64    // how often each thing was reached

	model     *model
	lin       linear
	sessions  *sessionCheck
	leader    *leaderCheck
	logs      []diskLog      // by node
	status    replica.Status // of the server that stepped last
	leading   []zab.Epoch    // by node: the epoch that it leads, 0 for none
	led       zab.Epoch      // by the server that was stepped last, before it was
	delivered []zab.Zxid     // by node: the last record that was applied
	lives     []*life        // all, in the order in which they began
	life      []*life        // by node: the one of now
	primaries map[zab.Epoch]*primary
	links     map[*link]*linkState
	lost      []bool     // by node: its disk was lost, and it has not served with everything since
	handed    []zab.Zxid // by node: the last record that was handed out to be applied
	writers   writers    // of sessions, by connection
	refusals
	safe zab.Zxid // a quorum is known to have synced through here
}

// request names a client's request: its server's number is never used twice.
type request struct {
	origin zab.ServerID
	seq    uint64
}

// durable is what a server's disk has confirmed, seen from outside.
type durable struct {
	synced  zab.Zxid
	epochs  zab.Epochs
	ackedNL bool  // in this role
	taken   int64 // bytes of the snapshot that is being received

	asked   zab.LinkID    // the connection over which a promise was asked for
	promise zab.Epoch     // and of which epoch
	initial zab.NewLeader // the last history that was to be adopted
}

func newChecker(w *world, e *zab.Ensemble, f faults, nodes int) *checker {
	return &checker{
		w: w, ensemble: e, faults: f, digests: make(map[zab.Zxid]uint64),
		leaders: make(map[zab.Epoch]zab.ServerID), done: make(map[request]zab.Zxid), durable: make([]durable, nodes),
		seen: make(map[string]uint64), model: newModel(), sessions: newSessionCheck(nodes), leader: newLeaderCheck(nodes), logs: make([]diskLog, nodes),
		leading: make([]zab.Epoch, nodes), delivered: make([]zab.Zxid, nodes), life: make([]*life, nodes),
		primaries: make(map[zab.Epoch]*primary), links: make(map[*link]*linkState),
		lost: make([]bool, nodes), handed: make([]zab.Zxid, nodes), writers: newWriters(), refusals: newRefusals(),
	}
}

func (c *checker) mark(what string) { c.seen[what]++ }

func (c *checker) started(n *node, found txnlog.Recovered) {
	d := &c.durable[n.index]
	if found.Epochs.Accepted < d.epochs.Accepted || found.Epochs.Current < d.epochs.Current {
		c.w.fail("%v confirmed epochs %+v and recovers %+v", n, d.epochs, found.Epochs)
	}
	*d = durable{synced: found.Last.Zxid, epochs: found.Epochs}
	c.recovered(n, found)
	c.begins(n)
	c.handed[n.index] = n.state.Applied().Zxid
	clear(c.sessions.heard[n.index])
	clear(c.leader.touched[n.index])
	clear(c.leader.waits[n.index])
}

// begins takes note that a server goes on from the state that it has loaded.
func (c *checker) begins(n *node) {
	z := n.state.Applied().Zxid
	c.delivered[n.index] = z
	c.life[n.index] = &life{node: n.id, from: z}
	c.lives = append(c.lives, c.life[n.index])
}

func (c *checker) crashed(n *node) {
	c.leading[n.index] = 0
	c.mark("crash")
}

func (c *checker) wiped(n *node) {
	c.durable[n.index], c.logs[n.index], c.lost[n.index] = durable{}, diskLog{}, true
	c.CommittedLogDurability(n)
	c.mark("wipe")
}

// diskDone takes note of what a disk has confirmed, as it does it.
func (c *checker) diskDone(n *node, d *zab.DiskDone) {
	s := &c.durable[n.index]
	switch d.Kind {
	case zab.DiskAppend:
		s.synced = max(s.synced, d.Synced)
	case zab.DiskEpochs:
		if e := d.Epochs.Current; e > s.epochs.Current && e == s.initial.Epoch && !c.logs[n.index].holds(s.initial.End) {
			c.w.fail("%v adopts epoch %d, its synced log ends at %s, the history at %s", n, e, c.logs[n.index].end(), s.initial.End)
		}
		s.epochs = d.Epochs
	case zab.DiskSnapChunk:
		if d.OK { // a piece that is given up takes back nothing that was said of the ones before
			s.taken = d.Off
		}
	case zab.DiskTruncate, zab.DiskSnapEnd:
		if d.OK {
			s.synced = d.At.Zxid
		}
	}
}

// told takes note of what a server was asked to promise, to receive and to
// adopt.
func (c *checker) told(n *node, link zab.LinkID, p *zab.Packet) {
	d := &c.durable[n.index]
	switch p.Kind {
	case zab.KindLeaderInfo:
		d.asked, d.promise = link, p.Zxid.Epoch()
	case zab.KindSnap:
		d.taken = 0
	case zab.KindNewLeader:
		d.initial = *p.Body.(*zab.NewLeader)
	}
}

// sending judges a packet as it leaves: what it says must be durable (O7).
func (c *checker) sending(n *node, id zab.LinkID, p *zab.Packet) {
	c.packet(n, id, p)
	c.leader.sends(c, n, id, p)
	d := &c.durable[n.index]
	switch p.Kind {
	case zab.KindFollowerInfo:
		d.ackedNL = false
	case zab.KindAckEpoch:
		a := p.Body.(*zab.AckEpoch)
		if a.Last.Zxid > d.synced || a.Current > d.epochs.Current || id == d.asked && d.epochs.Accepted < d.promise {
			c.w.fail("%v says ACKEPOCH %+v, durable is %+v", n, *a, *d)
		}
	case zab.KindLeaderInfo:
		if d.epochs.Accepted != p.Zxid.Epoch() || d.epochs.AcceptedBy != n.id {
			c.w.fail("%v asks for epoch %d before it is durable here: %+v", n, p.Zxid.Epoch(), d.epochs)
		}
	case zab.KindAckNewLeader:
		if d.synced < p.Zxid || d.epochs.Current != d.epochs.Accepted {
			c.w.fail("%v acknowledges NEWLEADER at %s, durable is %+v", n, p.Zxid, *d)
		}
		d.ackedNL = true
		c.mark("ack of NEWLEADER")
	case zab.KindAck:
		if d.synced < p.Zxid || !d.ackedNL {
			c.w.fail("%v acknowledges %s, durable is %+v", n, p.Zxid, *d)
		}
	case zab.KindStored:
		if d.synced < p.Zxid {
			c.w.fail("%v says STORED %s, durable is %+v", n, p.Zxid, *d)
		}
	case zab.KindSnapAck:
		if int64(p.Zxid) > d.taken {
			c.w.fail("%v acknowledges %d bytes of a snapshot, its disk has taken %d", n, int64(p.Zxid), d.taken)
		}
	case zab.KindReady:
		if r := p.Body.(*zab.Ready); !r.NeedSnap && !c.logs[n.index].holds(r.At) {
			c.w.fail("%v says READY at %s, its synced log ends at %s", n, r.At, c.logs[n.index].end())
		}
	case zab.KindDiff, zab.KindTrunc, zab.KindSnap:
		c.mark(p.Kind.String())
	}
}

// snapshotDamaged is the text of zabsync.ErrSnapshotDamaged, which is no
// package's to import but the followers'.
const snapshotDamaged = "snapshot arrived damaged"

// note puts what a server says of itself into the story.
func (c *checker) note(n *node, note zab.Note) {
	c.w.say("server %d %s", n.id, note)
	n.notes = append(n.notes, note)
	c.mark(note.Kind.String())
	if note.Kind == zab.NoteRoleLost && strings.Contains(note.Text, "has no zxid left") {
		c.mark("epoch used up")
	}
	if note.Kind == zab.NoteRoleLost && strings.Contains(note.Text, snapshotDamaged) && !c.w.anyRotten() {
		c.w.fail("%v: %s; nothing on any disk is damaged", n, note.Text)
	}
	c.w.bait(n, baitOf(&note), note.Peer)
	if note.Kind == zab.NoteProtocolError && !c.w.net.lied {
		c.w.fail("%v says that another broke the protocol: %s", n, note)
	}
}

// stepped looks at a server after an event, before what it asked for is done.
func (c *checker) stepped(n *node) {
	c.status = n.replica.Status()
	s := &c.status
	if c.lost[n.index] && s.Serving && c.logs[n.index].holds(c.end()) {
		c.lost[n.index] = false
		c.mark("a server that was wiped has everything again")
		c.CommittedLogDurability(n)
	}
	leads := zab.Epoch(0)
	if s.State == zab.Leading && (s.Phase == replica.PhaseSynchronization || s.Phase == replica.PhaseBroadcast) {
		leads = s.Epoch
	}
	if c.led = c.leading[n.index]; leads != c.led {
		c.leading[n.index] = leads
		c.leader.leads(n, leads)
		if leads > 0 {
			clear(c.sessions.agreed[n.index])
			c.sessions.anew(n)
		}
		c.Leadership1(n, s)
	}
	if s.State != zab.Leading || s.Phase != replica.PhaseBroadcast {
		return
	}
	if id, ok := c.leaders[s.Epoch]; !ok || id != n.id {
		c.Leadership2(n.id, s.Epoch)
		c.LeaderLogCompleteness(n)
	}
}

// applying judges a record that a server is about to apply.
func (c *checker) applying(n *node, rec *zab.Record) {
	if rec.Zxid > c.durable[n.index].synced {
		c.w.fail("%v applies %s, durable through %s", n, rec.Zxid, c.durable[n.index].synced)
	}
	if end := c.end(); rec.Zxid > end.Zxid {
		if rec.Prev != end.CRC {
			c.w.fail("%v commits %s after another past than %s", n, rec.Zxid, end)
		}
		c.primaryOrder(n, rec.Position())
		c.history = append(c.history, rec.Position())
		c.CommittedLogDurability(n)
		c.once(n, rec)
		c.SessionOrder(n, rec)
		c.Refused(n, rec)
		c.model.apply(rec)
	}
	c.PrefixConsistency(n, rec)
	l := c.life[n.index]
	l.seq = append(l.seq, rec.Position())
}

// once judges that no request is in the history twice.
func (c *checker) once(n *node, rec *zab.Record) {
	if rec.Txn.Seq == 0 {
		return
	}
	q := request{rec.Txn.Origin, rec.Txn.Seq}
	if z, ok := c.done[q]; ok {
		c.w.fail("%v commits request %d of server %d at %s, it is in the history at %s", n, q.seq, q.origin, rec.Zxid, z)
	}
	c.done[q] = rec.Zxid
}

func (c *checker) end() zab.Position {
	if len(c.history) == 0 {
		return zab.Position{}
	}
	return c.history[len(c.history)-1]
}

// applied compares the outcome with the model's, and the tree with every other
// at the same zxid (O2).
func (c *checker) applied(n *node, rec *zab.Record, res *znode.Result) {
	if at, ok := c.placeOf(rec.Zxid); ok && at < len(c.model.results) {
		want := &c.model.results[at]
		if rec.Txn.Op != int32(jute.OpCreateSession) && (want.code != res.Code || !bytes.Equal(want.body, res.Body)) {
			c.w.fail("%v: %s at %s comes to %v %x, the model says %v %x",
				n, jute.Op(want.op), rec.Zxid, res.Code, res.Body, want.code, want.body)
		}
	}
	c.digest(n, rec.Zxid)
}

func (c *checker) installed(n *node) {
	at := n.state.Applied()
	if i, ok := c.placeOf(at.Zxid); !ok || c.history[i] != at {
		c.w.fail("%v installs a snapshot at %s, which is not in the history", n, at)
	}
	c.digest(n, at.Zxid)
	c.begins(n)
}

func (c *checker) digest(n *node, z zab.Zxid) {
	got := n.state.Digest()
	if want, ok := c.digests[z]; ok && got != want {
		c.w.fail("%v has digest %016x at %s, others have %016x", n, got, z, want)
	}
	c.digests[z] = got
}

// together reports why the ensemble has not come together, or "".
func (c *checker) together() string {
	end := c.end()
	for _, n := range c.w.nodes {
		switch {
		case !n.up:
			return fmt.Sprintf("%v is down", n)
		case !n.replica.Status().Serving:
			return fmt.Sprintf("%v does not serve: %+v", n, n.replica.Status())
		case n.state.Applied() != end:
			return fmt.Sprintf("%v has applied %s of %s", n, n.state.Applied(), end)
		}
	}
	return ""
}

// final judges the ensemble that has come together.
func (c *checker) final() {
	for _, n := range c.w.nodes {
		if n.state.Digest() != c.w.nodes[0].state.Digest() {
			c.w.fail("%v has digest %016x, server 1 has %016x", n, n.state.Digest(), c.w.nodes[0].state.Digest())
		}
		if want := c.w.nodes[0].state.Sessions(); !slices.Equal(n.state.Sessions(), want) {
			c.w.fail("%v has sessions %v, server 1 has %v", n, n.state.Sessions(), want)
		}
		for _, cl := range c.w.clients {
			if v, ok := valueOf(n, cl.path()); cl.promised > 0 && (!ok || v < cl.promised) {
				c.w.fail("client %d was told %d, %v holds %d (there: %v)", cl.id, cl.promised, n, v, ok)
			}
		}
		c.sessionsMatch(n)
		c.fsck(n)
	}
	c.treeMatches(c.w.nodes[0])
	if name := (&run{lives: c.lives, primaries: c.primaries}).violated(); name != "" {
		c.w.fail("%s does not hold of the whole run", name)
	}
	switch c.lin.verdict(linearSteps) {
	case porcupine.Illegal:
		c.w.fail("the writes to the shared keys are not linearizable, as the clients saw them")
	case porcupine.Unknown:
		c.mark("linearizability not decided")
	default:
		c.mark("linearizable")
	}
}
