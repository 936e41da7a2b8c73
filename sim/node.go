package sim

import (
	"fmt"
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
	loaded  []*replica.State // from snapshots, not taken up yet
	out     zab.Output

	born     time.Duration
	rate     float64 // of its clock
	paused   bool
	pausedAt time.Duration
	held     [stages]bool
	waiting  [stages][]delayed // steps whose time came while they were held
	backlog  []delayed         // steps whose time came while it stood still

	wall time.Duration // its clock is off by

	disk         []zab.DiskOp
	diskBusy     bool
	stalled      time.Duration // the disk does nothing before
	stalledAt    time.Duration // when the step that waits for it began
	awaiting     func()        // that step
	startCrashOp int           // at so many operations into the next start the power fails
	clone        *vfs.MemFS    // what the disk held when the power failed
	space        zab.Space     // as the server was told
	outOfRoom    bool          // the next append waits for space
	room         int64         // bytes left on the disk; negative: enough
	rotten       bool          // something on the disk was damaged
	whole        bool          // nothing on the disk is damaged
	leaving      []departure
	sending      bool
	applies      []applyItem
	applying     bool

	passed pointCounts

	fine  bool       // scripts: a stage does one thing in each of its steps
	notes []zab.Note // what it told of itself, in all its lives

	imaging     bool           // a snapshot is being written
	snapless    []zab.SnapRead // learners that wait for one to be written
	toldWriting time.Duration  // when the server was last told that it is
	sinceSnap   int
	snapEvery   int

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
		n.tellWriting(life)
	}
	n.w.after(zab.TickInterval, func() { n.tick(life) })
}

// receive lets the server hear of something that came from outside, unless it
// is no longer the one it was meant for.
func (n *node) receive(life int, ev zab.Event) {
	switch {
	case n.life != life:
	case n.paused || n.held[stageReceive]:
		kept := ev // an event is large: only one that waits costs memory
		n.dueIn(ev.Peer, stageReceive, func() { n.deliver(life, kept) })
	default:
		n.reach(atStep)
		n.deliver(life, ev)
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
			n.reach(atStep)
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
	if n.sinceSnap++; n.sinceSnap >= n.snapEvery && !n.imaging {
		n.sinceSnap = 0
		n.snapshotSlowly()
	}
}

func (n *node) String() string { return fmt.Sprintf("server %d", n.id) }

// newIDs makes the source of session ids for this life.
func (n *node) newIDs() *session.IDs {
	return session.NewIDs(n.id, n.wallClock()+int64(n.life))
}
