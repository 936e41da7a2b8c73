package txnlog

import (
	"errors"
	"path"
	"strings"
	"syscall"
	"testing"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/zab"
)

// lost returns the disk after a power failure that keeps nothing that was not
// synced.
func lost(fsys *vfs.MemFS) *vfs.MemFS { return fsys.CrashClone(nil, vfs.KeepNothing) }

// TestEtcd14370: what Do reports survives a power failure at that very moment,
// also with nobody else to have it from.
func TestEtcd14370(t *testing.T) {
	fsys := newFS(t)
	s, _ := mustOpen(t, fsys)
	c := newChain()
	for range 20 {
		done := mustDo(t, s, appendOp(c.run(3, 300)...))
		if done[0].Synced != c.at.Zxid {
			t.Fatalf("reported %+v, appended through %s", done, c.at)
		}
		if _, r := mustOpen(t, lost(fsys)); r.Last != c.at {
			t.Fatalf("reported through %s, recovered %s", c.at, r.Last)
		}
	}
}

// TestEtcd14370SyncFailed: the disk takes a sync that failed for done (V1), so
// one that is tried again succeeds and says nothing.
func TestEtcd14370SyncFailed(t *testing.T) {
	fsys := newFS(t)
	s, _ := mustOpen(t, fsys)
	c := newChain()
	mustDo(t, s, appendOp(c.run(2, 300)...))
	fsys.Inject(vfs.Fault{Op: vfs.OpSync, Path: "log.*", Nth: 1, Err: syscall.EIO})
	if done, err := s.Do([]zab.DiskOp{appendOp(c.run(2, 300)...)}); !errors.Is(err, syscall.EIO) || len(done) > 0 {
		t.Fatalf("a failed sync was answered by %+v, %v", done, err)
	}
}

// TestEtcd14370Restart: the process ended over a failed sync and starts again
// without a power failure. The pages read well and are not on the disk. What
// the start reports as its log's end must be.
func TestEtcd14370Restart(t *testing.T) {
	for name, before := range map[string]int{"first batch of a segment": 0, "second batch": 2, "second segment": 20} {
		t.Run(name, func(t *testing.T) {
			fsys := newFS(t)
			s, _ := mustOpen(t, fsys)
			c := newChain()
			if before > 0 {
				mustDo(t, s, appendOp(c.run(before, 300)...))
			}
			fsys.Inject(vfs.Fault{Op: vfs.OpSync, Path: "log.*", Err: syscall.EIO})
			if _, err := s.Do([]zab.DiskOp{appendOp(c.run(2, 300)...)}); !errors.Is(err, syscall.EIO) {
				t.Fatal(err)
			}
			fsys.Heal()
			if err := s.Close(); !errors.Is(err, syscall.EIO) {
				t.Fatal(err)
			}
			s, r := mustOpen(t, fsys)
			if _, after := mustOpen(t, lost(fsys)); after.Last.Zxid < r.Last.Zxid {
				t.Errorf("the start reported %s, a power failure left %s", r.Last, after.Last)
			}
			// The mark that is written next says that all before it is durable.
			mustDo(t, s, appendOp((&chain{enc: c.enc, at: r.Last}).run(1, 10)...))
			if _, after := mustOpen(t, lost(fsys)); after.Last.Zxid <= r.Last.Zxid {
				t.Errorf("one more than %s was reported, a power failure left %s", r.Last, after.Last)
			}
		})
	}
}

// TestZK3701: whatever fails in a truncation, it is not reported done, the store
// is finished, and the next start finds the old end or the new one. What a cut
// gave back cannot be reserved again on a full disk: it needs none of that (T11).
func TestZK3701(t *testing.T) {
	for _, errno := range []syscall.Errno{syscall.ENOSPC, syscall.EIO} {
		for nth := 1; ; nth++ {
			fsys := newFS(t)
			s, _ := mustOpen(t, fsys)
			c := newChain()
			var all []zab.Record
			for range 10 {
				run := c.run(4, 300)
				all = append(all, run...)
				mustDo(t, s, appendOp(run...))
			}
			snap(t, s, c.at) // has to go
			at := all[14].Position()
			ops := fsys.Ops()
			fsys.Inject(vfs.Fault{Op: vfs.OpAnyChange, Nth: nth, Err: errno})
			var failed vfs.OpKind
			fsys.Hook(func(op vfs.Op) {
				if op.N == ops+uint64(nth) {
					failed = op.Kind
				}
			})
			done, err := s.Do([]zab.DiskOp{{Kind: zab.DiskTruncate, At: at}})
			fsys.Hook(nil)
			if failed == vfs.OpPreallocate && errno == syscall.ENOSPC {
				if err != nil || len(done) != 1 || !done[0].OK {
					t.Fatalf("no space to reserve again: %+v, %v", done, err)
				}
				if _, r := mustOpen(t, lost(fsys)); r.Last != at {
					t.Fatalf("no space to reserve again: a power failure left %s, not %s", r.Last, at)
				}
				continue
			}
			if fsys.Ops() < ops+uint64(nth) {
				if err != nil || nth < 10 {
					t.Fatalf("the truncation took %d operations, %v", nth-1, err)
				}
				break
			}
			if !errors.Is(err, errno) || len(done) > 0 {
				t.Fatalf("operation %d failed: %+v, %v", nth, done, err)
			}
			fsys.Heal()
			if _, err := s.Do([]zab.DiskOp{appendOp()}); !errors.Is(err, errno) {
				t.Fatalf("operation %d failed, and the store goes on: %v", nth, err)
			}
			for _, keep := range []vfs.Keep{vfs.KeepNothing, vfs.KeepAll} {
				s, r := mustOpen(t, fsys.CrashClone(nil, keep))
				if got := readAll(t, s, 0); r.Last.Zxid < at.Zxid || zxids(got) != zxids(all[:len(got)]) {
					t.Fatalf("operation %d failed, keeping %s: recovered %s", nth, keep, r.Last)
				}
			}
		}
	}
}

