package txnlog

import (
	"errors"
	"io/fs"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/wire"
	"github.com/quorumd/quorumd/zab"
)

// sent opens a snapshot for a learner and reads it in pieces of n bytes. It
// returns what a learner would have received, and whether it was all.
func sent(s *Store, n int) (zab.SnapReadResult, []byte, bool) {
	open := s.SnapRead(zab.SnapRead{ID: 1, Open: true})
	defer s.SnapRead(zab.SnapRead{ID: 1, Close: true})
	var got []byte
	for !open.Failed && int64(len(got)) < open.Size {
		res := s.SnapRead(zab.SnapRead{ID: 1, Off: int64(len(got)), Len: n})
		if res.Failed {
			return open, got, false
		}
		got = append(got, res.Data...)
	}
	return open, got, !open.Failed
}

// TestRottenSnapshotIsNotSent: a snapshot rots, at any place, after it was
// written. Whoever it is sent to gets nothing of what is damaged, and not the
// last piece in any case; and is given an older one when it comes again. When
// all have rotted it is told that there is none, so that a new one is written.
func TestRottenSnapshotIsNotSent(t *testing.T) {
	for _, off := range []int{0, 10, 30, 50, 200, 1000, -1, -20, -50} {
		fsys, s, _ := fiveSnapshots(t)
		for _, z := range []zab.Zxid{15, 12, 9, 6, 3} {
			if open, _, all := sent(s, 100); !all || open.At.Zxid != z {
				t.Errorf("given %+v, want %s", open, z)
			}
			at := off
			edit(t, fsys, inDir(snapName(z)), func(b []byte) []byte {
				if at = off; at < 0 {
					at += len(b)
				}
				return flip(at)(b)
			})
			open, got, all := sent(s, 100)
			switch {
			case off < 26 && (all && open.At.Zxid < z || open.Failed && z == 3): // its header is looked at
			case all || open.At.Zxid != z || len(got) > at:
				t.Errorf("byte %d of %s is damaged: %d bytes of %+v were sent", at, z, len(got), open)
			}
		}
		if open, _, _ := sent(s, 100); !open.Failed {
			t.Errorf("given %+v", open)
		}
		if _, ok := s.NewestSnapshot(); ok {
			t.Error("there is a snapshot, all of them are damaged")
		}
		noErr(t, s.Close())
	}
}

// TestCutSnapshotIsNotSent: the file has lost its end, or has got one more byte.
func TestCutSnapshotIsNotSent(t *testing.T) {
	for name, change := range map[string]func([]byte) []byte{
		"cut in a frame": func(b []byte) []byte { return b[:300] },
		"cut after a frame": func(b []byte) []byte {
			off := 0
			for next := 0; next < len(b); {
				off = next
				_, _, n, err := wire.ParseFrame(b[off:], wire.MaxLength)
				noErr(t, err)
				next += n
			}
			return b[:off]
		},
		"without its end":  func(b []byte) []byte { return b[:len(b)-1] },
		"a byte too much":  func(b []byte) []byte { return append(b, 0) },
		"empty":            func([]byte) []byte { return nil },
		"of another place": func([]byte) []byte { return foreignSnapshot(t, zab.At(15, 1), 1000) },
	} {
		fsys, s, _ := fiveSnapshots(t)
		edit(t, fsys, inDir(snapName(15)), change)
		open, _, all := sent(s, 4096)
		if all && open.At.Zxid == 15 {
			t.Errorf("%s: sent to its end", name)
		}
		if open, _, all := sent(s, 4096); !all || open.At.Zxid != 12 {
			t.Errorf("%s: then given %+v", name, open)
		}
		noErr(t, s.Close())
	}
}

