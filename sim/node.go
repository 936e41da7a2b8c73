package sim

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/replica"
	"github.com/quorumd/quorumd/session"
	"github.com/quorumd/quorumd/txnlog"
	"github.com/quorumd/quorumd/zab"
)

// Timings of the simulated servers.
const (
	tickTime  = 200 * time.Millisecond
	initLimit = 20
	syncLimit = 10
)

// applyWindow is small, so that it is full now and then.
const applyWindow = 8

// node is one server: the real replica over the real storage, at virtual edges.
type node struct {
	w     *world
	id    zab.ServerID
	index int
	life  int // counts restarts; what was scheduled for an older one is void
	up    bool

	fs      *vfs.MemFS
	store   *txnlog.Store
	replica *replica.Replica
	state   *replica.State
	out     zab.Output

	born    time.Duration
	rate    float64 // of its clock
	paused  bool
	held    [stages]bool
	waiting [stages][]func() // steps whose time came while they were held
	backlog []func()         // steps whose time came while it stood still

	disk     []zab.DiskOp
	diskBusy bool
	stalled  time.Duration // the disk does nothing before
	leaving  []departure
	sending  bool
	applies  []applyItem
	applying bool

	imaging   bool // a snapshot is being written
	sinceSnap int
	snapEvery int

	port port
}

// applyItem is a record to apply or an answer to give, in order.
type applyItem struct {
	rec    *zab.Record
	answer *zab.Answer
}

func (w *world) node(id zab.ServerID) *node { return w.nodes[int(id)-1] }

