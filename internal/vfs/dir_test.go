package vfs_test

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/quorumd/quorumd/internal/vfs"
)

// TestFailedSyncDirKeepsNames is V2: after a failure the names are in doubt, and
// the next sync of the directory vouches for them.
func TestFailedSyncDirKeepsNames(t *testing.T) {
	m := vfs.NewMem()
	must(t, create(t, m, "/a").Close())
	m.Inject(vfs.Fault{Op: vfs.OpSyncDir, Nth: 1, Err: syscall.EIO})
	if err := m.SyncDir("/"); !errors.Is(err, syscall.EIO) {
		t.Fatalf("sync: %v", err)
	}
	count := 0
	for seed := range uint64(100) {
		names, err := m.CrashClone(rand.New(rand.NewPCG(seed, 1)), vfs.KeepSubset).List("/")
		must(t, err)
		count += len(names)
	}
	if count < 20 || count > 80 {
		t.Errorf("the name was there after %d crashes of 100", count)
	}
	must(t, m.SyncDir("/"))
	if names, err := m.CrashClone(nil, vfs.KeepNothing).List("/"); err != nil || len(names) != 1 {
		t.Errorf("after another sync: %q, %v", names, err)
	}
}

// TestDir: a directory held open can be synced though nothing can be opened.
func TestDir(t *testing.T) {
	m := vfs.NewMem()
	must(t, m.MkdirAll("/d"))
	must(t, m.SyncDir("/"))
	d, err := m.OpenDir("/d")
	must(t, err)
	m.Inject(vfs.Fault{Op: vfs.OpOpen, Err: syscall.EMFILE})
	if err := m.SyncDir("/d"); !errors.Is(err, syscall.EMFILE) {
		t.Errorf("SyncDir opened nothing: %v", err)
	}
	must(t, create(t, m, "/d/a").Close())
	must(t, d.Sync())
	if names, err := m.CrashClone(nil, vfs.KeepNothing).List("/d"); err != nil || len(names) != 1 {
		t.Errorf("after a sync: %q, %v", names, err)
	}
	m.Heal()
	must(t, m.Remove("/d/a"))
	testDirs(t, m, "/d", d)
	if _, err := m.OpenDir("/none"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("opened what is not there: %v", err)
	}
}

func TestDirOnDisk(t *testing.T) {
	name := filepath.Join(t.TempDir(), "d")
	must(t, vfs.OS.MkdirAll(name))
	d, err := vfs.OS.OpenDir(name)
	must(t, err)
	must(t, d.Sync())
	testDirs(t, vfs.OS, name, d)
}

// testDirs replaces an empty directory, of which d is open.
func testDirs(t *testing.T, fsys vfs.FS, name string, d vfs.Dir) {
	t.Helper()
	same := func() bool {
		mine, err := d.Info()
		must(t, err)
		named, err := fsys.Stat(name)
		must(t, err)
		return mine.Dir && named.Dir && mine.ID == named.ID
	}
	if !same() {
		t.Error("its name leads to another directory")
	}
	must(t, fsys.Remove(name))
	must(t, fsys.MkdirAll(name))
	if same() {
		t.Error("a directory in its place was not told from it")
	}
	must(t, d.Close())
	if err := d.Sync(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("synced after it was closed: %v", err)
	}
	if err := d.Close(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("closed twice: %v", err)
	}
}
