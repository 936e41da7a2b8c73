package sim

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/zab"
)

// crashAndRestart ends a server by a loss of power; it comes back after a while.
func (w *world) crashAndRestart(n *node, r *rand.Rand) {
	down := between(r, 5*time.Millisecond, 200*time.Millisecond)
	if r.IntN(10) < 3 {
		down = between(r, 200*time.Millisecond, 4*time.Second)
	}
	keep, silent := drawKeep(r), r.IntN(4) == 0
	if !n.up {
		return
	}
	if silent {
		w.check.mark("silent crash")
		n.vanish(keep)
	} else {
		n.crash(keep)
	}
	n.startLater(down)
}

func drawKeep(r *rand.Rand) vfs.Keep { return vfs.Keeps[r.IntN(len(vfs.Keeps))] }

func crashOne(w *world, r *rand.Rand) { w.crashAndRestart(w.victim(r), r) }

func crashAll(w *world, r *rand.Rand) {
	for _, n := range w.nodes {
		w.crashAndRestart(n, r)
	}
	w.check.mark("crash of all")
}

func crashQuorum(w *world, r *rand.Rand) {
	voters := len(w.check.ensemble.Voters())
	for _, i := range r.Perm(voters)[:voters/2+1] {
		w.crashAndRestart(w.nodes[i], r)
	}
	w.check.mark("crash of a quorum")
}

// crashInOperation has the power fail within one of the disk operations that
// follow; nobody hears of what that operation came to.
func crashInOperation(w *world, r *rand.Rand) {
	n := w.victim(r)
	ops, keep, sort := 1+r.IntN(30), drawKeep(r), drawOp(r)
	if sort != vfs.OpAnyChange {
		ops = 1 + ops/6
	}
	if n.up {
		n.failPowerAfter(ops, keep, r, sort)
	}
}

// crashInStart has the power fail, and fail again while the server recovers.
func crashInStart(w *world, r *rand.Rand) {
	n := w.victim(r)
	n.startCrashOp = 1 + r.IntN(12)
	w.crashAndRestart(n, r)
}

// restartStorm ends a server again and again, soon after each start.
func restartStorm(w *world, r *rand.Rand) {
	n := w.victim(r)
	left := 10
	var again func()
	again = func() {
		if n.up {
			n.crash(drawKeep(r))
			n.startLater(between(r, time.Millisecond, 20*time.Millisecond))
		}
		if left--; left > 0 && !w.calm {
			w.after(between(r, 5*time.Millisecond, 150*time.Millisecond), again)
		}
	}
	again()
	w.check.mark("restart storm")
}

// wipeOne takes one server's disk away.
func wipeOne(w *world, r *rand.Rand) {
	n := w.victim(r)
	down := between(r, 10*time.Millisecond, time.Second)
	if !n.up || !w.mayDamage(n) {
		return
	}
	n.crash(vfs.KeepNothing)
	n.empty()
	n.startLater(down)
}

// mayDamage reports whether a server's disk may be damaged or lost. It happens
// to one at a time, and only while a quorum of the others has taken part in an
// epoch: a server without its disk cannot tell that from being new, so that
// more than one at a time is what no protocol survives (invariant E4).
func (w *world) mayDamage(n *node) bool {
	if d := w.damaged; d != nil && d.up && d.replica.Status().Serving && !d.stillDamaged() {
		w.damaged = nil
	}
	if w.damaged != nil && w.damaged != n || len(w.check.history) == 0 {
		return false
	}
	safe := w.check.ensemble.IsQuorum(func(id zab.ServerID) bool {
		return id != n.id && w.check.durable[id-1].epochs.Current > 0
	})
	if safe {
		w.damaged = n
		n.whole = false
	}
	return safe
}

// empty gives a server an empty disk.
func (n *node) empty() {
	n.w.say("wipe %d", n.id)
	n.fs = vfs.NewMem()
	n.w.check.wiped(n)
	n.rotten, n.whole = false, true // what is on it is right, if little
}

func pauseOne(w *world, r *rand.Rand) {
	w.pause(w.victim(r), between(r, 20*time.Millisecond, 2*time.Second), "pause")
}

// pauseLong has a server stand still for longer than sessions last.
func pauseLong(w *world, r *rand.Rand) {
	w.pause(w.victim(r), between(r, 2*time.Second, 15*time.Second), "long pause")
}

func (w *world) pause(n *node, d time.Duration, what string) {
	if !n.up || n.paused {
		return
	}
	life := n.life
	w.say("pause %d for %v", n.id, d)
	w.check.mark(what)
	n.paused, n.pausedAt = true, w.now
	w.after(d, func() {
		if n.life == life && n.paused {
			n.resume()
		}
	})
}

// resume lets a server go on: it finds everything that came meanwhile at once.
func (n *node) resume() {
	n.w.say("resume %d", n.id)
	if n.paused = false; n.w.now-n.pausedAt > 2*tickTime {
		n.w.check.sessions.anew(n)
		n.w.check.stoodStill(n)
	}
	life, steps := n.life, shuffle(n.backlog, n.w.rng)
	n.backlog = nil
	for _, d := range steps {
		if n.life == life {
			n.dueIn(d.lane, d.stage, d.do)
		}
	}
}

// delayed is a step whose time came while its stage was held, or its server
// stood still.
type delayed struct {
	lane  any // steps of one lane happen in their order
	stage stage
	do    func()
}

// shuffle puts the steps of different lanes in any order: what runs first
// after a standstill is up to the scheduler.
func shuffle(steps []delayed, r *rand.Rand) []delayed {
	var lanes []any
	of := map[any][]delayed{}
	for _, s := range steps {
		if _, ok := of[s.lane]; !ok {
			lanes = append(lanes, s.lane)
		}
		of[s.lane] = append(of[s.lane], s)
	}
	out := make([]delayed, 0, len(steps))
	for len(lanes) > 0 {
		i := r.IntN(len(lanes))
		all := of[lanes[i]]
		count := 1 + r.IntN(len(all))
		out = append(out, all[:count]...)
		if of[lanes[i]] = all[count:]; count == len(all) {
			lanes = slices.Delete(lanes, i, i+1)
		}
	}
	return out
}

// clockJump sets a server's wall clock, by up to a day.
func clockJump(w *world, r *rand.Rand) {
	n := w.victim(r)
	n.wall = between(r, -24*time.Hour, 24*time.Hour)
	w.say("the clock of %d is off by %v", n.id, n.wall)
	w.check.mark("clock jump")
}
