package sim

import (
	"errors"
	"fmt"
	"os"
	"syscall"
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

	born     time.Duration
	rate     float64 // of its clock
	paused   bool
	pausedAt time.Duration
	held     [stages]bool
	waiting  [stages][]func() // steps whose time came while they were held
	backlog  []delayed        // steps whose time came while it stood still

	wall time.Duration // its clock is off by

	disk      []zab.DiskOp
	diskBusy  bool
	stalled   time.Duration // the disk does nothing before
	stalledAt time.Duration // when the step that waits for it began
	awaiting  func()        // that step
	doomed    int           // at so many operations into the next start the power fails
	clone     *vfs.MemFS    // what the disk held when the power failed
	room      int64         // bytes left on the disk; negative: enough
	rotten    bool          // something on the disk was damaged
	whole     bool          // nothing on the disk is damaged
	leaving   []departure
	sending   bool
	applies   []applyItem
	applying  bool

	passed odometer

	fine  bool       // scripts: a stage does one thing in each of its steps
	notes []zab.Note // what it told of itself, in all its lives

	imaging   bool // a snapshot is being written
	sinceSnap int
	snapEvery int

	port port
}

// applyItem is a record to apply, an answer to give, or one of the rarer
// things, in order.
type applyItem struct {
	rec     *zab.Record
	answer  *zab.Answer
	gate    *bool          // clients are served from here on, or not
	install *replica.State // of a received snapshot: it takes the place of the old one
}

func (w *world) node(id zab.ServerID) *node { return w.nodes[int(id)-1] }

// start recovers a server from its disk. Where that fails, it is tried again
// later, as by whoever supervises the process.
func (n *node) start() {
	w := n.w
	n.life++
	n.reset()
	n.fs.Room(n.room)
	n.fs.Hook(func(vfs.Op) { n.point(atDisk) })
	if n.doomed > 0 {
		n.doom(n.doomed, vfs.KeepSubset, w.rng)
		n.doomed = 0
	}
	store, state, found, err := n.recover()
	if n.clone != nil {
		w.check.mark("crash in start")
		n.perish()
		return
	}
	if err != nil {
		n.refuse(err)
		return
	}
	n.store, n.state, n.up = store, state, true
	n.born = w.now
	n.sinceSnap, n.snapEvery = 0, w.fit.snapEvery+w.rng.IntN(w.fit.snapMore)
	n.out.Reset()
	n.port.open(n)
	var secret [32]byte
	for i := range secret {
		secret[i] = byte(w.rng.Uint32())
	}
	n.replica = replica.New(replica.Config{
		Self: n.id, Ensemble: w.check.ensemble, Tick: tickTime, InitLimit: initLimit, SyncLimit: syncLimit,
		Membership: "simulated", Flags: zab.FlagExtendedTypes, Window: w.fit.window, Spent: w.spent,
		Recent: w.fit.recent, Piece: w.fit.piece,
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

// reset makes a server's memory that of a process that has just begun.
func (n *node) reset() {
	n.disk, n.diskBusy, n.applies, n.applying = nil, false, nil, false
	n.leaving, n.sending = nil, false
	n.paused, n.imaging = false, false
	n.stalled, n.awaiting = 0, nil
	n.clone = nil
	n.forgetSteps()
	n.rate = 0.95 + 0.1*n.w.rng.Float64()
	if f := n.w.check.faults; f.clocks > 0 {
		n.rate = 1 - f.clocks + 2*f.clocks*n.w.rng.Float64()
	}
}

// recover opens the disk and builds the tree.
func (n *node) recover() (*txnlog.Store, *replica.State, txnlog.Recovered, error) {
	store, found, err := txnlog.Open(n.fs, txnlog.Options{
		LogDir: "log", DataDir: "data", Server: n.id, SegmentSize: n.w.fit.segment,
	})
	if err != nil {
		return nil, nil, found, err
	}
	state := replica.NewState()
	if found.Snapshot != nil {
		if state, err = load(store, found.Snapshot.At); err != nil {
			return nil, nil, found, err
		}
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

// perish ends a server whose power failed within a disk operation, before
// anybody has heard of it.
func (n *node) perish() {
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

// diskLimit is how long the disk may take before the watchdog ends the server.
const diskLimit = 3 * time.Second

// wallClock is what the server's clock shows, in ms since 1970.
func (n *node) wallClock() int64 { return 1_700_000_000_000 + (n.w.now + n.wall).Milliseconds() }

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
		n.dueIn(ev.Peer, stageReceive, func() { n.deliver(life, ev) })
	}
}

// deliver gives the server an event, unless it is no longer the one it was
// meant for.
func (n *node) deliver(life int, ev zab.Event) {
	if n.life != life || !n.up {
		return
	}
	ev.Now = n.clock()
	ev.Wall = n.wallClock()
	n.w.check.hears(n, &ev)
	n.replica.Step(&ev, &n.out)
	n.w.check.stepped(n)
	n.carryOut()
}

// carryOut hands every effect to the stage that performs it.
func (n *node) carryOut() {
	w, o := n.w, &n.out
	for _, note := range o.Notes {
		w.check.note(n, note)
		w.undisturbed(n, note)
	}
	w.check.handsOut(n, o.Apply)
	w.check.asked(n, o.Disk)
	n.disk = append(n.disk, o.Disk...)
	for _, r := range o.LogReads {
		n.readLog(r)
	}
	for _, r := range o.SnapReads {
		n.readSnap(r)
	}
	for i := range o.Sends {
		w.check.sending(n, o.Sends[i].Link, &o.Sends[i].Packet)
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
	n.port.gate(w.check.status.Serving)
	o.Reset()
	n.kickDisk()
	n.kickSend()
	n.kickApply()
}

// kickApply applies what is committed, a few records at a time.
func (n *node) kickApply() {
	if n.applying || len(n.applies) == 0 {
		return
	}
	n.applying = true
	n.later(stageApply, n.w.jitter(50*time.Microsecond), func() {
		life := n.life
		for count := n.some(8); count > 0 && len(n.applies) > 0; count-- {
			n.point(atStep)
			item := n.applies[0]
			n.applies = n.applies[1:]
			n.carry(item)
			if n.life != life {
				return
			}
		}
		n.applying = false
		n.deliver(n.life, zab.Event{Kind: zab.EvApplied, Applied: n.state.Applied().Zxid})
		n.kickApply()
	})
}

func (n *node) carry(item applyItem) {
	switch {
	case item.answer != nil:
		n.port.answer(*item.answer)
		return
	case item.gate != nil:
		n.port.turn(*item.gate)
		return
	case item.install != nil:
		n.install(item.install)
		return
	}
	n.w.check.applying(n, item.rec)
	n.port.before(item.rec)
	res := n.state.Apply(item.rec)
	n.w.check.applied(n, item.rec, &res)
	if item.rec.Txn.Op == zab.OpBootstrap {
		n.keepName()
	}
	n.port.applied(item.rec, res)
	if n.sinceSnap++; n.sinceSnap >= n.patientSnap() && !n.imaging {
		n.sinceSnap = 0
		n.snapshotSlowly()
	}
}

// patientSnap is how many records lie between two snapshots. In the end there
// are so many that a learner which is sent one finds the log that follows it.
func (n *node) patientSnap() int {
	if n.w.calm {
		return max(n.snapEvery, 200)
	}
	return n.snapEvery
}

func (n *node) String() string { return fmt.Sprintf("server %d", n.id) }

// newIDs makes the source of session ids for this life.
func (n *node) newIDs() *session.IDs {
	return session.NewIDs(n.id, n.wallClock()+int64(n.life))
}