// TestUnreadableSnapshotIsNotSentAgain: what cannot be read will not be readable
// for the next learner either. What cannot be opened may be.
func TestUnreadableSnapshotIsNotSentAgain(t *testing.T) {
	fsys, s, _ := fiveSnapshots(t)
	fsys.Inject(vfs.Fault{Op: vfs.OpOpen, Path: snapName(15), Err: syscall.EMFILE})
	if open, _, _ := sent(s, 100); !open.Failed {
		t.Errorf("given %+v", open)
	}
	fsys.Heal()
	open := s.SnapRead(zab.SnapRead{ID: 9, Open: true})
	if open.Failed || open.At.Zxid != 15 {
		t.Errorf("there were too many open files; then given %+v", open)
	}
	fsys.Inject(vfs.Fault{Op: vfs.OpRead, Path: snapName(15), Err: syscall.EIO})
	if res := s.SnapRead(zab.SnapRead{ID: 9, Len: 100}); !res.Failed {
		t.Errorf("read %+v", res)
	}
	if open, _, all := sent(s, 100); !all || open.At.Zxid != 12 {
		t.Errorf("given %+v", open)
	}
	noErr(t, fsys.Remove(inDir(snapName(12))))
	if open, _, all := sent(s, 100); !all || open.At.Zxid != 9 {
		t.Errorf("one was taken away; given %+v", open)
	}
}

// readCounter counts the bytes read of files, and calls back before each read.
type readCounter struct {
	vfs.FS
	bytes  atomic.Int64
	before func()
}

type countedFile struct {
	vfs.File
	fs *readCounter
}

func (c *readCounter) Open(name string) (vfs.File, error) {
	f, err := c.FS.Open(name)
	if err != nil {
		return nil, err
	}
	return countedFile{f, c}, nil
}

func (f countedFile) ReadAt(p []byte, off int64) (int, error) {
	if f.fs.before != nil {
		f.fs.before()
	}
	n, err := f.File.ReadAt(p, off)
	f.fs.bytes.Add(int64(n))
	return n, err
}

// largeSnapshot makes a store with a snapshot of many frames.
func largeSnapshot(t *testing.T) (*readCounter, *Store, *chain) {
	t.Helper()
	counter := &readCounter{FS: newFS(t)}
	s, _ := mustOpen(t, counter)
	c := newChain()
	mustDo(t, s, appendOp(c.run(3, 100)...))
	snapLarge(t, s, c.at)
	return counter, s, c
}

func snapLarge(t *testing.T, s *Store, at zab.Position) {
	t.Helper()
	w, err := s.CreateSnapshot(at)
	noErr(t, err)
	for range 200 {
		noErr(t, w.Frame(wire.FrameSnapNodes, noise(40<<10)))
	}
	noErr(t, w.Commit())
}

// TestSnapshotIsOpenedAtOnce: to open a snapshot of 8 MiB costs one read, and
// to send a piece reads no more than that piece twice and what the reading ahead
// takes. So a large snapshot begins to move at once, each piece is progress, and
// no learner waits long for another's.
func TestSnapshotIsOpenedAtOnce(t *testing.T) {
	counter, s, _ := largeSnapshot(t)
	counter.bytes.Store(0)
	open := s.SnapRead(zab.SnapRead{ID: 1, Open: true})
	if open.Failed || open.Size < 8<<20-1<<20 || counter.bytes.Load() > readChunk {
		t.Fatalf("%+v: %d bytes were read to open it", open, counter.bytes.Load())
	}
	const piece = 512 << 10
	for off := int64(0); off < open.Size; off += piece {
		counter.bytes.Store(0)
		if res := s.SnapRead(zab.SnapRead{ID: 1, Off: off, Len: piece}); res.Failed {
			t.Fatalf("at %d: %+v", off, res)
		}
		if n := counter.bytes.Load(); n > 2*piece+2*readChunk {
			t.Fatalf("at %d: %d bytes were read for a piece", off, n)
		}
	}
}

// TestStopEndsPurge: Stop ends a purge that reads snapshots, which removes
// nothing then; the log goes on, and so does a sending.
func TestStopEndsPurge(t *testing.T) {
	counter, s, c := largeSnapshot(t)
	mustDo(t, s, appendOp(c.run(3, 100)...))
	snapLarge(t, s, c.at)
	mustDo(t, s, appendOp(c.run(1, 100)...))
	before := files(t, counter)
	counter.before = s.Stop
	counter.bytes.Store(0)
	if err := s.Purge(1); !errors.Is(err, ErrClosed) {
		t.Errorf("purge: %v", err)
	}
	if n := counter.bytes.Load(); n > 4*readChunk {
		t.Errorf("%d bytes were read after Stop", n)
	}
	if got := files(t, counter); got != before {
		t.Errorf("left: %s, before: %s", got, before)
	}
	mustDo(t, s, appendOp(c.run(1, 100)...))
	if _, _, all := sent(s, 1<<20); !all {
		t.Error("not sent")
	}
	noErr(t, s.Close())
	if _, r := mustOpen(t, counter); r.Last != c.at {
		t.Errorf("recovered %+v", r)
	}
}

