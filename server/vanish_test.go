package server

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/quorumd/quorumd/internal/vfs"
	"github.com/quorumd/quorumd/txnlog"
)

// endsByVanishing waits for the server's end and looks at its last words (Y5).
func endsByVanishing(t *testing.T, s *Server, logged *lockedBuffer) {
	t.Helper()
	select {
	case <-s.Done():
	case <-time.After(waitLimit):
		t.Fatal("the server goes on")
	}
	if !errors.Is(s.Err(), txnlog.ErrVanished) {
		t.Errorf("cause: %v", s.Err())
	}
	lines := logged.lines()
	if last := lines[len(lines)-1]; !strings.Contains(last, "server failed") || !strings.Contains(last, "is gone") {
		t.Errorf("last line: %s", last)
	}
}

// TestDataDirectoryRemoved: the system lets a server write to files that were
// removed. It notices by itself, without a client asking for anything.
func TestDataDirectoryRemoved(t *testing.T) {
	t.Parallel()
	var logged lockedBuffer
	cfg := testConfig(t.TempDir(), zerolog.New(&logged))
	s, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	c := clientOf(t, s)
	create(t, c, "/a", nil)
	if err := os.RemoveAll(cfg.DataDir); err != nil {
		t.Fatal(err)
	}
	endsByVanishing(t, s, &logged)
	c.Close()
}

// TestFailedSnapshotLooksAfterFiles: a snapshot that fails is a reason to look
// at once.
func TestFailedSnapshotLooksAfterFiles(t *testing.T) {
	disk := vfs.NewMem()
	var logged lockedBuffer
	cfg := testConfig("/data", zerolog.New(&logged))
	cfg.FS = disk
	s, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	c := clientOf(t, s)
	create(t, c, "/a", nil)
	if err := disk.Remove("/data/quorumd-1/epochs"); err != nil {
		t.Fatal(err)
	}
	disk.Inject(vfs.Fault{Op: vfs.OpCreate, Path: "snapshot*", Err: syscall.ENOENT})
	s.snapshots.due()
	endsByVanishing(t, s, &logged)
	c.Close()
}
