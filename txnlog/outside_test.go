package txnlog

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/zab"
)

func noPause() {}

// damageSome spoils one thing of a directory, in a way that seed chooses.
func damageSome(t *testing.T, fsys *vfs.MemFS, rng *rand.Rand) string {
	t.Helper()
	names, err := fsys.List("/data/quorumd-1")
	noErr(t, err)
	name := names[rng.IntN(len(names))]
	path := inDir(name)
	b, err := vfs.ReadFile(fsys, path, 1<<24)
	noErr(t, err)
	if len(b) == 0 {
		noErr(t, fsys.Remove(path))
		return "remove " + name
	}
	switch rng.IntN(6) {
	case 0:
		noErr(t, fsys.Remove(path))
		return "remove " + name
	case 1:
		n := rng.IntN(len(b))
		edit(t, fsys, path, func(b []byte) []byte { return b[:n] })
		return fmt.Sprintf("cut %s to %d", name, n)
	case 2:
		from, n := rng.IntN(len(b)), 1+rng.IntN(600)
		edit(t, fsys, path, func(b []byte) []byte { clear(b[from:min(from+n, len(b))]); return b })
		return fmt.Sprintf("%d zeros in %s at %d", n, name, from)
	case 3:
		other := names[rng.IntN(len(names))]
		noErr(t, fsys.Rename(path, inDir(other)))
		return fmt.Sprintf("rename %s to %s", name, other)
	}
	off := rng.IntN(len(b))
	edit(t, fsys, path, func(b []byte) []byte { b[off] ^= 1 << rng.IntN(8); return b })
	return fmt.Sprintf("flip %s at %d", name, off)
}

// TestVerifyIsWhatOpenSays: what Examine accepts, Open accepts, and the other
// way round; and when Verify finds nothing but what a start mends, Open starts,
// and when Open refuses, Verify has found why.
func TestVerifyIsWhatOpenSays(t *testing.T) {
	refused := 0
	for seed := range uint64(600) {
		rng := rand.New(rand.NewPCG(seed, 1))
		fsys := verifiable(t)
		var done []string
		for range 1 + rng.IntN(2) {
			done = append(done, damageSome(t, fsys, rng))
		}
		ops := fsys.Ops()
		found := mustVerify(t, fsys)
		live, err := Verify(fsys, VerifyOptions{Options: testOptions, Live: true, Pause: noPause})
		noErr(t, err)
		_, examined := Examine(fsys, testOptions)
		if fsys.Ops() != ops {
			t.Fatalf("seed %d, %v: the disk was changed", seed, done)
		}
		serious := func(f Finding) bool { return !f.Mends }
		bad := slices.ContainsFunc(found, serious)
		if bad != slices.ContainsFunc(live, serious) {
			t.Errorf("seed %d, %v: found %s, live %s", seed, done, found, live)
		}
		s, _, opened := Open(fsys, testOptions)
		if opened == nil {
			noErr(t, s.Close())
		} else {
			refused++
		}
		if (examined == nil) != (opened == nil) {
			t.Errorf("seed %d, %v: Examine says %v, Open %v", seed, done, examined, opened)
		}
		if !bad && opened != nil {
			t.Errorf("seed %d, %v: Verify found %s, Open refuses: %v", seed, done, found, opened)
		}
	}
	if refused < 100 {
		t.Errorf("only %d directories were refused", refused)
	}
}

// history returns the positions of a sound directory's log, and its end.
func history(t *testing.T, fsys vfs.FS) (at map[zab.Position]bool, end zab.Position) {
	t.Helper()
	at = map[zab.Position]bool{}
	noErr(t, WalkLog(fsys, testOptions, Walk{Record: func(rec zab.Record, _ string, _ int64) error {
		at[rec.Position()], end = true, rec.Position()
		return nil
	}}))
	return at, end
}

