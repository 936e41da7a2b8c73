package sim

import (
	"math/rand/v2"
	"syscall"
	"time"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/zab"
)

// Faults that know when and whom they hit. Drawn at any moment, one seldom
// meets the few microseconds that matter: a truncation, a snapshot that is
// being installed, a role that begins. An ambush waits for them. And faults that
// come singly, each to another server, seldom meet each other: a focus has many
// of a run befall one server.

// baits are what an ambush waits for: what servers say of themselves, and what
// the simulator sees them do. Those that are rare stand here more than once.
var baits = []string{
	zab.NoteElected.String(), zab.NoteDiscovery.String(), zab.NoteAckedNewLeader.String(),
	zab.NoteLeading.String(), zab.NoteLeading.String(), zab.NoteFollowing.String(),
	zab.NoteRoleLost.String(), zab.NoteLearnerUp.String(), zab.NoteLearnerDown.String(),
	zab.NoteRequestsResent.String(), zab.NoteSessionExpired.String(), zab.NotePaused.String(),
	zab.NoteSyncStarted.String() + " SNAP", zab.NoteSyncStarted.String() + " SNAP",
	zab.NoteSyncStarted.String() + " TRUNC", zab.NoteSyncStarted.String() + " TRUNC",
	zab.NoteSyncChosen.String() + " SNAP", zab.NoteSyncChosen.String() + " DIFF",
	baitSnapshot, baitInstalled, baitAttached,
}

const (
	baitSnapshot  = "snapshot begun"
	baitInstalled = "snapshot installed"
	baitAttached  = "client attached"
)

// trap is an ambush that is laid.
type trap struct {
	bait string
	left int // times that it springs
	spring
}

// spring is what happens to a server that walks into a trap.
type spring struct {
	peer bool // not to it but to the one that it spoke of
	do   func(n *node)
}

// ambush lays a trap.
func ambush(w *world, r *rand.Rand) {
	t := &trap{bait: baits[r.IntN(len(baits))], left: 1 + r.IntN(3), spring: drawSpring(r)}
	w.say("an ambush at %q", t.bait)
	w.traps = append(w.traps, t)
}

func drawSpring(r *rand.Rand) spring {
	wait, d := time.Duration(0), spread(r, 5*time.Millisecond, 2*time.Second)
	if r.IntN(2) == 0 {
		wait = spread(r, 20*time.Microsecond, 100*time.Millisecond)
	}
	s, ops, keep, op := stage(r.IntN(int(stages))), 1+r.IntN(6), drawKeep(r), drawOp(r)
	own := rand.New(rand.NewPCG(r.Uint64(), 0))
	peer := r.IntN(3) == 0
	soon := func(f func(n *node)) func(n *node) { // not within the step that is under way
		return func(n *node) {
			life := n.life
			n.w.after(wait, func() {
				if n.life == life && n.up && !n.w.calm {
					f(n)
				}
			})
		}
	}
	var do func(n *node)
	switch r.IntN(9) {
	case 0, 1:
		do = func(n *node) { n.starve(s, d) }
	case 2:
		do = soon(func(n *node) { n.w.crashAndRestart(n, own) })
	case 3:
		do = soon(func(n *node) { n.kill(); n.startLater(d / 4) })
	case 4:
		do = soon(func(n *node) { n.w.pause(n, d, "pause") })
	case 5:
		do = soon(func(n *node) { n.w.cutPairs(both(n.index, n.w.everybody()...), d, own) })
	case 6:
		do = soon(func(n *node) { n.w.net.resetAll(n) })
	case 7:
		do = func(n *node) { n.failPowerAfter(ops, keep, own, op) }
	default:
		do = func(n *node) { n.fs.Inject(vfs.Fault{Op: op, Nth: ops, Err: syscall.EIO}) }
	}
	return spring{peer: peer, do: do}
}

// bait is passed by a server that says or does what a trap may wait for, of
// another or, with 0, of none.
func (w *world) bait(n *node, what string, of zab.ServerID) {
	for _, t := range w.traps {
		if t.bait != what || t.left == 0 || w.calm {
			continue
		}
		hit := n
		if t.peer && of != 0 && of != zab.NoServer {
			hit = w.node(of)
		}
		if !hit.up || w.lone != nil && w.lone != hit {
			continue
		}
		t.left--
		w.say("%v walks into the ambush at %q", n, what)
		w.check.mark("ambush")
		t.do(hit)
	}
}

// baitOf names a note as traps know it.
func baitOf(note *zab.Note) string {
	if note.Kind == zab.NoteSyncChosen || note.Kind == zab.NoteSyncStarted {
		return note.Kind.String() + " " + note.Text
	}
	return note.Kind.String()
}

// resetAll breaks all connections of a server.
func (n *network) resetAll(x *node) {
	for _, l := range n.links {
		if l.end[0].node == x || l.end[1].node == x {
			n.reset(l)
		}
	}
}

// drawOp draws a sort of disk operation, any of them or one of the rarer ones:
// most of what a disk does is writing and syncing.
func drawOp(r *rand.Rand) vfs.OpKind {
	rare := []vfs.OpKind{vfs.OpCreate, vfs.OpTruncate, vfs.OpRename, vfs.OpRemove, vfs.OpSyncDir}
	if k := r.IntN(2 * len(rare)); k < len(rare) {
		return rare[k]
	}
	return vfs.OpAnyChange
}

// hesitate has the leader stand still for longer than its shortest sessions
// last and not for as long as it takes to be given up.
func hesitate(w *world, r *rand.Rand) {
	d := between(r, 250*time.Millisecond, syncLimit*tickTime*9/10)
	if n := w.leader(); n != nil {
		w.pause(n, d, "leader hesitates")
	}
}

// focus is whom many faults of a run befall.
type focus uint8

const (
	onAnybody focus = iota
	onLeader
	onOne
)

// aim draws whom the faults of a run are aimed at.
func (w *world) aim() {
	r := source(w.opt.Seed, "focus")
	w.focus = []focus{onAnybody, onAnybody, onLeader, onOne}[r.IntN(4)]
	w.marked = w.nodes[r.IntN(len(w.nodes))]
}

// aimed returns the server that the run's faults are aimed at, nil for none.
func (w *world) aimed() *node {
	switch w.focus {
	case onLeader:
		return w.leader()
	case onOne:
		return w.marked
	}
	return nil
}
