package txnlog

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/zab"
)

// killed is what a hook panics with to end the process before an operation.
type killed struct{}

// killAt runs f and ends the process before the n-th change of the disk. The
// machine goes on. It reports false when f came to its end before.
func killAt(fsys *vfs.MemFS, n uint64, f func()) (dead bool) {
	last := fsys.Ops() + n
	fsys.Hook(func(op vfs.Op) {
		if op.N == last {
			panic(killed{})
		}
	})
	defer func() {
		switch r := recover(); r {
		case nil:
		case killed{}:
			dead = true
		default:
			panic(r)
		}
		fsys.Kill()
	}()
	f()
	return false
}

// deepOptions name directories of which nothing exists.
var deepOptions = Options{DataDir: "/srv/quorum/data", LogDir: "/var/spool/quorum/log", Server: 1, SegmentSize: MinSegmentSize}

// endures checks that the second start of a machine, and what it reported,
// survive a loss of power.
func endures(t *testing.T, fsys *vfs.MemFS, opt Options, what string) {
	t.Helper()
	s, _, err := Open(fsys, opt)
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	defer s.Close()
	c := newChain()
	epochs := zab.Epochs{Accepted: 3, AcceptedBy: 2}
	mustDo(t, s, zab.DiskOp{Kind: zab.DiskEpochs, Epochs: epochs}, appendOp(c.run(2, 100)...))
	for _, keep := range vfs.Keeps {
		again, r, err := Open(fsys.CrashClone(rand.New(rand.NewPCG(1, 1)), keep), opt)
		if err != nil || r.Last != c.at || r.Epochs != epochs {
			t.Fatalf("%s: a power failure keeping %s leaves %s, %+v, %v", what, keep, r.Last, r.Epochs, err)
		}
		noErr(t, again.Close())
	}
}

// TestS37dFirstStart ends the first start before each of its operations. The
// next one on the same machine finds names that no sync has made durable, and
// must not rely on them unsynced.
func TestS37dFirstStart(t *testing.T) {
	for n := uint64(1); ; n++ {
		fsys := vfs.NewMem()
		var s *Store
		if !killAt(fsys, n, func() { s, _, _ = Open(fsys, deepOptions) }) {
			_ = s.Close() // its locks are gone
			t.Logf("%d operations", n-1)
			return
		}
		endures(t, fsys, deepOptions, fmt.Sprintf("killed before operation %d", n))
	}
}

// TestFirstStartFails has each operation of the first start fail, syncs of
// directories among them.
func TestFirstStartFails(t *testing.T) {
	for n := 1; ; n++ {
		fsys := vfs.NewMem()
		fsys.Inject(vfs.Fault{Op: vfs.OpAnyChange, Nth: n, Err: syscall.EIO})
		s, _, err := Open(fsys, deepOptions)
		if err == nil {
			fsys.Heal()
			noErr(t, s.Close())
			t.Logf("%d operations", n-1)
			return
		}
		fsys.Kill()
		endures(t, fsys, deepOptions, fmt.Sprintf("operation %d failed", n))
	}
}

// TestS37dRestart ends the process before each operation of the script. The
// start after it reads what was never synced; what it reports, a power failure
// must leave, and so must one in the middle of that start.
func TestS37dRestart(t *testing.T) {
	opt := testOptions
	opt.LogDir = "/log"
	rng := rand.New(rand.NewPCG(1, 1))
	for n := uint64(1); ; n++ {
		sw := &sweep{t: stopTB{t}, opt: opt, fsys: newFS(t), rng: rng, c: newChain(),
			worlds: []world{{}}, epochs: []zab.Epochs{{}}, step: "open"}
		dead := killAt(sw.fsys, n, func() {
			sw.s, _ = mustOpenWith(sw.t, sw.fsys, sw.opt)
			sw.script()
		})
		if !dead {
			t.Logf("%d operations", n-1)
			return
		}
		sw.t = t
		what := fmt.Sprintf("%s: killed before operation %d", sw.step, n)
		sw.fsys.Hook(func(op vfs.Op) {
			keep := vfs.Keeps[rng.IntN(len(vfs.Keeps))]
			sw.check(sw.fsys.CrashClone(rng, keep), fmt.Sprintf("%s, the next start lost power before %s, keeping %s", what, op, keep))
		})
		s, r, err := Open(sw.fsys, opt)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		sw.fsys.Hook(nil)
		again, after, err := Open(lost(sw.fsys), opt)
		if err != nil || after.Last != r.Last || after.Epochs != r.Epochs || after.Base != r.Base {
			t.Fatalf("%s: the next start found %s after %s, a power failure leaves %s after %s, %v",
				what, r.Last, r.Base, after.Last, after.Base, err)
		}
		noErr(t, again.Close())
		noErr(t, s.Close())
		if t.Failed() {
			return
		}
	}
}

