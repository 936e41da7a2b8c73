package sim

import (
	"errors"
	"os"
	"slices"
	"time"

	"github.com/quorumd/quorumd/replica"
	"github.com/quorumd/quorumd/txnlog"
	"github.com/quorumd/quorumd/zab"
)

func isDamage(err error) bool {
	return errors.Is(err, txnlog.ErrCorrupt) || errors.Is(err, txnlog.ErrForeign)
}

func (n *node) readSnap(r zab.SnapRead) {
	life := n.life
	n.later(stageRead, 300*time.Microsecond, func() {
		if r.Open || r.Close {
			n.snapless = slices.DeleteFunc(n.snapless, func(w zab.SnapRead) bool { return w.ID == r.ID })
		}
		if _, ok := n.store.NewestSnapshot(); r.Open && !ok {
			n.snapless = append(n.snapless, r)
			if !n.imaging {
				n.snapshotSlowly()
			}
			return
		}
		n.readSnapNow(life, r)
	})
}

func (n *node) readSnapNow(life int, r zab.SnapRead) {
	if n.life != life {
		return
	}
	res := n.store.SnapRead(r)
	switch {
	case r.Close:
	case r.Open:
		n.deliver(life, zab.Event{Kind: zab.EvSnapOpened, SnapRead: &res})
	default:
		n.deliver(life, zab.Event{Kind: zab.EvSnapRead, SnapRead: &res})
	}
}

// tellWriting tells the server that the snapshot which learners wait for is
// being written.
func (n *node) tellWriting(life int) {
	if n.w.now-n.toldWriting < tickTime/2 || !n.imaging {
		return
	}
	n.toldWriting = n.w.now
	for _, r := range slices.Clone(n.snapless) {
		n.deliver(life, zab.Event{Kind: zab.EvSnapWriting, Link: zab.LinkID(r.ID)})
	}
}

// tried answers the learners that have waited for a snapshot: it was written,
// or could not be.
func (n *node) tried() {
	life, waiting := n.life, n.snapless
	n.snapless = nil
	for _, r := range waiting {
		n.readSnapNow(life, r)
	}
}

// unwritten judges what became of a snapshot, and reports whether the server
// has ended. It has not, unless the store itself failed: the older snapshots
// and the log are as they were.
func (n *node) unwritten(err error) bool {
	var failed *os.PathError
	switch {
	case n.clone != nil:
		return n.broken(nil)
	case err == nil || errors.Is(err, txnlog.ErrSuperseded):
		return false
	case errors.As(err, &failed) || n.rotten && isDamage(err):
		n.w.say("server %d: a snapshot failed: %v", n.id, err)
		n.w.check.mark("snapshot failed: " + errnoName(err))
		return n.broken(n.store.Present())
	}
	n.w.fail("server %d: snapshot: %v", n.id, err)
	return true
}

// snapshotNow writes a snapshot in one go.
func (n *node) snapshotNow() error {
	if n.imaging {
		return nil // one is on its way; the learner asks again
	}
	w, err := n.store.CreateSnapshot(n.state.Applied())
	if err != nil {
		return err
	}
	image := n.state.Snapshot()
	defer image.Release()
	for more := true; more; {
		if more, err = writeFrame(image, w, 64); err != nil {
			w.Abort()
			return err
		}
	}
	return w.Commit()
}

func writeFrame(image *replica.Image, w *txnlog.SnapshotWriter, nodes int) (more bool, err error) {
	frame, kind, done := image.Next(nil, nodes)
	if len(frame) > 0 || !done {
		if err := w.Frame(kind, frame); err != nil {
			return false, err
		}
	}
	return !done, nil
}

// snapshotSlowly writes a snapshot a few znodes at a time while the server
// goes on.
func (n *node) snapshotSlowly() {
	writer, err := n.store.CreateSnapshot(n.state.Applied())
	if err != nil {
		if !n.unwritten(err) {
			n.tried()
		}
		return
	}
	n.w.say("snapshot %d at %s", n.id, n.state.Applied())
	n.imaging = true
	n.w.bait(n, baitSnapshot, 0)
	state, image := n.state, n.state.Snapshot()
	var step func()
	step = func() {
		if n.state != state { // replaced by one that was received
			image.Release()
			writer.Abort()
			n.imaging = false
			n.tried()
			return
		}
		more, err := writeFrame(image, writer, 1+n.w.rng.IntN(16))
		if err == nil && more {
			n.later(stageSnapshot, n.w.jitter(500*time.Microsecond), step)
			return
		}
		image.Release()
		n.imaging = false
		if err == nil {
			err = writer.Commit()
		} else {
			writer.Abort()
		}
		if err == nil {
			n.w.check.mark("snapshot")
			err = n.purge(n.w.knobs.keep)
		}
		if !n.unwritten(err) {
			n.tried()
		}
	}
	n.later(stageSnapshot, n.w.jitter(500*time.Microsecond), step)
}
