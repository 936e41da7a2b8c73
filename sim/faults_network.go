package sim

import (
	"math/rand/v2"
	"time"
)

// cutPairs cuts directions for a while, and opens them again.
func (w *world) cutPairs(pairs [][2]int, d time.Duration, r *rand.Rand) {
	for _, p := range pairs {
		w.net.shut(p[0], p[1])
	}
	w.check.mark("partition")
	w.after(d, func() {
		w.say("open again: %v", pairs)
		for _, p := range pairs {
			w.net.open(p[0], p[1], r)
		}
	})
}

// both names both directions between a server and others.
func both(x int, others ...int) [][2]int {
	var pairs [][2]int
	for _, y := range others {
		if y != x {
			pairs = append(pairs, [2]int{x, y}, [2]int{y, x})
		}
	}
	return pairs
}

func (w *world) everybody() []int {
	all := make([]int, len(w.nodes))
	for i := range all {
		all[i] = i
	}
	return all
}

func drawCut(r *rand.Rand) time.Duration { return between(r, 50*time.Millisecond, 5*time.Second) }

// cutOff cuts one server off from all others.
func cutOff(w *world, r *rand.Rand) {
	x := w.victim(r)
	w.say("cut %d off", x.id)
	w.cutPairs(both(x.index, w.everybody()...), drawCut(r), r)
}

// split parts the servers into two groups.
func split(w *world, r *rand.Rand) {
	side := make([]bool, len(w.nodes))
	for i := range side {
		side[i] = r.IntN(2) == 0
	}
	var pairs [][2]int
	for i := range side {
		for j := range side {
			if side[i] != side[j] {
				pairs = append(pairs, [2]int{i, j})
			}
		}
	}
	w.say("split %v", side)
	w.cutPairs(pairs, drawCut(r), r)
}

// oneWay cuts what one server says, or what it hears, to one or to all others.
func oneWay(w *world, r *rand.Rand) {
	x := w.victim(r)
	in, all, y := r.IntN(2) == 0, r.IntN(2) == 0, r.IntN(len(w.nodes))
	var pairs [][2]int
	for i := range w.nodes {
		if i == x.index || !all && i != y {
			continue
		}
		if in {
			pairs = append(pairs, [2]int{i, x.index})
		} else {
			pairs = append(pairs, [2]int{x.index, i})
		}
	}
	w.say("one way: %v", pairs)
	w.check.mark("one way")
	w.cutPairs(pairs, drawCut(r), r)
}

// partial cuts two servers apart that both see the rest.
func partial(w *world, r *rand.Rand) {
	x, y := w.victim(r).index, r.IntN(len(w.nodes))
	if x == y {
		return
	}
	w.say("cut %d and %d apart", x+1, y+1)
	w.check.mark("partial partition")
	w.cutPairs(both(x, y), drawCut(r), r)
}

// swizzle cuts servers off one by one and lets them back in another order.
func swizzle(w *world, r *rand.Rand) {
	whom := r.Perm(len(w.nodes))[:1+r.IntN(len(w.nodes))]
	var at time.Duration
	for _, x := range whom {
		at += between(r, 10*time.Millisecond, 500*time.Millisecond)
		w.after(at, func() {
			w.say("swizzle: cut %d off", x+1)
			for _, p := range both(x, w.everybody()...) {
				w.net.shut(p[0], p[1])
			}
		})
	}
	for _, i := range r.Perm(len(whom)) {
		at += between(r, 10*time.Millisecond, 500*time.Millisecond)
		w.after(at, func() {
			w.say("swizzle: let %d back", whom[i]+1)
			for _, p := range both(whom[i], w.everybody()...) {
				w.net.open(p[0], p[1], r)
			}
		})
	}
	w.check.mark("swizzle")
}

// clogOne has a direction stand still; then everything arrives.
func clogOne(w *world, r *rand.Rand) {
	x, y := w.victim(r).index, r.IntN(len(w.nodes))
	if r.IntN(2) == 0 {
		x, y = y, x
	}
	if x == y {
		return
	}
	d := between(r, 10*time.Millisecond, 3*time.Second)
	w.say("clog %d to %d for %v", x+1, y+1, d)
	w.check.mark("clog")
	w.net.clogs[x][y]++
	w.after(d, func() {
		if w.net.clogs[x][y] > 0 {
			w.net.clogs[x][y]--
			w.net.flush(x, y)
		}
	})
}

// pick draws one of the connections that both ends believe to be open, at the
// victim where there is one.
func (n *network) pick(r *rand.Rand) *link {
	var open []*link
	for _, l := range n.links {
		a, b := l.end[0], l.end[1]
		if a.open && b.open && (n.w.lone == nil || a.node == n.w.lone || b.node == n.w.lone) {
			open = append(open, l)
		}
	}
	k := r.IntN(1 << 20)
	if len(open) == 0 {
		return nil
	}
	return open[k%len(open)]
}

// resetOne breaks a connection.
func resetOne(w *world, r *rand.Rand) {
	l := w.net.pick(r)
	if l == nil {
		return
	}
	w.say("reset %d-%d", l.end[0].node.id, l.end[1].node.id)
	w.check.mark("reset")
	w.net.reset(l)
}

// halfOpen ends a connection at one end. The other is told nothing, ever.
func halfOpen(w *world, r *rand.Rand) {
	l, i := w.net.pick(r), r.IntN(2)
	if l == nil {
		return
	}
	gone, left := l.end[i], l.end[1-i]
	w.say("half-open %d-%d: only %d believes in it", l.end[0].node.id, l.end[1].node.id, left.node.id)
	w.check.mark("half-open")
	l.mute = true
	w.net.hangUp(gone)
}

// breakStream has a direction of a connection deliver what is on its way in
// part, then nothing, and end later.
func breakStream(w *world, r *rand.Rand) {
	l, i := w.net.pick(r), r.IntN(2)
	packets, rest := 1+r.IntN(20), between(r, 0, 5*time.Second)
	if l == nil {
		return
	}
	w.say("stream %d to %d breaks after %d packets", l.end[1-i].node.id, l.end[i].node.id, packets)
	w.check.mark("broken stream")
	if l.end[i].budget == 0 { // else it is broken already
		l.end[i].budget = packets
	}
	w.after(rest, func() { w.net.reset(l) })
}
