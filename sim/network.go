package sim

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/quorumd/quorumd/wire"
	"github.com/quorumd/quorumd/zab"
)

// network carries packets: in order within a connection, in no order between
// connections.
type network struct {
	w     *world
	links []*link
	ends  map[zab.LinkID]*end
	last  zab.LinkID
	cut   [][]bool          // cut[a][b]: nothing goes from a to b, until heal
	cuts  [][]int           // the same, by this many faults
	clogs [][]int           // what goes from a to b waits, because of this many faults
	slow  [][]time.Duration // the typical delay of a direction
	notes [][][]func()      // election messages that wait at a clog
	enc   *wire.Encoder
	dec   *wire.Decoder
	// encoded is memory of enc's, for one packet.
	encoded []byte
	// meddle, when set, says how often a packet is carried: 1 is honest.
	meddle func(from, to zab.ServerID, p *zab.Packet) int
	lied   bool // a packet was carried another number of times than once
}

// link is one quorum connection, seen from both ends.
type link struct {
	end  [2]*end
	mute bool // nobody is told any more of what became of it
}

type end struct {
	link  *link
	other *end
	node  *node
	peer  zab.ServerID // at the other end
	life  int          // of the node when it opened
	id    zab.LinkID
	open  bool          // the node has been told of it and not of its end
	ended bool          // it will never be open again
	last  time.Duration // when the last packet to this end arrives
	queue [][]byte      // waits while the way to this end is cut
	fin   bool          // the other end is closed

	budget int // packets that still arrive, if not 0; then none
}

// typicalDelay is that of a direction that is not slow.
const typicalDelay = 500 * time.Microsecond

func newNetwork(w *world, nodes int) *network {
	n := &network{w: w, enc: wire.NewEncoder(), dec: wire.NewDecoder(), ends: make(map[zab.LinkID]*end)}
	n.cut, n.cuts, n.clogs = square[bool](nodes), square[int](nodes), square[int](nodes)
	n.slow, n.notes = square[time.Duration](nodes), square[[]func()](nodes)
	for _, row := range n.slow {
		for i := range row {
			row[i] = typicalDelay
		}
	}
	return n
}

func square[T any](n int) [][]T {
	rows := make([][]T, n)
	for i := range rows {
		rows[i] = make([]T, n)
	}
	return rows
}

// drawDelays makes some directions slow.
func (n *network) drawDelays(r *rand.Rand, part float64) {
	for _, row := range n.slow {
		for i := range row {
			slow := spread(r, typicalDelay, 40*time.Millisecond)
			if r.Float64() < part {
				row[i] = slow
			}
		}
	}
}

func (n *network) isCut(from, to *node) bool {
	return n.cut[from.index][to.index] || n.cuts[from.index][to.index] > 0
}

// isShut reports whether what goes from one server to another has to wait.
func (n *network) isShut(from, to *node) bool {
	return n.isCut(from, to) || n.clogs[from.index][to.index] > 0
}

func (n *network) delay(from, to *node) time.Duration {
	return n.w.jitter(n.slow[from.index][to.index])
}

// find returns an end of a connection that a server has.
func (n *network) find(owner *node, id zab.LinkID) *end {
	if e := n.ends[id]; e != nil && e.node == owner {
		return e
	}
	return nil
}

// dial connects from to to, or fails.
func (n *network) dial(from *node, server zab.ServerID) {
	to := n.w.node(server)
	life := from.life
	n.w.after(n.delay(from, to), func() { n.dialled(from, to, life) })
}

func (n *network) dialled(from, to *node, life int) {
	if from.life != life {
		return
	}
	if !to.up || n.isCut(from, to) || n.isCut(to, from) {
		wait := n.delay(to, from)
		if to.up {
			wait = 400 * time.Millisecond // no answer at all
		}
		n.w.after(wait, func() { from.receive(life, zab.Event{Kind: zab.EvLinkDown, Peer: to.id}) })
		return
	}
	if n.isShut(from, to) || n.isShut(to, from) {
		n.w.after(50*time.Millisecond, func() { n.dialled(from, to, life) })
		return
	}
	l := &link{}
	for i, nd := range [2]*node{from, to} {
		n.last++
		e := &end{link: l, node: nd, life: nd.life, id: n.last, peer: [2]*node{to, from}[i].id}
		l.end[i], n.ends[e.id] = e, e
	}
	l.end[0].other, l.end[1].other = l.end[1], l.end[0]
	n.forget()
	n.links = append(n.links, l)
	n.opened(l.end[1], false)
	n.opened(l.end[0], true)
}

// forget drops the connections that are over at both ends.
func (n *network) forget() {
	kept := n.links[:0]
	for _, l := range n.links {
		if l.end[0].ended && l.end[1].ended {
			delete(n.ends, l.end[0].id)
			delete(n.ends, l.end[1].id)
			continue
		}
		kept = append(kept, l)
	}
	clear(n.links[len(kept):])
	n.links = kept
}

func (n *network) opened(e *end, dialled bool) {
	e.last = n.w.now + n.delay(e.other.node, e.node)
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
	mine := n.find(from, id)
	if mine == nil || mine.fin || mine.ended {
		return
	}
	var err error
	if n.encoded, err = n.enc.AppendPacket(n.encoded[:0], p); err != nil {
		n.w.fail("server %d: packet %s cannot be encoded: %v", from.id, p.Kind, err)
		return
	}
	frame := slices.Clone(n.encoded)
	times := 1
	if n.meddle != nil {
		times = n.meddle(from.id, mine.other.node.id, p)
		n.lied = n.lied || times != 1
	}
	for range times {
		if n.isShut(from, mine.other.node) {
			mine.other.queue = append(mine.other.queue, frame)
			continue
		}
		n.carry(mine.other, frame)
	}
}

