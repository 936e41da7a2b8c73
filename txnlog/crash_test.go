package txnlog

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/wire"
	"github.com/quorumd/quorumd/zab"
)

var crashSeeds = flag.Uint64("crash-seeds", 1, "how often the crash sweep is run, each time with other draws")

// world is an outcome that a crash may have.
type world struct {
	start zab.Position // before recs
	recs  []zab.Record
	min   int // the log holds recs[:k] for a k from min to max
	max   int
	snap  zab.Position // the newest snapshot is not older than this
}

// sweep runs a script and crashes it before every operation.
type sweep struct {
	t      testing.TB
	opt    Options
	fsys   *vfs.MemFS
	s      *Store
	rng    *rand.Rand
	c      *chain
	step   string
	now    world // while no operation is under way
	worlds []world
	epochs []zab.Epochs // allowed
	points int
}

func newSweep(t *testing.T, seed uint64, opt Options) *sweep {
	sw := &sweep{t: t, opt: opt, fsys: newFS(t), rng: rand.New(rand.NewPCG(seed, 1)), c: newChain(),
		worlds: []world{{}}, epochs: []zab.Epochs{{}}}
	sw.fsys.Hook(sw.crash)
	sw.step = "open"
	sw.s, _ = mustOpenWith(t, sw.fsys, opt)
	return sw
}

// during sets the outcomes allowed while f runs and the only one afterwards.
func (sw *sweep) during(step string, after world, worlds []world, f func()) {
	sw.t.Helper()
	sw.step, sw.worlds = step, worlds
	f()
	sw.now, sw.worlds, sw.step = after, []world{after}, "after "+step
}

func (sw *sweep) append(runs ...[]zab.Record) {
	w := sw.now
	w.recs = slices.Clip(w.recs)
	var ops []zab.DiskOp
	for _, run := range runs {
		w.recs = append(w.recs, run...)
		ops = append(ops, appendOp(run...))
	}
	w.max = len(w.recs)
	after := w
	after.min = after.max
	sw.during(fmt.Sprintf("append of %d", w.max-w.min), after, []world{w}, func() { mustDo(sw.t, sw.s, ops...) })
}

func (sw *sweep) saveEpochs(e zab.Epochs) {
	sw.epochs = append(sw.epochs, e)
	sw.during("epochs", sw.now, sw.worlds, func() {
		mustDo(sw.t, sw.s, zab.DiskOp{Kind: zab.DiskEpochs, Epochs: e})
	})
	sw.epochs = []zab.Epochs{e}
}

func (sw *sweep) prepare() {
	sw.during("prepare", sw.now, sw.worlds, func() { noErr(sw.t, sw.s.Prepare()) })
}

func (sw *sweep) snapshot(at zab.Position) {
	after := sw.now
	after.snap = at
	sw.during("snapshot", after, sw.worlds, func() { snap(sw.t, sw.s, at) })
}

func (sw *sweep) purge(keep int) {
	sw.during("purge", sw.now, sw.worlds, func() { noErr(sw.t, sw.s.Purge(keep)) })
}

func (sw *sweep) truncate(k int, snapLeft zab.Position) {
	at := sw.now.start
	if k > 0 {
		at = sw.now.recs[k-1].Position()
	}
	w := sw.now
	w.min, w.snap = k, snapLeft
	after := w
	after.recs, after.max = after.recs[:k], k
	sw.during("truncate", after, []world{w}, func() {
		if done := mustDo(sw.t, sw.s, zab.DiskOp{Kind: zab.DiskTruncate, At: at}); !done[0].OK {
			sw.t.Fatalf("not cut to %s", at)
		}
	})
	sw.c.at = at
}

func (sw *sweep) install(at zab.Position) {
	after := world{start: at, snap: at}
	file := foreignSnapshot(sw.t, at, 900)
	sw.during("install", after, []world{sw.now, after}, func() {
		done := mustDo(sw.t, sw.s, snapOps(file, at, 400)...)
		if !done[len(done)-1].OK {
			sw.t.Fatal("not installed")
		}
	})
	sw.c.at = at
}

