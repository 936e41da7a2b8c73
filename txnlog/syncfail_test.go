package txnlog

import (
	"errors"
	"syscall"
	"testing"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/zab"
)

func TestEtcd14370RestartAfterFailedSync(t *testing.T) {
	fsys := newFS(t)
	s, _ := mustOpen(t, fsys)
	c := newChain()
	mustDo(t, s, appendOp(c.run(5, 1000)...))
	fsys.Inject(vfs.Fault{Op: vfs.OpSync, Path: "log.*", Err: syscall.EIO})
	if _, err := s.Do([]zab.DiskOp{appendOp(c.run(5, 1000)...)}); !errors.Is(err, syscall.EIO) {
		t.Fatal(err)
	}
	noErr(t, errors.Join())
	_ = s.Close()
	fsys.Heal()
	s, r := mustOpen(t, fsys)
	t.Log(r)
	mustDo(t, s, appendOp((&chain{enc: c.enc, at: r.Last}).run(1, 10)...))
	s2, r2 := mustOpen(t, fsys.CrashClone(nil, vfs.KeepNothing))
	t.Log(r2)
	_ = s2
	if r2.Last.Zxid < r.Last.Zxid {
		t.Error("lost", r2.Last, r.Last)
	}
}
