package sim

import (
	"math/rand/v2"
	"strings"
	"syscall"
	"time"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/wire"
)

// diskDir is where a simulated server keeps its things.
var diskDirs = []string{"log/quorumd-1", "data/quorumd-1"}

// stallOne has a disk stand still: mostly for a moment, sometimes for a minute.
func stallOne(w *world, r *rand.Rand) {
	n := w.victim(r)
	d := between(r, 10*time.Millisecond, 2*time.Second)
	if r.IntN(8) == 0 {
		d = between(r, 2*time.Second, time.Minute)
		w.check.mark("long stall")
	}
	if !n.up {
		return
	}
	n.stall(d)
	w.check.mark("stall")
}

// stall lets the disk do nothing for a while.
func (n *node) stall(d time.Duration) {
	w, life := n.w, n.life
	w.say("disk of %d stalls for %v", n.id, d)
	n.stalled = max(n.stalled, w.now+d)
	w.after(d, func() {
		if n.life == life && w.now >= n.stalled {
			n.unstall()
		}
	})
}

// await has a step that needs the disk wait until it goes on.
func (n *node) await(step func()) {
	n.awaiting, n.stalledAt = step, n.w.now
	n.watchDisk()
}

// watchDisk is the server's watchdog: it ends the process when the step that
// waits now has waited for diskLimit, however many stalls that takes. One whose
// process stands still cannot bark, and is patient anew.
func (n *node) watchDisk() {
	w, life, since := n.w, n.life, n.stalledAt
	w.after(diskLimit, func() {
		switch {
		case n.life != life || n.awaiting == nil || n.stalledAt != since:
		case n.paused:
			n.watchDisk()
		default:
			w.say("watchdog of %d", n.id)
			w.check.mark("watchdog")
			n.kill()
			n.startLater(100 * time.Millisecond)
		}
	})
}

// unstall lets the disk go on.
func (n *node) unstall() {
	n.stalled = 0
	if f := n.awaiting; f != nil {
		n.awaiting = nil
		n.due(stageAppend, f)
	}
}

// diskError has one of the next operations of a sort fail. What the server was
// told and what is on the disk then differ, as they may.
func diskError(w *world, r *rand.Rand) {
	n := w.victim(r)
	ops := []vfs.OpKind{
		vfs.OpSync, vfs.OpSync, vfs.OpSync, vfs.OpWrite, vfs.OpWrite, vfs.OpCreate, vfs.OpRename, vfs.OpSyncDir,
		vfs.OpTruncate, vfs.OpPreallocate, vfs.OpRemove, vfs.OpAnyChange,
	}
	f := vfs.Fault{Op: ops[r.IntN(len(ops))], Nth: 1 + r.IntN(5), Err: syscall.EIO}
	if f.Op == vfs.OpAnyChange {
		f.Nth = 1 + r.IntN(30)
	}
	w.say("%v: %s %d fails", n, f.Op, f.Nth)
	n.fs.Inject(f)
}

// readError has one of the next reads of the log or of a snapshot fail.
func readError(w *world, r *rand.Rand) {
	n := w.victim(r)
	f := vfs.Fault{Op: vfs.OpRead, Path: []string{"log.*", "snapshot.*"}[r.IntN(2)], Nth: 1 + r.IntN(3), Err: syscall.EIO}
	w.say("%v: read %d of %s fails", n, f.Nth, f.Path)
	n.fs.Inject(f)
}

// fullDisk leaves a disk little or no room for a while.
func fullDisk(w *world, r *rand.Rand) {
	n := w.victim(r)
	if n.room >= 0 {
		return
	}
	n.room = []int64{0, 4 << 10, 20 << 10, 40 << 10}[r.IntN(4)]
	w.say("%v has room for %d bytes", n, n.room)
	n.fs.Room(n.room)
	w.after(between(r, 200*time.Millisecond, 6*time.Second), n.makeRoom)
}

// makeRoom ends the lack of space.
func (n *node) makeRoom() {
	if n.room >= 0 {
		n.w.say("%v has room again", n)
		n.room = -1
		n.fs.Room(-1)
	}
}

// rotOne flips bits of a file of one server, or makes zeros of whole sectors,
// at rest. In the log only what a mark vouches for is touched: of the last
// batch nothing on this disk can tell damage from a write that never was
// (package txnlog).
func rotOne(w *world, r *rand.Rand) {
	n := w.victim(r)
	a, b, bits, sectors := r.IntN(1<<20), r.Float64(), byte(1+r.IntN(255)), []int{0, 0, 1, 8}[r.IntN(4)]
	var paths []string
	for _, dir := range diskDirs {
		names, err := n.fs.List(dir)
		if err != nil {
			return // it has not started for the first time
		}
		for _, name := range names {
			if strings.HasPrefix(name, "log.0") || strings.HasPrefix(name, "snapshot.0") {
				paths = append(paths, dir+"/"+name)
			}
		}
	}
	if len(paths) == 0 {
		return
	}
	path := paths[a%len(paths)]
	size := vouched(n.fs.CrashClone(nil, vfs.KeepNothing), path) // a mark that may go is none
	if size == 0 || !w.mayDamage(n) {
		return
	}
	off := int64(b * float64(size))
	w.check.mark("rot")
	n.rotten = true
	var err error
	if sectors == 0 {
		w.say("rot in %s of %d at offset %d", path, n.id, off)
		err = n.fs.Rot(path, off, bits)
	} else {
		off -= off % sectorSize
		w.say("of %s of %d, %d sectors from offset %d on read as zeros", path, n.id, sectors, off)
		err = n.fs.Blank(path, off, min(off+int64(sectors)*sectorSize, size))
	}
	if err != nil {
		w.fail("%v: %v", n, err)
	}
}

// sectorSize is the unit in which a disk loses what was written.
const sectorSize = 512

// vouched returns up to where damage of a file can be told from a torn write:
// the last mark of a segment, the whole of a snapshot.
func vouched(fs *vfs.MemFS, path string) int64 {
	b, err := vfs.ReadFile(fs, path, 1<<30)
	if err != nil {
		return 0
	}
	if strings.Contains(path, "/snapshot.") {
		return int64(len(b))
	}
	const frameMark = 192
	var mark int64
	for off := 0; off+wire.HeaderSize <= len(b); {
		h, _, n, err := wire.ParseFrame(b[off:], wire.MaxLength)
		if err != nil {
			break
		}
		if h.Kind == frameMark {
			mark = int64(off)
		}
		off += n
	}
	return mark
}
