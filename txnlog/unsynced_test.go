package txnlog

import (
	"strings"
	"testing"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/wire"
)

// TestHBASE27231Unsynced: a snapshot that is written is synced as it grows. The
// last sync of one that is synced at its end alone takes as long as all of it,
// which nobody can tell from a disk that hangs.
func TestHBASE27231Unsynced(t *testing.T) {
	fsys := newFS(t)
	s, _ := mustOpen(t, fsys)
	c := newChain()
	mustDo(t, s, appendOp(c.run(1, 100)...))
	unsynced, most, syncs := 0, 0, 0
	const frame = 1 << 20
	fsys.Hook(func(op vfs.Op) {
		switch {
		case !strings.HasSuffix(op.Path, tmpSuffix):
		case op.Kind == vfs.OpWrite:
			unsynced += frame + wire.HeaderSize // each is larger than what is gathered
			most = max(most, unsynced)
		case op.Kind == vfs.OpSync:
			unsynced, syncs = 0, syncs+1
		}
	})
	w, err := s.CreateSnapshot(c.at)
	noErr(t, err)
	for range 3 * unsyncedSnap / frame {
		noErr(t, w.Frame(wire.FrameSnapNodes, noise(frame)))
	}
	noErr(t, w.Commit())
	if most > unsyncedSnap+2*frame || syncs < 3 {
		t.Errorf("up to %d bytes were not synced; %d syncs", most, syncs)
	}
	noErr(t, s.Close())
}
