package election

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/quorumd/quorumd/zab"
)

// world is several servers and the network between them.
type world struct {
	ens   *zab.Ensemble
	nodes []*node // by id
	lanes map[[2]zab.ServerID][]zab.Notification
	cut   map[[2]zab.ServerID]bool
	conn  map[[2]zab.ServerID]bool // open connections, lower id first
	now   time.Duration
	log   io.Writer // nil: silent
}

// node is one server: dead, looking, or settled.
type node struct {
	id       zab.ServerID
	standing Standing
	members  uint64
	down     Down
	election *Election
	settled  *Settled
	outcome  Outcome
	since    time.Duration // of the outcome
	lost     bool          // the hint of Settled
	refuses  bool          // its machine refuses connections; false: or is silent
}

func newWorld(ens *zab.Ensemble, log io.Writer) *world {
	w := &world{ens: ens, log: log, lanes: map[[2]zab.ServerID][]zab.Notification{}, cut: map[[2]zab.ServerID]bool{}, conn: map[[2]zab.ServerID]bool{}}
	ids := slices.Concat(ens.Voters(), ens.Observers())
	slices.Sort(ids)
	for _, id := range ids {
		w.nodes = append(w.nodes, &node{id: id})
	}
	return w
}

func (w *world) node(id zab.ServerID) *node {
	i := slices.IndexFunc(w.nodes, func(n *node) bool { return n.id == id })
	return w.nodes[i]
}

func (n *node) alive() bool { return n.election != nil || n.settled != nil }

func (w *world) config(n *node) Config {
	return Config{Self: n.id, Ensemble: w.ens, Members: n.members}
}

func pair(a, b zab.ServerID) [2]zab.ServerID { return [2]zab.ServerID{min(a, b), max(a, b)} }

// start lets a server look for a leader, in the round after its last.
func (w *world) start(n *node, epoch zab.Epoch, last zab.Zxid) {
	fresh := !n.alive()
	n.standing.Round++
	n.standing.Vote = zab.Vote{Leader: n.id, Epoch: epoch, Zxid: last}
	n.standing.Blank = last == 0
	n.standing.Amnesiac = last == 0 && epoch == 0
	n.standing.Down = n.down
	n.settled, n.lost = nil, false
	n.election = New(w.config(n), n.standing)
	var out zab.Output
	o, done := n.election.Start(w.now, &out)
	w.effects(n, &out, o, done)
	if fresh {
		w.reach(n.id)
	}
}

// look lets a server that lost its role look again.
func (w *world) look(n *node) { w.start(n, n.standing.Vote.Epoch, n.standing.Vote.Zxid) }

// crash ends a server; it comes back with round 0. Nobody is told when it
// vanishes, as when a machine loses its power.
func (w *world) crash(n *node, vanish bool) {
	n.election, n.settled, n.down, n.standing.Round = nil, nil, nil, 0
	n.refuses = !vanish
	for _, other := range w.nodes {
		w.clear(n.id, other.id)
		w.conn[pair(n.id, other.id)] = false
		if other != n && !vanish {
			w.tellReach(other.id, n.id)
		}
	}
}

func (w *world) clear(a, b zab.ServerID) {
	delete(w.lanes, [2]zab.ServerID{a, b})
	delete(w.lanes, [2]zab.ServerID{b, a})
}

// sever cuts or mends the connection of a and b.
func (w *world) sever(a, b zab.ServerID, cut bool) {
	w.cut[pair(a, b)] = cut
	w.clear(a, b)
	w.connect(a, b)
}

// connect opens or breaks the connection of a and b, as it must be, and tells
// them.
func (w *world) connect(a, b zab.ServerID) {
	w.conn[pair(a, b)] = !w.cut[pair(a, b)] && w.node(a).alive() && w.node(b).alive()
	w.tellReach(a, b)
	w.tellReach(b, a)
}

// reach connects a server that has started.
func (w *world) reach(id zab.ServerID) {
	for _, other := range w.nodes {
		if other.id != id {
			w.connect(id, other.id)
		}
	}
}

