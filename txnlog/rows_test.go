package txnlog

import (
	"errors"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/zab"
)

// TestZK4882: a temporary error of the disk is the end of the store, though
// the disk is well again. The restart finds what was durable, and goes on.
func TestZK4882(t *testing.T) {
	fsys, c := newFS(t), newChain()
	s, _ := mustOpen(t, fsys)
	mustDo(t, s, appendOp(c.run(3, 50)...))
	durable := c.at
	fsys.Inject(vfs.Fault{Op: vfs.OpSync, Path: segmentPrefix + "*", Nth: 1, Err: syscall.EIO})
	if _, err := s.Do([]zab.DiskOp{appendOp(c.run(1, 50)...)}); !errors.Is(err, syscall.EIO) {
		t.Fatalf("the failed append: %v", err)
	}
	fsys.Heal()
	if done, err := s.Do([]zab.DiskOp{appendOp(c.run(1, 50)...)}); err == nil || len(done) != 0 {
		t.Fatalf("the store goes on after an error: %v, %v", done, err)
	}
	if _, err := s.Do([]zab.DiskOp{{Kind: zab.DiskEpochs, Epochs: zab.Epochs{Accepted: 1}}}); !errors.Is(err, syscall.EIO) {
		t.Fatalf("another operation: %v", err)
	}
	s, found := mustOpen(t, fsys.CrashClone(rand.New(rand.NewPCG(1, 1)), vfs.KeepNothing))
	if found.Last != durable {
		t.Fatalf("recovered %s, durable was %s", found.Last, durable)
	}
	c.at = durable
	mustDo(t, s, appendOp(c.run(2, 50)...))
	if got := readAll(t, s, 0); len(got) != 5 {
		t.Fatalf("the log holds %s", zxids(got))
	}
}

// TestZK2846: a segment is missing from the middle of the log. The log is not
// served with a hole: the server does not start, and says where.
func TestZK2846(t *testing.T) {
	fsys, c := newFS(t), newChain()
	s, _ := mustOpen(t, fsys)
	for range 8 {
		mustDo(t, s, appendOp(c.run(2, 900)...))
	}
	noErr(t, s.Close())
	found, err := list(fsys, filepath.Join(testDir, subDir))
	noErr(t, err)
	if len(found.segments) < 4 {
		t.Fatalf("only %d segments", len(found.segments))
	}
	missing := inDir(segmentName(found.segments[1]))
	noErr(t, fsys.Remove(missing))
	_, _, err = Open(fsys, testOptions)
	if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), "records are missing") {
		t.Fatalf("with %s missing: %v", missing, err)
	}
}

// TestZK2872: the machine stops at every operation of a SNAP that is received,
// keeping any part of what was not synced. What is recovered is the old
// history or the new one, whole.
func TestZK2872(t *testing.T) {
	sw := newSweep(t, 1, testOptions)
	sw.saveEpochs(zab.Epochs{Accepted: 2, AcceptedBy: 2, Current: 1})
	sw.append(sw.c.run(4, 400))
	sw.snapshot(sw.c.at)
	sw.append(sw.c.run(4, 400))
	sw.install(zab.At(zab.NewZxid(2, 9), 0x1234))
	sw.append(sw.c.run(2, 400))
	sw.install(zab.At(zab.NewZxid(2, 30), 0x4321)) // beside a snapshot that was received
	sw.append(sw.c.run(2, 400))
	sw.close()
	if sw.points < 100 {
		t.Fatalf("only %d crashes", sw.points)
	}
}

// TestZK4837: a cut below the newest snapshots drops them, before anything
// else, so that no restart builds on what was cut. When none is left to build
// on, nothing is cut and the learner asks for SNAP.
func TestZK4837(t *testing.T) {
	sw := newSweep(t, 1, testOptions)
	sw.saveEpochs(zab.Epochs{Accepted: 2, AcceptedBy: 2, Current: 1})
	sw.append(sw.c.run(4, 400))
	first := sw.c.at
	sw.snapshot(first)
	sw.append(sw.c.run(4, 400))
	sw.snapshot(sw.c.at)
	sw.append(sw.c.run(4, 400))
	sw.snapshot(sw.c.at)
	sw.truncate(6, first)
	sw.append(sw.c.run(1, 400))
	if got := sw.s.Stats().Snapshots; got != 1 {
		t.Fatalf("%d snapshots are left", got)
	}
	sw.install(zab.At(zab.NewZxid(2, 9), 0x1234))
	sw.append(sw.c.run(1, 400))
	below := zab.DiskOp{Kind: zab.DiskTruncate, At: first}
	if done := mustDo(t, sw.s, below); done[0].OK || done[0].At != sw.c.at {
		t.Fatalf("cut to before the only snapshot: %+v", done[0])
	}
	sw.close()
}