func (n *network) carry(to *end, frame []byte) {
	switch to.budget {
	case 0:
	case 1:
		return
	default:
		to.budget--
	}
	to.last = max(to.last, n.w.now+n.delay(to.other.node, to.node))
	n.w.after(to.last-n.w.now, func() { n.arrive(to, frame) })
}

func (n *network) arrive(to *end, frame []byte) {
	if !to.open {
		if to.ended && !to.link.mute && !to.other.ended && to.node.up {
			n.fin(to.other) // the machine knows of no such connection
		}
		return
	}
	p, err := n.dec.Packet(wire.ParseHeader(frame), frame)
	if err != nil {
		n.w.fail("packet from %d to %d cannot be decoded: %v", to.peer, to.node.id, err)
		return
	}
	to.node.receive(to.life, zab.Event{Kind: zab.EvPacket, Link: to.id, Peer: to.peer, Packet: p})
}

// close ends a connection at one end; the other hears of it when it can.
func (n *network) close(owner *node, id zab.LinkID) {
	if mine := n.find(owner, id); mine != nil {
		n.hangUp(mine)
		n.fin(mine.other)
	}
}

// fin has an end hear that the other is closed, after all that was sent.
func (n *network) fin(to *end) {
	if to.link.mute {
		return
	}
	to.fin = true
	if n.isShut(to.other.node, to.node) {
		return // heard of when the way is open again
	}
	to.last = max(to.last, n.w.now+n.delay(to.other.node, to.node))
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

// reset breaks a connection at both ends.
func (n *network) reset(l *link) {
	for _, e := range l.end {
		n.w.after(n.delay(e.other.node, e.node), func() { n.hangUp(e) })
	}
}

// died breaks every connection of a node that ended; silently, if its machine
// did not live to tell.
func (n *network) died(x *node, silent bool) {
	for _, l := range n.links {
		for _, e := range l.end {
			if e.node != x || e.ended {
				continue
			}
			e.open, e.ended = false, true
			if !silent {
				n.fin(e.other)
			}
		}
	}
}

// shut cuts a direction.
func (n *network) shut(from, to int) {
	if !n.w.calm {
		n.cuts[from][to]++
	}
}

// open takes a cut back. What waited arrives, or finds its connection broken.
func (n *network) open(from, to int, r *rand.Rand) {
	broken := r.IntN(3) == 0
	if n.cuts[from][to] == 0 {
		return // all was healed meanwhile
	}
	if n.cuts[from][to]--; n.isCut(n.w.nodes[from], n.w.nodes[to]) {
		return
	}
	for _, l := range n.links {
		for _, e := range l.end {
			if broken && e.node.index == to && e.other.node.index == from && len(e.queue) > 0 {
				n.reset(l)
			}
		}
	}
	n.flush(from, to)
	n.reachable(n.w.nodes[from], n.w.nodes[to])
}

// reachable has both of a pair find out that the other's ports answer again.
func (n *network) reachable(a, b *node) {
	if !a.up || !b.up || n.isCut(a, b) || n.isCut(b, a) {
		return
	}
	for _, p := range [2][2]*node{{a, b}, {b, a}} {
		life, peer := p[0].life, p[1]
		n.w.after(n.w.jitter(100*time.Millisecond), func() {
			if peer.up {
				p[0].receive(life, zab.Event{Kind: zab.EvReachable, Peer: peer.id, Up: true})
			}
		})
	}
}

// flush delivers what waited to go from one server to another.
func (n *network) flush(from, to int) {
	if n.isShut(n.w.nodes[from], n.w.nodes[to]) {
		return
	}
	for _, l := range n.links {
		for _, e := range l.end {
			if e.node.index != to || e.other.node.index != from {
				continue
			}
			for _, frame := range e.queue {
				n.carry(e, frame)
			}
			e.queue = nil
			if e.fin && !e.ended {
				n.fin(e)
			}
		}
	}
	waiting := n.notes[from][to]
	n.notes[from][to] = nil
	for _, f := range waiting {
		f()
	}
}

// heal opens every way and delivers what waited.
func (n *network) heal() {
	for i := range n.cut {
		clear(n.cut[i])
		clear(n.cuts[i])
		clear(n.clogs[i])
	}
	for _, l := range n.links {
		l.mute = false
		if l.end[0].budget > 0 || l.end[1].budget > 0 {
			n.reset(l)
		}
	}
	for i := range n.cut {
		for j := range n.cut {
			n.flush(i, j)
		}
	}
}

// notify carries an election message, which may get lost, come twice, or come
// again much later, as through a connection of long ago.
func (n *network) notify(from *node, m zab.Notify, f faults) {
	to := n.w.node(m.Peer)
	note := m.Notification
	carry := func() {
		life, own := to.life, note
		n.w.after(n.delay(from, to), func() { to.receive(life, zab.Event{Kind: zab.EvNotification, Notification: &own}) })
	}
	calm := n.w.calm || n.w.lone != nil && from != n.w.lone && to != n.w.lone
	if n.isCut(from, to) || !calm && n.w.chance(f.lose) {
		return
	}
	if n.isShut(from, to) {
		n.notes[from.index][to.index] = append(n.notes[from.index][to.index], carry)
		return
	}
	carry()
	if !calm && n.w.chance(f.repeat) {
		n.w.check.mark("repeated vote")
		carry()
	}
	if !calm && f.late > 0 && n.w.chance(0.1*f.late) {
		n.w.after(n.w.between(100*time.Millisecond, 5*time.Second), func() {
			if !n.w.calm && !n.isCut(from, to) {
				n.w.check.mark("late vote")
				carry()
			}
		})
	}
}