// TestForeignParent: a directory above ours that may not be read is no
// hindrance when somebody else has made what is below it, and is one when it is
// we who would have to.
func TestForeignParent(t *testing.T) {
	for _, refusal := range []error{syscall.EACCES, syscall.EPERM, syscall.EINVAL, syscall.ENOTSUP} {
		fsys := vfs.NewMem()
		noErr(t, fsys.MkdirAll("/srv"))
		fsys.Inject(vfs.Fault{Op: vfs.OpOpen, Path: "srv", Err: refusal})
		opt := testOptions
		opt.DataDir = "/srv/data"
		if _, _, err := Open(fsys, opt); !errors.Is(err, refusal) {
			t.Errorf("%v: %v", refusal, err)
		}
		if _, err := fsys.Stat(opt.DataDir); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%v: it was made all the same: %v", refusal, err)
		}
		noErr(t, fsys.MkdirAll(opt.DataDir))
		s, _ := mustOpenWith(t, fsys, opt)
		noErr(t, s.Close())
	}
	fsys := vfs.NewMem()
	noErr(t, fsys.MkdirAll("/srv/data"))
	fsys.Inject(vfs.Fault{Op: vfs.OpSyncDir, Path: "srv", Err: syscall.EIO})
	opt := testOptions
	opt.DataDir = "/srv/data"
	if _, _, err := Open(fsys, opt); !errors.Is(err, syscall.EIO) {
		t.Errorf("the name of the data directory is not durable: %v", err)
	}
}

// TestNoDescriptors: from some moment on nothing can be opened. Appending and
// going on to the segment that is ready need nothing opened; then the log grows
// where it is until there are descriptors again.
func TestNoDescriptors(t *testing.T) {
	for _, none := range []error{syscall.EMFILE, syscall.ENFILE} {
		fsys := newFS(t)
		opt := testOptions
		opt.LogDir = "/log"
		s, _ := mustOpenWith(t, fsys, opt)
		c := newChain()
		mustDo(t, s, appendOp(c.run(2, 100)...))
		noErr(t, s.Prepare())
		fsys.Inject(vfs.Fault{Op: vfs.OpOpen, Err: none})
		fsys.Inject(vfs.Fault{Op: vfs.OpCreate, Err: none})
		for i := range 30 {
			mustDo(t, s, appendOp(c.run(2, 300)...))
			noErr(t, s.Prepare())
			noErr(t, s.Present())
			if again, r := mustOpenWith(t, lost(fsys), opt); r.Last != c.at {
				t.Fatalf("%v, batch %d: a power failure leaves %s of %s", none, i, r.Last, c.at)
			} else {
				noErr(t, again.Close())
			}
		}
		mustDo(t, s, zab.DiskOp{Kind: zab.DiskEpochs, Epochs: zab.Epochs{Accepted: 1}})
		if got := s.Stats().Segments; got != 2 {
			t.Errorf("%v: %d segments, one roll was prepared", none, got)
		}
		fsys.Heal()
		noErr(t, s.Prepare())
		mustDo(t, s, appendOp(c.run(2, 300)...))
		if got := s.Stats().Segments; got != 3 {
			t.Errorf("%v: %d segments; there are descriptors again", none, got)
		}
		if got := readAll(t, s, 0); len(got) != int(c.at.Zxid) {
			t.Errorf("%v: read %s", none, zxids(got))
		}
		noErr(t, s.Close())
	}
}

// TestAppendsAndRollsOpenNothing counts instead: between two calls of Prepare
// nothing at all is opened.
func TestAppendsAndRollsOpenNothing(t *testing.T) {
	fsys := newFS(t)
	s, _ := mustOpen(t, fsys)
	c := newChain()
	for range 40 {
		fsys.Inject(vfs.Fault{Op: vfs.OpOpen, Err: syscall.EIO})
		fsys.Inject(vfs.Fault{Op: vfs.OpCreate, Err: syscall.EIO})
		mustDo(t, s, appendOp(c.run(2, 300)...))
		fsys.Heal()
		noErr(t, s.Prepare())
	}
	if s.Stats().Segments < 3 {
		t.Error("too few segments")
	}
}

