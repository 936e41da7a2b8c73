package txnlog

import (
	"errors"
	"syscall"
	"testing"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/zab"
)

// fill appends records of 100 bytes, one operation each, until the store has no
// room. It returns the operations that wait, and how often the file system was
// changed by the last attempt.
func fill(t *testing.T, s *Store, c *chain, op uint64) []zab.DiskOp {
	t.Helper()
	for range 200 {
		op++
		ops := []zab.DiskOp{{Op: op, Kind: zab.DiskAppend, Records: c.run(1, 100)}}
		if done, err := s.Do(ops); errors.Is(err, ErrNoSpace) {
			if len(done) != 0 {
				t.Fatalf("what waits was answered: %+v", done)
			}
			return ops
		} else if err != nil || len(done) != 1 {
			t.Fatalf("%+v, %v", done, err)
		}
		noErr(t, s.Prepare())
	}
	t.Fatal("there was room for 200 records")
	return nil
}

func wantSpace(t *testing.T, s *Store, want zab.Space) {
	t.Helper()
	st := s.Stats()
	if got := s.Space(); got != want || st.SpaceLow != (want != zab.SpaceAmple) {
		t.Fatalf("space is %s (%+v), not %s", got, st, want)
	}
}

// TestEtcd9992: a full disk ends nothing (T11). The log goes on in the segment
// that it has, an append waits at its end, epochs are promised and the log is cut
// meanwhile, and with the space everything goes on.
func TestEtcd9992(t *testing.T) {
	fsys := newFS(t)
	s, _ := mustOpen(t, fsys)
	c := newChain()
	mustDo(t, s, appendOp(c.run(3, 100)...))
	noErr(t, s.Prepare())
	wantSpace(t, s, zab.SpaceAmple)
	fsys.Room(1000) // a part of a segment
	last := c.at
	waiting := fill(t, s, c, 10)
	wantSpace(t, s, zab.SpaceOut)
	if s.Stats().SegmentsUnreserved == 0 {
		t.Error("no reservation failed")
	}
	if _, err := fsys.Stat(inDir(spareName)); err == nil {
		t.Error("a part of a segment is left")
	}
	if all := readAll(t, s, 0); all[len(all)-1].Position() == c.at || all[len(all)-1].Zxid < 30 {
		t.Errorf("%s was written of %s", all[len(all)-1].Zxid, c.at)
	}
	ops := fsys.Ops()
	if done, err := s.Do(waiting); len(done) != 0 || !errors.Is(err, ErrNoSpace) {
		t.Fatalf("%+v, %v", done, err)
	}
	if n := fsys.Ops() - ops; n > 1 { // one reservation
		t.Errorf("another attempt took %d operations", n)
	}
	fsys.Room(-1)
	noErr(t, s.Prepare())
	if done := mustDo(t, s, waiting...); len(done) != 1 || done[0].Synced != c.at.Zxid {
		t.Fatalf("%+v", done)
	}
	wantSpace(t, s, zab.SpaceAmple)
	fsys.Room(0)
	_ = fill(t, s, c, 1000)
	s, r := mustOpen(t, lost(fsys))
	if got := readAll(t, s, 0); r.Last.Zxid <= last.Zxid || zab.Zxid(len(got)) != r.Last.Zxid {
		t.Errorf("recovered %s, %d records", r.Last, len(got))
	}
}

