package txnlog

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/zab"
)

func TestAppendRollReadReopen(t *testing.T) {
	fsys := newFS(t)
	s, r := mustOpen(t, fsys)
	if (r.Last != zab.Position{}) || r.Snapshot != nil || r.Torn != 0 {
		t.Fatalf("a new store recovered %+v", r)
	}
	c := newChain()
	var all []zab.Record
	for op := uint64(1); op <= 40; op++ {
		a, b := c.run(2, 100), c.run(1, int(op)*10)
		all = append(append(all, a...), b...)
		done := mustDo(t, s,
			zab.DiskOp{Op: 2*op - 1, Kind: zab.DiskAppend, Records: a},
			zab.DiskOp{Op: 2 * op, Kind: zab.DiskAppend, Records: b})
		if len(done) != 1 || done[0].Op != 2*op || done[0].Synced != c.at.Zxid {
			t.Fatalf("two appends were answered by %+v", done)
		}
		noErr(t, s.Prepare())
	}
	if st := s.Stats(); st.Segments < 4 {
		t.Fatalf("%d segments, the test needs more", st.Segments)
	}
	if got := readAll(t, s, 0); zxids(got) != zxids(all) {
		t.Errorf("read %s", zxids(got))
	}
	noErr(t, s.Close())
	s, r = mustOpen(t, fsys)
	if r.Last != c.at || r.Base != (zab.Position{}) || r.Torn != 0 || len(r.Warnings) != 0 {
		t.Fatalf("recovered %+v, the end is %s", r, c.at)
	}
	for z := zab.Zxid(0); z <= c.at.Zxid; z++ {
		if got := readAll(t, s, z); zxids(got) != zxids(all[z:]) {
			t.Fatalf("after %s: %s", z, zxids(got))
		}
	}
	got := readAll(t, s, 0)
	for i := range got {
		if !bytes.Equal(got[i].Bytes, all[i].Bytes) || !bytes.Equal(got[i].Txn.Body, all[i].Txn.Body) {
			t.Fatalf("record %s changed on the disk", got[i].Zxid)
		}
	}
}

// TestReadLogBounds: at, limits, gaps between zxids, Gone.
func TestReadLogBounds(t *testing.T) {
	fsys := newFS(t)
	s, _ := mustOpen(t, fsys)
	c := newChain()
	a, b, d := c.next(10, 300), c.next(zab.NewZxid(1, 1), 300), c.next(zab.NewZxid(1, 5), 300)
	mustDo(t, s, appendOp(a, b, d))
	for _, test := range []struct {
		after zab.Zxid
		max   int
		at    zab.Position
		want  string
	}{
		{0, 0, zab.Position{}, "a"},
		{0, 399, zab.Position{}, "a"},
		{0, 2 * len(a.Bytes), zab.Position{}, "a 100000001"},
		{0, 1 << 20, zab.Position{}, "a 100000001 100000005"},
		{9, 1, zab.Position{}, "a"},
		{10, 1, a.Position(), "100000001"},
		{11, 1, a.Position(), "100000001"},
		{zab.NewZxid(1, 3), 1, b.Position(), "100000005"},
		{zab.NewZxid(1, 5), 1, d.Position(), ""},
		{zab.NewZxid(7, 0), 1, d.Position(), ""},
	} {
		res, err := s.ReadLog(zab.LogRead{ID: 3, After: test.after, MaxBytes: test.max})
		noErr(t, err)
		if res.ID != 3 || res.Gone || res.At != test.at || zxids(res.Records) != test.want {
			t.Errorf("after %s, %d bytes: at %s, %q", test.after, test.max, res.At, zxids(res.Records))
		}
	}
}

func TestLargeRecords(t *testing.T) {
	fsys := newFS(t)
	s, _ := mustOpen(t, fsys)
	c := newChain()
	sizes := []int{10, MinSegmentSize, 10, gatherSize - 100, gatherSize, 3 * gatherSize, 10, 2 * gatherSize, 1, 1}
	var all []zab.Record
	for _, n := range sizes {
		all = append(all, c.run(1, n)...)
	}
	mustDo(t, s, appendOp(all[:7]...), appendOp(all[7:]...))
	if got := readAll(t, s, 0); zxids(got) != zxids(all) {
		t.Errorf("read %s", zxids(got))
	}
	noErr(t, s.Close())
	s, r := mustOpen(t, fsys)
	if got := readAll(t, s, 0); zxids(got) != zxids(all) || r.Last != c.at {
		t.Errorf("recovered %s", zxids(got))
	}
}

func TestEpochs(t *testing.T) {
	fsys := newFS(t)
	s, r := mustOpen(t, fsys)
	if (r.Epochs != zab.Epochs{}) {
		t.Fatalf("fresh epochs: %+v", r.Epochs)
	}
	var e zab.Epochs
	for i := range zab.Epoch(5) {
		e = zab.Epochs{Accepted: i + 1, AcceptedBy: 2, Current: i}
		done := mustDo(t, s, zab.DiskOp{Op: 9, Kind: zab.DiskEpochs, Epochs: e})
		if len(done) != 1 || done[0].Epochs != e || done[0].Op != 9 {
			t.Fatalf("%+v", done)
		}
	}
	noErr(t, s.Close())
	for slot := range slots {
		clone := fsys.CrashClone(nil, vfs.KeepAll)
		edit(t, clone, inDir(epochsName), flip(slot*slotStride+27))
		s, r := mustOpen(t, clone)
		if r.Epochs != e {
			t.Errorf("slot %d damaged: recovered %+v", slot, r.Epochs)
		}
		noErr(t, s.Close())
		// The damage was repaired: now the other slot may go.
		edit(t, clone, inDir(epochsName), flip((1-slot)*slotStride+27))
		if _, r := mustOpen(t, clone); r.Epochs != e {
			t.Errorf("slot %d damaged later: recovered %+v", 1-slot, r.Epochs)
		}
	}
	edit(t, fsys, inDir(epochsName), flip(27))
	edit(t, fsys, inDir(epochsName), flip(slotStride+27))
	if _, _, err := Open(fsys, testOptions); !errors.Is(err, ErrCorrupt) {
		t.Errorf("both slots damaged: %v", err)
	}
}

func TestBrokenChainPanics(t *testing.T) {
	for name, spoil := range map[string]func(r *zab.Record){
		"prev":  func(r *zab.Record) { r.Prev++ },
		"zxid":  func(r *zab.Record) { r.Zxid = 1 },
		"crc":   func(r *zab.Record) { r.CRC++ },
		"bytes": func(r *zab.Record) { r.Bytes = r.Bytes[:len(r.Bytes)-1] },
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := mustOpen(t, newFS(t))
			c := newChain()
			mustDo(t, s, appendOp(c.run(3, 10)...))
			rec := c.next(4, 10)
			spoil(&rec)
			defer func() {
				if p, ok := recover().(string); !ok || !strings.Contains(p, "T1") {
					t.Errorf("panic: %v", p)
				}
			}()
			mustDo(t, s, appendOp(rec))
		})
	}
}
