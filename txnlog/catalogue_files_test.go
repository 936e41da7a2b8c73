package txnlog

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/wire"
	"github.com/quorumd/quorumd/zab"
)

// fiveSnapshots makes a store with snapshots of 3, 6, 9, 12, 15 and two records
// more.
func fiveSnapshots(t *testing.T) (*vfs.MemFS, *Store, *chain) {
	t.Helper()
	fsys := newFS(t)
	s, _ := mustOpen(t, fsys)
	c := newChain()
	for range 5 {
		mustDo(t, s, appendOp(c.run(3, 100)...))
		snap(t, s, c.at)
	}
	mustDo(t, s, appendOp(c.run(2, 100)...))
	return fsys, s, c
}

// TestZK3231: the newest three snapshots are damaged, before the server starts
// or, having been intact when they were written, while it runs. They do not
// count, and the good ones and their log stay.
func TestZK3231(t *testing.T) {
	for _, restarted := range []bool{false, true} {
		for keep, oldest := range map[int]zab.Zxid{1: 6, 2: 3, 3: 3} {
			fsys, s, c := fiveSnapshots(t)
			for _, z := range []zab.Zxid{9, 12, 15} {
				edit(t, fsys, inDir(snapName(z)), flip(200))
			}
			if restarted {
				noErr(t, s.Close())
				s, _ = mustOpen(t, fsys)
			}
			noErr(t, s.Purge(keep))
			if st := s.Stats(); st.BadSnapshots != 3 {
				t.Errorf("restarted %v, keep %d: %d found damaged", restarted, keep, st.BadSnapshots)
			}
			if got := files(t, fsys); !strings.Contains(got, fmt.Sprintf("snapshot...%03x", int64(oldest))) {
				t.Errorf("restarted %v, keep %d: %s is gone: %s", restarted, keep, oldest, got)
			}
			s, r, err := Open(lost(fsys), testOptions)
			if err != nil || r.Snapshot.At.Zxid != 6 || r.Last != c.at {
				t.Fatalf("restarted %v, keep %d: recovered %+v, %v", restarted, keep, r, err)
			}
			noErr(t, s.Close())
		}
	}
}

// TestZK2325LogAlone: the log of a server that never wrote a snapshot, old as it
// may be, is whole, and taken.
func TestZK2325LogAlone(t *testing.T) {
	fsys := newFS(t)
	s, _ := mustOpen(t, fsys)
	c := newChain()
	mustDo(t, s, appendOp(c.run(20, 900)...))
	noErr(t, s.Close())
	s, r, err := Open(fsys, testOptions)
	if err != nil || r.Last != c.at || r.Snapshot != nil {
		t.Fatalf("recovered %+v, %v", r, err)
	}
	noErr(t, s.Close())
}

// TestEtcd14685 crashes a purge at every operation: what is left is one chain
// from an intact snapshot on, and another purge does the rest.
func TestEtcd14685(t *testing.T) {
	fsys, s, c := fiveSnapshots(t)
	rng := rand.New(rand.NewPCG(1, 1))
	points := 0
	fsys.Hook(func(op vfs.Op) {
		for _, keep := range vfs.Keeps {
			points++
			s, r, err := Open(fsys.CrashClone(rng, keep), testOptions)
			if err != nil || r.Last != c.at || r.Snapshot.At.Zxid != 15 {
				t.Fatalf("crash before %s, keeping %s: recovered %+v, %v", op, keep, r, err)
			}
			if got := readAll(t, s, r.Base.Zxid); len(got) != int(17-r.Base.Zxid) {
				t.Fatalf("crash before %s, keeping %s: %s after %s", op, keep, zxids(got), r.Base)
			}
			noErr(t, s.Purge(1))
			noErr(t, s.Close())
		}
	})
	noErr(t, s.Purge(1))
	fsys.Hook(nil)
	if points < 4*8 {
		t.Errorf("only %d crashes", points)
	}
}