func (sw *sweep) close() {
	sw.during("close", sw.now, sw.worlds, func() { noErr(sw.t, sw.s.Close()) })
}

func (sw *sweep) reopen() {
	sw.during("reopen", sw.now, sw.worlds, func() { sw.s, _ = mustOpenWith(sw.t, sw.fsys, sw.opt) })
}

// crash is the hook: the machine stops before op, and again while it recovers.
func (sw *sweep) crash(op vfs.Op) {
	for _, keep := range vfs.Keeps {
		sw.points++
		what := fmt.Sprintf("%s: crash before %s, keeping %s", sw.step, op, keep)
		disk := sw.fsys.CrashClone(sw.rng, keep)
		sw.verify(disk, what)
		var again []*vfs.MemFS
		disk.Hook(func(vfs.Op) {
			again = append(again, disk.CrashClone(sw.rng, vfs.Keeps[sw.rng.IntN(len(vfs.Keeps))]))
		})
		sw.check(disk, what)
		for i, disk := range again {
			sw.check(disk, fmt.Sprintf("%s, and again before operation %d of the recovery", what, i+1))
		}
		if sw.t.Failed() {
			sw.t.FailNow()
		}
	}
}

// check opens a disk and compares it with the outcomes allowed.
func (sw *sweep) check(disk *vfs.MemFS, what string) {
	sw.t.Helper()
	s, r, err := Open(disk, sw.opt)
	if err != nil {
		sw.t.Errorf("%s: %v", what, err)
		return
	}
	defer s.Close()
	disk.Hook(nil)
	if !slices.Contains(sw.epochs, r.Epochs) {
		sw.t.Errorf("%s: epochs %+v", what, r.Epochs)
	}
	var reasons []string
	for i := range sw.worlds {
		reason := sw.worlds[i].differs(sw.t, s, r)
		if reason == "" {
			sw.goOn(disk, s, r, what)
			return
		}
		reasons = append(reasons, reason)
	}
	sw.t.Errorf("%s: recovered %s..%s: %q", what, r.Base, r.Last, reasons)
}

// verify is oracle O12: a crash leaves only what the next start repairs. Before
// the first start is over there is no directory to be looked at.
func (sw *sweep) verify(disk *vfs.MemFS, what string) {
	sw.t.Helper()
	if sw.step == "open" {
		return
	}
	found, err := Verify(disk, VerifyOptions{Options: sw.opt})
	if err != nil {
		sw.t.Errorf("%s: %v", what, err)
	}
	for _, f := range found {
		if !f.Mends {
			sw.t.Errorf("%s: %s", what, f)
		}
	}
}

// goOn checks that the log goes on after the recovery.
func (sw *sweep) goOn(disk *vfs.MemFS, s *Store, r Recovered, what string) {
	c := &chain{enc: sw.c.enc, at: r.Last}
	mustDo(sw.t, s, appendOp(c.run(2, 10)...))
	noErr(sw.t, s.Close())
	s, r, err := Open(disk, sw.opt)
	if err != nil || r.Last != c.at {
		sw.t.Errorf("%s: after going on: %s, %v", what, r.Last, err)
		return
	}
	noErr(sw.t, s.Close())
}