// tellReach tells a server whether peer can be reached, unless it cannot know.
func (w *world) tellReach(to, peer zab.ServerID) {
	n, p := w.node(to), w.node(peer)
	if !n.alive() || !p.alive() && !p.refuses {
		return
	}
	up := w.conn[pair(to, peer)]
	n.down.Set(peer, up)
	var out zab.Output
	switch {
	case n.election != nil:
		o, done := n.election.Reachable(peer, up, w.now, &out)
		w.effects(n, &out, o, done)
	case up:
		n.settled.Reachable(peer, &out)
		w.effects(n, &out, Outcome{}, false)
	}
}

// deliver hands the oldest notification of a lane over.
func (w *world) deliver(from, to zab.ServerID) bool {
	lane := w.lanes[[2]zab.ServerID{from, to}]
	if len(lane) == 0 {
		return false
	}
	msg := lane[0]
	w.lanes[[2]zab.ServerID{from, to}] = lane[1:]
	n := w.node(to)
	if !n.alive() {
		return true
	}
	w.printf("%d hears %d: %s\n", to, from, words(&msg))
	var out zab.Output
	if n.election != nil {
		o, done := n.election.Notification(&msg, w.now, &out)
		w.effects(n, &out, o, done)
		return true
	}
	n.down.Set(from, true)
	if n.settled.Notification(&msg, &out) && !n.lost {
		n.lost = true
		w.printf("  %d: its role is lost\n", to)
	}
	w.effects(n, &out, Outcome{}, false)
	return true
}

// settle delivers until nothing is under way.
func (w *world) settle() {
	for again := true; again; {
		again = false
		for _, a := range w.nodes {
			for _, b := range w.nodes {
				again = w.deliver(a.id, b.id) || again
			}
		}
	}
}

// tick lets time pass for everybody, in steps as a shell would.
func (w *world) tick(d time.Duration) {
	for end := w.now + d; w.now < end; {
		w.now = min(w.now+zab.TickInterval, end)
		for _, n := range w.nodes {
			if n.election != nil {
				var out zab.Output
				o, done := n.election.Tick(w.now, &out)
				w.effects(n, &out, o, done)
			}
		}
	}
}

// effects carries out what a step asked for.
func (w *world) effects(n *node, out *zab.Output, o Outcome, done bool) {
	for _, note := range out.Notes {
		w.printf("  %d: %s\n", n.id, note)
	}
	for i := 0; i < len(out.Notify); {
		msg, to := out.Notify[i].Notification, []string(nil)
		for ; i < len(out.Notify) && out.Notify[i].Notification == msg; i++ {
			peer := out.Notify[i].Peer
			to = append(to, fmt.Sprint(peer))
			if w.conn[pair(n.id, peer)] {
				lane := [2]zab.ServerID{n.id, peer}
				w.lanes[lane] = append(w.lanes[lane], msg)
			}
		}
		w.printf("  %d tells %s: %s\n", n.id, strings.Join(to, ","), words(&msg))
	}
	if done {
		n.standing.Round = max(n.standing.Round, o.Round)
		n.outcome, n.since = o, w.now
		n.settled = NewSettled(w.config(n), o, n.standing)
		n.election = nil
		w.printf("  %d: %s, leader %d, round %d\n", n.id, o.Role, o.Leader, o.Round)
	}
}

func (w *world) printf(format string, args ...any) {
	if w.log != nil {
		fmt.Fprintf(w.log, format, args...)
	}
}

// words says a notification in short.
func words(n *zab.Notification) string {
	s := fmt.Sprintf("%s, round %d, ", n.State, n.Round)
	if n.Vote.Leader == zab.NoServer {
		return s + "asks"
	}
	s += fmt.Sprintf("votes %d (epoch %d, zxid %s)", n.Vote.Leader, n.Vote.Epoch, n.Vote.Zxid)
	if n.Amnesiac {
		s += ", amnesiac"
	}
	return s
}