// TestFullDiskInPart: an append of several records of which some have room is not
// done, and goes on where it was, whether or not the power fails before.
func TestFullDiskInPart(t *testing.T) {
	for _, crash := range []bool{false, true} {
		fsys := newFS(t)
		s, _ := mustOpen(t, fsys)
		c := newChain()
		mustDo(t, s, appendOp(c.run(3, 100)...))
		noErr(t, s.Prepare())
		fsys.Room(0)
		many := []zab.DiskOp{{Op: 1, Kind: zab.DiskAppend, Records: c.run(2, 100)}, {Op: 2, Kind: zab.DiskAppend, Records: c.run(100, 100)}}
		done, err := s.Do(many)
		if !errors.Is(err, ErrNoSpace) || len(done) != 1 || done[0].Op != 1 {
			t.Fatalf("%+v, %v", done, err)
		}
		part := s.taken
		if part == 0 {
			t.Fatal("nothing of it had room")
		}
		if crash {
			s, r := mustOpen(t, lost(fsys))
			if got := readAll(t, s, 0); r.Last.Zxid != 5+zab.Zxid(part) || done[0].Synced != r.Last.Zxid || zab.Zxid(len(got)) != r.Last.Zxid {
				t.Fatalf("recovered %s, %d records; %d of the append after %s", r.Last, len(got), part, done[0].Synced)
			}
			continue
		}
		fsys.Room(-1)
		noErr(t, s.Prepare())
		if done := mustDo(t, s, many[1]); len(done) != 1 || done[0].Op != 2 || done[0].Synced != c.at.Zxid {
			t.Fatalf("%+v", done)
		}
		if got := readAll(t, s, 0); zab.Zxid(len(got)) != c.at.Zxid {
			t.Fatalf("%d records of %s", len(got), c.at)
		}
	}
}

// TestEtcd9992Promises: with no byte left, epochs are saved and the log is cut, in
// a segment and over several, and what is left of the log is durable.
func TestEtcd9992Promises(t *testing.T) {
	for _, keep := range []int{0, 2, 30, 49} {
		fsys := newFS(t)
		s, _ := mustOpen(t, fsys)
		c := newChain()
		all := c.run(50, 300)
		for i := range all {
			mustDo(t, s, appendOp(all[i]))
			noErr(t, s.Prepare())
		}
		fsys.Room(0)
		_ = fill(t, s, c, 100)
		at := zab.Position{}
		if keep > 0 {
			at = all[keep-1].Position()
		}
		s.taken = 0 // the role that asked for the append is over with the process
		noErr(t, s.Close())
		s, _ = mustOpen(t, fsys)
		ops := fsys.Ops()
		fsys.Room(0)
		fsys.Hook(func(op vfs.Op) {
			if op.Kind == vfs.OpPreallocate {
				fsys.Room(0) // somebody else has taken what the cut gave back
			}
		})
		e := zab.Epochs{Accepted: 7, Current: 1}
		done := mustDo(t, s, zab.DiskOp{Op: 1, Kind: zab.DiskEpochs, Epochs: e}, zab.DiskOp{Op: 2, Kind: zab.DiskTruncate, At: at})
		if len(done) != 2 || done[0].Epochs != e || !done[1].OK || fsys.Ops() == ops {
			t.Fatalf("%+v", done)
		}
		s2, r := mustOpen(t, lost(fsys))
		if r.Last != at || r.Epochs != e || len(readAll(t, s2, 0)) != keep {
			t.Errorf("recovered %s and %+v", r.Last, r.Epochs)
		}
		c.at = at
		next := appendOp(c.next(1000, 100))
		if done, err := s.Do([]zab.DiskOp{next}); !errors.Is(err, ErrNoSpace) || len(done) > 0 {
			t.Errorf("behind the cut: %+v, %v", done, err)
		}
		fsys.Hook(nil)
		fsys.Room(-1)
		noErr(t, s.Prepare())
		mustDo(t, s, next)
	}
}

