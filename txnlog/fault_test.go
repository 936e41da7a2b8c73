package txnlog

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/zab"
)

func TestFirstErrorIsFinal(t *testing.T) {
	for _, fault := range []vfs.Fault{
		{Op: vfs.OpWrite, Path: "log.*", Nth: 3, Err: syscall.ENOSPC},
		{Op: vfs.OpSync, Path: "log.*", Nth: 3, Err: syscall.EIO},
		{Op: vfs.OpRename, Path: "log.*", Nth: 1, Err: syscall.EIO},
		{Op: vfs.OpCreate, Path: spareName, Nth: 1, Err: syscall.EIO},
		{Op: vfs.OpPreallocate, Path: spareName, Nth: 1, Err: syscall.EIO},
		{Op: vfs.OpSyncDir, Nth: 1, Err: syscall.EIO},
	} {
		t.Run(fault.Op.String(), func(t *testing.T) {
			fsys := newFS(t)
			s, _ := mustOpen(t, fsys)
			fsys.Inject(fault)
			c := newChain()
			var synced zab.Zxid
			var failed error
			for range 100 {
				done, err := s.Do([]zab.DiskOp{appendOp(c.run(5, 100)...)})
				for _, d := range done {
					synced = d.Synced
				}
				if failed = err; err != nil {
					break
				}
			}
			if !errors.Is(failed, fault.Err) {
				t.Fatalf("got %v", failed)
			}
			fsys.Heal()
			ops := fsys.Ops()
			_, err1 := s.Do([]zab.DiskOp{{Kind: zab.DiskEpochs}})
			_, err2 := s.ReadLog(zab.LogRead{})
			_, err3 := s.CreateSnapshot(zab.Position{})
			for _, err := range []error{err1, err2, err3, s.Prepare(), s.Purge(1), s.Close()} {
				if err != failed {
					t.Errorf("a later call returned %v", err)
				}
			}
			if fsys.Ops() != ops {
				t.Error("a later call changed the disk")
			}
			s, r := mustOpen(t, fsys.CrashClone(nil, vfs.KeepNothing))
			if r.Last.Zxid < synced || zab.Zxid(len(readAll(t, s, 0))) != r.Last.Zxid {
				t.Errorf("recovered %s, reported was %s", r.Last, synced)
			}
		})
	}
}

// TestZK3082: no space for a snapshot harms nothing else
// (ZOOKEEPER-3082).
func TestZK3082(t *testing.T) {
	fsys := newFS(t)
	s, _ := mustOpen(t, fsys)
	c := newChain()
	mustDo(t, s, appendOp(c.run(3, 100)...))
	snap(t, s, c.at)
	mustDo(t, s, appendOp(c.run(3, 100)...))
	for _, op := range []vfs.OpKind{vfs.OpWrite, vfs.OpSync, vfs.OpCreate} {
		fsys.Inject(vfs.Fault{Op: op, Path: "snapshot.*", Err: syscall.ENOSPC})
		w, err := s.CreateSnapshot(c.at)
		if err == nil {
			err = w.Commit()
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("%s: %v", op, err)
		}
		fsys.Heal()
		if got := files(t, fsys); got != "log...001 log...004 snapshot...003" {
			t.Errorf("left: %s", got)
		}
	}
	mustDo(t, s, appendOp(c.run(3, 100)...))
	snap(t, s, c.at)
}

// stopTB ends a script at its first failure without failing the test.
type stopTB struct{ testing.TB }

type scriptStopped struct{}

func (stopTB) Helper()               {}
func (stopTB) Fatal(...any)          { panic(scriptStopped{}) }
func (stopTB) Fatalf(string, ...any) { panic(scriptStopped{}) }

// TestErrorSweep makes each operation of the script fail in turn. The process
// ends with the error, and the next start finds what had been reported done.
func TestErrorSweep(t *testing.T) {
	opt := testOptions
	opt.LogDir = "/log"
	for n := 1; ; n++ {
		sw := &sweep{t: stopTB{t}, opt: opt, fsys: newFS(t), rng: rand.New(rand.NewPCG(uint64(n), 2)), c: newChain(),
			worlds: []world{{}}, epochs: []zab.Epochs{{}}, step: "open"}
		sw.fsys.Inject(vfs.Fault{Op: vfs.OpAnyChange, Nth: n, Err: syscall.EIO})
		stopped := sw.runToError()
		sw.t = t
		if !stopped {
			t.Logf("%d operations", n-1)
			return
		}
		sw.fsys.Heal()
		ops := sw.fsys.Ops()
		if sw.s != nil && sw.s.failure() != nil {
			if _, err := sw.s.Do([]zab.DiskOp{{Kind: zab.DiskEpochs}}); err == nil || sw.fsys.Ops() != ops {
				t.Errorf("%s: operation %d failed, and the store went on", sw.step, n)
			}
		}
		for _, keep := range vfs.Keeps {
			sw.check(sw.fsys.CrashClone(sw.rng, keep), fmt.Sprintf("%s: operation %d failed, then crash keeping %s", sw.step, n, keep))
		}
		if t.Failed() {
			return
		}
	}
}

