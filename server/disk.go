package server

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/quorumd/quorumd/internal/must"
	"github.com/quorumd/quorumd/internal/ranked"
	"github.com/quorumd/quorumd/replica"
	"github.com/quorumd/quorumd/txnlog"
	"github.com/quorumd/quorumd/zab"
)

// batchBytes bounds what a batch writes to the log, and what is received of a
// snapshot, but for the operation that passes it: with the records of one
// operation (history.Log) that is 5 MiB and a record. A leader whose log stands
// still for syncLimit gives up (L10), and what it sees of progress is the end of
// a batch: unbounded, a thousand outstanding writes of 1 MB would depose it over
// a disk that is slow and works. Small writes gather far less than that while
// a sync lasts, and large ones gain nothing more from sharing one.
const batchBytes = 4 << 20

// diskRunner performs disk operations. Whatever has gathered while one batch
// was being performed makes the next, as far as batchBytes go: group commit.
type diskRunner struct {
	s     *Server
	ops   *mailbox[zab.DiskOp] // bound: the outstanding windows of whoever proposes
	ended chan struct{}
	stops chan struct{}
	check chan struct{} // one slot: see whether the store has failed, or has space again

	waiting []zab.DiskOp // begin with an append that waits for space; the runner's own
	space   zab.Space    // as told to the loop
	full    atomic.Bool  // space is not ample

	mu     ranked.Mutex[ranked.Leaf]
	loaded []loadedState // installed, not yet taken by the loop
}

// loadedState is a state loaded from a snapshot that operation op installed.
type loadedState struct {
	op    uint64
	state *replica.State
}

func newDiskRunner(s *Server) *diskRunner {
	return &diskRunner{
		s: s, ops: newMailbox[zab.DiskOp](), ended: make(chan struct{}), stops: make(chan struct{}),
		check: make(chan struct{}, 1),
	}
}

func (d *diskRunner) start() { go d.run() }

// submit asks for operations. It does not block. Who asked keeps nothing that
// the runner looks at, and the runner nothing that the next submit could
// change: a completion is the number of an operation, told once
// (HBASE-25984).
func (d *diskRunner) submit(ops []zab.DiskOp) { d.ops.put(ops...) }

// stop performs what was asked for and ends the runner.
func (d *diskRunner) stop() {
	close(d.stops)
	<-d.ended
}

func (d *diskRunner) run() {
	defer close(d.ended)
	d.tellSpace() // it may be a full disk that the server was started on
	var batch []zab.DiskOp
	for {
		last := false
		select {
		case <-d.ops.wake:
		case <-d.check:
			if !d.prepare() {
				<-d.stops
				return
			}
		case <-d.stops:
			last = true
		}
		batch = d.ops.take(batch)
		ops := batch
		if len(d.waiting) > 0 {
			ops, d.waiting = slices.Concat(d.waiting, batch), nil
		}
		if (len(ops) > 0 || !last) && !d.performAll(ops) {
			<-d.stops
			return
		}
		if last {
			return
		}
	}
}

// performAll does what has gathered in batches of bounded size, and reports each
// as it is done. Nothing to do is a batch too: it finds out whether the store
// has failed. What there is no space for waits, with all that is behind it.
func (d *diskRunner) performAll(ops []zab.DiskOp) bool {
	for {
		n := batchLen(ops)
		done, ok := d.perform(ops[:n])
		if !ok {
			return false
		}
		if done < n {
			d.waiting = slices.Clone(ops[done:])
			return true
		}
		if ops = ops[n:]; len(ops) == 0 {
			return true
		}
	}
}

// batchLen returns how many of ops make the next batch.
func batchLen(ops []zab.DiskOp) int {
	bytes := 0
	for i := range ops {
		bytes += len(ops[i].Data)
		for j := range ops[i].Records {
			bytes += len(ops[i].Records[j].Bytes)
		}
		if bytes >= batchBytes {
			return i + 1
		}
	}
	return len(ops)
}

// perform does a batch, reports its completions, and returns how many of the batch
// are done: all but for want of space. After an error nothing is done any more,
// and nothing is reported (Y5).
func (d *diskRunner) perform(batch []zab.DiskOp) (performed int, ok bool) {
	ranked.NoLocks("a disk operation")
	d.s.progress.asked(batch)
	done, err := d.s.store.Do(batch)
	if err != nil && !errors.Is(err, txnlog.ErrNoSpace) {
		d.s.fail(fmt.Errorf("server: disk: %w", err))
		return 0, false
	}
	for i := range done {
		d.s.progress.stored(&done[i])
		ev := zab.Event{Kind: zab.EvDiskDone, Disk: done[i]}
		switch {
		case ev.Disk.Kind != zab.DiskSnapEnd:
		case ev.Disk.OK:
			d.loadedFor(&ev.Disk)
		case d.s.loader.refused != nil:
			d.s.log.Error().Err(d.s.loader.refused).Msg("received snapshot refused")
			d.s.loader.refused = nil
		}
		d.s.inbox.fromPeer(ev)
	}
	performed = len(batch)
	if err != nil {
		performed = 0
		if n := len(done); n > 0 {
			performed = 1 + slices.IndexFunc(batch, func(op zab.DiskOp) bool { return op.Op == done[n-1].Op })
		}
	}
	if d.space == zab.SpaceAmple {
		return performed, d.prepare()
	}
	d.tellSpace() // when to try again is for the clock to say
	return performed, true
}

// prepare makes the next segment ready, off everybody's way.
func (d *diskRunner) prepare() bool {
	if err := d.s.store.Prepare(); err != nil {
		d.s.fail(fmt.Errorf("server: disk: %w", err))
		return false
	}
	d.tellSpace()
	return true
}

// tellSpace lets the loop know when the disk's space is another.
func (d *diskRunner) tellSpace() {
	s := d.s.store.Space()
	if s == d.space {
		return
	}
	d.space = s
	d.full.Store(s != zab.SpaceAmple)
	d.s.inbox.fromPeer(zab.Event{Kind: zab.EvDiskSpace, Space: s})
}

// seekSpace has the runner try whether a full disk has space again.
func (d *diskRunner) seekSpace() {
	if d.full.Load() {
		signal(d.check)
	}
}

// loadedFor keeps the state of the snapshot that was just installed for the loop
// to take up.
func (d *diskRunner) loadedFor(done *zab.DiskDone) {
	state := d.s.loader.take(done.At)
	done.Sessions, done.Ensemble, done.Members = state.Sessions(), state.Ensemble(), state.Membership()
	d.mu.Lock()
	d.loaded = append(d.loaded, loadedState{done.Op, state})
	d.mu.Unlock()
}

// takeLoaded returns the state that operation op installed.
func (d *diskRunner) takeLoaded(op uint64) *replica.State {
	d.mu.Lock()
	defer d.mu.Unlock()
	must.Hold(len(d.loaded) > 0 && d.loaded[0].op == op, "Y1", "no state was loaded for operation %d", op)
	state := d.loaded[0].state
	d.loaded = d.loaded[1:]
	return state
}

// verify has the runner look whether the store has failed: what a snapshot or
// a purge could not do may be the end of it, or come of files taken away.
func (d *diskRunner) verify() {
	d.s.keepDisk()
	signal(d.check)
}