// differs says why the store is not in the world w.
func (w *world) differs(t testing.TB, s *Store, r Recovered) string {
	k := slices.IndexFunc(w.recs, func(rec zab.Record) bool { return rec.Position() == r.Last }) + 1
	if k == 0 && r.Last != w.start {
		return "its end is not in the history"
	}
	if k < w.min || k > w.max {
		return fmt.Sprintf("%d records, not %d to %d", k, w.min, w.max)
	}
	b := slices.IndexFunc(w.recs, func(rec zab.Record) bool { return rec.Position() == r.Base }) + 1
	if b == 0 && r.Base != w.start {
		return "its base is not in the history"
	}
	got := readAll(t, s, r.Base.Zxid)
	if len(got) != k-b {
		return fmt.Sprintf("%d records can be read, not %d", len(got), k-b)
	}
	for i := range got {
		if !bytes.Equal(got[i].Bytes, w.recs[b+i].Bytes) {
			return fmt.Sprintf("record %s has other bytes", got[i].Zxid)
		}
	}
	if r.Snapshot == nil {
		if w.snap != (zab.Position{}) || r.Base != (zab.Position{}) {
			return "no snapshot"
		}
		return ""
	}
	at := r.Snapshot.At
	if at.Zxid < w.snap.Zxid || at.Zxid < r.Base.Zxid || at.Zxid > r.Last.Zxid {
		return fmt.Sprintf("snapshot of %s", at)
	}
	return snapDiffers(s, at)
}

func snapDiffers(s *Store, at zab.Position) string {
	sr, err := s.OpenSnapshot(at)
	if err != nil {
		return err.Error()
	}
	defer sr.Close()
	for {
		kind, body, err := sr.Next()
		if err == io.EOF {
			return ""
		}
		if err != nil {
			return err.Error()
		}
		if kind == wire.FrameSnapMeta && string(body) != "meta of "+at.String() {
			return "snapshot with another's contents"
		}
	}
}

// script is a life of a store with everything in it.
func (sw *sweep) script() {
	c := sw.c
	sw.saveEpochs(zab.Epochs{Accepted: 1, AcceptedBy: 2})
	sw.append(c.run(2, 20))
	sw.append(c.run(3, 700), c.run(2, 900)) // goes on in a second segment
	sw.prepare()
	sw.append(c.run(1, 5000))
	sw.append(c.run(2, 100)) // rolls before anything was prepared
	sw.saveEpochs(zab.Epochs{Accepted: 1, AcceptedBy: 2, Current: 1})
	first := c.at
	sw.snapshot(first)
	sw.prepare()
	sw.append(c.run(4, 800))
	sw.append(c.run(4, 800))
	sw.snapshot(c.at)
	sw.append(c.run(5, 800))
	sw.saveEpochs(zab.Epochs{Accepted: 2, AcceptedBy: 2, Current: 1})
	sw.truncate(12, first) // drops the second snapshot and whole segments
	sw.append([]zab.Record{c.next(zab.NewZxid(1, 1), 600), c.next(zab.NewZxid(1, 2), 600)})
	sw.close()
	sw.reopen()
	sw.append(c.run(3, 900))
	sw.snapshot(c.at)
	sw.append(c.run(2, 900))
	sw.snapshot(c.at)
	sw.append(c.run(3, 900))
	sw.purge(1)
	sw.append(c.run(1, 900))
	sw.install(zab.At(zab.NewZxid(2, 9), 0x1234))
	sw.saveEpochs(zab.Epochs{Accepted: 3, AcceptedBy: 1, Current: 2})
	sw.append(c.run(7, 800))
	sw.prepare()
	sw.truncate(0, sw.now.start)
	sw.append(c.run(3, 800))
	sw.snapshot(c.at)
	sw.append(c.run(1, 10))
	sw.install(zab.At(zab.NewZxid(2, 12), 0x9999)) // a zxid that the log holds, with another history
	sw.append(c.run(2, 10))
	sw.close()
}

// TestCrashSweep is T2, T4, T5 and T6: whatever was reported done survives a
// crash at any operation, and nothing is there that was not asked for.
func TestCrashSweep(t *testing.T) {
	for name, logDir := range map[string]string{"one directory": "", "two directories": "/log"} {
		t.Run(name, func(t *testing.T) {
			opt := testOptions
			opt.LogDir = logDir
			for seed := range *crashSeeds {
				sw := newSweep(t, seed, opt)
				sw.script()
				t.Logf("seed %d: %d operations, %d crashes", seed, sw.fsys.Ops(), sw.points)
			}
		})
	}
}
