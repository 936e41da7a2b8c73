package sim

import (
	"time"

	"github.com/quorumd/quorumd/wire"
	"github.com/quorumd/quorumd/zab"
)

// network carries packets: in order within a connection, in no order between
// connections.
type network struct {
	w     *world
	links []*link
	last  zab.LinkID
	cut   [][]bool // cut[a][b]: nothing goes from a to b
	enc   *wire.Encoder
	dec   *wire.Decoder
}

// link is one quorum connection, seen from both ends.
type link struct {
	end [2]*end
}

type end struct {
	node  *node
	peer  zab.ServerID // at the other end
	life  int          // of the node when it opened
	id    zab.LinkID
	open  bool          // the node has been told of it and not of its end
	ended bool          // it will never be open again
	last  time.Duration // when the last packet to this end arrives
	queue [][]byte      // waits while the way to this end is cut
	fin   bool          // the other end is closed
}

func newNetwork(w *world, nodes int) *network {
	n := &network{w: w, enc: wire.NewEncoder(), dec: wire.NewDecoder()}
	n.cut = make([][]bool, nodes)
	for i := range n.cut {
		n.cut[i] = make([]bool, nodes)
	}
	return n
}

func (n *network) isCut(from, to *node) bool { return n.cut[from.index][to.index] }

func (n *network) delay() time.Duration { return n.w.jitter(500 * time.Microsecond) }

func (n *network) find(owner *node, id zab.LinkID) (l *link, mine, other *end) {
	for _, l := range n.links {
		for i, e := range l.end {
			if e.id == id && e.node == owner {
				return l, e, l.end[1-i]
			}
		}
	}
	return nil, nil, nil
}

// dial connects from to to, or fails.
func (n *network) dial(from *node, server zab.ServerID) {
	to := n.w.node(server)
	life := from.life
	n.w.after(n.delay(), func() {
		if from.life != life {
			return
		}
		if !to.up || n.isCut(from, to) || n.isCut(to, from) {
			wait := n.delay()
			if to.up {
				wait = 400 * time.Millisecond // no answer at all
			}
			n.w.after(wait, func() { from.receive(life, zab.Event{Kind: zab.EvLinkDown, Peer: server}) })
			return
		}
		l := &link{}
		for i, nd := range []*node{from, to} {
			n.last++
			l.end[i] = &end{node: nd, life: nd.life, id: n.last, peer: []*node{to, from}[i].id}
		}
		n.links = append(n.links, l)
		n.opened(l, 1, false)
		n.opened(l, 0, true)
	})
}

func (n *network) opened(l *link, i int, dialled bool) {
	e := l.end[i]
	e.last = n.w.now + n.delay()
	n.w.after(e.last-n.w.now, func() {
		if e.ended {
			return
		}
		e.open = e.node.life == e.life
		e.node.receive(e.life, zab.Event{Kind: zab.EvLinkUp, Link: e.id, Peer: e.peer, Up: dialled})
	})
}

// send puts a packet on its way, through the codec.
func (n *network) send(from *node, id zab.LinkID, p *zab.Packet) {
	_, mine, other := n.find(from, id)
	if mine == nil || mine.fin {
		return
	}
	frame, err := n.enc.AppendPacket(nil, p)
	if err != nil {
		n.w.fail("server %d: packet %s cannot be encoded: %v", from.id, p.Kind, err)
		return
	}
	if n.isCut(from, other.node) {
		other.queue = append(other.queue, frame)
		return
	}
	n.carry(other, mine.node.id, frame)
}

func (n *network) carry(to *end, from zab.ServerID, frame []byte) {
	to.last = max(to.last, n.w.now+n.delay())
	n.w.after(to.last-n.w.now, func() {
		if !to.open {
			return
		}
		p, err := n.dec.Packet(wire.ParseHeader(frame), frame)
		if err != nil {
			n.w.fail("packet from %d to %d cannot be decoded: %v", from, to.node.id, err)
			return
		}
		to.node.receive(to.life, zab.Event{Kind: zab.EvPacket, Link: to.id, Peer: from, Packet: p})
	})
}

// close ends a connection at one end; the other hears of it when it can.
func (n *network) close(owner *node, id zab.LinkID) {
	_, mine, other := n.find(owner, id)
	if mine != nil {
		n.hangUp(mine)
		n.fin(other, mine)
	}
}

func (n *network) fin(to, from *end) {
	to.fin = true
	if n.isCut(from.node, to.node) {
		return // heard of when the way is open again
	}
	to.last = max(to.last, n.w.now+n.delay())
	n.w.after(to.last-n.w.now, func() { n.hangUp(to) })
}

// hangUp tells a node that its end is gone, or that it never opened.
func (n *network) hangUp(e *end) {
	if e.ended {
		return
	}
	ev := zab.Event{Kind: zab.EvLinkDown, Peer: e.peer}
	if e.open {
		ev.Link = e.id
	}
	e.fin, e.open, e.ended = true, false, true
	n.w.after(0, func() { e.node.receive(e.life, ev) })
}

// died breaks every connection of a node that crashed.
func (n *network) died(x *node) {
	kept := n.links[:0]
	for _, l := range n.links {
		for i, e := range l.end {
			if e.node == x {
				e.open, e.ended = false, true
				n.fin(l.end[1-i], e)
			}
		}
		if !l.end[0].ended || !l.end[1].ended {
			kept = append(kept, l)
		}
	}
	n.links = kept
}

// resetOne breaks a connection drawn at random.
func (n *network) resetOne() {
	var open []*link
	for _, l := range n.links {
		if l.end[0].open && l.end[1].open {
			open = append(open, l)
		}
	}
	if len(open) == 0 {
		return
	}
	l := open[n.w.rng.IntN(len(open))]
	n.w.say("reset %d-%d", l.end[0].node.id, l.end[1].node.id)
	for _, e := range l.end {
		n.w.after(n.delay(), func() { n.hangUp(e) })
	}
}

// heal opens every way and delivers what waited.
func (n *network) heal() {
	for i := range n.cut {
		clear(n.cut[i])
	}
	for _, l := range n.links {
		for i, e := range l.end {
			from := l.end[1-i]
			for _, frame := range e.queue {
				n.carry(e, from.node.id, frame)
			}
			e.queue = nil
			if e.fin && !e.ended {
				n.fin(e, from)
			}
		}
	}
}

// notify carries an election message, which may get lost or come twice.
func (n *network) notify(from *node, m zab.Notify, f faults) {
	to := n.w.node(m.Peer)
	if n.isCut(from, to) || n.w.chance(f.lose) && !n.w.calm {
		return
	}
	times := 1
	if n.w.chance(f.repeat) {
		times = 2
	}
	for range times {
		life, note := to.life, m.Notification
		n.w.after(n.delay(), func() { to.receive(life, zab.Event{Kind: zab.EvNotification, Notification: &note}) })
	}
}
