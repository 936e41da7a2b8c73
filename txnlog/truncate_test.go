package txnlog

import (
	"errors"
	"testing"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/zab"
)

func TestZK1489(t *testing.T) {
	for n := range zab.Zxid(41) {
		fsys := newFS(t)
		s, _ := mustOpen(t, fsys)
		c := newChain()
		all := c.run(40, 300)
		for i := range all {
			mustDo(t, s, appendOp(all[i]))
		}
		at := zab.Position{}
		if n > 0 {
			at = all[n-1].Position()
		}
		wrong := zab.At(at.Zxid, at.CRC+1)
		for _, p := range []zab.Position{wrong, zab.At(100, 1)} {
			done := mustDo(t, s, zab.DiskOp{Kind: zab.DiskTruncate, At: p})
			if done[0].OK || done[0].At != c.at {
				t.Fatalf("truncate to %s, which the log does not hold: %+v", p, done[0])
			}
		}
		done := mustDo(t, s, zab.DiskOp{Kind: zab.DiskTruncate, At: at})
		if !done[0].OK || done[0].At != at {
			t.Fatalf("truncate to %s: %+v", at, done[0])
		}
		if got := readAll(t, s, 0); zxids(got) != zxids(all[:n]) {
			t.Fatalf("after truncate to %s: %s", at, zxids(got))
		}
		// Another history follows (ZOOKEEPER-1489: the writer's old offset).
		c.at = at
		more := append(append([]zab.Record{}, all[:n]...), c.next(1000, 50), c.next(1001, 5000))
		mustDo(t, s, appendOp(more[n:]...))
		// Power loss, not a clean close.
		_, r := mustOpen(t, fsys.CrashClone(nil, vfs.KeepNothing))
		if r.Last != c.at {
			t.Fatalf("recovered %s, want %s", r.Last, c.at)
		}
		noErr(t, s.Close())
		s, _ = mustOpen(t, fsys)
		if got := readAll(t, s, 0); zxids(got) != zxids(more) {
			t.Fatalf("after truncate to %s, append and reopen: %s", at, zxids(got))
		}
	}
}

func TestTruncateDropsSnapshotsBeyond(t *testing.T) {
	fsys := newFS(t)
	s, _ := mustOpen(t, fsys)
	c := newChain()
	var at []zab.Position
	for range 4 {
		mustDo(t, s, appendOp(c.run(3, 100)...))
		at = append(at, c.at)
		snap(t, s, c.at)
	}
	mustDo(t, s, appendOp(c.run(3, 100)...))
	w, err := s.CreateSnapshot(c.at)
	noErr(t, err)
	done := mustDo(t, s, zab.DiskOp{Kind: zab.DiskTruncate, At: at[1]})
	if !done[0].OK {
		t.Fatal("not cut")
	}
	if err := w.Commit(); !errors.Is(err, ErrSuperseded) {
		t.Errorf("a snapshot begun before the cut: %v", err)
	}
	if got := files(t, fsys); got != "log...001 log...004 snapshot...003 snapshot...006" {
		t.Errorf("left: %s", got)
	}
	noErr(t, s.Close())
	s, r := mustOpen(t, fsys)
	if r.Last != at[1] || r.Snapshot == nil || r.Snapshot.At != at[1] {
		t.Errorf("recovered %+v", r)
	}
	// A cut before the oldest snapshot of a log that has a base is refused.
	noErr(t, s.Purge(1))
	if s.Base() != at[0] {
		t.Fatalf("base %s", s.Base())
	}
	for _, p := range []zab.Position{at[0], {}} {
		if done := mustDo(t, s, zab.DiskOp{Kind: zab.DiskTruncate, At: p}); done[0].OK {
			t.Errorf("cut to %s, from where no tree can be built", p)
		}
	}
}