// TestEtcd20271: a snapshot is being received, a second one begins, ends and is
// followed by a third, while the server writes one of its own.
func TestEtcd20271(t *testing.T) {
	fsys := newFS(t)
	s, _ := mustOpen(t, fsys)
	c := newChain()
	mustDo(t, s, appendOp(c.run(5, 100)...))
	own, err := s.CreateSnapshot(c.at)
	noErr(t, err)
	at := []zab.Position{zab.At(100, 1), zab.At(110, 2), zab.At(120, 3)}
	var ops []zab.DiskOp
	for i, p := range at {
		run := snapOps(foreignSnapshot(t, p, 500+100*i), p, 200)
		if i == 0 {
			run = run[:2]
		}
		ops = append(ops, run...)
	}
	var ends []zab.DiskDone
	for _, done := range mustDo(t, s, ops...) {
		if done.Kind == zab.DiskSnapEnd {
			ends = append(ends, done)
		}
	}
	if len(ends) != 2 || !ends[0].OK || ends[0].At != at[1] || !ends[1].OK || ends[1].At != at[2] {
		t.Fatalf("installed %+v", ends)
	}
	noErr(t, own.Frame(wire.FrameSnapMeta, []byte("old")))
	if err := own.Commit(); !errors.Is(err, ErrSuperseded) {
		t.Errorf("a snapshot of the old history: %v", err)
	}
	if _, err := s.CreateSnapshot(at[0]); !errors.Is(err, ErrSuperseded) {
		t.Errorf("a snapshot of the old history is begun: %v", err)
	}
	if got := files(t, fsys); got != "snapshot...078" {
		t.Errorf("left: %s", got)
	}
	c.at = at[2]
	mustDo(t, s, appendOp(c.run(2, 10)...))
	if _, r := mustOpen(t, lost(fsys)); r.Last != c.at || r.Snapshot.At != at[2] {
		t.Errorf("recovered %+v", r)
	}
}

// TestCHK36910: little is written and the server restarts, over and over, with
// power failures that keep some of it; a snapshot may lead the log that is left.
func TestCHK36910(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 5))
	fsys := newFS(t)
	c := newChain()
	for round := range 120 {
		s, r, err := Open(fsys, testOptions)
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		if r.Last.Zxid < c.at.Zxid {
			t.Fatalf("round %d: recovered %s, reported was %s", round, r.Last, c.at)
		}
		c.at = r.Last
		mustDo(t, s, appendOp(c.run(1+rng.IntN(2), rng.IntN(40))...))
		if rng.IntN(4) == 0 {
			snap(t, s, c.at)
		}
		if rng.IntN(3) == 0 {
			noErr(t, s.Close())
			continue
		}
		// One more batch is written, its sync does not return.
		crashed := false
		fsys.Hook(func(op vfs.Op) {
			if op.Kind == vfs.OpSync && !crashed {
				crashed, fsys = true, fsys.CrashClone(rng, vfs.Keeps[rng.IntN(len(vfs.Keeps))])
			}
		})
		ahead := &chain{enc: c.enc, at: c.at}
		mustDo(t, s, appendOp(ahead.run(2, 30)...))
	}
	// The snapshot leads: its log's end was written and not synced.
	s, r := mustOpen(t, fsys)
	c.at = r.Last
	file := foreignSnapshot(t, zab.At(c.at.Zxid+5, 0x77), 100)
	noErr(t, s.Close())
	makeFile(t, fsys, inDir(snapName(c.at.Zxid+5)), file)
	if _, r, err := Open(fsys, testOptions); err != nil || r.Last != zab.At(c.at.Zxid+5, 0x77) {
		t.Errorf("the snapshot leads: %s, %v", r.Last, err)
	}
}