// TestSalvage: of whatever is left, what is recovered is a prefix of what was,
// it opens, nothing is left to recover, and the plan says where it ends.
func TestSalvage(t *testing.T) {
	whole, lost, hopeless := 0, 0, 0
	for seed := range uint64(400) {
		rng := rand.New(rand.NewPCG(seed, 2))
		fsys := verifiable(t)
		truth, end := history(t, fsys)
		done := damageSome(t, fsys, rng)
		h, err := Acquire(fsys, testOptions)
		noErr(t, err)
		plan, err := PlanSalvage(fsys, testOptions, nil)
		if err != nil {
			hopeless++
			if _, err := Examine(fsys, testOptions); err == nil {
				t.Errorf("seed %d, %s: nothing can be recovered, yet a start accepts it", seed, done)
			}
			noErr(t, h.Close())
			continue
		}
		if plan.Needed() {
			_, err = h.Backup("cut", plan.Touched())
			noErr(t, err)
			noErr(t, h.Salvage(plan))
		}
		s, found, err := h.Open()
		if err != nil {
			t.Errorf("seed %d, %s, plan %+v: %v", seed, done, plan, err)
			continue
		}
		if found.Last != plan.End || !truth[found.Last] && found.Last != zab.At(12, found.Last.CRC) {
			t.Errorf("seed %d, %s: recovered to %s, planned %s", seed, done, found.Last, plan.End)
		}
		noErr(t, s.Close())
		again, err := PlanSalvage(fsys, testOptions, nil)
		if err != nil || again.Needed() || again.End != plan.End {
			t.Errorf("seed %d, %s: planned again: %+v, %v", seed, done, again, err)
		}
		if plan.End == end {
			whole++
		} else {
			lost++
			if plan.Known <= plan.End.Zxid && !strings.HasPrefix(done, "cut") && !strings.HasPrefix(done, "re") {
				t.Errorf("seed %d, %s: lost %s to %s without saying so: %+v", seed, done, plan.End, end, plan)
			}
		}
	}
	t.Logf("%d whole, %d shorter, %d hopeless", whole, lost, hopeless)
	if whole == 0 || lost == 0 || hopeless == 0 {
		t.Errorf("%d whole, %d shorter, %d hopeless: all three should come up", whole, lost, hopeless)
	}
}

// behindDamage makes a log of records 1..9 in one segment, of which the second
// is damaged, a snapshot of 6, and a log that goes on to 12 in another segment.
func behindDamage(t *testing.T) *vfs.MemFS {
	t.Helper()
	fsys := newFS(t)
	opt := testOptions
	opt.SegmentSize = 1 << 20
	s, _ := mustOpenWith(t, fsys, opt)
	c := newChain()
	mustDo(t, s, appendOp(c.run(3, 300)...))
	mustDo(t, s, appendOp(c.run(3, 300)...))
	at := c.at
	mustDo(t, s, appendOp(c.run(3, 300)...)) // reading goes on from the mark before it
	snap(t, s, at)
	mustDo(t, s, appendOp(c.run(3, 300)...))
	noErr(t, s.Close())
	edit(t, fsys, inDir(segmentName(1)), flip(500))
	return fsys
}

// TestSalvageBehindDamage: records that an intact snapshot covers may rot
// without any loss, also in the segment that goes on behind the snapshot.
func TestSalvageBehindDamage(t *testing.T) {
	fsys := behindDamage(t)
	opt := testOptions
	if _, err := Examine(fsys, opt); !errors.Is(err, ErrCorrupt) {
		t.Fatalf("not damaged: %v", err)
	}
	h, err := Acquire(fsys, opt)
	noErr(t, err)
	plan, err := PlanSalvage(fsys, opt, nil)
	noErr(t, err)
	if plan.End.Zxid != 12 || plan.Known != 12 || plan.Snapshot == nil || plan.Snapshot.At.Zxid != 6 {
		t.Fatalf("%+v", plan)
	}
	dirs, err := h.Backup("cut-1", plan.Touched())
	noErr(t, err)
	if len(dirs) != 1 || dirs[0] != "/data/cut-1" {
		t.Errorf("copies in %v", dirs)
	}
	if _, err := h.Backup("cut-1", nil); err == nil {
		t.Error("an older backup is written over")
	}
	noErr(t, h.Salvage(plan))
	s, found, err := h.Open()
	noErr(t, err)
	if found.Last != plan.End {
		t.Errorf("recovered to %s", found.Last)
	}
	noErr(t, s.Close())
	if found := mustVerify(t, fsys); len(found) > 0 {
		t.Errorf("after it: %s", found)
	}
}

