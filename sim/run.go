package sim

import (
	"fmt"
	"io"
	"math/rand/v2"
	"sort"
	"time"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/zab"
)

// Report tells how a run went.
type Report struct {
	Seed    uint64
	Err     error  // what was violated, nil for nothing
	Hash    uint64 // of the trace: the same for the same seed
	Tasks   uint64 // things that happened
	Virtual time.Duration
	Commits int // records in the history
	Answers int // that clients got to writes
	Seen    map[string]uint64
}

// Run performs the run that o names.
func Run(o Options) Report {
	w := newWorld(o)
	w.guard(w.chaos)
	if w.err == nil {
		w.heal()
	}
	return w.report()
}

func (w *world) report() Report {
	r := Report{
		Seed: w.opt.Seed, Err: w.err, Hash: w.trace.hash.Sum64(), Tasks: w.count, Virtual: w.now,
		Commits: len(w.check.history), Seen: w.check.seen,
	}
	for _, c := range w.clients {
		r.Answers += c.answers
	}
	return r
}

func newWorld(o Options) *world {
	rng := rand.New(rand.NewPCG(o.Seed, 0x71756f72756d64))
	w := &world{opt: o, rng: rng, trace: newTrace(o.Trace)}
	f, servers, observers, clients := draw(o, rng)
	if w.opt.Chaos == 0 {
		w.opt.Chaos = w.between(5*time.Second, 20*time.Second)
	}
	w.furnish(servers, observers, f)
	for i := range clients {
		w.clients = append(w.clients, &client{w: w, id: i + 1})
	}
	w.say("seed %d: %d voters, %d observers, %d clients, faults %+v", o.Seed, servers, observers, clients, f)
	return w
}

// furnish puts the servers, their network and the checker into a world.
func (w *world) furnish(servers, observers int, f faults) {
	var voters, watching []zab.ServerID
	for i := range servers + observers {
		id := zab.ServerID(i + 1)
		if i < servers {
			voters = append(voters, id)
		} else {
			watching = append(watching, id)
		}
		w.nodes = append(w.nodes, &node{w: w, id: id, index: i, fs: vfs.NewMem()})
	}
	w.net = newNetwork(w, len(w.nodes))
	w.check = newChecker(w, zab.NewEnsemble(voters, watching), f, len(w.nodes))
}

// chaos is the first phase.
func (w *world) chaos() {
	for _, n := range w.nodes {
		w.after(w.between(0, 200*time.Millisecond), n.start)
	}
	for _, c := range w.clients {
		w.after(w.between(0, time.Second), c.move)
	}
	w.plague()
	w.run(w.opt.Chaos)
}

// heal is the second phase: no more faults, and all must be well.
func (w *world) heal() {
	w.calm = true
	w.say("the faults end")
	w.net.heal()
	for _, n := range w.nodes {
		n.stalled = 0
		switch {
		case !n.up:
			w.guard(n.start)
		case n.paused:
			w.guard(n.resume)
		}
		n.announce(true)
	}
	limit := w.now + healLimit
	w.run(w.now + 2*time.Second)
	for _, c := range w.clients {
		c.retire()
	}
	for why := w.check.together(); why != "" && w.err == nil; why = w.check.together() {
		if w.now >= limit {
			w.fail("not together %v after the faults ended: %s", healLimit, why)
			return
		}
		w.run(w.now + 100*time.Millisecond)
	}
	if w.err == nil {
		w.check.final()
	}
}

// plague schedules the faults of the run.
func (w *world) plague() {
	f := w.check.faults
	w.every(f.crash, func() {
		n := w.nodes[w.rng.IntN(len(w.nodes))]
		if n != w.wiped {
			w.strike(n)
		}
	})
	w.every(f.crashAll, func() {
		if w.wiped == nil {
			for _, n := range w.nodes {
				w.strike(n)
			}
			w.check.mark("crash of all")
		}
	})
	w.every(f.pause, w.pauseOne)
	w.every(f.partition, w.partition)
	w.every(f.reset, func() {
		w.net.resetOne()
		w.check.mark("reset")
	})
	w.every(f.wipe, w.wipeOne)
	w.every(f.stall, func() {
		n := w.nodes[w.rng.IntN(len(w.nodes))]
		n.stalled = w.now + w.between(10*time.Millisecond, 2*time.Second)
		w.say("disk of %d stalls until %v", n.id, n.stalled)
		w.check.mark("stall")
	})
}

// every does f again and again, on average once in mean, until the faults end.
func (w *world) every(mean time.Duration, f func()) {
	if mean == 0 {
		return
	}
	w.after(w.between(mean/4, 7*mean/4), func() {
		if !w.calm {
			f()
			w.every(mean, f)
		}
	})
}