// TestHBASE22539: the log owns its bytes. Neither what the caller does with its
// buffers after Do, nor a second read, changes what was written or read.
func TestHBASE22539(t *testing.T) {
	for _, size := range []int{10, gatherSize + 10} {
		fsys := newFS(t)
		s, _ := mustOpen(t, fsys)
		c := newChain()
		recs := c.run(4, size)
		var want [][]byte
		for i := range recs {
			want = append(want, bytes.Clone(recs[i].Bytes))
		}
		mustDo(t, s, appendOp(recs[:2]...))
		for i := range recs[:2] {
			clear(recs[i].Bytes)
		}
		mustDo(t, s, appendOp(recs[2:]...))
		for i := range recs {
			clear(recs[i].Bytes)
		}
		read := func(after zab.Zxid) zab.Record {
			res, err := s.ReadLog(zab.LogRead{After: after, MaxBytes: 1})
			noErr(t, err)
			return res.Records[0]
		}
		var got []zab.Record
		for z := range zab.Zxid(4) {
			got = append(got, read(z))
		}
		for i := range got {
			if !bytes.Equal(got[i].Bytes, want[i]) {
				t.Errorf("size %d: record %d has other bytes", size, i+1)
			}
		}
		s, _ = mustOpen(t, lost(fsys))
		for i, rec := range readAll(t, s, 0) {
			if !bytes.Equal(rec.Bytes, want[i]) {
				t.Errorf("size %d: record %d has other bytes on the disk", size, i+1)
			}
		}
	}
}

// TestS37c: a sector of zeros before a later sync is damage wherever it lies,
// and never the end of the log, nor of a segment whose successors go on.
func TestS37c(t *testing.T) {
	m := newSample(t)
	tried := 0
	for i, path := range m.segs {
		whole, err := vfs.ReadFile(m.fsys, path, 1<<24)
		noErr(t, err)
		end := len(bytes.TrimRight(whole, "\x00"))
		if i == len(m.segs)-1 {
			end = m.ends[2] - 512 // wholly before the last batch
		}
		for off := 0; off < end; off += 512 {
			disk := m.fsys.CrashClone(nil, vfs.KeepAll)
			edit(t, disk, path, func(b []byte) []byte {
				clear(b[off:min(off+512, len(b))])
				return b
			})
			if s, r, err := Open(disk, testOptions); err == nil {
				t.Errorf("%s: zeros at offset %d: recovered %s of %d records", path, off, r.Last, len(m.recs))
				noErr(t, s.Close())
			} else if !errors.Is(err, ErrCorrupt) {
				t.Error(err)
			}
			tried++
		}
		// The last record of the segment, so that what is left is whole.
		if i < len(m.segs)-1 {
			disk := m.fsys.CrashClone(nil, vfs.KeepAll)
			edit(t, disk, path, func(b []byte) []byte {
				clear(b[end-len(m.recs[0].Bytes):])
				return b
			})
			if _, _, err := Open(disk, testOptions); !errors.Is(err, ErrCorrupt) {
				t.Errorf("%s ends early: %v", path, err)
			}
		}
	}
	if tried < 15 {
		t.Errorf("only %d sectors", tried)
	}
}

// TestS37e: an intact record of another history in the place of one: its own
// checksum is right, and the chain is not.
func TestS37e(t *testing.T) {
	m := newSample(t)
	at := m.ends[2] + markSize // the first record of the last batch
	last := m.recs[len(m.recs)-3]
	other := &chain{enc: wire.NewEncoder(), at: zab.At(last.Zxid, last.CRC+1)}
	rec := other.next(last.Zxid+1, 300)
	edit(t, m.fsys, m.last(), func(b []byte) []byte {
		copy(b[at:], rec.Bytes)
		return b
	})
	if s, r, err := Open(m.fsys, testOptions); !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), fmt.Sprintf("offset %d", at)) {
		t.Errorf("recovered %s, %v", r.Last, err)
		if err == nil {
			noErr(t, s.Close())
		}
	}
}

// TestZK4306: a record far larger than jute.maxbuffer, for settings may change,
// can be written, found again at a start, and read.
func TestZK4306(t *testing.T) {
	fsys := newFS(t)
	s, _ := mustOpen(t, fsys)
	c := newChain()
	rec := c.next(1, 5<<20)
	mustDo(t, s, appendOp(rec))
	mustDo(t, s, appendOp(c.run(1, 10)...))
	noErr(t, s.Close())
	s, r, err := Open(fsys, testOptions)
	if err != nil || r.Last != c.at {
		t.Fatalf("recovered %s, %v", r.Last, err)
	}
	res, err := s.ReadLog(zab.LogRead{After: 0, MaxBytes: 1})
	if err != nil || len(res.Records) != 1 || !bytes.Equal(res.Records[0].Bytes, rec.Bytes) {
		t.Fatalf("read %d records, %v", len(res.Records), err)
	}
	noErr(t, s.Close())
}