// TestSalvageCrash: a recovery that is interrupted anywhere is done again from
// what is there, and leads to the same history.
func TestSalvageCrash(t *testing.T) {
	points := 0
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 4))
		fsys := verifiable(t)
		if seed == 0 { // a piece behind damage is rewritten
			fsys = behindDamage(t)
		} else {
			damageSome(t, fsys, rng)
		}
		noErr(t, fsys.SyncDir("/data/quorumd-1"))
		plan, err := PlanSalvage(fsys, testOptions, nil)
		if err != nil || !plan.Needed() {
			continue
		}
		var crashed []*vfs.MemFS
		fsys.Hook(func(vfs.Op) {
			for _, keep := range vfs.Keeps {
				crashed = append(crashed, fsys.CrashClone(rng, keep))
			}
		})
		h, err := Acquire(fsys, testOptions)
		noErr(t, err)
		_, err = h.Backup("cut", plan.Touched())
		noErr(t, err)
		noErr(t, h.Salvage(plan))
		fsys.Hook(nil)
		noErr(t, h.Close())
		for i, left := range crashed {
			points++
			if end, err := salvageAll(t, left); err != nil || end != plan.End {
				t.Fatalf("seed %d, after crash %d of %d: %s, planned %s: %v", seed, i, len(crashed), end, plan.End, err)
			}
		}
	}
	if points < 300 {
		t.Errorf("only %d crashes", points)
	}
}

// salvageAll recovers a directory and returns where its history ends then.
func salvageAll(t *testing.T, fsys vfs.FS) (zab.Position, error) {
	t.Helper()
	plan, err := PlanSalvage(fsys, testOptions, nil)
	if err != nil {
		return zab.Position{}, err
	}
	h, err := Acquire(fsys, testOptions)
	noErr(t, err)
	if plan.Needed() {
		_, err = h.Backup("cut-again", plan.Touched())
		noErr(t, err)
		noErr(t, h.Salvage(plan))
	}
	s, found, err := h.Open()
	if err != nil {
		return plan.End, err
	}
	return found.Last, s.Close()
}

// TestAcquire: a hold keeps servers out, and a server keeps a hold out.
func TestAcquire(t *testing.T) {
	fsys := verifiable(t)
	h, err := Acquire(fsys, testOptions)
	noErr(t, err)
	if _, _, err := Open(fsys, testOptions); !errors.Is(err, vfs.ErrLocked) {
		t.Errorf("a server starts on a held directory: %v", err)
	}
	noErr(t, h.Close())
	s, _ := mustOpen(t, fsys)
	if _, err := Acquire(fsys, testOptions); !errors.Is(err, vfs.ErrLocked) {
		t.Errorf("a running server's directory is held: %v", err)
	}
	noErr(t, s.Close())
}

// TestLookBesideServer: readers beside a server that appends, rolls, snapshots,
// purges and truncates find nothing wrong, and one chain.
func TestLookBesideServer(t *testing.T) {
	fsys := newFS(t)
	s, _ := mustOpen(t, fsys)
	stop := make(chan struct{})
	const burst = 150 // batches while a reading begins: no server outruns its readers for ever
	bursts := make(chan struct{}, 1)
	var batches atomic.Int64
	var writer sync.WaitGroup
	writer.Go(func() {
		c := newChain()
		for n := 0; ; n++ {
			if n%burst == 0 {
				select {
				case <-stop:
					return
				case <-bursts:
				}
			}
			mustDo(t, s, appendOp(c.run(1+n%3, 200+n%700)...))
			batches.Add(1)
			if n%37 == 36 {
				snap(t, s, c.at)
				noErr(t, s.Purge(2))
			}
			if n%101 == 100 {
				at := c.at
				mustDo(t, s, appendOp(c.run(2, 500)...))
				mustDo(t, s, zab.DiskOp{Kind: zab.DiskTruncate, At: at})
				c.at = at
			}
		}
	})
	// Long enough for several purges and truncations to come in between.
	readings := 0
	for ; readings < 200 || batches.Load() < 20000; readings++ {
		select {
		case bursts <- struct{}{}:
		default: // the last has not begun
		}
		found, err := Verify(fsys, VerifyOptions{Options: testOptions, Live: true})
		if err != nil {
			t.Errorf("verify: %v", err)
		}
		for _, f := range found {
			if !f.Mends {
				t.Errorf("verify: %s", f)
			}
		}
		var last zab.Zxid
		err = WalkLog(fsys, testOptions, Walk{
			Record: func(rec zab.Record, _ string, _ int64) error {
				if rec.Zxid < last {
					return fmt.Errorf("%s after %s", rec.Zxid, last)
				}
				last = rec.Zxid
				return nil
			},
			Segment: func(i SegmentInfo) error { return i.Damage },
		})
		if err != nil {
			t.Errorf("walk: %v", err)
		}
	}
	close(stop)
	writer.Wait()
	t.Logf("%d readings beside %d batches", readings, batches.Load())
	noErr(t, s.Close())
}