// start recovers a server from its disk.
func (n *node) start() {
	w := n.w
	n.life++
	store, found, err := txnlog.Open(n.fs, txnlog.Options{
		LogDir: "log", DataDir: "data", Server: n.id, SegmentSize: 16 << 10,
	})
	if err != nil {
		w.fail("server %d cannot start: %v", n.id, err)
		return
	}
	state := replica.NewState()
	if found.Snapshot != nil {
		if state, err = load(store, found.Snapshot.At); err != nil {
			w.fail("server %d cannot load its snapshot: %v", n.id, err)
			return
		}
	}
	n.store, n.state, n.up = store, state, true
	n.disk, n.diskBusy, n.applies, n.applying = nil, false, nil, false
	n.leaving, n.sending = nil, false
	n.paused, n.imaging = false, false
	n.forgetSteps()
	n.born, n.rate = w.now, 0.95+0.1*w.rng.Float64()
	n.sinceSnap, n.snapEvery = 0, 20+w.rng.IntN(200)
	n.out.Reset()
	n.port.open(n)
	var secret [32]byte
	for i := range secret {
		secret[i] = byte(w.rng.Uint32())
	}
	n.replica = replica.New(replica.Config{
		Self: n.id, Ensemble: w.check.ensemble, Tick: tickTime, InitLimit: initLimit, SyncLimit: syncLimit,
		Membership: "simulated", Window: applyWindow,
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
	n.tick(n.life)
}

// announce lets the others find out that the server's ports answer, or refuse.
func (n *node) announce(up bool) {
	for _, other := range n.w.nodes {
		if other == n || !other.up {
			continue
		}
		if n.w.net.isCut(n, other) || n.w.net.isCut(other, n) {
			continue
		}
		life := other.life
		n.w.after(n.w.net.delay(), func() {
			other.receive(life, zab.Event{Kind: zab.EvReachable, Peer: n.id, Up: up})
		})
		if mine := n.life; up {
			n.w.after(n.w.net.delay(), func() {
				n.receive(mine, zab.Event{Kind: zab.EvReachable, Peer: other.id, Up: true})
			})
		}
	}
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
	if !n.up {
		return
	}
	n.w.say("crash %d keep=%s", n.id, keep)
	n.up = false
	n.life++
	n.forgetSteps()
	n.fs = n.fs.CrashClone(n.w.rng, keep)
	n.port.close()
	n.w.net.died(n)
	n.announce(false)
	n.w.check.crashed(n)
}

func (n *node) clock() time.Duration { return time.Duration(float64(n.w.now-n.born) * n.rate) }

func (n *node) tick(life int) {
	if n.life != life {
		return
	}
	if !n.paused { // a clock does not save up its ticks
		n.deliver(life, zab.Event{Kind: zab.EvTick})
	}
	n.w.after(zab.TickInterval, func() { n.tick(life) })
}

// receive lets the server hear of something that came from outside, unless it
// is no longer the one it was meant for.
func (n *node) receive(life int, ev zab.Event) {
	if n.life == life {
		n.due(stageReceive, func() { n.deliver(life, ev) })
	}
}

// deliver gives the server an event, unless it is no longer the one it was
// meant for.
func (n *node) deliver(life int, ev zab.Event) {
	if n.life != life || !n.up {
		return
	}
	ev.Now = n.clock()
	ev.Wall = 1_700_000_000_000 + n.w.now.Milliseconds()
	n.replica.Step(&ev, &n.out)
	n.carryOut()
	n.w.check.stepped(n)
}

// carryOut hands every effect to the stage that performs it.
func (n *node) carryOut() {
	w, o := n.w, &n.out
	for _, note := range o.Notes {
		w.check.note(n, note)
	}
	n.disk = append(n.disk, o.Disk...)
	for _, r := range o.LogReads {
		n.readLog(r)
	}
	for _, r := range o.SnapReads {
		n.readSnap(r)
	}
	for i := range o.Sends {
		w.check.sending(n, &o.Sends[i].Packet)
		send := o.Sends[i]
		n.leaving = append(n.leaving, departure{send: &send})
	}
	for i := range o.Notify {
		m := o.Notify[i]
		n.leaving = append(n.leaving, departure{notify: &m})
	}
	for _, id := range o.Closes {
		n.leaving = append(n.leaving, departure{hangUp: id})
	}
	for _, id := range o.Dials {
		n.leaving = append(n.leaving, departure{dial: id, dials: true})
	}
	for i := range o.Apply {
		rec := o.Apply[i]
		n.applies = append(n.applies, applyItem{rec: &rec})
	}
	for i := range o.Answers {
		a := o.Answers[i]
		n.applies = append(n.applies, applyItem{answer: &a})
	}
	o.Reset()
	n.kickDisk()
	n.kickSend()
	n.kickApply()
}

// kickDisk performs a run of the operations asked for, of a length and after
// a time drawn at random, and lets the server hear of it later still.
func (n *node) kickDisk() {
	if n.diskBusy || len(n.disk) == 0 {
		return
	}
	n.diskBusy = true
	life, w := n.life, n.w
	wait := w.jitter(time.Millisecond)
	if n.stalled > w.now {
		wait += n.stalled - w.now
	}
	n.later(stageAppend, wait, func() {
		batch := n.disk[:1+w.rng.IntN(len(n.disk))]
		n.disk = n.disk[len(batch):]
		done, err := n.store.Do(batch)
		if err != nil {
			w.fail("server %d: disk: %v", n.id, err)
			return
		}
		for i := range done {
			n.w.check.diskDone(n, &done[i])
		}
		done = slices.Clone(done)
		if w.chance(0.5) {
			if err := n.store.Prepare(); err != nil {
				w.fail("server %d: disk: %v", n.id, err)
				return
			}
		}
		n.later(stageSynced, w.jitter(200*time.Microsecond), func() {
			n.completed(life, done)
			n.diskBusy = false
			n.kickDisk()
		})
	})
}

func (n *node) completed(life int, done []zab.DiskDone) {
	for i := range done {
		if d := &done[i]; d.Kind == zab.DiskSnapEnd && d.OK {
			n.install(d)
		}
		n.deliver(life, zab.Event{Kind: zab.EvDiskDone, Disk: done[i]})
	}
}

// install swaps in the tree of a snapshot that was received.
func (n *node) install(d *zab.DiskDone) {
	state, err := load(n.store, d.At)
	if err != nil {
		n.w.fail("server %d cannot load the snapshot it received: %v", n.id, err)
		return
	}
	n.state = state
	n.applies = nil
	n.port.dropAll()
	d.Sessions, d.Ensemble, d.Members = state.Sessions(), state.Ensemble(), state.Membership()
	n.w.check.installed(n)
}

func (n *node) readLog(r zab.LogRead) {
	life := n.life
	n.later(stageRead, n.w.jitter(300*time.Microsecond), func() {
		res, err := n.store.ReadLog(r)
		if err != nil {
			n.w.fail("server %d: log read after %s: %v", n.id, r.After, err)
			return
		}
		n.deliver(life, zab.Event{Kind: zab.EvLogRead, LogRead: &res})
	})
}

func (n *node) readSnap(r zab.SnapRead) {
	life := n.life
	n.later(stageRead, 300*time.Microsecond, func() {
		if _, ok := n.store.NewestSnapshot(); r.Open && !ok {
			if err := n.snapshotNow(); err != nil {
				n.w.fail("server %d: snapshot: %v", n.id, err)
				return
			}
		}
		res := n.store.SnapRead(r)
		switch {
		case r.Close:
		case r.Open:
			n.deliver(life, zab.Event{Kind: zab.EvSnapOpened, SnapRead: &res})
		default:
			n.deliver(life, zab.Event{Kind: zab.EvSnapRead, SnapRead: &res})
		}
	})
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
		n.w.fail("server %d: snapshot: %v", n.id, err)
		return
	}
	n.w.say("snapshot %d at %s", n.id, n.state.Applied())
	n.imaging = true
	state, image := n.state, n.state.Snapshot()
	var step func()
	step = func() {
		if n.state != state { // replaced by one that was received
			image.Release()
			writer.Abort()
			n.imaging = false
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
		}
		if err == nil {
			err = n.store.Purge(2)
		}
		if err != nil && !errors.Is(err, txnlog.ErrSuperseded) {
			n.w.fail("server %d: snapshot: %v", n.id, err)
		}
	}
	n.later(stageSnapshot, n.w.jitter(500*time.Microsecond), step)
}

// kickApply applies what is committed, a few records at a time.
func (n *node) kickApply() {
	if n.applying || len(n.applies) == 0 {
		return
	}
	n.applying = true
	n.later(stageApply, n.w.jitter(50*time.Microsecond), func() {
		for count := 1 + n.w.rng.IntN(8); count > 0 && len(n.applies) > 0; count-- {
			item := n.applies[0]
			n.applies = n.applies[1:]
			n.perform(item)
		}
		n.applying = false
		n.deliver(n.life, zab.Event{Kind: zab.EvApplied, Applied: n.state.Applied().Zxid})
		n.kickApply()
	})
}

func (n *node) perform(item applyItem) {
	if item.answer != nil {
		n.port.answer(*item.answer)
		return
	}
	n.w.check.applying(n, item.rec)
	res := n.state.Apply(item.rec)
	n.w.check.applied(n, item.rec)
	if item.rec.Txn.Op == zab.OpBootstrap {
		n.keepName()
	}
	n.port.applied(item.rec, res)
	if n.sinceSnap++; n.sinceSnap >= n.snapEvery && !n.imaging {
		n.sinceSnap = 0
		n.snapshotSlowly()
	}
}

// keepName writes down whose history this is, some time after it is known.
func (n *node) keepName() {
	n.later(stageSnapshot, n.w.jitter(100*time.Millisecond), func() {
		if err := n.store.SetEnsemble(n.state.Ensemble()); err != nil {
			n.w.fail("server %d: identity: %v", n.id, err)
		}
	})
}

func (n *node) String() string { return fmt.Sprintf("server %d", n.id) }

// newIDs makes the source of session ids for this life.
func (n *node) newIDs() *session.IDs {
	return session.NewIDs(n.id, 1_700_000_000_000+n.w.now.Milliseconds()+int64(n.life))
}
