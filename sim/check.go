package sim

import (
	"fmt"
	"sort"

	"github.com/quorumd/quorumd/replica"
	"github.com/quorumd/quorumd/txnlog"
	"github.com/quorumd/quorumd/zab"
)

// checker judges a run after every step.
type checker struct {
	w        *world
	ensemble *zab.Ensemble
	faults   faults

	history []zab.Position      // the one canonical history
	digests map[zab.Zxid]uint64 // of the tree at each zxid
	leaders map[zab.Epoch]zab.ServerID
	asked   map[request]zab.Zxid // where each client's request stands in the history
	durable []durable            // by node
	acks    uint64
	seen    map[string]uint64 // how often each thing was reached
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
	ackedNL bool // in this role
}

func newChecker(w *world, e *zab.Ensemble, f faults, nodes int) *checker {
	return &checker{
		w: w, ensemble: e, faults: f, digests: make(map[zab.Zxid]uint64),
		leaders: make(map[zab.Epoch]zab.ServerID), asked: make(map[request]zab.Zxid), durable: make([]durable, nodes),
		seen: make(map[string]uint64),
	}
}

func (c *checker) mark(what string) { c.seen[what]++ }

func (c *checker) started(n *node, found txnlog.Recovered) {
	d := &c.durable[n.index]
	if found.Last.Zxid < d.synced {
		c.w.fail("%v confirmed the log through %s and recovers it through %s", n, d.synced, found.Last)
	}
	if found.Epochs.Accepted < d.epochs.Accepted || found.Epochs.Current < d.epochs.Current {
		c.w.fail("%v confirmed epochs %+v and recovers %+v", n, d.epochs, found.Epochs)
	}
	*d = durable{synced: found.Last.Zxid, epochs: found.Epochs}
}

func (c *checker) crashed(*node) { c.mark("crash") }

func (c *checker) wiped(n *node) {
	c.durable[n.index] = durable{}
	c.mark("wipe")
}

// diskDone takes note of what a disk has confirmed, as it does it.
func (c *checker) diskDone(n *node, d *zab.DiskDone) {
	s := &c.durable[n.index]
	switch d.Kind {
	case zab.DiskAppend:
		s.synced = max(s.synced, d.Synced)
	case zab.DiskEpochs:
		s.epochs = d.Epochs
	case zab.DiskTruncate, zab.DiskSnapEnd:
		if d.OK {
			s.synced = d.At.Zxid
		}
	}
}

// sending judges a packet as it leaves: what it says must be durable.
func (c *checker) sending(n *node, p *zab.Packet) {
	d := &c.durable[n.index]
	switch p.Kind {
	case zab.KindFollowerInfo:
		d.ackedNL = false
	case zab.KindAckEpoch:
		a := p.Body.(*zab.AckEpoch)
		if a.Last.Zxid > d.synced || a.Current > d.epochs.Current {
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
		c.acks++
		if d.synced < p.Zxid || !d.ackedNL {
			c.w.fail("%v acknowledges %s, durable is %+v", n, p.Zxid, *d)
		}
	case zab.KindDiff, zab.KindTrunc, zab.KindSnap:
		c.mark(p.Kind.String())
	}
}

// note puts what a server says of itself into the story.
func (c *checker) note(n *node, note zab.Note) {
	c.w.say("server %d %s", n.id, note)
	c.mark(note.Kind.String())
}

// stepped judges a server after an event.
func (c *checker) stepped(n *node) {
	s := n.replica.Status()
	if s.State != zab.Leading || s.Phase != replica.PhaseBroadcast {
		return
	}
	if other, ok := c.leaders[s.Epoch]; ok && other != n.id {
		c.w.fail("epoch %d is led by %d and by %d", s.Epoch, other, n.id)
	}
	c.leaders[s.Epoch] = n.id
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
		c.history = append(c.history, rec.Position())
		c.once(n, rec)
		return
	}
	i := sort.Search(len(c.history), func(i int) bool { return c.history[i].Zxid >= rec.Zxid })
	if c.history[i] != rec.Position() {
		c.w.fail("%v commits %s, the history has %s", n, rec.Position(), c.history[i])
	}
}

// once judges that no request is in the history twice.
func (c *checker) once(n *node, rec *zab.Record) {
	if rec.Txn.Seq == 0 {
		return
	}
	q := request{rec.Txn.Origin, rec.Txn.Seq}
	if z, ok := c.asked[q]; ok {
		c.w.fail("%v commits request %d of server %d at %s, it is in the history at %s", n, q.seq, q.origin, rec.Zxid, z)
	}
	c.asked[q] = rec.Zxid
}

func (c *checker) end() zab.Position {
	if len(c.history) == 0 {
		return zab.Position{}
	}
	return c.history[len(c.history)-1]
}

// applied compares the tree with every other at the same zxid.
func (c *checker) applied(n *node, rec *zab.Record) { c.digest(n, rec.Zxid) }

func (c *checker) installed(n *node) { c.digest(n, n.state.Applied().Zxid) }

func (c *checker) digest(n *node, z zab.Zxid) {
	got := n.state.Digest()
	if want, ok := c.digests[z]; ok && got != want {
		c.w.fail("%v has digest %016x at %s, others have %016x", n, got, z, want)
	}
	c.digests[z] = got
}

// acked takes note of an answer to a client.
func (c *checker) acked(z zab.Zxid) {
	if z > c.end().Zxid {
		c.w.fail("a write at %s was answered, the history ends at %s", z, c.end())
	}
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
		for _, cl := range c.w.clients {
			if v, ok := valueOf(n, cl.path()); cl.promised > 0 && (!ok || v < cl.promised) {
				c.w.fail("client %d was told %d, %v holds %d (there: %v)", cl.id, cl.promised, n, v, ok)
			}
		}
	}
}
