package sim

import (
	"errors"
	"math/rand/v2"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/replica"
	"github.com/quorumd/quorumd/txnlog"
	"github.com/quorumd/quorumd/zab"
)

// kickDisk performs a run of the operations asked for, of a length and after
// a time drawn at random, and lets the server hear of it later still.
func (n *node) kickDisk() {
	if n.diskBusy || n.outOfRoom || len(n.disk) == 0 {
		return
	}
	n.diskBusy = true
	n.later(stageAppend, n.w.jitter(time.Millisecond), n.performDisk)
}

func (n *node) performDisk() {
	w := n.w
	if n.stalled > w.now {
		n.await(n.performDisk)
		return
	}
	batch := n.disk[:n.some(len(n.disk))]
	n.disk = n.disk[len(batch):]
	done, err := n.do(batch)
	if n.clone == nil && errors.Is(err, txnlog.ErrNoSpace) {
		batch, err = n.awaitSpace(batch, done), nil
	}
	if n.clone != nil {
		done = nil // nobody was told of it
	}
	w.check.did(n, batch, done)
	for i := range done {
		w.record.disk(n, &done[i])
	}
	if n.broken(err) {
		return
	}
	done = slices.Clone(done)
	if n.space == zab.SpaceAmple && w.chance(0.5) && n.broken(n.store.Prepare()) {
		return
	}
	n.tellSpace()
	life := n.life
	n.later(stageSynced, w.jitter(200*time.Microsecond), func() {
		n.completed(life, done)
		n.diskBusy = false
		n.kickDisk()
	})
}

// do performs a batch. A script may cut the power within it: of what was asked
// for, nobody is told.
func (n *node) do(batch []zab.DiskOp) ([]zab.DiskDone, error) {
	told := false
	defer func() {
		if !told {
			n.w.check.did(n, batch, nil)
		}
	}()
	done, err := n.store.Do(batch)
	told = true
	return done, err
}

// broken ends the server when its store has failed, for the first error is
// final, or when the power failed meanwhile.
func (n *node) broken(err error) bool {
	w := n.w
	switch {
	case n.clone != nil:
		w.check.mark("crash in operation")
		n.powerFailed()
		return true
	case err == nil:
		return false
	}
	w.say("server %d ends: %v", n.id, err)
	var failed *os.PathError
	switch {
	case n.rotten && isDamage(err):
		w.check.mark("damage found by a read")
	case !errors.As(err, &failed):
		w.fail("server %d: disk: %v", n.id, err)
		return true
	default:
		w.check.mark("failed " + failed.Op + ": " + errnoName(err))
	}
	// A directory that cannot be written ends the machine, not the process alone.
	if failed != nil && failed.Op == "syncdir" || w.chance(0.4) {
		n.crash(vfs.Keeps[w.rng.IntN(len(vfs.Keeps))])
	} else {
		n.kill()
	}
	n.startLater(w.between(10*time.Millisecond, time.Second))
	return true
}

func errnoName(err error) string {
	if errors.Is(err, syscall.ENOSPC) {
		return "no space"
	}
	return "error"
}

// failPowerAfter has the power fail after so many more operations of the disk of
// a sort.
func (n *node) failPowerAfter(ops int, keep vfs.Keep, r *rand.Rand, sort vfs.OpKind) {
	fs := n.fs
	fs.Hook(func(op vfs.Op) {
		if sort != vfs.OpAnyChange && sort != op.Kind {
			return
		}
		if ops--; ops == 0 {
			n.clone = fs.CrashClone(r, keep)
			n.w.say("power of %d fails before %s %s", n.id, op.Kind, op.Path)
		}
	})
}

func (n *node) completed(life int, done []zab.DiskDone) {
	for i := range done {
		if d := &done[i]; d.Kind == zab.DiskSnapEnd && d.OK && n.life == life {
			n.takeUp(d)
		}
		n.deliver(life, zab.Event{Kind: zab.EvDiskDone, Disk: done[i]})
	}
}

// takeUp takes the state of a snapshot that was received. The server goes on from there at
// once; what was handed out before is applied first, to the state that it is
// for (Y3).
func (n *node) takeUp(d *zab.DiskDone) {
	state := n.takeLoaded(d.At)
	if len(n.applies) > 0 {
		n.w.check.mark("snapshot installed behind records")
	}
	n.applies = append(n.applies, applyItem{install: state})
	n.w.check.handed[n.index] = d.At.Zxid
	d.Sessions, d.Ensemble, d.Members = state.Sessions(), state.Ensemble(), state.Membership()
}

// install puts the state of a received snapshot in the place of the old one.
// Clients have to come again: what their requests came to is not known.
func (n *node) install(state *replica.State) {
	n.port.dropAll()
	n.state = state
	n.w.check.installed(n)
	n.w.bait(n, baitInstalled, 0)
}

func (n *node) readLog(r zab.LogRead) {
	life := n.life
	n.later(stageRead, n.w.jitter(300*time.Microsecond), func() {
		res, err := n.store.ReadLog(r)
		if n.broken(err) {
			return
		}
		n.deliver(life, zab.Event{Kind: zab.EvLogRead, LogRead: &res})
	})
}

// keepName writes down whose history this is, some time after it is known.
func (n *node) keepName() {
	n.later(stageSnapshot, n.w.jitter(100*time.Millisecond), func() {
		if err := n.store.SetEnsemble(n.state.Ensemble()); errors.Is(err, txnlog.ErrNoSpace) {
			n.keepName()
		} else {
			n.broken(err)
		}
	})
}
