package txnlog

import (
	"testing"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/zab"
)

// TestEpochsTornTwice: a crash tore one slot, and a second one tears the first
// write of the start that follows. The promise must still be there.
func TestEpochsTornTwice(t *testing.T) {
	for torn := range slots {
		fsys := newFS(t)
		s, _ := mustOpen(t, fsys)
		e := zab.Epochs{Accepted: 7, AcceptedBy: 2, Current: 6}
		mustDo(t, s, zab.DiskOp{Kind: zab.DiskEpochs, Epochs: e})
		disk := fsys.CrashClone(nil, vfs.KeepNothing)
		edit(t, disk, inDir(epochsName), flip(torn*slotStride+30))
		var after *vfs.MemFS // the disk at the second crash
		before, err := vfs.ReadFile(disk, inDir(epochsName), 1<<16)
		noErr(t, err)
		disk.Hook(func(op vfs.Op) {
			if after != nil || op.Kind != vfs.OpSync || op.Path != inDir(epochsName) {
				return
			}
			after = disk.CrashClone(nil, vfs.KeepAll)
			edit(t, after, inDir(epochsName), func(b []byte) []byte {
				// Half of what was being written: a byte that differs, or the
				// frame's middle where old and new are the same.
				at := 0
				for i := range b {
					if i >= len(before) || b[i] != before[i] {
						at = i
						break
					}
				}
				if at < slotStride != (torn == 0) {
					t.Errorf("slot %d is torn, and the other was written first", torn)
				}
				return flip(at/slotStride*slotStride + 30)(b)
			})
		})
		mustOpen(t, disk)
		if after == nil {
			t.Fatal("the start wrote no epochs")
		}
		if _, r := mustOpen(t, after); r.Epochs != e {
			t.Errorf("slot %d torn: recovered %+v", torn, r.Epochs)
		}
	}
}