// TestS37a: a truncation that was reported is there after a power failure,
// within a segment and over several.
func TestS37a(t *testing.T) {
	for _, n := range []int{0, 1, 2, 10, 11, 25, 38, 39} {
		fsys := newFS(t)
		s, _ := mustOpen(t, fsys)
		c := newChain()
		all := c.run(40, 300)
		for i := range all {
			mustDo(t, s, appendOp(all[i]))
		}
		var at zab.Position
		if n > 0 {
			at = all[n-1].Position()
		}
		if done := mustDo(t, s, zab.DiskOp{Kind: zab.DiskTruncate, At: at}); !done[0].OK {
			t.Fatal("not cut")
		}
		s, r := mustOpen(t, lost(fsys))
		if got := readAll(t, s, 0); r.Last != at || len(got) != n {
			t.Errorf("cut to %s, a power failure left %s", at, zxids(got))
		}
	}
}

// TestS37d: names are durable before anything counts on them. A power failure
// after each step leaves what was reported, wherever it has its name.
func TestS37d(t *testing.T) {
	fsys := vfs.NewMem()
	opt := testOptions
	opt.LogDir = "/log"
	s, _ := mustOpenWith(t, fsys, opt)
	c := newChain()
	check := func(what string, snapAt, base zab.Position) {
		t.Helper()
		disk := lost(fsys)
		if _, err := disk.List(path.Join(testDir, subDir)); err != nil {
			t.Fatalf("%s: the directory: %v", what, err)
		}
		s, r, err := Open(disk, opt)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		defer s.Close()
		if r.Last != c.at || r.Base.Zxid > base.Zxid || (r.Snapshot == nil) != (snapAt == zab.Position{}) || r.Snapshot != nil && r.Snapshot.At != snapAt {
			t.Fatalf("%s: recovered %s after %s, snapshot %v; want %s, %s", what, r.Last, r.Base, r.Snapshot, c.at, snapAt)
		}
	}
	check("open", zab.Position{}, zab.Position{})
	for range 20 {
		mustDo(t, s, appendOp(c.run(2, 700)...))
		check("append", zab.Position{}, zab.Position{})
	}
	snap(t, s, c.at)
	first := c.at
	check("snapshot", first, zab.Position{})
	mustDo(t, s, appendOp(c.run(2, 700)...))
	snap(t, s, c.at)
	noErr(t, s.Purge(1))
	check("purge", c.at, c.at)
	at := zab.At(500, 77)
	mustDo(t, s, snapOps(foreignSnapshot(t, at, 900), at, 400)...)
	c.at = at
	check("install", at, at)
}

// TestZK2332: a crash leaves a last segment of any length, none included.
func TestZK2332(t *testing.T) {
	m := newSample(t)
	whole, err := vfs.ReadFile(m.fsys, m.last(), 1<<24)
	noErr(t, err)
	before := len(m.recs) - 2*len(m.ends) // records in the segments before it
	for n := range m.ends[0] {
		disk := m.fsys.CrashClone(nil, vfs.KeepAll)
		edit(t, disk, m.last(), func([]byte) []byte { return whole[:n] })
		s, r, err := Open(disk, testOptions)
		if err != nil {
			t.Fatalf("the last segment has %d bytes: %v", n, err)
		}
		if r.Last.Zxid < m.recs[before-1].Zxid {
			t.Errorf("the last segment has %d bytes: recovered %s", n, r.Last)
		}
		c := &chain{enc: newChain().enc, at: r.Last}
		mustDo(t, s, appendOp(c.run(1, 10)...))
		noErr(t, s.Close())
	}
}

// TestCHK102629: what is reported durable falls back with a truncation. Until
// the next sync has returned nothing beyond the cut counts, neither in what is
// reported nor in what the epochs record says of the log's end.
func TestCHK102629(t *testing.T) {
	fsys := newFS(t)
	s, _ := mustOpen(t, fsys)
	c := newChain()
	recs := c.run(10, 100)
	mustDo(t, s, appendOp(recs...))
	at := recs[3].Position()
	done := mustDo(t, s, zab.DiskOp{Kind: zab.DiskTruncate, At: at},
		zab.DiskOp{Kind: zab.DiskEpochs, Epochs: zab.Epochs{Accepted: 2}})
	if !done[0].OK || done[0].At != at {
		t.Fatalf("%+v", done)
	}
	if _, r, err := Open(lost(fsys), testOptions); err != nil || r.Last != at {
		t.Fatalf("cut to %s, then epochs: %s, %v", at, r.Last, err)
	}
	c.at = at
	next := c.run(2, 100) // up to a zxid that was durable once, in another history
	held := false
	fsys.Hook(func(op vfs.Op) {
		if op.Kind == vfs.OpSync && strings.HasPrefix(path.Base(op.Path), segmentPrefix) {
			held = true
			if s.w.synced != at {
				t.Errorf("before the sync returned, %s is durable", s.w.synced)
			}
		}
	})
	done = mustDo(t, s, appendOp(next...))
	fsys.Hook(nil)
	if !held || done[0].Synced != c.at.Zxid {
		t.Errorf("a sync was seen: %v; reported %+v", held, done)
	}
}