// TestFullDiskStart: a server starts on a full disk, with and without a log, and
// says so.
func TestFullDiskStart(t *testing.T) {
	for _, records := range []int{0, 5} {
		fsys := newFS(t)
		s, _ := mustOpen(t, fsys)
		c := newChain()
		if records > 0 {
			mustDo(t, s, appendOp(c.run(records, 100)...))
		}
		noErr(t, s.Close())
		_ = fsys.Remove(inDir(spareName)) // if there is one
		fsys.Room(0)
		s, r := mustOpen(t, fsys)
		if r.Last != c.at {
			t.Fatalf("recovered %s", r.Last)
		}
		if s.Space() == zab.SpaceAmple {
			t.Error("a full disk has ample space")
		}
		waiting := fill(t, s, c, 0)
		fsys.Room(-1)
		noErr(t, s.Prepare())
		mustDo(t, s, waiting...)
		wantSpace(t, s, zab.SpaceAmple)
	}
}

// TestFullDiskLargeRecord: a record larger than a segment reserves the rest of
// what it needs, or waits.
func TestFullDiskLargeRecord(t *testing.T) {
	fsys := newFS(t)
	s, _ := mustOpen(t, fsys)
	c := newChain()
	mustDo(t, s, appendOp(c.run(1, 100)...))
	noErr(t, s.Prepare())
	fsys.Room(0)
	op := appendOp(c.run(1, 3*MinSegmentSize)...)
	if done, err := s.Do([]zab.DiskOp{op}); !errors.Is(err, ErrNoSpace) || len(done) != 0 {
		t.Fatalf("%+v, %v", done, err)
	}
	wantSpace(t, s, zab.SpaceOut)
	s2, r := mustOpen(t, lost(fsys))
	if r.Last.Zxid != 1 || len(readAll(t, s2, 0)) != 1 {
		t.Fatalf("recovered %s", r.Last)
	}
	fsys.Room(-1)
	if done := mustDo(t, s, op); len(done) != 1 || done[0].Synced != 2 {
		t.Fatalf("%+v", done)
	}
	mustDo(t, s, appendOp(c.run(3, 100)...))
	if got := readAll(t, s, 0); len(got) != 5 {
		t.Fatalf("%d records", len(got))
	}
}

// TestFullDiskReceiving: a snapshot that a full disk has no room for is given up,
// wherever that shows, and the store goes on as it was.
func TestFullDiskReceiving(t *testing.T) {
	c := newChain()
	c.run(5, 10)
	file := foreignSnapshot(t, c.at, 3000)
	for _, f := range []vfs.Fault{{Op: vfs.OpCreate}, {Op: vfs.OpWrite}, {Op: vfs.OpWrite, Nth: 2}, {Op: vfs.OpSync}} {
		for _, errno := range []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT} {
			fsys := newFS(t)
			s, _ := mustOpen(t, fsys)
			own := newChain()
			mustDo(t, s, appendOp(own.run(3, 100)...))
			f.Path, f.Err = installName, errno
			fsys.Inject(f)
			done := mustDo(t, s, snapOps(file, c.at, 500)...)
			if last := done[len(done)-1]; last.Kind != zab.DiskSnapEnd || last.OK {
				t.Fatalf("%s: installed: %+v", f.Op, last)
			}
			if _, err := fsys.Stat(inDir(installName)); err == nil {
				t.Errorf("%s: the file stays", f.Op)
			}
			fsys.Heal()
			mustDo(t, s, appendOp(own.run(3, 100)...))
			done = mustDo(t, s, snapOps(file, c.at, 500)...)
			if last := done[len(done)-1]; !last.OK || last.At != c.at {
				t.Errorf("%s: the next one: %+v", f.Op, last)
			}
		}
	}
}

// TestFullDiskName: the ensemble's name is noted later.
func TestFullDiskName(t *testing.T) {
	fsys := newFS(t)
	s, _ := mustOpen(t, fsys)
	fsys.Room(0)
	if err := s.SetEnsemble(9); !errors.Is(err, ErrNoSpace) {
		t.Fatal(err)
	}
	fsys.Room(-1)
	noErr(t, s.SetEnsemble(9))
	noErr(t, s.Close())
	if _, r := mustOpen(t, lost(fsys)); r.Ensemble != 9 {
		t.Errorf("recovered %d", r.Ensemble)
	}
}