// TestFailedSyncThenRestart makes each sync of the script fail in turn. The
// process ends and starts again on the same machine: it reads what the failed
// sync has lost out of the system's cache. Then the power fails, and whatever
// that start had found must be there still.
func TestFailedSyncThenRestart(t *testing.T) {
	opt := testOptions
	opt.LogDir = "/log"
	for n := 1; ; n++ {
		sw := &sweep{t: stopTB{t}, opt: opt, fsys: newFS(t), rng: rand.New(rand.NewPCG(uint64(n), 3)), c: newChain(),
			worlds: []world{{}}, epochs: []zab.Epochs{{}}, step: "open"}
		sw.fsys.Inject(vfs.Fault{Op: vfs.OpSync, Nth: n, Err: syscall.EIO})
		if !sw.runToError() {
			t.Logf("%d syncs", n-1)
			return
		}
		sw.fsys.Kill()
		s, found := mustOpenWith(t, sw.fsys, opt)
		c := &chain{enc: sw.c.enc, at: found.Last}
		mustDo(t, s, appendOp(c.run(1, 100)...))
		mustDo(t, s, zab.DiskOp{Kind: zab.DiskEpochs, Epochs: zab.Epochs{Accepted: 1000, Current: found.Epochs.Current}})
		for _, keep := range vfs.Keeps {
			_, again, err := Open(sw.fsys.CrashClone(sw.rng, keep), opt)
			if err != nil || again.Last != c.at || again.Epochs.Accepted != 1000 {
				t.Errorf("%s: sync %d failed, restart at %s, crash keeping %s: recovered %s, %+v, %v",
					sw.step, n, found.Last, keep, again.Last, again.Epochs, err)
			}
		}
		if t.Failed() {
			return
		}
	}
}

func (sw *sweep) runToError() (stopped bool) {
	defer func() {
		if r := recover(); r != nil {
			if _, stopped = r.(scriptStopped); !stopped {
				panic(r)
			}
		}
	}()
	sw.s, _ = mustOpenWith(sw.t, sw.fsys, sw.opt)
	sw.script()
	return false
}

// TestErrorThenRestart makes each operation of the script fail in turn. The
// process ends with the error and starts again on the same machine, which reads
// well what it could not write (V1, V2). What that start reports, a power
// failure must leave.
func TestErrorThenRestart(t *testing.T) {
	for n := 1; ; n++ {
		sw := &sweep{t: stopTB{t}, opt: testOptions, fsys: newFS(t), rng: rand.New(rand.NewPCG(uint64(n), 2)), c: newChain(),
			worlds: []world{{}}, epochs: []zab.Epochs{{}}, step: "open"}
		sw.fsys.Inject(vfs.Fault{Op: vfs.OpAnyChange, Nth: n, Err: syscall.EIO})
		var failed vfs.Op
		before := sw.fsys.Ops()
		sw.fsys.Hook(func(op vfs.Op) {
			if op.N == before+uint64(n) {
				failed = op
			}
		})
		if !sw.runToError() {
			t.Logf("%d operations", n-1)
			return
		}
		sw.fsys.Heal()
		if sw.s != nil {
			_ = sw.s.Close() // with the error
		}
		s, r, err := Open(sw.fsys, testOptions)
		if err != nil {
			t.Errorf("%s: %s failed; the next start: %v", sw.step, failed, err)
			continue
		}
		_, after, err := Open(lost(sw.fsys), testOptions)
		if err != nil || after.Last != r.Last || after.Epochs != r.Epochs || after.Base != r.Base {
			t.Errorf("%s: %s failed; the next start found %s after %s, a power failure leaves %s after %s, %v",
				sw.step, failed, r.Last, r.Base, after.Last, after.Base, err)
		}
		noErr(t, s.Close())
	}
}
