package sim

import (
	"errors"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/replica"
	"github.com/quorumd/quorumd/txnlog"
	"github.com/quorumd/quorumd/zab"
)

// start recovers a server from its disk. Where that fails, it is tried again
// later, as by whoever supervises the process.
func (n *node) start() {
	w := n.w
	n.life++
	n.reset()
	n.fs.Room(n.room)
	n.fs.Hook(func(vfs.Op) { n.reach(atDisk) })
	if n.startCrashOp > 0 {
		n.failPowerAfter(n.startCrashOp, vfs.KeepSubset, w.rng, vfs.OpAnyChange)
		n.startCrashOp = 0
	}
	store, state, found, err := n.recover()
	if n.clone != nil {
		w.check.mark("crash in start")
		n.powerFailed()
		return
	}
	if err != nil {
		n.refuse(err)
		return
	}
	n.store, n.state, n.up = store, state, true
	n.born = w.now
	n.sinceSnap, n.snapEvery = 0, w.knobs.snapEvery+w.rng.IntN(w.knobs.snapMore)
	n.out.Reset()
	n.port.open(n)
	var secret [32]byte
	for i := range secret {
		secret[i] = byte(w.rng.Uint32())
	}
	n.replica = replica.New(replica.Config{
		Self: n.id, Ensemble: w.check.ensemble, Tick: tickTime, InitLimit: initLimit, SyncLimit: syncLimit,
		Membership: "simulated", Flags: zab.FlagExtendedTypes, Window: w.knobs.window, Spent: w.spent,
		Recent: w.knobs.recent, Piece: w.knobs.piece,
		Bootstrap: zab.Bootstrap{Ensemble: w.rng.Uint64() | 1, Secret: secret[:]},
	}, replica.Start{
		Last: found.Last, Applied: state.Applied(), Epochs: found.Epochs,
		Sessions: state.Sessions(), Ensemble: state.Ensemble(), Members: state.Membership(),
		Identity: found.Ensemble,
	})
	w.say("start %d log=%s applied=%s accepted=%d current=%d torn=%d", n.id, found.Last, state.Applied(),
		found.Epochs.Accepted, found.Epochs.Current, found.Torn)
	w.check.started(n, found)
	n.announce(true)
	n.tellSpace()
	n.tick(n.life)
}

// reset makes a server's memory that of a process that has just begun.
func (n *node) reset() {
	n.disk, n.diskBusy, n.applies, n.applying = nil, false, nil, false
	n.leaving, n.sending = nil, false
	n.paused, n.imaging, n.snapless = false, false, nil
	n.stalled, n.awaiting = 0, nil
	n.space, n.outOfRoom = zab.SpaceAmple, false
	n.clone = nil
	n.forgetSteps()
	n.rate = 0.95 + 0.1*n.w.rng.Float64()
	if f := n.w.check.faults; f.clocks > 0 {
		n.rate = 1 - f.clocks + 2*f.clocks*n.w.rng.Float64()
	}
}

// recover opens the disk and builds the tree.
func (n *node) recover() (*txnlog.Store, *replica.State, txnlog.Recovered, error) {
	n.loaded = nil
	store, found, err := txnlog.Open(n.fs, txnlog.Options{
		LogDir: "log", DataDir: "data", Server: n.id, SegmentSize: n.w.knobs.segment, Load: n.load,
	})
	if err != nil {
		return nil, nil, found, err
	}
	state := replica.NewState()
	if found.Snapshot != nil {
		state = n.takeLoaded(found.Snapshot.At)
	}
	return store, state, found, nil
}