// TestStopEndsReadBack: Stop ends a snapshot that is being read back, and
// nothing is left of it.
func TestStopEndsReadBack(t *testing.T) {
	counter, s, c := largeSnapshot(t)
	mustDo(t, s, appendOp(c.run(1, 100)...))
	w, err := s.CreateSnapshot(c.at)
	noErr(t, err)
	noErr(t, w.Frame(wire.FrameSnapNodes, []byte("node")))
	counter.before = s.Stop
	if err := w.Commit(); !errors.Is(err, ErrClosed) {
		t.Errorf("commit: %v", err)
	}
	if _, err := counter.Stat(w.tmp); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the partial file: %v", err)
	}
	if info, ok := s.NewestSnapshot(); !ok || info.At.Zxid != 3 {
		t.Errorf("newest %+v", info)
	}
}

// TestPurgeAndSendingDisagree: a snapshot that a sending finds bad while a purge
// reads it, and finds it good, does not count.
func TestPurgeAndSendingDisagree(t *testing.T) {
	counter, s, c := largeSnapshot(t)
	mustDo(t, s, appendOp(c.run(1, 100)...))
	snapLarge(t, s, c.at)
	counter.before = func() {
		counter.before = nil
		s.passOver(s.newest())
	}
	noErr(t, s.Purge(1))
	if st := s.Stats(); st.Snapshots != 2 || st.BadSnapshots != 1 {
		t.Errorf("%+v", st)
	}
}

// TestEtcd4055: writes go on while a snapshot is sent, and newer snapshots
// follow. The log that the learner needs next is still there when it has the
// whole; when the sending is over, the next purge takes it.
func TestEtcd4055(t *testing.T) {
	fsys, s, c := fiveSnapshots(t)
	open := s.SnapRead(zab.SnapRead{ID: 1, Open: true})
	if open.At.Zxid != 15 {
		t.Fatalf("given %+v", open)
	}
	for range 3 {
		mustDo(t, s, appendOp(c.run(60, 100)...))
		snap(t, s, c.at)
		noErr(t, s.Purge(1))
	}
	if got := files(t, fsys); strings.Count(got, "snapshot") != 1 {
		t.Errorf("older snapshots are kept too: %s", got)
	}
	if got := readAll(t, s, 15); len(got) != int(c.at.Zxid)-15 {
		t.Errorf("%d records follow the snapshot: %s", len(got), zxids(got))
	}
	s.SnapRead(zab.SnapRead{ID: 1, Close: true})
	noErr(t, s.Purge(1))
	if base := s.Base(); base.Zxid <= 100 {
		t.Errorf("the log still begins at %s", base)
	}
}

// TestHeldLogIsBounded: the log is not kept for a learner that is slower than
// the writes, so it does not fill the disk. It is kept up to the size of the
// snapshot that it is sent, however large that is.
func TestHeldLogIsBounded(t *testing.T) {
	for name, c := range map[string]struct {
		held   int64
		frames int // of the snapshot, of 1 kB
		kept   bool
	}{
		"less than is held":         {1 << 20, 1, true},
		"more than is held":         {1 << 10, 1, false},
		"less than the snapshot":    {1 << 10, 100, true},
		"more than the snapshot is": {1 << 10, 20, false},
	} {
		t.Run(name, func(t *testing.T) {
			opt := testOptions
			opt.HeldLog = c.held
			s, _ := mustOpenWith(t, newFS(t), opt)
			chain := newChain()
			mustDo(t, s, appendOp(chain.run(3, 100)...))
			w, err := s.CreateSnapshot(chain.at)
			noErr(t, err)
			for range c.frames {
				noErr(t, w.Frame(wire.FrameSnapNodes, noise(1<<10)))
			}
			noErr(t, w.Commit())
			s.SnapRead(zab.SnapRead{ID: 1, Open: true})
			mustDo(t, s, appendOp(chain.run(300, 100)...)) // 50 kB or so
			snap(t, s, chain.at)
			noErr(t, s.Purge(1))
			if kept := s.Base().Zxid <= 3; kept != c.kept {
				t.Errorf("%+v, the log begins at %s", s.Stats(), s.Base())
			}
		})
	}
}