// TestZK2307: an epoch that the disk could not take is not promised. The
// failed save is no answer, the store is over, and the restart knows the old
// promise, or the new one whole.
func TestZK2307(t *testing.T) {
	old := zab.Epochs{Accepted: 4, AcceptedBy: 2, Current: 3}
	next := zab.Epochs{Accepted: 5, AcceptedBy: 3, Current: 3}
	for _, op := range []vfs.OpKind{vfs.OpWrite, vfs.OpSync} {
		for nth := 1; nth <= slots; nth++ {
			fsys := newFS(t)
			s, _ := mustOpen(t, fsys)
			mustDo(t, s, zab.DiskOp{Kind: zab.DiskEpochs, Epochs: old})
			fsys.Inject(vfs.Fault{Op: op, Path: epochsName, Nth: nth, Err: syscall.EIO})
			ops := []zab.DiskOp{{Kind: zab.DiskEpochs, Epochs: next}}
			if done, err := s.Do(ops); !errors.Is(err, syscall.EIO) || len(done) != 0 {
				t.Fatalf("%s %d fails, and the epoch is saved: %v, %v", op, nth, done, err)
			}
			fsys.Heal()
			if done, err := s.Do(ops); err == nil || len(done) != 0 {
				t.Fatalf("%s %d failed, and the store goes on: %v", op, nth, done)
			}
			for _, keep := range vfs.Keeps {
				_, found := mustOpen(t, fsys.CrashClone(rand.New(rand.NewPCG(1, 1)), keep))
				if found.Epochs != old && found.Epochs != next {
					t.Fatalf("%s %d failed: recovered %+v", op, nth, found.Epochs)
				}
			}
		}
	}
}

// TestZK4269: the machine stops at every operation of saving an epoch, the
// first included, keeping any part of what was not synced: the server starts,
// and no promise that was reported is older than it was.
func TestZK4269(t *testing.T) {
	for seed := range uint64(3) {
		sw := newSweep(t, seed, testOptions)
		sw.saveEpochs(zab.Epochs{Accepted: 1, AcceptedBy: 2})
		sw.saveEpochs(zab.Epochs{Accepted: 1, AcceptedBy: 2, Current: 1})
		sw.append([]zab.Record{sw.c.next(zab.NewZxid(1, 1), 40)})
		sw.saveEpochs(zab.Epochs{Accepted: 2, AcceptedBy: 3, Current: 1})
		sw.append([]zab.Record{sw.c.next(zab.NewZxid(2, 1), 40)}) // of an epoch not yet adopted
		sw.saveEpochs(zab.Epochs{Accepted: 2, AcceptedBy: 3, Current: 2})
		sw.close()
		sw.reopen()
		sw.saveEpochs(zab.Epochs{Accepted: 3, AcceptedBy: 1, Current: 2})
		sw.close()
	}
}

// TestZK582: with nothing but a snapshot the epoch is what was promised, and
// without the promises the server does not begin again at epoch 0.
func TestZK582(t *testing.T) {
	fsys := newFS(t)
	s, _ := mustOpen(t, fsys)
	epochs := zab.Epochs{Accepted: 7, AcceptedBy: 3, Current: 6}
	mustDo(t, s, zab.DiskOp{Kind: zab.DiskEpochs, Epochs: epochs})
	at := zab.At(zab.NewZxid(6, 9), 0x1234)
	mustDo(t, s, snapOps(foreignSnapshot(t, at, 900), at, 400)...)
	noErr(t, s.Close())
	found, err := list(fsys, filepath.Join(testDir, subDir))
	noErr(t, err)
	if len(found.segments) != 0 || len(found.snapshots) != 1 {
		t.Fatalf("not a snapshot only: %+v", found)
	}
	s, r := mustOpen(t, fsys)
	if r.Epochs != epochs || r.Last != at {
		t.Fatalf("recovered %+v at %s", r.Epochs, r.Last)
	}
	noErr(t, s.Close())
	noErr(t, fsys.Remove(inDir(epochsName)))
	if _, r, err := Open(fsys, testOptions); !errors.Is(err, ErrCorrupt) {
		t.Fatalf("without its promises the server starts with %+v: %v", r.Epochs, err)
	}
}
