package sim

import (
	"math/rand/v2"
	"time"
)

// leader returns a server that leads: the one of the highest epoch, nil when
// nobody does or the run spares it.
func (w *world) leader() *node {
	var found *node
	for _, n := range w.nodes {
		if n.up && w.check.leading[n.index] > 0 &&
			(found == nil || w.check.leading[n.index] > w.check.leading[found.index]) {
			found = n
		}
	}
	if w.lone != nil {
		return nil
	}
	return found
}

// depose ends the leader, in one way or another.
func depose(w *world, r *rand.Rand) {
	how, pause := r.IntN(3), between(r, 500*time.Millisecond, 5*time.Second)
	n := w.leader()
	if n == nil {
		return
	}
	w.check.mark("leader deposed")
	switch how {
	case 0:
		w.crashAndRestart(n, r)
	case 1:
		w.cutPairs(both(n.index, w.everybody()...), drawCut(r), r)
	default: // it goes on with what it believed, in another time
		w.pause(n, pause, "leader paused")
	}
}

// usurp has all others see the end of their connections to the leader, which
// is told nothing: they choose another while it believes that it leads. Its
// clients go on writing and asking for what it cannot know any more.
func usurp(w *world, r *rand.Rand) {
	stands, pause := r.IntN(3) == 0, between(r, 200*time.Millisecond, 4*time.Second)
	away := between(r, 500*time.Millisecond, 4*time.Second)
	n := w.leader()
	if n == nil {
		return
	}
	w.say("the others see the end of %v", n)
	w.check.mark("leader usurped")
	w.cutPairs(both(n.index, w.everybody()...), away, r)
	for _, l := range w.net.links {
		for i, e := range l.end {
			if e.node == n && e.open && l.end[1-i].open {
				l.mute = true
				w.net.hangUp(l.end[1-i])
			}
		}
	}
	if stands {
		w.pause(n, pause, "leader paused")
	}
}

// strand has the leader append what it does not send, and end with it: its
// log keeps a tail that nobody else has.
func strand(w *world, r *rand.Rand) {
	wait, down, kill := between(r, time.Millisecond, 300*time.Millisecond), between(r, 5*time.Millisecond, 4*time.Second), r.IntN(2) == 0
	keep := drawKeep(r)
	n := w.leader()
	if n == nil {
		return
	}
	w.say("%v sends nothing for %v, and ends", n, wait)
	w.check.mark("leader stranded")
	n.hold(stageSend)
	life := n.life
	w.after(wait, func() {
		switch {
		case n.life != life:
			return
		case kill:
			n.kill()
		default:
			n.crash(keep)
		}
		n.startLater(down)
	})
}

// starve keeps a stage of one server from doing anything for a while, as a
// thread that is not given the processor.
func starve(w *world, r *rand.Rand) {
	n, s := w.victim(r), stage(r.IntN(int(stages)))
	d := spread(r, time.Millisecond, time.Second)
	n.starve(s, d)
}

func (n *node) starve(s stage, d time.Duration) {
	if !n.up || n.held[s] {
		return
	}
	n.w.say("%v: %s starves for %v", n, s, d)
	n.w.check.mark("starved: " + s.String())
	n.hold(s)
	life := n.life
	n.w.after(d, func() {
		if n.life == life {
			n.release(s)
		}
	})
}

// absent has a server end and come back when the others have gone on.
func absent(w *world, r *rand.Rand) {
	n := w.victim(r)
	keep, down := drawKeep(r), between(r, time.Second, 6*time.Second)
	if n.up {
		w.check.mark("absence")
		n.crash(keep)
		n.startLater(down)
	}
}
