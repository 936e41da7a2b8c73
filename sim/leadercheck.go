package sim

import (
	"maps"
	"slices"
	"time"

	"github.com/quorumd/quorumd/jute"
	"github.com/quorumd/quorumd/replica"
	"github.com/quorumd/quorumd/zab"
)

// leaderCheck knows what leaders were told, and had no right to do (L7, R10).
type leaderCheck struct {
	pinged []zab.Zxid              // by node: its last round of pings, as the leader that it is
	doubt  []bool                  // by node: it stood still, and no quorum has answered a later round
	since  []map[zab.ServerID]bool // by node: who has answered one
	epoch  zab.Epoch               // the highest that anybody has led
	acted  map[zab.SessionID]act   // the last that the newest leader let a server do for a session
	stale  map[zab.SessionID]act   // and the last that any leader did, deposed or not

	waits   []map[zab.SessionID]bool                    // by node: an attach came while it did not lead; it may decide about that when it does
	touched []map[zab.SessionID]time.Duration           // by node: when its replica last heard of each, in this life
	pongs   map[*link][]map[zab.SessionID]time.Duration // on their way: what each had to tell
}

// act is what a leader let a server do for a session. What one that is deposed
// still allows does not bind the newest; but the server repeats it.
type act struct {
	by zab.ServerID
	at time.Duration
}

func newLeaderCheck(nodes int) *leaderCheck {
	l := &leaderCheck{
		pinged: make([]zab.Zxid, nodes), doubt: make([]bool, nodes), since: make([]map[zab.ServerID]bool, nodes),
		acted: map[zab.SessionID]act{}, stale: map[zab.SessionID]act{},
		touched: make([]map[zab.SessionID]time.Duration, nodes), pongs: map[*link][]map[zab.SessionID]time.Duration{},
	}
	for i := range nodes {
		l.waits = append(l.waits, map[zab.SessionID]bool{})
		l.touched[i] = map[zab.SessionID]time.Duration{}
	}
	return l
}

// stoodStill takes note that a server goes on after it stood still for longer
// than a tick. One that is a quorum by itself need not ask anybody, and one that
// is not established yet has asked a quorum to follow it, and waits for that.
func (k *checker) stoodStill(n *node) {
	alone := k.ensemble.IsQuorum(func(id zab.ServerID) bool { return id == n.id })
	k.leader.since[n.index] = map[zab.ServerID]bool{n.id: true}
	k.leader.doubt[n.index] = !alone && k.leading[n.index] > 0 && n.replica.Status().Phase == replica.PhaseBroadcast
}

// leads takes note that a server begins or ceases to lead.
func (l *leaderCheck) leads(n *node, e zab.Epoch) {
	l.pinged[n.index], l.doubt[n.index], l.epoch = 0, false, max(l.epoch, e)
}

// sends takes note of pings, and of what a follower's answer must tell: all
// whom its replica has heard of so far, if it serves (R10).
func (l *leaderCheck) sends(k *checker, n *node, id zab.LinkID, p *zab.Packet) {
	switch p.Kind {
	case zab.KindPing:
		if !l.doubt[n.index] {
			l.pinged[n.index] = max(l.pinged[n.index], p.Zxid)
		}
	case zab.KindPong:
		if e := k.w.net.find(n, id); e != nil && !k.w.net.lied {
			var tells map[zab.SessionID]time.Duration
			if k.status.Serving {
				tells = maps.Clone(l.touched[n.index])
			}
			l.pongs[e.link] = append(l.pongs[e.link], tells)
		}
	}
}

// hears takes note of what a server is about to learn: what an answer to a ping
// had to tell counts as heard, whether or not the answer says it.
func (l *leaderCheck) hears(k *checker, n *node, ev *zab.Event) {
	switch {
	case ev.Kind == zab.EvTouched:
		for _, id := range ev.Sessions {
			l.touched[n.index][id] = k.w.now
		}
	case ev.Kind == zab.EvAttach && k.leading[n.index] == 0:
		l.waits[n.index][ev.Attach.Session] = true
	case ev.Kind == zab.EvAttach:
		l.acts(k, n, ev.Attach.Session, n.id)
	case ev.Kind == zab.EvPacket && ev.Packet.Kind == zab.KindAttach:
		if a := ev.Packet.Body.(*zab.Attach); a.Seq != 0 {
			l.acts(k, n, a.Session, ev.Peer)
		}
	case ev.Kind == zab.EvPacket && ev.Packet.Kind == zab.KindPong:
		if l.doubt[n.index] && ev.Packet.Zxid > l.pinged[n.index] {
			l.since[n.index][ev.Peer] = true
			l.doubt[n.index] = !k.ensemble.IsQuorum(func(id zab.ServerID) bool { return l.since[n.index][id] })
		}
		e := k.w.net.find(n, ev.Link)
		if e == nil || len(l.pongs[e.link]) == 0 {
			return
		}
		heard := k.sessions.heard[n.index]
		for id, at := range l.pongs[e.link][0] {
			heard[id] = max(heard[id], at)
		}
		l.pongs[e.link] = l.pongs[e.link][1:]
	}
}

// acts takes note that a leader lets a server do something for a session.
func (l *leaderCheck) acts(k *checker, n *node, id zab.SessionID, by zab.ServerID) {
	l.stale[id] = act{by, k.w.now}
	if k.leading[n.index] == l.epoch {
		l.acted[id] = l.stale[id]
	}
}

// proposes judges what a leader appends: after it stood still it does nothing
// for clients, and ends no session, before a quorum has answered it (L7).
func (l *leaderCheck) proposes(k *checker, n *node, rec *zab.Record) {
	if rec.Txn != nil && rec.Txn.Seq != 0 {
		l.acts(k, n, rec.Txn.Session, rec.Txn.Origin)
	}
	if l.doubt[n.index] && rec.Txn != nil && (rec.Txn.Seq != 0 || rec.Txn.Op == zab.OpExpire) {
		k.w.fail("%v proposes %s %s after it stood still, and nobody has answered it since", n, jute.Op(rec.Txn.Op), rec.Zxid)
	}
}

// movedAway judges that a server is told that the client of a connection has
// gone to another: it has not, if this is the last that it opened, the newest
// leader said so or could be told, and nothing came later from elsewhere that
// the client had asked for before (R9, L9).
func (k *checker) movedAway(c *conn) { k.moved(c, k.leader.acted[c.session]) }

// attachRefused judges that a server is told that an attach which it has
// repeated to a new leader does not hold: its client has gone to another, or the
// session is over.
func (k *checker) attachRefused(c *conn, over bool) {
	if !over {
		k.moved(c, k.leader.acted[c.session], k.leader.stale[c.session])
	} else if !k.sessions.ending[c.session] {
		k.w.fail("%v is told that session %s is over; nobody ended it", c.port.node, c.session)
	}
}

// moved judges a refusal that any of the acts excuses which came late.
func (k *checker) moved(c *conn, late ...act) {
	for i, waits := range k.leader.waits {
		if k.leading[i] > 0 && i != c.port.node.index && waits[c.session] {
			return
		}
	}
	excused := slices.ContainsFunc(late, func(a act) bool { return a.by != c.port.node.id && a.at >= c.asked })
	if c.sure && c.client.dialled == c.ordinal && !excused {
		k.w.fail("session %s is refused at %v as moved; its client came at %v and has opened no connection since, and server %d spoke for it last, at %v",
			c.session, c.port.node, c.since, late[0].by, late[0].at)
	}
}