// TestVanishedDirectory: the names that a roll gives are in the directory that
// is there now, so it must be the one that is synced.
func TestVanishedDirectory(t *testing.T) {
	for _, replaced := range []bool{false, true} {
		opt := testOptions
		opt.DataDir = filepath.Join(t.TempDir(), "data")
		s, _ := mustOpenWith(t, vfs.OS, opt)
		c := newChain()
		mustDo(t, s, appendOp(c.run(2, 100)...))
		noErr(t, os.Rename(s.dataDir, s.dataDir+".old"))
		if replaced {
			noErr(t, os.CopyFS(s.dataDir, os.DirFS(s.dataDir+".old")))
		}
		var err error
		for range 20 { // the roll renames the copy of the next segment
			if _, err = s.Do([]zab.DiskOp{appendOp(c.run(2, 300)...)}); err != nil {
				break
			}
			if err = s.Prepare(); err != nil {
				break
			}
		}
		if !errors.Is(err, ErrVanished) && (replaced || !errors.Is(err, fs.ErrNotExist)) {
			t.Errorf("replaced %v: %v", replaced, err)
		}
	}
}

// TestReadErrorAtStart: what cannot be read is no damage. The start says what
// the system said, proposes to empty nothing, and the next one finds all.
func TestReadErrorAtStart(t *testing.T) {
	opt := testOptions
	opt.LogDir = "/log"
	build := func(installing bool) (*vfs.MemFS, zab.Position) {
		fsys := newFS(t)
		s, _ := mustOpenWith(t, fsys, opt)
		c := newChain()
		for range 3 {
			mustDo(t, s, appendOp(c.run(5, 700)...))
			snap(t, s, c.at)
		}
		noErr(t, s.Purge(2))
		if !installing {
			mustDo(t, s, appendOp(c.run(5, 700)...))
			noErr(t, s.Close())
			return fsys, c.at
		}
		at := zab.At(500, 77)
		fsys.Inject(vfs.Fault{Op: vfs.OpRemove, Err: syscall.EIO})
		if _, err := s.Do(snapOps(foreignSnapshot(t, at, 900), at, 400)); !errors.Is(err, syscall.EIO) {
			t.Fatalf("installed: %v", err)
		}
		return lost(fsys), at
	}
	for _, installing := range []bool{false, true} {
		for _, op := range []vfs.OpKind{vfs.OpRead, vfs.OpOpen, vfs.OpList} {
			for n := 1; ; n++ {
				fsys, last := build(installing)
				fsys.Inject(vfs.Fault{Op: op, Nth: n, Err: syscall.EIO})
				s, _, err := Open(fsys, opt)
				if err == nil {
					noErr(t, s.Close())
					if n < 3 {
						t.Errorf("only %d of %s", n-1, op)
					}
					break
				}
				if !errors.Is(err, syscall.EIO) || isDamage(err) || strings.Contains(err.Error(), "empty") {
					t.Errorf("installing %v, %s %d failed: %v", installing, op, n, err)
				}
				fsys.Kill()
				s, r, err := Open(fsys, opt)
				if err != nil || r.Last != last || len(r.Warnings) > 0 {
					t.Fatalf("installing %v, %s %d failed, then: %+v, %v", installing, op, n, r, err)
				}
				noErr(t, s.Close())
			}
		}
	}
}

// TestRestartIsKept: a log that a crash left shorter than the newest snapshot is
// given up for it. From then on the server vouches for the snapshot: if it rots,
// the one before it is no substitute.
func TestRestartIsKept(t *testing.T) {
	fsys := newFS(t)
	s, _ := mustOpen(t, fsys)
	c := newChain()
	mustDo(t, s, appendOp(c.run(3, 100)...))
	snap(t, s, c.at)
	noErr(t, s.Close())
	makeFile(t, fsys, inDir(snapName(20)), foreignSnapshot(t, zab.At(20, 0x20), 100))
	fsys = fsys.CrashClone(nil, vfs.KeepAll)
	_, r := mustOpen(t, fsys)
	if r.Last != zab.At(20, 0x20) {
		t.Fatalf("recovered %+v", r)
	}
	fsys = lost(fsys)
	edit(t, fsys, inDir(snapName(20)), flip(50))
	if _, r, err := Open(fsys, testOptions); !errors.Is(err, ErrCorrupt) {
		t.Errorf("fell back to %+v, %v", r, err)
	}
}