// refuse deals with a server that did not start. One whose data was damaged
// gets an empty disk, as its message asks for; any other has to wait.
func (n *node) refuse(err error) {
	w := n.w
	w.say("server %d does not start: %v", n.id, err)
	var failed *os.PathError
	switch {
	case n.rotten && errors.Is(err, txnlog.ErrCorrupt):
		w.check.mark("damage found at start")
		n.empty()
	case errors.As(err, &failed) && (errors.Is(err, syscall.EIO) || errors.Is(err, syscall.ENOSPC)):
		w.check.mark("start refused: " + errnoName(err))
		if failed.Op == "syncdir" { // see broken
			n.fs = n.fs.CrashClone(w.rng, vfs.KeepSubset)
		}
		n.fs.Kill()
	default:
		w.fail("server %d cannot start: %v", n.id, err)
		return
	}
	n.startLater(w.between(100*time.Millisecond, time.Second))
}

// startLater starts a server after a while, unless somebody else did.
func (n *node) startLater(d time.Duration) {
	life := n.life
	if n.w.calm {
		d = min(d, 100*time.Millisecond)
	}
	n.w.after(d, func() {
		if !n.up && n.life == life {
			n.start()
		}
	})
}

func (n *node) startIfDown() {
	if !n.up {
		n.start()
	}
}

// announce lets the others find out that the server's ports answer, or refuse.
func (n *node) announce(up bool) {
	net := n.w.net
	for _, other := range n.w.nodes {
		if other == n || !other.up || net.isCut(n, other) || net.isCut(other, n) {
			continue
		}
		life := other.life
		n.w.after(net.delay(n, other), func() {
			other.receive(life, zab.Event{Kind: zab.EvReachable, Peer: n.id, Up: up})
		})
		if mine := n.life; up {
			n.w.after(net.delay(other, n), func() {
				n.receive(mine, zab.Event{Kind: zab.EvReachable, Peer: other.id, Up: true})
			})
		}
	}
}

// load builds the state of a snapshot that the store is about to rely on.
func (n *node) load(r *txnlog.SnapshotReader) error {
	state, err := replica.LoadState(r.Next)
	if err == nil {
		n.loaded = append(n.loaded, state)
	}
	return err
}

// takeLoaded returns the state of the snapshot at a position that the store has
// taken.
func (n *node) takeLoaded(at zab.Position) *replica.State {
	i := slices.IndexFunc(n.loaded, func(state *replica.State) bool { return state.Applied() == at })
	state := n.loaded[i]
	n.loaded = slices.Delete(n.loaded, 0, i+1)
	return state
}

// load builds a tree from a snapshot.
func load(store *txnlog.Store, at zab.Position) (*replica.State, error) {
	r, err := store.OpenSnapshot(at)
	if err != nil {
		return nil, err
	}
	state, err := replica.LoadState(r.Next)
	return state, errors.Join(err, r.Close())
}

// crash ends a server as a loss of power does.
func (n *node) crash(keep vfs.Keep) {
	if n.up {
		n.w.say("crash %d keep=%s", n.id, keep)
		n.end(n.fs.CrashClone(n.w.rng, keep), false)
	}
}

// vanish is a crash that the others are not told of: their connections stay.
func (n *node) vanish(keep vfs.Keep) {
	if n.up {
		n.w.say("vanish %d keep=%s", n.id, keep)
		n.end(n.fs.CrashClone(n.w.rng, keep), true)
	}
}

// kill ends the process; its machine goes on.
func (n *node) kill() {
	if n.up {
		n.w.say("kill %d", n.id)
		n.w.check.mark("kill")
		n.fs.Kill()
		n.end(n.fs, false)
	}
}

// powerFailed ends a server whose power failed within a disk operation, before
// anybody has heard of it.
func (n *node) powerFailed() {
	n.w.say("crash %d in operation", n.id)
	fs := n.clone
	n.clone = nil
	n.end(fs, false)
	n.startLater(n.w.between(5*time.Millisecond, 500*time.Millisecond))
}

// end leaves a disk, and nothing else, of a server.
func (n *node) end(fs *vfs.MemFS, silent bool) {
	n.up = false
	n.life++
	n.forgetSteps()
	n.fs = fs
	n.port.close()
	n.w.net.died(n, silent)
	if !silent {
		n.announce(false)
	}
	n.w.check.crashed(n)
}