// strike crashes a server, which comes back after a while.
func (w *world) strike(n *node) {
	if !n.up {
		return
	}
	keeps := []vfs.Keep{vfs.KeepNothing, vfs.KeepPrefix, vfs.KeepSubset}
	n.crash(keeps[w.rng.IntN(len(keeps))])
	down := w.between(5*time.Millisecond, 200*time.Millisecond)
	if w.chance(0.3) {
		down = w.between(200*time.Millisecond, 4*time.Second)
	}
	w.after(down, func() {
		if !n.up {
			n.start()
		}
	})
}

// wipeOne takes one server's disk away. It happens to one at a time, and only
// while a quorum of the others has what is committed: more than that no
// protocol survives.
func (w *world) wipeOne() {
	if w.wiped != nil {
		if s := w.wiped; s.up && s.replica.Status().Serving {
			w.wiped = nil
		}
		return
	}
	n := w.nodes[w.rng.IntN(len(w.nodes))]
	end := w.check.end().Zxid
	safe := w.check.ensemble.IsQuorum(func(id zab.ServerID) bool {
		return id != n.id && w.check.durable[id-1].synced >= end && w.check.durable[id-1].epochs.Current > 0
	})
	if !safe || !n.up || len(w.check.history) == 0 {
		return
	}
	n.crash(vfs.KeepNothing)
	w.say("wipe %d", n.id)
	n.fs = vfs.NewMem()
	w.check.wiped(n)
	w.wiped = n
	w.after(w.between(10*time.Millisecond, time.Second), func() {
		if !n.up {
			n.start()
		}
	})
}

func (w *world) pauseOne() {
	n := w.nodes[w.rng.IntN(len(w.nodes))]
	if !n.up || n.paused {
		return
	}
	life := n.life
	d := w.between(20*time.Millisecond, 5*time.Second)
	w.say("pause %d for %v", n.id, d)
	w.check.mark("pause")
	n.paused = true
	w.after(d, func() {
		if n.life == life && n.paused {
			n.resume()
		}
	})
}

// resume lets a server go on: it finds everything that came meanwhile at once.
func (n *node) resume() {
	n.w.say("resume %d", n.id)
	n.paused = false
	n.catchUp(&n.backlog)
}

// partition cuts links: one server off, two groups apart, or one direction of
// one pair; then everything heals.
func (w *world) partition() {
	k := len(w.nodes)
	if k == 1 {
		return
	}
	switch w.rng.IntN(3) {
	case 0:
		x := w.rng.IntN(k)
		for y := range k {
			if y != x {
				w.net.cut[x][y], w.net.cut[y][x] = true, true
			}
		}
		w.say("cut %d off", x+1)
	case 1:
		side := make([]bool, k)
		for i := range side {
			side[i] = w.rng.IntN(2) == 0
		}
		for i := range k {
			for j := range k {
				w.net.cut[i][j] = w.net.cut[i][j] || side[i] != side[j]
			}
		}
		w.say("split %v", side)
	case 2:
		x, y := w.rng.IntN(k), w.rng.IntN(k)
		if x != y {
			w.net.cut[x][y] = true
			w.say("cut %d to %d", x+1, y+1)
		}
	}
	w.check.mark("partition")
	w.after(w.between(50*time.Millisecond, 6*time.Second), func() {
		w.say("the network heals")
		w.net.heal()
	})
}

// retire lets a client finish and ask no more.
func (c *client) retire() {
	if c.conn != nil && c.conn.seq != 0 && c.w.now-c.since > 2*patience {
		c.w.fail("client %d got no answer to %s from server %d", c.id, c.conn.what, c.conn.port.node.id)
	}
	c.retired = true
}

// reachable lists what a set of runs is expected to reach.
var reachable = []string{
	"DIFF", "TRUNC", "SNAP", "ack of NEWLEADER", "crash", "crash of all", "pause", "partition", "reset", "wipe", "stall",
	zab.NoteSessionExpired.String(), zab.NoteRequestsResent.String(), zab.NotePaused.String(), zab.NoteRoleLost.String(),
}

// Unreached returns what a set of runs should have reached and has not.
func Unreached(seen map[string]uint64) []string {
	var missing []string
	for _, what := range reachable {
		if seen[what] == 0 {
			missing = append(missing, what)
		}
	}
	return missing
}

// WriteSeen prints how often each thing was reached.
func WriteSeen(out io.Writer, seen map[string]uint64) {
	names := make([]string, 0, len(seen))
	for name := range seen {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		fmt.Fprintf(out, "  %9d  %s\n", seen[name], name)
	}
}
